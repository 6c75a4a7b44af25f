"""What a server of OpenAI's protocol says, in the protocol's own shape and not, over a real connection."""

from __future__ import annotations

import asyncio
import json
from dataclasses import asdict
from pathlib import Path
from random import Random
from typing import Any

from engine.method.reply_forms import form_for
from models.openai.teacher import OpenAITeacher
from models.system.units import size
from tests.trust.fuzz.answering import answered
from tests.trust.fuzz.mutation import as_json, bent, mutated
from tests.trust.fuzz.ollama_answers import QUESTION
from tests.trust.fuzz.ollama_answers import TOKENS as HEADS

NAME = "small-1b"
META = {"n_params": 1_000_000_000, "size": 700_000_000, "n_vocab": 32000, "n_embd": 2048, "n_ctx": 8192}
ERROR = {
    "error": {"code": 400, "message": "request (9 tokens) exceeds the available context size (8 tokens)"}
}
PIECES: list[Any] = [
    {"model": NAME, "choices": [{"index": 0, "delta": {"role": "assistant", "content": None}}]},
    {"choices": [{"index": 0, "delta": {"reasoning_content": "Hm."}, "finish_reason": None}]},
    {"choices": [{"index": 0, "delta": {"content": "A reply."}, "finish_reason": None}]},
    {"choices": [{"index": 0, "delta": {}, "finish_reason": "stop"}]},
    {"choices": [], "usage": {"prompt_tokens": 20, "completion_tokens": 3, "total_tokens": 23}},
]
ANSWERS: dict[str, list[Any]] = {
    "/v1/models": [
        {"object": "list", "data": [{"id": NAME, "object": "model", "root": "a/b", "meta": META}]}
    ],
    "/api/v0/models": [{"data": [{"id": "other", "quantization": "Q4_K_M", "loaded_context_length": 4096}]}],
    "/api/tags": [{"models": [{"name": "other"}]}],
    "/props": [{"default_generation_settings": {"n_ctx": 4096}}],
    "/v1/chat/completions": PIECES,
}
"""A sound server's answers: an event each, or a body."""

TOKENS = (
    *HEADS,
    *(b"data: [DONE]\n\n", b"data:", b"event: error\n", b"event: ping\n", b": ping\n\n", b":\n", b"\r\n\r\n"),
    *(
        b"error: ",
        b"id: 1\n",
        b"\xef\xbb\xbf",
        b'{"object":"error","message":"x"}',
        b'"detail":[{"loc":["a"],"msg":"b"}],',
    ),
    as_json(ERROR).encode(),
)


def make(dice: Random) -> bytes:
    path = dice.choice([*ANSWERS, "/v1/chat/completions"])
    lines = [ERROR] if dice.random() < 0.1 else ANSWERS[path]
    for _ in range(dice.randint(0, 2)):
        changed = bent(lines, dice)
        lines = changed if isinstance(changed, list) else [changed]
    answer = _answer(path, lines)
    if dice.randint(0, 1):
        answer = mutated(answer, dice, TOKENS)
    return json.dumps([path, answer.decode("latin-1")]).encode()


def _answer(path: str, lines: list[Any]) -> bytes:
    status = b"400 Bad Request" if lines == [ERROR] else b"200 OK"
    head = b"HTTP/1.1 " + status + b"\r\nContent-Type: application/json\r\nConnection: close\r\n\r\n"
    if path != "/v1/chat/completions" or lines == [ERROR]:
        return head + "\n".join(map(as_json, lines)).encode()
    return (
        head + b"".join(b"data: " + as_json(line).encode() + b"\n\n" for line in lines) + b"data: [DONE]\n\n"
    )


def judge(case: bytes, folder: Path) -> bool:
    path, answer = json.loads(case)
    sound = {place: _answer(place, lines) for place, lines in ANSWERS.items()}
    return asyncio.run(answered({**sound, path: answer.encode("latin-1")}, (_taught,)))


async def _taught(url: str) -> None:
    notes: list[str] = []
    teacher = OpenAITeacher(NAME, url=f"{url}/v1", first=5.0, silence=5.0, on_note=notes.append)
    info = await teacher.open()
    json.dumps(asdict(info), allow_nan=False)  # as it is kept, and shown
    form_for(info)
    assert size(info.size)
    reply = await teacher.ask(QUESTION, lambda _: None)
    json.dumps(asdict(reply), allow_nan=False)
    assert reply.seconds >= 0
    assert all(note.isprintable() for note in notes)
