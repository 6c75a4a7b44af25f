"""An example as the teacher sees it, where one reply is asked for about all of it."""

from __future__ import annotations

import re

from engine.method.prompts import Prompts
from engine.sample import Version
from models.teacher import Message


def _example(version: Version) -> str:
    """A version as the teacher sees it."""
    input = f"<input>\n{version.input}\n</input>\n" if version.input else ""
    return f"<instruction>\n{version.instruction}\n</instruction>\n{input}<response>\n{version.response}\n</response>"


_MARK = r"(?:(?:new|better|improved|rewritten)[_ -])?(?:instruction|input|response)"
_BLOCK = re.compile(
    rf"\s*<(?P<mark>{_MARK})>(?P<text>(?:(?!</?{_MARK}>).)*+)(?:</(?P=mark)>|\Z|(?=<{_MARK}>))",
    re.IGNORECASE | re.DOTALL,
)


def without_marks(text: str, part: str, old: Version) -> str:
    """A teacher's text without the marks that the example stands in, where it took them over.

    part: "instruction" or "response": of a whole example that was written anew, this is taken, with an instruction
    its input below it. Marks that are the version's own are text, and so is a text with anything outside of them.
    """
    found: dict[str, str] = {}
    place = 0
    while place < len(text):
        block = _BLOCK.match(text, place)
        if block is None or f"<{block['mark']}>" in f"{old.instruction}{old.input}{old.response}":
            return text
        kind = re.split("[_ -]", block["mark"].lower())[-1]
        if kind in found:
            return text
        found[kind] = block["text"].strip()
        place = block.end()
    if part in found:
        wanted = [part, "input"] if part == "instruction" else [part]
        return "\n\n".join(found[kind] for kind in wanted if found.get(kind))
    return next(iter(found.values())) if len(found) == 1 else text


def one_reply_asked(
    prompts: Prompts, version: Version, task: str, layout: str, told: str
) -> tuple[Message, ...]:
    """`told`: what is asked of this example alone; it stands after what is the same for all."""
    return (
        Message("system", f"{prompts.system}\n\n{task}\n\n{layout}"),
        Message("user", f"{prompts.before}{_example(version)}{prompts.then}{told}"),
    )
