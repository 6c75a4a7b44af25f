"""Which program listens on a port of this machine, and with which environment: as far as Linux lets us see."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

_LISTENS = "0A"


@dataclass(frozen=True, slots=True)
class Listener:
    """A process that takes connections."""

    pid: int
    name: str
    environment: Mapping[str, str]  # that it was started with


def listener(port: int, proc: Path = Path("/proc")) -> Listener | None:
    """Who listens on a TCP port of any address; None where nobody does, or a process that we may not look into."""
    sockets = {f"socket:[{inode}]" for inode in _inodes(port, proc)}
    for process in proc.glob("[0-9]*") if sockets else ():
        with suppress(OSError):  # another user's, or it has ended
            if _holds(process, sockets):
                pairs = (process / "environ").read_bytes().decode("utf-8", "replace").split("\0")
                environment = dict(pair.split("=", 1) for pair in pairs if "=" in pair)
                return Listener(int(process.name), (process / "comm").read_text().strip(), environment)
    return None


def _inodes(port: int, proc: Path) -> Iterator[str]:
    """Of the sockets that listen on a port: proc(5), /proc/net/tcp."""
    for table in (proc / "net" / "tcp", proc / "net" / "tcp6"):
        with suppress(OSError):
            for line in table.read_text().splitlines()[1:]:
                _, local, _, state, *rest = line.split()
                if state == _LISTENS and int(local.rpartition(":")[2], 16) == port:
                    yield rest[5]


def _holds(process: Path, sockets: set[str]) -> bool:
    for file in (process / "fd").iterdir():
        with suppress(FileNotFoundError):  # closed meanwhile
            if str(file.readlink()) in sockets:
                return True
    return False
