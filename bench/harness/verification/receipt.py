"""Receipts: what a verification found, with hashes of what it checked, for a leaderboard to show as a mark."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from bench.core.environment import commit, package_version
from bench.core.errors import StoreError
from bench.core.files import digest, sha256, write_json
from bench.harness.verification.findings import FAILED, INCOMPLETE, PASSED
from bench.harness.verification.places import records_places
from bench.harness.verification.verify import Verification

FORMAT = 1
VERDICTS = {PASSED: "verified", FAILED: "failed", INCOMPLETE: "incomplete"}


def receipt_of(done: Verification) -> dict[str, Any]:
    """Return a receipt, JSON-able: verdict, findings, and hashes of every record and of every leaderboard file."""
    files = {
        str(path.relative_to(done.root.resolve())): sha256(path)
        for place in records_places(done.root)
        for path in place.reports.values()
        if path.is_relative_to(done.root.resolve())
    }
    head, dirty = commit()
    content = {
        "format": FORMAT,
        "verdict": VERDICTS[done.exit_code],
        "when": datetime.now(UTC).isoformat(timespec="seconds"),
        "by": {"version": package_version("gan-inversion-bench"), "commit": head, "dirty": dirty},
        "sample": done.sample,
        "seed": done.seed,
        "records": done.records,
        "files": files,
        "findings": [asdict(finding) for finding in done.findings],
    }
    return {**content, "sha256": digest(content)}


def write_receipt(done: Verification, path: Path) -> None:
    """Write a receipt.

    Raises:
        StoreError: the file cannot be written.
    """
    write_json(path, receipt_of(done))


def read_receipt(path: Path) -> Mapping[str, Any]:
    """Read a receipt.

    Raises:
        StoreError: the file is no receipt, was altered, or has another format.
    """
    try:
        content = dict(json.loads(path.read_text(encoding="utf-8")))
        stated = content.pop("sha256")
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise StoreError(f"{path} is not a receipt: {error}") from error
    if stated != digest(content) or content.get("format") != FORMAT:
        raise StoreError(f"{path} is not a receipt of this version, or was altered; ganinv verify writes one")
    return content


def covers(receipt: Mapping[str, Any], key: str, checksum: str) -> bool:
    """Return True if a receipt says that this record, with this checksum of its fields, was verified."""
    found = (value for name, value in receipt["records"].items() if name.rpartition("/")[2] == key)
    return receipt["verdict"] == "verified" and checksum in set(found)
