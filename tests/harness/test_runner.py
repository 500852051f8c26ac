"""Runs survive: kills, broken methods, damaged files, other processes. Equal cells give equal records."""

import dataclasses
import importlib
import json
import multiprocessing
import os
import random
import signal
import time

import pytest

from bench.api import run_suite
from bench.core.errors import BenchError, DataError, WeightsError
from bench.core.registry import add_plugin
from bench.harness.runner import RunCallbacks
from bench.harness.store import Store, copy_records, read_records
from bench.harness.suite import read_suite

TIMINGS = {"cost", "environment", "folder"}
PLUGIN = '''
from dataclasses import dataclass
import time
import torch
from bench.core.types import Inverter
from bench.core.registry import method

@method("faulty")
@dataclass
class Faulty(Inverter):
    """A method with a fault."""
    {body}
'''
CODES = "x.flatten(1)[:, :self.gan.code_dim].contiguous()"


def content(records):
    """What must be equal between two runs of the same cells: everything but timings and places."""
    plain = []
    for record in records:
        fields = {f.name: getattr(record, f.name) for f in dataclasses.fields(record) if f.name not in TIMINGS}
        fields["facts"] = {k: v for k, v in record.facts.items() if k != "isolated"}  # in processes or in this one
        plain.append(json.dumps(fields, sort_keys=True))
    return plain


def plugin(tmp_path, body):
    path = tmp_path / "faulty.py"
    path.write_text(PLUGIN.format(body=body))
    return path


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory, tiny_text):
    """Records of the tiny suite from one quiet run, and how long it took."""
    folder = tmp_path_factory.mktemp("undisturbed")
    suite = folder / "tiny.toml"
    suite.write_text(tiny_text)
    importlib.import_module("bench.harness.stages")  # so that the time is that of the work, not of loading torch
    started = time.monotonic()
    outcome = run_suite(str(suite), store=Store(folder / "store"))
    return outcome.records, time.monotonic() - started


def test_every_cell_is_measured_on_both_tracks(undisturbed):
    records, _ = undisturbed
    assert [r.cell["method"]["name"] for r in records] == ["random_code", "best_of_random", "dfi", "dfi+opt"]
    for record in records:
        assert record.status == "done"
        assert set(record.metrics["test"]) == {"psnr", "ssim", "mse"}
        assert set(record.metrics["own"]) == {"psnr", "ssim", "mse", "code_mse"}
        assert record.metrics["test"]["psnr"]["n"] == 24
        assert record.cost["generator_calls_per_image"] >= (3 if "opt" in record.cell["method"]["name"] else 0)
    errors = [r.metrics["test"]["mse"]["value"] for r in records]
    assert errors[3] < errors[2], "refinement lowers the pixel error"
    assert errors[1] < errors[0], "the best of many random codes beats one"


def test_the_same_cells_give_the_same_records(undisturbed, tiny_suite, tmp_path):
    again = run_suite(str(tiny_suite), store=Store(tmp_path / "store")).records
    assert content(again) == content(undisturbed[0])


def test_stored_cells_are_not_run_again(tiny_suite, tmp_path):
    store, started = Store(tmp_path / "store"), []
    observer = RunCallbacks(started=lambda cell, number, total: started.append(cell.method.name))
    first = run_suite(str(tiny_suite), store=store, methods=["dfi"], observer=observer).records
    second = run_suite(str(tiny_suite), store=store, methods=["dfi", "random_code"], observer=observer).records
    assert started == ["dfi", "random_code"]
    assert content(first) == content(second[:1])


def children(count, suite, store):
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["bench.harness.stages"])
    started = [context.Process(target=run_suite, args=(str(suite),), kwargs={"store": store}) for _ in range(count)]
    for process in started:
        process.start()
    return started


def test_ten_kills_at_random_moments_change_nothing(undisturbed, tiny_suite, tmp_path):
    """A run that ends before its moment was quicker than the first, which told the moments: anew, and sooner."""
    records, seconds = undisturbed
    store, moments = Store(tmp_path / "store"), random.Random(1)
    killed = 0
    for number in range(10):
        (process,) = children(1, tiny_suite, store)
        process.join(moments.uniform(0.05, 0.6) * seconds)
        if process.is_alive():
            os.kill(process.pid, signal.SIGKILL)
            killed += 1
        elif number < 9:
            store, seconds = Store(tmp_path / f"store-{number}"), seconds / 2
        process.join()
    assert killed >= 3, "the kills have to hit"
    finished = run_suite(str(tiny_suite), store=store).records
    assert content(finished) == content(records)
    assert len(list(store.records_folder.glob("*.json"))) == len(records)


def test_several_processes_share_a_store_without_loss(undisturbed, tiny_suite, tmp_path):
    store = Store(tmp_path / "store")
    for process in children(3, tiny_suite, store):
        process.join()
        assert process.exitcode == 0
    finished = run_suite(str(tiny_suite), store=store, observer=RunCallbacks(started=pytest.fail)).records
    assert content(finished) == content(undisturbed[0])


FAULTS = {
    "ValueError: bad luck": "def fit(self, data):\n        raise ValueError('bad luck')\n"
    f"    def invert(self, x):\n        return {CODES}",
    "returned images": "def invert(self, x):\n        return x",
    "NaN": f"def invert(self, x):\n        return {CODES} * torch.nan",
    "shape": "def invert(self, x):\n        return torch.zeros(len(x), 2)",
    "float64": f"def invert(self, x):\n        return ({CODES}).double()",
    "changed the GAN": "def invert(self, x):\n        next(self.gan.generator.parameters()).data.zero_()\n"
    f"        return {CODES}",
}


def test_broken_methods_are_recorded_and_the_rest_goes_on(tiny_suite, tmp_path, forget_plugins):
    store = Store(tmp_path / "store")
    for reason, body in FAULTS.items():
        forget_plugins()
        path = plugin(tmp_path, body)
        outcome = run_suite(str(tiny_suite), methods=["faulty", "random_code"], plugins=[path], store=store)
        faulty, control = outcome.records
        assert (faulty.status, control.status) == ("failed", "done")
        assert reason in faulty.reason
        assert reason in faulty.traceback
        assert outcome.failed == [faulty]


def test_a_method_that_takes_too_long_is_stopped(tiny_suite, tmp_path):
    store = Store(tmp_path / "store")
    run_suite(str(tiny_suite), methods=["random_code"], store=store)  # trains the GAN, which the limit does not touch
    tiny_suite.write_text(tiny_suite.read_text().replace("timeout = 120", "timeout = 1.5"))
    path = plugin(
        tmp_path, f"def fit(self, data):\n        time.sleep(60)\n    def invert(self, x):\n        return {CODES}"
    )
    (record,) = run_suite(str(tiny_suite), methods=["faulty"], plugins=[path], store=store).records
    assert record.status == "failed"
    assert record.reason == "fit: out of time (limit 1.5 s)"


def test_a_plugin_that_cannot_be_imported_fails_alone(tiny_suite, tmp_path):
    path = plugin(tmp_path, "raise RuntimeError('no such device')")
    outcome = run_suite(
        str(tiny_suite), methods=["faulty", "random_code"], plugins=[path], store=Store(tmp_path / "s")
    )
    assert [r.status for r in outcome.records] == ["failed", "done"]
    assert "no such device" in outcome.records[0].reason


def test_an_edited_plugin_is_run_again_and_a_failed_one_only_on_request(tiny_suite, tmp_path, forget_plugins):
    store, started = Store(tmp_path / "store"), []
    observer = RunCallbacks(started=lambda cell, number, total: started.append(cell.method.name))

    def go(path, **more):
        forget_plugins()
        return run_suite(str(tiny_suite), methods=["faulty"], plugins=[path], store=store, observer=observer, **more)

    broken = plugin(tmp_path, "def invert(self, x):\n        return x")
    assert [go(broken).records[0].status, go(broken).records[0].status] == ["failed", "failed"]
    assert started == ["faulty"]
    go(broken, retry_failed=True)
    assert started == ["faulty", "faulty"]
    mended = plugin(tmp_path, f"def invert(self, x):\n        return {CODES}")
    assert go(mended).records[0].status == "done"


def test_a_gan_that_diverges_fails_every_cell_but_trains_once(tiny_suite, tmp_path):
    text = tiny_suite.read_text().replace("code_dim = 16", "code_dim = 16\nlearning_rate = 1e30")
    tiny_suite.write_text(text)
    store = Store(tmp_path / "store")
    outcome = run_suite(str(tiny_suite), store=store)
    assert {r.status for r in outcome.records} == {"failed"}
    assert len({r.reason for r in outcome.records}) == 1
    assert len(list((store.root / "train").glob("*.failed.json"))) == 1
    copy_records(outcome.records, tmp_path / "copies")
    assert {r.key for r in read_records(tmp_path / "copies")} == {r.key for r in outcome.records}


def test_missing_data_weights_and_options_are_told_before_any_work(tiny_suite, tmp_path):
    def go(old, new):
        changed = tmp_path / "changed.toml"
        changed.write_text(tiny_suite.read_text().replace(old, new))
        return run_suite(str(changed), store=Store(tmp_path / "store"))

    with pytest.raises(DataError, match="cifar10"):
        go('"digits"', '"cifar10"')
    with pytest.raises(WeightsError, match="weights-inception"):
        go('"mse",', '"mse", "fid@inception",')
    with pytest.raises(BenchError, match="did you mean 'depth'"):
        go('"dfi",', '{ name = "dfi", dept = 3 },')
    assert not (tmp_path / "store" / "train").exists()


ODD = """
from dataclasses import dataclass
from bench import {kind}

@{kind}("odd")
@dataclass
class Odd:
    pass
"""


@pytest.mark.parametrize(
    ("kind", "old", "new", "base"),
    [
        ("gan", 'name = "dcgan"\nwidth = 8\ncode_dim = 16', 'name = "odd"', "bench.gans.recipe.GanConfig"),
        ("dataset", '"digits"', '"odd"', "bench.datasets.source.GuardedSource"),
    ],
)
def test_a_plugin_of_the_wrong_base_is_told_before_any_work(tiny_suite, tmp_path, kind, old, new, base):
    (tmp_path / "odd.py").write_text(ODD.format(kind=kind))
    assert old in tiny_suite.read_text()
    tiny_suite.write_text(tiny_suite.read_text().replace(old, new))
    add_plugin(tmp_path / "odd.py")
    with pytest.raises(BenchError) as caught:
        run_suite(str(tiny_suite), store=Store(tmp_path / "store"))
    assert str(caught.value).endswith(f"{kind} 'odd' (plug-in odd.py): Odd must subclass {base}")
    assert "\n" not in str(caught.value)
    assert not (tmp_path / "store" / "train").exists()


@pytest.mark.parametrize("options", ["width = 8", "[gans.smoke]\nwidth = 8"])
def test_an_option_of_a_gan_from_a_file_is_told_before_any_work(tiny_suite, tmp_path, options):
    text = tiny_suite.read_text()
    assert '"dcgan"\nwidth = 8\ncode_dim = 16' in text
    tiny_suite.write_text(text.replace('"dcgan"\nwidth = 8\ncode_dim = 16', f'"fashion-mnist/dcgan"\n{options}'))
    says = "fashion-mnist/dcgan: unknown option 'width'; a GAN that is read from a file has no options"
    with pytest.raises(BenchError) as caught:
        run_suite(str(tiny_suite), store=Store(tmp_path / "store"))
    assert str(caught.value) == says
    assert not (tmp_path / "store" / "train").exists()


def test_a_damaged_gan_file_is_trained_anew(tiny_suite, tmp_path):
    store = Store(tmp_path / "store")
    first = run_suite(str(tiny_suite), store=store, methods=["dfi"]).records
    (file,) = (store.root / "train").glob("*/gan.safetensors")
    file.write_bytes(file.read_bytes()[:100])
    store.remove_record(first[0].key)
    with pytest.warns(UserWarning, match="fails its checksum"):
        second = run_suite(str(tiny_suite), store=store, methods=["dfi"]).records
    assert content(first) == content(second)


def test_an_unwritable_store_stops_the_run(tiny_suite, tmp_path):
    blocker = tmp_path / "store"
    blocker.write_text("a file")
    with pytest.raises(BenchError, match="cannot write"):
        run_suite(str(tiny_suite), store=Store(blocker))


def test_a_gan_of_another_size_fails_with_both_sizes(tiny_suite, tmp_path):
    from bench.core.options import create
    from bench.gans.checkpoints import save_gan

    other = tmp_path / "other.safetensors"
    save_gan(create("gan", "dcgan", {"width": 8, "code_dim": 16}).build((3, 32, 32), "cpu"), other)
    tiny_suite.write_text(
        tiny_suite.read_text().replace('"dcgan"\nwidth = 8\ncode_dim = 16', f'"checkpoint:{other}"')
    )
    (record,) = run_suite(str(tiny_suite), methods=["dfi"], store=Store(tmp_path / "store")).records
    assert record.status == "failed"
    assert "3x32x32" in record.reason
    assert "1x28x28" in record.reason


def test_seeds_and_budgets_make_separate_cells(tiny_suite):
    suite = read_suite(tiny_suite)
    assert len(suite.cells(seeds=[0, 1, 2])) == 3 * len(suite.cells())
