"""Evaluation of one set of codes: decodes them batch by batch and passes each batch to every metric."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import Tensor

from bench.core.errors import BenchError, ContractError, NotApplicable
from bench.core.options import create
from bench.core.types import (
    Embedding,
    EvalBatch,
    FeatureExtractor,
    Gan,
    Images,
    Metric,
    Shape,
    Track,
    influence_column,
)
from bench.metrics.base import check_range, no_picture, to_u8
from bench.metrics.feature_sets import Gathering, ReferenceSets, share_networks

if TYPE_CHECKING:
    from pandas import DataFrame

BATCH_VALUES = 2**21
"""Pixel values a batch: 42 images of 3x128x128, whose VGG-16 maps take about 1 GB."""
LARGEST_BATCH = 250
BLACK, MID_GREY, WHITE = 64, 127, 192
"""Levels of 256 that identify a generator with outputs in [0, 1]: targets go below the first, outputs never below the
second but up to the third."""


@dataclass(frozen=True)
class Evaluation:
    """Results of one track of a cell.

    Attributes:
        summaries: full name of each metric -> its "value", "n" and further figures.
        per_image: one row per image: ``index``, one column for each per-image metric, and ``influence/NAME`` for set
            metrics that know the influence of an image.
        skipped: metrics that do not apply, with the reason.
        gallery_target: first images, uint8 ``[k, C, H, W]``; k = 0 for points.
        gallery_output: their reconstructions.
    """

    summaries: dict[str, dict[str, float]]
    per_image: DataFrame
    skipped: dict[str, str]
    gallery_target: np.ndarray[Any, Any]
    gallery_output: np.ndarray[Any, Any]


@dataclass
class _BatchScores:
    """Values accumulated over the batches of an evaluation.

    Columns are allocated whole in advance: small tensors kept from each batch would fragment the heap and prevent the
    reuse of freed memory, gigabytes in a long evaluation.
    """

    columns: dict[str, np.ndarray[Any, Any]]
    wanted: int
    target: list[Tensor] = field(default_factory=list)
    output: list[Tensor] = field(default_factory=list)
    darkest: list[int] = field(default_factory=lambda: [255, 255])
    brightest: int = 0

    def check_floor(self) -> None:
        """Raise if outputs span only the upper half of the range while targets are black: a range of [0, 1]."""
        target, output = self.darkest
        if target < BLACK and output >= MID_GREY and self.brightest >= WHITE:
            raise ContractError(
                "decoded codes: no pixel of any image is below 0, while targets are black; the generator seems to "
                "give [0, 1], expected [-1, 1]"
            )

    def add(self, pairs: EvalBatch) -> None:
        """Update the extreme pixel values, and keep the first pairs for the gallery."""
        for side, levels in enumerate((pairs.target_u8, pairs.output_u8)):
            self.darkest[side] = min(self.darkest[side], int(levels.min()))
        self.brightest = max(self.brightest, int(pairs.output_u8.max()))
        missing = self.wanted - sum(len(part) for part in self.target)
        if missing > 0:
            self.target.append(pairs.target_u8[:missing].cpu())
            self.output.append(pairs.output_u8[:missing].cpu())


def open_metrics(names: Sequence[str]) -> list[Metric]:
    """Build metrics by name; ``fid@inception`` uses the feature network ``inception``.

    Raises:
        BenchError: a metric or network is unknown, or a metric is named twice.
    """
    metrics: list[Metric] = []
    for name in names:
        opened: Metric = create("metric", name)
        if opened.name in {known.name for known in metrics}:
            raise BenchError(f"metric '{opened.name}' is named twice")
        metrics.append(opened)
    return metrics


@torch.no_grad()
def evaluate(
    gan: Gan,
    images: Images,
    codes: Tensor,
    metrics: Sequence[Metric],
    *,
    track: Track,
    true_codes: Tensor | None = None,
    reference: ReferenceSets | None = None,
    device: str,
    batch: int | None = None,
    gallery: int = 16,
) -> Evaluation:
    """Decode ``codes`` and compare the results with ``images``.

    Only one batch of floats is held at a time. Every feature network runs once per batch and side, for all metrics.

    Args:
        gan: decodes the codes; on ``device``, in eval mode.
        images: ``N`` targets.
        codes: ``[N, d]``, one for each image.
        metrics: from ``open_metrics``.
        track: "test" for a dataset's images, "own" for images of the GAN itself.
        true_codes: ``[N, d]``, for the own track.
        reference: training images and samples of the GAN; metrics that need them are skipped without it.
        device: device that computes.
        batch: images per batch; None chooses by their size.
        gallery: number of pairs to keep as pictures.

    Raises:
        ContractError: the codes are of the wrong number or not finite; outputs have another shape, are not finite or
            not in [-1, 1], or lie in [0, 1] while the targets do not; a metric breaks its contract.
        WeightsError: the weights of a feature network are missing or altered.
    """
    _check_inputs(images, codes, true_codes)
    active, skipped = _choose(metrics, images, track)
    share_networks(active, device)
    for metric in active:
        metric.prepare(device)
    sets = Gathering.of(active, len(images), reference)
    columns = {m.name: np.empty(len(images)) for m in active if m.per_image}
    found = _BatchScores(columns, 0 if no_picture(images) else gallery)
    for rows, target in images.batches(batch or batch_size(images.shape)):
        truth = None if true_codes is None else true_codes[rows].to(device)
        pairs = _pairs(
            gan, images, rows=rows, target=target.to(device), codes=codes[rows].to(device), true_codes=truth
        )
        for metric in active:
            _collect(metric, pairs, rows, columns)
        sets.add(pairs, partial(_midpoints, gan, codes, rows, device))
        found.add(pairs)
    if not no_picture(images):
        found.check_floor()
    summaries = _summarise(active, found, skipped)
    return Evaluation(
        summaries,
        _table(active, found, summaries, len(images)),
        skipped=skipped,
        gallery_target=_joined(found.target, images.shape),
        gallery_output=_joined(found.output, images.shape),
    )


def batch_size(shape: Shape) -> int:
    """Return the number of images per batch that fit into memory with the maps of a feature network."""
    return max(1, min(LARGEST_BATCH, BATCH_VALUES // int(np.prod(shape))))


def _check_inputs(images: Images, codes: Tensor, true_codes: Tensor | None) -> None:
    for what, given in (("codes", codes), ("true codes", true_codes)):
        if given is not None and (given.dim() != 2 or len(given) != len(images)):
            raise ContractError(f"{what} are {tuple(given.shape)}, expected [{len(images)}, d]")
    if not torch.isfinite(codes).all():
        bad = int((~torch.isfinite(codes).all(1)).sum())
        raise ContractError(f"{bad} of {len(codes)} codes hold values that are not finite")
    if len(images) == 0:
        raise ContractError("no images to measure")
    if images.is_picture and int(images.data.max()) == 1:
        raise ContractError("targets hold only levels 0 and 1 of 255: images in [0, 1] were cast to 8 bits")


def _choose(metrics: Sequence[Metric], images: Images, track: Track) -> tuple[list[Metric], dict[str, str]]:
    active, skipped = [], {}
    for metric in metrics:
        reason = f"not on the {track} track" if track not in metric.tracks else metric.applies(images)
        if reason is None:
            active.append(metric)
        else:
            skipped[metric.name] = reason
    return active, skipped


def _pairs(
    gan: Gan, images: Images, rows: slice, target: Tensor, codes: Tensor, true_codes: Tensor | None
) -> EvalBatch:
    output = gan.decode(codes)
    if output.shape != target.shape:
        raise ContractError(f"the generator returned {tuple(output.shape)}, expected {tuple(target.shape)}")
    if no_picture(images):
        if not torch.isfinite(output).all():
            raise ContractError("decoded codes hold values that are not finite")
    else:
        check_range(output, "decoded codes")
        check_range(target, "targets")
    sides = {"target": to_u8(target), "output": to_u8(output)}
    seen: dict[tuple[str, str], Embedding] = {}

    def embed(network: FeatureExtractor, side: str) -> Embedding:
        key = (network.name, side)
        if key not in seen:
            seen[key] = network.embed(sides[side])
        return seen[key]

    labels = None if images.labels is None else images.labels[rows].to(target.device)
    attributes = None if images.attributes is None else images.attributes[rows].to(target.device)
    return EvalBatch(
        target,
        output,
        target_u8=sides["target"],
        output_u8=sides["output"],
        codes=codes,
        true_codes=true_codes,
        labels=labels,
        attributes=attributes,
        attribute_names=images.attribute_names,
        prior=gan.prior,
        embed=embed,
    )


def _midpoints(gan: Gan, codes: Tensor, rows: slice, device: str) -> Tensor:
    """Decode the midpoints of each code and the next, the last with the first, to uint8 ``[B, C, H, W]``."""
    following = torch.cat([codes[rows.start + 1 : rows.stop + 1], codes[:1]])[: rows.stop - rows.start]
    output = gan.decode((codes[rows] + following).to(device) / 2)
    check_range(output, "decoded midpoints of codes")
    return to_u8(output)


def _collect(metric: Metric, pairs: EvalBatch, rows: slice, columns: dict[str, np.ndarray[Any, Any]]) -> None:
    values = metric.update(pairs)
    if not metric.per_image:
        return
    if values is None or values.shape != (len(pairs.target),):
        got = None if values is None else tuple(values.shape)
        raise ContractError(f"metric '{metric.name}' gave {got} for a batch of {len(pairs.target)} images")
    if torch.isnan(values).any():
        raise ContractError(f"metric '{metric.name}' gave NaN")
    columns[metric.name][rows] = values.double().cpu().numpy()


def _summarise(active: Sequence[Metric], found: _BatchScores, skipped: dict[str, str]) -> dict[str, dict[str, float]]:
    summaries = {}
    for metric in active:
        try:
            summaries[metric.name] = metric.compute(found.columns.get(metric.name))
        except NotApplicable as reason:
            skipped[metric.name] = str(reason)
    return summaries


def _table(
    active: Sequence[Metric], found: _BatchScores, summaries: dict[str, dict[str, float]], count: int
) -> DataFrame:
    """Return the per-image values of metrics with a summary, and the influences of images on set metrics."""
    import pandas as pd

    columns = {name: values for name, values in found.columns.items() if name in summaries}
    for metric in active:
        shares = metric.influences() if metric.name in summaries and not metric.per_image else None
        if shares is not None:
            columns[influence_column(metric.name)] = np.asarray(shares, np.float32).astype(np.float64)  # packs well
    return pd.DataFrame({"index": np.arange(count), **columns})


def _joined(parts: list[Tensor], shape: Shape) -> np.ndarray[Any, Any]:
    return torch.cat(parts).numpy() if parts else np.zeros((0, *shape), np.uint8)
