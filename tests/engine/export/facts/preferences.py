"""What the trainers take for training on preferences, as facts read in their sources; see `facts`.

A check gets the rows as the trainer has them after loading, and what it is told of them. It returns the rows that break
the fact.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from engine.export.preferences import PreferenceKind
from engine.export.trainers import Trainer
from tests.engine.export.facts.loaded import Rows, filled_in

DPO, KTO, ORPO = PreferenceKind.DPO, PreferenceKind.KTO, PreferenceKind.ORPO


@dataclass(frozen=True)
class Told:
    """The pairs as their trainer has them."""

    rows: list[dict[str, Any]]
    told: dict[str, Any]  # LLaMA-Factory's entry, or the YAML

    def where(self, broken: Callable[[dict[str, Any]], object]) -> Rows:
        return {number for number, row in enumerate(self.rows) if broken(row)}

    @property
    def dataset(self) -> dict[str, Any]:
        """The dataset's part of the YAML."""
        [found] = self.told["datasets"]
        return dict(found)


@dataclass(frozen=True)
class PairFact:
    trainer: Trainer
    kinds: tuple[PreferenceKind, ...]
    file: str  # of the project
    version: str  # the commit that was read
    says: str
    broken: Callable[[Told], Rows] = field(repr=False)


PAIR_FACTS: list[PairFact] = []


def told(trainer: Trainer, config: Path, dataset: Path) -> Told:
    text = dataset.read_text("utf-8")
    rows = json.loads(text) if text.startswith("[") else [json.loads(line) for line in text.splitlines()]
    if trainer is Trainer.LLAMAFACTORY:
        return Told(filled_in(rows), json.loads(config.read_text())[dataset.stem])
    return Told(filled_in(rows), yaml.safe_load(config.read_text("utf-8")))


def _fact(
    trainer: Trainer, kinds: tuple[PreferenceKind, ...], file: str, version: str, says: str
) -> Callable[[Callable[[Told], Rows]], Callable[[Told], Rows]]:
    def put(broken: Callable[[Told], Rows]) -> Callable[[Told], Rows]:
        PAIR_FACTS.append(PairFact(trainer, kinds, file, version, says, broken))
        return broken

    return put


def _is_turn(turn: object, role: str | None = None) -> bool:
    return (
        isinstance(turn, dict)
        and isinstance(turn.get("role"), str)
        and isinstance(turn.get("content"), str)
        and role in (None, turn["role"])
    )


# LLaMA-Factory ------------------------------------------------------------------------------------------------

_CONVERTER = ("src/llamafactory/data/converter.py", "02e2fb34bf8a79330b080607872fe4565876d0e6")


@_fact(
    Trainer.LLAMAFACTORY,
    (DPO, ORPO),
    *_CONVERTER,
    "With `ranking`, after a system turn the turns are odd in number and asked and answered by turns; chosen and "
    "rejected are objects whose role is the assistant's. Else it skips the row, or takes no pair.",
)
def _a_ranking(data: Told) -> Rows:
    tags, columns = data.told["tags"], data.told["columns"]
    if data.told.get("ranking") is not True or data.told["formatting"] != "sharegpt":
        return set(range(len(data.rows)))
    asks = (tags["user_tag"], tags["observation_tag"])
    answers = (tags["assistant_tag"], tags["function_tag"])

    def broken(row: dict[str, Any]) -> bool:
        turns = row[columns["messages"]]
        if turns and turns[0][tags["role_tag"]] == tags["system_tag"]:
            turns = turns[1:]
        sides = row[columns["chosen"]], row[columns["rejected"]]
        return (
            len(turns) % 2 == 0
            or any(turn[tags["role_tag"]] not in (asks, answers)[at % 2] for at, turn in enumerate(turns))
            or not all(isinstance(side, dict) for side in sides)
            or any(side[tags["role_tag"]] not in answers for side in sides)
            or not all(isinstance(side[tags["content_tag"]], str) for side in sides)
        )

    return data.where(broken)


@_fact(
    Trainer.LLAMAFACTORY,
    (KTO,),
    *_CONVERTER,
    "Where the entry names a `kto_tag`, it is true or false, and the last of an even number of turns is the answer.",
)
def _a_labelled_answer(data: Told) -> Rows:
    tags, columns = data.told["tags"], data.told["columns"]

    def broken(row: dict[str, Any]) -> bool:
        turns = row[columns["messages"]]
        if turns and turns[0][tags["role_tag"]] == tags["system_tag"]:
            turns = turns[1:]
        is_answer = turns[-1][tags["role_tag"]] == tags["assistant_tag"]
        return not (isinstance(row[columns["kto_tag"]], bool) and len(turns) % 2 == 0 and is_answer)

    return data.where(broken)


@_fact(
    Trainer.LLAMAFACTORY,
    (KTO,),
    "src/llamafactory/data/processor/feedback.py",
    "36dc24d2667eb91c526b4c349683af32b1b671de",
    "An answer that is empty is taken for an undesired one.",
)
def _no_answer_is_empty(data: Told) -> Rows:
    tags, columns = data.told["tags"], data.told["columns"]
    return data.where(lambda row: not row[columns["messages"]][-1][tags["content_tag"]])


# TRL ----------------------------------------------------------------------------------------------------------

_FORMATS = ("docs/source/dataset_formats.md", "0087e4f5f389bf0fba0d8d5458e2243a11640f6c")


@_fact(
    Trainer.TRL,
    (DPO, ORPO),
    *_FORMATS,
    "Preference, conversational, explicit prompt: `prompt`, `chosen` and `rejected` are lists of messages.",
)
def _a_preference(data: Told) -> Rows:
    assert data.dataset["columns"][:3] == ["prompt", "chosen", "rejected"]

    def broken(row: dict[str, Any]) -> bool:
        return not (
            row["prompt"]
            and all(map(_is_turn, row["prompt"]))
            and row["prompt"][-1]["role"] == "user"
            and all(
                len(row[side]) == 1 and _is_turn(row[side][0], "assistant") for side in ("chosen", "rejected")
            )
        )

    return data.where(broken)


@_fact(
    Trainer.TRL,
    (KTO,),
    *_FORMATS,
    "Unpaired preference, conversational: `prompt` and `completion` are lists of messages, `label` is true or false.",
)
def _an_unpaired_preference(data: Told) -> Rows:
    assert data.dataset["columns"][:3] == ["prompt", "completion", "label"]

    def broken(row: dict[str, Any]) -> bool:
        return not (
            row["prompt"]
            and all(map(_is_turn, row["prompt"]))
            and len(row["completion"]) == 1
            and _is_turn(row["completion"][0], "assistant")
            and isinstance(row["label"], bool)
        )

    return data.where(broken)


# Axolotl ------------------------------------------------------------------------------------------------------


@_fact(
    Trainer.AXOLOTL,
    (DPO,),
    "src/axolotl/prompt_strategies/dpo/chat_template.py",
    "a563815fe7d026624dc40e4402dfed43b0010611",
    "Type chat_template.default: a list of turns, and chosen and rejected, each one turn; roles that it is told of, "
    "and texts.",
)
def _a_chat_template_pair(data: Told) -> Rows:
    assert (data.told["rl"], data.dataset["type"]) == ("dpo", "chat_template.default")
    names = data.dataset["message_property_mappings"]
    roles = {name for known in data.dataset["roles"].values() for name in known}

    def fits(turn: object) -> bool:
        return (
            isinstance(turn, dict)
            and turn[names["role"]] in roles
            and isinstance(turn[names["content"]], str)
        )

    def broken(row: dict[str, Any]) -> bool:
        sides = row[data.dataset["field_chosen"]], row[data.dataset["field_rejected"]]
        return not all(map(fits, (*row[data.dataset["field_messages"]], *sides)))

    return data.where(broken)


@_fact(
    Trainer.AXOLOTL,
    (ORPO,),
    "src/axolotl/prompt_strategies/orpo/chat_template.py",
    "87283e6901b1c464fef069bb9ff12e981afc9570",
    "Type chat_template.argilla: chosen and rejected are whole conversations, an even number of turns, asked and "
    "answered by turns; the system message stands in `system`; a field `prompt` would be every question.",
)
def _an_argilla_pair(data: Told) -> Rows:
    assert (data.told["rl"], data.dataset["type"]) == ("orpo", "chat_template.argilla")
    assert data.told["remove_unused_columns"] is False

    def broken(row: dict[str, Any]) -> bool:
        chosen, rejected = row["chosen"], row["rejected"]
        return (
            "prompt" in row
            or not isinstance(row.get("system"), str | None)
            or len(chosen) % 2 != 0
            or chosen[:-1] != rejected[:-1]
            or any(
                not _is_turn(turn, ("user", "assistant")[at % 2])
                for side in (chosen, rejected)
                for at, turn in enumerate(side)
            )
        )

    return data.where(broken)


@_fact(
    Trainer.AXOLOTL,
    (KTO,),
    "src/axolotl/prompt_strategies/kto/chatml.py",
    "2320973d4e9271a647892c11959dd50b0d88e36d",
    "Type chatml.prompt_pairs: `prompt` and `completion` are one text each, `system` another; it has no earlier turns.",
)
def _a_prompt_pair(data: Told) -> Rows:
    assert (data.told["rl"], data.dataset["type"]) == ("kto", "chatml.prompt_pairs")

    def broken(row: dict[str, Any]) -> bool:
        texts = row["prompt"], row["completion"], row["system"] or ""
        return not (all(isinstance(text, str) for text in texts) and isinstance(row["label"], bool))

    return data.where(broken)
