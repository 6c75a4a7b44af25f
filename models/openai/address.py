"""The address of a server of OpenAI's protocol, and the key that it may ask for."""

from __future__ import annotations

import os
import stat
from pathlib import Path

from models.errors import UsageError, printable
from models.http.address import AddressKind, local_url

PREFIX = "openai:"
EXAMPLE = "http://127.0.0.1:1234/v1"
_KIND = AddressKind("url", EXAMPLE, 80)
_LONGEST = 4096  # bytes of a key's file


def model_of(name: str | None) -> str | None:
    """The model that a teacher's name asks such a server for; None for a teacher of another kind.

    Raises `UsageError` for a prefix and nothing after it.
    """
    if name is None or not name.startswith(PREFIX):
        return None
    if not (model := name.removeprefix(PREFIX).strip()):
        raise UsageError(f"{PREFIX} needs a model's name after it, such as {PREFIX}qwen3-8b")
    return model


def base_url(given: str | None, *, allow_remote: bool = False) -> str:
    """The URL under which the server has `chat/completions` and `models`, without a final slash.

    The path is `/v1` where none is given, and the whole URL of a request is read as its base. Raises `UsageError`
    where there is no URL, and as `models.http.address.local_url`.
    """
    if given is None or not given.strip():
        raise UsageError(
            f"a teacher of the form {PREFIX}MODEL needs its server's URL: --teacher-url {EXAMPLE} for LM Studio; "
            "llama-server listens at port 8080, vLLM at 8000 (for a judge --judge-url, for an answer --model-url)"
        )
    url = local_url(given.strip().strip("\"'"), _KIND, allow_remote=allow_remote)
    url = url.removesuffix("/chat/completions").removesuffix("/models")
    return url if url.count("/") > 2 else f"{url}/v1"


def read_key(path: Path | None) -> str | None:
    """The key in a file that its owner alone may read; None where no file is named.

    It is read anew by whoever sends it, and kept nowhere. Raises `UsageError`, which never shows it.
    """
    if path is None:
        return None
    try:
        file = os.open(path.expanduser(), os.O_RDONLY | getattr(os, "O_NONBLOCK", 0))
        with os.fdopen(file, "rb") as opened:
            status = os.fstat(opened.fileno())
            if not stat.S_ISREG(status.st_mode):
                raise _unusable(path, "not a plain file")
            if os.name == "posix" and status.st_mode & 0o077:
                raise _unusable(path, f"others may read it; chmod 600 {path}")
            if os.name == "posix" and status.st_uid not in (os.getuid(), 0):
                raise _unusable(path, "it is another user's")
            data = opened.read(_LONGEST + 1)
    except (OSError, RuntimeError) as error:
        raise _unusable(path, getattr(error, "strerror", None) or str(error)) from None
    except ValueError:
        raise _unusable(path, "not a path") from None
    key = data.decode("ascii", "replace").strip()
    if not key or len(data) > _LONGEST or not all("!" <= c <= "~" for c in key):
        raise _unusable(path, "expected a key and nothing else: one word of letters, digits and signs")
    return key


def _unusable(path: Path, why: str) -> UsageError:
    return UsageError(printable(f"the key's file {path}: {why}"))
