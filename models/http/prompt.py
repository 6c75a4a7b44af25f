"""A prompt's length before it is sent, held against the context of the teacher."""

from __future__ import annotations

import json
import math
import re
from dataclasses import dataclass
from typing import Protocol

from models.teacher import Fault, Reply, Request, TeacherError

_RUN = re.compile(r"(.)\1{2,}", re.DOTALL)

ASSUMED = 3.0
"""Bytes of a token, before a server has counted: few, for the English and the code that datasets hold."""
ENOUGH = 8
"""Replies after which a server's own counts are gone by."""
MARGIN = 1.1
"""What is learnt is taken with so much to spare: the next text may be another one."""


@dataclass(frozen=True, slots=True)
class PromptLimit:
    """A server's limit of the prompts to one model, and its way with longer ones."""

    context: int  # tokens, that the model was loaded with for it
    takes: int  # a prompt of fewer tokens is read whole; at most the context
    left: int | None  # tokens read of a longer one, without a word; None: it is refused

    @property
    def refuses(self) -> bool:
        return self.left is None

    def __str__(self) -> str:
        if self.left is None:
            return "is refused, as burnish asks"
        if self.left > self.context:
            return "is read all the same, and pushes its beginning out without a word"
        return f"is cut to {self.left} without a word"


class PromptLimits(Protocol):
    """A keeper of the limits that were found, by a server's version, a model's digest and its context."""

    def prompt_limit(self, server: str, model: str, context: int, /) -> PromptLimit | None: ...

    def keep_prompt_limit(self, server: str, model: str, limit: PromptLimit, /) -> None: ...


class RememberedLimits:
    """A `PromptLimits` for as long as this process lives."""

    def __init__(self) -> None:
        self._limits: dict[tuple[str, str, int], PromptLimit] = {}

    def prompt_limit(self, server: str, model: str, context: int, /) -> PromptLimit | None:
        return self._limits.get((server, model, context))

    def keep_prompt_limit(self, server: str, model: str, limit: PromptLimit, /) -> None:
        self._limits[server, model, limit.context] = limit


@dataclass(slots=True)
class _Seen:
    """The bytes a token had in prompts of one kind."""

    least: float = 0.0
    most: float = 0.0
    count: int = 0


class Room:
    """The room that prompts and replies take in a teacher's context, learnt from its server's counts.

    Texts in ASCII and others are learnt apart, for a token has fewer bytes of the one kind than of the other.
    """

    def __init__(self) -> None:
        self.limit: PromptLimit | None = None  # the server's, where it is known
        self._seen = {True: _Seen(), False: _Seen()}
        self._longest = 0  # tokens of a reply that came to its end

    def for_reply(self, request: Request, context: int) -> int:
        """The tokens that its reply may have: those it asks for, or what the prompt leaves, where replies need no more.

        Raises TOO_LONG where prompt and reply may not fit and the server would cut the prompt; of one that is known to
        refuse what is too long, only where no tokenizer makes the prompt fit.
        """
        takes = self.limit.takes if self.limit else context
        estimate = self._estimate(request)
        needed = request.max_tokens
        if self._of(request).count >= ENOUGH and self._longest:
            needed = min(needed, round(MARGIN * self._longest))
        if self.limit and self.limit.refuses and (left := takes - least_tokens(request)) > 0:
            return min(request.max_tokens, max(takes - estimate, min(needed, left)))
        if estimate >= takes or estimate + needed > context:
            known = (
                f"{context}" if takes == context else f"{context}, of which its server gives a prompt {takes}"
            )
            raise TeacherError(
                Fault.TOO_LONG,
                f"about {estimate} tokens of prompt and {needed} of reply do not fit the teacher's context of "
                f"{known}: give it a larger one, or leave the sample out",
            )
        return min(request.max_tokens, context - estimate)

    def learn(self, request: Request, reply: Reply, context: int) -> None:
        """Take note of a reply to a request. Raises TOO_LONG where the server read too little of the prompt.

        Only a prompt that was thought to fit for what was learnt can have been cut in this way.
        """
        size, seen = _bytes(request), self._of(request)
        refused = self.limit is not None and self.limit.refuses  # so what was read was whole
        risked = not refused and estimated_tokens(request) + request.max_tokens > context
        if risked and size > 1.05 * max(seen.most, ASSUMED) * reply.prompt_tokens:
            raise TeacherError(
                Fault.TOO_LONG,
                f"the server read {reply.prompt_tokens} tokens of a prompt of {size} bytes, fewer than it holds: give "
                "it a larger context, or leave the sample out",
            )
        if reply.prompt_tokens:
            each = size / reply.prompt_tokens
            seen.least = min(seen.least or each, each)
            seen.most = max(seen.most, each)
            seen.count += 1
        if reply.finish == "stop":
            self._longest = max(self._longest, reply.tokens)

    def _estimate(self, request: Request) -> int:
        seen = self._of(request)
        each = seen.least / MARGIN if seen.count else ASSUMED
        return estimated_tokens(request, each if seen.count >= ENOUGH else min(each, ASSUMED))

    def _of(self, request: Request) -> _Seen:
        texts = [message.content for message in request.messages]
        others = sum(len(text) - len(text.encode("ascii", "ignore")) for text in texts)
        return self._seen[10 * others < sum(map(len, texts))]


def estimated_tokens(request: Request, each: float = ASSUMED) -> int:
    """A prompt's tokens on the high side: one for so many bytes, and 16 a message for its turn's control tokens."""
    return 32 + 16 * len(request.messages) + math.ceil(_bytes(request) / each)


def _bytes(request: Request) -> int:
    tools = json.dumps(request.tools, ensure_ascii=False) if request.tools else ""
    texts = (tools, *(message.content for message in request.messages))
    return sum(len(text.encode("utf-8", "surrogatepass")) for text in texts)


def least_tokens(request: Request) -> int:
    """A prompt's tokens on the low side: no tokenizer makes fewer of it, so a server that read fewer has cut it.

    A token has at most 7 ASCII characters on the average (4 to 5 in English, 3 in code) or 4 others; a run of one
    character, such as an indentation or a rule, counts for two, for it may be one token.
    """
    text = _RUN.sub(r"\1\1", "".join(message.content for message in request.messages))
    ascii_only = len(text.encode("ascii", "ignore"))
    return ascii_only // 7 + (len(text) - ascii_only) // 4
