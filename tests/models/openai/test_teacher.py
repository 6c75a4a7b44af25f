"""The teacher of a server of OpenAI's protocol asks for all it needs, and hands on what it gets."""

from __future__ import annotations

import asyncio
import json
from dataclasses import replace
from typing import Any

import pytest

from models.openai.teacher import OpenAITeacher
from models.teacher import Fault, Message, Reply, Request, TeacherError, TeacherInfo
from tests.models.openai.asking import QUESTION, SCHEMA, ask, error, fails, with_teacher
from tests.ollama.script import Answer, Raw
from tests.ollama.state import Model
from tests.openai.server import RECORDED, FakeOpenAI

JSON_QUESTION = replace(QUESTION, schema=SCHEMA)


def recorded(name: str) -> dict[str, Any]:
    exchange: dict[str, Any] = json.loads((RECORDED / f"{name}.json").read_text("utf-8"))
    return exchange


def test_a_reply_is_word_for_word_what_the_model_said_and_grows_as_it_comes() -> None:
    text = 'Because\x00 \x1b[31mred\x1b[0m, 你好 🎉,\u0085new\u2028line <b>&\t"quoted" \\ done.\n'
    heard: list[str] = []
    with FakeOpenAI(lambda chat: Answer(text, prompt_tokens=20)) as server:
        reply = ask(server, on_text=heard.append)
    assert reply.text == "".join(heard) == text
    assert len(heard) > 5
    assert (reply.finish, reply.prompt_tokens, reply.tokens) == ("stop", 20, len(heard) + 1)


def test_the_request_says_all_that_decides_the_reply() -> None:
    with FakeOpenAI() as server:
        ask(server, Request(QUESTION.messages, -3, 0.25, 50, SCHEMA))
    assert server.chats[0].body == {
        "model": "small:1b",
        "messages": [{"role": "system", "content": "Be exact."}, {"role": "user", "content": "Why?"}],
        "temperature": 0.25,
        "max_tokens": 50,
        "seed": 2**31 - 3,  # some take -1 for "any"
        "stream": True,
        "stream_options": {"include_usage": True},
        "chat_template_kwargs": {"enable_thinking": False},
        "response_format": {
            "type": "json_schema",
            "json_schema": {"name": "reply", "strict": True, "schema": SCHEMA},
        },
    }
    assert "Authorization" not in server.chats[0].headers


@pytest.mark.parametrize("field", ["reasoning_content", "reasoning"])
def test_thoughts_are_kept_apart_from_the_answer(field: str) -> None:
    with FakeOpenAI(lambda chat: Answer("Yes.", thinking="Hm, is it?")) as server:
        server.thoughts = field
        reply = ask(server, replace(QUESTION, think=True))
    assert (reply.text, reply.thoughts) == ("Yes.", "Hm, is it?")
    assert server.chats[0].body["chat_template_kwargs"] == {"enable_thinking": True}


def test_a_level_of_thinking_is_asked_for_until_the_server_refuses_it() -> None:
    with FakeOpenAI(lambda chat: "Yes.") as server:
        assert ask(server, replace(QUESTION, think="low")).text == "Yes."
    assert server.chats[0].body["reasoning_effort"] == "low"
    assert server.chats[0].body["chat_template_kwargs"] == {"enable_thinking": True}


def test_thoughts_under_both_names_are_one() -> None:
    piece = {"choices": [{"index": 0, "delta": {"reasoning": "Hm", "reasoning_content": "Hm"}}]}
    last = {"choices": [{"index": 0, "delta": {"content": "Yes"}, "finish_reason": "stop"}], "usage": None}
    body = "".join(f"data: {json.dumps(line)}\n\n" for line in (piece, last)) + "data: [DONE]\n\n"
    with FakeOpenAI(lambda chat: Raw(body.encode())) as server:
        reply = ask(server)
    assert (reply.text, reply.thoughts) == ("Yes", "Hm")


# What not every server takes ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("formats", "asked"),
    [
        (("json_schema",), ["json_schema", "json_schema"]),
        (("json_object",), ["json_schema", "json_object", "json_object"]),
        ((), ["json_schema", "json_object", None, None]),
    ],
)
def test_the_schema_is_given_as_the_server_takes_it_which_is_asked_once(
    formats: tuple[str, ...], asked: list[str | None]
) -> None:
    async def twice(teacher: OpenAITeacher) -> None:
        await teacher.ask(JSON_QUESTION)
        await teacher.ask(replace(JSON_QUESTION, seed=8))

    notes: list[str] = []
    with FakeOpenAI() as server:
        server.formats = formats
        with_teacher(server, twice, on_note=notes.append)
    assert [chat.body.get("response_format", {}).get("type") for chat in server.chats] == asked
    assert len(notes) == (formats == ())


@pytest.mark.parametrize(
    ("field", "words"),
    [
        ("seed", "Unknown parameter: 'seed'"),
        ("stream_options", "[{'type': 'extra_forbidden', 'loc': ('body', 'stream_options')}]"),
        ("chat_template_kwargs", "chat_template_kwargs is not supported by this model"),
        ("max_tokens", "'max_tokens' is not supported. Use 'max_completion_tokens' instead."),
    ],
)
def test_a_field_that_the_server_refuses_is_left_out_from_then_on(field: str, words: str) -> None:
    async def twice(teacher: OpenAITeacher) -> list[Reply]:
        return [await teacher.ask(replace(QUESTION, seed=seed)) for seed in (7, 8)]

    notes: list[str] = []
    with FakeOpenAI(lambda chat: "one two three four five") as server:
        server.refuses = {field: words}
        replies = with_teacher(server, twice, on_note=notes.append)
    assert [field in chat.body for chat in server.chats] == [True, False, False]
    assert [reply.text for reply in replies] == ["one two three four five"] * 2
    assert all(note.isprintable() for note in notes)
    if field == "max_tokens":
        assert server.chats[-1].body["max_completion_tokens"] == 64


def test_requests_at_once_learn_together_what_a_server_takes() -> None:
    async def three(teacher: OpenAITeacher) -> None:
        await teacher.open()
        await asyncio.gather(*(teacher.ask(replace(JSON_QUESTION, seed=i)) for i in range(3)))
        await teacher.ask(JSON_QUESTION)

    notes: list[str] = []
    with FakeOpenAI(parallel=3) as server:
        server.formats = ("json_object",)
        with_teacher(server, three, on_note=notes.append)
    assert server.chats[-1].body["response_format"]["type"] == "json_object"
    assert notes == []


def test_a_refusal_of_something_else_is_the_samples_own() -> None:
    with FakeOpenAI() as server:
        server.refuses = {"messages": "Conversation roles must alternate user/assistant"}
        assert fails(server, words="must alternate") is Fault.REJECTED
    assert len(server.chats) == 1


# The model and its context --------------------------------------------------------------------------------------


def test_opening_describes_the_model_as_far_as_the_server_does() -> None:
    meta = {"n_params": 7615616512, "size": 4677120000, "n_vocab": 152064, "n_embd": 3584, "n_ctx": 4096}
    with FakeOpenAI() as server:
        plain = with_teacher(server, OpenAITeacher.open)
        server.entry = {"meta": meta, "owned_by": "llamacpp"}
        info = with_teacher(server, OpenAITeacher.open)
    assert info == TeacherInfo("openai:small:1b", info.digest, 7615616512, "", 4677120000, 8192)
    assert plain == TeacherInfo("openai:small:1b", plain.digest, 1e9, "", 0, 8192)
    assert len({plain.digest, info.digest}) == 2


@pytest.mark.parametrize(
    ("name", "parameters"),
    [
        ("qwen3-8b", 8e9),
        ("Qwen2.5-0.5B-Instruct-GGUF", 0.5e9),
        ("smollm2-135m", 135e6),
        ("qwen3-30b-a3b", 30e9),
        ("org/llama-3.2-3b@q4_k_m", 3e9),
        ("gpt-oss:120b", 120e9),
        ("mixtral-8x7b", None),
        ("default", None),
        ("9" * 400 + "b", None),
        ("model-b", None),
    ],
)
def test_a_models_size_is_read_from_its_name_where_nothing_else_says_it(
    name: str, parameters: float | None
) -> None:
    with FakeOpenAI(models=[Model.named(name)]) as server:
        server.models[0] = Model({**server.models[0].tag, "name": name})
        info = with_teacher(server, OpenAITeacher.open, name=name)
    assert info.parameters == parameters


def test_numbers_that_nothing_can_hold_are_refused_in_one_line() -> None:
    with FakeOpenAI() as server:
        server.entry = {"meta": {"n_params": 10**400}}
        assert fails(server) is Fault.BROKEN


def test_the_digest_stays_when_the_server_is_started_anew_elsewhere_with_another_context() -> None:
    digests = []
    for context in (2048, 4096):
        with FakeOpenAI() as server:
            server.entry = {"max_model_len": context, "root": "org/small"}
            digests.append(with_teacher(server, OpenAITeacher.open).digest)
    assert len(set(digests)) == 1


@pytest.mark.parametrize(
    "told",
    [
        {"entry": {"max_model_len": 2048}},
        {"entry": {"meta": {"n_ctx": 2048}}},
        {"entry": {"context_length": 2048}},
        {
            "/api/v0/models": {
                "data": [{"id": "small:1b", "state": "loaded", "loaded_context_length": 2048, "type": "llm"}]
            }
        },
        {"/props": {"default_generation_settings": {"n_ctx": 2048}, "total_slots": 1}},
    ],
    ids=["vllm", "llama-server", "llama-swap", "lm-studio", "old-llama-server"],
)
def test_what_does_not_fit_the_servers_own_context_is_never_sent(told: dict[str, Any]) -> None:
    long = Request((Message("user", "word " * 1000),), 1, 0.0, 512)
    notes: list[str] = []
    with FakeOpenAI(lambda chat: "short") as server:
        server.entry = told.get("entry", {})
        server.instead = {
            path: Raw(json.dumps(body).encode(), headers=()) for path, body in told.items() if path != "entry"
        }
        assert fails(server, long, words="2048", on_note=notes.append) is Fault.TOO_LONG
        assert server.chats == []
        assert ask(server, context=8192).text == "short"
    assert any("2048" in note for note in notes)


def test_a_model_that_is_loaded_by_the_first_request_has_its_context_from_then_on() -> None:
    def listed(context: int | None) -> Raw:
        one = {"id": "small:1b", "state": "loaded" if context else "not-loaded"}
        body = {"data": [one | ({"loaded_context_length": context} if context else {})]}
        return Raw(json.dumps(body).encode(), headers=())

    def script(chat: Any) -> Answer:
        server.instead = {"/api/v0/models": listed(1024)}
        return Answer("", prompt_tokens=1500)  # LM Studio says nothing to a prompt over its context, and 200

    notes: list[str] = []
    with FakeOpenAI(script) as server:
        server.instead = {"/api/v0/models": listed(None)}
        assert fails(server, words="its context is 1024", on_note=notes.append) is Fault.TOO_LONG
    assert any("1024" in note for note in notes)


def test_a_model_that_becomes_ollamas_cloud_models_stub_under_a_run_is_refused(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("models.openai.teacher.KNOWN", 0.0)

    def tags(**more: str) -> dict[str, Any]:
        return {"/api/tags": Raw(json.dumps({"models": [{"name": "small:1b", **more}]}).encode(), headers=())}

    async def twice(teacher: OpenAITeacher) -> None:
        await teacher.ask(QUESTION)
        server.instead = tags(remote_host="https://ollama.com")
        await teacher.ask(QUESTION)

    with FakeOpenAI() as server:
        server.instead = tags()
        with pytest.raises(TeacherError) as caught:
            with_teacher(server, twice)
    assert caught.value.fault is Fault.FORBIDDEN
    assert len(server.chats) == 1


def test_a_reply_that_comes_all_at_once_took_the_time_of_the_request() -> None:
    with FakeOpenAI(lambda chat: Answer(["Whole."], wait=0.2)) as server:
        assert ask(server).seconds >= 0.2


def test_lm_studios_answer_to_an_unknown_place_is_no_description() -> None:
    odd = Raw(b'{"error":"Unexpected endpoint or method. (GET /api/tags)"}', headers=())
    with FakeOpenAI(lambda chat: "Yes.") as server:
        server.instead = {"/api/v0/models": odd, "/api/tags": odd, "/props": odd}
        assert ask(server).text == "Yes."


@pytest.mark.parametrize("name", ["gpt-oss:120b-cloud", "glm-4.6:cloud"])
def test_a_cloud_model_is_refused_by_its_name_alone(name: str) -> None:
    with FakeOpenAI(models=[Model.named(name)]) as server:
        assert fails(server, name=name) is Fault.FORBIDDEN
    assert server.exchanges == []


def test_a_cloud_model_of_an_ollama_behind_the_url_is_refused() -> None:
    tags = {"models": [{"name": "small:1b", "remote_host": "https://ollama.com", "remote_model": "big"}]}
    with FakeOpenAI() as server:
        server.instead = {"/api/tags": Raw(json.dumps(tags).encode(), headers=())}
        assert fails(server) is Fault.FORBIDDEN
    assert server.chats == []


def test_a_model_that_is_not_there_is_missing_and_those_that_are_listed() -> None:
    with FakeOpenAI(models=[Model.named(f"m{i}:1b") for i in range(8)]) as server:
        caught = error(server, name="qwen3-8b")
    assert caught.fault is Fault.MODEL_MISSING
    assert "has no model qwen3-8b: it has m0:1b, m1:1b" in str(caught)
    assert "and 3 more" in str(caught)


def test_another_letter_case_is_the_same_model_and_asked_for_as_the_server_writes_it() -> None:
    with FakeOpenAI() as server:
        ask(server, name="Small:1B")
    assert server.chats[0].body["model"] == "small:1b"


def test_a_model_that_is_taken_away_or_exchanged_under_a_run_is_noticed(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("models.openai.teacher.KNOWN", 0.0)

    async def twice(teacher: OpenAITeacher) -> None:
        await teacher.ask(QUESTION)
        server.entry = {"root": "another/one"}
        await teacher.ask(QUESTION)

    with FakeOpenAI() as server, pytest.raises(TeacherError, match="not the model any more") as caught:
        with_teacher(server, twice)
    assert caught.value.fault is Fault.MODEL_MISSING


def test_another_model_than_the_one_asked_for_is_not_taken_for_it() -> None:
    with FakeOpenAI(models=[Model.named("small:1b"), Model.named("loaded:7b")]) as server:
        server.answering = "loaded:7b"
        assert fails(server, words="loaded:7b") is Fault.MODEL_MISSING
        server.answering = "/models/small.gguf"  # a name of the same one
        assert ask(server).text


# Prompts that are cut -------------------------------------------------------------------------------------------

PROSE = "The river bends twice before it reaches the old mill, and nobody remembers why. " * 40


@pytest.mark.parametrize(
    ("read", "window"), [(400, None), (1024, 1024), (1100, 1024)], ids=["few", "full", "over"]
)
def test_a_prompt_the_server_cut_without_a_word_is_noticed(read: int, window: int | None) -> None:
    request = Request((Message("user", PROSE if window is None else PROSE[:900]),), 1, 0.0, 64)
    with FakeOpenAI(lambda chat: Answer("Fluent nonsense.", prompt_tokens=read)) as server:
        server.entry = {"max_model_len": window}
        assert fails(server, request, words=f"read {read} tokens") is Fault.TOO_LONG


def test_a_prompt_that_ollama_cut_to_half_is_noticed() -> None:
    exchange = recorded("50k_v1_long_prompt")
    sent = json.loads(exchange["request"]["body"])["messages"]
    usage = json.loads(exchange["body"])["usage"]
    request = Request(tuple(Message(m["role"], m["content"]) for m in sent), 1, 0.0, 16)
    with FakeOpenAI(lambda chat: Answer("x", prompt_tokens=usage["prompt_tokens"])) as server:
        assert fails(server, request, context=32768) is Fault.TOO_LONG


@pytest.mark.parametrize(
    ("text", "read"),
    [
        (PROSE, 700),
        ("    " * 400 + "x", 40),  # an indentation is one token
        ("-" * 3000, 50),
        ("नमस्ते दुनिया, यह एक परीक्षण है। " * 50, 450),
        ("中华人民共和国" * 100, 200),
    ],
)
def test_a_prompt_that_was_read_whole_is_not_taken_for_cut(text: str, read: int) -> None:
    request = Request((Message("user", text),), 1, 0.0, 64)
    with FakeOpenAI(lambda chat: Answer("Good.", prompt_tokens=read)) as server:
        assert ask(server, request).prompt_tokens == read


def test_a_server_that_counts_nothing_is_said_once() -> None:
    async def twice(teacher: OpenAITeacher) -> None:
        await teacher.ask(QUESTION)
        await teacher.ask(QUESTION)

    notes: list[str] = []
    with FakeOpenAI(lambda chat: "One two three.") as server:
        server.usage = False
        with_teacher(server, twice, on_note=notes.append)
    assert len(notes) == 1
    assert "counts no tokens" in notes[0]


# Ollama's own ---------------------------------------------------------------------------------------------------

STREAMS = ["50d_v1_chat_stream", "50g_v1_json_schema_jinja_stream"]


@pytest.mark.parametrize("name", STREAMS)
def test_every_recorded_stream_is_read_as_what_it_was(name: str) -> None:
    body = recorded(name)["body"]
    lines = [json.loads(line[6:]) for line in body.split("\n") if line.startswith("data: {")]
    with FakeOpenAI(lambda chat: Raw(body.encode())) as server:
        reply = ask(server)
    choices = [choice for line in lines for choice in line["choices"]]
    assert reply.text == "".join(choice["delta"].get("content") or "" for choice in choices)
    assert reply.finish == "length"
    assert reply.prompt_tokens == (32 if name.startswith("50d") else 0)


@pytest.mark.parametrize(
    ("name", "fault", "words"),
    [
        ("50b_v1_unknown_model", Fault.MODEL_MISSING, "nope:1b"),
        ("50j_v1_unknown_model_stream", Fault.MODEL_MISSING, "nope:1b"),
        ("50l_v1_bad_type", Fault.REJECTED, "cannot unmarshal string"),
        ("50p_v1_reasoning_effort_low", Fault.REJECTED, "does not support thinking"),
        ("50i_v1_bad_schema", Fault.REJECTED, "Unrecognized schema"),
    ],
)
def test_every_recorded_refusal_has_its_fault_and_the_innermost_words(
    name: str, fault: Fault, words: str
) -> None:
    exchange = recorded(name)
    raw = Raw(exchange["body"].encode(), exchange["status"], [("Content-Type", "application/json")])
    with FakeOpenAI(lambda chat: raw) as server:
        assert fails(server, words=words) is fault


def test_text_that_is_no_unicode_is_refused_before_it_is_sent() -> None:
    with FakeOpenAI() as server:
        assert fails(server, Request((Message("user", "half \ud800"),), 1, 0.0, 8)) is Fault.REJECTED
    assert server.chats == []
