"""A model's files sent to the nodes that lack them, piece by piece through Ray's object store."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Sequence
from pathlib import Path
from time import monotonic

from models.errors import printable
from models.ray.actors import FileActor, Receiver
from models.ray.cluster import Cluster, Node
from models.system.threads import on_daemon_thread
from models.system.units import size

PIECE = 32 << 20
"""Bytes of a file that are in the object store at once: Ray has as much for a machine as its memory allows, or disk."""


class Sending:
    """Sends a model's files, to one node after the other: Ray holds a piece at a time."""

    def __init__(self, cluster: Cluster, parts: Sequence[Path], receiver: Receiver) -> None:
        """`parts`: the files, in order. `receiver`: takes them on each node."""
        self._cluster, self._parts, self._receiver = cluster, parts, receiver
        self._turn = asyncio.Lock()

    async def to(self, node: Node) -> None:
        """Send the files where they are lacking. Raises the receiver's `BurnishError`, and `ClusterError`."""
        answer = self._cluster.answer
        actor = await self._cluster.place(FileActor, node, self._receiver, computes=False)
        try:
            if not await answer(actor.lacks.remote()):
                return
            async with self._turn:
                began, name = monotonic(), printable(self._parts[0].name)
                whole = size(sum(path.stat().st_size for path in self._parts))
                self._cluster.on_note(f"node {node.name}: {name} is sent there, {whole}")
                pieces = _pieces(self._parts)
                while (piece := await on_daemon_thread(next, pieces, None)) is not None:
                    part, content = piece
                    await answer(actor.add.remote(part, await self._cluster.put(content)))
                await answer(actor.keep.remote())
                self._cluster.on_note(f"node {node.name} has {name}, in {monotonic() - began:.0f} s")
        finally:
            self._cluster.end(actor)


def _pieces(parts: Sequence[Path]) -> Iterator[tuple[int, bytes]]:
    for number, path in enumerate(parts):
        with path.open("rb") as file:
            while piece := file.read(PIECE):
                yield number, piece
