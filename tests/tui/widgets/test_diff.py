"""Word by word, any two texts; line by line, any text on any width."""

from __future__ import annotations

import asyncio
import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from rich.cells import cell_len
from textual.app import App, ComposeResult
from textual.containers import VerticalScroll
from textual.strip import Strip

from engine.report.word_diff import WORDS, Span, TextDiff, compare
from tests import hostile
from tui.text.wrapping import wrap
from tui.widgets.diff import PartDiff, PartDifference
from tui.widgets.prose import MARGIN, Prose, displayed

TEXTS = st.text(st.sampled_from("ab .\n\t 你é\u0301,-👩\u200d"), max_size=40) | st.text(max_size=30)


def marked(text: str, spans: tuple[Span, ...]) -> str:
    for start, end in reversed(spans):
        text = f"{text[:start]}[{text[start:end]}]{text[end:]}"
    return text


def staying(text: str, spans: tuple[Span, ...]) -> str:
    for start, end in reversed(spans):
        text = text[:start] + text[end:]
    return text


@pytest.mark.parametrize(
    ("left", "right", "before", "after"),
    [
        ("the old cat", "the cat", "the [old ]cat", "the cat"),
        ("the cat", "the old cat", "the cat", "the [old ]cat"),
        ("Name a fruit.", "Name a red fruit, please.", "Name a fruit.", "Name a [red ]fruit[, please]."),
        ("one two", "one  two", "one[ ]two", "one[  ]two"),
        ("a b", "a", "a[ b]", "a"),
        ("你好世界", "你好大世界", "你好世界", "你好[大]世界"),
        ("", "all new", "", "[all new]"),
        # What two long changes leave between them is no more than chance.
        ("red green blue and one two", "x y z and u v", "[red green blue and one two]", "[x y z and u v]"),
    ],
)  # fmt: skip
def test_what_went_and_what_came_are_told_by_words(left: str, right: str, before: str, after: str) -> None:
    found = compare(left, right)
    assert (marked(left, found.removed), marked(right, found.added)) == (before, after)
    assert found.same is (left == right)


def test_words_are_counted_without_punctuation() -> None:
    found = compare("Eat well.", "Eat very, very well!")
    assert (found.words_removed, found.words_added) == (0, 2)


@settings(max_examples=400, deadline=None)
@given(TEXTS, TEXTS)
def test_what_is_left_of_both_sides_is_the_same_text(left: str, right: str) -> None:
    found = compare(left, right)
    assert staying(left, found.removed) == staying(right, found.added)
    assert found.same is (left == right)
    for spans, text in ((found.removed, left), (found.added, right)):
        edges = [edge for span in spans for edge in span]
        assert edges == sorted(set(edges))
        assert all(0 <= edge <= len(text) for edge in edges)
    assert compare(right, left).same is found.same


@pytest.mark.parametrize(
    "text",
    ["word " * 40_000, "x" * 200_000, "你" * 200_000, ". " * 100_000, " " * 200_000],
    ids=("words", "one word", "CJK", "marks", "white space"),
)
def test_two_hundred_thousand_characters_are_no_matter(text: str) -> None:
    began = time.process_time()
    inserted = compare(text, f"{text[:100_000]} new words {text[100_000:]}")
    other = compare(text, "quite another text, " * 10_000)
    assert time.process_time() - began < 3, "a second at most on a machine that is not busy"
    assert inserted.whole
    assert sum(end - start for start, end in inserted.added) <= 200_011
    assert other.removed or other.added


def test_where_too_much_differs_the_beginning_is_compared_and_that_is_said() -> None:
    left, right = (" ".join(f"{word}{n}" for n in range(WORDS + 500)) for word in "ab")
    found = compare(f"same {left} end", f"same {right} end")
    assert (found.whole, found.same) == (False, False)
    assert found.words_removed == WORDS
    assert found.removed[-1][1] < len(left)
    facts = PartDiff("Response", id="response")._facts(PartDifference(left, right))
    assert f"only the first {WORDS:,} differing words are compared" in facts


@settings(max_examples=400, deadline=None)
@given(TEXTS, st.integers(3, 20))
def test_lines_hold_the_whole_text_and_fit(text: str, width: int) -> None:
    text = displayed(text)
    lines, at = wrap(text, width), 0
    for line in lines:
        assert text[at : line.start].strip(" ") in ("", "\n"), (
            "only a break, or the space at one, is left out"
        )
        assert line.own == text.count("\n", 0, line.start)
        assert text[line.own_start : line.start].count("\n") == 0
        assert cell_len(text[line.start : line.end]) <= width
        at = line.end
    assert not text[at:].strip(" ")
    assert lines


@pytest.mark.parametrize(
    "text",
    [*hostile.CORPUS.values(), "e" + "\u0301" * 200_000, "👩‍👩‍👧" * 40_000, "\n" * 100_000],
    ids=(*hostile.CORPUS, "marks without end", "families", "line breaks"),
)
def test_any_text_is_wrapped_in_a_moment(text: str) -> None:
    shown = displayed(text)
    began = time.process_time()
    lines = wrap(shown, 60)
    assert time.process_time() - began < 1.5
    assert max(line.end - line.start for line in lines) <= 4 * 60 + 1, "no line is too long to be drawn"


class Reading(App[None]):
    def compose(self) -> ComposeResult:
        with VerticalScroll():
            yield Prose()


def test_only_what_is_in_sight_is_drawn_and_a_selection_is_of_the_text() -> None:
    text = "\n".join(f"line {n} of many, and some more words" for n in range(20_000))
    drawn: list[int] = []

    async def main() -> None:
        app = Reading()
        async with app.run_test(size=(30, 10)) as pilot:
            prose = app.query_one(Prose)
            line = prose.render_line

            def counting(y: int) -> Strip:
                drawn.append(y)
                return line(y)

            vars(prose)["render_line"] = counting
            prose.show(text, [(0, 4, "added"), (35, 41, "removed")])
            await pilot.pause()
            assert prose.size.height == 40_000
            assert 0 < len(set(drawn)) <= 20
            painted = hostile.painted(app)
            assert painted[0].startswith(" + line 0 of many"), "a sign in the margin, whatever the colours"
            assert painted[2].startswith(" − line 1 of many")
            await pilot.mouse_down(prose, offset=(MARGIN + 5, 0))
            await pilot.hover(prose, offset=(MARGIN + 4, 1))
            await pilot.mouse_up(prose, offset=(MARGIN + 4, 1))
            assert app.screen.get_selected_text() == text[5:30]
            prose.focus()
            await pilot.pause()
            assert hostile.painted(app)[0].startswith("▎+ line")
            prose.show(text, [(0, 4, "added"), (10, 30, "added")], found=[(2, 7), (12, 14)])
            strip = line(0)
            assert strip.text.startswith("▎+ line")
            reversed = "".join(part.text for part in strip if part.style and part.style.reverse)
            assert reversed == text[2:7] + text[12:14], "what is sought is marked over what changed"

    asyncio.run(main())


def test_the_same_text_twice_is_no_difference() -> None:
    assert PartDifference("a", "a").comparison == TextDiff()
    assert PartDifference("a", None).right is None
    marked = PartDifference("a Tree", "no\ttree", ["tree"])
    assert marked.right is not None
    assert (marked.left.found, marked.right.found) == ([(2, 6)], [(6, 10)])
    assert PartDifference("a\tb\x1b", "a\tb\x1b").left.shown == "a⇥   b␛"
