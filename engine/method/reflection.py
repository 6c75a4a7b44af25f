"""Reflection: the questions to a teacher, and the conditions under which a reply of it is used.

The words of a question are `prompts`' business and the layout of a reply is `reply_forms`'; the conditions are the
same in every form and stand here.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any, Generic, Protocol, TypeVar

from engine.method.example import without_marks
from engine.method.rewrite_language import UNSAID, HalfLanguage, RewriteLanguages
from engine.method.stand_ins import answer_stand_in, instruction_stand_in
from engine.method.structure import broken_structure
from engine.sample import Failure, History, Version
from engine.thoughts import quoted_marks, thoughts_in, without_thoughts
from models.teacher import PAUSING, Fault, Message, Reply, TeacherError

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Reflection:
    """The teacher's critique of a version, and the version that answers it."""

    critique: dict[str, str]  # criterion -> what the teacher says, in the order it was said
    version: Version
    thoughts: str = (
        ""  # of the reply that holds the version, without marks; "" where the teacher did not think
    )


class UnusableReply(Exception):  # noqa: N818 - it names the reply, and is no error of ours
    """A finished reply that cannot be used; another attempt may do better."""

    def __init__(self, fault: Fault, why: str) -> None:
        super().__init__(why)
        self.fault = fault


def failure_of(error: UnusableReply | TeacherError) -> Failure:
    """The failure that a question without a usable reply is. Raises the error again if the server cannot answer."""
    if error.fault in PAUSING:
        raise error
    return Failure(fault=error.fault, message=str(error))


@dataclass(frozen=True, slots=True)
class Question(Generic[T]):
    """One question to the teacher, and how its reply is read."""

    name: str  # "reflect", "critique", "rewrite", "answer", "improve"
    messages: tuple[Message, ...]
    read: Callable[[str], T]  # raises UnusableReply
    schema: dict[str, Any] | None = None  # the JSON schema the reply obeys, if any
    rules: tuple[Callable[[str], Fault | None], ...] = ()  # for replies that cannot be used, see `doomed`
    logprobs: bool = False  # of the reply's tokens are asked for
    tools: tuple[Mapping[str, Any], ...] = ()  # definitions of those that the answer may call
    rest: Callable[[str, tuple[Message, ...]], Question[T] | None] | None = None  # see `after`

    def doomed(self, beginning: str) -> Fault | None:
        """The kind of failure that a reply is which begins so, whatever follows; None: it may be usable."""
        text = without_thoughts(beginning, _quoted(self.messages))
        return next((fault for rule in self.rules if (fault := rule(text))), None)

    def after(self, reply: Reply) -> Question[T]:
        """The question to ask once this reply was of no use: for the rest alone, where part of it is; else the same.

        `rest`: makes it of the reply's text and the messages that it answered; None: there is no such part.
        """
        if self.rest is None:
            return self
        return self.rest(without_thoughts(reply.text, _quoted(self.messages)), self.messages) or self

    def parse(self, reply: Reply) -> T:
        """The answer in a reply; raises `UnusableReply` if it was cut or does not hold what was asked for."""
        match reply.finish:
            case "length":
                raise UnusableReply(
                    Fault.CUT,
                    f"the reply was cut at {reply.tokens} tokens; raise max_tokens (half of the context at most)",
                )
            case "stopped":
                why = (
                    f"the reply was stopped after {reply.tokens} tokens, for nothing usable could come of it"
                )
                raise UnusableReply(self.doomed(reply.text) or Fault.CUT, why)
        answer = self.read(reply_text(reply, self.messages))
        if fault := self.doomed(reply.text):  # the reader finds most of them itself, and says more of them
            over = fault is Fault.REPEATS
            raise UnusableReply(
                fault,
                "the reply says the same over and over" if over else "the reply begins as none of use does",
            )
        return answer


@dataclass(frozen=True, slots=True)
class Rewriting(Question[Reflection]):
    """A question whose reply holds a rewrite: what the teacher thought before it is kept with it."""

    def parse(self, reply: Reply) -> Reflection:
        thoughts = reply.thoughts.strip() or thoughts_in(reply.text, _quoted(self.messages))
        return replace(Question.parse(self, reply), thoughts=thoughts)


def reply_text(reply: Reply, asked: tuple[Message, ...]) -> str:
    """A reply's text without the thoughts before it. Raises `UnusableReply` if nothing is left.

    asked: the messages it answers. Where they quote a model's mark of thoughts the reply may as well, except for the
    mark that most models use.
    """
    text = without_thoughts(reply.text, _quoted(asked))
    if not text.strip():
        raise UnusableReply(Fault.EMPTY, "the reply is empty")
    return text


def _quoted(asked: tuple[Message, ...]) -> frozenset[str]:
    return quoted_marks(*(message.content for message in asked)) - {"<think>"}


def with_remark(question: Question[T], remark: str) -> Question[T]:
    """The question with a person's remark to the teacher; not where the teacher merely answers an instruction."""
    if not remark or question.name == "answer":
        return question
    *before, last = question.messages
    remarked = replace(last, content=f"{last.content}\n\nThe person who reads this asks for: {remark}")
    return replace(question, messages=(*before, remarked))


SHORT = 80
"""Characters: shorter texts may be the same by chance."""


class AskTeacher(Protocol):
    """Puts a question to the teacher, in as many attempts as it is allowed.

    Raises `UnusableReply` when no attempt gave a usable reply, `TeacherError` when there was none at all.
    """

    async def __call__(self, question: Question[T], /) -> T: ...


def new_instruction(
    old: Version, instruction: str, history: History = (), languages: RewriteLanguages = UNSAID
) -> str:
    """One half of the instruction stage's result, after this history, in one of these languages."""
    instruction = required_text("new instruction", instruction, old)
    _refuse_stand_in("new instruction", instruction_stand_in(instruction, old, history))
    if _same(instruction, old.instruction):
        raise UnusableReply(Fault.COPY, "the new instruction is the old one")
    _check_language("new instruction", instruction, languages.instruction)
    _check_structure(old, Version(instruction=instruction, response=old.response))
    return instruction


def new_version(
    old: Version,
    instruction: str,
    response: str,
    history: History = (),
    languages: RewriteLanguages = UNSAID,
) -> Version:
    """The instruction stage's result, after this history: both halves usable, or neither is taken."""
    instruction = new_instruction(old, instruction, history, languages)
    new = Version(instruction=instruction, response=_answer("new response", response, instruction, old))
    if _same(new.response, new.instruction):
        raise UnusableReply(Fault.COPY, "the new response is the new instruction")
    _check_language("new response", new.response, languages.response)
    _check_structure(old, new)
    return new


def better_response(old: Version, response: str, languages: RewriteLanguages = UNSAID) -> Version:
    """The response stage's result: the same instruction, a new response."""
    response = _answer("better response", response, old.instruction, old)
    if _same(response, old.response):
        raise UnusableReply(Fault.COPY, "the better response is the old one")
    _check_language("better response", response, languages.response)
    new = old.model_copy(update={"response": response})
    _check_structure(old, new)
    return new


def _check_language(name: str, text: str, language: HalfLanguage) -> None:
    """Raise `UnusableReply` where a text is surely in another language than it is to be in."""
    if missed := language.missed_by(text):
        raise UnusableReply(Fault.LANGUAGE, f"the {name} {missed}")


def _check_structure(old: Version, new: Version) -> None:
    """Raise `UnusableReply` where a rewrite lost or invented structure."""
    broken = broken_structure(old, new)
    if broken is not None:
        raise UnusableReply(Fault.STRUCTURE, broken)


def not_said_before(text: str, critique: str, old: Version) -> str:
    """A text that does not say again what the critique of a version says, as very small models do."""
    first, lines = text.strip().partition("\n")[0].strip(), {line.strip() for line in critique.splitlines()}
    again = len(text) > SHORT and (_same(text, critique) or (len(first) > SHORT and first in lines))
    if again or begins_again(text, critique, old):
        raise UnusableReply(Fault.COPY, "the reply is the critique once more")
    return text


def begins_again(text: str, critique: str, old: Version) -> bool:
    """The critique's beginning stands in a text, and not because it quotes the version that it is about."""
    beginning = _spaced(critique)[:SHORT]
    return (
        len(beginning) == SHORT
        and beginning in _spaced(text)
        and not any(beginning in _spaced(quoted) for quoted in (old.instruction, old.input, old.response))
    )


def required_text(name: str, text: str, old: Version | None = None) -> str:
    """A part of a reply, without space and thoughts before it, and without the marks of an example around it.

    old: the version it is about; marks that stand there are text here too. Raises `UnusableReply` if
    nothing, or a placeholder, stands where text belongs.
    """
    quoted = quoted_marks(old.instruction, old.input, old.response) if old else ()
    text = without_thoughts(text, quoted).strip()
    if old is not None:
        text = without_marks(text, name.rpartition(" ")[2], old)
    if not text:
        raise UnusableReply(Fault.EMPTY, f"the {name} is empty")
    if _PLACEHOLDER.fullmatch(text):
        raise UnusableReply(Fault.PLACEHOLDER, f"the {name} is a placeholder")
    return text


def _answer(name: str, text: str, instruction: str, old: Version) -> str:
    text = required_text(name, text, old)
    _refuse_stand_in(name, answer_stand_in(text, instruction, old))
    return text


def _refuse_stand_in(name: str, fault: Fault | None) -> None:
    if fault is not None:
        raise UnusableReply(fault, f"the {name} {_STAND_INS[fault]}")


_STAND_INS = {
    Fault.REFUSAL: "is a refusal",
    Fault.TEACHER_TALK: "speaks to the one who asked for it",
    Fault.REVIEW: "is a review of the response",
    Fault.INPUT_LOST: "speaks of a text that it does not carry",
}


def _same(a: str, b: str) -> bool:
    return a.split() == b.split()


def _spaced(text: str) -> str:
    return " ".join(text.split())


# The layout's own words left standing, alone. "N/A", "None" or "End" may be somebody's answer: not here.
_PLACEHOLDER = re.compile(
    r"""[\s.…_-]+ | [:;,"'\s]* [\[{(<] [:;,"'\s\[{(<]*
    |[\[<{(]{1,2} \s* ((your|the|insert|new|better|improved|rewritten)\s+)*
      (instruction|response|answer|critique|text) (\s+here)? \s* [\]>})]{1,2}
    |new_instruction|new_response|better_response
    |helpful,\ relevant,\ accurate,?\ (and\ )?(as\ )?detailed(\ as\ it\ calls\ for)?\.?""",
    re.IGNORECASE | re.VERBOSE,
)
