"""The words that the teacher is asked in: burnish's own, and a set that asks for what the papers ask for.

The two stages are those of arXiv 2310.11716 (section 3) and arXiv 2402.10110 (section 3). What is asked for stands
here; the layout of a reply is `reply_forms`' business. What is the same for every sample goes into the system message,
which a server reads once; the sample comes after it.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum

from pydantic import field_validator

from engine.method.rewrite_language import UNSAID, RewriteLanguages
from engine.method.rules import Criteria, Criterion
from engine.sample import Frozen, History, Turn

PROMPTS = 5
"""The version of the prompts to the teacher, in every form and set: raised with each change of a word in them."""

CAUSE = "Why the instruction led to this response"

CRITIQUE = "Critique"
"""The title of a critique that is one text, as in markers and steps."""


class PromptSet(StrEnum):
    OWN = "own"
    PAPER = "paper"


class CritiqueLength(StrEnum):
    SHORT = "short"
    FULL = "full"


class Words(Frozen):
    """The words that the teacher is asked in, part by part. What rules say stands in them as `{placeholders}`."""

    system: str
    # One reply with all of it (json, markers): criticise, then rewrite. In the system message.
    instruction_task: str
    response_task: str
    # A question a part (steps): the system message of all but `answer`, which is its own, and what is asked in each.
    steps: str
    criticise_both: str
    criticise_response: str
    rewrite: str
    answer: str
    improve: str

    @field_validator("*")
    @classmethod
    def _checked(cls, text: str) -> str:
        """A person's words can be told, and hold no placeholder that nothing takes the place of."""
        if not text.strip():
            raise ValueError("empty; write it, or take it from `burnish prompts`")
        if len(text) > LONGEST_PROMPT:
            raise ValueError(f"{len(text):,} characters, of {LONGEST_PROMPT:,} at most; shorten it")
        if odd := next((mark for mark in text if not (mark.isprintable() or mark in "\n\t")), None):
            raise ValueError(f"holds {odd!a}, which is no text; take it out")
        for found in PLACEHOLDER.finditer(text):
            if (name := found["name"]) is not None and name not in PLACEHOLDERS:
                known = ", ".join(f"{{{one}}}" for one in PLACEHOLDERS)
                raise ValueError(
                    f"{{{name}}} is no placeholder; those are {known}. {{{{{name}}}}} is told as {{{name}}}"
                )
        return text


class Wording(Frozen):
    """The words for an exchange that stands alone, and for one that a conversation comes before."""

    alone: Words
    conversation: Words | None = None  # None: the same

    @property
    def digest(self) -> str:
        """The name of these words in a trace."""
        body = json.dumps(self.model_dump(mode="json"), sort_keys=True)
        return f"sha256:{hashlib.sha256(body.encode('ascii')).hexdigest()}"

    def untold(self, placeholders: Collection[str]) -> str | None:
        """The first question that one of these placeholders is missing from, as a sentence's beginning; None: none."""
        for where, words in (("alone", self.alone), ("conversation", self.conversation)):
            for parts, needed in _QUESTIONS.items() if words is not None else ():
                text = "".join(getattr(words, part) for part in parts)
                told = {found["name"] for found in PLACEHOLDER.finditer(text)}
                if missing := sorted(set(placeholders) & needed - told):
                    lack = "lacks" if len(parts) == 1 else "lack"
                    return f"[{where}] {' and '.join(parts)} {lack} {{{missing[0]}}}"
        return None


_QUESTIONS = {
    ("system", "instruction_task"): {"guidelines", "instruction_criteria", "response_criteria"},
    ("system", "response_task"): {"guidelines", "response_criteria"},
    ("steps", "criticise_both"): {"guidelines", "instruction_criteria", "response_criteria"},
    ("steps", "criticise_response"): {"guidelines", "response_criteria"},
    ("answer",): {"guidelines"},
}
"""The words that go into a question, and the placeholders that must stand among them where there are such rules."""

LONGEST_PROMPT = 8_000
"""Characters."""


@dataclass(frozen=True, slots=True)
class Prompts:
    """The words that the teacher is asked in, part by part, with all that rules say. See `Words`."""

    system: str
    instruction_task: str
    response_task: str
    steps: str
    criticise_both: str
    criticise_response: str
    rewrite: str
    answer: str
    improve: str
    criteria: Criteria
    in_conversation: Words
    before: str = ""  # the conversation that the example comes after, as it is shown
    then: str = ""  # what follows the example there, likewise
    languages: RewriteLanguages = UNSAID  # of the rewrite: told to the teacher, and held to

    def written_in(self, languages: RewriteLanguages) -> Prompts:
        """The same, with the languages named that a rewrite is to be in."""
        asked, answered = languages.instruction.name, languages.response.name
        return replace(
            self,
            rewrite=self.rewrite + _told_language("it", asked),
            answer=self.answer + _told_language("it", answered),
            improve=self.improve + _told_language("it", answered),
            languages=languages,
        )

    @property
    def told_both(self) -> str:
        """The request for the languages of a new instruction and its answer, below an example; empty: for none."""
        asked, answered = self.languages.instruction.name, self.languages.response.name
        if asked == answered:
            return _below(_told_language("the new instruction and its answer", asked))
        return _below(_told_language("the new instruction", asked) + _told_language("its answer", answered))

    @property
    def told_better(self) -> str:
        """The same for a better response."""
        return _below(_told_language("the better response", self.languages.response.name))

    def at(self, history: History, following: Turn | None = None) -> Prompts:
        """The same, asked of an exchange after a history: a new instruction need not stand alone there.

        following: the turn that comes after the exchange, which a better response must still lead to.
        """
        prompts = self._after(history) if history else self
        return prompts if following is None else prompts._leading_to(following)

    def _after(self, history: History) -> Prompts:
        turns = "\n".join(map(_shown, history))
        return replace(
            self,
            **dict(self.in_conversation),
            before=f"<conversation>\n{turns}\n</conversation>\n\nThe conversation above goes on with this example:\n\n",
        )

    def _leading_to(self, following: Turn) -> Prompts:
        return replace(
            self,
            response_task=f"{self.response_task}\n{_LEADING}",
            criticise_response=f"{self.criticise_response}\n{_LEADS}",
            improve=f"{self.improve} {_LEADING}",
            then=f"\n\nAfter this response the conversation goes on with:\n\n{_shown(following)}",
        )


def _shown(turn: Turn) -> str:
    return f"<{turn.role}>\n{turn.text}\n</{turn.role}>"


def _below(told: str) -> str:
    return f"\n\n{told.strip()}" if told else ""


def _told_language(what: str, language: str | None) -> str:
    """The request to write something in a language; none where it is not known."""
    return "" if language is None else f" Write {what} in {language}."


PLACEHOLDERS = {
    "instruction_criteria": "the criteria of an instruction, with what is meant by them",
    "response_criteria": "the criteria of a response, likewise",
    "guidelines": "the house rules, under a line that says so; nothing where there are none",
}
"""The placeholders that words may hold in braces, each with the text that takes its place."""

PLACEHOLDER = re.compile(r"\{\{(?P<doubled>[a-z_]+)\}\}|(?P<breaks>\n*)\{(?P<name>[a-z_]+)\}")
"""A placeholder, with the line breaks before it: where it stands for nothing, they go too. In doubled braces it is a
word in braces."""


def prompts_of(wording: Wording, criteria: Criteria, guidelines: Sequence[str]) -> Prompts:
    """The prompts that these words make of a person's rules."""
    values = {
        "instruction_criteria": listed(criteria.instruction),
        "response_criteria": listed(criteria.response),
        "guidelines": "\n- ".join((_HOUSE_RULES, *guidelines)) if guidelines else "",
    }

    def put(found: re.Match[str]) -> str:
        if found["name"] is None:
            return f"{{{found['doubled']}}}"
        value = values[found["name"]]
        return found["breaks"] + value if value else ""

    def filled(words: Words) -> Words:
        return words.model_copy(
            update={name: PLACEHOLDER.sub(put, text).lstrip("\n") for name, text in words}
        )

    return Prompts(
        **dict(filled(wording.alone)),
        criteria=criteria,
        in_conversation=filled(wording.conversation or wording.alone),
    )


_HOUSE_RULES = "House rules, which your criticism asks for and all that you write keeps to:"


def listed(criteria: Sequence[Criterion]) -> str:
    """Criteria as a question names them, with what is meant by each."""
    return ", ".join(f"{one.title} ({one.meaning})" if one.meaning else one.title for one in criteria)


def _in_conversation(words: Words) -> Words:
    """The same words, where a new instruction must be sayable at that point, and need not stand alone."""
    task = words.instruction_task
    for alone in _ALONE:
        task = task.replace(alone, _IN_CONVERSATION)
    return words.model_copy(
        update={
            "instruction_task": task,
            "response_task": f"{words.response_task}\n{_FITTING}",
            "rewrite": f"{words.rewrite.replace(_INDEPENDENT, '')} {_SAYABLE}",
            "answer": f"{words.answer} {_FITTING}",
            "improve": f"{words.improve} {_FITTING}",
        }
    )


# What is said of a new instruction that stands alone, and in its place of one in a conversation.
_INDEPENDENT = " but independent of it"
_ALONE = (
    "It must stand alone: its reader sees neither the old instruction nor its input, so include any text or data it "
    "works on.",
    "It is relevant to the old instruction but independent of it: it can be answered by one who does not know the old "
    "one.",
)
_SAYABLE = (
    "The user must be able to say it at that point of the conversation; it may rely on what was said before, and what "
    "a system message there asks for still holds."
)
_IN_CONVERSATION = (
    f"It takes the place of the old one in the conversation. {_SAYABLE} Its reader does not see the old "
    "instruction or its input, so include any text or data it works on."
)
_LEADS = "Say as well whether what follows it above makes sense after it."
_LEADING = "What follows it above stays as it is, and must still make sense right after the better response."
_FITTING = "It must be right at that point of the conversation, and true to a system message there."

_SENTENCES = {CritiqueLength.SHORT: "one short sentence", CritiqueLength.FULL: "one or two sentences"}
_IN_ALL = {
    CritiqueLength.SHORT: "in a few short sentences",
    CritiqueLength.FULL: "in one or two sentences on each",
}


def _own(length: CritiqueLength) -> Words:
    sentences = _SENTENCES[length]
    return Words(
        system=(
            "You improve training examples for language models. You are a demanding, exact reviewer: you name concrete "
            "weaknesses, and what you write yourself is complete and correct.\n\n{guidelines}"
        ),
        instruction_task=f"""\
You are shown an example: an instruction, maybe with an input, and the response to it. Reflect on it, then improve it.
1. Judge the instruction in {sentences} on each of: {{instruction_criteria}}.
2. Judge the response in {sentences} on each of: {{response_criteria}}.
3. Say in {sentences} why this instruction led to this response.
4. Write a new instruction on the same subject that answers your criticism: clearer, more specific, asking for \
more thought. It must stand alone: its reader sees neither the old instruction nor its input, so include any \
text or data it works on.
5. Write the full answer to the new instruction: correct, complete, and nothing but the answer.""",
        response_task=f"""\
You are shown an example: an instruction, maybe with an input, and the response to it. Reflect on the response, then \
improve it.
1. Judge the response in {sentences} on each of: {{response_criteria}}.
2. Write a better response to the same instruction that answers your criticism: correct, complete, as detailed \
as the instruction calls for, and nothing but the response.""",
        steps=(
            "You improve training examples for language models. You name concrete weaknesses, and what you write "
            "yourself is complete and correct.\n\n{guidelines}"
        ),
        criticise_both=(
            f"Criticise this example {_IN_ALL[length]}: the instruction on {{instruction_criteria}}; the response on "
            f"{{response_criteria}}; then why the instruction led to this response."
        ),
        criticise_response=f"Criticise this response {_IN_ALL[length]}, on {{response_criteria}}.",
        rewrite=(
            "Rewrite the instruction so that it answers this criticism: clearer, more specific and more demanding. "
            "Reply with the new instruction only."
        ),
        answer="{guidelines}\n\nAnswer the instruction correctly and completely. Reply with the answer only.",
        improve=(
            "Write a better response to the instruction, one that answers this criticism: correct, complete and as "
            "detailed as it calls for. Reply with the response only."
        ),
    )


_PICKY = "You are a helpful and precise assistant, and a picky one: you check how good instructions and answers are."


def _paper(length: CritiqueLength) -> Words:
    sentences = _SENTENCES[length]
    return Words(
        system=f"{_PICKY}\n\n{{guidelines}}",
        instruction_task=f"""\
You are shown an instruction and the response to it. Answer some questions about their quality.
1. Why is the instruction not good? Analyse it, in {sentences} each, on: {{instruction_criteria}}.
2. Why is the response not good for this instruction? Analyse it, in {sentences} each, on: {{response_criteria}}.
3. Why did this bad instruction lead to a bad response?
4. For these reasons, write a new and complete instruction that is complex and difficult to answer directly. It is \
relevant to the old instruction but independent of it: it can be answered by one who does not know the old one.
5. Answer the new instruction, as detailed as possible.""",
        response_task=f"""\
You are shown an instruction and the response to it. Answer some questions about the quality of the response.
1. Why is the response not good for this instruction? Analyse it, in {sentences} each, on: {{response_criteria}}.
2. For these reasons, write a better response: new and complete, as detailed as possible.""",
        steps=f"{_PICKY}\n\n{{guidelines}}",
        criticise_both=(
            "Why is this instruction not good, and why is the response not good for it? Analyse them "
            f"{_IN_ALL[length]}: the instruction on {{instruction_criteria}}; the response on {{response_criteria}}; "
            "then why this bad instruction led to a bad response."
        ),
        criticise_response=(
            f"Why is this response not good for the instruction? Analyse it {_IN_ALL[length]}, on "
            "{response_criteria}."
        ),
        rewrite=(
            "For these reasons, write a new and complete instruction that is complex and difficult to answer directly. "
            "It is relevant to the old instruction but independent of it. Reply with the new instruction only."
        ),
        answer="{guidelines}\n\nAnswer the instruction, as detailed as possible. Reply with the answer only.",
        improve=(
            "For these reasons, write a better response: new and complete, as detailed as possible. Reply with the "
            "response only."
        ),
    )


PROMPT_SETS = {
    (name, length): Wording(alone=words(length), conversation=_in_conversation(words(length)))
    for name, words in ((PromptSet.OWN, _own), (PromptSet.PAPER, _paper))
    for length in CritiqueLength
}
"""The words of each set, with critiques of each length."""
