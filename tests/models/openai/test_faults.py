"""Only a finished reply is a reply: servers of OpenAI's protocol that fail, in their own words and at every byte."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import pytest

from models.openai.teacher import OpenAITeacher
from models.openai.wire import failure_of, fault_of
from models.teacher import Fault, Request, TeacherError
from tests.models.openai.asking import QUESTION, ask, error, fails, with_teacher
from tests.ollama.script import Answer, Ending, Nothing, Raw, Refusal, Scripted
from tests.openai.server import (
    FakeOpenAI,
    fastapi_error,
    lm_studio_error,
    old_vllm_error,
    vllm_error,
)


def sse(*values: Any, end: str = "\n\n") -> bytes:
    return "".join(f"data: {json.dumps(value)}{end}" for value in values).encode()


def piece(content: Any, reason: Any = None, **more: Any) -> dict[str, Any]:
    return {"choices": [{"index": 0, "delta": {"content": content}, "finish_reason": reason}], **more}


@pytest.mark.parametrize(
    ("reply", "fault"),
    [
        (Answer("Half a", ending=Ending.NO_DONE), Fault.UNFINISHED),
        (Answer("Half a", ending=Ending.CLOSED), Fault.BROKEN),
        (Answer("Half a", ending=Ending.RESET), Fault.BROKEN),
        (Answer("Half a", ending=Ending.ERROR), Fault.BROKEN),
        (Answer("x", ending=Ending.ERROR, error="CUDA error: out of memory"), Fault.OUT_OF_MEMORY),
        (Answer("x", ending=Ending.ERROR, error="the context size has been exceeded"), Fault.TOO_LONG),
        (Answer("x", ending=Ending.ERROR, error="Model is unloaded."), Fault.MODEL_MISSING),
        (Answer("", done_reason="abort"), Fault.BROKEN),
        (Answer("", done_reason="content_filter"), Fault.BROKEN),
        (Answer("", done_reason="\x1b[2J\nerror" * 50), Fault.BROKEN),
        (Nothing(Ending.CLOSED), Fault.BROKEN),
        (Nothing(Ending.RESET), Fault.BROKEN),
        (Nothing(Ending.STALL), Fault.SILENT),
        (Answer("Half a reply", after=2, ending=Ending.STALL), Fault.SILENT),
        (Answer("A trickle", byte_seconds=0.02), Fault.SILENT),
        (Refusal(400, "bad"), Fault.REJECTED),
        (Refusal(401, "Invalid API Key"), Fault.FORBIDDEN),
        (Refusal(403, "no"), Fault.FORBIDDEN),
        (Refusal(404, 'Model "small:1b" not found'), Fault.MODEL_MISSING),
        (Refusal(404, "Not Found"), Fault.UNREACHABLE),
        (Refusal(408, "Request timeout"), Fault.SILENT),
        (Refusal(413, "too large"), Fault.REJECTED),
        (Refusal(422, "messages: field required"), Fault.REJECTED),
        (Refusal(429, "slow down"), Fault.BUSY),
        (Refusal(500, "Internal Server Error"), Fault.BROKEN),
        (Refusal(500, "Failed to load the model"), Fault.OUT_OF_MEMORY),
        (Refusal(502, "bad gateway"), Fault.UNREACHABLE),
        (Refusal(503, "Loading model"), Fault.BUSY),
        (Refusal(503, "Service Unavailable"), Fault.BUSY),
        (Refusal(504, "gateway timeout"), Fault.UNREACHABLE),
        (Raw(b"data: \xff\xfe\n\n"), Fault.BROKEN),
        (Raw(sse(piece(7))), Fault.BROKEN),
        (Raw(sse({"choices": "x"})), Fault.BROKEN),
        (Raw(sse(piece("a", "stop", usage={"prompt_tokens": -1}))), Fault.BROKEN),
        (Raw(sse(piece("a", "stop", usage={"prompt_tokens": "9"}))), Fault.BROKEN),
        (Raw(sse(piece("a"))), Fault.UNFINISHED),
        (Raw(sse(piece("a"), {"choices": []}) + b"data: [DONE]\n\n"), Fault.UNFINISHED),
        (Raw(b"data: [DONE]\n\n"), Fault.BROKEN),
        (Raw(b"data: Number of choices must be greater than 0.\n\n"), Fault.BROKEN),
        (Raw(b'event: error\ndata: {"error":{"message":"it died"}}\n\n'), Fault.BROKEN),
        (Raw(b"event: error\ndata: it died\n\n"), Fault.BROKEN),
        (Raw(b'error: {"code":500,"message":"context size exceeded"}\n\n'), Fault.TOO_LONG),
        (Raw(b'{"error":"No models loaded. Please load a model"}\n'), Fault.MODEL_MISSING),
        (Raw(b'data: {"object":"error","message":"it died","code":500}\n\n'), Fault.BROKEN),
        (Raw(b"data: " + b"[" * 100000 + b"\n\n"), Fault.BROKEN),
        (Raw(b"[" * 60000, status=500), Fault.BROKEN),
        (Raw(b'{"error":' * 30000 + b"1", status=500), Fault.BROKEN),
        (Raw(b"<html>a router's login page</html>", headers=[("Content-Type", "text/html")]), Fault.BROKEN),
        (Raw(b"\x1f\x8b\x08\x00", headers=[("Content-Encoding", "gzip")]), Fault.BROKEN),
        (Raw(b""), Fault.BROKEN),
        (Raw(b"", chunked=False), Fault.BROKEN),
        (Raw(b"\xff\x00" * 99, status=500, headers=()), Fault.BROKEN),
        (Raw(b"data: " + b"x" * 300_000), Fault.BROKEN),  # a line without an end
        (Raw(sse(piece("")) * 3000), Fault.BROKEN),  # lines without an end
        (Raw(b":\n\n" * 100_000), Fault.BROKEN),
    ],
    ids=lambda value: str(value)[:70],
)
def test_only_a_finished_reply_of_this_server_is_a_reply(reply: Scripted, fault: Fault) -> None:
    limits: dict[str, Any] = {"first": 0.5, "silence": 0.3} if fault is Fault.SILENT else {}
    with FakeOpenAI(lambda chat: reply) as server:
        assert fails(server, **limits) is fault


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_a_redirect_is_refused_and_not_followed(status: int) -> None:
    with FakeOpenAI() as elsewhere, FakeOpenAI() as server:
        target = ("Location", f"{elsewhere.base}/chat/completions")
        server.script = lambda chat: Raw(b"", status, [target], chunked=False)
        assert fails(server, words=elsewhere.base) is Fault.FORBIDDEN
    assert elsewhere.exchanges == []


def test_neither_a_proxy_nor_a_key_from_the_environment_is_used(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "sk-secret")
    with FakeOpenAI() as proxy, FakeOpenAI() as server:
        for name in ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "http_proxy", "all_proxy"):
            monkeypatch.setenv(name, proxy.url)
        monkeypatch.delenv("NO_PROXY", raising=False)
        monkeypatch.delenv("no_proxy", raising=False)
        ask(server)
    assert proxy.exchanges == []
    assert "sk-secret" not in str([exchange.headers for exchange in server.exchanges])


# What still is a reply ------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "body",
    [
        sse(piece("Whole.", "stop")) + b"data: [DONE]\n\n",
        sse(piece("Whole.", "stop")),  # some say no [DONE]
        sse(piece("Whole.", "stop"), end="\r\n\r\n"),
        b"\xef\xbb\xbf" + sse(piece("Whole.", "stop")),
        b": comment\n\n:\n\n" + sse(piece(None), piece("Whole.", "stop")) + b": bye\n\n",
        b"event: ping\ndata: {}\n\n" + sse(piece("Whole.", "stop")),
        b"event: message\nid: 7\nretry: 5\n" + sse(piece("Whole.", "stop")),
        b"data:" + json.dumps(piece("Whole.", "stop")).encode() + b"\n\n",  # no space
        (
            "data: " + json.dumps(piece("Whole.", "stop"), indent=1).replace("\n", "\ndata: ") + "\n\n"
        ).encode(),
        sse(piece("Whole.", "stop")).rstrip(),  # the last line has no end
        sse(piece("Whole."), {"choices": [{"index": 0, "delta": None, "finish_reason": "stop"}]}),
        sse(piece("Whole."), piece("", "stop"), {"choices": None, "usage": {"prompt_tokens": 9}}),
        sse({"choices": [{"index": 1, "delta": {"content": "other"}}]}, piece("Whole.", "stop")),
    ],
)
def test_every_manner_of_streaming_is_read(body: bytes) -> None:
    with FakeOpenAI(lambda chat: Raw(body)) as server:
        assert ask(server).text == "Whole."


def test_a_reply_counts_once_all_of_it_is_there_whatever_happens_to_the_connection() -> None:
    with FakeOpenAI(lambda chat: Answer("Whole.", ending=Ending.DONE_RESET)) as server:
        assert ask(server).text == "Whole."


def test_pings_while_the_prompt_is_read_are_neither_an_answer_nor_silence() -> None:
    """The time to the first piece has its own limit, whatever the server sends to keep the connection alive."""
    with FakeOpenAI(lambda chat: Answer("Late.", wait=0.8)) as server:
        server.pings = 8
        assert ask(server, first=30.0, silence=0.4).text == "Late."
        assert fails(server, first=0.4, silence=30.0) is Fault.SILENT


def test_a_reply_cut_by_its_budget_says_so() -> None:
    with FakeOpenAI(lambda chat: "many words " * 50) as server:
        reply = ask(server, Request(QUESTION.messages, 1, 0.0, 5))
    assert (reply.finish, reply.tokens) == ("length", 5)


BODY = (
    b": ping\n\n"
    + sse(piece(None), piece("Grün"), piece("e 🎉 Wörter"), end="\r\n\r\n")
    + sse(piece(".", "stop"), {"choices": [], "usage": {"prompt_tokens": 20, "completion_tokens": 5}})
    + b"data: [DONE]\n\n"
)


def classes_of_cuts() -> list[int]:
    """A place within each part of a stream: names of fields, ends of lines, characters, numbers, the last mark."""
    wanted = [
        b"ping",
        b"\n\ndata",
        b"ata: ",
        b"choices",
        b"\\u00fc",
        b"\r\n\r",
        b"stop",
        b"usage",
        b"20",
        b"[DO",
    ]
    return [BODY.index(part) + len(part) // 2 for part in wanted]


@pytest.mark.parametrize("cut", classes_of_cuts())
@pytest.mark.parametrize("ending", [Ending.NO_DONE, Ending.CLOSED, Ending.RESET])
def test_a_stream_that_ends_anywhere_is_whole_or_a_failure(cut: int, ending: Ending) -> None:
    whole = BODY.index(b"data: [DONE]") <= cut
    with FakeOpenAI(lambda chat: Raw(BODY[:cut], ending=ending)) as server:
        if whole:
            assert ask(server).text == "Grüne 🎉 Wörter."
        else:
            assert fails(server) in (Fault.BROKEN, Fault.UNFINISHED)


def test_a_stream_in_pieces_of_a_byte_is_the_same_stream() -> None:
    with FakeOpenAI(lambda chat: Raw(BODY, byte_seconds=1e-5)) as server:
        reply = ask(server)
    assert (reply.text, reply.prompt_tokens, reply.tokens) == ("Grüne 🎉 Wörter.", 20, 5)


# In each server's words -----------------------------------------------------------------------------------------

TOO_LONG = [
    "request (5031 tokens) exceeds the available context size (4096 tokens), try increasing it",
    "Trying to keep the first 5031 tokens when context the overflows. However, the model is loaded with context "
    "length of only 4096 tokens, which is not enough. Try to load the model with a larger context length",
    "The number of tokens to keep from the initial prompt is greater than the context length (n_keep: 5031>= n_ctx: "
    "4096). Try to load the model with a larger context length, or provide a shorter input.",
    "This model's maximum context length is 4096 tokens. However, you requested 6031 tokens (5031 in the messages, "
    "1000 in the completion). Please reduce the length of the messages or completion.",
    "This model's maximum context length is 4096 tokens. However, your request has 5031 input tokens plus 2045 "
    "'max_tokens'. Please reduce one or the other. (parameter=input_tokens)",
    "'max_tokens' or 'max_completion_tokens' is too large: 5000. This model's maximum context length is 4096 tokens "
    "and your request has 5031 input tokens (5000 > 4096 - 5031).",
    "The decoder prompt (length 5031) is longer than the maximum model length of 4096.",
    "Requested tokens (5031) exceed context window of 4096",
    "The input (5031 tokens) is longer than the model's context length (4096 tokens).",
]


@pytest.mark.parametrize("words", TOO_LONG)
@pytest.mark.parametrize("shape", [vllm_error, lm_studio_error, old_vllm_error, fastapi_error])
def test_a_prompt_that_is_too_long_is_told_with_its_numbers_in_one_wording(words: str, shape: Any) -> None:
    with FakeOpenAI(lambda chat: Refusal(400, words)) as server:
        server.error_body = shape
        caught = error(server)
    assert caught.fault is Fault.TOO_LONG
    assert "the prompt's 5031 tokens and the reply do not fit the server's context of 4096: " in str(caught)


@pytest.mark.parametrize(
    "words",
    [
        "the request exceeds the available context size. try increasing the context size or enable context shift",
        "Input validation error: `inputs` tokens + `max_new_tokens` must be <= 4096. Given: 5031 `inputs` tokens",
        "The model's context window is full",
    ],
)
def test_a_prompt_that_is_too_long_is_told_where_no_numbers_are(words: str) -> None:
    with FakeOpenAI(lambda chat: Refusal(422, words)) as server:
        assert fails(server, words=words[:40]) is Fault.TOO_LONG


def test_llama_servers_fields_and_ollamas_json_in_json_give_the_numbers() -> None:
    inner = {"error": {"code": 400, "message": "too big", "type": "exceed_context_size_error"}}
    inner["error"] |= {"n_prompt_tokens": 5031, "n_ctx": 4096}
    for body in (inner, {"error": {"message": json.dumps(inner), "type": "x", "code": None}}):
        failure = failure_of(json.dumps(body).encode())
        assert (failure.prompt, failure.context, failure.reason) == (5031, 4096, "too big")
        assert fault_of(400, failure) is Fault.TOO_LONG


@pytest.mark.parametrize(
    ("status", "body"),
    [
        (
            400,
            {
                "error": "No models loaded. Please load a model in the developer page or use the 'lms load' command."
            },
        ),
        (
            400,
            {
                "error": {
                    "message": 'Invalid model identifier "x". Please specify a valid',
                    "code": "model_not_found",
                }
            },
        ),
        (404, {"error": {"message": "The model `x` does not exist.", "type": "NotFoundError", "code": 404}}),
        (404, {"object": "error", "message": "The model `x` does not exist.", "code": 404}),
        (
            404,
            {"error": {"message": 'Model "x" not found. Please specify a valid model.\n\nYour models:\n\na'}},
        ),
    ],
)
def test_every_servers_words_for_a_missing_model_are_one_fault(status: int, body: Any) -> None:
    assert fault_of(status, failure_of(json.dumps(body).encode())) is Fault.MODEL_MISSING


@pytest.mark.parametrize(
    "body", [b"", b"null", b"7", b"[]", b'"x"', b'{"error":null}', b'{"error":{}}', b"{", b"[[["]
)
def test_an_errors_body_of_any_shape_is_read(body: bytes) -> None:
    failure = failure_of(body)
    assert failure.reason.isprintable()
    assert fault_of(500, failure) is Fault.BROKEN


# A server that goes and comes ------------------------------------------------------------------------------------


def test_a_server_that_is_gone_is_unreachable_and_says_what_to_do() -> None:
    server = FakeOpenAI()
    server.close()
    caught = error(server)
    assert caught.fault is Fault.UNREACHABLE
    assert "--teacher-url" in str(caught)


def test_a_server_of_another_kind_at_the_url_is_told() -> None:
    with FakeOpenAI() as server:
        caught = error(server, url=f"{server.url}/elsewhere")
    assert caught.fault is Fault.UNREACHABLE
    assert "/v1" in str(caught)


def test_a_server_goes_in_the_middle_and_comes_back() -> None:
    async def scene(teacher: OpenAITeacher) -> list[Fault]:
        faults = []
        for _ in range(2):
            try:
                await teacher.ask(QUESTION)
            except TeacherError as caught:
                faults.append(caught.fault)
            server.refuse()
        server.script = lambda chat: "Back."
        server.accept()
        assert (await teacher.ask(QUESTION)).text == "Back."
        return faults

    with FakeOpenAI(lambda chat: Answer("Half a", ending=Ending.CLOSED)) as server:
        assert with_teacher(server, scene) == [Fault.BROKEN, Fault.UNREACHABLE]


def test_cancelling_closes_the_connection_so_that_the_server_stops() -> None:
    async def scene(teacher: OpenAITeacher) -> None:
        started = asyncio.Event()
        task = asyncio.create_task(teacher.ask(QUESTION, lambda text: started.set()))
        await started.wait()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        for _ in range(500):
            if server.chats[0].outcome == "left":
                return
            await asyncio.sleep(0.01)
        raise AssertionError("the server was not told")

    with FakeOpenAI(lambda chat: Answer("word " * 50, seconds=30)) as server:
        with_teacher(server, scene)
