"""The form `markers`: one reply with bracketed headings, and its reader."""

from __future__ import annotations

import re

from engine.method.doomed import (
    Parts,
    Rule,
    in_another_language,
    misplaced,
    part_named,
    repeats_itself,
    reviews_part,
    stands_in_part,
    unusable,
)
from engine.method.example import one_reply_asked
from engine.method.labels import without_label
from engine.method.prompts import CRITIQUE, Prompts
from engine.method.reflection import (
    AskTeacher,
    Reflection,
    Rewriting,
    UnusableReply,
    better_response,
    new_instruction,
    new_version,
    required_text,
)
from engine.sample import History, Version
from models.teacher import Fault

HEADINGS = (CRITIQUE, "New Instruction", "New Response", "Better Response")
"""All that there are, of both stages."""


class MarkersForm:
    """One reply with bracketed headings."""

    async def instruction(
        self, prompts: Prompts, old: Version, ask: AskTeacher, history: History
    ) -> Reflection:
        headings = (CRITIQUE, "New Instruction", "New Response")

        def read(text: str) -> Reflection:
            critique, instruction, response = sections(text, headings)
            return Reflection(
                {CRITIQUE: required_text("critique", critique)},
                new_version(
                    old, without_label(instruction), without_label(response), history, prompts.languages
                ),
            )

        def part(name: str, text: str) -> str:
            return (
                new_instruction(old, without_label(text), history, prompts.languages)
                if name == "new instruction"
                else required_text(name, text)
            )

        parts = sections_so_far(headings)
        rules = (
            repeats_itself(old),
            misplaced(parts, [heading.casefold() for heading in headings]),
            _unbracketed(headings),
            unusable(parts, part),
            reviews_part(parts, "new instruction", old),
            stands_in_part(parts, "new response", "new instruction", old),
            in_another_language(part_named(parts, "new response"), prompts.languages.response),
        )
        messages = one_reply_asked(
            prompts, old, prompts.instruction_task, layout(headings), prompts.told_both
        )
        return await ask(Rewriting("reflect", messages, read, rules=rules))

    async def response(self, prompts: Prompts, old: Version, ask: AskTeacher) -> Reflection:
        headings = (CRITIQUE, "Better Response")

        def read(text: str) -> Reflection:
            critique, response = sections(text, headings)
            return Reflection(
                {CRITIQUE: required_text("critique", critique)},
                better_response(old, without_label(response), prompts.languages),
            )

        parts = sections_so_far(headings)
        rules = (
            repeats_itself(old),
            misplaced(parts, [heading.casefold() for heading in headings]),
            _unbracketed(headings),
            unusable(parts, required_text),
            stands_in_part(parts, "better response", None, old),
            in_another_language(part_named(parts, "better response"), prompts.languages.response),
        )
        messages = one_reply_asked(prompts, old, prompts.response_task, layout(headings), prompts.told_better)
        return await ask(Rewriting("reflect", messages, read, rules=rules))


def layout(headings: tuple[str, ...]) -> str:
    """The request to use these headings, each on a line of its own."""
    lines = "\n".join(f"[{heading}]\n..." for heading in headings)
    return f"Use exactly this layout, each heading once on a line of its own:\n{lines}\n[End]"


def sections(text: str, headings: tuple[str, ...]) -> list[str]:
    """The text under each heading. A heading is bracketed and alone on its line; each stands once, in order.

    `[End]` closes the reply where it is the last line, and is text anywhere else. A fence around the reply is no text.
    """
    parts = _parted(text, headings)
    found, wanted = [name.casefold() for name in parts[1::2]], [heading.casefold() for heading in headings]
    if found != wanted:
        raise UnusableReply(
            Fault.OUT_OF_ORDER if sorted(found) == sorted(wanted) else Fault.UNPARSABLE,
            f"expected the headings {', '.join(headings)}, each once and in order; found "
            f"{', '.join(parts[1:12:2]) or 'none'}",
        )
    *texts, last = parts[2::2]
    return [*texts, _END.sub("", _unfenced(parts[0], last))]


_END = re.compile(r"\n[*#\t ]*\[End\][*\s]*(<\|\w+\|>\s*)*\Z", re.IGNORECASE)
_OPENS = re.compile(r"^[ \t]*(`{3,}|~{3,})[ \t]*[\w-]*[ \t\r]*\s*\Z", re.MULTILINE)


def _unfenced(before: str, last: str) -> str:
    """The last part of a reply without the end of the fence that opens right before its first heading."""
    opened = _OPENS.search(before)
    if opened is None or len(re.findall(rf"^[ \t]*{opened[1]}", before, re.MULTILINE)) % 2 == 0:
        return last
    marks = list(re.finditer(rf"^[ \t]*{opened[1]}(.*)$", last, re.MULTILINE))
    closing = [mark for mark in marks if not mark[1].strip()]
    return last[: closing[-1].start()].rstrip("\n") if len(marks) % 2 and closing else last


def _parted(text: str, headings: tuple[str, ...]) -> list[str]:
    """The text before the first heading, then each heading and the text under it."""
    names = "|".join(map(re.escape, headings))
    return re.split(rf"^[*#\t ]*\[({names})\][*:\t\r ]*$", text, flags=re.IGNORECASE | re.MULTILINE)


def _unbracketed(headings: tuple[str, ...]) -> Rule:
    """Two of the headings stand without brackets, and none with them: so small models write all of a reply."""
    names = "|".join(map(re.escape, headings))
    bare = re.compile(rf"^[*#\t ]*({names})[*\t ]*(?=[:\n])", re.IGNORECASE | re.MULTILINE)

    def rule(text: str) -> Fault | None:
        before, *parted = _parted(text, headings)
        found = {name.casefold() for name in bare.findall(before)}
        return Fault.UNPARSABLE if len(found) > 1 and not parted else None

    return rule


def sections_so_far(headings: tuple[str, ...]) -> Parts:
    """The text under each heading, its name in small letters, of a reply that may still grow."""

    def parts(text: str) -> list[tuple[str, str]]:
        lines, end, growing = text.rpartition("\n")
        _, *parted = _parted(lines, headings)
        if parted and not growing.lstrip("*#\t ").startswith("["):  # that may become a heading
            parted[-1] += end + growing
        return [(name.casefold(), under) for name, under in zip(parted[::2], parted[1::2], strict=True)]

    return parts
