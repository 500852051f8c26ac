"""Who is compared, as text: ``dfi``, ``dfi on sngan`` or ``dfi on sngan in CelebA64``.

Without a GAN it is a method on the one GAN of a table; without a dataset the GANs of one dataset are compared.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Literal

from bench.reports.strict_toml import texts

Level = Literal["gan", "dataset", "budget"]
"""What a test spans: the methods of one GAN, the GANs of one dataset, or the datasets of one budget."""
LEVELS: tuple[Level, ...] = ("gan", "dataset", "budget")
"""The narrowest first."""


@dataclass(frozen=True)
class ClaimSubject:
    """A method, perhaps on a GAN, perhaps in a dataset of the paper; "" where the text names none."""

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
    """Read ``METHOD [on GAN] [in DATASET]``."""
    rest, _, dataset = text.partition(" in ")
    method, _, gan = rest.partition(" on ")
    return ClaimSubject(method.strip(), gan.strip(), dataset.strip())


def read_subjects(atom: Mapping[str, Any], key: str, place: str, at_least: int = 1) -> tuple[ClaimSubject, ...]:
    """One subject or several.

    Raises:
        BenchError: too few, or something else than texts.
    """
    return tuple(subject(text) for text in texts(atom[key], key, place, at_least))


def listed(subjects: Iterable[ClaimSubject]) -> str:
    """Their texts."""
    return ", ".join(map(str, subjects))


def widest(levels: Iterable[Level]) -> Level:
    """The widest of several levels; "gan" of none."""
    return max(levels, key=LEVELS.index, default="gan")
