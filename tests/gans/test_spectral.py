import pytest
import torch
from torch import nn

from bench.core.errors import NotApplicable
from bench.gans.networks import fresh_copy
from bench.gans.regularizers.gradients import ZeroCentred
from bench.gans.spectral import SNGAN, SNGAN0GP

TABLE_6 = ("actv128-0", "actv64-0", "actv64-1", "actv32-0", "actv32-1", "actv16-0", "actv16-1")


def test_the_layers_are_those_of_table_6():
    gan = SNGAN(width=2).build((3, 128, 128), "cpu").freeze()
    assert gan.discriminator.layers == (*TABLE_6, "last")
    maps = gan.discriminator.features(torch.zeros(1, 3, 128, 128), TABLE_6)
    filters = (64, 64, 128, 128, 256, 256, 512)
    sides = (128, 64, 64, 32, 32, 16, 16)
    assert [tuple(m.shape[1:]) for m in maps] == [(f // 32, s, s) for f, s in zip(filters, sides, strict=True)]
    assert gan.features(torch.zeros(1, 3, 128, 128)).shape[1] == 131_072 // 32


def test_parameter_counts_follow_from_table_6():
    with torch.device("meta"):
        gan = SNGAN().build((3, 128, 128), "meta")
    bottom = 128 * 16 * 16 * 512 + 16 * 16 * 512
    ups = 16 * (512 * 256 + 256 * 128 + 128 * 64) + 2 * (256 + 128 + 64)
    assert sum(p.numel() for p in gan.generator.parameters()) == bottom + ups + 9 * 64 * 3 + 3
    threes = 9 * (3 * 64 + 64 * 128 + 128 * 256 + 256 * 512) + 64 + 128 + 256 + 512
    fours = 16 * (64 * 64 + 128 * 128 + 256 * 256) + 64 + 128 + 256
    assert sum(p.numel() for p in gan.discriminator.parameters()) == threes + fours + 131_072 + 1


@pytest.mark.parametrize(("shape", "last"), [((1, 28, 28), 3), ((3, 32, 32), 4), ((3, 64, 64), 8)])
def test_smaller_images_have_the_stated_maps(shape, last):
    gan = SNGAN(width=2, code_dim=4).build(shape, "cpu").freeze()
    images = gan.decode(gan.prior.sample(2, torch.Generator().manual_seed(0)))
    assert images.shape == (2, *shape)
    assert float(images.abs().max()) <= 1.0
    assert gan.features(images).shape == (2, last * last * 16)
    assert gan.discriminator(images).shape == (2,)


def normalized(network):
    return [m for m in network.modules() if isinstance(m, nn.Conv2d | nn.Linear)]


def largest_singular_value(layer):
    return float(torch.linalg.svdvals(layer.weight.detach().flatten(1))[0])


def test_every_layer_of_the_discriminator_has_spectral_norm_one():
    torch.manual_seed(0)
    network = SNGAN(width=4).build((1, 28, 28), "cpu").discriminator.train()
    for _ in range(30):  # one power iteration a pass
        network(torch.zeros(2, 1, 28, 28))
    layers = normalized(network.eval())
    assert len(layers) == 8
    for layer in layers:
        raw = layer.parametrizations.weight.original
        assert largest_singular_value(layer) == pytest.approx(1.0, abs=0.02)
        assert float(torch.linalg.svdvals(raw.detach().flatten(1))[0]) != pytest.approx(1.0, abs=0.02)


def test_a_fresh_copy_has_other_weights_under_the_same_norm():
    torch.manual_seed(0)
    trunk = SNGAN(width=4).build((1, 28, 28), "cpu").discriminator.trunk
    copy = fresh_copy(trunk)
    for layer, other in zip(normalized(trunk), normalized(copy), strict=True):
        assert not torch.equal(layer.weight, other.weight)
        assert largest_singular_value(other) == pytest.approx(1.0, abs=0.35)  # 15 power iterations when drawn
        assert layer.parametrizations.weight.original is not other.parametrizations.weight.original
    assert all(p.requires_grad for p in copy.parameters())


def test_0gp_adds_the_penalty_with_gamma_ten():
    penalty = SNGAN0GP().regularizer()
    assert isinstance(penalty, ZeroCentred)
    assert penalty.gamma == 10.0


def test_a_size_without_architecture_is_refused():
    with pytest.raises(NotApplicable, match="sngan has no architecture for 48x48 images; it has 28x28, 32x32, 64x64"):
        SNGAN().build((3, 48, 48), "cpu")
