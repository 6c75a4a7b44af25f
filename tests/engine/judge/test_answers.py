"""A model's answers: AlpacaEval's format byte for byte, the same templates as elsewhere, and nothing asked twice."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from engine.events import Started
from engine.formats.names import DatasetError, Format
from engine.formats.write import write_dataset
from engine.judge.answers import AnswerPrompt, Answers, answer, check_answering, generator, prompts, rows
from engine.judge.events import Answered, JudgeEvent
from engine.judge.pairs import file_sides
from engine.judge.record import Record
from engine.judge.recorded_model import RecordedModel
from engine.method.templates import PUBLISHED, TOOL_SAYS, TemplateName
from engine.run.settings import AnswerSettings
from engine.sample import Turn
from models.errors import UsageError
from models.llamacpp import bindings
from models.llamacpp.bindings import Model
from tests.hostile import CORPUS
from tests.ollama.script import Answer, Chat
from tests.ollama.server import FakeOllama
from tests.running import TEACHER

ASKED = [AnswerPrompt("Name a fruit."), AnswerPrompt("Translate.", "Bonjour."), AnswerPrompt("Say A.")]


def echo(chat: Chat) -> str:
    return f"You said: {chat.prompt}"


def answered(
    path: Path,
    server: FakeOllama,
    asked: list[AnswerPrompt],
    emit: Callable[[JudgeEvent], None] = lambda _: None,
    **changes: Any,
) -> Answers:
    given: dict[str, Any] = {"name": TEACHER, "host": server.url, "patience": 0.0}
    settings = AnswerSettings.model_validate(given | changes)

    async def main() -> Answers:
        async with RecordedModel(record, settings, emit) as respondent:
            return await answer(respondent, asked, settings.template)

    with Record.at(path) as record:
        return asyncio.run(main())


# Prompts


def test_prompts_are_read_from_whatever_holds_instructions(tmp_path: Path) -> None:
    def read(name: str, text: str) -> list[AnswerPrompt]:
        (tmp_path / name).write_text(text, "utf-8")
        return prompts(tmp_path / name)

    evaluation = [{"dataset": "helpful_base", "instruction": "x", "output": "y", "generator": "z"}]
    assert read("a.json", json.dumps(evaluation)) == [AnswerPrompt("x", "", "helpful_base")]
    assert read("i.jsonl", '{"instruction": "", "input": "x"}\n{"question": "y", "answer": "z"}') == [
        AnswerPrompt("x"),
        AnswerPrompt("y"),
    ]
    assert read("b.jsonl", '{"prompt": "x", "context": "u"}\n{"instruction": "y", "input": null}') == [
        *(AnswerPrompt("x", "u"), AnswerPrompt("y")),
    ]
    assert read("c.csv", "instruction,input\nx,u\ny,\n") == [AnswerPrompt("x", "u"), AnswerPrompt("y")]
    assert read("d.txt", "What is a fruit?\n\nSay A, and B.\n") == [
        *(AnswerPrompt("What is a fruit?"), AnswerPrompt("Say A, and B.")),
    ]
    (tmp_path / "e.json").write_text(json.dumps([{"instruction": str(n)} for n in range(5)]))
    assert prompts(tmp_path / "e.json", limit=2) == [AnswerPrompt("0"), AnswerPrompt("1")]


@pytest.mark.parametrize(
    "text",
    ["[]", "", '[{"problem": "x"}]', '[{"instruction": " "}]', '[{"instruction": 7}]', "[7]",
     '[{"instruction": "x", "input": 7}]', '[{"instruction": "x"}, null]', '[{"messages": []}]', "[{"],
)  # fmt: skip
def test_what_holds_none_is_one_line(tmp_path: Path, text: str) -> None:
    path = tmp_path / "p.json"
    path.write_text(text, "utf-8")
    with pytest.raises(DatasetError) as caught:
        prompts(path)
    assert str(caught.value).startswith(f"{path}: ")
    assert str(caught.value).isprintable()


CALL = {"role": "assistant", "content": None, "tool_calls": [{"function": {"name": "look"}}]}
TALK: list[dict[str, Any]] = [
    {"role": "system", "content": "Be brief."},
    {"role": "user", "content": "How warm is it?"},
    CALL,
    {"role": "tool", "content": "21"},
    {"role": "assistant", "content": "It is 21 degrees."},
    {"role": "user", "content": "Is that warm?"},
]
HISTORY = (
    Turn(role="system", text="Be brief."),
    Turn(role="user", text="How many?"),
    Turn(role="assistant", text="Up to twelve."),
)


@pytest.mark.parametrize(
    "row",
    [
        {"messages": TALK},
        {"messages": [*TALK, {"role": "assistant", "content": "It is mild."}]},
        {"prompt": TALK},
        {"prompt": TALK, "completion": [{"role": "assistant", "content": "It is mild."}]},
        {"conversations": [{"from": turn["role"], "value": turn["content"], **turn} for turn in TALK]},
    ],
)
def test_of_a_conversation_the_last_user_turn_is_asked_after_what_was_said(
    tmp_path: Path, row: dict[str, Any]
) -> None:
    (tmp_path / "p.json").write_text(json.dumps([row]), "utf-8")
    (prompt,) = prompts(tmp_path / "p.json")
    assert (prompt.instruction, prompt.input) == ("Is that warm?", "")
    assert [turn.role for turn in prompt.history] == ["system", "user", "assistant", "tool", "assistant"]


def test_what_was_said_before_may_stand_in_fields(tmp_path: Path) -> None:
    row = {"instruction": "And late?", "system": "Be brief.", "history": [["How many?", "Up to twelve."]]}
    (tmp_path / "p.json").write_text(json.dumps([row]), "utf-8")
    assert prompts(tmp_path / "p.json") == [AnswerPrompt("And late?", history=HISTORY)]


@pytest.mark.parametrize(
    "row", [{"messages": TALK}, {"instruction": "Is that warm?"}], ids=["turns", "fields"]
)
def test_the_tools_of_a_row_are_told_and_stand_in_the_answers_file(
    tmp_path: Path, row: dict[str, Any]
) -> None:
    tool = {"type": "function", "function": {"name": "look", "parameters": {}}}
    (tmp_path / "p.json").write_text(json.dumps([row | {"tools": json.dumps([tool["function"]])}]), "utf-8")
    asked = prompts(tmp_path / "p.json")
    with FakeOllama(echo) as server:
        answers = answered(tmp_path / "w", server, asked)
    assert [chat.body["tools"] for chat in server.chats] == [[tool]]
    out = tmp_path / "out.json"
    write_dataset(out, Format.ALPACA, rows(asked, answers, TEACHER))
    assert [prompt.tools for prompt in prompts(out)] == [(tool,)]
    assert asked[0].question(TemplateName.VICUNA).tools == ()


@pytest.mark.parametrize(
    "turns",
    [
        [{"role": "system", "content": "Be brief."}],
        [{"role": "assistant", "content": "Hello."}],
        [{"role": "user", "content": " "}],
        [{"role": "user", "content": [{"type": "image", "url": "x"}]}],
        [{"role": "user", "content": "Hello."}, {"role": "nobody", "content": "x"}, {"role": "user"}],
        [{"role": "user", "content": "Hello."}, 7],
    ],
)
def test_a_conversation_without_a_question_in_words_is_one_line(tmp_path: Path, turns: list[Any]) -> None:
    (tmp_path / "p.json").write_text(json.dumps([{"messages": turns}]), "utf-8")
    with pytest.raises(DatasetError, match="row 1: ") as caught:
        prompts(tmp_path / "p.json")
    assert str(caught.value).isprintable()


# Answers


def test_a_model_is_shown_the_conversation_and_the_judge_is_too(tmp_path: Path) -> None:
    tools = tuple(Turn(role=role, text=text) for role, text in (
        ("user", "How warm is it?"), ("assistant", "look()"), ("tool", "21"), ("assistant", "It is mild."),
    ))  # fmt: skip
    asked = [AnswerPrompt("And late?", history=HISTORY), AnswerPrompt("And now?", history=tools), ASKED[0]]
    with FakeOllama(lambda chat: f"After {len(chat.messages)}.") as server:
        answers = answered(tmp_path / "w", server, asked)
        assert answers.texts == {0: "After 4.", 1: "After 5.", 2: "After 1."}
        (said,) = [chat.body["messages"] for chat in server.chats if len(chat.body["messages"]) == 4]
    assert [message["content"] for message in said] == [
        *(turn.text for turn in HISTORY),
        "And late?",
    ]
    out = tmp_path / "out.json"
    write_dataset(out, Format.ALPACA, rows(asked, answers, TEACHER))
    first, second, third = json.loads(out.read_text("utf-8"))
    assert (first["system"], first["history"]) == ("Be brief.", [["How many?", "Up to twelve."]])
    assert second["history"] == [["How warm is it?", "look()"], [f"{TOOL_SAYS}\n21", "It is mild."]]
    assert set(third) == {"instruction", "output", "generator"}
    assert [prompt.question(TemplateName.CHAT) for prompt in prompts(out)] == [
        prompt.question(TemplateName.CHAT) for prompt in asked
    ]
    other = tmp_path / "other.json"
    other.write_text(json.dumps([row | {"output": "Another."} for row in (second, third, first)]), "utf-8")
    sides = file_sides(out, other)
    assert [pair.before.history for pair in sides.pairs()][::2] == [HISTORY, ()]
    assert sides.unmatched == (0, 0)


def test_a_model_s_answers_are_alpacaeval_s_file_and_judge_can_read_it(tmp_path: Path) -> None:
    with FakeOllama(echo) as server:
        answers = answered(tmp_path / "w", server, ASKED)
    out = tmp_path / "out.json"
    write_dataset(out, Format.ALPACA, rows(ASKED, answers, TEACHER))
    assert json.loads(out.read_text("utf-8")) == [
        {"instruction": "Name a fruit.", "output": "You said: Name a fruit.", "generator": TEACHER},
        {
            "instruction": "Translate.",
            "input": "Bonjour.",
            "output": "You said: Translate.\nBonjour.",
            "generator": TEACHER,
        },
        {"instruction": "Say A.", "output": "You said: Say A.", "generator": TEACHER},
    ]
    sides = file_sides(out, out)
    assert (sides.same, sides.a) == (3, str(out))


def test_what_a_model_says_is_written_byte_for_byte(tmp_path: Path) -> None:
    texts = [f" {text}\n" for name, text in CORPUS.items() if text.strip() and "surrogate" not in name]
    replies = iter(texts)
    with FakeOllama(lambda _: Answer(text=[next(replies)])) as server:
        asked = [AnswerPrompt(f"{n}") for n in range(len(texts))]
        answers = answered(tmp_path / "w", server, asked, max_tokens=4096)
    out = tmp_path / "out.json"
    write_dataset(out, Format.ALPACA, rows(asked, answers, TEACHER))
    assert [row["output"] for row in json.loads(out.read_text("utf-8"))] == texts


def test_the_thoughts_of_a_model_are_no_answer(tmp_path: Path) -> None:
    with FakeOllama(lambda _: "<think>An apple?</think>\n\nAn apple.") as server:
        assert answered(tmp_path / "w", server, ASKED[:1]).texts == {0: "An apple."}


def test_an_answer_that_was_cut_is_kept_and_counted(tmp_path: Path) -> None:
    with FakeOllama(lambda _: Answer("one two three", done_reason="length")) as server:
        answers = answered(tmp_path / "w", server, ASKED)
        assert len(server.chats) == 3
    assert (answers.texts[2], answers.cut, answers.failures) == ("one two three", 3, {})


def test_a_prompt_without_an_answer_fails_by_itself_and_has_an_empty_output(tmp_path: Path) -> None:
    asked = [*ASKED, AnswerPrompt("word " * 20_000)]
    with FakeOllama(lambda chat: "" if "fruit" in chat.prompt else "x") as server:
        answers = answered(tmp_path / "w", server, asked)
    assert {n: failure.fault.value for n, failure in answers.failures.items()} == {0: "empty", 3: "too-long"}
    written = list(rows(asked, answers, TEACHER))
    assert [row["output"] for row in written] == ["", "x", "x", ""]


def test_a_refusal_is_an_answer(tmp_path: Path) -> None:
    with FakeOllama(lambda _: "I'm sorry, but I can't help with that.") as server:
        assert not answered(tmp_path / "w", server, ASKED).failures


def test_nothing_is_asked_twice_and_what_was_answered_before_is_told_of(tmp_path: Path) -> None:
    events: list[JudgeEvent] = []
    with FakeOllama(echo) as server:
        first = answered(tmp_path / "w", server, ASKED[:2])
        whole = answered(tmp_path / "w", server, [*ASKED, ASKED[0]], events.append)
        assert len(server.chats) == 3
    assert whole.texts == first.texts | {2: "You said: Say A.", 3: first.texts[0]}
    (started,) = [event for event in events if isinstance(event, Started)]
    assert (started.total, started.done) == (4, 3)
    assert [event.number for event in events if isinstance(event, Answered)] == [2]


def test_it_is_called_by_its_tag_or_its_file_s_name_and_never_by_its_path() -> None:
    assert (generator("qwen3:8b"), generator("demo")) == ("qwen3:8b", "demo")
    assert generator("gguf:/home/me/models/mine.Q8_0.gguf") == "mine.Q8_0"


# Templates


def test_a_template_s_words_are_those_the_student_is_asked_in() -> None:
    (message,) = AnswerPrompt("Translate.", "Bonjour.").question(TemplateName.ALPACA).messages
    assert message.content.startswith("Below is an instruction")
    assert message.content.endswith("### Instruction:\nTranslate.\n\n### Input:\nBonjour.\n\n### Response:")
    (message,) = AnswerPrompt("Translate.", "Bonjour.").question(TemplateName.VICUNA).messages
    assert message.content.endswith("USER: Translate.\nInput:\nBonjour. ASSISTANT:")
    (message,) = AnswerPrompt("Translate.", "Bonjour.").question(TemplateName.CHAT).messages
    assert message.content == "Translate.\nBonjour."


@pytest.mark.parametrize("template", list(PUBLISHED))
def test_in_a_template_each_message_but_the_last_ends_with_an_answer(template: TemplateName) -> None:
    said = AnswerPrompt("And late?", history=HISTORY).question(template).messages
    pieces = PUBLISHED[template]("And late?", "", HISTORY, "<END>")
    assert "<END>".join(message.content for message in said) == "".join(piece.text for piece in pieces)
    assert len(said) == 2


def test_a_template_is_not_for_a_server_that_has_its_own() -> None:
    with pytest.raises(UsageError, match="own template"):
        check_answering(AnswerSettings(name=TEACHER, template=TemplateName.VICUNA))
    with pytest.raises(UsageError, match="--model"):
        check_answering(AnswerSettings())
    check_answering(AnswerSettings(name="demo", template=TemplateName.VICUNA))


def test_a_file_answers_a_template_s_words_and_nothing_around_them(tmp_path: Path, smollm2: Path) -> None:
    settings = AnswerSettings(name="demo", context=512, max_tokens=16, template=TemplateName.ALPACA)

    async def main() -> Answers:
        async with RecordedModel(record, settings, lambda _: None, chat=False) as respondent:
            return await answer(respondent, ASKED[:1], settings.template)

    with Record.at(tmp_path / "w") as record:
        answers = asyncio.run(main())
        ((read,),) = record.database.execute("SELECT json_extract(body, '$.prompt_tokens') FROM replies")
    assert answers.texts[0]
    (message,) = ASKED[0].question(TemplateName.ALPACA).messages
    bindings.start()
    assert read == len(Model(smollm2).tokenize(message.content, special=False))


@pytest.mark.whole
def test_after_each_answer_of_the_conversation_stands_the_model_s_end_token(
    tmp_path: Path, smollm2: Path
) -> None:
    settings = AnswerSettings(name="demo", context=512, max_tokens=16, template=TemplateName.VICUNA)
    asked = [AnswerPrompt("And late?", history=HISTORY)]

    async def main() -> None:
        async with RecordedModel(record, settings, lambda _: None, chat=False) as respondent:
            await answer(respondent, asked, settings.template)

    with Record.at(tmp_path / "w") as record:
        asyncio.run(main())
        ((read,),) = record.database.execute("SELECT json_extract(body, '$.prompt_tokens') FROM replies")
    bindings.start()
    model = Model(smollm2)
    first, last = (
        len(model.tokenize(message.content, special=False))
        for message in asked[0].question(TemplateName.VICUNA).messages
    )
    assert read == first + 1 + last
