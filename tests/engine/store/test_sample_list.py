"""Samples in any order and any part of them, against a plain Python sort and filter of the same samples."""

from __future__ import annotations

import json
import random
import tempfile
import threading
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.examine.flags import Flag
from engine.sample import Sample, Version
from engine.store.database import Interrupted, WorkspaceError
from engine.store.sample_list import (
    SHOWN,
    FilterTerm,
    SampleColumn,
    SampleFilter,
    SampleList,
    SampleRow,
    SampleState,
)
from engine.store.workspace import Run, Workspace
from tests.factory import RECORD, SOURCE, recipe

LETTERS = "aAbBzZ éÉßİıк將\0\ud800\udfff\U0001f600\"'\\/%_*?[]\n\t\x7f\u2028un0fd1{}:,."
"""Of which words are made that SQL, JSON, patterns or UTF-8 might stumble over."""

Fact = Any


@dataclass(frozen=True)
class One:
    """A sample, and what lists know of it."""

    text: tuple[str, str, str]
    figures: dict[str, Fact] | None = None
    standing: dict[str, Fact] | None = None  # decision, ifd, r_ifd, length
    flags: frozenset[Flag] = frozenset()


def lowered(text: str) -> bytes:
    """ASCII letters in lower case. Bytes in UTF-8 compare as the characters do."""
    return text.encode("utf-8", "surrogatepass").lower()


def state(one: One) -> str:
    if one.standing:
        return str(one.standing["decision"])
    return "waiting" if one.figures is None else "failed" if one.figures["failed"] else "done"


def figure(one: One, name: str) -> Fact:
    return None if one.figures is None else one.figures[name]


def score_after(one: One, name: str) -> Fact:
    match one.standing and one.standing["decision"]:
        case "original":
            return figure(one, f"{name}_before")
        case "chosen" | "edited":
            return one.standing and one.standing[name]
    return figure(one, f"{name}_after")


def verdict(one: One) -> Fact:
    both = figure(one, "instruction"), figure(one, "response")
    return None if None in both else 2 * (both[0] == "replaced") + (both[1] == "replaced")


KEYS: dict[SampleColumn, Callable[[One], Fact]] = {
    SampleColumn.STATE: state,
    SampleColumn.INSTRUCTION: lambda one: lowered(one.text[0][:80]).replace(b"\0", b"\1"),
    SampleColumn.IFD_BEFORE: lambda one: figure(one, "ifd_before"),
    SampleColumn.IFD_AFTER: lambda one: score_after(one, "ifd"),
    SampleColumn.R_IFD_BEFORE: lambda one: figure(one, "r_ifd_before"),
    SampleColumn.R_IFD_AFTER: lambda one: score_after(one, "r_ifd"),
    SampleColumn.LENGTH_BEFORE: lambda one: len(one.text[2]),
    SampleColumn.LENGTH_AFTER: lambda one: (
        one.standing["length"] if one.standing else figure(one, "length_after")
    ),
    SampleColumn.VERDICT: verdict,
}

KINDS: tuple[dict[FilterTerm, Callable[[One], Fact]], ...] = (
    {FilterTerm(name): lambda one, name=name: state(one) == name for name in SampleState},  # type: ignore[misc]
    {
        FilterTerm.INSTRUCTION_REPLACED: lambda one: figure(one, "instruction") == "replaced",
        FilterTerm.RESPONSE_REPLACED: lambda one: figure(one, "response") == "replaced",
        FilterTerm.ALL_KEPT: lambda one: (
            (figure(one, "instruction"), figure(one, "response")) == ("kept", "kept")
        ),
    },
    {
        FilterTerm.NEAR_TIE: lambda one: figure(one, "near_tie"),
        FilterTerm.TRUNCATED: lambda one: figure(one, "truncated"),
        FilterTerm.UNSCORABLE: lambda one: figure(one, "unscorable"),
    },
    {FilterTerm.UNREVIEWED: lambda one: one.figures is not None and one.standing is None},
    {FilterTerm(flag): lambda one, flag=flag: flag in one.flags for flag in Flag},  # type: ignore[misc]
)


def holds(one: One, mark: FilterTerm) -> bool:
    (test,) = (kind[mark] for kind in KINDS if mark in kind)
    return bool(test(one))


def let_through(one: One, only: SampleFilter) -> bool:
    if only.text and not any(lowered(only.text) in lowered(text) for text in one.text):
        return False
    asked = [[mark for mark in kind if mark in only.marks] for kind in KINDS]
    return all(any(holds(one, mark) for mark in kind) for kind in asked if kind)


def arranged(ones: Sequence[One], by: SampleColumn, only: SampleFilter, *, descending: bool) -> list[int]:
    """What the listing must come to."""
    left = [index for index, one in enumerate(ones) if let_through(one, only)]
    if by is SampleColumn.NUMBER:
        return left[::-1] if descending else left
    keys = {index: KEYS[by](ones[index]) for index in left}
    known = sorted(
        (i for i in left if keys[i] is not None), key=lambda index: keys[index], reverse=descending
    )
    return known + [index for index in left if keys[index] is None]


def fill(path: Path, ones: Sequence[One]) -> Run:
    """A workspace of these samples, closed."""
    samples = (
        Sample(
            index=index,
            original=Version(instruction=x, input=u, response=y),
            row={"instruction": "in the row: everything", "more": LETTERS},
        )
        for index, (x, u, y) in enumerate(one.text for one in ones)
    )
    with Workspace.create(path, SOURCE, samples) as opened:
        run = opened.run(recipe(method="selective"), RECORD)
        with opened.database.transaction():
            for sample, one in enumerate(ones):
                if one.figures is not None:
                    insert(opened, "figures", run=run.id, sample=sample, **one.figures)
                if one.standing is not None:
                    insert(opened, "standing", sample=sample, body="null", **one.standing)
                for flag in one.flags:
                    insert(opened, "findings", flag=flag, sample=sample, details="[]")
    return run


def insert(opened: Workspace, table: str, **values: Fact) -> None:
    marks = ", ".join("?" * len(values))
    opened.database.execute(f"INSERT INTO {table} ({', '.join(values)}) VALUES ({marks})", *values.values())


def some_text(chance: random.Random) -> str:
    text = "".join(chance.choices(LETTERS, k=chance.choice((0, 1, 3, 10, 120))))
    return str(json.loads(json.dumps(text)))  # a high surrogate before a low one is a character


def some_samples(seed: int, count: int) -> list[One]:
    chance = random.Random(seed)

    def number() -> float | None:
        return chance.choice((None, 0.5, 0.75, chance.random(), 3.0))

    def one() -> One:
        text = (some_text(chance), some_text(chance), some_text(chance))
        figures = standing = None
        if chance.random() < 0.8:
            figures = {
                "failed": chance.random() < 0.2,
                "instruction": chance.choice((None, "kept", "replaced", "failed")),
                "response": chance.choice(("kept", "replaced", "failed")),
                **{flag: chance.random() < 0.3 for flag in ("near_tie", "truncated", "unscorable")},
                **{f"{name}_{when}": number() for name in ("ifd", "r_ifd") for when in ("before", "after")},
                "length_before": len(text[2]),
                "length_after": chance.randrange(5),
            }
        if chance.random() < 0.4:
            standing = {
                "decision": chance.choice(("accepted", "original", "chosen", "edited")),
                "ifd": number(),
                "r_ifd": number(),
                "length": chance.randrange(5),
            }
        return One(text, figures, standing, frozenset(flag for flag in Flag if chance.random() < 0.1))

    return [one() for _ in range(count)]


ONES = some_samples(7, 120)


@pytest.fixture(scope="module")
def here(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Workspace, Run]]:
    path = tmp_path_factory.mktemp("listing") / "w.burnish"
    run = fill(path, ONES)
    with Workspace.open(path) as opened:
        yield opened, run


@pytest.fixture
def listing(here: tuple[Workspace, Run]) -> Iterator[SampleList]:
    opened = SampleList(*here)
    yield opened
    opened.close()


def positions(listing: SampleList) -> list[int]:
    """The samples as they stand, by every way there is to ask."""
    rows = listing.window(0, len(listing) + 5)
    samples = [row.index for row in rows]
    assert samples == list(listing.samples())
    assert samples == [listing.sample_at(position) for position in range(len(listing))]
    assert [listing.position_of(sample) for sample in samples] == list(range(len(listing)))
    return samples


@pytest.mark.parametrize("descending", [False, True])
@pytest.mark.parametrize("by", SampleColumn)
def test_every_order_is_python_s_own_with_the_unknown_last(
    listing: SampleList, by: SampleColumn, descending: bool
) -> None:
    assert listing.arrange(by, descending=descending) == len(ONES)
    assert positions(listing) == arranged(ONES, by, SampleFilter(), descending=descending)


@pytest.mark.parametrize("mark", FilterTerm)
def test_every_mark_lets_through_what_has_it(listing: SampleList, mark: FilterTerm) -> None:
    only = SampleFilter(marks=frozenset({mark}))
    expected = arranged(ONES, SampleColumn.NUMBER, only, descending=False)
    assert expected, "the samples here have all marks"
    assert listing.arrange(only=only) == len(expected)
    assert positions(listing) == expected


def test_of_one_kind_any_mark_will_do_and_every_kind_must_be_met(listing: SampleList) -> None:
    def samples(*marks: FilterTerm) -> set[int]:
        listing.arrange(only=SampleFilter(marks=frozenset(marks)))
        return set(listing.samples())

    failed, done, near, cut = map(
        samples, (FilterTerm.FAILED, FilterTerm.DONE, FilterTerm.NEAR_TIE, FilterTerm.TRUNCATED)
    )
    assert samples(FilterTerm.FAILED, FilterTerm.DONE) == failed | done
    assert samples(FilterTerm.FAILED, FilterTerm.NEAR_TIE) == failed & near
    assert samples(FilterTerm.FAILED, FilterTerm.DONE, FilterTerm.NEAR_TIE, FilterTerm.TRUNCATED) == (
        failed | done
    ) & (near | cut)


def test_every_mark_is_a_filter_s_and_of_one_kind() -> None:
    assert sorted(mark for kind in KINDS for mark in kind) == sorted(FilterTerm)


arrangements = st.tuples(
    st.sampled_from(SampleColumn),
    st.booleans(),
    st.builds(
        SampleFilter,
        text=st.sampled_from(["", "", "a", "É", "%", "_", "\\", '"', "\0", "\ud800", "\n", "é"]),
        marks=st.frozensets(st.sampled_from(FilterTerm), max_size=4),
    ),
)


@settings(max_examples=150, deadline=None)
@given(arrangements, st.integers(-3, 130), st.integers(0, 130), st.sampled_from(FilterTerm))
def test_any_arrangement_is_python_s_own_and_can_be_walked(
    here: tuple[Workspace, Run],
    arrangement: tuple[SampleColumn, bool, SampleFilter],
    start: int,
    count: int,
    mark: FilterTerm,
) -> None:
    by, descending, only = arrangement
    expected = arranged(ONES, by, only, descending=descending)
    listing = SampleList(*here)
    try:
        assert listing.arrange(by, descending=descending, only=only) == len(expected) == len(listing)
        assert positions(listing) == expected
        start_there = max(start, 0)
        window = [row.index for row in listing.window(start, count)]
        assert window == expected[start_there : start_there + count]
        left_out = set(range(len(ONES))) - set(expected)
        assert all(listing.position_of(sample) is None for sample in [*left_out, -1, len(ONES)])
        if 0 <= start < len(expected):
            assert list(listing.samples(start, start + count)) == expected[start : start + count]
            having = [position for position, sample in enumerate(expected) if holds(ONES[sample], mark)]
            after = [position for position in having if position > start]
            before = [position for position in having if position < start]
            assert listing.next(start, mark) == next(iter(after or having), None)
            assert listing.next(start, mark, step=-1) == next(iter((before or having)[::-1]), None)
    finally:
        listing.close()


def test_beyond_the_ends_there_is_nothing(listing: SampleList) -> None:
    for by, only in ((SampleColumn.NUMBER, SampleFilter()), (SampleColumn.STATE, SampleFilter(text="a"))):
        listing.arrange(by, only=only)
        for position in (-1, len(listing)):
            with pytest.raises(IndexError):
                listing.sample_at(position)
        assert listing.window(len(listing), 10) == []
        assert listing.window(0, 0) == []


def test_a_row_carries_what_stands_now(listing: SampleList) -> None:
    rows = listing.window(0, len(ONES))
    for row, one in zip(rows, ONES, strict=True):
        flags = dict.fromkeys(("near_tie", "truncated", "unscorable", "failed"), False)
        assert row == SampleRow(
            index=rows.index(row),
            instruction=one.text[0],
            state=SampleState(state(one)),
            instruction_verdict=figure(one, "instruction"),
            response_verdict=figure(one, "response"),
            **(flags if one.figures is None else {flag: one.figures[flag] for flag in flags}),
            ifd_before=figure(one, "ifd_before"),
            ifd_after=score_after(one, "ifd"),
            r_ifd_before=figure(one, "r_ifd_before"),
            r_ifd_after=score_after(one, "r_ifd"),
            length_before=len(one.text[2]),
            length_after=KEYS[SampleColumn.LENGTH_AFTER](one),
        )


def test_a_row_carries_only_the_beginning_of_a_long_instruction(tmp_path: Path) -> None:
    path = tmp_path / "w.burnish"
    fill(path, [One(("é" * 200_000, "", ""))])
    with Workspace.open(path) as opened:
        listing = SampleList(opened, None)
        assert listing.window(0, 1)[0].instruction == "é" * SHOWN
        listing.close()


def find(text: str, *instructions: str) -> list[int]:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "w.burnish"
        fill(path, [One((instruction, "", "")) for instruction in instructions])
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
    run = fill(path, [One(words), One(("", words[1], "")), One(("x", "y", words[2]))])
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
    ones = [One(row) for row in rows]
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


def test_another_run_s_outcomes_are_shown_from_then_on(here: tuple[Workspace, Run]) -> None:
    listing = SampleList(here[0], None)
    assert {row.ifd_before for row in listing.window(0, 200)} == {None}
    listing.follow(here[1])
    assert {row.ifd_before for row in listing.window(0, 200)} != {None}
    listing.close()


def test_decisions_are_seen_at_once_and_the_order_waits_for_the_next_arrangement(tmp_path: Path) -> None:
    path = tmp_path / "w.burnish"
    ones = [replace(one, standing=None) for one in ONES if one.figures]
    run = fill(path, ones)
    with Workspace.open(path) as opened:
        listing = SampleList(opened, run)
        only = SampleFilter(marks=frozenset({FilterTerm.UNREVIEWED}))
        assert listing.arrange(only=only) == len(ones)
        with opened.database.transaction():
            insert(opened, "standing", sample=3, decision="original", length=1, body="null")
        assert listing.window(3, 1)[0].state is SampleState.ORIGINAL
        assert listing.next(2, FilterTerm.UNREVIEWED) == 4
        assert listing.arrange(only=only) == len(ones) - 1
        assert listing.position_of(3) is None
        listing.close()


def test_an_interrupted_arrangement_leaves_the_one_before_it_as_it_was(tmp_path: Path) -> None:
    path = tmp_path / "w.burnish"
    fill(path, [One((f"sample {index}", "", "x" * 400)) for index in range(10_000)])
    with Workspace.open(path) as opened:
        listing = SampleList(opened, None)
        try:
            for by, descending, only in (
                (SampleColumn.NUMBER, True, SampleFilter()),
                (SampleColumn.INSTRUCTION, False, SampleFilter("9")),
                (SampleColumn.NUMBER, True, SampleFilter("8")),
            ):
                listing.arrange(by, descending=descending, only=only)
                before = list(listing.samples())
                interrupted(listing)
                assert list(listing.samples()) == before
                assert listing.position_of(before[-1]) == len(listing) - 1
        finally:
            listing.close()


def interrupted(listing: SampleList) -> None:
    """Arrange, while another thread interrupts again and again, at whatever it may be."""
    given_up = threading.Event()

    def interrupt() -> None:
        while not given_up.wait(0.001):
            listing.interrupt()

    thread = threading.Thread(target=interrupt)
    thread.start()
    try:
        with pytest.raises(Interrupted):
            listing.arrange(SampleColumn.INSTRUCTION, descending=True, only=SampleFilter("sample"))
    finally:
        given_up.set()
        thread.join()


def test_a_damaged_sample_is_one_line(tmp_path: Path) -> None:
    path = tmp_path / "w.burnish"
    fill(path, [One(("a", "", ""))])
    with Workspace.open(path) as opened:
        opened.database.execute("UPDATE samples SET body = '[3'")
        listing = SampleList(opened, None)
        with pytest.raises(WorkspaceError, match="damaged"):
            listing.window(0, 10)
        with pytest.raises(WorkspaceError):
            listing.arrange(SampleColumn.INSTRUCTION)
        listing.close()
