"""A teacher without a server: a GGUF run by llama.cpp in a child process of its own."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from dataclasses import asdict
from functools import partial
from pathlib import Path
from typing import Any

from models.errors import ModelFileError
from models.files.gguf import read_header
from models.llamacpp.chat_template import ChatTemplateError, render
from models.llamacpp.process import ChildDied, ChildProcess, ChildRefused
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
        self._settings: dict[str, Any] = {"context": context, "gpu_layers": gpu_layers, "threads": threads}
        self._loading = asyncio.Lock()
        self._child: ChildProcess | None = None
        self._loaded: dict[str, Any] = {}  # what the child says of the model

    @property
    def pid(self) -> int | None:
        """The process's id, None while there is none."""
        return self._child.pid if self._child is not None else None

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
        try:
            child = await self._load()
            prompt = await on_daemon_thread(self._prompt, request)
            answer = await child.call(
                "write",
                on_text,
                pieces=[(piece.text, piece.special) for piece in prompt],
                seed=request.seed,
                temperature=request.temperature,
                max_tokens=request.max_tokens,
                schema=request.schema,
                logprobs=request.logprobs,
            )
        except ChatTemplateError as error:
            raise TeacherError(
                Fault.REJECTED, f"{self.name}: its chat template fails ({error}); choose another teacher"
            ) from error
        except ChildRefused as refusal:
            faults = {"memory": Fault.OUT_OF_MEMORY, "file": Fault.MODEL_MISSING}
            raise TeacherError(
                faults.get(refusal.kind, Fault.REJECTED), f"{self.name}: {refusal.why}"
            ) from refusal
        except ChildDied as death:
            raise TeacherError(Fault.BROKEN, f"{self.name}: llama.cpp {death}") from death
        written = answer.header["written"]
        if written["finish"] == "too-long":
            raise TeacherError(
                Fault.TOO_LONG,
                f"{self.name}: the request takes {written['prompt_tokens']} tokens and the context has "
                f"{self._loaded['context']}; give it a larger context",
            )
        return Reply(**written | {"logprobs": tuple(map(tuple, written["logprobs"]))})

    async def unload(self) -> None:
        await self.close()

    async def close(self) -> None:
        child, self._child = self._child, None
        if child is not None:
            await child.stop()

    def _prompt(self, request: Request) -> tuple[Piece, ...]:
        if not self._chat:
            end = Piece(self._loaded["eos_text"], special=True)
            said = [piece for message in request.messages for piece in (Piece(message.content), end)][:-1]
            return tuple(piece for piece in said if piece.text)
        write = partial(
            render,
            self._loaded["chat_template"] or "",
            [asdict(message) for message in request.messages],
            bos_text=self._loaded["bos_text"],
            eos_text=self._loaded["eos_text"],
        )
        if request.tools:
            with suppress(ChatTemplateError):  # of one that cannot write them
                return write(request.tools)
        return write()

    async def _load(self) -> ChildProcess:
        async with self._loading:
            child = self._child
            if child is None or child.died is not None:
                child = self._child = await ChildProcess.start()
                try:
                    answer = await child.call("open-writer", path=str(self.path), **self._settings)
                except BaseException:
                    self._child = None
                    await child.stop()
                    raise
                self._loaded = answer.header["info"]
            return child
