"""The fields beside a sample's texts that repeat or depend on them, and what becomes of them when the texts change.

A field is recognised by what it holds (an old text, or a template around old texts) or by its name. Where its new value
is certain it gets that; else it is dropped, for a value that speaks of a text which is no longer there is wrong. What
only speaks of the other text stays: of a row whose answer was replaced, a prompt; of any row, its topic or source.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, NamedTuple

from engine.formats.field_kinds import (
    KEYS,
    Side,
    is_prose,
    is_reasoning,
    measured_texts,
    parsed,
    says_something,
    texts_named,
    words_of,
)
from engine.formats.roles import ROLES, speaker, turn_keys
from engine.sample import Version, as_one_text
from engine.thoughts import parted_answer

# Texts ----------------------------------------------------------------------------------------------------


class Done(StrEnum):
    """The change to a field that depended on a text that was replaced."""

    UPDATED = "updated"
    DROPPED = "dropped"
    REASONING = "reasoning dropped"
    REASONED = "reasoning replaced"  # by what led to the new answer


OF_REASONING = (Done.REASONING, Done.REASONED)


class FieldChange(NamedTuple):
    """A field of a row that followed its sample's texts."""

    field: str  # its path in the row: `metadata.num_tokens`, `messages[1].reasoning_content`
    done: Done
    was: Any  # its value before


class _Piece(NamedTuple):
    """A text of a sample, as a field may repeat it."""

    old: str
    new: str


@dataclass(frozen=True, slots=True)
class Texts:
    """A sample's texts before and after, in every form in which a field may hold them."""

    asked: tuple[_Piece, ...]  # the longest form first
    answered: tuple[_Piece, ...]
    reasoning: tuple[str, ...]  # of the old answer, wherever the row has it
    input_lost: bool  # the input went into the new instruction
    changed: Side

    @classmethod
    def of(cls, old: Version, new: Version, answer: str, reasoning: Iterable[str]) -> Texts:
        """answer: the old answer as the row holds it, with its reasoning; reasoning: what the row has beside it."""
        asked = [_Piece(as_one_text(old), as_one_text(new)), _Piece(old.instruction, new.instruction)]
        if old.input:
            asked.append(_Piece(old.input, new.input))
        parted = parted_answer(answer, as_one_text(old))
        whole = answer if old.response in (parted.text, answer) else old.response
        answered = [_Piece(whole, whole if old.response == new.response else new.response)]
        answered.append(_Piece(old.response, new.response))
        changed = Side(0)
        if (old.instruction, old.input) != (new.instruction, new.input):
            changed |= Side.ASKED
        if old.response != new.response:
            changed |= Side.ANSWERED
        return cls(
            tuple(_once(asked)),
            tuple(_once(answered)),
            tuple(text for text in (parted.reasoning, *reasoning) if text.strip()),
            bool(old.input and not new.input),
            changed,
        )


def _once(pieces: list[_Piece]) -> Iterator[_Piece]:
    """The pieces, each also without the space around it, each text once."""
    bare = [_Piece(old.strip(), new.strip()) for old, new in pieces]
    found = dict.fromkeys(text for text in (*pieces, *bare) if text.old.strip())
    seen: set[str] = set()
    for piece in found:
        if piece.old not in seen:
            seen.add(piece.old)
            yield piece


def _is_telling(text: str) -> bool:
    """True of a text that no field holds by chance."""
    text = text.strip()
    return len(text) >= 16 or (len(text) >= 6 and (" " in text or "\n" in text or not text.isascii()))


# A row ----------------------------------------------------------------------------------------------------

_DROP = object()
"""In place of a value that is to be dropped."""


@dataclass(slots=True)
class RowFollower:
    """Brings what lies beside a sample's texts up to date with them."""

    texts: Texts
    null: bool  # a dropped field becomes null, for the row is a table's; else it goes
    reasoning: str = ""  # of the new answer, for the first field that holds the old one's
    changes: list[FieldChange] = field(default_factory=list)

    def follow(
        self, fields: Mapping[str, Any], path: str, within: Side, skipped: Collection[str] = ()
    ) -> dict[str, Any]:
        """Fields as they are for the new texts. `within`: the texts that a field without a name of its own is about."""
        found = {}
        for name, value in fields.items():
            where = f"{path}.{name}" if path else name
            new: Any = value if name in skipped else self._followed(name, value, where, within)
            if new is not _DROP:
                found[name] = new
            elif self.null:
                found[name] = None
        return found

    def _followed(self, name: str, value: Any, path: str, within: Side) -> Any:
        """A field's value for the new texts, told of where it is another one."""
        if value is None or value in ("", [], {}):
            return value
        words, changed = words_of(name), self.texts.changed
        joined, told = "".join(words), len(self.changes)
        if is_reasoning(name) and is_prose(value):
            if Side.ANSWERED not in changed:
                return value
            done, new = Done.REASONING, _DROP
            if self.reasoning and isinstance(value, str):
                done, new, self.reasoning = Done.REASONED, self.reasoning, ""
        elif measured_texts(words, value, within) & changed and self._made_anew(value) is None:
            done, new = Done.DROPPED, _DROP
        else:
            new = self._value(value, path, texts_named(joined), within)
            if (
                new is value
                and joined in KEYS
                and Side.ASKED in self.texts.changed
                and not self._is_new(value)
            ):
                new = _DROP
            done = Done.DROPPED if new is _DROP else Done.UPDATED
        if new is _DROP:
            del self.changes[told:]
        if new is _DROP or (new is not value and told == len(self.changes)):
            self.changes.append(FieldChange(path, done, value))
        return new

    def _value(self, value: Any, path: str, known: Side | None, within: Side) -> Any:
        """A value for the new texts: itself where it stays as it is."""
        if isinstance(value, str):
            return self._text(value, path, known)
        if isinstance(value, list):
            return self._list(value, path, known, within)
        if isinstance(value, dict):
            new = self.follow(value, path, within)
            return value if new == value else new
        return value

    def _is_new(self, value: Any) -> bool:
        return any(value == piece.old == piece.new for piece in (*self.texts.asked, *self.texts.answered))

    # --- a text -----------------------------------------------------------------------------------------------

    def _text(self, value: str, path: str, known: Side | None) -> Any:
        for pieces in (self.texts.asked, self.texts.answered):
            for old, new in pieces:
                if value == old and (known is not None or _is_telling(old)):
                    return value if new == old else new or _DROP
        if (made := self._made_anew(value)) is not None:
            return value if made == value else made
        inner = parsed(value)
        if inner is None:
            return self._template(value, known)
        # Such as a cell of a table: its values are followed.
        new = RowFollower(self.texts, False, changes=self.changes)._value(inner, path, known, Side.EITHER)
        return value if new is inner else new if new is _DROP else json.dumps(new, ensure_ascii=False)

    def _template(self, value: str, known: Side | None) -> Any:
        """A text that holds old texts among others."""
        changed = self.texts.changed
        asked, input_lost = self._asked_places(value, short=known is not None)
        answered = _place(
            value, self.texts.answered, short=bool(asked), after=max((end for _, end, _ in asked), default=0)
        )
        held = Side.ASKED if asked else Side(0)
        if answered is not None or any(_is_telling(old) and old in value for old, _ in self.texts.answered):
            held |= Side.ANSWERED
        if not held:
            return _DROP if known is not None and known & changed and says_something(value) else value
        if not held & changed and known != Side.EITHER:
            return value
        places = [*asked, *([answered] if answered else [])]
        changing = [side for side in (Side.ASKED, Side.ANSWERED) if side in changed]
        certain = (
            bool(places)
            and not input_lost
            and not any(self._is_repeated(side, value) for side in changing)
            and (answered is not None) == (Side.ANSWERED in held)
            and (held == Side.EITHER if known == Side.EITHER else True)
            and (known is not None or all(_framed(value, start, end) for start, end, _ in places))
        )
        if not certain:
            return _DROP
        for start, end, new in sorted(places, reverse=True):
            value = value[:start] + new + value[end:]
        stale = Side.ANSWERED in changed and any(text.strip() in value for text in self.texts.reasoning)
        return _DROP if stale else value

    def _is_repeated(self, side: Side, value: str) -> bool:
        pieces = self.texts.asked if side is Side.ASKED else self.texts.answered
        return any(_is_telling(old) and value.count(old) > 1 for old, _ in pieces)

    def _asked_places(self, value: str, *, short: bool) -> tuple[list[tuple[int, int, str]], bool]:
        """The places of the old instruction and input in a text, each with its new text; True: the input has none."""
        whole, *parts = self.texts.asked
        if (place := _place(value, [whole], short=short)) is not None:
            return [place], False
        places = [place for piece in parts if (place := _place(value, [piece], short=short)) is not None]
        # Of a text and the same without the space around it, one is enough.
        places.sort(key=lambda place: (place[0], place[0] - place[1]))
        kept: list[tuple[int, int, str]] = []
        for place in places:
            if not kept or place[0] >= kept[-1][1]:
                kept.append(place)
        return kept, self.texts.input_lost and any(not new for _, _, new in kept)

    def _made_anew(self, value: Any) -> str | None:
        """The hash of the new text where `value` is the hash of the old one; None: it is none."""
        if not isinstance(value, str) or not _HEX.fullmatch(value):
            return None
        for old, new in (*self.texts.asked, *self.texts.answered):
            for make in (hashlib.md5, hashlib.sha1, hashlib.sha256, hashlib.sha512):
                made = make(_bytes(old), usedforsecurity=False).hexdigest()
                if made.startswith(value.casefold()):
                    return make(_bytes(new), usedforsecurity=False).hexdigest()[: len(value)]
        return None

    # --- a list -----------------------------------------------------------------------------------------------

    def _list(self, value: list[Any], path: str, known: Side | None, within: Side) -> Any:
        if all(isinstance(item, dict) and speaker(item) for item in value):
            return self._turns(value, path, known)
        found = []
        for number, item in enumerate(value):
            new = self._value(item, f"{path}[{number}]", None, within)
            if new is _DROP:
                return _DROP
            found.append(new)
        return value if all(new is item for new, item in zip(found, value, strict=True)) else found

    def _turns(self, turns: list[dict[str, Any]], path: str, known: Side | None) -> Any:
        """Turns that repeat the sample's conversation, or a part of it."""
        found, asked, answered = list(turns), -1, -1
        for number in range(len(turns) - 1, -1, -1):
            text = _turn_text(turns[number])
            role = ROLES.get(speaker(turns[number]))
            if answered < 0 and asked < 0 and role == "assistant" and self._is(text, self.texts.answered):
                answered = number
            elif asked < 0 and role == "user" and self._is(text, self.texts.asked):
                asked = number
        others = [
            number
            for number in range(asked + 1, len(turns))
            if number != answered and ROLES.get(speaker(turns[number])) == "assistant"
        ]
        changed = self.texts.changed
        if asked < 0 and answered < 0:
            return _DROP if known is not None and known & changed else turns
        if Side.ASKED in changed and asked >= 0 and others:  # another answer to the old question
            return _DROP
        for number, pieces, side in (
            (asked, self.texts.asked, Side.ASKED),
            (answered, self.texts.answered, Side.ANSWERED),
        ):
            if number >= 0:
                turn = turns[number]
                key = turn_keys(turn)[1]
                where = f"{path}[{number}]"
                new = next(new for old, new in pieces if old == _turn_text(turn))
                if new != _turn_text(turn):
                    turn = turn | {key: _with_text(turn[key], new)}
                    self.changes.append(FieldChange(f"{where}.{key}", Done.UPDATED, turns[number][key]))
                found[number] = self.follow(turn, where, side, turn_keys(turn))
        return turns if found == turns else found

    def _is(self, text: str, pieces: tuple[_Piece, ...]) -> bool:
        return any(text == piece.old for piece in pieces)


def _place(
    value: str, pieces: Iterable[_Piece], *, short: bool, after: int = 0
) -> tuple[int, int, str] | None:
    """The place in `value` of the first of these texts that is there: from, to, and its new text.

    short: one that a text may hold by chance counts, where it stands there once, as words of their own.
    """
    for old, new in pieces:
        start = value.find(old, after)
        end = start + len(old)
        alone = not (value[start - 1 : start].isalnum() or value[end : end + 1].isalnum())
        if start >= 0 and (_is_telling(old) or (short and alone and value.count(old, after) == 1)):
            return start, end, new
    return None


def _framed(value: str, start: int, end: int) -> bool:
    """True of a part of a text that fills lines, but for a label or a model's marks: a template stands around it."""
    return bool(_BEFORE.search(value[:start]) and _AFTER.match(value[end:]))


_BEFORE = re.compile(r"(?:\A|\n|[:>\]])[ \t]*\Z")
_AFTER = re.compile(r"[ \t]*(?:\Z|\n|<|\[)")
_HEX = re.compile(r"[0-9a-fA-F]{8,128}")


def _bytes(text: str) -> bytes:
    return text.encode("utf-8", "surrogatepass")


def _turn_text(turn: Mapping[str, Any]) -> str:
    given = turn.get(turn_keys(turn)[1])
    if isinstance(given, list):
        return "".join(
            part["text"] for part in given if isinstance(part, dict) and isinstance(part.get("text"), str)
        )
    return given if isinstance(given, str) else ""


def _with_text(given: Any, text: str) -> Any:
    if not isinstance(given, list):
        return text
    first = next(part for part in given if isinstance(part, dict) and isinstance(part.get("text"), str))
    return [first | {"text": text}]
