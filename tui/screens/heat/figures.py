"""The heat map's figures: one token's, a text's, and how they make its score."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from rich.cells import cell_len, set_cell_size
from textual.content import Content
from textual.style import Style

from engine.method.token_gain import SampleHalf, TokenSpan
from models.system.units import counted
from tui.screens.heat.layout import BREAK, NOTHING, TAB
from tui.screens.heat.ramp import WIDTH, HeatMeasure, HeatPalette
from tui.text.literal import one_line

BOLD = Style(bold=True)
_SEEN = str.maketrans({" ": "␣", "␊": BREAK, "␉": TAB})
MOST = 5
"""Tokens that are named for gaining, or losing, most."""


@dataclass(frozen=True, slots=True)
class HalfNames:
    """The names of a half, of the other half, and of the score that both make."""

    score: str
    text: str
    other: str


RESPONSE = HalfNames("IFD", "response", "instruction")
INSTRUCTION = HalfNames("r-IFD", "instruction", "response")


@dataclass(frozen=True, slots=True)
class HeatText:
    """One half of a sample, as the student scored it and as the map shows it."""

    names: HalfNames
    half: SampleHalf
    spans: Sequence[TokenSpan]  # the half's tokens


def number(value: float, decimals: int = 3, *, sign: bool = False) -> str:
    """With a true minus, and none before a zero."""
    text = f"{value:{'+' if sign else ''}.{decimals}f}".replace("-", "−")
    return text.replace("−", "+" if sign else "") if not text.strip("+−0.") else text


def equation(text: HeatText, palette: HeatPalette) -> Content:
    """The score, from the means that stand behind it; or why there is none."""
    score, names = text.half.score, text.names
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
        (f"  {counted(score.alone.scored, 'token')}", palette.faint),
    )


def unscored(half: SampleHalf) -> str:
    """From where on the student's context cut the text; empty where it did not."""
    kept = len(half.tokens)
    if kept == half.total:
        return ""
    return f"not scored from token {kept + 1:,} of {half.total:,} on: the student's context ended"


def token(span: TokenSpan, text: HeatText, palette: HeatPalette) -> Content:
    """Five lines on one token."""
    first, last = span.first + 1, span.first + span.count
    which = f"token {first:,}" if span.count == 1 else f"tokens {first:,}–{last:,}, one character"
    size = f"{span.size} byte{'s' * (span.size != 1)}"
    if span.gain is None or span.alone is None or span.given is None:
        losses = [
            Content.styled(f"The {text.names.text}'s first token is not scored:", palette.faint),
            Content.styled("nothing stands before it.", palette.faint),
            Content(""),
        ]
    else:
        losses = [
            _loss("without", span.alone, palette),
            _loss("with", span.given, palette),
            _gain(span.gain, palette),
        ]
    return Content("\n").join(
        [
            Content.styled(quoted(span.text, WIDTH), BOLD),
            Content.styled(f"{which} of {text.half.total:,} · {size}", palette.faint),
            *losses,
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
    sign = (level > 0) - (level < 0)
    word = ("neutral", "helps", "misleads")[sign]
    factor = math.exp(min(abs(gain), 99))
    if factor < 1000:
        times = f"{factor:#.3g}".rstrip(".")
    else:
        times = f"{factor:,.0f}" if factor < 1e6 else f"{factor:.0e}"
    return Content.assemble(
        (f"{word:<8}", (palette.figure(sign) if sign else palette.faint) + BOLD),
        (f"{number(gain, sign=True):>8}", BOLD),
        (" nats", palette.faint),
        (f"{('×' if gain >= 0 else '÷') + times:>9}", BOLD),
    )


def summary(text: HeatText, palette: HeatPalette) -> Content:
    """The other half's worth to this text: shares of its tokens, their mean, and the tokens that stand out most."""
    measure = HeatMeasure.DIFFERENCE
    scored = sorted(
        ((gain, span) for span in text.spans if (gain := span.gain) is not None), key=lambda pair: pair[0]
    )
    if not scored:
        return Content("")
    lines = [Content.styled(f"The {text.names.other}", BOLD)]
    levels = [measure.level(gain) for gain, _ in scored]
    for word, block, hue, count in (
        ("helps", "█", measure.full, sum(level > 0 for level in levels)),
        ("neutral", "█", None, levels.count(0)),
        ("misleads", "▒", -measure.full, sum(level < 0 for level in levels)),
    ):
        share = count / len(scored)
        fill = block * max(bool(count), round(share * (WIDTH - 16)))
        lines.append(
            Content.assemble(
                (f"{word:<8}", palette.faint), f"{share:>5.0%}  ", (fill, palette.bar(measure, hue))
            )
        )
    if (log_ratio := text.half.score.log_ratio) is None:
        lines.append(Content(""))
    else:
        mean = number(-log_ratio, sign=True)
        lines.append(Content.assemble(("mean    ", palette.faint), mean, (" nats a token", palette.faint)))
    for title, pairs, sign in (("helps most", scored[::-1], 1), ("misleads most", scored, -1)):
        named = [(gain, span) for gain, span in pairs[:MOST] if measure.level(gain) * sign > 0]
        if named:
            lines += [Content(""), Content.styled(title, palette.faint)]
        for gain, span in named:
            figure = f"{number(gain, 2, sign=True):>6}  "
            lines.append(Content.assemble((figure, palette.figure(gain)), quoted(span.text, WIDTH - 8)))
    return Content("\n").join(lines)
