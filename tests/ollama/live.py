"""A script that is a real model: a GGUF in llama.cpp answers through Ollama's protocol."""

from __future__ import annotations

import asyncio
import threading
from pathlib import Path
from types import TracebackType
from typing import Self

from models.files.digest import sha256_of
from models.llamacpp.teacher import EmbeddedTeacher
from models.teacher import Fault, Message, Request, TeacherError
from tests.ollama.script import Answer, Chat, Refusal


class LiveModel:
    """Answers chats with the model in `path`, loaded at the first and again when `num_ctx` changes."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)
        self._teacher: EmbeddedTeacher | None = None
        self._context = 0

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._teacher is not None:
            asyncio.run_coroutine_threadsafe(self._teacher.close(), self._loop).result()
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    def __call__(self, chat: Chat) -> Answer | Refusal:
        return asyncio.run_coroutine_threadsafe(self._answer(chat), self._loop).result()

    async def _answer(self, chat: Chat) -> Answer | Refusal:
        options = chat.options
        request = Request(
            messages=tuple(Message(m["role"], m["content"]) for m in chat.messages),
            seed=options.get("seed", 0),
            temperature=options.get("temperature", 0.8),
            max_tokens=options.get("num_predict", 512),
            schema=chat.schema,
        )
        pieces: list[str] = []
        try:
            teacher = await self._loaded(options.get("num_ctx", 4096))
            reply = await teacher.ask(request, pieces.append)
        except TeacherError as error:
            if error.fault is Fault.TOO_LONG:
                return Refusal(400, "the input length exceeds the context length")
            return Refusal(500, str(error))
        return Answer(pieces, done_reason=reply.finish, prompt_tokens=reply.prompt_tokens, seconds=0.0)

    async def _loaded(self, context: int) -> EmbeddedTeacher:
        if self._teacher is not None and context != self._context:
            await self._teacher.close()
            self._teacher = None
        if self._teacher is None:
            self._teacher = EmbeddedTeacher(
                self._path, name=self._path.name, digest=sha256_of(self._path), context=context
            )
            self._context = context
            await self._teacher.open()
        return self._teacher
