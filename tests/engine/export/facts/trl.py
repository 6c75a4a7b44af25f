"""What TRL takes."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from engine.export.trainers import Trainer
from tests.engine.export.facts.chat_templates import ALTERNATE, MISTRAL, NO_OTHER, out_of_turn
from tests.engine.export.facts.loaded import Loaded, Rows, are_tools, fact

_TRL = (Trainer.TRL, "huggingface/trl")
_SFT = ("trl/trainer/sft_trainer.py", "00313f21920d37c3876c4021b51430224c06c936")


def _messages(row: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    turns = row.get("messages")
    return [turn if isinstance(turn, dict) else {} for turn in turns] if isinstance(turns, list) else []


@fact(
    *_TRL,
    "trl/data_utils.py",
    "00cc012a666746bd34df2caddae86912287a48e9",
    "Rows are conversations where `messages` is a list whose first turn has role and content.",
)
def _trl_has_turns(data: Loaded) -> Rows:
    return data.where(
        lambda row: not _messages(row) or not all(isinstance(t.get("role"), str) for t in _messages(row))
    )


@fact(*_TRL, *_SFT, "The turns go to the tokenizer's chat template, which joins their texts.")
def _trl_turns_say_text(data: Loaded) -> Rows:
    return data.where(
        lambda row: any(
            not isinstance(turn.get("content"), str)
            and not (turn.get("content") is None and turn.get("tool_calls"))
            for turn in _messages(row)
        )
    )


@fact(*_TRL, *_SFT, "Tools are a list for the chat template, or its JSON.")
def _trl_tools_are_a_list(data: Loaded) -> Rows:
    return data.where(lambda row: row.get("tools") is not None and not are_tools(row["tools"]))


@fact(*_TRL, *_SFT, "Where the first row has images, every row is asked for its list of them.")
def _every_row_has_images(data: Loaded) -> Rows:
    if "images" in data.told["columns"]:
        return data.where(lambda row: not isinstance(row["images"], list))
    return data.where(lambda row: not row["image"]) if "image" in data.told["columns"] else set()


@fact(*_TRL, *_SFT, "`chat_template_kwargs` are handed on as named arguments.")
def _kwargs_are_an_object(data: Loaded) -> Rows:
    return data.where(lambda row: not isinstance(row.get("chat_template_kwargs"), dict | None))


@fact(*_TRL, *MISTRAL, ALTERNATE)
def _trl_alternates(data: Loaded) -> Rows:
    return data.where(lambda row: out_of_turn([(str(turn.get("role")), turn) for turn in _messages(row)]))


@fact(*_TRL, *MISTRAL, NO_OTHER)
def _trl_has_no_other_role(data: Loaded) -> Rows:
    known = {"system", "user", "assistant", "tool"}
    return data.where(lambda row: any(turn.get("role") not in known for turn in _messages(row)))


# Not refused, and still no training


@fact(
    *_TRL,
    *_SFT,
    "By default all turns are learned: an empty answer, and a conversation without its answer, too.",
)
def _trl_answers(data: Loaded) -> Rows:
    return data.where(
        lambda row: (
            (_messages(row)[-1:] != [] and _messages(row)[-1].get("role") in ("user", "system", "tool"))
            or any(
                turn.get("role") == "assistant"
                and not turn.get("tool_calls")
                and isinstance(turn.get("content"), str)
                and not turn["content"].strip()
                for turn in _messages(row)
            )
        )
    )
