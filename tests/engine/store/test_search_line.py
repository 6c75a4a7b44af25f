"""The line typed to search the samples: conditions on numbers and fields, and a text beside them."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.sample import PARTS
from engine.store.sample_list import SampleColumn, SampleFilter, SampleList
from engine.store.search_line import (
    NUMBERS,
    FieldText,
    NumberRange,
    SearchError,
    SearchTerms,
    read_search,
)
from engine.store.workspace import Workspace
from tests.engine.store.plain_list import PlainSample, arranged, fill, some_samples

ONES = some_samples(11, 120)


@pytest.mark.parametrize(
    ("line", "terms"),
    [
        ("", SearchTerms()),
        ("two words ", SearchTerms("two words ")),
        ("ifd>0.8", SearchTerms("", (NumberRange("ifd", ">", 0.8),))),
        ("R-IFD<=.5 margin>-0.01", SearchTerms(
            "", (NumberRange("r-ifd", "<=", 0.5), NumberRange("margin", ">", -0.01))
        )),
        ("margin<−1e-3", SearchTerms("", (NumberRange("margin", "<", -0.001),))),
        ("length>2000 instruction:Word the rest", SearchTerms(
            "the rest", (NumberRange("length", ">", 2000),), (FieldText("instruction", "Word"),)
        )),
        ('response:"two words"', SearchTerms("", (), (FieldText("response", "two words"),))),
        ("input:a:b", SearchTerms("", (), (FieldText("input", "a:b"),))),
        ("https://example.org", SearchTerms("https://example.org")),
        ("remark: this", SearchTerms("remark: this")),
        ("note:ines tag:#Bad-Fact the rest", SearchTerms("the rest", notes=("ines",), tags=("bad-fact",))),
        ("note: tag:", SearchTerms("", notes=("",), tags=("",))),
        ('note:"two words" ifd>1', SearchTerms("", (NumberRange("ifd", ">", 1.0),), notes=("two words",))),
        ('"note: this"', SearchTerms("note: this")),
        ("x=5 and a->b", SearchTerms("x=5 and a->b")),
        ("aifd>0.8x", SearchTerms("aifd>0.8x")),
        ('"ifd>0.8"', SearchTerms("ifd>0.8")),
        ('"quoted"', SearchTerms('"quoted"')),
    ],
)  # fmt: skip
def test_a_line_is_read(line: str, terms: SearchTerms) -> None:
    assert read_search(line) == terms


@pytest.mark.parametrize(
    ("line", "why"),
    [
        ("ifd>", "ifd> needs a number, as in ifd>0.8"),
        ("length>many", "length> needs a number"),
        ("margin<nan", "margin< needs a number"),
        ("lenght>20", "lenght is no number of a sample: ifd, ifd-before, r-ifd"),
        ("i<10", "in quotes it is a text"),
        ("instruction:", "instruction: what is looked for stands right after it, as in ifd>0.8"),
        ('response:""', "response: what is looked for"),
        ("tag:a:b", "a:b: a tag is of letters and digits"),
    ],
)
def test_what_is_not_understood_is_one_line_with_an_example(line: str, why: str) -> None:
    with pytest.raises(SearchError) as raised:
        read_search(line)
    assert why in str(raised.value)
    assert "\n" not in str(raised.value)


@pytest.mark.parametrize("sign", ["<", "<=", "=", ">=", ">"])
@pytest.mark.parametrize("name", NUMBERS)
def test_a_range_lets_the_samples_through_that_a_plain_list_does(
    tmp_path: Path, name: str, sign: str
) -> None:
    path = tmp_path / "w.burnish"
    run = fill(path, ONES)
    with Workspace.open(path) as opened:
        listing = SampleList(opened, run)
        for limit in (0.5, 1, 2):
            only = SampleFilter(ranges=(NumberRange(name, sign, limit),))
            listing.arrange(only=only)
            assert list(listing.samples()) == arranged(ONES, SampleColumn.NUMBER, only, descending=False)
        listing.close()


@pytest.mark.parametrize("field", PARTS)
def test_a_word_is_looked_for_in_its_field_alone(tmp_path: Path, field: str) -> None:
    path = tmp_path / "w.burnish"
    fill(
        path,
        [PlainSample(("Pear\0", "", "")), PlainSample(("", "a PEAR\0", "")), PlainSample(("", "", "pear\0"))],
    )
    with Workspace.open(path) as opened:
        listing = SampleList(opened, None)
        listing.arrange(only=SampleFilter(fields=(FieldText(field, "pear\0"),)))
        assert list(listing.samples()) == [PARTS.index(field)]
        listing.arrange(only=SampleFilter("e", fields=(FieldText(field, "pear"), FieldText(field, "p"))))
        assert list(listing.samples()) == [PARTS.index(field)]
        listing.arrange(only=SampleFilter("zzz", fields=(FieldText(field, "pear"),)))
        assert list(listing.samples()) == []
        listing.close()


NOTES = st.builds(
    SampleFilter,
    text=st.sampled_from(["", "a"]),
    notes=st.lists(st.sampled_from(["", "a", "É", "\0", "\ud800", "%", '"', "tags"]), max_size=2).map(tuple),
    tags=st.lists(st.sampled_from(["", "bad", "été", "none-has-it"]), max_size=2).map(tuple),
)


@settings(max_examples=60, deadline=None)
@given(NOTES)
def test_notes_and_tags_are_found_where_python_finds_them(noted: SampleList, only: SampleFilter) -> None:
    noted.arrange(only=only)
    assert list(noted.samples()) == arranged(ONES, SampleColumn.NUMBER, only, descending=False)


@pytest.fixture(scope="module")
def noted(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SampleList]:
    path = tmp_path_factory.mktemp("noted") / "w.burnish"
    run = fill(path, ONES)
    with Workspace.open(path) as opened:
        listing = SampleList(opened, run)
        yield listing
        listing.close()
