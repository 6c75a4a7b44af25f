"""From the command line into the app and out of it again, in a real terminal."""

from __future__ import annotations

import os
import re
import signal
import stat
import termios
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.command import burnish
from tests.parts import in_part
from tests.scene import scene
from tests.terminal import Terminal

F1 = "\x1bOP"

ENTERED, LEFT = b"\x1b[?1049h", b"\x1b[?1049l"
"""Into the alternate screen, and back."""

FAULT = """
import {module} as module
def broken(self, *_):
    secret = "the words of a sample"
    raise {kind}(f"no place for {{secret}}")
module.{where} = broken
"""


# Without a terminal


@pytest.mark.parametrize("arguments", [[], ["tests/scene.py"]], ids=["nothing", "a path"])
def test_without_a_terminal_it_is_wrong_usage(arguments: list[str]) -> None:
    ended = burnish(*arguments)
    assert ended.code == 2
    assert "needs a terminal" in ended.complaint


@pytest.mark.parametrize(
    "name", ["no/such.burnish", "nope.json", "./nope", "/nope", "a.b" * 2000, "x\x1b[31m.json"], ids=range(6)
)
def test_a_path_that_is_not_there_is_one_line(name: str) -> None:
    ended = burnish(name)
    assert ended.code == 1
    assert "not there" in ended.complaint


def test_a_folder_is_one_line(tmp_path: Path) -> None:
    ended = burnish(tmp_path)
    assert (ended.code, "a folder" in ended.complaint) == (1, True)


@pytest.mark.parametrize("name", ["statsu", "exprot", "nope"])
def test_a_misspelt_command_is_click_s_to_tell(name: str) -> None:
    ended = burnish(name)
    assert ended.code == 2
    assert f"No such command '{name}'" in ended.err


def test_a_command_comes_before_a_file_of_its_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "show").touch()
    monkeypatch.chdir(tmp_path)
    assert "Missing argument 'WORKSPACE'" in burnish("show").err


@pytest.mark.whole
def test_settings_that_are_wrong_are_one_line(tmp_path: Path) -> None:
    (tmp_path / "config.toml").write_text("[run]\nmethod = 'guess'\n", "utf-8")
    with Terminal(folder=tmp_path) as terminal:
        assert terminal.wait_for_end() in (1, 2)
        assert terminal.text.startswith("burnish: ")
        assert "Traceback" not in terminal.text


# In a terminal


@contextmanager
def as_it_was(terminal: Terminal) -> Iterator[None]:
    """Echo, line by line, ...: at the end the terminal is set as it was at the beginning."""
    side = os.dup(terminal.child.child_fd)
    try:
        before = termios.tcgetattr(side)
        yield
        assert terminal.sent.count(LEFT) == terminal.sent.count(ENTERED) == 1
        assert termios.tcgetattr(side) == before
    finally:
        os.close(side)


@in_part(("columns", "lines"), [(80, 24), (200, 60)])
def test_it_opens_walks_and_leaves_the_terminal_as_it_was(tmp_path: Path, columns: int, lines: int) -> None:
    path = scene(tmp_path)
    with Terminal(path, folder=tmp_path, columns=columns, lines=lines) as terminal, as_it_was(terminal):
        terminal.wait_for("takes it up again")
        terminal.press("5")
        terminal.wait_for("24 of 24 samples would be written")
        terminal.press(F1)
        terminal.wait_for("type to search")
        terminal.press("escape")
        terminal.read(0.3)
        terminal.press("ctrl+q")
        assert terminal.wait_for_end() == 0
        after = terminal.sent.rpartition(LEFT)[2]
        assert re.sub(rb"\x1b\[[?<>]?[0-9;]*[a-z]", b"", after) == b"", "nothing is said when all is well"


@in_part(
    ("module", "where", "kind"),
    [
        ("tui.screens.run.screen", "RunScreen.body", "ValueError"),
        ("tui.screens.title", "Title.renew", "KeyError"),  # by a timer
        ("tui.state.workbench", "Workbench.open", "ZeroDivisionError"),  # in a worker
        ("tui.app", "BurnishApp.action_show_help", "RuntimeError"),  # by a key
    ],
    kept=2,
)
def test_what_breaks_is_one_line_and_a_log_without_a_sample(
    tmp_path: Path, module: str, where: str, kind: str
) -> None:
    path = scene(tmp_path)
    (tmp_path / "sitecustomize.py").write_text(FAULT.format(module=module, where=where, kind=kind), "utf-8")
    with (
        Terminal(path, folder=tmp_path, environment=paths(tmp_path)) as terminal,
        as_it_was(terminal),
    ):
        if "help" in where:
            terminal.wait_for("takes it up again")
            terminal.press(F1)
        assert terminal.wait_for_end() == 1
        log = tmp_path / "state" / "burnish" / "log" / "crash.log"
        printed = terminal.sent.rpartition(LEFT)[2].decode()
        assert "Traceback" not in printed
        assert "the words of a sample" not in terminal.sent.decode()
        assert "burnish: something in burnish broke" in printed
        assert str(log) in printed.replace("\r\n", "")
        written = log.read_text("utf-8")
        assert written.rstrip().endswith(kind)
        assert "in broken" in written
        assert "words of a sample" not in written.replace('secret = "the words of a sample"', "")
        assert stat.S_IMODE(log.stat().st_mode) == 0o600
    assert burnish("show", path).code == 0


@pytest.mark.whole
def test_a_log_that_cannot_be_written_is_said(tmp_path: Path) -> None:
    fault = FAULT.format(module="tui.screens.start.screen", where="StartScreen.body", kind="ValueError")
    (tmp_path / "sitecustomize.py").write_text(fault, "utf-8")
    (tmp_path / "state").touch()
    with Terminal(folder=tmp_path, environment=paths(tmp_path)) as terminal:
        assert terminal.wait_for_end() == 1
        assert b"its folder cannot be written" in terminal.sent


def paths(folder: Path) -> Mapping[str, str]:
    return {
        "XDG_STATE_HOME": str(folder / "state"),
        "PYTHONPATH": os.pathsep.join([str(folder), str(Path(__file__).parents[3])]),
    }


def test_a_signal_to_stop_leaves_the_terminal_as_it_was(tmp_path: Path) -> None:
    with Terminal(scene(tmp_path), folder=tmp_path) as terminal, as_it_was(terminal):
        terminal.wait_for("takes it up again")
        os.kill(terminal.child.pid, signal.SIGTERM)
        assert terminal.wait_for_end(10) == 130
        assert "Traceback" not in terminal.sent.rpartition(LEFT)[2].decode()


def test_without_colour_nothing_is_coloured(tmp_path: Path) -> None:
    with Terminal(scene(tmp_path), folder=tmp_path, environment={"NO_COLOR": "1"}) as terminal:
        terminal.wait_for("takes it up again")
        terminal.press("5")
        terminal.wait_for("24 of 24 samples would be written")
        colours = {cell.fg for line in terminal.screen.buffer.values() for cell in line.values()}
        assert all(colour == "default" or colour[:2] == colour[2:4] == colour[4:] for colour in colours)
