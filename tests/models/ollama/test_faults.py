"""Only a finished reply is a reply: servers that fail, in every way seen and some unseen."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest

from models.ollama.http import fault_of, reason_of
from models.teacher import Fault, Request
from tests.models.ollama.asking import CLOUD, QUESTION, ask, fails
from tests.ollama.releases import R32, RELEASES, Release
from tests.ollama.script import Answer, Ending, Nothing, Raw, Refusal, Scripted
from tests.ollama.server import FakeOllama
from tests.ollama.state import recorded


@pytest.mark.parametrize(
    ("reply", "fault"),
    [
        (Answer("Half a", ending=Ending.NO_DONE), Fault.UNFINISHED),
        (Answer("Half a", ending=Ending.CLOSED), Fault.BROKEN),
        (Answer("Half a", ending=Ending.RESET), Fault.BROKEN),
        (Answer("Half a", ending=Ending.ERROR), Fault.BROKEN),
        (Answer("x", ending=Ending.ERROR, error="CUDA error: out of memory"), Fault.OUT_OF_MEMORY),
        (Answer("A " * 100), Fault.UNFINISHED),  # Ollama ends a repetition without done:true
        (Answer(["One", " two"], twice=1), Fault.BROKEN),  # a line came twice
        (Answer("", done_reason="load"), Fault.BROKEN),
        (Answer("", done_reason="\x1b[2J\nunload" * 50), Fault.BROKEN),
        (Nothing(Ending.CLOSED), Fault.BROKEN),
        (Nothing(Ending.RESET), Fault.BROKEN),
        (Nothing(Ending.STALL), Fault.SILENT),
        (Answer("Half a reply", after=2, ending=Ending.STALL), Fault.SILENT),
        (Answer("A trickle", byte_seconds=0.02), Fault.SILENT),
        (Answer("Secret?", remote=CLOUD), Fault.FORBIDDEN),
        (Refusal(400, "invalid options"), Fault.REJECTED),
        (Refusal(400, "the input length exceeds the context length"), Fault.TOO_LONG),
        (Refusal(401, "unauthorized"), Fault.FORBIDDEN),
        (Refusal(403, "ollama cloud is disabled: remote model is unavailable"), Fault.FORBIDDEN),
        (Refusal(404, "model 'qwen0.5b' not found"), Fault.MODEL_MISSING),
        (Refusal(400, "input is too long: the prompt exceeds the context window"), Fault.TOO_LONG),
        (Refusal(413, "too large"), Fault.REJECTED),
        (Refusal(500, "invalid JSON schema in format"), Fault.REJECTED),
        (Refusal(500, 'option "temperature" must be of type float32'), Fault.REJECTED),
        (Refusal(500, "failed to load model vocabulary required for format"), Fault.REJECTED),
        (Refusal(500, "failed to parse grammar"), Fault.REJECTED),
        (Refusal(500, "llama runner process has terminated with exit code -1"), Fault.OUT_OF_MEMORY),
        (Refusal(500, "llama-server process has terminated: exit status 1"), Fault.OUT_OF_MEMORY),
        (
            Refusal(500, "model requires more system memory (9.9 GiB) than is available (3.1 GiB)"),
            Fault.OUT_OF_MEMORY,
        ),
        (Refusal(500, "an error was encountered while running the model: unexpected EOF"), Fault.BROKEN),
        (Refusal(500, recorded("33b_schema_maxlength_big")["body"][10:-2]), Fault.BROKEN),
        (Refusal(500, "ansi \x1b[31m\nand lines\r\n" * 100), Fault.BROKEN),
        (Refusal(502, "bad gateway"), Fault.UNREACHABLE),
        (Refusal(503, "server busy, please try again.  maximum pending requests exceeded"), Fault.BUSY),
        (
            Raw(b'{"model":"q","message":{"role":"assistant","content":"\xff\xfe"},"done":false}\n'),
            Fault.BROKEN,
        ),
        (Raw(b'{"message":{"content":"\\ud800"},"done":true,"done_reason":"stop"}\n'), Fault.BROKEN),
        (Raw(b'{"message":{"content":7},"done":true,"done_reason":"stop"}\n'), Fault.BROKEN),
        (Raw(b'{"message":{"content":"a"},"done":"true","done_reason":"stop"}\n'), Fault.BROKEN),
        (Raw(b'{"message":{"content":"a"},"done":true,"done_reason":null}\n'), Fault.BROKEN),
        (
            Raw(b'{"message":{"content":"a"},"done":true,"done_reason":"stop","eval_count":-1}\n'),
            Fault.BROKEN,
        ),
        (
            Raw(b'{"message":{"content":"a"},"done":true,"done_reason":"stop","eval_count":"9"}\n'),
            Fault.BROKEN,
        ),
        (Raw(b'{"message":"a","done":true,"done_reason":"stop"}\n'), Fault.BROKEN),
        (Raw(b'["message"]\n'), Fault.BROKEN),
        (Raw(b'{"error":{"message":"an object"}}\n'), Fault.BROKEN),
        (Raw(b'{"error":"null"}\n'), Fault.BROKEN),
        (Raw(b'{"error":"5"}\n', status=500), Fault.BROKEN),
        (Raw(b"[" * 60000, status=500), Fault.BROKEN),
        (Raw(b"[" * 100000), Fault.BROKEN),
        (Raw(b"<html>a router's login page</html>", headers=[("Content-Type", "text/html")]), Fault.BROKEN),
        (Raw(b"\x1f\x8b\x08\x00", headers=[("Content-Encoding", "gzip")]), Fault.BROKEN),
        (Raw(b""), Fault.BROKEN),
        (Raw(b"", chunked=False), Fault.BROKEN),
        (Raw(b"", status=403, headers=(), chunked=False), Fault.FORBIDDEN),  # a foreign Host or Origin
        (Raw(b"404 page not found", status=404, headers=(), chunked=False), Fault.UNREACHABLE),
        (Raw(b"\xff\x00" * 99, status=500, headers=()), Fault.BROKEN),
        (Raw(b"x" * 300_000), Fault.BROKEN),  # a line without an end
        (Raw(b'{"message":{"content":""},"done":false}\n' * 9000), Fault.BROKEN),  # lines without an end
        (Raw(b"\n" * 300_000), Fault.BROKEN),
    ],
    ids=lambda value: str(value)[:70],
)
def test_only_a_finished_reply_of_this_server_is_a_reply(reply: Scripted, fault: Fault) -> None:
    limits: dict[str, Any] = {"first": 0.5, "silence": 0.3} if fault is Fault.SILENT else {}
    with FakeOllama(lambda chat: reply) as server:
        assert fails(server, **limits) is fault


ERRORS = [
    (release, path.stem)
    for release in RELEASES
    for path in sorted(release.folder.glob("*.json"))
    if '"error"' in (recorded(path.stem, release)["body"] or "")
]


@pytest.mark.parametrize(("release", "name"), ERRORS, ids=[f"{r.version}-{name}" for r, name in ERRORS])
def test_every_recorded_error_is_one_line_of_plain_words(release: Release, name: str) -> None:
    body = recorded(name, release)["body"].splitlines()[-1]
    reason = reason_of(json.loads(body)["error"])
    assert reason.isprintable()
    assert reason
    assert not re.search(r'\{"error|"code"|parser for this template|json_schema', reason)
    if counts := re.search(r'n_prompt_tokens\\+":(\d+).*n_ctx\\+":(\d+)', body):
        assert (
            f"request ({counts[1]} tokens) exceeds the available context size ({counts[2]} tokens)" in reason
        )
        assert fault_of(400, reason) is Fault.TOO_LONG


@pytest.mark.parametrize(
    ("error", "reason"),
    [
        ("plain words", "plain words"),
        ('{"error":{"message":"inner"}}', "inner"),
        ('{"error":"inner"}', "inner"),
        (json.dumps({"error": {"message": json.dumps({"error": {"message": "innermost"}})}}), "innermost"),
        ({"message": "an object", "type": "server_error"}, "an object"),
        (
            '{"error":{"code":400,"message":"too much","n_prompt_tokens":300,"n_ctx":256}}',
            "request (300 tokens) exceeds the available context size (256 tokens)",
        ),
        ('{"error":{"code":400,"message":"cut in the mid', '{"error":{"code":400,"message":"cut in the mid'),
        ("{" * 5000, "{" * 300),
        ('{"a":' * 5000 + "1", ('{"a":' * 60)),
        ('{"other":1}', '{"other":1}'),
    ],
)
def test_an_error_within_an_error_is_unwrapped_and_any_other_kept(error: object, reason: str) -> None:
    assert reason_of(error) == reason


def test_a_prompt_that_llama_server_refuses_is_too_long_with_the_numbers() -> None:
    with FakeOllama(lambda chat: Answer("x", asked_tokens=600), release=R32) as server:
        assert fails(server, context=512, words="(600 tokens)") is Fault.TOO_LONG
        assert fails(server, context=512, words="(512 tokens)") is Fault.TOO_LONG


def test_a_reply_counts_once_it_is_done_whatever_happens_to_the_connection() -> None:
    with FakeOllama(lambda chat: Answer("Whole.", ending=Ending.DONE_RESET)) as server:
        assert ask(server).text == "Whole."


def test_a_reply_cut_by_its_budget_says_so() -> None:
    with FakeOllama(lambda chat: "many words " * 50) as server:
        reply = ask(server, Request(QUESTION.messages, 1, 0.0, 5))
    assert (reply.finish, reply.tokens) == ("length", 5)


def test_a_full_queue_is_busy() -> None:
    with FakeOllama(parallel=0, max_queue=0) as server:
        assert fails(server) is Fault.BUSY
    assert len(server.chats) == 1, "to ask again is not the teacher's to decide"
