"""Losses over the text they are of: nothing of it is lost, and what is shown adds up to the score."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.method.token_gain import SampleHalf, Token, half, spans, table
from models.student import Losses
from models.system.utf8 import utf8

LONG = 4096


def losses(
    sizes: Sequence[int], nll: Sequence[float], *, tokens: int | None = None, room: int = LONG
) -> Losses:
    """A student's losses for a target; one loss fewer than tokens: a vocabulary without a start token."""
    count = len(sizes) if tokens is None else tokens
    return Losses(np.array(nll, np.float32), np.array(sizes, np.uint16), count, room)


def of(target: str, sizes: Sequence[int], alone: Sequence[float], given_: Sequence[float]) -> SampleHalf:
    return half(target, losses(sizes, alone), losses(sizes, given_))


def texts(found: SampleHalf) -> list[str]:
    return [token.text for token in found.tokens]


def test_each_token_has_its_text_and_both_losses_and_the_difference_is_what_the_context_buys() -> None:
    found = of("An apple.", [2, 6, 1], [3.0, 5.0, 1.0], [2.0, 0.5, 1.5])
    assert texts(found) == ["An", " apple", "."]
    assert [(token.alone, token.given, token.gain) for token in found.tokens] == [
        (3.0, 2.0, 1.0),
        (5.0, 0.5, 4.5),
        (1.0, 1.5, -0.5),
    ]
    assert [token.size for token in found.tokens] == [2, 6, 1]


def test_the_tokens_differences_add_up_to_the_score() -> None:
    found = of("An apple.", [2, 6, 1], [3.0, 5.0, 1.0], [2.0, 0.5, 1.5])
    gains = [token.gain for token in found.tokens if token.gain is not None]
    assert found.score.value == pytest.approx(math.exp(-sum(gains) / len(gains)))


def test_without_a_start_token_the_first_token_is_there_and_not_scored() -> None:
    found = of("An apple.", [2, 6, 1], [5.0, 1.0], [0.5, 1.5])
    assert found.tokens[0] == Token("An", 2, None, None)
    assert found.tokens[0].gain is None
    assert found.tokens[1].gain == 4.5


def test_a_loss_that_is_not_finite_is_none() -> None:
    found = of("ab", [1, 1], [math.inf, 1.0], [math.nan, 2.0])
    assert [token.gain for token in found.tokens] == [None, -1.0]


# Characters over several tokens


def test_a_character_is_shown_by_the_token_that_ends_it() -> None:
    found = of("a字b", [1, 1, 2, 1], [1.0, 2.0, 3.0, 4.0], [0.5, 1.0, 1.0, 4.0])
    assert texts(found) == ["a", "", "字", "b"]


def test_tokens_that_share_a_character_are_one_span_whose_losses_are_their_sums() -> None:
    found = spans(of("a字b", [1, 1, 2, 1], [1.0, 2.0, 3.0, 4.0], [0.5, 1.0, 1.0, 4.0]).tokens)
    assert [(span.first, span.count, span.text, span.size) for span in found] == [
        (0, 1, "a", 1),
        (1, 2, "字", 3),
        (3, 1, "b", 1),
    ]
    assert (found[1].alone, found[1].given, found[1].gain) == (5.0, 2.0, 3.0)


def test_a_span_with_an_unscored_token_is_not_scored() -> None:
    (span,) = spans(of("字", [1, 2], [3.0], [1.0]).tokens)
    assert (span.count, span.gain) == (2, None)


@given(st.text(max_size=40), st.lists(st.integers(1, 5), max_size=60))
def test_however_a_text_is_cut_nothing_of_it_is_lost(text: str, cuts: list[int]) -> None:
    data = utf8(text)
    sizes: list[int] = []
    for size in [*cuts, LONG]:
        left = len(data) - sum(sizes)
        if left:
            sizes.append(min(size, left))
    found = of(text, sizes, [1.0] * len(sizes), [1.0] * len(sizes))
    assert "".join(texts(found)) + found.rest == data.decode()
    assert "".join(span.text for span in spans(found.tokens)) == data.decode()
    assert all(span.text for span in spans(found.tokens))
    assert sum(span.count for span in spans(found.tokens)) == len(sizes)


def test_half_a_surrogate_pair_is_shown_as_llama_cpp_got_it() -> None:
    assert texts(of("a\ud800", [1, 3], [1.0, 1.0], [1.0, 1.0])) == ["a", "\ufffd"]


# Where the student's context ended


def test_tokens_end_where_the_shorter_passage_ends_and_the_rest_of_the_text_is_told() -> None:
    found = half(
        "one two three four",
        losses([3, 4, 6, 5], [1.0] * 4),
        losses([3, 4], [0.5] * 2, tokens=4, room=2),
    )
    assert texts(found) == ["one", " two"]
    assert found.rest == " three four"
    assert (found.total, found.score.truncated) == (4, True)


def test_with_no_room_at_all_there_is_no_token_and_the_score_says_why() -> None:
    found = half("one two", losses([3, 4], [1.0, 1.0]), losses([], [], tokens=2, room=-5))
    assert (found.tokens, found.rest) == ([], "one two")
    assert found.score.value is None
    assert "too long" in (found.score.reason or "")


def test_an_empty_text_has_no_tokens() -> None:
    found = of("", [], [], [])
    assert (found.tokens, spans(found.tokens), found.score.reason) == ([], [], "the text is empty")


# Tokenizers that put a space first


def test_the_space_that_a_tokenizer_puts_first_is_not_the_text_s() -> None:
    assert texts(of("one two", [4, 4], [1.0, 1.0], [1.0, 1.0])) == ["one", " two"]


def test_that_space_is_noticed_in_a_text_that_was_cut_too() -> None:
    words = "one two three four five six"
    for first in (3, 4):  # without it, and with it
        cut = losses([first, 4, 6], [1.0] * 3, tokens=6, room=3)
        found = half(words, cut, cut)
        assert (texts(found), found.rest) == (["one", " two", " three"], " four five six")


# The table


def test_the_table_has_a_line_a_token_and_no_text_breaks_it() -> None:
    found = of("a\t\n\x1b\\é", [1, 2, 1, 1, 2], [1.5, 2.0, 3.0, 1.0], [0.5, 2.0, 4.0, 1.0])
    lines = table(found.tokens).splitlines()
    assert lines[0].split("\t") == ["token", "text", "bytes", "without", "with", "difference"]
    assert [line.split("\t") for line in lines[1:]] == [
        ["1", "a", "1", "", "", ""],
        ["2", r"\t\n", "2", "1.500000", "0.500000", "1.000000"],
        ["3", r"\x1b", "1", "2.000000", "2.000000", "0.000000"],
        ["4", r"\\", "1", "3.000000", "4.000000", "-1.000000"],
        ["5", "é", "2", "1.000000", "1.000000", "0.000000"],
    ]
