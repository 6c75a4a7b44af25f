"""The rows that nothing is trained on."""

from __future__ import annotations

import pytest

from engine.sample import Version
from engine.trial.held_out import Text, clusters, held_out, like_held_out, share_of
from models.errors import UsageError

WORDS = "amber birch cedar delta ember frost grove heron inlet jetty knoll larch marsh night otter pearl quail ridge"


def text(number: int, *, more: str = "") -> Text:
    """A text of its own, or with `more` at its end one that is like it."""
    words = WORDS.split()
    own = " ".join(words[(number * 7 + at * (number + 1)) % len(words)] + str(number) for at in range(30))
    return Version(instruction=f"Tell of {number}.", response=f"{own} {more}".strip()), ()


def test_rows_whose_texts_are_alike_stay_together() -> None:
    texts = [(row, text(row)) for row in range(6)]
    texts += [(4, text(1, more="again")), (5, text(4, more="too"))]
    assert clusters(range(6), texts) == [[0], [1, 4, 5], [2], [3]]


def test_a_cluster_is_held_out_whole_or_not_at_all() -> None:
    found = [[0], [1, 2, 3], [4], [5, 6], [7]]
    for seed in range(20):
        for wanted in range(1, 6):
            rows = held_out(found, wanted, seed)
            assert len(rows) <= wanted
            assert all(set(one) <= rows or not set(one) & rows for one in found)
    assert held_out(found, 4, 1) == held_out(found, 4, 1)


def test_what_is_like_something_held_out_is_found_though_it_is_also_like_something_else() -> None:
    held, others = [text(1)], [text(2), text(1, more="again"), text(3), text(1)]
    assert like_held_out(held, others) == {1, 3}


@pytest.mark.parametrize(("share", "count"), [("10%", 3), ("1%", 1), ("7", 7), (" 50 % ", 15)])
def test_a_share_of_the_rows(share: str, count: int) -> None:
    assert share_of(share, 30) == count


@pytest.mark.parametrize("share", ["", "0", "0%", "100%", "-3", "ten", "30", "nan%", "inf", "1.5"])
def test_one_that_leaves_nothing_or_is_none_is_refused(share: str) -> None:
    with pytest.raises(UsageError, match="--held-out"):
        share_of(share, 30)
