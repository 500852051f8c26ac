import pytest
import torch
from torch import nn

from bench.gans.connection import make_connection
from bench.gans.networks import ConnectionNetwork


def kinds(network):
    return [type(layer).__name__ for layer in network.layers]


def test_group_normalisation_is_dfi_s_network_to_the_bit():
    torch.manual_seed(3)
    ours = make_connection(40, 6, 2, 128, "group", "paper")
    torch.manual_seed(3)
    plain = ConnectionNetwork(40, 6, 2, 128)
    assert ours.state_dict().keys() == plain.state_dict().keys()
    assert all(torch.equal(ours.state_dict()[key], value) for key, value in plain.state_dict().items())


@pytest.mark.parametrize("depth", range(1, 6))
def test_batch_normalisation_takes_its_place_in_every_hidden_layer(depth):
    network = make_connection(40, 6, depth, 128, "batch", "paper")
    assert kinds(network) == ["Linear", "BatchNorm1d", "LeakyReLU"] * depth + ["Linear"]
    assert network(torch.randn(4, 40)).shape == (4, 6)


def test_the_author_s_first_hidden_layer_has_no_norm():
    network = make_connection(40, 6, 2, 128, "group", "author")
    block = ["Linear", "BatchNorm1d", "LeakyReLU"]
    assert kinds(network) == ["Linear", "Identity", "LeakyReLU", *block, *block, "Linear"]
    widths = [(layer.in_features, layer.out_features) for layer in network.layers if isinstance(layer, nn.Linear)]
    assert widths == [(40, 128), (128, 128), (128, 128), (128, 6)]
