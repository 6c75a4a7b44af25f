"""How a server treats a prompt that is longer than its model's context, found by sending one.

Ollama cuts it without a word, to the context or, since 0.30, to about half of it (ollama#17427, #17889), unless it is
asked to refuse it, which it can since 0.13 or so. burnish always asks; whether that is heeded only the server can tell.
"""

from __future__ import annotations

from contextlib import aclosing

from models.ollama.server import OllamaServer
from models.teacher import Fault, Message, TeacherError


async def tokens_left(server: OllamaServer, model: str, context: int) -> int | None:
    """The tokens that the server reads of a prompt of more than `context`; None: it refuses it, as it is asked to.

    context: that the model is in memory with, so that it is not loaded again. A server that refuses answers at once;
    one that cuts reads what it leaves, and writes one token. Raises `TeacherError`.
    """
    parts = server.chat(
        model,
        [Message("user", "blue " * (context + 1))],  # a token a word, or more
        schema=None,
        think=None,
        shift=True,
        options={"num_ctx": context, "num_predict": 1},
        keep_alive="5m",
    )
    read = 0
    try:
        async with aclosing(parts):
            async for part in parts:
                read = part.prompt_eval_count or read
    except TeacherError as error:
        if error.fault is Fault.TOO_LONG:
            return None
        raise
    return read
