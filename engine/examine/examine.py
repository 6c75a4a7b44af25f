"""The examination of a dataset before it is refined: what it holds, and which samples a person should see first.

One pass, one sample in memory at a time. The findings go into temporary files, one a flag; a few dozen bytes a sample
stay in memory, and 256 in further temporary files (`duplicates`).
"""

from __future__ import annotations

import json
import tempfile
from array import array
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack, closing
from itertools import islice
from pathlib import Path
from typing import IO, Any, Protocol, Self

import numpy as np

from engine.examine.duplicates import Duplicates
from engine.examine.flags import Finding, Flag, Lengths, Stats, TestSet, copied_fields, empty_fields, refuses
from engine.examine.languages import Languages
from engine.examine.overlap import TestTexts
from engine.examine.personal_data import personal_data, without_personal_data
from engine.formats.fields import Columns
from engine.formats.following import reasoning_of
from engine.formats.names import Format
from engine.formats.read import any_rows
from engine.formats.write import nothing
from engine.sample import History, Sample, Version
from models.files.digest import sha256_of

Details = Sequence[Mapping[str, Any]]


class RowSource(Protocol):
    """A dataset, by the way its rows are read."""

    @property
    def format(self) -> Format: ...

    @property
    def columns(self) -> Columns: ...


class Examination:
    """The examination of one dataset. To be closed: its findings lie in temporary files."""

    def __init__(self, against: Path | None = None, encoding: str | None = None) -> None:
        """`against`: a test's file, of rows of any shape, in this encoding. Raises as `any_rows` does."""
        self._test = TestTexts(any_rows(against, encoding)) if against is not None else None
        self._against = against
        self._files = ExitStack()
        # Of each flag its findings, in order of the samples: a line of JSON each.
        self._found = {flag: self._files.enter_context(_spool()) for flag in Flag}
        self._counts = Counter[Flag]()  # samples
        self._personal = Counter[str]()  # samples by kind
        self._flagged = bytearray()  # by sample: 1 where it has a flag

    def close(self) -> None:
        self._files.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def examine(
        self, samples: Iterable[Sample], step: Callable[[], None] = nothing, source: RowSource | None = None
    ) -> Stats:
        """Go, once, through all samples, which are numbered from 0 in order. `step` is called for each.

        `source`: of their rows, to look for reasoning in them.
        """
        languages, asked, answered, reasoning = Languages(), array("L"), array("L"), 0
        row, seen = None, 0
        with closing(Duplicates()) as duplicates:
            for sample in samples:
                step()
                version = sample.original
                duplicates.add(version, sample.history)
                self._flagged.append(0)
                reasoning += source is not None and bool(reasoning_of(sample, source.format, source.columns))
                languages.add(version.instruction, version.input, version.response)
                asked.append(len(version.instruction) + len(version.input))
                answered.append(len(version.response))
                # Of several exchanges in a row, each turn is looked at once, in the first that holds it.
                before = _named_turns(sample.history)[seen if sample.number == row else 0 :]
                row, seen = sample.number, len(sample.history) + 2
                for flag, details in self._flags(version, before):
                    self._keep(sample.index, flag, details)
            for found in duplicates.found():
                if found.likeness is None:
                    self._keep(found.sample, Flag.DUPLICATE, [{"of": found.of}])
                else:
                    self._keep(
                        found.sample, Flag.NEAR_DUPLICATE, [{"of": found.of, "likeness": found.likeness}]
                    )
        for index, language in languages.others():
            self._keep(index, Flag.OTHER_LANGUAGE, [{"language": language}])
        return Stats(
            samples=len(asked),
            flagged=sum(self._flagged),
            flags={
                flag: self._counts[flag]
                for flag in Flag
                if flag is not Flag.IN_TEST or self._test is not None
            },
            languages=languages.counts(),
            instruction=_lengths(asked),
            response=_lengths(answered),
            personal=dict(sorted(self._personal.items(), key=lambda kind: (-kind[1], kind[0]))),
            against=self._tested(),
            reasoning=reasoning,
        )

    def findings(self, flag: Flag, limit: int | None = None) -> Iterator[Finding]:
        """The samples with a flag, in order; the first of them with a limit. One walk through a flag at a time."""
        file = self._found[flag]
        file.seek(0)
        for line in islice(file, limit):
            sample, details = json.loads(line)
            yield Finding(sample, flag, tuple(details))

    def all_findings(self) -> Iterator[Finding]:
        """The findings of every flag, flag by flag."""
        return (found for flag in Flag for found in self.findings(flag))

    def _flags(self, version: Version, before: Sequence[tuple[str, str]]) -> Iterator[tuple[Flag, Details]]:
        """`before`: the turns that were said before it, each with its name."""
        yield Flag.EMPTY, empty_fields(version)
        yield Flag.COPIED, copied_fields(version)
        yield Flag.REFUSAL, [{"text": _excerpt(version.response)}] if refuses(version) else []
        fields = [*before, *version.model_dump().items()]
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

    def _keep(self, sample: int, flag: Flag, details: Details) -> None:
        if details:
            self._found[flag].write(json.dumps([sample, details]).encode("ascii") + b"\n")
            self._counts[flag] += 1
            self._flagged[sample] = 1
            if flag is Flag.PERSONAL:
                self._personal.update({str(found["kind"]) for found in details})

    def _tested(self) -> TestSet | None:
        test, path = self._test, self._against
        if test is None or path is None:
            return None
        return TestSet(
            path=str(path), sha256=sha256_of(path), rows=test.rows, texts=test.texts, short=test.short
        )


def _named_turns(history: History) -> list[tuple[str, str]]:
    """Each turn with a name as a field has one: `user turn 1` is the first of the user's."""
    count = Counter[str]()
    named = []
    for turn in history:
        count[turn.role] += 1
        named.append((f"{turn.role} turn {count[turn.role]}", turn.text))
    return named


def _spool() -> IO[bytes]:
    return tempfile.TemporaryFile()  # closed with the examination


def _excerpt(text: str, start: int = 0, end: int | None = None) -> str:
    """The beginning of a part of a text, everything personal in it masked."""
    return without_personal_data(text, start, end).strip()[:100]


def _personal(field: str, text: str) -> list[Mapping[str, Any]]:
    """The kinds of personal data in a field: how often each, and the first of them, masked."""
    counts, masked = Counter[str](), dict[str, str]()
    for found in personal_data(text):
        counts[found.kind] += 1
        masked.setdefault(found.kind, found.masked)
    return [
        {"field": field, "kind": kind, "count": count, "masked": masked[kind]}
        for kind, count in counts.items()
    ]


def _lengths(values: array[int]) -> Lengths:
    if not values:
        return Lengths(least=0, low=0, median=0, high=0, most=0)
    least, low, median, high, most = np.quantile(
        np.frombuffer(values, np.dtype(values.typecode)), (0, 0.05, 0.5, 0.95, 1), method="lower"
    )
    return Lengths(least=int(least), low=int(low), median=int(median), high=int(high), most=int(most))
