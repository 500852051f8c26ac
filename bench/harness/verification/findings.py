"""Findings of a verification: one line a check, the verdict, and the exit code."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Literal

FindingOutcome = Literal["ok", "FAIL", "not here", "not checked"]
FEW = 5
"""Faults of one check that are shown; the others are counted."""
PASSED, FAILED, INCOMPLETE = 0, 1, 3
"""Exit codes: all good; a check failed; nothing failed, but a generator, its data or codes are not here."""


@dataclass(frozen=True)
class Finding:
    """The outcome of one check of one folder.

    Attributes:
        outcome: "not here" if something that the check needs is missing, "not checked" if it cannot be checked.
        check: name of the check.
        detail: what was compared, or the first fault.
        place: folder of the records, relative to what was verified.
    """

    outcome: FindingOutcome
    check: str
    detail: str
    place: str = ""

    @property
    def line(self) -> str:
        """The finding as one line."""
        return f"{self.outcome:<11} {': '.join(filter(None, (self.place, self.check)))}: {self.detail}"


@dataclass
class CheckTally:
    """Faults and counts of one check while a folder is read."""

    check: str
    good: int = 0
    faults: list[str] = field(default_factory=list)
    more: int = 0

    def fault(self, text: str) -> None:
        """Note a fault; the text is kept if it is one of the first."""
        if len(self.faults) < FEW:
            self.faults.append(" ".join(text.split()))
        else:
            self.more += 1

    def note(self, text: str) -> None:
        """Note a fault if the text is not empty, else count what was found good."""
        if text:
            self.fault(text)
        else:
            self.good += 1

    def findings(self, good: str, place: str, nothing: str = "") -> list[Finding]:
        """Return one finding for each kept fault; without faults, that all is good.

        Args:
            good: words for what was found good.
            place: see ``Finding``.
            nothing: words if nothing was there to check; "" gives no finding then.
        """
        found = [Finding("FAIL", self.check, text, place) for text in self.faults]
        if self.more:
            found.append(Finding("FAIL", self.check, f"and {self.more} more", place))
        if found:
            return found
        if self.good:
            return [Finding("ok", self.check, good, place)]
        return [Finding("not checked", self.check, nothing, place)] if nothing else []


def exit_code(findings: Iterable[Finding]) -> int:
    """Return 1 if a check failed, else 3 if something that a check needs is not here, else 0."""
    outcomes = {finding.outcome for finding in findings}
    return FAILED if "FAIL" in outcomes else INCOMPLETE if "not here" in outcomes else PASSED
