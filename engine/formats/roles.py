"""The roles of turns, told from the names that datasets give them, and the names that the layouts have for them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

from engine.formats.names import Layout

# In any letter case. ShareGPT's dumps name the assistant after the service, OpenAssistant's user is the prompter.
ROLES = {
    **dict.fromkeys(("system", "developer"), "system"),
    **dict.fromkeys(("human", "user", "prompter"), "user"),
    **dict.fromkeys(("assistant", "gpt", "chatgpt", "bot", "chatbot", "model", "ai", "llm"), "assistant"),
    **dict.fromkeys(("bing", "bard", "claude", "gemini", "copilot"), "assistant"),
}
# Parts of the names that a program's turns have: no two speakers, even where only these two take turns.
_PROGRAMS = ("tool", "function", "observation", "python", "interpreter", "execut", "environment")


class TurnStyle(NamedTuple):
    """A layout's way to write a turn: the keys of role and text, and its names for the roles."""

    field: str
    role: str
    text: str
    roles: Mapping[str, str]


STYLES = {
    Layout.SHAREGPT: TurnStyle(
        "conversations", "from", "value", {"system": "system", "user": "human", "assistant": "gpt"}
    ),
    Layout.MESSAGES: TurnStyle(
        "messages", "role", "content", {"system": "system", "user": "user", "assistant": "assistant"}
    ),
}


_AROUND = " \t\n:*#<>|[]"  # marks around a role's name, as in `<|user|>`, `### Human` and `USER:`
_ROLE_KEYS = ("from", "role", "speaker", "author", "sender")
_TEXT_KEYS = ("content", "value", "text", "message", "utterance", "parts")


def turn_keys(turn: Mapping[str, Any]) -> tuple[str, str]:
    """The keys of a turn's role and text: either layout's are found in the other's rows, and others' names in both."""
    role, text, other = ("from", "value", "content") if "from" in turn else ("role", "content", "value")
    text = next((key for key in (text, other) if key in turn), text)
    if role in turn and text in turn:
        return role, text
    named = {key.strip().casefold(): key for key in reversed(list(turn))}
    return (
        next((named[key] for key in _ROLE_KEYS if key in named), role),
        next((named[key] for key in _TEXT_KEYS if key in named), text),
    )


def speaker(turn: object) -> str:
    """The name of a turn's role as it is looked up, "" where it has none."""
    name = turn.get(turn_keys(turn)[0]) if isinstance(turn, dict) else None
    return str(name).strip(_AROUND).casefold() if isinstance(name, str | int) else ""


def is_program(turn: object) -> bool:
    """True of a turn of a tool, or one that calls a tool, by the name of its role."""
    return any(part in speaker(turn) for part in _PROGRAMS)


def is_call(turn: object) -> bool:
    """True of a turn that calls a tool, by the name of its role: ShareGPT's `function_call`."""
    return "call" in speaker(turn)


def roles_in(turns: list[object]) -> Mapping[str, str]:
    """The roles by name. One that is not known is told where its turns and another's alternate up to the answer."""
    names = [name for turn in turns if ROLES.get(name := speaker(turn)) != "system"]
    if len(names) < 2 or all(name in ROLES for name in names):
        return ROLES
    user, assistant = names[-2:]
    alternate = set(names[-2::-2]) == {user} and set(names[::-2]) == {assistant} and user != assistant
    # Of two names that are both not known, the one that begins asks and the other one answers.
    one_known = user in ROLES or assistant in ROLES
    if not alternate or not (one_known or len(names) % 2 == 0):
        return ROLES
    if not (user and assistant) or any(part in name for name in (user, assistant) for part in _PROGRAMS):
        return ROLES
    if ROLES.get(user, "user") != "user" or ROLES.get(assistant, "assistant") != "assistant":
        return ROLES
    return ROLES | {user: "user", assistant: "assistant"}
