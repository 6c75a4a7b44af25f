"""The data that flows through burnish: frozen, one way."""

from __future__ import annotations

from collections.abc import Iterable
from enum import StrEnum
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict

from models.teacher import Fault


class Frozen(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)  # JSON has neither


class Version(Frozen):
    """One version of a sample: instruction x, optional input u, response y."""

    instruction: str
    input: str = ""
    response: str


PARTS = tuple(Version.model_fields)
"""The names of a version's texts, in order."""


def as_one_text(version: Version) -> str:
    """The instruction, then a newline and the input where there is one: what a user says in one turn."""
    return f"{version.instruction}\n{version.input}" if version.input else version.instruction


class ToolCall(Frozen):
    """A call of a tool."""

    name: str
    arguments: Any  # an object; what the row has in its place where it is none
    id: str = ""


class Turn(Frozen):
    """Something said in a conversation before the exchange that is refined, or after it."""

    role: Literal["system", "user", "assistant", "tool"]
    text: str  # of a turn that calls a tool, the call included
    calls: tuple[ToolCall, ...] = ()  # of an assistant's turn, where their form is known
    beside: str = ""  # of a turn with calls, its text without them
    tool: str = ""  # of a tool's turn, the tool's name, where the row has it
    answers: str = ""  # of a tool's turn, the id of the call, likewise


History = tuple[Turn, ...]
"""The turns before an exchange, in order; none of an exchange that stands alone."""


def exchanges(history: History) -> tuple[History, tuple[History, ...]]:
    """The system messages at the beginning, and the exchanges after them: each begins where an answer has ended.

    What a tool says belongs to the exchange that called it.
    """
    start = next((at for at, turn in enumerate(history) if turn.role != "system"), len(history))
    starts = [
        at
        for at in range(start, len(history))
        if at == start
        or (history[at].role in ("system", "user") and history[at - 1].role in ("assistant", "tool"))
    ]
    parts = zip(starts, [*starts[1:], len(history)], strict=False)  # of no exchange, no end
    return history[:start], tuple(history[first:end] for first, end in parts)


class Turns(StrEnum):
    """The exchanges of a conversation that are refined."""

    LAST = "last"  # the one at its end
    ALL = "all"


class Reasoning(StrEnum):
    """The use that is made of the reasoning before an answer."""

    SKIP = "skip"  # none; with the answer that it led to it goes
    TEACHER = "teacher"  # of a rewrite, what the teacher thought before it, where the row has reasoning
    SCORE = "score"  # as SKIP, but the student scores the answer that it led to after it


class Sample(Frozen):
    """An exchange of a row of the dataset, as it was read."""

    index: int  # 0-based, its number for good
    original: Version
    row: dict[str, Any]  # the whole record, unknown fields and the other turns included
    number: int = 0  # of the row: 0-based position among those that can be read
    turn: int = 1  # the number of its question among the user's turns in the row, from 1
    history: History = ()  # what was said before `original`, as it stands in the row
    next: Turn | None = None  # what follows it there; None: it ends the row


class WhyPassed(StrEnum):
    """Why a row holds nothing to refine. It passes through: an export has it as it was, in its place."""

    TOOLS = "tools"  # a turn of what would be refined calls a tool, or is a tool's
    NOT_TEXT = "not text"  # an image, or another value that is no text
    NO_ANSWER = "no answer"
    NO_QUESTION = "no question"
    ONLY_SYSTEM = "only a system message"
    NOT_TRAINED = "not trained"  # the answer is marked as not to be trained on
    ODD_TURNS = "odd turns"  # a role that is not known, or an end that is no question and answer


class PassedRow(Frozen):
    """A row of the dataset that cannot be refined."""

    number: int  # as `Sample.number`
    why: WhyPassed
    row: dict[str, Any]


class Stage(StrEnum):
    INSTRUCTION = "instruction"
    RESPONSE = "response"


class Loss(Frozen):
    """A mean negative log-likelihood."""

    mean: float  # nats per scored token
    scored: int  # tokens


class Ratio(Frozen):
    """IFD or r-IFD of one version, with the two losses it is made of."""

    value: float | None  # None: unscorable, and `reason` says why
    log_ratio: float | None = None  # given - alone, nats per token
    alone: Loss | None = None  # the target by itself
    given: Loss | None = None  # the target after its context
    truncated: bool = (
        False  # the target's tail, or the oldest of the history, did not fit the student's context
    )
    left_out: int = 0  # exchanges of the history that did not fit
    reason: str | None = None


class Scores(Frozen):
    """One student's scores of one version."""

    ifd: Ratio
    r_ifd: Ratio


class Verdict(StrEnum):
    KEPT = "kept"  # what the stage started from stays
    REPLACED = "replaced"  # the teacher's rewrite takes its place


class Rule(StrEnum):
    """The reason for a stage's verdict."""

    LARGER_IFD = "larger-ifd"
    SMALLER_R_IFD = "smaller-r-ifd"
    LARGER_IFD_EQUAL = "larger-ifd-equal-length"
    SMALLER_R_IFD_EQUAL = "smaller-r-ifd-equal-length"
    TEACHER_FAILED = "teacher-failed"
    UNSCORABLE = "unscorable"
    ALWAYS = "always"


class Candidate(Frozen):
    """A rewrite that a person asked the teacher for, beside the run's own."""

    stage: Stage
    version: Version
    critique: dict[str, str]
    thoughts: str = ""  # the teacher's, before it wrote the version
    remark: str = ""  # of the person, to the teacher
    scores: Scores | None = None  # None: no student has weighed it


class Failure(Frozen):
    """Why a stage has no usable reply."""

    fault: Fault
    message: str


class EqualLength(Frozen):
    """A margin at equal length: both sides' losses over the first tokens, as many as the shorter side has."""

    margin: float  # as `Choice.margin`
    scored: tuple[int, int]  # tokens of what the stage started from, and of the candidate

    @property
    def tokens(self) -> int:
        """Tokens of each side that it is over."""
        return min(self.scored)


class Verification(Frozen):
    """A near tie, scored again with better weights of the student: these numbers decided."""

    before: float | None
    after: float | None
    margin: float  # that decided, as `Choice.deciding_margin`
    limit: float | None  # a smaller margin is a near tie of these weights as well; None: the recipe's number
    overruled: bool  # the student would have decided otherwise


class Choice(Frozen):
    """The end of one stage, with the student's numbers, and those that decided where they are others."""

    stage: Stage
    verdict: Verdict
    rule: Rule
    before: float | None = None  # the score of what the stage started from
    after: float | None = None  # the best candidate's score
    margin: float | None = None  # by how much the candidate is better, in log-ratio; negative: worse
    near_tie: bool = False  # of the weights that decided: for a person to look at
    limit: float | None = None  # a smaller margin is a near tie of the student; None: the recipe's number
    verified: Verification | None = None  # where that was a near tie, and there is a verifier
    equal_length: EqualLength | None = (
        None  # the margin at equal length; None: nothing to compare, or not known
    )
    length_decides: bool = False  # the two margins are for different verdicts
    rewrite: Version | None = None  # the teacher's best candidate, taken or not
    critique: dict[str, str] = {}  # the teacher's, criterion by criterion, of what the stage started from
    thoughts: str = ""  # the teacher's, before it wrote `rewrite`
    failure: Failure | None = None

    @property
    def deciding_margin(self) -> float | None:
        """The margin whose sign is the verdict: the verifier's, or the student's."""
        if self.verified is not None:
            return self.verified.margin
        if self.equal_length is not None and self.rule in AT_EQUAL_LENGTH:
            return self.equal_length.margin
        return self.margin

    @property
    def deciding_limit(self) -> float | None:
        """The limit below which that margin is a near tie; None: the recipe's number."""
        return self.verified.limit if self.verified is not None else self.limit


AT_EQUAL_LENGTH = (Rule.LARGER_IFD_EQUAL, Rule.SMALLER_R_IFD_EQUAL)
"""The rules by which the margin at equal length decides."""


class Outcome(Frozen):
    """A sample's way through the method, finished."""

    index: int
    final: Version
    choices: tuple[Choice, ...] = ()
    before: Scores | None = None  # of the original
    after: Scores | None = None  # of `final`

    @property
    def failures(self) -> tuple[Failure, ...]:
        return tuple(choice.failure for choice in self.choices if choice.failure)


def thoughts_before(response: str, outcome: Outcome | None, candidates: Iterable[Candidate] = ()) -> str:
    """The teacher's thoughts before a rewrite with this response, a stage's or a candidate; "" where there are none."""
    choices = outcome.choices if outcome is not None else ()
    rewrites = [(one.rewrite, one.thoughts) for one in choices] + [
        (one.version, one.thoughts) for one in candidates
    ]
    return next((thoughts for rewrite, thoughts in rewrites if rewrite and rewrite.response == response), "")


class Decision(StrEnum):
    """A person's decision on an outcome."""

    ACCEPTED = "accepted"
    ORIGINAL = "original"  # the original stays, whatever the student chose
    CHOSEN = (
        "chosen"  # another of the teacher's versions than the student's choice, or halves of two versions
    )
    EDITED = "edited"  # the person's own version
    DROPPED = "dropped"  # no export has the sample; its version is the original


class Annotation(Frozen):
    """A person's note on a sample, and the tags to find it by. Nothing that leaves depends on them."""

    note: str = ""
    tags: tuple[str, ...] = ()


class Review(Frozen):
    """A person's last word on a sample."""

    index: int
    decision: Decision
    version: Version  # what is exported for this sample
    scores: Scores | None = None  # of `version`, where it is CHOSEN or EDITED and a student has weighed it
