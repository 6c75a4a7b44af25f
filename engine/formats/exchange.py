"""Rows with one exchange: fields become a sample, and a sample those fields again."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from engine.formats.checks import answer_in, filled, is_blank, names_in, text_in, without
from engine.formats.fields import Columns, Fields, fields_of, system_of
from engine.formats.names import RowError, UnrefinableError
from engine.formats.turns import ConversationTurn, Parts, system_beside
from engine.sample import Version, WhyPassed, as_one_text


def exchange_fields(row: dict[str, Any], columns: Columns) -> Fields:
    fields = fields_of(row, columns)
    if fields is None:
        asked, answered = columns.instruction or "instruction", columns.response or "output"
        message = f"expected the fields `{asked}` and `{answered}`, found {names_in(row)}"
        if fields_of(row | {answered: ""}, columns) is not None:
            raise UnrefinableError(WhyPassed.NO_ANSWER, message)
        if fields_of(row | {asked: ""}, columns) is not None:
            raise UnrefinableError(WhyPassed.NO_QUESTION, message)
        raise RowError(message)
    return fields


def exchange_version(row: dict[str, Any], columns: Columns) -> Version:
    fields = exchange_fields(row, columns)
    response = filled(row[fields.response], f"`{fields.response}`", WhyPassed.NO_ANSWER)
    given = row[fields.input] if fields.input else ""
    input = "" if given is None else text_in(given, f"`{fields.input}`")
    if _asks_in_input(row, fields):
        asked = Version(instruction=input, response=response)
    else:
        instruction = filled(row[fields.instruction], f"`{fields.instruction}`", WhyPassed.NO_QUESTION)
        asked = Version(instruction=instruction, input=input, response=response)
    return asked.model_copy(update={"response": answer_in(asked, f"`{fields.response}`")})


def _asks_in_input(row: Mapping[str, Any], fields: Fields) -> bool:
    """True where the whole question stands in the input and the instruction is blank."""
    if fields.input is None:
        return False
    return is_blank(row[fields.instruction]) and not is_blank(row[fields.input])


def asked_in(row: Mapping[str, Any], fields: Fields) -> object:
    """The value that says what is asked, without its input."""
    return row[fields.input] if fields.input and _asks_in_input(row, fields) else row[fields.instruction]


def rewrite_exchange(row: dict[str, Any], version: Version, columns: Columns) -> dict[str, Any]:
    fields = exchange_fields(row, columns)
    if fields.input and not version.input and _asks_in_input(row, fields):
        return row | {fields.input: version.instruction, fields.response: version.response}
    if fields.instruction.strip().casefold() == "input":  # the row has no place for another
        return row | {fields.instruction: as_one_text(version), fields.response: version.response}
    record = row | {fields.instruction: version.instruction, fields.response: version.response}
    # A null input and one that is not there mean the same as an empty one, and stay as they are.
    if version.input or (fields.input and row[fields.input]):
        record[fields.input or "input"] = version.input
    return record


def rewrite_without_input(row: dict[str, Any], version: Version, columns: Columns) -> dict[str, Any]:
    fields = exchange_fields(row, columns)
    texts = {fields.instruction: as_one_text(version), fields.response: version.response}
    return without(row, {fields.input}) | texts


def parts_of_exchange(row: dict[str, Any], columns: Columns) -> Parts:
    known = {name for name in fields_of(row, columns) or () if name}
    earlier = [*system_beside(row, columns), *history_pairs(row)]
    if earlier:
        known |= {system_of(row, columns) or "system", "history"}
    return Parts(earlier, {}, {}, without(row, known))


def history_pairs(row: Mapping[str, Any]) -> list[ConversationTurn]:
    """The turns in LLaMA-Factory's `history`, where a row has them in that form."""
    history = row.get("history")
    if not isinstance(history, list) or not all(
        isinstance(pair, list) and len(pair) == 2 and all(isinstance(text, str) for text in pair)
        for pair in history
    ):
        return []
    return [
        ConversationTurn(role, text, {})
        for pair in history
        for role, text in zip(("user", "assistant"), pair, strict=True)
    ]


def rewrite_history(row: dict[str, Any], version: Version, at: int) -> dict[str, Any]:
    """A row with a version's texts in a pair of its `history`."""
    pairs = list(row["history"])
    pairs[at] = [as_one_text(version), version.response]
    return row | {"history": pairs}
