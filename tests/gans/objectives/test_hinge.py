import torch
from torch import nn
from torch.nn.functional import hinge_embedding_loss

from bench.gans.objectives.hinge import Hinge


def test_the_margins_are_those_of_torchs_hinge_loss():
    """hinge_embedding_loss with target -1 is max(0, margin - x)."""
    real, fake = 2 * torch.randn(64), 2 * torch.randn(64)
    away = -torch.ones(64)
    expected = hinge_embedding_loss(real, away) + hinge_embedding_loss(-fake, away)
    torch.testing.assert_close(Hinge().discriminator_loss(nn.Identity(), real, fake), expected)


def test_logits_beyond_their_margin_cost_nothing_and_the_generator_has_none():
    real, fake = torch.tensor([1.0, 5.0]), torch.tensor([-1.0, -5.0])
    assert float(Hinge().discriminator_loss(nn.Identity(), real, fake)) == 0.0
    assert float(Hinge().generator_loss(nn.Identity(), fake)) == 3.0
