"""The questions of the user study: targets with reconstructions, in a random order for each participant."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

import numpy as np

from bench.core.errors import BenchError, NotApplicable
from bench.core.files import digest
from bench.core.types import Record
from bench.reports.gallery import Pixels, gallery
from bench.reports.groups import MethodResults, ResultGroup, groups, title_of

QUESTIONS = 25
"""Pictures per participant (dfi, section 4.1: "This was repeated 25 times using different input images")."""
REPEATS = 3
"""Questions that are repeated, to measure the agreement of participants with themselves."""
FEWEST_METHODS = 2

Picture = tuple[int, int]
"""Seed of the networks, and index of the test image."""
Item = TypeVar("Item")


@dataclass(frozen=True)
class Showing:
    """One page: a picture and the methods in the order shown; ``repeat`` if the participant answered it before."""

    position: int
    picture: Picture
    repeat: bool
    order: tuple[str, ...]


@dataclass(frozen=True)
class Questionnaire:
    """All settings that determine the questions of each participant; stored with the votes.

    Attributes:
        table: dataset, GAN and budget in words.
        dataset: title of the dataset.
        gan: title of the GAN.
        methods: titles of the compared methods, sorted.
        names: names of these methods in suites.
        pictures: all pictures that questions are drawn from.
        checksum: checksum of every target and reconstruction.
        questions: number of pictures per participant.
        repeats: number of these that are repeated at the end.
        seed: seed of every shuffle.
    """

    table: str
    dataset: str
    gan: str
    methods: tuple[str, ...]
    names: tuple[str, ...]
    pictures: tuple[Picture, ...]
    checksum: str
    questions: int = QUESTIONS
    repeats: int = REPEATS
    seed: int = 0

    @property
    def length(self) -> int:
        """Number of pages per participant."""
        return self.questions + self.repeats

    def showings(self, participant: str) -> tuple[Showing, ...]:
        """Return all pages of a participant; orders follow from hashes, so that they are always the same.

        An image is shown with networks of another seed only after every image was shown once. Repeats are at the end,
        in a new order of methods, and are drawn from the first half.
        """
        asked = self._asked(participant)
        early = asked[: max(self.repeats, len(asked) // 2)]
        again = self._shuffled(early, participant, "again")[: self.repeats]
        return tuple(
            Showing(i, picture, i >= len(asked), tuple(self._shuffled(self.methods, participant, i)))
            for i, picture in enumerate([*asked, *again])
        )

    def _asked(self, participant: str) -> list[Picture]:
        by_image: dict[int, list[Picture]] = defaultdict(list)
        for picture in self.pictures:
            by_image[picture[1]].append(picture)
        rounds: dict[int, list[Picture]] = defaultdict(list)
        for same in by_image.values():
            for i, picture in enumerate(self._shuffled(same, participant, "seed")):
                rounds[i].append(picture)
        found = [p for i in sorted(rounds) for p in self._shuffled(rounds[i], participant, "picture")]
        return found[: self.questions]

    def _shuffled(self, items: Sequence[Item], *purpose: Any) -> list[Item]:
        return sorted(items, key=lambda item: digest([self.seed, *purpose, item]))


@dataclass(frozen=True)
class QuestionImages:
    """Targets ``[k, C, H, W]`` by seed, and reconstructions of the same shape by seed and title of the method."""

    targets: Mapping[int, Pixels]
    outputs: Mapping[int, Mapping[str, Pixels]]

    def of(self, showing: Showing) -> tuple[Pixels, list[Pixels]]:
        """Return target and reconstructions in the order shown, ``[C, H, W]`` each."""
        seed, image = showing.picture
        return self.targets[seed][image], [self.outputs[seed][title][image] for title in showing.order]

    def checksum(self) -> str:
        """Return one digest of all pixels."""
        seeds = sorted(self.targets)
        parts = [(s, self.targets[s].tobytes().hex(), self.targets[s].shape) for s in seeds]
        made = [
            (s, title, pixels.tobytes().hex()) for s in seeds for title, pixels in sorted(self.outputs[s].items())
        ]
        return digest([parts, made])


def choose_table(records: Sequence[Record], part: str = "") -> ResultGroup:
    """Return the group of records whose title contains ``part``.

    Raises:
        BenchError: no title does, or several do; the message lists the titles.
    """
    found = groups(records)
    fitting = [group for group in found if part.lower() in group.title.lower()]
    if len(fitting) != 1:
        titles = "; ".join(group.title for group in (fitting or found))
        raise BenchError(
            f"a user study needs one table; --table '{part}' fits {len(fitting)}, give a part of: {titles}"
        )
    return fitting[0]


def open_study(
    group: ResultGroup,
    methods: Sequence[str] = (),
    *,
    images: int = 0,
    questions: int = QUESTIONS,
    repeats: int = REPEATS,
    seed: int = 0,
) -> tuple[Questionnaire, QuestionImages]:
    """Build the questions of a table from the pictures in its records; no model is run.

    Args:
        group: records of one dataset, GAN and budget.
        methods: titles or names of methods; if empty, all methods with pictures but the controls.
        images: number of the kept images to use; 0 for all.
        questions: number of pictures per participant.
        repeats: number of these that are repeated.
        seed: seed of every shuffle.

    Raises:
        UnknownName: no such method in these records.
        NotApplicable: a method has no pictures, fewer than two have, or they share no seed.
        BenchError: numbers exceed the available pictures, or methods inverted different images.
    """
    if images < 0 or questions < 1 or not 0 <= repeats <= questions:
        given = f"--images {images} --questions {questions} --repeats {repeats}"
        raise BenchError(f"{given}: needs images >= 0 (0 for all), questions >= 1 and 0 <= repeats <= questions")
    chosen = _chosen(group, methods)
    pictures = _pictures(group, chosen, images)
    known = tuple((s, i) for s, target in sorted(pictures.targets.items()) for i in range(len(target)))
    if questions > len(known):
        raise BenchError(
            f"{group.title}: --questions {questions}, but the records keep {len(known)} pictures "
            f"({len(pictures.targets)} seeds); give at most that many, or run more seeds"
        )
    study = Questionnaire(
        group.title,
        title_of(group.dataset),
        gan=title_of(group.gan),
        methods=tuple(run.title for run in chosen),
        names=tuple(run.name for run in chosen),
        pictures=known,
        checksum=pictures.checksum(),
        questions=questions,
        repeats=repeats,
        seed=seed,
    )
    return study, pictures


def _chosen(group: ResultGroup, methods: Sequence[str]) -> list[MethodResults]:
    if methods:
        found = list({run.title: run for run in map(group.find, methods)}.values())
    else:
        found = [run for run in group.runs if not run.control and any(map(gallery, run.by_seed.values()))]
    if len(found) < FEWEST_METHODS:
        raise NotApplicable(f"{group.title}: a user study compares at least {FEWEST_METHODS} methods with pictures")
    return sorted(found, key=lambda run: run.title)


def _pictures(group: ResultGroup, chosen: Sequence[MethodResults], images: int) -> QuestionImages:
    kept: dict[str, dict[int, tuple[Pixels, Pixels]]] = {}
    for run in chosen:
        kept[run.title] = {s: found for s, r in run.by_seed.items() if (found := gallery(r)) is not None}
        if not kept[run.title]:
            raise NotApplicable(f"{group.title}: no record of {run.title} keeps pictures to show")
    seeds = sorted(set.intersection(*(set(by_seed) for by_seed in kept.values())))
    if not seeds:
        raise NotApplicable(f"{group.title}: no seed has pictures of all of {', '.join(kept)}")
    targets = {seed: _same_target(group, seed, kept) for seed in seeds}
    fewest = min(map(len, targets.values()))
    if images > fewest:
        raise BenchError(f"{group.title}: --images {images}, but the records keep {fewest}")
    limit = images or None
    return QuestionImages(
        {seed: target[:limit] for seed, target in targets.items()},
        {seed: {title: by_seed[seed][1][:limit] for title, by_seed in kept.items()} for seed in seeds},
    )


def _same_target(group: ResultGroup, seed: int, kept: Mapping[str, Mapping[int, tuple[Pixels, Pixels]]]) -> Pixels:
    (first, target), *others = [(title, by_seed[seed][0]) for title, by_seed in kept.items()]
    for title, other in others:
        if not np.array_equal(other, target):
            raise BenchError(f"{group.title}, seed {seed}: {title} and {first} were given different images")
    return target
