"""A process of burnish's own: a module that runs by itself, asked through its standard input and output."""

from __future__ import annotations

import asyncio
import os
import sys
import tempfile
from asyncio import StreamReader
from asyncio.subprocess import PIPE, Process
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import IO

LINE = 1 << 20  # bytes of a line on its standard output at most
END = 4096  # bytes of its standard error that are read when it has ended


async def start_child(module: str, environment: Mapping[str, str]) -> tuple[Process, IO[bytes]]:
    """Start a module; the process, and the file that its standard error goes to, which the caller closes."""
    errors = tempfile.TemporaryFile()  # noqa: SIM115  a file, not a pipe: nobody has to read along
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-P",  # a folder named "models" where the user stands is not this package
        "-m",
        module,
        stdin=PIPE,
        stdout=PIPE,
        stderr=errors,
        limit=LINE,
        env=environment,
        start_new_session=True,  # Ctrl-C in the terminal is for the parent
    )
    return process, errors


@asynccontextmanager
async def child_with_job(
    module: str, environment: Mapping[str, str], job: str
) -> AsyncIterator[tuple[Process, StreamReader, IO[bytes]]]:
    """A started module that was given its job as a line: the process, its reports, and its standard error.

    Its input stays open while its parent lives. On leaving it is killed, unless it has ended.
    """
    process, errors = await start_child(module, environment)
    try:
        assert process.stdin is not None
        assert process.stdout is not None
        process.stdin.write(job.encode() + b"\n")
        yield process, process.stdout, errors
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
        errors.close()


def last_lines(errors: IO[bytes]) -> list[str]:
    """The last lines that a child wrote on its standard error, without the empty ones."""
    errors.seek(max(errors.seek(0, os.SEEK_END) - END, 0))
    lines = errors.read().decode("utf-8", "replace").split("\n")
    return [line.strip() for line in lines if line.strip()]
