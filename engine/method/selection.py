"""The student's choice between a version and its rewrites, by named rules, with the numbers that decided."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from engine.sample import Ratio, Rule, Verdict

NEAR_TIE = 0.01
"""A smaller margin, in log-ratio, may come from rounding in another batch shape: shown to a person."""


@dataclass(frozen=True, slots=True)
class Selected:
    """A student's choice between the version that was there and the teacher's candidates."""

    winner: int | None  # index of the candidate that won; None: what was there stays
    contender: int  # index of the best candidate, the winner or not
    rule: Rule
    margin: float | None  # of the best candidate over what was there, in log-ratio; None: nothing to compare
    near_tie: bool

    @property
    def verdict(self) -> Verdict:
        return Verdict.KEPT if self.winner is None else Verdict.REPLACED


def larger_ifd(before: Ratio, candidates: Sequence[Ratio], near_tie: float = NEAR_TIE) -> Selected:
    """The instruction stage's rule (arXiv 2402.10110, section 3.1)."""
    return _select(Rule.LARGER_IFD, before, candidates, near_tie, sign=1)


def smaller_r_ifd(before: Ratio, candidates: Sequence[Ratio], near_tie: float = NEAR_TIE) -> Selected:
    """The response stage's rule (arXiv 2402.10110, section 3.2)."""
    return _select(Rule.SMALLER_R_IFD, before, candidates, near_tie, sign=-1)


def _select(rule: Rule, before: Ratio, candidates: Sequence[Ratio], near_tie: float, sign: int) -> Selected:
    """The best candidate replaces what was there only if it is strictly better; the first of equals is best."""
    scored = [(sign * r.log_ratio, -i) for i, r in enumerate(candidates) if r.log_ratio is not None]
    if not scored:
        return Selected(None, 0, Rule.UNSCORABLE, None, near_tie=False)
    best, minus_index = max(scored)
    contender = -minus_index
    if before.log_ratio is None:
        return Selected(contender, contender, Rule.UNSCORABLE, None, near_tie=False)
    margin = best - sign * before.log_ratio
    return Selected(
        contender if margin > 0 else None, contender, rule, margin, near_tie=abs(margin) < near_tie
    )
