"""The panel that tells in a few lines how far scores and verdicts go with the responses' lengths."""

from __future__ import annotations

from textual.content import Content
from textual.widgets import Static

from engine.sample import Stage
from engine.store.length_effect import LengthEffect
from tui.text.length_words import correlated, verdict_sentence
from tui.text.vocabulary import MEASURES, SCORES

NAME, CELL = 10, 22
"""Cells of the columns."""


class LengthPanel(Static):
    DEFAULT_CSS = """
    LengthPanel { height: auto; }
    """

    def show(self, effect: LengthEffect) -> None:
        """`effect`: of the run that is shown. Of one without scores nothing is told."""
        self.update(Content("\n").join(_lines(effect)))

    def forget(self) -> None:
        self.update("")


def _lines(effect: LengthEffect) -> list[Content]:
    title = Content.assemble(
        ("Length", "bold"), ("  rank correlations with it, of how many samples", "$text-muted")
    )
    lines = []
    for name, score in (("ifd", effect.ifd), ("r_ifd", effect.r_ifd)):
        sides = {"before": score.before, "after": score.after} if effect.stages else {"": score.before}
        lines.append(_line(MEASURES[name].title, {when: correlated(found) for when, found in sides.items()}))
    if effect.stages:
        margins = {SCORES[stage]: correlated(of.margin) for stage, of in effect.stages.items()}
        lines.append(_line("margins", margins))
    if Stage.INSTRUCTION in effect.stages:
        lines.append(Content.styled(f"{verdict_sentence(effect).capitalize()}.", "$text-muted"))
    return [title, *lines]


def _line(name: str, figures: dict[str, str]) -> Content:
    parts: list[tuple[str, str]] = [(name.ljust(NAME), "")]
    for about, text in figures.items():
        label = about.ljust(7) if about else ""
        parts += [(label, "$text-muted"), (f"{text:<{CELL - len(label)}} ", "")]
    return Content.assemble(*parts).rstrip()
