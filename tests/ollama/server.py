"""A loopback server that speaks Ollama's protocol and answers from a script.

    with FakeOllama(script, parallel=2) as server:                # in this process, on threads
        OllamaTeacher("qwen0.5b", host=server.url)
        server.chats                                              # what was asked, and what came of it

    with spawned("--parallel", "2", "--seconds", "0.2") as url:   # in a process of its own
        ...

`release=R32` of tests/ollama/releases.py, or `--release 0.32.15`, makes it a server of that release; 0.24.0 otherwise.

A script takes a `Chat` and returns its reply: a str, or an Answer, Refusal, Raw or Nothing of
tests/ollama/script.py, where faults are described. Models are those recorded in tests/ollama/recorded unless given.
"""

from __future__ import annotations

import argparse
import contextlib
import importlib
import select
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from tests.ollama.protocol import Handler, Listener
from tests.ollama.releases import R24, RELEASES
from tests.ollama.script import Script, plausible
from tests.ollama.state import State


class FakeOllama(State):
    """The server. Keyword arguments are the fields of `State`; port 0 takes a free one."""

    handler: type[Handler] = Handler

    def __init__(self, script: Script = plausible, *, port: int = 0, **fields: Any) -> None:
        super().__init__(script, **fields)
        self._listener = Listener(self, port, self.handler)
        self._thread: threading.Thread | None = None  # None: nobody listens
        self._coming_and_going = threading.Lock()
        self.url = f"http://127.0.0.1:{self._listener.server_address[1]}"

    def __enter__(self) -> Self:
        self._listen()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Stop listening, and leave what is being answered where it is."""
        self.closing.set()
        self.refuse()

    def refuse(self) -> None:
        """Refuse connections from now on. What is being answered goes on."""
        with self._coming_and_going:
            if self._thread is not None:
                self._listener.shutdown()
                self._thread.join()
                self._thread = None
                # Who has come meanwhile is served; closing would reset the connection.
                while select.select([self._listener], [], [], 0)[0]:
                    self._listener.handle_request()
            self._listener.server_close()

    def accept(self) -> None:
        """Listen again, at the same port."""
        with self._coming_and_going:
            if self._thread is None:
                self._listener = Listener(self, self._listener.server_address[1], self.handler)
                self._listen()

    def _listen(self) -> None:
        self._thread = threading.Thread(target=self._listener.serve_forever, args=(0.02,), daemon=True)
        self._thread.start()


@contextlib.contextmanager
def spawned(*arguments: str) -> Iterator[str]:
    """The server in another process; gives its URL. Arguments as of `python -m tests.ollama.server`."""
    command = [sys.executable, "-m", "tests.ollama.server", *arguments]
    root = Path(__file__).parents[2]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=root) as process:
        try:
            assert process.stdout is not None
            yield process.stdout.readline().strip()
        finally:
            process.terminate()


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(prog="python -m tests.ollama.server")
    parser.add_argument("--port", type=int, default=0)
    parser.add_argument("--script", default="tests.ollama.script:plausible", help="module:function")
    parser.add_argument("--gguf", type=Path, help="a model that answers in place of a script")
    parser.add_argument("--release", default=R24.version, choices=[release.version for release in RELEASES])
    parser.add_argument("--parallel", type=int, default=1, help="as OLLAMA_NUM_PARALLEL")
    parser.add_argument("--max-queue", type=int, default=512, help="as OLLAMA_MAX_QUEUE")
    parser.add_argument("--wait", type=float, default=0.0, help="seconds to the first byte of each reply")
    parser.add_argument("--seconds", type=float, default=0.0, help="seconds from there to its last byte")
    parser.add_argument(
        "--log", type=Path, help="a file for a line when an exchange begins, and when it ends"
    )
    given = vars(parser.parse_args(arguments))
    script, gguf = given.pop("script"), given.pop("gguf")
    given["release"] = next(release for release in RELEASES if release.version == given["release"])
    stopped = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stopped.set())
    with _script(script, gguf) as answering, FakeOllama(answering, **given) as server:
        print(server.url, flush=True)
        stopped.wait()


@contextlib.contextmanager
def _script(name: str, gguf: Path | None) -> Iterator[Script]:
    if gguf is None:
        module, _, function = name.partition(":")
        yield getattr(importlib.import_module(module), function)
    else:
        from tests.ollama.live import LiveModel  # noqa: PLC0415  (only this needs llama.cpp)

        with LiveModel(gguf) as live:
            yield live


if __name__ == "__main__":
    main()
