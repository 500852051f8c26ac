"""Identities of generators: equal weights are no proof, code, options and images count too."""

import hashlib

import numpy as np
import pytest
import torch
from torch import nn

from bench.core.errors import ContractError, StoreError
from bench.core.paths import allowing_code, home
from bench.core.types import ComponentSpec, Gan
from bench.gans import identity as module_of_identity
from bench.gans.behaviour import TOLERANCE
from bench.gans.dcgan import DCGAN
from bench.gans.identity import file_identity, generator_identity
from bench.gans.priors import Normal, Uniform

pytestmark = pytest.mark.filterwarnings("ignore:.*torch.jit")

CODE = """
import torch
from torch import nn

class Generator(nn.Module):
    code_dim, prior = 5, "normal"

    def __init__(self, psi=1.0):
        super().__init__()
        self.linear, self.psi = nn.Sequential(nn.Linear(5, 16), nn.ReLU(), nn.Linear(16, 16), nn.Tanh()), psi

    def forward(self, codes):
        return self.linear(self.psi * codes).view(-1, 1, 4, 4)
"""


@pytest.fixture
def write(here):
    """``write(name, code)``: a factory's module; returns the name of its GAN."""

    def write_(name, code=CODE):
        (here / f"{name}.py").write_text(code)
        return f"factory:{name}:Generator"

    return write_


def memory():
    [place] = (home() / "opened").glob("*.images")
    return place


# ------------------------------------------------------------------------------------------ code and options


@pytest.mark.parametrize(
    ("name", "edit"), [("leaky", ("ReLU()", "LeakyReLU(.2)")), ("scaled", ("self.psi *", ".3 *"))]
)
def test_equal_weights_under_other_code_are_another_generator(write, opened, name, edit):
    one, other = opened(write(f"{name}_one")), opened(write(f"{name}_two", CODE.replace(*edit)))
    assert one.checksum() == other.checksum()
    assert generator_identity(one) != generator_identity(other)
    assert generator_identity(one) == generator_identity(opened(f"factory:{name}_one:Generator"))


def test_an_option_that_is_no_weight_counts(write, opened):
    name = write("truncated")
    one, other = opened(name, psi=1.0), opened(name, psi=0.5)
    assert one.checksum() == other.checksum()
    assert generator_identity(one) != generator_identity(other)


def test_an_archive_counts_with_what_it_does(here, opened):
    network = nn.Sequential(nn.Linear(5, 16), nn.Tanh(), nn.Unflatten(1, (1, 4, 4)))

    class Scaled(nn.Sequential):
        def forward(self, codes):
            return super().forward(0.3 * codes)

    for file, traced in (("plain", network), ("scaled", Scaled(*network))):
        torch.jit.trace(traced, torch.zeros(2, 5)).save(here / f"{file}.pt")
    one, other = (opened(f"checkpoint:{here / f}.pt", code_dim=5, prior="normal") for f in ("plain", "scaled"))
    assert one.checksum() == other.checksum()
    assert generator_identity(one) != generator_identity(other)


def test_the_prior_counts(write, opened):
    name = write("distributed")
    identities = {generator_identity(opened(name, prior=prior)) for prior in ("normal", "uniform")}
    assert len(identities) == 2


# ------------------------------------------------------------------------- images, where code is not enough


def images(gan):
    codes = gan.prior.sample(8, torch.Generator().manual_seed(0))
    with torch.no_grad():
        return gan.generator(codes).numpy()


def test_images_are_remembered_and_a_plan_without_permission_knows_them(write, opened):
    choice = ComponentSpec(write("remembered"))
    assert file_identity(choice)["images"] == ""
    with allowing_code():
        known = file_identity(choice)
    assert known == file_identity(choice)
    assert known["images"] == hashlib.sha256(images(opened(choice.name)).tobytes()).hexdigest()[:16]


def test_without_permission_no_code_runs(here):
    (here / "spying.py").write_text("open('ran', 'w').close()\n")
    assert file_identity(ComponentSpec("factory:spying:make"))["images"] == ""
    assert not (here / "ran").exists()


READER = CODE.replace("super().__init__()", "super().__init__()\n        torch.manual_seed(int(open('seed').read()))")


def test_a_factory_that_reads_something_else_is_refused_until_it_is_named(write, here, opened):
    (here / "seed").write_text("1")
    choice = ComponentSpec(write("reading", READER))
    opened(choice.name)
    before = file_identity(choice)
    (here / "seed").write_text("2")
    with pytest.raises(
        ContractError, match=r"^factory:reading:Generator: its images differ from .* delete "
    ) as caught:
        opened(choice.name)
    assert "\n" not in str(caught.value)
    assert str(memory()) in str(caught.value)
    assert file_identity(choice) == before
    memory().unlink()
    opened(choice.name)
    after = file_identity(choice)
    assert (after["images"] == before["images"], after | {"images": before["images"]}) == (False, before)


def test_a_plan_with_permission_notices_a_change_and_opens_a_gan_once(write, here, opened, monkeypatch):
    (here / "seed").write_text("1")
    choice = ComponentSpec(write("planned", READER))
    opened(choice.name)  # as an earlier process would
    (here / "seed").write_text("2")
    with allowing_code(), pytest.raises(ContractError, match="its images differ from"):
        file_identity(choice)
    (here / "seed").write_text("1")
    with allowing_code():
        known = file_identity(choice)
        monkeypatch.setattr("bench.gans.external._made", lambda choice, path: pytest.fail("opened again"))
        assert file_identity(choice) == known


def test_a_random_factory_is_refused_when_it_is_opened_again(write, opened):
    name = write(
        "dice", f"import os\n{CODE}".replace("__()", "__(); torch.manual_seed(int.from_bytes(os.urandom(7)))")
    )
    opened(name)
    with pytest.raises(ContractError, match="it is random or reads something else"):
        opened(name)


def test_rounding_errors_change_nothing(write, opened):
    choice = ComponentSpec(write("rounded"))
    first = opened(choice.name)
    known, place = file_identity(choice), memory()
    for noise, refused in ((TOLERANCE / 3, False), (TOLERANCE * 3, True)):
        values = (images(first) + np.float32(noise)).tobytes()
        place.write_bytes(hashlib.sha256(values).digest() + values)
        if refused:
            with pytest.raises(ContractError, match="its images differ"):
                opened(choice.name)
        else:
            again = opened(choice.name)
            assert file_identity(choice)["images"] == hashlib.sha256(values).hexdigest()[:16] != known["images"]
            assert again.identity != first.identity


def test_a_home_that_cannot_be_written_is_named(write, opened):
    (home() / "opened").write_text("a file where a folder should be")
    with pytest.raises(StoreError, match=r"^cannot write .*\.images: File exists$"):
        opened(write("homeless"))


@pytest.mark.parametrize("damage", [lambda b: b[:-5], lambda b: b[:40] + bytes([b[40] ^ 1]) + b[41:], lambda b: b""])
def test_a_damaged_memory_is_made_anew(write, opened, damage):
    choice = ComponentSpec(write("damaged"))
    opened(choice.name)
    known, whole = file_identity(choice), memory().read_bytes()
    memory().write_bytes(damage(whole))
    assert file_identity(choice)["images"] == ""
    opened(choice.name)
    assert memory().read_bytes() == whole
    assert file_identity(choice) == known


def test_an_edited_factory_is_not_taken_for_the_one_that_was_imported(write, opened):
    name = write("edited")
    opened(name)
    write("edited", CODE.replace("ReLU()", "LeakyReLU(.2)"))
    with pytest.raises(ContractError, match=r"edited.py or a module beside it changed .*; start Python anew$"):
        opened(name)
    write("edited", f"# a comment\n{CODE}")
    opened(name)


# --------------------------------------------------------------------------------- generators of recipes


def built(**options):
    torch.manual_seed(0)
    return DCGAN(width=2, code_dim=4, **options).build((1, 28, 28), "cpu").freeze()


def test_a_recipe_counts_with_its_options_and_needs_no_images(monkeypatch):
    monkeypatch.setattr(module_of_identity, "fingerprint", lambda gan, device: pytest.fail("images were made"))
    one, other = built(), built(prior="normal")
    assert one.checksum() == other.checksum()
    assert generator_identity(one) == generator_identity(built())
    assert generator_identity(one) != generator_identity(other)
    other = built()
    with torch.no_grad():
        next(other.generator.parameters()).add_(1e-3)
    assert generator_identity(one) != generator_identity(other)


class Dimmed(nn.Module):
    """An image ``[B, 1, 2, 2]`` of four numbers, with a factor that neither weights nor text show."""

    def __init__(self, factor):
        super().__init__()
        self.factor = factor

    def forward(self, codes):
        return self.factor * codes.view(-1, 1, 2, 2)


@pytest.mark.parametrize("provenance", [None, {"recipe": "dcgan", "options": {}}, {"recipe": "unheard of"}])
def test_a_hidden_number_shows_in_the_images(provenance):
    gans = [Gan(Dimmed(f), None, Uniform(4), (1, 2, 2), provenance) for f in (0.5, 0.5, 0.25)]
    assert len({gan.checksum() for gan in gans}) == 1
    first, again, other = map(generator_identity, gans)
    assert first == again != other
    assert generator_identity(Gan(Dimmed(0.5), None, Normal(4), (1, 2, 2), provenance)) != first
    assert not any(gan.calls for gan in gans)


def test_an_address_in_memory_is_no_part_of_it():
    class Told(Dimmed):
        def extra_repr(self):
            return repr(object())

    first, again = (generator_identity(Gan(Told(0.5), None, Uniform(4), (1, 2, 2))) for _ in range(2))
    assert first == again
