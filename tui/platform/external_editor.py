"""Editing a version in the person's own editor, by way of a private file."""

from __future__ import annotations

import os
import secrets
import shlex
import shutil
import stat
import subprocess
import tempfile
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from tempfile import TemporaryDirectory

from filelock import FileLock

from engine.health.places import EDITOR_KEPT, EDITOR_OPEN
from engine.sample import PARTS, Version
from models.errors import BurnishError


class EditorError(BurnishError):
    """The editor did not give a version back."""


def editor(environment: Mapping[str, str] = os.environ) -> list[str]:
    """The command that edits a file; a file's name is to follow."""
    for variable in ("VISUAL", "EDITOR"):
        if text := environment.get(variable, "").strip():
            try:
                command = shlex.split(text)
            except ValueError as error:
                raise EditorError(f"${variable} cannot be read as a command ({error}): {text}") from None
            if command and shutil.which(command[0]):
                return command
            raise EditorError(f"${variable}: there is no program {text}")
    raise EditorError("no editor is set; set $VISUAL or $EDITOR, for instance EDITOR=nano")


def edited(command: list[str], version: Version) -> Version:
    """The version as the person edited it. Waits until the editor ends. Raises `EditorError`.

    Nobody else can read the file, and it is gone afterwards; only one that cannot be read back is kept.
    """
    layout = EditorText(version)
    try:
        # Mode 0700, and gone when the block ends, or with `sweep` if it never does.
        with TemporaryDirectory(prefix=EDITOR_OPEN, ignore_cleanup_errors=True) as name, _lock(Path(name)):
            folder = Path(name)
            path = folder / "sample.txt"
            before = layout.text(version)
            with os.fdopen(os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600), "wb") as file:
                file.write(before)
            done = subprocess.run([*command, str(path)], check=False)  # noqa: S603 - the person's own choice
            try:
                return layout.read_back(path, done)
            except ValueError as error:
                if not path.is_file() or path.read_bytes() == before:
                    raise EditorError(f"{error}; the sample is as it was") from None
                kept = folder.rename(folder.with_name(folder.name.replace(EDITOR_OPEN, EDITOR_KEPT, 1)))
                (kept / "lock").unlink(missing_ok=True)
                place = f"the sample is as it was, and what you wrote is in {kept / path.name}"
                raise EditorError(f"{error}; {place}") from None
    except OSError as error:
        where = error.filename or tempfile.gettempdir()
        raise EditorError(f"{where}: {error.strerror}; the sample is as it was") from None


def sweep() -> None:
    """Remove the folders of a burnish of this user's that was killed while an editor was open."""
    for folder in Path(tempfile.gettempdir()).glob(f"{EDITOR_OPEN}*"):
        with suppress(OSError):  # it may be gone meanwhile
            if _is_ours(folder):
                with _lock(folder):  # unless it is still at work
                    shutil.rmtree(folder)


def _is_ours(folder: Path) -> bool:
    """True of a folder, and no link to one, that this user made and nobody else can write to. Raises OSError.

    In a temporary folder that everybody writes to, any other name may be a trap: even a lock would be made in it.
    """
    found = folder.lstat()
    ours = not hasattr(os, "geteuid") or found.st_uid == os.geteuid()
    return stat.S_ISDIR(found.st_mode) and ours and not found.st_mode & 0o022


def _lock(folder: Path) -> FileLock:
    return FileLock(folder / "lock", timeout=0, mode=0o600)


class EditorText:
    """A version as one text: its parts under headings that occur in none of them."""

    def __init__(self, version: Version) -> None:
        texts = [getattr(version, part) for part in PARTS]
        token = secrets.token_hex(2)
        while any(token in text for text in texts):
            token += secrets.token_hex(2)
        self._headings = [f"=== {part} === {token} (leave this line as it is)" for part in (*PARTS, "end")]

    def text(self, version: Version) -> bytes:
        """The parts byte for byte, with a line break after each."""
        parts = [getattr(version, part) for part in PARTS]
        lines = [f"{heading}\n{text}\n" for heading, text in zip(self._headings[:-1], parts, strict=True)]
        return "".join([*lines, self._headings[-1], "\n"]).encode("utf-8", "surrogatepass")

    def read_back(self, path: Path, done: subprocess.CompletedProcess[bytes]) -> Version:
        """The version in the file that an editor has left. Raises `ValueError`, also where the editor has failed."""
        if done.returncode != 0:
            raise ValueError(f"{done.args[0]} failed (exit code {done.returncode})")
        return self.version(path.read_bytes())

    def version(self, data: bytes) -> Version:
        """The parts that stand under the headings. Raises `ValueError`."""
        try:
            text = data.decode("utf-8", "surrogatepass")
        except UnicodeDecodeError as error:
            raise ValueError(f"the file is not UTF-8 any more (byte {error.start})") from None
        rest, parts = f"\n{text}", []
        for number, heading in enumerate(self._headings):
            before, found, rest = rest.partition(f"\n{heading}")
            if not found or (number == 0 and before.strip()) or (rest and rest[0] not in "\r\n"):
                raise ValueError("a heading of the file was changed")
            parts.append(before)
        # Each part follows its heading's line break; an editor may have made that one \r\n.
        instruction, input, response = (part.removeprefix("\r").removeprefix("\n") for part in parts[1:])
        if not instruction.strip() or not response.strip():
            raise ValueError("an instruction and a response are needed, and one of them is empty")
        return Version(instruction=instruction, input=input, response=response)
