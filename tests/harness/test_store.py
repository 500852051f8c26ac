"""The store gives back what was put in, or nothing; never something damaged."""

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import bench
from bench.core.errors import StoreError
from bench.core.types import Record
from bench.core.types.runs import SCHEMA
from bench.harness.store import Busy, Store, copy_records, read_record, read_records

CELL = {
    "dataset": {"name": "digits", "options": {}, "label": ""},
    "gan": {"name": "dcgan", "options": {}, "label": ""},
    "method": {"name": "dfi", "options": {}, "label": ""},
    "seed": 0,
    "budget": {"name": "smoke"},
    "metrics": ["psnr"],
}
KEY = "c" * 24


@pytest.fixture
def store(tmp_path):
    return Store(tmp_path / "store")


def text(content):
    return lambda path: path.write_text(content)


def test_an_artefact_comes_back_with_its_facts(store):
    store.put("fit", "k", {"a.txt": text("one")}, {"seconds": 2.0})
    found = store.artefact("fit", "k")
    assert found.file("a.txt").read_text() == "one"
    assert found.meta["seconds"] == 2.0
    assert store.artefact("fit", "other") is None


def test_files_have_the_mode_of_new_files(store, tmp_path):
    def private(path):
        path.write_text("x")
        path.chmod(0o600)

    (tmp_path / "plain").write_text("x")
    folder = store.put("fit", "k", {"a": private}, {}).folder
    assert (folder / "a").stat().st_mode == (tmp_path / "plain").stat().st_mode


def test_the_first_of_two_writers_wins(store):
    store.put("fit", "k", {"a": text("one")}, {"who": "first"})
    store.put("fit", "k", {"a": text("one")}, {"who": "second"})
    assert store.artefact("fit", "k").meta["who"] == "first"
    assert len(list((store.root / "fit").iterdir())) == 1


def test_a_writer_that_fails_leaves_nothing(store):
    def half(path):
        path.write_text("half")
        raise OSError(28, "No space left on device")

    with pytest.raises(StoreError, match="No space left on device"):
        store.put("fit", "k", {"a": half}, {})
    assert store.artefact("fit", "k") is None
    assert list((store.root / "fit").iterdir()) == []


def test_a_damaged_artefact_is_moved_aside_and_told(store):
    folder = store.put("fit", "k", {"a": text("one")}, {}).folder
    (folder / "a").write_text("two")
    with pytest.warns(UserWarning, match="fails its checksum"):
        assert store.artefact("fit", "k") is None
    store.put("fit", "k", {"a": text("one")}, {})
    assert store.artefact("fit", "k") is not None


def test_an_unwritable_store_is_one_clear_error(tmp_path):
    blocker = tmp_path / "blocked"
    blocker.write_text("a file, not a folder")
    store = Store(blocker)
    with pytest.raises(StoreError, match="cannot write"), store.lock("fit", "k"):
        pass
    with pytest.raises(StoreError, match="cannot write"):
        store.put("fit", "k", {}, {})


def test_a_record_with_values_and_gallery_round_trips(store):
    record = Record(KEY, CELL, "done", metrics={"test": {"psnr": {"value": float("inf"), "n": 1}}})
    values = pd.DataFrame({"track": ["test"], "index": [0], "psnr": np.float32([1.5])})
    store.put_record(record, values, {"target": np.zeros((1, 1, 2, 2), np.uint8)})
    back = store.record(KEY)
    assert (back.metrics, back.status, back.folder) == (record.metrics, "done", store.records_folder)
    pd.testing.assert_frame_equal(pd.read_parquet(store.records_folder / f"{KEY}.parquet"), values)
    with np.load(store.records_folder / f"{KEY}.npz", allow_pickle=False) as gallery:
        assert gallery["target"].shape == (1, 1, 2, 2)
    assert [r.key for r in read_records(store.records_folder)] == [KEY]
    store.remove_record(KEY)
    assert store.record(KEY) is None


def test_a_copied_folder_holds_just_these_records(store, tmp_path):
    for key in ("a" * 24, "b" * 24):
        store.put_record(Record(key, CELL, "done"), pd.DataFrame({"index": [0]}))
    out = tmp_path / "out"
    copy_records(store.records(["a" * 24, "b" * 24]), out)
    (out / "notes.json").write_text("{}")
    copy_records(store.records(["b" * 24]), out)
    assert sorted(p.name for p in out.iterdir()) == [f"{'b' * 24}.json", f"{'b' * 24}.parquet", "notes.json"]
    copy_records([read_record(out / f"{'b' * 24}.json")], out)  # onto itself
    assert pd.read_parquet(out / f"{'b' * 24}.parquet")["index"].tolist() == [0]


def test_a_file_that_is_no_record_is_named(tmp_path):
    with pytest.raises(StoreError, match="no records"):
        read_records(tmp_path)
    (tmp_path / "x.json").write_text('{"key": 1}')
    with pytest.raises(StoreError, match=r"x.json is not a record"):
        read_records(tmp_path)


def test_a_record_states_its_schema_and_an_older_one_without_it_is_read(tmp_path, store):
    store.put_record(Record("a" * 24, CELL, "done"))
    path = store.records_folder / f"{'a' * 24}.json"
    content = json.loads(path.read_text())
    assert content["schema"] == SCHEMA == read_record(path).schema
    del content["schema"], content["sha256"]  # as older versions wrote it
    path.write_text(json.dumps(content))
    assert read_record(path).schema == 1


@pytest.mark.parametrize("further", [{}, {"another_field": 1}])
def test_a_record_of_a_newer_schema_is_refused_in_one_line(tmp_path, further):
    content = {"key": "k", "cell": {}, "status": "done", "schema": SCHEMA + 1, **further}
    (tmp_path / "k.json").write_text(json.dumps(content))
    with pytest.raises(
        StoreError, match=r"k\.json was written by a newer version.*schema is 2.*up to 1; update"
    ) as error:
        read_record(tmp_path / "k.json")
    assert "\n" not in str(error.value)


def test_records_of_real_runs_are_read(tmp_path):
    results = Path(bench.__file__).resolve().parents[1] / "results"
    folders = sorted({path.parent for path in results.rglob("records/*.json")})
    assert folders
    assert {record.schema for folder in folders for record in read_records(folder)} == {1}


def test_a_held_lock_is_busy_for_another_holder(store):
    with store.lock("cell", "k"), pytest.raises(Busy), Store(store.root).lock("cell", "k", wait=False):
        pass
    with store.lock("cell", "k", wait=False):
        pass


def test_failures_are_remembered_and_forgotten(store):
    store.put_failure("train", "k", {"reason": "collapsed"})
    assert store.failure("train", "k") == {"reason": "collapsed"}
    store.forget_failure("train", "k")
    assert store.failure("train", "k") is None
