"""``ganinv overfit`` as it is typed: a TorchScript generator on folders of PNGs, and every kind of bad input."""

from __future__ import annotations

import subprocess
import sys

import numpy as np
import pytest
import torch
import typer
from PIL import Image
from torch import nn
from typer.testing import CliRunner

from bench.cli.overfit import overfit
from bench.core.paths import allowing_code
from bench.core.types import ComponentSpec
from bench.overfit import examination, ranking, sweep
from bench.overfit.inputs import open_gan

app = typer.Typer()
app.command()(overfit)
ORDERS = (["gan.pt", "other-2.pt"], ["other-2.pt", "gan.pt"])
KNOWN = ["--prior", "normal", "--code-dim", "40", "--allow-code"]


class Line(nn.Module):
    """A linear generator, with what may be wrong with it."""

    def __init__(self, weight, scale: float = 1.0, shift: float = 0.0, noise: float = 0.0):
        super().__init__()
        self.register_buffer("weight", weight)
        self.scale, self.shift, self.noise = scale, shift, noise

    def forward(self, z):
        made = (z @ self.weight).reshape(-1, 1, 8, 8)
        return made * self.scale + self.shift + self.noise * torch.randn_like(made)


@pytest.fixture
def ask(folders, monkeypatch):
    monkeypatch.setattr(examination, "SAMPLES", 200)

    def call(*words, dirs=folders):
        found = CliRunner().invoke(app, [*words, "--train", str(dirs[0]), "--test", str(dirs[1]), "--n", "40"])
        return found.output if found.exception is None else str(found.exception)

    return call


@pytest.fixture
def memorising(scripted, known):
    return scripted(Line(known))


def test_a_scripted_memoriser_on_folders(ask, memorising, tmp_path):
    said = ask(memorising, *KNOWN, "--steps", "40", "--no-curve", "--out", str(tmp_path / "out"))
    assert "memorises" in said
    assert '<p class="verdict"><b>memorises</b></p>' in (tmp_path / "out" / "page.html").read_text()


def test_code_runs_with_permission_alone(ask, memorising):
    assert "add --allow-code" in ask(memorising, *KNOWN[:-1])


def test_an_unknown_prior_is_asked_for(ask, memorising):
    said = ask(memorising, "--code-dim", "40", "--allow-code")
    assert "how are codes distributed" in said
    assert "--prior normal" in said


@pytest.mark.parametrize(
    ("change", "text"),
    [
        ({"noise": 0.1}, "stochastic"),
        ({"scale": 100.0}, r"expected [-1, 1]"),
        ({"scale": 0.05, "shift": 0.55}, "seems to give [0, 1]"),
        ({"shift": float("nan")}, "NaN"),
    ],
)
def test_generators_that_break_the_contract(ask, scripted, known, folders, change, text):
    dark = np.zeros((8, 8), np.uint8)
    Image.fromarray(dark).save(folders[1] / "dark.png")
    assert text in ask(scripted(Line(known, **change)), *KNOWN)


class Normed(nn.Module):
    def __init__(self):
        super().__init__()
        self.layer, self.norm = nn.Linear(40, 64), nn.BatchNorm1d(64)

    def forward(self, z):
        return torch.tanh(self.norm(self.layer(z))).reshape(-1, 1, 8, 8)


def test_batch_norm_in_train_mode_is_set_to_eval_and_said(scripted):
    torch.manual_seed(0)
    with allowing_code():
        opened = open_gan(ComponentSpec(scripted(Normed().train())), "cpu", "normal", 40)
        still = open_gan(ComponentSpec(scripted(Normed().eval(), "still.pt")), "cpu", "normal", 40)
    assert "saved in train mode and was set to eval" in opened.remarks[0]
    assert still.remarks == ()


@pytest.mark.usefixtures("undrawn")
def test_files_of_another_size_are_named_and_resized_when_asked(ask, memorising, folders, tmp_path):
    Image.fromarray(np.full((16, 16), 99, np.uint8)).save(folders[1] / "large.png")
    said = ask(memorising, *KNOWN)
    assert "'large.png': 16 x 16 pixels, but without --resize the files must have 8 x 8" in said
    said = ask(memorising, *KNOWN, "--resize", "--steps", "2", "--no-curve", "--out", str(tmp_path / "out"))
    assert "Report:" in said


@pytest.mark.usefixtures("undrawn")
def test_files_of_other_colours_are_said(ask, memorising, folders, tmp_path):
    said = ask(memorising, *KNOWN, "--steps", "2", "--no-curve", "--out", str(tmp_path / "grey"))
    assert "Report:" in said
    Image.fromarray(np.full((8, 8, 3), (200, 10, 60), np.uint8)).save(folders[1] / "000-red.png")
    ask(memorising, *KNOWN, "--steps", "2", "--no-curve", "--out", str(tmp_path / "red"))
    pages = [(tmp_path / name / "README.md").read_text() for name in ("grey", "red")]
    assert ["files of other colours were turned grey" in page for page in pages] == [False, True]


@pytest.mark.usefixtures("undrawn")
def test_files_of_one_name_are_told_apart(ask, scripted, memorising, unknown, tmp_path):
    (tmp_path / "b").mkdir()
    other = scripted(Line(unknown), "b/gan.pt")
    out = tmp_path / "out"
    said = ask("--compare", memorising, other, *KNOWN, "--steps", "2", "--no-curve", "--out", str(out))
    assert "verdict" in said
    assert len(list(out.glob("*/page.html"))) == 2
    assert "is named twice" in ask("--sweep", memorising, memorising, *KNOWN, "--steps", "2")


@pytest.mark.usefixtures("undrawn")
def test_near_duplicates_are_counted(ask, memorising, folders, real, tmp_path):
    for number in range(2):
        near = real.train.data[number, 0].numpy() + np.uint8(1)
        for place in range(30):  # so many that some are among the 40
            Image.fromarray(near).save(folders[1] / f"near-{number}-{place}.png")
    with pytest.warns(UserWarning, match="of 40 unseen images are near-duplicates of a training image"):
        ask(memorising, *KNOWN, "--steps", "2", "--no-curve", "--out", str(tmp_path / "out"))
    assert "near-duplicates" in (tmp_path / "out" / "README.md").read_text()


def test_unseen_images_that_were_trained_on_are_refused(ask, memorising, folders, real):
    Image.fromarray(real.train.data[0, 0].numpy()).save(folders[1] / "seen.png")
    assert "1 of 61 unseen images are also training images" in ask(memorising, *KNOWN)
    assert "are both" in ask(memorising, *KNOWN, dirs=(folders[0], folders[0]))


@pytest.mark.parametrize(
    ("words", "text"),
    [
        (["fashion-mnist/dcgan"], "no images given: --dataset"),
        (["lsgan", "--dataset", "digits"], "no training of lsgan on digits is stored"),
        (["fashion-mnist/dgcan", "--dataset", "digits"], "did you mean"),
        (["fashion-mnist/dcgan", "--dataset", "digits"], "trained on fashion-mnist, not on digits: use --dataset"),
        (["fashion-mnist/dcgan", "--dataset", "digits", "--prior", "normal"], "defines its own codes"),
        (["fashion-mnist/dcgan", "--dataset", "digits", "--prior", "gauss"], "unknown prior"),
        (["fashion-mnist/dcgan", "--dataset", "digits", "--budget", "huge"], "unknown budget"),
        (["fashion-mnist/dcgan", "--dataset", "digits", "--search", "dfi"], "is trained on"),
        (["fashion-mnist/dcgan", "fashion-mnist/gan", "--dataset", "digits"], "add --compare"),
        (["fashion-mnist/dcgan", "--compare", "--dataset", "digits"], "needs two GANs"),
        (["fashion-mnist/dcgan", "--compare", "--sweep", "--dataset", "digits"], "give one of them"),
        (["fashion-mnist/dcgan", "--dataset", "digits", "--resize"], "--resize is for"),
        (["fashion-mnist/dcgan", "--dataset", "digits", "--n", "-1"], "must be 0 or more"),
        (["fashion-mnist/dcgan", "--dataset", "digits", "--jobs", "0"], "--jobs 0: expected 1 to "),
        (["fashion-mnist/dcgan", "--dataset", "digits", "--jobs", "4096"], "one for each core of this machine"),
        (["fashion-mnist/dcgan", "--dataset", "digits", "--recovered", "inf"], "--recovered inf"),
        (["fashion-mnist/dcgan", "--dataset", "digits", "--recovered", "nan"], "--recovered nan"),
    ],
)
def test_what_makes_no_sense_is_said(words, text):
    assert text in str(CliRunner().invoke(app, words).exception)


@pytest.mark.usefixtures("undrawn")
def test_compare_and_sweep_write_their_tables(ask, scripted, unknown, memorising, tmp_path):
    other = scripted(Line(unknown), "other-2.pt")
    for mode in ("compare", "sweep"):
        out = tmp_path / mode
        said = ask(f"--{mode}", memorising, other, *KNOWN, "--steps", "20", "--no-curve", "--out", str(out))
        assert "verdict" in said
        columns = (ranking if mode == "compare" else sweep).COLUMNS
        table = [line for line in (out / "README.md").read_text().splitlines() if line.startswith("| ")]
        assert table[0] == f"| {' | '.join(columns)} |"
        assert [name for row in table[2:] for name in ("gan.pt", "other-2.pt") if f"| {name} |" in row] in ORDERS
        assert "<h1>Did other-2.pt overfit?" in (out / "other-2-pt" / "page.html").read_text()


def test_help_needs_no_torch():
    code = "import sys, bench.cli.overfit; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
