"""The teacher that an Ollama server on this machine runs."""

from __future__ import annotations

import asyncio
import math
import re
import time
from collections.abc import Callable
from contextlib import aclosing, suppress
from dataclasses import replace

from ollama import ChatResponse

from models.http.prompt import PromptLimits, Room
from models.http.transport import FIRST, SILENCE, RefusedError, one_line
from models.ollama.http import ADVICE, FailedMidwayError
from models.ollama.long_prompts import find_limit
from models.ollama.server import ModelDescription, OllamaServer, Tag, full_name
from models.teacher import PAUSING, Fault, OnText, Reply, Request, TeacherError, TeacherInfo, calls_text

KNOWN = 1.0  # seconds for which what the server said of its model holds; a real reply takes longer than that


class OllamaTeacher:
    """A model of an Ollama server, as a `Teacher`.

    A request's schema goes to llama.cpp's grammar: keep `maxLength` at 2000 or less, give no `maxItems` and
    anchor every `pattern` (^...$), or the server's runner aborts or refuses the schema.
    """

    def __init__(
        self,
        name: str,
        *,
        host: str | None = None,
        context: int = 8192,
        allow_remote: bool = False,
        keep_alive: str = "30m",
        first: float = FIRST,
        silence: float = SILENCE,
        on_note: Callable[[str], None] = lambda _: None,
        limits: PromptLimits | None = None,
    ) -> None:
        """Nothing is sent before the first call.

        host: as OLLAMA_HOST, see `models.ollama.address`. context: tokens a request and its reply share, less where
        the model was trained with less; it stays the same, for a change makes the server load the model again.
        keep_alive: how long the server keeps the idle model in memory ("30m", "-1s" for ever).
        first, silence: seconds, see `models.ollama.server`. on_note: told once each of what is done differently from
        what was asked for, one sentence each. limits: keeps how the server treats prompts that are too long, which is
        found out before the first request where it is not known; None: it is not looked for.
        """
        self.name = name
        self.notes: list[str] = []
        self._on_note = on_note
        self._server = OllamaServer(host, allow_remote=allow_remote, first=first, silence=silence)
        self._context = context
        self._room = Room()
        self._knows_thinking = self._knows_tools = True  # until it says otherwise
        self._shift = True  # the server may push a prompt out for its reply
        self._keep_alive = keep_alive
        self._model = ""  # its name as the server writes it, once it was found
        self._opened: TeacherInfo | None = None
        self._found = 0.0  # when the model was seen to be local, and the same
        self._limits = limits
        self._version = ""  # the server's; empty where it does not say
        self._looked_for_limit = ""  # of which version
        self._looking = asyncio.Lock()

    async def open(self) -> TeacherInfo:
        tag = await self._find()
        shown = await self._server.show(tag.name)
        if shown.capabilities and "completion" not in shown.capabilities:
            raise TeacherError(
                Fault.REJECTED,
                f"{self.name} cannot chat ({one_line(', '.join(shown.capabilities))}): choose a model that writes text",
            )
        info = self._describe(tag, shown)
        with suppress(RefusedError):  # a server that has been asked for its models, and does not know these
            self._version = await self._server.version()
            self._shift = shift_is_a_setting(self._version)
            await self._tell_of_reload(tag, info)
        self._model, self._opened = tag.name, info
        return info

    async def ask(self, request: Request, on_text: OnText | None = None) -> Reply:
        if request.max_tokens < 1:
            raise ValueError("max_tokens is below 1, which an Ollama server takes for no limit")
        info = self._opened or await self.open()
        await self._look_for_limit(info)
        room = self._room.for_reply(request, info.context)
        reply = await self._ask(replace(request, max_tokens=room), info.context, on_text)
        self._check_whole(request, reply, info.context)
        self._room.learn(request, reply, info.context)
        return reply

    async def unload(self) -> None:
        if self._opened is not None:
            await self._server.unload(self._model)

    async def close(self) -> None:
        """Nothing is kept open between two requests."""

    async def _find(self) -> Tag:
        """The model as it is now. A tag can be given to another model, or to a cloud model's stub, under a run."""
        now = time.monotonic()
        tag = await self._server.find(self.name)
        if self._opened is not None and _digest(tag) != self._opened.digest:
            raise TeacherError(
                Fault.MODEL_MISSING,
                f"{self.name} is not the model any more that was asked so far ({_digest(tag)[:19]}, before "
                f"{self._opened.digest[:19]}): bring that back, or start burnish again to go on with the new one",
            )
        self._found = now
        return tag

    def _describe(self, tag: Tag, shown: ModelDescription) -> TeacherInfo:
        context = min(self._context, shown.trained_context or self._context)
        if context < self._context:
            self._note(f"{self.name} was trained with a context of {context} tokens: it gets no more")
        rounded = None if tag.billions is None else tag.billions * 1e9
        return TeacherInfo(
            name=self.name,
            digest=_digest(tag),
            parameters=shown.parameters or rounded,
            quantisation=tag.quantisation or shown.quantisation,
            size=tag.size,
            context=context,
        )

    async def _tell_of_reload(self, tag: Tag, info: TeacherInfo) -> None:
        """Say that the model is in memory for others with another context, which only a new start changes."""
        if self._opened is not None:
            return
        loaded = {full_name(name): context for name, context in (await self._server.loaded()).items()}
        context = loaded.get(full_name(tag.name))
        if context is not None and context != info.context:
            self._note(
                f"{self.name} is in the server's memory with a context of {context} tokens: it is loaded again with "
                f"{info.context}, also for others who use it (a context of {context} would keep it)"
            )

    async def _look_for_limit(self, info: TeacherInfo) -> None:
        """Find out, once for a version of the server, how it treats prompts that are too long."""
        if self._limits is None or self._looked_for_limit == self._version:
            return
        async with self._looking:
            if self._looked_for_limit == self._version:
                return
            version = self._version
            limit = self._limits.prompt_limit(version, info.digest, info.context)
            if limit is None:
                try:
                    limit = await find_limit(
                        self._server,
                        self._model,
                        info.context,
                        shift=self._shift,
                        keep_alive=self._keep_alive,
                    )
                except TeacherError as error:
                    if error.fault in PAUSING:  # as will be the request, which can say it better
                        return
                if limit is not None:
                    self._limits.keep_prompt_limit(version, info.digest, limit)
            self._looked_for_limit, self._room.limit = version, limit
            if limit is not None and not (limit.refuses and limit.takes == limit.context):
                self._note(
                    f"Ollama {version}: a prompt that is too long for {self.name} {limit}; prompts are kept under "
                    f"{limit.takes} tokens"
                )

    def _note(self, sentence: str) -> None:
        if sentence not in self.notes:
            self.notes.append(sentence)
            self._on_note(sentence)

    async def _ask(self, request: Request, context: int, on_text: OnText | None) -> Reply:
        """One reply; of a model that does not know thinking, too."""
        while True:
            asked_to_think = self._knows_thinking
            try:
                if time.monotonic() - self._found > KNOWN:
                    await self._find()
                return await self._ask_once(request, context, on_text)
            except RefusedError as error:
                if asked_to_think and "does not support thinking" in error.reason:
                    self._knows_thinking = False
                    self._note(f"{self.name} does not support thinking: it is asked without")
                    continue
                if request.tools and self._knows_tools and "does not support tools" in error.reason:
                    self._knows_tools = False
                    self._note(f"{self.name} does not support tools: it is asked without")
                    continue
                if error.fault is Fault.MODEL_MISSING:
                    raise self._server.missing(self.name) from None
                raise

    async def _ask_once(self, request: Request, context: int, on_text: OnText | None) -> Reply:
        text: list[str] = []
        thoughts: list[str] = []
        logprobs: list[tuple[str, float]] = []
        calls: list[tuple[str, object]] = []
        pieces, twice = 0, False
        last: ChatResponse | None = None
        parts = self._server.chat(
            self._model,
            request.messages,
            schema=request.schema,
            think=request.think if self._knows_thinking else None,
            shift=self._shift,
            options={
                "num_ctx": context,
                "num_predict": request.max_tokens,
                "seed": request.seed,
                "temperature": request.temperature,
            },
            keep_alive=self._keep_alive,
            logprobs=request.logprobs,
            tools=request.tools if self._knows_tools else (),
        )
        try:
            async with aclosing(parts):
                async for part in parts:
                    content, thinking = part.message.content, part.message.thinking
                    called = part.message.tool_calls or ()
                    calls += [(one.function.name, dict(one.function.arguments)) for one in called]
                    pieces += bool(content or thinking)
                    twice |= part == last
                    last = part
                    thoughts.append(thinking or "")
                    logprobs += [
                        (one.token, one.logprob) for one in part.logprobs or () if math.isfinite(one.logprob)
                    ]
                    if content:
                        text.append(content)
                        if on_text is not None:
                            on_text(content)
                    if part.done:
                        # A clock may be too coarse to tell two equal tokens apart: their number has the last word.
                        if twice and pieces + (part.done_reason == "stop") > (part.eval_count or 0):
                            raise TeacherError(
                                Fault.BROKEN,
                                f"{self.name}'s reply came with a piece of it twice: see the server's log",
                            )
                        self._tell_of_thoughts(request, any(thoughts))
                        said = "\n".join(filter(None, ("".join(text), calls_text(calls))))
                        finished = self._finished(part, said, "".join(thoughts), context)
                        return replace(finished, logprobs=tuple(logprobs))
        except FailedMidwayError as error:
            advice = ADVICE.get(error.fault, "")
            raise TeacherError(
                error.fault, f"{self.name} failed in the middle of a reply: {error.reason}{advice}"
            ) from None
        if last is None:
            raise TeacherError(Fault.BROKEN, f"{self.name} answered nothing: see the server's log")
        raise TeacherError(
            Fault.UNFINISHED,
            f"{self.name} stopped before its reply was done: Ollama ends one that repeats itself",
        )

    def _tell_of_thoughts(self, request: Request, thought: bool) -> None:
        """Say that a model thinks although it was asked not to."""
        if thought and not request.think:
            self._note(
                f"{self.name} thinks, although it was asked not to: its thoughts are left out, and take time and tokens"
            )

    def _finished(self, last: ChatResponse, text: str, thoughts: str, context: int) -> Reply:
        reason = last.done_reason or ""
        if reason not in ("stop", "length"):
            raise TeacherError(
                Fault.BROKEN,
                f"{self.name} ended its reply with {reason[:50]!r} instead of `stop`: see the server's log",
            )
        read, written = last.prompt_eval_count or 0, last.eval_count or 0
        # One token more than the context was seen where nothing was pushed out.
        pushed_out = read + written > context + 1
        return Reply(
            text=text,
            thoughts=thoughts,
            finish="length" if reason == "length" or pushed_out else "stop",
            prompt_tokens=read,
            tokens=written,
            seconds=(last.eval_duration or 0) / 1e9,
            reading=(last.prompt_eval_duration or 0) / 1e9,
        )

    def _check_whole(self, request: Request, reply: Reply, context: int) -> None:
        """Raise TOO_LONG for a prompt the server cut, which it does without a word.

        A cut prompt fills the context to the last token, or has as many as a longer one was seen to be cut to. Where
        whole messages were dropped instead, far fewer tokens were read than the bytes sent could be: no text but long
        runs of one character has 16 bytes in a token.
        """
        read = reply.prompt_tokens
        sent = sum(len(m.content.encode()) for m in request.messages)
        limit = self._room.limit
        cut = read >= context or (limit is not None and read == limit.left)
        if cut or (len(request.messages) > 2 and 0 < read * 16 < sent):
            raise TeacherError(
                Fault.TOO_LONG,
                f"Ollama read {read} tokens of a prompt of {sent} bytes and dropped the rest (its context is "
                f"{context}): give it a larger one, or leave the sample out",
            )


def shift_is_a_setting(version: str) -> bool:
    """True of a server that loads a model anew for a request that says otherwise than the last one whether to shift.

    So from 0.30 on, and in builds that have no number.
    """
    numbers = re.match(r"(\d+)\.(\d+)", version)
    release = (int(numbers[1]), int(numbers[2])) if numbers else (0, 0)
    return release == (0, 0) or release >= (0, 30)


def _digest(tag: Tag) -> str:
    return f"sha256:{tag.digest.removeprefix('sha256:')}"
