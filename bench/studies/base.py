"""The interface of a study: options in a dataclass, a request, and a result with verdicts. No torch."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, ClassVar

from bench.core.errors import DataError
from bench.core.types import ComponentSpec
from bench.harness.experiment import Experiment, Progress, silent
from bench.harness.suite import words_of
from bench.reports.verdicts import Verdict

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.figure import Figure

__all__ = ["Progress", "Study", "StudyRequest", "StudyResult", "silent", "words_of"]


@dataclass(frozen=True)
class StudyRequest:
    """The dataset, network and seed that a study is run with.

    Attributes:
        dataset: dataset of the images; None for the study's default.
        network: feature network of all metrics that use one; "" for those of the papers.
        images: number of test images; 0 for 10,000, or all if there are fewer.
        seed: seed of all random numbers.
        device: "cpu" or "cuda".
        progress: called with the number of finished steps.
    """

    dataset: ComponentSpec | None = None
    network: str = ""
    images: int = 0
    seed: int = 0
    device: str = "cpu"
    progress: Progress = silent

    def count(self, available: int, fewest: int, name: str) -> int:
        """Return the number of test images to use.

        Raises:
            DataError: more than there are, or too few for the study; the message gives the number.
        """
        wanted = self.images or min(MOST_IMAGES, available)
        if wanted > available:
            raise DataError(f"--images {wanted}: the test split of {name} has {available:,}")
        if wanted < fewest:
            given = f"--images {wanted}" if self.images else f"the test split of {name} has {available:,} images"
            raise DataError(f"{given}: this study needs at least {fewest:,}")
        return wanted


MOST_IMAGES = 10_000
"""Default number of test images, as in the papers."""


@dataclass(frozen=True)
class StudyResult:
    """The result of a study.

    Attributes:
        title: title of the report.
        dataset: measured dataset, in words.
        network: feature networks, in words; "" if none was used.
        asked: the question, as paragraphs of Markdown.
        measured: description of the measurement, a sentence or two per item.
        tables: title -> rows; the first is the main one.
        verdicts: verdicts on the claims that the study tests.
        protocol: all facts that have to be equal for two results to be comparable, without timings; can be written
            as JSON.
        draw: draws the figure.
        caption: caption of the figure.
        advice: next steps.
    """

    title: str
    dataset: str
    network: str
    asked: str
    measured: tuple[str, ...]
    tables: Mapping[str, pd.DataFrame]
    verdicts: tuple[Verdict, ...]
    protocol: Mapping[str, Any]
    draw: Callable[[], Figure]
    caption: str
    advice: str = ""
    folder_name: str = field(default="")
    """Name of the dataset in the name of a folder."""
    values: Mapping[str, pd.DataFrame] = field(default_factory=dict)
    """File name without its suffix -> rows of every image, kept as Parquet beside the report."""


class Study(Experiment):
    """Base of every study. Register one with ``@study("name")`` from ``bench.core.registry``."""

    registry_kind = "study"
    default_dataset: ClassVar[str] = "fashion-mnist"

    @abstractmethod
    def run(self, request: StudyRequest) -> StudyResult:
        """Measure, evaluate the claims, and return the result; nothing is written but what stages store.

        Raises:
            BenchError: data, weights or options do not suffice; the message says what would.
        """

    def check_stored(self) -> None:
        """Check that the files that the study reads besides its dataset exist; most studies read none.

        Raises:
            BenchError: they do not exist; the message says what to run.
        """
        return
