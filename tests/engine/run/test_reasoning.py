"""An answer's reasoning goes with it, or what a thinking teacher thought takes its place in the row's own form."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from engine.export.export import ExportRequest, RowProgress, write
from engine.formats.conversation import exchanges_in
from engine.formats.dependents import Done
from engine.formats.following import changes, reasoning_of, with_thoughts
from engine.formats.names import Format
from engine.formats.read import open_dataset
from engine.formats.render import render_row
from engine.sample import Candidate, Decision, Review, Sample, Stage, Turns
from engine.store.overview import overview
from engine.store.workspace import Workspace
from tests.ollama.script import Answer, Chat
from tests.ollama.server import FakeOllama
from tests.running import brief, outcomes, refine, settings, workspace

OLD, NEW = "It is the old reasoning.", "Let me think of a better one."


def turns(answer: dict[str, Any], **row: Any) -> dict[str, Any]:
    said = [{"role": "user", "content": "Name a fruit."}, {"role": "assistant", **answer}]
    return {"messages": said, **row}


FINAL = "<|start|>assistant<|channel|>final<|message|>"
THOUGHT = {"type": "thinking", "thinking": OLD, "signature": "x"}
FORMS: dict[str, tuple[Format, dict[str, Any]]] = {
    "in the text": (Format.MESSAGES, turns({"content": f"<think>\n{OLD}\n</think>\n\nAn apple."})),
    "in other marks": (Format.MESSAGES, turns({"content": f"[THINK]{OLD}[/THINK]An apple."})),
    "with the answer in marks": (
        Format.MESSAGES,
        turns({"content": f"<think>{OLD}</think>\n<answer>An apple.</answer>"}),
    ),
    "in channels": (
        Format.MESSAGES,
        turns({"content": f"<|channel|>analysis<|message|>{OLD}<|end|>{FINAL}An apple."}),
    ),
    "beside the answer": (Format.MESSAGES, turns({"reasoning_content": OLD, "content": "An apple."})),
    "in a part": (
        Format.MESSAGES,
        turns({"content": [THOUGHT, {"type": "text", "text": "An apple."}]}),
    ),
    "beside the turns": (Format.MESSAGES, turns({"content": "An apple."}, reasoning=OLD)),
    "in a field": (
        Format.ALPACA_JSONL,
        {"instruction": "Name a fruit.", "reasoning": OLD, "output": "An apple."},
    ),
    "in the output": (
        Format.ALPACA_JSONL,
        {"instruction": "Name a fruit.", "output": f"<think>{OLD}</think>\nAn apple."},
    ),
}  # fmt: skip


def last(row: dict[str, Any], format: Format) -> Sample:
    (found,) = exchanges_in(row, format.layout, Turns.LAST)
    return Sample(index=0, original=found.version, row=row, turn=found.turn)


@pytest.mark.parametrize(("format", "row"), FORMS.values(), ids=FORMS)
def test_the_thoughts_stand_where_the_reasoning_stood_and_nothing_else_changes(
    format: Format, row: dict[str, Any]
) -> None:
    sample = last(row, format)
    version = sample.original.model_copy(update={"response": "A cherry, for it is red."})
    thinking = with_thoughts(sample, version, NEW, format)
    out = render_row([(sample, thinking)], format, format)
    expected = json.dumps(row).replace(OLD, NEW).replace("An apple.", version.response)
    assert json.dumps(out) == expected.replace(', "signature": "x"', "")
    assert out is not None
    again = last(out, format)
    assert again.original == version
    assert NEW in reasoning_of(again, format)
    (change,) = changes(sample, thinking, format)
    assert change.done is Done.REASONED
    (change,) = changes(sample, version, format)
    assert change.done is Done.REASONING


@pytest.mark.parametrize(("format", "row"), FORMS.values(), ids=FORMS)
@pytest.mark.parametrize("thoughts", ["", " \n", "I see. </think> So.", "</think>"])
def test_thoughts_that_could_not_be_told_from_the_answer_are_left_out(
    format: Format, row: dict[str, Any], thoughts: str
) -> None:
    sample = last(row, format)
    version = sample.original.model_copy(update={"response": "A cherry, for it is red."})
    out = render_row([(sample, with_thoughts(sample, version, thoughts, format))], format, format)
    assert out is not None
    assert version.response in last(out, format).original.response
    assert OLD not in json.dumps(out)


def test_a_row_without_reasoning_gets_none() -> None:
    sample = last(turns({"content": "An apple."}), Format.MESSAGES)
    version = sample.original.model_copy(update={"response": "A cherry."})
    assert with_thoughts(sample, version, NEW, Format.MESSAGES) == version
    kept = last(FORMS["in the text"][1], Format.MESSAGES)
    assert with_thoughts(kept, kept.original, NEW, Format.MESSAGES) == kept.original


def thinking(chat: Chat) -> Answer:
    return Answer(brief(chat), thinking=f"I thought about {len(chat.key)} letters.")


def exported(folder: Path, opened: Workspace) -> list[Any]:
    out = folder / "out.jsonl"
    write(opened.path, out, ExportRequest(trace=True), RowProgress())
    return [row for _, row in open_dataset(out).rows()]


@pytest.mark.parametrize("turns_of_rows", list(Turns))
def test_a_run_keeps_the_thoughts_and_an_export_takes_them_where_it_is_set_to(
    tmp_path: Path, turns_of_rows: Turns
) -> None:
    rows = [FORMS["in the text"][1], FORMS["beside the answer"][1], turns({"content": "A pear."})]
    rows[1] = {"messages": [*rows[2]["messages"], *rows[1]["messages"]]}
    run: dict[str, Any] = {"method": "reflect", "turns": turns_of_rows}
    with workspace(tmp_path / "w.burnish", rows) as opened, FakeOllama(thinking) as server:
        first = refine(opened, settings(server, run=run)).run
        asked = len(server.chats)
        choices = [choice for outcome in outcomes(opened) if outcome for choice in outcome.choices]
        assert all(choice.thoughts.startswith("I thought about") for choice in choices)
        assert overview(opened, first).reasoning_dropped == 2
        assert "I thought" not in json.dumps([row["messages"] for row in exported(tmp_path, opened)])
        again = refine(opened, settings(server, run=run | {"reasoning": "teacher"})).run
        assert (again.id, len(server.chats)) == (first.id, asked), "nothing is asked for it"
        assert overview(opened, again).reasoning_dropped == 0
        one, other, none = exported(tmp_path, opened)
        assert one["messages"][-1]["content"].startswith("<think>\nI thought about")
        assert other["messages"][-1]["reasoning_content"].startswith("I thought about")
        assert "I thought" not in json.dumps(none["messages"])
        trace = one["burnish"] if turns_of_rows is Turns.LAST else one["burnish"]["exchanges"][-1]
        assert [change["done"] for change in trace["fields"]] == ["reasoning replaced"]
        # A person's own answer is none that the teacher thought about.
        index = next(sample.index for sample in opened.samples() if sample.number == 0)
        mine = opened.sample(index).original.model_copy(update={"response": "Mine."})
        opened.reviews.keep(Review(index=index, decision=Decision.EDITED, version=mine))
        assert exported(tmp_path, opened)[0]["messages"][-1]["content"] == "Mine."
        assert overview(opened, again).reasoning_dropped == 1
        # One that the teacher wrote for a person is.
        asked_for = mine.model_copy(update={"response": "A fig."})
        thought = Candidate(stage=Stage.RESPONSE, version=asked_for, critique={}, thoughts="A fig, then.")
        opened.reviews.keep_candidate(index, thought)
        opened.reviews.keep(Review(index=index, decision=Decision.CHOSEN, version=asked_for))
        assert (
            exported(tmp_path, opened)[0]["messages"][-1]["content"]
            == "<think>\nA fig, then.\n</think>\n\nA fig."
        )
        assert overview(opened, again).reasoning_dropped == 0
