"""Reconstructed training sets, and classifiers trained on them; the store keeps codes and logits."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping

import torch
from safetensors.torch import load_file, save
from torch import Tensor

from bench.core.files import digest, write_bytes
from bench.core.run_context import RunContext
from bench.core.types import Budget, Cell, FitData, Images
from bench.gans.tiling import Tiling
from bench.harness.bound_method import batch_size, check_untouched
from bench.harness.context import HarnessContext, open_run
from bench.harness.fit_stage import fit
from bench.harness.invert_stage import invert_images
from bench.harness.keys import keys_of, module_code
from bench.harness.train_stage import train
from bench.metrics.base import to_u8
from bench.metrics.classifier import train_classifier
from bench.metrics.classifier_config import ClassifierConfig

BATCH = 500


def draw_again(bench: HarnessContext, cell: Cell, images: Images, what: str) -> Images:
    """Reconstruct images with the cell's method and GAN, uint8, with their labels and attributes.

    Images larger than the GAN's are reconstructed tile by tile.

    Raises:
        NotApplicable: the method does not support the GAN.
        DataError: the sides are not multiples of those of the GAN's images.
    """
    keys = keys_of(cell)
    gan, _ = train(bench, cell, keys)
    tiling = Tiling.fitting(gan.image_shape, images.shape)
    method, _ = fit(bench, cell, keys, gan)
    key = digest([keys.invert, images.checksum, module_code(__name__)])
    stored = bench.store.artefact("reconstruct", key)
    if stored is None:
        run = open_run(bench, cell, keys.invert, "invert")
        run.reseed()
        run.checkpoint = None
        method.bind(gan, run)
        before = gan.checksum()
        found = invert_images(bench, method, Images(tiling.cut(images.data)), f"invert {what}")
        check_untouched(gan, before, "invert")
        content = save({"codes": found.cpu().contiguous()})
        files = {"codes.safetensors": lambda path: write_bytes(path, content)}
        stored = bench.store.put("reconstruct", key, files, {"images": len(images)})
    codes = load_file(stored.file("codes.safetensors"))["codes"]
    with torch.no_grad():
        size = tiling.count * max(1, batch_size(gan) // tiling.count)  # whole images
        drawn = (method.view.decode(part.to(bench.device)) for part in codes.split(size))
        data = torch.cat([to_u8(tiling.join(tiles)).cpu() for tiles in drawn])
    return dataclasses.replace(images, data=data)


def logits_of(
    bench: HarnessContext, data: FitData, tests: Mapping[str, Images], recipe: ClassifierConfig, seed: int
) -> Tensor:
    """Train a classifier on ``data.train`` and return its logits for each set of test images, ``[sets, N, K]``.

    Args:
        bench: store, device, progress.
        data: training data; its name is shown in progress messages.
        tests: sets of equal size.
        recipe: configuration of its training.
        seed: seed of its weights and batches.
    """
    sets = [data.train.checksum, *(images.checksum for images in tests.values())]
    key = digest([sets, type(recipe).__name__, dataclasses.asdict(recipe), seed, module_code(__name__), bench.device])
    with bench.store.lock("classifier", key):
        stored = bench.store.artefact("classifier", key)
        if stored is None:
            budget = Budget(
                "classifier",
                0,
                test_images=0,
                own_images=0,
                train_steps=0,
                fit_steps=0,
                search_steps=0,
                refine_steps=0,
                timeout=float("inf"),
            )
            run = RunContext(
                budget,
                seed,
                device=bench.device,
                checkpoint=bench.store.checkpoint("classifier", key),
                progress=bench.progress,
            )
            network = train_classifier(data, run, recipe)
            content = save({name: _logits(bench, network, images) for name, images in tests.items()})
            files = {"logits.safetensors": lambda path: write_bytes(path, content)}
            stored = bench.store.put("classifier", key, files, {"learnt_from": data.name})
            run.finish()
    found = load_file(stored.file("logits.safetensors"))
    return torch.stack([found[name] for name in tests])


@torch.no_grad()
def _logits(bench: HarnessContext, network: torch.nn.Module, images: Images) -> Tensor:
    parts: list[Tensor] = [network(x.to(bench.device)).logits.cpu() for _, x in images.batches(BATCH)]
    return torch.cat(parts).contiguous()
