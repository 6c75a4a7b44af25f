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


_MARKED = re.compile(
    r"""<(?P<mark>((new|better|improved|rewritten)[_\ -])?(instruction|response))>
    \s*(?P<text>(?:(?!</?(?P=mark)>).)*?)\s*</(?P=mark)>
    \s*(<input>\s*(?P<input>(?:(?!</?input>).)*?)\s*</input>)?""",
    re.IGNORECASE | re.DOTALL | re.VERBOSE,
)


def without_marks(text: str, old: Version) -> str:
    """A teacher's text without the marks that the example stands in, where it took them over; its input goes below it.

    Marks that are the version's own are text.
    """
    found = _MARKED.fullmatch(text)
    if found is None or f"<{found['mark']}>" in f"{old.instruction}{old.input}{old.response}":
        return text
    return "\n\n".join(part for part in (found["text"], found["input"]) if part)


def one_reply_asked(
    prompts: Prompts, version: Version, task: str, layout: str, told: str
) -> tuple[Message, ...]:
    """`told`: what is asked of this example alone; it stands after what is the same for all."""
    return (
        Message("system", f"{prompts.system}\n\n{task}\n\n{layout}"),
        Message("user", f"{prompts.before}{_example(version)}{prompts.then}{told}"),
    )
