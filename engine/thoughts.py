"""Thoughts before an answer: the marks that models put around them, and a text without them.

A server that knows a model's marks keeps its thoughts apart. One that does not leaves them in the reply, the first
mark often missing, since it stood in the prompt.

Answers may be about such marks. So only thoughts that come first are left out: a mark in the middle of a text is
text, and so are those that the sample itself quotes.
"""

from __future__ import annotations

import re
from collections.abc import Collection
from dataclasses import dataclass
from itertools import islice

_TAGS = (
    "think", "thinking", "thought", "thoughts", "reasoning", "reflection", "scratchpad", "analysis",
    "seed:think", "longcat_think", "mm:think", "thinking_process", "thought_process", "reasoning_content",
    "inner_thoughts", "inner_monologue", "internal_monologue", "chain_of_thought", "cot",
)  # fmt: skip
_MARKS = {f"<{tag}>": f"</{tag}>" for tag in _TAGS} | {
    "[think]": "[/think]",  # Magistral
    "◁think▷": "◁/think▷",  # Kimi-VL
    "<|start_thinking|>": "<|end_thinking|>",  # Command A
    "<|begin_of_thought|>": "<|end_of_thought|>",  # Sky-T1
    "<|start_of_thought|>": "<|end_of_thought|>",
    "<|inner_prefix|>": "<|inner_suffix|>",  # Apertus
    **{f"<|{tag}|>": f"<|/{tag}|>" for tag in ("think", "thinking", "thought", "reasoning")},
    "<|channel>thought": "<channel|>",  # Gemma 4
    "<unused94>thought": "<unused95>",  # MedGemma
    "here are my reasoning steps:": "[begin final response]",  # Apriel
    "here is my thought process:": "here is my response:",  # Granite 3.2
}
"""The marks that open thoughts, in small letters, each with the mark that closes them."""

_SAID = "here is my response:"  # an answer's first words as well: closes only what was opened
_ANSWERS = {f"<{tag}>": f"</{tag}>" for tag in ("answer", "response", "output", "solution")} | {
    "<|start_response|>": "<|end_response|>",
    "<|begin_of_solution|>": "<|end_of_solution|>",
    "": "[end final response]",
}
"""The marks around the answer that follows thoughts."""


def _any(marks: Collection[str]) -> str:
    return "|".join(map(re.escape, marks))


# What every mark begins with, and so what is looked for first: most texts have none.
_SIGN = re.compile(r"[<\[◁]|here (?:are|is) my", re.IGNORECASE)
_SIGN_OF_THOUGHTS = re.compile(r"[^<\[◁]*+[<\[◁]|\s*(?:here (?:are|is) my|analysis)", re.IGNORECASE)
_OPENED = re.compile(
    rf"\s*(?:(?P<mark>{_any(_MARKS)})|<(?P<tag>{_any(_TAGS)})\s[^<>]{{0,200}}>)", re.IGNORECASE
)
_CLOSED = {mark: re.compile(re.escape(mark), re.IGNORECASE) for mark in _MARKS.values()}
_CLOSING = _any([mark for mark in _MARKS.values() if mark != _SAID])
# As models write it: alone on its line, or right behind a sentence. Within a sentence it is spoken of.
_LONE = re.compile(
    rf"""^[ \t]*(?P<alone>{_CLOSING})[ \t]*(?=$|[{{\[]|```)
    |(?<=[.!?…。！？])(?P<sentence>{_CLOSING})(?!["'`”’])
    |(?<=\w)(?P<word>{_CLOSING})(?=[ \t]*\n[ \t]*\n)""",
    re.IGNORECASE | re.MULTILINE | re.VERBOSE,
)
_NO_WORDS = re.compile(
    rf"{_any(_MARKS)}|{_CLOSING}|<\|(start|end|channel|message|constrain)\|>|\b(assistant|analysis|final)\b",
    re.IGNORECASE,
)
_MARK = re.compile(
    rf"""<\|start\|>\s*assistant\s*|<\|channel\|>[^<]{{0,100}}(?:<\|constrain\|>[^<]{{0,100}})?<\|message\|>
    |<\|(?:end|return)\|>|\A\s*analysis(?=\w)|assistantfinal\s*\Z
    |{_any(_MARKS)}|{_CLOSING}|{re.escape(_SAID)}|<(?:{_any(_TAGS)})\s[^<>]{{0,200}}>""",
    re.IGNORECASE | re.VERBOSE,
)
"""A mark around thoughts, wherever it stands; a channel's with its name."""
_ASKED_FOR = frozenset({"<analysis>", "<reflection>", "<scratchpad>"})
"""Marks that a task asks for as often as a model writes them of itself."""
_OPENING_OF = {closing: opening for opening, closing in _MARKS.items()}
_MOST_MARKS = 20  # that are looked at: each costs a look at all that stands before it
# A reply in a layout begins with it, and its parts are freed of thoughts one by one.
_LAID_OUT = re.compile(r"[\s*#`]*+(json\b\s*+)?[\[{]")

# The channels of gpt-oss: https://developers.openai.com/cookbook/articles/openai-harmony
_CHANNEL = "<|channel|>"
_FINAL = r"<\|channel\|>\s*final\b[^<]*+(<\|constrain\|>[^<]*+)?<\|message\|>"
_IN_CHANNELS = re.compile(r"\s*(<\|start\|>\s*assistant\s*)?<\|channel\|>\s*\w", re.IGNORECASE)
_FINAL_CHANNEL = re.compile(_FINAL, re.IGNORECASE)
_LONE_FINAL = re.compile(rf"<\|end\|>\s*<\|start\|>\s*assistant\s*{_FINAL}", re.IGNORECASE)
_END_OF_MESSAGE = re.compile(r"<\|(end|return)\|>\s*(\Z|<\|start\|>)", re.IGNORECASE)
_LAST_FINAL = re.compile(rf"{_FINAL}\Z", re.IGNORECASE)
_WITHOUT_MARKS = re.compile(r"\s*analysis(?=[A-Z]).*?assistantfinal", re.DOTALL)


def quoted_marks(*texts: str) -> frozenset[str]:
    """The marks of thoughts that stand in these texts."""
    text = "\n".join(texts).casefold()
    if not _SIGN.search(text):
        return frozenset()
    found = {opening for opening, closing in _MARKS.items() if opening in text or closing in text}
    return frozenset(found | {_CHANNEL} if _CHANNEL in text else found)


def without_thoughts(text: str, quoted: Collection[str] = ()) -> str:
    """A text without the thoughts that come first in it; empty where it is nothing but thoughts.

    quoted: marks that are no marks here, as `quoted_marks` gives them. A text without thoughts comes back as it is.
    """
    start, end = _answer_span(text, quoted)
    if (start, end) == (0, len(text)):
        return text
    answer = text[start:end]
    start, end = _inside(answer)
    return answer[start:end]


def thoughts_in(text: str, quoted: Collection[str] = ()) -> str:
    """The thoughts that come first in a text, without their marks; empty where there are none.

    quoted: as of `without_thoughts`.
    """
    return "\n\n".join(_between_marks(text[: _answer_span(text, quoted)[0]]))


def _between_marks(reasoning: str) -> list[str]:
    return [said for part in _MARK.split(reasoning) if part and (said := part.strip())]


@dataclass(frozen=True, slots=True)
class PartedAnswer:
    """A dataset's answer without the reasoning before it, and the form that both stand in."""

    text: str  # the answer alone; blank where there is nothing but reasoning
    reasoning: str = ""  # with its marks and the space after it
    before: str = ""  # what stands around another answer as well: an empty pair of marks, `<answer>`
    after: str = ""


def parted_answer(text: str, asked: str = "") -> PartedAnswer:
    """The reasoning at the beginning of a dataset's answer, and the answer.

    asked: what it answers. Marks that this speaks of are looked for with more care: the answer may be about them.
    """
    if not _SIGN_OF_THOUGHTS.match(text):
        return PartedAnswer(text)
    spoken_of = quoted_marks(asked)
    opened = _OPENED.match(text)
    quoted = spoken_of & _ASKED_FOR if opened or _IN_CHANNELS.match(text) else spoken_of
    start, end = _answer_span(text, quoted)
    says = _NO_WORDS.sub("", text[:start]).strip()
    if (start, end) == (0, len(text)) or not (text[start:end].strip() or (says and not spoken_of)):
        return PartedAnswer(text)
    inner, inner_end = (start + place for place in _inside(text[start:end]))
    wrapped = (inner, inner_end) != (start, end)
    answer = text[inner:inner_end].strip() if wrapped else text[inner:inner_end].lstrip()
    begin = text.index(answer, inner)
    stop = begin + len(answer)
    if not says:
        return PartedAnswer(answer, before=text[:begin], after=text[stop:])
    answers = end - len(text[start:end].lstrip())  # where the space after the reasoning ends
    channel = _LAST_FINAL.search(text[:start])
    before = channel[0] if channel else ""
    if inner <= answers or not wrapped:  # a closing mark alone belongs to one at the end of the reasoning
        return PartedAnswer(answer, text[:begin], before, text[end:])
    return PartedAnswer(answer, text[:answers], before + text[answers:begin], text[stop:])


def with_answer(text: str, answer: str, asked: str = "") -> str:
    """A dataset's answer with another answer in it, which its reasoning does not lead to: without that.

    asked: what it answers. As it is, to the byte, where the answer in it is the same.
    """
    parted = parted_answer(text, asked)
    if answer in (parted.text, text):
        return text
    if parted_answer(answer).reasoning:  # a person's own
        return answer
    return parted.before + answer + parted.after


def with_reasoning(text: str, reasoning: str, answer: str, asked: str = "") -> str | None:
    """A dataset's answer with other reasoning and another answer in it, in the same marks.

    asked: as of `parted_answer`. None where the text has no reasoning, or the new reasoning would not be read as such.
    """
    parted = parted_answer(text, asked)
    said = _between_marks(parted.reasoning)
    if not said:
        return None
    start = parted.reasoning.index(said[0])
    end = parted.reasoning.rindex(said[-1]) + len(said[-1])
    begin = text.index(parted.text, len(parted.reasoning))
    made = text[:start] + reasoning + text[end:begin] + answer + parted.after
    again = parted_answer(made)
    return made if again.reasoning and again.text == answer else None


def _answer_span(text: str, quoted: Collection[str]) -> tuple[int, int]:
    """The beginning and the end of what follows the thoughts."""
    start, end = (0, len(text)) if _CHANNEL in quoted else _final_message(text)
    while (after := _after_thoughts(text[start:end], quoted)) is not None:
        start = end - len(after)
    return start, end


def _final_message(text: str) -> tuple[int, int]:
    if _IN_CHANNELS.match(text):
        found = _FINAL_CHANNEL.search(text)
        if found is None:
            return len(text), len(text)
    elif unmarked := _WITHOUT_MARKS.match(text):
        return unmarked.end(), len(text)
    else:
        found = None if _LAID_OUT.match(text) else _LONE_FINAL.search(text)
        if found is None or _CHANNEL in text[: found.start()].casefold() or _in_code(text, found.start()):
            return 0, len(text)
    end = _END_OF_MESSAGE.search(text, found.end())
    return found.end(), end.start() if end else len(text)


def _after_thoughts(text: str, quoted: Collection[str]) -> str | None:
    """The text after its first thoughts; None if it begins with none."""
    if opened := _OPENED.match(text):
        mark = (opened["mark"] or f"<{opened['tag']}>").casefold()
        if mark in quoted:
            return None
        closed = _CLOSED[_MARKS[mark]].search(text, opened.end())
        return text[closed.end() :] if closed else ""
    if _LAID_OUT.match(text):
        return None
    for lone in islice(_LONE.finditer(text), _MOST_MARKS):
        closing = lone["alone"] or lone["sentence"] or lone["word"]
        mark = _OPENING_OF[closing.casefold()]
        before = text[: lone.start()]
        # "<thought" also opens <thought id="1">.
        if (
            mark not in quoted
            and mark.removesuffix(">") not in before.casefold()
            and not _in_code(text, lone.start())
        ):
            return text[lone.end() :]
    return None


def _in_code(text: str, place: int) -> bool:
    return text.count("```", 0, place) % 2 == 1


def _inside(text: str) -> tuple[int, int]:
    """The beginning and the end of what stands between the marks of an answer, or of the whole text."""
    small = text.casefold().strip()
    for opening, closing in _ANSWERS.items():
        if small.startswith(opening) and small.endswith(closing) and small.count(closing) == 1:
            start = len(text) - len(text.lstrip()) if opening else 0
            return start + len(opening), len(text.rstrip()) - len(closing)
    return 0, len(text)
