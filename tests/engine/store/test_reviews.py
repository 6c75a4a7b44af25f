"""A person's word on one sample or many: kept at once, taken back, done again, and never mixed up."""

from __future__ import annotations

import json
import sqlite3
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

import engine.store.acts
from engine.sample import (
    Decision,
    Outcome,
    Review,
    Sample,
    Scores,
    Stage,
    Verdict,
    Version,
)
from engine.store.acts import Steps
from engine.store.schema import APPLICATION_ID, MIGRATIONS
from engine.store.workspace import Run, Workspace
from tests.factory import (
    RECORD,
    SOURCE,
    choice,
    failed,
    new_workspace,
    outcome,
    ratio,
    recipe,
    review,
    sample,
    scores,
)

SCORES = Scores(ifd=ratio(0.5), r_ifd=ratio(truncated=True, reason="the text is empty"))
OTHER = scores(1.5, 0.25)


def edit(index: int, response: str = "mine", **changes: Any) -> Review:
    version = Version(instruction="x", response=response)
    return review(index, Decision.EDITED, version=version, **changes)


def back(index: int) -> Review:
    return review(index, Decision.ORIGINAL)


@pytest.fixture
def opened(tmp_path: Path) -> Iterator[Workspace]:
    with Workspace.open(new_workspace(tmp_path / "w.burnish", 5)) as workspace:
        yield workspace


def standing(workspace: Workspace) -> list[str | None]:
    """Each sample's decision, None where there is none."""
    reviews = [workspace.reviews.standing(index) for index in range(len(workspace))]
    return [None if review is None else str(review.decision) for review in reviews]


def replaced(index: int) -> Outcome:
    final = Version(instruction=f"new {index}", response=f"better {index}")
    rewritten = choice(Stage.RESPONSE, Verdict.REPLACED, rewrite=final)
    return outcome(index, rewritten, final=final, before=SCORES, after=OTHER)


# Acts


def test_an_act_about_many_samples_is_undone_and_redone_as_one(opened: Workspace) -> None:
    opened.reviews.keep(edit(2))
    assert opened.reviews.keep_many("kept the original", ((index, back(index)) for index in (1, 2, 4))) == 3
    assert standing(opened) == [None, "original", "original", None, "original"]
    undone = opened.acts.undo()
    assert undone is not None
    assert (undone.what, list(undone.samples)) == ("kept the original", [1, 2, 4])
    assert standing(opened) == [None, None, "edited", None, None], "the edit stands again"
    redone = opened.acts.redo()
    assert redone is not None
    assert list(redone.samples) == [1, 2, 4]
    assert standing(opened) == [None, "original", "original", None, "original"]
    assert opened.acts.redo() is None


def test_undo_and_redo_go_as_far_as_there_is_something_and_last_over_reopening(tmp_path: Path) -> None:
    path = new_workspace(tmp_path / "w.burnish", 5)
    with Workspace.open(path) as workspace:
        for index in range(4):
            workspace.reviews.keep(edit(index, f"mine {index}"))
        workspace.acts.undo()
        workspace.acts.undo()
    with Workspace.open(path) as workspace:
        assert standing(workspace) == ["edited", "edited", None, None, None]
        redone = workspace.acts.redo()
        assert redone is not None
        assert list(redone.samples) == [2], "what was undone last is the first to come back"
        for _ in range(3):
            workspace.acts.undo()
        assert workspace.acts.undo() is None
        assert standing(workspace) == [None] * 5
        for _ in range(4):
            workspace.acts.redo()
        assert workspace.acts.redo() is None
        assert workspace.reviews.standing(3) == edit(3, "mine 3")


def test_a_new_act_forgets_what_was_undone(opened: Workspace) -> None:
    opened.reviews.keep(edit(0))
    opened.reviews.keep(edit(1))
    opened.acts.undo()
    opened.reviews.keep(back(2))
    assert opened.acts.redo() is None
    assert standing(opened) == ["edited", None, "original", None, None]
    assert opened.reviews.history(1) == []


def test_taking_back_is_an_act_of_its_own(opened: Workspace) -> None:
    opened.reviews.keep(edit(0))
    opened.reviews.keep_many("taken back", [(0, None), (1, None)])
    assert standing(opened) == [None] * 5
    opened.acts.undo()
    assert standing(opened)[0] == "edited"
    opened.acts.redo()
    assert standing(opened) == [None] * 5
    assert opened.reviews.history(0) == [edit(0)], "what was once written is still there to be taken"


def test_an_act_about_nothing_is_none(opened: Workspace) -> None:
    opened.reviews.keep(edit(0))
    opened.reviews.keep(edit(1))
    opened.acts.undo()
    assert opened.reviews.keep_many("accepted", []) == 0
    assert opened.acts.redo() is not None, "it forgets nothing"
    opened.acts.undo()
    act = opened.acts.undo()
    assert act is not None
    assert act.what == "edited"


@pytest.mark.parametrize("slice_", [1, 2, 1000])
def test_an_act_that_fails_on_the_way_leaves_everything_as_it_was(
    opened: Workspace, monkeypatch: pytest.MonkeyPatch, slice_: int
) -> None:
    monkeypatch.setattr(engine.store.acts, "SLICE", slice_)
    opened.reviews.keep(edit(1))
    opened.reviews.keep(edit(0))
    opened.acts.undo()

    def failing() -> Iterator[tuple[int, Review]]:
        for index in (1, 2, 3):
            yield index, back(index)
        raise KeyError("a mistake")

    with pytest.raises(KeyError):
        opened.reviews.keep_many("kept the original", failing())
    assert standing(opened) == [None, "edited", None, None, None]
    assert opened.reviews.history(2) == []
    assert opened.acts.redo() is not None, "what was undone is not forgotten for it"
    opened.acts.undo()
    opened.acts.undo()
    assert opened.acts.undo() is None


def test_an_act_is_seen_as_it_comes_and_counts_when_it_is_whole(
    opened: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(engine.store.acts, "SLICE", 2)
    steps = opened.reviews.keep_in_steps("kept the original", ((index, back(index)) for index in range(5)))
    assert [next(steps), next(steps)] == [2, 4]
    assert standing(opened) == ["original"] * 4 + [None]
    assert opened.reviews.history(0) == []
    assert next(steps) == 5
    with pytest.raises(StopIteration) as end:
        next(steps)
    assert end.value.value == 5
    assert opened.reviews.history(0) == [back(0)]
    undoing = opened.acts.undo_in_steps()
    assert [next(undoing), next(undoing)] == [2, 4]
    assert standing(opened) == [None] * 4 + ["original"]


# Of many samples


def test_many_are_accepted_where_there_is_something_to_accept(opened: Workspace) -> None:
    run = opened.run(recipe(), RECORD)
    for index in (0, 3):
        opened.keep_outcome(run, replaced(index))
    assert opened.reviews.keep_many("accepted", opened.reviews.accepting(run.id, range(5))) == 2
    assert standing(opened) == ["accepted", None, None, "accepted", None]
    review = opened.reviews.standing(3)
    assert review is not None
    assert review.version == replaced(3).final


def test_the_original_can_be_kept_of_any_sample(opened: Workspace) -> None:
    assert opened.reviews.keep_many("kept the original", opened.reviews.restoring((4, 1))) == 2
    assert opened.reviews.standing(4) == back(4)


def test_dropping_many_is_one_act_that_is_undone(opened: Workspace) -> None:
    opened.reviews.keep(edit(1, "mine"))
    assert opened.reviews.keep_many("dropped", opened.reviews.dropping((1, 4))) == 2
    assert standing(opened) == [None, "dropped", None, None, "dropped"]
    review = opened.reviews.standing(1)
    assert review is not None
    assert (review.version, review.scores) == (back(1).version, None)
    opened.acts.undo()
    assert standing(opened) == [None, "edited", None, None, None]


# Scores that come later


def test_scores_join_the_decision_they_are_of_and_are_no_act(opened: Workspace) -> None:
    opened.reviews.keep(edit(0, "first"))
    opened.reviews.keep(edit(0, "second"))
    first, second = edit(0, "first").version, edit(0, "second").version
    opened.reviews.add_scores(0, first, SCORES)
    assert opened.reviews.standing(0) == edit(0, "second"), "they are of another version"
    opened.reviews.add_scores(0, second, OTHER)
    assert opened.reviews.standing(0) == edit(0, "second", scores=OTHER)
    ((ifd, r_ifd),) = opened.database.execute("SELECT ifd, r_ifd FROM standing WHERE sample = 0")
    assert (ifd, r_ifd) == (1.5, 0.25)
    opened.acts.undo()
    assert opened.reviews.standing(0) == edit(0, "first", scores=SCORES)
    assert opened.acts.redo() is not None, "weighing is not something a person did"
    opened.reviews.add_scores(0, second, SCORES)
    assert opened.reviews.standing(0) == edit(0, "second", scores=OTHER), (
        "what is weighed is not weighed again"
    )


def test_the_student_s_choice_and_the_original_have_scores_already(opened: Workspace) -> None:
    opened.reviews.keep(back(0))
    opened.reviews.add_scores(0, back(0).version, SCORES)
    assert opened.reviews.standing(0) == back(0)


def test_scores_that_come_while_a_decision_is_undone_are_there_when_it_is_redone(opened: Workspace) -> None:
    opened.reviews.keep(edit(0))
    opened.acts.undo()
    opened.reviews.add_scores(0, edit(0).version, SCORES)
    assert opened.reviews.standing(0) is None
    opened.acts.redo()
    assert opened.reviews.standing(0) == edit(0, scores=SCORES)


# Any order of it all

Act = dict[int, Review | None]
SAMPLES = range(4)
REVIEWS = st.one_of(
    st.none(),
    st.sampled_from(["a", "b"]),
    st.just("original"),
)


def act_of(words: dict[int, str | None]) -> Act:
    return {
        index: None if word is None else back(index) if word == "original" else edit(index, word)
        for index, word in words.items()
    }


def left(steps: Steps[object], after: int) -> bool:
    """Go so many steps and no further; True if that was all."""
    try:
        for _ in range(after):
            next(steps)
    except StopIteration:
        return True
    steps.close()
    return False


class Acts(RuleBasedStateMachine):
    """The workspace beside a list of acts with a mark between those done and those undone."""

    SLICE = 2

    @initialize()
    def begin(self) -> None:
        self.patch = pytest.MonkeyPatch()
        self.patch.setattr(engine.store.acts, "SLICE", self.SLICE)
        self.folder = tempfile.TemporaryDirectory()
        self.workspace = Workspace.open(new_workspace(Path(self.folder.name) / "w.burnish", len(SAMPLES)))
        self.workspace.database.execute("PRAGMA synchronous = OFF")
        self.done: list[Act] = []
        self.undone: list[Act] = []

    def teardown(self) -> None:
        if hasattr(self, "workspace"):
            self.patch.undo()
            self.workspace.close()
            self.folder.cleanup()

    @rule(words=st.dictionaries(st.sampled_from(SAMPLES), REVIEWS, max_size=4))
    def decide(self, words: dict[int, str | None]) -> None:
        act = act_of(words)
        assert self.workspace.reviews.keep_many("did", act.items()) == len(act)
        if act:
            self.undone = []
            self.done.append(act)

    @rule(words=st.dictionaries(st.sampled_from(SAMPLES), REVIEWS, max_size=4), steps=st.integers(1, 3))
    def is_left_while_deciding(self, words: dict[int, str | None], steps: int) -> None:
        act = act_of(words)
        left(self.workspace.reviews.keep_in_steps("did", act.items()), steps)
        if steps > len(act) // self.SLICE:
            if act:
                self.undone = []
                self.done.append(act)
        else:  # what had been undone before can still be redone, and then this
            self.undone.insert(0, dict(list(act.items())[: steps * self.SLICE]))
        self.reopen()

    @rule()
    def is_left_while_undoing(self) -> None:
        left(self.workspace.acts.undo_in_steps(), 1)
        if self.done:
            self.undone.append(self.done.pop())
        self.reopen()

    @rule()
    def is_left_while_redoing(self) -> None:
        left(self.workspace.acts.redo_in_steps(), 1)
        if self.undone and len(self.undone[-1]) < self.SLICE:
            self.done.append(self.undone.pop())
        self.reopen()

    @rule()
    def undo(self) -> None:
        act = self.workspace.acts.undo()
        assert (act is None) == (not self.done)
        if act is not None:
            assert sorted(self.done[-1]) == list(act.samples)
            self.undone.append(self.done.pop())

    @rule()
    def redo(self) -> None:
        act = self.workspace.acts.redo()
        assert (act is None) == (not self.undone)
        if act is not None:
            assert sorted(self.undone[-1]) == list(act.samples)
            self.done.append(self.undone.pop())

    @rule(index=st.sampled_from(SAMPLES), response=st.sampled_from(["a", "b"]))
    def weigh(self, index: int, response: str) -> None:
        bare = edit(index, response)
        self.workspace.reviews.add_scores(index, bare.version, SCORES)
        for act in (*self.done, *self.undone):
            if act.get(index) == bare:
                act[index] = edit(index, response, scores=SCORES)

    @rule()
    def reopen(self) -> None:
        self.workspace.close()
        self.workspace = Workspace.open(self.workspace.path)
        self.workspace.database.execute("PRAGMA synchronous = OFF")

    @invariant()
    def stands(self) -> None:
        if not hasattr(self, "workspace"):
            return
        for index in SAMPLES:
            decisions = [act[index] for act in self.done if index in act]
            assert self.workspace.reviews.standing(index) == (decisions[-1] if decisions else None)
            assert self.workspace.reviews.history(index) == [
                review for review in decisions if review is not None
            ]


Acts.TestCase.settings = settings(max_examples=25, stateful_step_count=20, deadline=None)
test_any_order_of_acts_is_as_a_plain_list_of_them = Acts.TestCase


# Workspaces from before there were acts

ODD = "a\x00b \ud800 \U0001f525"


def outcomes() -> list[Outcome]:
    """One of every kind: rewritten, failed, cut, without a score, scored only, and without a student."""
    first = choice(Stage.INSTRUCTION, margin=-0.001, near_tie=True)
    odd = Version(instruction="x", response=ODD)
    return [
        replaced(0),
        outcome(1, first, failed(Stage.RESPONSE), final=odd, before=OTHER, after=OTHER),
        outcome(2, final=odd, before=OTHER, after=OTHER),
        outcome(3, first, final=odd),
    ]


def schema_1(path: Path, texts: list[Sample], found: list[Outcome], decisions: list[Review]) -> None:
    """A workspace as the first version of the program wrote it."""
    with sqlite3.connect(path) as db:
        db.executescript(f"BEGIN; {MIGRATIONS[0]}; PRAGMA application_id = {APPLICATION_ID}; COMMIT;")
        db.execute("PRAGMA user_version = 1")
        db.execute("INSERT INTO source VALUES (?)", (json.dumps(SOURCE.model_dump()),))
        for one in texts:
            old = one.original
            db.execute(
                "INSERT INTO samples VALUES (?, ?)",
                (one.index, json.dumps([old.instruction, old.input, old.response, one.row])),
            )
        later = {"prompts", "think", "teacher_context", "both_branches"}
        asked = json.dumps(recipe().model_dump(mode="json", exclude=later), sort_keys=True)
        db.execute("INSERT INTO runs (recipe, settings) VALUES (?, ?)", (asked, RECORD.model_dump_json()))
        db.execute("INSERT INTO latest VALUES (1)")
        for outcome in found:
            body = json.dumps(outcome.model_dump(mode="json"))
            failed = bool(outcome.failures)
            db.execute("INSERT INTO outcomes VALUES (1, ?, ?, ?)", (outcome.index, failed, body))
        for review in decisions:
            body = json.dumps(review.model_dump(mode="json", exclude={"scores"}))
            db.execute("INSERT INTO reviews (sample, body) VALUES (?, ?)", (review.index, body))
    db.close()


def figures(workspace: Workspace) -> list[Any]:
    return workspace.database.execute("SELECT * FROM figures ORDER BY sample")


def decided(workspace: Workspace) -> list[Any]:
    return workspace.database.execute(
        "SELECT sample, decision, ifd, r_ifd, length FROM standing ORDER BY sample"
    )


def test_an_older_workspace_gets_the_figures_and_decisions_that_would_be_written_now(tmp_path: Path) -> None:
    texts = [sample(index, ODD if index % 2 else "x") for index in range(5)]
    decisions = [edit(1, ODD), back(1), edit(2, ODD), back(0)]
    old, new = tmp_path / "old.burnish", tmp_path / "new.burnish"
    schema_1(old, texts, outcomes(), decisions)
    with Workspace.open(old) as before, Workspace.create(new, SOURCE, texts) as now:
        run: Run = now.run(recipe(), RECORD)
        for outcome in outcomes():
            now.keep_outcome(run, outcome)
        for review in decisions:
            now.reviews.keep(review)
        assert figures(before) == figures(now)
        assert len(figures(before)) == 4
        assert decided(before) == decided(now)
        assert [before.reviews.standing(n) for n in range(5)] == [now.reviews.standing(n) for n in range(5)]
        assert before.outcome(before.latest_run(), 1) == outcomes()[1]
        for _ in decisions:
            taken, expected = before.acts.undo(), now.acts.undo()
            assert taken is not None
            assert expected is not None
            assert list(taken.samples) == list(expected.samples)
            assert decided(before) == decided(now)
        assert before.acts.undo() is None
