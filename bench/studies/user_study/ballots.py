"""Strict reader of a file of votes: the study, its participants, and one vote per participant and page.

The file is JSON lines: ``{"study": {...}}`` first, then ``{"participant": {...}}`` and ``{"vote": {...}}`` in the
order of their arrival.
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
    """A participant, under a name that does not reveal the token; ``at`` is UTC, ISO 8601."""

    name: str
    invited: bool
    at: str


@dataclass(frozen=True)
class Vote:
    """One vote: the method, of those ``shown`` in this order, that a participant chose for a picture."""

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
        """Add a participant.

        Raises:
            ValueError: the name is taken.
        """
        if participant.name in self.participants:
            raise ValueError(f"participant {participant.name} is listed twice")
        self.participants[participant.name] = participant

    def add_vote(self, vote: Vote) -> None:
        """Add a vote.

        Raises:
            ValueError: the participant is unknown, the page or methods are of another study, or the page has a vote.
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
        StoreError: the file does not exist, or a line cannot be read or contradicts the study; the message names it.
    """
    return parse(path, whole_lines(path))


def whole_lines(path: Path) -> list[bytes]:
    """Return the complete lines of a file; a last line without an end was interrupted while being written.

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
    """Parse the lines of a file of votes; ``path`` is named in errors.

    Raises:
        StoreError: a line is invalid, or contradicts those before it.
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
