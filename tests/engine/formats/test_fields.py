"""The names of a row's parts: those that datasets use, and those that a person gives."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from engine.formats.fields import NO_COLUMNS, Columns, Fields, fields_of
from engine.formats.layouts import layout_of, version_of
from engine.formats.names import DatasetError, Format
from engine.formats.read import open_dataset
from engine.formats.render import render
from engine.sample import Sample, Version
from models.errors import UsageError
from tests.factory import history_of

NEW = Version(instruction="New?", input="I", response="Newer.")


@pytest.mark.parametrize(
    ("row", "fields"),
    [
        ({"problem": "", "solution": ""}, ("problem", None, "solution")),
        ({"inputs": "", "targets": ""}, ("inputs", None, "targets")),
        ({"Human": "", "Assistant": ""}, ("Human", None, "Assistant")),
        ({"Q": "", "A": ""}, ("Q", None, "A")),
        ({"User Question": "", "Model Answer": ""}, ("User Question", None, "Model Answer")),
        ({"instruction_text": "", "output_text": ""}, ("instruction_text", None, "output_text")),
        ({"user_prompt": "", "response": "", "id": 1}, ("user_prompt", None, "response")),
        ({"prompt": "", "assistant-response": ""}, ("prompt", None, "assistant-response")),
        ({"question": "", "solution": "", "final": 1}, ("question", None, "solution")),
        ({"problem": "", "generated_solution": ""}, ("problem", None, "generated_solution")),
        ({"instruction": "", "input": "", "target": ""}, ("instruction", "input", "target")),
        ({"input": "", "target": ""}, ("input", None, "target")),
        ({"input_text": "", "target_text": ""}, ("input_text", None, "target_text")),
        ({"问题": "", "回答": ""}, ("问题", None, "回答")),
        ({"instruction": "", "question": "", "solution": ""}, None),
        ({"text": "", "target": ""}, None),
        ({"source": "", "target": ""}, None),
        ({"q": "", "b": ""}, None),
        ({"a": "", "prompt": ""}, None),
        ({"user": "", "bots": ""}, None),
        ({"question": "", "correct_answer": "", "incorrect_answers": []}, None),
        ({"prompt": "", "model_answer": "", "user_answer": ""}, None),
        ({"instruction": "", "question": "", "answer": ""}, None),
        ({"text": "", "model": ""}, None),
    ],
)
def test_the_names_that_datasets_use_are_known(
    row: dict[str, Any], fields: tuple[str, str | None, str] | None
) -> None:
    assert fields_of(row) == (None if fields is None else Fields(*fields))


@pytest.mark.parametrize(
    ("texts", "given"),
    [
        ([], {}),
        (["instruction=question,response=answer"], {"instruction": "question", "response": "answer"}),
        (["Instruction=q", "output=a b"], {"instruction": "q", "response": "a b"}),
        (['response=a=b,"input=x, y"'], {"response": "a=b", "input": "x, y"}),
        (["messages=chat,system=s"], {"messages": "chat", "system": "s"}),
    ],
)
def test_names_are_given_as_they_are_shown(texts: list[str], given: dict[str, str]) -> None:
    columns = Columns.parse(texts)
    assert columns.given == given
    assert Columns.parse([str(columns)]) == columns


@pytest.mark.parametrize(
    "text", ["x=y", "instruction", "instruction=", "=a", "instruction=a,instruction=b", "input=a,response=a",
             "messages=m,response=a", "instruction=a,,"]
)  # fmt: skip
def test_names_that_cannot_be_are_refused(text: str) -> None:
    with pytest.raises(UsageError, match=r"^--columns: "):
        Columns.parse([text])


@pytest.mark.parametrize(
    ("row", "columns", "version", "renewed"),
    [
        (
            {"frage": "q", "antwort": "a", "output": "x", "instruction": "y"},
            "instruction=frage,response=antwort",
            Version(instruction="q", response="a"),
            {"frage": "New?", "antwort": "Newer.", "output": "x", "instruction": "y", "input": "I"},
        ),
        (
            {"frage": "q", "antwort": "a", "zu": "u", "ton": "s"},
            "instruction=frage,response=antwort,input=zu,system=ton",
            Version(instruction="q", input="u", response="a"),
            {"frage": "New?", "antwort": "Newer.", "zu": "I", "ton": "s"},
        ),
        (
            {"text": "q", "output": "a", "input": "u"},
            "instruction=text",
            Version(instruction="q", input="u", response="a"),
            {"text": "New?", "output": "Newer.", "input": "I"},
        ),
        (
            {"frage": "", "antwort": "a", "zu": "u"},
            "instruction=frage,response=antwort,input=zu",
            Version(instruction="u", response="a"),
            {"frage": "New?", "antwort": "Newer.", "zu": "I"},
        ),
        (
            {"messages": "no", "log": [{"role": "user", "content": "q"}, {"role": "assistant", "content": "a"}]},
            "messages=log",
            Version(instruction="q", response="a"),
            {
                "messages": "no",
                "log": [{"role": "user", "content": "New?\nI"}, {"role": "assistant", "content": "Newer."}],
            },
        ),
    ],
)  # fmt: skip
def test_given_names_are_read_and_written(
    row: dict[str, Any], columns: str, version: Version, renewed: dict[str, Any], tmp_path: Path
) -> None:
    named = Columns.parse([columns])
    layout = layout_of(row, named)
    assert layout is not None
    assert version_of(row, layout, named) == version
    sample = Sample(index=0, original=version, row=row)
    for format in (one for one in Format if one.layout is layout):
        unchanged = render(sample, version, format, format, columns=named)
        assert json.dumps(unchanged) == json.dumps(row)
        assert render(sample, NEW, format, format, columns=named) == renewed
        turns = render(sample, version, format, Format.MESSAGES, columns=named)
        assert (
            version_of(turns, Format.MESSAGES.layout, named if "log" in turns else NO_COLUMNS).response == "a"
        )
        assert len(history_of(row, format.layout, named)) == ("ton" in row)
    path = tmp_path / "rows.jsonl"
    path.write_text(json.dumps(row))
    dataset = open_dataset(path, columns=named)
    assert [one.original for one in dataset.samples()] == [version]


def test_a_given_name_that_no_row_has_says_what_there_is(tmp_path: Path) -> None:
    path = tmp_path / "rows.csv"
    path.write_text("frage;antwort\na;b\n")
    found = r'line 2: expected the fields `frage` and `reply`, found "frage", "antwort"; '
    with pytest.raises(DatasetError, match=found):
        open_dataset(path, columns=Columns(instruction="frage", response="reply"))
    with pytest.raises(DatasetError, match=r'line 2: expected `chat`, a list of turns, found "frage"'):
        open_dataset(path, columns=Columns(messages="chat"))
    assert (
        len(list(open_dataset(path, columns=Columns(instruction="frage", response="antwort")).samples())) == 1
    )
