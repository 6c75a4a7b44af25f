"""What Axolotl takes."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from engine.export.trainers import Trainer
from tests.engine.export.facts.chat_templates import ALTERNATE, MISTRAL, NO_OTHER, out_of_turn
from tests.engine.export.facts.loaded import Loaded, Rows, are_tools, fact

_AX = (Trainer.AXOLOTL, "axolotl-ai-cloud/axolotl")
_CHAT = ("src/axolotl/prompt_strategies/chat_template.py", "01f6a5c16dbe3bddff00da5446d90e1a93d85dc2")
_INSTRUCT = ("src/axolotl/prompt_tokenizers.py", "08085d504d46bf33de78eafda1375d550d0cff0d")
_AXOLOTL_ROLES = {
    "human": "user", "user": "user", "gpt": "assistant", "assistant": "assistant", "system": "system", "tool": "tool"
}  # fmt: skip


def _chat(data: Loaded, row: Mapping[str, Any]) -> list[tuple[str, object, Mapping[str, Any]]]:
    """Axolotl's turns: role, text, and the turn."""
    keys = data.told["message_property_mappings"]
    turns = row[data.told["field_messages"]]
    turns = [turn if isinstance(turn, dict) else {} for turn in turns] if isinstance(turns, list) else []
    roles = [turn.get(keys["role"]) for turn in turns]
    return [
        (_AXOLOTL_ROLES.get(role, role) if isinstance(role, str) else "", turn.get(keys["content"]), turn)
        for role, turn in zip(roles, turns, strict=True)
    ]


def _is_chat(data: Loaded) -> bool:
    return data.told.get("type") == "chat_template"


@fact(*_AX, *_CHAT, "The field named holds a list of turns, of which it looks at the first.")
def _axolotl_has_turns(data: Loaded) -> Rows:
    return data.where(lambda row: not _chat(data, row)) if _is_chat(data) else set()


@fact(
    *_AX,
    *_CHAT,
    "A key of a turn that is null is left out; without text, chat templates join null to a text.",
)
def _axolotl_turns_say_text(data: Loaded) -> Rows:
    if not _is_chat(data):
        return set()
    return data.where(
        lambda row: any(
            not isinstance(text, str) and not (text is None and turn.get("tool_calls"))
            for _, text, turn in _chat(data, row)
        )
    )


@fact(*_AX, *_CHAT, "A turn in which it finds no text, or that is no assistant's, is not trained on.")
def _the_last_turn_is_an_answer(data: Loaded) -> Rows:
    if not _is_chat(data):
        return set()

    def broken(row: dict[str, Any]) -> bool:
        turns = _chat(data, row)
        return bool(turns) and turns[-1][0] != "assistant" and turns[-1][0] in _AXOLOTL_ROLES.values()

    return data.where(broken) | data.where(
        lambda row: any(
            role == "assistant" and isinstance(text, str) and not text.strip() and not turn.get("tool_calls")
            for role, text, turn in _chat(data, row)
        )
    )


@fact(
    *_AX,
    *_CHAT,
    "A row whose first turn is no system's gets its column `system` for one, also where that is null.",
)
def _no_null_system(data: Loaded) -> Rows:
    if not _is_chat(data) or not any("system" in row for row in data.rows):
        return set()
    bare = data.where(
        lambda row: row["system"] is None and [role for role, _, _ in _chat(data, row)][:1] != ["system"]
    )
    return data.where(lambda row: row["system"] is not None) if bare else set()


@fact(
    Trainer.AXOLOTL,
    "ved1beta/axolotl (a maintainer's)",
    _CHAT[0],
    "e61521c86cbd6fcae80a47e88719256666eaa88d",
    "The tools are a list of objects, or its JSON (in older versions a list alone); anything else stops it.",
)
def _axolotl_tools_are_a_list(data: Loaded) -> Rows:
    if not _is_chat(data):
        return set()
    name = data.told.get("field_tools", "tools")
    return data.where(lambda row: row.get(name) is not None and not are_tools(row[name]))


@fact(*_AX, *_CHAT, "The arguments of a call in `tool_calls` are an object or its JSON.")
def _axolotl_arguments_are_json(data: Loaded) -> Rows:
    if not _is_chat(data):
        return set()

    def broken(call: object) -> bool:
        try:
            given = call["function"]["arguments"]  # type: ignore[index]
            return not isinstance(json.loads(given) if isinstance(given, str) else given, dict)
        except (ValueError, TypeError, KeyError):
            return True

    return data.where(
        lambda row: any(
            broken(call) for _, _, turn in _chat(data, row) for call in turn.get("tool_calls") or []
        )
    )


@fact(
    *_AX, *_INSTRUCT, "Type alpaca reads instruction, input and output, which are texts, and no other field."
)
def _alpaca_is_three_texts(data: Loaded) -> Rows:
    if _is_chat(data):
        return set()
    beside = ("system", "history", "tools", "images", "image", "videos", "video", "audios", "audio")
    return data.where(
        lambda row: (
            not isinstance(row["instruction"], str)
            or not isinstance(row["output"], str)
            or any(row.get(name) for name in beside)
        )
    )


@fact(*_AX, *_INSTRUCT, "It looks at the first token of the output: one without any stops it.")
def _alpaca_answers(data: Loaded) -> Rows:
    if _is_chat(data):
        return set()
    return data.where(lambda row: isinstance(row["output"], str) and not row["output"].strip())


@fact(Trainer.AXOLOTL, "huggingface/trl", *MISTRAL, ALTERNATE)
def _axolotl_alternates(data: Loaded) -> Rows:
    if not _is_chat(data):
        return set()
    return data.where(lambda row: out_of_turn([(role, turn) for role, _, turn in _chat(data, row)]))


@fact(Trainer.AXOLOTL, "huggingface/trl", *MISTRAL, NO_OTHER)
def _axolotl_has_no_other_role(data: Loaded) -> Rows:
    if not _is_chat(data):
        return set()
    known = set(_AXOLOTL_ROLES.values())
    return data.where(lambda row: any(role not in known for role, _, _ in _chat(data, row)))
