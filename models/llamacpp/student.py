"""A student in a child process: passages gathered into calls, and a child that died at one of them started again."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from models.errors import ModelFileError, printable
from models.llamacpp.process import Answer, ChildDied, ChildProcess, ChildRefused
from models.student import (
    Losses,
    Passage,
    PassageError,
    PassageIds,
    StudentError,
    StudentInfo,
    TokenPassage,
)


class EmbeddedStudent:
    """A GGUF as a `models.student.Student`, run by llama.cpp in a child process.

    Passages asked for at the same time are scored together: ask for all that is known. `context`: tokens a
    passage may have. `digest`: of the file, "sha256:...". `adapter`: a LoRA in a GGUF of its own, added to the
    weights. `exact`: F32 KV cache, no flash attention and GELU in full precision. `gpu_layers`: -1 for all that fit;
    without a GPU none. `threads`: of the CPU, None for one a physical core.
    """

    CALL = 64  # passages a call to the child holds at most
    CALLS = 2  # at a time: the child never waits for the next one, and what arrives meanwhile is gathered

    def __init__(
        self,
        path: Path,
        *,
        digest: str,
        adapter: Path | None = None,
        context: int = 2048,
        exact: bool = False,
        gpu_layers: int = -1,
        threads: int | None = None,
    ) -> None:
        self.path = path
        self.tokens = 0  # target tokens scored so far
        self.seconds = 0.0  # the child was busy scoring them
        self._digest = digest
        self._settings: dict[str, Any] = {
            "adapter": None if adapter is None else str(adapter),
            "context": context,
            "exact": exact,
            "gpu_layers": gpu_layers,
            "threads": threads,
        }
        self._opening = asyncio.Lock()
        self._child: ChildProcess | None = None
        self._info: StudentInfo | None = None
        self._deadly: dict[Passage | TokenPassage, PassageError] = {}  # what llama.cpp failed at twice
        self._waiting: deque[_Item] = deque()
        self._lanes: set[asyncio.Task[None]] = set()

    @property
    def pid(self) -> int | None:
        return self._child.pid if self._child is not None else None

    async def open(self) -> StudentInfo:
        async with self._opening:
            if self._info is None or self._child is None or self._child.died is not None:
                self._info = await self._load()
            return self._info

    async def losses(self, passages: Sequence[Passage | TokenPassage]) -> list[Losses]:
        """See the contract; a `StudentError` also where the child was killed twice at one passage."""
        for passage in passages:
            if passage in self._deadly:
                raise self._deadly[passage]
        loop = asyncio.get_running_loop()
        items = [_Item(passage, loop.create_future()) for passage in passages]
        self._waiting.extend(items)
        # A lane that has just found nothing waiting takes nothing more, though it is still among them.
        if items and sum(not lane.done() for lane in self._lanes) < self.CALLS:
            lane = asyncio.create_task(self._lane())
            self._lanes.add(lane)
            lane.add_done_callback(self._lanes.discard)
        try:
            return list(await asyncio.gather(*(item.losses for item in items)))
        finally:
            for item in items:
                item.losses.cancel()  # those not done: nobody waits for them any more

    async def ids(self, passages: Sequence[Passage], after: str = "") -> tuple[list[PassageIds], int | None]:
        """The tokens of each passage as they are scored, and the one that ends an answer; None: there is none.

        `after`: what the template writes after an answer, "" for what the vocabulary says. Raises `PassageError` where
        llama.cpp fails at one of them, and `StudentError`.
        """
        await self.open()
        assert self._child is not None
        asked = [
            ([(piece.text, piece.special) for piece in passage.context], passage.target)
            for passage in passages
        ]
        try:
            answer = await self._child.call("ids", passages=asked, after=after)
        except ChildDied as death:
            raise PassageError(f"{self._name}: llama.cpp {death} at a text's tokens", str(death)) from death
        except ChildRefused as refusal:
            raise StudentError(refusal.why) from refusal
        ids = np.frombuffer(answer.blobs[0], np.int32)
        found = []
        for context, target in answer.header["lengths"]:
            found.append(PassageIds(ids[:context], ids[context : context + target]))
            ids = ids[context + target :]
        return found, answer.header["end"]

    async def unload(self) -> None:
        while True:
            if self._lanes:
                await asyncio.wait(self._lanes)
            async with self._opening:
                if self._lanes:
                    continue  # it was asked while this waited
                child, self._child = self._child, None
                if child is not None:
                    await child.stop()
                return

    async def close(self) -> None:
        lanes = list(self._lanes)
        for lane in lanes:
            lane.cancel()
        await asyncio.gather(*lanes, return_exceptions=True)
        _fail(self._waiting, StudentError(f"{self._name}: the student was closed"))
        self._waiting.clear()
        if self._child is not None:
            await self._child.stop()
            self._child = None

    async def _load(self) -> StudentInfo:
        try:
            try:
                answer = await self._started()
            except ChildDied as death:
                if death.failed:
                    raise
                answer = await self._started()  # it was killed: that is nothing about the file
        except ChildDied as death:
            raise StudentError(
                f"{self._name}: llama.cpp {death} while loading it; the file is damaged, or needs another "
                "llama.cpp or more memory"
            ) from death
        except ChildRefused as refusal:
            if refusal.kind == "file":
                raise ModelFileError(self.path, refusal.why) from refusal
            raise StudentError(refusal.why) from refusal
        info = answer.header["info"]
        notes = tuple(info.pop("notes"))
        size = self.path.stat().st_size
        return StudentInfo(path=str(self.path), digest=self._digest, size=size, notes=notes, **info)

    async def _started(self) -> Answer:
        """A child that has loaded the model, or none."""
        child = self._child = await ChildProcess.start()
        try:
            return await child.call("open-scorer", path=str(self.path), **self._settings)
        except BaseException:
            self._child = None
            await child.stop()
            raise

    @property
    def _name(self) -> str:
        return printable(str(self.path))

    # Lanes: tasks that take what is waiting, a call at a time, and end when nothing is.

    async def _lane(self) -> None:
        while items := self._take():
            try:
                await self._score(items)
            except asyncio.CancelledError:
                _fail(items, StudentError(f"{self._name}: the student was closed"))
                raise
            except Exception as error:  # whatever it is, those who asked shall have it
                _fail(items, error)

    def _take(self) -> list[_Item]:
        items: list[_Item] = []
        while self._waiting and len(items) < self.CALL:
            item = self._waiting.popleft()
            if not item.losses.done():
                items.append(item)
        return items

    async def _score(self, items: list[_Item]) -> None:
        try:
            await self._ask(items)
        except ChildDied as death:
            if not death.guilty:  # it died of another lane's call
                self._waiting.extendleft(reversed(items))
                return
            for item in items:  # once more, each by itself: one of them it died of
                await self._ask_alone(item, deaths=int(len(items) == 1))

    async def _ask_alone(self, item: _Item, deaths: int) -> None:
        """`deaths`: how often it died of this one by itself already."""
        while not item.losses.done():
            try:
                await self._ask([item])
            except ChildDied as death:
                deaths += death.guilty
                if deaths == 2:
                    _fail([item], await self._second_death(item.passage, death))

    async def _second_death(self, passage: Passage | TokenPassage, death: ChildDied) -> StudentError:
        """The error that a second death at a passage amounts to."""
        text = f'{self._name}: llama.cpp {death}, twice, at the text "{printable(str(passage.target[:60]))}"'
        if not death.failed:
            return StudentError(
                f"{text}; if nobody killed it, memory is short: close other programs, or choose a smaller context"
            )
        harmless = _Item(Passage((), "The cat sat on the mat."), asyncio.get_running_loop().create_future())
        try:
            await self._ask([harmless])
        except ChildDied as third:
            return StudentError(f"{self._name}: llama.cpp {third}, again and again; see `burnish doctor`")
        self._deadly[passage] = PassageError(text, str(death))
        return self._deadly[passage]

    async def _ask(self, items: list[_Item]) -> None:
        await self.open()
        child = self._child
        assert child is not None
        try:
            answer = await child.call("losses", passages=[_packed(item.passage) for item in items])
        except ChildRefused as refusal:
            if refusal.kind != "memory":
                raise StudentError(refusal.why) from refusal
            await child.stop()  # and with it go all the pieces that its memory is in
            raise ChildDied("ran out of memory", guilty=True, failed=False) from refusal
        self.seconds += answer.header["seconds"]
        for item, losses in zip(items, _unpack(answer), strict=True):
            self.tokens += len(losses.nll)
            if not item.losses.done():
                item.losses.set_result(losses)


@dataclass(frozen=True, slots=True)
class _Item:
    passage: Passage | TokenPassage
    losses: asyncio.Future[Losses]


def _packed(passage: Passage | TokenPassage) -> tuple[Any, ...]:
    """A passage as `Scorer.losses` takes it."""
    if isinstance(passage, TokenPassage):
        return passage.context, passage.target
    pieces = [(piece.text, piece.special) for piece in passage.context]
    return pieces, passage.target, passage.whole, passage.ranked


def _fail(items: Iterable[_Item], error: Exception) -> None:
    for item in items:
        if not item.losses.done():
            item.losses.set_exception(error)


def _unpack(answer: Answer) -> Iterator[Losses]:
    nll = np.frombuffer(answer.blobs[0], np.float32)
    lengths = np.frombuffer(answer.blobs[1], np.uint16)
    ranks = np.frombuffer(answer.blobs[2], np.uint8)
    for scored, kept, tokens, room, ranked in answer.header["passages"]:
        own = ranks[:scored].copy() if ranked else None
        yield Losses(nll[:scored].copy(), lengths[:kept].copy(), tokens, room, own)
        nll, lengths, ranks = nll[scored:], lengths[kept:], ranks[scored if ranked else 0 :]
