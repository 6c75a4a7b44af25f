"""The SHA-256 of a model file, remembered: hashing a few gigabytes takes seconds, at every start."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

from platformdirs import user_cache_path

from models.errors import ModelFileError
from models.system.atomic_file import atomic_file

_KEPT = 256  # files


def sha256_of(path: Path) -> str:
    """ "sha256:..." of the file's bytes, hashed again only when its size, time or inode changed.

    `ModelFileError`: it cannot be read, or it changed while it was.
    """
    try:
        key = _key(path)
        known = _remembered()
        if key not in known:
            with path.open("rb") as file:
                known[key] = "sha256:" + hashlib.file_digest(file, "sha256").hexdigest()
            if _key(path) != key:
                raise ModelFileError(path, "changed while it was read; wait until the download is done")
            _remember(known)
    except OSError as error:
        raise ModelFileError(path, (error.strerror or str(error)).lower()) from error
    return known[key]


def sha256_of_parts(parts: Sequence[Path]) -> str:
    """The digest of a model in these files: of one file its own, of several the SHA-256 of theirs, in order."""
    digests = [sha256_of(part) for part in parts]
    if len(digests) == 1:
        return digests[0]
    return "sha256:" + hashlib.sha256("\n".join(digests).encode()).hexdigest()


def _key(path: Path) -> str:
    status = path.stat()
    return f"{status.st_size} {status.st_mtime_ns} {status.st_ino} {path.resolve()}"


def digests_path() -> Path:
    return user_cache_path("burnish") / "digests.json"


def _remembered() -> dict[str, str]:
    try:
        known = json.loads(digests_path().read_bytes())
    except (OSError, ValueError, RecursionError):  # not there yet, or damaged: nothing is remembered
        return {}
    entries = known.items() if isinstance(known, dict) else ()
    return {key: digest for key, digest in entries if isinstance(digest, str)}


def _remember(known: dict[str, str]) -> None:
    """Only time is lost where this cannot be written. The paths in it are nobody else's business: mode 0600."""
    path = digests_path()
    with suppress(OSError):
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        with atomic_file(path, mode=0o600) as file:
            file.write(json.dumps(dict(list(known.items())[-_KEPT:])).encode())
