import torch
from torch import nn

from bench.gans.networks import ConnectionNetwork, Trunk, fresh_copy


def test_a_trunk_stops_at_the_deepest_layer_asked_for():
    class Forbidden(nn.Module):
        def forward(self, x):
            raise AssertionError("ran past the layer that was asked for")

    trunk = Trunk({"a": nn.Identity(), "b": Forbidden()})
    assert torch.equal(trunk.features(torch.ones(1), ("a",))[0], torch.ones(1))


def test_a_connection_network_has_the_stated_layers():
    network = ConnectionNetwork(20, 7, depth=3, width=64)
    linear = [m for m in network.modules() if isinstance(m, nn.Linear)]
    assert [(m.in_features, m.out_features) for m in linear] == [(20, 64), (64, 64), (64, 64), (64, 7)]
    assert sum(isinstance(m, nn.GroupNorm) for m in network.modules()) == 3
    assert network(torch.zeros(2, 20)).shape == (2, 7)


def test_a_fresh_copy_is_trainable_and_shares_nothing():
    old = nn.Sequential(nn.Conv2d(1, 2, 3), nn.BatchNorm2d(2)).requires_grad_(False)
    old[1].running_mean += 5
    before = [t.clone() for t in old.state_dict().values()]
    fresh = fresh_copy(old)
    assert all(p.requires_grad for p in fresh.parameters())
    assert not torch.equal(fresh[0].weight, old[0].weight)
    assert torch.equal(fresh[1].running_mean, torch.zeros(2))
    assert all(torch.equal(a, b) for a, b in zip(before, old.state_dict().values(), strict=True))
