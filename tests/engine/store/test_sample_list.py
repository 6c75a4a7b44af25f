"""Samples in any order and any part of them, against a plain Python sort and filter of the same samples."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.store.file_errors import Interrupted, WorkspaceError
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
from tests.engine.store.plain_list import (
    KEYS,
    KINDS,
    PlainSample,
    arranged,
    changed_fields,
    figure,
    fill,
    holds,
    insert,
    lost_input,
    lost_reasoning,
    score_after,
    some_samples,
    state,
)

ONES = some_samples(7, 120)


@pytest.fixture(scope="module")
def stored(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Workspace, Run]]:
    path = tmp_path_factory.mktemp("listing") / "w.burnish"
    run = fill(path, ONES)
    with Workspace.open(path) as opened:
        yield opened, run


@pytest.fixture
def listing(stored: tuple[Workspace, Run]) -> Iterator[SampleList]:
    opened = SampleList(*stored)
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
    stored: tuple[Workspace, Run],
    arrangement: tuple[SampleColumn, bool, SampleFilter],
    start: int,
    count: int,
    mark: FilterTerm,
) -> None:
    by, descending, only = arrangement
    expected = arranged(ONES, by, only, descending=descending)
    listing = SampleList(*stored)
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
        flags = dict.fromkeys(("near_tie", "length_decides", "truncated", "unscorable", "failed"), False)
        assert row == SampleRow(
            index=rows.index(row),
            number=one.place[0] if one.place else -1,
            turn=one.place[1] if one.place else 1,
            ends=one.ends,
            instruction=one.text[0],
            annotation=one.annotation,
            state=SampleState(state(one)),
            instruction_verdict=figure(one, "instruction"),
            response_verdict=figure(one, "response"),
            **(flags if one.figures is None else {flag: one.figures[flag] for flag in flags}),
            input_lost=lost_input(one),
            reasoning_dropped=lost_reasoning(one),
            fields_changed=changed_fields(one),
            ifd_before=figure(one, "ifd_before"),
            ifd_after=score_after(one, "ifd"),
            r_ifd_before=figure(one, "r_ifd_before"),
            r_ifd_after=score_after(one, "r_ifd"),
            length_before=len(one.text[2]),
            length_after=KEYS[SampleColumn.LENGTH_AFTER](one),
            margin=figure(one, "instruction_margin"),
            equal_margin=figure(one, "instruction_equal_margin"),
        )


def test_a_row_carries_only_the_beginning_of_a_long_instruction(tmp_path: Path) -> None:
    path = tmp_path / "w.burnish"
    fill(path, [PlainSample(("é" * 200_000, "", ""))])
    with Workspace.open(path) as opened:
        listing = SampleList(opened, None)
        assert listing.window(0, 1)[0].instruction == "é" * SHOWN
        listing.close()


def test_another_run_s_outcomes_are_shown_from_then_on(stored: tuple[Workspace, Run]) -> None:
    listing = SampleList(stored[0], None)
    assert {row.ifd_before for row in listing.window(0, 200)} == {None}
    listing.follow(stored[1])
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
    fill(path, [PlainSample((f"sample {index}", "", "x" * 400)) for index in range(10_000)])
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
    fill(path, [PlainSample(("a", "", ""))])
    with Workspace.open(path) as opened:
        with opened.database.transaction() as db:
            db.execute("UPDATE samples SET body = '[3'")
        listing = SampleList(opened, None)
        with pytest.raises(WorkspaceError, match="damaged"):
            listing.window(0, 10)
        with pytest.raises(WorkspaceError):
            listing.arrange(SampleColumn.INSTRUCTION)
        listing.close()
