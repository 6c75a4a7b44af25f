"""The gain of a context, token by token.

The losses behind IFD and r-IFD, laid out over the text they are of. For each token of a response the loss
without and with the instruction, and for each token of an instruction without and with the response; the
difference, in nats, is what the other half of the sample tells the student about this token. Its mean is the
logarithm of the score, with the sign turned around: IFD = exp(-mean difference).
"""

from __future__ import annotations

import codecs
import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import accumulate

from engine.method.scores import ratio
from engine.sample import Ratio
from models.student import Losses
from models.system.utf8 import utf8


@dataclass(frozen=True, slots=True)
class Token:
    """A token of a target, with its losses in nats; None: not scored (nothing stands before it)."""

    text: str  # empty where a character goes on in the next token, which then shows it whole
    size: int  # bytes
    alone: float | None
    given: float | None

    @property
    def gain(self) -> float | None:
        """Nats that this token costs less with its context; negative where that misleads."""
        return None if self.alone is None or self.given is None else self.alone - self.given


@dataclass(frozen=True, slots=True)
class TokenSpan(Token):
    """A token, or the tokens that share a character and are shown as one. Losses in nats, of all together."""

    first: int  # index of its first token
    count: int  # tokens


@dataclass(frozen=True, slots=True)
class SampleHalf:
    """The response or the instruction of a version, token by token, without and with the other one."""

    tokens: list[Token]  # as far as both passages hold them
    total: int  # tokens of the whole text: more than there are where the student's context ended
    rest: str  # the text after the last token
    score: Ratio  # IFD of a response, r-IFD of an instruction
    reasoned: bool = False  # of a response: its reasoning is context as well


@dataclass(frozen=True, slots=True)
class TokenGains:
    """A version token by token, with the scores that its tokens add up to."""

    response: SampleHalf
    instruction: SampleHalf  # and the input after it, where there is one


def half(
    target: str, alone: Losses, given: Losses, left_out: int = 0, *, reasoned: bool = False
) -> SampleHalf:
    """A target with what its two passages lost at each token; `left_out` as `Ratio.left_out`."""
    data = utf8(target)
    sizes = _sizes(data, alone)[: len(given.lengths)]
    unscored = len(alone.lengths) - len(alone.nll)
    known = range(min(len(alone.nll), len(given.nll)))
    decode = codecs.getincrementaldecoder("utf-8")("replace").decode
    tokens, at = [], 0
    for number, size in enumerate(sizes):
        text = decode(data[at : at + size], number == len(sizes) - 1)
        at += size
        scored = number - unscored
        losses = (_finite(alone.nll[scored]), _finite(given.nll[scored])) if scored in known else (None, None)
        tokens.append(Token(text, size, *losses))
    rest = data[at:].decode("utf-8", "replace")
    return SampleHalf(tokens, max(alone.tokens, 0), rest, ratio(alone, given, left_out), reasoned)


def spans(tokens: Sequence[Token]) -> list[TokenSpan]:
    """The tokens as they can be shown: each with some text."""
    found, first = [], 0
    for number, token in enumerate(tokens):
        if token.text or number == len(tokens) - 1:
            part = tokens[first : number + 1]
            size = sum(token.size for token in part)
            alone, given = _sum([token.alone for token in part]), _sum([token.given for token in part])
            found.append(TokenSpan(token.text, size, alone, given, first, len(part)))
            first = number + 1
    return found


def table(tokens: Sequence[Token]) -> str:
    """Tokens and losses as tab-separated values, a token a line under a line of names; text that would break the
    table or act on a terminal is escaped."""

    def lines() -> Iterator[str]:
        yield "token\ttext\tbytes\twithout\twith\tdifference"
        for number, token in enumerate(tokens, 1):
            text = "".join(c if c.isprintable() and c != "\\" else ascii(c)[1:-1] for c in token.text)
            losses = (token.alone, token.given, token.gain)
            figures = "\t".join("" if loss is None else f"{loss:.6f}" for loss in losses)
            yield f"{number}\t{text}\t{token.size}\t{figures}"

    return "\n".join(lines()) + "\n"


def _sizes(data: bytes, losses: Losses) -> list[int]:
    """Bytes of the text that each token covers. Some tokenizers put a space first, which the text has not."""
    sizes = [int(length) for length in losses.lengths]
    if not sizes or not sizes[0]:
        return sizes
    if not losses.truncated:
        added = sum(sizes) - len(data) == 1
    else:  # the sum says nothing: words begin with tokens, and tokens with characters
        starts = list(accumulate(sizes[:-1]))
        added = _plausible(data, (at - 1 for at in starts)) > _plausible(data, iter(starts))
    if added:
        sizes[0] -= 1
    return sizes


def _plausible(data: bytes, starts: Iterator[int]) -> int:
    """The spaces, less the middles of characters, that these would make tokens begin with."""
    found = [data[at] for at in starts if at < len(data)]
    return sum(byte == 0x20 for byte in found) - sum(byte & 0xC0 == 0x80 for byte in found)


def _finite(loss: float) -> float | None:
    return float(loss) if math.isfinite(loss) else None


def _sum(losses: Sequence[float | None]) -> float | None:
    known = [loss for loss in losses if loss is not None]
    return math.fsum(known) if len(known) == len(losses) else None
