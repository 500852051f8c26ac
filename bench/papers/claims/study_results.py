"""Reads the stored results of studies, ``study.json``, with their verdicts on claims."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from bench.core.errors import StoreError
from bench.papers.claims.spec import Claim
from bench.reports.formatting import shown_metrics
from bench.reports.verdicts import Evidence, Outcome, Verdict

NEEDED = ("study", "dataset", "network", "verdicts", "protocol")


def read_study(path: Path) -> dict[str, Any]:
    """Read the result of a study.

    Raises:
        StoreError: the file cannot be read, or is not the result of a study.
    """
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
        missing = [key for key in NEEDED if key not in content]
        if missing:
            raise StoreError(f"{path} is not a study: it lacks {', '.join(missing)}")
        for found in content["verdicts"]:
            _verdict(found)
        int(content["protocol"].get("images", 0))
    except (OSError, ValueError, TypeError, KeyError, AttributeError) as error:
        raise StoreError(f"{path} is not a study: {error!r}") from error
    return dict(content)


def _verdict(found: Mapping[str, Any]) -> tuple[str, Outcome, tuple[Evidence, ...], bool | None]:
    evidence = tuple(Evidence(**each) for each in found["evidence"])
    return found["claim"], found["outcome"], evidence, found["published"]


def verdict_of(study: Mapping[str, Any], claim: Claim) -> Verdict | None:
    """Return a study's verdict on a claim, or None; ``claim.stated`` replaces the study's value of ``published``."""
    for about, outcome, evidence, published in map(_verdict, study["verdicts"]):
        if about == claim.id:
            return Verdict(claim, outcome, evidence, published if claim.stated is None else claim.stated)
    return None


def setting_of(study: Mapping[str, Any]) -> str:
    """Return the setting of a study in words, with metrics under the names that tables show."""
    networks = shown_metrics(study["network"])
    return ", ".join(part for part in (study["dataset"], networks, f"study {study['study']}") if part)
