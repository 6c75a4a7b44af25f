"""Thoughts before an answer: the marks that models put around them, and a text without them.

A server that knows a model's marks keeps its thoughts apart. One that does not leaves them in the reply, the first
mark often missing, since it stood in the prompt.

Answers may be about such marks. So only thoughts that come first are left out: a mark in the middle of a text is
text, and so are those that the sample itself quotes.
"""

from __future__ import annotations

import re
from collections.abc import Collection
from itertools import islice

_TAGS = (
    "think", "thinking", "thought", "thoughts", "reasoning", "reflection", "scratchpad", "analysis",
    "seed:think", "longcat_think",
)  # fmt: skip
_MARKS = {f"<{tag}>": f"</{tag}>" for tag in _TAGS} | {
    "[think]": "[/think]",  # Magistral
    "◁think▷": "◁/think▷",  # Kimi-VL
    "<|start_thinking|>": "<|end_thinking|>",  # Command A
    "<|begin_of_thought|>": "<|end_of_thought|>",  # Sky-T1
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


_OPENED = re.compile(rf"\s*({_any(_MARKS)})", re.IGNORECASE)
_CLOSED = {mark: re.compile(re.escape(mark), re.IGNORECASE) for mark in _MARKS.values()}
_CLOSING = _any([mark for mark in _MARKS.values() if mark != _SAID])
# As models write it: alone on its line, or right behind a sentence. Within a sentence it is spoken of.
_LONE = re.compile(
    rf"""^[ \t]*(?P<alone>{_CLOSING})[ \t]*(?=$|[{{\[]|```)
    |(?<=[.!?…。！？])(?P<sentence>{_CLOSING})(?!["'`”’])
    |(?<=\w)(?P<word>{_CLOSING})(?=[ \t]*\n[ \t]*\n)""",
    re.IGNORECASE | re.MULTILINE | re.VERBOSE,
)
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
_WITHOUT_MARKS = re.compile(r"\s*analysis(?=[A-Z]).*?assistantfinal", re.DOTALL)


def quoted_marks(*texts: str) -> frozenset[str]:
    """The marks of thoughts that stand in these texts."""
    text = "\n".join(texts).casefold()
    found = {opening for opening, closing in _MARKS.items() if opening in text or closing in text}
    return frozenset(found | {_CHANNEL} if _CHANNEL in text else found)


def without_thoughts(text: str, quoted: Collection[str] = ()) -> str:
    """A text without the thoughts that come first in it; empty where it is nothing but thoughts.

    quoted: marks that are no marks here, as `quoted_marks` gives them. A text without thoughts comes back as it is.
    """
    rest = text if _CHANNEL in quoted else _final_message(text)
    while (after := _after_thoughts(rest, quoted)) is not None:
        rest = after
    return rest if rest is text else _unwrapped(rest)


def _final_message(text: str) -> str:
    if _IN_CHANNELS.match(text):
        found = _FINAL_CHANNEL.search(text)
        if found is None:
            return ""
    elif unmarked := _WITHOUT_MARKS.match(text):
        return text[unmarked.end() :]
    else:
        found = None if _LAID_OUT.match(text) else _LONE_FINAL.search(text)
        if found is None or _CHANNEL in text[: found.start()].casefold() or _in_code(text, found.start()):
            return text
    message = text[found.end() :]
    end = _END_OF_MESSAGE.search(message)
    return message[: end.start()] if end else message


def _after_thoughts(text: str, quoted: Collection[str]) -> str | None:
    """The text after its first thoughts; None if it begins with none."""
    if opened := _OPENED.match(text):
        mark = opened[1].casefold()
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


def _unwrapped(text: str) -> str:
    bare = text.strip()
    small = bare.casefold()
    for opening, closing in _ANSWERS.items():
        if small.startswith(opening) and small.endswith(closing) and small.count(closing) == 1:
            return bare[len(opening) : len(bare) - len(closing)]
    return text
