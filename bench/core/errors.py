"""Errors for users; the message of each is one line that states the fault, its place, and the remedy."""

from __future__ import annotations

import difflib
from collections.abc import Iterable


class BenchError(Exception):
    """Base of every error caused by input or by the machine; the command line prints it as one line."""


class UnknownName(BenchError):
    """A dataset, GAN, method, metric, suite, budget or option that does not exist."""


class SuiteError(BenchError):
    """A suite file that cannot be read: the message names the file and, where known, the line."""


class DataError(BenchError):
    """Images that are missing, damaged or of the wrong kind."""


class WeightsError(BenchError):
    """A weights file that is missing, truncated, altered or of another architecture."""


class ContractError(BenchError):
    """A method, GAN or metric that violates its interface (returns images, NaN, a wrong shape ...)."""


class NotApplicable(BenchError):
    """A combination that is impossible (no discriminator, no labels); recorded with its reason, not as a failure."""


class Diverged(BenchError):
    """Training that produced NaN, or a generator whose outputs are all the same."""


class StoreError(BenchError):
    """A store or output folder that cannot be written, or a stored file that fails its checksum."""


class CellTimeout(BenchError):
    """A cell that ran longer than its budget allows."""


class ImagesDiverged(UserWarning):
    """Images whose search produced values that are not finite; each keeps its last finite code.

    Args:
        what: name of the search.
        count: number of such images.
        total: number of all images of the search.
    """

    def __init__(self, what: str, count: int, total: int) -> None:
        super().__init__(f"{what}: {count} of {total} images diverged and keep their last finite codes")
        self.count = count


def suggest(name: str, known: Iterable[str]) -> str:
    """Return `` — did you mean 'x'?`` for the closest known name, else the list of known names."""
    names = sorted(known)
    close = difflib.get_close_matches(name.lower(), [n.lower() for n in names], n=1, cutoff=0.6)
    if close:
        right = next(n for n in names if n.lower() == close[0])
        return f"; did you mean '{right}'?"
    return f"; known: {', '.join(names)}" if names else ""


def unknown(kind: str, name: str, known: Iterable[str], where: str = "") -> UnknownName:
    """Build the error for a name that is not registered.

    Args:
        kind: kind of the name, in a user's words ("method").
        name: the unknown name.
        known: all valid names.
        where: file or option that states it, if any.
    """
    place = f"{where}: " if where else ""
    return UnknownName(f"{place}unknown {kind} '{name}'{suggest(name, known)}")
