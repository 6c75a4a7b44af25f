"""What an Ollama server says, in the protocol's own shape and not, over a real connection."""

from __future__ import annotations

import asyncio
import json
from dataclasses import asdict
from pathlib import Path
from random import Random
from typing import Any

from engine.method.reply_forms import form_for
from models.ollama.server import OllamaServer
from models.ollama.teacher import OllamaTeacher
from models.system.units import size
from models.teacher import Message, Request
from tests.trust.fuzz.answering import answered
from tests.trust.fuzz.mutation import as_json, bent, mutated

NAME = "qwen0.5b:latest"
DETAILS = {"family": "qwen2", "parameter_size": "494.03M", "quantization_level": "Q4_0"}
INFO = {"general.architecture": "qwen2", "general.parameter_count": 494032768, "qwen2.context_length": 32768}
LINE = {"model": NAME, "message": {"role": "assistant", "content": "A reply"}, "done": False}
LAST = {
    "model": NAME, "message": {"role": "assistant", "content": "."}, "done": True, "done_reason": "stop",
    "prompt_eval_count": 20, "eval_count": 3, "eval_duration": 1000,
}  # fmt: skip
ANSWERS: dict[str, list[Any]] = {
    "/api/version": [{"version": "0.24.0"}],
    "/api/status": [{"cloud": {"disabled": True}}],
    "/api/tags": [{"models": [{"name": NAME, "size": 352151968, "digest": "a" * 64, "details": DETAILS}]}],
    "/api/show": [{"details": DETAILS, "model_info": INFO, "template": "", "capabilities": ["completion"]}],
    "/api/ps": [{"models": [{"name": NAME, "size": 10, "size_vram": 5, "context_length": 8192}]}],
    "/api/pull": [
        {"status": "pulling", "digest": "sha256:a", "total": 9, "completed": 5},
        {"status": "success"},
    ],
    "/api/chat": [LINE, {**LINE, "message": {"role": "assistant", "content": "", "thinking": "Hm."}}, LAST],
}
"""A sound server's answers, a line each."""

TOKENS = (
    *(
        b"HTTP/1.1 200 OK\r\n",
        b"\r\n\r\n",
        b"\r\n",
        b"Content-Length: 5\r\n",
        b"Content-Length: -1\r\n",
        b"Location: http://x/\r\n",
    ),
    *(
        b"Transfer-Encoding: chunked\r\n",
        b"Content-Encoding: gzip\r\n",
        b"HTTP/1.1 100 Continue\r\n\r\n",
        b"HTTP/9.9 999 \xff\r\n",
    ),
    *(
        b'{"error":"x"}\n',
        b'{"error":null}\n',
        b'"remote_host":"x",',
        b'"done":true,',
        b"data: ",
        b"\x85",
        b"\xe2\x80\xa8",
        b"\n\n\n",
    ),
    *(
        b"Set-Cookie: a=b\r\n",
        b"X: " + b"y" * 70_000 + b"\r\n",
        b"204",
        b"302",
        b"404",
        b"500",
        b"503",
        b"401",
        b"304",
    ),
)
QUESTION = Request(
    (Message("system", "Be exact."), Message("user", "Why?")), seed=7, temperature=0.5, max_tokens=64
)


def make(dice: Random) -> bytes:
    path = dice.choice(list(ANSWERS))
    lines = ANSWERS[path]
    for _ in range(dice.randint(0, 2)):
        changed = bent(lines, dice)
        lines = changed if isinstance(changed, list) else [changed]
    answer = _answer(lines)
    if dice.randint(0, 1):
        answer = mutated(answer, dice, TOKENS)
    return json.dumps([path, answer.decode("latin-1")]).encode()


def _answer(lines: list[Any]) -> bytes:
    body = "\n".join(map(as_json, lines)).encode() + b"\n"
    return b"HTTP/1.1 200 OK\r\nContent-Type: application/x-ndjson\r\nConnection: close\r\n\r\n" + body


def judge(case: bytes, folder: Path) -> bool:
    path, answer = json.loads(case)
    sound = {place: _answer(lines) for place, lines in ANSWERS.items()}
    return asyncio.run(answered({**sound, path: answer.encode("latin-1")}, (_taught, _looked, _pulled)))


async def _taught(url: str) -> None:
    teacher = OllamaTeacher(NAME, host=url, first=5.0, silence=5.0)
    try:
        info = await teacher.open()
        # As it is kept, and shown.
        json.dumps(asdict(info), allow_nan=False)
        form_for(info)
        assert size(info.size)
        reply = await teacher.ask(QUESTION, lambda _: None)
        json.dumps(asdict(reply), allow_nan=False)
        assert reply.seconds >= 0
    finally:
        await teacher.close()


async def _looked(url: str) -> None:
    server = OllamaServer(url, first=5.0, silence=5.0)
    await server.version()
    await server.cloud_disabled()
    for tag in await server.tags():
        json.dumps([tag.billions, tag.local, tag.family, size(tag.size)], allow_nan=False)
    for name in await server.loaded():
        assert isinstance(name, str)


async def _pulled(url: str) -> None:
    server = OllamaServer(url, first=5.0, silence=5.0)
    async for step in server.pull("qwen0.5b"):
        assert size(step.total)
        assert 100 * step.completed / (step.total or 1) is not None
