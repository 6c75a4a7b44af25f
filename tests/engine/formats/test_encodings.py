"""Encodings: told from a mark, named, or guessed for the error's advice."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from engine.formats.names import DatasetError
from engine.formats.read import BadRow, open_dataset
from models.errors import UsageError
from tests.engine.formats.content import ALPACA, fault, write

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
