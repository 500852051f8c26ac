"""SCGAN's networks: windows, a generator and a discriminator around them, and the codes of windows."""

import dataclasses

import pytest
import torch
from torch.nn.functional import interpolate

from bench.core.errors import NotApplicable
from bench.core.options import create
from bench.core.run_context import RunContext
from bench.core.types import Budget, Images
from bench.gans.scgan import SCGAN
from bench.gans.scgan_networks import Window, centre_of, networks_of
from bench.gans.spectral import SNGAN

RECIPE = SCGAN(width=2, code_dim=6, batch=4, connection_width=128)
SHAPE = (1, 64, 64)


@pytest.fixture(scope="module")
def images() -> Images:
    return Images(torch.randint(0, 256, (8, *SHAPE), generator=torch.Generator().manual_seed(0)).byte())


@pytest.fixture(scope="module")
def gan():
    """Untrained networks, frozen."""
    torch.manual_seed(0)
    return RECIPE.build(SHAPE, "cpu").freeze()


def codes_of(gan, count=4):
    return gan.prior.sample(count, torch.Generator().manual_seed(1))


# ------------------------------------------------------------------------------------------------------- windows


CORNERS = {
    "top-left": (0, 0), "top-centre": (0, 16), "top-right": (0, 32),
    "middle-left": (16, 0), "centre": (16, 16), "middle-right": (16, 32),
    "bottom-left": (32, 0), "bottom-centre": (32, 16), "bottom-right": (32, 32),
}  # fmt: skip


@pytest.mark.parametrize("position", CORNERS)
def test_a_window_lies_where_its_name_says(position):
    window = Window.at(position, 64)
    top, left = CORNERS[position]
    rows = torch.arange(64.0).view(1, 1, 64, 1).expand(1, 1, 64, 64)
    for x, first in ((rows, top), (rows.transpose(2, 3), left)):
        part = window.crop(x)
        assert part.shape == (1, 1, 32, 32)
        assert (float(part.min()), float(part.max())) == (first, first + 31)
    assert Window.at(position, 128) == Window(2 * top, 2 * left, 64)


@pytest.mark.parametrize("position", CORNERS)
def test_a_window_is_pasted_and_placed_where_it_was_cut_out(position):
    window = Window.at(position, 64)
    x, patch = torch.zeros(2, 3, 64, 64), torch.rand(2, 3, 32, 32)
    pasted = window.paste(x, patch)
    assert torch.equal(window.crop(pasted), patch)
    torch.testing.assert_close(pasted.sum(), patch.sum())
    assert not x.any()
    small = torch.rand(2, 5, 4, 4)  # an eighth of the window's side, as the last maps are
    placed = window.place(small, 8)
    assert torch.equal(interpolate(placed, scale_factor=8), window.paste(torch.zeros(2, 5, 64, 64), enlarged(small)))


def enlarged(small):
    return interpolate(small, scale_factor=8)


# ------------------------------------------------------------------------------------------------------ networks


@pytest.mark.parametrize("shape", [(1, 64, 64), (3, 128, 128)])
def test_images_codes_and_logits_have_the_stated_shapes(shape):
    made = RECIPE.build(shape, "cpu").freeze()
    images = made.decode(codes_of(made))
    side = shape[1]
    assert images.shape == (4, *shape)
    assert float(images.abs().max()) <= 1.0
    logits = made.discriminator.patches(images)
    assert logits.shape == (4, (side // 8) ** 2)
    torch.testing.assert_close(made.discriminator(images), logits.mean(1))
    assert made.features(images).shape == (4, (side // 8) ** 2 * 2 * 16)
    centre = centre_of(made)
    assert centre.decode(codes_of(centre)).shape == (4, shape[0], side // 2, side // 2)


def test_the_encoder_sees_the_window_alone(gan, images):
    x = images.floats(slice(0, 4))
    codes = gan.encode(x)
    inferred, edge = codes.chunk(2, 1)
    assert not edge.any()
    window = networks_of(gan)[0].window
    elsewhere = window.paste(torch.rand_like(x), window.crop(x))
    assert torch.equal(gan.encode(elsewhere), codes)
    assert not torch.equal(gan.encode(window.paste(x, torch.zeros(())))[:, :3], inferred)
    torch.testing.assert_close(centre_of(gan).encode(window.crop(x)), inferred)


def test_the_method_encoder_gives_these_codes(gan, images):
    method = create("method", "encoder")
    method.gan, method.run = gan, RunContext(Budget("tiny", 0, 0, 0, 0, 0, 0, 0, 600.0), 0)
    method.build()
    assert torch.equal(method.invert(images.floats(slice(0, 4))), gan.encode(images.floats(slice(0, 4))))


def test_features_are_those_of_the_image_beside_those_of_the_window(gan, images):
    x = images.floats(slice(0, 2))
    trunk = gan.discriminator.trunk
    (last,), (own,) = trunk.features(x, ("last",)), trunk.features(x, ("actv8-1",))
    assert torch.equal(last[:, :16], own)
    local = trunk.local(x[:, :, 16:48, :32])
    assert torch.equal(last[:, 16:, 2:6, :4], local)
    assert float(last[:, 16:].abs().sum()) == pytest.approx(float(local.abs().sum()), rel=1e-5)


def test_glue_pastes_the_window_of_the_windows_own_gan(gan):
    torch.manual_seed(0)
    glued = dataclasses.replace(RECIPE, glue=True).build(SHAPE, "cpu").freeze()
    codes = codes_of(gan)
    full, pasted, centre = gan.decode(codes), glued.decode(codes), centre_of(gan).decode(codes[:, :3])
    window = networks_of(glued)[0].window
    torch.testing.assert_close(window.crop(pasted), centre)
    torch.testing.assert_close(window.paste(pasted, window.crop(full)), full)
    assert not torch.equal(window.crop(full), centre)


def test_what_is_trained_first_stays_in_eval_mode(gan):
    for network in gan.modules():
        network.train()
    frozen = (gan.generator.centre, gan.discriminator.trunk.local)
    assert not any(part.training for network in frozen for part in network.modules())
    assert gan.generator.full.training
    for network in gan.modules():
        network.eval()


def test_spectral_norm_is_in_the_discriminators_alone(gan):
    def normalized(network):
        return [name for name in network.state_dict() if "parametrizations" in name]

    assert not normalized(gan.generator)
    names = normalized(gan.discriminator)
    for part in ("trunk.stages", "trunk.local", "head", "centre_head"):
        assert any(name.startswith(part) for name in names), part
    assert not any(name.startswith("connection") for name in names)


def test_another_gan_has_no_window():
    other = SNGAN(width=2, code_dim=4).build(SHAPE, "cpu")
    with pytest.raises(NotApplicable, match=r"this GAN \(sngan\) has no window"):
        centre_of(other)
