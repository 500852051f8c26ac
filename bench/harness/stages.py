"""Train, fit, invert, measure: each a plain function of a cell and its upstream artefacts.

Every stage first asks the store for its result, and what it computes it stores before it returns. A method gives
codes; only this room decodes them.
"""

from __future__ import annotations

import time
from typing import Any

import torch
from safetensors.torch import load_file, save
from torch import Tensor

from bench.core.environment import environment, peak_memory, reset_peak_memory, synchronise, time_limit
from bench.core.files import write_bytes
from bench.core.run_context import Run
from bench.core.types import Cell, Dataset, Gan, Images, Record, Track
from bench.datasets.guard import forbid_test_split
from bench.harness.bound_method import Method, batch_size, check_untouched, checked_codes, open_method, view_of
from bench.harness.context import Bench, load_data, open_run, seed_of
from bench.harness.feature_cache import StoredReference
from bench.harness.keys import Keys, cell_facts
from bench.harness.store import Artefact
from bench.harness.train_stage import train
from bench.metrics.evaluation import Evaluation, evaluate, open_metrics

FACTS = ("capacity", "trained_on", "optimises", "control", "trained_parameters", "diverged", "fit_steps")
COST = ("fit_seconds", "invert_ms_per_image", "generator_calls_per_image", "fit_generator_calls", "peak_memory_bytes")


def fit(bench: Bench, cell: Cell, keys: Keys, gan: Gan) -> tuple[Method, dict[str, Any]]:
    """The cell's method, bound to the GAN and trained, or restored from the store; with the facts of its training.

    Raises:
        NotApplicable: the method cannot serve this GAN.
        ContractError: the method reads test images or changes the GAN while it learns.
    """
    method = open_method(cell)
    with bench.store.lock("fit", keys.fit):
        run = open_run(bench, cell, keys.fit, "fit")  # its time starts here, not while another process holds the lock
        method.bind(gan, run)
        run.reseed()
        method.base.build()
        artefact = bench.store.artefact("fit", keys.fit)
        if artefact:
            method.base.load_state(load_file(artefact.file("state.safetensors"), device=bench.device))
        else:
            artefact = _fit(bench, cell, keys, method, run)
    return method, artefact.meta


def _fit(bench: Bench, cell: Cell, keys: Keys, method: Method, run: Run) -> Artefact:
    data = load_data(bench, cell).without_test()
    limited = type(data)(
        data.name, data.train.first(cell.budget.train_images).to(bench.device), data.val, data.classes
    )
    before, calls = method.base.gan.checksum(), method.base.gan.calls
    started = time.monotonic()
    with time_limit(cell.budget.timeout, "fit"), forbid_test_split("fit"):
        method.base.fit(limited)
    synchronise(bench.device)
    meta = {
        "seconds": time.monotonic() - started,
        "generator_calls": method.base.gan.calls - calls,
        "steps": run.steps,
        "trained_parameters": method.base.trained_parameters(),
    }
    check_untouched(method.base.gan, before, "fit")
    state = {name: tensor.detach().cpu().contiguous().clone() for name, tensor in method.base.state().items()}
    artefact = bench.store.put(
        "fit", keys.fit, {"state.safetensors": lambda path: write_bytes(path, save(state))}, meta
    )
    run.finish()
    return artefact


def own_images(bench: Bench, cell: Cell, gan: Gan) -> tuple[Images, Tensor]:
    """Images that the GAN made itself, exact (float32), and their codes; equal for every method of a GAN and seed.

    Those of a conditional GAN carry the labels or attributes that their codes ask for.
    """
    data = load_data(bench, cell)
    rng = torch.Generator(bench.device).manual_seed(seed_of("own", cell))
    codes = gan.prior.sample(cell.budget.own_images, rng)
    with torch.no_grad():
        parts = [gan.decode(part).float() for part in codes.split(batch_size(gan))]
    return _told(torch.cat(parts), gan.prior.conditions_of(codes), data), codes


def _told(images: Tensor, conditions: Tensor | None, data: Dataset) -> Images:
    """Own images with what their codes asked for: labels or attributes, as the training images have them."""
    if conditions is None:
        return Images(images)
    names, labels = data.train.attribute_names, data.train.labels
    if labels is not None and bool((conditions.sum(1) == 1).all()) and conditions.shape[1] > int(labels.max()):
        return Images(images, conditions.argmax(1))
    if conditions.shape[1] == len(names):
        return Images(images, None, conditions > 0.5, names)
    return Images(images)


def invert(bench: Bench, cell: Cell, keys: Keys, gan: Gan) -> tuple[dict[str, Tensor], dict[str, Any]]:
    """Codes of the test images ("test") and of the GAN's own images ("own"), with cost and facts of the method.

    Raises:
        ContractError: the method returns images, NaN, a wrong shape or type, or changes the GAN.
    """
    stored = bench.store.artefact("invert", keys.invert)
    if stored:
        return load_file(stored.file("codes.safetensors"), device=bench.device), stored.meta
    method, fitted = fit(bench, cell, keys, gan)
    run = open_run(bench, cell, keys.invert, "invert")
    run.reseed()
    run.checkpoint = None
    method.bind(gan, run)
    test = load_data(bench, cell).test.first(cell.budget.test_images)
    own, _ = own_images(bench, cell, gan)
    before, calls = gan.checksum(), gan.calls
    reset_peak_memory(bench.device)
    codes, diverged, seconds = {}, {}, 0.0
    with time_limit(cell.budget.timeout, "invert"):
        for track, images in (("test", test), ("own", own)):
            started, counted = time.monotonic(), run.diverged
            codes[track] = invert_images(bench, method, images, f"invert {track} images")
            synchronise(bench.device)
            seconds += time.monotonic() - started
            diverged[track] = run.diverged - counted
    check_untouched(gan, before, "invert")
    count = len(test) + len(own)
    meta = {
        "fit_seconds": fitted["seconds"],
        "fit_generator_calls": fitted["generator_calls"],
        "fit_steps": fitted["steps"],
        "trained_parameters": fitted["trained_parameters"],
        "invert_ms_per_image": 1000 * seconds / count,
        "generator_calls_per_image": (gan.calls - calls) / count,
        "peak_memory_bytes": peak_memory(bench.device),
        "capacity": method.spaces[-1],
        "spaces": method.spaces,
        "trained_on": method.base.trained_on,
        "optimises": method.optimises,
        "control": method.base.control,
        "diverged": diverged,
    }
    content = {track: tensor.cpu().contiguous() for track, tensor in codes.items()}
    bench.store.put("invert", keys.invert, {"codes.safetensors": lambda path: write_bytes(path, save(content))}, meta)
    return codes, meta


def invert_images(bench: Bench, method: Method, images: Images, what: str) -> Tensor:
    """Codes ``[N, d]`` of images, in batches that fit, each checked.

    Args:
        bench: device, and where finished images are reported.
        method: bound and fitted.
        images: of the GAN's size.
        what: name shown with the progress.

    Raises:
        ContractError: the method returns no codes of these images.
    """
    gan, found, done = method.view, [], 0
    for _, x in images.batches(batch_size(gan)):
        batch = x.to(bench.device)
        found.append(checked_codes(method.invert(batch), batch, gan).detach())
        done += len(batch)
        bench.progress(what, done, len(images), {})
    return torch.cat(found)


def measure(bench: Bench, cell: Cell, keys: Keys, view: Gan, codes: dict[str, Tensor]) -> dict[str, Evaluation]:
    """Decode the codes and score them, on test images and on the GAN's own; ``view`` is the GAN in their space."""
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


def run_cell(bench: Bench, cell: Cell, keys: Keys) -> Record:
    """All four stages of a cell; its record is stored before it is returned."""
    import pandas as pd

    gan, trained = train(bench, cell, keys)
    codes, facts = invert(bench, cell, keys, gan)
    started = time.monotonic()
    view = view_of(gan, facts)
    results = measure(bench, cell, keys, view, codes)
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
