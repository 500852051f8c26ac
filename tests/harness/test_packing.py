"""Packed records: the same records, values, reports and first pictures in a few files, or one clear error."""

import gzip
import hashlib
import json
import os
import shutil
from dataclasses import asdict, replace
from functools import partial
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from bench.core.errors import StoreError
from bench.core.packed import (
    CHECKSUM,
    MANIFEST,
    PACKED_FILES,
    PICTURES,
    RECORDS,
    VALUES,
    manifest_checksum,
    open_packed,
)
from bench.harness.packing import (
    IMAGES,
    cut,
    pack,
    pack_below,
    per_image_values,
    stored_content,
)
from bench.harness.store import Store, copy_records, read_records, write_record
from bench.papers.publish import claims_pages
from bench.reports.gallery import gallery
from bench.reports.groups import groups, image_table
from bench.reports.leaderboard import boards_of
from bench.reports.write import Reported, write_reports

ROOT = Path(__file__).parents[2]
RESULTS = ROOT / "results"
CLAIMS = ROOT / "bench" / "papers" / "dfi" / "claims.toml"
MOST_MEGABYTES = 60


def pictures(seed, count=6, channels=1):
    return np.random.default_rng(seed).integers(256, size=(count, channels, 8, 8), dtype=np.uint8)


def key(number):
    return f"{number:024x}"


def put(folder, record, number, values=None, shown=None):
    """Write a record under another key."""
    content = asdict(replace(record, key=key(number), folder=None))
    del content["folder"]
    write_record(folder, key(number), content, values, shown)


def contents(folder):
    return [stored_content(folder, record.key) for record in read_records(folder)]


@pytest.fixture(scope="module")
def written(build, build_suite, tmp_path_factory):
    """A report of records of fifteen cells, thirteen of them with pictures, and one that failed; on two GANs."""
    make = partial(build, tmp_path_factory.mktemp("made"))
    report = tmp_path_factory.mktemp("written") / "report"
    failed = make("encoder", 5, status="failed", reason="diverged")
    other = make("encoder", 0, images={"ssim": np.linspace(0, 1, 40)}, cell={"gan": {"name": "wgan", "options": {}}})
    for number, record in enumerate([*build_suite(make), failed, other]):
        shown = {"target": pictures(0), "output": pictures(number + 1)} if number not in {0, 1} else None
        values = None if record.status == "failed" else per_image_values(record)
        put(report / "records", record, number, values, None if values is None else shown)
    write(report / "records", report)
    return report


@pytest.fixture(scope="module")
def packed_once(written, tmp_path_factory):
    """Its records, packed."""
    place = tmp_path_factory.mktemp("packed") / "records"
    shutil.copytree(written / "records", place)
    pack(place)
    return place


@pytest.fixture
def folder(written, tmp_path):
    """A test's own copy of the records."""
    return Path(shutil.copytree(written / "records", tmp_path / "report" / "records"))


@pytest.fixture
def packed(packed_once, tmp_path):
    """A test's own copy of the packed records."""
    return Path(shutil.copytree(packed_once, tmp_path / "packed" / "records"))


def write(folder, out):
    """Write reports of the records in a folder."""
    found = groups(read_records(folder))
    write_reports(Reported("T", found, boards_of(found, "psnr", "T"), pages=claims_pages(CLAIMS, found)), out)


def texts(report):
    """Contents of the files of a report, but for figures."""
    return {p.name: p.read_bytes() for p in report.iterdir() if p.is_file() and p.suffix != ".png"}


def test_a_pack_holds_the_same_records_and_values_in_four_files(folder, packed):
    assert sorted(p.name for p in packed.iterdir()) == sorted(PACKED_FILES)
    before, after = read_records(folder), read_records(packed)
    assert after == [replace(record, folder=packed) for record in before]
    assert contents(packed) == contents(folder)
    for one, other in zip(before, after, strict=True):
        for track in ("test", "own"):
            left, right = image_table(one, track), image_table(other, track)
            assert (left is None) == (right is None)
            if left is not None:
                pd.testing.assert_frame_equal(left, right, check_exact=True)


def test_reports_are_byte_for_byte_the_same(written, packed, tmp_path):
    write(packed, tmp_path / "b")
    one, other = texts(written), texts(tmp_path / "b")
    assert {"leaderboard.json", "leaderboard.csv", "leaderboard.tex", "summary.md", "claims.md"} <= set(one)
    assert one == other
    assert (tmp_path / "b" / "reconstructions-digits-dcgan-smoke.png").is_file()


def test_the_first_images_of_each_record_stay_and_targets_are_stored_once(folder, packed):
    before = {r.key: found for r in read_records(folder) if (found := gallery(r))}
    after = {r.key: found for r in read_records(packed) if (found := gallery(r))}
    assert set(before) == set(after)
    assert len(after) == 14
    for name, (target, output) in after.items():
        assert len(target) == 6  # 6 targets and 14 x 6 outputs are 90 images
        assert np.array_equal(target, before[name][0][:6])
        assert np.array_equal(output, before[name][1][:6])
    assert {kept["target"] for kept in open_packed(packed).manifest["galleries"].values()} == {"targets-0.png"}


@pytest.mark.parametrize(("images", "each"), [(75, 5), (74, 4), (15, 1), (5, 1), (0, 0)])
def test_no_more_images_stay_than_asked_for(packed, images, each):
    done = pack(packed, images)
    shown = [len(found[1]) for r in read_records(packed) if (found := gallery(r))]
    assert done.kept == (sum(shown) + each if shown else 0) <= images
    assert set(shown) <= {each}
    assert done.without == 14 - len(shown)
    assert (packed / PICTURES).is_file() == bool(images)


def test_with_too_many_records_the_last_seeds_keep_none():
    every = {f"{seed}": (pictures(0), pictures(seed)) for seed in range(20)}
    assert list(cut(every, 11)) == [f"{seed}" for seed in range(10)]


def test_pictures_of_colour_and_of_several_sizes_come_back(tmp_path, make):
    stored = {}
    for number, (channels, side) in enumerate([(1, 8), (3, 8), (3, 12), (1, 12)]):
        found = np.random.default_rng(number).integers(256, size=(2, 3, channels, side, side + 2), dtype=np.uint8)
        stored[key(number)] = found
        put(tmp_path / "r", make("m"), number, None, {"target": found[0], "output": found[1]})
    pack(tmp_path / "r")
    for record in read_records(tmp_path / "r"):
        assert np.array_equal(gallery(record), stored[record.key])


def test_packing_twice_changes_no_byte_and_takes_in_what_came_later(packed, folder):
    before = {p.name: p.read_bytes() for p in packed.iterdir()}
    pack(packed)
    assert {p.name: p.read_bytes() for p in packed.iterdir()} == before
    record = read_records(folder)[3]
    put(packed, record, 99, per_image_values(record))
    assert len(read_records(packed)) == 18
    pack(packed)
    assert sorted(p.name for p in packed.iterdir()) == sorted(PACKED_FILES)
    assert len(read_records(packed)) == 18


@pytest.mark.parametrize("name", [RECORDS, VALUES, PICTURES])
@pytest.mark.parametrize("damage", ["missing", "truncated", "altered"])
def test_a_damaged_file_is_named_with_the_remedy(packed, name, damage):
    content = (packed / name).read_bytes()
    if damage == "missing":
        (packed / name).unlink()
    else:
        (packed / name).write_bytes(content[:-7] if damage == "truncated" else content[:-7] + b"\0" * 7)
    with pytest.raises(StoreError, match=rf"{name} cannot be read: .*restore .*git checkout -- ") as caught:
        for record in read_records(packed):
            image_table(record, "test")
            gallery(record)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("content", ["{", "{}", '{"format": 1}', '{"format": 2}', "[]"])
def test_a_manifest_that_is_none_is_named(packed, content):
    (packed / MANIFEST).write_text(content)
    with pytest.raises(StoreError, match=MANIFEST):
        read_records(packed)


def test_a_record_of_another_version_is_named(packed):
    lines = gzip.decompress((packed / RECORDS).read_bytes()).decode().splitlines()
    content = gzip.compress("\n".join(json.dumps(json.loads(line) | {"new": 1}) for line in lines).encode())
    (packed / RECORDS).write_bytes(content)
    manifest = json.loads((packed / MANIFEST).read_text())
    manifest["files"][RECORDS] = hashlib.sha256(content).hexdigest()
    (packed / MANIFEST).write_text(json.dumps({**manifest, CHECKSUM: manifest_checksum(manifest)}))
    with pytest.raises(StoreError, match=r"is not a record: .*new"):
        read_records(packed)


def test_packed_records_are_copied_as_files_of_their_own(folder, packed, written, tmp_path, monkeypatch):
    monkeypatch.setattr("bench.reports.write._drawn", lambda *drawing: [])  # texts are compared
    records = read_records(packed)
    copy_records(records, tmp_path / "copy")
    assert contents(tmp_path / "copy") == contents(folder)
    assert sorted(p.name for p in (tmp_path / "copy").iterdir()) == sorted(p.name for p in folder.iterdir())
    write(tmp_path / "copy", tmp_path / "a")
    assert texts(tmp_path / "a") == texts(written)


def test_a_packed_takes_just_the_records_it_is_given(packed, folder):
    copy_records(read_records(packed), packed)  # onto itself
    assert sorted(p.name for p in packed.iterdir()) == sorted(PACKED_FILES)
    copy_records(read_records(packed)[:4], packed)
    assert [r.key for r in read_records(packed)] == [key(number) for number in range(4)]
    assert not (packed / MANIFEST).exists()
    pack(packed)
    copy_records(read_records(folder), packed)
    assert sorted(p.name for p in packed.iterdir()) == sorted(p.name for p in folder.iterdir())


def test_values_of_one_name_and_two_types_are_refused_and_nothing_is_lost(folder):
    before = sorted(p.name for p in folder.iterdir())
    table = pd.read_parquet(folder / f"{key(3)}.parquet")
    table.assign(psnr=table["psnr"].astype(np.float32)).to_parquet(folder / f"{key(3)}.parquet")
    with pytest.raises(StoreError, match="'psnr' is float32 and float64"):
        pack(folder)
    assert sorted(p.name for p in folder.iterdir()) == before


def test_the_command_packs_every_folder_below_and_the_figures(call, written, tmp_path):
    report = Path(shutil.copytree(written, tmp_path / "report"))
    figure = report / "quality-vs-cost-digits-dcgan-smoke.png"
    code, out, _ = call("pack", report, "--images", 30)
    assert code == 0
    assert "17 records, 30 images kept" in out
    assert "figures: " in out
    assert figure.is_file()
    assert sorted(p.name for p in (report / "records").iterdir()) == sorted(PACKED_FILES)
    code, _, err = call("pack", tmp_path / "nowhere")
    assert (code, err.count("\n")) == (2, 1)
    assert "no folder of records" in err


def test_the_store_itself_is_not_packed(make, own_home):
    Store().put_record(make("m", key=key(1)))
    with pytest.raises(StoreError, match="is the store"):
        list(pack_below(own_home))
    assert (Store().records_folder / f"{key(1)}.json").is_file()


def test_the_committed_results_stay_light():
    assert sum(p.stat().st_size for p in RESULTS.rglob("*") if p.is_file()) <= MOST_MEGABYTES * 1e6


@pytest.mark.parametrize("folder", sorted(RESULTS.rglob("records")), ids=lambda p: p.parent.name)
def test_the_committed_records_are_packed_and_keep_few_pictures(folder):
    found = open_packed(folder)
    assert found is not None, f"ganinv pack {folder.relative_to(ROOT)}"
    kept = found.manifest["galleries"].values()
    outputs = sum(each["shape"][0] for each in kept)
    targets = {each["target"]: each["shape"][0] for each in kept}
    assert outputs + sum(targets.values()) <= IMAGES
    for record in read_records(folder):
        assert (record.status == "done") == (image_table(record, "test") is not None)
        assert record.key not in found.manifest["galleries"] or gallery(record) is not None


def test_every_flipped_bit_of_a_pack_is_said_in_one_line(packed):
    """Of the manifest too: what it says of shapes and rows has no other witness."""
    rng = np.random.default_rng(0)
    for name in PACKED_FILES:
        path = packed / name
        whole = path.read_bytes()
        for place in rng.integers(0, len(whole), 25):
            damaged = bytearray(whole)
            damaged[place] ^= 1 << int(rng.integers(8))
            path.write_bytes(damaged)
            os.utime(path, ns=(int(place) + 1, int(place) + 1))
            with pytest.raises(StoreError, match="cannot be read") as caught:
                found = open_packed(packed)
                for name_of_record in found.records:
                    found.values(name_of_record)
                    found.pictures(name_of_record)
            assert "\n" not in str(caught.value)
        path.write_bytes(whole)
