"""Options read from source are those that Python gives the classes, for everything that is registered."""

import dataclasses

import pytest

from bench.core import registry
from bench.core.declared import Required, canonical_choice, declared_options, resolved_options
from bench.core.fingerprints import CodeReader
from bench.core.registry import add_plugin


def real(cls):
    missing = dataclasses.MISSING
    return {
        field.name: field.default if field.default is not missing else Required
        for field in dataclasses.fields(cls)
        if field.init
    }


@pytest.mark.parametrize("kind", registry.ROOMS)
def test_options_and_defaults_are_those_of_the_class(kind):
    reader, literal = CodeReader(), 0
    for name in registry.entries(kind):
        found, expected = declared_options(kind, name, reader), real(registry.load(kind, name))
        assert list(found) == list(expected), name
        for option, value in found.items():
            if isinstance(value, dict):  # a default that is made anew each time, or is worked out
                assert value == {} or value.keys() == {"default"}, (name, option)
            else:
                assert value == expected[option], (name, option)
                assert type(value) is type(expected[option]), (name, option)
                literal += 1
    assert literal


PLUGIN = """
from dataclasses import KW_ONLY, dataclass, field
from typing import Any, ClassVar

from bench.core.registry import method
from bench.core.types import Inverter
from {neighbour} import Base, SIZE

HERE = (1, 2)


class Plain(Base):
    ignored: int = 5


@method("declared-plugin")
@dataclass
class Mine(Plain, Inverter):
    constant: ClassVar[int] = 1
    _: KW_ONLY
    size: int = SIZE
    rows: tuple[int, ...] = HERE
    table: Any = field(default_factory=dict)
    made: float = 2 * 3.5
    drawn: int = max(1, 2)
    hidden: int = field(default=1, init=False)
    base_option: int = 4

    def invert(self, x):
        return x
"""


NEIGHBOUR = """
from dataclasses import dataclass

SIZE = 7


@dataclass
class Base:
    other: str
    base_option: int = 3
"""


@pytest.fixture
def plugin(tmp_path, forget_plugins):
    (tmp_path / "declared_neighbour.py").write_text(NEIGHBOUR)
    path = tmp_path / "mine.py"
    path.write_text(PLUGIN.format(neighbour="declared_neighbour"))
    add_plugin(path)
    yield path
    forget_plugins()


def test_bases_constants_and_neighbours_of_a_plugin_are_read(plugin):
    assert declared_options("method", "declared-plugin") == {
        "other": Required,
        "base_option": 4,
        "size": 7,
        "rows": (1, 2),
        "table": {},
        "made": 7.0,
        "drawn": {"default": "max(1, 2)"},
    }


@pytest.mark.parametrize(
    ("given", "differing"),
    [
        ({"ema": 0.0}, {}),
        ({"ema": 0}, {}),
        ({"ema": False}, {"ema": False}),
        ({"batch": 64, "width": 16}, {"width": 16}),
        ({"nonsense": 1}, {"nonsense": 1}),
    ],
)
def test_only_options_that_differ_from_their_defaults_count(given, differing):
    assert declared_options("gan", "dcgan")["ema"] == 0.0
    given = given | ({"batch": declared_options("gan", "dcgan")["batch"]} if "batch" in given else {})
    assert canonical_choice("gan", "dcgan", given) == ("dcgan", differing)


def test_an_unknown_option_does_not_vanish():
    assert resolved_options("gan", "dcgan", {"nonsense": 1})["nonsense"] == 1
    assert resolved_options("gan", "dcgan", {}) | {"nonsense": 1} == resolved_options("gan", "dcgan", {"nonsense": 1})


def test_an_argument_is_the_first_option_and_the_network_its_own():
    default = declared_options("metric", "kid")
    first = next(option for option in default if option != "network")
    found = resolved_options("metric", f"kid:{default[first]}@alex", {})
    assert found == resolved_options("metric", "kid", {}) | {"network": "alex"}
    assert resolved_options("metric", "kid:7", {})[first] == 7


def test_names_that_are_not_registered_keep_their_options():
    assert canonical_choice("gan", "factory:m:f", {"a": 1}) == ("factory:m:f", {"a": 1})


@pytest.mark.parametrize(
    ("kind", "one", "other"),
    [
        ("metric", ("ms_ssim:5", {}), ("ms_ssim", {})),
        ("dataset", ("digits:28", {}), ("digits", {})),
        ("dataset", ("digits:32", {}), ("digits", {"side": 32})),
        ("dataset", ("folder:123", {}), ("folder", {"path": "123"})),
        ("dataset", ("folder:p", {"size": 64}), ("folder", {"path": "p"})),
        ("gan", ("dcgan", {"learning_rate": 2}), ("dcgan", {"learning_rate": 2.0})),
        ("gan", ("tiled", {"options": {}}), ("tiled", {})),
        ("gan", ("tiled", {"of": "dcgan", "options": {"ema": 0}}), ("tiled", {"of": "dcgan"})),
        ("gan", ("tiled", {"options": {"ema": 1}}), ("tiled", {"options": {"ema": 1.0, "batch": 64}})),
        ("study", ("fish-eye", {"coefficients": [0, 1]}), ("fish-eye", {"coefficients": [0.0, 1.0]})),
    ],
)
def test_two_ways_of_stating_the_same_are_one(kind, one, other):
    assert repr(canonical_choice(kind, *one)) == repr(canonical_choice(kind, *other))
    assert repr(resolved_options(kind, *one)) == repr(resolved_options(kind, *other))


@pytest.mark.parametrize(
    ("kind", "name", "options", "differing"),
    [
        ("dataset", "folder:p", {"size": 8}, ("folder:p", {"size": 8})),
        ("dataset", "folder", {"path": "q", "size": 8}, ("folder:q", {"size": 8})),
        ("dataset", "folder:p", {"path": "q"}, ("folder:q", {"size": "p"})),
        ("metric", "ms_ssim:4", {}, ("ms_ssim", {"scales": 4})),
        ("gan", "dcgan", {"learning_rate": True}, ("dcgan", {"learning_rate": True})),
        ("gan", "dcgan", {"batch": 64}, ("dcgan", {"batch": 64})),
        ("gan", "tiled", {"options": {"bach": 256}}, ("tiled", {"options": {"bach": 256}})),
        (
            "gan",
            "tiled",
            {"of": "nothing", "options": {"ema": 0.0}},
            ("tiled", {"of": "nothing", "options": {"ema": 0.0}}),
        ),
        ("gan", "tiled", {"options": 3}, ("tiled", {"options": 3})),
    ],
)
def test_what_differs_is_kept(kind, name, options, differing):
    assert repr(canonical_choice(kind, name, options)) == repr(differing)


def test_a_table_of_options_is_that_of_the_recipe_it_names():
    """The recipes of patches differ in their defaults."""
    default = declared_options("gan", "invgan-biggan")["beta1"]
    assert declared_options("gan", "dcgan")["beta1"] != default
    given = {"options": {"beta1": default}}
    assert canonical_choice("gan", "tiled", given) == ("tiled", {})
    assert canonical_choice("gan", "tiled", {"of": "dcgan"} | given) == ("tiled", {"of": "dcgan"} | given)
