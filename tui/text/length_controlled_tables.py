"""A win rate and the length-controlled one, as a table and sentences."""

from __future__ import annotations

from collections.abc import Iterator

from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.table import Table

from engine.judge.length_controlled import LengthControlled, Rate, WhyNone
from engine.judge.record import Judging
from engine.judge.results import ENOUGH
from tui.text.literal import one_line
from tui.text.tables import Fact, facts, number

WHY_NONE = {
    WhyNone.FEW: f"none below {ENOUGH} decided pairs",
    WhyNone.ONE_DIFFERENCE: "none: the lengths differ by the same in every pair, so nothing tells length from quality",
    WhyNone.SEPARATED: "none: the lengths alone (or with the difficulties) tell every verdict, so no rate at equal "
    "length fits best; more pairs may have one",
}


def print_win_rates(out: Console, about: Judging, found: LengthControlled) -> None:
    """Print both rates and what may be said of them."""
    title = f"{one_line(about.b)} preferred to {one_line(about.a)}, judged by {one_line(about.judge.name)}"
    table = Table(title=title, title_justify="left", box=SIMPLE_HEAD, pad_edge=False)
    for heading in ("", "win rate", "standard error", "95 % interval"):
        table.add_column(heading, justify="right" if heading else "left")
    for name, rate in (("as judged", found.raw), ("length-controlled", found.controlled)):
        table.add_row(name, *_cells(rate))
    out.print(table)
    out.print(facts(_words(about, found)), soft_wrap=True)


def _words(about: Judging, found: LengthControlled) -> Iterator[Fact]:
    counts = found.counts
    without = about.pairs - counts.total
    parts = [f"{counts.total} with a verdict: {counts.wins} won, {counts.ties} tied, {counts.losses} lost"]
    parts += [f"{without} without, or that only the student chose between"] * bool(without)
    parts += [f"{about.same} the same on both sides, not judged"] * bool(about.same)
    parts += [f"of {found.new_instruction} the instruction was rewritten, too"] * bool(found.new_instruction)
    yield "pairs", "; ".join(parts)
    yield "decided", f"{counts.decided} of {counts.total}"
    if found.why is not None:
        yield "length-controlled", WHY_NONE[found.why]
    elif found.controlled is not None:
        yield "at equal length", _finding(found.controlled, about)
    if (fitted := found.coefficients) is not None:
        terms = [f"model {fitted.model:+.3f}", f"length {fitted.length:+.3f}"]
        terms += [] if fitted.instruction is None else [f"difficulty {fitted.instruction:+.3f}"]
        yield "log-odds", ", ".join(terms)
        if fitted.instruction is None:
            yield "difficulty", "no term: no estimates of AlpacaEval's were given (--difficulty)"


def _finding(rate: Rate, about: Judging) -> str:
    if rate.interval is None:
        return "no difference shown: too many draws of the pairs have no rate for an interval"
    low, high = rate.interval
    if low > 50:
        return f"{about.b} is preferred"
    return f"{about.a} is preferred" if high < 50 else "no difference shown"


def _cells(rate: Rate | None) -> tuple[str, str, str]:
    if rate is None:
        return "none", "", ""
    interval = "none" if rate.interval is None else " to ".join(number(end, 1) for end in rate.interval)
    return f"{rate.percent:.1f} %", number(rate.error, 1), interval
