"""What ``ganinv list``, ``show`` and ``doctor`` print: names and their facts, those of plug-ins included."""

from __future__ import annotations

import pytest
import torch
from safetensors.torch import load_file

from bench.core import registry
from bench.core.errors import UnknownName
from bench.core.files import sha256
from bench.core.paths import data_folder, shipped_folder
from bench.gans.checkpoints import save_gan
from bench.gans.dcgan import DCGAN
from bench.harness import inspect
from bench.harness.experiment import open_plugins
from bench.harness.inspect import describe, diagnosis, listing

PLUGIN = '''
from dataclasses import dataclass, field
from typing import ClassVar

from bench.core.registry import method, refiner
from bench.core.types import Inverter, Refiner


@method("mine")
@dataclass
class Mine(Inverter):
    """Finds codes by luck.

    Goes on for as long as it is let,
    and then stops.

    Source: a book, page 3.

    Attributes:
        draws: how many.
        sides: of what.
    """

    trained_on: ClassVar[str] = "nothing"
    draws: int = 7
    sides: tuple[int, ...] = field(default_factory=lambda: (1, 2))

    @property
    def capacity(self):
        return "w" if self.draws > 5 else "z"

    def invert(self, x):
        """No codes."""


@refiner("polish")
@dataclass
class Polish(Refiner):
    """Rubs a little."""

    def refine(self, x, codes):
        return codes
'''


@pytest.fixture
def mine(tmp_path):
    path = tmp_path / "mine.py"
    path.write_text(PLUGIN)
    open_plugins([path])
    return path


def only(name, kind=None):
    """The rows of the one thing of that name."""
    ((title, rows),) = describe(name, kind)
    return title, rows


def test_methods_are_listed_with_their_refiners_and_where_they_are_from(mine):
    rows = {name: (summary, origin) for name, summary, origin in listing("methods")}
    assert rows["mine"] == ("Finds codes by luck.", "plug-in mine.py")
    assert rows["+polish"] == ("Rubs a little.", "plug-in mine.py")
    assert rows["dfi"][1] == rows["+opt"][1] == "built in"
    names = [name for name, _, _ in listing("methods")]
    assert len(set(names)) == len(names) == len(registry.entries("method")) + len(registry.entries("refiner"))


@pytest.mark.parametrize(
    ("kind", "known"),
    [
        ("gans", {"dcgan", "vae", "fashion-mnist/dcgan"}),
        ("datasets", {"digits", "celeba"}),
        ("metrics", {"psnr", "fid"}),
        ("studies", {"fish-eye", "memorisation"}),
        ("applications", {"inpaint", "tile"}),
        ("suites", {"quickstart", "faces"}),
    ],
)
def test_every_kind_is_listed_with_a_line_each(kind, known):
    rows = {name: summary for name, summary, _ in listing(kind)}
    assert known <= set(rows)
    assert all(rows.values())


def test_a_plug_in_is_shown_with_what_it_says_of_itself(mine):
    title, rows = only("mine")
    assert title == "method mine"
    assert rows == [
        ("summary", "Finds codes by luck."),
        ("from", f"plug-in mine.py {mine}"),
        ("about", "Goes on for as long as it is let, and then stops."),
        ("source", "a book, page 3."),
        ("capacity", "w"),
        ("trained on", "nothing"),
        ("optimises", "()"),
        ("control", "False"),
        ("option draws", "int, default 7"),
        ("option sides", "tuple[int, ...], default (1, 2)"),
    ]


def test_names_are_found_with_argument_network_and_refiner():
    assert only("dfi+opt")[0] == "refiner dfi+opt"
    title, rows = only("fid@fashion-mnist-cnn")
    facts = dict(rows)
    assert title == "metric fid@fashion-mnist-cnn"
    assert facts["weights"] == "here, checksum verified"
    assert facts["higher is better"] == "False"
    weights = shipped_folder() / "fashion-mnist-cnn.safetensors"
    assert sha256(next(shipped_folder().rglob(weights.name))) in facts["protocol network"]
    assert dict(only("trained")[1])["protocol"] == "depends on the argument: ganinv show trained:DATASET"


def test_a_name_of_several_kinds_is_shown_for_each_or_for_the_one_that_is_asked_for():
    titles = [title for title, _ in describe("lm")]
    assert titles == ["method lm", "refiner lm"]
    assert only("lm", "refiner")[0] == "refiner lm"


def test_a_dataset_says_whether_it_is_here():
    assert dict(only("digits")[1])["here"]
    assert str(data_folder() / "celeba") in dict(only("celeba")[1])["not here"]
    assert dict(only("folder")[1])["not here"] == "folder:ARGUMENT"


def test_a_suite_is_shown_with_its_budgets():
    title, rows = only("quickstart")
    facts = dict(rows)
    assert title == "suite quickstart"
    assert {"title", "datasets", "gans", "methods", "metrics", "rank by", "seeds"} <= set(facts)
    budgets = [name for name, _ in rows if name.startswith("budget ")]
    assert "budget smoke" in budgets
    assert "train_steps" in facts["budget smoke"]
    assert "name" not in facts["budget smoke"].replace("test_images", "")


def test_weights_that_ship_are_counted_and_hashed():
    title, rows = only("fashion-mnist/dcgan")
    facts = dict(rows)
    path = shipped_folder() / "fashion-mnist" / "dcgan.safetensors"
    tensors = load_file(path)
    assert title == "GAN fashion-mnist/dcgan"
    assert facts["sha256"] == sha256(path)
    assert facts["numbers"] == f"{sum(tensor.numel() for tensor in tensors.values()):,}"
    assert (facts["recipe"], facts["image shape"], facts["dataset"]) == ("dcgan", "1x28x28", "fashion-mnist")


def test_weights_of_the_user_are_counted_too(tmp_path, monkeypatch):
    path = tmp_path / "own.safetensors"
    gan = DCGAN(width=2, code_dim=3).build((1, 28, 28), "cpu")
    save_gan(gan, path)
    monkeypatch.setattr(inspect, "shipped_gans", lambda: {"own": path})
    facts = dict(only("own")[1])
    kept = [t for part in (gan.generator, gan.discriminator) for t in part.state_dict().values()]
    assert facts["numbers"] == f"{sum(torch.as_tensor(t).numel() for t in kept):,}"


@pytest.mark.parametrize(
    ("name", "kind", "says"),
    [
        ("dfii", None, "unknown name 'dfii'; did you mean 'dfi'"),
        ("quickstrat", None, "did you mean 'quickstart'"),
        ("fish-eye", "metric", "unknown metric 'fish-eye'"),
        ("dfi", "methods", "unknown kind 'methods'; did you mean 'method'"),
    ],
)
def test_what_nobody_knows_is_refused_with_the_nearest(name, kind, says):
    with pytest.raises(UnknownName, match=says):
        describe(name, kind)


def test_the_diagnosis_names_machine_datasets_networks_and_versions(own_home):
    sections = {title: dict(rows) for title, rows in diagnosis()}
    assert list(sections) == ["machine", "datasets", "feature networks", "versions"]
    machine = sections["machine"]
    assert machine["device"].startswith("cpu: ")
    assert machine["home (GANINV_HOME)"] == str(own_home)
    assert machine["data"] == str(own_home / "data")
    assert not sections["datasets"]["digits"].startswith("not here")
    assert sections["feature networks"]["fid@fashion-mnist-cnn"] == "here"
    assert sections["versions"]["torch"] == torch.__version__.partition("+")[0]
    assert sections["versions"]["gan-inversion-bench"] != "absent"


def test_a_home_that_cannot_be_written_is_said(monkeypatch):
    monkeypatch.setattr(inspect.os, "access", lambda path, mode: False)
    assert dict(diagnosis()[0][1])["home (GANINV_HOME)"].endswith("NOT WRITABLE")
