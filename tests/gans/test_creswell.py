import pytest
import torch
from torch import nn

from bench.core.errors import NotApplicable
from bench.gans.creswell import ClippedWGAN, NoisyGAN, PlainGAN


@pytest.mark.parametrize("shape", [(1, 28, 28), (3, 32, 32), (1, 64, 64), (3, 64, 64), (3, 128, 128)])
def test_images_and_features_have_the_stated_shapes(shape):
    gan = PlainGAN(width=2, code_dim=4).build(shape, "cpu").freeze()
    images = gan.decode(gan.prior.sample(2, torch.Generator().manual_seed(0)))
    assert images.shape == (2, *shape)
    assert float(images.abs().max()) <= 1.0
    side = {28: 7, 32: 2, 64: 4, 128: 8}[shape[1]]
    filters = 4 if shape[1] == 28 else 16
    assert gan.features(images).shape == (2, side * side * filters)
    assert gan.discriminator(images).shape == (2,)


def test_the_generator_has_the_authors_filters_at_128():
    with torch.device("meta"):
        gan = PlainGAN().build((3, 128, 128), "meta")
    project = 100 * 512 * 8 * 8 + 2 * 512
    ups = 16 * (512 * 256 + 256 * 128 + 128 * 64 + 64 * 3) + 2 * (256 + 128 + 64) + 3
    assert sum(p.numel() for p in gan.generator.parameters()) == project + ups


def test_every_convolution_of_the_discriminator_is_followed_by_batch_norm():
    network = PlainGAN(width=2).build((3, 64, 64), "cpu").discriminator
    for stage in network.trunk.stages.values():
        assert [type(layer) for layer in stage] == [nn.Conv2d, nn.BatchNorm2d, nn.LeakyReLU]


def test_the_critic_catches_up_at_the_start_and_every_500_steps():
    counts = [ClippedWGAN().discriminator_updates(step) for step in range(1001)]
    assert counts[:25] == [100] * 25
    assert {step for step, count in enumerate(counts) if count == 100} == {*range(25), 500, 1000}
    assert set(counts) == {5, 100}


def test_noise_falls_from_a_half_to_a_thousandth():
    noise = NoisyGAN().regularizer()
    assert (noise.first, noise.last) == (0.5, 1e-3)


def test_the_clipped_critic_uses_rmsprop():
    network = nn.Linear(2, 2)
    optimizer = ClippedWGAN().optimizer(network)
    assert isinstance(optimizer, torch.optim.RMSprop)
    assert optimizer.param_groups[0]["lr"] == 5e-5


def test_a_size_without_architecture_is_refused():
    with pytest.raises(NotApplicable, match="gan-noise has no architecture for 48x48 images; it has 28x28, 32x32"):
        NoisyGAN().build((3, 48, 48), "cpu")
