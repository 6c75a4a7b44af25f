"""The names under which rows with one exchange hold it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

# Each field's own name first, then the names other datasets give it (Dolly: context, response; TRL: prompt,
# completion), in any letter case. A row keeps its own names when it is exported.
_INSTRUCTION = ("instruction", "prompt")
_RESPONSE = ("output", "response", "completion")
# These count only where a row has none of the names above for it: beside those they are often something else, such
# as the question that a filled-in prompt was made of.
_QUESTION = ("question", "query")
_ANSWER = "answer"


class Fields(NamedTuple):
    """The names under which a row holds its sample; `input` is None where it has none."""

    instruction: str
    input: str | None
    response: str


def fields_of(row: Mapping[str, Any]) -> Fields | None:
    """The names under which this row holds an instruction and a response, or None."""
    named: dict[str, str] = {}
    for name in row:
        named.setdefault(name.strip().casefold(), name)
    named |= {name: name for name in row}  # where two differ in case alone, the exact one

    def found(*names: str) -> str | None:
        return next((named[name] for name in names if name in named), None)

    instruction, question, response = found(*_INSTRUCTION), found(*_QUESTION), found(*_RESPONSE)
    if response is None and (instruction is None or question is None):
        response = found(_ANSWER)
    instruction = instruction or question
    given, context = found("input"), found("context")
    if instruction is None:
        instruction, given = given, None
    if instruction is None or response is None:
        return None
    # Elsewhere `context` may be a list of documents or the like: that is not an input, it just travels along.
    if given is None and context is not None and isinstance(row[context], str):
        given = context
    return Fields(instruction, given, response)
