"""A dataset as its trainer has it after loading, the list of facts, and the fact of Hugging Face's datasets."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import yaml

from engine.export.trainers import Trainer

Rows = set[int]  # numbers of rows, from 0


@dataclass(frozen=True)
class Loaded:
    """A dataset as its trainer has it."""

    rows: list[dict[str, Any]]
    told: Mapping[str, Any]  # the entry, or the dataset's part of the YAML

    def where(self, broken: Callable[[dict[str, Any]], object]) -> Rows:
        return {number for number, row in enumerate(self.rows) if broken(row)}

    def column(self, name: str) -> str | None:
        """The field that LLaMA-Factory's entry names for a column."""
        found = self.told.get("columns", {}).get(name)
        return None if found is None else str(found)

    @property
    def has_turns(self) -> bool:
        return self.told.get("formatting") == "sharegpt"

    def tag(self, name: str) -> str:
        return str(self.told["tags"][name])

    def turns(self, row: Mapping[str, Any]) -> list[Any]:
        """LLaMA-Factory's turns without a leading system's."""
        turns = row[self.column("messages") or ""] or []
        leads = (
            turns
            and isinstance(turns[0], dict)
            and turns[0].get(self.tag("role_tag")) == self.tag("system_tag")
        )
        return turns[1:] if leads else turns


@dataclass(frozen=True)
class Fact:
    trainer: Trainer | None  # None: of all that load files by Hugging Face's datasets
    project: str
    file: str
    version: str  # the commit that was read, or the number of an issue
    says: str
    broken: Callable[[Loaded], Rows] = field(repr=False)


FACTS: list[Fact] = []


def fact(
    trainer: Trainer | None, project: str, file: str, version: str, says: str
) -> Callable[[Callable[[Loaded], Rows]], Callable[[Loaded], Rows]]:
    def put(broken: Callable[[Loaded], Rows]) -> Callable[[Loaded], Rows]:
        FACTS.append(Fact(trainer, project, file, version, says, broken))
        return broken

    return put


def load(trainer: Trainer, config: Path, dataset: Path) -> Loaded:
    """The dataset at a path, by what its trainer is told of it, and only by that."""
    if trainer is Trainer.LLAMAFACTORY:
        # src/llamafactory/data/parser.py: the entry of the dataset's name in the folder's dataset_info.json.
        told = json.loads(config.read_text())[dataset.stem]
        path = config.parent / told["file_name"]
    else:
        [told] = yaml.safe_load(config.read_text("utf-8"))["datasets"]
        path = Path(told["path"] if trainer is Trainer.AXOLOTL else told["data_files"])
    if path.suffix == ".parquet":
        rows = pq.read_table(path).to_pylist()
    else:
        text = path.read_text("utf-8")
        rows = json.loads(text) if text.startswith("[") else [json.loads(line) for line in text.splitlines()]
    return Loaded(filled_in(rows), told)


def filled_in(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    names = dict.fromkeys(name for row in rows for name in row)
    return [{name: row.get(name) for name in names} for row in rows]


def are_tools(tools: object) -> bool:
    if isinstance(tools, str):
        try:
            tools = json.loads(tools)
        except (ValueError, RecursionError):
            return False
    return isinstance(tools, list) and all(
        isinstance(tool, dict)
        and isinstance(inner := tool.get("function", tool), dict)
        and isinstance(inner.get("name"), str)
        for tool in tools
    )


@fact(
    None,
    "huggingface/datasets",
    "issue 7322, answer of a maintainer",
    "#7322",
    "A column and what it holds have one type in all rows; where it changes, the file does not load.",
)
def _one_type_a_column(data: Loaded) -> Rows:
    kinds: dict[str, dict[str, Rows]] = {}

    def walk(value: object, place: str, number: int) -> None:
        if value is None:
            return
        kind = "number" if type(value) in (int, float) else type(value).__name__
        kinds.setdefault(place, {}).setdefault(kind, set()).add(number)
        if isinstance(value, dict):
            for name, inner in value.items():
                walk(inner, f"{place}/{name}", number)
        if isinstance(value, list):
            for inner in value:
                walk(inner, f"{place}/[]", number)

    for number, row in enumerate(data.rows):
        walk(row, "", number)
    odd: Rows = set()
    for held in kinds.values():
        most = max(held.values(), key=len)
        odd |= {number for rows in held.values() if rows is not most for number in rows}
    return odd
