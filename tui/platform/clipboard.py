"""Copying a text: by the desktop's own program where there is one, else by the terminal (OSC 52)."""

from __future__ import annotations

import asyncio
import os
import shutil
import subprocess
from collections.abc import Mapping

from textual.app import App

from models.system.utf8 import utf8

PATIENCE = 2.0
"""Seconds a program gets. Those for X and Wayland stay behind to serve the text, but answer at once."""

_PROGRAMS = (
    ("", ("pbcopy",)),
    ("WAYLAND_DISPLAY", ("wl-copy",)),
    ("DISPLAY", ("xclip", "-selection", "clipboard")),
)
"""Each with the environment variable that names its desktop, if it needs one."""


def program(environment: Mapping[str, str] = os.environ) -> tuple[str, ...] | None:
    """The command that puts its input on this desktop's clipboard; over ssh that would be the wrong desktop's."""
    if "SSH_CONNECTION" in environment or "SSH_TTY" in environment:
        return None
    for variable, command in _PROGRAMS:
        if (not variable or environment.get(variable)) and shutil.which(command[0]):
            return command
    return None


async def copy(app: App[object], text: str) -> str:
    """Put a text on the clipboard; the sentence that tells a person so."""
    data = utf8(text)
    command = program()
    if command is not None and await asyncio.to_thread(_taken, command, data):
        return f"copied {_amount(text)}"
    app.copy_to_clipboard(data.decode())
    return f"sent {_amount(text)} to the terminal's clipboard"


def _taken(command: tuple[str, ...], data: bytes) -> bool:
    """True where the program says that it took the text."""
    try:
        done = subprocess.run(  # noqa: S603 - one of ours
            command,
            input=data,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            timeout=PATIENCE,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired):
        return False
    return done.returncode == 0


def _amount(text: str) -> str:
    return "1 character" if len(text) == 1 else f"{len(text):,} characters"
