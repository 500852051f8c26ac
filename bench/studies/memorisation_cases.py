"""The cases of the memorisation study: reference generators, and the results of their examination."""

from __future__ import annotations

import dataclasses
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any, Literal

from bench.core.errors import DataError, Diverged
from bench.core.files import digest, write_json
from bench.core.types import ComponentSpec
from bench.studies.base import StudyRequest
from bench.studies.memorisation_values import Row, baselines, error_values, set_values

if TYPE_CHECKING:
    from bench.core.types import Dataset, Gan
    from bench.harness.store import Store
    from bench.overfit.examination import SearchSettings
    from bench.overfit.inputs import Real
    from bench.overfit.recovery import Search
    from bench.overfit.reference_generators import ReferenceGenerator
    from bench.overfit.reference_pool import Pool

STAGE = "memorisation"
MOST = 4_096
"""Largest number of training, and of unseen, images that samples are compared with."""
Size = Literal["smoke", "cpu", "large"]


@dataclass(frozen=True)
class Plan:
    """The size of the memorisation study.

    Attributes:
        sizes: numbers of training images of the reference generators; 0 for all.
        steps: training steps.
        early: training steps of the negative controls.
        search_steps: budgets of the search, rising; the verdict is taken at the last.
        n: number of images of each group that are inverted.
        trainings: number of negative controls, each with a random partition of the images of its own.
        draws: number of disjoint draws of images from each negative control.
        unseen: number of images that no generator is trained on.
        width: width of the networks.
        code_dim: dimension of a code.
        batch: images per training step.
    """

    sizes: tuple[int, ...]
    steps: int
    early: int
    search_steps: tuple[int, ...]
    n: int
    trainings: int
    draws: int
    unseen: int
    width: int = 8
    code_dim: int = 16
    batch: int = 64

    def __post_init__(self) -> None:
        if list(self.search_steps) != sorted(set(self.search_steps)) or not self.search_steps:
            raise ValueError(f"search_steps = {list(self.search_steps)}: expected rising numbers, at least one")
        if min(self.search_steps[0], self.steps, self.trainings, self.draws) < 1:
            raise ValueError("search_steps, steps, trainings and draws must be at least 1")


PLANS: Mapping[Size, Plan] = {
    "smoke": Plan(
        (40, 0),
        4,
        early=2,
        search_steps=(1, 2),
        n=40,
        trainings=1,
        draws=2,
        unseen=100,
        width=4,
        code_dim=4,
        batch=16,
    ),
    "cpu": Plan(
        (64, 256, 1024, 4096, 0),
        1000,
        early=800,
        search_steps=(5, 25, 200),
        n=100,
        trainings=20,
        draws=1,
        unseen=10_000,
    ),
    "large": Plan(
        (64, 256, 1024, 4096, 0),
        6000,
        early=1600,
        search_steps=(10, 40, 400),
        n=250,
        trainings=20,
        draws=1,
        unseen=10_000,
        width=16,
        code_dim=32,
    ),
}


@dataclass(frozen=True)
class Case:
    """A reference generator and the images with which it is examined.

    Attributes:
        suspect: the reference generator.
        honest: True for a negative control, trained on all images and stopped early.
        partition: seed of the partition into training and unseen images.
        draw: number of the draw of its images.
        draws: number of draws that its images are divided into.
    """

    suspect: ReferenceGenerator
    honest: bool = False
    partition: int = 0
    draw: int = 0
    draws: int = 1


def list_cases(plan: Plan, sizes: Sequence[int], without: tuple[int, ...], seed: int) -> list[Case]:
    """Return all cases: memorisers and GANs on each number of images, collapsed, dropping and negative controls."""
    from bench.overfit.reference_generators import Network, ReferenceGenerator

    network = Network(plan.width, plan.code_dim, plan.batch)
    common: dict[str, Any] = {"network": network, "seed": seed}
    guilty = [ReferenceGenerator(f, n, plan.steps, **common) for f in ("glo", "copier", "gan") for n in sizes]
    guilty += [ReferenceGenerator("collapsed", 0, plan.early, kept=k, **common) for k in (1, 5)]
    if without:
        guilty.append(ReferenceGenerator("dropping", 0, plan.early, without=without, **common))
    cases = [Case(suspect, partition=seed) for suspect in guilty]
    for training in range(plan.trainings):
        number = seed + training
        suspect = ReferenceGenerator("gan", 0, plan.early, number, network=network)
        cases += [Case(suspect, True, partition=number, draw=draw, draws=plan.draws) for draw in range(plan.draws)]
    return cases


@dataclass
class Examiner:
    """Runs the examination of cases; stored ones are read.

    Attributes:
        data: all splits of the dataset.
        plan: size of the study.
        method: the search.
        store: store of generators, inverted chunks and finished cases.
        request: device and progress.
    """

    data: Dataset
    plan: Plan
    method: ComponentSpec
    store: Store
    request: StudyRequest
    _pool: tuple[int, Pool] | None = dataclasses.field(default=None, init=False)
    _code: list[str] = dataclasses.field(default_factory=list, init=False)

    def __post_init__(self) -> None:
        from bench.harness.keys import module_code
        from bench.overfit.recovery import search_code

        self._code = [*module_code(__name__), *search_code(self.method)]

    def pool(self, partition: int) -> Pool:
        """Return the images in the order of a partition; the latest one is cached."""
        from bench.overfit.reference_pool import split_pool

        if self._pool is None or self._pool[0] != partition:
            parts = (self.data.train, self.data.val, self.data.test)
            self._pool = partition, split_pool(parts, self.plan.unseen, partition)
        return self._pool[1]

    def rows(self, cases: Sequence[Case]) -> Iterator[Row]:
        """Yield a row for each case and budget of the search; a failed training yields one row with the reason."""
        spent, made = 0.0, 0
        for number, case in enumerate(cases):
            started = time.monotonic()
            rows, new = self._stored(case)
            yield from rows
            if new:
                spent, made = spent + time.monotonic() - started, made + 1
            left = spent / max(1, made) * (len(cases) - number - 1) / 60
            self.request.progress("suspects", number + 1, len(cases), {"minutes_left": left})

    def _stored(self, case: Case) -> tuple[list[Row], bool]:
        import json

        from bench.gans.identity import generator_identity
        from bench.overfit.reference_generators import make_suspect

        pool = self.pool(case.partition)
        try:
            gan = make_suspect(
                case.suspect, pool.train, store=self.store, device=self.request.device, progress=self.request.progress
            )
        except Diverged as error:
            return [_facts(case) | {"failed": str(error)}], False
        real = real_images(case, pool, self.data)
        made = generator_identity(gan, self.request.device)
        facts = [_identity(case), made, real.train.checksum, real.test.checksum]
        search = [self.method.name, dict(self.method.options), self.plan.search_steps, self.plan.n]
        key = digest([facts, search, self._code, self.request.device])
        stored = self.store.artefact(STAGE, key)
        if stored is not None:
            return list(json.loads(stored.file("rows.json").read_text())), False
        rows = self._examine(case, gan, real)
        self.store.put(STAGE, key, {"rows.json": lambda path: write_json(path, rows)}, {"case": _identity(case)})
        return rows, True

    def _examine(self, case: Case, gan: Gan, real: Real) -> list[Row]:
        from bench.overfit.examination import examine_gan
        from bench.overfit.inputs import OpenedGan
        from bench.overfit.recovery import Search

        searches = [Search(self.method, steps) for steps in self.plan.search_steps]
        device, progress = self.request.device, self.request.progress
        settings = self._settings(real, searches[-1], case)
        found = examine_gan(
            OpenedGan(gan, case.suspect.name), real, settings, store=self.store, device=device, progress=progress
        )
        sets = {**set_values(found.sets), **baselines(real, gan, case.draw, device)}
        missing = [kind.name for kind in found.modes.missing]
        rows = [self._weaker(gan, real, settings=settings, search=search, case=case) for search in searches[:-1]]
        rows.append(error_values(found.statistics) | {"outcome": found.verdict.outcome, "missing": missing})
        return [_facts(case) | {"steps": s.steps} | sets | row for s, row in zip(searches, rows, strict=True)]

    def _settings(self, real: Real, search: Search, case: Case) -> SearchSettings:
        from bench.overfit.examination import SearchSettings

        return SearchSettings(min(self.plan.n, len(real.train), len(real.test)), search, curve=False, seed=case.draw)

    def _weaker(self, gan: Gan, real: Real, settings: SearchSettings, search: Search, case: Case) -> Row:
        """Return the errors of the same images by a weaker search."""
        from bench.overfit.examination import own_samples
        from bench.overfit.recovery import Recovery
        from bench.overfit.statistics import error_statistics

        groups = {
            "train": real.train.take(slice(0, settings.n)),
            "test": real.test.take(slice(0, settings.n)),
            "own": own_samples(gan, settings.n, settings.seed, self.request.device),
        }
        recovery = Recovery(gan, search, store=self.store, device=self.request.device, progress=self.request.progress)
        errors = {name: each.errors for name, each in recovery.recover(groups).items()}
        return error_values(error_statistics(errors["train"], errors["test"], errors["own"], seed=case.draw))


def real_images(case: Case, pool: Pool, data: Dataset) -> Real:
    """Return the training and unseen images of this draw, the input of the examination.

    Images of classes that were left out of a generator's training are included, as its user would not leave them out.

    Raises:
        DataError: too few images for the number of draws.
    """
    from bench.overfit.inputs import Real

    train = pool.train.first(case.suspect.images)
    parts = [len(images) // case.draws for images in (train, pool.unseen)]
    if min(parts) < 1:
        raise DataError(
            f"{len(train):,} training and {len(pool.unseen):,} unseen images: too few for {case.draws} draws"
        )
    shown = [
        images.take(slice(case.draw * part, case.draw * part + min(part, MOST)))
        for images, part in zip((train, pool.unseen), parts, strict=True)
    ]
    return Real(shown[0], shown[1], data.name, data.classes)


def _identity(case: Case) -> Row:
    return {
        **asdict(case.suspect),
        "honest": case.honest,
        "partition": case.partition,
        "draw": [case.draw, case.draws],
    }


def _facts(case: Case) -> Row:
    """Return the facts of a case for its row."""
    suspect = case.suspect
    return {
        "suspect": f"honest-{case.partition}" if case.honest else suspect.name,
        "family": "honest" if case.honest else suspect.family,
        "images": suspect.images,
        "draw": case.draw,
    }
