"""The Ollama teacher asks for all it needs, and hands on what it gets."""

from __future__ import annotations

import asyncio
import json
from dataclasses import replace

import pytest

from models.http.prompt import ENOUGH, Room, estimated_tokens
from models.ollama.teacher import OllamaTeacher, shift_is_a_setting
from models.teacher import Fault, Message, Reply, Request, TeacherError, TeacherInfo, Think
from tests.models.ollama.asking import QUESTION, ask, fails, with_teacher
from tests.ollama.releases import R24, RECORDED, RELEASES, Release
from tests.ollama.script import Answer, Chat, Ending, Raw, Refusal
from tests.ollama.server import FakeOllama
from tests.ollama.state import Model, recorded

THINKING = replace(QUESTION, think=True)


def test_a_reply_is_word_for_word_what_the_model_said_and_grows_as_it_comes() -> None:
    text = 'Because\x00 \x1b[31mred\x1b[0m, 你好 🎉,\u0085new\u2028line <b>&\t"quoted" \\ done.\n'
    heard: list[str] = []
    with FakeOllama(lambda chat: Answer(text, prompt_tokens=20)) as server:
        reply = ask(server, on_text=heard.append)
    assert reply.text == "".join(heard) == text
    assert len(heard) > 5
    assert (reply.finish, reply.prompt_tokens, reply.tokens) == ("stop", 20, len(heard) + 1)


def test_the_request_says_all_that_decides_the_reply() -> None:
    schema = {"type": "object", "properties": {"a": {"const": None}}}
    with FakeOllama() as server:
        ask(server, Request(QUESTION.messages, 3, 0.25, 50, schema), context=2048)
    body = server.chats[0].body
    assert body["options"] == {"num_ctx": 2048, "num_predict": 50, "seed": 3, "temperature": 0.25}
    assert body["messages"] == [
        {"role": "system", "content": "Be exact."},
        {"role": "user", "content": "Why?"},
    ]
    assert body["format"] == schema
    assert (body["think"], body["truncate"], body["shift"], body["stream"]) == (False, False, False, True)


def test_thoughts_are_kept_apart_from_the_answer() -> None:
    thinker = Model.named("thinker", ["completion", "thinking"])
    with FakeOllama(lambda chat: Answer("Yes.", thinking="Hm, is it?"), models=[thinker]) as server:
        reply = ask(server, THINKING, name="thinker")
    assert (reply.text, reply.thoughts) == ("Yes.", "Hm, is it?")
    assert server.chats[0].body["think"] is True


def test_a_model_that_refuses_thinking_is_asked_without_from_then_on() -> None:
    async def twice(teacher: OllamaTeacher) -> list[str]:
        await teacher.ask(THINKING)
        await teacher.ask(THINKING)
        return teacher.notes

    with FakeOllama() as server:
        notes = with_teacher(server, twice)
    assert [("think" in exchange.body, exchange.status) for exchange in server.chats] == [
        (True, 400),
        (False, 200),
        (False, 200),
    ]
    assert len(notes) == 1


def test_requests_at_once_learn_together_that_a_model_refuses_thinking() -> None:
    async def three(teacher: OllamaTeacher) -> list[str]:
        await teacher.open()
        await asyncio.gather(*(teacher.ask(replace(THINKING, seed=i)) for i in range(3)))
        return teacher.notes

    with FakeOllama(parallel=3) as server:
        assert len(with_teacher(server, three)) == 1


def test_opening_describes_the_model_by_any_of_its_names() -> None:
    for name in ("qwen0.5b", "QWEN0.5B:latest", "library/qwen0.5b"):
        with FakeOllama() as server:
            info = with_teacher(server, OllamaTeacher.open, name=name)
        assert info == TeacherInfo(
            name=name,
            digest="sha256:b7051da6c25783e0eac679d4178c809cbcf8debdc1f2d2c594b189677929e503",
            parameters=630167424.0,
            quantisation="Q4_K_M",
            size=491402254,
            context=8192,
        )


def test_a_model_gets_no_more_context_than_it_was_trained_with() -> None:
    small = Model(Model.named("small").tag, trained_context=2048)
    with FakeOllama(models=[small]) as server:
        info = with_teacher(server, OllamaTeacher.open, name="small", context=4096)
        ask(server, name="small", context=4096)
    assert info.context == 2048
    assert server.chats[0].body["options"]["num_ctx"] == 2048


def test_the_context_stays_so_that_the_model_is_loaded_once() -> None:
    async def three(teacher: OllamaTeacher) -> None:
        for max_tokens in (8, 16, 32):
            await teacher.ask(Request(QUESTION.messages, 1, 0.0, max_tokens))

    with FakeOllama() as server:
        with_teacher(server, three)
    assert server.loads == [("qwen0.5b:latest", 8192)]


@pytest.mark.parametrize("release", RELEASES, ids=lambda release: release.version)
def test_a_model_that_others_use_with_the_same_context_is_not_loaded_again(release: Release) -> None:
    """Since 0.30 whether to shift is a setting of a load, as the context is."""
    with FakeOllama(release=release) as server:
        model = server.find("qwen0.5b")
        assert model is not None
        server.load(model, {"options": {"num_ctx": 2048}}, 300)
        notes = with_teacher(server, asked_once, context=2048)
        assert len(server.loads) == 1
        assert notes == []
        assert ("shift" in server.chats[0].body) == (release is R24)
        (note,) = with_teacher(server, asked_once, context=4096)
        assert len(server.loads) == 2
    assert "context of 2048 tokens" in note
    assert "a context of 2048 would keep it" in note


async def asked_once(teacher: OllamaTeacher) -> list[str]:
    await teacher.ask(QUESTION)
    return teacher.notes


@pytest.mark.parametrize(
    ("version", "setting"),
    [
        ("0.24.0", False),
        ("0.29.9-rc1", False),
        ("0.30.0", True),
        ("0.32.15", True),
        ("1.0.0", True),
        ("0.0.0", True),
    ],
)
def test_shift_is_left_out_where_it_is_a_setting_of_a_load(version: str, setting: bool) -> None:
    assert shift_is_a_setting(version) is setting


def test_a_model_that_thinks_although_it_was_asked_not_to_is_told_of_once() -> None:
    told: list[str] = []

    async def twice(teacher: OllamaTeacher) -> None:
        await teacher.ask(QUESTION)
        await teacher.ask(QUESTION)

    with FakeOllama(lambda chat: Answer("Yes.", thinking="Hm.")) as server:
        with_teacher(server, twice, on_note=told.append)
    (note,) = told
    assert "thinks, although" in note


@pytest.mark.parametrize("think", [True, "low", "medium", "high"])
def test_a_level_of_thinking_is_asked_for_as_it_is(think: Think) -> None:
    thinker = Model.named("thinker", ["completion", "thinking"])
    with FakeOllama(lambda chat: Answer("Yes.", thinking="Hm."), models=[thinker]) as server:
        assert ask(server, replace(QUESTION, think=think), name="thinker").thoughts == "Hm."
    assert server.chats[0].body["think"] == think


def test_a_model_that_cannot_think_is_told_of_once_whatever_the_level() -> None:
    told: list[str] = []

    async def twice(teacher: OllamaTeacher) -> None:
        await teacher.ask(replace(QUESTION, think="high"))
        await teacher.ask(THINKING)

    with FakeOllama() as server:
        with_teacher(server, twice, on_note=told.append)
    assert told == ["qwen0.5b does not support thinking: it is asked without"]


def test_unloading_frees_the_memory() -> None:
    async def ask_and_unload(teacher: OllamaTeacher) -> None:
        await teacher.ask(QUESTION)
        assert server.in_memory
        await teacher.unload()

    with FakeOllama() as server:
        with_teacher(server, ask_and_unload)
        assert not server.in_memory


def test_requests_wait_in_the_servers_queue_longer_than_a_reply_may_be_silent() -> None:
    async def four(teacher: OllamaTeacher) -> list[Reply]:
        await teacher.open()
        return await asyncio.gather(*(teacher.ask(Request(QUESTION.messages, i, 0.0, 64)) for i in range(4)))

    with FakeOllama(lambda chat: Answer("one two three", seconds=0.4)) as server:
        replies = with_teacher(server, four, silence=1.0)
    assert [reply.text for reply in replies] == ["one two three"] * 4
    assert server.asked_again() == []


STREAMS = [
    (release, path.stem)
    for release in RELEASES
    for path in sorted(release.folder.glob("*.json"))
    if recorded(path.stem, release)["request"]["path"] == "/api/chat"
    and ["Transfer-Encoding", "chunked"] in recorded(path.stem, release)["headers"]
    and path.stem not in ("31c_long_history_debug_render", "25e_logprobs_under_schema")
]
REFUSED = {
    "15b": Fault.REJECTED,
    "16f": Fault.REJECTED,
    "27c": Fault.REJECTED,
    "30": Fault.TOO_LONG,
    "33h": Fault.BROKEN,
    "33k": Fault.REJECTED,
    "43": Fault.BROKEN,
}


@pytest.mark.parametrize(("release", "name"), STREAMS, ids=[f"{r.version}-{name}" for r, name in STREAMS])
def test_every_recorded_stream_is_read_as_what_it_was(release: Release, name: str) -> None:
    exchange = recorded(name, release)
    lines = [json.loads(line) for line in exchange["body"].split("\n") if line]
    raw = Raw(exchange["body"].encode(), exchange["status"], ending=Ending.NO_DONE)
    request = Request(QUESTION.messages, 1, 0.0, 4000)
    with FakeOllama(lambda chat: raw) as server:
        if lines[-1].get("done"):
            reply = ask(server, request)
            assert reply.text == "".join(line["message"]["content"] for line in lines)
            assert reply.finish == lines[-1]["done_reason"]
            assert reply.prompt_tokens == lines[-1]["prompt_eval_count"]
        elif name.startswith("24"):  # asked again without `think`, to no end
            assert fails(server, request) is Fault.REJECTED
        else:
            known = [fault for number, fault in REFUSED.items() if name.startswith(number)]
            assert fails(server, request) is (known[0] if known else Fault.UNFINISHED)


def test_what_cannot_fit_is_never_sent() -> None:
    long = Request((Message("user", "word " * 2000),), 1, 0.0, 1000)
    with FakeOllama() as server:
        assert fails(server, long, context=4096, words="4096") is Fault.TOO_LONG
    assert server.chats == []


def test_a_prompt_the_server_would_cut_is_refused_by_it() -> None:
    """A text with more tokens than its bytes let expect: the server's own count decides."""
    with FakeOllama() as server:
        server.models = [Model(Model.named("q").tag, trained_context=128)]
        request = Request((Message("user", "x" * 200),), 1, 0.0, 2)
        assert estimated_tokens(request) + 2 <= 128
        server.script = lambda chat: Refusal(400, "the input length exceeds the context length")
        assert fails(server, request, name="q") is Fault.TOO_LONG


@pytest.mark.parametrize("read", [512, 600])
def test_a_prompt_an_old_server_cut_without_a_word_is_noticed(read: int) -> None:
    with FakeOllama(lambda chat: Answer("Fluent nonsense.", prompt_tokens=read)) as server:
        assert fails(server, context=512) is Fault.TOO_LONG


def test_messages_an_old_server_dropped_without_a_word_are_noticed() -> None:
    history = tuple(Message("user", "What happened then? " * 40) for _ in range(4))
    with FakeOllama(lambda chat: Answer("Nothing.", prompt_tokens=100)) as server:
        assert fails(server, Request(history, 1, 0.0, 64)) is Fault.TOO_LONG


def test_a_reply_that_pushed_its_prompt_out_of_the_context_is_cut() -> None:
    with FakeOllama(lambda chat: Answer([f" w{i}" for i in range(60)], prompt_tokens=480)) as server:
        server.models = [Model(Model.named("q").tag, trained_context=512)]
        assert ask(server, name="q").finish == "length"


def test_the_estimate_is_above_every_count_a_real_server_gave() -> None:
    seen = 0
    for path in (RECORDED / "teacher").glob("*.jsonl"):
        for line in path.read_text("utf-8").splitlines():
            for call in json.loads(line)["calls"]:
                words = tuple(Message(m["role"], m["content"]) for m in call["request"]["messages"])
                assert (
                    estimated_tokens(Request(words, 1, 0.0, 1))
                    > json.loads(call["response"])["prompt_eval_count"]
                )
                seen += 1
    assert seen > 30


def test_the_room_of_prompts_and_replies_is_learnt_from_the_server_s_counts() -> None:
    """A prompt of 4 bytes a token that would not fit at the 3 that are assumed."""
    short, long = ("word " * count for count in (800, 2400))  # 1,000 and 3,000 tokens

    def script(chat: Chat) -> Answer:
        return Answer("Fine.", prompt_tokens=len(chat.prompt) // 4)

    async def ask_in_turn(server: FakeOllama) -> None:
        teacher = OllamaTeacher("qwen0.5b", host=server.url, context=4096)
        request = Request((Message("user", long),), 1, 0.0, 1000)
        for _ in range(ENOUGH):
            with pytest.raises(TeacherError, match="do not fit"):
                await teacher.ask(request)
            await teacher.ask(Request((Message("user", short),), 1, 0.0, 1000))
        assert (await teacher.ask(request)).text == "Fine."
        assert server.chats[-1].body["options"]["num_predict"] < 1000, "what the prompt leaves"
        with pytest.raises(TeacherError, match="do not fit"):
            await teacher.ask(Request((Message("user", long * 2),), 1, 0.0, 1000))
        with pytest.raises(TeacherError, match="do not fit"):  # of other letters nothing is known
            await teacher.ask(Request((Message("user", "слово " * 1100),), 1, 0.0, 1000))

    with FakeOllama(script) as server:
        asyncio.run(ask_in_turn(server))


def test_a_prompt_that_was_let_through_and_cut_is_noticed() -> None:
    room = Room()
    known = Request((Message("user", "word " * 800),), 1, 0.0, 1000)
    long = Request((Message("user", "word " * 2400),), 1, 0.0, 1000)
    for _ in range(ENOUGH):
        room.learn(known, Reply("Fine.", prompt_tokens=1000, tokens=2), 4096)
    assert room.for_reply(long, 4096) > 500
    room.learn(long, Reply("Fine.", prompt_tokens=2900, tokens=2), 4096)
    with pytest.raises(TeacherError, match="fewer than it holds") as caught:
        room.learn(long, Reply("Fine.", prompt_tokens=2048, tokens=2), 4096)
    assert caught.value.fault is Fault.TOO_LONG


def test_text_that_is_no_unicode_is_refused_before_it_is_sent() -> None:
    with FakeOllama() as server:
        assert fails(server, Request((Message("user", "half \ud800"),), 1, 0.0, 8)) is Fault.REJECTED
    assert server.chats == []
