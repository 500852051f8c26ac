"""Encoders of conditional GANs, on a small one that draws digits: of classes, and of two attributes."""

import dataclasses

import pytest
import torch
from torch import nn
from torch.nn.functional import interpolate, mse_loss, one_hot

from bench.core.errors import BenchError, NotApplicable
from bench.core.options import create
from bench.core.run_context import RunContext
from bench.core.types import Budget, FitData, Gan, Images
from bench.gans.conditional import CGAN
from bench.gans.training import train_gan
from bench.harness import method_check
from methods import icgan
from methods.icgan import has_classes, told

RECIPE = CGAN(width=4, code_dim=4, batch=32, learning_rate=2e-3, discriminator_layer=3)
SMALL = {"width": 8, "hidden": 64, "hidden_y": 64, "batch": 32, "learning_rate": 2e-3, "beta1": 0.5}
SMALL_DFI = {"width": 128, "filters": 8, "batch": 32, "learning_rate": 2e-3}
BUDGET = Budget("tiny", 0, 0, 0, 100, 0, 0, 0, 600.0)
ENCODERS = ["ind", "sng", "ind_cond"]


@pytest.fixture(scope="session")
def labelled() -> FitData:
    """Real digits: 900 to learn from, 143 to look at, with classes and with the attributes "even" and "large"."""
    data = create("dataset", "digits").load()

    def described(images):
        facts = torch.stack([images.labels % 2 == 0, images.labels >= 5], 1)
        return Images(images.data, images.labels, facts, ("even", "large"))

    return FitData("digits", described(data.train.first(900)), described(data.val))


@pytest.fixture(scope="session")
def cgan(labelled):
    return train_gan(RECIPE, labelled.train, RunContext(BUDGET, 0)).freeze()


@pytest.fixture(scope="session")
def attribute_cgan(labelled):
    recipe = dataclasses.replace(RECIPE, condition="attributes")
    return train_gan(recipe, labelled.train, RunContext(dataclasses.replace(BUDGET, train_steps=20), 0)).freeze()


@pytest.fixture(scope="session")
def shown(cgan):
    """Codes and the images that the GAN makes of them."""
    codes = cgan.prior.sample(128, torch.Generator().manual_seed(5))
    with torch.no_grad():
        return codes, cgan.decode(codes)


@pytest.fixture(scope="session")
def fitted():
    return {}


@pytest.fixture
def fit(fitted, ready, labelled):
    """``fit(name, gan, **options)``: each method is fitted once for all tests that only look at it."""

    def make(name, gan, steps=70, **options):
        key = (name, id(gan), steps, str(sorted(options.items())))
        if key not in fitted:
            before = gan.checksum()
            small = SMALL if name == "icgan" else SMALL_DFI
            fitted[key] = ready(name, gan, budget={"fit_steps": steps}, **{**small, **options})
            fitted[key].fit(labelled)
            assert gan.checksum() == before, "the GAN changed"
        return fitted[key]

    return make


def right(method, images):
    """Share of images whose class was told."""
    codes = method.invert(images.floats(slice(None)))
    return float((codes[:, 4:].argmax(1) == images.labels).float().mean())


@pytest.mark.parametrize("encoder", ENCODERS)
def test_it_learns_the_noise(encoder, fit, cgan, shown):
    """A constant has an error of 1, the variance of z."""
    codes, images = shown
    found = fit("icgan", cgan, encoder=encoder).invert(images)
    assert found.shape == codes.shape
    assert mse_loss(found[:, :4], codes[:, :4]) < 0.5


@pytest.mark.parametrize("encoder", ENCODERS)
def test_codes_of_other_images_teach_it_nothing(encoder, ready, cgan, labelled, shown, monkeypatch):
    """Each code is compared with that of the next image: the best answer is the mean, which tells no class."""
    monkeypatch.setattr(icgan, "mse_loss", lambda found, wanted: mse_loss(found, wanted.roll(1, 0)))
    codes, images = shown
    method = ready("icgan", cgan, budget={"fit_steps": 70}, **SMALL, encoder=encoder)
    method.fit(labelled)
    assert mse_loss(method.invert(images)[:, :4], codes[:, :4]) > 0.8
    assert right(method, labelled.val) < 0.4


@pytest.mark.parametrize(
    "options", [{"encoder": "ind"}, {"encoder": "ind_cond"}, {"encoder": "sng", "y_from": "real"}]
)
def test_conditions_are_learnt_from_real_images(options, fit, cgan, labelled):
    """Chance is a tenth."""
    assert right(fit("icgan", cgan, **options), labelled.val) > 0.85


class Drawn(nn.Module):
    """Condition y makes the mean image of the class three further, darker or lighter in each quarter by its noise."""

    def __init__(self, images):
        super().__init__()
        means = [images.floats(slice(None))[images.labels == (k + 3) % 10].mean(0) for k in range(10)]
        self.register_buffer("means", torch.stack(means))

    def forward(self, codes):
        quarters = interpolate(codes[:, :4].view(-1, 1, 2, 2), size=(28, 28))
        return torch.tanh((codes[:, 4:] @ self.means.flatten(1)).view_as(quarters) + quarters / 4)


@pytest.mark.parametrize("options", [{"encoder": "ind", "y_from": "generated"}, {"encoder": "sng"}])
def test_conditions_may_be_learnt_from_generated_images(options, fit, cgan, labelled):
    """What counts is what made an image, and not what real ones like it are called: chance is a tenth."""
    gan = Gan(Drawn(labelled.train), None, cgan.prior, cgan.image_shape).freeze()
    method = fit("icgan", gan, **options)
    codes = gan.prior.sample(128, torch.Generator().manual_seed(5))
    found = method.invert(gan.decode(codes))
    same = found[:, 4:].argmax(1) == codes[:, 4:].argmax(1)
    assert float(same.float().mean()) > 0.6  # 1.0 with each seed that was tried
    assert method.trained_on == "generated codes"


def test_the_facts_of_real_images_decide_what_is_told(ready, cgan, labelled):
    """The same images with other labels teach other conditions: nothing else can be the source."""
    other = Images(labelled.train.data, (labelled.train.labels + 3) % 10)
    method = ready("icgan", cgan, budget={"fit_steps": 60}, **SMALL)
    method.fit(FitData("shifted", other, other))
    shifted = Images(labelled.val.data, (labelled.val.labels + 3) % 10)
    assert right(method, shifted) > 0.6
    assert right(method, labelled.val) < 0.2


def test_what_it_learns_from_is_stated(cgan):
    stated = {
        ("ind", "default"): "generated codes, train images",
        ("ind", "generated"): "generated codes",
        ("ind_cond", "default"): "generated codes, train images",
        ("sng", "default"): "generated codes",
        ("sng", "real"): "generated codes, train images",
    }
    for (encoder, y_from), text in stated.items():
        method = create("method", "icgan", {"encoder": encoder, "y_from": y_from})
        assert method.trained_on == text
        assert method.sees_real == ("images" in text)
        assert method.capacity == "z"


@pytest.mark.parametrize(("name", "small"), [("icgan", SMALL), ("dfi_attributes", SMALL_DFI)])
def test_the_facts_that_it_learns_from_are_stated(name, small, cgan, attribute_cgan, ready):
    """By the GAN that it serves: one is told classes, the other attributes."""
    for gan, facts in ((cgan, "labels"), (attribute_cgan, "attributes")):
        assert ready(name, gan, **small).trained_on == f"generated codes, train images and their {facts}"


def test_the_two_outputs_of_one_encoder_share_their_first_convolutions(ready, cgan):
    def parameters(**options):
        return ready("icgan", cgan, **{**SMALL, **options}).trained_parameters()

    first, second = 25 * 8 + 2 * 8, 25 * 8 * 16 + 2 * 16
    apart = parameters(encoder="ind")
    assert parameters(encoder="sng") == apart - first
    assert parameters(encoder="sng", shared=2) == apart - first - second
    assert parameters(encoder="ind_cond") == apart + 25 * 10 * 8


def test_a_conditioned_encoder_sees_what_the_other_says(fit, cgan, shown):
    images = shown[1][:20]
    method = fit("icgan", cgan, encoder="ind_cond")
    noise = method.invert(images)[:, :4]
    told_otherwise = method.encoders["z"](images, one_hot(torch.full((20,), 3), 10).float())
    assert not torch.allclose(told_otherwise, noise, atol=0.05)
    expected = method.encoders["z"](images, method.encoders["y"](images))
    torch.testing.assert_close(expected, noise)


def test_classes_become_one_hot(fit, cgan, labelled):
    codes = fit("icgan", cgan, encoder="ind").invert(labelled.val.floats(slice(None)))
    y = codes[:, 4:]
    assert torch.equal(y, one_hot(y.argmax(1), 10).float())
    assert cgan.prior.log_prob(codes).isfinite().all()


def test_attributes_are_cut_at_one_half_or_taken_from_the_training_images(ready, attribute_cgan):
    y = torch.tensor([[0.55, 0.4], [-3.0, 0.51], [0.7, 2.0]])
    method = ready("icgan", attribute_cgan, **SMALL)
    assert method.snapped(y).tolist() == [[1, 0], [0, 1], [1, 1]]
    attribute_cgan.prior.rows, rows = torch.tensor([[0.0, 0.0], [1.0, 1.0]]), attribute_cgan.prior.rows
    try:
        assert ready("icgan", attribute_cgan, snap="row", **SMALL).snapped(y).tolist() == [[0, 0], [0, 0], [1, 1]]
    finally:
        attribute_cgan.prior.rows = rows
    assert torch.equal(ready("icgan", attribute_cgan, snap="none", **SMALL).snapped(y), y)


@pytest.mark.parametrize("name", ["icgan", "dfi_attributes"])
def test_attributes_are_learnt_from_real_images(name, fit, attribute_cgan, labelled):
    found = fit(name, attribute_cgan).invert(labelled.val.floats(slice(None)))
    assert found.shape == (len(labelled.val), 6)
    assert float((found[:, 4:] == labelled.val.attributes).float().mean()) > 0.85


def test_a_connection_network_learns_the_noise_and_a_classifier_the_class(fit, cgan, shown, labelled):
    codes, images = shown
    method = fit("dfi_attributes", cgan)
    assert mse_loss(method.invert(images)[:, :4], codes[:, :4]) < 0.65  # 0.24 to 0.35 seen; a constant has 1
    assert right(method, labelled.val) > 0.85


@pytest.mark.parametrize("name", ["icgan", "dfi_attributes"])
def test_it_keeps_the_contract_of_methods(name, monkeypatch, cgan):
    data = create("dataset", "digits").load()
    small = SMALL if name == "icgan" else SMALL_DFI
    monkeypatch.setattr(method_check, "_trained", lambda: (cgan, data))
    monkeypatch.setattr(
        "bench.harness.bound_method.create", lambda kind, name, options: create(kind, name, small | options)
    )
    outcomes = method_check.check_method(name)
    assert len(outcomes) > 3
    assert [o for o in outcomes if not o.passed] == []
    assert not any("not applicable" in o.message for o in outcomes)


@pytest.mark.parametrize("encoder", ENCODERS)
def test_an_interrupted_fit_resumes_bit_for_bit(encoder, ready, cgan, labelled, tmp_path):
    def start(checkpoint):
        made = ready("icgan", cgan, budget={"fit_steps": 3}, encoder=encoder, **SMALL)
        made.run.checkpoint, made.run.checkpoint_seconds = checkpoint, -1.0
        return made

    whole, cut, resumed = start(None), start(tmp_path / "fit.pt"), start(tmp_path / "fit.pt")
    whole.fit(labelled)
    made, calls = cut.made, []

    def interrupted():
        calls.append(1)
        if len(calls) == 3:
            raise KeyboardInterrupt
        return made()

    cut.made = interrupted
    with pytest.raises(KeyboardInterrupt):
        cut.fit(labelled)
    resumed.fit(labelled)
    assert all(torch.equal(whole.state()[key], resumed.state()[key]) for key in whole.state())


# ------------------------------------------------------------------------------------------------- refusals


@pytest.mark.parametrize("name", ["icgan", "dfi_attributes"])
def test_a_gan_without_conditions_is_not_served(name, ready, trained):
    with pytest.raises(NotApplicable, match="no conditions"):
        ready(name, trained)


def test_a_discriminator_that_sees_the_condition_early_has_no_features(ready):
    early = dataclasses.replace(RECIPE, discriminator_layer=1, conditions=10).build((1, 28, 28), "cpu").freeze()
    with pytest.raises(NotApplicable, match="dfi_attributes: the maps of layer last depend on the condition"):
        ready("dfi_attributes", early)


def test_images_that_nobody_described_cannot_teach_conditions(ready, cgan, labelled):
    bare = Images(labelled.train.data)
    with pytest.raises(NotApplicable, match="10 classes, and the training images"):
        ready("icgan", cgan, **SMALL).fit(FitData("bare", bare, bare))
    generated = ready("icgan", cgan, budget={"fit_steps": 1}, y_from="generated", **SMALL)
    generated.fit(FitData("bare", bare, bare))


def test_facts_are_coded_as_the_gan_was_told(cgan, attribute_cgan, labelled):
    assert has_classes(cgan.prior)
    assert not has_classes(attribute_cgan.prior)
    assert torch.equal(told(cgan.prior, labelled.val).argmax(1), labelled.val.labels)
    assert torch.equal(told(attribute_cgan.prior, labelled.val), labelled.val.attributes.float())


@pytest.mark.parametrize(
    ("name", "options"),
    [
        ("icgan", {"shared": 5}),
        ("icgan", {"width": 0}),
        ("icgan", {"batch": 1}),
        ("icgan", {"beta1": 1.0}),
        ("icgan", {"encoder": "joint"}),
        ("dfi_attributes", {"width": 100}),
    ],
)
def test_wrong_options_are_refused_in_one_line(name, options):
    with pytest.raises(BenchError, match=next(iter(options))) as caught:
        create("method", name, options)
    assert "\n" not in str(caught.value)
