"""A look through a dataset before it is refined: what it holds, and which samples are worth a person's look first.

One pass, one sample in memory at a time. What is found goes into a temporary database; a few dozen bytes a sample
stay in memory, and 256 in temporary files (`duplicates`).
"""

from __future__ import annotations

import json
import sqlite3
from array import array
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import closing
from pathlib import Path
from typing import Any, Self

import numpy as np

from engine.examine.duplicates import Duplicates
from engine.examine.flags import Finding, Flag, Lengths, Stats, TestSet, copied_fields, empty_fields, refuses
from engine.examine.languages import Languages
from engine.examine.overlap import TestTexts
from engine.examine.personal_data import personal_data, without_personal_data
from engine.formats.read import any_rows
from engine.formats.write import nothing
from engine.sample import Sample, Version
from models.files.digest import sha256_of

Details = Sequence[Mapping[str, Any]]


class Examination:
    """A look through a dataset. To be closed: what it found lies in temporary files."""

    def __init__(self, against: Path | None = None) -> None:
        """`against`: a test's file, of rows of any shape. Raises `DatasetError` where it cannot be read."""
        self._test = TestTexts(any_rows(against)) if against is not None else None
        self._against = against
        # SQLite's own temporary file: on the disk once it is large, gone with the connection.
        # One thread after another: what one found another may keep.
        self._db = sqlite3.connect("", isolation_level=None, check_same_thread=False)
        self._db.execute(
            "CREATE TABLE findings (flag, sample, details, PRIMARY KEY (flag, sample)) WITHOUT ROWID"
        )
        self._db.execute("BEGIN")

    def close(self) -> None:
        self._db.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def examine(self, samples: Iterable[Sample], step: Callable[[], None] = nothing) -> Stats:
        """Look, once, through all samples, which are numbered from 0 in order. `step` is called for each."""
        languages, asked, answered = Languages(), array("L"), array("L")
        with closing(Duplicates()) as duplicates:
            for sample in samples:
                step()
                version = sample.original
                duplicates.add(version)
                languages.add(version.instruction, version.input, version.response)
                asked.append(len(version.instruction) + len(version.input))
                answered.append(len(version.response))
                for flag, details in self._flags(version):
                    self._keep(sample.index, flag, details)
            for again in duplicates.found():
                if again.likeness is None:
                    self._keep(again.sample, Flag.DUPLICATE, [{"of": again.of}])
                else:
                    self._keep(
                        again.sample, Flag.NEAR_DUPLICATE, [{"of": again.of, "likeness": again.likeness}]
                    )
        for index, language in languages.others():
            self._keep(index, Flag.OTHER_LANGUAGE, [{"language": language}])
        return Stats(
            samples=len(asked),
            flagged=self._count("SELECT count(DISTINCT sample) FROM findings"),
            flags={
                flag: self._count("SELECT count(*) FROM findings WHERE flag = ?", flag)
                for flag in self._sought()
            },
            languages=languages.counts(),
            instruction=_lengths(asked),
            response=_lengths(answered),
            personal=dict(self._db.execute(_PERSONAL, (Flag.PERSONAL,))),
            against=self._tested(),
        )

    def findings(self, flag: Flag, limit: int = -1) -> Iterator[Finding]:
        """The samples with a flag, in order; the first of them with a limit."""
        query = "SELECT sample, details FROM findings WHERE flag = ? ORDER BY sample LIMIT ?"
        for sample, details in self._db.execute(query, (flag, limit)):
            yield Finding(sample, flag, tuple(json.loads(details)))

    def all_findings(self) -> Iterator[Finding]:
        """Those of every flag, flag by flag."""
        return (found for flag in Flag for found in self.findings(flag))

    def _flags(self, version: Version) -> Iterator[tuple[Flag, Details]]:
        yield Flag.EMPTY, empty_fields(version)
        yield Flag.COPIED, copied_fields(version)
        yield Flag.REFUSAL, [{"text": _excerpt(version.response)}] if refuses(version) else []
        fields = version.model_dump().items()
        yield Flag.PERSONAL, [details for name, text in fields for details in _personal(name, text)]
        if self._test is not None:
            shared = [(name, text, self._test.find(text)) for name, text in fields]
            yield (
                Flag.IN_TEST,
                [
                    {"field": name, "row": found.row, "words": _excerpt(text, found.start, found.end)}
                    for name, text, found in shared
                    if found is not None
                ],
            )

    def _sought(self) -> list[Flag]:
        return [flag for flag in Flag if flag is not Flag.IN_TEST or self._test is not None]

    def _keep(self, sample: int, flag: Flag, details: Details) -> None:
        if details:
            self._db.execute("INSERT INTO findings VALUES (?, ?, ?)", (flag, sample, json.dumps(details)))

    def _count(self, query: str, *values: str) -> int:
        return int(self._db.execute(query, values).fetchone()[0])

    def _tested(self) -> TestSet | None:
        test, path = self._test, self._against
        if test is None or path is None:
            return None
        return TestSet(
            path=str(path), sha256=sha256_of(path), rows=test.rows, texts=test.texts, short=test.short
        )


def _excerpt(text: str, start: int = 0, end: int | None = None) -> str:
    """As much of a part of a text as tells what is meant, and nothing personal whole."""
    return without_personal_data(text, start, end).strip()[:100]


def _personal(field: str, text: str) -> list[Mapping[str, Any]]:
    """What is likely personal in a field, a kind each: how often, and the first masked."""
    counts, masked = Counter[str](), dict[str, str]()
    for found in personal_data(text):
        counts[found.kind] += 1
        masked.setdefault(found.kind, found.masked)
    return [
        {"field": field, "kind": kind, "count": count, "masked": masked[kind]}
        for kind, count in counts.items()
    ]


_PERSONAL = """
SELECT json_extract(value, '$.kind'), count(DISTINCT sample) FROM findings, json_each(details)
WHERE flag = ? GROUP BY 1 ORDER BY 2 DESC, 1
"""


def _lengths(values: array[int]) -> Lengths:
    if not values:
        return Lengths(least=0, low=0, median=0, high=0, most=0)
    least, low, median, high, most = np.quantile(
        np.frombuffer(values, np.dtype(values.typecode)), (0, 0.05, 0.5, 0.95, 1), method="lower"
    )
    return Lengths(least=int(least), low=int(low), median=int(median), high=int(high), most=int(most))
