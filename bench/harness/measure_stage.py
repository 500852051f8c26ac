"""Last stage: decode stored codes, measure them, and store the cell's record.

A method gives codes. This stage reads them from the store, and decodes and scores them in a process that has never
imported a method.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import Any

from safetensors.torch import load_file
from torch import Tensor

from bench.core.environment import environment
from bench.core.errors import ContractError
from bench.core.packed_values import values_checksum
from bench.core.types import Cell, Gan, Images, Record, Track
from bench.harness.bound_method import view_of
from bench.harness.context import HarnessContext, load_data, seed_of
from bench.harness.feature_cache import StoredReference
from bench.harness.invert_stage import own_images
from bench.harness.keys import Keys, cell_facts
from bench.harness.origins import measured_by, plugin_of
from bench.harness.provenance import code_facts, picture_hashes
from bench.metrics.evaluation import Evaluation, evaluate, open_metrics

FACTS = (
    "capacity",
    "trained_on",
    "optimises",
    "control",
    "trained_parameters",
    "diverged",
    "fit_steps",
    "fit_threads",
    "threads",
    "plugin",
    "isolated",
    "started_processes",
    "written_files",
)
OWN_PARTS = ("build", "fit", "invert test images", "invert own images")
"""Timed parts in which a method works for itself."""
COST = (
    "fit_seconds",
    "fit_processor_seconds",
    "invert_ms_per_image",
    "invert_processor_ms_per_image",
    "generator_calls_per_image",
    "fit_generator_calls",
    "peak_memory_bytes",
)


def checked_facts(meta: Mapping[str, Any]) -> dict[str, Any]:
    """Return the facts of an inversion with the types that reports expect, texts of a line.

    Raises:
        ContractError: a fact is missing, or of another type.
    """
    try:
        texts = {name: _text(meta[name]) for name in ("capacity", "trained_on")}
        lists = {
            name: [_text(each) for each in meta[name]] for name in ("optimises", "started_processes", "written_files")
        }
        spaces = [_text(each) for each in meta.get("spaces", [meta["capacity"]])]
        names = (*COST, "trained_parameters", "fit_steps", "fit_threads", "threads")
        numbers = {name: meta[name] if isinstance(meta[name], int) else float(meta[name]) for name in names}
        diverged = {track: int(meta["diverged"][track]) for track in ("test", "own")}
    except (KeyError, TypeError, ValueError, OverflowError) as error:
        raise ContractError(
            f"what the method says of itself cannot be used: {type(error).__name__}: {error}"
        ) from error
    return {**texts, **lists, **numbers, "spaces": spaces, "diverged": diverged, "control": bool(meta["control"])}


def _text(value: Any) -> str:
    if not isinstance(value, str):
        raise TypeError(f"{type(value).__name__} in place of a text")
    return " ".join(value.encode(errors="replace").decode().split())[:100]


def _processes(facts: Mapping[str, Any], outside: Mapping[str, Mapping[str, float]]) -> list[str]:
    """Return the processes that a stranger's method started: those that it is known for, or that were seen."""
    seen = any(outside.get(part, {}).get("processes", 0) > 1 for part in OWN_PARTS)
    return facts["started_processes"] or (["seen from outside"] if seen and facts["plugin"] else [])


def _cost(facts: Mapping[str, Any], outside: Mapping[str, Mapping[str, float]], images: int) -> dict[str, float]:
    """Return the cost of a cell: what its process stated, or what was seen from outside if that is more."""
    found = {name: facts[name] for name in COST}
    for kind in ("seconds", "processor_seconds"):
        seen = {name: part.get(kind, 0.0) for name, part in outside.items()}
        if "fit" in seen:
            found[f"fit_{kind}"] = max(found[f"fit_{kind}"], seen["fit"] + seen.get("build", 0.0))
        name = f"invert_{kind.removesuffix('seconds')}ms_per_image"
        inverting = sum(value for part, value in seen.items() if part in OWN_PARTS and part.startswith("invert "))
        found[name] = max(found[name], 1000 * inverting / images)
    return found


def measure(
    bench: HarnessContext, cell: Cell, keys: Keys, view: Gan, codes: dict[str, Tensor]
) -> dict[str, Evaluation]:
    """Decode the codes and measure all metrics on test and generated images; ``view`` is the GAN in their space."""
    test = load_data(bench, cell).test.first(cell.budget.test_images)
    source = view.view("z")
    own, true_z = own_images(bench, cell, source)
    true_codes = view.translate(true_z)
    reference = StoredReference(bench, cell, keys, source)
    results: dict[str, Evaluation] = {}
    tracks: list[tuple[Track, Images, Tensor | None]] = [("test", test, None), ("own", own, true_codes)]
    for track, images, truth in tracks:
        metrics = [m for m in open_metrics(cell.metrics) if track in m.tracks]
        bench.progress(f"measure {track} images", 0, 1, {})
        results[track] = evaluate(
            view,
            images,
            codes[track],
            metrics,
            track=track,
            true_codes=truth,
            reference=reference,
            device=bench.device,
        )
        bench.progress(f"measure {track} images", 1, 1, {})
    return results


def write_record(
    bench: HarnessContext,
    cell: Cell,
    keys: Keys,
    gan: Gan,
    trained: Mapping[str, Any],
    outside: Mapping[str, Mapping[str, float]] | None = None,
) -> None:
    """Measure the stored codes of a cell and store its record.

    Args:
        bench: context.
        cell: the cell.
        keys: its keys.
        gan: its GAN.
        trained: facts of the GAN's training.
        outside: cost of the parts of the earlier stages as the process that started them saw it.

    Raises:
        ContractError: the codes are not in the store any more, or the facts beside them are not those of a method.
        StoreError: the record cannot be written.
    """
    import pandas as pd

    inverted = bench.store.artefact("invert", keys.invert)
    if inverted is None:
        raise ContractError(
            f"the codes of {cell.method.name} are not in the store; --retry-failed computes them again"
        )
    facts = checked_facts(inverted.meta) | {"plugin": plugin_of(cell), "isolated": bench.apart}
    facts["started_processes"] = _processes(facts, outside or {})
    codes = load_file(inverted.file("codes.safetensors"), device=bench.device)
    spent = _cost(facts, outside or {}, sum(map(len, codes.values())))
    started = time.monotonic()
    view = view_of(gan, facts)
    results = measure(bench, cell, keys=keys, view=view, codes=codes)
    metrics = open_metrics(cell.metrics)
    per_image = pd.concat([r.per_image.assign(track=track) for track, r in results.items()], ignore_index=True)
    shown = results["test"].gallery_target, results["test"].gallery_output
    record = Record(
        key=keys.cell,
        cell=cell_facts(cell),
        status="done",
        metrics={track: result.summaries for track, result in results.items()},
        skipped={f"{t}/{name}": why for t, result in results.items() for name, why in result.skipped.items()},
        protocol={m.name: m.protocol() for m in metrics},
        facts={
            **{name: facts[name] for name in FACTS},
            "code_dim": view.code_dim,
            "codes_sha256": inverted.meta["files"]["codes.safetensors"],
            "values_sha256": values_checksum(per_image),
            "pictures": picture_hashes(*shown),
            "spaces": facts["spaces"],
            **code_facts(cell, gan),
            "gan_checksum": gan.checksum(),
            "gan": gan.provenance,
            "gan_quality": trained.get("history", []),
            "dataset_checksum": load_data(bench, cell).test.checksum,
            "higher_is_better": {m.name: m.higher_is_better for m in metrics},
            "seeds": {stage: seed_of(stage, cell) for stage in ("train", "fit", "invert")},
            "keys": {stage: getattr(keys, stage) for stage in ("train", "fit", "invert")},
            "measured_by": measured_by(cell),
        },
        cost={
            "train_seconds": trained["seconds"],
            "measure_seconds": time.monotonic() - started,
            **spent,
        },
        environment=environment(bench.device),
        folder=bench.store.records_folder,
    )
    kept = None if facts["capacity"] == "weights" else inverted.file("codes.safetensors")
    bench.store.put_record(record, per_image, {"target": shown[0], "output": shown[1]}, kept)
