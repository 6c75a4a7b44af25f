"""A teacher without a server: a GGUF run by llama.cpp in a child process of its own."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from dataclasses import asdict
from functools import partial
from pathlib import Path
from typing import Any

from models.errors import ModelFileError
from models.files.gguf import read_header
from models.llamacpp.chat_template import ChatTemplateError, render
from models.llamacpp.writer import EmbeddedWriter
from models.student import Piece
from models.system.threads import on_daemon_thread
from models.teacher import Fault, OnText, Reply, Request, TeacherError, TeacherInfo


class EmbeddedTeacher:
    """The `models.teacher.Teacher` of a GGUF file with a chat template.

    The prompt's part that the request before it shared stays computed, so the steps of one dialogue cost little.
    `context`: tokens a request and its reply share. `digest`: of the file, "sha256:...". `chat`: its chat
    template is around what is asked; without, the model is given the messages as they are, its end token between them.
    """

    def __init__(
        self,
        path: Path,
        *,
        name: str,
        digest: str,
        context: int = 4096,
        gpu_layers: int = -1,
        threads: int | None = None,
        chat: bool = True,
    ) -> None:
        self.path, self.name = path, name
        self._chat = chat
        self._digest = digest
        self._context = context
        self._writer = EmbeddedWriter(
            path, name=name, context=context, gpu_layers=gpu_layers, threads=threads
        )

    @property
    def pid(self) -> int | None:
        """The process's id, None while there is none."""
        return self._writer.pid

    async def open(self) -> TeacherInfo:
        """Read the file's head; the model is loaded by the first request."""
        try:
            header = read_header(self.path)
        except ModelFileError as error:
            raise TeacherError(Fault.MODEL_MISSING, str(error)) from error
        if header.unusable or (self._chat and not header.chat_template):
            why = header.unusable or "carries no chat template; a teacher must be an instruction-tuned model"
            raise TeacherError(Fault.MODEL_MISSING, str(ModelFileError(self.path, why)))
        return TeacherInfo(
            name=self.name,
            digest=self._digest,
            parameters=header.parameters,
            quantisation=header.quantisation,
            size=header.size,
            context=min(self._context, header.context or self._context),
        )

    async def ask(self, request: Request, on_text: OnText | None = None) -> Reply:
        """The reply to one request; see the protocol. Greedy at temperature 0, else top-k 40 and top-p 0.9."""
        loaded = await self._writer.load()
        try:
            prompt = await on_daemon_thread(self._prompt, request, loaded)
        except ChatTemplateError as error:
            raise TeacherError(
                Fault.REJECTED, f"{self.name}: its chat template fails ({error}); choose another teacher"
            ) from error
        return await self._writer.write(
            prompt,
            on_text,
            max_tokens=request.max_tokens,
            seed=request.seed,
            temperature=request.temperature,
            schema=request.schema,
            logprobs=request.logprobs,
        )

    async def unload(self) -> None:
        await self.close()

    async def close(self) -> None:
        await self._writer.close()

    def _prompt(self, request: Request, loaded: Mapping[str, Any]) -> tuple[Piece, ...]:
        if not self._chat:
            end = Piece(loaded["eos_text"], special=True)
            said = [piece for message in request.messages for piece in (Piece(message.content), end)][:-1]
            return tuple(piece for piece in said if piece.text)
        write = partial(
            render,
            loaded["chat_template"] or "",
            [asdict(message) for message in request.messages],
            bos_text=loaded["bos_text"],
            eos_text=loaded["eos_text"],
        )
        if request.tools:
            with suppress(ChatTemplateError):  # of one that cannot write them
                return write(request.tools)
        return write()
