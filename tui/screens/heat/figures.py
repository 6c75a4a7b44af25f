"""The heat map's figures: one token's, a text's, and how they make its score."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from rich.cells import cell_len, set_cell_size
from textual.content import Content
from textual.style import Style

from engine.method.token_gain import SampleHalf, TokenSpan
from engine.sample import Ratio
from tui.screens.heat.layout import BREAK, NOTHING, TAB
from tui.screens.heat.ramp import HeatMeasure, HeatPalette
from tui.text.literal import one_line

BOLD = Style(bold=True)
_SEEN = str.maketrans({" ": "␣", "␊": BREAK, "␉": TAB})
MOST = 5
"""Tokens that are named for gaining, or losing, most."""


@dataclass(frozen=True, slots=True)
class HalfNames:
    """What the two halves and their score are called."""

    score: str
    text: str
    other: str


RESPONSE = HalfNames("IFD", "response", "instruction")
INSTRUCTION = HalfNames("r-IFD", "instruction", "response")


def number(value: float, decimals: int = 3, *, sign: bool = False) -> str:
    """With a true minus, and none before a zero."""
    text = f"{value:{'+' if sign else ''}.{decimals}f}".replace("-", "−")
    return text.replace("−", "+" if sign else "") if not text.strip("+−0.") else text


def equation(half: SampleHalf, names: HalfNames, palette: HeatPalette) -> Content:
    """The score, from the means that stand behind it."""
    score = half.score
    if score.value is None or score.alone is None or score.given is None:
        return Content.assemble((f"no {names.score}: ", BOLD), one_line(score.reason or ""))
    return Content.assemble(
        (f"{names.score} {number(score.value)}", BOLD),
        " = exp(",
        number(score.given.mean),
        (" with", palette.faint),
        " − ",
        number(score.alone.mean),
        (" without", palette.faint),
        ")",
        (f"  {score.alone.scored:,} tokens", palette.faint),
    )


def unscored(half: SampleHalf) -> str:
    """What to say of a text that the student's context cut; empty where it did not."""
    kept = len(half.tokens)
    if kept == half.total:
        return ""
    return f"not scored from token {kept + 1:,} of {half.total:,} on: the student's context ended"


def token(span: TokenSpan, half: SampleHalf, names: HalfNames, palette: HeatPalette, width: int) -> Content:
    """Five lines on one token."""
    first, last = span.first + 1, span.first + span.count
    which = f"token {first:,}" if span.count == 1 else f"tokens {first:,}–{last:,}, one character"
    size = f"{span.size} byte{'s' * (span.size != 1)}"
    gain = span.gain
    if gain is None or span.alone is None or span.given is None:
        says = [
            Content.styled(f"The {names.text}'s first token is not scored:", palette.faint),
            Content.styled("nothing stands before it.", palette.faint),
            Content(""),
        ]
    else:
        says = [
            _loss("without", span.alone, palette),
            _loss("with", span.given, palette),
            _gain(gain, palette),
        ]
    return Content("\n").join(
        [
            Content.styled(quoted(span.text, width), BOLD),
            Content.styled(f"{which} of {half.total:,} · {size}", palette.faint),
            *says,
        ]
    )


def quoted(text: str, width: int) -> str:
    """A token's text where it can be told from other text, at most `width` cells."""
    flat = one_line(text).translate(_SEEN) or NOTHING
    if cell_len(flat) > width - 2:
        flat = set_cell_size(flat, width - 3).rstrip() + "…"
    return f"“{flat}”"


def _loss(when: str, loss: float, palette: HeatPalette) -> Content:
    percent = f"{100 * math.exp(-max(loss, 0.0)):#.3g}".rstrip(".")
    return Content.assemble(
        (f"{when:<8}", palette.faint), f"{number(loss):>8}", (" nats", palette.faint), f"{percent:>9} %"
    )


def _gain(gain: float, palette: HeatPalette) -> Content:
    level = HeatMeasure.DIFFERENCE.level(gain)
    word = "helps" if level > 0 else "misleads" if level < 0 else "neutral"
    factor = math.exp(min(abs(gain), 99))
    times = (
        f"{factor:#.3g}".rstrip(".")
        if factor < 1000
        else f"{factor:,.0f}"
        if factor < 1e6
        else f"{factor:.0e}"
    )
    return Content.assemble(
        (f"{word:<8}", (palette.bar(HeatMeasure.DIFFERENCE, gain) if level else palette.faint) + BOLD),
        (f"{number(gain, sign=True):>8}", BOLD),
        (" nats", palette.faint),
        (f"{('×' if gain >= 0 else '÷') + times:>9}", BOLD),
    )


def summary(
    spans: Sequence[TokenSpan], half: SampleHalf, names: HalfNames, palette: HeatPalette, width: int
) -> Content:
    """What the other half does to this text, all in all."""
    scored = [(gain, span) for span in spans if (gain := span.gain) is not None]
    if not scored:
        return Content("")
    scored.sort(key=lambda pair: pair[0])
    levels = [HeatMeasure.DIFFERENCE.level(gain) for gain, _ in scored]
    shares = {
        "helps": sum(level > 0 for level in levels),
        "neutral": sum(level == 0 for level in levels),
        "misleads": sum(level < 0 for level in levels),
    }
    hues = {"helps": 4.0, "neutral": None, "misleads": -4.0}
    lines = [Content.styled(f"The {names.other}", BOLD)]
    for word, count in shares.items():
        share = count / len(scored)
        fill = ("▒" if word == "misleads" else "█") * max(bool(count), round(share * (width - 16)))
        lines.append(
            Content.assemble(
                (f"{word:<8}", palette.faint),
                f"{share:>5.0%}  ",
                (fill, palette.bar(HeatMeasure.DIFFERENCE, hues[word])),
            )
        )
    lines.append(_mean(half.score, palette))
    for title, pairs in (("helps most", scored[::-1]), ("misleads most", scored)):
        sign = 1 if title.startswith("helps") else -1
        named = [(gain, span) for gain, span in pairs[:MOST] if HeatMeasure.DIFFERENCE.level(gain) * sign > 0]
        if named:
            lines += [Content(""), Content.styled(title, palette.faint)]
        for gain, span in named:
            lines.append(
                Content.assemble(
                    (f"{number(gain, 2, sign=True):>6}  ", palette.bar(HeatMeasure.DIFFERENCE, gain)),
                    quoted(span.text, width - 8),
                )
            )
    return Content("\n").join(lines)


def _mean(score: Ratio, palette: HeatPalette) -> Content:
    if score.log_ratio is None:
        return Content("")
    return Content.assemble(
        ("mean    ", palette.faint),
        number(-score.log_ratio, sign=True),
        (" nats a token", palette.faint),
    )
