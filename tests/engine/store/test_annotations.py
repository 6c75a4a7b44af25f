"""Notes and tags: kept as they were written, taken back with the decisions around them, and in no one's way."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

import engine.store.acts
from engine.run.opening import append_dataset, open_workspace
from engine.sample import Annotation, Decision
from engine.store.acts import whole
from engine.store.annotations import NONE, AnnotationChange, read_tags
from engine.store.leaving import ExportRule, count_exported, exported
from engine.store.workspace import Workspace
from models.errors import UsageError
from tests.factory import RECORD, new_workspace, recipe, review

ODD = Annotation(note=" a\x00b \ud800\u202e\n\x1b[2J ", tags=("bad", "café"))
BAD = Annotation(tags=("bad",))


@pytest.fixture
def opened(tmp_path: Path) -> Iterator[Workspace]:
    with Workspace.open(new_workspace(tmp_path / "w.burnish", 5)) as workspace:
        yield workspace


def all_of(workspace: Workspace) -> list[Annotation]:
    return [workspace.annotations.of(index) for index in range(len(workspace))]


@pytest.mark.parametrize(
    ("line", "tags"),
    [
        ("", ()),
        ("#Bug, bad-fact  style/TONE,,", ("bad-fact", "bug", "style/tone")),
        ("E\u0301te\u0301 été ÉTÉ", ("été",)),
        ("要確認 हिन्दी 2nd v1.2_b", ("2nd", "v1.2_b", "हिन्दी", "要確認")),
        ("x" * 30, ("x" * 30,)),
    ],
)
def test_tags_are_read_in_one_form(line: str, tags: tuple[str, ...]) -> None:
    assert read_tags(line) == tags
    assert read_tags(" ".join(tags)) == tags


@pytest.mark.parametrize(
    ("word", "why"),
    [
        ("a:b", "letters and digits"),
        ("[red]", "letters and digits"),
        ("a\u202eb", "letters and digits"),
        ("a\ud800", "letters and digits"),
        ("#", "letters and digits"),
        ("##a", "letters and digits"),
        ("-bug", "begins with a letter or a digit"),
        ("\u0301a", "begins with a letter or a digit"),
        ("x" * 31, "at most 30 characters, and this one 31"),
    ],
)
def test_what_cannot_be_a_tag_is_one_line(word: str, why: str) -> None:
    with pytest.raises(UsageError, match=why) as raised:
        read_tags(f"good {word}")
    assert "\n" not in str(raised.value)


def test_notes_and_tags_are_kept_to_the_byte_and_last_over_reopening(tmp_path: Path) -> None:
    path = new_workspace(tmp_path / "w.burnish", 5)
    with Workspace.open(path) as workspace:
        workspace.annotations.keep(1, ODD)
        workspace.annotations.keep(2, BAD)
    with Workspace.read(path) as reading:
        assert all_of(reading) == [NONE, ODD, BAD, NONE, NONE]
        assert (reading.annotations.tags(), reading.annotations.noted()) == ({"bad": 2, "café": 1}, 1)
        assert list(reading.annotations.tags()) == ["bad", "café"]


def test_undo_takes_notes_tags_and_decisions_back_in_the_order_they_were_made(opened: Workspace) -> None:
    opened.annotations.keep(1, ODD)
    opened.reviews.keep(review(1, Decision.ORIGINAL))
    opened.annotations.keep(1, NONE)
    assert all_of(opened) == [NONE] * 5
    undone = opened.acts.undo()
    assert undone is not None
    assert (undone.what, list(undone.samples)) == ("note and tags", [1])
    assert (opened.annotations.of(1), opened.reviews.decided()) == (ODD, 1)
    opened.acts.undo()
    assert (opened.annotations.of(1), opened.reviews.decided()) == (ODD, 0)
    opened.acts.undo()
    assert (all_of(opened), opened.acts.undo()) == ([NONE] * 5, None)
    for _ in range(2):
        opened.acts.redo()
    assert (opened.annotations.of(1), opened.reviews.decided()) == (ODD, 1)
    opened.annotations.keep(2, BAD)
    assert opened.acts.redo() is None, "what was undone is forgotten, whatever it was"
    opened.acts.undo()
    opened.acts.undo()
    assert (opened.annotations.of(1), opened.reviews.decided()) == (ODD, 0)


def test_many_are_changed_in_one_act_and_a_note_stays_where_there_is_one(
    opened: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(engine.store.acts, "SLICE", 2)
    opened.annotations.keep(1, ODD)
    opened.annotations.keep(4, Annotation(note="new", tags=("good",)))
    change = AnnotationChange("new", added=("good",), removed=("bad",))
    log = opened.annotations
    assert whole(log.keep_in_steps(log.changed(range(5), change))) == 4, "one is so already"
    new = Annotation(note="new", tags=("good",))
    assert all_of(opened) == [new, Annotation(note=ODD.note, tags=("café", "good")), new, new, new]
    opened.acts.undo()
    assert all_of(opened) == [NONE, ODD, NONE, NONE, new]


def test_an_act_that_was_left_on_the_way_is_taken_back(
    opened: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(engine.store.acts, "SLICE", 2)
    opened.annotations.keep(0, ODD)
    steps = opened.annotations.keep_in_steps((index, BAD) for index in range(5))
    next(steps)
    steps.close()
    opened.close()
    with Workspace.open(opened.path) as again:
        assert all_of(again) == [ODD, NONE, NONE, NONE, NONE]


def test_they_outlast_another_run_and_new_rows_and_decide_about_nothing(tmp_path: Path) -> None:
    data = tmp_path / "d.jsonl"
    row = {"conversations": [{"from": role, "value": role} for role in ("human", "gpt") * 2]}
    data.write_text(json.dumps(row) + "\n")
    with open_workspace(tmp_path / "w.burnish", data, None, None) as workspace:
        workspace.annotations.keep(0, ODD)
        data.write_text(2 * (json.dumps(row) + "\n"))
        append_dataset(workspace, data, None)
        workspace.take_up_all()
        assert all_of(workspace) == [ODD, NONE, NONE, NONE], "the sample is the same one"
        assert workspace.sample(0).turn == 2
        run = workspace.run(recipe(), RECORD)
        assert count_exported(workspace, run, ExportRule.ACCEPTED) == 0
        trace = next(exported(workspace, run)).trace(run)
    assert (trace["note"], trace["tags"]) == (ODD.note, ["bad", "café"])
