"""Keeps the test split away from training: while the guard is up, no dataset of this process can be loaded."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from bench.core.errors import ContractError

# A plain list and not a context variable: threads that a method starts inside ``fit`` must meet the guard too.
_reasons: list[str] = []


@contextmanager
def forbid_test_split(reason: str) -> Iterator[None]:
    """Make every ``load`` of a dataset raise for as long as the block runs; blocks may be nested.

    Args:
        reason: who is being watched, as the error names it ("method 'dfi'").
    """
    _reasons.append(reason)
    try:
        yield
    finally:
        _reasons.pop()


def refuse_test_split(dataset: str) -> None:
    """Raise if the guard is up; called by every source before it reads.

    Raises:
        ContractError: a dataset is loaded inside ``forbid_test_split``.
    """
    if _reasons:
        raise ContractError(
            f"{_reasons[-1]} reads the test split during fit (it loads dataset '{dataset}'); "
            "learn from the train and val images that fit is given"
        )
