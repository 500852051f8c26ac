"""Own results pass; what was altered in them does not; what is not here is said and is no fault."""

import json
import shutil

import numpy as np
import pandas as pd
import pytest
from safetensors import safe_open
from safetensors.torch import load_file, save_file

from bench.core.errors import StoreError
from bench.core.files import sha256
from bench.core.packed_values import values_checksum
from bench.core.record_schema import fields_checksum
from bench.harness.packing import pack
from bench.harness.record_files import GENERATORS
from bench.harness.verification.receipt import covers, read_receipt, receipt_of, write_receipt
from bench.harness.verification.verify import verify


def faults(done):
    return [finding.line for finding in done.findings if finding.outcome == "FAIL"]


def records_of(report, method="dfi"):
    found = []
    for path in sorted((report / "records").glob("*.json")):
        content = json.loads(path.read_text())
        if content["cell"]["method"]["name"] == method:
            found.append((path, content))
    return found


def sign(path, content):
    """Write a record as its author would: with the checksum of its fields."""
    path.write_text(json.dumps(content | {"sha256": fields_checksum(content)}))


def leaves(value, where=()):
    if isinstance(value, dict):
        for name, each in value.items():
            yield from leaves(each, (*where, name))
    elif isinstance(value, list):
        for place, each in enumerate(value):
            yield from leaves(each, (*where, place))
    else:
        yield where, value


def altered(value):
    if isinstance(value, bool):
        return not value
    if isinstance(value, int | float):
        return value + 1 if isinstance(value, int) else value * 1.001 + 1e-6
    return f"{value}x" if isinstance(value, str) else 7


def test_own_results_have_no_fault(report):
    done = verify(report, seed=0)
    assert faults(done) == []
    assert done.exit_code == 0
    lines = "\n".join(finding.line for finding in done.findings)
    for check in ("leaderboard.json", "leaderboard.csv", "psnr (scikit-image)", "ssim (scikit-image)", "pictures"):
        assert f"ok          records: {check}" in lines
    assert len(done.records) == 4


def test_no_single_alteration_of_a_record_is_accepted(report):
    """Every field of a record in turn, as an editor changes it."""
    (path, content) = records_of(report)[0]
    tried = 0
    for where, value in leaves(content):
        edited = json.loads(json.dumps(content))
        part = edited
        for name in where[:-1]:
            part = part[name]
        part[where[-1]] = altered(value)
        path.write_text(json.dumps(edited))
        assert verify(path.parent, sample=0).exit_code == 1, where
        tried += 1
    assert tried > 100
    path.write_text(json.dumps(content))
    assert faults(verify(path.parent, sample=0)) == []


@pytest.mark.parametrize("name", ["leaderboard.json", "leaderboard.csv", "leaderboard.md", "leaderboard.tex"])
def test_no_altered_number_of_a_leaderboard_is_accepted(report, name):
    text = (report / name).read_text()
    (row,) = [r for r in json.loads((report / "leaderboard.json").read_text())[0]["rows"] if r["method"] == "dfi"]
    mean = row["values"]["test/psnr"]["mean"]
    shown = {"leaderboard.json": repr(mean), "leaderboard.csv": repr(mean)}.get(name, f"{mean:.1f}"[:-1])
    assert shown in text
    (report / name).write_text(text.replace(shown, shown.replace(shown[0], str((int(shown[0]) + 1) % 10), 1)))
    done = verify(report, sample=0)
    assert done.exit_code == 1
    assert any(name in line for line in faults(done))


def test_a_rank_that_was_edited_is_not_accepted(report):
    path = report / "leaderboard.json"
    boards = json.loads(path.read_text())
    for row in boards[0]["rows"]:
        row["rank"] = {"low": 1, "high": 2}  # trained methods of one seed have none
    path.write_text(json.dumps(boards))
    assert any("leaderboard.json" in line for line in faults(verify(report, sample=0)))


def test_values_that_were_made_up_with_all_checksums_are_seen_from_the_codes(report):
    (path, content) = records_of(report)[0]
    values = path.with_suffix(".parquet")
    table = pd.read_parquet(values)
    table["psnr"] += 1.0
    table.to_parquet(values, index=False)
    for track, summaries in content["metrics"].items():
        finite = table.loc[(table.track == track) & np.isfinite(table.psnr), "psnr"]
        summaries["psnr"]["value"] = float(finite.mean())
    content["facts"]["values_sha256"] = values_checksum(table)
    sign(path, content)
    for name in ("json", "csv", "md", "tex"):
        (report / f"leaderboard.{name}").unlink()
    (report / "summary.md").unlink()
    assert faults(verify(path.parent, sample=0)) == []  # nothing but the codes contradicts it
    assert any("recomputed" in line and "psnr" in line for line in faults(verify(path.parent, sample=5)))


def test_codes_of_another_method_are_seen(report):
    (path, content), (other, _) = records_of(report, "dfi")[0], records_of(report, "random_code")[0]
    codes = path.with_name(f"{path.stem}.codes.safetensors")
    codes.unlink()
    shutil.copy(other.with_name(f"{other.stem}.codes.safetensors"), codes)
    assert any("codes do not have the checksum" in line for line in faults(verify(path.parent, sample=0)))
    content["facts"]["codes_sha256"] = sha256(codes)
    sign(path, content)
    assert any("recomputed" in line for line in faults(verify(path.parent, sample=5)))


@pytest.mark.parametrize(
    ("shape", "words"), [((24, 3), "numbers, the generator takes"), ((99, 16), "99 codes of 24")]
)
def test_codes_that_do_not_fit_the_generator_are_one_line(report, shape, words):
    import torch

    (path, content) = records_of(report)[0]
    codes = path.with_name(f"{path.stem}.codes.safetensors")
    tensors = load_file(codes)
    codes.unlink()
    save_file(tensors | {"test": torch.zeros(shape)}, codes)
    content["facts"]["codes_sha256"] = sha256(codes)
    sign(path, content)
    assert any(words in line for line in faults(verify(path.parent, sample=5)))


def test_a_generator_that_is_not_here_is_no_fault(report, monkeypatch, tmp_path):
    monkeypatch.setenv("GANINV_HOME", str(tmp_path / "elsewhere"))
    done = verify(report)
    assert done.exit_code == 3, faults(done)
    assert any("generator dcgan" in finding.line for finding in done.findings if finding.outcome == "not here")


def test_a_generator_that_was_kept_beside_the_records_decodes_their_codes(report, report_once, monkeypatch, tmp_path):
    monkeypatch.setenv("GANINV_HOME", str(tmp_path / "elsewhere"))
    shutil.copytree(report_once / "store" / "train", report / GENERATORS)
    done = verify(report, sample=2, seed=0)
    assert faults(done) == []
    assert any(f.outcome == "ok" and f.check.startswith("psnr") for f in done.findings)
    (weights,) = (report / GENERATORS).glob("*/gan.safetensors")
    tensors = load_file(weights)
    name = next(iter(tensors))
    with safe_open(weights, "pt") as file:
        save_file(tensors | {name: tensors[name] + 1}, weights, file.metadata())
    assert any("the record states" in line for line in faults(verify(report, sample=2)))


def test_records_of_another_generator_are_seen(report, report_once):
    (path, content) = records_of(report)[0]
    content["facts"]["gan_checksum"] = "0" * 64
    sign(path, content)
    assert any("the record states 000000000000" in line for line in faults(verify(path.parent)))


def test_values_that_are_missing_are_a_fault(report):
    (path, _) = records_of(report)[0]
    path.with_suffix(".parquet").unlink()
    assert any("per-image values are not here" in line for line in faults(verify(report)))


def test_records_of_two_protocols_are_a_fault(report):
    (path, content) = records_of(report)[0]
    content["protocol"]["psnr"]["data_range"] = 1
    content["facts"]["metric_code"]["psnr"] = "other"
    sign(path, content)
    assert any("protocol of psnr differs" in line for line in faults(verify(path.parent, sample=0)))


def test_a_folder_without_records_is_refused(tmp_path):
    with pytest.raises(StoreError, match="no records here or below"):
        verify(tmp_path)
    with pytest.raises(StoreError, match="no such folder"):
        verify(tmp_path / "nowhere")


def test_a_record_that_cannot_be_read_is_one_fault_and_the_others_are_checked(report):
    (path, _) = records_of(report)[0]
    path.write_text("{")
    done = verify(report, sample=0)
    assert done.exit_code == 1
    assert any("is not a record" in line for line in faults(done))


def test_packed_records_have_no_fault(report):
    pack(report / "records")
    done = verify(report, seed=0)
    assert faults(done) == []


def test_a_receipt_holds_what_was_checked_and_an_edited_one_is_refused(report, tmp_path):
    done = verify(report, seed=0)
    write_receipt(done, tmp_path / "receipt.json")
    receipt = read_receipt(tmp_path / "receipt.json")
    assert receipt["verdict"] == "verified"
    assert receipt["files"]["leaderboard.json"] == sha256(report / "leaderboard.json")
    (path, content) = records_of(report)[0]
    assert covers(receipt, path.stem, content["sha256"])
    assert not covers(receipt, path.stem, "0" * 24)
    text = (tmp_path / "receipt.json").read_text()
    (tmp_path / "receipt.json").write_text(text.replace("verified", "Verified"))
    with pytest.raises(StoreError, match="is not a receipt"):
        read_receipt(tmp_path / "receipt.json")
    assert receipt_of(done)["seed"] == 0


def test_the_command_prints_a_line_a_check_and_its_code(report, call, tmp_path):
    code, out, _ = call("verify", report, "--receipt", tmp_path / "receipt.json", "--seed", 0)
    assert code == 0, out
    assert len(out.splitlines()) > 15
    assert read_receipt(tmp_path / "receipt.json")["verdict"] == "verified"
    (path, content) = records_of(report)[0]
    path.write_text(json.dumps(content | {"reason": "edited"}))
    assert call("verify", report, "--sample", 0)[0] == 1
    code, _, errors = call("verify", tmp_path / "nowhere")
    assert (code, "no such folder" in errors) == (2, True)
