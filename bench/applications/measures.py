"""Numbers that applications share: PSNR of parts of images, steps across seams, LPIPS, and what a classifier sees."""

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
    """Mean PSNR in dB over images ``[B, C, H, W]`` in [-1, 1], rounded to 256 levels; identical pairs are left out.

    Infinite if all pairs are identical.
    """
    values = psnr(to_u8(target), to_u8(output))
    finite = values[values.isfinite()]
    return float(finite.mean()) if len(finite) else float("inf")


def mean_ssim(target: Tensor, output: Tensor) -> float:
    """Mean SSIM over images; NaN where they are smaller than its window."""
    if min(target.shape[2:]) < WINDOW:
        return float("nan")
    return float(ssim(to_u8(target), to_u8(output)).mean())


def error_where(target: Tensor, output: Tensor, where: Tensor) -> float:
    """Mean squared error in units of [-1, 1] over the pixels ``where`` (bool ``[1, H, W]``) of all images."""
    difference = (target - output.clamp(-1.0, 1.0)).square().double()
    return float(difference[where.expand_as(difference)].mean())


def apart(first: Tensor, second: Tensor) -> Tensor:
    """Root mean squared difference of each pair ``[B]``, in units of [-1, 1]."""
    return (first - second).square().flatten(1).mean(1).sqrt()


def steps_across(images: Tensor, places: Sequence[int], axis: int) -> float:
    """Mean absolute difference between the pixels on both sides of seams, in units of [-1, 1]; NaN without seams.

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


NO_JUDGE = "No table: the dataset has no classifier of its own that looks at such images (--network NAME)."


@dataclass
class AttributeScorer:
    """A classifier that says which attributes, or which class, it sees.

    Attributes:
        name: registered name of the network.
        network: loaded.
        names: what it tells apart, attributes or classes.
    """

    name: str
    network: FeatureExtractor
    names: tuple[str, ...]

    def column(self, name: str) -> int:
        """Number of an attribute or class.

        Raises:
            NotApplicable: the classifier does not tell it.
        """
        if name not in self.names:
            raise NotApplicable(f"{self.name} does not tell '{name}'; it tells {', '.join(self.names)}")
        return self.names.index(name)

    @torch.no_grad()
    def sees(self, x: Tensor) -> Tensor:
        """Which of ``names`` it sees in images ``[B, C, H, W]`` in [-1, 1]: ``[B, K]`` bool, on the CPU."""
        logits = self.network.embed(to_u8(x)).logits
        assert logits is not None, self.name
        if self.network.attributes:
            return (logits > 0).cpu()
        return torch.nn.functional.one_hot(logits.argmax(1), logits.shape[1]).bool().cpu()


def flipped(
    scorer: AttributeScorer, before: Tensor, edited: Tensor, wanted: Mapping[str, Tensor]
) -> tuple[float, float, float]:
    """What an edit did, by a classifier.

    Args:
        scorer: the classifier.
        before: what it sees in the reconstructions, ``[B, K]`` bool.
        edited: images ``[B, C, H, W]`` after the edit.
        wanted: attribute or class -> whether it was asked for, ``[B]``.

    Returns:
        Shares of images: of the reconstructions, those that show all that was asked for already; of the others, those
        that do after the edit (NaN if there are none). Share of the scorer's other attributes that it sees as before
        (NaN for classes, of which an image has one).

    Raises:
        NotApplicable: the classifier does not tell one of them.
    """
    columns = [scorer.column(name) for name in wanted]
    target = torch.stack([each.cpu() for each in wanted.values()], 1)
    after = scorer.sees(edited)
    already, done = ((seen[:, columns] == target).all(1) for seen in (before, after))
    others = [k for k in range(len(scorer.names)) if k not in columns]
    kept = before[:, others].eq(after[:, others]).double()
    return (
        float(already.double().mean()),
        float(done[~already].double().mean()),  # NaN of none
        float(kept.mean()) if scorer.network.attributes else float("nan"),
    )


def own_network(subject: InversionSession, shape: Shape, wanted: str) -> str:
    """The network that a user names, or else the dataset's own if it can look at such images; "" for none.

    Raises:
        BenchError: the network that was named is not known, has no weights here, or cannot look at the images.
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


def open_judge(subject: InversionSession) -> AttributeScorer | None:
    """The classifier of the dataset's attributes or classes, or the one that was named; None if there is none.

    Raises:
        NotApplicable: the network that was named tells something else.
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
    """LPIPS through one network.

    Args:
        name: registered name of the network.
        device: where it computes.
    """

    def __init__(self, name: str, device: str) -> None:
        self.name = name
        self.network: FeatureExtractor = create("features", name)
        self.network.load(device)
        self.heads = read_heads(name, device) if name in LPIPS_HEADS else None

    @torch.no_grad()
    def between(self, first: Tensor, second: Tensor) -> Tensor:
        """LPIPS ``[B]`` between images in [-1, 1], on the CPU."""
        maps = [self.network.embed(to_u8(x)).maps for x in (first, second)]
        return lpips(maps[0], maps[1], self.heads).double().cpu()


def open_distance(subject: InversionSession) -> Distance | None:
    """LPIPS through the network that was named, or the dataset's own; None if there is none.

    Raises:
        NotApplicable: the network gives no maps.
    """
    name = own_network(subject, subject.images.shape, "lpips")
    if not name:
        return None
    if not create("features", name).layers:
        raise NotApplicable(f"--network {name}: it gives no spatial maps, which LPIPS compares")
    return Distance(name, subject.bench.device)


def facts_of(images: Images, classes: tuple[str, ...]) -> tuple[tuple[str, ...], Tensor]:
    """What is known of each image: names, and bool ``[N, K]``; attributes if there are any, else one-hot classes.

    Raises:
        NotApplicable: neither attributes nor labels.
    """
    if images.attributes is not None:
        return images.attribute_names, images.attributes.cpu()
    if images.labels is None:
        raise NotApplicable("these images have neither attributes nor labels")
    count = len(classes) or int(images.labels.max()) + 1
    names = classes or tuple(map(str, range(count)))
    return names, torch.nn.functional.one_hot(images.labels.cpu(), count).bool()


def column_of(name: str, names: Sequence[str], option: str, dataset: str) -> int:
    """Number of an attribute or class.

    Raises:
        UnknownName: the dataset lacks it; suggests the nearest.
    """
    if name not in names:
        raise unknown("attribute or class", name, names, f"{option}, dataset {dataset}")
    return list(names).index(name)
