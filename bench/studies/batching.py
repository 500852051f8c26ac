"""Dependence of an image's code on the images that are inverted with it (creswell, section II-A)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from bench.core.registry import study
from bench.core.types import Budget, Cell, ComponentSpec
from bench.reports.verdicts import Evidence, Statement, verdict
from bench.statistics import Floats
from bench.studies.base import Study, StudyRequest, StudyResult, words_of

if TYPE_CHECKING:
    from matplotlib.figure import Figure
    from torch import Tensor

C54 = Statement(
    "C54", "creswell §II-A", "Images inverted in a batch get the codes that they get one by one, from equal starts."
)
IMAGES = 48
LEAST = 1e-9
"""Smallest difference on the logarithmic axis."""
WHOLE, PAIRS, ALONE = "all at once", "two at a time", "one by one"
Precision = Literal["double", "single"]
Codes = Mapping[str, Floats]
"""Codes ``[N, d]`` of the same images by way of inversion."""


@study("batching")
@dataclass
class Batching(Study):
    """Codes of images inverted all at once, two at a time and one by one, from equal starting points (C54).

    The verdict is based on double precision, in which sums in another order differ by 1e-16, so that larger
    differences come from the batch or from sums within the search. Single precision, which the suite uses otherwise,
    is measured too and shows the effect of rounding on a search.

    Attributes:
        method: the inversion method, a search; options follow a "?".
        gan: the GAN; options follow a "?"; a recipe is trained on the dataset of the study.
        search_steps: search steps of the method.
        train_steps: training steps of a GAN that is a recipe.
        tolerance: largest difference of a code's coordinate, as a share of the codes' standard deviation, that counts
            as equal (our choice).
    """

    method: str = "gradient?rec=mse"
    gan: str = "fashion-mnist/gan-noise"
    search_steps: int = 200
    train_steps: int = 1000
    tolerance: float = 1e-4

    def __post_init__(self) -> None:
        if self.search_steps < 1 or self.tolerance <= 0:
            raise ValueError(f"search_steps = {self.search_steps}, tolerance = {self.tolerance}: above 0, please")

    def run(self, request: StudyRequest) -> StudyResult:
        """Invert the same images in three ways and compare their codes."""
        from bench.harness.suite import parse_choice
        from bench.harness.suite_parser import checked
        from bench.studies.feature_networks import open_data

        choice = request.dataset or ComponentSpec(self.default_dataset)
        data = open_data(choice)
        count = request.images or min(IMAGES, len(data.test))
        gan = checked("gan", parse_choice(self.gan, "--option gan ="), "--option gan")
        method = checked("method", parse_choice(self.method, "--option method ="), "--option method")
        budget = Budget(
            "study",
            0,
            test_images=count,
            own_images=4,
            train_steps=self.train_steps,
            fit_steps=0,
            search_steps=self.search_steps,
            refine_steps=0,
            timeout=86400.0,
        )
        cell = Cell(choice, gan, method=method, seed=request.seed, budget=budget, metrics=())
        codes = inverted(cell, data.test.first(count).floats(slice(0, count)), request)
        found = BatchingResult(codes["double"], codes["single"], self.tolerance)
        where = f"{words_of(choice)}, {count} test images, {words_of(method)} on {words_of(gan)}"
        return StudyResult(
            title="Batches",
            dataset=words_of(choice),
            network="",
            asked=ASKED,
            measured=(f"{where}; {self.search_steps} steps.", *found.words()),
            tables={"Difference of codes from those found one by one": found.frame()},
            verdicts=(verdict(C54, found.evidence()),),
            protocol={
                "images": count,
                "checksum": data.test.first(count).checksum,
                "gan": words_of(gan),
                "method": words_of(method),
                "search_steps": self.search_steps,
                "tolerance": self.tolerance,
            },
            draw=lambda: found.draw(where),
            caption=f"Largest difference of a coordinate, image by image, in units of the codes' spread. {where}.",
            advice="ganinv check METHOD runs the same test on any method, with a tiny GAN.",
        )


ASKED = """\
creswell inverts batches: the loss of a batch is the sum of the losses of its images, so each image's gradient is its
own. An optimizer may couple images all the same, and floating-point sums may differ."""


@dataclass(frozen=True)
class BatchingResult:
    """Differences in double precision, which decides, and in single precision."""

    double: Codes
    single: Codes
    tolerance: float

    def by_precision(self) -> dict[Precision, dict[str, Floats]]:
        """Return differences ``[N]`` by precision and way of inversion; see ``apart``."""
        return {"double": apart(self.double), "single": apart(self.single)}

    def frame(self) -> Any:
        """Return one row per precision and way: median, largest, and the share of images within the tolerance."""
        import pandas as pd

        rows = [
            {
                "precision": precision,
                "inverted": way,
                "median": float(np.median(gaps)),
                "largest": float(gaps.max()),
                "within_tolerance": float((gaps <= self.tolerance).mean()),
                "identical": float((gaps == 0).mean()),
            }
            for precision, ways in self.by_precision().items()
            for way, gaps in ways.items()
        ]
        return pd.DataFrame(rows)

    def evidence(self) -> list[Evidence]:
        """Return one test per way, in double precision: equal within the tolerance for every image."""
        single = apart(self.single)
        return [
            Evidence(
                f"codes {way} equal those one by one within {self.tolerance:g} of their spread",
                "holds" if gaps.max() <= self.tolerance else "fails",
                f"largest difference {gaps.max():.2g} in double precision, {(gaps <= self.tolerance).mean():.0%} of "
                f"images within; {single[way].max():.2g} in single precision",
            )
            for way, gaps in apart(self.double).items()
        ]

    def words(self) -> tuple[str, ...]:
        """Describe the numbers in the table."""
        return (
            "The start code of an image depends on its own pixels alone, whatever is inverted with it.",
            "A difference is the largest over a code's coordinates, divided by the standard deviation of all codes.",
            "The tests use double precision: the generator's weights and sums are float64; codes, images and the "
            "state of the search stay float32. Every other number here is measured in single precision.",
            "Nothing is sampled, so there is no interval: a test holds when every image keeps within the tolerance.",
        )

    def draw(self, title: str) -> Figure:
        """Draw sorted differences, one curve per way, one panel per precision; 0 is drawn on the lower edge."""
        from bench.reports import plotting

        figure = plotting.canvas(7.5, 3.4, title)
        for axes, (precision, ways) in zip(
            figure.subplots(1, 2, sharey=True), self.by_precision().items(), strict=True
        ):
            plotting.dress(axes, "image, sorted", "largest difference / spread of codes", f"{precision} precision")
            for (way, gaps), colour in zip(ways.items(), (plotting.BLUE, plotting.ORANGE), strict=True):
                shown = np.maximum(np.sort(gaps), LEAST)
                plotting.curve(axes, np.arange(1, len(gaps) + 1), y=shown, colour=colour, label=way, marker="")
            axes.axhline(self.tolerance, color=plotting.GREY, linestyle=":", label="tolerance")
            axes.set_yscale("log")
            plotting.legend(axes)
        return figure


def apart(codes: Codes) -> dict[str, Floats]:
    """Return the largest difference from the code found alone, in standard deviations of codes, ``[N]`` per way."""
    alone = codes[ALONE]
    spread = float(alone.std()) or 1.0
    return {way: np.abs(found - alone).max(1) / spread for way, found in codes.items() if way != ALONE}


def inverted(cell: Cell, x: Tensor, request: StudyRequest) -> dict[Precision, dict[str, Floats]]:
    """Invert images ``[N, C, H, W]`` in three ways by the cell's method, in both precisions; return the differences.

    Raises:
        BenchError: the GAN cannot be opened, or the method does not support it.
    """
    from bench.harness.context import HarnessContext
    from bench.harness.fit_stage import fit
    from bench.harness.keys import keys_of
    from bench.harness.store import Store
    from bench.harness.train_stage import train

    keys = keys_of(cell)
    bench = HarnessContext(Store(), request.device, request.progress)
    gan, _ = train(bench, cell, keys)
    method, _ = fit(bench, cell, keys, gan)
    found: dict[Precision, dict[str, Floats]] = {"single": _three_ways(method, x, request)}
    gan.generator.double()
    gan.generator.register_forward_pre_hook(lambda module, args: tuple(each.double() for each in args))
    gan.generator.register_forward_hook(lambda module, args, made: made.float())
    return found | {"double": _three_ways(method, x, request)}


def _three_ways(method: Any, x: Tensor, request: StudyRequest) -> dict[str, Floats]:
    import torch

    found: dict[str, Floats] = {}
    for way, size in ((WHOLE, len(x)), (PAIRS, 2), (ALONE, 1)):
        parts = []
        for start in range(0, len(x), size):
            method.base.run.reseed()
            parts.append(method.invert(x[start : start + size].to(request.device)).detach())
            request.progress(f"invert {way}", min(start + size, len(x)), len(x), {})
        found[way] = torch.cat(parts).double().cpu().numpy()
    return found
