"""Guard of the test split: while it is active, no dataset of this process can be loaded."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from bench.core.errors import ContractError

# A plain list, not a context variable, so that the guard applies to threads that a method starts in ``fit``.
_reasons: list[str] = []


@contextmanager
def forbid_test_split(reason: str) -> Iterator[None]:
    """Make every ``load`` of a dataset raise while the block runs; blocks may be nested.

    Args:
        reason: guarded component, as named in the error ("method 'dfi'").
    """
    _reasons.append(reason)
    try:
        yield
    finally:
        _reasons.pop()


def refuse_test_split(dataset: str) -> None:
    """Raise if the guard is active; called by every source before it reads.

    Raises:
        ContractError: a dataset is loaded inside ``forbid_test_split``.
    """
    if _reasons:
        raise ContractError(
            f"{_reasons[-1]} reads the test split during fit (it loads dataset '{dataset}'); "
            "learn from the train and val images that fit is given"
        )
