"""Commands of applications: of plug-ins, and of files that are broken."""

import pytest
from typer.testing import CliRunner

from bench.applications.base import Application
from bench.cli.apply import apply_app
from bench.core import registry
from bench.core.errors import BenchError, ContractError

PLUGIN = """
from dataclasses import dataclass

from bench import application
from bench.applications.base import Application


@application("echo")
@dataclass
class Echo(Application):
    \"\"\"Say a word.

    Attributes:
        {option}: the word that is said.
    \"\"\"

    {option}: str = "nothing"

    def run(self, subject):
        raise NotImplementedError
"""


@pytest.fixture
def plugin(tmp_path):
    path = tmp_path / "echo_plugin.py"
    path.write_text(PLUGIN.format(option="word"))
    return path


@pytest.fixture
def ran(monkeypatch):
    """The names and options of the applications that a command ran."""
    found = []
    monkeypatch.setattr(
        "bench.cli.apply._run", lambda name, options, words: found.append((name, options, words["gan"]))
    )
    return found


def apply(*words):
    return CliRunner().invoke(apply_app, [str(word) for word in words])


@pytest.mark.parametrize("form", [["--plugin", "{}"], ["--plugin={}"]])
def test_an_application_of_a_plugin_is_a_command(plugin, ran, form):
    given = [word.format(plugin) for word in form]
    done = apply("echo", "--gan", "g", *given, "--word", "hello")
    assert done.exit_code == 0, done.output
    assert ran == [("echo", {"word": "hello"}, "g")]


def test_help_on_an_application_of_a_plugin_tells_of_its_options(plugin):
    done = apply("echo", "--plugin", plugin, "--help")
    assert done.exit_code == 0, done.output
    assert "The word that is said. Default: nothing." in " ".join(done.output.replace("│", " ").split())


def test_a_plugin_does_not_stay(plugin, forget_plugins):
    assert apply("echo", "--plugin", plugin, "--help").exit_code == 0
    forget_plugins()
    done = apply("echo", "--help")
    assert done.exit_code == 2
    assert "No such command" in done.output


def test_an_unknown_application_suggests_the_nearest():
    done = apply("inpant")
    assert done.exit_code == 2
    assert "'inpaint'" in done.output


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("x = 1\n", "registers nothing"),
        ("def :\n", "line 1: invalid syntax"),
        (
            PLUGIN.format(option="seed"),
            "application 'echo': option seed is one of all applications; rename the field",
        ),
        (
            PLUGIN.format(option="word").replace("(Application)", ""),
            "must subclass bench.applications.base.Application",
        ),
    ],
)
def test_a_faulty_plugin_is_one_line(plugin, text, says):
    plugin.write_text(text)
    done = apply("echo", "--plugin", plugin, "--word", "hello")
    assert isinstance(done.exception, BenchError)
    assert says in str(done.exception)
    assert "\n" not in str(done.exception)


@pytest.fixture
def broken_file(tmp_path, monkeypatch):
    """A room of applications in which one file has an error of syntax."""
    folder, empty = tmp_path / "room", tmp_path / "none"
    folder.mkdir()
    empty.mkdir()
    (folder / "torn.py").write_text('@application("torn")\nclass Torn(:\n    pass\n')
    monkeypatch.setattr(registry, "_room_folder", lambda room: folder if room == "bench.applications" else empty)
    registry._built_in.cache_clear()
    registry._table.cache_clear()
    yield
    registry._built_in.cache_clear()
    registry._table.cache_clear()


def test_a_broken_file_of_an_application_breaks_its_own_command_alone(broken_file, plugin, ran):
    listed = apply("--help")
    assert listed.exit_code == 0, listed.output
    assert "BROKEN: application 'torn'" in " ".join(listed.output.replace("│", " ").split())
    assert apply("echo", "--plugin", plugin).exit_code == 0
    assert ran == [("echo", {}, "")]
    done = apply("torn", "--gan", "g", "--count", "3")
    assert isinstance(done.exception, ContractError)
    assert "cannot be read" in str(done.exception)
    assert "line 2" in str(done.exception)


def test_every_application_has_a_command():
    names = registry.entries("application")
    done = apply("--help")
    assert all(f" {name} " in done.output for name in names)
    assert all(issubclass(registry.load("application", name), Application) for name in names)
