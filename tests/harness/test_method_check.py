"""The contract checks pass every registered method, and find every breach that they are there for."""

import re

import pytest

from bench.core import registry
from bench.core.errors import UnknownName
from bench.harness.method_check import check_method

HEAD = '''
from dataclasses import dataclass
import torch
from torch import nn
from bench.core.types import Inverter
from bench.core.registry import method

@method("faulty")
@dataclass
class Faulty(Inverter):
    """Breaks one rule."""
    {body}
'''

BREACHES = {
    "images for codes": ("def invert(self, x):\n        return x", "returned images"),
    "wrong shape": ("def invert(self, x):\n        return torch.zeros(len(x), 3)", "returned shape"),
    "wrong type": ("def invert(self, x):\n        return torch.zeros(len(x), self.gan.code_dim).double()", "float64"),
    "no tensor": ("def invert(self, x):\n        return None", "returned NoneType"),
    "nan": ("def invert(self, x):\n        return torch.full((len(x), self.gan.code_dim), torch.nan)", "NaN"),
    "unseeded": (
        "def invert(self, x):\n        g = torch.Generator(); g.seed()\n"
        "        return torch.randn(len(x), self.gan.code_dim, generator=g)",
        "codes differ by",
    ),
    "coupled images": (
        "def invert(self, x):\n        return x.flatten(1)[:, :self.gan.code_dim].contiguous() + x.mean()",
        "other images in the batch",
    ),
    "forgets its state": (
        "def build(self):\n        self.offset = nn.Linear(1, self.gan.code_dim)\n"
        "    def state(self):\n        return {{}}\n"
        "    def load_state(self, state):\n        pass\n"
        "    def invert(self, x):\n        return self.offset(x.flatten(1)[:, 300:301])",
        "after state\\(\\) and load_state\\(\\)",
    ),
    "changes the GAN": (
        "def fit(self, data):\n        next(self.gan.generator.parameters()).data.add_(1.0)\n"
        "    def invert(self, x):\n        return x.flatten(1)[:, :self.gan.code_dim].contiguous()",
        "weights changed",
    ),
    "peeks at test images": (
        "def fit(self, data):\n        from bench.core.options import create\n"
        "        create('dataset', 'digits').load()\n"
        "    def invert(self, x):\n        return x.flatten(1)[:, :self.gan.code_dim].contiguous()",
        "test",
    ),
    "raises": ("def invert(self, x):\n        raise RuntimeError('no luck')", "RuntimeError: no luck"),
}


@pytest.mark.parametrize("breach", BREACHES)
def test_each_breach_is_found_and_named(tmp_path, breach):
    body, message = BREACHES[breach]
    path = tmp_path / "faulty.py"
    path.write_text(HEAD.format(body=body.replace("{{}}", "{}")))
    failed = [o for o in check_method(str(path)) if not o.passed]
    assert failed
    assert any(re.search(message, o.message) for o in failed), failed


@pytest.mark.parametrize("name", sorted(registry.entries("method")))
def test_every_registered_method_keeps_the_contract(name):
    assert [o for o in check_method(name) if not o.passed] == []


def test_unknown_method():
    with pytest.raises(UnknownName, match="did you mean 'dfi'"):
        check_method("dfj")
