"""Counts over all rows of an export: a trainer's config and some of its rules depend on all of them."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

from engine.export.trainers import KTO, MEDIA, TURNS, TurnKeys
from engine.formats.names import Format, Record, shown

PLACES = 10_000
"""Places in rows whose kinds of values are counted, at most."""


@dataclass(slots=True)
class Survey:
    """Counts over the rows of an export: filled fields, kinds of values, system messages, media."""

    rows: int = 0
    filled: Counter[str] = field(default_factory=Counter)  # rows in which a field holds something
    flags: Counter[str] = field(default_factory=Counter)  # rows in which it is true or false
    lacks_system: bool = False  # a row of turns begins with no system's and has none beside
    has_relative_media: bool = False  # an image, video or audio has a relative path
    kinds: Kinds = field(default_factory=lambda: Kinds([PLACES]))

    def add(self, record: Record, format: Format) -> None:
        """Count a row in."""
        self.rows += 1
        for name, value in record.items():
            if value not in (None, "", [], {}):
                self.filled[name] += 1
            if isinstance(value, bool):
                self.flags[name] += 1
        if (keys := TURNS.get(format.layout)) and record.get("system") is None:
            turns = record.get(keys.field)
            self.lacks_system |= not (
                isinstance(turns, list) and turns and role_of(turns[0], keys) == "system"
            )
        self.has_relative_media |= any(
            _is_relative(file)
            for names in MEDIA.values()
            for name in names
            for file in files_in(record.get(name))
        )
        self.kinds.add(dict(record))


def kto_field(survey: Survey) -> str | None:
    """The field with a label for KTO: one that is true or false in every row."""
    return next((name for name in KTO if survey.rows and survey.flags[name] == survey.rows), None)


class Kinds:
    """The kinds of value at a place in rows, and below it."""

    __slots__ = ("_counts", "_fields", "_items", "_room")

    def __init__(self, room: list[int]) -> None:
        """`room`: places that may still be added, shared by all."""
        self._counts: dict[str, int] = {}
        self._fields: dict[str, Kinds] = {}
        self._items: Kinds | None = None
        self._room = room

    def add(self, value: object) -> None:
        kind = _KINDS.get(type(value))
        if kind is None:
            return
        self._counts[kind] = self._counts.get(kind, 0) + 1
        if isinstance(value, dict):
            for name, inner in value.items():
                if (below := self._fields.get(name) or self._new()) is not None:
                    self._fields[name] = below
                    below.add(inner)
        elif isinstance(value, list) and value:
            self._items = self._items or self._new()
            if self._items is not None:
                for inner in value:
                    self._items.add(inner)

    def _new(self) -> Kinds | None:
        self._room[0] -= 1
        return Kinds(self._room) if self._room[0] >= 0 else None

    @property
    def are_mixed(self) -> bool:
        """True where a place holds values of several kinds, here or below."""
        below = (*self._fields.values(), *([self._items] if self._items else []))
        return len(self._counts) > 1 or any(kinds.are_mixed for kinds in below)

    def odd(self, value: object, place: str = "") -> str | None:
        """The first place below where a value is of another kind than most are, and how; None where none is."""
        kind = _KINDS.get(type(value))
        if kind is None:
            return None
        most = max(self._counts, key=lambda one: self._counts[one]) if self._counts else kind
        if kind != most:
            return f"`{shown(place)[1:-1]}` is {kind}, in most rows {most}"
        if isinstance(value, dict):
            below = (
                (self._fields.get(name), inner, f"{place}.{name}" if place else name)
                for name, inner in value.items()
            )
        elif isinstance(value, list):
            below = ((self._items, inner, f"{place}[]") for inner in value)
        else:
            return None
        found = (kinds.odd(inner, where) for kinds, inner, where in below if kinds)
        return next((one for one in found if one), None)


_KINDS = {
    str: "text",
    bool: "true or false",
    int: "a number",
    float: "a number",
    list: "a list",
    dict: "an object",
}


def files_in(held: object) -> list[object]:
    """The images, videos or audios that a field holds: a list, or one."""
    return held if isinstance(held, list) else [] if held in (None, "") else [held]


def _is_relative(file: object) -> bool:
    return isinstance(file, str) and not Path(file).is_absolute() and ":" not in file


def role_of(turn: object, keys: TurnKeys) -> str:
    """A turn's role, "" where it has none."""
    role = turn.get(keys.role) if isinstance(turn, dict) else None
    return role if isinstance(role, str) else ""
