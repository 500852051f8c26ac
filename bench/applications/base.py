"""The interface of an application: options in a dataclass, and a result of images and tables. No torch."""

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
    """A row of images in the figure.

    Attributes:
        name: label at the left of the row.
        images: ``[k, C, H, W]`` uint8.
        captions: one caption above each image, or none.
    """

    name: str
    images: NDArray[np.uint8]
    captions: Sequence[str] = ()


@dataclass(frozen=True)
class ApplicationResult:
    """The result of an application.

    Attributes:
        title: title of figure and report.
        strips: rows of the figure.
        measured: description of the measurement, a sentence or two per item.
        tables: title -> rows; may be empty.
        protocol: further facts that have to be equal for two tables to be comparable; can be written as JSON.
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
    """Arguments that may follow the command's name, as its help shows them."""

    fewest: ClassVar[int] = 1
    """Smallest number of images that it needs."""
    tiled: ClassVar[bool] = True
    """True if it accepts images larger than the GAN's, which are divided into tiles."""

    @abstractmethod
    def run(self, subject: InversionSession) -> ApplicationResult:
        """Change the images, measure them, and return images and tables; nothing is written.

        Raises:
            NotApplicable: this GAN or method does not support it; the message gives the reason.
            DataError: the images lack required data.
        """

    def check(self, images: int, tiles: int) -> None:
        """Refuse too few images, and tiles where the application does not support them.

        Raises:
            DataError: fewer images than ``fewest``.
            NotApplicable: the images are larger than the GAN's.
        """
        if images < self.fewest:
            raise DataError(f"{self.registered_name} needs at least {self.fewest} images, found {images}")
        if tiles > 1 and not self.tiled:
            raise NotApplicable(f"{self.registered_name} takes images of the GAN's own size alone, not tiles of it")
