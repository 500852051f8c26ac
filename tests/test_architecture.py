"""Who may know whom, and what must not load torch."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
BASE = {"bench.core.errors"}
SUPPORT = BASE | {
    "bench.core.types",
    "bench.core.files",
    "bench.core.fingerprints",
    "bench.core.paths",
    "bench.core.registry",
    "bench.core.options",
    "bench.core.run_context",
}
WEIGHTS = SUPPORT | {"bench.core.pretrained_files"}
MAY_KNOW = {
    "bench/errors.py": set(),
    "bench/contracts": BASE | {"bench.core.types", "bench.core.run_context"},  # the name Run, in annotations
    "bench/datasets": SUPPORT | {"bench.datasets"},
    "bench/gans": WEIGHTS | {"bench.gans"},
    "bench/metrics": WEIGHTS | {"bench.metrics"},
    "methods": SUPPORT | {"bench.gans", "methods"},
    "bench/reports": {"bench.core.types", "bench.core.errors", "bench.core.files", "bench.reports"},
    "bench/user_study": {
        "bench.core.types",
        "bench.core.errors",
        "bench.core.files",
        "bench.reports",
        "bench.studies.user_study",
    },
    "bench/suite.py": SUPPORT | {"bench.harness.suite_parser"},
    "bench/suite_reader.py": SUPPORT | {"bench.gans.zoo", "bench.papers.claims.spec"},
}


def imports(path):
    for node in ast.walk(ast.parse(path.read_bytes())):
        if isinstance(node, ast.ImportFrom) and node.module:
            yield from (f"{node.module}.{alias.name}" for alias in node.names)
        elif isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)


def within(name, rooms):
    return any(name == room or name.startswith(f"{room}.") for room in rooms)


@pytest.mark.parametrize("place", MAY_KNOW)
def test_no_import_runs_upward(place):
    target = ROOT / place
    files = [target] if target.suffix else sorted(target.rglob("*.py"))
    assert files
    for path in files:
        ours = {name for name in imports(path) if within(name, {"bench", "methods"})}
        wrong = {name for name in ours if not within(name, MAY_KNOW[place])}
        assert not wrong, f"{path.relative_to(ROOT)} imports {sorted(wrong)}"


def test_the_harness_never_imports_a_method():
    for path in (ROOT / "bench").rglob("*.py"):
        assert not [name for name in imports(path) if within(name, {"methods"})], path


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
        "import sys; sys.argv = ['ganinv', *sys.argv[1:]]; from bench.cli.main import main\n"
        "try: main()\n"
        "except SystemExit: pass\n"
        "assert 'torch' not in sys.modules, 'torch was imported'"
    )
    result = subprocess.run([sys.executable, "-c", code, *command], capture_output=True, text=True, check=False)
    assert "torch was imported" not in result.stderr, command
    assert "Traceback" not in result.stderr, result.stderr


def test_files_stay_small():
    for path in [*(ROOT / "bench").rglob("*.py"), *(ROOT / "methods").rglob("*.py")]:
        lines = path.read_text().count("\n")
        assert lines <= 320, f"{path}: {lines} lines"
