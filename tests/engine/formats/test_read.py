"""Datasets in: every format is told from its content, and every fault is one clear line."""

from __future__ import annotations

import gzip
import hashlib
import json
import lzma
import os
import sys
import tracemalloc
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from engine.formats.names import DatasetError, Format
from engine.formats.packed import packing_into
from engine.formats.read import BadRow, demo_dataset, open_dataset
from engine.sample import PassedRow, Sample, Version, WhyPassed
from models.errors import UsageError

ALPACA = {"instruction": "Add.", "input": "1 2", "output": "3"}
WIZARD = {"instruction": "Say hi.", "output": "Hi."}
SHAREGPT = {"conversations": [{"from": "human", "value": "Hi"}, {"from": "gpt", "value": "Hello"}]}
MESSAGES = {"messages": [{"role": "user", "content": "Hi"}, {"role": "assistant", "content": "Hello"}]}

GOOD = '{"instruction":"a","output":"b"}'  # 32 bytes


def array(*rows: object) -> str:
    return json.dumps(rows, indent=2)


def lines(*rows: object) -> str:
    return "".join(json.dumps(row) + "\n" for row in rows)


def deep(depth: int) -> str:
    """A row nested so deep."""
    return '{"instruction": "a", "output": "b", "n": ' + "[" * (depth - 1) + "]" * (depth - 1) + "}"


def write(folder: Path, content: str | bytes, name: str = "data.txt") -> Path:
    path = folder / name
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return path


def fault(folder: Path, content: str | bytes, format: Format | None = None) -> str:
    """The one line that reading this content strictly ends in."""
    path = write(folder, content)
    with pytest.raises(DatasetError) as error:
        list(open_dataset(path, format).samples())
    message = str(error.value)
    assert message.startswith(f"{path}: ")
    assert "\n" not in message
    return message.removeprefix(f"{path}: ")


def rest(folder: Path, content: str | bytes) -> tuple[list[str], list[BadRow]]:
    """The instructions of the good rows, and the bad rows."""
    bad: list[BadRow] = []
    good = list(open_dataset(write(folder, content)).samples(bad.append))
    assert [sample.index for sample in good] == list(range(len(good)))
    return [sample.original.instruction for sample in good], bad


@pytest.mark.parametrize(
    ("content", "format"),
    [
        (array(ALPACA), Format.ALPACA),
        (array(WIZARD), Format.WIZARDLM),
        (array(WIZARD, ALPACA), Format.ALPACA),
        (lines(ALPACA), Format.ALPACA_JSONL),
        (lines(WIZARD), Format.WIZARDLM_JSONL),
        (array(SHAREGPT), Format.SHAREGPT),
        (lines(SHAREGPT), Format.SHAREGPT_JSONL),
        (array(MESSAGES), Format.MESSAGES_JSON),
        (lines(MESSAGES), Format.MESSAGES),
        ("instruction,input,output\nAdd.,1 2,3\n", Format.CSV),
        ("instruction;output\nAdd.;3\n", Format.CSV),
        ("id\tprompt\tcompletion\n1\tAdd.\t3\n", Format.CSV),
    ],
)
@pytest.mark.parametrize("before", ["", "\ufeff", "\ufeff\n \n", "\n\n"])
def test_the_format_is_told_from_the_content(
    tmp_path: Path, content: str, format: Format, before: str
) -> None:
    dataset = open_dataset(write(tmp_path, before + content))
    assert dataset.format is format
    assert next(dataset.samples()).original.response in ("3", "Hi.", "Hello")


def test_a_files_name_says_nothing(tmp_path: Path) -> None:
    assert open_dataset(write(tmp_path, lines(ALPACA), "data.csv")).format is Format.ALPACA_JSONL


def test_bad_rows_first_do_not_hide_the_format(tmp_path: Path) -> None:
    dataset = open_dataset(write(tmp_path, lines({"no": 1}, ALPACA)))
    assert dataset.format is Format.ALPACA_JSONL
    assert dataset.fields == ("instruction", "input", "output")


def test_a_given_format_is_held_to(tmp_path: Path) -> None:
    both = ALPACA | SHAREGPT
    path = write(tmp_path, array(both))
    assert open_dataset(path).format is Format.SHAREGPT
    sample = next(open_dataset(path, Format.ALPACA).samples())
    assert sample.original == Version(instruction="Add.", input="1 2", response="3")
    assert sample.row == both


@pytest.mark.parametrize(
    ("row", "version"),
    [
        ({"instruction": "a", "context": "b", "response": "c"}, ("a", "b", "c")),  # Dolly
        ({"prompt": "a", "completion": "c"}, ("a", "", "c")),  # TRL
        ({"instruction": "a", "context": ["d"], "output": "c"}, ("a", "", "c")),
        ({"instruction": "a", "input": None, "output": "c"}, ("a", "", "c")),
        ({"prompt": "p", "instruction": "a", "response": "r", "output": "c"}, ("a", "", "c")),
        ({"Instruction": "a", "Input": "b", "Output": "c"}, ("a", "b", "c")),
        ({"INSTRUCTION": "a", "RESPONSE": "c", "SOURCE": "s"}, ("a", "", "c")),
        ({"Instruction": "x", "instruction": "a", "output": "c"}, ("a", "", "c")),
        ({"question": "a", "answer": "c"}, ("a", "", "c")),
        ({"Question": "a", "Context": "b", "Answer": "c"}, ("a", "b", "c")),
        ({"system_prompt": "s", "question": "a", "response": "c"}, ("a", "", "c")),  # OpenOrca
        ({"query": "a", "response": "c", "original_question": "q"}, ("a", "", "c")),  # MetaMathQA
        ({"query": "a", "answer": "c"}, ("a", "", "c")),
        ({"prompt": "a", "answer": "c"}, ("a", "", "c")),
        ({"prompt": "a", "response": "c", "question": "q", "answer": "w"}, ("a", "", "c")),
        ({"input": "a", "output": "c"}, ("a", "", "c")),
        ({"instruction": "", "input": "a", "output": "c"}, ("a", "", "c")),
        ({"instruction": None, "input": "a", "output": "c"}, ("a", "", "c")),
        ({"prompt": " ", "context": "a", "response": "c"}, ("a", "", "c")),
    ],
)
def test_other_names_of_the_fields_are_understood(
    tmp_path: Path, row: dict[str, Any], version: tuple[str, str, str]
) -> None:
    sample = next(open_dataset(write(tmp_path, lines(row))).samples())
    assert (sample.original.instruction, sample.original.input, sample.original.response) == version
    assert sample.row == row


def test_an_answer_beside_an_instruction_and_a_question_is_not_guessed_at(tmp_path: Path) -> None:
    row = {"instruction": "Answer.", "question": "Why?", "answer": "So."}
    assert "row 1: expected the fields `instruction` and `output`, found" in fault(tmp_path, array(row))


@pytest.mark.parametrize(
    ("header", "version"),
    [
        ("Question,Answer", Version(instruction="a", response="b")),
        ("input,output", Version(instruction="a", response="b")),
        ("Instruction; Response", Version(instruction="a", response="b")),
    ],
)
def test_a_tables_columns_may_have_other_names(tmp_path: Path, header: str, version: Version) -> None:
    mark = ";" if ";" in header else ","
    sample = next(open_dataset(write(tmp_path, f"{header}\na{mark}b\n")).samples())
    assert sample.original == version


@pytest.mark.parametrize(
    ("user", "assistant"),
    [
        *[("human", name) for name in ("bing", "bard", "claude", "bot", "model", "AI", "gpt-4", "Vicuna")],
        ("user", "model"),
        ("Human", "Assistant"),
        ("USER", "GPT"),
        ("prompter", "assistant"),
        ("customer", "assistant"),
        ("USER:", "<|assistant|>"),
        ("### Human", "### Assistant"),
        ("Ann", "Bob"),
    ],
)
@pytest.mark.parametrize("exchanges", [1, 3])
def test_roles_are_known_by_the_names_that_datasets_give_them(
    tmp_path: Path, user: str, assistant: str, exchanges: int
) -> None:
    turns = [{"from": "System", "value": "s"}]
    turns += [{"from": user, "value": "a"}, {"from": assistant, "value": "b"}] * exchanges
    sample = next(open_dataset(write(tmp_path, array({"conversations": turns}))).samples())
    assert sample.original == Version(instruction="a", response="b")
    assert sample.row == {"conversations": turns}


def test_an_unknown_name_may_also_begin(tmp_path: Path) -> None:
    turns = [{"from": name, "value": name} for name in ("vicuna", "human", "vicuna")]
    sample = next(open_dataset(write(tmp_path, array({"conversations": turns}))).samples())
    assert sample.original == Version(instruction="human", response="vicuna")


@pytest.mark.parametrize("keys", [("role", "value"), ("from", "content"), ("role", "text")])
def test_a_turns_text_may_be_under_another_key(tmp_path: Path, keys: tuple[str, str]) -> None:
    role, text = keys
    turns = [{role: "user", text: "a"}, {role: "assistant", text: "b"}]
    sample = next(open_dataset(write(tmp_path, array({"messages": turns}))).samples())
    assert sample.original == Version(instruction="a", response="b")


@pytest.mark.parametrize(
    "parts",
    [
        [{"type": "text", "text": "ab"}],
        [{"type": "text", "value": "ab"}],
        [{"type": "text", "text": "ab", "value": None, "image_url": None}],
        [{"type": "input_text", "text": "a"}, {"type": "text", "text": "b"}],
    ],
)
def test_content_may_be_a_list_of_text_parts(tmp_path: Path, parts: list[dict[str, Any]]) -> None:
    turns = [{"role": "user", "content": parts}, {"role": "assistant", "content": parts}]
    sample = next(open_dataset(write(tmp_path, lines({"messages": turns}))).samples())
    assert sample.original == Version(instruction="ab", response="ab")


@pytest.mark.parametrize("role", ["system", "human", "gpt"])
def test_a_null_earlier_turn_is_carried_along(tmp_path: Path, role: str) -> None:
    earlier = [{"from": role, "value": None}, {"from": role}]
    row = {"conversations": [*earlier, *SHAREGPT["conversations"]]}
    sample = next(open_dataset(write(tmp_path, array(row))).samples())
    assert sample.original == Version(instruction="Hi", response="Hello")
    assert sample.row == row


@pytest.mark.parametrize("value", ["NaN", "Infinity", "-Infinity"])
def test_what_json_has_no_number_for_is_null(tmp_path: Path, value: str) -> None:
    row = f'{{"instruction": "a", "input": {value}, "output": "b", "scores": [{value}, 1.5]}}'
    for content in (f"[{row}, {row}]", f"{row}\n{row}\n"):
        samples = list(open_dataset(write(tmp_path, content)).samples())
        assert [sample.row["scores"] for sample in samples] == [[None, 1.5]] * 2
        assert samples[0].row["input"] is None
        assert samples[0].original == Version(instruction="a", response="b")


def test_the_last_exchange_of_several_turns_is_the_sample(tmp_path: Path) -> None:
    turns = [
        {"from": "system", "value": "Be brief."},
        {"from": "gpt", "value": "Yes?"},
        {"from": "human", "value": "One"},
        {"from": "chatgpt", "value": "1"},
        {"from": "user", "value": "Two", "weight": 1},
        {"from": "assistant", "value": "2"},
    ]
    sample = next(open_dataset(write(tmp_path, array({"id": 7, "conversations": turns}))).samples())
    assert sample.original == Version(instruction="Two", response="2")
    assert sample.row == {"id": 7, "conversations": turns}


def test_texts_are_byte_exact(tmp_path: Path) -> None:
    text = "\u0000\u001b[31m é \u2028 \ud800 \udc80 😀 \r\n \u007f"
    row = {"instruction": text, "input": " ", "output": text[::-1], "big": 10**40, "one": 1, "tenth": 0.1}
    for content in (array(row), lines(row)):
        sample = next(open_dataset(write(tmp_path, content)).samples())
        assert sample.original == Version(instruction=text, input=" ", response=text[::-1])
        assert json.dumps(sample.row) == json.dumps(row)


def test_of_equal_keys_the_last_counts(tmp_path: Path) -> None:
    path = write(tmp_path, '[{"instruction": "a", "instruction": "b", "output": "c"}]')
    assert next(open_dataset(path).samples()).original.instruction == "b"


def test_csv_keeps_quotes_newlines_nul_and_long_cells(tmp_path: Path) -> None:
    long = "x" * 1_000_000
    content = f'instruction,output\n"a ""b"",\n\n c\r\nd\0",{long}\n\n"e",f'
    first, second = open_dataset(write(tmp_path, content)).samples()
    assert first.original == Version(instruction='a "b",\n\n c\r\nd\0', response=long)
    assert second.original == Version(instruction="e", response="f")


# Faults ---------------------------------------------------------------------------------------------------


def test_a_missing_file_a_folder_and_a_locked_file_are_named(tmp_path: Path) -> None:
    for path, reason in ((tmp_path / "none.json", "No such file"), (tmp_path, "a folder; choose a dataset")):
        with pytest.raises(DatasetError, match=f"^{path}: .*{reason}"):
            open_dataset(path)
    with pytest.raises(DatasetError, match="Not a directory"):
        open_dataset(write(tmp_path, array(ALPACA)) / "x.json")


def test_a_folder_says_which_of_its_files_can_be_opened(tmp_path: Path) -> None:
    for name in ("train-00000-of-00002.parquet", "train-00001-of-00002.parquet", "dataset_dict.json"):
        write(tmp_path, b"PAR1", name)
    with pytest.raises(DatasetError) as error:
        open_dataset(tmp_path)
    assert str(error.value).endswith(
        "a folder; choose a dataset or a workspace in it, such as train-00000-of-00002.parquet; "
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


# Encodings ------------------------------------------------------------------------------------------------

FRENCH = "instruction,input,output\nÀ quoi sert un rabot ?,,À dresser une planche.\n"
CHINESE = "instruction,input,output\n刨子是做什么用的？,,刨子用来刨平木板。\n"
JAPANESE = "instruction,input,output\n鉋は何に使いますか。,,板を平らに削ります。\n"
RUSSIAN = "instruction;output\nДля чего нужен рубанок?;Чтобы строгать доски.\n"
TABLES = (FRENCH, CHINESE, JAPANESE, RUSSIAN)


def read(path: Path, encoding: str | None = None) -> tuple[str, str]:
    """The texts of a file's one sample."""
    (sample,) = open_dataset(path, encoding=encoding).samples()
    return sample.original.instruction, sample.original.response


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16", "utf-32", "utf-16-le", "utf-16-be"])
@pytest.mark.parametrize("content", TABLES)
def test_a_table_with_a_byte_order_mark_is_read(tmp_path: Path, content: str, encoding: str) -> None:
    plain, marked = write(tmp_path, content, "a.csv"), write(tmp_path, content.encode(encoding), "b.csv")
    assert read(plain) == read(marked)
    tabbed = content.replace(",", "\t").replace(";", "\t").replace("\n", "\r\n")
    big = b"\xfe\xff" + tabbed.encode("utf-16-be")
    assert read(write(tmp_path, big, "c.txt")) == read(plain), "as a spreadsheet's Unicode text"


@pytest.mark.parametrize(
    ("content", "encoding"),
    [
        (FRENCH, "cp1252"),
        (CHINESE, "gbk"),
        (RUSSIAN, "cp1251"),
    ],
)
def test_another_encoding_is_refused_with_its_likely_name_and_read_by_it(
    tmp_path: Path, content: str, encoding: str
) -> None:
    found = fault(tmp_path, content.encode(encoding))
    assert f"perhaps {encoding}: save it as UTF-8, or name its encoding" in found
    assert f"--encoding {encoding}" in found
    plain = write(tmp_path, content, "plain.csv")
    assert read(tmp_path / "data.txt", encoding) == read(plain)


@pytest.mark.parametrize("encoding", ["cp1252", "gbk", "big5", "shift_jis", "euc_kr", "utf-16-le", "utf-8"])
def test_bytes_that_are_not_the_named_encoding_cost_their_row_alone(tmp_path: Path, encoding: str) -> None:
    bad = b"\x00\xdc" if encoding == "utf-16-le" else b"\x81\x20" if encoding != "utf-8" else b"\xff"
    head, tail = "instruction,output\na,b\nc", ",d\ne,f\n"
    path = write(tmp_path, head.encode(encoding) + bad + tail.encode(encoding))
    found: list[BadRow] = []
    good = [
        sample.original.instruction for sample in open_dataset(path, None, encoding).samples(found.append)
    ]
    assert good == ["a", "e"]
    assert [row.where for row in found] == ["line 3"]
    assert f"not {encoding}" in found[0].message.lower()


@pytest.mark.parametrize("name", ["", "nothing", "hex", "rot13", "gbk\0", "\x1b[2J"])
def test_a_name_of_no_text_encoding_is_refused(tmp_path: Path, name: str) -> None:
    with pytest.raises(UsageError, match=r"^--encoding: no encoding is named") as error:
        open_dataset(write(tmp_path, FRENCH), encoding=name)
    assert str(error.value).isprintable()


@pytest.mark.parametrize(
    ("content", "encoding", "message"),
    [
        (b"PAR1", "gbk", "--encoding is for text, and this is Parquet or Arrow"),
        (FRENCH.encode("cp1252"), "utf-16", "cannot be read as utf-16: "),
    ],
)
def test_an_encoding_that_cannot_be_is_refused(
    tmp_path: Path, content: bytes, encoding: str, message: str
) -> None:
    with pytest.raises(DatasetError) as error:
        read(write(tmp_path, content), encoding)
    assert message in str(error.value)
    assert str(error.value).isprintable()


@pytest.mark.parametrize("encoding", ["cp1252", "latin-1", "utf-16", "utf-16-be", "utf-32", "utf-8-sig"])
def test_json_is_read_in_every_encoding_that_is_told_or_named(tmp_path: Path, encoding: str) -> None:
    rows = [{"instruction": "À quoi ?", "output": "À cela."}, ALPACA]
    texts = [
        json.dumps(rows, ensure_ascii=False),
        "\n".join(json.dumps(row, ensure_ascii=False) for row in rows),
    ]
    for text in texts:
        path = write(tmp_path, text.encode(encoding))
        if encoding not in ("cp1252", "latin-1"):
            assert [sample.row for sample in open_dataset(path).samples()] == rows
        assert [sample.row for sample in open_dataset(path, encoding=encoding).samples()] == rows


def test_json_in_another_encoding_says_what_to_do(tmp_path: Path) -> None:
    content = json.dumps([{"instruction": "À quoi ?", "output": "À cela."}], ensure_ascii=False)
    for text in (content, content[1:-1]):
        assert (
            "not UTF-8, perhaps cp1252: save it as UTF-8, or name its encoding, such as --encoding"
            in fault(tmp_path, text.encode("cp1252"))
        )
    path = write(tmp_path, content.encode("cp1252").replace(b"cela", b"\x81"))
    with pytest.raises(DatasetError, match="row 1: line 1: holds bytes that are not cp1252"):
        list(open_dataset(path, encoding="cp1252").samples())


@pytest.mark.parametrize(
    ("text", "encoding"),
    [
        ("今日は良い天気ですね。何をしますか。", "shift_jis"),
        ("今日は良い天気ですね。何をしますか。", "euc_jp"),
        ("오늘 날씨가 어떻습니까", "euc_kr"),
        ("今天的天氣怎麼樣，我們去哪裡玩", "big5"),
        ("今天的天气怎么样，我们去哪里玩", "gbk"),
        ("Какая сегодня погода", "cp1251"),
        ("Où êtes-vous né ?", "cp1252"),
    ],
)
def test_the_encoding_is_guessed_from_the_writing(tmp_path: Path, text: str, encoding: str) -> None:
    assert f"perhaps {encoding}:" in fault(tmp_path, f"question,answer\n{text},a\n".encode(encoding))


# Files as they are found ----------------------------------------------------------------------------------

ROWS = [ALPACA, WIZARD | {"input": "x"}]


@pytest.mark.parametrize(
    "content",
    [
        json.dumps({"data": ROWS}),
        json.dumps({"version": 1, "meta": [1, {"a": []}], "train": ROWS, "info": {"rows": []}}, indent=2),
        '{"rows": [\n' + ",\n".join(map(json.dumps, ROWS)) + "\n]}",
        json.dumps({name: [row[name] for row in ROWS] for name in ALPACA}),
        json.dumps({name: {str(n): row[name] for n, row in enumerate(ROWS)} for name in ALPACA}, indent=1),
        json.dumps({str(n): row for n, row in enumerate(ROWS)}),
        json.dumps(
            {
                "columns": list(ALPACA),
                "index": [0, 1],
                "data": [[row[name] for name in ALPACA] for row in ROWS],
            }
        ),
    ],
    ids=["data", "train", "lines", "by-column", "pandas", "by-index", "split"],
)
def test_an_object_that_holds_the_rows_is_read(tmp_path: Path, content: str) -> None:
    for text in (content, "\ufeff \n" + content + "\n"):
        dataset = open_dataset(write(tmp_path, text))
        assert dataset.format is Format.ALPACA
        assert [dict(sample.row) for sample in dataset.samples()] == [
            {name: row[name] for name in sample.row}
            for sample, row in zip(dataset.samples(), ROWS, strict=True)
        ]


@pytest.mark.parametrize(
    "content",
    [
        json.dumps(ALPACA),
        json.dumps(ALPACA, indent=2),
        "\n".join(json.dumps(ALPACA, indent=2) for _ in range(3)),
        json.dumps(ALPACA) * 2,
        ",\n".join(json.dumps(ALPACA, indent=2) for _ in range(3)),
        (json.dumps(ALPACA) + ",\n") * 3,
        json.dumps(ALPACA) + "\r\n\r\n \r\n" + json.dumps(ALPACA),
        json.dumps(ALPACA | {"examples": [WIZARD, WIZARD]}, indent=1),
        json.dumps({"examples": [WIZARD]} | ALPACA),
    ],
)
def test_objects_one_after_another_are_rows(tmp_path: Path, content: str) -> None:
    dataset = open_dataset(write(tmp_path, content))
    assert dataset.format is Format.ALPACA_JSONL
    assert {sample.original.instruction for sample in dataset.samples()} == {"Add."}


def test_a_long_file_on_one_line_is_read_row_by_row(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("engine.formats.objects._LINE", 100)
    path = write(tmp_path, json.dumps({"meta": {"a": "x" * 300}, "data": [ALPACA] * 50}))
    assert len(list(open_dataset(path).samples())) == 50


@pytest.mark.parametrize("mark", list(",;\t|"))
@pytest.mark.parametrize("head", ["", "sep={}\r\n", "\ufeff"])
def test_a_table_is_read_by_the_mark_between_its_columns(tmp_path: Path, mark: str, head: str) -> None:
    rows = [["id", "instruction", "output"], ["1", "a", f'"b{mark}\r\nc"']]
    text = head.format(mark) + "\r\n".join(mark.join(row) for row in rows) + "\r\n"
    (sample,) = open_dataset(write(tmp_path, text)).samples()
    assert sample.original == Version(instruction="a", response=f"b{mark}\r\nc")


def test_columns_that_a_spreadsheet_left_empty_are_none(tmp_path: Path) -> None:
    path = write(tmp_path, "instruction,output,,\na,b,,\nc,d\n")
    assert [sample.row for sample in open_dataset(path).samples()] == [
        {"instruction": "a", "output": "b"},
        {"instruction": "c", "output": "d"},
    ]
    assert "line 2: expected 2 cells as in the header, found 4" in fault(
        tmp_path, "instruction,output,,\na,b,,c\n"
    )


def test_a_table_with_other_names_says_which_it_has(tmp_path: Path) -> None:
    path = write(tmp_path, "Frage;Antwort\na;b\n", "a.csv")
    with pytest.raises(DatasetError, match=r'found "Frage", "Antwort"; .*--columns instruction=NAME'):
        open_dataset(path)


def test_arrow_files_and_streams_are_read(tmp_path: Path) -> None:
    table = pa.Table.from_pylist([ALPACA] * 3)
    for make in (pa.ipc.new_file, pa.ipc.new_stream):
        path = tmp_path / "data-00000-of-00001.arrow"
        with pa.OSFile(str(path), "wb") as file, make(file, table.schema) as writer:
            writer.write_table(table)
        dataset = open_dataset(path)
        assert dataset.format is Format.PARQUET
        assert [sample.row for sample in dataset.samples()] == [ALPACA] * 3
        assert dataset.types() is not None
    with pytest.raises(DatasetError, match=r"a folder; choose .* in it, such as data-00000-of-00001\.arrow"):
        open_dataset(tmp_path)


@pytest.mark.parametrize("ending", [".gz", ".xz", ".zst"])
def test_a_packed_file_is_read_as_what_it_holds(tmp_path: Path, ending: str) -> None:
    pytest.importorskip("zstandard")
    for name, content in (
        ("a.json", array(ALPACA)),
        ("a.jsonl", lines(ALPACA)),
        ("a.csv", "question;answer\nq;a"),
    ):
        path = tmp_path / (name + ending)
        with path.open("wb") as file, packing_into(path, file) as stream:
            stream.write(content.encode())
        (sample,) = open_dataset(path).samples()
        assert sample.original.instruction in ("Add.", "q")
        for cut in (8, 20, path.stat().st_size - 1):
            short = write(tmp_path, path.read_bytes()[:cut])
            with pytest.raises(DatasetError, match=f"the {ending} file is cut off or damaged"):
                list(open_dataset(short).samples())


def test_a_file_packed_in_several_parts_is_one(tmp_path: Path) -> None:
    zstandard = pytest.importorskip("zstandard")
    for pack in (gzip.compress, lzma.compress, zstandard.compress):
        path = write(tmp_path, pack(lines(ALPACA).encode()) + pack(lines(WIZARD).encode()))
        assert len(list(open_dataset(path).samples())) == 2


def test_without_its_package_a_file_of_zstandard_says_what_to_install(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = write(tmp_path, b"\x28\xb5\x2f\xfd" + bytes(20))
    monkeypatch.setitem(sys.modules, "zstandard", None)
    with pytest.raises(DatasetError, match=r"\.zst files need zstandard: pip install 'burnish\[zstd\]'"):
        open_dataset(path)


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


# Rows that cannot be refined --------------------------------------------------------------------------------


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
        assert one == other == PassedRow(place=1, why=why, row=row)
    assert len(list(open_dataset(write(tmp_path, array(row, good))).samples())) == 1


@pytest.mark.parametrize("missing", [{"completion": None}, {"completion": []}, {}])
def test_turns_to_answer_without_an_answer_pass_through(tmp_path: Path, missing: dict[str, Any]) -> None:
    asked = [{"role": "user", "content": "a"}]
    row: dict[str, Any] = {"prompt": asked} | missing
    path = write(
        tmp_path, array({"prompt": asked, "completion": [{"role": "assistant", "content": "b"}]}, row)
    )
    _, passed = open_dataset(path).contents()
    assert passed == PassedRow(place=1, why=WhyPassed.NO_ANSWER, row=row)


def test_a_table_passes_empty_answers_through(tmp_path: Path) -> None:
    path = write(tmp_path, "instruction,output\na,\nb,c\n")
    passed, _ = open_dataset(path).contents()
    assert passed == PassedRow(place=0, why=WhyPassed.NO_ANSWER, row={"instruction": "a", "output": ""})


def test_a_dataset_in_which_nothing_can_be_refined_says_what_was_found(tmp_path: Path) -> None:
    rows = [conversation(("human", "a"))] * 3 + [conversation(("human", "a"), ("tool", "x"))]
    found = fault(tmp_path, array(*rows))
    assert "no row holds a sample, of 4 read as sharegpt (conversations): row 1 and 2 more: expected" in found
    assert "row 4: turn 2: expected a system, user or assistant turn" in found


# Streaming ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("chunk", [1, 2, 3, 7])
def test_where_a_chunk_ends_changes_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, chunk: int
) -> None:
    monkeypatch.setattr("engine.formats.json._Window.CHUNK", chunk)
    rows = [ALPACA | {"x": [True, None, -1.5e-3, 123456, 'é😀\ud800\\"']}, WIZARD, ALPACA]
    content = json.dumps(rows, indent=1).replace("null", "-Infinity") + " \n"
    assert [sample.row for sample in open_dataset(write(tmp_path, content)).samples()] == rows
    numbers, bad = rest(tmp_path, '[1234567, {"instruction": "a", "output": "b"}, "é😀"]')
    assert numbers == ["a"]
    assert [row.where for row in bad] == ["row 1", "row 3"]


def test_a_row_longer_than_many_chunks_is_read(tmp_path: Path) -> None:
    row = ALPACA | {"output": "é" * 3_000_000}
    assert next(open_dataset(write(tmp_path, array(row))).samples()).row == row


@pytest.mark.parametrize(
    "content",
    [
        lambda count: array(*[ALPACA] * count),
        pytest.param(lambda count: lines(*[ALPACA] * count), marks=pytest.mark.whole),
        pytest.param(
            lambda count: "instruction,input,output\n" + "Add.,1 2,3\n" * count, marks=pytest.mark.whole
        ),
    ],
    ids=["array", "lines", "csv"],
)
def test_memory_does_not_grow_with_the_file(tmp_path: Path, content: Callable[[int], str]) -> None:
    def peak(count: int) -> int:
        dataset = open_dataset(write(tmp_path, content(count)))
        tracemalloc.start()
        try:
            assert sum(1 for _ in dataset.samples()) == count
            return tracemalloc.get_traced_memory()[1]
        finally:
            tracemalloc.stop()

    # Five times the rows; the smaller file is already longer than the window.
    assert peak(40_000) < peak(8_000) * 1.2


def test_the_source_is_only_read(tmp_path: Path) -> None:
    path = write(tmp_path, array(ALPACA, {"bad": 1}))
    path.chmod(0o444)
    before = hashlib.sha256(path.read_bytes()).digest(), path.stat().st_mtime_ns, sorted(tmp_path.iterdir())
    assert len(list(open_dataset(path).samples(lambda bad: None))) == 1
    assert before == (
        hashlib.sha256(path.read_bytes()).digest(),
        path.stat().st_mtime_ns,
        sorted(tmp_path.iterdir()),
    )


def test_the_demo_dataset_is_packaged() -> None:
    dataset = open_dataset(demo_dataset())
    assert dataset.format is Format.ALPACA
    assert sum(1 for _ in dataset.samples()) == 32
