"""Counts of votes: the share of each method with its interval, and the agreement of participants with themselves.

Votes of one participant are not independent, so an interval over votes would be too narrow, and a bootstrap over
participants gives a method without votes the interval from 0 to 0. Wilson's interval over *effective* votes is used.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from bench.statistics import LEVEL, Interval
from bench.studies.user_study.ballots import Ballots

Counts = NDArray[np.int64]


@dataclass(frozen=True)
class Share:
    """A share of all votes, in [0, 1]; NaN without votes. The interval is None for fewer than two participants."""

    votes: int
    of: int
    interval: Interval | None

    @property
    def value(self) -> float:
        """The share, in [0, 1]."""
        return self.votes / self.of if self.of else math.nan


@dataclass(frozen=True)
class Tally:
    """The counts of a study.

    Attributes:
        shares: by title of the method, most votes first; repeats do not count.
        participants: number of participants with at least one vote.
        finished: number of participants who answered every page.
        agreement: share of answered repeats with the same answer as the first time.
        reasons: number of votes with a reason.
    """

    shares: dict[str, Share]
    participants: int
    finished: int
    agreement: Share
    reasons: int


def tally(ballots: Ballots) -> Tally:
    """Count the votes of a file, including those of participants who stopped early."""
    study, votes = ballots.study, list(ballots.votes.values())
    people = sorted({vote.participant for vote in votes})
    chosen = _by_participant(people, [(v.participant, v.method) for v in votes if not v.repeat], study.methods)
    first = {(v.participant, v.picture): v.method for v in votes if not v.repeat}
    again = [(v.participant, first.get((v.participant, v.picture)) == v.method) for v in votes if v.repeat]
    same = _by_participant(people, again, (True, False))
    shares = {m: _share(chosen[:, i], chosen.sum(1)) for i, m in enumerate(study.methods)}
    return Tally(
        dict(sorted(shares.items(), key=lambda item: -item[1].votes)),
        len(people),
        finished=sum(all((p, i) in ballots.votes for i in range(study.length)) for p in people),
        agreement=_share(same[:, 0], same.sum(1)),
        reasons=sum(bool(vote.reason) for vote in votes),
    )


def share_interval(hits: ArrayLike, votes: ArrayLike, level: float = LEVEL) -> Interval | None:
    """Return the interval of a share over participants, for the same pictures and other people.

    It is Wilson's interval (1927) with effective votes in place of votes: their number divided by the design effect
    (Kish 1965), the linearised variance of the share over participants relative to that of independent votes, at
    least 1. If all or no votes are hits, the variance cannot be estimated, and a participant counts as one vote. The
    quantile is Student's with P - 1 degrees of freedom (Korn and Graubard 1998), so that few participants give wide
    intervals.

    Args:
        hits: hits of each participant, ``[P]``.
        votes: votes of each participant, ``[P]``; those without votes are left out.
        level: confidence level.

    Returns:
        The interval; None for fewer than two participants with votes.
    """
    from scipy.special import stdtrit

    y, m = np.asarray(hits, np.float64), np.asarray(votes, np.float64)
    y, m = y[m > 0], m[m > 0]
    people, n = len(m), float(m.sum())
    if people < 2:
        return None
    p = float(y.sum()) / n
    if 0 < p < 1:
        clustered = people / (people - 1) * float(np.square(y - p * m).sum()) / n**2
        effective = n / max(1.0, clustered / (p * (1 - p) / (n - 1)))
    else:
        effective = float(people)
    z2 = float(stdtrit(people - 1, (1 + level) / 2)) ** 2
    centre = (p + z2 / (2 * effective)) / (1 + z2 / effective)
    half = math.sqrt(z2 * (p * (1 - p) / effective + z2 / (4 * effective**2))) / (1 + z2 / effective)
    return Interval(max(0.0, centre - half), min(1.0, centre + half), level)


def _by_participant(people: Sequence[str], answers: Sequence[tuple[str, object]], kinds: Sequence[object]) -> Counts:
    """Count the answers of each participant by kind, ``[P, kinds]``."""
    counts = np.zeros((len(people), len(kinds)), np.int64)
    rows, columns = {name: i for i, name in enumerate(people)}, {kind: i for i, kind in enumerate(kinds)}
    for name, kind in answers:
        counts[rows[name], columns[kind]] += 1
    return counts


def _share(hits: Counts, votes: Counts) -> Share:
    return Share(int(hits.sum()), int(votes.sum()), share_interval(hits, votes))
