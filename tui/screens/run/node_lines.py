"""The nodes of a Ray cluster at work on a run, a line each. Foreign text goes through `shown_line`."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import groupby

from textual.content import Content

from models.ray.cluster import NodeWork
from models.system.units import counted
from tui.screens.run.wording import LABEL
from tui.text.shown import shown_line

NAME, NAMES = 8, 20
"""Cells of the names' column, at least and at most."""

ROOMY = 100
"""Cells from which on a line has room for whole words."""


def node_lines(works: Iterable[NodeWork], most: int, width: int, *, over: bool) -> list[Content]:
    """What each node does, or why it is out; of more than `most` those that are out come first, the rest counted.

    works: of each model of each node. over: the run has ended; its nodes have done what they did.
    """
    by_name = sorted(works, key=lambda work: (work.node, work.model != "teacher", work.model))
    nodes = [list(each) for _, each in groupby(by_name, key=lambda work: work.node)]
    if not nodes:
        return []
    if len(nodes) > most:
        nodes.sort(key=lambda node: not _is_out(node))
    shown, rest = nodes[:most], nodes[most:]
    column = min(NAMES, max(NAME, *(_name(node).cell_length for node in shown)))
    lines = [_line(node, column, width, over=over) for node in shown]
    if rest:
        out = sum(map(_is_out, rest))
        words = f"and {counted(len(rest), 'more node')}" + (f", {out} of them out" if out else "")
        lines.append(Content.styled(f"… {words}", "$text-muted"))
    labels = ["nodes", *[""] * (len(lines) - 1)]
    return [
        Content.assemble((label.ljust(LABEL), "$text-muted"), line).truncate(width, ellipsis=True)
        for label, line in zip(labels, lines, strict=True)
    ]


def _is_out(node: Sequence[NodeWork]) -> bool:
    return any(work.why is not None for work in node)


def _name(node: Sequence[NodeWork]) -> Content:
    return shown_line(node[0].node, NAMES + 1)


def _line(node: Sequence[NodeWork], column: int, width: int, *, over: bool) -> Content:
    name = _name(node).truncate(column, ellipsis=True, pad=True)
    reasons = {work.why for work in node}
    if len(node) > 1 and len(reasons) == 1 and None not in reasons:
        return Content.assemble(name, " ", _out("", node[0].why))
    # What may be cut comes last.
    each = sorted(node, key=lambda work: work.why is not None)
    parts = [_work(work, over=over, roomy=width >= ROOMY) for work in each]
    return Content.assemble(name, " ", Content("   ").join(parts))


def _work(work: NodeWork, *, over: bool, roomy: bool) -> Content:
    if work.why is not None:
        return _out(f"{work.model} ", work.why)
    did = f"{work.answered} answered" if over else f"{work.in_flight} in flight"
    count = did if roomy else did.partition(" ")[0]
    speed = f", {work.tokens / work.seconds:,.0f} tokens/s" if work.seconds else ""
    return Content.assemble((f"{work.model} ", "$text-muted"), count, speed)


def _out(model: str, why: str | None) -> Content:
    return Content.assemble((f"✗ {model}out: ", "$text-error"), shown_line(why or "", 300))
