"""The student's choice between a version and its rewrites, by named rules, with the numbers that decided."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

from engine.method.candidates import Worth
from engine.method.noise import NEAR_TIE, RESPONSE, NearTies
from engine.method.scores import TokenRatio
from engine.sample import EqualLength, Rule, Verdict

USUAL = NearTies(NEAR_TIE, None)


class ComparedLength(StrEnum):
    """The part of two versions whose scores decide between them."""

    WHOLE = "whole"  # all of either, as published
    EQUAL = "equal"  # the first tokens of either, as many as the shorter one has


@dataclass(frozen=True, slots=True)
class Selected:
    """A student's choice between the version that was there and the teacher's candidates."""

    winner: int | None  # index of the candidate that won; None: what was there stays
    contender: int  # index of the best candidate, the winner or not
    rule: Rule
    margin: float | None  # of the best candidate over what was there, in log-ratio; None: nothing to compare
    near_tie: bool
    limit: float | None = (
        None  # a smaller deciding margin is a near tie by the noise; None: by a number, or no margin
    )
    equal_length: EqualLength | None = None  # the same margin at equal length; None: likewise
    length_decides: bool = False  # one of the two margins would replace what was there, the other would not
    deciding_margin: float | None = None  # the one of the two that decided; None: likewise

    @property
    def verdict(self) -> Verdict:
        return Verdict.KEPT if self.winner is None else Verdict.REPLACED


def larger_ifd(
    before: TokenRatio,
    candidates: Sequence[TokenRatio],
    near_ties: NearTies = USUAL,
    length: ComparedLength = ComparedLength.WHOLE,
    worth: Worth | None = None,
) -> Selected:
    """The instruction stage's rule (arXiv 2402.10110, section 3.1)."""
    rule = Rule.LARGER_IFD if length is ComparedLength.WHOLE else Rule.LARGER_IFD_EQUAL
    return _select(rule, before, candidates, near_ties, length, worth, sign=1)


def smaller_r_ifd(
    before: TokenRatio,
    candidates: Sequence[TokenRatio],
    near_ties: NearTies = USUAL,
    length: ComparedLength = ComparedLength.WHOLE,
    worth: Worth | None = None,
) -> Selected:
    """The response stage's rule (arXiv 2402.10110, section 3.2).

    Both sides score the same instruction: their lengths differ only where the student's context cut it.
    """
    rule = Rule.SMALLER_R_IFD if length is ComparedLength.WHOLE else Rule.SMALLER_R_IFD_EQUAL
    return _select(rule, before, candidates, near_ties, length, worth, sign=-1)


def at_equal_length(before: TokenRatio, after: TokenRatio, sign: int) -> EqualLength | None:
    """The margin of `after` over `before`, both over the first min(n_before, n_after) of their scored tokens.

    IFD grows with the number of tokens it is the mean over, so that of two versions the longer mostly has the larger.
    `sign`: 1 where the larger score is better, -1 where the smaller is. None where either has no score.
    """
    if before.ratio.alone is None or after.ratio.alone is None:
        return None
    scored = before.ratio.alone.scored, after.ratio.alone.scored
    tokens = min(scored)
    margin = sign * after.log_ratio(tokens) - sign * before.log_ratio(tokens)
    return EqualLength(margin=margin, scored=scored)


def _select(
    rule: Rule,
    before: TokenRatio,
    candidates: Sequence[TokenRatio],
    near_ties: NearTies,
    length: ComparedLength,
    worth: Worth | None,
    sign: int,
) -> Selected:
    """The best candidate replaces what was there only if it is strictly better; the first of equals is best.

    worth: which is best, where the score that decides does not say it; those that have none come last.
    """
    known = {i: one.ratio.log_ratio for i, one in enumerate(candidates) if one.ratio.log_ratio is not None}
    if not known:
        return Selected(None, 0, Rule.UNSCORABLE, None, near_tie=False)
    # Each is held against what was there, not against the others: a short one does not shorten those.
    equal = {i: at_equal_length(before, candidates[i], sign) for i in known}

    def goodness(i: int) -> float:
        if measured:
            return measured.get(i, -math.inf)
        at = equal[i]
        return at.margin if at is not None and length is ComparedLength.EQUAL else sign * known[i]

    measured = {i: found for i in known if worth is not None and (found := worth[i]) is not None}
    contender = max(known, key=lambda i: (goodness(i), -i))
    at = equal[contender]
    if before.ratio.log_ratio is None or at is None:
        return Selected(contender, contender, Rule.UNSCORABLE, None, near_tie=False)
    margin = sign * known[contender] - sign * before.ratio.log_ratio
    whole = length is ComparedLength.WHOLE
    deciding = margin if whole else at.margin
    scored = at.scored if whole else (at.tokens, at.tokens)
    limit = near_ties.limit(*scored, share=1.0 if sign > 0 else RESPONSE)
    return Selected(
        contender if deciding > 0 else None,
        contender,
        rule,
        margin,
        near_tie=abs(deciding) < limit,
        limit=limit if near_ties.fixed is None else None,
        equal_length=at,
        length_decides=(margin > 0) != (at.margin > 0),
        deciding_margin=deciding,
    )
