"""Leaderboard files beside records: do they show what follows from the records?

Means and deviations over seeds are computed here with numpy. Everything else that a leaderboard shows is compared
with what the reports draw from the same records, field by field. Fields that only one of two versions of the suite
writes are not compared, and named.
"""

from __future__ import annotations

import csv
import io
import json
import math
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from bench.core.errors import BenchError
from bench.core.record_values import agree
from bench.core.types import Record
from bench.harness.verification.findings import CheckTally, Finding
from bench.harness.verification.places import RecordsPlace
from bench.reports.groups import ResultGroup, groups
from bench.reports.leaderboard import Leaderboard, leaderboard
from bench.reports.render import render
from bench.reports.render_csv import csv_text
from bench.reports.render_json import json_text
from bench.reports.render_markdown import summary

Json = Mapping[str, Any]
CsvRow = dict[str, str]
ANOTHER_VERSION = "written by another version of the suite; ganinv report draws it anew. Not compared: "


def check_tables(place: RecordsPlace, records: Sequence[Record]) -> list[Finding]:
    """Compare every leaderboard file of a folder with the records; no file gives no finding."""
    if not place.reports:
        return []
    try:
        found = {group.title: group for group in groups(records)}
        titles = _titles(place)
        boards = [_board(title, rank_by, found) for title, rank_by in titles]
    except (BenchError, OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        return [Finding("FAIL", "leaderboards", _line(error), place.name)]
    findings, differs = [], False
    for name in ("leaderboard.json", "leaderboard.csv"):
        if name in place.reports:
            compare = _check_json if name.endswith("json") else _check_csv
            new = _guarded(name, place, boards, compare)
            differs = differs or any(finding.outcome == "not checked" for finding in new)
            findings += new
    for name in ("leaderboard.md", "leaderboard.tex", "summary.md"):
        if name in place.reports:
            findings += _check_text(name, place, boards, other_version=differs)
    return findings


def _titles(place: RecordsPlace) -> list[tuple[str, str]]:
    """Return the title and the ranking metric of each table that the files show."""
    if path := place.reports.get("leaderboard.json"):
        return [(board["title"], board["rank_by"]) for board in json.loads(path.read_text(encoding="utf-8"))]
    if path := place.reports.get("leaderboard.csv"):
        return list(dict.fromkeys((row["title"], row["rank_by"]) for row in _rows(path.read_text(encoding="utf-8"))))
    return []


def _board(title: str, rank_by: str, found: Mapping[str, ResultGroup]) -> Leaderboard:
    own = [name for name in found if title.endswith(f": {name}")]
    if not own:
        raise BenchError(f"a leaderboard is called {title!r}; the records are those of {', '.join(found)}")
    name = max(own, key=len)
    return leaderboard(found[name], rank_by, title.removesuffix(f": {name}"))


def _guarded(name: str, place: RecordsPlace, boards: Sequence[Leaderboard], compare: Any) -> list[Finding]:
    tally, skipped = CheckTally(name), set[str]()
    try:
        compare(place.reports[name].read_text(encoding="utf-8"), boards, tally, skipped)
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        tally.fault(f"cannot be compared: {_line(error)}")
    findings = tally.findings(f"{tally.good} fields agree with the records", place.name)
    if skipped:
        findings.append(Finding("not checked", name, ANOTHER_VERSION + ", ".join(sorted(skipped)), place.name))
    return findings


# ------------------------------------------------------------------------------------------------------ JSON


def _check_json(text: str, boards: Sequence[Leaderboard], tally: CheckTally, skipped: set[str]) -> None:
    stated = json.loads(text)
    drawn = json.loads(json_text(boards))
    for board, new in zip(stated, drawn, strict=True):
        own = _without_missing(board, new)
        _compare(_by_name(own), _by_name(new), where=own["title"], tally=tally, skipped=skipped)
        for row in own["rows"]:
            for key, value in row["values"].items():
                tally.note(_fault_of_mean(f"{own['title']}, {row['method']}, {key}", value))


def _without_missing(board: Json, new: Json) -> Json:
    """Return a table without its remarks on cells that were never run, which records cannot tell, and their seeds."""
    gaps = [remark for remark in board["remarks"] if remark["what"] != "missing"]
    whole = len(gaps) == len(board["remarks"])
    context = board["context"] if whole else {**board["context"], "seeds": new["context"]["seeds"]}
    return {**board, "remarks": gaps, "context": context}


def _by_name(board: Json) -> Json:
    """Return a table whose lists are named by method or column, so that their order does not count."""
    return {
        **board,
        "rows": {row["method"]: row for row in board["rows"]},
        "columns": {f"{column['heading']}/{column['name']}": column for column in board["columns"]},
        "remarks": sorted(json.dumps(remark, sort_keys=True) for remark in board["remarks"]),
    }


def _compare(stated: Any, drawn: Any, where: str, tally: CheckTally, skipped: set[str]) -> None:
    if isinstance(stated, dict) and isinstance(drawn, dict):
        named = where.endswith(("/rows", "/columns", "/values", "/by_seed"))
        for name in {**stated, **drawn}:
            if name in stated and name in drawn:
                _compare(stated[name], drawn[name], where=f"{where}/{name}", tally=tally, skipped=skipped)
            elif named:
                side = "are not those of a record" if name in stated else "are in no table"
                tally.fault(f"{where}: {name} {side}")
            else:
                skipped.add(str(name))
    elif isinstance(stated, list) and isinstance(drawn, list) and len(stated) == len(drawn):
        for number, (one, other) in enumerate(zip(stated, drawn, strict=True)):
            _compare(one, other, where=f"{where}[{number}]", tally=tally, skipped=skipped)
    else:
        tally.note("" if _same(stated, drawn) else f"{where} is {stated!r:.60}, the records give {drawn!r:.60}")


def _fault_of_mean(where: str, value: Json) -> str:
    """Compare the mean and the standard deviation (``ddof=1``) over seeds with the values of the seeds."""
    numbers = np.array([_number(each) for each in value["by_seed"].values()])
    with np.errstate(invalid="ignore"):
        mean, sd = float(numbers.mean()), float(numbers.std(ddof=1)) if len(numbers) > 1 else None
    if not agree(_number(value["mean"]), mean):
        return f"{where}: mean {value['mean']}, its seeds give {mean:.10g}"
    stated = value.get("sd")
    if sd is not None and math.isfinite(sd) and not math.isclose(_number(stated), sd, rel_tol=1e-9, abs_tol=1e-12):
        return f"{where}: deviation {stated}, its seeds give {sd:.10g}"
    return ""


def _number(value: Any) -> float:
    return math.nan if value is None else float(value)


def _same(stated: Any, drawn: Any) -> bool:
    numbers = [each for each in (stated, drawn) if isinstance(each, float | int) and not isinstance(each, bool)]
    if len(numbers) == 2:
        return agree(*numbers) or math.isclose(*numbers, rel_tol=1e-9, abs_tol=1e-12)
    return bool(stated == drawn) and type(stated) is type(drawn)


# ------------------------------------------------------------------------------------------------ CSV and texts


def _check_csv(text: str, boards: Sequence[Leaderboard], tally: CheckTally, skipped: set[str]) -> None:
    stated, drawn = _rows(text), _rows(csv_text(boards))
    skipped |= set(stated[0] if stated else ()) ^ set(drawn[0] if drawn else ())
    unlike = dict(_named(row for row in stated if row["status"] != "missing"))
    expected = dict(_named(drawn))
    for name in {**unlike, **expected}:
        if name not in unlike or name not in expected:
            tally.fault(
                f"a line of {', '.join(filter(None, name))} {'is missing' if name in expected else 'is too much'}"
            )
            continue
        for field in set(unlike[name]) & set(expected[name]):
            one, other = unlike[name][field], expected[name][field]
            where = f"{', '.join(filter(None, name))}: {field}"
            tally.note("" if _same_text(one, other) else f"{where} is {one:.40}, the records give {other:.40}")


def _rows(text: str) -> list[CsvRow]:
    return list(csv.DictReader(io.StringIO(text)))


def _named(
    rows: Iterator[dict[str, str]] | Sequence[dict[str, str]],
) -> Iterator[tuple[tuple[str, ...], dict[str, str]]]:
    seen: dict[tuple[str, ...], int] = {}
    for row in rows:
        name = tuple(row[field] for field in ("title", "method", "track", "metric"))
        name = (*name, row["seeds"] + row["reason"]) if not row["metric"] else name
        seen[name] = seen.get(name, 0) + 1
        yield (*name, str(seen[name]) if seen[name] > 1 else ""), row


def _same_text(one: str, other: str) -> bool:
    try:
        return one == other or _same(float(one), float(other))
    except ValueError:
        return False


def _check_text(name: str, place: RecordsPlace, boards: Sequence[Leaderboard], other_version: bool) -> list[Finding]:
    """Compare a Markdown or LaTeX file, line by line and in any order, with what the reports draw."""
    if not boards:
        return [Finding("not checked", name, "no leaderboard.json or .csv says which tables it shows", place.name)]
    try:
        stated = place.reports[name].read_text(encoding="utf-8")
    except (OSError, ValueError) as error:
        return [Finding("FAIL", name, _line(error), place.name)]
    drawn = summary(boards) if name == "summary.md" else render(boards, Path(name).suffix[1:])
    lines, expected = stated.splitlines(), drawn.splitlines()
    extra = _unexpected(lines, expected) if name != "summary.md" else ()
    missing = _unexpected(expected, lines)
    if not extra and not missing:
        return [Finding("ok", name, f"{len(expected)} lines are what the records give", place.name)]
    if other_version:
        return [Finding("not checked", name, ANOTHER_VERSION + "the text", place.name)]
    shown = f"it has {extra[0]:.100}" if extra else f"it lacks {missing[0]:.100}"
    return [Finding("FAIL", name, f"not what the records give: {shown}", place.name)]


def _unexpected(lines: Sequence[str], among: Sequence[str]) -> list[str]:
    known = set(among)
    return [line for line in lines if line not in known and "no record: the cell has not been run" not in line]


def _line(error: Exception) -> str:
    return " ".join(f"{error}".split()) or type(error).__name__
