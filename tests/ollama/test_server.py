"""Our Ollama server answers as the real one did."""

from __future__ import annotations

import asyncio
import http.client
import json
import re
import socket
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from models.files.catalog import teacher_file
from models.ollama.teacher import OllamaTeacher
from models.teacher import Message, Reply, Request
from tests.ollama.releases import R24, R32, RELEASES, Release
from tests.ollama.script import Answer, Chat, Ending, Nothing, Script, plausible
from tests.ollama.server import FakeOllama, spawned
from tests.ollama.state import Model, State, recorded, recorded_models

# What burnish never asks for, and what our server therefore does not have.
NOT_SPOKEN = {
    "/api/generate",
    "/api/create",
    "/api/delete",
    "/api/embed",
    "/v1/chat/completions",
    "/v1/models",
}
LEFT_OUT = {
    R24: {
        "04b_show_auto": "another model's description",
        "25_logprobs_nonstream": "logprobs",
        "25b_top_logprobs_stream": "logprobs",
        "60f_gemma_logprobs": "logprobs",
        "27_tools_unsupported": "tools",
        "31c_long_history_debug_render": "the server's own debugging",
        "40_client_disconnect_stream": "what a client that left had received",
        "40c_client_disconnect_nonstream": "what a client that left had received",
        "43d_runner_killed_during_load": "scripted, see test_faults",
        "53_server_down": "no server",
    },
    R32: {
        "25_logprobs_nonstream": "logprobs",
        "25b_top_logprobs_stream": "logprobs",
        "25e_logprobs_under_schema": "logprobs",
        "27_tools_unsupported": "tools",
        "27b_images_on_text_model": "images",
        "27c_tools_unsupported_stream": "tools",
        "31c_long_history_debug_render": "the server's own debugging",
        "40_client_disconnect_stream": "what a client that left had received",
        "40c_client_disconnect_nonstream": "what a client that left had received",
        "40e_client_disconnect_during_load": "what a client that left had received",
        "43d_runner_killed_during_load": "scripted, see test_faults",
        "45_tools": "tools",
        "72c_chat_after_delete": "a model that was deleted",
    },
}
REPLAYED = [
    (release, path.stem)
    for release in RELEASES
    for path in sorted(release.folder.glob("*.json"))
    if path.stem not in LEFT_OUT[release]
    and recorded(path.stem, release)["request"]["path"] not in NOT_SPOKEN
]


@pytest.fixture(scope="module")
def replaying() -> Iterator[FakeOllama]:
    """A server for all replays: beginning and ending one takes as long as ten of them."""
    with FakeOllama() as server:
        yield server


@pytest.mark.parametrize(
    ("release", "name"), REPLAYED, ids=[f"{release.version}-{name}" for release, name in REPLAYED]
)
def test_a_recorded_request_gets_the_recorded_answer(
    replaying: FakeOllama, release: Release, name: str
) -> None:
    exchange = recorded(name, release)
    _prepare(replaying, name, exchange, release)
    extra = {
        "28_origin_forbidden": {"Origin": "http://evil.example"},
        "28b_host_forbidden": {"Host": "evil.example"},
    }
    status, headers, body = _send(replaying, **exchange["request"], headers=extra.get(name, {}))
    assert status == exchange["status"]
    assert _comparable_headers(headers) == _comparable_headers(exchange["headers"])
    assert _comparable(body, exchange) == _comparable(exchange["body"].encode(), exchange)


@pytest.mark.parametrize(("release", "least"), [(R24, 80), (R32, 150)])
def test_nearly_every_recording_is_replayed(release: Release, least: int) -> None:
    paths = [path.stem for path in release.folder.glob("*.json")]
    replayed = [name for other, name in REPLAYED if other is release]
    assert len(replayed) == len(paths) - len(LEFT_OUT[release]) - sum(
        recorded(name, release)["request"]["path"] in NOT_SPOKEN for name in paths
    )
    assert len(replayed) > least


def test_a_second_request_gets_no_byte_until_the_first_is_done() -> None:
    go_on = threading.Event()

    def script(chat: Chat) -> str:
        go_on.wait(10)
        return "done"

    with FakeOllama(script) as server, _chatting(server, "a") as first, _chatting(server, "b") as second:
        second.settimeout(0.2)
        with pytest.raises(TimeoutError):
            second.recv(1)
        go_on.set()
        second.settimeout(10)
        assert second.recv(12) == b"HTTP/1.1 200"
        assert first.recv(12) == b"HTTP/1.1 200"


def test_as_many_as_parallel_are_answered_at_once() -> None:
    together = threading.Barrier(2, timeout=10)

    def script(chat: Chat) -> str:
        together.wait()
        return "done"

    with (
        FakeOllama(script, parallel=2) as server,
        _chatting(server, "a") as first,
        _chatting(server, "b") as second,
    ):
        assert first.recv(12) == second.recv(12) == b"HTTP/1.1 200"


def test_a_client_that_leaves_the_queue_or_a_reply_frees_its_place() -> None:
    with FakeOllama(lambda chat: Nothing(Ending.STALL) if chat.prompt == "stall" else "done") as server:
        stalled, queued = _chatting(server, "stall"), _chatting(server, "queued")
        stalled.close()
        queued.close()
        with _chatting(server, "last") as last:
            assert last.recv(12) == b"HTTP/1.1 200"
        assert [
            exchange.outcome
            for exchange in server.chats
            if exchange.body["messages"][0]["content"] == "stall"
        ] == ["left"]


def test_a_change_of_context_loads_the_model_again_and_unloading_empties_ps() -> None:
    with FakeOllama() as server:
        for context in (512, 512, 1024):
            _chat(server, options={"num_ctx": context})
        assert server.loads == [("qwen0.5b:latest", 512), ("qwen0.5b:latest", 1024)]
        assert _get(server, "/api/ps")["models"][0]["context_length"] == 1024
        _chat(server, messages=[], keep_alive=0)
        assert _get(server, "/api/ps") == {"models": []}


def test_the_record_tells_which_answered_chats_came_again() -> None:
    with FakeOllama(
        lambda chat: Answer("x", ending=Ending.ERROR) if chat.prompt == "fails" else "fine"
    ) as server:
        for prompt in ("fails", "fails", "works", "works", "other"):
            _chat(server, messages=[{"role": "user", "content": prompt}])
        repeated = [body["messages"][0]["content"] for body in server.asked_again()]
    assert repeated == ["works"]


def test_the_same_question_gets_the_same_plausible_answer_and_it_obeys_the_schema() -> None:
    schema = {
        "type": "object",
        "properties": {"a": {"$ref": "#/$defs/A"}, "n": {"type": "integer", "minimum": 3, "maximum": 3}},
        "$defs": {"A": {"type": "array", "items": {"enum": ["x"]}, "minItems": 2}},
    }
    chat = Chat(0, {"messages": [{"role": "user", "content": "hi"}], "format": schema})
    assert plausible(chat) == plausible(chat)
    assert json.loads(plausible(chat)) == {"a": ["x", "x"], "n": 3}


def test_it_runs_in_a_process_of_its_own_and_writes_down_every_exchange(tmp_path: Path) -> None:
    log = tmp_path / "log.jsonl"
    with spawned("--log", str(log), "--parallel", "2") as url:
        host, port = url.removeprefix("http://").split(":")
        connection = http.client.HTTPConnection(host, int(port), timeout=10)
        connection.request("POST", "/api/chat", json.dumps(_body()))
        assert b'"done":true' in connection.getresponse().read()
        connection.close()
    lines = [json.loads(line) for line in log.read_text().splitlines()]
    assert [(line["number"], line["outcome"], line["body"]["model"]) for line in lines] == [
        (0, "open", "qwen0.5b"),
        (0, "answered", "qwen0.5b"),
    ]


def test_a_real_model_answers_through_it() -> None:
    path = teacher_file("demo")
    assert path is not None
    with spawned("--gguf", str(path.path)) as url:
        schema = {
            "type": "object",
            "properties": {"colour": {"enum": ["red", "blue"]}},
            "required": ["colour"],
        }
        reply = asyncio.run(_colour(url, schema))
    assert json.loads(reply.text)["colour"] in ("red", "blue")
    assert reply.finish == "stop"
    assert reply.prompt_tokens > 10


async def _colour(url: str, schema: dict[str, Any]) -> Reply:
    teacher = OllamaTeacher("smollm2", host=url, context=512)
    try:
        return await teacher.ask(Request((Message("user", "Name a colour."),), 1, 0.0, 40, schema))
    finally:
        await teacher.close()


# -- helpers ----------------------------------------------------------------------------------------------------


def _as_recorded(exchange: dict[str, Any]) -> Script:
    """A script that says what the real model said."""
    lines = [json.loads(line) for line in exchange["body"].splitlines() if line.startswith('{"')]
    words = [line["message"]["content"] for line in lines if "message" in line]
    last = lines[-1] if lines else {}
    ending = Ending.DONE if last.get("done") else Ending.NO_DONE
    if "error" in last:
        ending = Ending.ERROR
    if exchange["curl"]["exitcode"] == 18:
        ending = Ending.CLOSED
    streamed = '"stream": false' not in (exchange["request"]["body"] or "")
    return lambda chat: Answer(
        words[:-1] if ending is Ending.DONE and streamed else words,
        done_reason=last.get("done_reason"),
        asked_tokens=_asked_tokens(exchange, last.get("prompt_eval_count")),
        ending=ending,
    )


def _asked_tokens(exchange: dict[str, Any], read: int | None) -> int | None:
    """The tokens that a prompt had, where that can be told: one that was cut had more than its context."""
    if said := re.search(r'n_prompt_tokens\\+":(\d+)', exchange["body"]):
        return int(said[1])
    context = re.search(r'"num_ctx": (\d+)', exchange["request"]["body"] or "")
    room = int(context[1]) if context else 4096
    return None if read in (room, 4 + (room - 4) // 2) else read


def _prepare(server: State, name: str, exchange: dict[str, Any], release: Release) -> None:
    """What had happened to the real server before."""
    server.script, server.release, server.models = _as_recorded(exchange), release, recorded_models(release)
    server.parallel, server.max_queue = 1, 512
    server.in_memory.clear()
    if exchange["request"]["path"] == "/api/ps":
        for shown in reversed(json.loads(exchange["body"])["models"]):
            model = server.find(shown["name"])
            assert model is not None
            server.load(model, {"options": {"num_ctx": shown["context_length"]}}, 300)
    if name == "63c_chat_made":
        server.models.append(Model.named("made:1b"))
    if name == "51_server_busy_max_queue":
        server.parallel = server.max_queue = 0
    if exchange["request"]["path"] == "/api/pull":
        asked = json.loads(exchange["request"]["body"])["model"]
        lines = [json.loads(line) for line in exchange["body"].splitlines()]
        server.registry[asked] = lines


def _send(
    server: FakeOllama, method: str, path: str, body: str | None, headers: dict[str, str]
) -> tuple[int, list[tuple[str, str]], bytes]:
    connection = http.client.HTTPConnection("127.0.0.1", int(server.url.rpartition(":")[2]), timeout=10)
    try:
        connection.request(method, path, body and body.encode(), headers)
        response = connection.getresponse()
        try:
            text = response.read()
        except http.client.IncompleteRead as cut:
            text = cut.partial
        return response.status, response.getheaders(), text
    finally:
        connection.close()


def _comparable_headers(headers: list[Any]) -> list[tuple[str, str]]:
    own = {"Date", "Content-Length"}
    return [(name, "" if name in own else value) for name, value in headers]


def _comparable(body: bytes, exchange: dict[str, Any]) -> bytes:
    """A body without what differs between any two answers: times, and the machine's own counts."""
    body = re.sub(rb'"(created_at|expires_at)":"[^"]*"', rb'"\1":""', body)
    body = re.sub(rb',"eval_duration":\d+', b"", body)  # left out where one token took no time
    body = re.sub(rb'"(\w+_duration|eval_count)":\d+', rb'"\1":0', body)
    body = re.sub(rb'"modified_at":"[^"]*"|/models/blobs/sha256-\w+', b"", body)
    if exchange["request"]["path"] == "/api/ps":
        body = re.sub(rb'"(size)":\d+|"(digest)":"\w+"', rb"", body)
    return body


def _body(**changes: Any) -> dict[str, Any]:
    return {"model": "qwen0.5b", "messages": [{"role": "user", "content": "hi"}]} | changes


def _chat(server: FakeOllama, **changes: Any) -> None:
    _send(server, "POST", "/api/chat", json.dumps(_body(**changes)), {})


def _get(server: FakeOllama, path: str) -> Any:
    return json.loads(_send(server, "GET", path, None, {})[2])


def _chatting(server: FakeOllama, prompt: str) -> socket.socket:
    """A connection that has asked, and that the server has taken note of."""
    seen = len(server.exchanges)
    body = json.dumps(_body(messages=[{"role": "user", "content": prompt}])).encode()
    connection = socket.create_connection(("127.0.0.1", int(server.url.rpartition(":")[2])), 10)
    connection.sendall(
        b"POST /api/chat HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: %d\r\n\r\n%b" % (len(body), body)
    )
    while len(server.exchanges) == seen:
        threading.Event().wait(0.005)
    return connection
