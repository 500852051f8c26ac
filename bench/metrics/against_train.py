"""The Fréchet distances of paper invgan: samples, reconstructions and interpolations against the training images."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, ClassVar

from bench.core.registry import metric
from bench.core.types import Side
from bench.metrics.feature_sets import FeatureSets, SetMetric
from bench.metrics.frechet import SMALLEST_SET, STATISTICS, frechet_distance
from bench.metrics.weights import DEFAULT_NETWORK


@dataclass
class _AgainstTrain(SetMetric):
    """Fréchet distance of one side to the training images, with equally many of both.

    Attributes:
        network: registered name of the feature network.
        count: images per side, at most as many as either side has; invgan reports 500 and 50,000.
    """

    network: str = DEFAULT_NETWORK["rand_fid"]
    count: int = field(kw_only=True)

    higher_is_better = False
    side: ClassVar[Side]

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.count < SMALLEST_SET:
            raise ValueError(f"count = {self.count}: expected at least {SMALLEST_SET}")

    def protocol(self) -> dict[str, Any]:
        """Add the count and the algorithm."""
        count = f"{self.count} a side, capped by what there is of either; n says how many"
        return {**super().protocol(), "count": count, **STATISTICS}

    def compare(self, sets: FeatureSets) -> Mapping[str, float]:
        """The distance, the number of images per side, and the number of features."""
        n = min(self.count, sets.available(self.side), sets.available("train"))
        made, train = sets.features(self.side, n), sets.features("train", n)
        return {"value": frechet_distance(train, made), "n": float(n), "features": float(train.shape[1])}


@metric("rand_fid")
@dataclass
class RandFid(_AgainstTrain):
    """FID of images of codes drawn from the prior, against training images: RandFID of invgan (Table 1).

    It measures the generator alone; the method has no influence, so that all rows of one GAN share the value.

    Example:
        >>> from bench.metrics.evaluation import open_metrics
        >>> metric = open_metrics(["rand_fid:500"])[0]
        >>> metric.name, metric.tracks
        ('rand_fid:500@inception', ('own',))
        >>> metric.protocol()["sets"]
        ['images of codes drawn from the prior', 'training images, in a fixed random order']
    """

    sides = ("sample", "train")
    side = "sample"
    tracks = ("own",)


@metric("rand_rec_fid")
@dataclass
class RandRecFid(_AgainstTrain):
    """FID of reconstructions of the GAN's own images, against training images: RandRecFID of invgan (Table 1).

    Example:
        >>> from bench.metrics.evaluation import open_metrics
        >>> metric = open_metrics(["rand_rec_fid:500"])[0]
        >>> metric.name, metric.tracks
        ('rand_rec_fid:500@inception', ('own',))
        >>> metric.protocol()["sets"]
        ['their reconstructions', 'training images, in a fixed random order']
    """

    sides = ("output", "train")
    side = "output"
    tracks = ("own",)


@metric("ts_rec_fid")
@dataclass
class TsRecFid(_AgainstTrain):
    """FID of reconstructions of test images, against training images: TsRecFID of invgan (Table 1).

    Example:
        >>> from bench.metrics.evaluation import open_metrics
        >>> metric = open_metrics(["ts_rec_fid:500"])[0]
        >>> metric.name, metric.tracks
        ('ts_rec_fid:500@inception', ('test',))
        >>> metric.protocol()["sets"]
        ['their reconstructions', 'training images, in a fixed random order']
    """

    sides = ("output", "train")
    side = "output"
    tracks = ("test",)


@metric("int_ts_fid")
@dataclass
class IntTsFid(_AgainstTrain):
    """FID of the images halfway between the codes of two test images, against training images: IntTsFID of invgan.

    Codes are paired with their neighbours in the order of the test split, the last with the first.

    Example:
        >>> from bench.metrics.evaluation import open_metrics
        >>> metric = open_metrics(["int_ts_fid:500"])[0]
        >>> metric.name, metric.tracks
        ('int_ts_fid:500@inception', ('test',))
        >>> metric.protocol()["sets"]
        ['images of the midpoints between each code and the next', 'training images, in a fixed random order']
    """

    sides = ("midpoint", "train")
    side = "midpoint"
    tracks = ("test",)
