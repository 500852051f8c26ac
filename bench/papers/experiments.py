"""Studies and applications that reproduce a table: checked before a run, and run unless their results are stored."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bench.core.errors import BenchError, NotApplicable, StoreError
from bench.core.files import write_json
from bench.papers.spec import PartRun, Table
from bench.papers.suites import network_of

if TYPE_CHECKING:
    from bench.applications.request import ApplicationRequest
    from bench.harness.experiment import Progress
    from bench.harness.runner import RunCallbacks

ASKED = "asked.json"
"""Name of the file with the arguments and the key of the study or application in the same folder."""


def check_parts(table: Table, budget: str, dataset: str | None = None) -> None:
    """Check that the names, datasets and weights of a table's studies and applications are available.

    Raises:
        UnknownName: no such study, application, option or dataset.
        DataError: a dataset is not available.
        WeightsError: the weights of a network are not available.
        NotApplicable: another dataset is requested, but GANs or options depend on the table's own.
        BenchError: a study reads stored results, and there are none.
    """
    from bench.applications.base import Application
    from bench.datasets.catalogue import open_here
    from bench.harness.suite import parse_choice, parse_options
    from bench.metrics.weights import weights_available
    from bench.studies.base import Study

    for run in _at(table.studies, budget):
        asked = _asked(run, budget, dataset)
        study = Study.open(run.name, parse_options(asked.get("options", ()), f"study {run.name}"))
        open_here(parse_choice(asked.get("dataset") or study.default_dataset, "dataset"))
        if asked.get("network") and (reason := weights_available(f"fid@{asked['network']}")):
            raise BenchError(f"network {asked['network']}: {reason}")
        study.check_stored()
    for run in _at(table.applications, budget):
        asked = _asked(run, budget, dataset)
        Application.open(run.name, parse_options(asked.get("options", ()), f"application {run.name}"))
        if asked.get("dataset"):
            open_here(parse_choice(asked["dataset"], "dataset"))


def run_parts(
    table: Table, budget: str, dataset: str | None, folder: Path, observer: RunCallbacks | None
) -> list[Mapping[str, Any]]:
    """Run the studies and applications of a table whose reports are not in the folder yet.

    Returns:
        Content of ``study.json`` of each study.
    """
    from bench.harness.experiment import silent
    from bench.papers.claims.study_results import read_study

    progress = (observer.progress if observer else None) or silent
    found: list[Mapping[str, Any]] = []
    for run in _at(table.studies, budget):
        place = folder / run.name if len(table.studies) > 1 else folder
        _once("study", run.name, asked=_asked(run, budget, dataset), folder=place, progress=progress)
        found.append(read_study(place / "study.json"))
    for run in _at(table.applications, budget):
        _once(
            "application", run.name, asked=_asked(run, budget, dataset), folder=folder / run.name, progress=progress
        )
    return found


def _at(runs: tuple[PartRun, ...], budget: str) -> Iterator[PartRun]:
    return (run for run in runs if budget in run.at)


def _asked(run: PartRun, budget: str, dataset: str | None) -> dict[str, Any]:
    """Return the arguments of a run; with another dataset, its feature network is used.

    Raises:
        NotApplicable: the run uses a shipped GAN, which was trained on another dataset.
    """
    asked: dict[str, Any] = dict(run.at[budget])
    if dataset is not None:
        name = dataset.partition("?")[0]
        shipped = [o for o in (asked.get("gan", ""), *asked.get("options", ())) if "/" in o and name not in o]
        if shipped:
            raise NotApplicable(f"{run.name} uses {shipped[0]}, which knows its own dataset; leave out --dataset")
        asked |= {"dataset": dataset} | ({"network": network_of(name)} if "network" in asked else {})
    return asked


def _once(kind: str, name: str, asked: dict[str, Any], folder: Path, progress: Progress) -> None:
    """Run a study or application, unless its folder contains a report of the same code, data and arguments."""
    from bench.harness.report_keys import report_key

    cell = _request(asked, progress).cell() if kind == "application" else None
    path, stands = folder / ASKED, asked | {"code": report_key(kind, name, asked, cell)}
    if (folder / f"{kind}.json").is_file() and path.is_file() and _stored(path) == stands:
        return
    run = _study if kind == "study" else _application
    run(name, asked, folder, progress)
    write_json(path, stands)


def _stored(path: Path) -> Any:
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise StoreError(f"{path} cannot be read: {error!r}; without it the report is made again") from error


def _study(name: str, asked: Mapping[str, Any], folder: Path, progress: Progress) -> None:
    from bench.studies.publish import run_study

    run_study(name, out=folder, progress=progress, **asked)


def _application(name: str, asked: Mapping[str, Any], folder: Path, progress: Progress) -> None:
    from bench.applications.publish import run_application
    from bench.harness.suite import parse_options

    options = parse_options(asked.get("options", ()), f"application {name}")
    run_application(name, _request(asked, progress), options, out=folder)


def _request(asked: Mapping[str, Any], progress: Progress) -> ApplicationRequest:
    from bench.applications.request import STEPS, ApplicationRequest
    from bench.core.paths import device

    words = {key: value for key, value in asked.items() if key not in {*STEPS, "options"}}
    steps = tuple((step, asked[step]) for step in STEPS if step in asked)
    return ApplicationRequest(**words, steps=steps, device=device(), progress=progress)
