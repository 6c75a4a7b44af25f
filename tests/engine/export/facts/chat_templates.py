"""What chat templates take: Mistral's, the strictest of the usual ones."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

MISTRAL = ("trl/chat_templates/mistral.jinja", "4a56de4bd88d182856b8a92798cc285bd50d35f0")
ALTERNATE = "Mistral's: after a system turn, user and assistant take turns, but for tools' turns and calls."
NO_OTHER = "Mistral's: no role but system, user, assistant and tool."


def out_of_turn(roles: list[tuple[str, Mapping[str, Any]]]) -> bool:
    roles = roles[1:] if roles and roles[0][0] == "system" else roles
    told = [role for role, turn in roles if role != "tool" and not turn.get("tool_calls")]
    known = [role for role in told if role in ("system", "user", "assistant")]
    return any((role == "user") != (number % 2 == 0) or role == "system" for number, role in enumerate(known))
