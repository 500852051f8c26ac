"""From what a user types to one cell of the harness: dataset, GAN, method, seed and budget."""

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
"""Work that is done unless more or less is asked for, or a suite says how much."""
TIMEOUT = 24 * 3600.0


@dataclass(frozen=True)
class ApplicationRequest:
    """What an application is run on, whatever its options.

    Attributes:
        gan: a GAN's name with options, as in ``ganinv run --gan``; "" takes that of the suite.
        method: inverts images; perhaps with refiners and options.
        dataset: what the GAN was, and the method is, trained on; "" asks the GAN's file, or the suite.
        images: the images that are changed: a folder, or another dataset, whose test images they are; "" for the
            test images of ``dataset``.
        side: images of a folder are scaled to this many pixels a side; 0 for the GAN's own size.
        count: how many images; 0 for 32, or all if there are fewer.
        network: classifier or LPIPS network; "" takes that of the dataset, if there is one.
        suite: a suite whose trained GANs and fitted methods are used; "" for none.
        budget: of the suite; its default if "".
        steps: in place of ``STEPS`` or of the suite's, by the names that they have there.
        seed: of everything that is drawn.
        device: "cpu" or "cuda".
        progress: where steps are reported.
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
        """The cell whose GAN and method are used.

        Raises:
            BenchError: names that are not known, or that leave a choice open; says what to add.
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
            asked = ", ".join(t for t in (self.dataset, self.gan, self.method) if t)
            raise BenchError(f"--suite {self.suite}: no cell with {asked} at this budget")
        if len(titles) > 1:
            raise BenchError(f"--suite {self.suite} has several {what}s: add --{what}, one of {', '.join(titles)}")


def dataset_of(gan: ComponentSpec) -> str:
    """What a GAN that is a file of this suite was trained on, as its header says; "" if it does not.

    Raises:
        WeightsError: no such file, or no safetensors file.
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
