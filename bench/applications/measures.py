"""Measures of applications: PSNR of parts of images, steps across seams, LPIPS, and predictions of classifiers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from bench.applications.subject import InversionSession
from bench.core.errors import BenchError, NotApplicable, unknown
from bench.core.options import create
from bench.core.registry import entries
from bench.core.types import FeatureExtractor, Images, Shape
from bench.metrics.base import to_u8
from bench.metrics.perceptual import lpips, read_heads
from bench.metrics.pixels import WINDOW, psnr, ssim
from bench.metrics.weights import LPIPS_HEADS, weights_available


def mean_psnr(target: Tensor, output: Tensor) -> float:
    """Return the mean PSNR in dB over images ``[B, C, H, W]`` in [-1, 1], rounded to 256 levels; at most 58.92."""
    return float(psnr(to_u8(target), to_u8(output)).mean())


def mean_ssim(target: Tensor, output: Tensor) -> float:
    """Return the mean SSIM over images; NaN if they are smaller than its window."""
    if min(target.shape[2:]) < WINDOW:
        return float("nan")
    return float(ssim(to_u8(target), to_u8(output)).mean())


def error_where(target: Tensor, output: Tensor, where: Tensor) -> float:
    """Return the mean squared error in units of [-1, 1] over pixels ``where`` (bool ``[1, H, W]``) of all images."""
    difference = (target - output.clamp(-1.0, 1.0)).square().double()
    return float(difference[where.expand_as(difference)].mean())


def apart(first: Tensor, second: Tensor) -> Tensor:
    """Return the root mean squared difference of each pair ``[B]``, in units of [-1, 1]."""
    return (first - second).square().flatten(1).mean(1).sqrt()


def steps_across(images: Tensor, places: Sequence[int], axis: int) -> float:
    """Return the mean absolute difference of pixels across seams, in units of [-1, 1]; NaN without seams.

    Args:
        images: ``[B, C, H, W]``.
        places: rows or columns that follow a seam.
        axis: 2 for seams between rows, 3 for seams between columns.
    """
    if not places:
        return float("nan")
    steps = images.clamp(-1.0, 1.0).diff(dim=axis).abs().double()
    chosen = torch.tensor([place - 1 for place in places], device=images.device)
    return float(steps.index_select(axis, chosen).mean())


NO_CLASSIFIER = "No table: the dataset has no classifier of its own for such images (--network NAME)."


@dataclass
class AttributeScorer:
    """A classifier of attributes, or of classes.

    Attributes:
        name: registered name of the network.
        network: the loaded network.
        names: attributes or classes that it predicts.
    """

    name: str
    network: FeatureExtractor
    names: tuple[str, ...]

    def column(self, name: str) -> int:
        """Return the number of an attribute or class.

        Raises:
            NotApplicable: the classifier does not predict it.
        """
        if name not in self.names:
            raise NotApplicable(f"{self.name} does not predict '{name}'; it predicts {', '.join(self.names)}")
        return self.names.index(name)

    @torch.no_grad()
    def predict(self, x: Tensor) -> Tensor:
        """Predict ``names`` for images ``[B, C, H, W]`` in [-1, 1]: ``[B, K]`` bool, on the CPU."""
        logits = self.network.embed(to_u8(x)).logits
        assert logits is not None, self.name
        if self.network.attributes:
            return (logits > 0).cpu()
        return torch.nn.functional.one_hot(logits.argmax(1), logits.shape[1]).bool().cpu()


def flipped(
    scorer: AttributeScorer, before: Tensor, edited: Tensor, wanted: Mapping[str, Tensor]
) -> tuple[float, float, float]:
    """Measure the effect of an edit with a classifier.

    Args:
        scorer: the classifier.
        before: its predictions for the reconstructions, ``[B, K]`` bool.
        edited: images ``[B, C, H, W]`` after the edit.
        wanted: attribute or class -> bool ``[B]``, True where it was requested.

    Returns:
        Three shares: of reconstructions that have all requested attributes before the edit; of the other ones that
        have them after it (NaN if there are none); and of the scorer's other attributes whose prediction does not
        change (NaN for classes, of which an image has one).

    Raises:
        NotApplicable: the classifier does not predict one of them.
    """
    columns = [scorer.column(name) for name in wanted]
    target = torch.stack([each.cpu() for each in wanted.values()], 1)
    after = scorer.predict(edited)
    already, done = ((seen[:, columns] == target).all(1) for seen in (before, after))
    others = [k for k in range(len(scorer.names)) if k not in columns]
    kept = before[:, others].eq(after[:, others]).double()
    return (
        float(already.double().mean()),
        float(done[~already].double().mean()),  # NaN if there are none
        float(kept.mean()) if scorer.network.attributes else float("nan"),
    )


def own_network(subject: InversionSession, shape: Shape, wanted: str) -> str:
    """Return the named network, or else the dataset's own if it accepts such images; "" for none.

    Raises:
        BenchError: the named network is unknown, has no weights on this machine, or does not accept the images.
    """
    dataset = subject.cell.dataset.name
    if not subject.request.network:
        found = (f"{dataset}-cnn", f"trained:{dataset}")
        known = [n for n in found if n.split(":")[0] in entries("features") and not weights_available(f"fid@{n}")]
        usable = [n for n in known if create("features", n).accepts(shape) is None]
        return usable[0] if usable else ""
    name = subject.request.network
    if name.split(":")[0] not in entries("features"):
        raise unknown("feature network", name, entries("features"), "--network")
    reason = weights_available(f"{wanted}@{name}") or create("features", name).accepts(shape)
    if reason:
        raise BenchError(f"--network {name}: {reason}")
    return name


def open_scorer(subject: InversionSession) -> AttributeScorer | None:
    """Return the named classifier, or that of the dataset's attributes or classes; None if there is none.

    Raises:
        NotApplicable: the named network does not predict attributes or classes.
    """
    name = own_network(subject, subject.images.shape, "fid")
    if not name:
        return None
    network: FeatureExtractor = create("features", name)
    names = network.attributes or (facts_of(subject.data.train, subject.data.classes)[0] if network.classes else ())
    if not names or (network.classes and network.classes != len(names)):
        if not subject.request.network:
            return None
        raise NotApplicable(f"--network {name}: does not tell the attributes or classes of {subject.data.name} apart")
    network.load(subject.bench.device)
    return AttributeScorer(name, network, names)


class Distance:
    """LPIPS with the features of one network.

    Args:
        name: registered name of the network.
        device: device of the network.
    """

    def __init__(self, name: str, device: str) -> None:
        self.name = name
        self.network: FeatureExtractor = create("features", name)
        self.network.load(device)
        self.heads = read_heads(name, device) if name in LPIPS_HEADS else None

    @torch.no_grad()
    def between(self, first: Tensor, second: Tensor) -> Tensor:
        """Return LPIPS ``[B]`` between images in [-1, 1], on the CPU."""
        maps = [self.network.embed(to_u8(x)).maps for x in (first, second)]
        return lpips(maps[0], maps[1], self.heads).double().cpu()


def open_distance(subject: InversionSession) -> Distance | None:
    """Return LPIPS with the named network, or the dataset's own; None if there is none.

    Raises:
        NotApplicable: the network returns no feature maps.
    """
    name = own_network(subject, subject.images.shape, "lpips")
    if not name:
        return None
    if not create("features", name).layers:
        raise NotApplicable(f"--network {name}: it gives no spatial maps, which LPIPS compares")
    return Distance(name, subject.bench.device)


def facts_of(images: Images, classes: tuple[str, ...]) -> tuple[tuple[str, ...], Tensor]:
    """Return names and values bool ``[N, K]`` of the attributes of images, or of one-hot classes without attributes.

    Raises:
        NotApplicable: the images have neither attributes nor labels.
    """
    if images.attributes is not None:
        return images.attribute_names, images.attributes.cpu()
    if images.labels is None:
        raise NotApplicable("these images have neither attributes nor labels")
    count = len(classes) or int(images.labels.max()) + 1
    names = classes or tuple(map(str, range(count)))
    return names, torch.nn.functional.one_hot(images.labels.cpu(), count).bool()


def column_of(name: str, names: Sequence[str], option: str, dataset: str) -> int:
    """Return the number of an attribute or class.

    Raises:
        UnknownName: the dataset lacks it; the message suggests the nearest name.
    """
    if name not in names:
        raise unknown("attribute or class", name, names, f"{option}, dataset {dataset}")
    return list(names).index(name)
