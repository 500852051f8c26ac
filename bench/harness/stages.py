"""The four stages of a cell in turn - train, fit, invert, measure - and the last of them.

Every stage is a plain function of a cell and its upstream artefacts, in a module of its own: the code of that module
is part of the stage's key. It first asks the store for its result, and what it computes it stores before it returns.
A method gives codes; only this room decodes them.
"""

from __future__ import annotations

import time

from torch import Tensor

from bench.core.environment import environment
from bench.core.types import Cell, Gan, Images, Record, Track
from bench.harness.bound_method import view_of
from bench.harness.context import HarnessContext, load_data, seed_of
from bench.harness.feature_cache import StoredReference
from bench.harness.invert_stage import invert, own_images
from bench.harness.keys import Keys, cell_facts
from bench.harness.train_stage import train
from bench.metrics.evaluation import Evaluation, evaluate, open_metrics

FACTS = ("capacity", "trained_on", "optimises", "control", "trained_parameters", "diverged", "fit_steps")
COST = ("fit_seconds", "invert_ms_per_image", "generator_calls_per_image", "fit_generator_calls", "peak_memory_bytes")


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


def run_cell(bench: HarnessContext, cell: Cell, keys: Keys) -> Record:
    """Run all four stages of a cell; its record is stored before it is returned."""
    import pandas as pd

    gan, trained = train(bench, cell, keys)
    codes, facts = invert(bench, cell, keys, gan)
    started = time.monotonic()
    view = view_of(gan, facts)
    results = measure(bench, cell, keys=keys, view=view, codes=codes)
    metrics = open_metrics(cell.metrics)
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
            "gan_checksum": gan.checksum(),
            "gan": gan.provenance,
            "gan_quality": trained.get("history", []),
            "dataset_checksum": load_data(bench, cell).test.checksum,
            "higher_is_better": {m.name: m.higher_is_better for m in metrics},
            "seeds": {stage: seed_of(stage, cell) for stage in ("train", "fit", "invert")},
            "keys": {stage: getattr(keys, stage) for stage in ("train", "fit", "invert")},
        },
        cost={
            "train_seconds": trained["seconds"],
            "measure_seconds": time.monotonic() - started,
            **{name: facts[name] for name in COST},
        },
        environment=environment(bench.device),
        folder=bench.store.records_folder,
    )
    per_image = pd.concat([r.per_image.assign(track=track) for track, r in results.items()], ignore_index=True)
    test = results["test"]
    bench.store.put_record(record, per_image, {"target": test.gallery_target, "output": test.gallery_output})
    stored = bench.store.record(keys.cell)  # as a later report reads it, so that both print the same bytes
    assert stored is not None, keys.cell
    return stored
