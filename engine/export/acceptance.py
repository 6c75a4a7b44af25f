"""The rows of an export that a trainer skips, stops at, or reads only a part of, each with the rule it breaks.

What a trainer does was read in its source: `tests/engine/export/facts/` names file and version, fact by fact.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from engine.export.survey import Survey, files_in, kto_field, role_of
from engine.export.trainers import LLAMAFACTORY_ROLES, MATTER, TURNS, Trainer, TurnKeys, read_columns
from engine.formats.names import Container, Format, Layout, Record, shown

SHOWN = 5
"""Rows that are named, of those that break a rule."""


class TrainerRule(StrEnum):
    """A rule that a row may break; the value is its name."""

    TURNS = "no turns"
    ROLE = "unknown role"
    ORDER = "role order"
    COUNT = "odd turns"
    LAST = "last turn"
    TEXT = "no text"
    EMPTY = "empty answer"
    SYSTEM = "system"
    TOOLS = "tools"
    CALL = "tool call"
    HISTORY = "history"
    UNREAD = "unread field"
    MEDIA = "media"
    KWARGS = "template arguments"
    TYPES = "mixed types"


@dataclass(frozen=True, slots=True)
class Breach:
    """A rule that a row breaks."""

    rule: TrainerRule
    how: str
    effect: str  # what the trainer makes of the row, after its name


@dataclass(frozen=True, slots=True)
class BrokenRule:
    """A rule, with the rows of an export that break it."""

    trainer: Trainer
    first: Breach
    rows: tuple[int, ...]  # 1-based, among those that leave
    samples: tuple[int | None, ...]  # the numbers of their samples; None: a row that passes through
    dropped: bool  # they were left out

    def __str__(self) -> str:
        """One line: the rule, the rows that break it, how the first one does, and what the trainer makes of it."""
        which = [
            f"row {row}" if sample is None else f"row {row} (sample {sample})"
            for row, sample in zip(self.rows[:SHOWN], self.samples, strict=False)
        ]
        where = f"{len(self.rows):,} {'left out' if self.dropped else 'in the file'}"
        named = ", ".join([*which, *(["..."] if len(self.rows) > SHOWN else [])])
        effect = f"{self.trainer.proper_name} {self.first.effect}"
        return f"{self.first.rule}: {where}, {named}: {self.first.how}; {effect}"


_SKIPS, _STOPS = "skips it", "stops at it"
_TEMPLATE = "stops at it with chat templates such as Mistral's"
_MARKS = {"images": "<image>", "videos": "<video>", "audios": "<audio>"}

# Axolotl's names for roles; TRL has those on the right alone.
_AXOLOTL = {"human": "user", "user": "user", "gpt": "assistant", "assistant": "assistant"} | {
    "system": "system",
    "tool": "tool",
}
_TRL = {role: role for role in ("system", "user", "assistant", "tool")}


class Acceptance:
    """A trainer's rules, for the rows of one export."""

    def __init__(self, trainer: Trainer, format: Format, survey: Survey) -> None:
        self._trainer, self._format, self._survey = trainer, format, survey
        self._columns = read_columns(trainer, format, survey.filled)
        self._is_kto = kto_field(survey) is not None
        self._roles = LLAMAFACTORY_ROLES.get(format.layout, LLAMAFACTORY_ROLES[Layout.SHAREGPT])
        # In a Parquet file, a column of mixed types is JSON text.
        is_parquet = format.container is Container.PARQUET
        self._kinds = survey.kinds if not is_parquet and survey.kinds.are_mixed else None

    def breaches(self, record: Record) -> list[Breach]:
        """The rules that a row breaks, each once."""
        found: dict[TrainerRule, Breach] = {}
        for breach in self._all(record):
            found.setdefault(breach.rule, breach)
        return list(found.values())

    def _all(self, record: Record) -> Iterator[Breach]:
        strict = self._trainer is Trainer.LLAMAFACTORY
        if (keys := TURNS.get(self._format.layout)) is None:
            yield from self._flat_for_llamafactory(record) if strict else self._flat_for_axolotl(record)
        elif not isinstance(turns := record.get(keys.field), list):
            yield Breach(TrainerRule.TURNS, f"its `{keys.field}` are no list of turns", _STOPS)
        elif not turns:
            yield Breach(TrainerRule.TURNS, f"its `{keys.field}` hold no turn", _SKIPS if strict else _STOPS)
        elif bad := next((number for number, turn in enumerate(turns, 1) if not role_of(turn, keys)), 0):
            yield Breach(TrainerRule.TEXT, f"turn {bad} is no object with a `{keys.role}`", _STOPS)
        elif strict:
            yield from self._turns_for_llamafactory(turns, keys)
        else:
            yield from self._turns_for_templates(turns, keys)
        yield from self._tools(record.get("tools"))
        yield from self._system(record)
        if strict:
            yield from self._media_marks(record)
        elif self._trainer is Trainer.TRL:
            yield from self._for_trl(record)
        if self._kinds is not None and (odd := self._kinds.odd(dict(record))):
            yield Breach(TrainerRule.TYPES, odd, "loads no file with such a row")

    # --- turns ------------------------------------------------------------------------------------------------

    def _turns_for_llamafactory(self, turns: list[Any], keys: TurnKeys) -> Iterator[Breach]:
        """After a system's turn, questions and answers must take turns; what is said is text."""
        first = 1 if role_of(turns[0], keys) == "system" else 0
        body = list(enumerate(turns[first:], first + 1))
        for at, (number, turn) in enumerate(body):
            if role_of(turn, keys) not in (self._roles.asks, self._roles.answers)[at % 2]:
                due = "an answer" if at % 2 else "a question"
                how = f"turn {number} is {shown(turn[keys.role])} where {due} is due"
                yield Breach(TrainerRule.ORDER, how, _SKIPS)
                break
        else:
            if not body:
                yield Breach(TrainerRule.TURNS, "it has a system turn alone", _SKIPS)
            elif len(body) % 2:
                yield Breach(
                    TrainerRule.COUNT, f"its turns are {len(body)}, and the last is no answer", _SKIPS
                )
        for number, turn in enumerate(turns, 1):
            text = turn.get(keys.text)
            if turn.get("tool_calls"):
                how = f"turn {number} calls a tool in `tool_calls`"
                yield Breach(TrainerRule.CALL, how, "does not read the call")
            if not isinstance(text, str):
                yield Breach(TrainerRule.TEXT, f"turn {number}: its `{keys.text}` is no text", _STOPS)
            elif role_of(turn, keys) == "function_call":
                if not _is_call(text):
                    how = f"turn {number} is no JSON with a tool's `name` and `arguments`"
                    yield Breach(TrainerRule.CALL, how, _STOPS)
            elif role_of(turn, keys) in self._roles.answers and not text.strip():
                yield self._empty(f"turn {number} is empty")

    def _turns_for_templates(self, turns: list[Any], keys: TurnKeys) -> Iterator[Breach]:
        """Axolotl and TRL hand the turns to a chat template, and the strict ones of these refuse most."""
        names = _AXOLOTL if self._trainer is Trainer.AXOLOTL else _TRL
        roles = [names.get(role_of(turn, keys), "") for turn in turns]
        if "" in roles:
            number = roles.index("") + 1
            how = f"turn {number} is {shown(turns[number - 1][keys.role])}, a role that chat templates lack"
            yield Breach(TrainerRule.ROLE, how, _TEMPLATE)
        expected = "user"
        for number, (role, turn) in enumerate(zip(roles, turns, strict=True), 1):
            if role == "" or (role == "system" and number == 1) or role == "tool" or turn.get("tool_calls"):
                continue
            if role != expected:
                due = "a question" if expected == "user" else "an answer"
                how = f"turn {number} is {shown(turn[keys.role])} where {due} is due"
                yield Breach(TrainerRule.ORDER, how, _TEMPLATE)
                break
            expected = "assistant" if expected == "user" else "user"
        if roles[-1] not in ("assistant", ""):
            effect = (
                "does not train on that turn"
                if self._trainer is Trainer.AXOLOTL
                else "learns it to be the end"
            )
            yield Breach(
                TrainerRule.LAST, f"its last turn is {shown(turns[-1][keys.role])}, no answer", effect
            )
        for number, (role, turn) in enumerate(zip(roles, turns, strict=True), 1):
            text, calls = turn.get(keys.text), turn.get("tool_calls")
            if not isinstance(text, str) and not (text is None and calls):
                yield Breach(TrainerRule.TEXT, f"turn {number}: its `{keys.text}` is no text", _STOPS)
            elif role == "assistant" and not calls and isinstance(text, str) and not text.strip():
                yield self._empty(f"turn {number} is empty")
            if self._trainer is Trainer.AXOLOTL and calls and not _are_calls(calls):
                how = f"turn {number}: its `tool_calls` are no list of functions with `arguments` in JSON"
                yield Breach(TrainerRule.CALL, how, _STOPS)

    def _empty(self, how: str) -> Breach:
        effect = "learns to answer nothing"
        if self._trainer is Trainer.AXOLOTL:
            effect = "does not train on that answer, or stops at it"
        elif self._trainer is Trainer.LLAMAFACTORY and self._is_kto:
            effect = "takes it for an undesired answer"
        return Breach(TrainerRule.EMPTY, how, effect)

    # --- one exchange -------------------------------------------------------------------------------------------

    def _flat_for_llamafactory(self, record: Record) -> Iterator[Breach]:
        for name in ("instruction", "input"):
            if record.get(name) and not isinstance(record[name], str):
                yield Breach(TrainerRule.TEXT, f"its `{name}` is no text", _STOPS)
        output, history = record.get("output"), record.get("history")
        if not isinstance(output, str):
            yield Breach(TrainerRule.TEXT, "its `output` is no text", _SKIPS)
        elif not output.strip():
            yield self._empty("its `output` is empty")
        if history and not isinstance(history, list):
            yield Breach(TrainerRule.HISTORY, "its `history` is no list", "does not read it")
        elif history and not all(_is_pair(pair) for pair in history):
            yield Breach(TrainerRule.HISTORY, "its `history` is not pairs of question and answer", _STOPS)

    def _flat_for_axolotl(self, record: Record) -> Iterator[Breach]:
        for name in ("instruction", "output"):
            if not isinstance(record.get(name), str):
                yield Breach(TrainerRule.TEXT, f"its `{name}` is no text", _STOPS)
        if isinstance(output := record.get("output"), str) and not output.strip():
            yield self._empty("its `output` is empty")
        if unread := [f"`{name}`" for name in MATTER if record.get(name)]:
            effect = f"does not read {'them' if len(unread) > 1 else 'it'} in type alpaca, but with --format messages"
            yield Breach(TrainerRule.UNREAD, f"it has {' and '.join(unread)}", effect)

    # --- fields beside ------------------------------------------------------------------------------------------

    def _tools(self, tools: object) -> Iterator[Breach]:
        if isinstance(tools, str) and tools:
            try:
                tools = json.loads(tools)
            except (ValueError, RecursionError):
                yield Breach(TrainerRule.TOOLS, f"its `tools` are no JSON: {shown(tools)}", _STOPS)
                return
        if tools not in (None, "") and not (
            isinstance(tools, list) and all(_is_tool(tool) for tool in tools)
        ):
            yield Breach(
                TrainerRule.TOOLS, f"its `tools` are no list of objects with a `name`: {shown(tools)}", _STOPS
            )

    def _system(self, record: Record) -> Iterator[Breach]:
        system = record.get("system")
        if system is None:
            return
        if self._trainer is Trainer.LLAMAFACTORY and system and not isinstance(system, str):
            yield Breach(TrainerRule.SYSTEM, "its `system` is no text", _STOPS)
        elif self._trainer is Trainer.AXOLOTL and self._format.layout in TURNS and self._survey.lacks_system:
            how = "it has a `system` beside its turns, and others have none"
            yield Breach(TrainerRule.SYSTEM, how, "puts an empty system turn before those")

    def _media_marks(self, record: Record) -> Iterator[Breach]:
        """As many marks in the texts as there are files, where any row of the set has files of that kind."""
        for column, mark in _MARKS.items():
            name = self._columns.get(column)
            if name is None:
                continue
            files, marks = (
                len(files_in(record.get(name))),
                sum(text.count(mark) for text in self._texts(record)),
            )
            if files != marks:
                how = f"it has {files:,} in `{name}` and {marks:,} {mark} in its texts"
                yield Breach(TrainerRule.MEDIA, how, _STOPS)

    def _texts(self, record: Record) -> Iterator[str]:
        """The texts of questions and answers."""
        held: list[object]
        if keys := TURNS.get(self._format.layout):
            turns = record.get(keys.field)
            turns = turns if isinstance(turns, list) else []
            turns = turns[1:] if turns and role_of(turns[0], keys) == "system" else turns
            held = [turn.get(keys.text) for turn in turns if isinstance(turn, dict)]
        else:
            history = record.get("history")
            pairs = [pair for pair in history if _is_pair(pair)] if isinstance(history, list) else []
            held = [
                record.get("instruction"),
                record.get("input"),
                record.get("output"),
                *(t for p in pairs for t in p),
            ]
        return (text for text in held if isinstance(text, str))

    def _for_trl(self, record: Record) -> Iterator[Breach]:
        name = self._columns.get("images")
        if name == "images" and not isinstance(record.get(name), list):
            yield Breach(TrainerRule.MEDIA, "its `images` are no list", _STOPS)
        elif name == "image":
            most, has = self._survey.filled[name] * 2 > self._survey.rows, bool(record.get(name))
            if has is not most:
                how = f"it has {'an' if has else 'no'} `image`, and most rows have {'none' if has else 'one'}"
                yield Breach(TrainerRule.MEDIA, how, "stops where some rows have one")
        if not isinstance(record.get("chat_template_kwargs"), dict | None):
            yield Breach(TrainerRule.KWARGS, "its `chat_template_kwargs` are no object", _STOPS)


def _is_pair(pair: object) -> bool:
    return isinstance(pair, list) and len(pair) == 2 and all(isinstance(text, str) for text in pair)


def _is_call(text: str) -> bool:
    """True for a call or several as LLaMA-Factory's data/formatter.py reads them."""
    try:
        calls = json.loads(text)
    except (ValueError, RecursionError):
        return False
    calls = calls if isinstance(calls, list) else [calls]
    return all(isinstance(call, dict) and "name" in call and "arguments" in call for call in calls)


def _are_calls(calls: object) -> bool:
    """True for calls in OpenAI's form, whose arguments are an object or the JSON of one."""
    return isinstance(calls, list) and all(
        isinstance(call, dict) and _are_arguments(call["function"].get("arguments"))
        if isinstance(call, dict) and isinstance(call.get("function"), dict)
        else False
        for call in calls
    )


def _are_arguments(given: object) -> bool:
    try:
        return isinstance(json.loads(given) if isinstance(given, str) else given, dict | None)
    except (ValueError, RecursionError):
        return False


def _is_tool(tool: object) -> bool:
    inner = tool.get("function", tool) if isinstance(tool, dict) else None
    return isinstance(inner, dict) and isinstance(inner.get("name"), str)
