"""Rows that can be read and not refined pass through in their place."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from engine.formats.read import open_dataset
from engine.sample import PassedRow, Sample, WhyPassed
from tests.engine.formats.content import ALPACA, SHAREGPT, WIZARD, array, fault, lines, write


def conversation(*given: tuple[str, object], **more: object) -> dict[str, Any]:
    return {"conversations": [{"from": role, "value": value} for role, value in given], **more}


@pytest.mark.parametrize(
    ("row", "why"),
    [
        ({"instruction": "a"}, WhyPassed.NO_ANSWER),
        (ALPACA | {"output": ""}, WhyPassed.NO_ANSWER),
        (ALPACA | {"output": None}, WhyPassed.NO_ANSWER),
        ({"question": "a", "answer": " "}, WhyPassed.NO_ANSWER),
        ({"output": "a"}, WhyPassed.NO_QUESTION),
        (WIZARD | {"instruction": " \n"}, WhyPassed.NO_QUESTION),
        (ALPACA | {"instruction": "", "input": " "}, WhyPassed.NO_QUESTION),
        (WIZARD | {"instruction": None}, WhyPassed.NO_QUESTION),
        (ALPACA | {"output": 3}, WhyPassed.NOT_TEXT),
        (ALPACA | {"output": ["a", "b"]}, WhyPassed.NOT_TEXT),
        (ALPACA | {"input": True}, WhyPassed.NOT_TEXT),
        (conversation(), WhyPassed.NO_QUESTION),
        ({"conversations": None, "id": 1}, WhyPassed.NO_QUESTION),
        (conversation(("system", "s")), WhyPassed.ONLY_SYSTEM),
        (conversation(("human", "a")), WhyPassed.NO_ANSWER),
        (conversation(("human", "a"), ("gpt", "b"), ("human", "c")), WhyPassed.NO_ANSWER),
        (conversation(("human", "a"), ("gpt", None)), WhyPassed.NO_ANSWER),
        (conversation(("human", "a"), ("gpt", "")), WhyPassed.NO_ANSWER),
        (conversation(("human", " "), ("gpt", "a")), WhyPassed.NO_QUESTION),
        (conversation(("gpt", "a")), WhyPassed.ODD_TURNS),
        (conversation(("human", "a"), ("gpt", "b"), ("gpt", "c")), WhyPassed.ODD_TURNS),
        (conversation(("human", "a"), ("gpt", "b"), ("system", "c")), WhyPassed.ODD_TURNS),
        (conversation(("human", "a"), ("narrator", "b"), ("gpt", "c")), WhyPassed.ODD_TURNS),
        (conversation(("human", "a"), ("function_call", "{}")), WhyPassed.TOOLS),
        (
            conversation(("human", "a"), ("function_call", "{}"), ("observation", "x"), ("gpt", "b")),
            WhyPassed.TOOLS,
        ),
        (conversation(("human", "a"), ("gpt", "b"), ("ipython", "x")), WhyPassed.TOOLS),
        (conversation(("human", [{"type": "image"}]), ("gpt", "b")), WhyPassed.NOT_TEXT),
        (conversation(("human", "a"), ("gpt", {"b": 1})), WhyPassed.NOT_TEXT),
    ],
)
def test_a_row_that_can_be_read_and_not_refined_passes_through_in_its_place(
    tmp_path: Path, row: dict[str, Any], why: WhyPassed
) -> None:
    good = SHAREGPT if "conversations" in row else ALPACA
    for content in (array(good, row, row, good), lines(good, row, row, good)):
        first, one, other, last = open_dataset(write(tmp_path, content)).contents()
        assert isinstance(first, Sample)
        assert isinstance(last, Sample)
        assert (first.index, last.index) == (0, 1)
        assert one == PassedRow(number=1, why=why, row=row)
        assert other == PassedRow(number=2, why=why, row=row)
    assert len(list(open_dataset(write(tmp_path, array(row, good))).samples())) == 1


@pytest.mark.parametrize("missing", [{"completion": None}, {"completion": []}, {}])
def test_turns_to_answer_without_an_answer_pass_through(tmp_path: Path, missing: dict[str, Any]) -> None:
    asked = [{"role": "user", "content": "a"}]
    row: dict[str, Any] = {"prompt": asked} | missing
    path = write(
        tmp_path, array({"prompt": asked, "completion": [{"role": "assistant", "content": "b"}]}, row)
    )
    _, passed = open_dataset(path).contents()
    assert passed == PassedRow(number=1, why=WhyPassed.NO_ANSWER, row=row)


def test_a_table_passes_empty_answers_through(tmp_path: Path) -> None:
    path = write(tmp_path, "instruction,output\na,\nb,c\n")
    passed, _ = open_dataset(path).contents()
    assert passed == PassedRow(number=0, why=WhyPassed.NO_ANSWER, row={"instruction": "a", "output": ""})


def test_a_dataset_in_which_nothing_can_be_refined_says_what_was_found(tmp_path: Path) -> None:
    rows = [conversation(("human", "a"))] * 3 + [conversation(("human", "a"), ("tool", "x"))]
    found = fault(tmp_path, array(*rows))
    assert "no row holds a sample, of 4 read as sharegpt (conversations): row 1 and 2 more: expected" in found
    assert "row 4: turn 2: expected a system, user or assistant turn" in found
