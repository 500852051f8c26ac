"""Examination of one GAN: recovery errors of one search, statistics of its samples, and the verdict; no figures."""

from __future__ import annotations

import time
import warnings
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from bench.core.environment import synchronise
from bench.core.errors import DataError
from bench.core.run_context import Progress, silent
from bench.core.types import Gan, Images
from bench.harness.bound_method import batch_size
from bench.harness.store import Store
from bench.metrics.base import to_u8
from bench.overfit import neighbours
from bench.overfit.classes import kinds_of
from bench.overfit.distances import Nearest, flat
from bench.overfit.inputs import POOL, POOL_BYTES, OpenedGan, Real, check_overlap, check_own
from bench.overfit.modes import ModeStatistics, mode_statistics
from bench.overfit.power import check_enough
from bench.overfit.recovery import Recovered, Recovery, Search
from bench.overfit.statistics import (
    GATE,
    RECOVERED,
    ErrorStatistics,
    Gap,
    error_statistics,
    signed_gap,
)
from bench.overfit.verdict import OverfitVerdict, overfit_verdict

GROUPS = ("train", "test", "own")
SAMPLES = 2_000
"""Largest number of samples, and of unseen images, in the statistics that need no search."""
DRAWN = 64
"""Codes drawn together, so that the first samples do not depend on how many follow."""
CURVE_IMAGES = 60
"""Images of each group at each point of the curve over search budgets."""
CURVE_PARTS = (16, 8, 4, 2, 1)
SHOWN = 6
"""Number of best, and of worst, reconstructions of each group in the report."""


@dataclass(frozen=True)
class SearchSettings:
    """Settings of the examination of a GAN.

    Attributes:
        n: number of images of each group that are inverted.
        search: the search that inverts them.
        recovered_below: mean squared error below which a generated image counts as recovered.
        gate: share of generated images that has to be recovered.
        curve: also run the search with smaller budgets.
        seed: seed of samples and tests.
    """

    n: int = 500
    search: Search = field(default_factory=Search)
    recovered_below: float = RECOVERED
    gate: float = GATE
    curve: bool = True
    seed: int = 0


@dataclass(frozen=True)
class BudgetPoint:
    """The gap at one budget of the search, over the first ``images`` of each group."""

    steps: int
    images: int
    gap: Gap
    recovered: float
    train: float
    test: float
    """Median errors."""


@dataclass(frozen=True)
class Gallery:
    """Best reconstructions, then the worst: images uint8 ``[k, C, H, W]``, their reconstructions and errors."""

    target: NDArray[np.uint8]
    output: NDArray[np.uint8]
    errors: NDArray[np.float64]


@dataclass(frozen=True)
class OverfitReport:
    """All results of the examination of one GAN."""

    title: str
    data: str
    settings: SearchSettings
    errors: Mapping[str, Recovered]
    statistics: ErrorStatistics
    sets: neighbours.SetStatistics
    modes: ModeStatistics
    verdict: OverfitVerdict
    curve: tuple[BudgetPoint, ...]
    galleries: Mapping[str, Gallery]
    remarks: tuple[str, ...]
    facts: Mapping[str, Any]
    cost: Mapping[str, float]
    """Seconds of search in this run and generator calls per image; images read from the store cost nothing."""


@torch.no_grad()
def own_samples(gan: Gan, count: int, seed: int, device: str) -> Images:
    """Return images ``[count, C, H, W]`` float32 of codes drawn from the prior; the first do not depend on count."""
    parts = []
    for number, start in enumerate(range(0, count, DRAWN)):
        rng = torch.Generator(device).manual_seed(seed * 1_000_003 + number)
        codes = gan.prior.sample(DRAWN, rng)[: count - start]
        parts += [gan.decode(part).float().cpu() for part in codes.split(batch_size(gan))]
    return Images(torch.cat(parts))


def examine_gan(
    opened: OpenedGan,
    real: Real,
    settings: SearchSettings | None = None,
    *,
    store: Store | None = None,
    device: str = "cpu",
    progress: Progress = silent,
) -> OverfitReport:
    """Invert equal numbers of training, unseen and generated images, compute statistics of samples, and decide.

    Args:
        opened: the GAN.
        real: images in the generator's size.
        settings: numbers of images and the search.
        store: store of finished chunks.
        device: device of the GAN.
        progress: called with the number of finished images.

    Raises:
        DataError: too few images, or training images among the unseen ones.
        ContractError: generated images are NaN or in a wrong range.
        BenchError: the images do not have the generator's size, or the search has to be trained.
    """
    settings = settings or SearchSettings()
    samples, groups = _drawn(opened.gan, real, settings, device)
    recovery = Recovery(opened.gan, settings.search, store=store or Store(), device=device, progress=progress)
    calls, started = opened.gan.calls, time.monotonic()
    errors = recovery.recover(groups)
    synchronise(device)
    cost = {
        "search_seconds": time.monotonic() - started,
        "calls_per_image": (opened.gan.calls - calls) / (3 * settings.n),
    }
    values = [errors[name].errors for name in GROUPS]
    statistics = error_statistics(
        *values, recovered_below=settings.recovered_below, needed=settings.gate, seed=settings.seed
    )
    curve = _curve(settings, groups, errors, recovery) if settings.curve else ()
    progress("compare samples", 0, 1, {})
    sets, modes, duplicates = _without_search(samples, real, errors["test"], settings)
    progress("compare samples", 1, 1, {})
    return OverfitReport(
        opened.title,
        real.title,
        settings=settings,
        errors=errors,
        statistics=statistics,
        sets=sets,
        modes=modes,
        verdict=overfit_verdict(statistics, sets, modes),
        curve=curve,
        galleries={name: _gallery(groups[name], errors[name], recovery) for name in GROUPS},
        remarks=(*opened.remarks, *real.remarks, *duplicates),
        facts=_facts(opened.gan, real),
        cost=cost,
    )


def invert_ahead(
    opened: OpenedGan, real: Real, settings: SearchSettings, *, store: Store, device: str, progress: Progress
) -> None:
    """Run the searches of ``examine_gan`` alone: a second process fills the store for the one that examines.

    Raises the errors of ``examine_gan``.
    """
    _, groups = _drawn(opened.gan, real, settings, device)
    recovery = Recovery(opened.gan, settings.search, store=store, device=device, progress=progress)
    recovery.recover(groups)
    if settings.curve:
        for steps in _curve_steps(settings)[:-1]:
            recovery.at(steps).recover(_first(groups, _few(settings, recovery)))


def _drawn(gan: Gan, real: Real, settings: SearchSettings, device: str) -> tuple[Images, dict[str, Images]]:
    """Return samples, and the images of each group that are inverted, all of them checked."""
    _check(gan, real, settings)
    samples = own_samples(gan, max(settings.n, SAMPLES), settings.seed, device)
    check_own(samples, real.test)
    groups = {"train": real.train, "test": real.test, "own": samples}
    return samples, _first(groups, settings.n)


def _first(groups: Mapping[str, Images], count: int) -> dict[str, Images]:
    return {name: images.take(slice(0, count)) for name, images in groups.items()}


def _check(gan: Gan, real: Real, settings: SearchSettings) -> None:
    check_enough(settings.n)
    made, given = ("x".join(map(str, shape)) for shape in (gan.image_shape, real.test.shape))
    if real.train.shape != gan.image_shape or real.test.shape != gan.image_shape:
        raise DataError(f"the generator makes images of {made}, {real.title} has {given} (channels x height x width)")
    for name, images in (("training", real.train), ("unseen", real.test)):
        if len(images) < settings.n:
            raise DataError(
                f"--n {settings.n}: {real.title} has {len(images):,} {name} images; give more, or a smaller --n"
            )
    check_overlap(real.train, real.test, real.title)


def _curve(
    settings: SearchSettings, groups: Mapping[str, Images], whole: Mapping[str, Recovered], last: Recovery
) -> tuple[BudgetPoint, ...]:
    """Measure gap and recovery at fractions of the steps, over a few images; the last point reuses known errors."""
    few, points = _few(settings, last), []
    for steps in _curve_steps(settings):
        if steps == settings.search.steps:
            found = {name: whole[name].errors[:few] for name in GROUPS}
        else:
            found = {name: each.errors for name, each in last.at(steps).recover(_first(groups, few)).items()}
        medians = {name: float(np.median(found[name])) for name in GROUPS}
        gap = signed_gap(found["train"], found["test"], seed=settings.seed)
        share = float((found["own"] < settings.recovered_below).mean())
        points.append(BudgetPoint(steps, few, gap=gap, recovered=share, train=medians["train"], test=medians["test"]))
    return tuple(points)


def _curve_steps(settings: SearchSettings) -> list[int]:
    """Return the budgets of the curve; the last is that of the search itself."""
    return sorted({max(1, settings.search.steps // part) for part in CURVE_PARTS})


def _few(settings: SearchSettings, recovery: Recovery) -> int:
    """Return the number of images of each group along the curve: whole chunks if there are enough."""
    return min(settings.n, recovery.chunk * max(1, CURVE_IMAGES // recovery.chunk))


def _without_search(
    samples: Images, real: Real, found: Recovered, settings: SearchSettings
) -> tuple[neighbours.SetStatistics, ModeStatistics, tuple[str, ...]]:
    """Compute the statistics of samples and of classes, and a remark on near-duplicates."""
    own = flat(to_u8(samples.data).numpy())
    most = max(settings.n, POOL_BYTES // own.shape[1])
    train = flat(_pixels(real.train, min(POOL, most)))
    test = flat(_pixels(real.test, min(max(SAMPLES, settings.n), most)))
    own = own[: min(len(own), most)]
    near = neighbours.find_neighbours(own, train, test)
    sets = neighbours.set_statistics(own, train, test=test, seed=settings.seed, found=near)
    inverted = Nearest(near.test_train.distance[: settings.n], near.test_train.index[: settings.n])
    labels = None if real.train.labels is None else real.train.labels[: len(train)].numpy()
    kinds = kinds_of(train, labels, real.classes, settings.seed)
    modes = mode_statistics(
        kinds.of(test),
        kinds.of(own),
        errors=found.errors,
        nearest=inverted.distance,
        names=kinds.names,
        basis=kinds.basis,
    )
    close = neighbours.near_duplicates(inverted, own.shape[1])
    if not close:
        return sets, modes, ()
    text = (
        f"{close} of {settings.n} unseen images are near-duplicates of a training image (root mean squared "
        f"difference up to {neighbours.NEAR} on [-1, 1]), which hides memorisation"
    )
    warnings.warn(f"{real.title}: {text}", stacklevel=4)
    return sets, modes, (text,)


def _pixels(images: Images, count: int) -> NDArray[Any]:
    rows: NDArray[Any] = images.data[:count].numpy()
    return rows


def _gallery(images: Images, found: Recovered, recovery: Recovery) -> Gallery:
    order = np.argsort(found.errors, kind="stable")
    chosen = np.concatenate([order[:SHOWN], order[-SHOWN:]])
    target = to_u8(images.floats(torch.from_numpy(chosen))).numpy()
    output = to_u8(torch.from_numpy(recovery.decode(found.codes[chosen]))).numpy()
    return Gallery(target, output, found.errors[chosen])


def _facts(gan: Gan, real: Real) -> dict[str, Any]:
    source = {k: v for k, v in gan.provenance.items() if k in {"file", "sha256", "factory", "recipe"}}
    return {
        "gan": {**source, "prior": gan.prior.name, "code_dim": gan.code_dim, "checksum": gan.checksum()},
        "data": {**real.facts, "train": len(real.train), "test": len(real.test), "test_checksum": real.test.checksum},
    }
