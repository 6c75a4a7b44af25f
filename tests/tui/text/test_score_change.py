"""The sign of a score's change."""

from __future__ import annotations

import pytest

from tui.text.score_change import RATING, score_change


@pytest.mark.parametrize(
    ("name", "before", "after", "change", "style"),
    [
        ("IFD", 0.5, 0.9, "▲ larger", "$success"),
        ("IFD", 0.9, 1.17, "△ larger", "$text-muted"),
        ("IFD", 0.9, 0.5, "▽ smaller", "$text-muted"),
        ("r-IFD", 0.9, 0.5, "▼ smaller", "$success"),
        ("r-IFD", 1.5, 1.2, "▽ smaller", "$text-muted"),
        (RATING, 7.0, 8.0, "▲ larger", "$success"),
        (RATING, 8.0, 7.0, "▽ smaller", "$text-muted"),
    ],
)
def test_only_a_score_that_went_the_wanted_way_and_is_below_1_is_green_and_filled(
    name: str, before: float, after: float, change: str, style: str
) -> None:
    content = score_change(name, before, after, word=True)
    assert content.plain.strip() == change
    assert {str(span.style) for span in content.spans} == {style}
