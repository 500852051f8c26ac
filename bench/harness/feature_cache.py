"""Features of training images and of a GAN's samples; computed once, then read from the store."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import torch
from safetensors.torch import load_file, save
from torch import Tensor

from bench.core.files import digest, write_bytes
from bench.core.types import Cell, Embedding, FeatureExtractor, Gan, Images, Side
from bench.datasets.source import shuffled
from bench.gans.zoo import pick_of
from bench.harness.context import HarnessContext, load_data, seed_of
from bench.harness.keys import KeyMaker, Keys
from bench.metrics.base import check_range, to_u8
from bench.metrics.evaluation import batch_size

MOST_SAMPLES = 50_000
"""Largest number of samples of a GAN: the larger of the two numbers of invgan's Table 1."""


@dataclass(frozen=True)
class StoredReference:
    """The "train" and "sample" sides of the evaluations of a cell; see ``bench.metrics.feature_sets.ReferenceSets``.

    Training images come in a fixed random order, samples are images of codes drawn from the prior with a seed that
    the methods of a GAN share. Both are rounded to 8 bits before a network looks at them.
    """

    bench: HarnessContext
    cell: Cell
    keys: Keys
    gan: Gan

    def count(self, side: Side) -> int:
        """Return the largest number of images."""
        return len(self._train) if side == "train" else MOST_SAMPLES

    def embed(self, network: FeatureExtractor, side: Side, count: int) -> Embedding:
        """Return features and logits of the first ``count`` images of a side.

        Raises:
            ContractError: the GAN's samples are not in [-1, 1].
            StoreError: the store cannot be written.
        """
        key = self._key(network, side, count)
        with self.bench.store.lock("features", key):
            stored = self.bench.store.artefact("features", key)
            if stored is None:
                found = self._look(network, side, count)
                meta = {"side": side, "count": count, "network": network.protocol()}
                writers = {"seen.safetensors": lambda path: write_bytes(path, save(found))}
                stored = self.bench.store.put("features", key, writers, meta)
        seen = load_file(stored.file("seen.safetensors"))
        return Embedding(seen["features"], (), seen.get("logits"))

    @property
    def _train(self) -> Images:
        return load_data(self.bench, self.cell).train

    def _key(self, network: FeatureExtractor, side: Side, count: int) -> str:
        maker = KeyMaker()
        if side == "train":
            source = maker.dataset(self.cell.dataset)
        else:
            source = digest([self.keys.train, pick_of(self.cell.gan.name), seed_of("sample", self.cell)])
        code = maker.module(__name__)
        return digest([code, side, count, source, maker.network(network.name), self.bench.device])

    def _look(self, network: FeatureExtractor, side: Side, count: int) -> dict[str, Tensor]:
        features, logits, done = [], [], 0
        for images in self._train_images(count) if side == "train" else self._samples(count):
            seen = network.embed(images)
            features.append(seen.features.float().cpu())
            if seen.logits is not None:
                logits.append(seen.logits.float().cpu())
            done += len(images)
            self.bench.progress(f"features of {side} images", done, count, {})
        found = {"features": torch.cat(features)}
        return {**found, "logits": torch.cat(logits)} if logits else found

    def _train_images(self, count: int) -> Iterator[Tensor]:
        train = self._train
        rows = torch.from_numpy(shuffled(len(train))[:count])
        for part in rows.split(batch_size(train.shape)):
            yield to_u8(train.floats(part.to(train.data.device)).to(self.bench.device))

    @torch.no_grad()
    def _samples(self, count: int) -> Iterator[Tensor]:
        rng = torch.Generator(self.bench.device).manual_seed(seed_of("sample", self.cell))
        for codes in self.gan.prior.sample(count, rng).split(batch_size(self.gan.image_shape)):
            images = self.gan.decode(codes)
            check_range(images, "samples")
            yield to_u8(images)
