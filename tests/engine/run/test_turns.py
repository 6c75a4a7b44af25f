"""Every exchange of a conversation is refined: after what was said before it, and before what is said next."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from engine.export.export import ExportRequest, RowProgress, write
from engine.export.preferences import PreferenceKind, Preferences, PreferredBy
from engine.formats.read import open_dataset
from engine.method.reply_forms import ReplyFormName
from engine.run.opening import append_dataset, open_workspace
from engine.sample import Decision, Review, Sample, Stage, Turns, Version
from engine.store.leaving import ExportRule, exported, exported_rows
from engine.store.workspace import Workspace
from tests import golden
from tests.ollama.script import Chat
from tests.ollama.server import FakeOllama
from tests.running import brief, dataset, finals, outcomes, refine, settings, workspace

CONVERSATIONS = Path(golden.__file__).with_name("conversations.jsonl")
ALL = {"turns": "all"}


def turn(role: str, text: Any, **rest: Any) -> dict[str, Any]:
    return {"role": role, "content": text, **rest}


def talk(*texts: str) -> dict[str, Any]:
    roles = ["user", "assistant"] * len(texts)
    return {"messages": [turn(role, text) for role, text in zip(roles, texts, strict=False)]}


ROWS = [
    talk("Name a fruit.", "An apple.", "A red one?", "A cherry."),
    talk("Say stop.", "Stop it."),
    talk("One plus one?", "It is two.", "Plus two?", "It is four.", "And minus one?", "It is three."),
]
CALL = {"type": "function", "function": {"name": "look", "arguments": "{}"}}
TOOLS = {
    "messages": [
        turn("system", "Use the tools."),
        turn("user", "How warm is it?"),
        turn("assistant", None, tool_calls=[CALL]),
        turn("tool", "21 degrees", tool_call_id="c1"),
        turn("assistant", "It is 21 degrees."),
        turn("user", "Is that warm?"),
        turn("assistant", "It is mild.", weight=0),
        turn("user", "And in Rome?"),
        turn("assistant", "It is hot there."),
        turn("user", [{"type": "image", "url": "x"}, {"type": "text", "text": "Where is this?"}]),
        turn("assistant", "It is Rome."),
        turn("user", "Thank you."),
        turn("assistant", "You are welcome."),
    ],
    "tools": [{"name": "look"}],
}


def everything(chat: Chat) -> str:
    return "\n".join(message["content"] for message in chat.messages)


def replied(form: ReplyFormName, chat: Chat, number: int) -> str:
    if form is ReplyFormName.JSON:
        return brief(chat)
    asked = "\n".join(str(message["content"]) for message in chat.messages)
    lines = [line for line in asked.splitlines() if line.startswith("[") and line != "[End]"]
    parts = [f"{line}\nOther words {number}." for number, line in enumerate(lines)]
    return "\n".join(parts) or f"Some other words {number}."


@pytest.mark.parametrize("form", list(ReplyFormName))
def test_every_exchange_is_refined_after_its_history_and_before_its_next_turn(
    tmp_path: Path, form: ReplyFormName
) -> None:
    chats: list[Chat] = []

    def reply(chat: Chat) -> str:
        chats.append(chat)
        return replied(form, chat, len(chats))

    rows = [json.loads(line) for line in CONVERSATIONS.read_text("utf-8").splitlines()]
    with workspace(tmp_path / "w.burnish", rows) as opened, FakeOllama(reply) as server:
        run = {"method": "reflect", "reply_form": form} | ALL
        # The script answers a Korean conversation in English.
        summary = refine(opened, settings(server, run=run, reflection={"language": "any"}))
        samples = list(opened.samples())
        count = sum(turn["role"] == "assistant" for row in rows for turn in row["messages"])
        assert (summary.total, summary.done, summary.failed, len(samples)) == (count, count, 0, count)
        assert [(one.number, one.turn) for one in samples] == sorted(
            (one.number, one.turn) for one in samples
        )
        told = [everything(chat) for chat in chats]
        for one, outcome in zip(samples, outcomes(opened), strict=True):
            of = [text for text in told if _is_about(text, one)]
            assert of
            assert all(said.text in text for said in one.history for text in of)
            stages = [choice.stage for choice in outcome.choices] if outcome else []
            if one.next is None:
                assert stages == list(Stage)
                assert not any("goes on with:" in text for text in of)
            else:
                assert stages == [Stage.RESPONSE]
                assert all(one.next.text in text for text in of)
                assert not any("new instruction" in text.lower() for text in of)
                assert outcome is not None
                assert outcome.final.instruction == one.original.instruction
                asks = [text for text in of if "must still make sense right after" in text]
                assert asks
        finished = [outcome.final for outcome in outcomes(opened) if outcome]
        out = _rows(_exported(tmp_path, opened))
    for number, (before, after) in enumerate(zip(rows, out, strict=True)):
        versions = [version for one, version in zip(samples, finished, strict=True) if one.number == number]
        said = [turn["content"] for turn in after["messages"] if turn["role"] != "system"]
        assert said == [text for one in versions for text in (one.instruction, one.response)]
        assert [set(turn) for turn in after["messages"]] == [set(turn) for turn in before["messages"]]


def _rows(path: Path) -> list[Any]:
    return [row for _, row in open_dataset(path).rows()]


def _exported(folder: Path, opened: Workspace, **wanted: Any) -> Path:
    out = folder / "out.jsonl"
    write(opened.path, out, ExportRequest(**wanted), RowProgress())
    return out


def _is_about(text: str, one: Sample) -> bool:
    """True of a request in which this exchange is the example."""
    example = text.rpartition("</conversation>")[2]
    return (
        f"<instruction>\n{one.original.instruction}\n</instruction>" in example
        and one.original.response in example
    ) or f"Instruction: {one.original.instruction}\n\nResponse: {one.original.response}" in example


def test_last_is_the_usual_and_the_other_exchanges_join_later_with_nothing_paid_lost(tmp_path: Path) -> None:
    with workspace(tmp_path / "w.burnish", ROWS) as opened, FakeOllama(brief) as server:
        first = refine(opened, settings(server))
        assert (first.total, len(opened), opened.source().turns) == (3, 3, Turns.LAST)
        asked, before = len(server.chats), finals(opened)
        opened.reviews.keep(
            Review(index=0, decision=Decision.EDITED, version=Version(instruction="I?", response="R."))
        )
        second = refine(opened, settings(server, run=ALL))
        assert (second.run.id, second.total, second.done) == (first.run.id, 6, 6)
        assert finals(opened)[:3] == before, "their numbers, replies and outcomes stay"
        assert len(server.chats) == asked + 3, "a request for the response of each that joined"
        places = [(one.number, one.turn, one.next is None) for one in opened.samples()]
        assert places == [
            (0, 2, True),
            (1, 1, True),
            (2, 3, True),
            (0, 1, False),
            (2, 1, False),
            (2, 2, False),
        ]
        assert refine(opened, settings(server, run=ALL)).done == 6
        assert refine(opened, settings(server)).total == 3, "the last ones are still a run of their own"
        assert len(server.chats) == asked + 3
        rows = list(exported_rows(opened, second.run))
        assert [[one.sample.turn for one in row.samples] for row in rows] == [[1, 2], [1], [1, 2, 3]]
        out = _rows(_exported(tmp_path, opened))
    assert [turn["content"] for turn in out[0]["messages"]][2:] == ["I?", "R."]
    assert [turn["content"] for turn in out[0]["messages"]][:2] == [
        "Name a fruit.",
        rows[0].samples[0].version.response,
    ]


@pytest.mark.whole
def test_a_run_that_is_stopped_and_taken_up_asks_nothing_twice(tmp_path: Path) -> None:
    whole = tmp_path / "whole.burnish"
    with workspace(whole, ROWS) as opened, FakeOllama(brief) as server:
        refine(opened, settings(server, run=ALL))
        expected, asked = finals(opened), len(server.chats)
    with workspace(tmp_path / "w.burnish", ROWS) as opened, FakeOllama(brief) as server:
        for limit in (1, 2, 4, None):
            refine(opened, settings(server, run=ALL), limit=limit)
        assert (finals(opened), len(server.chats)) == (expected, asked)
        with opened.database.transaction():  # as if it had been killed before anything was decided
            opened.database.execute("DELETE FROM figures")
            opened.database.execute("DELETE FROM outcomes")
        refine(opened, settings(server, run=ALL))
        assert (finals(opened), len(server.chats)) == (expected, asked)


def test_what_is_never_rewritten_is_part_of_the_history(tmp_path: Path) -> None:
    with workspace(tmp_path / "w.burnish", [TOOLS, ROWS[1]]) as opened, FakeOllama(brief) as server:
        refine(opened, settings(server, run={"method": "reflect"} | ALL))
        samples = [one for one in opened.samples() if one.number == 0]
        assert [one.original.instruction for one in samples] == ["And in Rome?", "Thank you."]
        first, last = samples
        assert [said.role for said in first.history] == [
            "system", "user", "assistant", "tool", "assistant", "user", "assistant",
        ]  # fmt: skip
        assert '"name": "look"' in first.history[2].text
        assert first.next is not None
        assert first.next.text == "[image]Where is this?"
        assert last.history[-2].text == "[image]Where is this?"
        texts = ["\n".join(one["content"] for one in chat.body["messages"]) for chat in server.chats]
        about = [text for text in texts if "Thank you." in text]
        assert about
        assert all("<tool>\n21 degrees\n</tool>" in text for text in about)
        counts = opened.conversations()
        assert (counts.rows, counts.system, counts.earlier, counts.tools) == (2, 1, 1, 1)
        assert (counts.last, counts.all) == (2, 3)
        after, _ = _rows(_exported(tmp_path, opened))
    refined = {7, 8, 11, 12}
    for number, (old, new) in enumerate(zip(TOOLS["messages"], after["messages"], strict=True)):
        assert (old == new) == (number not in refined - {7}), number
    assert after["tools"] == TOOLS["tools"]


@pytest.mark.parametrize(
    "mark", [{"weight": 0}, {"weight": 0.0}, {"train": False}, {"training": False}, {"loss": False}]
)
def test_an_answer_that_is_not_to_be_trained_on_is_not_refined(tmp_path: Path, mark: dict[str, Any]) -> None:
    row = {"messages": [*ROWS[0]["messages"][:3], turn("assistant", "A cherry.", **mark)]}
    with workspace(tmp_path / "w.burnish", [row, ROWS[1]]) as opened:
        assert {str(why): count for why, count in opened.passed().items()} == {"not trained": 1}
        assert opened.take_up_all() == 1
        assert [(one.number, one.turn) for one in opened.samples()] == [(0, 1), (1, 1)]
        assert opened.passed() == {}


def test_rows_of_pairs_have_their_exchanges_too(tmp_path: Path) -> None:
    row = {
        "instruction": "c",
        "input": "u",
        "output": "d",
        "history": [["a", "b"], ["e", " "]],
        "system": "s",
    }
    with open_workspace(
        tmp_path / "w.burnish", dataset(tmp_path / "d.json", [row]), None, None, turns=Turns.ALL
    ) as opened:
        first, last = opened.samples()
        assert (first.turn, first.original, first.next and first.next.text) == (
            1, Version(instruction="a", response="b"), "e",
        )  # fmt: skip
        assert (last.turn, last.original.input, len(last.history)) == (3, "u", 5)


def test_an_appended_row_has_the_exchanges_that_the_others_have(tmp_path: Path) -> None:
    data = tmp_path / "data.jsonl"
    data.write_text("".join(json.dumps(row) + "\n" for row in ROWS[:2]))
    with open_workspace(tmp_path / "w.burnish", data, None, None, turns=Turns.ALL) as opened:
        data.write_text("".join(json.dumps(row) + "\n" for row in ROWS))
        assert append_dataset(opened, data, None) == 1
        assert [(one.index, one.number, one.turn) for one in opened.samples()] == [
            (0, 0, 1), (1, 0, 2), (2, 1, 1), (3, 2, 1), (4, 2, 2), (5, 2, 3),
        ]  # fmt: skip


def test_a_row_leaves_whole_where_a_rule_lets_one_of_its_exchanges_through(tmp_path: Path) -> None:
    with (
        workspace(tmp_path / "w.burnish", [*ROWS, talk("Left alone?")]) as opened,
        FakeOllama(brief) as server,
    ):
        run = refine(opened, settings(server, run={"method": "reflect"} | ALL)).run
        opened.reviews.keep(Review(index=1, decision=Decision.ACCEPTED, version=opened.sample(1).original))
        rows = list(exported_rows(opened, run, ExportRule.ACCEPTED))
        assert [[one.sample.index for one in row.samples] for row in rows] == [[0, 1]]
        assert [len(row.samples) for row in exported_rows(opened, run)] == [2, 1, 3, 0]
        out = _exported(tmp_path, opened, trace=True)
        first, *_ = _rows(out)
    traces = first["burnish"]["exchanges"]
    assert [(one["row"], one["turn"], one["history"]) for one in traces] == [(0, 1, 0), (0, 2, 2)]


def test_a_dropped_exchange_keeps_its_row_from_leaving(tmp_path: Path) -> None:
    with workspace(tmp_path / "w.burnish", ROWS) as opened, FakeOllama(brief) as server:
        run = refine(opened, settings(server, run={"method": "reflect"} | ALL)).run
        opened.reviews.keep(Review(index=1, decision=Decision.DROPPED, version=opened.sample(1).original))
        assert [len(row.samples) for row in exported_rows(opened, run)] == [1, 3]
        assert [one.sample.index for one in exported(opened, run)] == [2, 3, 4, 5]
        assert len(_rows(_exported(tmp_path, opened))) == 2


def test_a_pair_ends_with_its_own_exchange(tmp_path: Path) -> None:
    with workspace(tmp_path / "w.burnish", ROWS) as opened, FakeOllama(brief) as server:
        refine(opened, settings(server, run=ALL))
        for one in opened.samples():
            version = one.original.model_copy(update={"response": f"Mine {one.index}."})
            opened.reviews.keep(Review(index=one.index, decision=Decision.EDITED, version=version))
        wanted = Preferences(PreferenceKind.DPO, PreferredBy.PERSON)
        rows = _rows(_exported(tmp_path, opened, preferences=wanted))
        expected = [
            [*(said.text for said in one.history), one.original.instruction] for one in opened.samples()
        ]
    assert [[turn["content"] for turn in row["prompt"]] for row in rows] == expected
    assert [row["chosen"][0]["content"] for row in rows] == [f"Mine {n}." for n in range(6)]
