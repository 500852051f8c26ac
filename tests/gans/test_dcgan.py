import pytest
import torch

from bench.core.errors import BenchError, NotApplicable, UnknownName
from bench.core.options import create
from bench.gans.dcgan import DCGAN


@pytest.mark.parametrize("shape", [(1, 28, 28), (3, 32, 32), (3, 64, 64)])
def test_images_and_features_have_the_stated_shapes(shape):
    gan = DCGAN(width=4, code_dim=6).build(shape, "cpu").freeze()
    images = gan.decode(gan.prior.sample(3, torch.Generator().manual_seed(0)))
    assert images.shape == (3, *shape)
    assert float(images.abs().max()) <= 1.0
    filters = {28: 16, 32: 16, 64: 32}[shape[1]]
    assert gan.features(images).shape == (3, 16 * filters)
    assert gan.discriminator(images).shape == (3,)


def test_layers_are_named_by_their_side():
    gan = DCGAN(width=4).build((1, 28, 28), "cpu").freeze()
    assert gan.discriminator.layers == ("actv14", "actv7", "actv4", "last")
    x = torch.zeros(2, 1, 28, 28)
    maps = gan.discriminator.features(x, ("last", "actv14", "actv7"))
    assert [tuple(m.shape[1:]) for m in maps] == [(16, 4, 4), (4, 14, 14), (8, 7, 7)]
    assert torch.equal(gan.features(x, ("actv4",)), gan.features(x, ("last",)))
    with pytest.raises(UnknownName, match="actv14"):
        gan.features(x, ("actv15",))


def test_parameter_counts_follow_from_the_layer_table():
    gan = DCGAN(width=64, code_dim=128).build((3, 32, 32), "cpu")
    generator = 128 * 8192 + 25 * (512 * 256 + 256 * 128 + 128 * 3) + 3 + 2 * (512 + 256 + 128)
    discriminator = 25 * (3 * 64 + 64 * 128 + 128 * 256) + 64 + 2 * (128 + 256) + 4096 + 1
    assert sum(p.numel() for p in gan.generator.parameters()) == generator
    assert sum(p.numel() for p in gan.discriminator.parameters()) == discriminator


@pytest.mark.parametrize("shape", [(1, 30, 30), (1, 28, 32), (2, 1, 1)])
def test_a_size_without_architecture_is_refused_with_those_there_are(shape):
    with pytest.raises(NotApplicable, match="28x28, 32x32, 64x64"):
        DCGAN().build(shape, "cpu")


def test_odd_channels_are_refused():
    with pytest.raises(NotApplicable, match="1 or 3 channels, not 4"):
        DCGAN().build((4, 28, 28), "cpu")


@pytest.mark.parametrize("options", [{"widht": 8}, {"width": 0}, {"prior": "gauss"}, {"ema": 1.0}, {"batch": 1}])
def test_wrong_options_are_refused(options):
    with pytest.raises(BenchError, match=next(iter(options))):
        create("gan", "dcgan", options)


def test_weights_come_from_the_global_seed():
    def build(seed):
        torch.manual_seed(seed)
        return DCGAN(width=4).build((1, 28, 28), "cpu").checksum()

    assert build(1) == build(1)
    assert build(1) != build(2)
