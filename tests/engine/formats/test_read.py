"""Datasets in: every format is told from its content, and its fields, roles and texts are understood."""

from __future__ import annotations

import hashlib
import json
import tracemalloc
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from engine.formats.names import Format
from engine.formats.read import demo_dataset, open_dataset
from engine.sample import Version
from tests.engine.formats.content import ALPACA, MESSAGES, SHAREGPT, WIZARD, array, fault, lines, rest, write


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
def test_memory_does_not_grow_with_the_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, content: Callable[[int], str]
) -> None:
    monkeypatch.setattr("engine.formats.json._Window.CHUNK", 1 << 16)

    def peak(count: int) -> int:
        dataset = open_dataset(write(tmp_path, content(count)))
        tracemalloc.start()
        try:
            assert sum(1 for _ in dataset.samples()) == count
            return tracemalloc.get_traced_memory()[1]
        finally:
            tracemalloc.stop()

    # Five times the rows; the smaller file is already longer than the window.
    assert peak(10_000) < peak(2_000) * 1.2


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
    samples = list(dataset.samples())
    assert len(samples) == 35
    assert [sample.index for sample in samples if sample.history] == [3, 33, 34], "`burnish demo` shows one"
