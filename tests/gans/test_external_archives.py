"""Archives of the user, TorchScript and ``torch.export``: which are read, and who is told what when one is not."""

import logging

import pytest
import torch
from torch import nn

from bench.core.errors import ContractError, UnknownName, WeightsError
from bench.core.files import sha256
from bench.gans.external import AlwaysEval
from bench.gans.priors import Normal

pytestmark = pytest.mark.filterwarnings("ignore:.*torch.jit")


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
def test_an_archive_makes_the_images_of_its_network(here, file, opened, decoded):
    WRITERS[file](here / file)
    options = {"prior": "normal"} if file.startswith("scripted") else {"prior": "normal", "code_dim": 5}
    gan = opened(f"checkpoint:{here / file}", **options)
    assert gan.image_shape == (1, 4, 4)
    assert gan.prior == Normal(5)
    assert gan.provenance == {"file": file, "sha256": sha256(here / file), "options": options}
    assert gan.identity == opened(f"checkpoint:{here / file}", **options).identity
    torch.testing.assert_close(decoded(gan, 7), network()(gan.prior.sample(7, torch.Generator().manual_seed(1))))


@pytest.mark.parametrize("file", WRITERS)
def test_an_archive_is_frozen_has_a_checksum_and_gives_gradients_of_codes(here, file, opened):
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
def test_a_factory_may_return_what_an_archive_holds(module, here, function, file, opened):
    WRITERS[file](here / file)
    gan = opened(f"factory:{module}:{function}", path=file, prior="normal", code_dim=5)
    assert gan.checksum() == opened(f"checkpoint:{file}", prior="normal", code_dim=5).checksum()


def test_an_evaluated_module_stays_in_eval_mode():
    module = AlwaysEval(network())
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
def test_each_mistake_with_an_archive_is_one_line(here, fault, caplog, opened):
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
def test_a_truncated_archive_is_refused(here, file, share, opened):
    WRITERS[file](here / file)
    content = (here / file).read_bytes()
    (here / file).write_bytes(content[: int(share * len(content))])
    with pytest.raises(WeightsError, match="not a whole archive"):
        opened(f"checkpoint:{here / file}", prior="normal", code_dim=5)


@pytest.mark.parametrize("file", ["scripted.pt", "exported.pt2"])
def test_a_damaged_archive_is_one_line_and_logs_no_traceback(here, file, caplog, opened):
    import zipfile

    WRITERS[file](here / file)
    programs = ("model.json", "serialized_exported_program.json", "data.pkl")  # older releases write the second
    with zipfile.ZipFile(here / file) as old, zipfile.ZipFile(here / f"bad-{file}", "w") as new:
        assert any(name.endswith(programs) for name in old.namelist())
        for name in old.namelist():
            new.writestr(name, b"\x00" if name.endswith(programs) else old.read(name))
    with pytest.raises(WeightsError, match=r"bad-.*: cannot be loaded: \w+Error") as caught:
        opened(f"checkpoint:{here / f'bad-{file}'}", prior="normal", code_dim=5)
    assert "\n" not in str(caught.value)
    assert not [r for r in caplog.records if r.levelno >= logging.WARNING]
    assert logging.root.manager.disable == logging.NOTSET


def test_an_archive_takes_no_options_but_those_of_its_codes(here, opened):
    WRITERS["scripted.pt"](here / "a.pt")
    with pytest.raises(UnknownName, match="unknown option 'width'; known: code_dim, prior"):
        opened("checkpoint:a.pt", width=3)


def test_codes_of_another_length_are_named(here, opened):
    torch.jit.trace(network(), torch.zeros(2, 5)).save(here / "a.pt")
    with pytest.raises(
        ContractError, match=r"the generator fails on codes \[4, 9\]: RuntimeError: .*shapes"
    ) as caught:
        opened("checkpoint:a.pt", prior="normal", code_dim=9)
    assert "\n" not in str(caught.value)
