"""The names under which rows hold their parts: those that datasets use, and those that a person gives."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple, Self

from engine.sample import Frozen
from models.errors import UsageError

# Each field's own name first, then the names other datasets give it (Dolly: context, response; TRL: prompt,
# completion), in any letter case. A row keeps its own names when it is exported.
_INSTRUCTION = ("instruction", "prompt")
_RESPONSE = ("output", "response", "completion")
# These count only where a row has none of the names above for it: beside those they are often something else, such
# as the question that a filled-in prompt was made of.
_QUESTION = ("question", "query")
_ANSWER = "answer"
# These count together only, and where nothing else does.
_PAIRS = (
    (("problem",), ("solution", "generated_solution")),
    (("inputs",), ("targets",)),
    (("input_text", "source_text"), ("target_text",)),
    (("问题", "提问", "指令"), ("回答", "答案", "输出")),
    (("user", "human"), ("assistant", "bot", "gpt", "model", "ai", "chatgpt")),
    (("q",), ("a",)),
)
# A name that says more, such as `User Question` or `output_text`, where no other has a part's name in it.
_MORE = ("text", "user", "model", "assistant")
_SYSTEM = ("system", "system_prompt", "system_message")


class Columns(Frozen):
    """The names that a person gives a row's parts; None: told from the names that datasets use."""

    instruction: str | None = None
    input: str | None = None
    response: str | None = None
    system: str | None = None
    messages: str | None = None  # the turns, in place of all the others

    @classmethod
    def parse(cls, texts: Iterable[str]) -> Self:
        """Names written as `instruction=question,response=answer`. `UsageError`."""
        named: dict[str, str] = {}
        for pair in (pair for text in texts for pair in next(csv.reader([text]), [])):
            part, sign, column = pair.partition("=")
            part = part.strip().lower()
            if part == "output":  # its name in Alpaca's rows
                part = "response"
            if part not in cls.model_fields or not sign or not column.strip():
                raise UsageError(
                    f"--columns: expected PART=COLUMN, found {pair!a}; the parts are {', '.join(cls.model_fields)}"
                )
            if part in named or column in named.values():
                raise UsageError(f"--columns: {pair!a} names what is named already")
            named[part] = column
        if "messages" in named and named.keys() - {"messages", "system"}:
            raise UsageError("--columns: messages holds the whole conversation; name either it or the others")
        return cls(**named)

    def __str__(self) -> str:
        """The names as `parse` takes them."""
        line = io.StringIO()
        csv.writer(line, lineterminator="").writerow(f"{part}={name}" for part, name in self.given.items())
        return line.getvalue()

    @property
    def one_exchange(self) -> bool:
        """True where a column of a row with one exchange is named."""
        return not (self.instruction is self.input is self.response is None)

    @property
    def given(self) -> dict[str, str]:
        """The names that were given, by part."""
        return self.model_dump(exclude_none=True)


class Fields(NamedTuple):
    """The names under which a row holds its sample; `input` is None where it has none."""

    instruction: str
    input: str | None
    response: str


NO_COLUMNS = Columns()


def fields_of(row: Mapping[str, Any], columns: Columns = NO_COLUMNS) -> Fields | None:
    """The names under which this row holds an instruction and a response, or None."""
    if any(name is not None and name not in row for name in (columns.instruction, columns.response)):
        return None
    taken = (columns.instruction, columns.input, columns.response, columns.system)
    named: dict[str, str] = {}
    for name in row:
        named.setdefault(_bare(name), name)
    named |= {name: name for name in row}  # where two differ in case alone, the exact one

    def found(*names: str) -> str | None:
        return next((named[name] for name in names if name in named and named[name] not in taken), None)

    question = found(*_QUESTION)
    instruction = columns.instruction or found(*_INSTRUCTION)
    response = columns.response or found(*_RESPONSE)
    if response is None and (instruction is None or question is None):
        response = found(_ANSWER)
    instruction = instruction or question
    given, context = found("input"), found("context")
    if columns.input is not None:
        given, context = (columns.input if columns.input in row else None), None
    elif instruction is None:
        instruction, given = given, None
    if (instruction is None or response is None) and not columns.one_exchange:
        pairs = ((found(*asked), found(*answered)) for asked, answered in _PAIRS)
        longer = (
            instruction or _longer(row, (*_INSTRUCTION, *_QUESTION, "input")),
            response or _longer(row, (*_RESPONSE, _ANSWER)),
        )
        # Where there is no doubt about the question.
        other = found("solution", "target") if question in (None, instruction) else None
        target = instruction, response or other
        instruction, response = next(
            (pair for pair in (*pairs, longer, target) if None not in pair), (None, None)
        )
    if instruction is None or response is None:
        return None
    # Elsewhere `context` may be a list of documents or the like: that is not an input, it just travels along.
    if given is None and context is not None and isinstance(row[context], str):
        given = context
    return Fields(instruction, given, response)


def _longer(row: Mapping[str, Any], names: tuple[str, ...]) -> str | None:
    """The one name in a row with a word that is one of these names, where its other words say no more."""
    found = {name: re.split(r"[\s_-]+", _bare(name)) for name in row}
    found = {name: words for name, words in found.items() if any(word in names for word in words)}
    if len(found) != 1:
        return None
    ((name, words),) = found.items()
    said = [word for word in words if word not in _MORE]
    return name if len(words) > len(said) == 1 else None


def system_of(row: Mapping[str, Any], columns: Columns = NO_COLUMNS) -> str | None:
    """The name under which this row holds a system message that is a text, or None."""
    names = _SYSTEM if columns.system is None else (columns.system,)
    return next((name for name in names if isinstance(row.get(name), str) and row[name]), None)


def _bare(name: str) -> str:
    return name.strip().casefold()
