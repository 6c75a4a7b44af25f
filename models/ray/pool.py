"""The actors of one model, one a node: which of them may be asked, why another may not, and how busy each is."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from models.errors import BurnishError
from models.ray.cluster import Cluster, ClusterError, Node, NodeGoneError, NodeWork

Info = TypeVar("Info")

LOOK = 1.0  # seconds between two looks at which nodes there are
LONGEST = (
    60.0  # seconds between two tries to open a model where it failed before; the first comes after `LOOK`
)
NOT_YET = "it is not open yet"


@dataclass(eq=False, slots=True)
class Member(Generic[Info]):
    """A node, and the model's actor on it."""

    node: Node
    actor: Any = None  # None: none runs there
    info: Info | None = None  # of the model, once it was open
    why: str | None = NOT_YET  # it is not asked; None: it is
    in_flight: int = 0
    asked: int = 0  # calls so far
    answered: int = 0  # of them
    tokens: int = 0  # written, or scored
    seconds: float = 0.0  # that the tokens took
    since: float = 0.0  # when the first of the calls in flight began
    wait: float = LOOK  # seconds before the next try to open it
    again: float = 0.0  # when that is
    opening: asyncio.Task[None] | None = None
    here: bool = True  # the node is in the cluster

    @property
    def name(self) -> str:
        return self.node.name


class Pool(Generic[Info]):
    """The actors of a model on all nodes of a cluster. Everything happens in the loop it is used from."""

    def __init__(
        self,
        cluster: Cluster,
        kind: type,
        make: Callable[..., Any],
        *,
        model: str,
        computes: bool,
        differ: Callable[[Info, Info], str | None],
        prepare: Callable[[Node], Awaitable[None]] | None = None,
    ) -> None:
        """`kind`: the actors' class, `make` what it is made with. `model`: what messages call it. `computes`: as
        `Cluster.place` takes it. `differ`: why a node's model cannot work beside the first one's; None: it can.
        `prepare`: is awaited before an actor is put on a node."""
        self._cluster = cluster
        self._kind, self._make, self._computes = kind, make, computes
        self._model = model
        self._differ = differ
        self._prepare = prepare
        self._members: dict[str, Member[Info]] = {}
        self._first: tuple[str, Info] | None = (
            None  # a node's name, and the model that all others are held against
        )
        self._watching: asyncio.Task[None] | None = None

    def __len__(self) -> int:
        """Nodes, those that are out included."""
        return len(self._members)

    async def open(self) -> Info:
        """Open the model wherever it is not, and return what one that may be asked says of itself.

        Raises `ClusterError` where none may, and at first also where two nodes' models cannot work side by side.
        """
        await self._meet()
        outside = [member for member in self._members.values() if member.why is not None and member.here]
        await asyncio.gather(*map(self._open, outside))
        opened = [member for member in self._members.values() if member.why is None]
        if not opened:
            raise ClusterError(self.reasons)
        if self._first is None:
            first, *others = opened
            assert first.info is not None
            self._first = first.name, first.info
            for other in others:
                if why := self._unfit(other):
                    self._first = None
                    raise ClusterError(f"node {other.name}: {why}")
            for member in self._members.values():
                if member.why is not None:
                    self._cluster.on_note(f"node {member.name} has no {self._model}: {member.why}")
            self._watching = asyncio.create_task(self._watch())
        return self._first[1]

    @contextmanager
    def lend(self) -> Iterator[Member[Info]]:
        """The one with the fewest calls in flight, of equals the one asked least, while this is one more.

        Raises `ClusterError` where none may be asked.
        """
        if not (inside := self._inside):
            raise ClusterError(self.reasons)
        member = min(inside, key=lambda member: (member.in_flight, member.asked))
        if not member.in_flight:
            member.since = time.monotonic()
        member.in_flight += 1
        member.asked += 1
        self._tell(member)
        try:
            yield member
        finally:
            member.in_flight -= 1
            self._tell(member)

    def out(self, member: Member[Info], error: BurnishError) -> None:
        """Ask it no more until it can be opened again."""
        if isinstance(error, NodeGoneError):
            self._drop(member)
        if member.why is None:
            member.why, member.wait = str(error), LOOK
            member.again = time.monotonic() + member.wait
            left = len(self._inside)
            rest = f"{left} of {len(self)} nodes go on" if left else "no node is left"
            self._tell(member)
            self._cluster.on_note(f"node {member.name} is out as {self._model}: {member.why}; {rest}")

    def answered(self, member: Member[Info], tokens: int, seconds: float | None = None) -> None:
        """Count a call that a node has answered. `seconds`: that it took; None: those since the last answer, or since
        there was something to do."""
        if seconds is None:
            seconds, member.since = time.monotonic() - member.since, time.monotonic()
        member.answered += 1
        member.tokens += tokens
        member.seconds += seconds

    async def each(self, call: Callable[[Any], Any]) -> None:
        """Call every actor that may be asked; one that is gone needs it no more."""
        for member in self._inside:
            with suppress(NodeGoneError):
                await self._cluster.answer(call(member.actor))

    async def close(self) -> None:
        """End all actors."""
        tasks = [self._watching, *(member.opening for member in self._members.values())]
        for task in filter(None, tasks):
            task.cancel()
        await asyncio.gather(*filter(None, tasks), return_exceptions=True)
        self._watching = self._first = None
        for member in self._members.values():
            if member.actor is not None:
                with suppress(NodeGoneError, TimeoutError):
                    async with asyncio.timeout(LOOK):
                        await self._cluster.answer(member.actor.close.remote())
                self._drop(member)
        self._members.clear()

    @property
    def reasons(self) -> str:
        """The reasons why no node may be asked."""
        if not self._members:
            return f"no node of {self._cluster.address} is there to be the {self._model}"
        each = "; ".join(f"{member.name}: {member.why}" for member in self._members.values())
        return f"no node can be the {self._model} ({each})"

    @property
    def _inside(self) -> list[Member[Info]]:
        return [member for member in self._members.values() if member.why is None]

    def _tell(self, member: Member[Info]) -> None:
        self._cluster.on_work(
            NodeWork(
                member.name,
                self._model,
                member.why,
                member.in_flight,
                member.answered,
                member.tokens,
                member.seconds,
            )
        )

    def _drop(self, member: Member[Info]) -> None:
        """Have no actor there any more; one that still runs ends."""
        if member.actor is not None:
            self._cluster.end(member.actor)
            member.actor = None

    async def _meet(self) -> None:
        """See which nodes are new, gone, or there again, which then go by another id of Ray's."""
        nodes = {node.name: node for node in await self._cluster.nodes()}
        for name, node in nodes.items():
            member = self._members.setdefault(name, Member(node))
            if member.node.id != node.id:
                self.out(member, NodeGoneError("it was started anew"))
                self._drop(member)
                member.node, member.wait, member.again = node, LOOK, 0.0
            member.here = True
        for name, member in self._members.items():
            if name not in nodes:
                member.here = False
                self.out(member, NodeGoneError("it has left the cluster"))

    async def _watch(self) -> None:
        while True:
            await asyncio.sleep(LOOK)
            with suppress(ClusterError):
                await self._meet()
            for member in self._members.values():
                due = member.why is not None and member.here and time.monotonic() >= member.again
                if due and member.opening is None:
                    member.opening = asyncio.create_task(self._try(member))

    async def _open(self, member: Member[Info]) -> None:
        if member.opening is None:
            member.opening = asyncio.create_task(self._try(member))
        await asyncio.shield(member.opening)

    async def _try(self, member: Member[Info]) -> None:
        """Open the model on a node; afterwards it may be asked, or it is known why not."""
        back = member.why != NOT_YET
        try:
            if member.actor is None:
                if self._prepare is not None:
                    await self._prepare(member.node)
                member.actor = await self._cluster.place(
                    self._kind, member.node, self._make, computes=self._computes
                )
            member.info = await self._cluster.answer(member.actor.open.remote())
        except BurnishError as error:
            if isinstance(error, NodeGoneError):
                self._drop(member)
            member.why = str(error)
        else:
            member.why = self._unfit(member)
        finally:
            member.opening = None
            member.wait = min(2 * member.wait, LONGEST)
            member.again = time.monotonic() + member.wait
        self._tell(member)
        if back and member.why is None:
            self._cluster.on_note(f"node {member.name} is back as {self._model}")

    def _unfit(self, member: Member[Info]) -> str | None:
        """The reason why a node's model cannot work beside the first one; None: it can, or is to be the first."""
        if self._first is None:
            return None
        name, first = self._first
        assert member.info is not None
        why = self._differ(first, member.info)
        return why and f"its {self._model} cannot work beside that of {name}: {why}"
