"""Sampled cells run again with other seeds and another nonce: does the stored figure lie where such runs lie?"""

from __future__ import annotations

import dataclasses
import math
import secrets
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
from scipy.special import stdtrit

from bench.core.errors import BenchError
from bench.core.record_values import rows_of
from bench.core.types import Record
from bench.harness.keys import cell_from
from bench.harness.runner import run_cells
from bench.harness.store import Store
from bench.harness.verification.entries import StoredEntry, entries
from bench.harness.verification.findings import CheckTally, Finding
from bench.harness.verification.places import RecordsPlace

REPEATS = 3
"""Runs of each sampled cell, with a seed of its own each."""
LEVEL = 0.999
"""Level of the prediction interval; many metrics of many cells are asked at once."""
ROUNDING = 1e-3
"""Smallest relative half-width of an interval, for methods without chance."""


def run_again(place: RecordsPlace, keys: Sequence[str], rng: np.random.Generator, cells: int) -> Iterator[Finding]:
    """Run sampled cells of a folder again in a store of its own, and compare the stored figures with theirs.

    A stored figure agrees if it lies in the prediction interval of the new runs (Student's t over seeds, widened by
    the sampling error of its images for the own track, whose images are others).
    """
    chosen = set(rng.choice(sorted(keys), min(cells, len(keys)), replace=False))
    tally, refused = CheckTally("rerun"), list[str]()
    with tempfile.TemporaryDirectory(prefix="ganinv-verify-") as folder:
        for entry in entries(place):
            if entry.key in chosen:
                try:
                    runs = _runs(entry, Store(Path(folder)))
                except BenchError as error:
                    refused.append(f"{entry.title}: {' '.join(str(error).split())}")
                    continue
                for fault in _faults(entry, runs):
                    tally.note(fault)
    good = f"{tally.good} figures of {len(chosen) - len(refused)} cells lie where {REPEATS} new runs lie"
    yield from tally.findings(good, place.name)
    for text in refused:
        yield Finding("not here", "rerun", text, place.name)


def _runs(entry: StoredEntry, store: Store) -> list[Record]:
    cell, nonce = cell_from(entry.content["cell"]), secrets.token_hex(8)
    seeds = [1_000_000 + secrets.randbelow(1_000_000) for _ in range(REPEATS)]
    found = run_cells([dataclasses.replace(cell, seed=seed, nonce=nonce) for seed in seeds], store)
    failed = [record.reason for record in found if record.status != "done"]
    if failed:
        raise BenchError(f"cannot be run again: {failed[0]}")
    return found


def _faults(entry: StoredEntry, runs: Sequence[Record]) -> Iterator[str]:
    """Yield one text for each stored figure, "" if it agrees."""
    for track, summaries in entry.content["metrics"].items():
        for name, summary in summaries.items():
            new = [r.metrics.get(track, {}).get(name, {}).get("value", math.nan) for r in runs]
            stated = float(summary["value"])
            if not np.isfinite([*new, stated]).all():
                continue
            low, high = _interval(np.array(new), _image_error(entry, track, name))
            inside = low <= stated <= high
            text = f"{entry.title}: {track}/{name} is {stated:.5g}, new runs give {low:.5g} to {high:.5g}"
            yield "" if inside else text


def _interval(new: np.ndarray[tuple[int], np.dtype[np.float64]], image_error: float) -> tuple[float, float]:
    """Return the prediction interval of one more run: mean ± t · sqrt((1 + 1/R) · s² + error of the images)."""
    mean, spread = float(new.mean()), float(new.std(ddof=1))
    factor = float(stdtrit(len(new) - 1, (1 + LEVEL) / 2))  # Student's t
    normal = 3.3  # the quantile of a normal distribution at this level
    half = math.hypot(factor * spread * math.sqrt(1 + 1 / len(new)), normal * image_error * math.sqrt(2))
    half = max(half, ROUNDING * abs(mean))
    return mean - half, mean + half


def _image_error(entry: StoredEntry, track: str, name: str) -> float:
    """Return the standard error of a mean over images of the own track, which are drawn anew; 0 for test images."""
    columns = entry.columns
    if track != "own" or columns is None or name not in columns:
        return 0.0
    values = columns[name][rows_of(columns, track)].astype(np.float64)
    values = values[np.isfinite(values)]
    return float(values.std(ddof=1) / math.sqrt(len(values))) if len(values) > 1 else 0.0
