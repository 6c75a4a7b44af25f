"""What is wrong with a dataset is one clear line, and the rows that are good can be had without the bad ones."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from engine.formats.names import DatasetError, Format
from engine.formats.read import BadRow, open_dataset
from tests.engine.formats.content import (
    ALPACA,
    GOOD,
    MESSAGES,
    SHAREGPT,
    WIZARD,
    array,
    deep,
    fault,
    lines,
    rest,
    write,
)


def test_a_missing_file_a_folder_and_a_locked_file_are_named(tmp_path: Path) -> None:
    for path, reason in ((tmp_path / "none.json", "No such file"), (tmp_path, "a folder; choose a dataset")):
        with pytest.raises(DatasetError, match=f"^{path}: .*{reason}"):
            open_dataset(path)
    with pytest.raises(DatasetError, match="Not a directory"):
        open_dataset(write(tmp_path, array(ALPACA)) / "x.json")


def test_a_folder_says_which_of_its_files_can_be_opened(tmp_path: Path) -> None:
    for name in ("test.parquet", "train.parquet", "dataset_dict.json"):
        write(tmp_path, b"PAR1", name)
    with pytest.raises(DatasetError) as error:
        open_dataset(tmp_path)
    assert str(error.value).endswith(
        "a folder; choose a dataset or a workspace in it, such as test.parquet; "
        "of its 2 files like that each is opened by itself"
    )


@pytest.mark.skipif(os.geteuid() == 0, reason="root reads everything")
def test_a_file_without_read_permission_is_named(tmp_path: Path) -> None:
    path = write(tmp_path, array(ALPACA))
    path.chmod(0)
    with pytest.raises(DatasetError, match="Permission denied"):
        open_dataset(path)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "empty; expected rows with"),
        (b" \n\t\n", "empty; expected rows with"),
        (b"\xef\xbb\xbf", "empty; expected rows with"),
        (b"[]", "holds no rows; expected rows with"),
        (b"[", "row 1: line 1, byte 1: the file ends in this row"),
        ("hello\n", 'line 1: begins with "hello"; expected rows with'),
        ("instruction,output\ra,b\r", 'line 1: begins with "instruction,output'),
        ("name,age\nx,1\n", 'line 1: begins with "name,age"; expected rows with'),
        (b"\x1f\x8b\x08\x00", "the .gz file is cut off or damaged ("),
        (b"PK\x03\x04", "a spreadsheet or a zip archive; save it as CSV, or unpack it first"),
        (b"version https://git-lfs.github.com/spec/v1\n", "a pointer of Git LFS, not the file itself"),
        (b"\x00\x01\x02", "line 1: begins with"),
        ("<!DOCTYPE html>\n<html></html>", "a web page in place of the file; download the file itself"),
        (b"\xef\xbb\xbf\n<HTML lang=en>", "a web page in place of the file"),
        (b"FEA1\x00\x00", "Feather of the first version; write it as Parquet"),
        (b"\x80\x04\x95", "a Python pickle, which burnish does not open"),
        (
            json.dumps({"data": [{"title": "t", "rows": []}]}),
            'line 1: expected the fields `instruction` and `output`, found "data"; "data" is a list of objects with '
            '"title", "rows"; expected rows with',
        ),
        (
            json.dumps({"train": [ALPACA], "test": [ALPACA]}),
            'row 2: "test" holds a list of objects too, beside "train"; save each as a file',
        ),
        (json.dumps(ALPACA, indent=1)[:-1], "row 1: line 5, byte 58: the file ends in this row"),
        ('{"instruction": "a"\n"output": "b"}', "line 1: byte 20: broken JSON (Expecting ',' delimiter)"),
        (array("a", "b"), "row 1: expected an object, found text"),
        (array(ALPACA, None), "row 2: expected an object, found null"),
        (array(ALPACA, [1]), "row 2: expected an object, found a list"),
        (array({}), "row 1: expected the fields `instruction` and `output`, found no field"),
        (
            array(ALPACA, {"name": "a"}),
            'row 2: expected the fields `instruction` and `output`, found "name"',
        ),
        (array(WIZARD | {"output": ""}), "no row holds a sample, of 1 read as wizardlm"),
        (lines(ALPACA) + '{"n": 1e999}', "line 2: 1e999 is too large for a number"),
        (lines(ALPACA) + '{"n": ' + "9" * 5000 + "}", "line 2: a number of 5000 digits"),
        (GOOD + '\n{"a": 1', "line 2: byte 40: broken JSON (Expecting ',' delimiter)"),
        (GOOD + '\n{"a": 1} {}', "line 2: byte 41: expected one object a line, found more after it"),
        (lines(ALPACA) + "[" * 100_000, "line 2: nested too deeply"),
        (lines(ALPACA) + deep(101), "line 2: nested more than 100 deep"),
        (f"[{deep(101)}]", "row 1: line 1, byte 1: nested more than 100 deep"),
        (GOOD.encode() + b'\n{"a": "\xff"}', "line 2: byte 40: not UTF-8"),
        (f'["é", {GOOD},\n {{"b": 1 "c"}}]', "expected an object, found text"),
        (
            f'[{GOOD},\n {{"é": 1 "c"}}]',
            "row 2: line 2, byte 45: broken JSON (Expecting ',' delimiter); nothing",
        ),
        (
            f"[\n{GOOD}\n{{}}]",
            'row 2: line 3, byte 35: expected `,` or `]`, found "{"; nothing after it can be',
        ),
        (f"[{GOOD}] []", 'row 2: line 1, byte 35: expected the end of the file, found "["; nothing after'),
        (f"[{GOOD}", "row 2: line 1, byte 33: expected `,` or `]`, found the end of the file; nothing"),
        (f"[{GOOD},]", "row 2: line 1, byte 34: broken JSON (Expecting value); nothing after it can be read"),
        (f"[{GOOD}, {{", "row 2: line 1, byte 36: the file ends in this row; nothing after it can be read"),
        ("[" * 100_000, "row 1: line 1, byte 1: nested too deeply"),
        (b'[{"a": "\xff"}]', "row 1: line 1, byte 8: not UTF-8"),
        ("instruction,output\na,b\nc\n", "line 3: expected 2 cells as in the header, found 1"),
        ('instruction,output\n"a\nb",c\n"d"e,f\n', "line 4: broken CSV (',' expected after '\"')"),
        ('instruction,output\na,b\n"c,d\ne,f\n', "line 3: broken CSV (a quote is never closed)"),
        (b"instruction,output\na,b\n\xe9,d\n", "line 3: byte 23: not UTF-8"),
        (b"instruction,output,\xe9\na,b,c\n", "line 1: byte 19: not UTF-8"),
        ("instruction,output,output\na,b,c\n", 'line 1: the column "output" is there twice'),
        ("instruction,output\n", "holds no rows"),
        ("instruction,output\na,\n", "line 2: `output` is empty"),
        (b"PAR1 but no more", "row 1: broken Parquet"),
    ],
)
def test_every_fault_is_one_line_that_says_where(tmp_path: Path, content: str | bytes, message: str) -> None:
    assert message in fault(tmp_path, content)


@pytest.mark.parametrize(
    ("turns", "message"),
    [
        ([("human", "a"), ("gpt", "b"), ("human", "c")], "expected a user's turn and the assistant's answer"),
        ([("gpt", "b")], "expected a user's turn and the assistant's answer"),
        ([], "expected a user's turn and the assistant's answer"),
        (
            [("human", "a"), ("tool", "x"), ("gpt", "b")],
            'turn 2: expected a system, user or assistant turn, found "t',
        ),
        ([("human", "a"), ("function_call", "{}")], "turn 2: expected a system, user or assistant turn"),
        ([("gpt", "a"), ("critic", "b")], "turn 2: expected a system, user or assistant turn"),
        ([("critic", "a"), ("human", "b")], "turn 1: expected a system, user or assistant turn"),
        ([("", "a"), ("gpt", "b")], "turn 1: expected a system, user or assistant turn"),
        ([("a", "a"), ("b", "b"), ("a", "c")], "turn 1: expected a system, user or assistant turn"),
        ([("a", "a"), ("a", "b")], "turn 1: expected a system, user or assistant turn"),
        ([("human", "a"), ("x", "b"), ("y", "c")], "turn 2: expected a system, user or assistant turn"),
        ([("system", None), ("human", None), ("gpt", "b")], "the last user turn is empty"),
        ([("human", []), ("gpt", "b")], "the last user turn is empty"),
        (
            [("human", [{"type": "text", "text": "a"}, {"type": "image"}]), ("gpt", "b")],
            "turn 1: `value`: expected text, found a list",
        ),
        (
            [("human", [{"type": "text", "text": 1}]), ("gpt", "b")],
            "turn 1: `value`: expected text, found a l",
        ),
        ([("human", "a"), ("gpt", [1])], "turn 2: `value`: expected text, found a list"),
        ([("human", "a"), ("gpt", None)], "the last answer is empty"),
        ([("human", ""), ("gpt", "b")], "the last user turn is empty"),
        ([("human", "a"), ("gpt", " ")], "the last answer is empty"),
    ],
)
def test_turns_that_hold_no_sample_say_why(
    tmp_path: Path, turns: list[tuple[str, object]], message: str
) -> None:
    row = {"conversations": [{"from": role, "value": value} for role, value in turns]}
    assert f"row 1: {message}" in fault(tmp_path, array(row))


def test_tool_calls_are_refused(tmp_path: Path) -> None:
    user, call = {"role": "user", "content": "a"}, {"role": "assistant", "content": "b", "tool_calls": [{}]}
    assert "row 1: turn 2 calls a tool" in fault(tmp_path, array({"messages": [user, call]}))
    call["tool_calls"] = []
    assert next(open_dataset(write(tmp_path, array({"messages": [user, call]}))).samples())


def test_a_given_format_that_does_not_fit_is_refused(tmp_path: Path) -> None:
    assert "expected a JSON array for alpaca, found JSON Lines" in fault(
        tmp_path, lines(ALPACA), Format.ALPACA
    )
    found = fault(tmp_path, array(ALPACA), Format.SHAREGPT)
    assert found.startswith("row 1: expected `conversations`, a list of turns, found ")


def test_a_hostile_field_name_stays_on_one_ascii_line(tmp_path: Path) -> None:
    found = fault(tmp_path, array({"\x1b[2J\n\ud800" + "x" * 500: 1}))
    assert found.isascii()
    assert found.isprintable()
    assert len(found) < 400


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    content=st.sampled_from(
        [array(ALPACA, WIZARD), lines(SHAREGPT, ALPACA), array(MESSAGES), 'instruction,output\na,b\n"c",d\n']
    ),
    cut=st.integers(0, 200),
    gone=st.integers(0, 20),
    noise=st.binary(max_size=8) | st.sampled_from([b"\r", b'"', b"\\", b"\xff", b"[", b"}", b",", b"\0"]),
)
def test_whatever_a_file_holds_the_fault_is_ours_and_one_line(
    tmp_path: Path, content: str, cut: int, gone: int, noise: bytes
) -> None:
    raw = content.encode()
    path = write(tmp_path, raw[:cut] + noise + raw[cut + gone :])
    messages: list[str] = []
    try:
        list(open_dataset(path).samples(lambda bad: messages.append(bad.message)))
    except DatasetError as error:
        messages.append(str(error))
    assert all(message.isprintable() for message in messages)


# Skipping -------------------------------------------------------------------------------------------------


def test_bad_lines_are_reported_and_the_rest_is_read(tmp_path: Path) -> None:
    content = lines(ALPACA).encode() + b'{"a": 1\n\xff\n[1]\n\n' + lines(WIZARD).encode()
    good, bad = rest(tmp_path, content)
    assert good == ["Add.", "Say hi."]
    assert [row.where for row in bad] == ["line 2", "line 3", "line 4"]


def test_bad_elements_are_reported_and_the_rest_is_read(tmp_path: Path) -> None:
    content = b'[3, {"instruction": "a", "output": "\xff"}, {"n": NaN}, "x", {"instruction": "b", "output": "c"}, 12]'
    good, bad = rest(tmp_path, content)
    assert good == ["b"]
    assert [row.where for row in bad] == ["row 1", "row 2", "row 3", "row 4", "row 6"]


def test_bad_csv_rows_are_reported_and_the_rest_is_read(tmp_path: Path) -> None:
    content = b'instruction,output\na,b\nc\n"d"e,f\n"\xff\ng",h\ni,\nj,k\n'
    good, bad = rest(tmp_path, content)
    assert good == ["a", "j"]
    assert [row.where for row in bad] == ["line 3", "line 4", "line 5"], "line 7 has no answer yet"


def test_what_stands_before_the_break_in_an_array_is_read(tmp_path: Path) -> None:
    whole = array(*[ALPACA | {"id": number} for number in range(50)])
    good, bad = rest(tmp_path, whole[: len(whole) // 2])
    assert len(good) == 25
    assert [row.where for row in bad] == ["row 26"]
    assert "nothing after it can be read" in bad[0].message


def test_a_file_without_a_good_row_fails_even_when_bad_rows_are_skipped(tmp_path: Path) -> None:
    bad: list[BadRow] = []
    dataset = open_dataset(write(tmp_path, array(ALPACA | {"output": ""}, 7)))
    with pytest.raises(
        DatasetError, match=r"no row holds a sample, of 2 read as alpaca .*: row 1: `output` is"
    ):
        list(dataset.samples(bad.append))
    assert [row.where for row in bad] == ["row 2"]
