"""A GGUF that writes: text goes on as the model has it, in a child process of its own."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from models.llamacpp.process import ChildDied, ChildProcess, ChildRefused
from models.student import Piece
from models.teacher import Fault, OnText, Reply, TeacherError


class EmbeddedWriter:
    """A GGUF file that goes on with what it is given; loaded when it is first needed, and anew where its child died.

    The prompt's part that the call before it shared stays computed. `name`: what errors call it. `adapter`: a LoRA in
    a GGUF of its own, added to the weights. `context`: tokens a prompt and its reply share. `exact`: as of a student.
    """

    def __init__(
        self,
        path: Path,
        *,
        name: str,
        context: int,
        adapter: Path | None = None,
        exact: bool = False,
        gpu_layers: int = -1,
        threads: int | None = None,
    ) -> None:
        self.path, self.name = path, name
        self._settings: dict[str, Any] = {
            "adapter": None if adapter is None else str(adapter),
            "context": context,
            "exact": exact,
            "gpu_layers": gpu_layers,
            "threads": threads,
        }
        self._loading = asyncio.Lock()
        self._child: ChildProcess | None = None
        self._loaded: dict[str, Any] = {}

    @property
    def pid(self) -> int | None:
        """The process's id, None while there is none."""
        return self._child.pid if self._child is not None else None

    async def load(self) -> Mapping[str, Any]:
        """What the child says of the model, which is in memory then. Raises `TeacherError`."""
        try:
            await self._load()
        except (ChildRefused, ChildDied) as trouble:
            raise self._error(trouble) from trouble
        return self._loaded

    async def write(
        self,
        prompt: Sequence[Piece],
        on_text: OnText | None = None,
        *,
        max_tokens: int,
        seed: int = 0,
        temperature: float = 0.0,
        schema: Mapping[str, Any] | None = None,
        logprobs: bool = False,
        repeat_penalty: float = 1.1,
    ) -> Reply:
        """What the model writes after a prompt. Greedy at temperature 0, else top-k 40 and top-p 0.9.

        repeat_penalty: of the last 64 tokens' likelihood, as Ollama has it; 1: none, as other programs have it.
        Raises `TeacherError`, `Fault.TOO_LONG` where the prompt fills the context.
        """
        try:
            child = await self._load()
            answer = await child.call(
                "write",
                on_text,
                pieces=[(piece.text, piece.special) for piece in prompt],
                seed=seed,
                temperature=temperature,
                max_tokens=max_tokens,
                schema=schema,
                logprobs=logprobs,
                repeat_penalty=repeat_penalty,
            )
        except (ChildRefused, ChildDied) as trouble:
            raise self._error(trouble) from trouble
        written = answer.header["written"]
        if written["finish"] == "too-long":
            raise TeacherError(
                Fault.TOO_LONG,
                f"{self.name}: the request takes {written['prompt_tokens']} tokens and the context has "
                f"{self._loaded['context']}; give it a larger context",
            )
        return Reply(**written | {"logprobs": tuple(map(tuple, written["logprobs"]))})

    async def close(self) -> None:
        child, self._child = self._child, None
        if child is not None:
            await child.stop()

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

    def _error(self, trouble: ChildRefused | ChildDied) -> TeacherError:
        if isinstance(trouble, ChildDied):
            return TeacherError(Fault.BROKEN, f"{self.name}: llama.cpp {trouble}")
        faults = {"memory": Fault.OUT_OF_MEMORY, "file": Fault.MODEL_MISSING}
        return TeacherError(faults.get(trouble.kind, Fault.REJECTED), f"{self.name}: {trouble.why}")
