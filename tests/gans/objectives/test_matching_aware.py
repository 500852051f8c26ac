import torch
from torch.nn.functional import binary_cross_entropy_with_logits as bce

from bench.gans.objectives.matching_aware import MatchingAware


def linear(images, y):
    """A critic whose logit tells every image and every condition apart."""
    return images.flatten(1).sum(1) + 3 * y[:, 0] - 2 * y[:, 1]


def made():
    torch.manual_seed(0)
    objective = MatchingAware()
    objective.right, objective.wrong, objective.drawn = torch.randn(3, 16, 2).unbind()
    return objective, torch.randn(16, 1, 2, 2), torch.randn(16, 1, 2, 2)


def test_losses_are_binary_cross_entropy_with_half_weights_for_the_two_kinds_of_fake():
    objective, real, fake = made()
    ones, zeros = torch.ones(16), torch.zeros(16)
    matching, mismatched = linear(real, objective.right), linear(real, objective.wrong)
    generated = linear(fake, objective.drawn)
    expected = bce(matching, ones) + 0.5 * bce(mismatched, zeros) + 0.5 * bce(generated, zeros)
    torch.testing.assert_close(objective.discriminator_loss(linear, real, fake), expected)
    torch.testing.assert_close(objective.generator_loss(linear, fake), bce(generated, ones))


def test_losses_are_finite_for_extreme_logits():
    objective, real, fake = made()
    assert objective.discriminator_loss(lambda x, y: 1e4 * linear(x, y), real, fake).isfinite()
    assert objective.generator_loss(lambda x, y: 1e4 * linear(x, y), fake).isfinite()
