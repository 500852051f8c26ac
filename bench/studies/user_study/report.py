"""The report of a user study, with the shares that the paper publishes for the same methods."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from bench.reports.published import PrintedTable, plain, printed_paper
from bench.studies.user_study.ballots import Ballots
from bench.studies.user_study.questions import Questionnaire
from bench.studies.user_study.tally import Share, tally

PAPER = "dfi"
"""The paper with a user study."""
METRIC = "user_study"


@dataclass(frozen=True)
class Report:
    """A table of strings, and the notes under it."""

    title: str
    columns: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    notes: tuple[str, ...]


def report(ballots: Ballots) -> Report:
    """Return the shares of a study with intervals, the published ones, and notes on their comparability.

    Raises:
        BenchError: the paper's published numbers cannot be read.
    """
    study, counted = ballots.study, tally(ballots)
    tables = [table for table in printed_paper(PAPER).tables if len(_common(table, study)) > 1]
    printed = [_common(table, study) for table in tables]
    columns = ("method", "votes", "share, %", "95 % interval", *(f"{t.title}, %" for t in tables))
    names = dict(zip(study.methods, study.names, strict=True))
    rows = tuple(
        (method, str(share.votes), *_percent(share), *(_number(p.get(names[method])) for p in printed))
        for method, share in counted.shares.items()
    )
    notes = (
        f"{_people(counted.participants)} voted, {counted.finished} to the end; reasons given: {counted.reasons}.",
        _agreement(counted.agreement, len(study.methods)),
        "Intervals: Wilson over effective votes, since votes of one participant depend on each other; they are over "
        "participants, for these pictures.",
        *(_comparison(table, study) for table in tables),
    )
    return Report(f"User study: {study.table}", columns, rows, notes)


def _common(table: PrintedTable, study: Questionnaire) -> dict[str, float]:
    """Return the published shares of methods that have exactly one title in the study."""
    printed = {row.method: row.value for row in table.rows if row.metric == METRIC}
    return {name: value for name, value in printed.items() if study.names.count(name) == 1}


def _comparison(table: PrintedTable, study: Questionnaire) -> str:
    rows = [row for row in table.rows if row.metric == METRIC]
    others = sorted({row.method for row in rows} ^ set(study.names))
    where = f"{table.title}: {rows[0].dataset}, {rows[0].backbone} ({rows[0].note})"
    same = plain(rows[0].dataset) == plain(study.dataset) and plain(rows[0].backbone) == plain(study.gan)
    if others:
        return f"{where}; shares depend on what there is to choose from, and {_and(others)} were in one study only."
    return (
        f"{where}; the same choice." if same else f"{where}; the same choice on other images: orders may be compared."
    )


def _agreement(share: Share, methods: int) -> str:
    if not share.of:
        return "No repeated question is answered yet."
    value, interval = _percent(share)
    return (
        f"Asked again, participants chose the same in {share.votes} of {share.of} cases: {value} % "
        f"({interval}); {100 / methods:.1f} % by chance."
    )


def _percent(share: Share) -> tuple[str, str]:
    interval = share.interval
    value = f"{100 * share.value:.2f}" if share.of else "–"
    return value, f"{100 * interval.low:.2f} to {100 * interval.high:.2f}" if interval else "needs two participants"


def _number(value: float | None) -> str:
    return "–" if value is None else f"{value:.2f}"


def _people(count: int) -> str:
    return "1 participant" if count == 1 else f"{count} participants"


def _and(names: Sequence[str]) -> str:
    return " and ".join([", ".join(names[:-1]), names[-1]] if len(names) > 1 else names)
