"""LPIPS and FID of studies with named feature networks, on pairs of originals and distorted images."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import torch
from torch import Tensor

from bench.core import registry
from bench.core.errors import DataError, NotApplicable, WeightsError, unknown
from bench.core.options import create
from bench.core.types import ComponentSpec, Dataset, Embedding, FeatureExtractor, Shape
from bench.datasets.catalogue import open_here
from bench.metrics.evaluation import batch_size
from bench.metrics.frechet import covariance_root, frechet_distance, trace_from_root
from bench.metrics.perceptual import lpips, read_heads
from bench.metrics.weights import LPIPS_HEADS, weights_available
from bench.reports.formatting import shown_metrics
from bench.statistics import Floats, Interval, jackknife_interval, partition
from bench.studies.base import Progress, StudyRequest

Distort = Callable[[Tensor, slice], Iterator[Tensor]]
"""Function of a batch of images and its rows that yields the original, then each distorted version."""
OF_PAPERS = {"lpips": "alex", "fid": "inception"}
GROUPS = 20
"""Number of jackknife groups of images, each left out once, for the interval of an FID."""
FEWEST_IMAGES = 2 * GROUPS


def open_data(choice: ComponentSpec) -> Dataset:
    """Load a dataset of pictures.

    Raises:
        UnknownName: no such dataset or option.
        DataError: it is not on this machine, or holds no images.
    """
    data = open_here(choice, "--dataset").load()
    if not data.test.is_picture:
        raise DataError(f"dataset {choice.name}: its data are points; this study requires images")
    return data


def choose_networks(request: StudyRequest, roles: Sequence[str], dataset: str) -> dict[str, str]:
    """Return the network of each role ("lpips", "fid"), checked before any data are read.

    Raises:
        UnknownName: no such network.
        WeightsError: its weights are missing; the message names the file, and the dataset's own network if any.
        NotApplicable: it returns no feature maps for LPIPS.
    """
    chosen = {role: request.network or OF_PAPERS[role] for role in roles}
    for role, network in chosen.items():
        known = registry.entries("features")
        if network.split(":")[0] not in known:
            raise unknown("feature network", network, known, "--network")
        reason = weights_available(f"{role}@{network}")
        if reason:
            raise WeightsError(f"{role}@{network}: {reason}{_own_network(dataset, network)}")
        if role == "lpips" and not create("features", network).layers:
            raise NotApplicable(f"--network {network}: it has no spatial maps, which LPIPS compares")
    return chosen


def _own_network(dataset: str, missing: str) -> str:
    own = f"{dataset}-cnn"
    if own == missing or own not in registry.entries("features"):
        return ""
    return f"; or use the network of {dataset}: --network {own}"


class FeatureExtractors:
    """Feature networks by role; a network with both roles runs once.

    Args:
        networks: from ``choose_networks``.
        shape: shape of the images.
        device: device of the networks.

    Raises:
        NotApplicable: a network does not accept such images.
        WeightsError: weights are missing or altered.
    """

    def __init__(self, networks: dict[str, str], shape: Shape, device: str) -> None:
        self.networks = networks
        self.device = device
        self._extractors: dict[str, FeatureExtractor] = {}
        for name in dict.fromkeys(networks.values()):
            network: FeatureExtractor = create("features", name)
            reason = network.accepts(shape)
            if reason:
                raise NotApplicable(f"--network {name}: {reason}")
            network.load(device)
            self._extractors[name] = network
        trunk = networks.get("lpips")
        self._heads = read_heads(trunk, device) if trunk in LPIPS_HEADS else None

    @property
    def title(self) -> str:
        """Names of the networks by role, such as ``lpips@alex, fid@inception``."""
        return ", ".join(f"{role}@{name}" for role, name in self.networks.items())

    @property
    def shown(self) -> str:
        """Their names as texts show them, such as ``perceptual@fashion-mnist-cnn``."""
        return shown_metrics(self.title)

    def embed(self, images: Tensor) -> dict[str, Embedding]:
        """Return embeddings of uint8 images ``[B, C, H, W]``, by network."""
        return {name: extractor.embed(images.to(self.device)) for name, extractor in self._extractors.items()}

    def features(self, seen: dict[str, Embedding]) -> Tensor:
        """Return pooled features ``[B, F]`` of the network of FID, on the CPU."""
        return seen[self.networks["fid"]].features.cpu()

    def distance(self, first: dict[str, Embedding], second: dict[str, Embedding]) -> Tensor:
        """Return LPIPS ``[B]`` between the embeddings of two batches, on the CPU."""
        trunk = self.networks["lpips"]
        return lpips(first[trunk].maps, second[trunk].maps, self._heads).double().cpu()

    def protocol(self) -> dict[str, Any]:
        """Return each role's network with the checksum of its weights."""
        found: dict[str, Any] = {role: self._extractors[name].protocol() for role, name in self.networks.items()}
        if "lpips" in found:
            learned = LPIPS_HEADS.get(self.networks["lpips"])
            heads = f"lpips package v0.1, SHA-256 {learned.sha256}" if learned else "every channel 1"
            found["lpips"] = {**found["lpips"], "channel_weights": heads}
        return found


@dataclass(frozen=True)
class DistortedFeatures:
    """Features and LPIPS of originals and several distorted versions of them.

    Attributes:
        lpips: ``[C, N]``, one row per condition.
        original: features ``[N, F]``.
        distorted: features ``[N, F]`` of each condition.
    """

    lpips: Floats
    original: Tensor
    distorted: tuple[Tensor, ...]

    def distances(self, seed: int, progress: Progress) -> tuple[Floats, Floats]:
        """Compute FID of each condition on all images ``[C]``, and without each of the groups ``[GROUPS, C]``."""
        groups = partition(len(self.original), GROUPS, seed)
        originals = Moments.of(self.original, groups)
        all_images, without = [], []
        for number, features in enumerate(self.distorted, 1):
            same = torch.equal(self.original, features)  # exactly 0, not a rounding error of 1e-13
            all_images.append(0.0 if same else frechet_distance(self.original, features))
            without.append(np.zeros(GROUPS) if same else originals.distances(Moments.of(features, groups)))
            progress("FID", number, len(self.distorted), {})
        return np.array(all_images), np.array(without).T


@torch.no_grad()
def compare(
    extractors: FeatureExtractors, images: Tensor, distort: Distort, conditions: int, progress: Progress
) -> DistortedFeatures:
    """Compute LPIPS and features of every image and of each of its distorted versions.

    Args:
        extractors: LPIPS and FID.
        images: ``[N, C, H, W]`` uint8, as the dataset holds them.
        distort: yields the versions.
        conditions: number of versions.
        progress: called after each batch.
    """
    count = len(images)
    distances = np.zeros((conditions, count))
    original: list[Tensor] = []
    distorted: list[list[Tensor]] = [[] for _ in range(conditions)]
    size = batch_size((int(images.shape[1]), int(images.shape[2]), int(images.shape[3])))
    for start in range(0, count, size):
        rows = slice(start, min(start + size, count))
        versions = distort(images[rows], rows)
        seen = extractors.embed(next(versions))
        original.append(extractors.features(seen))
        for number, version in enumerate(versions):
            other = extractors.embed(version)
            distances[number, rows] = extractors.distance(seen, other).numpy()
            distorted[number].append(extractors.features(other))
        progress("features of images", rows.stop, count, {})
    return DistortedFeatures(distances, torch.cat(original), tuple(torch.cat(part) for part in distorted))


@dataclass(frozen=True)
class Moments:
    """Counts ``[K]``, sums ``[K, d]`` and scatters ``[K, d, d]`` of groups of features, float64, about zero."""

    counts: Tensor
    sums: Tensor
    scatters: Tensor

    @classmethod
    def of(cls, features: Tensor, groups: Sequence[np.ndarray[Any, np.dtype[np.int64]]]) -> Moments:
        """Compute moments of rows ``groups`` of features ``[N, d]``."""
        parts = [features[torch.from_numpy(rows)].double() for rows in groups]
        counts = torch.tensor([len(part) for part in parts], dtype=torch.float64)
        return cls(counts, torch.stack([p.sum(0) for p in parts]), torch.stack([p.T @ p for p in parts]))

    def distances(self, other: Moments) -> Floats:
        """Compute the Fréchet distance to ``other`` without each group in turn, ``[K]``."""
        found = []
        for (mean_1, trace_1, root_1), (mean_2, cov_2) in zip(self._roots, other._without(), strict=True):
            cross = trace_from_root(root_1, cov_2)
            apart = float((mean_1 - mean_2).square().sum())
            found.append(max(0.0, apart + float(trace_1 + cov_2.trace()) - 2 * cross))
        return np.array(found)

    @cached_property
    def _roots(self) -> list[tuple[Tensor, Tensor, Tensor]]:
        """Mean, trace and root of the covariance without each group in turn, made once for all comparisons."""
        return [(mean, covariance.trace(), covariance_root(covariance)) for mean, covariance in self._without()]

    def _without(self) -> Iterator[tuple[Tensor, Tensor]]:
        count, total, scatter = self.counts.sum(), self.sums.sum(0), self.scatters.sum(0)
        for group in range(len(self.counts)):
            left = count - self.counts[group]
            mean = (total - self.sums[group]) / left
            spread = scatter - self.scatters[group] - left * torch.outer(mean, mean)
            yield mean, spread / (left - 1)


def fid_intervals(values: Floats, without: Floats) -> list[Interval]:
    """Return jackknife intervals of several FIDs, bounded below by 0."""
    found = [jackknife_interval(float(value), without[:, i]) for i, value in enumerate(values)]
    return [Interval(max(0.0, each.low), each.high, each.level) for each in found]
