"""An example as the teacher sees it, where one reply is asked for about all of it."""

from __future__ import annotations

from engine.method.prompts import Prompts
from engine.sample import Version
from models.teacher import Message


def _example(version: Version) -> str:
    """A version as the teacher sees it."""
    input = f"<input>\n{version.input}\n</input>\n" if version.input else ""
    return f"<instruction>\n{version.instruction}\n</instruction>\n{input}<response>\n{version.response}\n</response>"


def one_reply_asked(
    prompts: Prompts, version: Version, task: str, layout: str, told: str
) -> tuple[Message, ...]:
    """`told`: what is asked of this example alone; it stands after what is the same for all."""
    return (
        Message("system", f"{prompts.system}\n\n{task}\n\n{layout}"),
        Message("user", f"{prompts.before}{_example(version)}{prompts.then}{told}"),
    )
