"""Subjects of claims, written as ``dfi``, ``dfi on sngan`` or ``dfi on sngan in CelebA64``.

A subject without a GAN is a method on the one GAN of a table; without a dataset, GANs of one dataset are compared.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Literal

from bench.reports.strict_toml import texts

Level = Literal["gan", "dataset", "budget"]
"""Range of a test: the methods of one GAN, the GANs of one dataset, or the datasets of one budget."""
LEVELS: tuple[Level, ...] = ("gan", "dataset", "budget")
"""Levels from narrow to wide."""


@dataclass(frozen=True)
class ClaimSubject:
    """A method, optionally on a GAN and in a dataset of the paper; "" where the text names none."""

    method: str
    gan: str = ""
    dataset: str = ""

    def __str__(self) -> str:
        on, within = (f" on {self.gan}" if self.gan else ""), (f" in {self.dataset}" if self.dataset else "")
        return f"{self.method}{on}{within}"

    @property
    def level(self) -> Level:
        """The level that has to be searched to find it."""
        return "budget" if self.dataset else "dataset" if self.gan else "gan"


def subject(text: str) -> ClaimSubject:
    """Parse ``METHOD [on GAN] [in DATASET]``."""
    rest, _, dataset = text.partition(" in ")
    method, _, gan = rest.partition(" on ")
    return ClaimSubject(method.strip(), gan.strip(), dataset.strip())


def read_subjects(atom: Mapping[str, Any], key: str, place: str, at_least: int = 1) -> tuple[ClaimSubject, ...]:
    """Parse one subject or several under a key of a test.

    Raises:
        BenchError: there are fewer than ``at_least``, or a value is not a string.
    """
    return tuple(subject(text) for text in texts(atom[key], key, place, at_least))


def listed(subjects: Iterable[ClaimSubject]) -> str:
    """Return the texts of subjects, separated by commas."""
    return ", ".join(map(str, subjects))


def widest(levels: Iterable[Level]) -> Level:
    """Return the widest of several levels; "gan" if there are none."""
    return max(levels, key=LEVELS.index, default="gan")
