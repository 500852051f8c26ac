import torch
from scipy.stats import wasserstein_distance
from torch import nn

from bench.gans.objectives.wasserstein import Wasserstein


def test_the_best_lipschitz_critic_of_shifted_points_attains_the_distance():
    """For one-dimensional sets that differ by a shift the critic D(x) = -x is optimal (Kantorovich-Rubinstein)."""
    real = torch.randn(500, dtype=torch.float64)
    fake = real + 3.0
    loss = Wasserstein().discriminator_loss(torch.neg, real, fake)
    torch.testing.assert_close(-float(loss), wasserstein_distance(real.numpy(), fake.numpy()))


def test_the_generator_raises_the_logits_of_its_images():
    fake = torch.randn(8, requires_grad=True)
    (gradient,) = torch.autograd.grad(Wasserstein().generator_loss(nn.Identity(), fake), fake)
    torch.testing.assert_close(gradient, torch.full((8,), -1 / 8))
