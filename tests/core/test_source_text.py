"""What a file says does not depend on names of modules, comments and layout, and depends on everything else."""

import pytest

from bench.core.source_text import parse_source, rendered

PLAIN = """
from typing import TYPE_CHECKING
import numpy as np
from bench.core import registry

def f(x):
    return registry.find(x) + np.sin(x)
"""


def said(text, modules=("registry", "table")):
    """The text of a file in which these names, imported from anywhere, are modules of equal content."""
    source = parse_source(text)
    are = [each.local in modules or each.name in modules for each in source.imports]
    pairs = zip(source.imports, are, strict=True)
    meanings = ["content" if is_module else f"{each.module}:{each.name}" for each, is_module in pairs]
    return rendered(source, meanings, are)


@pytest.mark.parametrize(
    "text",
    [
        '"""Doc."""\n' + PLAIN.replace("return", '"""Doc."""\n    # why\n    return'),
        PLAIN.replace("registry", "table"),
        PLAIN.replace("import registry", "import registry as known").replace("registry.find", "known.find"),
        PLAIN.replace(
            "import numpy as np\nfrom bench.core import registry",
            "from bench.core import registry\nimport numpy as np",
        ),
        PLAIN.replace("bench.core", "bench.other"),
        PLAIN.replace("def f", "if TYPE_CHECKING:\n    from x import y\n\ndef f"),
        PLAIN.replace("(x) + np.sin(x)", "(\n        x\n    ) + (np.sin(x))"),
        PLAIN.replace("def f(x):\n", "def f(x):\n    pass\n"),
    ],
    ids=["docs", "renamed", "alias", "order", "moved", "types", "layout", "pass"],
)
def test_these_changes_say_the_same(text):
    assert text != PLAIN
    assert said(text) == said(PLAIN)


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("+", "-"),
        ("sin", "cos"),
        ("find(x)", "find(1)"),
        ("find(x)", "find('x')"),
        ("(x):", "(x=None):"),
        ("def f(x)", "async def f(x)"),
        ("numpy", "jax.numpy"),
        ("return", "yield"),
    ],
)
def test_these_changes_say_something_else(old, new):
    assert said(PLAIN.replace(old, new)) != said(PLAIN)


def test_true_is_not_one_and_one_is_not_a_float():
    assert len({said(f"x = {value}") for value in ("1", "1.0", "True", "'1'", "b'1'", "None")}) == 6


def test_of_an_if_for_type_checkers_the_other_branch_counts():
    text = "if TYPE_CHECKING:\n    A = 1\nelse:\n    A = 2\n"
    assert said(text) == said("A = 2\n") != said("A = 3\n")


def test_a_name_that_is_bound_twice_is_not_numbered():
    shadowed = PLAIN.replace("def f(x)", "def f(x, registry)")  # the parameter, not the module
    renamed = shadowed.replace("import registry", "import table")
    assert said(shadowed) != said(renamed)


def test_two_modules_that_change_places_are_told_apart():
    text = "from a import one\nfrom b import two\none.f(two.g)\n"
    source = parse_source(text)
    first, second = (rendered(source, meanings, [True, True]) for meanings in (["A", "B"], ["B", "A"]))
    assert first != second


def test_imports_of_one_name_keep_their_order():
    first, second = "from a import f\nfrom b import f\n", "from b import f\nfrom a import f\n"
    assert said(first) != said(second)


def test_imports_inside_functions_stand_where_they_are():
    text = "def a():\n    from x import f\n    return f\ndef b():\n    from y import f\n    return f\n"
    swapped = text.replace("from x", "from z").replace("from y", "from x").replace("from z", "from y")
    assert said(text) != said(swapped)


def test_what_is_no_python_raises():
    with pytest.raises(SyntaxError):
        parse_source("def f(:\n")
    with pytest.raises(SyntaxError):
        parse_source(b"x = 1\x00")
