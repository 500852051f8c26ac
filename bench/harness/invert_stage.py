"""Third stage: compute the codes of test images and of generated images and their cost, or read them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from safetensors.torch import load_file, save
from torch import Tensor

from bench.core.environment import peak_memory, reset_peak_memory
from bench.core.errors import ContractError
from bench.core.files import write_bytes
from bench.core.types import Cell, Dataset, Gan, Images
from bench.harness.bound_method import BoundMethod, batch_size, checked_codes
from bench.harness.call_counter import counted
from bench.harness.clock import timed
from bench.harness.context import HarnessContext, load_data, open_run, seed_of
from bench.harness.fit_stage import fit
from bench.harness.guard import guarded
from bench.harness.keys import Keys
from bench.harness.origins import plugin_of
from bench.harness.run_check import check_in_run
from bench.harness.store import Artefact


def own_images(bench: HarnessContext, cell: Cell, gan: Gan) -> tuple[Images, Tensor]:
    """Return generated images, exact (float32), and their codes; equal for every method of a GAN and seed.

    Those of a conditional GAN carry the labels or attributes that their codes ask for.
    """
    data = load_data(bench, cell)
    rng = torch.Generator(bench.device).manual_seed(seed_of("own", cell))
    codes = gan.prior.sample(cell.budget.own_images, rng)
    with torch.no_grad():
        parts = [gan.decode(part).float() for part in codes.split(batch_size(gan))]
    return _told(torch.cat(parts), gan.prior.conditions_of(codes), data), codes


def draw(bench: HarnessContext, cell: Cell, keys: Keys, gan: Gan) -> None:
    """Store the generated images of a cell without their codes: a stranger's process gets these images alone."""
    if bench.store.artefact("own", keys.own) is None:
        images = {"images": own_images(bench, cell, gan)[0].data.cpu()}
        bench.store.put("own", keys.own, {"images.safetensors": lambda path: write_bytes(path, save(images))}, {})


def _generated(bench: HarnessContext, cell: Cell, keys: Keys, gan: Gan) -> Images:
    """Return the generated images: drawn here, or in a process of a stranger, which has no nonce, read."""
    if not bench.isolated:
        return own_images(bench, cell, gan)[0]
    stored = bench.store.artefact("own", keys.own)
    if stored is None:
        raise ContractError("the generated images are not in the store; --retry-failed draws them again")
    return Images(load_file(stored.file("images.safetensors"), device=bench.device)["images"])


def _told(images: Tensor, conditions: Tensor | None, data: Dataset) -> Images:
    """Return generated images with the labels or attributes on which they were conditioned."""
    if conditions is None:
        return Images(images)
    names, labels = data.train.attribute_names, data.train.labels
    if labels is not None and bool((conditions.sum(1) == 1).all()) and conditions.shape[1] > int(labels.max()):
        return Images(images, conditions.argmax(1))
    if conditions.shape[1] == len(names):
        return Images(images, None, conditions > 0.5, names)
    return Images(images)


def invert(bench: HarnessContext, cell: Cell, keys: Keys, gan: Gan) -> Artefact:
    """Return the stored codes of test images ("test") and of generated images ("own"), with cost and facts.

    A method of a stranger is checked on a sample of the test images before its codes are stored.

    Raises:
        ContractError: the method returns images, NaN, a wrong shape or type, changes the GAN, or fails a check.
    """
    stored = bench.store.artefact("invert", keys.invert)
    if stored:
        return stored
    method, fitted = bench.keep("method", keys.invert, lambda: fit(bench, cell, keys, gan))
    bench.forget("method")
    run = open_run(bench, cell, keys.invert, "invert")
    run.reseed()
    run.checkpoint = None
    with guarded(bench, "invert", gan):  # properties are code of the method, too
        method.bind(gan, run)
        stated = {
            "capacity": method.spaces[-1],
            "spaces": method.spaces,
            "trained_on": method.base.trained_on,
            "optimises": method.optimises,
            "control": method.base.control,
        }
    test = load_data(bench, cell).test.first(cell.budget.test_images)
    images = {"test": test, "own": _generated(bench, cell, keys, gan)}
    codes, cost = _inverted(bench, cell, method=method, images=images, gan=gan)
    if plugin_of(cell):
        check_in_run(bench, cell, keys=keys, method=method, gan=gan)
    meta = {
        **stated,
        **cost,
        "fit_seconds": fitted["seconds"],
        "fit_processor_seconds": fitted["processor_seconds"],
        "fit_generator_calls": fitted["generator_calls"],
        "fit_steps": fitted["steps"],
        "fit_threads": fitted["threads"],
        "trained_parameters": fitted["trained_parameters"],
        "threads": torch.get_num_threads(),
        "started_processes": sorted(set(bench.watch.processes)),
        "written_files": list(bench.watch.written)[:5],
    }
    content = {track: tensor.cpu().contiguous() for track, tensor in codes.items()}
    writers = {"codes.safetensors": lambda path: write_bytes(path, save(content))}
    return bench.store.put("invert", keys.invert, writers, meta)


def _inverted(
    bench: HarnessContext, cell: Cell, method: BoundMethod, images: Mapping[str, Images], gan: Gan
) -> tuple[dict[str, Tensor], dict[str, Any]]:
    """Return the codes of each track's images, and what they cost."""
    run, count = method.base.run, sum(map(len, images.values()))
    codes, diverged, seconds, processor = {}, {}, 0.0, 0.0
    reset_peak_memory(bench.device)
    with counted(gan) as calls:
        for track, part in images.items():
            before, what = run.diverged, f"invert {track} images"
            with (
                timed(bench.clock, what, cell.budget.timeout, bench.device) as spent,
                guarded(bench, "invert", gan, (part,)),
            ):
                codes[track] = invert_images(bench, method, part, what)
            seconds, processor = seconds + spent.seconds, processor + spent.processor_seconds
            diverged[track] = run.diverged - before
    return codes, {
        "invert_ms_per_image": 1000 * seconds / count,
        "invert_processor_ms_per_image": 1000 * processor / count,
        "generator_calls_per_image": calls.total / count,
        "peak_memory_bytes": peak_memory(bench.device),
        "diverged": diverged,
    }


def invert_images(bench: HarnessContext, method: BoundMethod, images: Images, what: str) -> Tensor:
    """Return codes ``[N, d]`` of images, computed and checked in batches.

    Args:
        bench: context with the device and the progress callback.
        method: a bound and fitted method.
        images: images of the GAN's size.
        what: name shown with the progress.

    Raises:
        ContractError: the method does not return valid codes of these images.
    """
    gan, found, done = method.view, [], 0
    for _, x in images.batches(batch_size(gan)):
        batch = x.to(bench.device)
        found.append(checked_codes(method.invert(batch), batch, gan).detach())
        done += len(batch)
        bench.progress(what, done, len(images), {})
    return torch.cat(found)
