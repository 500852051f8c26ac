"""Code is part of keys: that of stages, classes, plug-ins and the packages that they import."""

import dataclasses
import shutil
import sys
from pathlib import Path

import pytest

import bench
from bench.core import environment
from bench.core.fingerprints import CodeReader
from bench.core.import_graph import SourceTree
from bench.core.paths import allowing_code, home
from bench.core.registry import add_plugin
from bench.core.types import ComponentSpec
from bench.harness import fit_stage, invert_stage, keys, measure_stage, stages, train_stage
from bench.harness.keys import STAGES, KeyMaker, keys_of, module_code
from bench.harness.report_keys import report_key

ALL = ["train", "fit", "invert", "cell"]
ROOT = Path(bench.__file__).resolve().parents[1]


def test_stages_are_where_their_keys_look_for_them():
    functions = {"train": train_stage.train, "fit": fit_stage.fit, "invert": invert_stage.invert}
    functions["measure"] = measure_stage.write_record
    assert {stage: function.__module__ for stage, function in functions.items()} == STAGES
    assert (stages.train, stages.invert, stages.fit) == (train_stage.train, invert_stage.invert, fit_stage.fit)
    assert stages.write_record is measure_stage.write_record


@pytest.mark.parametrize(("package", "changed"), [("torch", ALL), ("numpy", ALL), ("torch_fidelity", ["cell"])])
def test_versions_count_where_they_are_computed_with(cell, monkeypatch, package, changed, changed_stages):
    cell = dataclasses.replace(cell, metrics=("psnr", "ssim", "fid"))
    before, real = keys_of(cell), environment.imported_version
    monkeypatch.setattr(keys, "imported_version", lambda name: "0.0" if name == package else real(name))
    assert changed_stages(before, keys_of(cell)) == changed


def test_versions_are_looked_up_once(monkeypatch):
    environment.imported_version.cache_clear()
    asked = []
    monkeypatch.setattr(environment, "version", lambda name: asked.append(name) or "1.0")
    for _ in range(3):
        module_code(STAGES["measure"])
    assert "torch" in asked
    assert len(asked) == len(set(asked))
    environment.imported_version.cache_clear()


def test_packages_are_found_by_the_names_that_they_are_installed_under():
    for package, distribution in {
        "sklearn": "scikit-learn",
        "PIL": "pillow",
        "torch_fidelity": "torch-fidelity",
    }.items():
        assert environment.imported_version(package) == environment.version(distribution)
    assert environment.imported_version("yaml_that_is_not_there") == "absent"


def test_another_device_is_another_run(cell, monkeypatch, changed_stages):
    before = keys_of(cell)
    monkeypatch.setenv("GANINV_DEVICE", "cuda")
    assert changed_stages(before, keys_of(cell)) == ["train", "fit", "invert", "cell"]


@pytest.fixture(scope="module")
def copied(tmp_path_factory):
    root = tmp_path_factory.mktemp("copy")
    for package in ("bench", "methods"):
        for path in (ROOT / package).rglob("*.py"):
            place = root / path.relative_to(ROOT)
            place.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(path, place)
    return root


@pytest.mark.parametrize(
    ("file", "old", "new", "stages"),
    [
        ("bench/core/types/images.py", "127.5", "127.0", ALL),
        ("bench/core/run_context.py", "% 50 == 49", "% 50 == 48", ALL),
        ("bench/harness/context.py", "2**63 - 1", "2**62 - 1", ALL),
        ("bench/metrics/gan_quality.py", "5_000", "4_000", ALL),
        ("bench/gans/training.py", "step + 1", "step + 2", ALL),
        ("bench/harness/bound_method.py", "400_000", "300_000", ["fit", "invert", "cell"]),
        ("bench/harness/invert_stage.py", "1000 * seconds", "100 * seconds", ["invert", "cell"]),
        ("bench/harness/feature_cache.py", "50_000", "40_000", ["cell"]),
        ("bench/metrics/evaluation.py", "2**21", "2**20", ["cell"]),
        ("bench/harness/run_check.py", "SAMPLE = 8", "SAMPLE = 9", ["invert", "cell"]),
        ("bench/harness/guard.py", "tqdm._monitor", "some._monitor", ["fit", "invert", "cell"]),
        ("bench/harness/runner.py", "JOBS = 1", "JOBS = 2", []),
        ("bench/harness/processes.py", "GRACE = 10.0", "GRACE = 20.0", []),
        ("bench/harness/worker.py", "0.05", "0.06", []),
        ("bench/harness/store.py", "faster is None", "faster is not None", []),
        ("bench/core/types/runs.py", "looks: int = 0", "looks: int = 1", []),
        ("bench/reports/leaderboard.py", "1", "2", []),
        ("methods/icgan.py", "1", "2", []),
    ],
)
def test_an_edit_reaches_the_stages_whose_numbers_it_may_change(cell, copied, file, old, new, stages, changed_stages):
    tree = SourceTree.at(copied)
    before, path = KeyMaker(CodeReader(tree)).keys(cell), copied / file
    assert before == keys_of(cell)
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new))
    after = KeyMaker(CodeReader(tree)).keys(cell)
    path.write_text(text)
    assert changed_stages(before, after) == stages


def test_the_architecture_of_a_checkpoint_counts(cell, copied, changed_stages):
    """Its file names a recipe, whose code rebuilds the networks."""
    cell = dataclasses.replace(cell, gan=ComponentSpec("fashion-mnist/dcgan"))
    tree, path = SourceTree.at(copied), copied / "bench" / "gans" / "dcgan.py"
    before, text = KeyMaker(CodeReader(tree)).keys(cell), path.read_text()
    path.write_text(f"{text}\n\nEDITED = 1\n")
    assert changed_stages(before, KeyMaker(CodeReader(tree)).keys(cell)) == ALL
    path.write_text(text)


PLUGIN = """
from dataclasses import dataclass

from beside import STEP
from bench.core.registry import method
from bench.core.types import Inverter


@method("keyed")
@dataclass
class Keyed(Inverter):
    through: str = "{network}"

    def invert(self, x):
        return x * STEP
"""


@pytest.fixture
def plugin(tmp_path, forget_plugins):
    """A function that writes a plug-in and its neighbour, and gives the method's identity."""

    def identity(network="alex", step="1", reader=None):
        (tmp_path / "keyed.py").write_text(PLUGIN.format(network=network))
        (tmp_path / "beside.py").write_text(f"STEP = {step}\n")
        forget_plugins()
        add_plugin(tmp_path / "keyed.py")
        return KeyMaker(reader).component("method", "keyed", {})

    yield identity
    forget_plugins()


def test_a_plugin_counts_with_the_modules_beside_it(plugin):
    assert plugin() == plugin() != plugin(step="2.5")


def test_a_network_that_an_option_names_counts(plugin, copied):
    path = copied / "bench" / "metrics" / "networks.py"
    tree, text = SourceTree.at(copied), path.read_text()
    before = [plugin(network, reader=CodeReader(tree)) for network in ("vgg", "of no network")]
    path.write_text(f"{text}\n\nEDITED = 1\n")
    after = [plugin(network, reader=CodeReader(tree)) for network in ("vgg", "of no network")]
    path.write_text(text)
    assert before[0] != after[0]
    assert before[1] == after[1]


def test_the_code_of_a_report_is_that_of_all_names_it_may_open(copied):
    tree, path = SourceTree.at(copied), copied / "methods" / "icgan.py"
    asked = [{"method": "icgan"}, {"method": "dfi", "options": ["also=icgan?depth=2"]}, {"method": "dfi"}]

    def codes():
        maker = KeyMaker(CodeReader(tree))
        return [report_key("application", "merge", each, maker=maker) for each in asked]

    before, text = codes(), path.read_text()
    path.write_text(f"{text}\n\nEDITED = 1\n")
    changed = [one != other for one, other in zip(before, codes(), strict=True)]
    path.write_text(text)
    assert changed == [True, True, False]


GENERATOR = """
from torch import nn

class Generator(nn.Sequential):
    code_dim, prior = 3, "normal"

    def __init__(self):
        size = int(open("size").read())
        super().__init__(nn.Linear(3, size), nn.Tanh(), nn.Linear(size, 64), nn.Tanh(), nn.Unflatten(1, (1, 8, 8)))
"""


def test_a_factory_counts_with_the_images_of_its_first_opening(cell, tmp_path, monkeypatch, changed_stages):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", list(sys.path))
    (tmp_path / "factory_of_keys.py").write_text(GENERATOR)
    (tmp_path / "size").write_text("4")
    cell = dataclasses.replace(cell, gan=ComponentSpec("factory:factory_of_keys:Generator"))
    never_opened = keys_of(cell)
    with allowing_code():
        opened = keys_of(cell)
    assert changed_stages(never_opened, opened) == ALL
    assert keys_of(cell) == opened, "a plan that runs no code"
    shutil.rmtree(home() / "opened")
    (tmp_path / "size").write_text("5")
    with allowing_code():
        assert changed_stages(keys_of(cell), opened) == ALL


BESIDE = """
from dataclasses import dataclass
from bench import Inverter, method
{top}

@method("beside")
@dataclass
class Beside(Inverter):
    def invert(self, x):
        {inner}
        return x * FACTOR
"""


@pytest.mark.parametrize(
    ("top", "inner", "edited"),
    [
        ("from side import FACTOR", "pass", "side.py"),
        ("", "from side import FACTOR", "side.py"),
        ("from lib.side import FACTOR", "pass", "lib/side.py"),
        ("from lib import FACTOR", "pass", "lib/deep/side.py"),
        ("", "import lib.deep.side; FACTOR = lib.deep.side.FACTOR", "lib/deep/side.py"),
        ("from .side import FACTOR", "pass", "side.py"),
        ("", "from .lib.side import FACTOR", "lib/side.py"),
        ("FACTOR = __import__('side').FACTOR", "pass", "side.py"),
    ],
)
def test_whatever_a_plugin_imports_from_beside_it_counts(tmp_path, top, inner, edited):
    for name in ("side.py", "lib/side.py", "lib/deep/side.py"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text("FACTOR = 1\n")
    (tmp_path / "lib" / "__init__.py").write_text("from .deep.side import FACTOR\n")
    (tmp_path / "plugin.py").write_text(BESIDE.format(top=top, inner=inner))
    add_plugin(tmp_path / "plugin.py")
    before = KeyMaker().component("method", "beside", {})
    (tmp_path / edited).write_text("# the same\nFACTOR = 1\n")
    assert KeyMaker().component("method", "beside", {}) == before
    (tmp_path / edited).write_text("FACTOR = 22\n")
    assert KeyMaker().component("method", "beside", {}) != before
