"""Quality against time of inversion methods, on test images and on generated images."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Literal

from bench.core.errors import BenchError, NotApplicable
from bench.core.registry import study
from bench.core.types import Budget, Cell, ComponentSpec
from bench.studies.base import Study, StudyRequest, StudyResult, words_of

if TYPE_CHECKING:
    from collections.abc import Mapping

    import pandas as pd

    from bench.harness.context import HarnessContext
    from bench.studies.search_points import SearchPoint

SHIPPED = "{dataset}/dcgan"
FEWEST_IMAGES = 8
MOST_IMAGES = 64
"""Default number of test, and of generated, images: a long search takes a second for each."""


@study("search-time")
@dataclass
class SearchTime(Study):
    """Quality against time: every method after 10, 30, 100 ... steps, on test images and on generated images.

    Every point (method, steps) is stored when it has been measured, so that an interrupted run continues. The steps
    of a method end where a point took more than ``most_ms``, or where more steps do not call the generator more.

    Attributes:
        methods: methods that invert the same images; options follow a "?", those of a refiner are a table:
            ``enc_image+lbfgs?lbfgs={stretch=0.9}``.
        gan: the GAN; options follow a "?"; "" for the dataset's DCGAN that ships.
        steps: numbers of steps: search steps of a method, refine steps of one with refiners.
        most_ms: milliseconds per image above which no longer search is measured.
        times: milliseconds per image at which methods are compared.
        clock: "processor" for the processor time of the process, whatever the load of the machine; "wall" for
            elapsed time.
        threads: threads of torch on the CPU.
        recovered: mean squared error below which a generated image counts as recovered.
        fit_steps: training steps of methods that are trained.
        train_steps: training steps of a GAN that is a recipe.
    """

    methods: tuple[str, ...] = (
        "dfi?batch=64",
        "enc_image?batch=64",
        "lbfgs?stretch=0.9",
        "lm?stretch=0.9",
        "enc_image+lbfgs?batch=64&lbfgs={stretch=0.9}",
        "enc_image+lm?batch=64&lm={stretch=0.9}",
        "adam",
        "gradient",
        "cma?stretch=0.9",
        "lm?stretch=0.9&starts=4",
    )
    gan: str = ""
    steps: tuple[int, ...] = (10, 30, 100, 300, 1000)
    most_ms: float = 1000.0
    times: tuple[float, ...] = (10.0, 30.0, 100.0, 300.0, 1000.0)
    clock: Literal["processor", "wall"] = "processor"
    threads: int = 1
    recovered: float = 1e-6
    fit_steps: int = 1000
    train_steps: int = 3000

    def __post_init__(self) -> None:
        if len(self.methods) < 2 or len(set(self.methods)) < len(self.methods):
            raise ValueError(f"methods = {list(self.methods)}: expected 2 or more different ones")
        if not self.steps or list(self.steps) != sorted(set(self.steps)) or self.steps[0] < 1:
            raise ValueError(f"steps = {list(self.steps)}: expected rising numbers from 1 up")
        if not self.times or list(self.times) != sorted(set(self.times)) or self.times[0] <= 0:
            raise ValueError(f"times = {list(self.times)}: expected rising milliseconds above 0")
        if self.threads < 1 or self.most_ms <= 0 or self.recovered <= 0:
            raise ValueError(
                f"threads = {self.threads}, most_ms = {self.most_ms:g}, recovered = {self.recovered:g}: expected at "
                "least 1, above 0 and above 0"
            )

    def run(self, request: StudyRequest) -> StudyResult:
        """Measure every method with every number of steps, and compare them at equal times."""
        from bench.studies import feature_networks
        from bench.studies.search_curves import SearchCurves, draw

        choice = request.dataset or ComponentSpec(self.default_dataset)
        self._check_clock(request.device)
        gan, methods = self._choices(choice)
        data = feature_networks.open_data(choice)
        count = replace(request, images=request.images or min(MOST_IMAGES, len(data.test))).count(
            len(data.test), FEWEST_IMAGES, words_of(choice)
        )
        cells = {
            method.title: Cell(choice, gan, method=method, seed=request.seed, budget=self._budget(count), metrics=())
            for method in methods
        }
        points, missing = self._points(cells, request)
        curves = SearchCurves.of(points, self.clock, self.recovered)
        where = f"{words_of(gan)}, {count} test images and {count} of its own"
        return StudyResult(
            title="Quality against time",
            dataset=words_of(choice),
            network="",
            asked=ASKED,
            measured=(f"{where}; {self._clock_words()}.", *MEASURED, f"Recovered: MSE below {self.recovered:g}."),
            tables={**curves.tables(self.times), **({"Not measured": missing} if len(missing) else {})},
            verdicts=(),
            protocol={
                "images": count,
                "shape": list(data.shape),
                "checksum": data.test.first(count).checksum,
                "gan": words_of(gan),
                "psnr": "10 log10(4 / MSE) of unrounded pixels in [-1, 1], mean over images",
                "clock": self._clock_words(),
            },
            draw=lambda: draw(curves, where, self.clock),
            caption=f"{where}. Bands: 95 % bootstrap intervals over images.\n\n{curves.discussion(self.times)}",
            advice="Every point is stored: the same command with other methods, steps or times measures the new.",
            values={"per-image": curves.per_image()},
        )

    def _check_clock(self, device: str) -> None:
        if device != "cpu" and self.clock == "processor":
            raise BenchError(f"clock = processor does not count what {device} does; give --option clock=wall")

    def _clock_words(self) -> str:
        threads = "one thread" if self.threads == 1 else f"{self.threads} threads"
        return f"{self.clock} time, {threads}"

    def _choices(self, dataset: ComponentSpec) -> tuple[ComponentSpec, list[ComponentSpec]]:
        """Return GAN and methods.

        Raises:
            BenchError: a name does not exist, or no GAN of the dataset ships.
        """
        from bench.harness.bound_method import make_method
        from bench.harness.suite import parse_choice
        from bench.harness.suite_parser import checked
        from bench.studies.gans import MISSING, choose_gan

        gan = choose_gan(self.gan, SHIPPED.format(dataset=dataset.name), MISSING.format(dataset=dataset.name))
        methods = []
        for text in self.methods:
            method = checked("method", parse_choice(text, "--option methods ="), "--option methods")
            make_method(method)  # raises for unknown options before anything is measured
            methods.append(replace(method, label=text))
        return gan, methods

    def _budget(self, images: int) -> Budget:
        first = self.steps[0]
        return Budget(
            "study",
            0,
            test_images=images,
            own_images=images,
            train_steps=self.train_steps,
            fit_steps=self.fit_steps,
            search_steps=first,
            refine_steps=first,
            timeout=86400.0,
        )

    def _points(self, cells: Mapping[str, Cell], request: StudyRequest) -> tuple[list[SearchPoint], pd.DataFrame]:
        """Return all points, and the methods without a point with the reason."""
        import pandas as pd

        from bench.harness.context import HarnessContext
        from bench.harness.store import Store

        bench = HarnessContext(Store(), request.device, request.progress)
        points: list[SearchPoint] = []
        reasons = []
        for number, (title, cell) in enumerate(cells.items()):
            try:
                for point in self._ladder(bench, cell):
                    points.append(point)
                    spent = point.cost["test"][f"{self.clock}_ms"]
                    request.progress("methods", number, len(cells), {"steps": float(point.steps), "ms": spent})
            except NotApplicable as error:
                reasons.append({"method": title, "not applicable": str(error)})
            request.progress("methods", number + 1, len(cells), {})
        if not points:
            raise NotApplicable("; ".join(f"{row['method']}: {row['not applicable']}" for row in reasons))
        return points, pd.DataFrame(reasons)

    def _ladder(self, bench: HarnessContext, cell: Cell) -> Iterator[SearchPoint]:
        """Yield the points of one method, up to the last that is worth measuring."""
        from bench.studies.search_points import TRACKS, measured

        calls = None
        for steps in self.steps:
            budget = (
                replace(cell.budget, refine_steps=steps)
                if "+" in cell.method.name
                else replace(cell.budget, search_steps=steps)
            )
            point = measured(bench, replace(cell, budget=budget), steps, self.threads)
            spent = [point.cost[track]["calls"] for track in TRACKS]
            if spent == calls:
                return
            yield point
            calls = spent
            if not any(spent) or max(point.cost[t][f"{self.clock}_ms"] for t in TRACKS) > self.most_ms:
                return


ASKED = """\
A search that may take its time finds better codes than one that may not, and a step of one method costs a hundred of
another's. So methods are compared by what they have found after equal time: on test images, where the generator's
limits show, and on images that it made itself, where a code with an error of 0 exists."""
MEASURED = (
    "A point is a run of its own with so many steps, from the first code on; methods whose step size depends on the "
    "number of steps are not cut short.",
    "All images of a kind are one batch, or several where they are too many or too large for one. Decoding and "
    "scoring the result is not counted, nor what is done once for a GAN (training an encoder; L-BFGS's mean metric): "
    "see setup_s and fit_s.",
    "Between two points PSNR is interpolated in the logarithm of time, image by image; the share of recovered "
    "images, which jumps, is that of the last point within the time. After its last point a method keeps the best "
    "that it found; before its first there is none.",
)
