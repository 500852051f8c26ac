"""Generator calls are counted whichever way they are made, and counting draws no random number."""

import copy

import pytest
import torch
from torch import nn

from bench.core.types import Gan
from bench.gans.priors import Normal
from bench.harness.call_counter import CallCounter, counted


class Noisy(nn.Module):
    """Images of codes, with noise from torch's global generator."""

    def __init__(self):
        super().__init__()
        self.layer = nn.Linear(3, 16)

    def forward(self, codes):
        return torch.tanh(self.layer(codes) + torch.randn(1)).view(-1, 1, 4, 4)


class Twice(nn.Module):
    """Each image is made of two passes through one layer."""

    def __init__(self):
        super().__init__()
        self.layer = nn.Linear(3, 8)

    def forward(self, codes):
        return torch.cat([self.layer(codes), self.layer(-codes)], 1).view(-1, 1, 4, 4)


def gan(generator):
    return Gan(generator, None, Normal(3), (1, 4, 4)).freeze()


@pytest.mark.parametrize("generator", [Noisy, Twice])
def test_calls_count_through_decode_the_generator_its_forward_and_copies(generator):
    made = gan(generator())
    codes = torch.zeros(5, 3)
    with counted(made) as calls:
        assert calls.total == 0
        made.decode(codes)
        assert calls.total == 5
        made.generator(codes)
        made.generator.forward(codes)
        copy.deepcopy(made.generator)(codes)
        assert calls.total == 20
        made.calls = -99
        assert calls.total == 20, "a method cannot take calls back"
    made.decode(codes)
    assert calls.total == 20, "counted in the block alone"


def test_a_larger_count_of_the_method_itself_is_taken():
    """Derivatives along many directions are one pass through the modules."""
    made = gan(Noisy())
    with counted(made) as calls:
        made.decode(torch.zeros(1, 3))
        made.calls += 40
    assert calls.total == 41


def test_finding_the_last_module_draws_no_random_number():
    made = gan(Noisy())
    torch.manual_seed(0)
    expected = torch.rand(3)
    torch.manual_seed(0)
    CallCounter(made).remove()
    assert torch.equal(torch.rand(3), expected)
    assert made.calls == 0


def test_a_module_of_an_archive_counts_as_the_method_says():
    made = gan(torch.jit.trace(nn.Sequential(nn.Linear(3, 16), nn.Unflatten(1, (1, 4, 4))), torch.zeros(2, 3)))
    with counted(made) as calls:
        made.decode(torch.zeros(7, 3))
    assert calls.total == 7
