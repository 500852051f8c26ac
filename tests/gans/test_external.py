"""GANs of the user: what a factory may return, which archives are read, and who is told what when it fails."""

import hashlib
import sys

import pytest
import torch
from torch import nn

from bench.core import environment
from bench.core.errors import BenchError, ContractError, UnknownName
from bench.core.files import sha256
from bench.core.paths import code_allowed
from bench.core.types import ComponentSpec
from bench.gans import zoo
from bench.gans.external import open_foreign
from bench.gans.priors import Normal, Uniform
from bench.gans.zoo import gan_file, gan_identity, runs_code

pytestmark = pytest.mark.filterwarnings("ignore:.*torch.jit")

# ------------------------------------------------------------------------------------------- permission


def test_without_permission_nothing_runs(here, opened):
    (here / "spy.py").write_text("open('ran', 'w').close()\ndef make(): pass\n")
    assert not code_allowed()
    assert gan_file("factory:spy:make") == here / "spy.py"
    assert gan_identity(ComponentSpec("factory:spy:make"))["file"] == sha256(here / "spy.py")
    with pytest.raises(BenchError, match=r"^factory:spy:make runs code of yours; add --allow-code"):
        open_foreign(ComponentSpec("factory:spy:make"))
    assert [p.name for p in here.iterdir()] == ["spy.py"]
    assert "spy" not in sys.modules
    with pytest.raises(ContractError, match="returned NoneType, expected a generator"):
        opened("factory:spy:make")
    assert (here / "ran").exists()
    assert not code_allowed()


def test_which_names_run_code():
    assert all(runs_code(f"checkpoint:a{end}") for end in (".pt", ".pth", ".ts", ".pt2", ".PT"))
    assert runs_code("factory:a:b")
    assert not any(runs_code(name) for name in ("checkpoint:a.safetensors", "dcgan", "fashion-mnist/dcgan"))


# -------------------------------------------------------------------------------------------- factories


def test_a_generator_that_knows_its_codes_needs_no_options(module, here, opened):
    gan = opened(f"factory:{module}:Generator")
    assert gan.prior == Uniform(5)
    assert gan.image_shape == (1, 4, 4)
    assert gan.discriminator is None
    assert not gan.generator.training
    assert not any(p.requires_grad for p in gan.generator.parameters())
    assert gan.calls == 0
    hashed = hashlib.sha256((here / f"{module}.py").read_bytes()).hexdigest()
    assert gan.provenance == {"factory": f"{module}:Generator", "sha256": hashed, "options": {}}
    assert gan.identity == opened(f"factory:{module}:Generator").identity


def test_random_weights_are_the_same_each_time_and_leave_the_global_generator_alone(module, opened):
    torch.manual_seed(3)
    state = torch.get_rng_state()
    first = opened(f"factory:{module}:Generator").checksum()
    assert torch.equal(torch.get_rng_state(), state)
    torch.manual_seed(4)
    assert opened(f"factory:{module}:Generator").checksum() == first
    assert opened(f"factory:{module}:Generator", width=8).checksum() != first


def test_the_suite_says_what_a_silent_generator_does_not(module, opened):
    with pytest.raises(ContractError, match=r"how many numbers has a code\? Add code_dim = NUMBER"):
        opened(f"factory:{module}:silent")
    with pytest.raises(ContractError, match=r'Add prior = "normal" or prior = "uniform" .* in the suite'):
        opened(f"factory:{module}:silent", code_dim=5)
    gan = opened(f"factory:{module}:silent", code_dim=5, prior="normal")
    assert gan.prior == Normal(5)
    assert gan.provenance["options"] == {"code_dim": 5, "prior": "normal"}


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"code_dim": 6}, "code_dim = 6; the generator states 5"),
        ({"code_dim": 0}, "code_dim = 0; expected a whole number"),
        ({"code_dim": "5"}, "code_dim = '5'; expected a whole number"),
        ({"prior": "gauss"}, "prior = 'gauss'; expected 'normal' or 'uniform'"),
    ],
)
def test_options_that_contradict_are_refused(module, options, message, opened):
    with pytest.raises(ContractError, match=message):
        opened(f"factory:{module}:Generator", **options)


def test_the_suite_decides_the_prior(module, opened):
    assert opened(f"factory:{module}:Generator", prior="normal").prior == Normal(5)


def test_a_pair_has_features(module, opened, decoded):
    gan = opened(f"factory:{module}:pair")
    assert gan.prior == Normal(4)
    assert gan.features(decoded(gan)).shape == (3, 16 * 8)


def test_a_whole_gan_keeps_its_prior_and_takes_its_options(module, opened):
    gan = opened(f"factory:{module}:whole", width=4, code_dim=6)
    assert gan.prior == Uniform(6)
    assert "recipe" not in gan.provenance
    with pytest.raises(ContractError, match="returns a Gan, which defines its own codes; remove option prior"):
        opened(f"factory:{module}:whole", prior="normal")


def test_options_are_keyword_arguments(module, opened):
    assert opened(f"factory:{module}:sized", code_dim=5, a=1, b="x").generator.more == {
        "code_dim": 5,
        "a": 1,
        "b": "x",
    }
    with pytest.raises(
        ContractError, match="missing a required argument: 'code_dim'; give it a default, or state it"
    ):
        opened(f"factory:{module}:sized")
    with pytest.raises(UnknownName, match="unknown option 'wdith'; did you mean 'width'"):
        opened(f"factory:{module}:Generator", wdith=8)


def test_weights_that_an_option_names_count(module, here, opened):
    name = f"factory:{module}:loaded"
    generator = opened(f"factory:{module}:Generator").generator
    torch.save(generator.state_dict(), here / "weights.pth")
    before = gan_identity(ComponentSpec(name, {"weights": "weights.pth"}))
    gan = opened(name, weights="weights.pth")
    assert gan.provenance["option_files"] == {"weights": sha256(here / "weights.pth")}
    nn.init.zeros_(generator.linear[0].weight)
    torch.save(generator.state_dict(), here / "weights.pth")
    after = gan_identity(ComponentSpec(name, {"weights": "weights.pth"}))
    assert before["option files"] != after["option files"]
    assert gan_identity(ComponentSpec(name, {"weights": "elsewhere.pth"}))["option files"] == {}
    assert gan_identity(ComponentSpec(name, {"weights": "x" * 5000}))["option files"] == {}


def test_identities_tell_code_function_and_options_apart(module, here):
    def identity(function="Generator", **options):
        return str(gan_identity(ComponentSpec(f"factory:{module}:{function}", options)))

    before = identity()
    assert before == identity()
    assert len({before, identity("silent"), identity(width=8), identity(width=9)}) == 4
    with (here / f"{module}.py").open("a") as file:
        file.write("# changed\n")
    assert identity() != before


def test_modules_beside_a_factory_count(module, here):
    def identity():
        return str(gan_identity(ComponentSpec(f"factory:{module}:Generator")))

    (here / "sizes9.py").write_text("SIDE = 4\n")
    with (here / f"{module}.py").open("a") as file:
        file.write("from sizes9 import SIDE\n")
    before = identity()
    (here / "sizes9.py").write_text("# the side\nSIDE = 4\n")
    assert identity() == before
    (here / "sizes9.py").write_text("SIDE = 32\n")
    assert identity() != before


LAYOUTS = {
    "beside": ({}, "{m}", "from side_{m} import SIDE", "", "side_{m}.py"),
    "inside of a function": ({}, "{m}", "", "from side_{m} import SIDE", "side_{m}.py"),
    "a package": ({"lib_{m}/__init__.py": ""}, "{m}", "from lib_{m}.side import SIDE", "", "lib_{m}/side.py"),
    "a package's own": ({}, "{m}", "from lib_{m} import SIDE", "", "lib_{m}/__init__.py"),
    "passed on by a package": (
        {"lib_{m}/__init__.py": "from .side import SIDE\n"},
        "{m}",
        "",
        "from lib_{m} import SIDE",
        "lib_{m}/side.py",
    ),
    "relative": ({"p_{m}/__init__.py": ""}, "p_{m}.gan", "from .side import SIDE", "", "p_{m}/side.py"),
    "relative, in a function": (
        {"p_{m}/__init__.py": ""},
        "p_{m}.gan",
        "",
        "from .side import SIDE",
        "p_{m}/side.py",
    ),
    "of the folder above": (
        {"p_{m}/__init__.py": "", "p_{m}/q/__init__.py": ""},
        "p_{m}.q.gan",
        "from ..side import SIDE",
        "",
        "p_{m}/side.py",
    ),
    "run by the package": (
        {"p_{m}/__init__.py": "from . import side\n"},
        "p_{m}.gan",
        "SIDE = 4",
        "",
        "p_{m}/side.py",
    ),
    "a folder without __init__": ({}, "p_{m}.gan", "from p_{m}.side import SIDE", "", "p_{m}/side.py"),
    "beside such a folder": ({}, "p_{m}.gan", "from side_{m} import SIDE", "", "side_{m}.py"),
    "by a function": (
        {},
        "{m}",
        "import importlib\nSIDE = importlib.import_module('side_{m}').SIDE",
        "",
        "side_{m}.py",
    ),
    "a chain": (
        {"a_{m}.py": "def side():\n    import side_{m}\n    return side_{m}.SIDE\n"},
        "{m}",
        "from a_{m} import side\nSIDE = side()",
        "",
        "side_{m}.py",
    ),
}
"""Other files, the factory's module, its import at the top or in its function, and the file that is edited."""


@pytest.mark.parametrize("layout", LAYOUTS)
def test_whatever_a_factory_imports_from_its_folders_counts(here, opened, layout):
    mark = f"m{sorted(LAYOUTS).index(layout)}"
    files, module, top, inner, edited = LAYOUTS[layout]

    def write(name, text):
        path = here / name.replace("{m}", mark)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text.replace("{m}", mark))

    for name, text in files.items():
        write(name, text)
    made = "nn.Sequential(nn.Linear(2, SIDE * SIDE), nn.Tanh(), nn.Unflatten(1, (1, SIDE, SIDE)))"
    write(
        f"{module.replace('.', '/')}.py",
        f"from torch import nn\n{top}\ndef make():\n    {inner}\n    return {made}\n",
    )
    write(edited, "SIDE = 4\n")
    choice = ComponentSpec(f"factory:{module.replace('{m}', mark)}:make", {"code_dim": 2, "prior": "normal"})
    before = gan_identity(choice)
    assert opened(choice.name, **choice.options).image_shape == (1, 4, 4), "the layout is one that Python imports"
    write(edited, "SIDE = 5\n")
    assert gan_identity(choice) != before
    write(edited, "SIDE = 4\n")
    assert gan_identity(choice) == before


def test_versions_of_the_packages_that_a_factory_imports_count(module, here, monkeypatch):
    choice = ComponentSpec(f"factory:{module}:Generator")
    before = gan_identity(choice)
    assert f"torch {environment.imported_version('torch')}" in before["packages"]
    monkeypatch.setattr(zoo, "imported_version", lambda name: "0.0" if name == "torch" else "1.0")
    after = gan_identity(choice)
    assert "torch 0.0" in after["packages"]
    assert {name for name in before if before[name] != after[name]} == {"packages"}


def test_a_safetensors_file_is_identified_by_its_content_alone_and_a_recipe_not_here(here):
    (here / "a.safetensors").write_bytes(b"weights")
    wanted = {"file": hashlib.sha256(b"weights").hexdigest()}
    assert gan_identity(ComponentSpec("checkpoint:a.safetensors", {"width": 8})) == wanted
    assert gan_identity(ComponentSpec("dcgan", {"width": 8})) is None


def test_a_submodule_of_a_package_is_found_without_importing_its_parents(here, opened, factories):
    (here / "pack9").mkdir()
    (here / "pack9" / "__init__.py").write_text("from pack9.sizes import SIDE\n")
    (here / "pack9" / "sizes.py").write_text("SIDE = 4\n")
    code = factories.replace("4, 4)", "SIDE, SIDE)").replace(
        "import torch\n", "import torch\nfrom . import SIDE\n", 1
    )
    (here / "pack9" / "gan.py").write_text(code)
    assert gan_file("factory:pack9.gan:Generator") == here / "pack9" / "gan.py"
    assert gan_file("factory:pack9:Generator") == here / "pack9" / "__init__.py"
    assert "pack9" not in sys.modules
    assert opened("factory:pack9.gan:Generator").image_shape == (1, 4, 4)


FAULTS = {
    "silence": ("factory:{m}", "expected factory:package.module:function"),
    "path": ("factory:{m}.py:/make", "expected factory:package.module:function"),
    "no module": ("factory:{m}.nothing:make", "no module {m}.nothing in .* or among the installed packages"),
    "no function": ("factory:{m}:silemt", "{m}.py has no function 'silemt'; did you mean 'silent'"),
    "no callable": ("factory:{m}:A_NUMBER", "has no function 'A_NUMBER'"),
    "raises": ("factory:{m}:broken", r"raised KeyError: 'mapping' \({m}.py, line \d+\)"),
    "no network": ("factory:{m}:text", "returned str, expected a generator"),
    "no pair": ("factory:{m}:texts", r"returned \(Generator, str\), expected"),
    "discriminator": ("factory:{m}:bare_judge", "the discriminator lacks layers .* and features"),
    "built in": ("factory:sys:exit", "no module sys"),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_each_mistake_with_a_factory_is_one_line(module, fault, opened):
    name, message = (text.replace("{m}", module) for text in FAULTS[fault])
    with pytest.raises(ContractError, match=message) as caught:
        opened(name)
    assert "\n" not in str(caught.value)
    assert str(caught.value).startswith(name)


@pytest.mark.parametrize(
    ("code", "message"),
    [
        ("import a_package_that_nobody_has", r"cannot be imported: ModuleNotFoundError: .* \(bad\d+.py, line 1\)"),
        ("def make(:", "cannot be imported: SyntaxError"),
    ],
)
def test_a_module_that_cannot_be_imported_is_named_with_the_reason(here, module, code, message, opened):
    name = module.replace("mine", "bad")
    (here / f"{name}.py").write_text(code)
    with pytest.raises(ContractError, match=message):
        opened(f"factory:{name}:make")


def test_a_name_that_another_module_has_is_refused(module, monkeypatch, opened):
    monkeypatch.setitem(sys.modules, module, sys)
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    with pytest.raises(ContractError, match=f"another module is already called {module} .*; rename {module}.py"):
        opened(f"factory:{module}:make")
