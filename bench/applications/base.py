"""What an application is: options in a dataclass, images that it changes by their codes, what it draws. No torch."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, ClassVar

from bench.core.errors import DataError, NotApplicable
from bench.harness.experiment import Experiment

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd
    from numpy.typing import NDArray

    from bench.applications.subject import InversionSession


@dataclass(frozen=True)
class ImageRow:
    """A row of the picture.

    Attributes:
        name: what stands at its left.
        images: ``[k, C, H, W]`` uint8.
        captions: one above each image, or none.
    """

    name: str
    images: NDArray[np.uint8]
    captions: Sequence[str] = ()


@dataclass(frozen=True)
class ApplicationResult:
    """What an application made.

    Attributes:
        title: of picture and report.
        strips: the picture, row by row.
        measured: how it was made and measured, a sentence or two a point.
        tables: title -> rows; may be empty.
        protocol: what else has to be equal for two tables to be comparable, JSON-able.
    """

    title: str
    strips: tuple[ImageRow, ...]
    measured: tuple[str, ...]
    tables: Mapping[str, pd.DataFrame] = field(default_factory=dict)
    protocol: Mapping[str, Any] = field(default_factory=dict)


class Application(Experiment):
    """Base of every application. Register one with ``@application("name")`` from ``bench.core.registry``."""

    registry_kind = "application"
    example: ClassVar[str] = "--gan fashion-mnist/dcgan --method dfi+opt"
    """What may follow the command's name, as its help shows it."""

    fewest: ClassVar[int] = 1
    """Images that it needs at least."""
    tiled: ClassVar[bool] = True
    """Whether images larger than the GAN's will do, cut into tiles."""

    @abstractmethod
    def run(self, subject: InversionSession) -> ApplicationResult:
        """Change the images, measure, and say what is drawn; writes nothing.

        Raises:
            NotApplicable: this GAN or method cannot serve it; says why.
            DataError: the images lack what it needs.
        """

    def check(self, images: int, tiles: int) -> None:
        """Refuse too few images, and tiles where they make no sense.

        Raises:
            DataError: fewer images than ``fewest``.
            NotApplicable: the images are larger than the GAN's.
        """
        if images < self.fewest:
            raise DataError(f"{self.registered_name} needs at least {self.fewest} images, found {images}")
        if tiles > 1 and not self.tiled:
            raise NotApplicable(f"{self.registered_name} takes images of the GAN's own size alone, not tiles of it")
