import pytest
import torch

from bench.core.errors import BenchError, NotApplicable
from bench.core.options import create
from bench.core.run_context import RunContext
from bench.core.types import Budget, Images
from bench.gans.checkpoints import load_gan, save_gan
from bench.gans.stylegan import StyleGAN, StyleGenerator, channels, make_discriminator, make_mapping
from bench.gans.training import train_gan


def small(shape=(1, 32, 32)):
    torch.manual_seed(0)
    return StyleGAN(width=8, code_dim=12).build(shape, "cpu").freeze()


def count(module):
    return sum(p.numel() for p in module.parameters())


@pytest.mark.parametrize(("side", "layers"), [(32, 8), (64, 10), (128, 12)])
def test_networks_follow_the_size(side, layers):
    gan = small((3, side, side))
    assert len(gan.generator.layers) == layers
    images = gan.decode(gan.prior.sample(2, torch.Generator().manual_seed(0)))
    assert images.shape == (2, 3, side, side)
    assert float(images.abs().max()) <= 1.0
    names = [f"actv{s}" for s in (128, 64, 32, 16, 8, 4) if s <= side]
    assert gan.discriminator.layers == (*names, "last")
    for name, features in zip(names, gan.discriminator.features(images, names), strict=True):
        assert features.shape[2:] == (int(name[4:]),) * 2
    assert gan.discriminator(images).shape == (2,)


def test_channels_are_those_of_the_paper():
    assert [channels(side, 512) for side in (4, 8, 16, 32, 64, 128)] == [512, 512, 512, 512, 256, 128]


def test_parameter_counts_are_those_that_the_authors_print():
    """At 1024 pixels: 26,219,627 and 23,087,249, less the image layers of the lower resolutions that grow away."""
    with torch.device("meta"):
        generator = StyleGenerator((3, 1024, 1024), 512, 512)
        discriminator = make_discriminator((3, 1024, 1024), 512)
    lower = [channels(2**k, 512) for k in range(2, 10)]
    assert count(make_mapping(512)) == 8 * (512 * 512 + 512)
    assert count(generator) == 26_219_627 - sum(3 * c + 3 for c in lower)
    assert count(discriminator) == 23_087_249 - sum(3 * c + c for c in lower)


def test_features_and_images_do_not_depend_on_batch_mates():
    gan = small()
    z = gan.prior.sample(6, torch.Generator().manual_seed(0))
    images = gan.decode(z)
    alone = torch.cat([gan.decode(one[None]) for one in z])
    torch.testing.assert_close(alone, images, rtol=1e-4, atol=1e-5)
    features = torch.cat([gan.features(one[None], ("actv8", "last")) for one in images])
    torch.testing.assert_close(features, gan.features(images, ("actv8", "last")), rtol=1e-4, atol=1e-5)


def test_saved_networks_make_the_same_images(tmp_path):
    gan = small()
    for layer in gan.generator.layers:
        layer.noise_weight.data.fill_(0.5)  # as a trained one's, so that the noise maps show
    save_gan(gan, tmp_path / "gan.safetensors")
    loaded = load_gan(tmp_path / "gan.safetensors")
    z = gan.prior.sample(2, torch.Generator().manual_seed(0))
    assert torch.equal(gan.decode(z), gan.decode(z))
    assert torch.equal(loaded.decode(z), gan.decode(z))
    assert torch.equal(loaded.view("w+").decode(loaded.view("w+").translate(z)), gan.decode(z))


def test_the_penalty_is_half_gamma_times_the_squared_gradient():
    weights = torch.randn(32 * 32, generator=torch.Generator().manual_seed(1))
    images = torch.zeros(3, 1, 32, 32)
    penalty = StyleGAN(gamma=4.0).regularizer().penalty(lambda x: x.flatten(1) @ weights, images, images)
    torch.testing.assert_close(penalty, 2 * weights.square().sum())
    assert StyleGAN().regularizer().gamma == 10.0


def test_a_few_steps_move_both_networks():
    recipe = StyleGAN(width=8, code_dim=12, batch=4)
    images = Images(torch.randint(0, 256, (16, 1, 32, 32), dtype=torch.uint8))
    budget = Budget("tiny", 0, 0, 0, 3, 0, 0, 0, 60.0)
    trained = train_gan(recipe, images, RunContext(budget, 0))
    untrained = train_gan(recipe, images, RunContext(Budget("none", 0, 0, 0, 0, 0, 0, 0, 60.0), 0))
    for ours, theirs in zip(trained.modules(), untrained.modules(), strict=True):
        assert all(p.isfinite().all() for p in ours.parameters())
        moved = [not torch.equal(a, b) for a, b in zip(ours.parameters(), theirs.parameters(), strict=True)]
        assert all(moved)


def test_wrong_sizes_and_options_are_refused():
    with pytest.raises(NotApplicable, match="32x32, 64x64, 128x128"):
        StyleGAN().build((3, 28, 28), "cpu")
    with pytest.raises(NotApplicable, match="1 or 3 channels, not 2"):
        StyleGAN().build((2, 32, 32), "cpu")
    with pytest.raises(BenchError, match="width"):
        create("gan", "stylegan", {"width": 3})
