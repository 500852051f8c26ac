"""A method with its refiners: who gets which codes through which space, and what is refused of them."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import ClassVar

import pytest
import torch
from torch import Tensor, nn

from bench.core import registry
from bench.core.errors import BenchError, ContractError, NotApplicable, UnknownName
from bench.core.run_context import RunContext
from bench.core.types import Budget, Capacity, Cell, ComponentSpec, Gan, Inverter, Refiner
from bench.gans.priors import Normal
from bench.harness.bound_method import (
    BoundMethod,
    batch_size,
    check_untouched,
    checked_codes,
    make_method,
    open_method,
    view_of,
)

BUDGET = Budget("test", 0, 0, 0, 0, 0, 0, 0, 60.0)
SIDE = 4


class Times(nn.Module):
    """Codes of 16 pixels, times a number that is a weight."""

    def __init__(self) -> None:
        super().__init__()
        self.factor = nn.Parameter(torch.tensor(2.0))

    def forward(self, codes: Tensor) -> Tensor:
        return self.factor * codes.view(-1, 1, SIDE, SIDE)


@dataclass
class Halves(Inverter):
    """The exact code of an image of that GAN."""

    optimises: ClassVar[tuple[str, ...]] = ("ssim", "mse")

    def invert(self, x: Tensor) -> Tensor:
        return x.flatten(1) / 2


@dataclass
class Adds(Refiner):
    """Codes and a number; remembers what it was given."""

    optimises: ClassVar[tuple[str, ...]] = ("mse",)
    amount: float = 1.0
    given: list[Tensor] = field(default_factory=list)

    def refine(self, x: Tensor, codes: Tensor) -> Tensor:
        self.given.append(codes)
        return codes + self.amount


@dataclass
class Tunes(Refiner):
    """Codes of the weights' space, the changes of weights 0."""

    capacity: ClassVar[Capacity | None] = "weights"

    def refine(self, x: Tensor, codes: Tensor) -> Tensor:
        return torch.cat([codes, torch.zeros(len(codes), self.gan.code_dim - codes.shape[1])], 1)


@pytest.fixture
def gan():
    return Gan(Times(), None, Normal(SIDE * SIDE), (1, SIDE, SIDE)).freeze()


@pytest.fixture
def x():
    return torch.linspace(-1, 1, 3 * SIDE * SIDE).view(3, 1, SIDE, SIDE)


def bound(gan, *refiners, base=None):
    method = BoundMethod(base or Halves(), list(refiners))
    method.bind(gan, RunContext(BUDGET, 0))
    return method


def test_refiners_take_the_codes_of_the_part_before(gan, x):
    first, second = Adds(1.0), Adds(10.0)
    method = bound(gan, first, second)
    codes = method.invert(x)
    torch.testing.assert_close(first.given[0], x.flatten(1) / 2)
    torch.testing.assert_close(second.given[0], x.flatten(1) / 2 + 1)
    torch.testing.assert_close(codes, x.flatten(1) / 2 + 11)
    assert method.optimises == ["mse", "ssim"]
    assert method.spaces == ["z"]
    assert method.view is gan
    assert all(part.run is method.base.run for part in method.parts)


def test_a_space_holds_from_the_part_that_opens_it_on(gan, x):
    method = bound(gan, Adds(), Tunes(), Adds(0.0))
    assert method.spaces == ["z", "weights"]
    assert [part.gan.code_dim for part in method.parts] == [16, 16, 17, 17]
    codes = method.invert(x)
    assert codes.shape == (3, 17)
    torch.testing.assert_close(method.view.decode(codes), x + 2)
    torch.testing.assert_close(view_of(gan, {"spaces": ["z", "weights"], "capacity": "weights"}).decode(codes), x + 2)


def test_what_was_stored_before_spaces_has_one_capacity(gan):
    assert view_of(gan, {"capacity": "weights"}).code_dim == 17
    assert view_of(gan, {"capacity": "z"}).code_dim == 16
    with pytest.raises(NotApplicable, match=r"no w\+ codes"):
        view_of(gan, {"capacity": "w+"})


def test_a_refiner_never_sees_codes_that_are_none(gan, x):
    class Broken(Halves):
        def invert(self, x: Tensor) -> Tensor:
            return x

    refiner = Adds()
    with pytest.raises(ContractError, match="invert returned images"):
        bound(gan, refiner, base=Broken()).invert(x)
    assert refiner.given == []


def lost(codes):
    codes = codes.clone()
    codes[1, 3], codes[2, 0] = torch.nan, torch.inf
    return codes


@pytest.mark.parametrize(
    ("wrong", "says"),
    [
        (lambda codes: codes.numpy(), r"returned ndarray, expected a tensor of codes \[3, 16\]"),
        (lambda codes: codes.view(3, 1, SIDE, SIDE), r"returned images \[3, 1, 4, 4\], expected codes \[3, 16\]"),
        (lambda codes: codes[:2], r"returned shape \[2, 16\], expected codes \[3, 16\]"),
        (lambda codes: codes[:, :5], r"returned shape \[3, 5\], expected codes \[3, 16\]"),
        (lambda codes: codes.double(), r"returned torch\.float64, expected torch\.float32"),
        (lost, r"NaN or infinite codes for 2 of 3 images \(first: 1\)"),
    ],
)
def test_codes_that_break_the_contract_are_named(gan, x, wrong, says):
    codes = x.flatten(1)
    assert checked_codes(codes, x, gan) is codes
    with pytest.raises(ContractError, match=says):
        checked_codes(wrong(codes), x, gan)


def test_weights_that_a_method_changed_are_noticed(gan):
    before = gan.checksum()
    check_untouched(gan, before, "fit")
    gan.generator.factor.data += 1e-6
    with pytest.raises(ContractError, match="changed the GAN's weights during fit"):
        check_untouched(gan, before, "fit")


@pytest.mark.parametrize(
    ("shape", "size"),
    [((1, 4, 4), 500), ((1, 28, 28), 500), ((3, 64, 64), 97), ((1, 64, 64), 97), ((3, 256, 256), 16)],
)
def test_batches_hold_400_000_pixels_but_16_to_500_images(shape, size):
    assert batch_size(Gan(Times(), None, Normal(16), shape)) == size


def test_options_go_to_the_part_whose_they_are():
    choice = ComponentSpec("adam+opt", {"starts": 3, "opt": {"learning_rate": 0.25}})
    method = make_method(choice)
    assert (type(method.base).registered_name, method.base.starts) == ("adam", 3)
    assert [(type(r).registered_name, r.learning_rate) for r in method.refiners] == [("opt", 0.25)]
    same = open_method(Cell(ComponentSpec("digits"), ComponentSpec("dcgan"), choice, 0, BUDGET, ()))
    assert (same.base, same.refiners) == (method.base, method.refiners)


@pytest.mark.parametrize(
    ("choice", "says"),
    [
        (ComponentSpec("adm"), "unknown method 'adm'"),
        (ComponentSpec("adam+op"), "unknown refiner 'op'"),
        (ComponentSpec("adam", {"startz": 3}), "unknown option 'startz'"),
        (ComponentSpec("adam+opt", {"opt": {"rate": 3}}), "unknown option 'rate'"),
    ],
)
def test_names_that_nobody_knows_are_refused(choice, says):
    with pytest.raises(UnknownName, match=says):
        make_method(choice)


def test_a_method_that_is_no_inverter_is_refused(tmp_path):
    path = tmp_path / "odd.py"
    path.write_text(
        "from dataclasses import dataclass\nfrom bench.core.registry import method\n\n\n"
        '@method("odd")\n@dataclass\nclass Odd:\n    """No inverter."""\n'
    )
    registry.add_plugin(path)
    with pytest.raises(BenchError, match=r"method 'odd' \(plug-in odd.py\): Odd must subclass bench\.Inverter"):
        make_method(ComponentSpec("odd"))
