"""Entry points of ``ganinv overfit``: from options to a report."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, NamedTuple, get_args

from bench.core.environment import environment
from bench.core.errors import BenchError, DataError, unknown
from bench.core.files import slug
from bench.core.paths import device
from bench.core.types import Shape
from bench.gans.zoo import CHECKPOINT
from bench.harness.experiment import Progress, computing, open_plugins, silent
from bench.harness.experiment_report import default_folder
from bench.harness.store import Store
from bench.harness.suite import parse_choice
from bench.overfit.parallel import cores, parallel_workers

if TYPE_CHECKING:
    from bench.overfit.examination import OverfitReport, SearchSettings
    from bench.overfit.inputs import OpenedGan, Real

Mode = Literal["one", "compare", "sweep"]
PriorName = Literal["normal", "uniform"]


class Size(NamedTuple):
    """Number of images of each group, and steps and starts of the search."""

    n: int
    steps: int
    starts: int


BUDGETS = {"smoke": Size(40, 40, 1), "cpu": Size(500, 400, 1), "paper": Size(2000, 400, 4)}
FULL_STEPS = {"adam": 1000, "gradient": 1000}
"""Steps at ``cpu`` and ``paper`` of searches that need more steps than lbfgs and lm: in the study search-time adam
and gradient recover no generated image in 500 steps."""


@dataclass(frozen=True)
class OverfitOptions:
    """Options of ``ganinv overfit``; see ``bench.cli.overfit``. 0 and empty strings select the defaults."""

    gans: tuple[str, ...]
    mode: Mode = "one"
    dataset: str = ""
    train: Path | None = None
    test: Path | None = None
    resize: bool = False
    n: int = 0
    search: str = ""
    steps: int = 0
    budget: str = "cpu"
    prior: str = ""
    code_dim: int = 0
    recovered_below: float = 0.0
    gate: float = 0.0
    curve: bool = True
    seed: int = 0
    jobs: int = 1


@dataclass(frozen=True)
class OverfitResult:
    """The written reports: one line per GAN, a table over all of them if there are several, and the page."""

    lines: tuple[str, ...]
    reasons: tuple[str, ...]
    columns: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    page: Path


def overfit(
    request: OverfitOptions,
    *,
    plugins: Sequence[Path] = (),
    out: Path | None = None,
    progress: Progress | None = None,
    allow_code: bool = False,
    store: Store | None = None,
) -> OverfitResult:
    """Examine one GAN or several, and write the reports.

    Args:
        request: the options.
        plugins: files with further methods or datasets.
        out: folder of the reports; one in the cache folder if None.
        progress: called with the number of finished images.
        allow_code: allow GANs that run code: a factory or an archive of code.
        store: store of finished chunks; the user's if None.

    Raises:
        BenchError: names, options, data or the GAN are invalid; nothing is written.
    """
    from bench.overfit.examination import examine_gan

    store = store or Store()
    settings, opened, real = _ready(request, plugins, allow_code, store)
    with parallel_workers(request.jobs, invert_ahead, request, tuple(plugins), allow_code, store):
        examined = [
            examine_gan(each, real, settings, store=store, device=device(), progress=progress or silent)
            for each in opened
        ]
    return _write(request, opened, examined, out or _folder(request, examined))


def examine(
    *gans: str,
    plugins: Sequence[Path] = (),
    out: Path | None = None,
    allow_code: bool = False,
    store: Store | None = None,
    **request: Any,
) -> OverfitResult:
    """Run ``overfit`` with the options as keywords; see ``bench.api.overfit``.

    Raises:
        BenchError: no GAN is named, a keyword is unknown, or an error of ``overfit``.
    """
    known = {field.name for field in dataclasses.fields(OverfitOptions)} - {"gans"}
    for name in request:
        if name not in known:
            raise unknown("option of overfit", name, known)
    if not gans:
        raise BenchError("overfit: no GAN is given")
    return overfit(OverfitOptions(gans, **request), plugins=plugins, out=out, allow_code=allow_code, store=store)


def invert_ahead(
    request: OverfitOptions, plugins: Sequence[Path], allow_code: bool, store: Store, progress: Progress
) -> None:
    """Run the searches of ``overfit`` alone, in a worker process; see ``bench.overfit.examination``."""
    from bench.overfit import examination

    settings, opened, real = _ready(request, plugins, allow_code, store)
    for each in opened:
        examination.invert_ahead(each, real, settings, store=store, device=device(), progress=progress)


def _ready(
    request: OverfitOptions, plugins: Sequence[Path], allow_code: bool, store: Store
) -> tuple[SearchSettings, list[OpenedGan], Real]:
    """Return the settings, the GANs and the real images."""
    from bench.overfit.inputs import open_gan

    open_plugins(plugins)
    settings = settings_of(request)
    dataset = parse_choice(request.dataset, "--dataset") if request.dataset else None
    with computing(device(), allow_code):
        opened = [
            open_gan(
                parse_choice(name, "GAN"),
                device(),
                prior=request.prior,
                code_dim=request.code_dim,
                dataset=dataset,
                store=store,
            )
            for name in request.gans
        ]
    opened = disambiguate(opened, request.gans)
    return settings, opened, _real(request, opened, settings.n)


def disambiguate(opened: Sequence[OpenedGan], names: Sequence[str]) -> list[OpenedGan]:
    """Return the GANs with distinct titles: files of the same name are titled by their folders.

    Raises:
        BenchError: a GAN is named twice.
    """
    for name in names:
        if names.count(name) > 1:
            raise BenchError(f"GAN {name} is named twice")
    titles = [each.title for each in opened]
    return [
        dataclasses.replace(each, title=name.removeprefix(CHECKPOINT)) if titles.count(each.title) > 1 else each
        for each, name in zip(opened, names, strict=True)
    ]


def settings_of(request: OverfitOptions) -> SearchSettings:
    """Return the settings of the examination, with defaults filled in.

    Raises:
        UnknownName: no such budget or search.
        BenchError: a number is out of range, or a mode has too few or too many GANs.
    """
    from bench.overfit.examination import SearchSettings
    from bench.overfit.recovery import DEFAULT_SEARCH, Search, open_search
    from bench.overfit.statistics import GATE, RECOVERED

    if request.budget not in BUDGETS:
        raise unknown("budget", request.budget, BUDGETS, "--budget")
    _check(request)
    size = BUDGETS[request.budget]
    method = parse_choice(request.search, "--search") if request.search else DEFAULT_SEARCH
    if method.name == DEFAULT_SEARCH.name:
        method = dataclasses.replace(method, options={**DEFAULT_SEARCH.options, **method.options})
    if size.starts > 1 and "starts" not in method.options and hasattr(open_search(method).base, "starts"):
        method = dataclasses.replace(method, options={**method.options, "starts": size.starts})
    open_search(method)
    full = size.steps if request.budget == "smoke" else FULL_STEPS.get(method.name, size.steps)
    search = Search(method, request.steps or full, request.seed)
    return SearchSettings(
        request.n or size.n,
        search,
        recovered_below=request.recovered_below or RECOVERED,
        gate=request.gate or GATE,
        curve=request.curve,
        seed=request.seed,
    )


def _check(request: OverfitOptions) -> None:
    many = len(request.gans) > 1
    if request.mode == "one" and many:
        number = len(request.gans)
        raise BenchError(f"{number} GANs: add --compare to rank them, or --sweep if they are one training's")
    if request.mode != "one" and not many:
        raise BenchError(f"--{request.mode} needs two GANs or more, got {len(request.gans)}")
    if request.prior and request.prior not in get_args(PriorName):
        raise unknown("prior", request.prior, get_args(PriorName), "--prior")
    folders = [request.train, request.test]
    if bool(request.dataset) == any(folders) or any(folders) != all(folders):
        raise BenchError("no images given: --dataset NAME, or --train DIR and --test DIR")
    if request.resize and request.dataset:
        raise BenchError("--resize is for --train and --test; options of a dataset follow its name: celeba?size=64")
    if min(request.n, request.steps, request.code_dim, request.seed) < 0:
        raise BenchError("--n, --steps, --code-dim and --seed must be 0 or more")
    if not 1 <= request.jobs <= cores():
        most = f"1 to {cores()} processes, one for each core of this machine"
        raise BenchError(f"--jobs {request.jobs}: expected {most}")
    below, gate = request.recovered_below, request.gate
    if not 0 <= below < math.inf or not 0 <= gate <= 1:
        raise BenchError(f"--recovered {below:g} --gate {gate:g}: expected above 0, and 0 to 1")


def _real(request: OverfitOptions, opened: Sequence[OpenedGan], n: int) -> Real:
    from bench.overfit.inputs import from_dataset, from_folders

    limits = {each.trained_on for each in opened}
    if len(limits) > 1:
        raise BenchError(
            f"these GANs were trained on different numbers of images ({', '.join(map(str, sorted(limits)))}; 0 is "
            "all); examine them one by one"
        )
    if request.dataset:
        dataset = parse_choice(request.dataset, "--dataset")
        for each in opened:
            if each.dataset not in {"", dataset.name}:
                raise BenchError(
                    f"GAN {each.title} was trained on {each.dataset}, not on {dataset.name}: use "
                    f"--dataset {each.dataset}"
                )
        return from_dataset(dataset, limits.pop(), request.seed, n)
    assert request.train is not None
    assert request.test is not None
    shape = _shape(opened)
    return from_folders(request.train, request.test, shape=shape, seed=request.seed, n=n, resize=request.resize)


def _shape(opened: Sequence[OpenedGan]) -> Shape:
    shapes = {each.gan.image_shape for each in opened}
    if len(shapes) > 1:
        raise DataError(f"these GANs make images of different sizes: {', '.join(map(str, sorted(shapes)))}")
    return shapes.pop()


def _folder(request: OverfitOptions, examined: Sequence[OverfitReport]) -> Path:
    names = [examined[0].title if request.mode == "one" else request.mode, examined[0].data]
    return default_folder("-".join(["overfit", *names]))


def _write(
    request: OverfitOptions, opened: Sequence[OpenedGan], examined: Sequence[OverfitReport], folder: Path
) -> OverfitResult:
    from bench.overfit import ranking, sweep
    from bench.overfit.report import write_page
    from bench.overfit.tables import headline

    facts, lines = environment(device()), tuple(headline(e) for e in examined)
    if request.mode == "one":
        page = write_page(examined[0], folder, facts)
        return OverfitResult(
            lines, (*examined[0].verdict.reasons, *examined[0].verdict.advice), columns=(), rows=(), page=page
        )
    if request.mode == "compare":
        places = ranking.write_ranking(examined, folder, facts)
        columns, rows, reasons = ranking.COLUMNS, ranking.rows(places, examined), ranking.notes(places, examined[0])
    else:
        found = sweep.write_sweep(examined, sweep.steps_of(opened), folder, facts)
        columns, rows, reasons = sweep.COLUMNS, sweep.rows(found), [sweep.answer(found)]
    for e in examined:
        write_page(e, folder / slug(e.title), facts)
    return OverfitResult(lines, tuple(reasons), columns=columns, rows=tuple(rows), page=folder / "README.md")
