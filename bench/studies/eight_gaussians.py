"""Inversion of eight Gaussians, two of them rare: modes recovered, and points off the modes (dfi, section 4.1)."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from bench import statistics
from bench.core.errors import DataError
from bench.core.registry import study
from bench.core.types import Budget, Cell, ComponentSpec
from bench.reports.verdicts import Evidence, Outcome, Statement, verdict, with_span
from bench.statistics import Floats
from bench.studies.base import Study, StudyRequest, StudyResult, words_of

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from bench.core.types import Gan

C28 = Statement(
    "C28",
    "dfi §4.1, Fig. 7",
    "The latent losses recover more modes than the image loss, which recovers 5 of 8; DFI puts fewer points off the "
    "modes than the latent encoder.",
)
METHODS = ("enc_image", "enc_latent", "dfi")
SAMPLES = 4000
"""Number of generated points for the modes that the GAN covers, and in the figure."""
OWN_IMAGES = 8


@study("eight-gaussians")
@dataclass
class EightGaussians(Study):
    """Modes that encoders and DFI recover of eight Gaussians, and the points that they place between them (C28).

    All methods have the same layers: those of D without its last, and a connection network of two. A mode counts as
    recovered if at least ``share`` of its test points are reconstructed within ``radius`` standard deviations of its
    centre; a point is off the modes if it is farther than that from every centre (our criteria; the paper shows a
    figure).

    Attributes:
        seeds: seeds of GAN and methods; each is a whole repetition.
        train_steps: training steps of the GAN.
        fit_steps: training steps of each method; 50,000 in the paper.
        width: width of every hidden layer.
        batch: points per step.
        radius: radius of a mode, in its standard deviations.
        share: share of a mode's points that have to be recovered.
    """

    default_dataset = "gaussians8"

    seeds: tuple[int, ...] = (0, 1, 2)
    train_steps: int = 50_000
    fit_steps: int = 50_000
    width: int = 128
    batch: int = 256
    radius: float = 3.0
    share: float = 0.5

    def __post_init__(self) -> None:
        if not self.seeds or min(self.seeds) < 0:
            raise ValueError(f"seeds = {list(self.seeds)}: expected one or more, from 0 up")
        if self.radius <= 0 or not 0 < self.share <= 1:
            raise ValueError(f"radius = {self.radius} must be above 0, share = {self.share} in (0, 1]")

    def run(self, request: StudyRequest) -> StudyResult:
        """Train the GAN, fit the methods, invert the test points, and count modes."""
        choice = request.dataset or ComponentSpec(self.default_dataset)
        if choice.name != self.default_dataset:
            raise DataError(f"eight-gaussians is about the dataset {self.default_dataset}, not {choice.name}")
        runs = [self._run(choice, seed, request) for seed in self.seeds]
        found = GaussiansResult(runs, self.radius, self.share)
        steps = f"{self.train_steps:,} steps of the GAN, {self.fit_steps:,} of each method"
        count = len(runs[0].points)
        where = f"{words_of(choice)}, {count:,} test points, {steps}, seeds {', '.join(map(str, self.seeds))}"
        return StudyResult(
            title="Eight Gaussians",
            dataset=words_of(choice),
            network="",
            asked=ASKED,
            measured=(f"{where}.", *found.words()),
            tables={"Modes recovered and points off the modes": found.frame()},
            verdicts=(verdict(C28, found.evidence()),),
            protocol={
                "images": count,
                "options": self.options(),
                "keys": [run.keys for run in runs],
            },
            draw=lambda: draw(runs[0], found, where),
            caption=f"Seed {self.seeds[0]}. Left: training and generated points. Right: test points drawn again by "
            f"each method. {where}.",
            advice="Other seeds or radii: what was trained is stored and not trained again.",
        )

    def _run(self, dataset: ComponentSpec, seed: int, request: StudyRequest) -> Repetition:
        from bench.core.options import create

        data = create("dataset", dataset.name, dataset.options).load()
        count = request.images or len(data.test)
        if not 80 <= count <= len(data.test):
            raise DataError(f"--images {count}: expected 80 to {len(data.test):,} test points")
        budget = Budget(
            "study",
            0,
            test_images=count,
            own_images=OWN_IMAGES,
            train_steps=self.train_steps,
            fit_steps=self.fit_steps,
            search_steps=0,
            refine_steps=0,
            timeout=86400.0,
        )
        gan = ComponentSpec("mlp", {"width": self.width, "batch": self.batch})
        options = {"depth": 1, "width": self.width, "batch": self.batch}
        made: dict[str, Floats] = {}
        keys: dict[str, str] = {}
        for name in METHODS:
            cell = Cell(dataset, gan, method=ComponentSpec(name, options), seed=seed, budget=budget, metrics=())
            made[name], trained, keys[name] = reconstructed(cell, request)
        samples = sampled(trained, seed)
        points = data.test.first(count)
        shown = min(SAMPLES, len(data.train))
        train = data.train.first(shown).floats(slice(0, shown))
        return Repetition(
            seed,
            _flat(points.floats(slice(0, count))),
            modes=_modes(points.labels),
            made=made,
            samples=samples,
            train=_flat(train),
            keys=keys,
        )


ASKED = """\
dfi argues that minimising the error of an image hides what an encoder cannot reach. On eight Gaussians, two of which
are rare in training, its encoder with the image loss recovers five modes, those with the latent loss recover more,
and the connection network on the discriminator's features puts fewer points between the modes."""


@dataclass(frozen=True)
class Repetition:
    """One seed: test points ``[N, 2]`` and their modes, each method's reconstructions, samples, training points."""

    seed: int
    points: Floats
    modes: NDArray[np.int64]
    made: Mapping[str, Floats]
    samples: Floats
    train: Floats
    keys: Mapping[str, str]


@dataclass(frozen=True)
class Count:
    """Counts of one set of points: the share of each mode's points recovered, and the share off all modes."""

    back: Floats
    off: float
    error: float

    def recovered(self, share: float) -> int:
        """Return the number of modes of which at least this share is recovered."""
        return int((self.back >= share).sum())


def count_points(made: Floats, modes: NDArray[np.int64], centres: Floats, reach: float, points: Floats) -> Count:
    """Count reconstructions ``[N, 2]`` of points of these modes within the distance ``reach``."""
    distance = np.linalg.norm(made[:, None] - centres[None], axis=2)
    own = distance[np.arange(len(made)), modes] <= reach
    back = np.array([own[modes == k].mean() if (modes == k).any() else np.nan for k in range(len(centres))])
    return Count(back, float((distance.min(1) > reach).mean()), float(np.square(made - points).mean()))


@dataclass(frozen=True)
class GaussiansResult:
    """Counts of every seed and method."""

    runs: list[Repetition]
    radius: float
    share: float

    def counts(self, run: Repetition) -> dict[str, Count]:
        """Return the counts of each method."""
        from bench.datasets.gaussians import SIGMA, centres

        reach = self.radius * SIGMA
        return {
            name: count_points(made, run.modes, centres=centres(), reach=reach, points=run.points)
            for name, made in run.made.items()
        }

    def covered(self, run: Repetition) -> int:
        """Return the number of modes that hold at least 1 % of the GAN's generated points."""
        from bench.datasets.gaussians import SIGMA, centres

        distance = np.linalg.norm(run.samples[:, None] - centres()[None], axis=2)
        near = distance.min(1) <= self.radius * SIGMA
        held = np.bincount(distance.argmin(1)[near], minlength=len(centres()))
        return int((held >= len(run.samples) / 100).sum())

    def frame(self) -> Any:
        """Return one row per seed and method."""
        import pandas as pd

        rows: list[dict[str, Any]] = []
        for run in self.runs:
            for name, count in self.counts(run).items():
                back = {f"mode_{k}": float(share) for k, share in enumerate(count.back)}
                about = {"seed": run.seed, "method": name, "gan_covers": self.covered(run)}
                rows.append(
                    {**about, "modes": count.recovered(self.share), "off": count.off, "mse": count.error, **back}
                )
        return pd.DataFrame(rows)

    def evidence(self) -> Iterator[Evidence]:
        """Yield the tests of differences over seeds, by Student's t."""
        counted = [self.counts(run) for run in self.runs]
        for name in ("enc_latent", "dfi"):
            gaps = [c[name].recovered(self.share) - c["enc_image"].recovered(self.share) for c in counted]
            yield _above(f"{name} recovers more modes than enc_image", gaps)
        yield _above(
            "dfi puts fewer points off the modes than enc_latent",
            [c["enc_latent"].off - c["dfi"].off for c in counted],
        )

    def words(self) -> tuple[str, ...]:
        """Describe the numbers in the table."""
        covered = ", ".join(str(self.covered(run)) for run in self.runs)
        return (
            f"A mode is recovered if {self.share:.0%} of its test points are reconstructed within {self.radius:g} "
            "standard deviations of its centre; a point farther than that from every centre is off the modes.",
            f"Modes that hold at least 1 % of the GAN's own points, by seed: {covered}.",
            "Intervals are Student's t over seeds.",
        )


def _above(question: str, gaps: list[float] | list[int]) -> Evidence:
    interval = statistics.t_interval(np.array(gaps, float))
    mean = float(np.mean(gaps))
    outcome: Outcome = "cannot tell"
    if interval is not None:
        outcome = "holds" if interval.low > 0 else "fails" if interval.high < 0 else "cannot tell"
        if interval.low == interval.high == 0:
            outcome = "fails"  # every seed has a tie
    detail = f"mean difference {with_span(mean, interval, '+')}, by seed {', '.join(f'{g:+.3g}' for g in gaps)}"
    return Evidence(question, outcome, detail)


def reconstructed(cell: Cell, request: StudyRequest) -> tuple[Floats, Gan, str]:
    """Return a cell's reconstructions of the test points ``[N, 2]``, the GAN, and the key of the inversion.

    Raises:
        BenchError: a stage failed; the message gives the reason.
    """
    import torch

    from bench.studies.gans import invert_test_images

    gan, codes, keys = invert_test_images(cell, request)
    with torch.no_grad():
        return _flat(gan.decode(codes)), gan, keys["invert"]


def sampled(gan: Gan, seed: int) -> Floats:
    """Return points that the GAN generates, ``[SAMPLES, 2]``."""
    import torch

    device = next(gan.generator.parameters()).device
    codes = gan.prior.sample(SAMPLES, torch.Generator(device).manual_seed(seed))
    with torch.no_grad():
        return _flat(gan.decode(codes))


def _flat(points: Any) -> Floats:
    return np.asarray(points.flatten(1).double().cpu().numpy(), np.float64)


def _modes(labels: Any) -> NDArray[np.int64]:
    return np.asarray(labels.cpu().numpy(), np.int64)


def draw(run: Repetition, found: GaussiansResult, title: str) -> Figure:
    """Draw the figure of the paper: training and generated points, then each method's reconstructions."""
    from bench.reports import plotting

    figure = plotting.canvas(11, 3.3, title)
    panels = np.asarray(figure.subplots(1, 1 + len(METHODS), sharex=True, sharey=True))
    left = plotting.dress(
        panels[0], "", "", f"training and generated points\nGAN covers {found.covered(run)} of 8 modes"
    )
    left.plot(*run.train.T, ".", color=plotting.GREEN, markersize=1.5, alpha=0.5, label="training")
    left.plot(*run.samples.T, ".", color=plotting.ORANGE, markersize=1.5, alpha=0.5, label="generated")
    plotting.legend(left, "upper left")
    colours = dict(zip(METHODS, ("#c23b3b", "#18a5b5", plotting.BLUE), strict=True))
    for axes, (name, count) in zip(panels[1:], found.counts(run).items(), strict=True):
        heading = f"{name}: {count.recovered(found.share)} of 8 modes\n{count.off:.1%} of points off the modes"
        plotting.dress(axes, "", "", heading)
        axes.plot(*run.points.T, ".", color="#c9c9c9", markersize=1.5)
        axes.plot(*run.made[name].T, ".", color=colours[name], markersize=1.5, alpha=0.5)
    for axes in panels:
        axes.set_xlim(-3.2, 3.2)
        axes.set_ylim(-3.2, 3.2)
        axes.set_aspect("equal")
    return figure
