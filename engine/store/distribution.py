"""How a run's scores, lengths and verdicts are spread: counted by SQLite, so that memory does not grow with them."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

from engine.store.leaving import CONDITIONS, ExportRule, TopShare
from engine.store.workspace import AFTER, Run, Workspace

_LENGTH_AFTER = "coalesce(t.length, f.length_after)"

MEASURES = {
    "ifd_before": "f.ifd_before",
    "ifd_after": AFTER.format("ifd"),
    "r_ifd_before": "f.r_ifd_before",
    "r_ifd_after": AFTER.format("r_ifd"),
    "length_before": "f.length_before",
    "length_after": _LENGTH_AFTER,
    "log_length_before": "ln(nullif(f.length_before, 0))",
    "log_length_after": f"ln(nullif({_LENGTH_AFTER}, 0))",
}
"""What can be plotted, by name. Lengths are characters of the response, their logarithms natural; after: of what
would leave now, a person's decisions included."""

_FROM = "figures AS f LEFT JOIN standing AS t ON t.sample = f.sample WHERE f.run = :run"

_REWRITTEN = (
    "CASE WHEN t.decision = 'original' THEN 0 WHEN t.decision IN ('chosen', 'edited') THEN 1 "
    "ELSE coalesce(f.instruction = 'replaced' OR f.response = 'replaced', 0) END"
)
"""Whether what would leave now is not the original: a rewrite of either stage, or a person's own."""

# What `CONDITIONS` are over, in two parts that are quick to go through: the samples' texts are not.
_FINISHED = (
    "figures AS f LEFT JOIN standing AS t ON t.sample = f.sample "
    "LEFT JOIN samples AS s ON s.sample = iif(t.decision = 'chosen', f.sample, NULL) WHERE f.run = :run"
)
_DECIDED_BEFORE = (
    "standing AS t JOIN samples AS s ON s.sample = t.sample "
    "LEFT JOIN figures AS f ON f.run = :run AND f.sample = t.sample WHERE f.sample IS NULL"
)


@dataclass(frozen=True, slots=True)
class Spread:
    """A measure over the finished samples."""

    count: int  # samples that have it
    missing: int  # that have not
    low: float | None  # half a percent of the values is below; None where there is no value
    median: float | None
    high: float | None  # half a percent is above


@dataclass(frozen=True, slots=True)
class Histogram:
    """Counts in bins of equal width from `low` to `high`; what lies outside is counted in the first or the last."""

    low: float
    high: float
    counts: tuple[int, ...]
    missing: int  # samples without the number


@dataclass(frozen=True, slots=True)
class Scatter:
    """Counts over two measures: cells[row][column], rows from `y` low to high; of them, those rewritten."""

    x: tuple[float, float]
    y: tuple[float, float]
    all: tuple[tuple[int, ...], ...]
    replaced: tuple[tuple[int, ...], ...]  # what would leave is not the original


@dataclass(frozen=True, slots=True)
class Flow:
    """How many samples went which way: by (instruction stage's verdict, response stage's verdict)."""

    counts: dict[tuple[str | None, str | None], int]


@dataclass(frozen=True, slots=True)
class Growth:
    """How the responses' lengths changed where a sample was rewritten."""

    rewritten: int
    longer: int
    shorter: int
    weighed: int  # of the rewritten, those with an IFD before and after
    correlation: float | None  # Pearson's, over those, of ln(length after / before) with the change in IFD


class Distribution:
    """One run's figures. The connection is the caller's; every method may take a second for a million samples."""

    def __init__(self, reading: Workspace, run: Run) -> None:
        self._reading = reading
        self._run = run

    def finished(self) -> int:
        """Samples that have an outcome."""
        ((count,),) = self._rows("SELECT count(*) FROM figures AS f WHERE f.run = :run")
        return int(count)

    def spread(self, measure: str) -> Spread:
        value = MEASURES[measure]
        ((count, total),) = self._rows(f"SELECT count({value}), count(*) FROM {_FROM}")
        if not count:
            return Spread(0, total, None, None, None)
        cut, middle = count // 200, (count - 1) // 2
        ranks = {"low": cut, "middle": middle, "above": count // 2, "high": count - 1 - cut}
        found = dict(
            self._rows(
                f"SELECT n, v FROM (SELECT {value} AS v, row_number() OVER (ORDER BY {value}) - 1 AS n "
                f"FROM {_FROM} AND {value} IS NOT NULL) WHERE n IN (:low, :middle, :above, :high)",
                **ranks,
            )
        )
        with self._reading.database.understood():
            low, middle_value, above, high = (float(found[rank]) for rank in ranks.values())
            return Spread(count, total - count, low, (middle_value + above) / 2, high)

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
        query = f"SELECT {up} AS r, {across} AS c, count(*), sum({_REWRITTEN}) FROM {_FROM} GROUP BY r, c"
        for row, column, count, taken in self._rows(query, **values):
            if row is not None and column is not None:
                cells[row][column], replaced[row][column] = count, taken
        return Scatter(x_range, y_range, tuple(map(tuple, cells)), tuple(map(tuple, replaced)))

    def flow(self) -> Flow:
        query = (
            "SELECT f.instruction, f.response, count(*) FROM figures AS f WHERE f.run = :run "
            "GROUP BY f.instruction, f.response"
        )
        return Flow({(first, second): count for first, second, count in self._rows(query)})

    def rewritten(self, most: int) -> list[int]:
        """Samples of which a rewrite would leave, in order: all, or so many of them, evenly spread."""
        query = (
            "SELECT sample FROM (SELECT f.sample, row_number() OVER (ORDER BY f.sample) - 1 AS n, count(*) OVER () "
            f"AS total FROM {_FROM} AND {_REWRITTEN}) WHERE n * :most % total < :most ORDER BY sample"
        )
        return [sample for (sample,) in self._rows(query, most=most)]

    def decisions(self) -> dict[str, int]:
        """Samples by what a person decided, the most frequent first."""
        return dict(
            self._rows("SELECT decision, count(*) FROM standing GROUP BY decision ORDER BY 2 DESC, 1")
        )

    def growth(self) -> Growth:
        rewritten = f"{_FROM} AND {_REWRITTEN}"
        ((count, longer, shorter),) = self._rows(
            f"SELECT count(*), coalesce(sum({_LENGTH_AFTER} > f.length_before), 0), "
            f"coalesce(sum({_LENGTH_AFTER} < f.length_before), 0) FROM {rewritten}"
        )
        # Around the means, for the sums of squares would lose digits.
        ((weighed, both, lengths, changes),) = self._rows(
            f"WITH pairs AS (SELECT {MEASURES['log_length_after']} - {MEASURES['log_length_before']} AS x, "
            f"{MEASURES['ifd_after']} - f.ifd_before AS y FROM {rewritten} AND x + y IS NOT NULL), "
            "means AS (SELECT avg(x) AS mx, avg(y) AS my FROM pairs) "
            "SELECT count(*), sum((x - mx) * (y - my)), sum((x - mx) * (x - mx)), sum((y - my) * (y - my)) "
            "FROM pairs, means"
        )
        with self._reading.database.understood():
            # Where one of them hardly varies, there is nothing to go together.
            varied = weighed > 2 and min(lengths, changes) > 1e-12 * weighed
            correlation = both / math.sqrt(lengths * changes) if varied else None
        return Growth(count, longer, shorter, weighed, correlation)

    def kept_by(self, rule: ExportRule, threshold: float | None = None) -> int:
        """Samples that `leaving.exported` lets through, `top` taking all it may; with a threshold, those of them whose
        IFD, of what would leave, is at or above it."""
        if rule is ExportRule.ALL and threshold is None:
            return len(self._reading)
        wanted = CONDITIONS[rule]
        if threshold is not None:
            wanted = f"({wanted}) AND {MEASURES['ifd_after']} >= :threshold"
        counts = (f"(SELECT count(*) FROM {part} AND ({wanted}))" for part in (_FINISHED, _DECIDED_BEFORE))
        ((count,),) = self._rows(f"SELECT {' + '.join(counts)}", threshold=threshold)
        return int(count)

    def _rows(self, query: str, **values: float | None) -> list[Any]:
        return self._reading.database.execute(query, run=self._run.id, **values)


def common_range(*spreads: Spread) -> tuple[float, float]:
    """The smallest interval that holds the spreads; (0, 1) where there is nothing."""
    lows = [spread.low for spread in spreads if spread.low is not None]
    highs = [spread.high for spread in spreads if spread.high is not None]
    if not lows:
        return 0.0, 1.0
    low, high = min(lows), max(highs)
    return (low, high) if low < high else (low - 0.5, high + 0.5)


def share_taking(count: int, total: int) -> TopShare | None:
    """The percentage with the fewest digits of which `top` takes just `count` of `total`; None for none of them."""
    if not 0 < count <= total:
        return None
    digits = 0
    while True:
        # `TopShare.of` rounds up: anything above the share of one fewer will do, up to this one's.
        unit = 10**digits
        scaled = count * 100 * unit // total
        if scaled * total > (count - 1) * 100 * unit and scaled:
            return TopShare(percent=scaled / unit)
        digits += 1


def _bin(measure: str, low: str, high: str, bins: str) -> str:
    """SQL for the number of a value's bin."""
    return f"max(0, min(:{bins} - 1, CAST((({measure}) - :{low}) / (:{high} - :{low}) * :{bins} AS INTEGER)))"
