"""The one vocabulary: every word, and every sign, for a method, rule, verdict, state, flag, decision, score or check.

Each stands here once, for the command line, the report and the screens; the engine's enums carry only what the engine
must know. Where two places have more or less room for the same thing, its longer and shorter words stand side by side.
Styles beside a sign are the theme's.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from engine.examine.flags import Flag
from engine.export.acceptance import BrokenRule
from engine.judge.prompt import Result
from engine.method.prompts import Wording
from engine.method.recipe import Method
from engine.run.settings import Schedule, Settings
from engine.sample import Choice, Decision, EqualLength, Rule, Stage, Verdict, WhyPassed
from engine.store.leaving import ExportRule
from engine.store.sample_list import SampleState

# A run ------------------------------------------------------------------------------------------------------

METHODS = {
    Method.SELECTIVE: "both reflections, and the student chooses (selective, V2)",
    Method.REFLECT: "both reflections, every rewrite is taken (reflect, V1)",
    Method.SCORE: "no teacher: the student scores the data as they are (score)",
}

SCHEDULES = {
    "auto": "both models in memory where they fit, else in turn (auto)",
    Schedule.INTERLEAVED: "both models in memory (interleaved)",
    Schedule.STAGED: "one model in memory at a time, in turn (staged)",
}


def rules_in_short(settings: Settings) -> str:
    """A person's own rules for the teacher, counted: "3 guidelines, own criteria"; empty where there are none."""
    rules = settings.reflection
    count = len(rules.guidelines or ())
    parts = [f"{count} guideline{'s' * (count > 1)}"] * bool(count)
    parts += ["own criteria"] * (rules.criteria is not None)
    parts += ["own prompts"] * isinstance(settings.run.prompts, Wording)
    return ", ".join(parts)


# A stage's end ----------------------------------------------------------------------------------------------

VERDICTS = {"replaced": "+", "kept": "=", "failed": "✗"}
"""The ends of a stage, each with its sign: the rewrite taken, turned down, or none to be had."""


class StudentDid(NamedTuple):
    """The student's answer to a rewrite, in a narrow column and in a table."""

    brief: str
    full: str


STUDENT_DID = {Verdict.REPLACED: StudentDid("took", "took it"), Verdict.KEPT: StudentDid("kept", "kept")}


class RuleWords(NamedTuple):
    name: str
    sentence: str


RULES = {
    Rule.LARGER_IFD: RuleWords(
        "larger IFD",
        "the version with the larger IFD stays: its instruction helps least, so it teaches most",
    ),
    Rule.SMALLER_R_IFD: RuleWords(
        "smaller r-IFD",
        "the response with the smaller r-IFD stays: the instruction follows from it best",
    ),
    Rule.LARGER_IFD_EQUAL: RuleWords(
        "larger IFD, equal length",
        "the version with the larger IFD stays, over the first tokens that both responses have",
    ),
    Rule.SMALLER_R_IFD_EQUAL: RuleWords(
        "smaller r-IFD, equal length",
        "the response with the smaller r-IFD stays; both score the same tokens of the instruction",
    ),
    Rule.UNSCORABLE: RuleWords(
        "no score to compare",
        "a version without a score never wins over one that has one",
    ),
    Rule.TEACHER_FAILED: RuleWords(
        "no usable reply",
        "the teacher gave nothing usable, so the stage keeps what it started from",
    ),
    Rule.ALWAYS: RuleWords(
        "always taken",
        "the rewrite is taken without asking a student (method reflect)",
    ),
}


# Scores -----------------------------------------------------------------------------------------------------

SCORES = {Stage.INSTRUCTION: "IFD", Stage.RESPONSE: "r-IFD"}
"""The score that decides each stage."""


WANTED = {"ifd": "the larger", "r_ifd": "the smaller"}
"""Of two values of a score, the one whose text stays."""

NO_HELP = {
    "IFD": "the instruction does not help to say the response",
    "r-IFD": "the response does not help to guess the instruction",
}
"""The meaning of a score of 1 or more."""


class MeasureWords(NamedTuple):
    title: str
    about: str


MEASURES = {
    "ifd": MeasureWords("IFD", "how little the instruction helps to say the response"),
    "r_ifd": MeasureWords("r-IFD", "how little the response helps to guess the instruction"),
    "length": MeasureWords("Response length", "characters"),
}


def earliest(exchanges: int) -> str:
    """The exchanges of a conversation that a student's context had no room for, in words."""
    return "earliest exchange" if exchanges == 1 else f"{exchanges:,} earliest exchanges"


# A row that passes through ----------------------------------------------------------------------------------

WHY_PASSED = {
    WhyPassed.TOOLS: "tool calls",
    WhyPassed.NOT_TEXT: "not all text",
    WhyPassed.NO_ANSWER: "no answer yet",
    WhyPassed.NO_QUESTION: "no question",
    WhyPassed.ONLY_SYSTEM: "only a system message",
    WhyPassed.NOT_TRAINED: "not to be trained on",
    WhyPassed.ODD_TURNS: "unknown role or odd last turn",
}
"""The reasons why a row cannot be refined, each before the number of rows."""


# A sample ---------------------------------------------------------------------------------------------------

STATES = {
    SampleState.WAITING: ("·", "muted"),
    SampleState.DONE: ("•", "text"),
    SampleState.FAILED: ("✗", "bad"),
    SampleState.ACCEPTED: ("✓", "good"),
    SampleState.ORIGINAL: ("○", "good"),
    SampleState.CHOSEN: ("◇", "good"),
    SampleState.EDITED: ("✎", "good"),
    SampleState.DROPPED: ("⊗", "bad"),
}
"""Each state's sign and style in a list."""

INPUT_LOST = "input lost"

INPUT_LOST_MEANS = "less than half of the input's words stand in the new instruction and input"

FLAGS = {
    "near tie": "≈",
    "length decides": "≠",
    INPUT_LOST: "∉",
    "truncated": "…",
    "unscorable": "∅",
    "reasoning dropped": "¬",
    "fields changed": "±",
    "failed": "✗",
    "edited": "✎",
}
"""Marks of a sample in a list, each with its sign."""

LENGTH_DECIDES = "length decides: the two margins are for different verdicts"


def choice_flags(choice: Choice) -> list[str]:
    """The names of a stage's flags."""
    held = {"near tie": choice.near_tie, "length decides": choice.length_decides}
    return [name for name, holds in held.items() if holds]


def shown_equal_length(choice: Choice) -> EqualLength | None:
    """The margin at equal length, where it is not the margin itself."""
    equal = choice.equal_length
    return None if equal is None or equal.scored[0] == equal.scored[1] else equal


FINDINGS = {
    Flag.DUPLICATE: "the same texts as an earlier sample, and before it in a conversation, but for white space",
    Flag.NEAR_DUPLICATE: "about 0.8 or more of the word trigrams shared with an earlier sample (Jaccard, by MinHash); "
    "in a conversation, times those of the turns before",
    Flag.EMPTY: "a field says no more than N/A, none or a dash",
    Flag.COPIED: "one field holds the words of another",
    Flag.REFUSAL: "the response begins by declining",
    Flag.OTHER_LANGUAGE: "not in the language that most samples are in",
    Flag.PERSONAL: "likely an e-mail address, a phone, card or account number, or a key",
    Flag.IN_TEST: "13 words in a row are also in the test (of a shorter text there: all, 8 at least)",
}
"""The flags of `burnish stats`."""


class DecisionWords(NamedTuple):
    """A person's decision on a sample."""

    heading: str
    style: str
    act: str  # what it is called when it is undone


DECISIONS = {
    Decision.ACCEPTED: DecisionWords("✓ accepted", "$success", "accepted"),
    Decision.ORIGINAL: DecisionWords("○ original kept", "$secondary", "kept the original"),
    Decision.CHOSEN: DecisionWords("◆ chosen by you", "$primary", "chose a version"),
    Decision.EDITED: DecisionWords("✎ edited by you", "$primary", "edited"),
    Decision.DROPPED: DecisionWords("⊗ dropped", "$error", "dropped"),
}


def reasoning_note(count: int) -> str:
    """The words for a dataset's answers with reasoning, at import and in `burnish stats`."""
    have = "1 answer has" if count == 1 else f"{count:,} answers have"
    return f"{have} reasoning, which is no part of the text: a kept answer keeps it, a replaced one loses it"


# An export --------------------------------------------------------------------------------------------------


class ExportRuleWords(NamedTuple):
    """The samples that a rule of export takes."""

    full: str  # in the report
    line: str  # in a list, on at most 48 cells
    brief: str  # after a count


_ALL = "every sample, with the rewrites that were taken"

EXPORT_RULES = {
    ExportRule.ALL: ExportRuleWords(_ALL, _ALL, _ALL),
    ExportRule.PAPER: ExportRuleWords(
        "samples whose response was replaced by a reflected one",
        "samples whose response was replaced",
        "those whose response was replaced",
    ),
    ExportRule.STRICT: ExportRuleWords(
        "of these, the ones whose IFD and r-IFD are both below 1",
        "of these, the ones with both scores below 1",
        "response replaced, and both scores below 1",
    ),
    ExportRule.ACCEPTED: ExportRuleWords(
        "samples a person decided on, as decided",
        "samples a person has decided on, as decided",
        "those a person has decided on",
    ),
    ExportRule.TOP: ExportRuleWords(
        "samples with an IFD below 1, of which --top takes the largest",
        "the first by a measure, as many as you say",
        "the largest IFD below 1",
    ),
}


def untrainable_head(broken: Sequence[BrokenRule]) -> str:
    """The line above the rules of a trainer's that rows of an export break."""
    rows = len({row for rule in broken for row in rule.rows})
    count = f"{rows:,} {'row' if rows == 1 else 'rows'}"
    name = broken[0].trainer.proper_name
    if broken[0].dropped:
        return f"{count} left out, for {name} would not train on them as they are:"
    return (
        f"{count} in the file that {name} will not train on as they are (--drop-untrainable leaves them out):"
    )


# A judge ----------------------------------------------------------------------------------------------------

RESULTS = {
    Result.WIN: ("+ better", "$text-success"),
    Result.TIE: ("= tie", "$text-muted"),
    Result.LOSE: ("− worse", "$text-error"),
    Result.INVALID: ("✗ invalid", "$text-warning"),
}
"""A judge's verdict on the rewrite, with its style."""


# This machine -----------------------------------------------------------------------------------------------

CHECKS = {"ok": "✓", "advice": "!", "problem": "✗"}
"""The sign of each state of a check of `burnish doctor`."""

CHECK_STYLES = {"problem": "$text-error", "advice": "$text-warning", "ok": "$text-success"}
"""Its style, by the state, in the order in which checks are listed."""


def unread_note(count: int) -> str:
    """A sentence about tags of Ollama's that are `engine.health.models_here.UNREAD`."""
    return (
        f"{count} of these cannot be students: their weights are in no store that can be read here "
        "(OLLAMA_MODELS names another)"
    )
