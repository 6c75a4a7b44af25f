"""The conversation in a row, and the exchanges of it that are refined, each with what stands before and after it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from itertools import pairwise
from typing import Any, NamedTuple

from engine.formats.checks import answer_in, filled, kind_of
from engine.formats.exchange import asked_in, exchange_version, history_pairs
from engine.formats.fields import NO_COLUMNS, Columns, fields_of
from engine.formats.names import Layout, RowError, UnrefinableError
from engine.formats.roles import STYLES
from engine.formats.tools import calls_in
from engine.formats.turns import ConversationTurn, check_end, system_beside, turns_of, with_turns
from engine.sample import History, Turn, Turns, Version, WhyPassed


class Exchange(NamedTuple):
    """A question and its answer in a row, both of them plain text."""

    version: Version
    turn: int  # as `Sample.turn`
    history: History
    next: Turn | None


class RowFacts(NamedTuple):
    """The parts of a row's conversation."""

    system: bool = False  # a system message
    earlier: bool = False  # turns before the last question, of a user or the assistant
    tools: bool = False  # a turn calls a tool, or is a tool's; or the row defines some
    last: bool = False  # its last exchange can be refined
    exchanges: int = 0  # that can be


def exchanges_in(
    row: object, layout: Layout, turns: Turns, columns: Columns = NO_COLUMNS
) -> Iterator[Exchange]:
    """The exchanges of a row that are refined, one at least.

    Raises the `RowError` that stands for a row that could not be read, or one of its own where it is in no such
    layout; `UnrefinableError` where it is, and holds nothing to refine.
    """
    if isinstance(row, RowError):
        raise row
    if not isinstance(row, dict):
        raise RowError(f"expected an object, found {kind_of(row)}")
    said = said_in(row, layout, columns)
    as_turns = [_as_turn(turn) for turn in said]
    for at, version in _refinable(row, said, layout, turns, columns):
        turn = sum(one.role == "user" for one in said[: at + 1])
        yield Exchange(version, turn, _history(as_turns[:at]), _next(as_turns, at))


def _refinable(
    row: dict[str, Any], said: Sequence[ConversationTurn], layout: Layout, turns: Turns, columns: Columns
) -> Iterator[tuple[int, Version]]:
    """The exchanges that are refined, by the place of their question among all that is said. Raises likewise."""
    last = len(said) - 2
    if turns is Turns.LAST:
        yield last, _last_version(row, said, layout, columns)
        return
    count = 0
    for at, (asked, answered) in enumerate(pairwise(said)):
        if (asked.role, answered.role) != ("user", "assistant") or asked.never or answered.never:
            continue
        with suppress(UnrefinableError):
            yield (
                at,
                _last_version(row, said, layout, columns) if at == last else _version(asked, answered),
            )
            count += 1
    if not count:
        _last_version(row, said, layout, columns)
        raise UnrefinableError(WhyPassed.NO_ANSWER, "expected a user's turn and the answer to it")


def said_in(row: Mapping[str, Any], layout: Layout, columns: Columns = NO_COLUMNS) -> list[ConversationTurn]:
    """All that is said in a row, its system message first, wherever the row has that. Raises `RowError`."""
    if layout in STYLES:
        turns = turns_of(with_turns(dict(row), layout, columns).row, layout)
        # LLaMA-Factory's rows of turns may have their system message beside the turns.
        if not turns or turns[0].role != "system" or turns[0].is_null:
            turns = [*system_beside(row, columns), *turns]
        return turns
    earlier = [*system_beside(row, columns), *history_pairs(row)]
    fields = fields_of(row, columns)
    if fields is None:
        return earlier
    asked = asked_in(row, fields)
    return [
        *earlier,
        ConversationTurn("user", asked if isinstance(asked, str) else "", {}),
        ConversationTurn(
            "assistant", row[fields.response] if isinstance(row[fields.response], str) else "", {}
        ),
    ]


def around(
    row: Mapping[str, Any], layout: Layout, columns: Columns, turn: int
) -> tuple[History, Turn | None]:
    """The history of the exchange at a turn of a row, and the turn after it; nothing if there is no such turn."""
    try:
        said = said_in(row, layout, columns)
        at = place_of_turn(said, turn)
    except RowError:
        return (), None
    as_turns = [_as_turn(one) for one in said]
    return _history(as_turns[:at]), _next(as_turns, at)


def place_of_turn(said: Sequence[ConversationTurn], turn: int) -> int:
    """The place of the user's n-th turn, from 1. Raises `RowError` where there is none, or no answer to it."""
    places = [at for at, one in enumerate(said) if one.role == "user"]
    if not 0 < turn <= len(places) or places[turn - 1] + 1 >= len(said):
        raise RowError(f"expected {turn} questions with answers, found {len(places)}")
    return places[turn - 1]


def last_turn(row: Mapping[str, Any], layout: Layout, columns: Columns = NO_COLUMNS) -> int:
    """The turn of a row's last question; 1 of a row that has none."""
    try:
        return max(sum(turn.role == "user" for turn in said_in(row, layout, columns)), 1)
    except RowError:
        return 1


def facts_of(row: Mapping[str, Any], layout: Layout, columns: Columns = NO_COLUMNS) -> RowFacts:
    """The facts of a row that can be read."""
    try:
        said = said_in(row, layout, columns)
    except RowError:
        return RowFacts(tools=bool(row.get("tools")))
    counts = {}
    for turns in Turns:
        counts[turns] = 0
        with suppress(RowError):
            counts[turns] = sum(1 for _ in _refinable(dict(row), said, layout, turns, columns))
    last = max((at for at, turn in enumerate(said) if turn.role == "user"), default=0)
    return RowFacts(
        system=any(turn.role == "system" and turn.text.strip() for turn in said),
        earlier=any(turn.role != "system" for turn in said[:last]),
        tools=bool(row.get("tools"))
        or any(turn.never is not None and turn.never.why is WhyPassed.TOOLS for turn in said),
        last=bool(counts[Turns.LAST]),
        exchanges=counts[Turns.ALL],
    )


def history_in(said: Sequence[ConversationTurn]) -> History:
    """Turns as they are read, as the history of an exchange that follows them."""
    return _history([_as_turn(turn) for turn in said])


def before_fields(row: Mapping[str, Any], columns: Columns = NO_COLUMNS) -> History:
    """The history in a row that has its exchange in fields."""
    return history_in([*system_beside(row, columns), *history_pairs(row)])


def _history(said: Sequence[Turn]) -> History:
    return tuple(turn for turn in said if turn.role != "system" or turn.text.strip())


def _next(said: Sequence[Turn], at: int) -> Turn | None:
    return said[at + 2] if at + 2 < len(said) else None


def _as_turn(turn: ConversationTurn) -> Turn:
    said = {"role": turn.role, "text": turn.text}
    if turn.never is None or turn.never.why is not WhyPassed.TOOLS:
        return Turn.model_validate(said)
    if turn.role == "tool":
        ids = {"tool": turn.rest.get("name"), "answers": turn.rest.get("tool_call_id")}
        return Turn.model_validate(said | {key: str(value or "") for key, value in ids.items()})
    return Turn.model_validate(said | {"calls": calls_in(turn), "beside": turn.beside})


def _last_version(
    row: dict[str, Any], said: Sequence[ConversationTurn], layout: Layout, columns: Columns
) -> Version:
    if layout not in STYLES:
        return exchange_version(row, columns)
    check_end(said)
    return _version(said[-2], said[-1], ("the last user turn", "the last answer"))


def _version(
    asked: ConversationTurn,
    answered: ConversationTurn,
    names: tuple[str, str] = ("the user's turn", "the answer"),
) -> Version:
    """`names`: of the two turns, in errors."""
    version = Version(
        instruction=filled(asked.text, names[0], WhyPassed.NO_QUESTION),
        response=filled(answered.text, names[1], WhyPassed.NO_ANSWER),
    )
    return version.model_copy(update={"response": answer_in(version, names[1])})
