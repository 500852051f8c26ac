"""Studies and applications are opened by name, give their options, and leave a folder of known files."""

from __future__ import annotations

import json
import subprocess
import sys
from dataclasses import dataclass
from functools import partial

import numpy as np
import pandas as pd
import pytest
from matplotlib.figure import Figure

from bench.applications.base import Application
from bench.core.errors import BenchError, ContractError, StoreError, UnknownName
from bench.core.files import slug
from bench.core.paths import code_allowed
from bench.harness.experiment import Experiment, computing, open_plugins
from bench.harness.experiment_report import (
    ExperimentReport,
    cell_texts,
    default_folder,
    json_rows,
    machine_texts,
    options_text,
    table_section,
)
from bench.studies.base import Study

PLUGIN = """
from dataclasses import dataclass
from bench.core.registry import application, study
from bench.studies.base import Study


@study("mine")
@dataclass
class Mine(Study):
    \"\"\"A study.\"\"\"

    sizes: tuple[int, ...] = (1, 2)
    _hidden: int = 3

    def run(self, request):
        return None


@application("odd")
@dataclass
class Odd(Study):
    \"\"\"A study under the wrong name.\"\"\"

    def run(self, request):
        return None
"""


@pytest.fixture
def plugin(tmp_path):
    path = tmp_path / "mine.py"
    path.write_text(PLUGIN)
    open_plugins([path])
    return path


def test_an_experiment_is_opened_by_name_with_its_options(plugin):
    assert Study.open("mine").options() == {"sizes": [1, 2]}
    assert Study.open("mine", {"sizes": [5]}).options() == {"sizes": [5]}
    assert Application.open("inpaint", {"square": 9}).options()["square"] == 9


@pytest.mark.parametrize(
    ("kind", "name", "options", "error", "says"),
    [
        (Study, "fisheye", {}, UnknownName, "unknown study 'fisheye'; did you mean 'fish-eye'"),
        (Application, "inpant", {}, UnknownName, "unknown application 'inpant'; did you mean 'inpaint'"),
        (Study, "mine", {"size": 1}, UnknownName, "unknown option 'size'; did you mean 'sizes'"),
        (Study, "mine", {"sizes": "many"}, BenchError, "option sizes = 'many'"),
        (
            Application,
            "odd",
            {},
            ContractError,
            r"'odd' \(plug-in mine.py\): Odd must subclass bench\.applications\.base\.Application",
        ),
    ],
)
def test_what_cannot_be_opened_is_said(plugin, kind, name, options, error, says):
    with pytest.raises(error, match=says):
        kind.open(name, options)


def test_code_is_allowed_while_it_computes_and_not_after():
    assert not code_allowed()
    with computing("cpu", allow_code=True):
        assert code_allowed()
    assert not code_allowed()
    with computing("cpu"):
        assert not code_allowed()


def test_a_base_is_read_without_torch():
    code = (
        "import sys, bench.studies.base, bench.applications.base, bench.harness.experiment_report\n"
        "sys.exit('torch' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_every_experiment_bears_the_kind_that_it_is_registered_under():
    @dataclass
    class Loose(Experiment):
        registry_kind = "study"

    assert (Study.registry_kind, Application.registry_kind) == ("study", "application")
    with pytest.raises(ContractError, match="must subclass"):
        Loose.open("fish-eye")


# ----------------------------------------------------------------------------------------------------- the folder


def rows():
    return pd.DataFrame({"name": ["a", "b"], "value": [1 / 3, float("nan")], "count": [1234, 5]})


def square():
    figure = Figure(figsize=(2, 1))
    figure.add_subplot().plot([0, 1], [0, 1])
    return figure


def report(**changes):
    given = {
        "kind": "study",
        "name": "study-mine-A b_c?d=1",
        "picture": "figure.png",
        "draw": square,
        "tables": {"First": rows(), "All of it: psnr, dB": rows()[:1]},
        "content": {"b": 1, "a": [2]},
        "page": "# Page\n",
        "values": {"per-image": rows()},
    }
    return ExperimentReport(**given | changes)


def test_the_folder_holds_picture_tables_json_page_and_values(picture, tmp_path):
    assert report().write(tmp_path / "out") == tmp_path / "out"
    out = tmp_path / "out"
    further = "table-all-of-it-psnr-db.csv"
    files = {"figure.png", "table.csv", further, "study.json", "README.md", "per-image.parquet"}
    assert {path.name for path in out.iterdir()} == files
    assert picture(out / "figure.png").shape == (150, 300)
    assert (out / "table.csv").read_text() == "name,value,count\na,0.333333,1234\nb,,5\n"
    assert (out / further).read_text() == "name,value,count\na,0.333333,1234\n"
    assert json.loads((out / "study.json").read_text()) == {"a": [2], "b": 1}
    assert (out / "README.md").read_text() == "# Page\n"
    pd.testing.assert_frame_equal(pd.read_parquet(out / "per-image.parquet"), rows())


def test_a_folder_that_nobody_names_lies_in_the_users_home(own_home):
    folder = report(kind="application", values={}).write()
    assert folder == own_home / "reports" / "study-mine-a-b-c-d-1" == default_folder("study-mine-A b_c?d=1")
    assert (folder / "application.json").read_text() == '{\n "a": [\n  2\n ],\n "b": 1\n}\n'


def test_a_folder_that_cannot_be_written_is_an_error_of_ours(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(StoreError, match="cannot write"):
        report().write(tmp_path / "file" / "out")


def test_cells_are_read_by_people():
    mixed = pd.DataFrame({"a": [123456.789, float("nan")], "b": [1234567, 8], "c": [True, False], "d": ["x|y", "z"]})
    assert cell_texts(mixed) == [["1.235e+05", "1,234,567", "True", "x|y"], ["–", "8", "False", "z"]]
    assert table_section("A|B", mixed[["d"]][:1]) == ["## A\\|B", "", "| d |", "| --- |", "| x\\|y |", ""]


def test_rows_for_json_have_plain_values():
    found = json_rows(rows(), partial(round_or_text, 2))
    assert found == [{"name": "a", "value": 0.33, "count": 1234}, {"name": "b", "value": "nan", "count": 5}]
    assert all(type(row["count"]) is int for row in found)


def round_or_text(digits, value):
    if isinstance(value, float):
        return "nan" if np.isnan(value) else round(value, digits)
    return value


def test_options_and_machine_are_put_in_words():
    assert options_text({"a": 1, "b": [2, "c"]}) == "a = 1, b = [2, 'c']"
    assert machine_texts({"device": "cpu: x", "commit": "abc", "dirty": False}) == ("cpu: x", "abc")
    assert machine_texts({"commit": "abc", "dirty": True}) == ("unknown", "abc (with uncommitted changes)")


@pytest.mark.parametrize(("text", "part"), [("A b", "a-b"), ("--gan?x=1", "gan-x-1"), ("é", ""), ("a__B!", "a-b")])
def test_a_slug_holds_letters_digits_and_hyphens(text, part):
    assert slug(text) == part
