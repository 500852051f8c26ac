"""The nonce of a store is chosen once; another one is refused."""

import pytest

from bench.core.errors import BenchError, StoreError
from bench.harness.nonce import NONCE, VARIABLE, draw_nonce, nonce_of
from bench.harness.store import Store


def test_each_store_has_one_of_its_own_by_chance_and_keeps_it(tmp_path, monkeypatch):
    monkeypatch.delenv(VARIABLE)
    stores = [Store(tmp_path / str(number)) for number in range(4)]
    assert [nonce_of(store) for store in stores] == [""] * 4
    drawn = [draw_nonce(store) for store in stores]
    assert len(set(drawn)) == 4
    assert [nonce_of(store) for store in stores] == [draw_nonce(store) for store in stores] == drawn


def test_it_can_be_chosen_for_a_new_store_and_not_changed(tmp_path, monkeypatch):
    store = Store(tmp_path / "store")
    assert draw_nonce(store, "a-nonce") == "a-nonce"
    monkeypatch.setenv(VARIABLE, "another")
    assert draw_nonce(store) == "a-nonce", "the variable is for new stores"
    with pytest.raises(StoreError, match=f"has the nonce a-nonce, .* for the nonce b use another store .*{NONCE}"):
        draw_nonce(store, "b")
    assert nonce_of(store) == "a-nonce"


@pytest.mark.parametrize("chosen", ["a b", "a/b", "..", "é", "x" * 65])
def test_one_that_is_no_word_is_refused_before_anything_is_written(tmp_path, chosen):
    with pytest.raises(BenchError, match="expected 1 to 64 letters, digits, hyphens or underscores"):
        draw_nonce(Store(tmp_path / "store"), chosen)
    assert not (tmp_path / "store").exists()
