"""What is compared with what: the sides of a workspace, and the rows of two files that belong together."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from engine.export.export import ExportRequest, RowProgress, write
from engine.formats.names import DatasetError
from engine.formats.read import BadRow
from engine.judge.pairs import Sides, file_sides, spoken, workspace_sides
from engine.judge.prompt import Pair
from engine.method.templates import TOOL_SAYS
from engine.run.opening import open_workspace
from engine.sample import Decision, Review, Stage, Turn, Turns, Verdict, Version
from engine.store.file_errors import WorkspaceError
from engine.store.leaving import ExportRule
from engine.store.workspace import Workspace
from tests.factory import recipe
from tests.running import dataset
from tests.scene import KINDS, outcome_of_kind, scene, started


@pytest.fixture(scope="module")
def refined(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Sample n is as KINDS[n] says."""
    return scene(tmp_path_factory.mktemp("pairs"), reviewed=False)


def of_kind(sides: Sides, kind: str) -> list[Pair]:
    return [pair for pair in sides.pairs() if pair.row == KINDS.index(kind)]


# A workspace


def test_the_original_is_compared_with_what_leaves_and_each_rewrite_with_what_it_was_to_replace(
    refined: Path,
) -> None:
    sides = workspace_sides(refined)
    with Workspace.read(refined) as opened:
        original = opened.sample(0).original
        outcome = opened.outcome(opened.latest_run(), 0)
    assert outcome is not None
    first, second = (choice.rewrite for choice in outcome.choices)
    compared, instruction, response = of_kind(sides, "replaced")
    assert (compared.a, compared.b, compared.choices) == (original, outcome.final, ())
    assert (instruction.a, instruction.b) == (original, first)
    assert (response.a, response.b) == (first, second)
    (of_instruction,), (of_response,) = instruction.choices, response.choices
    assert (of_instruction.stage, of_instruction.verdict, of_instruction.margin) == (
        *(Stage.INSTRUCTION, Verdict.REPLACED, 0.12),
    )
    assert (of_response.stage, of_response.verdict, of_response.margin) == (
        *(Stage.RESPONSE, Verdict.REPLACED, 0.2),
    )
    assert [pair.compared for pair in (compared, instruction, response)] == [True, False, False]


def test_a_rewrite_that_the_student_turned_down_is_judged_too_but_is_not_in_the_comparison(
    refined: Path,
) -> None:
    pairs = of_kind(workspace_sides(refined), "kept")
    assert [(pair.compared, pair.a == pairs[0].a) for pair in pairs] == [(False, True), (False, True)]
    assert [choice.verdict for pair in pairs for choice in pair.choices] == [Verdict.KEPT, Verdict.KEPT]


def test_two_questions_about_the_same_texts_are_one_pair(refined: Path) -> None:
    """The instruction stage's rewrite stayed to the end: both questions are about it and the original."""
    compared, turned_down = of_kind(workspace_sides(refined), "half")
    assert compared.compared
    assert [choice.stage for choice in compared.choices] == [Stage.INSTRUCTION]
    assert [choice.stage for choice in turned_down.choices] == [Stage.RESPONSE]
    (failed,) = of_kind(workspace_sides(refined), "failed")
    assert [choice.stage for choice in failed.choices] == [Stage.INSTRUCTION], "the response had no rewrite"


def test_what_is_the_same_on_both_sides_is_counted_and_what_waits_is_not(refined: Path) -> None:
    sides = workspace_sides(refined, refined_only=True)
    rows = [pair.row for pair in sides.pairs()]
    changed = [n for n in range(24) if KINDS[n % 8] not in ("kept", "waiting")]
    assert rows == changed
    assert sides.same == 3
    assert all(pair.compared and not pair.choices for pair in sides.pairs())
    assert (sides.a, sides.b, sides.unmatched) == ("original", "refined", (0, 0))


def test_a_limit_is_of_samples_that_have_something_to_judge(refined: Path) -> None:
    assert {pair.row for pair in workspace_sides(refined, limit=2).pairs()} == {0, 1}
    assert {pair.row for pair in workspace_sides(refined, limit=2, refined_only=True).pairs()} == {0, 2}
    everything = list(workspace_sides(refined).pairs())
    assert list(workspace_sides(refined, limit=100).pairs()) == everything


def test_a_person_s_word_comes_before_the_student_s(tmp_path: Path) -> None:
    path = scene(tmp_path, reviewed=False)
    mine = Version(instruction="Mine.", response="My own.")
    with Workspace.open(path) as opened:
        original = opened.sample(0).original
        opened.reviews.keep(Review(index=0, decision=Decision.ORIGINAL, version=original))
        opened.reviews.keep(Review(index=1, decision=Decision.EDITED, version=mine))
    pairs = {pair.row: pair for pair in workspace_sides(path, refined_only=True).pairs()}
    assert 0 not in pairs
    assert pairs[1].b == mine


def test_a_workspace_that_nothing_was_refined_in_is_refused(tmp_path: Path) -> None:
    path = scene(tmp_path)
    with Workspace.open(path) as opened:
        run = opened.run(
            recipe(method="score"), opened.latest_run().record.model_copy(update={"teacher": None})
        )
        assert run.record.teacher is None
    with pytest.raises(WorkspaceError, match="asked no teacher"):
        workspace_sides(path)
    with Workspace.open(path) as opened:
        started(opened)
    assert list(workspace_sides(path).pairs())


# Two files


def written(path: Path, rows: list[Any]) -> Path:
    path.write_text(json.dumps(rows), "utf-8")
    return path


def row(instruction: str, output: str, **more: Any) -> dict[str, Any]:
    return {"instruction": instruction, "output": output, **more}


def answers(sides: Sides) -> list[tuple[str, str, str]]:
    return [(pair.a.instruction, pair.a.response, pair.b.response) for pair in sides.pairs()]


def test_rows_are_matched_on_instruction_and_input_whatever_their_order(tmp_path: Path) -> None:
    a = written(
        tmp_path / "a.json",
        [row("x", "1", input="u"), row("x", "2"), row("y", "3"), row("same", "4"), row("alone", "5")],
    )
    b = written(
        tmp_path / "b.json",
        [row("y", "30"), row("same", "4"), row("x", "20"), row("x", "10", input="u"), row("other", "6"),
         row("x", "7", input="v")],
    )  # fmt: skip
    sides = file_sides(a, b)
    assert answers(sides) == [("x", "1", "10"), ("x", "2", "20"), ("y", "3", "30")]
    assert [pair.row for pair in sides.pairs()] == [0, 1, 2]
    assert (sides.same, sides.unmatched) == (1, (1, 2))
    assert answers(file_sides(a, b, limit=2)) == answers(sides)[:2]


def test_of_equal_rows_the_first_meets_the_first(tmp_path: Path) -> None:
    a = written(tmp_path / "a.json", [row("x", "1"), row("x", "2"), row("x", "3")])
    b = written(tmp_path / "b.json", [row("x", "10"), row("x", "20")])
    sides = file_sides(a, b)
    assert answers(sides) == [("x", "1", "10"), ("x", "2", "20")]
    assert answers(sides) == answers(sides), "as often as one likes"
    assert sides.unmatched == (1, 0)


def test_two_exports_with_traces_are_matched_on_the_sample_they_came_from(
    refined: Path, tmp_path: Path
) -> None:
    a, b = tmp_path / "a.json", tmp_path / "b.json"
    write(refined, a, ExportRequest(trace=True), RowProgress())
    write(refined, b, ExportRequest(rule=ExportRule.PAPER, trace=True), RowProgress())
    rows = json.loads(a.read_text("utf-8"))
    with Workspace.read(refined) as opened:
        for exported, sample in zip(rows, opened.samples(), strict=True):
            exported["instruction"], exported["output"] = sample.original.instruction, "Another answer."
    written(a, rows)
    sides = file_sides(a, b)
    kept = len(json.loads(b.read_text("utf-8")))
    assert len(list(sides.pairs())) == kept
    assert sides.unmatched == (24 - kept, 0)
    assert any(pair.a.instruction != pair.b.instruction for pair in sides.pairs())

    # An index says nothing about a sample of another dataset.
    for exported in rows:
        exported["burnish"]["original"]["instruction"] += "!"
    written(a, rows)
    assert file_sides(a, b).unmatched == (24, kept)


@pytest.mark.parametrize(
    "trace", [None, 7, {}, {"index": "0"}, {"index": 0}, {"index": 0, "original": {"instruction": 1}}]
)
def test_a_trace_that_is_none_of_ours_is_no_trace(tmp_path: Path, trace: object) -> None:
    a = written(tmp_path / "a.json", [row("x", "1", burnish=trace)])
    b = written(tmp_path / "b.json", [row("x", "2", burnish=trace)])
    assert answers(file_sides(a, b)) == [("x", "1", "2")]


def test_alpacaeval_s_files_are_called_by_their_generators(tmp_path: Path) -> None:
    a = written(tmp_path / "a.json", [row("x", "1", generator="llama"), row("y", "2", generator="llama")])
    b = written(tmp_path / "b.json", [row("x", "3", generator="qwen"), row("y", "", generator="qwen")])
    sides = file_sides(a, b)
    assert (sides.a, sides.b) == ("llama", "qwen")
    assert answers(sides) == [("x", "1", "3"), ("y", "2", "")], "an empty answer is an answer"
    sides = file_sides(a, written(tmp_path / "c.json", [row("x", "4", generator="llama")]))
    assert (sides.a, sides.b) == (str(a), str(tmp_path / "c.json"))
    assert file_sides(a, written(tmp_path / "d.json", [row("x", "5")])).b == "d.json"


def test_files_of_any_layout_meet(tmp_path: Path) -> None:
    turns = [{"from": "human", "value": "x"}, {"from": "gpt", "value": "1"}]
    a = written(tmp_path / "a.json", [{"conversations": turns}])
    b = tmp_path / "b.csv"
    b.write_text("instruction,output\nx,2\n", "utf-8")
    assert answers(file_sides(a, b)) == [("x", "1", "2")]


def test_rows_without_an_answer_are_told_of_once_and_left_out(tmp_path: Path) -> None:
    a = written(tmp_path / "a.json", [row("x", "1"), {"instruction": "y"}, 7])
    b = written(tmp_path / "b.json", [row("x", "2"), row("", "3"), row("y", " ")])
    notices: list[tuple[str, str]] = []

    def on_bad(path: Path, bad: BadRow) -> None:
        notices.append((path.name, bad.where))

    sides = file_sides(a, b, on_bad=on_bad)
    assert answers(sides) == [("x", "1", "2")]
    assert sorted(notices) == [
        ("a.json", "row 2"),
        ("a.json", "row 3"),
        ("b.json", "row 2"),
        ("b.json", "row 3"),
    ]


def test_a_file_that_is_none_is_one_line(tmp_path: Path) -> None:
    a = written(tmp_path / "a.json", [row("x", "1")])
    with pytest.raises(DatasetError, match="cannot be read"):
        file_sides(a, tmp_path / "none.json")


# Conversations


def talk(*texts: str, **more: Any) -> dict[str, Any]:
    roles = ["user", "assistant"] * len(texts)
    return {"messages": [{"role": r, "content": t} for r, t in zip(roles, texts, strict=False)], **more}


@pytest.mark.parametrize("turns", list(Turns))
def test_each_pair_of_a_workspace_has_what_stands_before_its_exchange(tmp_path: Path, turns: Turns) -> None:
    rows = [
        talk("Name a fruit.", "An apple.", "A red one?", "A cherry.", tools=[{"name": "look"}]),
        talk("Say stop.", "Stop it."),
    ]
    path = tmp_path / "w.burnish"
    with open_workspace(path, dataset(tmp_path / "d.json", rows), None, None, turns=turns) as opened:
        run, samples = started(opened), {sample.index: sample for sample in opened.samples()}
        for sample in samples.values():
            kind = "replaced" if sample.next is None else "half"
            made = outcome_of_kind(sample, kind)
            assert made is not None
            opened.keep_outcome(run, made)
    pairs = list(workspace_sides(path).pairs())
    assert {pair.row for pair in pairs} == set(samples)
    for pair in pairs:
        sample = samples[pair.row]
        assert pair.befores[0] == pair.befores[1]
        assert pair.before.history == sample.history
        assert bool(pair.before.tools) == ("tools" in sample.row)


def test_rows_of_conversations_are_matched_on_what_was_said_before(tmp_path: Path) -> None:
    rows = [
        talk("Name a river.", "The Loire.", "Shorter.", "Loire."),
        talk("Name a sea.", "It is.", "Shorter.", "B"),
    ]
    a = written(tmp_path / "a.json", rows)
    b = written(
        tmp_path / "b.json",
        [talk(*[turn["content"] for turn in row["messages"][:-1]], "x") for row in rows[::-1]],
    )
    sides = file_sides(a, b)
    assert answers(sides) == [("Shorter.", "Loire.", "x"), ("Shorter.", "B", "x")]
    assert [pair.before.history[0].text for pair in sides.pairs()] == ["Name a river.", "Name a sea."]
    assert all(pair.has_one_instruction for pair in sides.pairs())
    assert sides.unmatched == (0, 0)


def test_a_conversation_in_turns_is_matched_with_the_same_one_in_fields(tmp_path: Path) -> None:
    turns = talk("Name a river.", "The Loire.", "Shorter.", "Loire.")
    turns["messages"].insert(0, {"role": "system", "content": "Be brief."})
    fields = row("Shorter.", "x", system="Be brief.", history=[["Name a river.", "The Loire."]])
    sides = file_sides(written(tmp_path / "a.json", [turns]), written(tmp_path / "b.json", [fields]))
    assert answers(sides) == [("Shorter.", "Loire.", "x")]


def test_two_exports_of_whole_conversations_are_matched_though_earlier_turns_were_refined(
    tmp_path: Path,
) -> None:
    def exported(name: str, *texts: str) -> Path:
        trace = {"index": 1, "original": {"instruction": "A red one?", "input": "", "response": "y"}}
        return written(tmp_path / name, [talk(*texts, burnish={"exchanges": [trace | {"index": 0}, trace]})])

    a = exported("a.json", "Name a fruit.", "An apple.", "A red one?", "A cherry.")
    b = exported("b.json", "Name a fruit.", "An apple, a pear.", "A red one?", "It is a cherry.")
    (pair,) = file_sides(a, b).pairs()
    assert [before.history[1].text for before in pair.befores] == ["An apple.", "An apple, a pear."]
    assert not pair.has_one_instruction


@pytest.mark.parametrize(
    ("history", "expected"),
    [
        ("", ("", ())),
        ("s", ("s0", ())),
        ("ssuaua", ("s0\n\ns1", (("u2", "a3"), ("u4", "a5")))),
        ("uatau", ("", (("u0", "a1"), (f"{TOOL_SAYS}\nt2", "a3"), ("u4", "")))),
        ("auua", ("", (("", "a0"), ("u1\n\nu2", "a3")))),
        ("uaasua", ("", (("u0", "a1"), ("", "a2"), ("s3\n\nu4", "a5")))),
    ],
)
def test_any_history_is_a_system_message_and_pairs(history: str, expected: tuple[Any, ...]) -> None:
    roles: dict[str, Any] = {"s": "system", "u": "user", "a": "assistant", "t": "tool"}
    said = spoken(tuple(Turn(role=roles[mark], text=f"{mark}{n}") for n, mark in enumerate(history)))
    assert said == expected
    again = tuple(Turn(role=message.role, text=message.content) for message in said.messages)
    assert spoken(again).messages == said.messages
