"""A whole `burnish run` where there is no network but loopback: `unshare -rn python -m tests.trust.without_network`.

The scripted teacher is in the same network namespace; what came of the run is printed as one JSON object.
"""

from __future__ import annotations

import fcntl
import json
import socket
import struct
import sys
from pathlib import Path

from tests.command import elsewhere
from tests.ollama.server import FakeOllama
from tests.running import SHORT, TEACHER, brief, dataset
from tests.trust.network_watch import Watch

SIOCGIFFLAGS, SIOCSIFFLAGS, IFF_UP = 0x8913, 0x8914, 1


def loopback_up() -> None:
    """Do as `ip link set lo up`, a command that is not everywhere."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as any_socket:
        request = struct.pack("16sh14x", b"lo", 0)
        name, flags = struct.unpack("16sh14x", fcntl.ioctl(any_socket, SIOCGIFFLAGS, request))
        fcntl.ioctl(any_socket, SIOCSIFFLAGS, struct.pack("16sh14x", name, flags | IFF_UP))


def main(folder: Path) -> None:
    loopback_up()
    (watched := folder / "watched").mkdir()
    data, watch = dataset(folder / "data.json", SHORT[:1]), Watch(watched)
    options = ("--teacher", TEACHER, "--student", "demo", "--reply-form", "json", "--json")
    with FakeOllama(brief) as server:
        ended = elsewhere(
            *("run", data, "-w", folder / "w.burnish", *options),
            environment={**watch.environment, "OLLAMA_HOST": server.url},
            prefix=watch.prefix,
        )
    report = {
        "interfaces": [name for _, name in socket.if_nameindex()],
        "code": ended.code,
        "error": ended.err,
        "result": ended.out,
        "teacher": server.url,
        "seen": sorted(watch.seen()),
    }
    print(json.dumps(report))


if __name__ == "__main__":
    main(Path(sys.argv[1]))
