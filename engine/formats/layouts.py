"""The layouts of rows: a row becomes a sample, and a sample a row again, in the same layout or another."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager
from typing import Any, NamedTuple

from engine.formats.dependents import Done, FieldChange, RowFollower, Side, Texts, is_reasoning
from engine.formats.fields import NO_COLUMNS, Columns, Fields, fields_of, system_of
from engine.formats.names import (
    TRACE,
    Container,
    DatasetError,
    Format,
    Layout,
    RowError,
    UnrefinableError,
    shown,
)
from engine.formats.roles import STYLES as _STYLES
from engine.formats.roles import TurnStyle, is_program, roles_in, speaker, turn_keys
from engine.formats.shapes import Unfolded, turns_field, unfolded
from engine.sample import History, Sample, Turn, Version, WhyPassed
from engine.thoughts import parted_answer, with_answer

# Rows with one exchange -----------------------------------------------------------------------------------


def _fields(row: dict[str, Any], columns: Columns) -> Fields:
    fields = fields_of(row, columns)
    if fields is None:
        asked, answered = columns.instruction or "instruction", columns.response or "output"
        message = f"expected the fields `{asked}` and `{answered}`, found {_names(row)}"
        if fields_of(row | {answered: ""}, columns) is not None:
            raise UnrefinableError(WhyPassed.NO_ANSWER, message)
        if fields_of(row | {asked: ""}, columns) is not None:
            raise UnrefinableError(WhyPassed.NO_QUESTION, message)
        raise RowError(message)
    return fields


def _flat_version(row: dict[str, Any], columns: Columns) -> Version:
    fields = _fields(row, columns)
    response = _filled(row[fields.response], f"`{fields.response}`", WhyPassed.NO_ANSWER)
    given = row[fields.input] if fields.input else ""
    input = "" if given is None else _text(given, f"`{fields.input}`")
    if _asks_in_input(row, fields):
        asked = Version(instruction=input, response=response)
    else:
        instruction = _filled(row[fields.instruction], f"`{fields.instruction}`", WhyPassed.NO_QUESTION)
        asked = Version(instruction=instruction, input=input, response=response)
    return asked.model_copy(update={"response": _answer(asked, f"`{fields.response}`")})


def _answer(version: Version, name: str) -> str:
    """The answer in a version's response, without the reasoning that it begins with."""
    answer = parted_answer(version.response, as_one_text(version)).text
    if not answer.strip():
        raise UnrefinableError(WhyPassed.NO_ANSWER, f"{name} holds reasoning, and no answer after it")
    return answer


def _asks_in_input(row: Mapping[str, Any], fields: Fields) -> bool:
    """True where the whole question stands in the input and the instruction is blank."""
    if fields.input is None:
        return False
    return _is_blank(row[fields.instruction]) and not _is_blank(row[fields.input])


def _is_blank(value: object) -> bool:
    return value is None or (isinstance(value, str) and not value.strip())


def _rewrite_flat(row: dict[str, Any], version: Version, columns: Columns) -> dict[str, Any]:
    fields = _fields(row, columns)
    if fields.input and not version.input and _asks_in_input(row, fields):
        return row | {fields.input: version.instruction, fields.response: version.response}
    if fields.instruction.strip().casefold() == "input":  # the row has no place for another
        return row | {fields.instruction: as_one_text(version), fields.response: version.response}
    record = row | {fields.instruction: version.instruction, fields.response: version.response}
    # A null input and one that is not there mean the same as an empty one, and stay as they are.
    if version.input or (fields.input and row[fields.input]):
        record[fields.input or "input"] = version.input
    return record


def _rewrite_without_input(row: dict[str, Any], version: Version, columns: Columns) -> dict[str, Any]:
    fields = _fields(row, columns)
    texts = {fields.instruction: as_one_text(version), fields.response: version.response}
    return _without(row, {fields.input}) | texts


def _flat_history(row: Mapping[str, Any], columns: Columns) -> list[ConversationTurn]:
    """The earlier turns in LLaMA-Factory's `system` and `history`, where a row has them in that form."""
    system, history = system_of(row, columns), row.get("history")
    turns = [] if system is None else [ConversationTurn("system", row[system], {})]
    if isinstance(history, list) and all(
        isinstance(pair, list) and len(pair) == 2 and all(isinstance(text, str) for text in pair)
        for pair in history
    ):
        for user, assistant in history:
            turns += [ConversationTurn("user", user, {}), ConversationTurn("assistant", assistant, {})]
    return turns


# Rows of turns --------------------------------------------------------------------------------------------


class ConversationTurn(NamedTuple):
    role: str  # system, user or assistant, whatever the row calls them
    text: str
    rest: dict[str, Any]  # the turn's other keys
    is_null: bool = False  # the text was null, and is carried as an empty one


def _content(given: object, name: str) -> str:
    """A turn's text, put together of its parts where it is a list of them, as chat templates do.

    Parts that hold reasoning are no text. Raises `UnrefinableError`.
    """
    if isinstance(given, list):
        texts = [_part_text(part) for part in given if not _is_reasoning_part(part)]
        if None not in texts and (texts or not given):
            return "".join(text for text in texts if text is not None)
    if isinstance(given, dict) and (text := _part_text(given)) is not None:
        return text
    return _text(given, name)


def _is_reasoning_part(part: object) -> bool:
    return isinstance(part, dict) and part.get("type") in ("thinking", "reasoning", "redacted_thinking")


def _reasoning_parts(given: object) -> list[Any]:
    return [part for part in given if _is_reasoning_part(part)] if isinstance(given, list) else []


def _text_of_parts(parts: list[Any]) -> str:
    """The texts of parts that hold reasoning: a string under any key but those that say what the part is."""
    texts = (value for part in parts for key, value in part.items() if key not in ("type", "signature", "id"))
    return "\n".join(text for text in texts if isinstance(text, str))


def _without_reasoning(turn: dict[str, Any]) -> dict[str, Any]:
    """A turn without the parts of its content that hold reasoning."""
    key = turn_keys(turn)[1]
    reasoning = _reasoning_parts(turn[key])
    return turn | {key: [part for part in turn[key] if part not in reasoning]} if reasoning else turn


def _part_key(part: dict[str, Any]) -> str | None:
    """The key of a text part's text; None for another part, such as an image."""
    if part.get("type", "text") not in ("text", "input_text", "output_text"):
        return None
    return next((key for key in ("text", "value") if isinstance(part.get(key), str)), None)


def _part_text(part: object) -> str | None:
    """The text of a part of a turn's content; None for another part."""
    if isinstance(part, dict):
        key = _part_key(part)
        return None if key is None else str(part[key])
    return part if isinstance(part, str) else None


def _with_content(turn: dict[str, Any], text: str) -> dict[str, Any]:
    """A turn with another text, as it is where that is no other; of several parts the first takes all of it."""
    key = turn_keys(turn)[1]
    given = turn[key]
    if isinstance(given, str):
        return turn | {key: text}
    if _content(given, key) == text:
        return turn
    parts = given if isinstance(given, list) else [given]
    first = next(part for part in parts if _part_text(part))
    part = text if isinstance(first, str) else first | {_part_key(first): text}
    return turn | {key: [part] if isinstance(given, list) else part}


def _unfold(row: dict[str, Any], layout: Layout, columns: Columns) -> Unfolded:
    """The row with its turns as a list in the layout's own field, if it has them in any shape that is known."""
    found = unfolded(row, _STYLES[layout].field, columns)
    if found is None and columns.messages is not None:
        what = _kind(row[columns.messages]) if columns.messages in row else _names(row)
        raise RowError(f"expected `{columns.messages}`, a list of turns, found {what}")
    return found or Unfolded(row, lambda record: record)


def _turns(row: Mapping[str, Any], layout: Layout) -> list[ConversationTurn]:
    """A row's turns, checked: at least a user's and the assistant's answer to it, as the last two."""
    field = _STYLES[layout].field
    given = row.get(field)
    if given is None and field in row:
        raise UnrefinableError(WhyPassed.NO_QUESTION, f"expected `{field}`, a list of turns, found null")
    if field not in row:
        _check_sides(row, field)
    if not isinstance(given, list):
        found = _kind(given) if field in row else _names(row)
        raise RowError(f"expected `{field}`, a list of turns, found {found}")
    turns, roles = [], roles_in(given)
    for number, turn in enumerate(given, 1):
        if not isinstance(turn, dict):
            raise RowError(f"turn {number}: expected an object with role and text, found {_kind(turn)}")
        role_key, text_key = turn_keys(turn)
        name = turn.get(role_key)
        role = roles.get(speaker(turn))
        if turn.get("tool_calls") or turn.get("function_call"):
            raise UnrefinableError(
                WhyPassed.TOOLS, f"turn {number} calls a tool: only turns of plain text can be refined"
            )
        if role is None:
            raise UnrefinableError(
                WhyPassed.TOOLS if is_program(turn) else WhyPassed.ODD_TURNS,
                f"turn {number}: expected a system, user or assistant turn, found {shown(name)}",
            )
        text = turn.get(text_key)
        if text is not None:  # a null, as HF datasets writes a missing text, is none
            text = _content(text, f"turn {number}: `{text_key}`")
        rest = {key: value for key, value in turn.items() if key not in (role_key, text_key)}
        turns.append(ConversationTurn(role, text or "", rest, is_null=text is None))
    _check_end([turn.role for turn in turns])
    return turns


def _check_sides(row: Mapping[str, Any], field: str) -> None:
    """Raise `UnrefinableError` where turns are in two fields, as TRL has them, of which one says nothing."""
    fields = fields_of(row) or fields_of({**row, "completion": None}) or fields_of({**row, "prompt": None})
    if fields is None:
        return
    sides = {fields.instruction: WhyPassed.NO_QUESTION, fields.response: WhyPassed.NO_ANSWER}
    if not any(isinstance(row.get(name), list) for name in sides):
        return
    for name, why in sides.items():
        if not row.get(name):
            raise UnrefinableError(why, f"expected `{field}`, or turns in `{name}`, found none")


def _check_end(roles: list[str]) -> None:
    """Raise `UnrefinableError` where the last two turns are not a question and its answer."""
    if roles[-2:] == ["user", "assistant"]:
        return
    if not roles:
        why = WhyPassed.NO_QUESTION
    elif set(roles) == {"system"}:
        why = WhyPassed.ONLY_SYSTEM
    else:
        why = WhyPassed.NO_ANSWER if roles[-1] == "user" else WhyPassed.ODD_TURNS
    raise UnrefinableError(why, "expected a user's turn and the assistant's answer as the last two turns")


def _turns_version(row: dict[str, Any], layout: Layout) -> Version:
    user, assistant = _turns(row, layout)[-2:]
    version = Version(
        instruction=_filled(user.text, "the last user turn", WhyPassed.NO_QUESTION),
        response=_filled(assistant.text, "the last answer", WhyPassed.NO_ANSWER),
    )
    return version.model_copy(update={"response": _answer(version, "the last answer")})


def _rewrite_turns(row: dict[str, Any], version: Version, layout: Layout) -> dict[str, Any]:
    field = _STYLES[layout].field
    _turns(row, layout)
    *earlier, user, assistant = row[field]
    return row | {
        field: [
            *earlier,
            _with_content(user, as_one_text(version)),
            _with_content(assistant, version.response),
        ]
    }


# Both -----------------------------------------------------------------------------------------------------


def layout_of(row: object, columns: Columns = NO_COLUMNS) -> Layout | None:
    """The layout this row is in, as far as its fields tell; None where they fit none."""
    if not isinstance(row, dict):
        return None
    field = turns_field(row, columns)
    if field is not None:
        return next(layout for layout, style in _STYLES.items() if style.field == field)
    fields = fields_of(row, columns)
    if fields is None:
        return None
    return Layout.WIZARDLM if fields.input is None else Layout.ALPACA


def fits(row: object, layout: Layout, columns: Columns = NO_COLUMNS) -> bool:
    """True where a row has the fields of this layout, good or bad."""
    if not isinstance(row, dict):
        return False
    if layout not in _STYLES:
        return fields_of(row, columns) is not None
    field = _STYLES[layout].field
    return (columns.messages or field) in row or unfolded(row, field, columns) is not None


def version_of(row: object, layout: Layout, columns: Columns = NO_COLUMNS) -> Version:
    """The sample a row holds: of several turns, the last user's and the answer to it.

    Raises the `RowError` that stands for a row that could not be read, or one of its own where it is in no such
    layout; `UnrefinableError` where it is, and holds nothing to refine.
    """
    if isinstance(row, RowError):
        raise row
    if not isinstance(row, dict):
        raise RowError(f"expected an object, found {_kind(row)}")
    if layout in _STYLES:
        return _turns_version(_unfold(row, layout, columns).row, layout)
    return _flat_version(row, columns)


def history_of(row: dict[str, Any], layout: Layout, columns: Columns = NO_COLUMNS) -> History:
    """A row's turns before the exchange that is refined; empty where there are none."""
    try:
        earlier = _earlier(row, layout, columns)
    except RowError:
        return ()
    return tuple(
        Turn.model_validate({"role": turn.role, "text": turn.text})
        for turn in earlier
        if turn.role != "system" or turn.text.strip()
    )


def _earlier(row: dict[str, Any], layout: Layout, columns: Columns) -> list[ConversationTurn]:
    if layout in _STYLES:
        return _parts_of_turns(_unfold(row, layout, columns).row, layout, columns).earlier
    return _parts_of_flat(row, columns).earlier


def as_one_text(version: Version) -> str:
    """The instruction, then a newline and the input where there is one: what a user says in one turn."""
    return f"{version.instruction}\n{version.input}" if version.input else version.instruction


def render(
    sample: Sample,
    version: Version,
    source: Format,
    target: Format,
    trace: Mapping[str, Any] | None = None,
    columns: Columns = NO_COLUMNS,
) -> dict[str, Any]:
    """The row of `sample` in `target`'s layout, with `version` in place of what it held in `source`.

    `columns`: the names that `source` was read with.

    In the same layout nothing but the texts changes, and what repeats or depends on them: see `changes`. Between
    layouts, earlier turns and unknown fields come along; `trace` is put under `TRACE`. `DatasetError`: the earlier
    turns fit no `history`, or the row is not in `source`'s layout, as in a workspace that burnish did not write.
    """
    followed = _following(sample, version, source.layout, columns, in_table=_in_table(source))
    row, version = followed.plain.row, followed.version
    with _at(sample.index):
        if source.layout in _STYLES and source.layout is target.layout:
            record = followed.plain.back(_rewrite_turns(row, version, source.layout))
        elif source.layout in _STYLES or target.layout in _STYLES:
            record = _converted(sample.index, followed, source.layout, target.layout, columns)
        elif source.layout is Layout.ALPACA and target.layout is Layout.WIZARDLM:
            record = _rewrite_without_input(row, version, columns)
        else:
            record = _rewrite_flat(row, version, columns)
    return record if trace is None else record | {TRACE: dict(trace)}


def convert(
    sample: Sample, version: Version, source: Layout, target: Layout, columns: Columns = NO_COLUMNS
) -> dict[str, Any]:
    """The row of `sample` in the layout `target`, in that layout's own names, its unknown fields after them."""
    followed = _following(sample, version, source, columns, in_table=False)
    return _converted(sample.index, followed, source, target, columns)


def changes(
    sample: Sample, version: Version, source: Format, columns: Columns = NO_COLUMNS
) -> tuple[FieldChange, ...]:
    """The fields, and the answer's reasoning, that are updated or dropped where `version` replaces the texts."""
    return _following(sample, version, source.layout, columns, in_table=_in_table(source)).changes


def reasoning_of(sample: Sample, source: Format, columns: Columns = NO_COLUMNS) -> str:
    """The reasoning that led to a sample's answer, its marks included; "" where its row has none."""
    with _at(sample.index):
        layout = source.layout
        plain = _unfold(sample.row, layout, columns).row if layout in _STYLES else sample.row
        place = _place_of(plain, sample.original, layout, columns)
    return "\n\n".join(text for text in (*place.beside, place.within) if text.strip())


class Dependence(NamedTuple):
    """The kinds of things in a row that depend on its sample's texts."""

    reasoning: bool  # the reasoning of the answer, within it or beside it
    asked: bool  # fields that change with the instruction and its answer
    answered: bool  # fields that change with the answer alone


def dependence(sample: Sample, source: Format, columns: Columns = NO_COLUMNS) -> Dependence:
    """The kinds of things in a sample's row that change once its texts do."""
    old = sample.original
    answer = old.model_copy(update={"response": f"{old.response}\0"})
    both = Version(instruction=f"{old.instruction}\0", response=answer.response)
    asked, answered = (changes(sample, version, source, columns) for version in (both, answer))
    return Dependence(
        any(change.done is Done.REASONING for change in asked),
        any(change.done is not Done.REASONING for change in asked),
        any(change.done is not Done.REASONING for change in answered),
    )


class _Followed(NamedTuple):
    """A row whose fields follow a version, and that version with the answer as the row is to hold it."""

    plain: Unfolded
    version: Version
    changes: tuple[FieldChange, ...]


def _in_table(format: Format) -> bool:
    return format.container in (Container.CSV, Container.PARQUET)


class _Place(NamedTuple):
    """The fields in which a row holds its sample, and the answer's reasoning."""

    answer: str  # the answer's text, its reasoning included
    fields: set[str]
    path: str  # of the answer
    within: str  # the reasoning in the answer
    beside: list[str]  # reasoning in fields of its own


def _place_of(row: dict[str, Any], original: Version, layout: Layout, columns: Columns) -> _Place:
    fields = dict(row)
    if layout in _STYLES:
        field = _STYLES[layout].field
        answer, last = _turns(row, layout)[-1].text, row[field][-1]
        key = turn_keys(last)[1]
        parts, own, path = _reasoning_parts(last[key]), {field}, f"{field}[{len(row[field]) - 1}].{key}"
        fields |= last
    else:
        named = _fields(row, columns)
        answer, parts = _text(row[named.response], f"`{named.response}`"), []
        own, path = {name for name in named if name}, named.response
    within = parted_answer(answer, as_one_text(original)).reasoning or _text_of_parts(parts)
    beside = [value for name, value in fields.items() if is_reasoning(name) and isinstance(value, str)]
    return _Place(answer, own, path, within, beside)


def _following(
    sample: Sample, version: Version, layout: Layout, columns: Columns, *, in_table: bool
) -> _Followed:
    """`in_table`: a field that is dropped becomes null, for each row has all of them."""
    original = sample.original
    with _at(sample.index):
        plain = _unfold(sample.row, layout, columns) if layout in _STYLES else Unfolded(sample.row, _as_it_is)
        place = _place_of(plain.row, original, layout, columns)
    answer = with_answer(place.answer, version.response, as_one_text(original))
    written = version.model_copy(update={"response": answer})
    if version == original:
        return _Followed(plain, written, ())
    texts = Texts.of(original, version, place.answer, (place.within, *place.beside))
    follower = RowFollower(texts, in_table)
    row = follower.follow(plain.row, "", Side.EITHER, place.fields | _NEVER)
    answered = Side.ANSWERED in texts.changed
    if layout in _STYLES:
        field = _STYLES[layout].field
        *earlier, user, last = row[field]
        at = len(earlier)
        user = follower.follow(user, f"{field}[{at}]", Side.ASKED, turn_keys(user))
        last = follower.follow(last, f"{field}[{at + 1}]", Side.ANSWERED, turn_keys(last))
        row[field] = [*earlier, user, _without_reasoning(last) if answered else last]
    if answered and place.within:
        follower.changes.append(FieldChange(place.path, Done.REASONING, place.within))
    return _Followed(Unfolded(row, plain.back), written, tuple(follower.changes))


def _as_it_is(record: dict[str, Any]) -> dict[str, Any]:
    return record


_NEVER = frozenset({"system", "history", "tools", TRACE})
"""Fields that come before the exchange, or are of an earlier export."""


def _converted(
    index: int, followed: _Followed, source: Layout, target: Layout, columns: Columns
) -> dict[str, Any]:
    row, version = followed.plain.row, followed.version
    with _at(index):
        parts = _parts_of_turns(row, source, columns) if source in _STYLES else _parts_of_flat(row, columns)
    if target in _STYLES:
        record = _as_turns(parts, version, _STYLES[target])
    elif target is Layout.WIZARDLM:
        record = {"instruction": as_one_text(version), "output": version.response}
        record |= _as_history(parts.earlier, index)
    else:
        record = {"instruction": version.instruction, "input": version.input, "output": version.response}
        record |= _as_history(parts.earlier, index)
    unknown = parts.unknown
    if target not in _STYLES:  # of the answer's turn, which is no object here
        unknown = {name: value for name, value in parts.assistant.items() if is_reasoning(name)} | unknown
    return record | {name: value for name, value in unknown.items() if name not in record}


@contextmanager
def _at(index: int) -> Iterator[None]:
    """Turn a `RowError` into a `DatasetError` that names the sample."""
    try:
        yield
    except RowError as error:
        raise DatasetError(f"sample {index}: {error}") from None


class _Parts(NamedTuple):
    """The contents of a row beside the version of its sample, whatever its layout."""

    earlier: list[ConversationTurn]
    user: dict[str, Any]  # the last user turn's other keys
    assistant: dict[str, Any]  # the last answer's
    unknown: dict[str, Any]


def _parts_of_turns(row: dict[str, Any], layout: Layout, columns: Columns) -> _Parts:
    *earlier, user, assistant = _turns(row, layout)
    earlier = [turn for turn in earlier if not (turn.role == "system" and turn.is_null)]
    known = {_STYLES[layout].field}
    # LLaMA-Factory's rows of turns may have their system message beside the turns.
    if not (earlier and earlier[0].role == "system") and (name := system_of(row, columns)) is not None:
        earlier, known = [ConversationTurn("system", row[name], {}), *earlier], known | {name}
    last = row[_STYLES[layout].field][-1]
    reasoning = _text_of_parts(_reasoning_parts(last[turn_keys(last)[1]]))
    rest = {"reasoning_content": reasoning, **assistant.rest} if reasoning else assistant.rest
    return _Parts(earlier, user.rest, rest, _without(row, known))


def _parts_of_flat(row: dict[str, Any], columns: Columns) -> _Parts:
    known = {name for name in fields_of(row, columns) or () if name}
    earlier = _flat_history(row, columns)
    if earlier:
        known |= {system_of(row, columns) or "system", "history"}
    return _Parts(earlier, {}, {}, _without(row, known))


def _without(row: Mapping[str, Any], names: Collection[str | None]) -> dict[str, Any]:
    return {name: value for name, value in row.items() if name not in names}


def _as_turns(parts: _Parts, version: Version, style: TurnStyle) -> dict[str, Any]:
    turns = [
        *parts.earlier,
        ConversationTurn("user", as_one_text(version), parts.user),
        ConversationTurn("assistant", version.response, parts.assistant),
    ]
    return {
        style.field: [
            {style.role: style.roles[turn.role], style.text: turn.text, **turn.rest} for turn in turns
        ]
    }


def _as_history(earlier: list[ConversationTurn], index: int) -> dict[str, Any]:
    """Earlier turns as LLaMA-Factory's `system` and `history`."""
    record: dict[str, Any] = {}
    if earlier and earlier[0].role == "system":
        record["system"] = earlier[0].text
        earlier = earlier[1:]
    pairs = list(zip(earlier[::2], earlier[1::2], strict=False))
    if len(earlier) % 2 or any((user.role, reply.role) != ("user", "assistant") for user, reply in pairs):
        raise DatasetError(
            f"sample {index}: its earlier turns are not one system message and pairs of question and answer, "
            "which is all that `history` holds; export as sharegpt or messages"
        )
    if pairs:
        record["history"] = [[user.text, reply.text] for user, reply in pairs]
    return record


# Words for error messages --------------------------------------------------------------------------------


def _names(row: Mapping[str, Any]) -> str:
    names = [shown(name) for name in list(row)[:8]]
    return ", ".join(names) + (", ..." if len(row) > 8 else "") if names else "no field"


def _kind(value: object) -> str:
    kinds = {type(None): "null", bool: "true or false", str: "text", list: "a list", dict: "an object"}
    return kinds.get(type(value), "a number" if isinstance(value, int | float) else type(value).__name__)


def _text(value: object, name: str) -> str:
    if not isinstance(value, str):
        raise UnrefinableError(WhyPassed.NOT_TEXT, f"{name}: expected text, found {_kind(value)}")
    return value


def _filled(value: object, name: str, missing: WhyPassed) -> str:
    """A text that says something. Raises `UnrefinableError`, with `missing` where there is none."""
    if _is_blank(value):
        raise UnrefinableError(missing, f"{name} is empty")
    return _text(value, name)
