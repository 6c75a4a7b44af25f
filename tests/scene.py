"""A workspace in every state a person may find one in, made in a moment: no model is asked."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from engine.judge.pairs import workspace_sides
from engine.judge.prompt import Judged
from engine.judge.record import Record, judged_path
from engine.method.prompts import CAUSE
from engine.method.rules import INSTRUCTION_CRITERIA, RESPONSE_CRITERIA
from engine.run.opening import open_workspace
from engine.run.settings import load_settings
from engine.sample import (
    Decision,
    EqualLength,
    Failure,
    Outcome,
    Rule,
    Sample,
    Scores,
    Stage,
    Turns,
    Verdict,
    Verification,
    Version,
)
from engine.store.leaving import exported
from engine.store.ratings import Rating
from engine.store.run_record import RunRecord, StudentFile
from engine.store.workspace import Run, Workspace
from models.teacher import Fault, Reply
from tests.factory import choice, failed, judging, opinion, rater, ratio, recipe, review, scores, teacher_info
from tests.running import dataset, demo_rows

KINDS = ("replaced", "kept", "near tie", "failed", "truncated", "unscorable", "half", "waiting")
"""The kinds of outcomes: sample n is of KINDS[n % 8]. There are also "by length", "at equal length" and "verified"."""


def critique(words: str) -> dict[str, str]:
    criteria = [*INSTRUCTION_CRITERIA.values(), *RESPONSE_CRITERIA.values(), CAUSE]
    return {title: f"{title}: {words}" for title in criteria}


def outcome_of_kind(sample: Sample, kind: str) -> Outcome | None:
    """An outcome of a sample as `KINDS` has it; None while it waits."""
    n, old = sample.index, sample.original
    new = Version(
        instruction=f"{old.instruction} Give a reason for each, and name your source.",
        response=f"{old.response}\n\nEach of these is supported by long experience, and here is why.",
    )
    better = new.model_copy(update={"response": new.response + " In short: begin small, and keep going."})
    spread = (n * 37 % 100) / 100
    before = scores(0.55 + 0.3 * spread, 0.6 + 0.3 * spread)
    after = scores(0.6 + 0.35 * spread, 0.5 + 0.3 * spread, truncated=kind == "truncated")
    first = choice(
        Stage.INSTRUCTION, Verdict.REPLACED,
        before=before.ifd.value, after=after.ifd.value, margin=0.12, rewrite=new, critique=critique("too short."),
    )  # fmt: skip
    second = choice(
        Stage.RESPONSE, Verdict.REPLACED,
        before=before.r_ifd.value, after=after.r_ifd.value, margin=0.2, rewrite=better,
        critique={title: f"{title}: could say more." for title in RESPONSE_CRITERIA.values()},
    )  # fmt: skip
    kept = {"verdict": Verdict.KEPT, "margin": -0.3}
    lost = Failure(
        fault=Fault.UNPARSABLE, message="expected the headings Critique, Better Response; found none"
    )
    match kind:
        case "waiting":
            return None
        case "kept":
            choices, final = (first.model_copy(update=kept), second.model_copy(update=kept)), old
        case "near tie":
            near = {"near_tie": True, "margin": 0.004}
            choices, final = (first, second.model_copy(update=near)), better
        case "by length":
            short = {"equal_length": EqualLength(margin=-0.043, scored=(26, 61)), "length_decides": True}
            same = {"equal_length": EqualLength(margin=0.2, scored=(18, 18))}
            choices = first.model_copy(update=short), second.model_copy(update=same)
            final = better
        case "at equal length":
            kept_by = {"rule": Rule.LARGER_IFD_EQUAL, "verdict": Verdict.KEPT}
            short = {"equal_length": EqualLength(margin=-0.004, scored=(26, 61)), "length_decides": True}
            choices = (
                first.model_copy(update=kept_by | short | {"near_tie": True}),
                second.model_copy(update=kept | {"rule": Rule.SMALLER_R_IFD_EQUAL}),
            )
            final = old
        case "verified":
            near = {"near_tie": False, "margin": 0.031, "limit": 0.054}
            turned = Verification(before=0.56, after=0.548, margin=-0.022, limit=0.01, overruled=True)
            still = Verification(before=0.503, after=0.5, margin=0.006, limit=0.01, overruled=False)
            first = first.model_copy(update=near | {"verified": turned, "verdict": Verdict.KEPT})
            second = second.model_copy(update=near | {"verified": still, "near_tie": True})
            choices, final = (first, second), old.model_copy(update={"response": better.response})
        case "failed":
            choices, final = (first, failed(Stage.RESPONSE, lost)), new
        case "half":
            choices, final = (first, second.model_copy(update=kept)), new
        case "unscorable":
            none = ratio(reason="no token to score: 1 in the text, and the first has nothing before it")
            before = Scores(ifd=none, r_ifd=before.r_ifd)
            rule = {"rule": Rule.UNSCORABLE, "before": None, "margin": None}
            choices, final = (first.model_copy(update=rule), second), better
        case _:
            choices, final = (first, second), better
    if final is old:
        after = before
    return Outcome(index=n, final=final, choices=choices, before=before, after=after)


def of_response_alone(outcome: Outcome, sample: Sample) -> Outcome:
    """The outcome as an exchange has it that something follows: its instruction stays."""
    old = sample.original
    choices = tuple(
        choice.model_copy(
            update={
                "rewrite": choice.rewrite
                and sample.original.model_copy(update={"response": choice.rewrite.response})
            }
        )
        for choice in outcome.choices
        if choice.stage is Stage.RESPONSE
    )
    final = old.model_copy(update={"response": outcome.final.response})
    return outcome.model_copy(update={"choices": choices, "final": final})


def scene(
    folder: Path,
    rows: Sequence[dict[str, Any]] | None = None,
    kinds: Sequence[str] = KINDS,
    *,
    reviewed: bool = True,
    teacher: str = "qwen3:8b",
    turns: Turns = Turns.LAST,
) -> Path:
    """A workspace, closed. Its run has outcomes of all kinds in turn, and samples 0 to 2 are reviewed."""
    path = folder / "scene.burnish"
    rows = demo_rows(24) if rows is None else rows
    with open_workspace(path, dataset(folder / "scene.json", rows), None, None, turns=turns) as opened:
        run = started(opened, teacher)
        for sample in list(opened.samples()):
            if (made := outcome_of_kind(sample, kinds[sample.index % len(kinds)])) is not None:
                made = made if sample.next is None else of_response_alone(made, sample)
                opened.keep_outcome(run, made)
                opened.keep_reply(
                    sample.index,
                    b"%016d" % sample.index,
                    Reply("a reply", tokens=200, seconds=4.0),
                    {"stage": "instruction"},
                )
        if reviewed:
            for index, decision in enumerate((Decision.ACCEPTED, Decision.ORIGINAL, Decision.EDITED)):
                version = opened.sample(index).original
                if decision is Decision.EDITED:
                    version = version.model_copy(update={"response": "My own words."})
                opened.reviews.keep(review(index, decision, version=version))
    return path


def started(opened: Workspace, teacher: str = "qwen3:8b") -> Run:
    settings = load_settings({"teacher": {"name": teacher}, "student": {"name": "demo"}})
    student = StudentFile(name="demo", path="demo.gguf", digest="sha256:" + "5" * 64)
    return opened.run(
        recipe(),
        RunRecord(settings=settings.model_dump(mode="json"), teacher=teacher_info(), student=student),
    )


LIBRARY: dict[str, Any] = {
    "messages": [
        {"role": "system", "content": "You are the help desk of a small public library. Answer in three sentences."},
        {"role": "user", "content": "How many books may I borrow?"},
        {"role": "assistant", "content": "Up to twelve at a time, for four weeks."},
        {"role": "user", "content": "Is The Trial there?"},
        {"role": "assistant", "content": None, "tool_calls": [
            {"type": "function", "function": {"name": "shelf", "arguments": '{"title": "The Trial"}'}}]},
        {"role": "tool", "content": "1 of 2 copies"},
        {"role": "assistant", "content": "Yes, one of our two copies is on the shelf."},
        {"role": "user", "content": "And if I bring it back late?"},
        {"role": "assistant", "content": "You pay 20 cents a day. After thirty days we send a bill for a new copy."},
    ],
    "tools": [{"type": "function", "function": {
        "name": "shelf", "description": "The copies of a book that are there.",
        "parameters": {"type": "object", "properties": {"title": {"type": "string"}}}}}],
}  # fmt: skip
"""A row of a conversation with a system message and a tool: two of its exchanges can be refined."""


def conversation(folder: Path, earlier: str = "replaced") -> Path:
    """A workspace of every exchange of `LIBRARY`, after one row that stands alone. `earlier`: the first one's kind."""
    said = (("user", "Name a sea."), ("assistant", "The North Sea."))
    alone = {"messages": [{"role": role, "content": text} for role, text in said]}
    return scene(folder, [alone, LIBRARY], ("kept", earlier, "near tie"), reviewed=False, turns=Turns.ALL)


ORDERS = (((4, 8), (5, 7)), ((6, 6), (6, 6)), ((8, 4), (7, 5)), ((4, 8), (8, 4)), None, ((3, 9), (6, 6)))
"""The judge's scores for pair n's sides a and b in either order, ORDERS[n % 6]: better, tie, worse, a tie that
the order makes, no verdict, better."""


def judged(path: Path, judge: str = "gemma3:12b", says: str = "It gives reasons.") -> Path:
    """A workspace with verdicts of all kinds beside it, made without a judge."""
    sides = workspace_sides(path)
    pairs = list(sides.pairs())
    about = judging(
        judge,
        sources=sides.sources,
        run=sides.run,
        refined_only=sides.refined_only,
        pairs=len(pairs),
        same=sides.same,
    )
    with Record.at(judged_path(path)) as record:
        comparison = record.begin(about)
        for number, pair in enumerate(pairs):
            if (both := ORDERS[number % len(ORDERS)]) is None:
                failure = Failure(fault=Fault.UNPARSABLE, message=says)
                record.keep(
                    comparison, number, Judged(pair=pair, forward=None, swapped=None, failure=failure)
                )
                continue
            (a, b), (c, d) = both
            forward = opinion(a, b, critique=f"Pair {number}. {says}", reason=f"a first: {says}")
            swapped = opinion(d, c, critique=f"Pair {number}. {says}", reason=f"b first: {says}")
            record.keep(comparison, number, Judged(pair=pair, forward=forward, swapped=swapped))
    return path


def rated(path: Path, judge: str = "gemma3:12b", says: str = "It is clear.") -> Path:
    """A workspace with ratings, made without a judge: sample n's original has 2 + n % 5, and what would leave of it
    three more. Of every sixth sample, from 4 on, only the original is rated."""
    with Workspace.open(path) as opened:
        number = opened.ratings.begin(rater(judge))
        for row in exported(opened, opened.latest_run()):
            index = row.sample.index
            score, original = 2 + index % 5, row.sample.original
            opened.ratings.keep(number, index, original, Rating(critique=says, score=score, confidence=0.75))
            if row.version != original and index % 6 != 4:
                opened.ratings.keep(number, index, row.version, Rating(critique=says, score=score + 3))
    return path
