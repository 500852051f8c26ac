"""Applications through the harness and the command line: what is written, what is reused, mistakes in one line."""

import json
import re
import subprocess
import sys

import numpy as np
import pandas as pd
import pytest
import torch
from PIL import Image
from typer.testing import CliRunner

from bench.applications.publish import run_application
from bench.applications.request import STEPS as DEFAULT_STEPS
from bench.applications.request import ApplicationRequest
from bench.cli.apply import apply_app
from bench.core.errors import BenchError, DataError
from bench.gans.checkpoints import load_gan
from bench.harness.store import Store
from bench.harness.suite import read_suite

GAN = "dcgan?width=4&code_dim=4&batch=8"
STEPS = (("train_steps", 2), ("fit_steps", 2), ("search_steps", 2), ("refine_steps", 1))
TYPED = [word for name, n in STEPS for word in (f"--{name.replace('_', '-')}", str(n))]
FILES = {"README.md", "application.json", "picture.png", "table.csv"}


def request(**asked):
    given = {"gan": GAN, "method": "dfi+opt", "dataset": "digits", "count": 6, "steps": STEPS}
    return ApplicationRequest(**given | asked)


def test_an_application_writes_a_picture_and_a_table_twice_alike(tmp_path):
    outs = [tmp_path / name for name in ("one", "two")]
    for out in outs:
        result, folder = run_application("inpaint", request(), {"square": 10}, out=out)
        assert folder == out
        assert {p.name for p in out.iterdir()} == FILES
    for name in FILES:
        assert (outs[0] / name).read_bytes() == (outs[1] / name).read_bytes(), name
    rows = pd.read_csv(outs[0] / "table.csv")
    assert list(rows["image"]) == ["decoded", "composed", "mean fill", "nothing hidden"]
    assert np.allclose(rows["psnr"], result.tables["Errors"]["psnr"], rtol=1e-4)
    facts = json.loads((outs[0] / "application.json").read_text())
    assert facts["options"]["square"] == 10
    assert facts["protocol"] == {"hidden": 100}
    assert facts["method"]["name"] == "dfi+opt"
    assert facts["images"]["count"] == 6
    readme = (outs[0] / "README.md").read_text()
    assert "](picture.png)" in readme
    assert "| composed |" in readme
    with Image.open(outs[0] / "picture.png") as picture:
        drawn = np.asarray(picture.convert("L"))
    shown = result.strips[0].images[0, 0]
    assert min(drawn.shape) > 300
    assert set(np.unique(shown)) <= set(np.unique(drawn)), "every level of the first image is on the page"


def test_what_is_trained_and_fitted_is_reused(own_home):
    run_application("merge", request())
    kept = {p: p.stat().st_mtime_ns for p in (own_home / "store").rglob("*.safetensors")}
    run_application("deblur", request(), {"strengths": [1.0]})
    assert {p: p.stat().st_mtime_ns for p in (own_home / "store").rglob("*.safetensors")} == kept
    assert len(kept) >= 2, "the GAN and the method"


def test_what_a_suite_trained_is_used(tiny_suite, own_home):
    from bench.harness.runner import run_cells

    suite = read_suite(tiny_suite)
    run_cells(suite.cells("smoke", methods=["dfi"]))
    store = own_home / "store"
    kept = {p.name for part in ("train", "fit") for p in (store / part).iterdir() if p.is_dir()}
    assert kept
    asked = ApplicationRequest(suite=str(tiny_suite), budget="smoke", method="dfi", count=4)
    run_application("interpolate", asked)
    assert {p.name for part in ("train", "fit") for p in (store / part).iterdir() if p.is_dir()} == kept
    with pytest.raises(BenchError, match="no cell with mnist"):
        ApplicationRequest(suite=str(tiny_suite), dataset="mnist").cell()


def test_images_of_the_user_in_tiles(tmp_path):
    rng = np.random.RandomState(0)
    for name in "ab":
        Image.fromarray(rng.randint(0, 256, (40, 60, 3)).astype(np.uint8)).save(tmp_path / f"{name}.png")
    result, _ = run_application("tile", request(images=str(tmp_path), side=56, count=0))
    assert result.protocol["tiles"] == [2, 2]
    assert result.strips[0].images.shape == (2, 1, 56, 56)
    result, _ = run_application("frames", request(images=str(tmp_path), count=0), {"motion": "turn", "length": 3})
    assert result.protocol == {"frames": 3, "clips": 2}
    with pytest.raises(DataError, match="multiples"):
        run_application("tile", request(images=str(tmp_path), side=57, count=0))


def test_test_images_stay_hidden_while_a_method_is_fitted(tmp_path):
    peek = tmp_path / "peek.py"
    peek.write_text(
        "from dataclasses import dataclass\nimport torch\nfrom bench.core.types import Inverter\n"
        "from bench.core.options import create\nfrom bench.core.registry import method\n\n\n"
        '@method("peek")\n@dataclass\nclass Peek(Inverter):\n    """Peeks."""\n\n'
        "    def fit(self, data):\n        create('dataset', 'digits').load()\n\n"
        "    def invert(self, x):\n        return torch.zeros(len(x), self.gan.code_dim)\n"
    )
    with pytest.raises(BenchError, match="reads the test split during fit"):
        run_application("merge", request(method="peek"), plugins=[peek])


@pytest.mark.parametrize(
    ("asked", "says"),
    [
        ({"gan": ""}, "--gan is missing"),
        ({"gan": "dcgann"}, "did you mean 'dcgan'"),
        ({"method": "dffi"}, "did you mean 'dfi'"),
        ({"dataset": ""}, "nothing says what it was trained on"),
        ({"dataset": "digit"}, "did you mean 'digits'"),
        ({"images": "no-such-folder"}, "neither a folder nor a dataset"),
        ({"images": "digits?side=30"}, "multiples"),
        ({"side": 56}, "--side scales images of a folder"),
        ({"count": 100000}, "the test split of digits has 360"),
        ({"count": 1}, "at least 2 images"),
        ({"network": "fashion-cnn"}, "unknown feature network"),
        ({"dataset": "gaussians8"}, "points"),
    ],
)
def test_mistakes_are_one_line(asked, says):
    with pytest.raises(BenchError, match=says) as error:
        run_application("interpolate", request(**asked))
    assert len(str(error.value).splitlines()) == 1


def test_a_side_that_does_not_fit_is_refused_before_files_are_read(tmp_path, monkeypatch):
    monkeypatch.setattr("bench.applications.subject.read_folder", None)
    with pytest.raises(BenchError, match="images of 100000x100000 pixels: expected 28x28"):
        run_application("interpolate", request(images=str(tmp_path), side=100_000))


def test_numbers_below_zero_and_a_budget_of_no_suite_are_refused():
    for asked in ({"seed": -1}, {"steps": (("fit_steps", -3),)}):
        with pytest.raises(BenchError, match="expected 0 or more"):
            request(**asked)
    with pytest.raises(BenchError, match=r"--budget smoke: .* add --suite"):
        request(budget="smoke")


@pytest.mark.parametrize("content", [b"\x89PNG and no header", b"\xff" * 40, b"\x10" + b"\0" * 7 + b"{"])
def test_a_file_that_is_no_gan_is_one_line(tmp_path, content):
    path = tmp_path / "torn.safetensors"
    path.write_bytes(content)
    for dataset in ("", "digits"):
        with pytest.raises(BenchError, match=r"torn\.safetensors: not a whole safetensors file"):
            run_application("merge", request(gan=f"checkpoint:{path}", dataset=dataset))


def test_a_suite_with_several_asks_which():
    for budget, what in (("smoke", "dataset"), ("cpu", "gan")):
        with pytest.raises(BenchError, match=f"has several {what}s: add --{what}, one of"):
            ApplicationRequest(suite="backbones", budget=budget, method="dfi").cell()


def test_a_shipped_gan_knows_its_dataset():
    assert ApplicationRequest(gan="fashion-mnist/dcgan").cell().dataset.name == "fashion-mnist"


def test_the_command_takes_options_of_the_application(tmp_path):
    words = ["inpaint", "--gan", GAN, "--dataset", "digits", "--method", "adam", "--count", "2", *TYPED]
    done = CliRunner().invoke(apply_app, [*words, "--square", "9", "--place", "random", "--out", str(tmp_path / "o")])
    assert done.exit_code == 0, done.output
    assert json.loads((tmp_path / "o" / "application.json").read_text())["protocol"] == {"hidden": 81}
    done = CliRunner().invoke(apply_app, [*words, "--square", "wide"])
    assert isinstance(done.exception, BenchError)
    assert "option square = 'wide' should be int" in str(done.exception)


def test_lists_are_parted_by_commas():
    from bench.applications.arithmetic import Arithmetic
    from bench.applications.deblur import Deblur
    from bench.cli.apply import _read

    assert _read("strengths", "0.5,2", Deblur) == [0.5, 2]
    assert _read("attributes", "Eyeglasses, Mustache", Arithmetic) == ["Eyeglasses", "Mustache"]
    assert _read("attributes", "0,7", Arithmetic) == ["0", "7"]
    assert _read("strata", "1", Arithmetic) == "1"


def test_help_leaves_torch_alone_and_tells_of_every_option():
    code = (
        "import sys; from bench.cli.apply import apply_app\n"
        "try: apply_app()\nfinally: assert 'torch' not in sys.modules"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, "frames", "--help"], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    assert "--sigma" in done.stdout
    assert "Standard deviation of the" in done.stdout
    shown = " ".join(done.stdout.replace("│", " ").split())
    for step, number in DEFAULT_STEPS.items():
        assert re.search(rf"--{step.replace('_', '-')} (?:(?! --).)* Default: {number},", shown), step


def test_the_store_may_be_given(tmp_path):
    from bench.applications.merge import Merge
    from bench.applications.subject import open_subject

    made = open_subject(request(method="random_code"), Merge().check, Store(tmp_path / "store"))
    assert torch.equal(made.invert(made.x), made.invert(made.x))
    (path,) = (tmp_path / "store" / "train").glob("*/gan.safetensors")
    assert load_gan(path).checksum() == made.gan.checksum()
