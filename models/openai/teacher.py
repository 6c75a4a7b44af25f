"""The teacher that a server of OpenAI's protocol on this machine runs."""

from __future__ import annotations

import hashlib
import json
import re
import time
from collections.abc import Callable
from contextlib import aclosing
from dataclasses import replace
from pathlib import Path
from typing import Any

from models.http.prompt import Room, least_tokens
from models.http.transport import FIRST, SILENCE, RefusedError
from models.openai.address import PREFIX
from models.openai.dialect import Dialect
from models.openai.server import Described, OpenAIServer
from models.openai.wire import Chunk, ServedModel, Usage
from models.teacher import Fault, OnText, Reply, Request, TeacherError, TeacherInfo, calls_text

KNOWN = 1.0  # seconds for which what the server said of its model holds; a real reply takes longer than that

_SIZE = re.compile(r"(?<![a-z0-9.])(\d{1,5}(?:\.\d{1,3})?)([bm])(?![a-z0-9])", re.IGNORECASE)


class OpenAITeacher:
    """A model of a server that speaks OpenAI's chat completions, as a `Teacher`.

    The protocol says neither which weights a name stands for nor how much context they have. So:

    - The digest is of the name and of what the server says of the weights beside it (llama-server: parameters, size,
      vocabulary, width; vLLM: where they are from). A name that is given to other weights is not noticed where a
      server says neither, as LM Studio does.
    - `TeacherInfo.context` is the one that was asked for; it belongs to a reply's key, and stays the same when the
      server is started anew with another. The server's own, where it tells it, is what a request has to fit.
    """

    def __init__(
        self,
        model: str,
        *,
        url: str | None,
        key_file: Path | None = None,
        context: int = 8192,
        allow_remote: bool = False,
        first: float = FIRST,
        silence: float = SILENCE,
        on_note: Callable[[str], None] | None = None,
    ) -> None:
        """Nothing is sent before the first call. url, key_file: see `models.openai.address`.

        model: as /v1/models lists it. context: tokens a request and its reply share, less where the server has less.
        first, silence: seconds, see `models.http.transport`. on_note: called once with each sentence about what is
        done differently from what was asked for.
        """
        self.name = f"{PREFIX}{model}"
        self._asked_for = model
        self._server = OpenAIServer(
            url, key_file=key_file, allow_remote=allow_remote, first=first, silence=silence
        )
        self._context = context
        self._room = Room()
        self._dialect = Dialect()
        self._on_note = on_note
        self._noted: set[str] = set()
        self._model: ServedModel | None = None
        self._described = Described()
        self._found = 0.0  # when the model was seen to be there, and the same

    @property
    def window(self) -> int | None:
        """Tokens of the server's context; None where it does not say."""
        return self._described.context

    async def open(self) -> TeacherInfo:
        model = await self._find()
        self._described = await self._server.describe(model)
        self._note_what_differs()
        found = _SIZE.search(model.id)
        named = found and float(found[1]) * {"b": 1e9, "m": 1e6}[found[2].lower()]
        meta = model.meta
        return TeacherInfo(
            name=self.name,
            digest=_digest(model),
            parameters=(meta and meta.n_params) or named,
            quantisation=self._described.quantisation,
            size=(meta and meta.size) or 0,
            context=self._context,
        )

    async def ask(self, request: Request, on_text: OnText | None = None) -> Reply:
        if request.max_tokens < 1:
            raise ValueError("max_tokens is below 1, which some servers take for no limit")
        if self._model is None:
            await self.open()
        context = min(self._context, self.window or self._context)
        room = replace(request, max_tokens=self._room.for_reply(request, context))
        reply = await self._ask(room, on_text)
        self._room.learn(request, reply, context)
        return reply

    async def _ask(self, request: Request, on_text: OnText | None) -> Reply:
        """One reply; of a server that does not know a field of the request, without it."""
        while True:
            if time.monotonic() - self._found > KNOWN:
                await self._find()
            fields = self._dialect.fields(
                request.schema,
                think=request.think,
                max_tokens=request.max_tokens,
                seed=request.seed,
                logprobs=request.logprobs,
                tools=request.tools,
            )
            try:
                return await self._ask_once(request, fields, on_text)
            except RefusedError as error:
                unknown = error.fault in (Fault.REJECTED, Fault.BROKEN)
                if unknown and self._dialect.learn(fields, error.reason):
                    for note in self._dialect.notes:
                        self._note(note)
                    continue
                if error.fault is Fault.MODEL_MISSING:
                    raise await self._missing(error) from None
                raise

    async def unload(self) -> None:
        """Nothing: the protocol has no word for it, and the server keeps its model for others."""

    async def close(self) -> None:
        """Nothing is kept open between two requests."""

    def _note(self, sentence: str) -> None:
        if self._on_note is not None and sentence not in self._noted:
            self._noted.add(sentence)
            self._on_note(sentence)

    def _note_what_differs(self) -> None:
        if self.window is not None and self.window < self._context:
            self._note(
                f"the server gives {self.name} a context of {self.window} tokens, less than the {self._context} asked "
                "for: longer requests are refused"
            )
        if self._described.ollama:
            self._note(
                f"{self._server.url} is Ollama, which tells nobody here when it cuts a prompt: --teacher "
                f"{self._asked_for}, without {PREFIX}, asks it in its own way"
            )

    async def _find(self) -> ServedModel:
        """The model as it is now: another may be loaded under its name, or none, while a run goes on."""
        now = time.monotonic()
        model = await self._server.find(self._asked_for)
        if self._model is not None and _digest(model) != _digest(self._model):
            raise TeacherError(
                Fault.MODEL_MISSING,
                f"{self.name} is not the model any more that was asked so far: bring that back, or start burnish again "
                "to go on with the new one",
            )
        self._model, self._found = model, now
        await self._look_again()
        return model

    async def _look_again(self) -> None:
        """Ask for what may be otherwise by now. Raises where the model has become one of Ollama's cloud."""
        if self._described.passing and self._model is not None:
            self._described = await self._server.describe(self._model)
            self._note_what_differs()

    async def _missing(self, error: RefusedError) -> TeacherError:
        """A refusal of the model, with the models that there are."""
        served = [model.id for model in await self._server.models()]
        if self._asked_for in served:  # it is there and not loaded, say
            return error
        return self._server.missing(self._asked_for, served)

    async def _ask_once(self, request: Request, fields: dict[str, Any], on_text: OnText | None) -> Reply:
        assert self._model is not None
        body = {
            "model": self._model.id,
            "messages": [{"role": message.role, "content": message.content} for message in request.messages],
            "temperature": request.temperature,
            "stream": True,
            **fields,
        }
        growing, began = _Growing(on_text), time.monotonic()
        chunks = self._server.chat(body, max_tokens=request.max_tokens)
        try:
            async with aclosing(chunks):
                async for chunk in chunks:
                    growing.take(chunk)
        except TeacherError:
            if growing.finish is None or growing.usage is None:
                raise
            # Everything is there: what happens to the connection afterwards does not matter.
        if growing.finish is None:
            raise TeacherError(
                Fault.UNFINISHED if growing.pieces else Fault.BROKEN,
                f"{self.name} stopped before its reply was done: see the server's log"
                if growing.pieces
                else f"{self.name} answered nothing, as some do to a prompt over their context: see the server's log",
            )
        if growing.finish not in ("stop", "length", "tool_calls"):
            raise TeacherError(
                Fault.BROKEN,
                f"{self.name} ended its reply with {growing.finish[:50]!r} instead of `stop`: see the server's log",
            )
        await self._check_model(growing.model)
        await self._look_again()  # it may have been loaded for this request
        usage = growing.usage or Usage()
        self._check_whole(request, usage.prompt_tokens)
        streamed = growing.pieces > 1  # else it came all at once
        return Reply(
            text="\n".join(filter(None, ("".join(growing.text), growing.calls))),
            thoughts="".join(growing.thoughts),
            finish="length" if growing.finish == "length" else "stop",
            prompt_tokens=usage.prompt_tokens,
            tokens=growing.pieces if usage.completion_tokens is None else usage.completion_tokens,
            logprobs=tuple(growing.logprobs),
            seconds=growing.seconds if streamed else time.monotonic() - began,
            reading=growing.began - began if streamed else 0.0,
        )

    async def _check_model(self, answered: str | None) -> None:
        """Raise where another of the server's models answered, as LM Studio has the one that is loaded do."""
        assert self._model is not None
        if not answered or answered == self._model.id:
            return
        if answered in (model.id for model in await self._server.models()):
            raise TeacherError(
                Fault.MODEL_MISSING,
                f"{answered[:80]!r} answered in place of {self.name}: load that model in the server",
            )

    def _check_whole(self, request: Request, read: int) -> None:
        """Raise TOO_LONG for a prompt the server cut, which some do without a word."""
        if not read:
            self._note("the server counts no tokens, so a prompt that it cut would not be noticed")
            return
        least = least_tokens(request)
        if read >= (self.window or read + 1) or read < least:
            raise TeacherError(
                Fault.TOO_LONG,
                f"the server read {read} tokens of a prompt of at least {least} and dropped the rest"
                f"{f' (its context is {self.window})' if self.window else ''}: load the model with a larger context, "
                "or leave the sample out",
            )


class _Growing:
    """A reply while it grows."""

    def __init__(self, on_text: OnText | None) -> None:
        self._on_text = on_text
        self.began = 0.0  # when the first piece came
        self.text: list[str] = []
        self.thoughts: list[str] = []
        self.logprobs: list[tuple[str, float]] = []
        self.pieces = 0
        self.finish: str | None = None
        self.usage: Usage | None = None
        self.model: str | None = None
        self.seconds = 0.0  # from the first piece to the last
        self._calls: dict[int, list[str]] = {}  # of tools: the name, then the pieces of the arguments

    @property
    def calls(self) -> str:
        """The calls of tools so far, as a text."""
        return calls_text([(name, "".join(arguments)) for name, *arguments in self._calls.values()])

    def take(self, chunk: Chunk) -> None:
        self.usage = chunk.usage or self.usage
        self.model = chunk.model or self.model
        for choice in chunk.choices or ():
            if choice.index != 0:
                continue
            text, thoughts = "", ""
            if choice.delta is not None:
                text, thoughts = choice.delta.content or "", choice.delta.thoughts
            self.finish = choice.finish_reason or self.finish
            self.logprobs += choice.tokens
            called = choice.delta.tool_calls or () if choice.delta is not None else ()
            for call in called:
                pieces = self._calls.setdefault(call.index, [call.function.name or ""])
                pieces.append(call.function.arguments or "")
            if not (text or thoughts or called):
                continue
            now = time.monotonic()
            self.began = self.began or now
            self.seconds = now - self.began
            self.pieces += 1
            self.thoughts.append(thoughts)
            if text:
                self.text.append(text)
                if self._on_text is not None:
                    self._on_text(text)


def _digest(model: ServedModel) -> str:
    """Names the weights, as far as the server does."""
    body = json.dumps(["openai", model.weights], sort_keys=True)
    return f"sha256:{hashlib.sha256(body.encode('ascii')).hexdigest()}"
