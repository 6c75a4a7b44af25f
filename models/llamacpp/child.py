"""The child process that runs llama.cpp: `python -m models.llamacpp.child`, started by models/llamacpp/process.py.

Commands come in on standard input, answers go out on what was standard output, both as frames. The process ends
when its input does, that is when its parent is gone, even in the middle of a computation.
"""

from __future__ import annotations

import os
import queue
import signal
import threading
import time
from typing import Any, BinaryIO

from models.errors import BurnishError, ModelFileError
from models.llamacpp.process import pack, read_header
from models.system.core_files import no_core_file

HEARTBEAT = 1.0  # seconds between signs of life


class Channel:
    """The way back to the parent, shared by the threads of this process."""

    def __init__(self, stream: BinaryIO) -> None:
        self.stream, self.lock = stream, threading.Lock()

    def send(self, header: dict[str, Any], *blobs: bytes) -> None:
        with self.lock:
            self.stream.write(pack(header, *blobs))
            self.stream.flush()


def main() -> None:
    no_core_file()
    commands, channel = os.fdopen(os.dup(0), "rb"), Channel(os.fdopen(os.dup(1), "wb"))
    os.dup2(2, 1)  # what a library prints must not come between the frames
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is the parent's to answer
    todo: queue.SimpleQueue[dict[str, Any]] = queue.SimpleQueue()
    cancelled: set[int] = set()
    threading.Thread(target=_listen, args=(commands, todo, cancelled), daemon=True).start()
    threading.Thread(target=_beat, args=(channel,), daemon=True).start()
    from models.llamacpp.child_commands import ChildCommands  # noqa: PLC0415  it loads llama.cpp, which may print

    session = ChildCommands(channel.send, cancelled)
    while True:
        command = todo.get()
        call = command.pop("call")
        try:
            session.commands[command.pop("do")](call, **command)
        except ModelFileError as error:
            channel.send({"call": call, "error": "file", "why": error.why})
        except MemoryError as error:
            channel.send({"call": call, "error": "memory", "why": str(error)})
        except BurnishError as error:
            channel.send({"call": call, "error": "refused", "why": str(error)})
        cancelled.discard(call)


def _listen(stream: BinaryIO, todo: queue.SimpleQueue[dict[str, Any]], cancelled: set[int]) -> None:
    while (header := read_header(stream)) is not None:
        if header["do"] == "cancel":
            cancelled.add(header["call"])
        else:
            todo.put(header)
    os._exit(0)  # at once, whatever llama.cpp's threads are doing


def _beat(channel: Channel) -> None:
    while True:
        time.sleep(HEARTBEAT)
        channel.send({"call": None})


if __name__ == "__main__":
    main()
