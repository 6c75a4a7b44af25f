"""The result of a trial as a table and sentences."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.table import Table

from engine.trial.arms import BASE, LONGEST, ORIGINAL, REFINED
from engine.trial.results import ENOUGH_ROWS, ENOUGH_SEEDS, Finding, Interval, Sides, TrialResult
from models.system.units import counted
from tui.text.literal import one_line
from tui.text.tables import Fact, facts, number


def print_trial(out: Console, found: TrialResult) -> None:
    """Print the losses and what they are beside the original's, and what may be said of them."""
    out.print(table(about_losses(found), LOSS_COLUMNS, loss_rows(found)))
    out.print(table(ABOUT_DIFFERENCES, DIFFERENCE_COLUMNS, difference_rows(found)))
    out.print(facts(words(found)), soft_wrap=True)


LOSS_COLUMNS = ("arm", "samples", "tokens each", "epochs", "on original", "on refined")


def loss_rows(found: TrialResult) -> Iterator[tuple[str, ...]]:
    yield BASE, "", "", "", *map(_mean, both(found.base))
    for name, arm in found.arms.items():
        learnt = f"{arm.samples:,}", f"{arm.answer_tokens:.0f}", f"{arm.epochs:.1f}"
        yield one_line(name), *learnt, *map(_mean, both(arm.losses))


DIFFERENCE_COLUMNS = ("arm", "on original", "on refined", "")


def difference_rows(found: TrialResult) -> Iterator[tuple[str, ...]]:
    for name, arm in found.arms.items():
        if arm.beside_original is not None and arm.finding is not None:
            yield one_line(name), *map(difference_words, both(arm.beside_original)), arm.finding


def about_losses(found: TrialResult) -> str:
    held = f"{counted(found.samples, 'sample')} of {counted(found.rows, 'row')} held out"
    return f"loss in nats a token: {held}, {counted(found.seeds, 'seed')}"


ABOUT_DIFFERENCES = f"the same less that of {ORIGINAL}, with its 95 % interval; below 0 is better"


def words(found: TrialResult) -> Iterator[Fact]:
    """The sentences beside the tables."""
    if any(arm.finding is Finding.TOO_FEW for arm in found.arms.values()):
        yield "result", _too_few(found)
    else:
        for name, arm in found.arms.items():
            if arm.finding is not None and arm.beside_original is not None:
                yield one_line(name), _sentence(name, arm.finding, arm.beside_original)
    if (refined := found.arms.get(REFINED)) is not None:
        longer = refined.answer_tokens / found.arms[ORIGINAL].answer_tokens
        yield "length", f"a refined answer is {longer:.2f} times as long as an original one; {_length(found)}"
    yield (
        "what it is",
        "loss on held-out answers; the quality of the student's own answers is another question",
    )
    for name, arm in found.arms.items():
        left = [
            f"{count:,} {why}"
            for count, why in (
                (arm.alike, "like what is held out"),
                (arm.too_long, "that the context leaves no room, or that cannot be read"),
            )
            if count
        ]
        if left:
            yield "left out", f"of {one_line(name)}: {', '.join(left)}"
    if found.same:
        yield "not trained", f"{' and '.join(found.same)}: the rule takes every sample, so they are refined"


def _too_few(found: TrialResult) -> str:
    return (
        f"too little to tell: {counted(found.rows, 'row')} held out and {counted(found.seeds, 'seed')}; "
        f"from {ENOUGH_ROWS} rows and {ENOUGH_SEEDS} seeds on, something is said"
    )


BY_SIGN = {-1: "better", 0: "no difference shown", 1: "worse"}


def _sentence(arm: str, finding: Finding, beside: Sides) -> str:
    """What may be said of an arm beside `original`, and on which answers."""
    if finding is Finding.NOTHING:
        return f"no difference shown between training on {one_line(arm)} and on {ORIGINAL}"
    verdict = "neither better nor worse" if finding is Finding.MIXED else finding
    sides = zip(("original", "refined"), both(beside), strict=True)
    told = [f"on {kind} answers {BY_SIGN[side.sign]}" for kind, side in sides if side is not None]
    return f"{verdict} than training on {ORIGINAL}: {', '.join(told)}"


def _length(found: TrialResult) -> str:
    match found.beside_longest:
        case None:
            return f"no arm {LONGEST} to say what length alone does"
        case Finding.TOO_FEW:
            return f"too little to tell refined from {LONGEST}"
        case Finding.NOTHING:
            better = found.arms[REFINED].finding is Finding.BETTER
            explains = ": length may explain all of it" if better else ""
            return f"beside {LONGEST}, chosen by length alone, no difference is shown{explains}"
        case Finding.BETTER:
            return f"it is better than {LONGEST}, chosen by length alone: length does not explain that"
        case Finding.WORSE:
            return f"it is worse than {LONGEST}, chosen by length alone"
        case Finding.MIXED:
            return (
                f"beside {LONGEST}, chosen by length alone, it is better at some answers and worse at others"
            )


def both(sides: Sides) -> tuple[Interval | None, Interval | None]:
    return sides.original, sides.refined


def _mean(interval: Interval | None) -> str:
    return "-" if interval is None else number(interval.mean)


def loss_words(interval: Interval | None) -> str:
    if interval is None:
        return "-"
    return f"{interval.mean:.3f} ({interval.low:.3f} to {interval.high:.3f})"


def difference_words(interval: Interval | None) -> str:
    if interval is None:
        return "-"
    return f"{interval.mean:+.3f} ({interval.low:+.3f} to {interval.high:+.3f})"


WORDS = ("arm", "beside", "")
"""Columns of words; the others are numbers."""


def table(title: str, columns: Sequence[str], rows: Iterable[Sequence[str]]) -> Table:
    """A table of a trial."""
    made = Table(title=title, title_justify="left", box=SIMPLE_HEAD, pad_edge=False)
    for column in columns:
        made.add_column(column, justify="left" if column in WORDS else "right")
    for row in rows:
        made.add_row(*row)
    return made
