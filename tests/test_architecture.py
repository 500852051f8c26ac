"""The house: which rooms there are, who may know whom, and what must not load torch."""

import ast
import subprocess
import sys
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]

FLOORS = {
    "bench.core": 1,
    "bench.datasets": 2,
    "bench.gans": 2,
    "bench.statistics": 2,
    "bench.metrics": 3,
    "bench.reports": 3,
    "methods": 3,
    "bench.harness": 4,
    "bench.applications": 5,
    "bench.overfit": 5,
    "bench.studies": 6,
    "bench.papers": 7,
    "bench.cli": 8,
    "bench.api": 8,
    "bench": 8,
}
"""A room imports lower floors and itself, never a room beside it or above it."""
ONE_FLAT = ({"bench.cli", "bench.api", "bench"},)
"""Rooms of one floor that share it as one: the command line and the Python API."""
MOST_ROOMS, MOST_FLOORS, MOST_ARROWS, MOST_LOOSE = 14, 9, 60, 3
LONGEST_FILE = 320


@cache
def modules(root=ROOT):
    """Every module of the project by its dotted name."""
    found = {}
    for path in sorted([*root.glob("bench/**/*.py"), *root.glob("methods/**/*.py")]):
        parts = path.relative_to(root).with_suffix("").parts
        found[".".join(parts[:-1] if parts[-1] == "__init__" else parts)] = path
    return found


def imports(path, module, known):
    """Modules of ours that a file imports anywhere: at its top, in a function, for annotations, or by a string."""
    package = module if path.name == "__init__.py" else module.rpartition(".")[0]
    for node in ast.walk(ast.parse(path.read_bytes())):
        if isinstance(node, ast.Import):
            named = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            base = node.module or ""
            if node.level:
                base = ".".join(
                    [*package.split(".")[: len(package.split(".")) - node.level + 1], *filter(None, [base])]
                )
            named = [f"{base}.{alias.name}" if f"{base}.{alias.name}" in known else base for alias in node.names]
        elif isinstance(node, ast.Call) and ast.unparse(node.func).rpartition(".")[2] == "import_module":
            named = [word.value for word in node.args[:1] if isinstance(word, ast.Constant)]
        else:
            continue
        yield from (name for name in named if name in known and name != module)


@cache
def graph():
    """Module -> the modules that it imports."""
    known = modules()
    return {module: sorted(set(imports(path, module, known))) for module, path in known.items()}


def room_of(module):
    """The room that a module lies in, None if no room of the table holds it."""
    parts = module.split(".")
    name = module if len(parts) < 2 or parts[0] == "methods" else ".".join(parts[:2])
    return {"methods": "methods"}.get(parts[0], name) if parts[0] == "methods" or name in FLOORS else None


def room_arrows():
    """(room, other room) -> an import that draws the arrow."""
    arrows = {}
    for module, targets in graph().items():
        for target in targets:
            one, other = room_of(module), room_of(target)
            if one != other:
                arrows.setdefault((one, other), f"{module} imports {target}")
    return arrows


def circles(edges):
    """Sets of modules that import each other in a circle (Tarjan's strongly connected components of two or more)."""
    index, low, stack, found = {}, {}, [], []

    def visit(node):
        index[node] = low[node] = len(index)
        stack.append(node)
        for target in edges[node]:
            if target not in index:
                visit(target)
                low[node] = min(low[node], low[target])
            elif target in stack:
                low[node] = min(low[node], index[target])
        if low[node] == index[node]:
            part = stack[stack.index(node) :]
            del stack[stack.index(node) :]
            if len(part) > 1:
                found.append(sorted(part))

    for node in edges:
        if node not in index:
            visit(node)
    return found


def test_every_module_lies_in_a_room_that_the_table_knows():
    strangers = [module for module in modules() if room_of(module) is None]
    assert not strangers, f"not in a room of FLOORS: {strangers}"


def test_no_import_runs_upward_or_sideways():
    flat = {frozenset((one, other)) for group in ONE_FLAT for one in group for other in group}
    wrong = [
        why
        for (one, other), why in room_arrows().items()
        if FLOORS[other] >= FLOORS[one] and frozenset((one, other)) not in flat
    ]
    assert not wrong, "\n".join(wrong)


def test_no_files_import_each_other_in_a_circle():
    assert not circles(graph())


def test_a_circle_an_upward_arrow_and_an_unknown_room_are_seen():
    assert circles({"a": ["b"], "b": ["c"], "c": ["a"], "d": ["a"]}) == [["a", "b", "c"]]
    assert room_of("bench.attic.chest") is None
    assert room_of("bench.gans.objectives.base") == "bench.gans"
    assert FLOORS[room_of("bench.papers.spec")] > FLOORS[room_of("methods.lm")]


def test_an_import_by_a_string_is_seen(tmp_path):
    text = "import importlib\nfrom importlib import import_module\n\n"
    text += "def late(name):\n    importlib.import_module('bench.api')\n    import_module('bench.core.moved')\n"
    path = tmp_path / "late.py"
    path.write_text(text + "    return import_module(name)\n")
    assert set(imports(path, "bench.late", modules())) == {"bench.api", "bench.core.moved"}
    assert {"bench.api", "bench.core.moved"} <= set(graph()["bench"])


def test_the_house_stays_as_small_as_it_is():
    rooms = {room_of(module) for module in modules()} - {"bench", "bench.api"}
    loose = [module for module, path in modules().items() if path.parent == ROOT / "bench"]
    assert len(rooms) <= MOST_ROOMS
    assert len(set(FLOORS.values())) <= MOST_FLOORS
    assert len(room_arrows()) <= MOST_ARROWS
    assert len(loose) <= MOST_LOOSE, loose


def test_tests_mirror_the_rooms():
    rooms = {room.rpartition(".")[2] for room in FLOORS} - {"bench", "api"}
    folders = {path.name for path in (ROOT / "tests").iterdir() if path.is_dir() and any(path.rglob("test_*.py"))}
    assert folders - {"benchmarks"} == rooms


def test_the_harness_never_imports_a_method():
    assert not [
        m for m, targets in graph().items() if m.startswith("bench") for t in targets if t.startswith("methods")
    ]


@pytest.mark.parametrize(
    "command",
    [
        ["--help"],
        ["list"],
        ["data", "list"],
        ["run", "--help"],
        ["user-study", "--help"],
        ["apply", "--help"],
        ["overfit", "--help"],
        ["claims"],
        ["status", "acyclic"],
        ["show", "quickstart"],
        ["doctor"],
    ],
)
def test_reading_commands_leave_torch_alone(command):
    code = (
        "import sys; sys.argv = ['ganinv', *sys.argv[1:]]; from bench.cli.app import main\n"
        "try: main()\n"
        "except SystemExit: pass\n"
        "assert 'torch' not in sys.modules, 'torch was imported'"
    )
    result = subprocess.run([sys.executable, "-c", code, *command], capture_output=True, text=True, check=False)
    assert "torch was imported" not in result.stderr, command
    assert "Traceback" not in result.stderr, result.stderr


def test_files_stay_small():
    for path in modules().values():
        lines = path.read_text().count("\n")
        assert lines <= LONGEST_FILE, f"{path}: {lines} lines"


def test_every_class_has_a_name_of_its_own():
    places = {}
    for path in modules().values():
        for node in ast.walk(ast.parse(path.read_bytes())):
            if isinstance(node, ast.ClassDef):
                places.setdefault(node.name, []).append(str(path.relative_to(ROOT)))
    assert not {name: found for name, found in places.items() if len(found) > 1}


def test_calls_with_more_than_four_arguments_name_them():
    """Shapes, the parts of a sequence of layers and formats of ``struct`` are lists, not arguments."""
    lists = {"reshape", "view", "permute", "Sequential", "pack", "Progress", "partial", "parallel_workers"}
    for path in modules().values():
        for node in ast.walk(ast.parse(path.read_bytes())):
            if isinstance(node, ast.Call) and ast.unparse(node.func).rpartition(".")[2] not in lists:
                given = [each for each in node.args if not isinstance(each, ast.Starred)]
                assert len(given) <= 4, f"{path}:{node.lineno}: {ast.unparse(node.func)}"


def test_docstrings_open_with_what_a_thing_is_or_does():
    riddles = {"What", "Whether", "How", "Which", "Where"}
    for path in modules().values():
        for node in ast.walk(ast.parse(path.read_bytes())):
            if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef):
                words = (ast.get_docstring(node) or "").split()
                assert not words or words[0] not in riddles, f"{path}: {' '.join(words[:8])}"
