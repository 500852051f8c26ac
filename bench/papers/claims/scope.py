"""The scope of a claim: the tables of one budget that it spans, with its subjects in them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from bench.core.errors import BenchError, UnknownName
from bench.core.files import digest
from bench.papers.claims.subjects import ClaimSubject, Level
from bench.reports.groups import MethodResults, ResultGroup, title_of
from bench.reports.published import PrintedPaper, plain
from bench.reports.quantities import Measurement, Quantity, quantities, read


@dataclass(frozen=True)
class ClaimScope:
    """Groups of records that are compared with each other.

    Attributes:
        groups: the group of one GAN, those of one dataset, or those of one budget.
        paper: the paper, which maps its metrics, datasets and GANs to those of the records.
    """

    groups: tuple[ResultGroup, ...]
    paper: PrintedPaper

    @property
    def title(self) -> str:
        """Datasets, GANs and budget in words."""
        sets = dict.fromkeys(title_of(group.dataset) for group in self.groups)
        gans = dict.fromkeys(title_of(group.gan) for group in self.groups)
        shown = [", ".join(sets), ", ".join(gans) if len(gans) < 4 else f"{len(gans)} GANs"]
        return " · ".join([*shown, self.groups[0].budget["name"]])

    def quantities(self, role: str) -> tuple[list[Quantity], str]:
        """Return the quantities that are mapped to a role here; see ``bench.reports.quantities``."""
        return quantities(self.paper.roles[role], self.groups)

    def reading(self, subject: ClaimSubject, quantity: Quantity, within: str = "") -> Measurement:
        """Return the measurement of a subject, in the dataset titled ``within`` if it is given.

        Raises:
            BenchError: the subject is not in the records, or the quantity was not measured; gives the reason.
        """
        group, runs = self._find(subject, within)
        return read(group, runs, quantity)

    def remark(self, subjects: Sequence[ClaimSubject]) -> str:
        """Return the datasets that stand in for the paper's."""
        notes = []
        for name in dict.fromkeys(s.dataset for s in subjects if s.dataset):
            here = [g for g in self.groups if self._answers(g, name)]
            if here and not self.is_same(here[0], name):
                notes.append(f"{title_of(here[0].dataset)} stands in for {name}")
        return "; ".join(notes)

    def drawn_by(self, gan: str, groups: Sequence[ResultGroup]) -> list[ResultGroup]:
        """Return the groups of a GAN."""
        name = plain(self.paper.gans.get(gan, gan))
        return [group for group in groups if name in gan_names(group)]

    def _find(self, subject: ClaimSubject, within: str) -> tuple[ResultGroup, MethodResults]:
        found = [g for g in self.groups if not within or title_of(g.dataset) == within]
        if subject.dataset:
            found = [g for g in found if self._answers(g, subject.dataset)]
            if not found:
                raise BenchError(f"no {subject.dataset} in these records")
        if subject.gan:
            found = self.drawn_by(subject.gan, found)
            if not found:
                raise BenchError(f"no GAN {subject.gan} in these records")
        runs = []
        for group in found:
            try:
                runs.append((group, group.find(subject.method)))
            except UnknownName:
                continue
        if not runs:
            raise BenchError(f"no method {subject.method} in these records")
        if len(runs) > 1:
            raise BenchError(f"'{subject}' stands for several tables: {', '.join(g.title for g, _ in runs)}")
        return runs[0]

    def is_same(self, group: ResultGroup, dataset: str) -> bool:
        """Return True if a table is of this dataset of the paper, and not of one that stands in for it."""
        stand = self.paper.datasets.get(dataset)
        return bool(_names(group) & {plain(name) for name in (dataset, *(stand.answered_by if stand else ()))})

    def _answers(self, group: ResultGroup, dataset: str) -> bool:
        stand = self.paper.datasets.get(dataset)
        stand_ins = {plain(name) for name in (stand.stand_in if stand else ())}
        return self.is_same(group, dataset) or bool(_names(group) & stand_ins)


def gan_names(group: ResultGroup) -> set[str]:
    """Return the names of a GAN: its title, its name, and the recipe of a shipped one (``dcgan``)."""
    name = str(group.gan["name"])
    return {plain(each) for each in (title_of(group.gan), name, name.rpartition("/")[2])}


def _names(group: ResultGroup) -> set[str]:
    return {plain(title_of(group.dataset)), plain(str(group.dataset["name"]))}


def scopes(found: Sequence[ResultGroup], level: Level, paper: PrintedPaper) -> list[ClaimScope]:
    """Split groups into the scopes of a claim of this level, in order of appearance.

    Different datasets may have different numbers of training steps, because the number of steps per epoch depends on
    the dataset; the groups of one dataset must have the same number.
    """
    trained: dict[str, set[int]] = {}
    for group in found:
        trained.setdefault(digest(group.dataset), set()).add(group.budget["train_steps"])
    alike = all(len(steps) == 1 for steps in trained.values())
    parts: dict[str, list[ResultGroup]] = {}
    for group in found:
        shared = {key: value for key, value in group.budget.items() if key != "train_steps" or not alike}
        about = {"gan": [group.dataset, group.gan, group.budget], "dataset": [group.dataset, group.budget]}
        parts.setdefault(digest(about.get(level, [shared])), []).append(group)
    return [ClaimScope(tuple(part), paper) for part in parts.values()]
