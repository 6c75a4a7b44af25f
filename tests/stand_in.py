"""A student without a model, as quick or as slow as a test wants it."""

from __future__ import annotations

import asyncio
import zlib
from collections.abc import Sequence
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import pytest

from engine.run import students
from models.student import Losses, Passage, StudentInfo
from tests.factory import student_info


class StandIn:
    """In place of `EmbeddedStudent`: losses that depend on the passage alone, a number a word."""

    loading: ClassVar[float] = 0.0  # seconds
    scoring: ClassVar[float] = 0.0  # seconds a call
    begun: ClassVar[int] = 0  # calls, of all
    opened: ClassVar[int] = 0
    closed: ClassVar[int] = 0

    def __init__(self, path: Path, *, digest: str | None = None, context: int = 2048, **_: Any) -> None:
        self.path = path
        self.pid: int | None = None  # it has no process
        self.loaded = False
        self._digest = digest or "sha256:0"
        self._context = context
        self._lock = asyncio.Lock()

    async def open(self) -> StudentInfo:
        async with self._lock:
            if not self.loaded:
                await asyncio.sleep(self.loading)
                self.loaded = True
                type(self).opened += 1
        return student_info(
            path=str(self.path), digest=self._digest, name="Stand-in", architecture="none", context=self._context,
            bos_text="", eos_text="",
        )  # fmt: skip

    async def losses(self, passages: Sequence[Passage]) -> list[Losses]:
        await self.open()
        type(self).begun += 1
        await asyncio.sleep(self.scoring)
        return [_losses(passage) for passage in passages]

    async def unload(self) -> None:
        await self.close()

    async def close(self) -> None:
        type(self).closed += self.loaded
        self.loaded = False


def _losses(passage: Passage) -> Losses:
    words = passage.target.split(" ")
    context = "".join(piece.text for piece in passage.context)
    seed = zlib.crc32(f"{context}\0{passage.target}".encode("utf-8", "surrogatepass"))
    nll = np.random.default_rng(seed).uniform(1.5, 3.5, len(words)).astype(np.float32)
    lengths = [len(word.encode("utf-8", "surrogatepass")) + 1 for word in words]
    ranks = (nll * 4).astype(np.uint8) if passage.ranked else None
    return Losses(nll, np.array([*lengths[:-1], lengths[-1] - 1], np.uint16), len(words), 2000, ranks)


@pytest.fixture
def stand_in(monkeypatch: pytest.MonkeyPatch) -> type[StandIn]:
    """No llama.cpp in this test: every student is a stand-in, at its quickest unless the test says otherwise."""

    class Mine(StandIn):
        begun = opened = closed = 0  # its own

    monkeypatch.setattr(students, "EmbeddedStudent", Mine)
    return Mine
