"""The sign of the way that a score went."""

from __future__ import annotations

from textual.content import Content

RATING = "Rating of 10"
"""A judge's rating, as the panels name it."""


def score_change(name: str, before: float | None, after: float | None, *, word: bool = False) -> Content:
    """The sign of a change, filled and green where its stage wants it; empty where a score is missing.

    name: "IFD", which the instruction stage wants larger, or "r-IFD", which the response stage wants smaller; at 1 and
    above the text does not help, so no change of them is wanted there. Or `RATING`. word: the change is said as well.
    """
    if before is None or after is None:
        return Content("")
    if after == before:
        return Content.styled(" = the same" if word else " =", "$text-muted")
    larger = after > before
    wanted = larger == (name != "r-IFD") and (name == RATING or after < 1)
    signs, style = ("▲▼", "$success") if wanted else ("△▽", "$text-muted")
    sign, said = (signs[0], "larger") if larger else (signs[1], "smaller")
    return Content.styled(f" {sign} {said}" if word else f" {sign}", style)
