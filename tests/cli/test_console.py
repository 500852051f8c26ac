"""What the command line shows: lines as they are, whatever they hold, and progress where there is no terminal."""

from __future__ import annotations

import io

import pytest
from rich.console import Console

from bench.cli import console
from bench.core.types import Budget, Cell, ComponentSpec, Record
from bench.harness.runner import Planned

BUDGET = Budget("smoke", 0, 1, 1, 1, 1, 1, 1, 60.0)
ODD = "[red]odd[/] :b:"
"""Would be markup and an emoji."""


def cell(title: str = "dcgan") -> Cell:
    return Cell(ComponentSpec("digits"), ComponentSpec(title), ComponentSpec("dfi+opt"), 3, BUDGET, ())


class Screen:
    """What was printed on the output and on the error stream."""

    def __init__(self, monkeypatch) -> None:
        self.files = {}
        for name in ("out", "err"):
            self.files[name] = io.StringIO()
            like = getattr(console, name)
            shown = Console(file=self.files[name], width=100, emoji=like._emoji, force_terminal=False)
            monkeypatch.setattr(console, name, shown)

    def lines(self, name: str) -> list[str]:
        return [line.rstrip() for line in self.files[name].getvalue().splitlines()]


@pytest.fixture
def screen(monkeypatch):
    return Screen(monkeypatch)


@pytest.fixture
def clock(monkeypatch):
    """Seconds that the display reads; set by the test."""

    class Clock:
        now = 1000.0

        def monotonic(self) -> float:
            return self.now

    made = Clock()
    monkeypatch.setattr(console, "time", made)
    return made


def test_a_note_is_shown_as_it_is_and_never_folded(screen):
    console.note(f"Report: /home/{ODD}/" + "x" * 200)
    assert screen.lines("out") == [f"Report: /home/{ODD}/" + "x" * 200]


@pytest.mark.parametrize(("show", "word"), [("error_line", "error"), ("warning_line", "warning")])
def test_errors_and_warnings_are_one_line_on_the_error_stream(screen, show, word):
    getattr(console, show)(f"no such file {ODD} " + "y" * 200)
    assert screen.lines("err") == [f"{word}: no such file {ODD} " + "y" * 200]
    assert screen.lines("out") == []


def test_a_table_shows_brackets_in_title_columns_and_cells(screen):
    console.table("[b]T[/b]", ["[i]a[/i]", "b"], [["1", ODD], ["2", "[/]"]])
    title, columns, first, second = screen.lines("out")
    assert title.strip() == "[b]T[/b]"
    assert columns.split() == ["[i]a[/i]", "b"]
    assert first.split() == ["1", *ODD.split()]
    assert second.split() == ["2", "[/]"]


def test_a_long_cell_is_folded_and_loses_nothing(screen):
    text = "".join(chr(ord("a") + k % 26) for k in range(150))
    console.table("", ["one"], [[text]])
    assert "".join(screen.lines("out")[1:]) == text


def test_control_c_ends_in_a_line_and_130(screen):
    with pytest.raises(SystemExit) as stopped, console.interruptible():
        raise KeyboardInterrupt
    assert stopped.value.code == 130
    assert screen.lines("err") == ["interrupted: finished cells are stored; the same command goes on from here"]


def test_cells_are_counted_and_named_with_their_brackets(screen):
    done = Record("k", {}, "done")
    failed = Record("k", {}, "failed", reason=f"diverged {ODD}")
    with console.RunDisplay() as display:
        observer = display.observer()
        observer.plan([Planned(cell(), "a", done), Planned(cell(), "b", None), Planned(cell(), "c", None)])
        assert display.total == 2
        observer.started(cell(ODD), 1, 2)
        observer.finished(cell(ODD), failed)
        observer.waiting(cell(ODD))
        observer.finished(cell(), done)
    assert screen.lines("err") == [
        "3 cells: 1 stored, 2 to run",
        f"[1/2] digits · {ODD} · dfi+opt · seed 3",
        f"  digits · {ODD} · dfi+opt · seed 3 failed: diverged {ODD}",
        f"waiting for another process: digits · {ODD} · dfi+opt · seed 3",
    ]


def test_without_a_terminal_a_line_a_minute_says_how_far_and_how_long(screen, clock):
    with console.RunDisplay() as display:
        step = display.observer().progress
        assert step is not None
        step("train [a]", 10, 400, {})
        clock.now += 59
        step("train [a]", 39, 400, {"loss": 0.25})
        assert screen.lines("err") == []
        clock.now += 1
        step("train [a]", 40, 400, {"loss": 0.25})
        assert screen.lines("err") == [], "a minute is not over yet"
        clock.now += 1
        step("train [a]", 71, 400, {"loss": 0.12345, "fid": 1234.0})
        step("train [a]", 72, 400, {})
        clock.now += 61
        step("train [a]", 400, 400, {})
    # (71 - 10) / 61 s = 1 step a second, 329 of them are left; (400 - 10) / 122 s
    assert screen.lines("err") == [
        "  train [a] 71/400, 1.0/s, 5 min left loss 0.123 fid 1.23e+03",
        "  train [a] 400/400, 3.2/s, 0 min left",
    ]


def test_other_work_is_timed_from_its_own_first_step(screen, clock):
    with console.RunDisplay() as display:
        step = display.observer().progress
        assert step is not None
        step("train", 1, 2, {})
        clock.now += 1000
        step("invert", 0, 1200, {})
        clock.now += 100
        step("invert", 200, 1200, {})
    assert screen.lines("err") == ["  invert 0/1200", "  invert 200/1200, 2.0/s, 8 min left"]


def test_speed_is_said_from_one_in_ten_seconds_on():
    class Work:
        speed: float | None = None

    work, column = Work(), console.Speed()
    shown = []
    for speed in (None, 0.09, 0.1, 12.34):
        work.speed = speed
        shown.append(column.render(work).plain)
    assert shown == ["", "", "0.1/s", "12.3/s"]
