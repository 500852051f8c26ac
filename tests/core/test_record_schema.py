"""Fields of records: those of any version are read, and what no record has is refused in words."""

import gzip
import json
from pathlib import Path

import pytest

from bench.core.record_schema import CHECKSUM, fault_of, fields_checksum

RESULTS = Path(__file__).parents[2] / "results"
KEY = "0123456789abcdef01234567"


@pytest.fixture
def fields():
    choice = {"name": "digits", "options": {}, "label": ""}
    return {
        "key": KEY,
        "cell": {
            "dataset": choice,
            "gan": choice,
            "method": choice,
            "seed": 0,
            "budget": {"name": "smoke", "test_images": 4},
            "metrics": ["psnr"],
        },
        "status": "done",
        "metrics": {"test": {"psnr": {"value": 20.5, "n": 4}}},
        "facts": {"capacity": "z", "control": False},
    }


def test_records_of_real_runs_have_no_fault():
    seen = 0
    for path in RESULTS.rglob("records.jsonl.gz"):
        for line in gzip.decompress(path.read_bytes()).decode().splitlines():
            content = json.loads(line)
            assert fault_of(content, content["key"]) == ""
            seen += 1
    assert seen > 500


def test_fields_have_a_checksum_that_an_edit_breaks(fields):
    signed = fields | {CHECKSUM: fields_checksum(fields)}
    assert fault_of(signed, KEY) == ""
    signed["metrics"] = {"test": {"psnr": {"value": 60.0, "n": 4}}}
    assert "altered or damaged" in fault_of(signed, KEY)


@pytest.mark.parametrize("key", ["../../package", "x", KEY[:-1], KEY.upper(), KEY + "0", f"{KEY}\n", "", 7, None])
def test_a_key_that_is_none_is_refused(fields, key):
    assert "is not a key" in fault_of(fields | {"key": key}, KEY)


def test_a_record_under_another_name_is_refused(fields):
    assert "its key is" in fault_of(fields, "f" * 24)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"status": "excellent"}, "status 'excellent'"),
        ({"cell": {}}, "cell/dataset has no name"),
        ({"metrics": {"val": {}}}, "metrics of 'val'"),
        ({"metrics": {"test": {"psnr": 3}}}, "not a summary"),
        ({"metrics": {"test": {"psnr": {"value": "60"}}}}, "not a summary"),
        ({"metrics": {"test": {"psnr": {"n": 3}}}}, "not a summary"),
        ({"metrics": {"test": {"psnr": {"value": True}}}}, "not a summary"),
        ({"facts": {"capacity": ["z"]}}, "facts/capacity"),
        ({"facts": {"optimises": "mse"}}, "facts/optimises"),
        ({"facts": {"code_dim": -1}}, "facts/code_dim"),
        ({"facts": {"diverged": 3}}, "facts/diverged"),
        ({"environment": {"versions": ["torch"]}}, "environment/versions"),
        ({"cost": {"fit_seconds": "fast"}}, "cost/'fit_seconds'"),
        ({"protocol": {"psnr": 3}}, "protocol/'psnr'"),
        ({"reason": 3}, "reason is int"),
        ({"facts": None}, "facts is nothing"),
    ],
)
def test_a_field_of_another_type_is_named(fields, change, words):
    assert words in fault_of(fields | change, KEY)


@pytest.mark.parametrize(
    ("part", "value"),
    [("seed", -1), ("seed", 1.5), ("seed", 10**400), ("metrics", "psnr"), ("nonce", 3), ("budget", {"name": 3})],
)
def test_a_part_of_the_cell_of_another_type_is_named(fields, part, value):
    assert part in fault_of(fields | {"cell": fields["cell"] | {part: value}}, KEY)


@pytest.mark.parametrize("content", [[], None, "text", 3])
def test_what_has_no_fields_is_refused(content):
    assert "in place of fields" in fault_of(content, KEY)
