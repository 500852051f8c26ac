"""The file of votes: append-only, with one vote per participant and page.

A line is written by one call and flushed to the disk before its vote counts. A line that was interrupted by a crash
does not count, and is removed when the file is opened again.
"""

from __future__ import annotations

import json
import os
import secrets
import threading
from collections.abc import Mapping
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from types import TracebackType
from typing import Any

from filelock import FileLock, Timeout

from bench.core.errors import BenchError, StoreError
from bench.core.files import digest
from bench.studies.user_study.ballots import Ballots, Participant, Vote, parse, whole_lines
from bench.studies.user_study.questions import Questionnaire, Showing

LONGEST_REASON = 1000
"""Largest length of a reason in characters."""


class Refused(BenchError):
    """A refused vote, with the HTTP status of the refusal."""

    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.status = status


class VotesFile:
    """A file of votes, open for one server; safe for several threads.

    Args:
        path: path of the file; it is created, or continued if it holds the same study.
        study: the questions.

    Raises:
        StoreError: the file holds another study, cannot be read or written, or another server writes to it.
    """

    def __init__(self, path: Path, study: Questionnaire) -> None:
        self.path, self.study = path, study
        self._mutex = threading.Lock()
        self._lock = FileLock(path.with_name(f".{path.name}.lock"))
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            self._lock.acquire(timeout=0)
            self._file = path.open("ab", buffering=0)
        except Timeout as error:
            raise StoreError(f"{path}: another server collects votes in this file") from error
        except OSError as error:
            self._lock.release()
            raise StoreError(f"cannot write {path}: {error.strerror or error}") from error
        try:
            self.ballots = self._resume()
        except StoreError:
            self.close()
            raise

    def __enter__(self) -> VotesFile:
        """Return the file itself."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Close the file."""
        self.close()

    def close(self) -> None:
        """Close the file, so that another server can open it; a vote that is being written is finished first."""
        with self._mutex:
            self._file.close()
            self._lock.release()

    @property
    def by_invitation(self) -> bool:
        """True if only participants with a token take part: as soon as one was invited."""
        return any(participant.invited for participant in self.ballots.participants.copy().values())

    def add_participant(self, *, invited: bool = False) -> str:
        """Add a participant; return the token that identifies their votes, which is not stored.

        Raises:
            StoreError: the file cannot be written.
        """
        token = secrets.token_urlsafe(16)
        participant = Participant(_name(token), invited, _now())
        with self._mutex:
            self._append({"participant": asdict(participant)})
            self.ballots.add_participant(participant)
        return token

    def participant(self, token: str) -> str | None:
        """Return the name of the participant with this token; None if this file has no such participant."""
        name = _name(token)
        return name if name in self.ballots.participants else None

    def next(self, participant: str) -> Showing | None:
        """Return the first page that the participant has not answered; None if all are answered."""
        answered = self.ballots.votes
        return next((s for s in self.study.showings(participant) if (participant, s.position) not in answered), None)

    def cast(self, participant: str, position: int, choice: int, reason: str = "") -> Vote:
        """Write a vote to the disk and count it.

        Args:
            participant: name of a participant of the file.
            position: position of the page; pages are answered in order.
            choice: index of the chosen picture among those shown, from 0.
            reason: reason in the participant's words.

        Raises:
            Refused: no such participant, page or picture, or the page was answered before or is not the next one.
            StoreError: the vote cannot be written; it does not count.
        """
        if participant not in self.ballots.participants:
            raise Refused(403, "this participant is not known here")
        if not 0 <= position < self.study.length:
            raise Refused(404, f"there is no question {position}")
        if not 0 <= choice < len(self.study.methods):
            raise Refused(400, f"choice {choice} is none of the {len(self.study.methods)} pictures shown")
        if len(reason) > LONGEST_REASON:
            raise Refused(400, f"the reason has {len(reason)} characters, more than {LONGEST_REASON}")
        showing = self.study.showings(participant)[position]
        method = showing.order[choice]
        vote = Vote(
            participant,
            position,
            picture=showing.picture,
            repeat=showing.repeat,
            shown=showing.order,
            method=method,
            reason=reason,
            at=_now(),
        )
        with self._mutex:
            due = self.next(participant)
            if (participant, position) in self.ballots.votes:
                raise Refused(409, "this question is answered already; the first answer counts")
            if due != showing:
                raise Refused(409, "this question is not due yet; questions are answered in order")
            self._append({"vote": asdict(vote)})
            self.ballots.add_vote(vote)
        return vote

    def _resume(self) -> Ballots:
        lines = whole_lines(self.path)
        self._file.truncate(sum(len(line) + 1 for line in lines))
        if not lines:
            self._append({"study": asdict(self.study)})
            return Ballots(self.study)
        ballots = parse(self.path, lines)
        stored, asked = asdict(ballots.study), asdict(self.study)
        for what in stored:
            if stored[what] != asked[what]:
                sides = f"{_short(stored[what])} there, {_short(asked[what])} here"
                raise StoreError(f"{self.path} holds votes on another study: {what} is {sides}; give another --out")
        return ballots

    def _append(self, content: Mapping[str, Any]) -> None:
        line = (json.dumps(content, sort_keys=True) + "\n").encode()
        if self._file.closed:
            raise StoreError(f"cannot write {self.path}: the study has ended")
        end = os.fstat(self._file.fileno()).st_size
        try:
            written = self._file.write(line)
            if written != len(line):
                raise OSError(f"{written} of {len(line)} bytes fitted")
            os.fsync(self._file.fileno())
        except OSError as error:
            self._file.truncate(end)
            raise StoreError(f"cannot write {self.path}: {error.strerror or error}") from error


def _name(token: str) -> str:
    return digest(["participant", token])


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="seconds")


def _short(value: Any) -> str:
    text = str(value)
    return text if len(text) <= 80 else f"{text[:77]}..."
