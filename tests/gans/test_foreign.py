"""GANs of the user: what a factory may return, which archives are read, and who is told what when it fails."""

import hashlib
import itertools
import logging
import sys

import pytest
import torch
from torch import nn

from bench.contracts import Choice
from bench.errors import BenchError, ContractError, UnknownName, WeightsError
from bench.files import sha256
from bench.gans.foreign import Evaluated, open_foreign
from bench.gans.priors import Normal, Uniform
from bench.gans.shipped import gan_file, gan_identity, runs_code
from bench.settings import allowing_code, code_allowed

pytestmark = pytest.mark.filterwarnings("ignore:.*torch.jit")

CODE = '''
import torch
from torch import nn
from bench.gans.dcgan import DCGAN

class Generator(nn.Module):
    """Codes of five numbers to a 4 x 4 image; knows their number and prior."""

    code_dim, prior = 5, "uniform"

    def __init__(self, width=16):
        super().__init__()
        self.linear = nn.Sequential(nn.Linear(5, width), nn.BatchNorm1d(width), nn.Linear(width, 16), nn.Tanh())

    def forward(self, codes):
        return self.linear(codes).view(-1, 1, 4, 4)

def silent():
    """A generator that says nothing of its codes."""
    return nn.Sequential(Generator())

def pair():
    gan = DCGAN(width=2, code_dim=4).build((1, 28, 28), "cpu")
    gan.generator.z_dim, gan.generator.prior = 4, "normal"
    return gan.generator, gan.discriminator

def whole(width=2, code_dim=3):
    return DCGAN(width=width, code_dim=code_dim).build((1, 28, 28), "cpu")

def loaded(weights, scale=1.0):
    generator = Generator()
    generator.load_state_dict(torch.load(weights))
    return generator

def sized(code_dim, **more):
    generator = Generator()
    generator.more = {"code_dim": code_dim, **more}
    return generator

def bare_judge():
    return Generator(), nn.Linear(16, 1)

def archived(path):
    return torch.jit.load(path)

def exported(path):
    return torch.export.load(path).module()

def text():
    return "a generator"

def texts():
    return Generator(), "a discriminator"

def broken():
    raise KeyError("mapping")

A_NUMBER = 7
'''
numbers = itertools.count()


@pytest.fixture
def here(tmp_path, monkeypatch):
    """A folder of the user's, which is the current one; what is imported from it is forgotten."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", list(sys.path))
    known = set(sys.modules)
    yield tmp_path
    for name in set(sys.modules) - known:
        if str(tmp_path) in str(getattr(sys.modules[name], "__file__", "")):
            del sys.modules[name]


@pytest.fixture
def module(here):
    """Name of a module of the user's, different in every test."""
    name = f"mine{next(numbers)}"
    (here / f"{name}.py").write_text(CODE)
    return name


def opened(name, **options):
    with allowing_code():
        return open_foreign(Choice(name, options))


def decoded(gan, count=3):
    return gan.decode(gan.prior.sample(count, torch.Generator().manual_seed(1)))


# ------------------------------------------------------------------------------------------- permission


def test_without_permission_nothing_runs(here):
    (here / "spy.py").write_text("open('ran', 'w').close()\ndef make(): pass\n")
    assert not code_allowed()
    assert gan_file("factory:spy:make") == here / "spy.py"
    assert gan_identity(Choice("factory:spy:make"))["file"] == sha256(here / "spy.py")
    with pytest.raises(BenchError, match=r"^factory:spy:make runs code of yours; add --allow-code"):
        open_foreign(Choice("factory:spy:make"))
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


def test_a_generator_that_knows_its_codes_needs_no_options(module, here):
    gan = opened(f"factory:{module}:Generator")
    assert gan.prior == Uniform(5)
    assert gan.image_shape == (1, 4, 4)
    assert gan.discriminator is None
    assert not gan.generator.training
    assert not any(p.requires_grad for p in gan.generator.parameters())
    assert gan.calls == 0
    hashed = hashlib.sha256((here / f"{module}.py").read_bytes()).hexdigest()
    assert gan.provenance == {"factory": f"{module}:Generator", "sha256": hashed, "options": {}}


def test_random_weights_are_the_same_each_time_and_leave_the_global_generator_alone(module):
    torch.manual_seed(3)
    state = torch.get_rng_state()
    first = opened(f"factory:{module}:Generator").checksum()
    assert torch.equal(torch.get_rng_state(), state)
    torch.manual_seed(4)
    assert opened(f"factory:{module}:Generator").checksum() == first
    assert opened(f"factory:{module}:Generator", width=8).checksum() != first


def test_the_suite_says_what_a_silent_generator_does_not(module):
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
        ({"code_dim": 6}, "code_dim = 6; the generator says 5"),
        ({"code_dim": 0}, "code_dim = 0; expected a whole number"),
        ({"code_dim": "5"}, "code_dim = '5'; expected a whole number"),
        ({"prior": "gauss"}, "prior = 'gauss'; expected 'normal' or 'uniform'"),
    ],
)
def test_options_that_contradict_are_refused(module, options, message):
    with pytest.raises(ContractError, match=message):
        opened(f"factory:{module}:Generator", **options)


def test_the_suite_decides_the_prior(module):
    assert opened(f"factory:{module}:Generator", prior="normal").prior == Normal(5)


def test_a_pair_has_features(module):
    gan = opened(f"factory:{module}:pair")
    assert gan.prior == Normal(4)
    assert gan.features(decoded(gan)).shape == (3, 16 * 8)


def test_a_whole_gan_keeps_its_prior_and_takes_its_options(module):
    gan = opened(f"factory:{module}:whole", width=4, code_dim=6)
    assert gan.prior == Uniform(6)
    assert "recipe" not in gan.provenance
    with pytest.raises(ContractError, match="returns a Gan, which knows its codes; remove option prior"):
        opened(f"factory:{module}:whole", prior="normal")


def test_options_are_keyword_arguments(module):
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


def test_weights_that_an_option_names_count(module, here):
    name = f"factory:{module}:loaded"
    generator = opened(f"factory:{module}:Generator").generator
    torch.save(generator.state_dict(), here / "weights.pth")
    before = gan_identity(Choice(name, {"weights": "weights.pth"}))
    gan = opened(name, weights="weights.pth")
    assert gan.provenance["option_files"] == {"weights": sha256(here / "weights.pth")}
    nn.init.zeros_(generator.linear[0].weight)
    torch.save(generator.state_dict(), here / "weights.pth")
    after = gan_identity(Choice(name, {"weights": "weights.pth"}))
    assert before["option files"] != after["option files"]
    assert gan_identity(Choice(name, {"weights": "elsewhere.pth"}))["option files"] == {}
    assert gan_identity(Choice(name, {"weights": "x" * 5000}))["option files"] == {}


def test_identities_tell_code_function_and_options_apart(module, here):
    def identity(function="Generator", **options):
        return str(gan_identity(Choice(f"factory:{module}:{function}", options)))

    before = identity()
    assert before == identity()
    assert len({before, identity("silent"), identity(width=8), identity(width=9)}) == 4
    with (here / f"{module}.py").open("a") as file:
        file.write("# changed\n")
    assert identity() != before


def test_a_safetensors_file_is_identified_by_its_content_alone_and_a_recipe_not_here(here):
    (here / "a.safetensors").write_bytes(b"weights")
    wanted = {"file": hashlib.sha256(b"weights").hexdigest()}
    assert gan_identity(Choice("checkpoint:a.safetensors", {"width": 8})) == wanted
    assert gan_identity(Choice("dcgan", {"width": 8})) is None


def test_a_submodule_of_a_package_is_found_without_importing_its_parents(here):
    (here / "pack9").mkdir()
    (here / "pack9" / "__init__.py").write_text("from pack9.sizes import SIDE\n")
    (here / "pack9" / "sizes.py").write_text("SIDE = 4\n")
    code = CODE.replace("4, 4)", "SIDE, SIDE)").replace("import torch\n", "import torch\nfrom . import SIDE\n", 1)
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
def test_each_mistake_with_a_factory_is_one_line(module, fault):
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
def test_a_module_that_cannot_be_imported_is_named_with_the_reason(here, code, message):
    name = f"bad{next(numbers)}"
    (here / f"{name}.py").write_text(code)
    with pytest.raises(ContractError, match=message):
        opened(f"factory:{name}:make")


def test_a_name_that_another_module_has_is_refused(module, monkeypatch):
    monkeypatch.setitem(sys.modules, module, sys)
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    with pytest.raises(ContractError, match=f"another module is already called {module} .*; rename {module}.py"):
        opened(f"factory:{module}:make")


# --------------------------------------------------------------------------------------------- archives


class Net(nn.Module):
    def __init__(self, dim=5):
        super().__init__()
        self.z_dim = dim
        self.layers = nn.Sequential(nn.Linear(dim, 16), nn.BatchNorm1d(16), nn.Tanh(), nn.Unflatten(1, (1, 4, 4)))

    def forward(self, codes):
        return self.layers(codes)


def network():
    torch.manual_seed(0)
    net = Net()
    net(torch.randn(64, 5))  # so that the running statistics are not those of a new batch norm
    return net.eval()


def export(net, path, dynamic=True):
    shapes = ({0: torch.export.Dim("batch")},) if dynamic else None
    torch.export.save(torch.export.export(net, (torch.zeros(2, 5),), dynamic_shapes=shapes), path)


WRITERS = {
    "scripted.pt": lambda path: torch.jit.script(network()).save(path),
    "traced.pth": lambda path: torch.jit.trace(network(), torch.zeros(2, 5)).save(path),
    "scripted.ts": lambda path: torch.jit.script(network()).save(path),
    "exported.pt2": lambda path: export(network(), path),
}


@pytest.mark.parametrize("file", WRITERS)
def test_an_archive_makes_the_images_of_its_network(here, file):
    WRITERS[file](here / file)
    options = {"prior": "normal"} if file.startswith("scripted") else {"prior": "normal", "code_dim": 5}
    gan = opened(f"checkpoint:{here / file}", **options)
    assert gan.image_shape == (1, 4, 4)
    assert gan.prior == Normal(5)
    assert gan.provenance == {"file": file, "sha256": sha256(here / file), "options": options}
    torch.testing.assert_close(decoded(gan, 7), network()(gan.prior.sample(7, torch.Generator().manual_seed(1))))


@pytest.mark.parametrize("file", WRITERS)
def test_an_archive_is_frozen_has_a_checksum_and_gives_gradients_of_codes(here, file):
    WRITERS[file](here / file)
    gan = opened(f"checkpoint:{here / file}", prior="normal", code_dim=5)
    before = gan.checksum()
    assert before == opened(f"checkpoint:{here / file}", prior="normal", code_dim=5).checksum()
    codes = torch.randn(3, 5, generator=torch.Generator().manual_seed(2))
    wanted, found = codes.clone().requires_grad_(), codes.clone().requires_grad_()
    network().requires_grad_(False)(wanted).square().sum().backward()
    gan.freeze().decode(found).square().sum().backward()
    torch.testing.assert_close(found.grad, wanted.grad)
    assert not any(p.requires_grad for p in gan.generator.parameters())
    assert gan.checksum() == before
    next(iter(gan.generator.parameters())).data.add_(1)
    assert gan.checksum() != before


@pytest.mark.parametrize(("function", "file"), [("archived", "scripted.pt"), ("exported", "exported.pt2")])
def test_a_factory_may_return_what_an_archive_holds(module, here, function, file):
    WRITERS[file](here / file)
    gan = opened(f"factory:{module}:{function}", path=file, prior="normal", code_dim=5)
    assert gan.checksum() == opened(f"checkpoint:{file}", prior="normal", code_dim=5).checksum()


def test_an_evaluated_module_stays_in_eval_mode():
    module = Evaluated(network())
    assert not module.train().training
    assert not any(part.training for part in module.modules())


def train_mode(path):
    torch.jit.trace(network().train(), torch.randn(6, 5), check_trace=False).save(path)


ARCHIVE_FAULTS = {
    "fixed batch": (
        "fixed.pt2",
        lambda path: export(network(), path, dynamic=False),
        r"exported for batches of 2; export it with a dynamic batch dimension: dynamic_shapes=\(\{0: torch",
    ),
    "state dict": (
        "weights.pth",
        lambda path: torch.save(network().state_dict(), path),
        "a pickle of torch.save, which is not supported; save the generator with torch.jit or torch.export, or build",
    ),
    "text": ("notes.pt", lambda path: path.write_text("hello"), "not a whole archive; expected one of TorchScript"),
    "text named pt2": ("notes.pt2", lambda path: path.write_text("hello"), "expected one of torch.export"),
    "kinds confused": ("a.pt2", WRITERS["scripted.pt"], "a TorchScript archive; expected one of torch.export"),
    "kinds confused too": ("b.pt", WRITERS["exported.pt2"], "a torch.export archive; expected one of TorchScript"),
    "missing": ("absent.pt", lambda path: None, "no such file"),
    "batch norm in train mode": ("traced.pt", train_mode, "batch norm|batch_norm|more than 1 value per channel"),
}


@pytest.mark.parametrize("fault", ARCHIVE_FAULTS)
def test_each_mistake_with_an_archive_is_one_line(here, fault, caplog):
    file, write, message = ARCHIVE_FAULTS[fault]
    write(here / file)
    caplog.clear()
    with pytest.raises((WeightsError, ContractError), match=message) as caught:
        opened(f"checkpoint:{here / file}", prior="normal", code_dim=5)
    assert "\n" not in str(caught.value)
    assert file in str(caught.value)
    assert not [r for r in caplog.records if r.levelno >= logging.WARNING]


@pytest.mark.parametrize("file", ["scripted.pt", "exported.pt2"])
@pytest.mark.parametrize("share", [0.1, 0.9])
def test_a_truncated_archive_is_refused(here, file, share):
    WRITERS[file](here / file)
    content = (here / file).read_bytes()
    (here / file).write_bytes(content[: int(share * len(content))])
    with pytest.raises(WeightsError, match="not a whole archive"):
        opened(f"checkpoint:{here / file}", prior="normal", code_dim=5)


@pytest.mark.parametrize("file", ["scripted.pt", "exported.pt2"])
def test_a_damaged_archive_is_one_line_and_logs_no_traceback(here, file, caplog):
    import zipfile

    WRITERS[file](here / file)
    with zipfile.ZipFile(here / file) as old, zipfile.ZipFile(here / f"bad-{file}", "w") as new:
        for name in old.namelist():
            new.writestr(name, b"\x00" if name.endswith(("model.json", "data.pkl")) else old.read(name))
    with pytest.raises(WeightsError, match=r"bad-.*: cannot be loaded: \w+Error") as caught:
        opened(f"checkpoint:{here / f'bad-{file}'}", prior="normal", code_dim=5)
    assert "\n" not in str(caught.value)
    assert not [r for r in caplog.records if r.levelno >= logging.WARNING]
    assert logging.root.manager.disable == logging.NOTSET


def test_an_archive_takes_no_options_but_those_of_its_codes(here):
    WRITERS["scripted.pt"](here / "a.pt")
    with pytest.raises(UnknownName, match="unknown option 'width'; known: code_dim, prior"):
        opened("checkpoint:a.pt", width=3)


def test_codes_of_another_length_are_named(here):
    torch.jit.trace(network(), torch.zeros(2, 5)).save(here / "a.pt")
    with pytest.raises(
        ContractError, match=r"the generator fails on codes \[4, 9\]: RuntimeError: .*shapes"
    ) as caught:
        opened("checkpoint:a.pt", prior="normal", code_dim=9)
    assert "\n" not in str(caught.value)
