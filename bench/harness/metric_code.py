"""Fingerprints of the code of metrics, as records state them: equal ones mean that equal images get equal values."""

from __future__ import annotations

from collections.abc import Sequence

from bench.core.declared import NETWORK, resolved_options
from bench.core.files import digest
from bench.core.fingerprints import CodeReader
from bench.metrics.weights import network_of, weights_identity


def metric_codes(names: Sequence[str]) -> dict[str, str]:
    """Return a fingerprint of each metric, 24 hex digits by name.

    It covers the metric's options and code with all modules of the suite that it imports, and the code and weights of
    its feature network. Unlike a key it does not cover versions of other packages, which a record states by
    themselves.

    Raises:
        UnknownName: there is no such metric or network.
        ContractError: the code imports a module that does not exist.
    """
    reader = CodeReader()
    return {name: _code(name, reader) for name in names}


def _code(name: str, reader: CodeReader) -> str:
    resolved = resolved_options("metric", name, {}, reader)
    network = network_of(name) or str(resolved.get(NETWORK, ""))
    parts = [reader.entry("metric", name).fingerprint]
    if network:
        parts += [reader.entry("features", network).fingerprint, str(weights_identity(f"lpips@{network}"))]
    return digest([resolved, network, parts])
