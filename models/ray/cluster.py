"""A Ray cluster from the driver's side: connected to when it is first needed, its nodes, and the actors put on them."""

from __future__ import annotations

import asyncio
import faulthandler
import logging
import os
import socket
import sys
from collections import Counter
from collections.abc import Awaitable, Callable
from concurrent.futures import Future
from contextlib import suppress
from dataclasses import dataclass
from importlib import import_module
from threading import Event, Lock, Thread
from typing import Any, ClassVar

from models.errors import BurnishError, UsageError, printable
from models.system.threads import on_daemon_thread

OPEN_TO_ALL = (
    "Ray asks for no token: whoever reaches its addresses can read what is sent, and run programs there"
)

OWN_WAYS = {
    "RAY_USAGE_STATS_ENABLED": "0",  # Ray tells its makers about each use
    "RAY_ENABLE_UV_RUN_RUNTIME_ENV": "0",  # and begun by `uv run` it sends the folder, with all that lies in it
    "RAY_gcs_rpc_server_reconnect_timeout_s": "86400",  # and ends this process a minute after its head is gone
}
"""The environment without which Ray does what nobody asked for."""

KNOCK = 5.0
"""Seconds in which somebody has to take the connection."""

ASKED = {True: "/ray.rpc.RayletDriver/ClusterInfo", False: "/ray.rpc.NodeInfoGcsService/GetClusterId"}
"""A question that a cluster answers only to whom it lets in, by whether it is asked over ray://."""

PLACED = 120.0
"""Seconds in which Ray starts an actor; a node whose processors others hold does not."""

GPU_SHARE = 0.25
"""Of one GPU, for a model of ours on a node that has any: a teacher, a student and a verifier share one."""


class ClusterError(BurnishError):
    """The cluster cannot be worked with: the text says why, and what to do."""


class NodeGoneError(ClusterError):
    """A node, or the actor on it, is gone or does not answer; what was asked of it may not have been done."""


@dataclass(frozen=True, slots=True)
class OverRay:
    """A person's word, each time anew, that the texts may go to a cluster's nodes, and what else may."""

    address: str  # as `Cluster` takes it
    copy_student: bool = False  # to the nodes that lack it

    @property
    def options(self) -> list[str]:
        """The same on the command line."""
        return ["--ray", self.address, *["--ray-copy-student"] * self.copy_student]


@dataclass(frozen=True, slots=True)
class Node:
    """A node that is alive."""

    id: str  # Ray's own, another one each time the node joins
    name: str  # as it was started with --node-name, else its address; no two have the same
    address: str
    cpus: float
    gpus: float


@dataclass(frozen=True, slots=True)
class NodeWork:
    """A node's work with one of its models."""

    node: str  # its name
    model: str  # "teacher", "student", "verifier"
    why: str | None  # it is not asked; None: it is
    in_flight: int  # requests, or calls
    answered: int  # so far
    tokens: int  # written, or scored
    seconds: float  # of a teacher, spent writing; of a student, in which it had something to score


class Cluster:
    """A Ray cluster. Its methods raise `ClusterError`.

    `address`: "local" starts Ray on this machine for as long as burnish runs; "auto" finds the cluster that this
    machine belongs to; HOST:PORT and ray://HOST:PORT name one. Nothing is contacted before it is first needed.
    """

    def __init__(
        self,
        address: str,
        on_note: Callable[[str], None] = lambda _: None,
        on_work: Callable[[NodeWork], None] = lambda _: None,
    ) -> None:
        """`on_note`: told where anybody may come in, which node is out, and which is back. `on_work`: told whenever
        something has changed in what a node does."""
        self.address = address
        self.on_note, self.on_work = on_note, on_work
        self._connecting = asyncio.Lock()
        self._stay: _Stay | None = None
        self._ray: Any = None
        self._asked: asyncio.Future[list[dict[str, Any]]] | None = None  # for its nodes, once at a time

    async def nodes(self) -> list[Node]:
        """The nodes that are alive, by name."""
        ray = await self._connected()
        if self._asked is None or self._asked.done():
            self._asked = asyncio.ensure_future(on_daemon_thread(_ask, ray.nodes))
            # Where nobody waits any more, nobody needs to hear why it failed.
            self._asked.add_done_callback(lambda asked: asked.cancelled() or asked.exception())
        try:
            async with asyncio.timeout(KNOCK):
                known = await asyncio.shield(self._asked)
        except TimeoutError:
            raise ClusterError(f"--ray {self.address}: the cluster's head does not answer") from None
        found = [one for one in known if one["Alive"]]
        names = Counter(one["NodeName"] for one in found)
        nodes = [
            Node(
                id=one["NodeID"],
                name=printable(
                    one["NodeName"]
                    if names[one["NodeName"]] == 1
                    else f"{one['NodeName']}/{one['NodeID'][:6]}"
                ),
                address=printable(one["NodeManagerAddress"]),
                cpus=one["Resources"].get("CPU", 0.0),
                gpus=one["Resources"].get("GPU", 0.0),
            )
            for one in found
        ]
        return sorted(nodes, key=lambda node: node.name)

    async def place(self, kind: type, node: Node, *arguments: object, computes: bool) -> Any:
        """An actor of this kind on a node, once it runs there. `computes`: it needs a share of processor and GPU."""
        ray = await self._connected()
        affinity = import_module("ray.util.scheduling_strategies").NodeAffinitySchedulingStrategy
        actor = (
            ray.remote(kind)
            .options(
                num_cpus=int(computes and node.cpus >= 1),
                # Without a share Ray hides the GPU from the actor.
                num_gpus=GPU_SHARE if computes and node.gpus else 0,
                scheduling_strategy=affinity(node.id, soft=False),
            )
            .remote(*arguments)
        )
        try:
            async with asyncio.timeout(PLACED):
                await self.answer(actor.ready.remote())
        except TimeoutError:
            self.end(actor)
            raise NodeGoneError(
                f"Ray started nothing there in {PLACED:.0f} s: see `ray status`, whether others hold its processors"
            ) from None
        except BaseException:
            self.end(actor)
            raise
        return actor

    async def put(self, content: bytes) -> Any:
        """Give Ray something that is sent to a node once, in as many pieces as it finds best."""
        return await self.answer(on_daemon_thread(self._ray.put, content))

    async def answer(self, call: Awaitable[Any]) -> Any:
        """The answer of an actor to a call. Raises the actor's own `BurnishError`, and `NodeGoneError`."""
        errors = self._ray.exceptions
        try:
            return await call
        except errors.RayTaskError as failed:
            if isinstance(failed.cause, BurnishError):
                raise failed.cause from None
            raise
        except errors.ActorUnavailableError:
            raise NodeGoneError("it does not answer any more") from None
        except errors.RayError as error:
            raise NodeGoneError(_said(error)) from None
        except ConnectionError as error:  # of the way through ray://
            raise NodeGoneError(f"the connection to {self.address} is lost ({_said(error)})") from None

    def end(self, actor: Any) -> None:
        """End an actor at once, with what it has begun."""
        with suppress(self._ray.exceptions.RayError, ConnectionError):  # it is gone already
            self._ray.kill(actor)

    async def close(self) -> None:
        """Leave the cluster; one that was started here ends, unless another `Cluster` of this process is there."""
        stay, self._stay, self._ray = self._stay, None, None
        if stay is not None and stay.part():
            await asyncio.wrap_future(stay.left)

    async def _connected(self) -> Any:
        async with self._connecting:
            if self._ray is None:
                stay = _Stay.at(self.address)
                try:
                    self._ray = await asyncio.wrap_future(stay.connected)
                except BaseException:
                    stay.part()
                    raise
                self._stay = stay
                if not asks_for_token():
                    self.on_note(f"--ray {self.address}: {OPEN_TO_ALL}")
            return self._ray


def asks_for_token() -> bool:
    """True where this node, on which it is called, lets only those in who know the cluster's token."""
    raylet = import_module("ray._raylet")
    return bool(raylet.get_authentication_mode() != raylet.AuthenticationMode.DISABLED)


class _Stay(Thread):
    """The thread that connects, stays until it is to leave, and leaves: what Ray starts here ends with it.

    Ray knows one connection of a process: whoever comes meanwhile shares it.
    """

    _changing: ClassVar[Lock] = Lock()
    _latest: ClassVar[_Stay | None] = None

    @classmethod
    def at(cls, address: str) -> _Stay:
        """The connection to a cluster, for whoever calls; `part` ends it. Raises `ClusterError`."""
        with cls._changing:
            latest = cls._latest
            if latest is None or not latest._users:
                cls._latest = latest = cls(address, latest)
            elif latest.address != address:
                raise ClusterError(
                    f"--ray {address}: this burnish is at {latest.address}, and one cluster is all"
                )
            latest._users += 1
            return latest

    def __init__(self, address: str, before: _Stay | None) -> None:
        super().__init__(name="ray", daemon=True)
        self.address = address
        self.connected: Future[Any] = Future()
        self.left: Future[None] = Future()
        for future in (self.connected, self.left):
            future.set_running_or_notify_cancel()  # nobody can cancel it
        self._users = 0
        self._leave = Event()
        self._before = before.left if before is not None else None
        self.start()

    def part(self) -> bool:
        """Be one fewer; true for the last, with whom it ends."""
        with self._changing:
            self._users -= 1
            if not self._users:
                self._leave.set()
            return not self._users

    def run(self) -> None:
        try:
            if self._before is not None:
                self._before.result()
            try:
                ray = _connect(self.address)
            except BaseException as error:
                self.connected.set_exception(error)
                return
            self.connected.set_result(ray)
            self._leave.wait()
            ray.shutdown()
        finally:
            self.left.set_result(None)


def _connect(address: str) -> Any:
    """The module `ray`, connected."""
    os.environ.update(OWN_WAYS)
    try:
        ray = import_module("ray")
    except ModuleNotFoundError:
        raise UsageError("--ray needs Ray: pip install 'burnish[ray]'") from None
    # Whatever a node reports, Ray prints to this process's standard output, where results are, and has no switch.
    printing: Any = import_module("ray._private.worker")
    printing.print_to_stdstream = lambda *_, **__: None
    # Ray has a crash's stack written to standard error unless it is written already; the app's has no number.
    if not faulthandler.is_enabled() and sys.__stderr__ is not None:
        faulthandler.enable(sys.__stderr__)
    local = {"include_dashboard": False} if address == "local" else {}
    try:
        if address != "local":
            _knock(address)
        ray.init(address, log_to_driver=False, logging_level=logging.CRITICAL, **local)
    except ray.exceptions.AuthenticationError:
        raise ClusterError(
            f"--ray {address}: the token that Ray asks for is not found here, or is another one: set "
            "RAY_AUTH_MODE=token, and have the cluster's token in ~/.ray/auth_token or RAY_AUTH_TOKEN"
        ) from None
    except (ConnectionError, RuntimeError, ValueError, OSError, ray.exceptions.RayError) as error:
        raise ClusterError(
            f"--ray {address}: no cluster can be reached there ({_said(error)}); start one with `ray start --head`, "
            "and `ray start --address=HOST:6379` on each further node"
        ) from None
    return ray


def _knock(address: str) -> None:
    """Raise `OSError` or `ValueError` where nobody listens, and Ray's `AuthenticationError` where its token is wrong.

    Ray would try for half a minute, and not say which it is.
    """
    if address == "auto":
        address = import_module("ray._private.services").canonicalize_bootstrap_address("auto") or ""
        if not address:
            return  # there is none, which Ray says at once
    place = address.rpartition("/")[2]
    host, _, port = place.rpartition(":")
    if not host or not port.isdecimal():
        raise ValueError("an address is auto, local, HOST:PORT or ray://HOST:PORT")
    with socket.create_connection((host, int(port)), timeout=KNOCK):
        pass
    grpc, ways = import_module("grpc"), import_module("ray._private.grpc_utils")
    with ways.init_grpc_channel(place) as channel:
        try:
            channel.unary_unary(ASKED[address.startswith("ray://")])(b"", timeout=KNOCK)
        except grpc.RpcError as error:
            if error.code() is grpc.StatusCode.UNAUTHENTICATED:
                raise import_module("ray.exceptions").AuthenticationError("wrong token") from None


def _ask(question: Any) -> Any:
    try:
        return question()
    except (ConnectionError, RuntimeError, OSError) as error:
        raise ClusterError(f"the cluster does not say which nodes it has: {_said(error)}") from None


def _said(error: BaseException) -> str:
    """An error of Ray's in one line: its first one, without what follows a colon's end or a stop."""
    text = str(error).strip() or type(error).__name__
    return printable(text.splitlines()[0].strip().rstrip(".:"))[:200]
