"""Scripted judges, whose scores depend on the two answers alone, or on their order alone."""

from __future__ import annotations

import json
import re

from tests.ollama.script import Chat


def shown(chat: Chat) -> tuple[str, str]:
    """The two answers, as the judge is shown them."""
    first, second = re.findall(r"<answer \d (\w+)>\n(.*?)\n</answer \d \1>", chat.prompt, re.DOTALL)
    return first[1], second[1]


def verdict(first: int, second: int, reason: str = "It is better.") -> str:
    opinion = {"critique": "One says more.", "reason": reason, "score_1": first, "score_2": second}
    return json.dumps(opinion)


def first_place(_chat: Chat) -> str:
    return verdict(9, 4)


def longer(chat: Chat) -> str:
    first, second = map(len, shown(chat))
    return verdict(5 + 2 * (first > second), 5 + 2 * (second > first))


def markers(chat: Chat) -> str:
    opinion: dict[str, object] = json.loads(longer(chat))
    return "\n".join(f"[{name.replace('_', ' ').title()}]\n{value}" for name, value in opinion.items())


def rated_text(chat: Chat) -> str:
    """The answer, as the judge is shown it to rate it."""
    (found,) = re.findall(r"<answer (\w+)>\n(.*?)\n</answer \1>", chat.prompt, re.DOTALL)
    return str(found[1])


def rating(score: int) -> str:
    return json.dumps({"critique": "It says enough.", "score": score})


def by_length(chat: Chat) -> str:
    """A point for every ten characters of the answer."""
    return rating(min(1 + len(rated_text(chat)) // 10, 10))
