"""Inversion methods, and refiners of their results."""

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
"""Variables that a method may change per image."""


class Inverter(ABC):
    """An inversion method: learns from training data, or not at all, and returns codes for images.

    Subclasses are dataclasses; their fields are the options that a suite file may set. The harness sets ``gan``
    and ``run``, then calls ``build``, then either ``fit`` or ``load_state``, then ``invert`` for each batch.
    """

    trained_on: ClassVar[str] = "nothing"
    """Training data of ``fit``, as shown in tables: "nothing", "generated codes", "train images"."""
    optimises: ClassVar[tuple[str, ...]] = ()
    """Metrics that the method optimises directly; marked in its row."""
    control: ClassVar[bool] = False
    """True for a lower or upper bound that is not a competing method."""

    gan: Gan
    run: RunContext

    @property
    def capacity(self) -> Capacity:
        """Variables that the method may change per image; "z" by default.

        A subclass sets ``capacity: ClassVar[Capacity] = "w"``, or a property that depends on an option. ``gan`` is
        the GAN in this latent space.
        """
        return "z"

    def build(self) -> None:  # noqa: B027 - a method without networks has nothing to build
        """Create the method's networks as attributes, on ``self.run.device``.

        Raises:
            NotApplicable: the method does not support this GAN (no discriminator, wrong size); it is recorded why.
        """

    def fit(self, data: FitData) -> None:  # noqa: B027 - a method may need no training
        """Learn from ``data.train`` and tune on ``data.val``. Loops over ``self.run.loop`` can be resumed."""

    @abstractmethod
    def invert(self, x: Tensor) -> Tensor:
        """Return codes ``[B, d]`` float32 of images ``[B, C, H, W]`` in [-1, 1].

        The code of an image must not depend on the other images of the batch.
        """

    def networks(self) -> dict[str, nn.Module]:
        """Return the modules among the attributes, by name, without those of the GAN."""
        return {name: value for name, value in sorted(vars(self).items()) if hasattr(value, "state_dict")}

    def state(self) -> dict[str, Tensor]:
        """Return everything that ``fit`` learned, as named tensors."""
        return {
            f"{name}.{key}": tensor
            for name, network in self.networks().items()
            for key, tensor in network.state_dict().items()
        }

    def load_state(self, state: Mapping[str, Tensor]) -> None:
        """Restore the result of ``state``; called after ``build``."""
        for name, network in self.networks().items():
            part = {k.removeprefix(f"{name}."): v for k, v in state.items() if k.startswith(f"{name}.")}
            network.load_state_dict(part)

    def trained_parameters(self) -> int:
        """Return the number of parameters that ``fit`` trains."""
        return sum(p.numel() for n in self.networks().values() for p in n.parameters() if p.requires_grad)


class Refiner(ABC):
    """A refiner of the codes of any method: the papers' "opt" suffix, written ``method+refiner`` in a suite.

    Subclasses are dataclasses like methods; the harness sets ``gan`` and ``run``.
    """

    capacity: ClassVar[Capacity | None] = None
    """Variables that it changes per image besides the given codes; None for these codes alone. ``gan`` is the GAN in
    this latent space, to which the codes that ``refine`` returns belong."""
    optimises: ClassVar[tuple[str, ...]] = ()

    gan: Gan
    run: RunContext

    @abstractmethod
    def refine(self, x: Tensor, codes: Tensor) -> Tensor:
        """Return refined codes ``[B, d]`` of images ``[B, C, H, W]`` in [-1, 1], each image independently."""
