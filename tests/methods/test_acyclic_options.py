"""Options of the DFI family: networks to look through, what is appended, the connection network, kept features."""

import dataclasses

import pytest
import torch
from torch import nn
from torchvision import models

from bench.core.errors import BenchError, NotApplicable, UnknownName, WeightsError
from bench.core.files import sha256
from bench.core.options import create
from bench.core.types import Gan
from bench.gans import imagenet_files
from methods import acyclic

SMALL = {"width": 128, "batch": 32, "learning_rate": 2e-3}
VARIANTS = {
    "gap": {"gap": ["actv14", "actv7"]},
    "pool": {"pool": 4, "pool_layer": "actv7"},
    "last": {"last": "gap", "gap": ["actv7"]},
    "norm": {"norm": "batch"},
    "author": {"cn": "author"},
    "df_bn": {"df_bn": "batch", "norm": "batch"},
    "depth": {"depth": 5},
}
FEATURES = {"gap": 256 + 4 + 8, "pool": 256 + 16 * 8, "last": 16 + 8}
"""With a discriminator of 4, 8 and 16 filters."""


@pytest.fixture
def imagenet(monkeypatch, tmp_path):
    """A torch home with a random VGG-16, accepted by its own checksum."""
    rng = torch.Generator().manual_seed(0)
    with torch.device("meta"):
        shapes = models.vgg16(weights=None).state_dict()
    state = {
        key: torch.randn(tensor.shape, generator=rng) * (2 / tensor[0].numel()) ** 0.5
        if tensor.ndim == 4
        else torch.zeros(()).expand(tensor.shape)
        for key, tensor in shapes.items()
    }
    path = tmp_path / "hub" / "checkpoints" / imagenet_files.FILES["vgg16"].file
    path.parent.mkdir(parents=True)
    torch.save(state, path)
    monkeypatch.setenv("TORCH_HOME", str(tmp_path))
    known = dataclasses.replace(imagenet_files.FILES["vgg16"], sha256=sha256(path))
    monkeypatch.setitem(imagenet_files.FILES, "vgg16", known)


@pytest.mark.parametrize("variant", VARIANTS)
def test_every_variant_learns_to_invert(variant, ready, trained, made, own, error):
    codes, images = own
    floor = ready("random_code", trained).invert(images)
    before = trained.checksum()
    method = ready("dfi", trained, **SMALL, **VARIANTS[variant])
    method.fit(made)
    assert trained.checksum() == before, "the GAN changed"
    found = method.invert(images)
    assert (found - codes).square().mean() < 0.3 * (floor - codes).square().mean()
    assert error(trained, found, images).mean() < 0.4 * error(trained, floor, images).mean()
    torch.testing.assert_close(method.invert(images[3:4]), found[3:4], atol=1e-4, rtol=1e-4)


@pytest.mark.parametrize("variant", FEATURES)
def test_the_connection_network_takes_what_is_appended(variant, ready, trained):
    method = ready("dfi", trained, **SMALL, **VARIANTS[variant])
    assert method.network.layers[0].in_features == FEATURES[variant]
    assert method.trained_parameters() == sum(p.numel() for p in method.network.parameters())


@torch.no_grad()
def test_a_classifier_takes_the_discriminator_s_place(imagenet, ready, trained, digits, linear):
    method = ready("dfi", trained, features="vgg16", gap=["relu4_3"], budget={"fit_steps": 2}, **SMALL)
    assert method.network.layers[0].in_features == 512 * 2 * 2 + 512
    assert list(method.networks()) == ["network"], "the classifier is neither trained nor stored"
    with torch.enable_grad():
        method.fit(digits)
    x = digits.val.floats(slice(0, 3))
    assert method.invert(x).shape == (3, 6)
    blind = Gan(linear.generator, None, linear.prior, linear.image_shape)
    assert ready("dfi", blind, features="vgg16").invert(torch.zeros(2, 1, 4, 4)).shape == (2, 3)


def test_a_classifier_that_is_not_here_is_named(monkeypatch, tmp_path, ready, trained):
    monkeypatch.setenv("TORCH_HOME", str(tmp_path))
    with pytest.raises(WeightsError, match=r"resnet34-b627a593\.pth not found"):
        ready("dfi", trained, features="resnet34")


@pytest.mark.parametrize("steps", [3, 60])
def test_kept_features_change_nothing_but_the_time(steps, ready, trained, digits, monkeypatch, one_thread):
    """With three steps there is no table; with sixty there is one, unless it is forbidden."""
    looked = []
    features = type(trained.discriminator).features

    def counting(self, x, layers):
        looked.append(len(x))
        return features(self, x, layers)

    monkeypatch.setattr(type(trained.discriminator), "features", counting)

    def fit():
        method = ready("dfi_image", trained, budget={"fit_steps": steps}, **SMALL)
        looked.clear()
        method.fit(digits)
        return method.state(), sum(looked)

    kept, images_kept = fit()
    monkeypatch.setattr("bench.gans.features.TABLE_BYTES", 0)
    anew, images_anew = fit()
    assert all(torch.equal(kept[key], anew[key]) for key in anew)
    assert images_anew == 1 + 32 * steps
    assert images_kept == (images_anew if steps == 3 else 1 + 1504)


@pytest.mark.parametrize(("df_bn", "tables"), [("batch", 0), ("running", 1)])
def test_features_of_a_batch_are_never_kept(df_bn, tables, ready, trained, digits, monkeypatch):
    asked = []
    monkeypatch.setattr(acyclic.FeaturePyramid, "table", lambda *given: asked.append(given))
    ready("dfi_image", trained, budget={"fit_steps": 2}, df_bn=df_bn, **SMALL).fit(digits)
    assert len(asked) == tables


def test_batch_statistics_are_for_fitting_alone(ready, trained, digits):
    x = digits.val.floats(slice(0, 16))
    batch, running = (ready("dfi", trained, df_bn=how, **SMALL) for how in ("batch", "running"))
    assert torch.equal(batch.invert(x), running.invert(x))
    assert not torch.allclose(batch.network.train() and batch.encode(x), running.encode(x))
    assert not any(isinstance(value, nn.BatchNorm2d) for value in batch.networks().values())


@pytest.mark.parametrize(
    ("recipe", "shape", "expected"),
    [
        ("sngan", (1, 28, 28), ["actv28-0", "actv14-1", "actv7-1"]),
        ("sngan-0gp", (3, 64, 64), ["actv64-0", "actv32-1", "actv16-1"]),
        ("sngan-0gp", (3, 128, 128), ["actv128-0", "actv64-1", "actv32-1"]),
    ],
)
def test_layers_may_be_named_by_where_they_lie(recipe, shape, expected):
    """The names at 128 pixels are those of dfi, Table 4."""
    eye = create("gan", recipe, {"width": 4}).build(shape, "cpu").discriminator
    assert [acyclic.placed(eye, name, shape[1]) for name in ("early", "middle", "late")] == expected
    assert acyclic.placed(eye, "last", shape[1]) == "last"


def test_words_give_the_same_features_as_names(ready, trained, digits):
    one, other = (ready("dfi", trained, gap=gap, **SMALL) for gap in (["middle", "late"], ["actv14", "actv7"]))
    assert torch.equal(one.view(digits.val.floats(slice(0, 3))), other.view(digits.val.floats(slice(0, 3))))
    with pytest.raises(UnknownName, match=r"unknown layer 'actv28 \(early\)'"):
        ready("dfi", trained, gap=["early"])


def test_an_unknown_layer_is_refused(ready, trained):
    with pytest.raises(UnknownName, match="did you mean 'actv14'"):
        ready("dfi", trained, gap=["actv144"])
    with pytest.raises(UnknownName, match="did you mean 'actv7'"):
        ready("dfi", trained, pool=2, pool_layer="actv77")
    with pytest.raises(NotApplicable, match="pool = 8 is larger"):
        ready("dfi", trained, pool=8, pool_layer="actv7")


@pytest.mark.parametrize(
    ("options", "reason"),
    [
        ({"pool": 4}, "pool = 4 and pool_layer = ''"),
        ({"pool_layer": "actv7"}, "pool = 0 and pool_layer = 'actv7'"),
        ({"pool": -1, "pool_layer": "actv7"}, "pool = -1"),
        ({"features": "vgg19"}, "'vgg16'"),
        ({"last": "max"}, "'flatten'"),
        ({"norm": "layer"}, "'group'"),
        ({"cn": "author", "depth": 3}, "leave out depth"),
        ({"cn": "author", "norm": "batch"}, "leave out depth"),
        ({"df_bn": "batch", "features": "vgg16"}, "df_bn"),
    ],
)
def test_options_that_contradict_are_refused_in_one_line(options, reason):
    with pytest.raises(BenchError, match=reason) as caught:
        create("method", "dfi", options)
    assert "\n" not in str(caught.value)


def test_an_encoder_has_no_frozen_features():
    with pytest.raises(UnknownName, match="option 'features'"):
        create("method", "enc_image", {"features": "vgg16"})
