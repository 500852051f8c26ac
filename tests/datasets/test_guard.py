"""No dataset can be loaded while the guard is up, whoever wrote its source and whichever thread asks."""

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import pytest

from bench.core.errors import ContractError
from bench.core.registry import entries, load
from bench.datasets.catalogue import open_dataset
from bench.datasets.guard import forbid_test_split
from bench.datasets.source import GuardedSource


@dataclass
class ThirdParty(GuardedSource):
    """A source that knows nothing of the guard."""

    def identity(self):
        return "third"

    def availability(self):
        return True, ""

    def get(self):
        return ""

    def read(self):
        return "the data"


def test_load_is_refused_inside_and_allowed_after():
    source = ThirdParty()
    with (
        pytest.raises(ContractError, match=r"method 'cheat' reads the test split during fit .*'ThirdParty'"),
        forbid_test_split("method 'cheat'"),
    ):
        source.load()
    assert source.load() == "the data"


def test_blocks_nest_and_reach_other_threads():
    with forbid_test_split("outer"):
        with forbid_test_split("inner"):
            pass
        with ThreadPoolExecutor(1) as pool, pytest.raises(ContractError, match="outer"):
            pool.submit(ThirdParty().load).result()


@pytest.mark.parametrize("name", sorted(entries("dataset")))
def test_every_built_in_source_is_guarded(name, tmp_path):
    source = open_dataset(f"folder:{tmp_path}" if name == "folder" else name)
    assert type(source).load is GuardedSource.load
    with forbid_test_split("method 'cheat'"), pytest.raises(ContractError, match=name):
        source.load()


def test_every_registered_source_extends_the_guarded_base():
    assert all(issubclass(load("dataset", name), GuardedSource) for name in entries("dataset"))
