import pytest
import torch
from torch import nn
from torch.nn.functional import binary_cross_entropy_with_logits as bce

from bench.gans.dcgan import DFM
from bench.gans.objectives.denoising import make_denoiser

SHAPE = (1, 28, 28)


@pytest.fixture
def prepared():
    torch.manual_seed(0)
    recipe = DFM(width=2, code_dim=4, denoiser_depth=3, denoiser_weight=0.7, denoiser_noise=0.5)
    gan = recipe.build(SHAPE, "cpu")
    objective = recipe.objective()
    objective.prepare(gan, recipe)
    gan.discriminator.eval()  # so that the same images have the same features twice
    objective.denoiser.eval()
    return objective, gan.discriminator


def images(count=6):
    return torch.rand(count, *SHAPE) * 2 - 1


def test_the_generators_loss_adds_the_weighted_distance_to_the_denoised_features(prepared):
    objective, discriminator = prepared
    fake = images()
    features = discriminator.features(fake, ("last",))[0].flatten(1)
    distance = (features - objective.denoiser(features)).square().mean()
    expected = bce(discriminator(fake), torch.ones(6)) + 0.7 * distance
    torch.testing.assert_close(objective.generator_loss(discriminator, fake), expected)


def test_no_gradient_runs_through_the_denoiser(prepared):
    """The denoised features are a target: the term's gradient at the features is 2 weight (φ - r(φ)) / n."""
    objective, discriminator = prepared
    fake = images().requires_grad_(True)
    (found,) = torch.autograd.grad(objective.generator_loss(discriminator, fake), fake)
    features = discriminator.trunk(fake)
    residual = (features.flatten(1) - objective.denoiser(features.flatten(1))).detach()
    cotangent = 2 * 0.7 * residual.view_as(features) / features.numel()
    (term,) = torch.autograd.grad(features, fake, cotangent)
    (adversarial,) = torch.autograd.grad(bce(discriminator(fake), torch.ones(6)), fake)
    torch.testing.assert_close(found, adversarial + term, rtol=1e-4, atol=1e-7)


def test_the_discriminators_loss_is_cross_entropy(prepared):
    objective, discriminator = prepared
    real, fake = images(), images()
    expected = bce(discriminator(real), torch.ones(6)) + bce(discriminator(fake), torch.zeros(6))
    torch.testing.assert_close(objective.discriminator_loss(discriminator, real, fake), expected)


def test_the_denoiser_learns_features_of_real_images_and_nothing_else_changes(prepared):
    objective, discriminator = prepared
    objective.denoiser.train()
    objective.optimizer.param_groups[0]["lr"] = 1e-3
    before = {name: tensor.clone() for name, tensor in discriminator.state_dict().items()}
    real = images(64)

    @torch.no_grad()
    def error():
        objective.discriminator_loss(discriminator, real, real)
        return float((objective.denoiser(objective.features) - objective.features).square().mean())

    first = error()
    for _ in range(60):
        objective.learn()
    assert error() < 0.5 * first
    for name, tensor in discriminator.state_dict().items():
        assert torch.equal(tensor, before[name]), name


def test_the_denoiser_has_the_stated_layers():
    denoiser = make_denoiser(12, 10)
    linear = [layer for layer in denoiser if isinstance(layer, nn.Linear)]
    assert [tuple(layer.weight.shape) for layer in linear] == [(12, 12)] * 10
    assert sum(isinstance(layer, nn.BatchNorm1d) for layer in denoiser) == 9


def test_denoiser_and_optimizer_are_part_of_the_trainings_state(prepared):
    objective, _ = prepared
    assert objective.state() == {"denoiser": objective.denoiser, "denoiser_optimizer": objective.optimizer}
