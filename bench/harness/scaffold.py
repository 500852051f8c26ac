"""Scaffold of a new method: one working file and its test."""

from __future__ import annotations

import keyword
import re
from pathlib import Path
from string import Template

from bench.core.errors import BenchError
from bench.core.files import write_text
from bench.core.registry import entries

_METHOD = Template('''"""$title: a method in one file. Replace the network and the loss by yours."""

from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from bench import FitData, Inverter, method


@method("$name")
@dataclass
class $cls(Inverter):
    """A small convolutional encoder that learns the codes of generated images."""

    width: int = 32
    learning_rate: float = 1e-3
    batch: int = 64

    trained_on = "generated codes"

    def build(self) -> None:
        """Create the networks; called before ``fit`` and before a stored state is loaded."""
        channels, height, width = self.gan.image_shape
        self.encoder = nn.Sequential(
            nn.Conv2d(channels, self.width, 4, 2, 1),
            nn.LeakyReLU(0.2),
            nn.Conv2d(self.width, 2 * self.width, 4, 2, 1),
            nn.LeakyReLU(0.2),
            nn.Flatten(),
            nn.Linear(2 * self.width * (height // 4) * (width // 4), self.gan.code_dim),
        ).to(self.run.device)

    def fit(self, data: FitData) -> None:
        """Learn z from G(z); ``data.train`` and ``data.val`` hold real images, for methods that want them."""
        optimizer = torch.optim.Adam(self.encoder.parameters(), self.learning_rate)
        state = {"encoder": self.encoder, "optimizer": optimizer}
        for _ in self.run.loop("fit $name", self.run.budget.fit_steps, state):
            codes = self.gan.prior.sample(self.batch, self.run.rng)
            with torch.no_grad():
                images = self.gan.decode(codes)
            loss = F.mse_loss(self.encoder(images), codes)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            self.run.report(loss=loss.detach())

    @torch.no_grad()
    def invert(self, x: Tensor) -> Tensor:
        """Return codes [B, d] of images [B, C, H, W] in [-1, 1]. The harness decodes and scores them."""
        codes: Tensor = self.encoder(x)
        return codes
''')

_TEST = Template('''"""The contract that every method keeps, checked on $name.py."""

from pathlib import Path

import pytest

from bench import check_method


@pytest.mark.parametrize("outcome", check_method(str(Path(__file__).with_name("$name.py"))), ids=lambda o: o.name)
def test_contract(outcome):
    assert outcome.passed, outcome.message
''')


def new_method(name: str, folder: Path) -> list[Path]:
    """Write ``NAME.py`` and ``test_NAME.py``; return their paths.

    Raises:
        BenchError: the name is no Python name or is taken, or a file already exists.
    """
    if not re.fullmatch(r"[a-z][a-z0-9_]*", name) or keyword.iskeyword(name):
        raise BenchError(f"method name '{name}': use lower-case letters, digits and underscores, a letter first")
    if name in entries("method"):
        raise BenchError(f"method name '{name}' is taken; 'ganinv list methods' shows all")
    words = {"name": name, "cls": "".join(part.title() for part in name.split("_")), "title": name}
    paths = [folder / f"{name}.py", folder / f"test_{name}.py"]
    for path in paths:
        if path.exists():
            raise BenchError(f"{path} exists; nothing was written")
    for path, template in zip(paths, (_METHOD, _TEST), strict=True):
        write_text(path, template.substitute(words))
    return paths
