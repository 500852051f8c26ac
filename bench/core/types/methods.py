"""Methods: what learns to invert, and what refines a result."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from typing import TYPE_CHECKING, ClassVar, Literal

from bench.core.types.gans import Gan
from bench.core.types.images import FitData

if TYPE_CHECKING:
    from torch import Tensor, nn

    from bench.core.run_context import RunContext

Capacity = Literal["z", "w", "w+", "features", "weights"]
"""What a method may change per image."""


class Inverter(ABC):
    """A method: learns from training data (or not at all), then returns codes for images.

    Subclasses are dataclasses; their fields are the options that a suite file may set. The harness sets ``gan``
    and ``run``, then calls ``build``, then either ``fit`` or ``load_state``, then ``invert`` for each batch.
    """

    trained_on: ClassVar[str] = "nothing"
    """What ``fit`` learns from, as a table says it: "nothing", "generated codes", "train images"."""
    optimises: ClassVar[tuple[str, ...]] = ()
    """Metrics that the method minimises directly; marked in its row."""
    control: ClassVar[bool] = False
    """Whether this is a floor or ceiling rather than a contender."""

    gan: Gan
    run: RunContext

    @property
    def capacity(self) -> Capacity:
        """What the method may change per image; "z" unless a subclass says otherwise.

        A subclass writes ``capacity: ClassVar[Capacity] = "w"``, or a property that follows from an option. ``gan``
        is the GAN seen through this space.
        """
        return "z"

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

    capacity: ClassVar[Capacity | None] = None
    """What it changes per image beyond the codes that it is given; None for these codes alone. ``gan`` is the GAN
    seen through this space, and the codes that ``refine`` returns are of it."""
    optimises: ClassVar[tuple[str, ...]] = ()

    gan: Gan
    run: RunContext

    @abstractmethod
    def refine(self, x: Tensor, codes: Tensor) -> Tensor:
        """Better codes ``[B, d]`` for images ``[B, C, H, W]`` in [-1, 1], each image on its own."""
