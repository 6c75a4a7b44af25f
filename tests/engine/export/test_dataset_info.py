"""In dataset_info.json one entry changes, and every other byte stays."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from engine.export.dataset_info import DatasetInfo
from engine.formats.names import DatasetError

ENTRY = {"file_name": "mine.json", "columns": {"prompt": "instruction"}}
INDENTED = """{
  "mine": {
    "file_name": "mine.json",
    "columns": {
      "prompt": "instruction"
    }
  }
}
"""


def with_entry(path: Path, text: str | bytes | None, name: str = "mine") -> str:
    """The file's text with the entry put in."""
    if text is not None:
        path.write_bytes(text.encode() if isinstance(text, str) else text)
    return DatasetInfo.read(path).with_entry(name, ENTRY).decode("utf-8", "surrogatepass")


@pytest.fixture
def config(tmp_path: Path) -> Path:
    return tmp_path / "dataset_info.json"


def test_a_new_file_is_indented(config: Path) -> None:
    assert with_entry(config, None) == INDENTED
    assert with_entry(config, "{}\n") == INDENTED
    assert with_entry(config, "{\n}\n") == INDENTED


FILES = [
    '{"a": {"x": 1},   "z" :{"é": "\\u00e9"}}',
    '{"a":{"x":1}}\n\n',
    '{\n    "b": {"x": [1,\n 2]},\n    "a": 1.50\n}\n',
    '{\n\t"b": {\n\t\t"x": 1e3\n\t}\n}',
    '{\r\n  "b": {},\r\n  "a": null\r\n}\r\n',
    '\n {\n"a": 1\n}',
    '{"mine ": 1, "Mine": {"mine": 2}}',
]


@pytest.mark.parametrize("text", FILES)
def test_every_byte_but_the_entry_s_stays(config: Path, text: str) -> None:
    written = with_entry(config, text)
    before = json.loads(text)
    assert list(json.loads(written).items()) == [*before.items(), ("mine", ENTRY)]
    at = written.index('"mine": {', len(text.rstrip("}\r\n ")))
    assert text.startswith(written[:at].rstrip().removesuffix(","))
    assert text.endswith(written[-1:])
    again = with_entry(config, written)
    assert again == written, "it is there already"


@pytest.mark.parametrize("text", FILES)
def test_it_is_written_as_its_neighbours_are(config: Path, text: str) -> None:
    written = with_entry(config, text)
    assert ("\n" in written[written.index('"file_name"') :].rstrip()) == ("\n" in text.strip())
    assert ("\r\n" in text) == (written.count("\r\n") > text.count("\r\n"))


def test_an_entry_is_replaced_where_it_stands(config: Path) -> None:
    text = '{\n  "first": 1,\n  "mine": {"file_name": "mine.json"},\n  "last": {"mine": 2}\n}\n'
    written = with_entry(config, text)
    assert list(json.loads(written)) == ["first", "mine", "last"]
    assert written.startswith('{\n  "first": 1,\n  "mine": {\n    "file_name": "mine.json",\n')
    assert written.endswith('  },\n  "last": {"mine": 2}\n}\n')


def test_of_two_of_one_name_the_last_counts(config: Path) -> None:
    written = with_entry(config, '{"mine": 1, "mine": 2, "b": 3}')
    assert written == f'{{"mine": 1, "mine": {json.dumps(ENTRY)}, "b": 3}}'


def test_an_encoding_stays(config: Path) -> None:
    for encoding in ("utf-8-sig", "utf-16"):
        config.write_bytes('{"é": 1}'.encode(encoding))
        found = DatasetInfo.read(config).with_entry("mine", ENTRY)
        assert json.loads(found) == {"é": 1, "mine": ENTRY}
        assert found[:2] == config.read_bytes()[:2]


def test_a_name_is_written_as_json(config: Path) -> None:
    for name in ('a"b', "é\n", "\x1b[2J"):
        assert json.loads(with_entry(config, '{"a": 1}', name))[name] == ENTRY


@pytest.mark.parametrize("text", ["", "[]", "1", "{", '{"a": }', "\x00", '{"a": ' + "[" * 5000])
def test_a_file_that_cannot_take_an_entry_is_refused(config: Path, text: str) -> None:
    config.write_text(text)
    with pytest.raises(DatasetError, match=r"dataset_info\.json: .*no entry was added"):
        DatasetInfo.read(config)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)


@given(
    info=st.dictionaries(st.text(), JSON, max_size=4),
    name=st.text(),
    indent=st.sampled_from([None, 0, 1, 4, "\t"]),
    ascii=st.booleans(),
)
@settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
def test_any_file_keeps_its_entries_and_their_order(
    tmp_path_factory: pytest.TempPathFactory,
    info: dict[str, object],
    name: str,
    indent: int | str,
    ascii: bool,
) -> None:
    path = tmp_path_factory.getbasetemp() / "any_info.json"
    text = json.dumps(info, indent=indent, ensure_ascii=ascii)
    path.write_bytes(text.encode("utf-8", "surrogatepass"))
    found = json.loads(DatasetInfo.read(path).with_entry(name, ENTRY))
    assert list(found.items()) == list((info | {name: ENTRY}).items())
