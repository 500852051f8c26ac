"""Committed records: what a new method needs to stand beside them, and what is refused, field by field."""

import json
import shutil

import pytest

from bench.core.errors import BenchError, StoreError, UnknownName
from bench.core.fingerprints import CodeReader
from bench.harness import committed as room
from bench.harness.committed import (
    check_conditions,
    check_kept,
    committed_table,
    rankable_suites,
    take_generators,
)
from bench.harness.packing import pack
from bench.harness.provenance import metric_code
from bench.harness.runner import plan
from bench.harness.store import Store
from bench.harness.suite import open_suite


@pytest.fixture
def table(committed):
    return committed_table(open_suite(str(committed[0])), folder=committed[1])


def checked(committed, store=None):
    """Check a further method against the committed records; nothing of it runs."""
    table = committed_table(open_suite(str(committed[0])), folder=committed[1])
    check_kept(table)
    store = store or Store()
    planned = plan(table.cells(["enc_latent"]), store)
    take_generators(table, planned, store)
    check_conditions(table, planned, store)
    return planned


def test_a_new_method_gets_the_cells_of_the_records_also_if_the_suite_changed_since(committed, edit_records):
    suite, folder = committed
    edit_records(folder, lambda record: record["cell"]["budget"].update(fit_steps=7))
    suite.write_text(suite.read_text().replace("fit_steps = 6", "fit_steps = 99").replace('"mse", ', ""))
    cells = committed_table(open_suite(str(suite)), folder=folder).cells(["a", "b"])
    assert [cell.method.title for cell in cells] == ["a", "b"]
    for cell in cells:
        assert (cell.budget.fit_steps, cell.seed, cell.nonce) == (7, 0, "tests")
        assert cell.metrics == ("psnr", "ssim", "mse", "code_mse")


def test_time_limits_that_differ_give_one_cell(committed, edit_records):
    limits = iter(range(60, 100))
    edit_records(committed[1], lambda record: record["cell"]["budget"].update(timeout=next(limits)))
    assert len(committed_table(open_suite(str(committed[0])), folder=committed[1]).cells(["a"])) == 1


def test_records_lie_in_a_folder_or_in_that_of_a_report_packed_or_not(committed, table):
    suite = open_suite(str(committed[0]))
    inner = committed_table(suite, folder=committed[1] / "records")
    assert [r.key for r in inner.records] == [r.key for r in table.records]
    pack(committed[1] / "records")
    assert [r.key for r in committed_table(suite, folder=committed[1]).records] == [r.key for r in table.records]
    checked(committed)


def test_no_records_are_an_error_that_names_the_folder(committed, tmp_path, edit_records):
    suite = open_suite(str(committed[0]))
    with pytest.raises(BenchError, match=r"suite tiny: no committed records .*results/tiny/smoke; --records names"):
        committed_table(suite)
    with pytest.raises(UnknownName, match="unknown budget 'cpu'"):
        committed_table(suite, "cpu")
    edit_records(committed[1], lambda record: record.update(status="failed"))
    with pytest.raises(BenchError, match="no committed records of finished cells"):
        committed_table(suite, folder=committed[1])
    (committed[1] / "records" / "packed.json").write_text("{")
    with pytest.raises(StoreError, match=r"packed\.json cannot be read"):
        committed_table(suite, folder=committed[1])


CHANGES = {
    "nonce": lambda record: record["cell"].update(nonce=f"other {record['cell']['method']['name']}"),
    "device": lambda record: record["environment"].update(device="cuda: NVIDIA H100"),
    "dataset checksum": lambda record: record["facts"].update(dataset_checksum="e" * 64),
    "GAN checksum": lambda record: record["facts"].update(gan_checksum="e" * 64),
    "code of the GAN": lambda record: record["facts"].update(gan_code="0" * 24),
    "protocol of psnr": lambda record: record["protocol"]["psnr"].update(range="float"),
    "code of ssim": lambda record: record["facts"]["metric_code"].update(ssim="0" * 24),
    "code of mse": lambda record: record["facts"]["metric_code"].pop("mse"),
}


@pytest.mark.parametrize("field", CHANGES)
def test_a_condition_that_differs_is_refused_by_its_name(committed, edit_records, field):
    edit_records(committed[1], CHANGES[field])
    with pytest.raises(BenchError, match=rf"cannot share a table: {field} differs: .* there, .* here$"):
        checked(committed)


def test_equal_conditions_and_another_processor_pass(committed, edit_records):
    edit_records(committed[1], lambda record: record["environment"].update(device="cpu: Another One", threads=77))
    (planned,) = checked(committed)
    assert planned.record is None
    assert planned.cell.nonce == "tests"


def test_values_of_each_image_are_needed(committed):
    for path in (committed[1] / "records").glob("*.parquet"):
        path.unlink()
    with pytest.raises(BenchError, match="its per-image values are not here"):
        checked(committed)


def test_records_without_a_nonce_are_refused(committed, edit_records):
    edit_records(committed[1], lambda record: record["cell"].pop("nonce"))
    with pytest.raises(BenchError, match="suite tiny: nonce: the committed records state none"):
        checked(committed)


def test_generators_that_were_not_kept_are_one_line_with_the_suites_that_work(committed, tmp_path, monkeypatch):
    monkeypatch.setattr(room, "results_folder", lambda: tmp_path / "results")
    assert rankable_suites() == []
    shutil.copytree(committed[1], tmp_path / "results" / "quickstart" / "cpu")
    (tmp_path / "results" / "acyclic" / "cpu").mkdir(parents=True)
    shutil.rmtree(committed[1] / room.GENERATORS)
    assert rankable_suites() == ["quickstart"]
    with pytest.raises(BenchError, match=r"were not kept \(dcgan\).* A method can be ranked in: quickstart$"):
        checked(committed)
    assert not Store().root.exists()


def test_a_kept_generator_is_read_and_none_is_trained(committed, monkeypatch):
    monkeypatch.setattr("bench.gans.training.train_gan", None)
    store = Store()
    for _ in range(2):
        (planned,) = checked(committed, store)
        assert store.has("train", planned.keys.train)
    assert [path.name for path in (store.root / "train").iterdir()] == [planned.keys.train]


def test_a_damaged_generator_is_not_trained_again(committed, monkeypatch):
    monkeypatch.setattr("bench.gans.training.train_gan", None)
    (file,) = (committed[1] / room.GENERATORS).glob("*/gan.safetensors")
    file.write_bytes(file.read_bytes()[:-1])
    with pytest.warns(UserWarning, match="fails its checksum"), pytest.raises(BenchError, match="fails its checksum"):
        checked(committed)


def test_a_generator_of_other_code_is_refused(committed, edit_records):
    (kept,) = (committed[1] / room.GENERATORS).iterdir()
    kept.rename(kept.with_name("0" * 24))
    edit_records(committed[1], lambda record: record["facts"]["keys"].update(train="0" * 24))
    with pytest.raises(BenchError, match=f"training key of dcgan differs: .* has {'0' * 24}, here .* {kept.name}"):
        checked(committed)


def test_a_generator_that_is_a_file_needs_no_copy(committed, edit_records):
    (file,) = (committed[1] / room.GENERATORS).glob("*/gan.safetensors")
    shutil.copy(file, committed[1] / "gan.safetensors")
    shutil.rmtree(committed[1] / room.GENERATORS)
    name = f"checkpoint:{committed[1] / 'gan.safetensors'}"
    edit_records(committed[1], lambda record: record["cell"]["gan"].update(name=name, options={}))
    (planned,) = checked(committed)
    assert not Store().has("train", planned.keys.train)


def test_the_conditions_are_those_that_a_record_of_this_machine_states(table):
    for record in table.records:
        stated = room.conditions(record)
        assert None not in stated.values()
        assert set(stated) == {"nonce", "device", "dataset checksum", "GAN checksum", "code of the GAN"} | {
            f"{what} of {name}" for what in ("protocol", "code") for name in record.cell["metrics"]
        }
        assert json.loads(json.dumps(stated)) == stated


def test_the_committed_records_that_a_method_is_ranked_beside_were_measured_by_this_code():
    """If this fails, metrics changed: ``ganinv run quickstart`` and ``ganinv pack`` make results/quickstart anew."""
    reader, table = CodeReader(), committed_table(open_suite("quickstart"))
    stated = {name: code for record in table.done for name, code in record.facts["metric_code"].items()}
    assert stated == {name: metric_code(name, reader) for name in stated}
