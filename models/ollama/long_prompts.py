"""How a server treats a prompt that is longer than its model's context, found by sending one.

Ollama cuts it without a word, to the context or, since 0.30, to about half of it (ollama#17427, #17889), unless it is
asked to refuse it, which it can since 0.13 or so. burnish always asks; whether that is heeded only the server can tell.
"""

from __future__ import annotations

import re
from contextlib import aclosing

from models.http.prompt import PromptLimit
from models.ollama.server import OllamaServer
from models.teacher import Fault, Message, TeacherError

_ROOM = re.compile(r"context size \((\d+) tokens\)")


async def find_limit(
    server: OllamaServer, model: str, context: int, *, shift: bool = True, keep_alive: str = "5m"
) -> PromptLimit | None:
    """The limit of a model with this context; None where the server's answers do not tell it.

    The first request is longer than the context. A server that refuses it answers at once, and that is all; one that
    cuts it reads what it leaves, and whether that is also the most that it takes is told by a second request, a little
    longer than that, whose beginning it has read already. Each writes one token at most. `context` and `shift` are
    those that the model is, or is to be, in memory with, so that it is not loaded for this. Raises `TeacherError`.
    """

    async def read(words: int) -> int:
        parts = server.chat(
            model,
            [Message("user", "green " * words)],  # a token a word, or more
            schema=None,
            think=None,
            shift=shift,
            options={"num_ctx": context, "num_predict": 1},
            keep_alive=keep_alive,
        )
        tokens = 0
        async with aclosing(parts):
            async for part in parts:
                tokens = part.prompt_eval_count or tokens
        return tokens

    try:
        left = await read(context + 1)
    except TeacherError as error:
        if error.fault is not Fault.TOO_LONG:
            raise
        named = _ROOM.search(str(error))
        return PromptLimit(context, min(context, int(named[1])) if named else context, None)
    if not left:
        return None
    if left >= context - context // 8:
        return PromptLimit(context, context, left)
    try:
        whole = await read(left + (context - left) // 4) > left
    except TeacherError as error:
        if error.fault is not Fault.TOO_LONG:
            raise
        whole = False
    return PromptLimit(context, context if whole else left, left)
