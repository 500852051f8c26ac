"""Summaries follow from per-image values, by numpy alone, and a record that says otherwise is refused."""

import numpy as np
import pandas as pd
import pytest

from bench.core.errors import StoreError
from bench.core.packed_values import columns_checksum, values_checksum
from bench.core.record_values import fault_of_values, read_columns, summary_of
from bench.harness.store import read_record, write_record
from bench.metrics.latent import LogProb, RecoveryError
from bench.metrics.pixels import Mse, Psnr, Ssim

KEY = "a" * 24


@pytest.mark.parametrize("metric", [Psnr(), Ssim(), Mse(), RecoveryError(), LogProb()])
@pytest.mark.parametrize("special", [None, np.inf, -np.inf])
def test_the_summaries_are_those_of_the_metrics(metric, special):
    values = np.random.default_rng(0).normal(0, 1, 501)
    if special is not None and metric.name == "log_prob":
        values[7:9] = special
    protocol, expected = metric.protocol(), metric.compute(values)
    assert summary_of(values, protocol) == pytest.approx(expected)


def test_an_aggregation_that_is_not_known_gives_nothing():
    assert summary_of(np.ones(3), {"aggregation": "median of blocks"}) == {}


@pytest.fixture
def content():
    values = np.array([20.0, 21.0, 25.0])
    table = pd.DataFrame({"track": "test", "index": range(3), "psnr": values})
    choice = {"name": "digits", "options": {}, "label": ""}
    facts = {"values_sha256": values_checksum(table)}
    cell = {"dataset": choice, "gan": choice, "method": choice, "seed": 0, "budget": {"name": "smoke"}}
    metrics = {"test": {"psnr": {"value": 22.0, "n": 3.0, "at_ceiling": 0.0}}}
    protocol = {"psnr": Psnr().protocol()}
    return {
        "key": KEY, "cell": cell, "status": "done", "metrics": metrics, "facts": facts, "protocol": protocol
    }, table  # fmt: skip


def test_a_record_that_agrees_with_its_values_is_read(tmp_path, content):
    write_record(tmp_path, KEY, *content)
    assert read_record(tmp_path / f"{KEY}.json").metrics == content[0]["metrics"]
    read = read_columns(tmp_path, KEY)
    assert columns_checksum(read) == values_checksum(content[1].sample(frac=1, random_state=0))


@pytest.mark.parametrize(
    ("name", "value", "words"),
    [
        ("value", 60.0, "test/psnr is 60, its per-image values give 22"),
        ("n", 1000.0, "n of test/psnr is 1000"),
        ("at_ceiling", 2.0, "at_ceiling of test/psnr"),
        ("value", 22.0 + 1e-9, "test/psnr is 22"),
    ],
)
def test_a_summary_that_was_edited_is_refused_when_it_is_used(tmp_path, content, name, value, words):
    content[0]["metrics"]["test"]["psnr"][name] = value
    write_record(tmp_path, KEY, *content)
    record = read_record(tmp_path / f"{KEY}.json")  # not yet compared
    assert record.status == "done"
    with pytest.raises(StoreError, match=words) as error:
        _ = record.metrics
    assert "\n" not in str(error.value)


def test_values_that_were_edited_swapped_or_removed_are_seen(content):
    fields, table = content
    columns = {name: table[name].to_numpy() for name in table}
    assert fault_of_values(fields, columns) == ""
    swapped = columns | {"psnr": columns["psnr"][[1, 0, 2]]}
    assert "checksum" in fault_of_values(fields, swapped)
    del fields["facts"]["values_sha256"]
    assert fault_of_values(fields, swapped) == ""  # an old record: the mean is the same
    assert "are not those of images 0 to 2" in fault_of_values(fields, columns | {"index": np.array([0, 2, 3])})
    assert "no column 'track'" in fault_of_values(fields, {"index": np.arange(3)})
    assert "are not numbers" in fault_of_values(fields, columns | {"psnr": np.array(["a", "b", "c"])})


def test_values_that_are_missing_are_told_if_the_record_had_them(tmp_path, content):
    write_record(tmp_path, KEY, content[0])
    with pytest.raises(StoreError, match="per-image values are not here"):
        _ = read_record(tmp_path / f"{KEY}.json").metrics


def test_a_damaged_file_of_values_is_one_line(tmp_path, content):
    write_record(tmp_path, KEY, *content)
    (tmp_path / f"{KEY}.parquet").write_bytes(b"PAR1 nonsense")
    with pytest.raises(StoreError, match="cannot read per-image values") as error:
        _ = read_record(tmp_path / f"{KEY}.json").metrics
    assert "\n" not in str(error.value)
