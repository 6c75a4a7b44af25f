"""The figures of an outcome: a row of the table `figures`, which lists and plots are made from."""

from __future__ import annotations

from typing import Any

from engine.examine.lost_input import loses_input
from engine.sample import Outcome, Verdict, Version
from engine.store.equal_lengths import growth


def figures_of(outcome: Outcome, original: Version) -> dict[str, Any]:
    """The columns of `figures` for an outcome: all that lists and plots need of it."""
    stages: dict[str, Any] = {}
    before_stage = original
    for choice in outcome.choices:
        stage, equal, rewrite = choice.stage, choice.equal_length, choice.rewrite
        stages[stage] = "failed" if choice.failure else choice.verdict
        stages[f"{stage}_margin"] = choice.margin
        stages[f"{stage}_equal_margin"] = equal and equal.margin
        stages[f"{stage}_growth"] = rewrite and growth(before_stage.response, rewrite.response)
        if rewrite is not None and choice.verdict is Verdict.REPLACED:
            before_stage = rewrite
    before, after = outcome.before, outcome.after
    ratios = [ratio for scores in (before, after) if scores for ratio in (scores.ifd, scores.r_ifd)]
    return {
        "failed": bool(outcome.failures),
        **stages,
        "near_tie": any(choice.near_tie for choice in outcome.choices),
        "length_decides": any(choice.length_decides for choice in outcome.choices),
        "input_lost": loses_input(original, outcome.final),
        "truncated": any(ratio.truncated for ratio in ratios),
        "unscorable": any(ratio.value is None for ratio in ratios),
        "ifd_before": before and before.ifd.value,
        "ifd_after": after and after.ifd.value,
        "r_ifd_before": before and before.r_ifd.value,
        "r_ifd_after": after and after.r_ifd.value,
        "length_before": len(original.response),
        "length_after": len(outcome.final.response),
    }
