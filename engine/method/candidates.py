"""The measures that the best of a stage's candidates can be told by.

Whether that one then replaces what was there is the stage's own rule in any case: a larger IFD, or a smaller r-IFD.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from enum import StrEnum

import numpy as np

from engine.method.rsr import rank_surprisal_ratio
from engine.method.scores import TokenRatio
from engine.method.selective_ifd import TOKEN_RATIO, s_ifd
from engine.sample import Stage, Version


class CandidatesBy(StrEnum):
    """A measure of candidates. All but the first choose from that end of it that an export's `--by` takes."""

    PAPER = "paper"  # the stage's own score (arXiv 2402.10110)
    IFD = "ifd"
    S_IFD = "s-ifd"
    RSR = "rsr"
    LOSS = "loss"
    MARGIN = "margin"
    LENGTH = "length"
    RANDOM = "random"


OF_RESPONSES = frozenset({CandidatesBy.IFD, CandidatesBy.S_IFD, CandidatesBy.RSR, CandidatesBy.LOSS})
"""The measures that are made of the losses of IFD: of a response, alone and after its instruction."""

Worth = Sequence[float | None]
"""The measure of each candidate, with the sign that makes a larger one better; None: the candidate has none."""


def worth_by_losses(by: CandidatesBy, ifds: Sequence[TokenRatio]) -> Worth:
    """The worth of candidates by one of `OF_RESPONSES`, from their IFDs with the token losses."""
    match by:
        case CandidatesBy.IFD:
            return [one.ratio.value if _helped(one) else None for one in ifds]
        case CandidatesBy.S_IFD:
            return _s_ifds(ifds)
        case CandidatesBy.RSR:
            return [_rsr(one) for one in ifds]
        case _:
            return [None if one.ratio.given is None else -one.ratio.given.mean for one in ifds]


def _helped(ifd: TokenRatio) -> bool:
    """At an IFD of 1 and above the instruction does not help (arXiv 2308.12032)."""
    return ifd.ratio.value is not None and ifd.ratio.value < 1


def _s_ifds(ifds: Sequence[TokenRatio]) -> Worth:
    """S-IFD over the half of all the candidates' tokens that their instructions matter most for."""
    gains = [one.alone[: one.scored] - one.given[: one.scored] for one in ifds]
    sizes = np.abs(np.concatenate(gains)) if gains else np.empty(0, np.float32)
    if not len(sizes):
        return [None] * len(ifds)
    threshold = float(np.quantile(sizes, 1 - TOKEN_RATIO, method="lower"))
    return [s_ifd(own, threshold) if _helped(one) else None for one, own in zip(ifds, gains, strict=True)]


def _rsr(ifd: TokenRatio) -> float | None:
    if ifd.ranks is None or not ifd.scored:
        return None
    found = rank_surprisal_ratio([(ifd.ranks[: ifd.scored], ifd.given[: ifd.scored])])
    return None if found is None else -found


def worth_by_length(versions: Sequence[Version]) -> Worth:
    """The longer a response, in characters, the more."""
    return [float(len(version.response)) for version in versions]


def worth_by_chance(seed: int, sample: int, stage: Stage, candidates: int) -> Worth:
    """A draw, the same for a seed, a sample and a stage."""
    places = (f"{seed} {sample} {stage} {number}".encode("ascii") for number in range(candidates))
    return [float(int.from_bytes(hashlib.sha256(place).digest()[:6])) for place in places]
