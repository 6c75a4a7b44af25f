"""Which samples leave, as what, and what is told about them."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator, Sequence
from fractions import Fraction
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.run.part import drawn_of
from engine.run.settings import RunSettings
from engine.sample import (
    Decision,
    EqualLength,
    Failure,
    Outcome,
    Stage,
    Verdict,
    Version,
)
from engine.store.choosing import ChosenBy
from engine.store.leaving import (
    ExportRule,
    TopShare,
    count_dropped_rows,
    count_exported,
    count_exported_rows,
    exported,
    leaving_sample,
)
from engine.store.leaving import refined as refined_samples
from engine.store.run_record import RunRecord, StudentFile
from engine.store.workspace import Run, Workspace
from models.errors import UsageError
from models.teacher import Fault
from tests.factory import SOURCE, choice, failed, outcome, recipe, review, sample, scores, teacher_info

RECIPE = recipe(teacher="sha256:1", student="sha256:2")
RECORD = RunRecord(
    settings={"run": {}},
    teacher=teacher_info(digest="sha256:1", parameters=None, quantisation="", size=0),
    student=StudentFile(name="base", path="base.gguf", digest="sha256:2"),
)


def original(index: int) -> Version:
    return Version(instruction=f"x{index}", input="u", response=f"y{index}")


def refined(index: int) -> Version:
    return Version(instruction=f"x{index}", input="u", response=f"better {index}")


def decided(
    index: int,
    *,
    instruction: Verdict = Verdict.KEPT,
    response: Verdict = Verdict.KEPT,
    ifd: float | None = 0.5,
    r_ifd: float | None = 0.5,
) -> Outcome:
    """An outcome with these verdicts and these scores."""
    first = choice(Stage.INSTRUCTION, instruction, critique={"Critique": "Vague."})
    second = choice(Stage.RESPONSE, response, before=0.9, after=0.5, margin=0.1)
    both = scores(ifd, r_ifd)
    return outcome(index, first, second, final=refined(index), before=both, after=both)


class RunWorkspace:
    """A workspace with some samples, and one run over them."""

    def __init__(self, workspace: Workspace) -> None:
        self.workspace = workspace
        self.run: Run = workspace.run(RECIPE, RECORD)

    def keep(self, *outcomes: Outcome) -> None:
        for one in outcomes:
            self.workspace.keep_outcome(self.run, one)

    def review(self, index: int, decision: Decision, version: Version) -> None:
        self.workspace.reviews.keep(review(index, decision, version=version))

    def export(self, rule: ExportRule, share: TopShare | None = None) -> list[tuple[int, str]]:
        """The samples that would be exported, each with its response."""
        found = [
            (one.sample.index, one.version.response)
            for one in exported(self.workspace, self.run, rule, share)
        ]
        assert count_exported(self.workspace, self.run, rule, share) == len(found)
        return found

    def indices(self, rule: ExportRule, share: TopShare | None = None) -> list[int]:
        return [index for index, _ in self.export(rule, share)]


@pytest.fixture
def opened(tmp_path: Path) -> Iterator[RunWorkspace]:
    samples = [sample(index, original=original(index), row={"id": index}) for index in range(6)]
    with Workspace.create(tmp_path / "w.burnish", SOURCE, samples) as workspace:
        yield RunWorkspace(workspace)


# Rules


def test_all_is_every_sample_as_far_as_it_came(opened: RunWorkspace) -> None:
    opened.keep(decided(1), decided(4, response=Verdict.REPLACED))
    expected = [(index, f"better {index}" if index in {1, 4} else f"y{index}") for index in range(6)]
    assert opened.export(ExportRule.ALL) == expected


def test_paper_is_the_samples_whose_response_was_replaced_whatever_their_instruction(
    opened: RunWorkspace,
) -> None:
    kept, replaced = Verdict.KEPT, Verdict.REPLACED
    opened.keep(
        decided(0, instruction=kept, response=kept),
        decided(1, instruction=replaced, response=kept),
        decided(2, instruction=kept, response=replaced, ifd=3.0),
        decided(3, instruction=replaced, response=replaced, r_ifd=None),
    )
    assert opened.export(ExportRule.PAPER) == [(2, "better 2"), (3, "better 3")]


@pytest.mark.parametrize(
    ("ifd", "r_ifd", "strict"),
    [(0.99, 0.99, True), (1.0, 0.5, False), (0.5, 1.0, False), (1.5, 1.5, False), (None, 0.5, False),
     (0.5, None, False)],
)  # fmt: skip
def test_strict_is_of_these_the_ones_with_both_scores_below_one(
    opened: RunWorkspace, ifd: float | None, r_ifd: float | None, strict: bool
) -> None:
    opened.keep(
        decided(0, response=Verdict.REPLACED, ifd=ifd, r_ifd=r_ifd),
        decided(1, response=Verdict.KEPT, ifd=ifd, r_ifd=r_ifd),
    )
    assert opened.indices(ExportRule.STRICT) == ([0] if strict else [])
    assert opened.indices(ExportRule.PAPER) == [0]


def test_without_scores_nothing_is_below_one(opened: RunWorkspace) -> None:
    scoreless = decided(0, response=Verdict.REPLACED).model_copy(update={"before": None, "after": None})
    opened.keep(scoreless)
    assert opened.indices(ExportRule.PAPER) == [0]
    assert opened.indices(ExportRule.STRICT) == opened.indices(ExportRule.TOP) == []


def test_accepted_is_what_a_person_decided_as_decided(opened: RunWorkspace) -> None:
    opened.keep(*(decided(index, response=Verdict.REPLACED) for index in range(4)))
    opened.review(1, Decision.ACCEPTED, refined(1))
    opened.review(2, Decision.ORIGINAL, original(2))
    opened.review(3, Decision.EDITED, Version(instruction="x", response="mine"))
    opened.review(5, Decision.ACCEPTED, original(5))
    assert opened.export(ExportRule.ACCEPTED) == [(1, "better 1"), (2, "y2"), (3, "mine"), (5, "y5")]


def test_a_person_comes_before_the_student_and_the_student_before_the_original(opened: RunWorkspace) -> None:
    opened.keep(decided(0, response=Verdict.REPLACED), decided(1, response=Verdict.REPLACED, ifd=0.1))
    opened.review(1, Decision.ORIGINAL, original(1))
    opened.review(1, Decision.EDITED, Version(instruction="mine", input="too", response="entirely"))
    opened.review(2, Decision.EDITED, Version(instruction="mine", response="as well"))
    one, two, three, four, *_ = exported(opened.workspace, opened.run, ExportRule.ALL)
    assert [one.version, four.version] == [refined(0), original(3)]
    assert two.version == Version(instruction="mine", input="too", response="entirely")
    assert three.version.response == "as well"
    assert opened.export(ExportRule.PAPER) == [(0, "better 0"), (1, "entirely")]
    assert opened.export(ExportRule.TOP) == [(0, "better 0")], (
        "nobody knows the scores of the person's own words"
    )


def test_a_rewrite_that_a_person_chose_counts_as_reflected_with_its_own_scores(opened: RunWorkspace) -> None:
    opened.keep(*(decided(index, ifd=0.9) for index in range(3)))
    below, above = (scores(value, 0.5) for value in (0.6, 1.2))
    for index, version, own in ((0, refined(0), below), (1, refined(1), above), (2, original(2), below)):
        chosen = review(index, Decision.CHOSEN, version=version, scores=own)
        opened.workspace.reviews.keep(chosen)
    assert opened.indices(ExportRule.PAPER) == [0, 1], "the response of the third is the original's"
    assert opened.indices(ExportRule.STRICT) == [0]
    assert opened.indices(ExportRule.TOP) == [0, 2]


@pytest.mark.parametrize("rule", ExportRule)
def test_a_dropped_sample_leaves_by_no_rule(opened: RunWorkspace, rule: ExportRule) -> None:
    opened.keep(*(decided(index, response=Verdict.REPLACED, ifd=0.5, r_ifd=0.5) for index in range(3)))
    for index in range(3):
        opened.review(index, Decision.ACCEPTED, refined(index))
    share = TopShare(count=6)
    before = opened.indices(rule, share)
    rows = count_exported_rows(opened.workspace, opened.run, rule, share)
    opened.review(1, Decision.DROPPED, original(1))
    assert 1 in before
    assert opened.indices(rule, share) == [index for index in before if index != 1]
    assert count_exported_rows(opened.workspace, opened.run, rule, share) == rows - 1
    assert count_dropped_rows(opened.workspace) == 1
    one = leaving_sample(opened.workspace, opened.run, 1)
    assert one.review is not None
    assert one.review.decision is Decision.DROPPED, "it is shown, though it does not leave"
    assert len(list(refined_samples(opened.workspace, opened.run))) == 2
    opened.workspace.acts.undo()
    assert opened.indices(rule, share) == before


def test_a_share_is_one_of_the_samples_that_may_leave(opened: RunWorkspace) -> None:
    opened.keep(*(decided(index, ifd=0.9 - index / 10) for index in range(6)))
    half = TopShare(percent=50)
    assert opened.indices(ExportRule.TOP, half) == [0, 1, 2]
    for index in (1, 5):
        opened.review(index, Decision.DROPPED, original(index))
    assert opened.indices(ExportRule.TOP, half) == [0, 2], "half of four"


def test_each_run_exports_its_own_outcomes(opened: RunWorkspace) -> None:
    opened.keep(decided(0, response=Verdict.REPLACED))
    other = opened.workspace.run(recipe(student="sha256:3"), RECORD)
    opened.workspace.keep_outcome(other, decided(1, response=Verdict.REPLACED))
    assert opened.indices(ExportRule.PAPER) == [0]
    assert [one.sample.index for one in exported(opened.workspace, other, ExportRule.PAPER)] == [1]


# The top


@pytest.mark.parametrize(
    ("top", "expected"),
    [("1", [2]), ("2", [0, 2]), ("3", [0, 2, 4]), ("50%", [0, 2, 4]), ("500", [0, 1, 2, 4]), ("100%", [0, 1, 2, 4]),
     ("17%", [0, 2]), ("16%", [2]), ("0.001%", [2])],
)  # fmt: skip
def test_top_is_the_largest_ifd_below_one_in_the_dataset_s_order(
    opened: RunWorkspace, top: str, expected: list[int]
) -> None:
    """A share is of all six samples, the one without a score and the one not reached included, and rounds up."""
    for index, ifd in enumerate([0.8, 0.2, 0.999, None, 0.7]):
        opened.keep(decided(index, ifd=ifd))
    assert opened.indices(ExportRule.TOP, TopShare.parse(top)) == expected


@pytest.mark.parametrize(
    ("rule", "top", "expected"),
    [
        (ExportRule.PAPER, "1", [4]),
        (ExportRule.PAPER, "50%", [0, 4]),
        (ExportRule.PAPER, "100%", [0, 1, 4]),
        (ExportRule.STRICT, "1", [4]),
        (ExportRule.STRICT, "100%", [0, 4]),
        (ExportRule.ALL, "50%", [2, 3, 4]),
        (ExportRule.ACCEPTED, "2", []),
        (ExportRule.TOP, "50%", [2, 3, 4]),
    ],
)
def test_within_any_rule_a_share_of_its_own_samples_leaves(
    opened: RunWorkspace, rule: ExportRule, top: str, expected: list[int]
) -> None:
    """Of six samples four have their response replaced, the last with an IFD above 1."""
    new = Verdict.REPLACED
    opened.keep(
        decided(0, ifd=0.5, response=new),
        decided(1, ifd=0.2, r_ifd=1.5, response=new),
        decided(2, ifd=0.9),
        decided(3, ifd=0.8),
        decided(4, ifd=0.7, response=new),
        decided(5, ifd=1.2, response=new),
    )
    assert opened.indices(rule, TopShare.parse(top)) == expected


def test_each_measure_chooses_its_own_end(opened: RunWorkspace) -> None:
    """Of the loss the smallest, of the others the largest; a sample without the measure is never chosen."""
    for index, (ifd, won) in enumerate([(0.9, 0.1), (0.5, 0.3), (None, None), (1.4, 0.2)]):
        one = decided(index, instruction=Verdict.REPLACED, ifd=ifd)
        equal = won and EqualLength(margin=won, scored=(3, 4))
        chosen = one.choices[0].model_copy(update={"equal_length": equal})
        final = Version(instruction="x", response="y" * (9 - 2 * index))
        opened.keep(one.model_copy(update={"choices": (chosen, *one.choices[1:]), "final": final}))
    rule = ExportRule.TOP

    def first(by: ChosenBy, count: int = 2) -> list[int]:
        return opened.indices(rule, TopShare(count=count, by=by))

    assert first(ChosenBy.IFD) == [0, 1]
    assert first(ChosenBy.LOSS) == [0, 1], "the loss alone is the same for all here"
    assert first(ChosenBy.LOSS, 1) == [1]
    assert first(ChosenBy.LOSS, 9) == [0, 1, 3]
    assert first(ChosenBy.MARGIN) == [1, 3]
    assert first(ChosenBy.MARGIN, 9) == [0, 1, 3]
    assert first(ChosenBy.LENGTH) == [0, 1]
    opened.review(1, Decision.ORIGINAL, original(1))
    assert first(ChosenBy.MARGIN, 9) == [0, 3], "no rewrite of it leaves"
    assert first(ChosenBy.LENGTH) == [0, 2]
    opened.review(4, Decision.EDITED, Version(instruction="x", response="y" * 99))
    assert first(ChosenBy.LENGTH, 1) == [4], "what leaves counts, refined or not"


def test_a_share_by_chance_is_the_draw_of_its_seed_and_grows_by_its_own(opened: RunWorkspace) -> None:
    def drawn(count: int, seed: int, rule: ExportRule = ExportRule.TOP) -> list[int]:
        return opened.indices(rule, TopShare(count=count, by=ChosenBy.RANDOM, seed=seed))

    for seed in range(4):
        chosen = drawn_of(range(6), RunSettings(sample=3, seed=seed))
        assert drawn(3, seed) == list(chosen), "that of a run with --sample"
        assert set(drawn(2, seed)) < set(drawn(3, seed))
    assert len({tuple(drawn(3, seed)) for seed in range(4)}) > 1
    opened.review(2, Decision.ACCEPTED, original(2))
    assert drawn(5, 0, ExportRule.ACCEPTED) == [2], "of the rule's samples"


def test_of_equals_at_the_edge_of_the_top_the_earlier_leave(opened: RunWorkspace) -> None:
    opened.keep(*(decided(index, ifd=0.5) for index in (5, 3, 1, 2)))
    assert opened.indices(ExportRule.TOP, TopShare(count=2)) == [1, 2]


def test_the_top_looks_at_what_leaves_and_not_at_what_it_was(opened: RunWorkspace) -> None:
    opened.keep(
        decided(0, ifd=0.1).model_copy(update={"before": scores(0.9, 0.9)}),
        decided(1, ifd=0.2),
    )
    assert opened.indices(ExportRule.TOP, TopShare(count=1)) == [1]


@pytest.fixture(scope="module")
def twelve(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Workspace]:
    samples = [sample(index, original=original(index)) for index in range(12)]
    with Workspace.create(tmp_path_factory.mktemp("top") / "w.burnish", SOURCE, samples) as workspace:
        yield workspace


@settings(max_examples=40, deadline=None)
@given(
    ifds=st.lists(st.one_of(st.none(), st.floats(0.01, 2), st.sampled_from([0.5, 1.0])), max_size=12),
    count=st.integers(1, 14),
)
def test_nothing_that_stays_behind_has_a_larger_ifd_below_one_than_what_leaves(
    twelve: Workspace, ifds: Sequence[float | None], count: int
) -> None:
    run = twelve.run(recipe(student=f"{ifds} {count}"), RECORD)
    for index, ifd in enumerate(ifds):
        if twelve.outcome(run, index) is None:  # hypothesis may come back to an example
            twelve.keep_outcome(run, decided(index, ifd=ifd))
    out = [one.sample.index for one in exported(twelve, run, ExportRule.TOP, TopShare(count=count))]
    eligible = {index: ifd for index, ifd in enumerate(ifds) if ifd is not None and ifd < 1}
    assert out == sorted(out)
    assert len(out) == min(count, len(eligible))
    staying = [ifd for index, ifd in eligible.items() if index not in out]
    assert min((eligible[index] for index in out), default=0) >= max(staying, default=0)


# How much


@given(count=st.integers(1, 10**9), total=st.integers(0, 10**7), space=st.sampled_from(["", " "]))
def test_a_number_is_a_count(count: int, total: int, space: str) -> None:
    share = TopShare.parse(f"{space}{count}{space}")
    assert share == TopShare(count=count)
    assert share.of(total) == count


@given(percent=st.integers(1, 100), total=st.integers(0, 10**7), space=st.sampled_from(["", " "]))
def test_a_number_with_a_percent_sign_is_a_share_rounded_up(percent: int, total: int, space: str) -> None:
    share = TopShare.parse(f"{space}{percent}%{space}")
    assert share.count is None
    assert share.of(total) == math.ceil(Fraction(percent, 100) * total)


@pytest.mark.parametrize("percent", ["16.1", "32.2", "64.9"])
def test_a_share_of_a_thousand_with_a_decimal_is_a_whole_number(percent: str) -> None:
    assert TopShare.parse(f"{percent}%").of(1000) == 10 * Fraction(percent)


@settings(max_examples=200, deadline=None)
@given(
    st.one_of(
        st.text(max_size=8),
        st.text("0123456789.%-+e_ ", max_size=8),
        st.builds(lambda number, sign: f"{number}{sign}", st.floats(), st.sampled_from(["", "%"])),
    )
)
def test_any_text_is_some_share_or_one_line(text: str) -> None:
    try:
        share = TopShare.parse(text)
    except UsageError:
        return
    assert (share.count is None) != (share.percent is None)
    assert share.of(1000) >= 1
    if share.percent is not None:
        assert share.of(1000) <= 1000


@pytest.mark.parametrize(
    "text",
    [
        "",
        "%",
        "0",
        "0%",
        "-5",
        "-5%",
        "101%",
        "100.1%",
        "5%%",
        "%5",
        "5.5",
        "nan%",
        "inf%",
        "inf",
        "all",
        "1e3",
    ],
)
def test_what_is_no_share_is_refused(text: str) -> None:
    with pytest.raises(UsageError) as caught:
        TopShare.parse(text)
    assert str(caught.value) == f"--top {text}: expected a count such as 500, or a share such as 5%"


# The trace


def traces(opened: RunWorkspace) -> list[dict[str, Any]]:
    return [one.trace(opened.run) for one in exported(opened.workspace, opened.run, ExportRule.ALL)]


def test_the_trace_tells_how_a_row_came_to_be(opened: RunWorkspace) -> None:
    opened.keep(decided(0, response=Verdict.REPLACED, r_ifd=None))
    opened.review(0, Decision.EDITED, Version(instruction="mine", response="m"))
    trace = json.loads(json.dumps(traces(opened)[0], allow_nan=False))
    assert trace["index"] == 0
    assert trace["original"] == {"instruction": "x0", "input": "u", "response": "y0"}
    first, second = trace["choices"]
    assert (first["stage"], first["verdict"], first["critique"]) == (
        "instruction",
        "kept",
        {"Critique": "Vague."},
    )
    assert (second["stage"], second["verdict"], second["rule"]) == ("response", "replaced", "smaller-r-ifd")
    assert (second["before"], second["after"], second["margin"]) == (0.9, 0.5, 0.1)
    assert trace["after"]["ifd"]["value"] == 0.5
    assert (trace["after"]["r_ifd"]["value"], trace["after"]["r_ifd"]["reason"]) == (None, "too long")
    assert trace["review"] == {
        "index": 0,
        "decision": "edited",
        "version": {"instruction": "mine", "input": "", "response": "m"},
        "scores": None,
    }
    assert (trace["note"], trace["tags"]) == ("", [])
    assert trace["run"] == RECIPE.model_dump(mode="json")
    assert trace["teacher"] == {
        "name": "qwen3:8b",
        "digest": "sha256:1",
        "parameters": None,
        "quantisation": "",
        "size": 0,
        "context": 8192,
    }
    assert trace["student"] == {"name": "base", "path": "base.gguf", "digest": "sha256:2"}


def test_the_trace_is_plain_data_for_every_format(opened: RunWorkspace) -> None:
    opened.keep(decided(0, response=Verdict.REPLACED))
    opened.review(0, Decision.ACCEPTED, refined(0))

    def kinds(value: object) -> set[type]:
        inside = list(value.values()) if isinstance(value, dict) else value if isinstance(value, list) else []
        return {type(value)}.union(*map(kinds, inside))

    assert kinds(traces(opened)[0]) <= {dict, list, str, int, float, bool, type(None)}


def test_the_trace_says_why_a_stage_failed(opened: RunWorkspace) -> None:
    failure = Failure(fault=Fault.REFUSAL, message="the new response is a refusal")
    opened.keep(outcome(0, failed(Stage.INSTRUCTION, failure), final=original(0)))
    (stage,) = traces(opened)[0]["choices"]
    assert (stage["rule"], stage["failure"]) == (
        "teacher-failed",
        {"fault": "refusal", "message": "the new response is a refusal"},
    )


def test_the_trace_of_a_sample_that_was_not_reached_has_the_same_fields(opened: RunWorkspace) -> None:
    opened.keep(decided(0))
    reached, other, *_ = traces(opened)
    assert list(reached) == list(other)
    assert (other["choices"], other["before"], other["after"], other["review"]) == ([], None, None, None)
    assert json.loads(json.dumps(other))["original"]["response"] == "y1"
