"""Quality of a GAN during training: FID of its samples against ``val``, in the dataset's own feature network."""

from __future__ import annotations

from typing import TYPE_CHECKING

from bench.core import registry

if TYPE_CHECKING:
    from bench.core.types import Dataset
    from bench.gans.monitor import Quality

IMAGES = 5_000
"""Largest number of images per side; the bias of FID is proportional to one over their number."""


def quality_metric(dataset: str) -> str | None:
    """Return the metric that scores GANs on this dataset, or None if the dataset has no feature network of its own.

    The network of dataset NAME is registered as NAME-cnn. Works without torch, because keys contain the metric.
    """
    network = f"{dataset.partition(':')[0]}-cnn"
    return f"fid@{network}" if network in registry.entries("features") else None


def quality_of(data: Dataset, metric: str, seed: int, device: str) -> Quality:
    """Return a function that scores a GAN: 8-bit samples of fixed codes against as many ``val`` images.

    Args:
        data: dataset whose ``val`` split is the reference.
        metric: name of the metric, from ``quality_metric``.
        seed: seed of the codes.
        device: device of the network.

    Raises:
        WeightsError: the network's weights are missing.
    """
    import torch

    from bench.core.options import create
    from bench.metrics.base import to_u8
    from bench.metrics.frechet import frechet_distance

    network = create("features", metric.split("@")[1])
    network.load(device)
    val = data.val.first(min(len(data.val), IMAGES)).to(device)
    real = torch.cat([network.embed(part.to(device)).features for part in val.data.split(500)])

    def score(gan: object) -> float:
        from bench.core.types import Gan

        assert isinstance(gan, Gan)
        codes = gan.prior.sample(len(val), torch.Generator(device).manual_seed(seed))
        made = [network.embed(to_u8(gan.generator(part))).features for part in codes.split(500)]
        return frechet_distance(real, torch.cat(made))

    return score
