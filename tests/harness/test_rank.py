"""A method of one file beside committed records: it runs, nothing else does, and the records stay as they are."""

import hashlib
from collections import Counter
from pathlib import Path

import pytest

import bench
from bench.core.errors import BenchError, ContractError, StoreError, UnknownName
from bench.core.registry import find
from bench.harness import rank as room
from bench.harness import stages
from bench.harness.nonce import nonce_of
from bench.harness.rank import rank, reports_place
from bench.harness.scaffold import new_method
from bench.harness.store import Store

REFINER = '''
from dataclasses import dataclass
from bench import Refiner, refiner

@refiner("stay")
@dataclass
class Stay(Refiner):
    """Codes as they are."""

    def refine(self, x, codes):
        return codes
'''


def checksums(folder):
    return {path: hashlib.sha256(path.read_bytes()).hexdigest() for path in folder.rglob("*") if path.is_file()}


@pytest.fixture
def ran(monkeypatch):
    """Stages that ran in this process: how often, by stage and method."""
    found, run_stage = Counter(), stages.run_stage

    def counted(context, task):
        found[task.stage, task.cell.method.name] += 1
        run_stage(context, task)

    monkeypatch.setattr(stages, "run_stage", counted)
    monkeypatch.setattr("bench.gans.training.train_gan", None)
    return found


@pytest.fixture
def write(stranger, tmp_path):
    """``write(name, body)``: a plug-in file with a method."""

    def method(name, body=""):
        path = tmp_path / f"{name}.py"
        path.write_text(stranger(name, body))
        return path

    return method


@pytest.fixture
def ranked(committed):
    """``ranked(file)``: the file's methods beside the committed records, in this process."""
    return lambda file, **more: rank(file, committed[0], records=committed[1], **{"jobs": 0} | more)


def test_a_new_method_joins_the_committed_rows_and_nothing_else_runs(committed, ranked, write, ran, monkeypatch):
    monkeypatch.delenv("GANINV_NONCE")
    before = checksums(committed[1])
    found = ranked(write("mine"))
    assert ran == dict.fromkeys([(stage, "mine") for stage in ("open", "draw", "fit", "invert", "measure")], 1)
    assert checksums(committed[1]) == before
    assert [r.cell["method"]["name"] for r in found.records] == ["random_code", "best_of_random", "dfi", "mine"]
    assert (found.methods, found.failed) == (("mine",), [])
    (own,) = found.own
    assert own.folder == Store().records_folder
    assert own.cell["nonce"] == "tests"
    assert nonce_of(Store()) == "", "cells with a nonce need none of the store"
    (board,) = found.leaderboards()
    assert {row.method: row.own_run for row in board.rows} == {
        "dfi": False,
        "mine": True,
        "best_of_random": False,
        "random_code": False,
    }
    again = ranked(write("mine"))
    assert [r.key for r in again.own] == [own.key]
    assert ran["fit", "mine"] == 1


def test_the_scaffold_is_ranked_and_its_optimizer_is_no_file_of_its_own(committed, tmp_path):
    path, _ = new_method("my_method", tmp_path)
    found = bench.rank(path, committed[0], records=committed[1], jobs=1)
    (own,) = found.own
    assert own.status == "done", own.reason
    assert (own.facts["written_files"], own.facts["isolated"]) == ([], True)
    (board,) = found.leaderboards()
    assert next(row for row in board.rows if row.own_run).marks == ()


def test_a_copy_of_committed_methods_is_measured_under_their_conditions(ranked, tmp_path):
    text = Path(find("method", "best_of_random").path).read_text()
    path = tmp_path / "copy.py"
    path.write_text(text.replace('"best_of_random"', '"copied"').replace('"random_code"', '"copied_too"'))
    found = ranked(path)
    assert set(found.methods) == {"copied", "copied_too"}
    assert {r.status for r in found.own} == {"done"}
    theirs = {r.cell["method"]["name"]: r for r in found.table.records}
    for own in found.own:
        original = theirs[{"copied": "best_of_random", "copied_too": "random_code"}[own.cell["method"]["name"]]]
        for what in ("gan_checksum", "dataset_checksum", "metric_code", "gan_code"):
            assert own.facts[what] == original.facts[what]
        assert own.protocol == original.protocol
        assert own.cell["budget"] == original.cell["budget"]


def test_several_methods_of_a_file_and_chosen_ones(ranked, write, stranger, tmp_path, ran):
    path = tmp_path / "two.py"
    path.write_text(stranger("one") + stranger("two").replace("Cheat", "Other"))
    assert ranked(path).methods == ("one", "two")
    assert ranked(path, methods=["two+opt"]).methods == ("two+opt",)
    assert ("fit", "one") in ran
    assert not [method for _, method in ran if method in {"dfi", "random_code", "best_of_random"}]
    with pytest.raises(BenchError, match=r"--methods enc_image: nothing of it is in .*two\.py"):
        ranked(path, methods=["enc_image"])
    with pytest.raises(UnknownName, match="unknown method 'thre'"):
        ranked(path, methods=["thre"])


def test_a_file_of_refiners_is_ranked_after_a_method(ranked, tmp_path):
    path = tmp_path / "stay.py"
    path.write_text(REFINER)
    with pytest.raises(
        BenchError, match=r"registers no method to rank; it registers refiner stay; --methods METHOD\+"
    ):
        ranked(path)
    found = ranked(path, methods=["random_code+stay"])
    assert [r.status for r in found.own] == ["done"], found.own[0].reason


def test_a_method_that_fails_is_a_failed_row_beside_the_others(committed, ranked, write):
    path = write("broken", "    def fit(self, data):\n        raise ValueError('no luck')\n")
    before = checksums(committed[1])
    found = ranked(path)
    assert [record.reason for record in found.failed] == ["ValueError: no luck"]
    (board,) = found.leaderboards()
    assert "broken" not in {row.method for row in board.rows}
    assert [(note.method, note.reason) for note in board.remarks] == [("broken", "ValueError: no luck")]
    assert checksums(committed[1]) == before


def test_a_method_that_fails_its_check_is_a_failed_row(ranked, write):
    found = ranked(write("coupled", "    def invert(self, x):\n        return self.codes(x) + x.mean()\n"))
    (record,) = found.failed
    assert "does not invert each image on its own" in record.reason


def test_a_name_of_a_registered_method_is_refused(ranked, write):
    with pytest.raises(ContractError, match="method 'dfi' is registered twice"):
        ranked(write("dfi"))


def test_a_title_of_a_committed_row_is_refused(committed, ranked, write, edit_records, ran):
    def labelled(record):
        if record["cell"]["method"]["name"] == "dfi":
            record["cell"]["method"]["label"] = "mine"

    edit_records(committed[1], labelled)
    with pytest.raises(ContractError, match=r"mine\.py: method 'mine' has the name of a committed row of .*records"):
        ranked(write("mine"))
    assert not ran


def test_mistakes_are_refused_before_anything_runs(committed, write, tmp_path, ran):
    with pytest.raises(UnknownName, match="unknown suite 'quickstar'; did you mean 'quickstart'"):
        rank(write("mine"), "quickstar")
    with pytest.raises(BenchError, match="no committed records"):
        rank(write("mine"), committed[0])
    with pytest.raises(BenchError, match="no such file"):
        rank(tmp_path / "absent.py", committed[0], records=committed[1])
    assert not ran
    assert not Store().root.exists()


def test_a_condition_that_differs_is_refused_before_the_method_runs(committed, ranked, write, edit_records, ran):
    edit_records(committed[1], lambda record: record["facts"].update(gan_checksum="0" * 64))
    with pytest.raises(BenchError, match="cannot share a table: GAN checksum differs"):
        ranked(write("mine"))
    assert not ran


def test_costs_of_another_machine_are_marked(committed, ranked, write, edit_records):
    edit_records(committed[1], lambda record: record["environment"].update(device="cpu: Another One"))
    (board,) = ranked(write("mine")).leaderboards()
    machines = {row.method: row.machine for row in board.rows}
    assert machines.pop("mine").startswith("cpu: ")
    assert set(machines.values()) == {""}


def test_reports_go_to_a_folder_of_their_own_never_among_committed_results(
    committed, own_home, tmp_path, monkeypatch
):
    suite = str(committed[0])
    file = tmp_path / "mine.py"
    place = reports_place(suite, None, file, committed[1])
    assert place == own_home / "reports" / "tiny-smoke-mine"
    assert not place.exists()
    assert reports_place(suite, None, file, out=tmp_path / "out") == tmp_path / "out"
    monkeypatch.setattr(room, "results_folder", lambda: tmp_path / "results")
    for out in (committed[1], committed[1] / "records", committed[1] / "deeper", tmp_path / "results" / "tiny"):
        with pytest.raises(StoreError, match=f"--out {out}: lies among committed results"):
            reports_place(suite, None, file, committed[1], out)
    with pytest.raises(StoreError, match=f"--out {tmp_path}: lies among"):
        reports_place(suite, None, file, tmp_path / "records", tmp_path)
    with pytest.raises(StoreError, match="--out /proc/nope/deep: cannot be written"):
        reports_place(suite, None, file, committed[1], Path("/proc/nope/deep"))
