"""The report as one HTML file: nothing in it comes from elsewhere, nothing in it runs, every text is only text.

Jinja escapes what it puts into the page; before that, `literal` makes pictures of the characters that would act on the
eye (control characters, what turns the direction of writing, halves of characters that no file in UTF-8 can hold).
Should either ever fail, the page's own policy forbids scripts, requests and any style but its own.
"""

from __future__ import annotations

import base64
import hashlib
import math
from collections.abc import Iterator, Sequence
from itertools import islice
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from engine.judge.results import Counts
from engine.method.recipe import Method
from engine.method.token_gain import SampleHalf, spans
from engine.report.gather import MeasureFigure, Report
from engine.report.word_diff import Span
from tui.report.drawing import HEIGHT, NODE, WIDTH, flow_picture, plot_picture
from tui.report.trial import GUTTER, trial_section
from tui.report.words import after_words, decided, lead, made_from, medians, number, scores, settings
from tui.text.choosing_words import selections_told
from tui.text.judge_tables import between, words
from tui.text.length_words import ABOUT, length_facts
from tui.text.literal import first_line, literal
from tui.text.rating_words import rating_facts
from tui.text.tables import noted_facts, tag_words
from tui.text.vocabulary import EXPORT_RULES, FINDINGS, MEASURES, RULES, STUDENT_DID

LONGEST = 6000
"""Characters of a text that are shown."""

TOKENS, LISTED = 1500, 10
"""Tokens of a heat map, and disagreements of the judge and the student, that are shown."""

FULL, STEPS = 4.0, 8
"""Nats at which a token's colour is at its fullest, and the steps up to there: as in the app's heat map."""

_FOLDER = Path(__file__).parent


def page(report: Report) -> str:
    """The whole HTML file."""
    style = (_FOLDER / "page.css").read_text("utf-8")
    digest = base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()
    template = _environment().get_template("page.html")
    return template.render(
        report=report,
        style=style,
        digest=digest,
        lead=lead(report),
        made_from=list(made_from(report)),
        settings=list(settings(report)),
        figures=[(figure, plot_picture(figure)) for figure in report.figures],
        flow=flow_picture(report.flow),
        refined=report.run.recipe.method != Method.SCORE,
        near_ties=sum(stage.near_ties for stage in report.overview.stages.values()),
        by_length=sum(stage.length_decides for stage in report.overview.stages.values()),
        length_facts=list(length_facts(report.length)),
        about_length=ABOUT,
        rating_facts=list(rating_facts(report.ratings)) if report.ratings is not None else [],
        noted_facts=list(noted_facts(report.overview)),
        findings=FINDINGS,
        rules=RULES,
        export_rules=EXPORT_RULES,
        selections=list(selections_told(report.baselines)),
        student_did=STUDENT_DID,
        measures=MEASURES,
        width=WIDTH,
        height=HEIGHT,
        node=NODE,
        trial=trial_section(report.trial) if report.trial is not None else None,
        gutter=GUTTER,
    )


def _environment() -> Environment:
    environment = Environment(
        loader=FileSystemLoader(_FOLDER),
        autoescape=True,
        undefined=StrictUndefined,
        finalize=_shown,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    environment.filters |= {
        "number": number,
        "line": lambda text, width=160: first_line(text, width),
        "pieces": pieces,
        "tokens": tokens,
        "after_words": after_words,
        "decided": decided,
        "tag_words": tag_words,
        "medians": medians,
        "scores": scores,
        "rows": rows,
        "shares": shares,
        "lengths": lambda length: [(between(b.low, b.high), b.counts) for b in length.bins if b.counts.total],
        "between": lambda bin: "none" if bin.low is None else between(bin.low, bin.high),
        "trust": lambda verdicts: list(words(verdicts.about, verdicts.results, LISTED)),
        "count": lambda value: f"{value:,}",
    }
    return environment


def _shown(value: Any) -> Any:
    """A value as the page shows it: text that acts on nothing, unless it is markup of our own."""
    return value if hasattr(value, "__html__") else literal(str(value))


def pieces(text: str, changed: Sequence[Span]) -> Iterator[tuple[str, bool]]:
    """A text in pieces that changed and pieces that did not, as far as it is shown."""
    at = 0
    for start, end in (*changed, (len(text), len(text))):
        for first, last, marked in ((at, start, False), (start, end, True)):
            if first < min(last, LONGEST):
                yield text[first : min(last, LONGEST)], marked
        at = end
    if len(text) > LONGEST:
        yield f" … and {len(text) - LONGEST:,} more characters", False


def tokens(half: SampleHalf) -> Iterator[tuple[str, str, str]]:
    """The tokens of a half: each with its text, the name of its colour, and its gain in nats."""
    for span in islice(spans(half.tokens), TOKENS):
        if span.gain is None:
            yield span.text, "", "not scored"
            continue
        level = max(-STEPS, min(round(span.gain / FULL * STEPS), STEPS))
        name = f"h{level}" if level > 0 else f"m{-level}" if level < 0 else ""
        yield span.text, name, f"{span.gain:+.2f} nat"
    rest = len(half.tokens) - TOKENS
    if rest > 0 or half.rest:
        yield " …", "", "not shown" if rest > 0 else "beyond the student's context"


def rows(figure: MeasureFigure) -> Iterator[tuple[str, str, int, int]]:
    """The bins of a figure: lower edge, upper edge, count before, count after."""
    low, high, counts = figure.before.low, figure.before.high, figure.before.counts
    edges = [low + (high - low) * number / len(counts) for number in range(len(counts) + 1)]
    labels = [f"{math.exp(edge):,.0f}" if figure.logarithmic else f"{edge:.3f}" for edge in edges]
    after = figure.after.counts if figure.after is not None else counts
    yield from zip(labels, labels[1:], counts, after, strict=False)


def shares(counts: Counts) -> Iterator[tuple[str, float, float]]:
    """Wins, ties and losses as parts of a bar: name, left edge and width of each."""
    x = 0.0
    for name, count in (("win", counts.wins), ("tie", counts.ties), ("lose", counts.losses)):
        wide = WIDTH * count / counts.total
        yield name, round(x, 1), round(wide, 1)
        x += wide
