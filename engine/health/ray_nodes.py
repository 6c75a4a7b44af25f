"""The checks of `burnish doctor --ray`: what is contacted, who may come in, and whether each node can take part."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from importlib.metadata import version
from itertools import chain

from engine.health.check import Check
from engine.health.doctor import check
from engine.health.privacy import check_contacted
from engine.run.settings import Settings
from engine.run.students import COPY, found_here, student_at_node, student_file
from engine.run.teachers import digest_of, teacher_at_node, teacher_of
from models.errors import BurnishError
from models.ray.actors import NodeActor
from models.ray.cluster import OPEN_TO_ALL, Cluster, ClusterError, Node, OverRay, asks_for_token
from models.system.threads import on_daemon_thread

RAYS_FILES = "on each node Ray writes its logs into /tmp/ray, and there what its memory has no room for"

SENT = "the file is sent there when a run begins"

OF_THE_WORKSPACE = {"settings", "disk"}
"""The checks that are about the machine on which burnish is run, and no node."""


Work = Callable[[], Awaitable["NodeState"]]


@dataclass(frozen=True, slots=True)
class NodeState:
    """The state of a node, as it was found there."""

    version: str  # of burnish
    token: bool  # it asks for one
    teacher: str | None  # the digest of its model; None: there is none, or none is asked for
    student: str | None  # likewise of its file
    checks: Sequence[Check]  # made there


@dataclass(frozen=True, slots=True)
class NodesFound:
    """The nodes of a cluster, and every check of it."""

    nodes: Sequence[Node]  # none where it cannot be reached
    of_all: Sequence[Check]
    of_each: Mapping[str, Sequence[Check]]  # by the node's name

    @property
    def checks(self) -> list[Check]:
        return [*self.of_all, *chain.from_iterable(self.of_each.values())]


async def check_nodes(settings: Settings, ray: OverRay, *, privacy: bool) -> NodesFound:
    """`privacy`: check of the nodes' servers what they may send on, else whether they can serve."""
    there, digest = await on_daemon_thread(_travelling, settings)
    work = partial(_look, there, digest, privacy, ray.copy_student)
    cluster = Cluster(ray.address)
    try:
        nodes = await cluster.nodes()
        states = await asyncio.gather(*(_state(cluster, node, work) for node in nodes))
    except ClusterError as error:
        return NodesFound((), [Check("cluster", "problem", str(error))], {})
    finally:
        await cluster.close()
    found = {node.name: state for node, state in zip(nodes, states, strict=True)}
    said = [state for state in states if isinstance(state, NodeState)]
    where = ", ".join(f"{node.name} at {node.address}" for node in nodes)
    of_all = [
        Check("contacted", "ok", f"{ray.address}, Ray, and its nodes, which get the texts: {where}"),
        _token(said),
        *([Check("Ray's files", "advice", RAYS_FILES)] if privacy else []),
    ]
    return NodesFound(nodes, of_all, {name: [*_node(name, state, said)] for name, state in found.items()})


def _travelling(settings: Settings) -> tuple[Settings, str | None]:
    """The settings as they hold on a node, files by their whole paths, and the digest of the student that is here."""
    teacher, student, digest = settings.teacher, settings.student, None
    try:
        if teacher.name is not None:
            teacher = teacher_at_node(teacher)
        if student.name is not None:
            student, digest = student_at_node(student), digest_of(student_file(student))
    except BurnishError:  # a file is not here; whether it is there, each node says
        return settings, None
    return settings.model_copy(update={"teacher": teacher, "student": student}), digest


async def _state(cluster: Cluster, node: Node, work: Work) -> NodeState | ClusterError:
    try:
        actor = await cluster.place(NodeActor, node, work, computes=False)
        state: NodeState = await cluster.answer(actor.carry_out.remote())
    except ClusterError as error:
        return error
    return state


async def _look(settings: Settings, digest: str | None, privacy: bool, send: bool) -> NodeState:
    """Made on a node. `digest`: of the student that is to be there; None: whichever has its name. `send`: one that is
    lacking will be."""
    teacher = student = lacks = None
    try:
        if digest is not None:
            found = await on_daemon_thread(found_here, settings.student, digest)
            settings = settings.model_copy(update={"student": found})
    except BurnishError as error:
        lacks = str(error)
    checks = await check_contacted(settings) if privacy else await check(settings)
    if lacks is not None:
        finding = lacks.removesuffix(f"; {COPY}")
        mended = (
            Check("student", "advice", finding, SENT) if send else Check("student", "problem", finding, COPY)
        )
        checks = [mended if one.name == "student" else one for one in checks]
    try:
        if settings.teacher.name is not None:
            model = await teacher_of(settings.teacher, lambda _: None)
            teacher = (await model.open()).digest
            await model.close()
        if settings.student.name is not None and lacks is None:
            student = await on_daemon_thread(digest_of, student_file(settings.student))
    except BurnishError:
        pass  # the checks say it
    return NodeState(
        version("burnish"),
        asks_for_token(),
        teacher,
        student,
        [one for one in checks if one.name not in OF_THE_WORKSPACE],
    )


def _token(states: Sequence[NodeState]) -> Check:
    if states and all(state.token for state in states):
        return Check("token", "ok", "Ray lets only those in who know its token")
    return Check(
        "token",
        "advice",
        OPEN_TO_ALL,
        "ray get-auth-token --generate; RAY_AUTH_MODE=token wherever Ray is started",
    )


def _node(name: str, state: NodeState | ClusterError, others: Sequence[NodeState]) -> Iterator[Check]:
    """The checks of a node. `others`: the states of all nodes that answered, with the first of which it is compared."""
    if isinstance(state, ClusterError):
        yield Check(f"node {name}", "problem", str(state))
        return
    wrong = [one for one in state.checks if one.state != "ok"]
    for one in wrong:
        yield Check(f"node {name}: {one.name}", one.state, one.finding, one.fix)
    first, here = others[0], version("burnish")
    if state.version != here:
        finding = f"burnish {state.version} there, and {here} here"
        yield Check(f"node {name}: burnish", "problem", finding, f"pip install 'burnish[ray]=={here}' there")
    if state.teacher and first.teacher and state.teacher != first.teacher:
        finding = f"another model ({state.teacher[:19]}) than on the first node ({first.teacher[:19]})"
        yield Check(
            f"node {name}: teacher", "problem", finding, "ollama pull it on the node that has the older one"
        )
    if state.student and first.student and state.student != first.student:
        finding = f"another file ({state.student[:19]}) than on the first node ({first.student[:19]})"
        yield Check(f"node {name}: student", "problem", finding, COPY)
    if not any(one.state == "problem" for one in wrong):
        models = [
            f"{what} {digest[:19]}"
            for what, digest in (("teacher", state.teacher), ("student", state.student))
            if digest
        ]
        yield Check(f"node {name}", "ok", ", ".join([f"burnish {state.version}", *models]))
