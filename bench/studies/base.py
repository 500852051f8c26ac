"""What a study is: options in a dataclass, a question that is put to it, and what it answers. No torch."""

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
    """What a study is run on, whatever its options.

    Attributes:
        dataset: its images; None takes the study's own default.
        network: feature network for every metric that looks through one; "" takes those of the papers.
        images: test images; 0 takes 10,000, or all if there are fewer.
        seed: of every draw.
        device: "cpu" or "cuda".
        progress: where steps are reported.
    """

    dataset: ComponentSpec | None = None
    network: str = ""
    images: int = 0
    seed: int = 0
    device: str = "cpu"
    progress: Progress = silent

    def count(self, available: int, fewest: int, name: str) -> int:
        """How many of the test images to use.

        Raises:
            DataError: more than there are, or too few for the study; says how many there are or are needed.
        """
        wanted = self.images or min(MOST_IMAGES, available)
        if wanted > available:
            raise DataError(f"--images {wanted}: the test split of {name} has {available:,}")
        if wanted < fewest:
            given = f"--images {wanted}" if self.images else f"the test split of {name} has {available:,} images"
            raise DataError(f"{given}: this study needs at least {fewest:,}")
        return wanted


MOST_IMAGES = 10_000
"""Test images unless told otherwise, as in the papers."""


@dataclass(frozen=True)
class StudyResult:
    """What a study found.

    Attributes:
        title: of the report.
        dataset: what it was measured on, in words.
        network: feature networks, in words; "" if none was used.
        asked: the question, as paragraphs of Markdown.
        measured: how it was measured, a sentence or two a point.
        tables: title -> rows; the first is the main one.
        verdicts: on the claims that the study tests.
        protocol: everything that has to be equal for two results to be comparable, JSON-able; no timings.
        draw: makes the figure.
        caption: what stands under it.
        advice: what to do next.
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
    """How the dataset is called in the name of a folder."""
    values: Mapping[str, pd.DataFrame] = field(default_factory=dict)
    """File name without its ending -> rows of every image, kept as Parquet beside the report."""


class Study(Experiment):
    """Base of every study. Register one with ``@study("name")`` from ``bench.core.registry``."""

    registry_kind = "study"
    default_dataset: ClassVar[str] = "fashion-mnist"

    @abstractmethod
    def run(self, request: StudyRequest) -> StudyResult:
        """Measure, judge, and say how the figure is drawn; writes nothing but what stages store.

        Raises:
            BenchError: data, weights or options with which the question cannot be answered; says what would do.
        """

    def check_stored(self) -> None:
        """Make sure that what the study reads beside its own dataset is there; most read nothing.

        Raises:
            BenchError: it is not; says what to run.
        """
        return
