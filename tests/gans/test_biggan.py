import pytest
import torch
from torch import nn
from torch.nn.utils.parametrize import is_parametrized

from bench.core.errors import BenchError, NotApplicable
from bench.core.options import create
from bench.gans.biggan import SmallBigGAN, SumPool
from bench.gans.checkpoints import load_gan, save_gan
from bench.gans.networks import fresh_copy
from bench.gans.objectives.hinge import Hinge


def small(shape=(3, 32, 32)):
    torch.manual_seed(0)
    return SmallBigGAN(width=8, code_dim=6).build(shape, "cpu")


def layers(module):
    return [m for m in module.modules() if isinstance(m, nn.Conv2d | nn.Linear)]


@pytest.mark.parametrize("shape", [(1, 28, 28), (1, 32, 32), (3, 32, 32)])
def test_images_and_features_have_the_stated_shapes(shape):
    gan = small(shape).freeze()
    images = gan.decode(gan.prior.sample(3, torch.Generator().manual_seed(0)))
    assert images.shape == (3, *shape)
    assert float(images.abs().max()) <= 1.0
    half, quarter = shape[1] // 2, shape[1] // 4
    names = (f"actv{half}-0", f"actv{quarter}-0", f"actv{quarter}-1", f"actv{quarter}-2", "last")
    assert gan.discriminator.layers == names
    sides = [m.shape[1:] for m in gan.discriminator.features(images, names)]
    assert sides == [(8, half, half)] + [(8, quarter, quarter)] * 4
    assert gan.discriminator(images).shape == (3,)


def test_parameter_counts_follow_from_the_layer_table():
    gan = SmallBigGAN().build((3, 32, 32), "cpu")
    block = 2 * (9 * 256**2 + 256) + 256**2 + 256 + 4 * 256
    generator = 128 * 4096 + 4096 + 3 * block + 2 * 256 + 9 * 256 * 3 + 3
    convolution, shortcut = 9 * 128**2 + 128, 128**2 + 128
    discriminator = 9 * 3 * 128 + 128 + convolution + 3 * 128 + 128 + 6 * convolution + shortcut + 128 + 1
    assert sum(p.numel() for p in gan.generator.parameters()) == generator
    assert sum(p.numel() for p in gan.discriminator.parameters()) == discriminator


def spectral_norms(module):
    return torch.stack([torch.linalg.svdvals(part.weight.detach().flatten(1))[0] for part in layers(module)])


def test_every_layer_of_the_discriminator_has_spectral_norm_one():
    discriminator = small().discriminator.train()
    parts = layers(discriminator)
    assert len(parts) == 3 + 3 + 2 + 2 + 1
    assert all(is_parametrized(part, "weight") for part in parts)
    for _ in range(20):
        discriminator(torch.zeros(2, 3, 32, 32))
    torch.testing.assert_close(spectral_norms(discriminator), torch.ones(len(parts)), rtol=0.02, atol=0)


def test_a_fresh_trunk_keeps_its_spectral_norm():
    trunk = small().freeze().discriminator.trunk
    fresh = fresh_copy(trunk).train()
    for _ in range(20):
        fresh(torch.zeros(2, 3, 32, 32))
    torch.testing.assert_close(spectral_norms(fresh), torch.ones(10), rtol=0.02, atol=0)
    pairs = zip(layers(fresh), layers(trunk), strict=True)
    assert not any(torch.allclose(new.weight, old.weight) for new, old in pairs)


def test_the_logit_is_linear_in_the_sum_over_pixels():
    x = torch.randn(2, 8, 4, 4, generator=torch.Generator().manual_seed(0))
    torch.testing.assert_close(SumPool(8)(x.flatten(1)), x.sum((2, 3)))
    gan = small().freeze()
    last = gan.features(x := torch.rand(2, 3, 32, 32)).view(2, 8, 8, 8)
    assert float(last.min()) >= 0.0  # after the ReLU
    shuffled = last.flatten(2)[:, :, torch.randperm(64)].view_as(last)
    torch.testing.assert_close(gan.discriminator.logits(shuffled), gan.discriminator(x))


def test_features_do_not_depend_on_batch_mates():
    gan = small().freeze()
    x = torch.rand(4, 3, 32, 32, generator=torch.Generator().manual_seed(0))
    alone = torch.cat([gan.features(one[None], gan.discriminator.layers) for one in x])
    torch.testing.assert_close(alone, gan.features(x, gan.discriminator.layers), rtol=1e-4, atol=1e-5)


def test_saved_networks_make_the_same_images_and_features(tmp_path):
    gan = small().freeze()
    save_gan(gan, tmp_path / "gan.safetensors")
    loaded = load_gan(tmp_path / "gan.safetensors")
    images = gan.decode(gan.prior.sample(2, torch.Generator().manual_seed(0)))
    assert torch.equal(loaded.decode(gan.prior.sample(2, torch.Generator().manual_seed(0))), images)
    assert torch.equal(loaded.features(images), gan.features(images))


def test_the_recipe_is_that_of_the_paper():
    recipe = SmallBigGAN()
    assert isinstance(recipe.objective(), Hinge)
    adam = recipe.optimizer(nn.Linear(1, 1)).defaults
    assert (adam["lr"], adam["betas"], recipe.batch, recipe.prior) == (2e-4, (0.0, 0.999), 64, "normal")


def test_wrong_sizes_and_options_are_refused():
    with pytest.raises(NotApplicable, match="it has 28x28, 32x32"):
        SmallBigGAN().build((3, 64, 64), "cpu")
    with pytest.raises(BenchError, match="width"):
        create("gan", "biggan-small", {"width": 0})
