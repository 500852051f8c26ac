"""Reports that would come out the same are left alone; what was changed, deleted or edited is made again."""

from __future__ import annotations

import io
import json
import shutil
import subprocess
import sys
from copy import deepcopy
from dataclasses import replace
from functools import partial

import numpy as np
import pytest
from rich.console import Console

from bench.core.errors import BenchError, StoreError
from bench.core.types import Budget, Cell, ComponentSpec
from bench.harness.suite import open_suite
from bench.papers import manifest
from bench.papers.publish import check_folder, publish
from bench.reports import figure, write

BOARDS = {f"leaderboard.{end}" for end in ("md", "csv", "tex", "json")}
HEAVY = ("torch", "matplotlib", "pandas", "pyarrow", "scipy")


def stamps(folder):
    return {
        path.relative_to(folder).as_posix(): path.stat().st_mtime_ns for path in folder.rglob("*") if path.is_file()
    }


def changed(before, after):
    return {name for name in {**before, **after} if before.get(name) != after.get(name)}


@pytest.fixture(scope="module", autouse=True)
def small_figures():
    """Coarse figures of two images a method, except in processes of their own."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(figure, "DPI", 50)
        patch.setattr(write, "reconstructions", partial(figure.reconstructions, images=2))
        yield


@pytest.fixture(scope="module")
def made_once(build, tmp_path_factory):
    """Three methods with values of every image and pictures, in a folder of their own."""
    rng = np.random.default_rng(0)
    target = rng.integers(256, size=(4, 1, 8, 8), dtype=np.uint8)
    noise = rng.normal(0, 1, 40)
    make = partial(build, tmp_path_factory.mktemp("made"))
    return [
        make(method, images={"psnr": value + noise}, gallery=(target, 255 - target), key=f"{number:024x}")
        for number, (method, value) in enumerate({"random_code": 5, "dfi": 20, "dfi+opt": 22}.items())
    ]


@pytest.fixture
def records(made_once, tmp_path):
    """A test's own copy of these records."""
    shutil.copytree(made_once[0].folder, tmp_path / "made")
    return [replace(deepcopy(record), folder=tmp_path / "made") for record in made_once]


def write_out(suite, records, folder, missing=()):
    """Publish records of a suite; gives the terminal's tables as text, and what was written."""
    before = stamps(folder) if folder.is_dir() else {}
    console = Console(width=120, record=True, file=io.StringIO())
    for table in publish(suite, records, folder, missing):
        console.print(table)
    return console.export_text(), changed(before, stamps(folder))


@pytest.fixture(scope="module")
def published_once(tiny_text, made_once, tmp_path_factory):
    """A folder of reports of the records under the tiny suite, its text, and what was written."""
    suite = tmp_path_factory.mktemp("suite") / "tiny.toml"
    suite.write_text(tiny_text)
    folder = tmp_path_factory.mktemp("published") / "out"
    return folder, *write_out(open_suite(str(suite)), made_once, folder)


@pytest.fixture
def published(tiny_suite, tmp_path):
    """Publish records under the tiny suite; gives the terminal's tables as text, and what was written."""
    folder = tmp_path / "out"

    def run(records, missing=(), **changes):
        return write_out(replace(open_suite(str(tiny_suite)), **changes), records, folder, missing)

    run.folder = folder
    return run


@pytest.fixture
def first(published, published_once):
    """Reports of the records that are there already; gives their text."""
    shutil.copytree(published_once[0], published.folder)
    return published_once[1]


def test_a_second_run_of_a_stored_suite_draws_and_writes_nothing(tiny_suite, own_home, call):
    code, _, errors = call("run", tiny_suite, "--budget", "smoke")
    assert code == 0, errors
    folder = own_home / "reports" / "tiny-smoke"
    before, text = stamps(folder), {}
    program = f"""
import sys
sys.argv = ["ganinv", "run", {str(tiny_suite)!r}, "--budget", "smoke"]
from bench.cli.app import console, main
console.out.width = 200
try: main()
except SystemExit as stop: assert not stop.code
assert not [name for name in {HEAVY!r} if name in sys.modules], sorted(sys.modules)
"""
    for turn in ("kept", "drawn"):
        done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)
        text[turn] = done.stdout
        if turn == "kept":
            assert done.returncode == 0, done.stderr
            assert stamps(folder) == before
            (folder / manifest.FILE).unlink()
    assert "dfi+opt" in text["kept"]
    assert text["kept"] == text["drawn"]
    assert changed(before, stamps(folder)) >= {"leaderboard.md", "reconstructions.png", manifest.FILE}


def test_what_is_kept_is_shown_as_it_was_drawn(published, first, published_once, records):
    written = published_once[2]
    names = {"summary.md", "quality-vs-cost.png", "reconstructions.png", manifest.FILE, *BOARDS}
    assert {name for name in written if not name.startswith("records/")} == names
    assert len(written) == len(names) + 2 * len(records)  # values and pictures; no JSON was stored
    assert published(records) == (first, set())
    assert "dfi+opt" in first


def test_a_file_that_was_deleted_or_edited_comes_back_alone(published, first, records):
    whole = {path.name: path.read_bytes() for path in published.folder.iterdir() if path.is_file()}
    (published.folder / "quality-vs-cost.png").unlink()
    with (published.folder / "leaderboard.md").open("a") as file:
        file.write("edited")
    (published.folder / "records" / f"{records[0].key}.npz").unlink()
    _, written = published(records)
    made_again = {"quality-vs-cost.png", "leaderboard.md", f"records/{records[0].key}.npz"}
    assert written == made_again | {manifest.FILE}
    assert {path.name: path.read_bytes() for path in published.folder.iterdir() if path.is_file()} == whole


def test_everything_that_reports_are_drawn_from_is_noticed(published, first, records, monkeypatch):
    budget = Budget(**records[0].cell["budget"])
    cell = Cell(
        ComponentSpec("digits", label="Digits"), ComponentSpec("dcgan"), ComponentSpec("late"), 0, budget, ("psnr",)
    )
    assert published(records, [cell])[1] >= BOARDS
    assert published(records, [cell], title="Another title")[1] >= BOARDS
    assert published(records, [cell], title="Another title")[1] == set()
    records[0].metrics["test"]["psnr"]["value"] = 99.0
    text, written = published(records)
    assert written >= BOARDS
    assert "99.00" in text
    assert text != first
    path = records[1].folder / f"{records[1].key}.npz"
    pictures = dict(np.load(path))
    np.savez(path, target=pictures["target"], output=pictures["target"])
    assert {"reconstructions.png", f"records/{path.name}"} <= published(records)[1]
    monkeypatch.setattr(manifest, "_code", lambda: "other code")
    assert published(records)[1] >= BOARDS


def test_a_claims_file_and_the_numbers_beside_it_are_part_of_it(published, records, write_claims):
    order = '{op = "order", metric = "psnr", better = "dfi+opt", worse = "dfi"}'
    write_claims(order)
    assert "claims.md" in published(records, claims="claims.toml")[1]
    assert published(records, claims="claims.toml")[1] == set()
    write_claims(order, "T,d,b,dfi,psnr,9,,\n")
    assert "claims.md" in published(records, claims="claims.toml")[1]
    assert "| T | dfi | psnr | 9 |" in (published.folder / "claims.md").read_text()
    with pytest.raises(BenchError, match=r"claims file .*gone\.toml is not there"):
        published(records, claims="gone.toml")


@pytest.mark.parametrize("content", ["", "[]", '{"made_from": 1}', '{"made_from"'])
def test_a_damaged_list_of_reports_draws_everything_again(published, first, published_once, records, content):
    (published.folder / manifest.FILE).write_text(content)
    again, made_again = published(records)
    assert again == first
    assert {name for name in published_once[2] if "/" not in name} == made_again


def test_a_board_that_cannot_be_read_draws_everything_again(published, first, records):
    path = published.folder / manifest.FILE
    content = json.loads(path.read_text())
    del content["boards"][0]["rows"][0]["cells"]
    path.write_text(json.dumps(content))
    again, made_again = published(records)
    assert again == first
    assert made_again >= BOARDS


def test_own_runs_are_marked_in_every_table_and_a_change_of_them_is_drawn_again(
    published, first, records, tiny_suite
):
    suite, folder = open_suite(str(tiny_suite)), published.folder
    publish(suite, records, folder, own_runs=["dfi"])
    assert "dfi¶" in (folder / "leaderboard.md").read_text()
    before = stamps(folder)
    publish(suite, records, folder, own_runs=["dfi"])
    assert changed(before, stamps(folder)) == set()
    publish(suite, records, folder)
    assert "¶" not in (folder / "leaderboard.md").read_text()


def test_reports_go_into_no_folder_of_other_things(tmp_path):
    with pytest.raises(StoreError, match="is a file"):
        (tmp_path / "file").write_text("x")
        check_folder(tmp_path / "file")
    with pytest.raises(StoreError, match="holds other files and no reports; give a new or empty folder"):
        check_folder(tmp_path)
    (tmp_path / "empty").mkdir()
    check_folder(tmp_path / "empty")
    check_folder(tmp_path / "new")


def test_records_of_somebody_else_are_not_replaced(tmp_path):
    """A folder with a report that this project did not stamp, whose records are not among those to write."""
    (tmp_path / "records").mkdir()
    (tmp_path / "leaderboard.json").write_text("[]")
    (tmp_path / "records" / f"{'a' * 24}.json").write_text("{}")
    with pytest.raises(StoreError, match=r"1 records in .*records are not of these reports"):
        check_folder(tmp_path, ["b" * 24])
    check_folder(tmp_path, ["a" * 24])
