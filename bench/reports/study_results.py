"""What studies stored: ``study.json``, with verdicts that a claim can be answered by."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from bench.errors import StoreError
from bench.reports.claims import Claim
from bench.reports.verdicts import Evidence, Verdict

NEEDED = ("study", "dataset", "network", "verdicts", "protocol")


def read_study(path: Path) -> dict[str, Any]:
    """A study's result.

    Raises:
        StoreError: it cannot be read, or is not the result of a study.
    """
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
        missing = [key for key in NEEDED if key not in content]
    except (OSError, ValueError, TypeError) as error:
        raise StoreError(f"{path} is not a study: {error!r}") from error
    if missing:
        raise StoreError(f"{path} is not a study: it lacks {', '.join(missing)}")
    return dict(content)


def verdict_of(study: Mapping[str, Any], claim: Claim) -> Verdict | None:
    """A study's verdict on a claim, None if it has none; the paper's own numbers as the study or the file says."""
    for found in study["verdicts"]:
        if found["claim"] == claim.id:
            evidence = tuple(Evidence(**each) for each in found["evidence"])
            published = found["published"] if claim.stated is None else claim.stated
            return Verdict(claim, found["outcome"], evidence, published)
    return None


def setting_of(study: Mapping[str, Any]) -> str:
    """Where it was decided, in words."""
    return ", ".join(part for part in (study["dataset"], study["network"], f"study {study['study']}") if part)
