"""The nouns of the suite, and nothing else: Images, Dataset, Prior, Gan, Inverter, Refiner, Metric, Cell, Record.

Everyone may import this room and it imports nobody. Torch appears in annotations only, so that suites, records
and reports are read without loading it.
"""

from __future__ import annotations

import hashlib
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Literal

if TYPE_CHECKING:
    import numpy as np
    from torch import Generator, Tensor, nn

    from bench.loop import Run

Capacity = Literal["z", "w", "w+", "features", "weights"]
Track = Literal["test", "own"]
Shape = tuple[int, int, int]


# ------------------------------------------------------------------------------------------------- images


@dataclass(frozen=True, eq=False)
class Images:
    """A set of images, held once.

    Attributes:
        data: ``[N, C, H, W]``. uint8 for pictures. float32 for what is no picture: 2-D points as ``[N, 2, 1, 1]``,
            and images that a generator made, whose exact values matter.
        labels: ``[N]`` int64 class of each image, or None.
        attributes: ``[N, A]`` bool, or None; column names in ``attribute_names``.
    """

    data: Tensor
    labels: Tensor | None = None
    attributes: Tensor | None = None
    attribute_names: tuple[str, ...] = ()

    def __len__(self) -> int:
        return int(self.data.shape[0])

    @property
    def shape(self) -> Shape:
        """Channels, height and width of one image."""
        _, channels, height, width = self.data.shape
        return int(channels), int(height), int(width)

    @property
    def is_picture(self) -> bool:
        """Whether values are 8-bit pixels (False for points and for exact generator outputs)."""
        return not self.data.is_floating_point()

    @cached_property
    def checksum(self) -> str:
        """SHA-256 over shape, type, values, labels and attributes (hex)."""
        digest = hashlib.sha256()
        for name in ("data", "labels", "attributes"):
            tensor = getattr(self, name)
            if tensor is not None:
                digest.update(f"{name}{tuple(tensor.shape)}{tensor.dtype}".encode())
                for part in tensor.split(4096):
                    digest.update(part.cpu().contiguous().numpy().data)
        digest.update(repr(self.attribute_names).encode())
        return digest.hexdigest()

    def floats(self, index: slice | Tensor) -> Tensor:
        """Return the chosen images as float32 in [-1, 1] (points and float images as they are)."""
        chosen = self.data[index]
        return chosen.float().div_(127.5).sub_(1.0) if self.is_picture else chosen

    def batches(self, size: int) -> Iterator[tuple[slice, Tensor]]:
        """Walk through all images in order; the last batch may be smaller, none is dropped."""
        for start in range(0, len(self), size):
            part = slice(start, min(start + size, len(self)))
            yield part, self.floats(part)

    def sample(self, count: int, rng: Generator) -> Tensor:
        """Draw ``count`` images with replacement as float32 in [-1, 1]."""
        return self.floats(self.draw(count, rng))

    def draw(self, count: int, rng: Generator) -> Tensor:
        """Draw ``count`` row numbers with replacement, on the images' device."""
        import torch

        return torch.randint(len(self), (count,), generator=rng, device=self.data.device)

    def first(self, count: int) -> Images:
        """The first ``count`` images; 0 means all.

        Raises:
            ValueError: fewer images than asked for.
        """
        if count == 0 or count == len(self):
            return self
        if count > len(self):
            raise ValueError(f"{count} images asked for, {len(self)} are there")
        return self.take(slice(0, count))

    def take(self, index: slice | Tensor) -> Images:
        """The chosen images with their labels and attributes."""
        labels = None if self.labels is None else self.labels[index]
        attributes = None if self.attributes is None else self.attributes[index]
        return Images(self.data[index], labels, attributes, self.attribute_names)

    def to(self, device: str) -> Images:
        """The same images on another device; itself if they are there already."""
        if self.data.device.type == device:
            return self
        labels = None if self.labels is None else self.labels.to(device)
        attributes = None if self.attributes is None else self.attributes.to(device)
        return Images(self.data.to(device), labels, attributes, self.attribute_names)


@dataclass(frozen=True, eq=False)
class FitData:
    """What a method may learn from: ``train``, and ``val`` for tuning. There is no test split to peek at."""

    name: str
    train: Images
    val: Images
    classes: tuple[str, ...] = ()


@dataclass(frozen=True, eq=False)
class Dataset(FitData):
    """All three splits; ``test`` is read by the invert and measure stages alone."""

    test: Images = field(kw_only=True)

    def without_test(self) -> FitData:
        """The part of the dataset that training and fitting are given."""
        return FitData(self.name, self.train, self.val, self.classes)

    @property
    def shape(self) -> Shape:
        """Channels, height and width of one image."""
        return self.train.shape


class DatasetSource(ABC):
    """Where a dataset comes from. Subclasses are dataclasses whose fields are the options of a suite file."""

    @abstractmethod
    def identity(self) -> str:
        """A text that changes whenever the loaded content would (checksums of the files, seed, options).

        Cheap and without torch: it becomes part of every key.

        Raises:
            DataError: the data are not here, or are damaged; says how to get them.
        """

    @abstractmethod
    def availability(self) -> tuple[bool, str]:
        """Whether the data are here, and the place where they lie or the reason why not."""

    @abstractmethod
    def get(self) -> str:
        """Fetch the data if they are not here; return the place.

        Raises:
            DataError: they cannot be fetched; says what to do by hand.
        """

    @abstractmethod
    def load(self) -> Dataset:
        """Read the data.

        Raises:
            DataError: missing or damaged files.
        """


# ------------------------------------------------------------------------------------------------- GANs


class Prior(ABC):
    """Distribution of latent codes, ``[B, dim]`` float32."""

    name: ClassVar[str]
    dim: int

    @abstractmethod
    def sample(self, count: int, rng: Generator) -> Tensor:
        """Draw ``[count, dim]`` codes on the generator's device."""

    @abstractmethod
    def from_uniform(self, u: Tensor) -> Tensor:
        """Map numbers in (0, 1) to codes by the inverse distribution function; same shape."""

    @abstractmethod
    def log_prob(self, z: Tensor) -> Tensor:
        """Log density ``[B]`` in nats, summed over coordinates; -inf outside the support."""

    @abstractmethod
    def project(self, z: Tensor) -> Tensor:
        """The nearest code in the support; the identity for unbounded priors."""


class Gan:
    """A trained generator with what is known of it. The only thing that turns codes into images.

    Args:
        generator: module from codes ``[B, d]`` to images ``[B, C, H, W]`` in [-1, 1].
        discriminator: module with ``layers`` (names) and ``features(x, layers) -> list of maps``, or None.
        prior: distribution that the generator was trained with.
        image_shape: channels, height, width.
        provenance: recipe and key, or file and checksum.
    """

    def __init__(
        self,
        generator: nn.Module,
        discriminator: nn.Module | None,
        prior: Prior,
        image_shape: Shape,
        provenance: Mapping[str, Any] | None = None,
    ) -> None:
        self.generator = generator
        self.discriminator = discriminator
        self.prior = prior
        self.image_shape = image_shape
        self.provenance = dict(provenance or {})
        self.calls = 0

    @property
    def code_dim(self) -> int:
        """Free numbers in a code."""
        return self.prior.dim

    def decode(self, codes: Tensor) -> Tensor:
        """Images ``[B, C, H, W]`` of codes ``[B, d]``; counts ``B`` generator calls."""
        self.calls += int(codes.shape[0])
        images: Tensor = self.generator(codes)
        return images

    def features(self, x: Tensor, layers: Sequence[str] = ("last",)) -> Tensor:
        """Discriminator activations of images ``[B, C, H, W]``, flattened and joined to ``[B, F]``.

        Args:
            x: images in [-1, 1].
            layers: names from ``discriminator.layers``; "last" is the last convolution before the logit.

        Raises:
            NotApplicable: the GAN came without a discriminator.
            UnknownName: a layer that the discriminator does not have.
        """
        from bench.errors import NotApplicable, unknown

        if self.discriminator is None:
            raise NotApplicable("this GAN has no discriminator, so it has no features")
        known: tuple[str, ...] = self.discriminator.layers  # type: ignore[assignment]
        for layer in layers:
            if layer not in known:
                raise unknown("discriminator layer", layer, known)
        import torch

        maps: list[Tensor] = self.discriminator.features(x, layers)  # type: ignore[operator]
        return torch.cat([m.flatten(1) for m in maps], 1)

    def modules(self) -> list[nn.Module]:
        """Generator and, if there is one, discriminator."""
        return [m for m in (self.generator, self.discriminator) if m is not None]

    def freeze(self) -> Gan:
        """Put both networks in eval mode without gradients for their weights; returns itself."""
        for module in self.modules():
            module.eval()
            module.requires_grad_(False)
        return self

    def to(self, device: str) -> Gan:
        """Move both networks; returns itself."""
        for module in self.modules():
            module.to(device)
        return self

    def checksum(self) -> str:
        """SHA-256 over every tensor of both networks (hex); changes if a method touches the GAN."""
        digest = hashlib.sha256()
        for module in self.modules():
            for name, tensor in sorted(module.state_dict().items()):
                digest.update(name.encode())
                digest.update(tensor.detach().cpu().contiguous().numpy().tobytes())
        return digest.hexdigest()


# ------------------------------------------------------------------------------------------------- methods


class Inverter(ABC):
    """A method: learns from training data (or not at all), then returns codes for images.

    Subclasses are dataclasses; their fields are the options that a suite file may set. The harness sets ``gan``
    and ``run``, then calls ``build``, then either ``fit`` or ``load_state``, then ``invert`` for each batch.
    """

    capacity: ClassVar[Capacity] = "z"
    """What the method may change per image."""
    trained_on: ClassVar[str] = "nothing"
    """What ``fit`` learns from, as a table says it: "nothing", "generated codes", "train images"."""
    optimises: ClassVar[tuple[str, ...]] = ()
    """Metrics that the method minimises directly; marked in its row."""
    control: ClassVar[bool] = False
    """Whether this is a floor or ceiling rather than a contender."""

    gan: Gan
    run: Run

    def build(self) -> None:  # noqa: B027 - a method without networks has nothing to build
        """Create the method's networks as attributes, on ``self.run.device``.

        Raises:
            NotApplicable: this GAN cannot be served (no discriminator, wrong size); the reason is recorded.
        """

    def fit(self, data: FitData) -> None:  # noqa: B027 - a method may need no training
        """Learn from ``data.train``; tune on ``data.val``. Loop with ``self.run.loop`` to be resumable."""

    @abstractmethod
    def invert(self, x: Tensor) -> Tensor:
        """Codes ``[B, d]`` float32 of images ``[B, C, H, W]`` in [-1, 1].

        The code of an image must not depend on the other images of the batch.
        """

    def networks(self) -> dict[str, nn.Module]:
        """The modules among the attributes, by name, without the GAN's."""
        return {name: value for name, value in sorted(vars(self).items()) if hasattr(value, "state_dict")}

    def state(self) -> dict[str, Tensor]:
        """Everything that ``fit`` learned, as named tensors."""
        return {
            f"{name}.{key}": tensor
            for name, network in self.networks().items()
            for key, tensor in network.state_dict().items()
        }

    def load_state(self, state: Mapping[str, Tensor]) -> None:
        """Restore what ``state`` gave; called after ``build``."""
        for name, network in self.networks().items():
            part = {k.removeprefix(f"{name}."): v for k, v in state.items() if k.startswith(f"{name}.")}
            network.load_state_dict(part)

    def trained_parameters(self) -> int:
        """Numbers that ``fit`` adjusts."""
        return sum(p.numel() for n in self.networks().values() for p in n.parameters() if p.requires_grad)


class Refiner(ABC):
    """Improves codes that any method found: the papers' "opt" suffix, written ``method+refiner`` in a suite.

    Subclasses are dataclasses like methods; the harness sets ``gan`` and ``run``.
    """

    optimises: ClassVar[tuple[str, ...]] = ()

    gan: Gan
    run: Run

    @abstractmethod
    def refine(self, x: Tensor, codes: Tensor) -> Tensor:
        """Better codes ``[B, d]`` for images ``[B, C, H, W]`` in [-1, 1], each image on its own."""


# ------------------------------------------------------------------------------------------------- metrics


@dataclass
class Pairs:
    """One batch of targets and reconstructions, as the metrics see it.

    Attributes:
        target: images as handed to the method, ``[B, C, H, W]`` in [-1, 1].
        output: decoded codes, the same shape, as the generator made them.
        target_u8: ``target`` clamped and rounded to 256 levels, uint8.
        output_u8: ``output`` clamped and rounded to 256 levels, uint8: what a user would save.
        codes: ``[B, d]``.
        true_codes: ``[B, d]`` on the own track, else None.
        labels: ``[B]`` int64, or None.
        attributes: ``[B, A]`` bool, or None.
        embed: ``embed(network, "target" | "output")`` runs a feature network at most once a batch for all metrics.
    """

    target: Tensor
    output: Tensor
    target_u8: Tensor
    output_u8: Tensor
    codes: Tensor
    true_codes: Tensor | None
    labels: Tensor | None
    attributes: Tensor | None
    embed: Callable[[FeatureNetwork, Literal["target", "output"]], Embedding]


@dataclass(frozen=True)
class Embedding:
    """What a feature network says of a batch: its pooled ``features`` ``[B, F]``, spatial ``maps``, ``logits``."""

    features: Tensor
    maps: tuple[Tensor, ...] = ()
    logits: Tensor | None = None


class FeatureNetwork(ABC):
    """A frozen network that metrics look through. Weights come from a known file and are checked."""

    name: ClassVar[str]
    layers: ClassVar[tuple[str, ...]] = ()
    """Names of the spatial maps that ``embed`` gives; empty if it gives none."""
    classes: ClassVar[int] = 0
    """How many classes its logits tell apart; 0 for a network that is no classifier."""

    def accepts(self, shape: Shape) -> str | None:
        """None, or the reason why the network cannot look at images of this shape."""
        return None

    @abstractmethod
    def protocol(self) -> dict[str, Any]:
        """Name, layers, SHA-256 of the weights, resizing and normalisation. Without torch."""

    @abstractmethod
    def load(self, device: str) -> None:
        """Read the weights.

        Raises:
            WeightsError: the file is missing (names it, the places and how to get it) or its checksum differs.
        """

    @abstractmethod
    def embed(self, images_u8: Tensor) -> Embedding:
        """Run on uint8 images ``[B, C, H, W]``, C = 1 or 3."""


class Metric(ABC):
    """One number about reconstructions, with the protocol that makes it comparable.

    Subclasses are dataclasses. ``update`` is called for each batch, ``compute`` once at the end.
    """

    name: str
    higher_is_better: ClassVar[bool]
    per_image: ClassVar[bool]
    """True: ``update`` returns a value an image, kept on disk. False: one value for the whole set."""
    tracks: ClassVar[tuple[Track, ...]] = ("test", "own")
    unit: ClassVar[str] = ""

    @abstractmethod
    def protocol(self) -> dict[str, Any]:
        """Everything that has to be equal for two values to be comparable. Without torch; JSON-able."""

    def applies(self, images: Images) -> str | None:
        """None, or the reason why this metric makes no sense for these images."""
        return None

    def prepare(self, device: str) -> None:  # noqa: B027 - most metrics have nothing to load
        """Load weights; called once before the first batch."""

    @abstractmethod
    def update(self, pairs: Pairs) -> Tensor | None:
        """Take in a batch; return ``[B]`` values if the metric is per image."""

    @abstractmethod
    def compute(self, values: np.ndarray[Any, Any] | None) -> dict[str, float]:
        """The summary, always with "value" and "n".

        Args:
            values: every per-image value in order, or None for a set metric.

        Raises:
            NotApplicable: only the whole set showed that the metric makes no sense here; recorded as skipped.
        """


# ------------------------------------------------------------------------------------------------- runs


@dataclass(frozen=True)
class Budget:
    """How much work a cell may do. 0 images means all of them."""

    name: str
    train_images: int
    test_images: int
    own_images: int
    train_steps: int
    fit_steps: int
    search_steps: int
    refine_steps: int
    timeout: float
    """Seconds that one stage of a cell may take."""


@dataclass(frozen=True)
class Choice:
    """A registered name with options, as a suite file states it."""

    name: str
    options: Mapping[str, Any] = field(default_factory=dict)
    label: str = ""

    @property
    def title(self) -> str:
        """What tables print."""
        return self.label or self.name


@dataclass(frozen=True)
class Cell:
    """One dataset, GAN, method, seed and budget, to be measured by one list of metrics."""

    dataset: Choice
    gan: Choice
    method: Choice
    seed: int
    budget: Budget
    metrics: tuple[str, ...]


@dataclass
class Record:
    """What a cell produced; one JSON file, written last, also when the cell failed.

    ``metrics[track][name]`` holds the summary of each metric; per-image values lie in ``key.parquet`` beside it.
    """

    key: str
    cell: dict[str, Any]
    status: Literal["done", "failed", "not applicable"]
    reason: str = ""
    traceback: str = ""
    metrics: dict[str, dict[str, dict[str, float]]] = field(default_factory=dict)
    skipped: dict[str, str] = field(default_factory=dict)
    protocol: dict[str, Any] = field(default_factory=dict)
    facts: dict[str, Any] = field(default_factory=dict)
    """Capacity, training data, what is optimised, control or not, trained parameters, dataset checksum, seeds."""
    cost: dict[str, float] = field(default_factory=dict)
    """Seconds and milliseconds an image (synchronised), generator calls, peak memory in bytes."""
    environment: dict[str, Any] = field(default_factory=dict)
    """Device, versions, commit and dirty flag."""
    folder: Path | None = None
    """Where the record was read from; not stored."""
