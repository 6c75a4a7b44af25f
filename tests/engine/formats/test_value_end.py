"""The end of a JSON value is where Python's decoder says, however the text comes in pieces."""

from __future__ import annotations

import json

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from engine.formats.value_end import ValueEnd

TEXTS = st.text(st.sampled_from('a\\"{}[]é😀\x00\n,') | st.characters(), max_size=8)
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | TEXTS,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(TEXTS, inner, max_size=4),
    max_leaves=12,
)


def found(text: str, size: int) -> int | None:
    """The end of the value in a text that comes in pieces of so many characters."""
    ending = ValueEnd()
    for at in range(0, len(text), size):
        if (end := ending.find(text[at : at + size])) is not None:
            return at + end
    return None


@given(
    VALUES, st.integers(1, 9), st.booleans(), st.sampled_from(["", ",", "]", "}", " ", "\n", ', {"a": 1}]'])
)
@example("\\", 2, True, ",")
@example(['\\"', "\udcff"], 1, False, "]")
@example({"\ud800": None}, 1, False, "")
def test_a_value_ends_where_the_decoder_says(value: object, size: int, ascii: bool, after: str) -> None:
    text = json.dumps(value, ensure_ascii=ascii)
    end = found(text + after, size)
    _, expected = json.JSONDecoder().raw_decode(text + after)
    bare = text[0] not in '{["'
    assert end == (None if bare and not after else expected)
    if len(text) > 1 and not bare:
        assert found(text[:-1], size) is None


@pytest.mark.parametrize("text", ["[1,", '["]', '{"a": "\\"}', "[[1], ", "12", '"\\', "[{]"])
def test_a_value_that_is_not_whole_has_no_end(text: str) -> None:
    assert found(text, 2) is None


@pytest.mark.parametrize("depth", [1, 2, 100, 101])
def test_the_brackets_that_are_open_at_once_are_counted(depth: int) -> None:
    ending = ValueEnd()
    assert ending.find("[" * depth + '"[["' + "]" * depth + "[" * 500) == 2 * depth + 4
    assert ending.deepest == depth
