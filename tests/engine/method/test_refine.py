"""One sample's way: what each stage starts from, who decides, and what the outcome says when nobody could."""

from __future__ import annotations

import asyncio
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeVar

import pytest

from engine.method.recipe import Method
from engine.method.refine import refine
from engine.method.reflection import AskTeacher, Question
from engine.method.reply_forms import ReplyFormName
from engine.method.scores import Measure, TokenRatio, ifd_passages, r_ifd_passages
from engine.method.selection import ComparedLength
from engine.sample import Choice, EqualLength, Outcome, Rule, Scores, Stage, Verdict, Verification, Version
from models.teacher import PAUSING, Fault, Reply, TeacherError
from tests.factory import recipe, sample, token_ratio

T = TypeVar("T")
INSTRUCTION, RESPONSE = Stage

V0 = Version(instruction="x0", input="u0", response="y0")
SAMPLE = sample(7, original=V0)
X = Version(
    instruction="x'", response="y'"
)  # the instruction stage's rewrite, if the script says nothing else
UNSCORABLE = token_ratio(None, "the text is empty")


def with_response(version: Version, response: str) -> Version:
    return version.model_copy(update={"response": response})


def reflection(version: Version, critique: str = "Vague.") -> str:
    return f"[Critique]\n{critique}\n[New Instruction]\n{version.instruction}\n[New Response]\n{version.response}"


def improvement(response: str, critique: str = "Thin.") -> str:
    return f"[Critique]\n{critique}\n[Better Response]\n{response}"


Script = Mapping[tuple[Stage, int], str | Exception]
"""The teacher's reply to each (stage, candidate)."""


Score = float | Sequence[float] | None
"""A log-ratio, of one token or of each of several; None: unscorable."""


@dataclass
class ScriptedModels:
    """A teacher and a student with scripted replies and scores, which note what they were asked."""

    replies: Script
    ifds: Mapping[str, Score] = field(default_factory=dict)  # by response
    r_ifds: Mapping[str, Score] = field(default_factory=dict)
    verifies: Mapping[str, Score] = field(default_factory=dict)  # by better weights, at either stage
    verified: list[tuple[str, ...]] = field(default_factory=list)
    asked: list[tuple[Stage, int, str]] = field(default_factory=list)  # stage, candidate, question
    scored: list[tuple[str, tuple[Version, ...]]] = field(default_factory=list)
    choices: list[Choice] = field(default_factory=list)

    def ask(self, stage: Stage, candidate: int) -> AskTeacher:
        async def ask(question: Question[T], /) -> T:
            self.asked.append((stage, candidate, question.messages[-1].content))
            reply = self.replies[stage, candidate]
            if isinstance(reply, Exception):
                raise reply
            return question.parse(Reply(reply))

        return ask

    async def ratios(self, measure: Measure, versions: Sequence[Version]) -> list[TokenRatio]:
        name, log_ratios = ("ifd", self.ifds) if measure is ifd_passages else ("r_ifd", self.r_ifds)
        self.scored.append((name, tuple(versions)))
        return [score(log_ratios.get(v.response, -1.0)) for v in versions]

    async def verified_ratios(self, measure: Measure, versions: Sequence[Version]) -> list[TokenRatio]:
        self.verified.append(tuple(version.response for version in versions))
        return [score(self.verifies.get(v.response, -1.0)) for v in versions]

    async def scores(self, version: Version) -> Scores:
        ((ifd,), (r_ifd,)) = [
            await self.ratios(measure, [version]) for measure in (ifd_passages, r_ifd_passages)
        ]
        return Scores(ifd=ifd.ratio, r_ifd=r_ifd.ratio)

    def chosen(self, choice: Choice) -> None:
        self.choices.append(choice)

    def calls(self) -> list[tuple[Stage, int]]:
        return [(stage, candidate) for stage, candidate, _ in self.asked]


def score(log_ratios: Score) -> TokenRatio:
    if log_ratios is None:
        return UNSCORABLE
    return token_ratio(log_ratios if isinstance(log_ratios, Sequence) else [log_ratios])


def run(models: ScriptedModels, method: Method = Method.SELECTIVE, **changes: Any) -> Outcome:
    asked = recipe(method=method, form=ReplyFormName.MARKERS, **changes)
    return asyncio.run(refine(SAMPLE, asked, models))


REPLIES: Script = {(INSTRUCTION, 0): reflection(X), (RESPONSE, 0): improvement("y''")}


# Selective Reflection-Tuning (V2)


@pytest.mark.parametrize("first", [True, False])
@pytest.mark.parametrize("second", [True, False])
def test_the_student_decides_both_stages_and_the_second_starts_from_the_first_one_s_choice(
    first: bool, second: bool
) -> None:
    models = ScriptedModels(
        REPLIES,
        ifds={"y0": -1.0, "y'": -0.5 if first else -1.5},
        r_ifds={"y''": -2.0 if second else -0.25},
    )
    outcome = run(models)

    v1 = X if first else V0
    v2 = with_response(v1, "y''") if second else v1
    assert outcome.final == v2
    assert models.calls() == [(INSTRUCTION, 0), (RESPONSE, 0)]
    assert f"<instruction>\n{v1.instruction}\n" in models.asked[1][2]
    assert f"<response>\n{v1.response}\n" in models.asked[1][2]
    compared = [put for put in models.scored if len(put[1]) == 2]
    assert compared == [("ifd", (V0, X)), ("r_ifd", (v1, with_response(v1, "y''")))]

    instruction, response = outcome.choices
    assert (instruction.stage, instruction.rule) == (INSTRUCTION, Rule.LARGER_IFD)
    assert instruction.verdict is (Verdict.REPLACED if first else Verdict.KEPT)
    assert (instruction.before, instruction.after) == (math.exp(-1.0), math.exp(-0.5 if first else -1.5))
    assert instruction.margin == (0.5 if first else -0.5)
    assert (response.stage, response.rule) == (RESPONSE, Rule.SMALLER_R_IFD)
    assert response.verdict is (Verdict.REPLACED if second else Verdict.KEPT)
    assert (response.before, response.after) == (math.exp(-1.0), math.exp(-2.0 if second else -0.25))
    assert response.margin == (1.0 if second else -0.75)
    assert not outcome.failures


def test_an_outcome_has_the_scores_of_the_original_and_of_what_it_became() -> None:
    models = ScriptedModels(
        REPLIES, ifds={"y0": -1.0, "y'": -0.5, "y''": -0.375}, r_ifds={"y0": -0.125, "y''": -2.0}
    )
    outcome = run(models)
    assert outcome.index == SAMPLE.index
    assert outcome.before is not None
    assert outcome.after is not None
    assert (outcome.before.ifd.log_ratio, outcome.before.r_ifd.log_ratio) == (-1.0, -0.125)
    assert (outcome.after.ifd.log_ratio, outcome.after.r_ifd.log_ratio) == (-0.375, -2.0)


def test_the_new_instruction_never_travels_without_its_answer_or_with_the_old_input() -> None:
    outcome = run(ScriptedModels(REPLIES, ifds={"y'": 0.0}, r_ifds={"y''": 0.0}))
    assert outcome.final == X
    assert outcome.final.input == ""


def test_when_the_original_stays_its_input_stays_and_travels_to_the_end() -> None:
    outcome = run(ScriptedModels(REPLIES, ifds={"y'": -2.0}, r_ifds={"y''": -2.0}))
    assert outcome.final == with_response(V0, "y''")
    assert outcome.final.input == "u0"


def test_every_choice_keeps_the_critique_that_led_to_it_and_is_told_when_it_is_made() -> None:
    models = ScriptedModels(REPLIES)
    outcome = run(models)
    assert [choice.critique for choice in outcome.choices] == [{"Critique": "Vague."}, {"Critique": "Thin."}]
    assert tuple(models.choices) == outcome.choices


def test_an_exact_tie_keeps_what_was_there_in_both_stages() -> None:
    outcome = run(ScriptedModels(REPLIES))
    assert outcome.final == V0
    assert [(c.verdict, c.margin, c.near_tie) for c in outcome.choices] == [(Verdict.KEPT, 0.0, True)] * 2


def test_the_recipe_says_which_margin_is_shown_to_a_person() -> None:
    for near_tie, flagged in ((0.3, True), (0.2, False)):
        outcome = run(ScriptedModels(REPLIES, ifds={"y'": -0.75}, r_ifds={"y''": -1.25}), near_tie=near_tie)
        assert [c.near_tie for c in outcome.choices] == [flagged, flagged]
        assert [c.verdict for c in outcome.choices] == [Verdict.REPLACED, Verdict.REPLACED]


BETTER: dict[str, Any] = {"verifier": "sha256:" + "6" * 64, "near_tie": 0.3}


def test_a_near_tie_is_scored_again_with_better_weights_which_decide_and_both_numbers_are_kept() -> None:
    """The student would take the first rewrite and turn the second down, each by a little; the verifier turns both."""
    models = ScriptedModels(
        REPLIES,
        ifds={"y'": -0.75},
        r_ifds={"y''": -0.75},
        verifies={"y0": -1.0, "y'": -1.5, "y''": -1.75},
    )
    outcome = run(models, **BETTER)
    first, second = outcome.choices
    assert outcome.final == with_response(V0, "y''")
    assert models.verified == [("y0", "y'"), ("y0", "y''")]
    assert (first.verdict, first.margin, first.near_tie) == (Verdict.KEPT, 0.25, False)
    assert (first.before, first.after) == (math.exp(-1.0), math.exp(-0.75))
    assert first.verified == Verification(
        before=math.exp(-1.0), after=math.exp(-1.5), margin=-0.5, limit=None, overruled=True
    )
    assert (second.verdict, second.margin, second.deciding_margin) == (Verdict.REPLACED, -0.25, 0.75)
    assert second.verified is not None
    assert second.verified.overruled
    assert (outcome.before, outcome.after) == tuple(
        asyncio.run(models.scores(version)) for version in (V0, outcome.final)
    ), "the scores are the student's"


def test_what_is_no_near_tie_is_not_scored_again() -> None:
    models = ScriptedModels(REPLIES, ifds={"y'": -0.5}, r_ifds={"y''": -2.0})
    outcome = run(models, **BETTER)
    assert models.verified == []
    assert [(c.verdict, c.verified) for c in outcome.choices] == [(Verdict.REPLACED, None)] * 2


def test_a_near_tie_of_better_weights_stays_one_and_follows_them() -> None:
    models = ScriptedModels(REPLIES, ifds={"y'": -0.75}, r_ifds={"y''": -1.5}, verifies={"y'": -1.125})
    first, _ = run(models, **BETTER).choices
    assert (first.verdict, first.near_tie, first.deciding_margin) == (Verdict.KEPT, True, -0.125)


def test_where_better_weights_have_no_score_the_student_decides_and_a_person_is_to_look() -> None:
    models = ScriptedModels(REPLIES, ifds={"y'": -0.75}, r_ifds={"y''": -1.5}, verifies={"y'": None})
    first, _ = run(models, **BETTER).choices
    assert (first.verdict, first.near_tie, first.verified) == (Verdict.REPLACED, True, None)


def test_better_weights_choose_among_the_candidates_and_the_student_s_numbers_are_of_the_same() -> None:
    other = Version(instruction="x2", response="z'")
    replies = {**REPLIES, (INSTRUCTION, 1): reflection(other), (RESPONSE, 1): improvement("z''")}
    models = ScriptedModels(
        replies,
        ifds={"y'": -0.75, "z'": -0.875},
        r_ifds={"y''": 1.0, "z''": 1.0},
        verifies={"y'": -1.5, "z'": -0.5},
    )
    outcome = run(models, candidates=2, **BETTER)
    first, _ = outcome.choices
    assert outcome.final == other
    assert (first.rewrite, first.margin, first.after) == (other, 0.125, math.exp(-0.875))
    assert first.verified is not None
    assert (first.verified.margin, first.verified.overruled) == (0.5, False)


def test_the_margin_at_equal_length_stands_beside_the_one_that_decides() -> None:
    """Over its first token the rewrite is the worse one, and over both the better."""
    models = ScriptedModels(REPLIES, ifds={"y0": [-1.0], "y'": [-2.0, 1.0]}, r_ifds={"y''": -2.0})
    outcome = run(models)
    first, second = outcome.choices
    assert (first.verdict, first.rule, first.margin) == (Verdict.REPLACED, Rule.LARGER_IFD, 0.5)
    assert first.equal_length == EqualLength(margin=-1.0, scored=(1, 2))
    assert (first.length_decides, first.deciding_margin) == (True, 0.5)
    assert (second.margin, second.equal_length) == (1.0, EqualLength(margin=1.0, scored=(1, 1)))
    assert not second.length_decides

    outcome = run(models, length=ComparedLength.EQUAL)
    first, second = outcome.choices
    assert outcome.final == with_response(V0, "y''")
    assert (first.verdict, first.rule, first.margin) == (Verdict.KEPT, Rule.LARGER_IFD_EQUAL, 0.5)
    assert (first.length_decides, first.deciding_margin) == (True, -1.0)
    assert (second.verdict, second.rule) == (Verdict.REPLACED, Rule.SMALLER_R_IFD_EQUAL)


# No score


def test_a_rewrite_without_a_score_never_wins() -> None:
    outcome = run(ScriptedModels(REPLIES, ifds={"y'": None}, r_ifds={"y''": None}))
    assert outcome.final == V0
    for choice in outcome.choices:
        assert (choice.verdict, choice.rule) == (Verdict.KEPT, Rule.UNSCORABLE)
        assert (choice.before, choice.after, choice.margin) == (math.exp(-1.0), None, None)
        assert choice.critique


def test_a_rewrite_with_a_score_wins_over_an_original_without_one() -> None:
    outcome = run(ScriptedModels(REPLIES, ifds={"y0": None, "y'": 3.0}, r_ifds={"y'": None, "y''": 3.0}))
    assert outcome.final == with_response(X, "y''")
    for choice in outcome.choices:
        assert (choice.verdict, choice.rule) == (Verdict.REPLACED, Rule.UNSCORABLE)
        assert (choice.before, choice.after, choice.margin) == (None, math.exp(3.0), None)


def test_where_nothing_has_a_score_what_was_there_stays() -> None:
    nothing = {"y0": None, "y'": None, "y''": None}
    outcome = run(ScriptedModels(REPLIES, ifds=nothing, r_ifds=nothing))
    assert outcome.final == V0
    assert {(c.verdict, c.rule) for c in outcome.choices} == {(Verdict.KEPT, Rule.UNSCORABLE)}
    assert outcome.before is not None
    assert outcome.before.ifd.reason == "the text is empty"


# A teacher that fails

EMPTY = "[Critique]\nc\n[New Instruction]\n\n[New Response]\nr"


def test_a_failed_instruction_stage_keeps_the_original_says_why_and_the_next_stage_goes_on() -> None:
    models = ScriptedModels(
        {(INSTRUCTION, 0): EMPTY, (RESPONSE, 0): improvement("y''")}, ifds={"y0": -9.0}, r_ifds={"y''": -2.0}
    )
    outcome = run(models)
    assert outcome.final == with_response(V0, "y''")
    first, second = outcome.choices
    assert (first.verdict, first.rule) == (Verdict.KEPT, Rule.TEACHER_FAILED)
    assert (first.before, first.after, first.margin, first.near_tie) == (None, None, None, False)
    assert first.failure is not None
    assert (first.failure.fault, first.failure.message) == (Fault.EMPTY, "the new instruction is empty")
    assert second.verdict is Verdict.REPLACED
    assert outcome.failures == (first.failure,)
    assert tuple(models.choices) == outcome.choices


def test_a_failed_response_stage_keeps_what_the_first_stage_chose_and_says_why() -> None:
    models = ScriptedModels({**REPLIES, (RESPONSE, 0): improvement("y'")}, ifds={"y'": 0.0})
    outcome = run(models)
    assert outcome.final == X
    first, second = outcome.choices
    assert first.verdict is Verdict.REPLACED
    assert first.failure is None
    assert (second.verdict, second.rule) == (Verdict.KEPT, Rule.TEACHER_FAILED)
    assert [failure.fault for failure in outcome.failures] == [Fault.COPY]


def test_where_both_stages_fail_the_original_stays_and_has_its_scores() -> None:
    lost = TeacherError(Fault.SILENT, "no byte for 600 s")
    outcome = run(ScriptedModels({(INSTRUCTION, 0): lost, (RESPONSE, 0): "nothing usable"}))
    assert outcome.final == V0
    assert [failure.fault for failure in outcome.failures] == [Fault.SILENT, Fault.UNPARSABLE]
    assert outcome.failures[0].message == "no byte for 600 s"
    assert outcome.before == outcome.after
    assert outcome.before is not None


@pytest.mark.parametrize("fault", sorted(set(Fault) - PAUSING))
def test_a_fault_of_one_attempt_or_one_sample_is_that_stage_s_failure(fault: Fault) -> None:
    outcome = run(ScriptedModels({**REPLIES, (INSTRUCTION, 0): TeacherError(fault, "why")}))
    assert [failure.fault for failure in outcome.failures] == [fault]
    assert [choice.rule for choice in outcome.choices] == [Rule.TEACHER_FAILED, Rule.SMALLER_R_IFD]


@pytest.mark.parametrize("fault", sorted(PAUSING))
@pytest.mark.parametrize("stage", Stage)
@pytest.mark.parametrize("candidates", [1, 2])
def test_a_lost_server_is_no_failure_of_the_sample_and_stops_it(
    fault: Fault, stage: Stage, candidates: int
) -> None:
    replies = {
        (s, n): reflection(X) if s is INSTRUCTION else improvement("y''") for s in Stage for n in range(2)
    }
    models = ScriptedModels({**replies, (stage, candidates - 1): TeacherError(fault, "gone")})
    with pytest.raises(TeacherError) as caught:
        run(models, candidates=candidates)
    assert caught.value.fault is fault
    assert [choice.stage for choice in models.choices] == list(Stage)[: list(Stage).index(stage)]


# Candidates

OTHER = Version(instruction="x+", response="y+")
SEVERAL: Script = {
    (INSTRUCTION, 0): reflection(X, "First."),
    (INSTRUCTION, 1): reflection(OTHER, "Second."),
    (RESPONSE, 0): improvement("z0", "Third."),
    (RESPONSE, 1): improvement("z1", "Fourth."),
}


def test_of_several_candidates_the_student_takes_the_best_and_its_critique() -> None:
    models = ScriptedModels(SEVERAL, ifds={"y'": -0.9, "y+": -0.5}, r_ifds={"z0": -1.75, "z1": -1.5})
    outcome = run(models, candidates=2)
    assert models.calls() == [(stage, n) for stage in Stage for n in range(2)]
    assert outcome.final == with_response(OTHER, "z0")
    first, second = outcome.choices
    assert (first.after, first.critique) == (math.exp(-0.5), {"Critique": "Second."})
    assert (second.after, second.critique) == (math.exp(-1.75), {"Critique": "Third."})


def test_a_choice_that_keeps_the_original_shows_the_best_of_those_that_lost() -> None:
    outcome = run(
        ScriptedModels(SEVERAL, ifds={"y'": -3.0, "y+": -2.0}, r_ifds={"z0": 3.0, "z1": 2.0}), candidates=2
    )
    assert outcome.final == V0
    first, second = outcome.choices
    assert (first.after, first.margin, first.critique) == (math.exp(-2.0), -1.0, {"Critique": "Second."})
    assert (second.after, second.margin, second.critique) == (math.exp(2.0), -3.0, {"Critique": "Fourth."})


@pytest.mark.parametrize("lost", [0, 1])
def test_a_candidate_that_failed_or_has_no_score_leaves_the_choice_to_the_others(lost: int) -> None:
    script = {**SEVERAL, (INSTRUCTION, lost): "nothing usable"}
    gone = "z0" if lost == 0 else "z1"
    models = ScriptedModels(
        script, ifds={"y'": -0.5, "y+": -0.5}, r_ifds={"z0": -2.0, "z1": -2.0, gone: None}
    )
    outcome = run(models, candidates=2)
    assert outcome.final == with_response(OTHER if lost == 0 else X, "z1" if lost == 0 else "z0")
    assert models.scored[0] == ("ifd", (V0, OTHER if lost == 0 else X))
    assert [c.verdict for c in outcome.choices] == [Verdict.REPLACED] * 2
    assert not outcome.failures


def test_a_stage_fails_only_when_every_candidate_did() -> None:
    script = {**SEVERAL, (INSTRUCTION, 0): EMPTY, (INSTRUCTION, 1): "nothing usable"}
    models = ScriptedModels(script)
    outcome = run(models, candidates=2)
    assert models.calls()[:2] == [(INSTRUCTION, 0), (INSTRUCTION, 1)]
    assert outcome.choices[0].rule is Rule.TEACHER_FAILED
    assert [failure.fault for failure in outcome.failures] == [Fault.UNPARSABLE]


# Both branches


def branches(models: ScriptedModels) -> list[str]:
    """The responses that the response stage was asked to improve, in order."""
    return [
        text.split("<response>\n")[1].split("\n</response>")[0]
        for stage, _, text in models.asked
        if stage is RESPONSE
    ]


@pytest.mark.parametrize("first", [True, False])
def test_both_branches_asks_about_every_response_the_student_may_take_before_it_chooses(first: bool) -> None:
    models = ScriptedModels(REPLIES, ifds={"y'": 0.0 if first else -2.0}, r_ifds={"y''": -2.0})
    outcome = run(models, both_branches=True)
    assert branches(models) == ["y0", "y'"], "and about none of them again"
    assert outcome == run(ScriptedModels(REPLIES, ifds=models.ifds, r_ifds=models.r_ifds))


def test_both_branches_of_several_candidates_are_all_of_theirs() -> None:
    models = ScriptedModels(SEVERAL, ifds={"y+": 0.0})
    run(models, candidates=2, both_branches=True)
    assert branches(models) == ["y0", "y0", "y'", "y'", "y+", "y+"]


def test_a_branch_that_fails_and_is_not_taken_is_no_failure_of_the_sample() -> None:
    """The teacher's "better" response is y' itself: a copy on the one branch, a rewrite on the other."""
    script = {**REPLIES, (RESPONSE, 0): improvement("y'")}
    taken = run(ScriptedModels(script, ifds={"y'": 0.0}), both_branches=True)
    left = run(ScriptedModels(script, ifds={"y'": -2.0}), both_branches=True)
    assert [failure.fault for failure in taken.failures] == [Fault.COPY]
    assert not left.failures


# Reflection-Tuning (V1), and scores only


def test_reflect_takes_every_rewrite_and_asks_no_student() -> None:
    models = ScriptedModels(REPLIES, ifds={"y'": None}, r_ifds={"y''": None})
    outcome = run(models, Method.REFLECT)
    assert outcome.final == with_response(X, "y''")
    assert models.scored == []
    assert (outcome.before, outcome.after) == (None, None)
    assert [(c.stage, c.verdict, c.rule) for c in outcome.choices] == [
        (INSTRUCTION, Verdict.REPLACED, Rule.ALWAYS),
        (RESPONSE, Verdict.REPLACED, Rule.ALWAYS),
    ]
    assert [c.critique for c in outcome.choices] == [{"Critique": "Vague."}, {"Critique": "Thin."}]
    assert "<instruction>\nx'\n" in models.asked[1][2]


def test_reflect_keeps_what_a_failed_stage_started_from_and_says_so() -> None:
    first = run(ScriptedModels({**REPLIES, (INSTRUCTION, 0): EMPTY}), Method.REFLECT)
    assert first.final == with_response(V0, "y''")
    assert [c.rule for c in first.choices] == [Rule.TEACHER_FAILED, Rule.ALWAYS]
    second = run(ScriptedModels({**REPLIES, (RESPONSE, 0): ""}), Method.REFLECT)
    assert second.final == X
    assert [c.rule for c in second.choices] == [Rule.ALWAYS, Rule.TEACHER_FAILED]
    assert [failure.fault for failure in (*first.failures, *second.failures)] == [Fault.EMPTY, Fault.EMPTY]


def test_score_asks_no_teacher_and_changes_nothing() -> None:
    models = ScriptedModels({}, ifds={"y0": -0.5}, r_ifds={"y0": None})
    outcome = run(models, Method.SCORE)
    assert models.asked == []
    assert models.choices == []
    assert (outcome.final, outcome.choices) == (V0, ())
    assert outcome.before == outcome.after
    assert outcome.after is not None
    assert outcome.after.ifd.value == math.exp(-0.5)
    assert outcome.after.r_ifd == UNSCORABLE.ratio
