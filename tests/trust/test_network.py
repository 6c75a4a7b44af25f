"""Nothing leaves: no address is ever named to the system but the teacher's on this machine, and no name looked up."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import pytest

from tests.command import elsewhere
from tests.ollama.server import FakeOllama
from tests.running import SHORT, TEACHER, brief, dataset
from tests.scene import scene
from tests.terminal import Terminal
from tests.trust.network_watch import ROOT, Watch
from tests.trust.traps import SECRET, sprung

UNSHARE = ("unshare", "--map-root-user", "--net")


def can_unshare() -> bool:
    """Not every system has network namespaces, and not every container lets one make them."""
    if shutil.which("unshare") is None:
        return False
    return subprocess.run([*UNSHARE, "true"], capture_output=True, check=False).returncode == 0


LEAKS = {
    "198.51.100.7:9": "socket.socket(socket.AF_INET, socket.SOCK_DGRAM).connect(('198.51.100.7', 9))",
    "2001:db8::7:9": "socket.socket(socket.AF_INET6, socket.SOCK_DGRAM).connect(('2001:db8::7', 9))",
    "127.0.0.9:9": "socket.socket(socket.AF_INET, socket.SOCK_DGRAM).sendto(b'x', ('127.0.0.9', 9))",
}


@pytest.mark.parametrize("by_hook", [None, True])
def test_the_watch_sees_what_it_is_there_to_see_in_children_too(tmp_path: Path, by_hook: bool | None) -> None:
    child = "import socket\n" + "".join(f"try: {leak}\nexcept OSError: pass\n" for leak in LEAKS.values())
    code = f"import subprocess, sys; subprocess.run([sys.executable, '-c', {child!r}])"
    watch = Watch(tmp_path, by_hook=by_hook)
    environment = {**os.environ, **watch.environment}
    subprocess.run([*watch.prefix, sys.executable, "-c", code], env=environment, check=True)
    assert watch.seen() == set(LEAKS)


@pytest.mark.skipif(not can_unshare(), reason="no network namespace can be made here")
def test_a_whole_run_needs_no_network_but_loopback_and_tries_no_other(tmp_path: Path) -> None:
    command = [*UNSHARE, sys.executable, "-m", "tests.trust.without_network", str(tmp_path)]
    done = subprocess.run(command, capture_output=True, check=False, cwd=ROOT, timeout=300)
    report = json.loads(done.stdout)
    assert report["interfaces"] == ["lo"]
    assert report["code"] == 0, report["error"]
    assert json.loads(report["result"])["done"] == 1
    assert report["seen"] == [report["teacher"].removeprefix("http://")]


QUICK = ("export", "doctor")
"""Commands that are watched always; the others with --whole (what `score` does, `run` does too)."""

OFFLINE = ("score", "export", "show", "stats", "report")


def commands(folder: Path) -> dict[str, Sequence[object]]:
    (shown := folder / "shown").mkdir()
    data, workspace, teacher = dataset(folder / "data.json", SHORT[:1]), scene(shown), ("--teacher", TEACHER)
    return {
        "score": ("score", data, "-w", folder / "s.burnish", "--student", "demo"),
        "export": ("export", workspace, folder / "out.json"),
        "show": ("show", workspace),
        "doctor": ("doctor", *teacher, "--student", "demo"),
        "doctor --privacy": ("doctor", "--privacy", *teacher),
        "models": ("models",),
        "pull": ("pull", "absent"),
        "stats": ("stats", data),
        "report": ("report", workspace, "-o", folder / "report.html"),
        "answer": ("answer", "--model", TEACHER, "--prompts", data, "-o", folder / "answers.json"),
        "judge": ("judge", workspace, "--judge", TEACHER, "--limit", "2"),
        "rate": ("rate", workspace, "--judge", TEACHER, "--limit", "1"),
        "demo": ("demo", "--samples", "1", "-w", folder / "demo.burnish"),
    }


def test_a_command_names_no_address_but_the_teachers(tmp_path: Path, pytestconfig: pytest.Config) -> None:
    whole = pytestconfig.getoption("--whole")
    for number, (name, arguments) in enumerate(commands(tmp_path).items()):
        if whole or name in QUICK:
            (folder := tmp_path / f"watched-{number}").mkdir()
            watch = Watch(folder)
            with FakeOllama(brief) as server:
                elsewhere(
                    *arguments,
                    environment={**watch.environment, "OLLAMA_HOST": server.url},
                    prefix=watch.prefix,
                )
                assert_no_secret(server)
                asked = bool(server.exchanges)
            assert asked == (name not in OFFLINE), name
            assert watch.seen() == ({server.url.removeprefix("http://")} if asked else set()), name


SETTINGS = """
[teacher]
name = "{teacher}"

[run]
method = "reflect"
reply_form = "json"
"""
LURES = (
    "See https://burnish.invalid/a, [link=https://burnish.invalid/b]here[/link], "
    "[@click=app.open_url('https://burnish.invalid/c')]there[/] or mailto:a@burnish.invalid.",
    "\x1b]8;;https://burnish.invalid/d\x1b\\that\x1b]8;;\x1b\\ ![x](https://burnish.invalid/e.png)",
)


@pytest.mark.whole
@pytest.mark.long
def test_the_app_names_no_address_but_the_teachers_and_makes_no_link_of_a_text(
    tmp_path: Path,
) -> None:
    """A dataset is opened, refined, looked through with the mouse, and exported; its texts are full of addresses."""
    (tmp_path / "config.toml").write_text(SETTINGS.format(teacher=TEACHER), "utf-8")
    (watched := tmp_path / "watched").mkdir()
    watch = Watch(watched)
    dataset(tmp_path / "data.json", [{"instruction": text, "input": text, "output": text} for text in LURES])
    with FakeOllama(brief) as server:
        given = {**watch.environment, "OLLAMA_HOST": server.url}
        with Terminal("data.json", folder=tmp_path, environment=given, prefix=watch.prefix) as terminal:
            terminal.wait_for("a JSON array")
            terminal.wait_for("qwen0.5b teaches")
            terminal.press("ctrl+s")
            terminal.wait_for("2 of 2 samples")
            terminal.press("2")
            terminal.wait_for("https://burnish")
            terminal.press("enter")
            terminal.wait_for("Sample 0")
            terminal.wait_for("there")
            for text in ("https", "here", "there"):
                click(terminal, text)
            terminal.press("5")
            terminal.wait_for("2 of 2 samples would be written")
            terminal.press("w")
            terminal.wait_for("written 2 of 2")
            terminal.press("ctrl+q")
            assert terminal.wait_for_end() == 0
            assert b"\x1b]8;" not in terminal.sent
        assert_no_secret(server)
    assert watch.seen() == {server.url.removeprefix("http://")}
    assert sprung(watched) == []


def assert_no_secret(server: FakeOllama) -> None:
    for exchange in server.exchanges:
        assert {name.lower() for name in exchange.headers}.isdisjoint(
            {"authorization", "cookie", "proxy-authorization"}
        )
        assert SECRET not in str(exchange.headers) + str(exchange.body)


def click(terminal: Terminal, text: str) -> None:
    """With the mouse, on the first place that says so."""
    y, line = next((y, line) for y, line in enumerate(terminal.screen.display) if text in line)
    x = line.index(text)
    terminal.press(f"\x1b[<0;{x + 1};{y + 1}M", f"\x1b[<0;{x + 1};{y + 1}m")
