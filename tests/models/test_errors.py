"""What Python says of memory and depth reaches a person as one line, wherever it comes from."""

from __future__ import annotations

import asyncio
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from engine.store.workspace import Workspace
from models.errors import ExhaustedError
from models.system.threads import on_daemon_thread
from tests.command import burnish, words
from tests.factory import new_workspace
from tui.state.engine_thread import EngineThread
from tui.state.reader_thread import ReaderThread


def too_large(*_: object) -> None:
    raise MemoryError


def too_deep(*_: object) -> None:
    too_deep()


ERRORS: list[tuple[Callable[..., None], str]] = [
    (too_large, "not enough memory"),
    (too_deep, "nested too deeply"),
]


@pytest.mark.parametrize(("fail", "said"), ERRORS)
def test_a_command_says_one_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, fail: Callable[..., None], said: str
) -> None:
    monkeypatch.setattr(Workspace, "read", fail)
    ended = burnish("show", tmp_path / "w.burnish")
    assert (ended.code, said in ended.complaint) == (1, True)


@pytest.mark.parametrize(("fail", "said"), ERRORS)
def test_a_thread_of_the_app_gives_one_line_back(
    tmp_path: Path, fail: Callable[..., None], said: str
) -> None:
    path = new_workspace(tmp_path / "w.burnish")

    async def asked() -> None:
        engine = EngineThread()
        with Workspace.read(path) as opened:
            reader = await ReaderThread.opened(opened, None)
            for work in (on_daemon_thread(fail), engine.call(fail), reader.ask_list(fail)):
                with pytest.raises(ExhaustedError, match=said):
                    await work
            await reader.close()
        engine.close()

    asyncio.run(asked())


@pytest.mark.skipif(sys.platform != "linux", reason="a limit of memory as Linux keeps it")
def test_a_row_that_does_not_fit_in_memory_is_one_line(tmp_path: Path) -> None:
    data = tmp_path / "data.json"
    nested = ",".join(["[1]"] * 1_500_000)
    data.write_text(f'[{{"instruction": "a", "output": "b", "x": [{nested}]}}]')
    done = subprocess.run(
        ["sh", "-c", 'ulimit -v 300000; exec "$@"', "sh", *words("stats", data)],
        capture_output=True,
        check=False,
    )
    assert (done.returncode, done.stderr.count(b"\n")) == (1, 1)
    assert b"not enough memory" in done.stderr
