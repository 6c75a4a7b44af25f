"""How a run's scores, lengths and verdicts are spread: counted by SQLite, so that memory does not grow with them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from engine.export import ExportRule
from engine.workspace import Run, Workspace

MEASURES = {
    "ifd_before": "f.ifd_before",
    "ifd_after": "CASE t.decision WHEN 'original' THEN f.ifd_before WHEN 'edited' THEN t.ifd ELSE f.ifd_after END",
    "r_ifd_before": "f.r_ifd_before",
    "r_ifd_after": "CASE t.decision WHEN 'original' THEN f.r_ifd_before WHEN 'edited' THEN t.r_ifd "
    "ELSE f.r_ifd_after END",
    "length_before": "f.length_before",
    "length_after": "coalesce(t.length, f.length_after)",
}
"""What can be plotted, by name. Lengths are characters of the response; after: of what would leave now."""

_FROM = "figures AS f LEFT JOIN standing AS t USING (sample) WHERE f.run = :run"


@dataclass(frozen=True, slots=True)
class Histogram:
    """Counts in bins of equal width from `low` to `high`; what lies outside is counted in the first or the last."""

    low: float
    high: float
    counts: tuple[int, ...]
    missing: int  # samples without the number


@dataclass(frozen=True, slots=True)
class Scatter:
    """Counts over two measures: cells[row][column], rows from `y` low to high; of them, those replaced."""

    x: tuple[float, float]
    y: tuple[float, float]
    all: tuple[tuple[int, ...], ...]
    replaced: tuple[tuple[int, ...], ...]  # either stage's rewrite was taken


@dataclass(frozen=True, slots=True)
class Flow:
    """How many samples went which way: by (instruction stage's verdict, response stage's verdict)."""

    counts: dict[tuple[str | None, str | None], int]


class Distribution:
    """One run's figures. The connection is the caller's; every method may take a second for a million samples."""

    def __init__(self, reading: Workspace, run: Run) -> None:
        self._reading = reading
        self._run = run

    def range(self, *measures: str) -> tuple[float, float]:
        """The smallest interval that holds the given measures but for the outermost half percent on either side."""
        union = " UNION ALL ".join(f"SELECT {MEASURES[name]} AS v FROM {_FROM}" for name in measures)
        ((count,),) = self._rows(f"SELECT count(v) FROM ({union})")
        if not count:
            return 0.0, 1.0
        cut = count // 200
        ((low,),) = self._rows(f"SELECT v FROM ({union}) WHERE v IS NOT NULL ORDER BY v LIMIT 1 OFFSET {cut}")
        ((high,),) = self._rows(
            f"SELECT v FROM ({union}) WHERE v IS NOT NULL ORDER BY v DESC LIMIT 1 OFFSET {cut}"
        )
        return (float(low), float(high)) if low < high else (low - 0.5, high + 0.5)

    def histogram(self, measure: str, low: float, high: float, bins: int) -> Histogram:
        counts, missing = [0] * bins, 0
        bin = _bin(MEASURES[measure], "low", "high", "bins")
        values = {"low": low, "high": high, "bins": bins}
        for number, count in self._rows(f"SELECT {bin} AS b, count(*) FROM {_FROM} GROUP BY b", **values):
            if number is None:
                missing = count
            else:
                counts[number] = count
        return Histogram(low, high, tuple(counts), missing)

    def scatter(
        self,
        x: str,
        y: str,
        x_range: tuple[float, float],
        y_range: tuple[float, float],
        columns: int,
        rows: int,
    ) -> Scatter:
        cells = [[0] * columns for _ in range(rows)]
        replaced = [[0] * columns for _ in range(rows)]
        values = {
            "x0": x_range[0], "x1": x_range[1], "columns": columns,
            "y0": y_range[0], "y1": y_range[1], "rows": rows,
        }  # fmt: skip
        across, up = _bin(MEASURES[x], "x0", "x1", "columns"), _bin(MEASURES[y], "y0", "y1", "rows")
        query = (
            f"SELECT {up} AS r, {across} AS c, count(*), sum(f.instruction = 'replaced' OR f.response = 'replaced') "
            f"FROM {_FROM} GROUP BY r, c"
        )
        for row, column, count, taken in self._rows(query, **values):
            if row is not None and column is not None:
                cells[row][column], replaced[row][column] = count, taken or 0
        return Scatter(x_range, y_range, tuple(map(tuple, cells)), tuple(map(tuple, replaced)))

    def flow(self) -> Flow:
        query = f"SELECT f.instruction, f.response, count(*) FROM {_FROM} GROUP BY f.instruction, f.response"
        return Flow({(first, second): count for first, second, count in self._rows(query)})

    def kept_by(self, rule: ExportRule, threshold: float | None = None) -> int:
        """Samples an export rule lets through (`top` takes all it may); with a threshold, only IFD at or above it."""
        undone = "coalesce(t.decision = 'original', 0)"
        conditions = {
            ExportRule.ALL: "1",
            ExportRule.PAPER: f"f.response = 'replaced' AND NOT {undone}",
            ExportRule.STRICT: f"f.response = 'replaced' AND NOT {undone} AND f.ifd_after < 1 AND f.r_ifd_after < 1",
            ExportRule.ACCEPTED: "t.sample IS NOT NULL",
            ExportRule.TOP: "f.ifd_after < 1",
        }
        condition = conditions[rule]
        if threshold is not None:
            condition = f"({condition}) AND {MEASURES['ifd_after']} >= :threshold"
        ((count,),) = self._rows(f"SELECT count(*) FROM {_FROM} AND {condition}", threshold=threshold)
        return int(count)

    def _rows(self, query: str, **values: float | None) -> list[Any]:
        return self._reading.execute(query, {"run": self._run.id} | values)


def _bin(measure: str, low: str, high: str, bins: str) -> str:
    """SQL for the number of a value's bin."""
    return f"max(0, min(:{bins} - 1, CAST((({measure}) - :{low}) / (:{high} - :{low}) * :{bins} AS INTEGER)))"
