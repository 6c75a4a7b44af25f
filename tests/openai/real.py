"""A real server of OpenAI's protocol: llama-cpp-python's own, with the demo's model."""

from __future__ import annotations

import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.util import find_spec

from models.files.catalog import demo_path

NEEDED = ("fastapi", "uvicorn", "sse_starlette", "starlette_context")
MISSING = [name for name in NEEDED if find_spec(name) is None]
ALIAS = "smollm2-135m"
CONTEXT = 1024  # tokens


@contextmanager
def real_server() -> Iterator[str]:
    """The base URL of the server, in a process of its own."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        port = listener.getsockname()[1]
    settings = {
        "model": demo_path(),
        "model_alias": ALIAS,
        "host": "127.0.0.1",
        "port": port,
        "n_ctx": CONTEXT,
    }
    options = [word for name, value in settings.items() for word in (f"--{name}", str(value))]
    command = [sys.executable, "-m", "llama_cpp.server", "--verbose", "false", *options]
    with tempfile.TemporaryFile() as log, subprocess.Popen(command, stdout=log, stderr=log) as server:
        try:
            until = time.monotonic() + 120
            while time.monotonic() < until and server.poll() is None:
                with socket.socket() as knock:
                    if knock.connect_ex(("127.0.0.1", port)) == 0:
                        yield f"http://127.0.0.1:{port}/v1"
                        return
                time.sleep(0.05)
            log.seek(0)
            raise AssertionError(log.read().decode("utf-8", "replace")[-2000:])
        finally:
            server.terminate()
            server.wait(30)
