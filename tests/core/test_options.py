"""Options of suite files are strict: unknown, mistyped and missing ones raise, with the place."""

from dataclasses import dataclass
from typing import Literal

import pytest

from bench.core.errors import BenchError, UnknownName
from bench.core.options import build, create


@dataclass
class Thing:
    path: str
    width: int = 4
    rate: float = 0.5
    flag: bool = False
    kind: Literal["a", "b"] = "a"
    sizes: tuple[int, ...] = ()

    def __post_init__(self):
        if self.width <= 0:
            raise ValueError("width should be positive")


def test_options_and_argument_become_fields():
    thing = build(Thing, "thing", {"width": 8, "rate": 1, "sizes": [1, 2]}, argument="here")
    assert thing == Thing("here", 8, 1, False, "a", (1, 2))


def test_a_misspelt_option_is_suggested_with_its_place():
    with pytest.raises(UnknownName, match=r"suite.toml: thing: unknown option 'widht'; did you mean 'width'"):
        build(Thing, "thing", {"path": "x", "widht": 3}, where="suite.toml")


@pytest.mark.parametrize(
    ("option", "value"),
    [
        ("width", "8"),
        ("width", 1.5),
        ("width", True),
        ("rate", "fast"),
        ("flag", 1),
        ("kind", "c"),
        ("sizes", [1, "2"]),
    ],
)
def test_a_value_of_the_wrong_type_is_refused(option, value):
    with pytest.raises(BenchError, match=f"option {option} = "):
        build(Thing, "thing", {"path": "x", option: value})


def test_missing_and_refused_values():
    with pytest.raises(BenchError, match="option path is required"):
        build(Thing, "thing", {})
    with pytest.raises(BenchError, match="width should be positive"):
        build(Thing, "thing", {"path": "x", "width": -1})


def test_an_argument_for_a_class_without_fields_is_refused():
    with pytest.raises(BenchError, match="takes no argument"):
        create("method", "random_code:3")


def test_create_checks_registered_methods():
    assert create("method", "dfi", {"depth": 3}).depth == 3
    with pytest.raises(UnknownName, match="did you mean 'depth'"):
        create("method", "dfi", {"dept": 3})
