"""Text from a dataset, a model or a path is shown, and never acts on the terminal that shows it."""

from __future__ import annotations

import json
import os
import pty
import re
import subprocess
from pathlib import Path
from typing import Any

import pytest

from engine.sample import Annotation
from engine.store.workspace import Workspace
from models.system.shell import command_line
from tests.command import ALONE, REFLECT, Ended, burnish, words
from tests.factory import new_workspace
from tests.ollama.script import Chat
from tests.ollama.server import FakeOllama
from tests.parts import in_part
from tests.running import brief, dataset
from tui.cli.main import cli

HOSTILE = (
    "\x1b[8m hidden \x1b]0;title\x07 \x9b2J \x90q \x00 \x7f \r \x08 \u202e kcab \u2066 \u2028 "
    "[/ [bold] [/bold] :smile:"
)
ROW = {"instruction": f"Say {HOSTILE}", "input": HOSTILE, "output": f"Here: {HOSTILE}"}
ACTIVE = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069]")
COLOURS = re.compile(r"\x1b\[[0-9;]*m")
MOVES = re.compile(r"\x1b\[(?!8m)[0-9;?]*[A-Za-ln-z]")  # of the cursor, and to clear


def script(chat: Chat) -> str:
    """A reply whose every part is hostile, the critique included."""
    reply = json.loads(brief(chat))

    def spoilt(part: Any) -> Any:
        return {k: spoilt(v) for k, v in part.items()} if isinstance(part, dict) else f"{part} {HOSTILE}"

    return json.dumps(spoilt(reply))


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Ended]:
    """A workspace under a hostile name, full of hostile text, and what the run that made it said."""
    folder = tmp_path_factory.mktemp("[bold]") / ":smile: \u202e[" / "bold]"
    folder.mkdir(parents=True)
    data, path = dataset(folder / "data.json", [ROW]), folder / "w.burnish"
    with FakeOllama(script) as server:
        ended = burnish("run", data, "-w", path, *REFLECT, environment={"OLLAMA_HOST": server.url})
    assert ended.code == 0, ended.err
    with Workspace.open(path) as opened:
        opened.annotations.keep(0, Annotation(note=HOSTILE, tags=("[bold]\x1b[8m",)))
    return path, ended


def harmless(ended: Ended, *, coloured: bool = False) -> None:
    assert "Traceback" not in ended.err
    for output in (ended.out, ended.err):
        plain = COLOURS.sub("", output) if coloured else output
        assert not ACTIVE.search(plain)


def test_a_run_s_result_does_not_act(made: tuple[Path, Ended]) -> None:
    harmless(made[1])
    assert "␛[8m" in made[1].out
    assert ":smile:" in made[1].out


@pytest.mark.parametrize("arguments", [(), ("0",)])
@pytest.mark.parametrize("width", ["20", "80", "200"])
def test_what_show_shows_does_not_act(
    made: tuple[Path, Ended], arguments: tuple[str, ...], width: str
) -> None:
    ended = burnish("show", made[0], *arguments, environment={"COLUMNS": width})
    assert ended.code == 0
    harmless(ended)
    coloured = burnish("show", made[0], *arguments, environment={"COLUMNS": width, "FORCE_COLOR": "1"})
    harmless(coloured, coloured=True)
    assert "\x1b[8m" not in coloured.out
    assert COLOURS.sub("", coloured.out) == ended.out


def test_brackets_and_colons_are_shown_as_they_are(made: tuple[Path, Ended]) -> None:
    shown = burnish("show", made[0], "0", environment={"COLUMNS": "200"}).out
    assert "[/ [bold] [/bold] :smile:" in shown
    assert "#[bold]␛[8m" in shown


@pytest.mark.whole
def test_scores_of_hostile_text_do_not_act_and_objects_hold_it_as_it_was(tmp_path: Path) -> None:
    row = ROW | {"output": f"{HOSTILE} and half a character: \ud800"}
    data, path = dataset(tmp_path / "data.json", [row]), tmp_path / "w.burnish"
    lines = burnish("score", data, "-w", path, "--student", "demo", "--json")
    assert json.loads(lines.out)["ifd"] > 0
    ended = burnish("score", data, "-w", path, "--student", "demo")
    assert ended.code == 0
    harmless(ended)
    assert "Say ␛[8m" in ended.out
    whole = burnish("show", path, "0", "--json")
    assert whole.out.isascii()
    assert whole.out.rstrip("\n").isprintable()
    assert json.loads(whole.out)["sample"]["original"]["response"] == row["output"]


def test_an_error_is_one_line_whatever_the_path(tmp_path: Path) -> None:
    ended = burnish("show", tmp_path / "a\nb\x1b[2J[/]")
    assert ended.code == 1
    assert "␊b␛[2J[/]" in ended.complaint


@in_part("encoding", ["ascii", "latin-1", "cp1252"])
def test_a_terminal_without_unicode_gets_numbers_and_no_error(
    made: tuple[Path, Ended], encoding: str
) -> None:
    environment = {**os.environ, **ALONE, "PYTHONIOENCODING": encoding}
    for arguments in ((), ("0",)):
        done = subprocess.run(
            words("show", made[0], *arguments), env=environment, capture_output=True, check=False
        )
        assert (done.returncode, done.stderr) == (0, b"")
        assert b"\\u202b" not in done.stdout
        assert not ACTIVE.search(done.stdout.decode(encoding))


@pytest.mark.parametrize("environment", [{}, {"FORCE_COLOR": "1"}, {"TERM": "dumb"}])
def test_progress_through_a_pipe_is_plain_lines(tmp_path: Path, environment: dict[str, str]) -> None:
    data = dataset(tmp_path / "data.json", [ROW])
    with FakeOllama(script) as server:
        ended = burnish(
            *("run", data, "-w", tmp_path / "w.burnish", *REFLECT, "--json"),
            environment={"OLLAMA_HOST": server.url, **environment},
        )
    assert "\x1b" not in ended.err
    assert "1 sample, 0 of them done before" in ended.err
    assert "1/1 samples" in ended.err
    assert json.loads(ended.out)["done"] == 1


@pytest.mark.whole
def test_a_growing_reply_does_not_act_on_the_terminal_it_grows_on(tmp_path: Path) -> None:
    data = dataset(tmp_path / "data.json", [ROW])
    with FakeOllama(script, seconds=1.0) as server:
        ours, theirs = pty.openpty()
        environment = {**os.environ, **ALONE, "OLLAMA_HOST": server.url, "TERM": "xterm-256color"}
        command = words("run", data, "-w", tmp_path / "w.burnish", *REFLECT)
        with subprocess.Popen(command, env=environment, stdin=theirs, stdout=theirs, stderr=theirs) as run:
            os.close(theirs)
            seen = b"".join(iter(lambda: _read(ours), b""))
        os.close(ours)
        assert run.returncode == 0
    output = seen.decode().replace("\r\n", "\n")
    assert MOVES.search(output), "it was the display that moves"
    assert "sample 0, instruction reflect: " in output
    plain = COLOURS.sub("", MOVES.sub("", output)).replace("\r", "")
    assert not ACTIVE.search(plain)
    assert "\x1b[8m" not in output
    assert "␛[8m" in output


def _read(descriptor: int) -> bytes:
    try:
        return os.read(descriptor, 1 << 16)
    except OSError:  # how Linux says that the other side of a terminal is closed
        return b""


# Names and arguments -----------------------------------------------------------------------------------------

NAME = "a\x1b]0;owned\x07\x1b[8m\x9b2J\u202eb\nburnish: all is well"


def misused(folder: Path) -> list[tuple[object, ...]]:
    """Commands with a hostile word in every place where one can stand."""
    there, workspace = folder / NAME, folder / f"{NAME}.burnish"
    files = (NAME, there, folder, f"-{NAME}", f"--{NAME}", f"--teacher={NAME}")
    commands = [name for name in cli.commands if name != "open"]
    return [
        *(
            (command, file)
            for command in commands
            if command not in ("demo", "doctor", "models")
            for file in files
        ),
        *((command, f"--{NAME}") for command in commands),
        *((command, NAME, NAME, NAME, NAME) for command in commands),
        (NAME,),
        (f"--{NAME}",),
        (there,),
        (folder / "no" / NAME,),
        *(
            ("run", there, *REFLECT, option, NAME)
            for option in ("--format", "--encoding", "--limit", "--method")
        ),
        ("run", there, *REFLECT, "-w", folder),
        ("run", there, "--teacher", NAME, "--student", NAME),
        ("export", workspace, there, "--rule", NAME),
        ("export", workspace, there, "--top", NAME, "--rule", "top"),
        ("export", workspace, folder / "no" / NAME),
        ("show", workspace, NAME),
        ("report", workspace, "-o", folder),
        ("judge", there, there, "--judge", NAME, "--record", there),
        ("answer", "--model", NAME, "--prompts", there, "-o", there),
        ("demo", "--samples", NAME),
        ("demo", "-w", folder),
        ("doctor", "--teacher", NAME, "--student", NAME),
    ]


def test_no_argument_acts_on_the_terminal_that_a_complaint_is_shown_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    dataset(tmp_path / NAME, [ROW])
    new_workspace(tmp_path / f"{NAME}.burnish")
    for arguments in misused(tmp_path):
        ended = burnish(*arguments)
        harmless(ended)
        assert "\nburnish: all is well" not in ended.out + ended.err, arguments


def test_no_name_of_a_file_acts_on_the_terminal_that_a_result_is_shown_on(tmp_path: Path) -> None:
    folder = tmp_path / NAME
    folder.mkdir()
    data, path = dataset(folder / f"{NAME}.json", [ROW] * 8), folder / f"{NAME}.burnish"
    bad = dataset(folder / f"bad {NAME}.json", [ROW, {"no": "sample"}])
    with FakeOllama(script) as server:
        environment = {"OLLAMA_HOST": server.url}
        for arguments in (
            ("run", data, "-w", path, *REFLECT),
            ("run", bad, "-w", folder / f"bad {NAME}.burnish", *REFLECT, "--skip-bad"),
            ("show", path),
            ("show", path, "1"),
            ("stats", data),
            ("stats", path),
            ("export", path, folder / f"{NAME}-out.json"),
            ("export", path, folder / f"{NAME}-out.json", "--trainer", "llamafactory"),
            ("export", path, folder / f"{NAME}-out.json", "--trainer", "axolotl"),
            ("copy", path, folder / f"{NAME}-copy.burnish"),
            ("report", path),
            ("report", path, "-o", folder / f"{NAME}.html"),
            ("doctor", "--privacy"),
        ):
            ended = burnish(*arguments, environment=environment)
            # A trainer that would take the name for a pattern is not given it.
            assert ended.code in (0, 1, 3) or "in a path for a pattern" in ended.err, ended.err
            harmless(ended)
            assert "\nburnish: all is well" not in ended.out + ended.err, arguments


@pytest.mark.parametrize(
    "word", [NAME, "it's \\ \x01", "\udcff\udc80", "plain", "", "$HOME `id` \x02", "\u202e\x0b7"]
)
def test_a_line_to_paste_is_the_same_command_and_does_not_act(word: str) -> None:
    line = command_line(["printf", "%s", word])
    assert line.isprintable()
    done = subprocess.run(["bash", "-c", line], capture_output=True, check=True)
    assert done.stdout == os.fsencode(word)


def test_a_stopped_command_is_given_back_as_a_line_to_paste(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    def stopped(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("engine.store.workspace.Workspace.read", stopped)
    ended = burnish("show", tmp_path / NAME)
    harmless(ended)
    assert (ended.code, ended.err.rstrip("\n").split("The same command goes on: ")[1]) == (
        130,
        command_line(["burnish", "show", str(tmp_path / NAME)]),
    )
