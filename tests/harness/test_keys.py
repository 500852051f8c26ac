"""A key changes with everything that changes an outcome, and with nothing else."""

import dataclasses
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from PIL import Image

import bench
from bench.core import environment
from bench.core.declared import declared_options
from bench.core.fingerprints import CodeReader
from bench.core.import_graph import SourceTree
from bench.core.paths import allowing_code, home, shipped_folder
from bench.core.registry import add_plugin
from bench.core.types import ComponentSpec
from bench.harness import fit_stage, invert_stage, keys, measure_stage, stages, train_stage
from bench.harness.context import seed_of
from bench.harness.keys import STAGES, KeyMaker, keys_of, module_code
from bench.harness.report_keys import report_key
from bench.harness.suite import read_suite

ALL = ["train", "fit", "invert", "cell"]
ROOT = Path(bench.__file__).resolve().parents[1]


@pytest.fixture
def cell(tiny_suite):
    return next(c for c in read_suite(tiny_suite).cells() if c.method.name == "dfi+opt")


def changed_stages(a, b):
    """The stages whose keys differ; the generated images (``own``) have one of their own, tested below."""
    names = [f.name for f in dataclasses.fields(a) if f.name != "own"]
    return [name for name in names if getattr(a, name) != getattr(b, name)]


def test_generated_images_have_a_key_of_their_own(cell):
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
def test_a_change_reaches_its_stage_and_those_below(cell, change, stages):
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
def test_a_budget_number_reaches_its_stage(cell, number, stages):
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


def test_stages_are_where_their_keys_look_for_them():
    functions = {"train": train_stage.train, "fit": fit_stage.fit, "invert": invert_stage.invert}
    functions["measure"] = measure_stage.write_record
    assert {stage: function.__module__ for stage, function in functions.items()} == STAGES
    assert (stages.train, stages.invert, stages.fit) == (train_stage.train, invert_stage.invert, fit_stage.fit)
    assert stages.write_record is measure_stage.write_record


@pytest.mark.parametrize(("package", "changed"), [("torch", ALL), ("numpy", ALL), ("torch_fidelity", ["cell"])])
def test_versions_count_where_they_are_computed_with(cell, monkeypatch, package, changed):
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


def test_another_device_is_another_run(cell, monkeypatch):
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
def test_an_edit_reaches_the_stages_whose_numbers_it_may_change(cell, copied, file, old, new, stages):
    tree = SourceTree.at(copied)
    before, path = KeyMaker(CodeReader(tree)).keys(cell), copied / file
    assert before == keys_of(cell)
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new))
    after = KeyMaker(CodeReader(tree)).keys(cell)
    path.write_text(text)
    assert changed_stages(before, after) == stages


def test_the_architecture_of_a_checkpoint_counts(cell, copied):
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


def test_keys_need_no_torch(tiny_suite):
    code = (
        "import sys; from pathlib import Path; from bench.harness.suite import read_suite; "
        "from bench.harness.keys import keys_of; cells = read_suite(Path(sys.argv[1])).cells(); "
        "[keys_of(cell) for cell in cells]; assert 'torch' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", code, str(tiny_suite)], check=True)


GENERATOR = """
from torch import nn

class Generator(nn.Sequential):
    code_dim, prior = 3, "normal"

    def __init__(self):
        size = int(open("size").read())
        super().__init__(nn.Linear(3, size), nn.Tanh(), nn.Linear(size, 64), nn.Tanh(), nn.Unflatten(1, (1, 8, 8)))
"""


def test_a_factory_counts_with_the_images_of_its_first_opening(cell, tmp_path, monkeypatch):
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
