"""The request of a user, and the cell of the harness that it names: dataset, GAN, method, seed and budget."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bench.core.errors import BenchError, WeightsError
from bench.core.files import read_header
from bench.core.types import Budget, Cell, ComponentSpec
from bench.gans.zoo import gan_file, runs_code
from bench.harness.experiment import Progress, silent
from bench.harness.suite import open_suite, parse_choice
from bench.harness.suite_parser import checked

STEPS = {"train_steps": 2_000, "fit_steps": 300, "search_steps": 100, "refine_steps": 50}
"""Default numbers of steps, without a suite and ``--steps``."""
TIMEOUT = 24 * 3600.0


@dataclass(frozen=True)
class ApplicationRequest:
    """The GAN, method and images that an application is run on.

    Attributes:
        gan: name of the GAN with options, as in ``ganinv run --gan``; "" for that of the suite.
        method: name of the inversion method, optionally with refiners and options.
        dataset: training data of the GAN and the method; "" for that named by the GAN's file, or the suite.
        images: the images that are changed: a folder, or another dataset, of which the test images are used; "" for
            the test images of ``dataset``.
        side: side in pixels to which images of a folder are scaled; 0 for the GAN's size.
        count: number of images; 0 for 32, or all if there are fewer.
        network: classifier or LPIPS network; "" for that of the dataset, if there is one.
        suite: suite whose trained GANs and fitted methods are used; "" for none.
        budget: budget of the suite; "" for its default.
        steps: numbers of steps by name, in place of ``STEPS`` or those of the suite.
        seed: seed of all random numbers.
        device: "cpu" or "cuda".
        progress: called with the number of finished steps.
    """

    gan: str = ""
    method: str = "dfi"
    dataset: str = ""
    images: str = ""
    side: int = 0
    count: int = 0
    network: str = ""
    suite: str = ""
    budget: str = ""
    steps: tuple[tuple[str, int], ...] = ()
    seed: int = 0
    device: str = "cpu"
    progress: Progress = silent

    def __post_init__(self) -> None:
        if self.budget and not self.suite:
            raise BenchError(f"--budget {self.budget}: is that of a suite, add --suite NAME")
        for name in ("side", "count", "seed"):
            if getattr(self, name) < 0:
                raise BenchError(f"--{name} {getattr(self, name)}: expected 0 or more")
        for name, number in self.steps:
            if number < 0:
                raise BenchError(f"--{name.replace('_', '-')} {number}: expected 0 or more")

    def cell(self) -> Cell:
        """Return the cell whose GAN and method are used.

        Raises:
            BenchError: names are unknown or ambiguous; the message says what to add.
        """
        return self._suite_cell() if self.suite else self._own_cell()

    def _own_cell(self) -> Cell:
        if not self.gan:
            raise BenchError("--gan is missing: a shipped GAN, checkpoint:PATH or a recipe (ganinv list gans)")
        gan = checked("gan", parse_choice(self.gan, "--gan"), "--gan")
        method = checked("method", parse_choice(self.method, "--method"), "--method")
        dataset = self.dataset or dataset_of(gan)
        if not dataset:
            raise BenchError(
                f"--gan {self.gan}: nothing says what it was trained on; add --dataset NAME or --dataset folder:PATH"
            )
        choice = checked("dataset", parse_choice(dataset, "--dataset"), "--dataset")
        budget = Budget("apply", 0, 0, 0, **{**STEPS, **dict(self.steps)}, timeout=TIMEOUT)
        return Cell(choice, gan, method=method, seed=self.seed, budget=budget, metrics=())

    def _suite_cell(self) -> Cell:
        suite = open_suite(self.suite)
        gans = [self.gan] if self.gan else None
        cells = suite.cells(self.budget or None, seeds=[self.seed], gans=gans, methods=[self.method])
        if self.dataset:
            cells = [c for c in cells if self.dataset in {c.dataset.title, c.dataset.name}]
        for what in ("dataset", "gan"):
            self._only_one(what, [getattr(c, what) for c in cells])
        cell = cells[0]
        changes: dict[str, Any] = dict(self.steps)
        return dataclasses.replace(cell, budget=dataclasses.replace(cell.budget, **changes), metrics=())

    def _only_one(self, what: str, found: Sequence[ComponentSpec]) -> None:
        titles = list(dict.fromkeys(choice.title for choice in found))
        if not titles:
            names = ", ".join(t for t in (self.dataset, self.gan, self.method) if t)
            raise BenchError(f"--suite {self.suite}: no cell with {names} at this budget")
        if len(titles) > 1:
            raise BenchError(f"--suite {self.suite} has several {what}s: add --{what}, one of {', '.join(titles)}")


def dataset_of(gan: ComponentSpec) -> str:
    """Return the dataset in the header of a GAN's file; "" if the GAN is no file of this suite or names none.

    Raises:
        WeightsError: no such file, or it is not a safetensors file.
    """
    path = gan_file(gan.name)
    if path is None or runs_code(gan.name):
        return ""
    return _told(path)


def _told(path: Path) -> str:
    try:
        header = json.loads(read_header(path).get("__metadata__", {}).get("ganinv", "{}"))
    except (OSError, ValueError) as error:
        raise WeightsError(f"{path}: not a whole safetensors file: {error}") from error
    return str(header.get("metadata", {}).get("dataset", ""))
