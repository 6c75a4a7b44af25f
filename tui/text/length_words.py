"""The effect of length on the scores and verdicts of a run, in words, for all that show it."""

from __future__ import annotations

from collections.abc import Iterator

from engine.sample import Stage
from engine.store.length_effect import FEW, Correlation, LengthEffect
from models.system.units import counted
from tui.text.tables import Fact
from tui.text.vocabulary import MEASURES

ABOUT = (
    "Spearman's rank correlations with the response's length (growth: how much longer the rewrite is), each of so many "
    f"samples; of fewer than {FEW}, none"
)


def correlated(found: Correlation) -> str:
    """A correlation and its samples, or why there is none."""
    if found.spearman is not None:
        return f"{found.spearman:+.2f} of {found.samples:,}".replace("-", "−")
    return f"none of {found.samples:,}" if found.samples < FEW else f"no spread, {found.samples:,}"


def verdict_sentence(effect: LengthEffect) -> str:
    """The numbers of instruction-stage verdicts for the longer response, and of those that length alone decides."""
    stage = effect.stages.get(Stage.INSTRUCTION)
    if stage is None:
        return ""
    sentence = f"the longer response stays in {stage.longer:,} of {stage.compared:,}"
    if not stage.at_equal_length:
        return f"{sentence}; at equal length nothing is known"
    verdicts = counted(stage.at_equal_length, "verdict")
    return f"{sentence}; whole and equal length differ in {stage.others:,} of {verdicts}"


def length_facts(effect: LengthEffect) -> Iterator[Fact]:
    """The numbers, a line each; nothing of a run without scores."""
    for name, score in (("ifd", effect.ifd), ("r_ifd", effect.r_ifd)):
        if score.before.samples or score.after.samples:
            text = correlated(score.before)
            if effect.stages:  # else nothing was rewritten
                text = f"{text} before, {correlated(score.after)} after"
            yield f"length and {MEASURES[name].title}", text
    if effect.stages:
        parts = [f"{correlated(of.margin)} at the {stage} stage" for stage, of in effect.stages.items()]
        yield "growth and margin", ", ".join(parts)
    if sentence := verdict_sentence(effect):
        yield "instruction stage", sentence
