import torch
from torch import nn
from torch.nn.functional import binary_cross_entropy_with_logits as bce

from bench.gans.objectives.non_saturating import NonSaturating


def test_non_saturating_losses_are_binary_cross_entropy():
    real, fake = torch.randn(16), torch.randn(16)
    objective, identity = NonSaturating(), nn.Identity()
    ones, zeros = torch.ones(16), torch.zeros(16)
    torch.testing.assert_close(objective.discriminator_loss(identity, real, fake), bce(real, ones) + bce(fake, zeros))
    torch.testing.assert_close(objective.generator_loss(identity, fake), bce(fake, ones))


def test_losses_are_finite_for_extreme_logits():
    far = torch.tensor([1e4, -1e4])
    assert NonSaturating().discriminator_loss(nn.Identity(), far, far).isfinite()
