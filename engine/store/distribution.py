"""The distribution of a run's scores, lengths and verdicts, counted by SQLite, so that memory stays constant.

Samples that a person dropped are in none of it.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

from engine.store.baselines import Baselines, baselines
from engine.store.dropped import DROPPED
from engine.store.leaving import ExportRule, TopShare, count_exported, count_remaining
from engine.store.leaving_view import FINISHED
from engine.store.workspace import Run, Workspace

MEASURES = {
    "ifd_before": "ifd_before",
    "ifd_after": "ifd_after",
    "r_ifd_before": "r_ifd_before",
    "r_ifd_after": "r_ifd_after",
    "length_before": "length_before",
    "length_after": "length_after",
    "log_length_before": "ln(nullif(length_before, 0))",
    "log_length_after": "ln(nullif(length_after, 0))",
}
"""The measures that can be plotted, by name, as SQL over `FINISHED`. Lengths are characters of the response, their
logarithms natural; after: of what would leave now, a person's decisions included."""

_FIGURES = f"figures WHERE run = :run AND sample NOT IN {DROPPED}"


FEW_SCORED = 10
"""Scored samples below which no median is said: it would be a claim from next to nothing."""


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
    """Counts of samples by (instruction stage's verdict, response stage's verdict)."""

    counts: dict[tuple[str | None, str | None], int]


@dataclass(frozen=True, slots=True)
class Growth:
    """Changes of the responses' lengths, over the samples that were rewritten."""

    rewritten: int
    longer: int
    shorter: int
    weighed: int  # of the rewritten, those with an IFD before and after
    correlation: float | None  # Pearson's, over those, of ln(length after / before) with the change in IFD


@dataclass(frozen=True, slots=True)
class PairedMedians:
    """The medians of a score before and after, over the same samples: those that have both."""

    pairs: int
    decided: int  # of them, what a person decided is what leaves
    before: float | None  # None where there is no pair
    after: float | None


class Distribution:
    """One run's figures. The connection is the caller's; every method may take a second for a million samples."""

    def __init__(self, reading: Workspace, run: Run) -> None:
        self._reading = reading
        self._run = run

    def finished(self) -> int:
        """Samples that have an outcome."""
        ((count,),) = self._rows(f"SELECT count(*) FROM {_FIGURES}")
        return int(count)

    def remaining(self) -> int:
        """`count_remaining`."""
        return count_remaining(self._reading)

    def spread(self, measure: str) -> Spread:
        value = MEASURES[measure]
        ((count, total),) = self._rows(f"SELECT count({value}), count(*) FROM {FINISHED}")
        if not count:
            return Spread(0, total, None, None, None)
        cut, middle = count // 200, (count - 1) // 2
        ranks = {"low": cut, "middle": middle, "above": count // 2, "high": count - 1 - cut}
        found = dict(
            self._rows(
                f"SELECT n, v FROM (SELECT {value} AS v, row_number() OVER (ORDER BY {value}) - 1 AS n "
                f"FROM {FINISHED} WHERE {value} IS NOT NULL) WHERE n IN (:low, :middle, :above, :high)",
                **ranks,
            )
        )
        with self._reading.database.understood():
            low, middle_value, above, high = (float(found[rank]) for rank in ranks.values())
            return Spread(count, total - count, low, (middle_value + above) / 2, high)

    def medians(self, score: str) -> PairedMedians:
        """Of "ifd" or "r_ifd"."""
        before, after = MEASURES[f"{score}_before"], MEASURES[f"{score}_after"]
        both = f"FROM {FINISHED} WHERE {before} IS NOT NULL AND {after} IS NOT NULL"
        ((pairs, decided),) = self._rows(f"SELECT count(*), count(decision) {both}")

        def median(value: str) -> float | None:
            middle = f"SELECT {value} AS v {both} ORDER BY v LIMIT 2 - :pairs % 2 OFFSET (:pairs - 1) / 2"
            ((found,),) = self._rows(f"SELECT avg(v) FROM ({middle})", pairs=pairs)
            return None if found is None else float(found)

        with self._reading.database.understood():
            return PairedMedians(pairs, decided, median(before), median(after))

    def histogram(self, measure: str, low: float, high: float, bins: int) -> Histogram:
        counts, missing = [0] * bins, 0
        bin = _bin(MEASURES[measure], "low", "high", "bins")
        values = {"low": low, "high": high, "bins": bins}
        for number, count in self._rows(f"SELECT {bin} AS b, count(*) FROM {FINISHED} GROUP BY b", **values):
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
        query = f"SELECT {up} AS r, {across} AS c, count(*), sum(rewritten) FROM {FINISHED} GROUP BY r, c"
        for row, column, count, taken in self._rows(query, **values):
            if row is not None and column is not None:
                cells[row][column], replaced[row][column] = count, taken
        return Scatter(x_range, y_range, tuple(map(tuple, cells)), tuple(map(tuple, replaced)))

    def flow(self) -> Flow:
        query = f"SELECT instruction, response, count(*) FROM {_FIGURES} GROUP BY instruction, response"
        return Flow({(first, second): count for first, second, count in self._rows(query)})

    def rewritten(self, most: int) -> list[int]:
        """Samples of which a rewrite would leave, in order: all, or so many of them, evenly spread."""
        query = (
            "SELECT sample FROM (SELECT sample, row_number() OVER (ORDER BY sample) - 1 AS n, count(*) OVER () "
            f"AS total FROM {FINISHED} WHERE rewritten) WHERE n * :most % total < :most ORDER BY sample"
        )
        return [sample for (sample,) in self._rows(query, most=most)]

    def decisions(self) -> dict[str, int]:
        """Samples by what a person decided, the most frequent first."""
        return dict(
            self._rows("SELECT decision, count(*) FROM standing GROUP BY decision ORDER BY 2 DESC, 1")
        )

    def growth(self) -> Growth:
        rewritten = f"{FINISHED} WHERE rewritten"
        ((count, longer, shorter),) = self._rows(
            "SELECT count(*), coalesce(sum(length_after > length_before), 0), "
            f"coalesce(sum(length_after < length_before), 0) FROM {rewritten}"
        )
        # Around the means, for the sums of squares would lose digits.
        ((weighed, both, lengths, changes),) = self._rows(
            f"WITH pairs AS (SELECT {MEASURES['log_length_after']} - {MEASURES['log_length_before']} AS x, "
            f"{MEASURES['ifd_after']} - ifd_before AS y FROM {rewritten} AND x + y IS NOT NULL), "
            "means AS (SELECT avg(x) AS mx, avg(y) AS my FROM pairs) "
            "SELECT count(*), sum((x - mx) * (y - my)), sum((x - mx) * (x - mx)), sum((y - my) * (y - my)) "
            "FROM pairs, means"
        )
        with self._reading.database.understood():
            # Where one of them hardly varies, there is nothing to go together.
            varied = weighed > 2 and min(lengths, changes) > 1e-12 * weighed
            correlation = both / math.sqrt(lengths * changes) if varied else None
        return Growth(count, longer, shorter, weighed, correlation)

    def kept_by(self, rule: ExportRule, threshold: float | None = None, share: TopShare | None = None) -> int:
        """`count_exported` of this run; without a share, `top` takes all it may."""
        return count_exported(self._reading, self._run, rule, share, threshold=threshold)

    def baselines(self, rule: ExportRule, share: TopShare | None) -> Baselines | None:
        """The samples that a rule chooses of this run, compared with as many random ones and the longest."""
        return baselines(self._reading, self._run, rule, share)

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
