import torch
from torch import nn

from bench.gans.regularizers.clipping import WeightClipping


def test_every_parameter_ends_within_the_limit_and_small_ones_stay():
    network = nn.Sequential(nn.Conv2d(1, 4, 3), nn.BatchNorm2d(4), nn.Linear(4, 1))
    before = [p.detach().clone() for p in network.parameters()]
    WeightClipping(0.1).after_update(network)
    for old, parameter in zip(before, network.parameters(), strict=True):
        assert torch.equal(parameter, old.clip(-0.1, 0.1))
        assert parameter.requires_grad
    assert any((old.abs() > 0.1).any() for old in before)
