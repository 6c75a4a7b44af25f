"""The tables of the models on this machine and of the checks, for `burnish models` and `burnish doctor`."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from rich.box import SIMPLE_HEAD
from rich.table import Table
from rich.text import Text

from engine.health.check import Check
from engine.health.models_here import UNREAD, ListedModel
from models.system.units import size
from tui.text.literal import one_line
from tui.text.vocabulary import CHECKS


def models_table(models: Iterable[ListedModel]) -> Table:
    table = Table(box=SIMPLE_HEAD, pad_edge=False)
    table.add_column("model", overflow="fold")
    for heading in ("size", "type", "where", "teacher", "student"):
        table.add_column(heading, justify="right" if heading == "size" else "left", no_wrap=True)
    for model in models:
        name = Text(one_line(model.name))
        if model.problem not in (None, UNREAD):  # that would stand under every tag: `models` says it once
            name.append(f"\n  {one_line(model.problem or '')}", style="yellow")
        table.add_row(
            name,
            size(model.size) if model.size else "-",
            one_line(model.quantisation or "-"),
            "here" if model.local else "cloud",
            "yes" if model.teacher else "no",
            "yes" if model.student else "no",
        )
    return table


def check_lines(checks: Iterable[Check]) -> Iterator[Text]:
    """The findings of `burnish doctor`, a line each, with what to do below it."""
    styles = {"ok": "green", "advice": "yellow", "problem": "bold red"}
    for one in checks:
        mark = (f"{CHECKS[one.state]} ", styles[one.state])
        yield Text.assemble(mark, (f"{one.name}: ", "bold"), one_line(one.finding))
        if one.fix:
            yield Text(f"    {one_line(one.fix)}", style="dim")
