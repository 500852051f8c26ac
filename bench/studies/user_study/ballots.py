"""What a file of votes holds, read strictly: the study, its participants, and one vote a participant and page.

The file is JSON lines: ``{"study": {...}}`` first, then ``{"participant": {...}}`` and ``{"vote": {...}}`` as they
came.
"""

from __future__ import annotations

import json
import warnings
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from bench.core.errors import StoreError
from bench.studies.user_study.questions import Picture, Questionnaire


@dataclass(frozen=True)
class Participant:
    """Who takes part, under a name from which the token cannot be had; ``at`` is UTC, ISO 8601."""

    name: str
    invited: bool
    at: str


@dataclass(frozen=True)
class Vote:
    """One answer: which method, of those ``shown`` in this order, a participant chose for a picture."""

    participant: str
    position: int
    picture: Picture
    repeat: bool
    shown: tuple[str, ...]
    method: str
    reason: str
    at: str


@dataclass
class Ballots:
    """A study with its participants by name, and its votes by participant and position."""

    study: Questionnaire
    participants: dict[str, Participant] = field(default_factory=dict)
    votes: dict[tuple[str, int], Vote] = field(default_factory=dict)

    def add_participant(self, participant: Participant) -> None:
        """Know one more.

        Raises:
            ValueError: the name is taken.
        """
        if participant.name in self.participants:
            raise ValueError(f"participant {participant.name} stands there twice")
        self.participants[participant.name] = participant

    def add_vote(self, vote: Vote) -> None:
        """Count one more.

        Raises:
            ValueError: of an unknown participant, for another study's page or methods, or a second one for a page.
        """
        if vote.participant not in self.participants:
            raise ValueError(f"vote of an unknown participant {vote.participant}")
        if not 0 <= vote.position < self.study.length or vote.picture not in self.study.pictures:
            raise ValueError(f"vote for page {vote.position}, picture {vote.picture}, which the study does not hold")
        if sorted(vote.shown) != sorted(self.study.methods) or vote.method not in vote.shown:
            raise ValueError(f"vote for '{vote.method}', which is not among the methods of the study")
        if (vote.participant, vote.position) in self.votes:
            raise ValueError(f"second vote of {vote.participant} for page {vote.position}")
        self.votes[vote.participant, vote.position] = vote


def read_ballots(path: Path) -> Ballots:
    """Read a file of votes.

    Raises:
        StoreError: it is not there, or a line of it cannot be read or contradicts the study; names the line.
    """
    return parse(path, whole_lines(path))


def whole_lines(path: Path) -> list[bytes]:
    """The lines of a file that end; a last one that does not was cut short while it was written.

    Raises:
        StoreError: the file cannot be read.
    """
    try:
        lines = path.read_bytes().split(b"\n")
    except OSError as error:
        raise StoreError(f"cannot read {path}: {error.strerror or error}") from error
    if lines.pop():
        warnings.warn(f"{path}: the last line was cut short; it never counted and is left out", stacklevel=2)
    return lines


def parse(path: Path, lines: Sequence[bytes]) -> Ballots:
    """Read the lines of a file of votes; ``path`` is for errors.

    Raises:
        StoreError: a line that is none, or contradicts those before it.
    """
    ballots: Ballots | None = None
    for number, line in enumerate(lines, 1):
        try:
            ((kind, content),) = json.loads(line).items()
            if ballots is None:
                ballots = Ballots(_study(kind, content))
            elif kind == "participant":
                ballots.add_participant(Participant(**content))
            else:
                ballots.add_vote(_vote(kind, content))
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            raise StoreError(f"{path}: line {number} is no line of votes: {error}") from error
    if ballots is None:
        raise StoreError(f"{path}: is empty; a file of votes begins with its study")
    return ballots


def _study(kind: str, content: dict[str, Any]) -> Questionnaire:
    if kind != "study":
        raise ValueError(f"'{kind}' before the study")
    lists = {name: tuple(content[name]) for name in ("methods", "names")}
    return Questionnaire(**content | lists | {"pictures": tuple((s, i) for s, i in content["pictures"])})


def _vote(kind: str, content: dict[str, Any]) -> Vote:
    if kind != "vote":
        raise ValueError(f"unknown kind '{kind}'")
    seed, image = content["picture"]
    return Vote(**content | {"picture": (seed, image), "shown": tuple(content["shown"])})
