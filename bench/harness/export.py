"""Export of trained GANs as files in half precision, with the facts of their training and a grid of samples."""

from __future__ import annotations

import json
import math
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from bench.core.errors import BenchError
from bench.core.files import file_name, read_header, sha256, write_bytes, write_text
from bench.core.paths import device, home
from bench.core.types import Cell, Dataset, Gan
from bench.gans.zoo import gan_file, without_pick
from bench.harness.lookup import look_up
from bench.harness.store import Artefact, Store


def export_gans(suite: str, budget: str | None, seed: int, out: Path | None) -> list[Path]:
    """Write the GANs that a suite trained with one seed as ``DATASET/GAN.safetensors`` and ``.png``.

    The files are in half precision and contain the recipe, its options, the training budget, the provenance of the
    GAN and, if the dataset has a feature network, its quality: at the last step, measured on the rounded weights,
    and at the best step.

    Raises:
        BenchError: one of them has not been trained yet.
    """
    store, written = Store(), dict[Path, None]()
    for planned in look_up(suite, budget, seeds=[seed], store=store)[1]:
        cell, folder = planned.cell, (out or home() / "models") / file_name(planned.cell.dataset.name)
        path = folder / f"{file_name(without_pick(cell.gan.title))}.safetensors"
        if path in written or gan_file(cell.gan.name) is not None:
            continue
        trained = store.artefact("train", planned.keys.train)
        if trained is None:
            raise BenchError(f"{cell.gan.title} with seed {seed} is not trained yet; ganinv run {suite}")
        _export(cell, trained, planned.keys.train, path)
        written[path] = None
    for folder in {path.parent for path in written}:
        write_text(
            folder / "README.md", f"# GANs trained on {folder.name}\n\n{models_table(folder)}\n{_gallery(folder)}"
        )
    return list(written)


def _export(cell: Cell, trained: Artefact, key: str, path: Path) -> None:
    from bench.gans.checkpoints import load_gan, save_gan

    gan = load_gan(trained.file("gan.safetensors"))
    facts = {
        "key": key,
        "dataset": cell.dataset.name,
        "seed": cell.seed,
        "train_steps": cell.budget.train_steps,
        "train_images": cell.budget.train_images,
        "commit": trained.meta["commit"],
    }
    save_gan(gan, path, facts, half=True)
    if trained.meta.get("history"):
        facts |= _quality(load_gan(path), cell, trained.meta)
        save_gan(gan, path, facts, half=True)
    write_bytes(path.with_suffix(".png"), trained.file("grid.png").read_bytes())


def _quality(gan: Gan, cell: Cell, meta: dict[str, Any]) -> dict[str, Any]:
    """Return the quality of the GAN as written, and the best quality during its training."""
    from bench.core.options import create
    from bench.metrics.gan_quality import IMAGES, quality_of

    data: Dataset = create("dataset", cell.dataset.name, cell.dataset.options).load()
    score = quality_of(data, meta["quality"], meta["seed"], device())
    best = min(meta["history"], key=lambda entry: entry["quality"])
    return {
        "quality_metric": f"{meta['quality']}, {min(len(data.val), IMAGES)} samples against as many val images",
        "quality": round(score(gan.to(device())), 4),
        "best_quality": round(best["quality"], 4),
        "best_step": best["step"],
    }


def models_table(folder: Path) -> str:
    """Return the written GANs of a folder as a Markdown table, best quality first."""
    lines = [
        "| GAN | width | batch | steps | seed | FID (domain) | best seen | MB | SHA-256 |",
        "| --- | --- | --- | --- | --- | --- | --- | --- | --- |",
    ]
    for path, header in sorted(_gans(folder), key=lambda pair: pair[1]["metadata"].get("quality", math.inf)):
        options, facts = header["options"], header["metadata"]
        best = f"{facts['best_quality']:.2f} at {facts['best_step']}" if "best_quality" in facts else "–"
        quality = f"{facts['quality']:.2f}" if "quality" in facts else "–"
        size = path.stat().st_size / 1e6
        cells = [path.stem, options.get("width", "–"), options["batch"], facts["train_steps"], facts["seed"]]
        cells += [quality, best, f"{size:.1f}", f"`{sha256(path)[:12]}`"]
        lines.append("| " + " | ".join(map(str, cells)) + " |")
    return "\n".join(lines) + "\n"


def _gallery(folder: Path) -> str:
    return "\n".join(f"**{path.stem}**\n\n![{path.stem}]({path.stem}.png)\n" for path, _ in _gans(folder))


def _gans(folder: Path) -> list[tuple[Path, dict[str, Any]]]:
    headers = [(path, read_header(path).get("__metadata__", {})) for path in sorted(folder.glob("*.safetensors"))]
    return [(path, json.loads(metadata["ganinv"])) for path, metadata in headers if "ganinv" in metadata]


def facts_of(header: dict[str, Any], grid: Path) -> Iterable[tuple[str, str]]:
    """Return rows that describe a written GAN, from its file's header: recipe, shape, facts, options and grid."""
    yield "recipe", str(header["recipe"])
    yield "image shape", "x".join(map(str, header["image_shape"]))
    for name, value in sorted(header["metadata"].items()):
        yield name.replace("_", " "), str(value)
    for name, value in sorted(header["options"].items()):
        yield f"option {name}", str(value)
    if grid.is_file():
        yield "samples", str(grid)
