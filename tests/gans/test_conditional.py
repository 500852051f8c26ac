import dataclasses
import json

import pytest
import torch
from safetensors.torch import load_file, safe_open, save_file
from scipy import stats
from torch.nn.functional import one_hot

from bench.core.errors import BenchError, NotApplicable, WeightsError
from bench.core.options import create
from bench.core.run_context import RunContext
from bench.core.types import Budget, FitData, Images
from bench.gans.checkpoints import load_gan, save_gan
from bench.gans.conditional import CGAN, ConditionalTrainer
from bench.gans.training import train_gan

BUDGET = Budget("tiny", 0, 0, 0, 6, 1, 4, 0, 600.0)
RECIPE = CGAN(width=2, code_dim=4, batch=8)


@pytest.fixture(scope="module")
def digits() -> Images:
    return create("dataset", "digits").load().train.first(300)


@pytest.fixture(scope="module")
def faces() -> Images:
    rng = torch.Generator().manual_seed(0)
    pixels = torch.randint(0, 256, (60, 3, 28, 28), generator=rng).byte()
    return Images(pixels, attributes=torch.rand((60, 3), generator=rng) < 0.2, attribute_names=("a", "b", "c"))


@pytest.fixture(scope="module")
def trained(digits):
    return train_gan(RECIPE, digits, RunContext(BUDGET, 3))


def trainer_of(recipe, images) -> ConditionalTrainer:
    run = RunContext(BUDGET, 0)
    run.reseed()
    recipe = recipe.suited(images)
    return ConditionalTrainer(recipe.build(images.shape, "cpu"), recipe, images, run)


# ------------------------------------------------------------------------------------------------- networks


@pytest.mark.parametrize("shape", [(1, 28, 28), (3, 32, 32), (3, 64, 64)])
def test_images_and_logits_have_the_stated_shapes(shape):
    gan = dataclasses.replace(RECIPE, conditions=3).build(shape, "cpu").freeze()
    assert gan.code_dim == 7
    codes = gan.prior.sample(2, torch.Generator().manual_seed(0))
    images = gan.decode(codes)
    assert images.shape == (2, *shape)
    assert float(images.abs().max()) <= 1.0
    assert gan.discriminator(images, codes[:, 4:]).shape == (2,)


def test_parameter_counts_follow_from_the_layer_table():
    """The default places of y: the generator's input, and after the discriminator's first layer."""
    gan = CGAN(conditions=18).build((3, 64, 64), "cpu")
    generator = 16 * (118 * 512 + 512 * 256 + 256 * 128 + 128 * 64 + 64 * 3) + 3 + 2 * (512 + 256 + 128 + 64)
    discriminator = 16 * (3 * 64 + 82 * 128 + 128 * 256 + 256 * 512 + 512) + 64 + 1 + 2 * (128 + 256 + 512)
    assert sum(p.numel() for p in gan.generator.parameters()) == generator
    assert sum(p.numel() for p in gan.discriminator.parameters()) == discriminator


def widths(network, kind, axis):
    return [m.weight.shape[axis] for m in network.modules() if isinstance(m, kind)]


def outputs(network, kind, *inputs):
    """What each convolution gives, in order."""
    found = []
    hooks = [
        m.register_forward_hook(lambda _, __, output: found.append(output))
        for m in network.modules()
        if isinstance(m, kind)
    ]
    network(*inputs)
    for hook in hooks:
        hook.remove()
    return found


@pytest.mark.parametrize("layer", range(5))
def test_the_condition_joins_the_generator_before_the_next_convolution(layer):
    gan = dataclasses.replace(RECIPE, conditions=3, generator_layer=layer).build((1, 64, 64), "cpu").freeze()
    plain = [4, 16, 8, 4, 2]
    kind = torch.nn.ConvTranspose2d
    assert widths(gan.generator, kind, 0) == [n + 3 * (k == layer) for k, n in enumerate(plain)]
    z = torch.randn(2, 4)
    one, two = (
        outputs(gan.generator, kind, torch.cat([z, y.expand(2, 3)], 1))
        for y in (torch.tensor([1.0, 0, 0]), torch.tensor([0, 1.0, 0]))
    )
    assert [torch.equal(a, b) for a, b in zip(one, two, strict=True)] == [k < layer for k in range(5)]


@pytest.mark.parametrize("layer", range(5))
def test_the_condition_joins_the_discriminator_before_the_next_convolution(layer):
    gan = dataclasses.replace(RECIPE, conditions=3, discriminator_layer=layer).build((1, 64, 64), "cpu").freeze()
    plain = [1, 2, 4, 8, 16]
    kind = torch.nn.Conv2d
    assert widths(gan.discriminator, kind, 1) == [n + 3 * (k == layer) for k, n in enumerate(plain)]
    x = torch.randn(2, 1, 64, 64)
    one, two = (
        outputs(gan.discriminator, kind, x, y.expand(2, 3))
        for y in (torch.tensor([1.0, 0, 0]), torch.tensor([0, 1.0, 0]))
    )
    assert [torch.equal(a, b) for a, b in zip(one, two, strict=True)] == [k < layer for k in range(5)]


@pytest.mark.parametrize("layer", range(5))
def test_features_are_those_of_the_layers_before_the_condition(layer):
    gan = dataclasses.replace(RECIPE, conditions=3, discriminator_layer=layer).build((1, 64, 64), "cpu").freeze()
    x = torch.randn(2, 1, 64, 64)
    names = ("actv32", "actv16", "actv8", "actv4")
    assert gan.discriminator.layers == (*names, "last")
    sizes = [2 * 32 * 32, 4 * 16 * 16, 8 * 8 * 8, 16 * 4 * 4]
    for index, name in enumerate(names):
        if index < layer:
            assert gan.features(x, (name,)).shape == (2, sizes[index])
            continue
        free = ", ".join(names[:layer]) or "none"
        with pytest.raises(NotApplicable, match=f"layer {name} depend on the condition.*: {free}$"):
            gan.features(x, (name,))
    if layer == 4:
        assert torch.equal(gan.features(x), gan.features(x, ("actv4",)))
    else:
        with pytest.raises(
            NotApplicable, match="the maps of layer last depend on the condition, not on the image alone"
        ):
            gan.features(x)


def test_layers_are_named_by_their_side_at_28_pixels():
    gan = dataclasses.replace(RECIPE, conditions=3, discriminator_layer=3).build((1, 28, 28), "cpu").freeze()
    assert gan.discriminator.layers == ("actv14", "actv7", "actv3", "last")
    assert gan.features(torch.zeros(2, 1, 28, 28)).shape == (2, 8 * 9)


def test_weights_start_as_radfords():
    gan = CGAN(conditions=10).build((1, 32, 32), "cpu").freeze()
    for module in (m for network in gan.modules() for m in network.modules()):
        if isinstance(module, torch.nn.BatchNorm2d):
            assert float(module.weight.mean()) == pytest.approx(1.0, abs=0.01)
        elif getattr(module, "weight", None) is not None:
            assert float(module.weight.std()) == pytest.approx(0.02, rel=0.1)
            assert module.bias is None or not module.bias.any()


# -------------------------------------------------------------------------------------------------- refusals


@pytest.mark.parametrize(
    "options",
    [{"generator_layer": 5}, {"discriminator_layer": -1}, {"width": 0}, {"conditions": -1}, {"condition": "text"}],
)
def test_wrong_options_are_refused(options):
    with pytest.raises(BenchError, match=next(iter(options))):
        create("gan", "cgan", options)


def test_what_cannot_be_built_is_refused():
    with pytest.raises(NotApplicable, match="generator_layer = 4: at 28 pixels layers are 0 to 3"):
        CGAN(conditions=2, generator_layer=4).build((1, 28, 28), "cpu")
    with pytest.raises(NotApplicable, match="28x28, 32x32, 64x64"):
        CGAN(conditions=2).build((1, 128, 128), "cpu")
    with pytest.raises(NotApplicable, match="cgan needs conditions"):
        CGAN().build((1, 28, 28), "cpu")


def test_images_without_conditions_are_refused(digits, faces):
    with pytest.raises(NotApplicable, match="cgan needs labels, which the training images do not have"):
        train_gan(RECIPE, faces, RunContext(BUDGET, 0))
    attributes = dataclasses.replace(RECIPE, condition="attributes")
    with pytest.raises(NotApplicable, match="cgan needs attributes, which"):
        train_gan(attributes, digits, RunContext(BUDGET, 0))
    with pytest.raises(NotApplicable, match="all training images have the same labels"):
        train_gan(RECIPE, digits.take(digits.labels == 4), RunContext(BUDGET, 0))
    with pytest.raises(NotApplicable, match="conditions = 9, but the training images' labels require 10"):
        train_gan(dataclasses.replace(RECIPE, conditions=9), digits, RunContext(BUDGET, 0))
    with pytest.raises(NotApplicable, match="conditions = 4, but the training images' attributes require 3"):
        train_gan(dataclasses.replace(attributes, conditions=4), faces, RunContext(BUDGET, 0))


# -------------------------------------------------------------------------------------------------- training


def test_the_prior_has_the_frequencies_of_the_training_labels(trained, digits):
    assert torch.equal(trained.prior.rows, torch.eye(10))
    torch.testing.assert_close(trained.prior.probabilities, digits.labels.bincount() / 300)
    assert trained.provenance["options"]["conditions"] == 10


def test_classes_that_the_images_lack_are_never_drawn(digits):
    few = digits.take(digits.labels % 2 == 0)
    gan = train_gan(dataclasses.replace(RECIPE, conditions=10), few, RunContext(BUDGET, 0))
    assert torch.equal(gan.prior.rows, torch.eye(10)[::2])


def test_attributes_are_conditions_too(faces):
    gan = train_gan(dataclasses.replace(RECIPE, condition="attributes"), faces, RunContext(BUDGET, 0))
    drawn = gan.prior.sample(100, torch.Generator().manual_seed(0))[:, 4:]
    known = {tuple(row) for row in faces.attributes.float().tolist()}
    assert {tuple(row) for row in drawn.tolist()} <= known
    assert {tuple(row) for row in gan.prior.rows.tolist()} == known


@pytest.mark.parametrize("condition", ["labels", "attributes"])
def test_wrong_conditions_never_equal_the_right_ones(digits, faces, condition):
    images = digits if condition == "labels" else faces
    trainer = trainer_of(dataclasses.replace(RECIPE, condition=condition, batch=500), images)
    trainer.recipe.train(
        trainer.gan, images, RunContext(dataclasses.replace(BUDGET, train_steps=0), 0), trainer.monitor
    )
    state = trainer.run.rng.get_state()
    real = trainer.draw_real()
    right, wrong = trainer.objective.right, trainer.objective.wrong
    assert (right != wrong).any(1).all()
    trainer.run.rng.set_state(state)
    rows = images.draw(500, trainer.run.rng)
    assert torch.equal(real, images.floats(rows))
    expected = one_hot(images.labels, 10) if condition == "labels" else images.attributes
    assert torch.equal(right, expected[rows].float())
    table = {tuple(row) for row in expected.float().tolist()}
    assert {tuple(row) for row in wrong.tolist()} == table


def test_wrong_labels_are_uniform_over_the_other_classes(digits):
    wrong = trainer_of(RECIPE, digits).draw_wrong(torch.full((4500,), 3))
    found = wrong.sum(0)
    assert found[3] == 0
    assert stats.chisquare(found[[0, 1, 2, 4, 5, 6, 7, 8, 9]].numpy()).pvalue > 0.01


def test_generated_images_are_judged_with_the_condition_that_they_were_made_for(digits):
    trainer = trainer_of(RECIPE, digits)
    state = trainer.run.rng.get_state()
    trainer.draw_fake()
    trainer.run.rng.set_state(state)
    assert torch.equal(trainer.objective.drawn, trainer.gan.prior.sample(8, trainer.run.rng)[:, 4:])


def test_the_discriminator_learns_which_condition_an_image_meets(digits):
    trainer = trainer_of(dataclasses.replace(RECIPE, width=4, batch=64, learning_rate=2e-3), digits)
    held = trainer.draw_real()
    right, wrong = trainer.objective.right, trainer.objective.wrong

    def gap() -> float:
        with torch.no_grad():
            return float((trainer.critic(held, right) - trainer.critic(held, wrong)).mean())

    before = gap()
    for _ in range(60):
        trainer.update_discriminator(trainer.draw_fake(for_generator=False))
    assert abs(before) < 0.1
    assert gap() > before + 0.5


class Interrupted(Exception):
    pass


@pytest.mark.parametrize(("condition", "ema"), [("labels", 0.0), ("attributes", 0.9)])
def test_an_interrupted_training_resumes_bit_for_bit(digits, faces, tmp_path, monkeypatch, condition, ema):
    images = digits if condition == "labels" else faces
    recipe = dataclasses.replace(RECIPE, condition=condition, ema=ema)
    whole = train_gan(recipe, images, RunContext(BUDGET, 3))

    def run() -> RunContext:
        return RunContext(BUDGET, 3, checkpoint=tmp_path / "loop.pt", checkpoint_seconds=-1.0)

    step = ConditionalTrainer.step

    def cut(self, number):
        if number == 3:
            raise Interrupted
        step(self, number)

    monkeypatch.setattr(ConditionalTrainer, "step", cut)
    with pytest.raises(Interrupted):
        train_gan(recipe, images, run())
    numbers = []
    monkeypatch.setattr(ConditionalTrainer, "step", lambda self, n: (numbers.append(n), step(self, n)))
    resumed = train_gan(recipe, images, run())
    assert numbers == [3, 4, 5]
    assert resumed.checksum() == whole.checksum()


def test_bfloat16_trains(digits):
    recipe = dataclasses.replace(RECIPE, precision="bfloat16")
    assert train_gan(recipe, digits, RunContext(BUDGET, 0)).generator.after[0][0].weight.dtype == torch.float32


# --------------------------------------------------------------------------------------------------- on disk


@pytest.mark.parametrize("half", [False, True])
def test_a_gan_comes_back_with_its_prior(trained, tmp_path, half):
    save_gan(trained, tmp_path / "gan", half=half)
    loaded = load_gan(tmp_path / "gan")
    for name, tensor in trained.prior.state().items():
        assert torch.equal(loaded.prior.state()[name], tensor)
    codes = [gan.prior.sample(5, torch.Generator().manual_seed(0)) for gan in (trained, loaded)]
    assert torch.equal(*codes)
    assert (loaded.checksum() == trained.checksum()) != half
    torch.testing.assert_close(loaded.decode(codes[0]), trained.decode(codes[0]), rtol=0, atol=0.01 if half else 0)


def test_a_table_of_another_length_comes_back(faces, tmp_path):
    gan = train_gan(dataclasses.replace(RECIPE, condition="attributes"), faces, RunContext(BUDGET, 0))
    assert len(gan.prior.rows) > 3
    save_gan(gan, tmp_path / "gan")
    assert torch.equal(load_gan(tmp_path / "gan").prior.rows, gan.prior.rows)


def test_the_checksum_sees_the_prior(trained, tmp_path):
    save_gan(trained, tmp_path / "gan")
    loaded = load_gan(tmp_path / "gan")
    loaded.prior.load_state({"rows": torch.eye(10), "probabilities": torch.full((10,), 0.1)})
    assert loaded.checksum() != trained.checksum()


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda t: t.pop("prior.rows"), "prior.rows is missing"),
        (lambda t: t.update({"prior.mean": torch.zeros(1)}), "prior.mean is not part"),
        (lambda t: t["prior.probabilities"].fill_(torch.nan), "prior.probabilities holds NaN"),
        (lambda t: t.update({"prior.rows": torch.eye(9)}), r"prior.rows has shape \(9, 9\).* \(9, 10\)"),
        (lambda t: t.update({"prior.rows": torch.eye(10)[:4]}), r"the prior's table has 4 rows and .* \(10,\)"),
        (lambda t: t["prior.probabilities"].fill_(0.5), "the prior's probabilities should be positive and sum to 1"),
    ],
)
def test_a_prior_that_does_not_fit_is_named(trained, tmp_path, change, message):
    path = tmp_path / "gan"
    save_gan(trained, path)
    tensors = load_file(path)
    with safe_open(path, "pt") as file:
        header = json.loads(file.metadata()["ganinv"])
    change(tensors)
    save_file(tensors, path, {"ganinv": json.dumps(header)})
    with pytest.raises(WeightsError, match=message):
        load_gan(path)


# --------------------------------------------------------------------------------------------------- methods


def bound(name, gan, options=None):
    method = create("method", name, options)
    method.gan, method.run = gan, RunContext(BUDGET, seed=7)
    method.run.reseed()
    method.build()
    return method


def test_gradient_search_finds_codes_with_a_condition_of_the_table(trained, digits):
    codes = bound("gradient", trained).invert(digits.floats(slice(0, 4)))
    assert codes.shape == (4, 14)
    assert trained.prior.log_prob(codes).isfinite().all()


@pytest.mark.parametrize("name", ["dfi", "enc_image"])
def test_methods_that_need_features_of_an_image_alone_say_that_they_do_not_apply(trained, name):
    with pytest.raises(NotApplicable):
        bound(name, trained)


def test_dfi_applies_where_the_condition_joins_last(digits):
    gan = train_gan(dataclasses.replace(RECIPE, discriminator_layer=3), digits, RunContext(BUDGET, 0))
    method = bound("dfi", gan, {"batch": 4})
    method.fit(FitData("digits", digits, digits))
    assert method.invert(digits.floats(slice(0, 3))).shape == (3, 14)
