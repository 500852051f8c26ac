"""A key changes with everything that changes an outcome, and with nothing else."""

import dataclasses
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from PIL import Image

import bench
from bench.core.declared import declared_options
from bench.core.paths import shipped_folder
from bench.core.types import ComponentSpec
from bench.harness.context import seed_of
from bench.harness.keys import KeyMaker, keys_of
from bench.harness.suite import read_suite

ALL = ["train", "fit", "invert", "cell"]
ROOT = Path(bench.__file__).resolve().parents[1]


def test_generated_images_have_a_key_of_their_own(cell, changed_stages):
    """They depend on the GAN, the seed, their number and the nonce, and on no method."""
    own = keys_of(cell).own
    assert keys_of(dataclasses.replace(cell, method=ComponentSpec("random_code"))).own == own
    others = [{"seed": 1}, {"nonce": "b"}, {"budget": dataclasses.replace(cell.budget, own_images=9)}]
    others += [{"gan": ComponentSpec("dcgan", {"width": 4})}]
    assert len({own, *(keys_of(dataclasses.replace(cell, **each)).own for each in others)}) == 5
    assert changed_stages(keys_of(cell), keys_of(dataclasses.replace(cell, nonce="b"))) == ["invert", "cell"]


@pytest.mark.parametrize(
    ("change", "stages"),
    [
        ({"seed": 1}, ["train", "fit", "invert", "cell"]),
        ({"gan": ComponentSpec("dcgan", {"width": 16, "code_dim": 16})}, ["train", "fit", "invert", "cell"]),
        ({"dataset": ComponentSpec("digits", {}, "a label")}, []),
        ({"method": ComponentSpec("dfi+opt", {"depth": 3})}, ["fit", "invert", "cell"]),
        ({"method": ComponentSpec("dfi+opt", {"opt": {"learning_rate": 0.1}})}, ["invert", "cell"]),
        ({"method": ComponentSpec("dfi")}, ["invert", "cell"]),
        ({"method": ComponentSpec("dfi+opt", {}, "another label")}, []),
        ({"metrics": ("psnr",)}, ["cell"]),
        ({"gan": ComponentSpec("dcgan", {"width": 8, "code_dim": 16, "ema": 0.0})}, []),
        ({"gan": ComponentSpec("dcgan", {"width": 8, "code_dim": 16, "ema": 0.5})}, ALL),
        ({"gan": ComponentSpec("dcgan", {"width": 8, "code_dim": 16, "emma": 0.0})}, ALL),
    ],
)
def test_a_change_reaches_its_stage_and_those_below(cell, change, stages, changed_stages):
    assert changed_stages(keys_of(cell), keys_of(dataclasses.replace(cell, **change))) == stages


@pytest.mark.parametrize(
    ("number", "stages"),
    [
        ({"train_steps": 13}, ["train", "fit", "invert", "cell"]),
        ({"fit_steps": 7}, ["fit", "invert", "cell"]),
        ({"refine_steps": 4}, ["invert", "cell"]),
        ({"test_images": 12}, ["invert", "cell"]),
        ({"name": "cpu"}, ["cell"]),
    ],
)
def test_a_budget_number_reaches_its_stage(cell, number, stages, changed_stages):
    other = dataclasses.replace(cell, budget=dataclasses.replace(cell.budget, **number))
    assert changed_stages(keys_of(cell), keys_of(other)) == stages


@pytest.mark.parametrize("part", ["dataset", "method", "refiner"])
def test_an_option_at_its_default_changes_no_key_and_no_seed(cell, part):
    kind, name = {"dataset": ("dataset", "digits"), "method": ("method", "dfi"), "refiner": ("refiner", "opt")}[part]
    option, default = next((o, v) for o, v in declared_options(kind, name).items() if type(v) in {int, float})
    old = cell.dataset if part == "dataset" else cell.method
    given = old.options.get("opt", {}) if part == "refiner" else old.options
    assert option not in given

    def stating(value):
        stated = {**given, option: value}
        options = {**old.options, "opt": stated} if part == "refiner" else stated
        return dataclasses.replace(
            cell, **{kind if part == "dataset" else "method": ComponentSpec(old.name, options)}
        )

    assert keys_of(stating(default)) == keys_of(cell)
    assert keys_of(stating(default + 1)) != keys_of(cell)
    for stage in ("train", "own", "sample", "fit", "invert"):
        assert seed_of(stage, stating(default)) == seed_of(stage, cell)


def test_a_metric_counts_with_its_options_and_its_network(cell):
    def key(*metrics):
        return keys_of(dataclasses.replace(cell, metrics=metrics)).cell

    assert key("lpips") == key("lpips@alex") != key("lpips@vgg")
    first, default = next((o, v) for o, v in declared_options("metric", "kid").items() if o != "network")
    assert key("kid") == key(f"kid:{default}") == key(f"kid:{default}@inception") != key("kid:7"), first


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ({"dataset": ComponentSpec("digits:28")}, {}),
        ({"dataset": ComponentSpec("digits:32")}, {"dataset": ComponentSpec("digits", {"side": 32})}),
        ({"gan": ComponentSpec("dcgan", {"beta2": 0})}, {"gan": ComponentSpec("dcgan", {"beta2": 0.0})}),
        ({"gan": ComponentSpec("tiled", {"options": {"ema": 0}})}, {"gan": ComponentSpec("tiled")}),
        (
            {"method": ComponentSpec("adam", {"learning_rate": 2})},
            {"method": ComponentSpec("adam", {"learning_rate": 2.0})},
        ),
        ({"metrics": ("ms_ssim:5",)}, {"metrics": ("ms_ssim",)}),
    ],
)
def test_two_ways_of_stating_the_same_have_one_key_and_one_seed(cell, one, other):
    first, second = dataclasses.replace(cell, **one), dataclasses.replace(cell, **other)
    assert keys_of(first) == keys_of(second)
    for stage in ("train", "own", "sample", "fit", "invert"):
        assert seed_of(stage, first) == seed_of(stage, second)


def test_a_folder_has_one_key_however_its_path_is_stated(cell, tmp_path):
    for number in range(12):
        Image.new("L", (8, 8), 20 * number).save(tmp_path / f"{number}.png")
    choices = [
        ComponentSpec(f"folder:{tmp_path}", {"size": 8, "channels": 1}),
        ComponentSpec("folder", {"path": str(tmp_path), "size": 8, "channels": 1, "crop": "centre"}),
    ]
    first, second = (dataclasses.replace(cell, dataset=each) for each in choices)
    assert keys_of(first) == keys_of(second)
    assert seed_of("train", first) == seed_of("train", second)


def test_images_that_change_while_a_process_runs_change_its_keys(cell, tmp_path):
    for number in range(12):
        Image.new("L", (8, 8), 20 * number).save(tmp_path / f"{number}.png")
    own = dataclasses.replace(cell, dataset=ComponentSpec(f"folder:{tmp_path}", {"size": 8, "channels": 1}))
    before = keys_of(own)
    assert keys_of(own) == before
    Image.new("L", (8, 8), 255).save(tmp_path / "3.png")
    assert keys_of(own).train != before.train


def test_gans_from_files_that_draw_other_numbers_have_other_keys(cell, tmp_path):
    shipped = shipped_folder() / "fashion-mnist" / "dcgan.safetensors"
    shutil.copyfile(shipped, tmp_path / "copy.safetensors")
    choices = [ComponentSpec("fashion-mnist/dcgan"), ComponentSpec(f"checkpoint:{tmp_path / 'copy.safetensors'}")]
    choices.append(ComponentSpec("fashion-mnist/dcgan", {"psi": 0.5}))
    cells = [dataclasses.replace(cell, gan=each) for each in choices]
    assert len({seed_of("own", each) for each in cells}) == 3
    assert len({keys_of(each).train for each in cells}) == 3


def test_many_cells_get_the_keys_that_each_gets_alone(tiny_suite):
    cells, maker = read_suite(tiny_suite).cells(), KeyMaker()
    made = [maker.keys(each) for each in cells]
    assert made == [keys_of(each) for each in cells]
    assert len({each.cell for each in made}) == len(cells)


def test_keys_need_no_torch(tiny_suite):
    code = (
        "import sys; from pathlib import Path; from bench.harness.suite import read_suite; "
        "from bench.harness.keys import keys_of; cells = read_suite(Path(sys.argv[1])).cells(); "
        "[keys_of(cell) for cell in cells]; assert 'torch' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", code, str(tiny_suite)], check=True)
