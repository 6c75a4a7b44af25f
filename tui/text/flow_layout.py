"""The flow of the samples through both stages, laid out for any drawing of it: nodes in columns, bands between."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Generic, TypeVar

from engine.store.distribution import Flow
from tui.text.vocabulary import VERDICTS

Link = tuple[str, str]
"""The verdict of the instruction stage and that of the response stage."""

N = TypeVar("N", int, float)
"""A length in the drawing's own unit."""


@dataclass(frozen=True, slots=True)
class FlowNode(Generic[N]):
    """The samples with one verdict of a stage, or all samples."""

    verdict: str  # or "all"
    count: int
    top: N
    height: N


@dataclass(frozen=True, slots=True)
class FlowBand(Generic[N]):
    """The samples that go from one node to another."""

    stage: int  # 0: from the original to the instruction stage; 1: on to the response stage
    verdict: str  # of the node they come to
    count: int
    start: N  # its top on the left
    end: N  # its top on the right
    height: N


def links(flow: Flow) -> dict[Link, int]:
    """Samples that went through both stages, by both verdicts."""
    return {(a, b): count for (a, b), count in flow.counts.items() if a is not None and b is not None}


def flow_columns(counts: Mapping[Link, int], heights: Mapping[Link, N], gap: N) -> list[list[FlowNode[N]]]:
    """The nodes of the original, the instruction stage and the response stage, each column stacked from 0 down."""
    columns = [[FlowNode("all", sum(counts.values()), 0, sum(heights.values()))]]
    for stage in (0, 1):
        column: list[FlowNode[N]] = []
        top: N = 0
        for verdict in VERDICTS:
            if through := [link for link in counts if link[stage] == verdict]:
                height = sum(heights[link] for link in through)
                column.append(FlowNode(verdict, sum(counts[link] for link in through), top, height))
                top += height + gap
        columns.append(column)
    return columns


def flow_bands(
    columns: Sequence[Sequence[FlowNode[N]]], counts: Mapping[Link, int], heights: Mapping[Link, N]
) -> Iterator[FlowBand[N]]:
    """The bands between columns, in an order in which no two that leave or reach the same node overlap."""
    start = columns[0][0].top
    arrived = {node.verdict: node.top for node in columns[2]}
    for node in columns[1]:
        yield FlowBand(0, node.verdict, node.count, start, node.top, node.height)
        start += node.height
        left = node.top
        for end in columns[2]:
            link = node.verdict, end.verdict
            if count := counts.get(link, 0):
                yield FlowBand(1, end.verdict, count, left, arrived[end.verdict], heights[link])
                left += heights[link]
                arrived[end.verdict] += heights[link]
