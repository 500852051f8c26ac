"""The nonce of a store: the text from which generated images are drawn, besides the seed.

It is chosen by chance at the first run, so that nobody who writes a method knows the codes of the images that it will
be measured on. All methods of a store have the same images; another store has them if it is given the same nonce.
"""

from __future__ import annotations

import os
import re
import secrets

from bench.core.errors import BenchError, StoreError
from bench.core.files import write_text
from bench.harness.store import Store

NONCE = "nonce"
"""File of the store."""
VARIABLE = "GANINV_NONCE"
"""Environment variable with the nonce of stores that have none yet."""


def nonce_of(store: Store) -> str:
    """Return a store's nonce; "" before the first run."""
    path = store.root / NONCE
    return path.read_text().strip() if path.is_file() else ""


def draw_nonce(store: Store, chosen: str = "") -> str:
    """Choose the nonce of a store, by chance if none is given, and return it; an existing one stays.

    Raises:
        BenchError: the chosen one has other characters than letters, digits and hyphens.
        StoreError: the store cannot be written, or has another nonce than the chosen one.
    """
    chosen_here = chosen or os.environ.get(VARIABLE, "")
    if chosen_here and not re.fullmatch(r"[\w-]{1,64}", chosen_here, re.ASCII):
        raise BenchError(f"nonce {chosen_here!r}: expected 1 to 64 letters, digits, hyphens or underscores")
    with store.lock("nonce", "nonce"):
        nonce = nonce_of(store)
        if not nonce:
            nonce = chosen_here or secrets.token_hex(8)
            write_text(store.root / NONCE, f"{nonce}\n")
    if chosen and nonce != chosen:
        raise StoreError(
            f"{store.root} has the nonce {nonce}, from which its generated images were drawn; for the nonce {chosen} "
            f"use another store (GANINV_HOME), or delete {store.root / NONCE}: all cells are then inverted again"
        )
    return nonce
