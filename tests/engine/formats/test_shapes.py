"""Turns in every shape that datasets give them: read as turns, and written back in the same shape."""

from __future__ import annotations

import csv
import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.formats.layouts import fits, layout_of, version_of
from engine.formats.names import Container, DatasetError, Format, Layout
from engine.formats.read import open_dataset
from engine.formats.render import render
from engine.formats.write import write_dataset
from engine.sample import PassedRow, Sample, Version, WhyPassed
from tests.factory import history_of, last_sample

NEW = Version(instruction="New?", response='Newer "ü".')


def said(role: str, text: str) -> dict[str, str]:
    return {"role": role, "content": text}


def turns(asked: str, answered: str) -> list[dict[str, str]]:
    return [said("system", "s"), said("user", asked), said("assistant", answered)]


SHAPES: dict[str, Any] = {
    "trl": lambda q, a: {
        "id": 1,
        "prompt": [said("system", "s"), said("user", q)],
        "completion": [said("assistant", a)],
        "checked": True,
    },
    "trl-text-answer": lambda q, a: {"completion": a, "prompt": [said("user", q)]},
    "trl-text-question": lambda q, a: {"prompt": q, "completion": [said("assistant", a)]},
    "trl-one-message": lambda q, a: {"prompt": [said("user", q)], "response": said("assistant", a)},
    "trl-no-input": lambda q, a: {"instruction": [said("user", q)], "input": "", "output": a},
    "trl-earlier-in-answer": lambda q, a: {
        "prompt": [said("user", "1")],
        "completion": [said("assistant", "2"), said("user", q), said("assistant", a)],
    },
    "xtuner": lambda q, a: {
        "conversation": [
            {"system": "s", "input": "1", "output": "2"},
            {"system": "", "input": q, "output": a},
        ]
    },
    "firefly": lambda q, a: {"conversation": [{"human": q, "assistant": a, "n": 1}], "category": "x"},
    "role-as-key": lambda q, a: {"conversations": [{"Human": "1"}, {"Bot": "2"}, {"Human": q}, {"Bot": a}]},
    "json-text": lambda q, a: {"messages": json.dumps(turns(q, a))},
    "json-text-tight": lambda q, a: {
        "conversations": json.dumps(
            [{"from": "human", "value": q}, {"from": "gpt", "value": a}],
            separators=(",", ":"),
            ensure_ascii=False,
        )
    },
    "json-text-indented": lambda q, a: {"id": 4, "text": json.dumps(turns(q, a), indent=2)},
    "json-text-halves": lambda q, a: {"prompt": json.dumps([said("user", q)]), "completion": a},
    "pandas-text": lambda q, a: {"messages": repr(turns(q, a))},
    "lists": lambda q, a: {"conversations": {"from": ["human", "gpt"], "value": [q, a]}},
    "another-name": lambda q, a: {"id": "x", "Dialogue": turns(q, a), "tags": ["a", "b"]},
    "any-name": lambda q, a: {"log": turns(q, a), "history": [said("user", "x"), said("assistant", "y")]},
    "beside-null": lambda q, a: {"messages": None, "conversation": turns(q, a)},
    "texts-in-turn": lambda q, a: {"id": "0", "data": ["1", "2", q, a]},
    "pairs-of-texts": lambda q, a: {"conversations": [["1", "2"], [q, a]]},
}


def format_of(row: dict[str, Any], container: Container = Container.JSONL) -> Format:
    layout = layout_of(row)
    assert layout in (Layout.MESSAGES, Layout.SHAREGPT)
    assert fits(row, layout)
    return Format.of(container, layout)


def sample(row: dict[str, Any]) -> Sample:
    return last_sample(row, format_of(row))


RESTYLED = ("json-text", "json-text-tight", "json-text-indented", "json-text-halves", "pandas-text")
"""Shapes whose turns are a text, which may be written in another way."""

text = st.text(min_size=1, max_size=12).filter(lambda found: bool(found.strip()))


@given(asked=text, answered=text, new=st.tuples(text, text))
def test_a_row_comes_out_as_it_came_and_a_refined_one_in_its_own_shape(
    asked: str, answered: str, new: tuple[str, str]
) -> None:
    for shape, make in SHAPES.items():
        row = make(asked, answered)
        format, before = format_of(row), json.dumps(row)
        assert version_of(row, format.layout) == Version(instruction=asked, response=answered), shape
        assert json.dumps(render(sample(row), sample(row).original, format, format)) == before, shape
        rendered = render(sample(row), Version(instruction=new[0], response=new[1]), format, format)
        assert json.dumps(row) == before, "the sample's own row is left alone"
        if shape not in RESTYLED:
            assert json.dumps(rendered) == json.dumps(make(*new)), shape
        assert version_of(rendered, format.layout) == Version(instruction=new[0], response=new[1]), shape


@pytest.mark.parametrize("shape", ["json-text", "json-text-tight", "json-text-indented", "pandas-text"])
def test_a_text_that_holds_turns_keeps_its_style(shape: str) -> None:
    row = SHAPES[shape]("é\n", "ø")
    format = format_of(row)
    assert render(sample(row), NEW, format, format) == SHAPES[shape](NEW.instruction, NEW.response)


@pytest.mark.parametrize("target", list(Format))
@pytest.mark.parametrize("shape", SHAPES)
def test_every_shape_converts_to_every_layout(shape: str, target: Format) -> None:
    row = SHAPES[shape]("q", "a")
    rendered = render(sample(row), NEW, format_of(row), target)
    assert version_of(rendered, target.layout) == NEW
    assert len(history_of(rendered, target.layout)) == len(history_of(row, format_of(row).layout))


@pytest.mark.parametrize("container", list(Container))
@pytest.mark.parametrize("shape", ["trl", "xtuner", "json-text-tight", "pandas-text", "lists"])
def test_a_file_of_every_kind_keeps_the_shape(shape: str, container: Container, tmp_path: Path) -> None:
    rows = [SHAPES[shape](f"q{number}", "a") for number in range(3)]
    path, out = tmp_path / "data", tmp_path / "out"
    write_dataset(path, format_of(rows[0], container), rows)
    dataset = open_dataset(path if container is not Container.CSV else path.rename(tmp_path / "data.csv"))
    assert dataset.format is format_of(rows[0], container)
    samples = list(dataset.samples())
    assert [one.original.instruction for one in samples] == ["q0", "q1", "q2"]
    records = [render(one, one.original, dataset.format, dataset.format) for one in samples]
    write_dataset(out, dataset.format, records, types=dataset.types())
    if container is not Container.PARQUET:
        assert out.read_bytes() == dataset.path.read_bytes()
    assert [one.row for one in open_dataset(out, dataset.format).samples()] == [one.row for one in samples]


def test_a_csv_file_holds_a_conversation_in_a_cell(tmp_path: Path) -> None:
    path = tmp_path / "chat.csv"
    with path.open("w", newline="") as file:
        csv.writer(file).writerows([["id", "messages"], ["1", json.dumps(turns("q", "a"))]])
    dataset = open_dataset(path)
    assert dataset.format is Format.MESSAGES_CSV
    (found,) = dataset.samples()
    assert found.original == Version(instruction="q", response="a")


def test_texts_among_turns_and_halves_that_are_missing_are_read_as_turns(tmp_path: Path) -> None:
    asked, answered = [said("user", "q")], [said("assistant", "a")]
    rows: list[dict[str, Any]] = [
        {"prompt": asked, "completion": answered},
        {"prompt": "q", "completion": "a"},
        {"prompt": asked, "completion": None},
        {"prompt": asked, "completion": []},
        {"prompt": asked, "completion": ""},
        {"prompt": asked, "completion": [said("assistant", "") | {"tool_calls": [{"id": "1"}]}]},
        {"completion": "a", "prompt": "q", "input": ""},
    ]
    path = tmp_path / "rows.jsonl"
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    found = list(open_dataset(path).contents())
    samples = [one for one in found if isinstance(one, Sample)]
    assert [one.row for one in samples] == [rows[0], rows[1], rows[6]]
    assert [one.why for one in found if isinstance(one, PassedRow)] == [
        WhyPassed.NO_ANSWER,
        WhyPassed.NO_ANSWER,
        WhyPassed.NO_ANSWER,
        WhyPassed.TOOLS,
    ]
    new = render(samples[1], NEW, Format.MESSAGES, Format.MESSAGES)
    assert new == {"prompt": NEW.instruction, "completion": NEW.response}


@pytest.mark.parametrize(
    ("row", "message"),
    [
        ({"text": "### Human: q ### Assistant: a"}, 'found "text"'),
        ({"prompt": "q", "chosen": turns("q", "a"), "rejected": turns("q", "b")}, "is preference data"),
        ({"chosen": turns("q", "a"), "rejected": turns("q", "b")}, "is preference data"),
        ({"chosen": "q a", "rejected": "q b"}, "is preference data"),
        ({"conversation_a": turns("q", "a"), "conversation_b": turns("q", "b")}, 'found "conversation_a"'),
        (
            {"steps": [{"input": "q", "output": "a"}] * 2, "question": "q"},
            'found "steps", "question"',
        ),
        ({"turns": ["q1", "q2"], "category": "writing"}, 'found "turns"'),
        ({"data": ["q", "a", "q"]}, 'found "data"'),
        ({"messages": r"['\d']"}, 'found "messages"'),
        ({"tags": ["q", "a"]}, 'found "tags"'),
        ({"messages": "[" * 100_000}, 'found "messages"'),
        ({"messages": "{'a'" * 1000}, 'found "messages"'),
        ({"conversation": [{"input": "q", "instruction": "i", "output": "a"}]}, 'found "conversation"'),
    ],
)
def test_what_is_no_conversation_is_not_taken_for_one(
    row: dict[str, Any], message: str, tmp_path: Path
) -> None:
    path = tmp_path / "rows.jsonl"
    path.write_text(f"{json.dumps(row)}\n{json.dumps(row)}\n")
    with pytest.raises(DatasetError) as error:
        list(open_dataset(path).samples())
    assert message in str(error.value)


def test_a_text_that_only_looks_like_turns_stays_a_text() -> None:
    row = {"instruction": "Say it as JSON.", "output": '[{"role": "user", "text": 1}]', "n": "[1, 2]"}
    assert layout_of(row) is Layout.WIZARDLM
    assert version_of(row, Layout.WIZARDLM).response == row["output"]
