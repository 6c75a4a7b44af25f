"""Rows that a trainer will not train on are exactly those that its sources, written down in `facts`, do not take."""

from __future__ import annotations

import json
from itertools import product
from pathlib import Path
from typing import Any

import pytest
import yaml

from engine.export.acceptance import Acceptance
from engine.export.for_trainer import Item, with_images, write_for_trainer
from engine.export.survey import PLACES, Survey, kto_field
from engine.export.trainers import (
    TURNS,
    Trainer,
    config_text,
    formats_of,
    llamafactory_entry,
    read_columns,
)
from engine.formats.names import Container, Format, Layout
from tests.engine.export.facts import FACTS, Loaded, filled_in, load
from tests.factory import last_sample

TOOL = {"type": "function", "function": {"name": "kiln", "parameters": {"type": "object", "properties": {}}}}


def broken_facts(trainer: Trainer, data: Loaded) -> dict[str, set[int]]:
    """The facts that rows break, with those rows."""
    found = {fact.says: fact.broken(data) for fact in FACTS if fact.trainer in (trainer, None)}
    return {says: rows for says, rows in found.items() if rows}


def test_every_fact_has_its_source() -> None:
    assert all(fact.project and fact.file and fact.version and fact.says for fact in FACTS)
    assert {fact.trainer for fact in FACTS} == {None, *Trainer}


# What is written is taken -------------------------------------------------------------------------------------

# One exchange and turns, as people have them, with the fields that trainers read.
FLAT: list[dict[str, Any]] = [
    {"instruction": "Name a plane.", "input": "", "output": "A jointer plane.", "id": 1},
    {"instruction": "Sort.", "input": "b a", "output": "a b", "id": 2},
    {"instruction": "Translate.", "input": "oak", "output": "Eiche", "id": 3},
]
TALK: list[dict[str, Any]] = [
    {
        "conversations": [
            {"from": "system", "value": "Be brief."},
            {"from": "human", "value": "Hello."},
            {"from": "gpt", "value": "Hello to you."},
            {"from": "human", "value": "Name a wood."},
            {"from": "gpt", "value": "Oak."},
        ]
    },
    {"conversations": [{"from": "user", "value": "Why?"}, {"from": "chatgpt", "value": "Because."}]},
    {
        "conversations": [{"from": "human", "value": "And then?"}, {"from": "gpt", "value": "Then glue."}],
        "system": "Be.",
    },
]
SAID: list[dict[str, Any]] = [
    {"messages": [{"role": "user", "content": "Say 1."}, {"role": "assistant", "content": "1"}]},
    {
        "messages": [
            {"role": "developer", "content": "Be brief."},
            {"role": "user", "content": [{"type": "text", "text": "Say "}, {"type": "text", "text": "2."}]},
            {"role": "assistant", "content": "2", "name": "x"},
        ]
    },
]
SOURCES = {
    "alpaca": (Format.ALPACA, FLAT),
    "csv": (Format.CSV, FLAT),
    "wizardlm": (
        Format.WIZARDLM,
        [{"instruction": row["instruction"], "output": row["output"]} for row in FLAT],
    ),
    "sharegpt": (Format.SHAREGPT, TALK),
    "messages": (Format.MESSAGES, SAID),
}
BESIDE: dict[str, list[dict[str, Any]]] = {
    "nothing": [{}],
    "tools as text": [{"tools": json.dumps([TOOL])}, {"tools": ""}, {}],
    "tools": [{"tools": [TOOL]}, {}],
    "label": [{"label": True}, {"label": False}],
    "system": [{"system": "Be kind."}, {"system": ""}, {}],
    "kwargs": [{"chat_template_kwargs": {"enable_thinking": False}}],
}


def items(format: Format, rows: list[dict[str, Any]]) -> list[Item]:
    samples = [last_sample(row, format, index) for index, row in enumerate(rows)]
    return [Item(one.row, [(one, one.original)]) for one in samples]


def has_system(row: dict[str, Any]) -> bool:
    """True where a row's turns begin with a system's: beside one, Axolotl and a reader would not know which counts."""
    turns = row.get("conversations") or row.get("messages") or [{}]
    return turns[0].get("from", turns[0].get("role")) in ("system", "developer") and "system" not in row


def cases() -> list[tuple[Trainer, Format, str, str]]:
    return [
        (trainer, target, source, beside)
        for trainer in Trainer
        for target, source, beside in product(formats_of(trainer), SOURCES, BESIDE)
        # Type alpaca of Axolotl's reads nothing beside: those rows are named, see below.
        if not (trainer is Trainer.AXOLOTL and target.layout not in TURNS)
        or (beside in ("nothing", "label", "kwargs") and source in ("alpaca", "csv", "wizardlm"))
    ]


@pytest.mark.parametrize(("trainer", "target"), sorted({case[:2] for case in cases()}))
def test_what_burnish_writes_is_taken_and_read(tmp_path: Path, trainer: Trainer, target: Format) -> None:
    """Every layout and kind of file, from every layout, with every field that may stand beside the texts."""
    ending = {Container.JSON: "json", Container.JSONL: "jsonl", Container.PARQUET: "parquet"}[
        target.container
    ]
    for number, (_, _, source, beside) in enumerate(
        case for case in cases() if case[:2] == (trainer, target)
    ):
        format, rows = SOURCES[source]
        fields = BESIDE[beside]
        rows = [
            row if "system" in beside and has_system(row) else row | fields[at % len(fields)]
            for at, row in enumerate(rows)
        ]
        path = tmp_path / f"{number}.{ending}"
        files = write_for_trainer(trainer, path, format, target, lambda given=(format, rows): items(*given))  # type: ignore[misc]
        data = load(trainer, files.config, path)
        case = f"{source}, {beside}"
        assert len(data.rows) == len(rows), case
        assert files.broken == (), case
        assert broken_facts(trainer, data) == {}, case
        told = json.dumps(data.told)
        if "tools" in beside:
            assert '"tools"' in told, case
        if beside == "label" and trainer is Trainer.LLAMAFACTORY:
            assert '"kto_tag": "label"' in told, case
            assert "--stage kto" in files.use, case


@pytest.mark.parametrize("trainer", Trainer)
def test_what_a_trainer_does_not_take_is_not_written_for_it(trainer: Trainer) -> None:
    assert not any(format.container is Container.CSV for format in formats_of(trainer))
    assert {format.layout for format in formats_of(Trainer.TRL)} == {Layout.MESSAGES}


# Rows that are not taken ----------------------------------------------------------------------------------------


def said(*roles: str, text: object = "x", **beside: Any) -> dict[str, Any]:
    """A row of turns with these roles, in the names of LLaMA-Factory's and TRL's formats."""
    return {"messages": [{"role": role, "content": text} for role in roles], **beside}


GOOD = said("system", "user", "assistant")
CALL = {"id": "1", "type": "function", "function": {"name": "f", "arguments": "{}"}}
BAD_CALL = {"id": "1", "type": "function", "function": {"name": "f", "arguments": "{"}}
BAD: dict[str, dict[str, Any]] = {
    "no turns": said(),
    "a system's turn alone": said("system"),
    "turns as text": {"messages": "user: a"},
    "turns of text": {"messages": ["a", "b"]},
    "no turns' field": {"other": 1},
    "two questions": said("user", "user", "assistant"),
    "an answer first": said("assistant", "user", "assistant", "user"),
    "a late system": said("user", "assistant", "system", "user", "assistant"),
    "two systems": said("system", "system", "user", "assistant"),
    "no answer": said("user"),
    "a question last": said("user", "assistant", "user"),
    "an unknown role": said("user", "critic"),
    "a role of another layout": said("human", "gpt"),
    "a role in other letters": said("User", "Assistant"),
    "a null role": {"messages": [{"role": None, "content": "a"}, {"role": "assistant", "content": "b"}]},
    "no role": {"messages": [{"content": "a"}, {"role": "assistant", "content": "b"}]},
    "a null text": {"messages": [{"role": "user", "content": None}, {"role": "assistant", "content": "b"}]},
    "a list of parts": said("user", "assistant", text=[{"type": "text", "text": "a"}]),
    "a number for a text": said("user", "assistant", text=1),
    "no text's key": {"messages": [{"role": "user"}, {"role": "assistant", "content": "b"}]},
    "an empty answer": {"messages": [{"role": "user", "content": "a"}, {"role": "assistant", "content": " \n"}]},
    "an empty earlier answer": {
        "messages": [
            {"role": role, "content": text}
            for role, text in zip(("user", "assistant") * 2, ("a", "", "b", "c"), strict=True)
        ]
    },
    "an empty question": {"messages": [{"role": "user", "content": ""}, {"role": "assistant", "content": "b"}]},
    "a call in JSON": {
        "messages": [
            {"role": "user", "content": "a"},
            {"role": "function_call", "content": '{"name": "f", "arguments": {}}'},
            {"role": "tool", "content": "b"},
            {"role": "assistant", "content": "c"},
        ]
    },
    "a call in words": {
        "messages": [
            {"role": "user", "content": "a"},
            {"role": "function_call", "content": "f()"},
            {"role": "tool", "content": "b"},
            {"role": "assistant", "content": "c"},
        ]
    },
    "a call in a key": {
        "messages": [
            {"role": "user", "content": "a"},
            {"role": "assistant", "content": None, "tool_calls": [CALL]},
            {"role": "tool", "content": "b"},
            {"role": "assistant", "content": "c"},
        ]
    },
    "a call whose arguments are cut": {
        "messages": [
            {"role": "user", "content": "a"},
            {"role": "assistant", "content": "", "tool_calls": [BAD_CALL]},
            {"role": "tool", "content": "b"},
            {"role": "assistant", "content": "c"},
        ]
    },
    "tools of words": said("user", "assistant", tools="hammer, saw"),
    "tools cut": said("user", "assistant", tools='[{"name": "f"'),
    "tools of texts": said("user", "assistant", tools='["hammer"]'),
    "tools without a name": said("user", "assistant", tools='[{"description": "a"}]'),
    "a number for tools": said("user", "assistant", tools=7),
    "a system beside the turns": said("user", "assistant", system="Be."),
    "an empty system beside the turns": said("user", "assistant", system=""),
    "a system that is a list": said("user", "assistant", system=["Be."]),
    "an image without a mark": said("user", "assistant", images=["a.png"]),
    "a mark for each": said("user", "assistant", images=["a.png", "b.png"], text="<image>"),
    "a video without a mark": said("user", "assistant", videos=["a.mp4"]),
    "an image that is no list": said("user", "assistant", images="a.png", text="<image>"),
    "arguments in words": said("user", "assistant", chat_template_kwargs="x"),
    "a label": said("user", "assistant", label=True),
    "a label in words": said("user", "assistant", label="good"),
    "a number where others have a text": said("user", "assistant", id=7),
    "a history": said("user", "assistant", history=[["a", "b"]]),
}  # fmt: skip
FLAT_GOOD = {"instruction": "a", "input": "", "output": "b", "id": "1"}
FLAT_BAD: dict[str, dict[str, Any]] = {
    "an empty answer": FLAT_GOOD | {"output": " "},
    "a null answer": FLAT_GOOD | {"output": None},
    "a number for an answer": FLAT_GOOD | {"output": 4},
    "a null question": FLAT_GOOD | {"instruction": None},
    "a list for a question": FLAT_GOOD | {"instruction": ["a"]},
    "a number for an input": FLAT_GOOD | {"input": 3},
    "a null input": FLAT_GOOD | {"input": None},
    "a history": FLAT_GOOD | {"history": [["a", "b"]]},
    "a history of objects": FLAT_GOOD | {"history": [{"a": "b"}]},
    "a history of single turns": FLAT_GOOD | {"history": [["a"]]},
    "a history with a null": FLAT_GOOD | {"history": [["a", None]]},
    "a history in words": FLAT_GOOD | {"history": "a"},
    "a system": FLAT_GOOD | {"system": "Be."},
    "a system that is an object": FLAT_GOOD | {"system": {"a": 1}},
    "tools": FLAT_GOOD | {"tools": json.dumps([TOOL])},
    "tools of words": FLAT_GOOD | {"tools": "hammer"},
    "an image": FLAT_GOOD | {"images": ["a.png"]},
    "an image and its mark": FLAT_GOOD | {"images": ["a.png"], "input": "<image>"},
    "an image with two marks": FLAT_GOOD
    | {"images": ["a.png"], "instruction": "<image>", "output": "<image>"},
    "a label": FLAT_GOOD | {"kto_tag": False},
    "a number where others have a text": FLAT_GOOD | {"id": 2},
}


def surveyed(rows: list[dict[str, Any]], format: Format) -> Survey:
    survey = Survey()
    for row in rows:
        survey.add(row, format)
    return survey


def judged(trainer: Trainer, format: Format, rows: list[dict[str, Any]]) -> tuple[set[int], set[int], Loaded]:
    """The rows that burnish names, those that the facts name, and the dataset as the trainer has it."""
    survey = surveyed(rows, format)
    rows = [with_images(trainer, row, survey) for row in rows]
    accepted = Acceptance(trainer, format, survey)
    named = {number for number, row in enumerate(rows) if accepted.breaches(row)}
    columns = read_columns(trainer, format, survey.filled)
    if trainer is Trainer.LLAMAFACTORY:
        kto = kto_field(survey)
        told = llamafactory_entry(Path("d.json"), format.layout, columns | ({"kto_tag": kto} if kto else {}))
    else:
        [told] = yaml.safe_load(config_text(trainer, Path("d.json"), format, columns))["datasets"]
    data = Loaded(filled_in(rows), told)
    return named, set().union(*broken_facts(trainer, data).values()), data


ROLES = {"user": "human", "assistant": "gpt", "tool": "observation"}


def renamed(row: dict[str, Any]) -> dict[str, Any]:
    """A row of messages in ShareGPT's names."""

    def turn_of(turn: Any) -> Any:
        if not isinstance(turn, dict):
            return turn
        turn = dict(turn)
        if "role" in turn:
            role = turn.pop("role")
            turn["from"] = ROLES.get(role, role) if isinstance(role, str) else role
        if "content" in turn:
            turn["value"] = turn.pop("content")
        return turn

    turns = row.get("messages")
    found = {("conversations" if name == "messages" else name): value for name, value in row.items()}
    return found | {"conversations": [turn_of(turn) for turn in turns]} if isinstance(turns, list) else found


@pytest.mark.parametrize("kind", BAD)
@pytest.mark.parametrize("trainer", Trainer)
def test_rows_of_turns_that_are_named_are_those_that_a_trainer_does_not_take(
    trainer: Trainer, kind: str
) -> None:
    rows = [
        GOOD | {"id": "a"},
        said("user", "assistant", id="b"),
        BAD[kind],
        said("user", "assistant", id="c"),
    ]
    named, refused, _ = judged(trainer, Format.MESSAGES_JSON, rows)
    assert named == refused
    if trainer is not Trainer.TRL:
        named, refused, _ = judged(trainer, Format.SHAREGPT, [renamed(row) for row in rows])
        assert named == refused


@pytest.mark.parametrize("kind", FLAT_BAD)
@pytest.mark.parametrize("trainer", [Trainer.LLAMAFACTORY, Trainer.AXOLOTL])
def test_rows_of_one_exchange_that_are_named_are_those_that_a_trainer_does_not_take(
    trainer: Trainer, kind: str
) -> None:
    named, refused, _ = judged(trainer, Format.ALPACA, [FLAT_GOOD, FLAT_GOOD, FLAT_BAD[kind], FLAT_GOOD])
    assert named == refused


MANY = [GOOD, *BAD.values(), *[GOOD] * 99]


@pytest.mark.parametrize(("trainer", "format", "rows"), [
    *((trainer, Format.MESSAGES_JSON, MANY) for trainer in Trainer),
    (Trainer.LLAMAFACTORY, Format.ALPACA, [*[FLAT_GOOD] * 99, *FLAT_BAD.values()]),
    (Trainer.AXOLOTL, Format.ALPACA, [*[FLAT_GOOD] * 99, *FLAT_BAD.values()]),
])  # fmt: skip
def test_without_the_rows_that_are_named_the_rest_is_taken(
    trainer: Trainer, format: Format, rows: list[dict[str, Any]]
) -> None:
    named, _, _ = judged(trainer, format, rows)
    rest = [row for number, row in enumerate(rows) if number not in named]
    _, refused, _ = judged(trainer, format, rest)
    assert refused == set()
    assert len(rest) >= 99


def test_a_set_without_images_may_speak_of_marks() -> None:
    """The marks count only where a row of the set has images: code about HTML is text."""
    rows = [said("user", "assistant", text="What is <image> in SVG?"), GOOD]
    assert [judged(trainer, Format.MESSAGES_JSON, rows)[:2] for trainer in Trainer] == [(set(), set())] * 3


@pytest.mark.parametrize(("images", "named"), [(1, {0}), (3, {3})])
def test_where_some_rows_have_one_image_the_fewer_are_named_for_trl(images: int, named: set[int]) -> None:
    rows = [
        said("user", "assistant", **({"image": "a.png"} if number < images else {})) for number in range(4)
    ]
    assert judged(Trainer.TRL, Format.MESSAGES_JSON, rows)[0] == named


def test_kinds_of_values_are_counted_in_so_many_places_and_no_more() -> None:
    rows: list[dict[str, Any]] = [{f"a{number}": number} for number in range(PLACES + 10)]
    survey = surveyed([*rows, {"a0": "text"}, {f"a{PLACES + 5}": "text"}], Format.ALPACA)
    assert survey.kinds.are_mixed
    assert survey.kinds.odd({f"a{PLACES + 5}": "text"}) is None
    assert survey.kinds.odd({"a1": []}) == "`a1` is a list, in most rows a number"


def test_a_rule_is_told_in_one_line_whatever_the_row_holds() -> None:
    bad = {"messages": [{"role": "a\x1b[2J\n\u202e" * 50, "content": "\x00"}] * 2, "x\x1b": 1}
    survey = surveyed([GOOD, bad, GOOD | {"x\x1b": "a"}], Format.MESSAGES_JSON)
    for trainer in Trainer:
        breaches = Acceptance(trainer, Format.MESSAGES_JSON, survey).breaches(bad)
        assert breaches
        for breach in breaches:
            assert breach.how.isprintable()
            assert breach.how.isascii()
            assert len(breach.how) < 200
