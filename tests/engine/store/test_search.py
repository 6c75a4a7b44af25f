"""A search finds every text as Python finds it, whatever characters it is of."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.store.sample_list import (
    SampleColumn,
    SampleFilter,
    SampleList,
)
from engine.store.workspace import Workspace
from tests.engine.store.plain_list import (
    LETTERS,
    PlainSample,
    arranged,
    fill,
    insert,
    lowered,
)


def find(text: str, *instructions: str) -> list[int]:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "w.burnish"
        fill(path, [PlainSample((instruction, "", "")) for instruction in instructions])
        with Workspace.open(path) as opened:
            listing = SampleList(opened, None)
            listing.arrange(only=SampleFilter(text))
            found = list(listing.samples())
            listing.close()
    return found


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("HELLO", ["hello", "Hello there", "say hELLo"]),
        ("été", ["un été", "éTé"]),
        ("É", ["École"]),
        ("Straße", ["straße 1"]),
        ("將下", ["請將下列"]),
        ('"', ['a "quote"']),
        ("'", ["it's"]),
        ("\\", ["back\\slash"]),
        ("\\n", ["a \\n written out"]),
        ("\n", ["two\nlines"]),
        ("n", ["an n"]),
        ("100%", ["100% sure"]),
        ("a_b", ["a_b"]),
        ("[INST]", ["[inst] x"]),
        ("\0", ["a\0b"]),
        ("b\0C", ["ab\0cd"]),
        ("cd", ["ab\0cd"]),
        ("\\u0000", ["a \\u0000 written out"]),
        ("u0000", ["a \\u0000 written out"]),
        ("\ud83d", ["half \ud83d"]),
        ("x\udfff", ["X\udfff"]),
        ("😀", ["a 😀"]),
        ("\x1b[2j", ["\x1b[2J"]),
        ("%_" * 3000, ["%_" * 3000]),
    ],
)
def test_a_search_finds_the_text_and_nothing_else(text: str, found: list[str]) -> None:
    others = ["something other", "", "A\tB", "aXb", "1000", "ete", "e\u0301", "\x01", "\u2028", "%_" * 2999]
    others = [other for other in others if lowered(text) not in lowered(other)]
    assert find(text, *others, *found) == list(range(len(others), len(others) + len(found)))


def test_a_search_looks_at_instruction_input_and_response_and_not_at_the_rest_of_the_row(
    tmp_path: Path,
) -> None:
    path = tmp_path / "w.burnish"
    words = ("apple", "pear", "plum")
    run = fill(path, [PlainSample(words), PlainSample(("", words[1], "")), PlainSample(("x", "y", words[2]))])
    with Workspace.open(path) as opened:
        listing = SampleList(opened, run)
        found = {}
        for word in (*words, "everything", "more", "applepear", 'apple", "pear'):
            listing.arrange(only=SampleFilter(word))
            found[word] = list(listing.samples())
        listing.close()
    nothing: dict[str, list[int]] = {"everything": [], "more": [], "applepear": [], 'apple", "pear': []}
    assert found == {"apple": [0], "pear": [0, 1], "plum": [0, 2], **nothing}


texts = st.text(LETTERS, max_size=6).map(lambda text: str(json.loads(json.dumps(text))))


@pytest.fixture(scope="module")
def blank(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Workspace]:
    """A workspace to put samples in again and again."""
    path = tmp_path_factory.mktemp("blank") / "w.burnish"
    fill(path, [])
    with Workspace.open(path) as opened:
        opened.database.execute("PRAGMA synchronous = OFF")
        yield opened


@settings(max_examples=80, deadline=None)
@given(st.lists(st.tuples(texts, texts, texts), min_size=1, max_size=25), texts)
def test_any_text_is_found_where_python_finds_it(
    blank: Workspace, rows: list[tuple[str, str, str]], text: str
) -> None:
    ones = [PlainSample(row) for row in rows]
    with blank.database.transaction():
        blank.database.execute("DELETE FROM samples")
        for sample, row in enumerate(rows):
            insert(blank, "samples", sample=sample, body=json.dumps([*row, {"more": LETTERS}]))
    listing = SampleList(blank, None)
    try:
        needles = {text, *(part[start:] for row in rows for part in row for start in (0, 2))}
        for needle in sorted(needles)[:20]:
            listing.arrange(only=SampleFilter(needle))
            expected = arranged(ones, SampleColumn.NUMBER, SampleFilter(needle), descending=False)
            assert list(listing.samples()) == expected, needle
        for by in (SampleColumn.INSTRUCTION, SampleColumn.LENGTH_BEFORE):
            listing.arrange(by)
            assert list(listing.samples()) == arranged(ones, by, SampleFilter(), descending=False)
    finally:
        listing.close()
