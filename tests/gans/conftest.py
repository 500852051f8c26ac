"""A folder of the user's with a module of factories, and how GANs of the user are opened and looked at."""

from __future__ import annotations

import itertools
import sys

import pytest
import torch

from bench.core.paths import allowing_code
from bench.core.types import ComponentSpec
from bench.gans.external import open_foreign

CODE = '''
import torch
from torch import nn
from bench.gans.dcgan import DCGAN

class Generator(nn.Module):
    """Codes of five numbers to a 4 x 4 image; knows their number and prior."""

    code_dim, prior = 5, "uniform"

    def __init__(self, width=16):
        super().__init__()
        self.linear = nn.Sequential(nn.Linear(5, width), nn.BatchNorm1d(width), nn.Linear(width, 16), nn.Tanh())

    def forward(self, codes):
        return self.linear(codes).view(-1, 1, 4, 4)

def silent():
    """A generator that says nothing of its codes."""
    return nn.Sequential(Generator())

def pair():
    gan = DCGAN(width=2, code_dim=4).build((1, 28, 28), "cpu")
    gan.generator.z_dim, gan.generator.prior = 4, "normal"
    return gan.generator, gan.discriminator

def whole(width=2, code_dim=3):
    return DCGAN(width=width, code_dim=code_dim).build((1, 28, 28), "cpu")

def loaded(weights, scale=1.0):
    generator = Generator()
    generator.load_state_dict(torch.load(weights))
    return generator

def sized(code_dim, **more):
    generator = Generator()
    generator.more = {"code_dim": code_dim, **more}
    return generator

def bare_judge():
    return Generator(), nn.Linear(16, 1)

def archived(path):
    return torch.jit.load(path)

def exported(path):
    return torch.export.load(path).module()

def text():
    return "a generator"

def texts():
    return Generator(), "a discriminator"

def broken():
    raise KeyError("mapping")

A_NUMBER = 7
'''
numbers = itertools.count()


@pytest.fixture
def here(tmp_path, monkeypatch):
    """A folder of the user's, which is the current one; what is imported from it is forgotten."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", list(sys.path))
    known = set(sys.modules)
    yield tmp_path
    for name in set(sys.modules) - known:
        if str(tmp_path) in str(getattr(sys.modules[name], "__file__", "")):
            del sys.modules[name]


@pytest.fixture
def factories():
    """The source of that module."""
    return CODE


@pytest.fixture
def module(here):
    """Name of a module of the user's, different in every test."""
    name = f"mine{next(numbers)}"
    (here / f"{name}.py").write_text(CODE)
    return name


@pytest.fixture
def opened():
    """``opened(name, **options)``: a GAN of the user, with permission."""

    def open_(name, **options):
        with allowing_code():
            return open_foreign(ComponentSpec(name, options))

    return open_


@pytest.fixture
def decoded():
    """``decoded(gan, count=3)``: images of fixed codes."""

    def decode(gan, count=3):
        return gan.decode(gan.prior.sample(count, torch.Generator().manual_seed(1)))

    return decode
