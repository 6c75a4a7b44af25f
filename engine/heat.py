"""Token by token: what a context buys.

The losses behind IFD and r-IFD, laid out over the text they are of. For each token of a response the loss
without and with the instruction, and for each token of an instruction without and with the response; the
difference, in nats, is what the other half of the sample tells the student about this token.
"""

from __future__ import annotations

import codecs
from dataclasses import dataclass

from models.student import Losses
from models.utf8 import utf8


@dataclass(frozen=True, slots=True)
class Token:
    """A token of a target, with its losses in nats; None: not scored (nothing stands before it)."""

    text: str  # empty where a character goes on in the next token, which then shows it whole
    alone: float | None
    given: float | None

    @property
    def gain(self) -> float | None:
        """What the context buys: nats this token costs less with it; negative where it misleads."""
        return None if self.alone is None or self.given is None else self.alone - self.given


def tokens(target: str, alone: Losses, given: Losses) -> list[Token]:
    """The tokens of a target, as far as both passages scored it."""
    data, lengths = utf8(target), [int(length) for length in alone.lengths]
    if not alone.truncated and lengths:
        lengths[0] -= sum(lengths) - len(data)  # the space that some tokenizers put first
    count = min(len(alone.lengths), len(given.lengths))
    unscored = len(alone.lengths) - len(alone.nll)
    decode = codecs.getincrementaldecoder("utf-8")("replace").decode
    found, at = [], 0
    for number, length in enumerate(lengths[:count]):
        text = decode(data[at : at + length], number == count - 1)
        at += length
        scored = number - unscored
        losses = (float(alone.nll[scored]), float(given.nll[scored])) if scored >= 0 else (None, None)
        found.append(Token(text, *losses))
    return found
