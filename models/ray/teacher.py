"""The teacher of every node of a Ray cluster, as one `Teacher`."""

from __future__ import annotations

from models.ray.actors import Heard, MakeTeacher, TeacherActor
from models.ray.cluster import Cluster, ClusterError, NodeGoneError
from models.ray.pool import Member, Pool
from models.teacher import PAUSING, UNHEARD, Fault, OnText, Reply, Request, TeacherError, TeacherInfo


class RayTeacher:
    """The same model on every node, each request asked of the node with the fewest in flight.

    A node that is gone, or whose server cannot answer, is out until it can: its requests go to the others. One whose
    reply broke off is out for a moment, and that reply is `Fault.BROKEN`. Where no node is left it is
    `Fault.UNREACHABLE`, for which a run pauses.
    """

    def __init__(self, cluster: Cluster, make: MakeTeacher, *, computes: bool) -> None:
        """`make`: makes a node's teacher there. `computes`: in the actor's own process, not in a server."""
        self.computes = computes
        self._cluster = cluster
        self._told: set[str] = set()
        self._pool: Pool[TeacherInfo] = Pool(
            cluster,
            TeacherActor,
            make,
            model="teacher",
            computes=computes,
            differ=_differ,
        )

    @property
    def nodes(self) -> int:
        """Nodes known by now, those that are out included."""
        return len(self._pool)

    async def open(self) -> TeacherInfo:
        try:
            return await self._pool.open()
        except ClusterError as error:
            raise TeacherError(Fault.UNREACHABLE, str(error)) from error

    async def ask(self, request: Request, on_text: OnText | None = None) -> Reply:
        while True:
            try:
                with self._pool.lend() as member:
                    return await self._asked(member, request, on_text)
            except _OutError:
                continue
            except ClusterError as error:
                raise TeacherError(Fault.UNREACHABLE, str(error)) from error

    async def unload(self) -> None:
        await self._pool.each(lambda actor: actor.unload.remote())

    async def close(self) -> None:
        await self._pool.close()

    async def _asked(self, member: Member[TeacherInfo], request: Request, on_text: OnText | None) -> Reply:
        """The reply of one node. Raises `_OutError` where another one is to be asked."""
        heard = False

        def on_piece(text: str) -> None:
            nonlocal heard
            heard = True
            if on_text is not None:
                on_text(text)

        try:
            reply = await self._reply(member, request, on_piece)
        except NodeGoneError as error:
            self._pool.out(member, error)
            if heard:
                raise TeacherError(
                    Fault.BROKEN, f"node {member.name} was lost in the middle of a reply"
                ) from error
            raise _OutError from error
        except TeacherError as error:
            if error.fault in UNHEARD or (error.fault in PAUSING and error.fault is not Fault.BUSY):
                self._pool.out(member, error)
            if error.fault in PAUSING and error.fault is not Fault.BUSY:
                raise _OutError from error
            raise
        self._pool.answered(member, reply.tokens, reply.seconds)
        return reply

    async def _reply(self, member: Member[TeacherInfo], request: Request, on_text: OnText) -> Reply:
        actor, answer = member.actor, self._cluster.answer
        number = await answer(actor.begin.remote(request))
        try:
            while True:
                heard: Heard = await answer(actor.more.remote(number))
                for note in heard.notes:
                    self._note(f"node {member.name}: {note}", note)
                if heard.text:
                    on_text(heard.text)
                if heard.reply is not None:
                    return heard.reply
        except BaseException:
            actor.stop.remote(number)
            raise

    def _note(self, text: str, note: str) -> None:
        """Tell once of what all nodes note."""
        if note not in self._told:
            self._told.add(note)
            self._cluster.on_note(text)


class _OutError(Exception):
    """A node is out before it said anything."""


def _differ(first: TeacherInfo, other: TeacherInfo) -> str | None:
    if first.digest == other.digest and first.context == other.context:
        return None
    return (
        f"{other.name} is {other.digest[:19]} with a context of {other.context}, and not {first.digest[:19]} with "
        f"{first.context}; `ollama pull {other.name}` on the node whose model is older"
    )
