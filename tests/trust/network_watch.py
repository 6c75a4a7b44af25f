"""Every address that a command and its children name to the system: by strace, or where that is missing or may not
be used by an audit hook in every Python of theirs."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path

from tests.trust.traps import traps

ROOT = Path(__file__).parents[2]
CALLS = "connect,sendto,sendmsg,sendmmsg,bind"
FAMILY = re.compile(r"sa_family=AF_(\w+)(?:, (.*?))?\}")
PORT = re.compile(r"htons\((\d+)\)")
ADDRESS = re.compile(r'inet_addr\("(.*?)"\)|inet_pton\(AF_INET6, "(.*?)"')

HOOK = """
import sys
def seen(event, given):
    if event in ("socket.connect", "socket.sendto", "socket.sendmsg", "socket.bind"):
        told = given[1]
        told = f"{told[0]}:{told[1]}" if isinstance(told, tuple) else str(told)
    elif event in ("socket.getaddrinfo", "socket.gethostbyname", "socket.gethostbyaddr", "socket.getnameinfo"):
        told = f"name {given[0]}"
    else:
        return
    with open(LOG, "a") as log:
        log.write(told + "\\n")
sys.addaudithook(seen)
"""


class Watch:
    """One command to be watched: run it by `prefix`, in `environment`, which is full of traps."""

    def __init__(self, folder: Path, *, by_hook: bool | None = None) -> None:
        """folder: an empty one for what is seen. by_hook: None for strace where it can be used."""
        self._log = folder / "seen"
        self._by_hook = not _straces(folder) if by_hook is None else by_hook
        self.prefix: Sequence[str] = ()
        path = os.pathsep.join([str(folder), str(ROOT)])
        self.environment: Mapping[str, str] = traps(folder) | {"PYTHONPATH": path}
        if self._by_hook:
            (folder / "sitecustomize.py").write_text(f"LOG = {str(self._log)!r}\n{HOOK}", "utf-8")
        else:
            quiet = ("-f", "-qq", "--seccomp-bpf", "-e", "signal=none", "-e", f"trace={CALLS}")
            self.prefix = ("strace", *quiet, "-o", str(self._log))

    def seen(self) -> set[str]:
        """`127.0.0.1:80`, `::1:80`, `UNIX ...`, `NETLINK ...`, and by the hook `name ...`, of a name asked for."""
        lines = self._log.read_text("utf-8", "replace").splitlines() if self._log.exists() else []
        if self._by_hook:
            return set(lines)
        return {_told(*found) for line in lines for found in FAMILY.findall(line)}


def _told(family: str, rest: str) -> str:
    address, port = ADDRESS.search(rest), PORT.search(rest)
    if address is None or port is None:
        return f"{family} {rest}"
    return f"{address[1] or address[2]}:{port[1]}"


def _straces(folder: Path) -> bool:
    """True if there is a strace that may look: not every container lets it."""
    if shutil.which("strace") is None:
        return False
    command = ["strace", "-f", "-qq", "--seccomp-bpf", "-o", str(folder / "tried"), "true"]
    return subprocess.run(command, capture_output=True, check=False).returncode == 0
