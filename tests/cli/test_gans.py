"""GANs of the user on the command line: a factory, a TorchScript file and a ``torch.export`` file, end to end."""

import sys

import pytest
import torch
from torch import nn

from bench.api import run_suite
from bench.core.errors import BenchError
from bench.core.files import sha256

pytestmark = pytest.mark.filterwarnings("ignore:.*torch.jit")

SUITE = """
title = "GANs of the user on the embedded digits"
datasets = ["digits"]
rank_by = "mse"
metrics = ["mse", "code_mse"]
methods = ["random_code", { name = "gradient", rec = "mse" }, "dfi"]
gans = [GANS]

[budgets.smoke]
train_images = 32
test_images = 6
own_images = 3
train_steps = 1
fit_steps = 1
search_steps = 2
refine_steps = 1
"""
FACTORY = '''
import pathlib
import torch
from torch import nn

pathlib.Path("imported").touch()

class Generator(nn.Module):
    """Four numbers to an image in [-1, 1]."""

    code_dim, prior = 4, "normal"

    def __init__(self, change):
        super().__init__()
        self.linear, self.change = nn.Linear(4, 784), change

    def forward(self, codes):
        return self.change(torch.tanh(self.linear(codes)).view(-1, 1, 28, 28))

def make(gain=1.0):
    return Generator(lambda x: gain * x)

def small():
    return Generator(lambda x: x[:, :, :8, :8])

def fails():
    return {}["weights"]
'''


@pytest.fixture
def here(tmp_path, monkeypatch):
    """The user's folder, with a factory."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", list(sys.path))
    (tmp_path / "cli_factory.py").write_text(FACTORY)
    yield tmp_path
    sys.modules.pop("cli_factory", None)


@pytest.fixture
def suite(here):
    """Write a suite over GANs, given as TOML."""

    def write(*gans):
        path = here / "suite.toml"
        path.write_text(SUITE.replace("GANS", ", ".join(gans)))
        return path

    return write


def generator():
    torch.manual_seed(0)
    return nn.Sequential(nn.Linear(4, 784), nn.Tanh(), nn.Unflatten(1, (1, 28, 28))).eval()


ALL = (
    '"factory:cli_factory:make"',
    '{ name = "checkpoint:g.pt", code_dim = 4, prior = "normal", label = "scripted" }',
    '{ name = "checkpoint:g.pt2", code_dim = 4, prior = "uniform", label = "exported" }',
)


def test_three_gans_of_the_user_from_suite_to_leaderboard(call, suite, here):
    torch.jit.script(generator()).save("g.pt")
    batch = ({0: torch.export.Dim("batch")},)
    torch.export.save(torch.export.export(generator(), (torch.zeros(2, 4),), dynamic_shapes=batch), "g.pt2")
    path = suite(*ALL)

    code, _, errors = call("run", path)
    assert code == 2
    assert "error: factory:cli_factory:make runs code of yours; add --allow-code" in errors
    code, text, _ = call("status", path)
    assert (code, text.count("missing")) == (0, 9)
    assert not (here / "imported").exists()

    out = here / "out"
    code, text, _ = call("run", path, "--allow-code", "--out", out)
    assert code == 0
    assert "scripted" in text
    records = run_suite(str(path)).records  # all are stored: nothing runs, so no permission is asked for
    states = {(r.cell["gan"]["name"], r.cell["method"]["name"]): r.status for r in records}
    names = ("factory:cli_factory:make", "checkpoint:g.pt", "checkpoint:g.pt2")
    assert {states[n, m] for n in names for m in ("random_code", "gradient")} == {"done"}
    assert {states[n, "dfi"] for n in names} == {"not applicable"}
    assert {r.reason for r in records if r.status != "done"} == {
        "this GAN has no discriminator, so it has no features"
    }
    facts = {r.cell["gan"]["name"]: r.facts["gan"] for r in records if r.status == "done"}
    hashed = sha256(here / "cli_factory.py")
    assert facts["factory:cli_factory:make"] == {"factory": "cli_factory:make", "sha256": hashed, "options": {}}
    assert facts["checkpoint:g.pt2"]["file"] == "g.pt2"
    assert facts["checkpoint:g.pt2"]["options"] == {"code_dim": 4, "prior": "uniform"}

    sys.modules.pop("cli_factory")
    (here / "imported").unlink()
    for words in (["run", path], ["status", path], ["report", path]):
        assert call(*words)[0] == 0
    (here / "cli_factory.py").write_text(FACTORY + "\n# changed\n")
    assert call("status", path)[1].count("missing") == 3
    assert not (here / "imported").exists()


MISTAKES = {
    '"factory:cli_factory:make:x"': "expected factory:package.module:function",
    '"factory:cli_nothing:make"': "no module cli_nothing in",
    '"factory:cli_factory:mkae"': "has no function 'mkae'; did you mean 'make'?",
    '"factory:cli_factory:fails"': "raised KeyError: 'weights' (cli_factory.py, line ",
    '{ name = "factory:cli_factory:make", gian = 2.0 }': "unknown option 'gian'; did you mean 'gain'?",
    '{ name = "factory:cli_factory:make", gain = 255.0 }': "; expected [-1, 1]",
    '"factory:cli_factory:small"': "the GAN makes images of 1x8x8, dataset digits has 1x28x28",
    '"checkpoint:absent.pt"': "checkpoint absent.pt: no such file",
    '"checkpoint:weights.pth"': "a pickle of torch.save, which is not supported",
    '{ name = "checkpoint:g.pt", code_dim = 4 }': 'Add prior = "normal" or prior = "uniform"',
    '{ name = "checkpoint:g.pt", prior = "normal" }': "Add code_dim = NUMBER",
}


@pytest.mark.parametrize("gan", MISTAKES)
def test_each_mistake_is_one_line_before_anything_is_run(call, suite, here, gan):
    torch.save(generator().state_dict(), here / "weights.pth")
    torch.jit.script(generator()).save("g.pt")
    code, text, errors = call("run", suite(gan), "--allow-code")
    lines = [line for line in errors.splitlines() if "error:" in line]
    assert code == 2
    assert len(lines) == 1
    assert MISTAKES[gan] in lines[0]
    assert "Traceback" not in errors + text
    assert not any("failed" in line for line in errors.splitlines())


def test_permission_is_a_parameter_in_python(suite, here):
    path = str(suite('"factory:cli_factory:make"'))
    with pytest.raises(BenchError, match=r"add --allow-code \(from Python allow_code=True\) if you trust it"):
        run_suite(path, methods=["random_code"])
    assert not (here / "imported").exists()
    assert run_suite(path, methods=["random_code"], allow_code=True).records[0].status == "done"


def test_the_flags_help_says_what_it_means(call):
    code, text, _ = call("run", "--help")
    assert code == 0
    assert "--allow-code" in text
    assert "only for code that you trust" in " ".join(text.replace("│", " ").split())
