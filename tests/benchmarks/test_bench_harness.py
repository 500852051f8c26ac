"""What the harness itself costs, beside the work of a real run."""

import subprocess
import sys
import time
from pathlib import Path

import pytest

from bench.api import run_suite
from bench.harness.store import Store, read_records

RECORDS = Path(__file__).resolve().parents[2] / "results" / "acyclic" / "cpu" / "records"
SHARE = 0.02


def stage_seconds(records):
    """Seconds that the four stages of these cells took; training and fitting count once where cells share them."""
    shared = {}
    total = 0.0
    for record in records:
        images = sum(record.metrics[track]["mse"]["n"] for track in ("test", "own"))
        total += record.cost["invert_ms_per_image"] * images / 1000 + record.cost["measure_seconds"]
        shared["train", record.facts["keys"]["train"]] = record.cost["train_seconds"]
        shared["fit", record.facts["keys"]["fit"]] = record.cost["fit_seconds"]
    return total + sum(shared.values())


@pytest.mark.alone
def test_the_harness_takes_at_most_two_percent_of_a_cpu_run(benchmark, tiny_suite, tmp_path):
    real = [r for r in read_records(RECORDS) if r.status == "done"]
    run_suite(str(tiny_suite), store=Store(tmp_path / "warm"))  # loads torch, so that the clock below sees work alone
    records = benchmark.pedantic(
        lambda: run_suite(str(tiny_suite), store=Store(tmp_path / "store")).records, rounds=1, warmup_rounds=0
    )
    around_a_cell = (benchmark.stats.stats.total - stage_seconds(records)) / len(records)
    started = time.monotonic()
    subprocess.run([sys.executable, "-c", "import bench.harness.stages"], check=True)
    loading = time.monotonic() - started
    overhead = loading + around_a_cell * len(real)
    benchmark.extra_info["overhead share"] = overhead / stage_seconds(real)
    assert overhead <= SHARE * stage_seconds(real)


@pytest.mark.alone
@pytest.mark.parametrize("command", [["--help"], ["list"]])
def test_commands_that_compute_nothing_start_faster_than_torch_loads(benchmark, command):
    def start():
        subprocess.run([sys.executable, "-m", "bench.cli.main", *command], check=True, capture_output=True)

    loading = []
    for _ in range(3):  # the least of each: other work on the machine only adds
        started = time.monotonic()
        subprocess.run([sys.executable, "-c", "import torch"], check=True)
        loading.append(time.monotonic() - started)
    benchmark.pedantic(start, rounds=3, warmup_rounds=1)
    benchmark.extra_info["torch loads in"] = min(loading)
    assert benchmark.stats.stats.min < min(loading)
