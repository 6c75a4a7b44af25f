"""The student of every node of a Ray cluster, as one `Student`."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

from models.ray.actors import MakeStudent, StudentActor
from models.ray.cluster import Cluster, ClusterError, NodeGoneError
from models.ray.pool import LOOK, Pool
from models.ray.sending import Sending
from models.student import Losses, Passage, PassageError, StudentError, StudentInfo


class RayStudent:
    """The same file on every node, passages weighed where the fewest calls are in flight.

    A node that is gone, or whose student fails, is out until it can be opened again: its passages go to the others.
    Where none is left they wait, for `patience` seconds at most.
    """

    pid = None  # its processes are the nodes'

    def __init__(
        self,
        cluster: Cluster,
        make: MakeStudent,
        *,
        exact: bool,
        patience: float,
        model: str = "student",
        sending: Sending | None = None,
    ) -> None:
        """`make`: makes a node's student there. `exact`: losses agree whatever computes them. `model`: what messages
        call it. `sending`: sends its files to the nodes that lack them."""
        self._cluster = cluster
        self._patience = patience
        self._pool: Pool[StudentInfo] = Pool(
            cluster,
            StudentActor,
            make,
            model=model,
            computes=True,
            differ=_same if exact else _differ,
            prepare=sending.to if sending is not None else None,
        )

    async def open(self) -> StudentInfo:
        try:
            return await self._pool.open()
        except ClusterError as error:
            raise StudentError(str(error)) from error

    async def losses(self, passages: Sequence[Passage]) -> list[Losses]:
        while True:
            member = None
            try:
                with self._pool.lend() as member:
                    found: list[Losses] = await self._cluster.answer(
                        member.actor.losses.remote(list(passages))
                    )
                    self._pool.answered(member, sum(len(losses.nll) for losses in found))
                    return found
            except PassageError:
                raise
            except (NodeGoneError, StudentError) as error:
                assert member is not None
                self._pool.out(member, error)
            except ClusterError:
                await self._waited()

    async def unload(self) -> None:
        await self._pool.each(lambda actor: actor.unload.remote())

    async def close(self) -> None:
        await self._pool.close()

    async def _waited(self) -> None:
        """Wait until a node can be asked. Raises `StudentError` once patience is over."""
        try:
            async with asyncio.timeout(self._patience):
                while True:
                    try:
                        await self._pool.open()
                    except ClusterError:
                        await asyncio.sleep(LOOK)
                    else:
                        return
        except TimeoutError:
            raise StudentError(self._pool.reasons) from None


def _same(first: StudentInfo, other: StudentInfo) -> str | None:
    return None


def _differ(first: StudentInfo, other: StudentInfo) -> str | None:
    if first.backend == other.backend:
        return None
    return (
        f"llama.cpp computes by {other.backend} and not by {first.backend}, and their losses differ in more than the "
        "last digits; --exact makes them agree"
    )
