"""Per-image values of stored records as columns, and the summaries that follow from them. Needs no torch.

The summaries are computed anew from the aggregation that a metric's protocol states, with numpy alone: this module
shares no code with the metrics.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bench.core.errors import StoreError
from bench.core.packed import open_packed
from bench.core.packed_values import columns_checksum

Columns = dict[str, NDArray[Any]]
ABOUT = ("track", "index")
"""Columns that are no metrics."""
OVER_IMAGES, OVER_FINITE, INSIDE = (
    "mean over images",
    "per image, then the mean over finite values",
    "mean over codes inside the support",
)
"""Aggregations of protocols that are understood here."""
ACCURACY = 1e-12
"""Largest relative difference: processors add long columns in other orders."""

CEILING_ROUNDING = 1e-4
"""Protocols state a ceiling with four decimals."""


def read_columns(folder: Path, key: str) -> Columns | None:
    """Return the per-image values of a record by column, or None if it has none.

    Raises:
        StoreError: the file cannot be read.
    """
    path = folder / f"{key}.parquet"
    if not path.is_file():
        packed = open_packed(folder)
        table = None if packed is None else packed.values(key)
        return None if table is None else {str(name): table[name].to_numpy() for name in table.columns}
    from pyarrow import ArrowException
    from pyarrow.parquet import ParquetFile

    try:
        with ParquetFile(path) as file:
            table = file.read(use_threads=False)
        return {name: table[name].to_numpy() for name in table.column_names}
    except (OSError, ValueError, KeyError, ArrowException) as error:
        raise StoreError(f"cannot read per-image values {path}: {' '.join(str(error).split())}") from error


def rows_of(columns: Columns, track: str) -> NDArray[np.intp]:
    """Return the row numbers of a track in the order of its images."""
    rows = np.flatnonzero(columns["track"] == track)
    found: NDArray[np.intp] = rows[np.argsort(columns["index"][rows], kind="stable")]
    return found


def summary_of(values: NDArray[np.float64], protocol: Mapping[str, Any]) -> dict[str, float]:
    """Return those figures of a summary that follow from per-image values ``[N]``; {} for an unknown aggregation.

    Example:
        >>> summary_of(np.array([1.0, 3.0, np.inf]), {"aggregation": "per image, then the mean over finite values"})
        {'n': 3.0, 'value': 2.0, 'identical': 1.0}
    """
    stated = str(protocol.get("aggregation", ""))
    found = {"n": float(len(values))}
    finite = values[np.isfinite(values)]
    if stated.startswith(OVER_FINITE):
        return {**found, "value": _mean(finite, math.inf), "identical": found["n"] - len(finite)}
    if stated.startswith(INSIDE):
        return {**found, "value": _mean(finite, -math.inf), "outside": found["n"] - len(finite)}
    if not stated.endswith(OVER_IMAGES):
        return {}
    found["value"] = _mean(values, math.nan)
    if isinstance(protocol.get("ceiling"), int | float):
        found["at_ceiling"] = float((values >= protocol["ceiling"] - CEILING_ROUNDING).sum())
    if isinstance(protocol.get("recovered_below"), int | float):
        found["recovered"] = float(np.mean(values < protocol["recovered_below"]))
    return found


def fault_of_values(content: Mapping[str, Any], columns: Columns | None) -> str:
    """Compare a record's summaries with its per-image values; return the first disagreement in words, else "".

    Args:
        content: fields of the record.
        columns: its per-image values; None if they are not there.
    """
    facts, protocols = content.get("facts", {}), content.get("protocol", {})
    if columns is None:
        return "its per-image values are not here" if "values_sha256" in facts else ""
    if fault := _fault_of_columns(columns):
        return fault
    if "values_sha256" in facts and columns_checksum(columns) != facts["values_sha256"]:
        return "its per-image values do not have the checksum that it states"
    names = [name for name in columns if name not in ABOUT]
    for track, summaries in content.get("metrics", {}).items():
        rows = rows_of(columns, track)
        if len(rows) and not np.array_equal(columns["index"][rows], np.arange(len(rows))):
            return f"its per-image values of {track} images are not those of images 0 to {len(rows) - 1}"
        for name in names:
            if name in summaries:
                expected = summary_of(columns[name][rows].astype(np.float64), protocols.get(name, {}))
                if fault := _difference(f"{track}/{name}", summaries[name], expected):
                    return fault
    return ""


def agree(one: float, other: float) -> bool:
    """Return True for two numbers that are equal but for rounding, or both not numbers."""
    return one == other or (math.isnan(one) and math.isnan(other)) or math.isclose(one, other, rel_tol=ACCURACY)


def _difference(where: str, stated: Mapping[str, float], expected: Mapping[str, float]) -> str:
    for name, value in expected.items():
        if name in stated and not agree(float(stated[name]), value):
            what = where if name == "value" else f"{name} of {where}"
            return f"{what} is {stated[name]:.10g}, its per-image values give {value:.10g}"
    return ""


def _fault_of_columns(columns: Columns) -> str:
    missing = [name for name in ABOUT if name not in columns]
    if missing:
        return f"its per-image values have no column '{missing[0]}'"
    wrong = [name for name, values in columns.items() if name != "track" and values.dtype.kind not in "fiu"]
    return f"its per-image values of '{wrong[0]}' are not numbers" if wrong else ""


def _mean(values: NDArray[np.float64], empty: float) -> float:
    return float(np.mean(values)) if len(values) else empty
