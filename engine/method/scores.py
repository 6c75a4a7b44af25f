"""IFD and r-IFD: a student's scores of one version of a sample.

    IFD(y|x)   = ppl(y|x) / ppl(y)      = exp(L(y|x) - L(y))        how little x helps to say y
    r-IFD(x|y) = ppl(x|g(y)) / ppl(x)   = exp(L(x|g(y)) - L(x))     how little y helps to guess x

In a conversation both contexts stand after its history h: L(y|h,x) and L(x|h,g(y)). What is divided by, the text
alone, stays as it is. Where the target has no room, the oldest exchanges of h are left out whole.

L(t|c) is the mean negative log-likelihood, in nats, over the scored tokens of t: every token of t where the
vocabulary has a start token (which then opens both passages), all but the first where it has none. Both
losses of a ratio are over the same tokens: where one passage was cut by the student's context, the other is
cut at the same token. (arXiv 2308.12032, section 2; arXiv 2402.10110, sections 3.1 and 3.2.)
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from engine.method.templates import Prompt, guess
from engine.sample import Loss, Ratio, Version
from models.student import Losses, Passage

MIN_TARGET = 16
"""A target that had to be cut to fewer tokens than this says too little: unscorable."""


@dataclass(frozen=True, slots=True)
class RatioPassages:
    """The two passages of one ratio: the target by itself, and after its context."""

    alone: Passage
    given: Passage


def ifd_passages(version: Version, prompt: Prompt) -> RatioPassages:
    """IFD: the response alone, and after the instruction, there with the ranks that RSR is made of."""
    return RatioPassages(
        Passage((), version.response),
        Passage(prompt(version.instruction, version.input), version.response, ranked=True),
    )


def r_ifd_passages(version: Version, prompt: Prompt) -> RatioPassages:
    """r-IFD: the instruction alone, and after a request to guess it from the response."""
    target = f"{version.instruction}\n{version.input}" if version.input else version.instruction
    return RatioPassages(Passage((), target), Passage(prompt(guess(version.response), ""), target))


Measure = Callable[[Version, Prompt], RatioPassages]
"""`ifd_passages` or `r_ifd_passages`: the passages of one score of a version."""


def distinct_passages(questions: Iterable[RatioPassages]) -> list[Passage]:
    """The passages of some questions, each once, in order: V2 on one sample is 7, not 16."""
    return list(dict.fromkeys(p for q in questions for p in (q.alone, q.given)))


@dataclass(frozen=True, slots=True)
class TokenRatio:
    """A score, with the token losses that it is made of."""

    ratio: Ratio
    alone: NDArray[np.float32]  # [scored or more] nats
    given: NDArray[np.float32]  # likewise
    ranks: NDArray[np.uint8] | None = None  # of the target after its context; None: they were not asked for

    @property
    def scored(self) -> int:
        """The tokens that the score is over; 0 where there is no score."""
        return self.ratio.given.scored if self.ratio.given is not None else 0

    def log_ratio(self, tokens: int) -> float:
        """The score's logarithm over its first `tokens` scored tokens."""
        return mean_loss(self.given, tokens) - mean_loss(self.alone, tokens)


def token_ratio(alone: Losses, given: Losses, left_out: int = 0) -> TokenRatio:
    """`ratio`, with the token losses."""
    return TokenRatio(ratio(alone, given, left_out), alone.nll, given.nll, given.ranks)


def unscored(reason: str) -> TokenRatio:
    """The score of a question that cannot be put to the student."""
    none = np.empty(0, np.float32)
    return TokenRatio(Ratio(value=None, reason=reason), none, none)


def ratio(alone: Losses, given: Losses, left_out: int = 0) -> Ratio:
    """The score of one question from its passages' token losses; `left_out` as `Ratio.left_out`."""
    scored = min(len(alone.nll), len(given.nll))
    cut = alone.truncated or given.truncated
    truncated = cut or left_out > 0
    reason = None
    if alone.missing or given.missing:
        reason = "llama.cpp fails at this text"
    elif alone.tokens == 0:
        reason = "the text is empty"
    elif cut and min(alone.room, given.room) < MIN_TARGET:
        least = min(alone.room, given.room)
        reason = (
            f"too long; raise --context by {alone.tokens - least} or more: the context leaves {max(least, 0)} tokens "
            f"of the student's window for {alone.tokens}"
        )
    elif scored == 0:
        reason = f"no token to score: {alone.tokens} in the text, and the first has nothing before it"
    elif not (np.isfinite(alone.nll[:scored]).all() and np.isfinite(given.nll[:scored]).all()):
        reason = "the student's losses are not finite"
    if reason is not None:
        return Ratio(value=None, truncated=truncated, left_out=left_out, reason=reason)
    loss_alone, loss_given = mean_loss(alone.nll, scored), mean_loss(given.nll, scored)
    log_ratio = loss_given - loss_alone
    if not abs(log_ratio) < 700:  # a ratio that no float holds
        reason = "the student's losses are too far apart"
        return Ratio(value=None, truncated=truncated, left_out=left_out, reason=reason)
    return Ratio(
        value=math.exp(log_ratio),
        log_ratio=log_ratio,
        alone=Loss(mean=loss_alone, scored=scored),
        given=Loss(mean=loss_given, scored=scored),
        truncated=truncated,
        left_out=left_out,
    )


def mean_loss(nll: NDArray[np.float32], tokens: int) -> float:
    """The mean of the first so many losses, to the last digit."""
    return math.fsum(nll[:tokens].tolist()) / tokens
