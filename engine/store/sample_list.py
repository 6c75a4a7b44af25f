"""The samples as a person goes through them: in any order, some of them or all, a window at a time.

An order or a filter is worked out by SQLite into a table of positions that lives as long as the listing; the
dataset's own order needs none, so that the first rows are there at once, whatever the number of samples.
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from engine.examine.flags import Flag
from engine.sample import PARTS, Annotation
from engine.store.annotations import NONE, has_note, has_tags
from engine.store.file_errors import Interrupted
from engine.store.leaving_view import LEAVING, SOH, text_part
from engine.store.search_line import NUMBERS, FieldText, NumberRange
from engine.store.workspace import Run, Workspace

SHOWN = 400
"""Characters of an instruction that a row carries."""


class SampleState(StrEnum):
    """The progress of a sample. A person's decision comes before the student's."""

    WAITING = "waiting"
    DONE = "done"
    FAILED = "failed"
    ACCEPTED = "accepted"
    ORIGINAL = "original"
    CHOSEN = "chosen"
    EDITED = "edited"
    DROPPED = "dropped"


class SampleColumn(StrEnum):
    NUMBER = "number"
    ROW = "row"
    STATE = "state"
    INSTRUCTION = "instruction"
    IFD_BEFORE = "ifd_before"
    IFD_AFTER = "ifd_after"
    R_IFD_BEFORE = "r_ifd_before"
    R_IFD_AFTER = "r_ifd_after"
    LENGTH_BEFORE = "length_before"
    LENGTH_AFTER = "length_after"
    MARGIN = "margin"
    EQUAL_MARGIN = "equal_margin"
    VERDICT = "verdict"
    RATING_BEFORE = "rating_before"
    RATING_AFTER = "rating_after"


class FilterTerm(StrEnum):
    """A mark that a filter can ask for. Of marks of one kind any will do; every kind asked for must be met."""

    WAITING = "waiting"
    DONE = "done"
    FAILED = "failed"
    ACCEPTED = "accepted"
    ORIGINAL = "original"
    CHOSEN = "chosen"
    EDITED = "edited"
    DROPPED = "dropped"
    INSTRUCTION_REPLACED = "instruction replaced"
    RESPONSE_REPLACED = "response replaced"
    ALL_KEPT = "all kept"
    NEAR_TIE = "near tie"
    LENGTH_DECIDES = "length decides"
    INPUT_LOST = "input lost"
    TRUNCATED = "truncated"
    UNSCORABLE = "unscorable"
    REASONING_DROPPED = "reasoning dropped"
    FIELDS_CHANGED = "fields changed"
    EARLIER_TURN = "earlier turn"
    LAST_TURN = "last turn"
    HAS_HISTORY = "has history"
    UNREVIEWED = "unreviewed"
    NOTED = "has a note"
    TAGGED = "has a tag"
    DUPLICATE = "duplicate"
    NEAR_DUPLICATE = "near duplicate"
    EMPTY = "empty field"
    COPIED = "copied field"
    REFUSAL = "refusal"
    OTHER_LANGUAGE = "other language"
    PERSONAL = "personal data"
    IN_TEST = "in the test"


DOUBTFUL = (FilterTerm.NEAR_TIE, FilterTerm.INPUT_LOST)
"""The marks of samples that a person should look at first."""

_NONCHARACTER = "\\ufdd0"  # in no text, Unicode says

_KEYS = {
    **{column: column.value for column in SampleColumn},
    SampleColumn.NUMBER: "s.sample",
    SampleColumn.ROW: "s.number",
    SampleColumn.INSTRUCTION: f"lower(substr({text_part('s.body', '$[0]', SOH)}, 1, 80))",
    SampleColumn.MARGIN: "instruction_margin",
    SampleColumn.EQUAL_MARGIN: "instruction_equal_margin",
    SampleColumn.VERDICT: "2 * (instruction = 'replaced') + (response = 'replaced')",
}
"""The keys that samples are ordered by, as SQL over `LEAVING AS s`."""

_KINDS: tuple[dict[FilterTerm, str], ...] = (
    {mark: f"state = '{mark}'" for mark in map(FilterTerm, SampleState)},
    {
        FilterTerm.INSTRUCTION_REPLACED: "instruction = 'replaced'",
        FilterTerm.RESPONSE_REPLACED: "response = 'replaced'",
        FilterTerm.ALL_KEPT: "(instruction = 'kept' AND response = 'kept')",
    },
    {
        FilterTerm.NEAR_TIE: "near_tie",
        FilterTerm.LENGTH_DECIDES: "length_decides",
        FilterTerm.INPUT_LOST: "input_lost",
        FilterTerm.TRUNCATED: "truncated",
        FilterTerm.UNSCORABLE: "unscorable",
        FilterTerm.REASONING_DROPPED: "reasoning_dropped",
        FilterTerm.FIELDS_CHANGED: "fields_changed",
    },
    {FilterTerm.EARLIER_TURN: "NOT ends", FilterTerm.LAST_TURN: "ends"},
    {FilterTerm.HAS_HISTORY: "history"},
    {FilterTerm.UNREVIEWED: "(finished AND decision IS NULL)"},
    {FilterTerm.NOTED: has_note("annotation"), FilterTerm.TAGGED: has_tags("annotation")},
    {
        mark: f"EXISTS (SELECT 1 FROM findings AS g WHERE g.flag = '{mark}' AND g.sample = s.sample)"
        for mark in map(FilterTerm, Flag)
    },
)


@dataclass(frozen=True, slots=True)
class SampleFilter:
    """The samples that hold `text` in their original (ASCII letters of either case), and a field's own in that field,
    with all marks, within all ranges, and with notes and tags as `SearchTerms` asks for."""

    text: str = ""
    marks: frozenset[FilterTerm] = frozenset()
    ranges: tuple[NumberRange, ...] = ()
    fields: tuple[FieldText, ...] = ()
    notes: tuple[str, ...] = ()
    tags: tuple[str, ...] = ()

    def texts_in(self, part: str) -> list[str]:
        """The texts that are sought in a part of the original."""
        return [*filter(None, [self.text]), *(one.text for one in self.fields if one.field == part)]


@dataclass(frozen=True, slots=True)
class SampleRow:
    """A sample in a list. Scores and lengths after are those of what would leave now; None: not known, or not yet."""

    index: int
    number: int  # of its row
    turn: int
    ends: bool  # nothing follows it in its row
    instruction: str  # its beginning
    annotation: Annotation  # a person's
    state: SampleState
    instruction_verdict: str | None  # kept, replaced or failed
    response_verdict: str | None
    near_tie: bool
    length_decides: bool
    input_lost: bool  # most of it stands no more in what is asked, and nobody decided
    truncated: bool
    unscorable: bool
    reasoning_dropped: bool  # with the answer that it led to
    fields_changed: bool  # others follow the texts
    failed: bool
    ifd_before: float | None
    ifd_after: float | None
    r_ifd_before: float | None
    r_ifd_after: float | None
    length_before: int  # characters of the response
    length_after: int | None
    margin: float | None  # of the instruction stage, in log-ratio
    equal_margin: float | None  # the same at equal length
    rating_before: int | None = None  # the latest judge's, 1 to 10
    rating_after: int | None = None


class SampleList:
    """The samples of a workspace, ordered and filtered. Used by one thread, but for `interrupt`."""

    def __init__(self, workspace: Workspace, run: Run | None) -> None:
        """`workspace` is read through a connection of this listing's own; None for `run`: nothing was run yet."""
        self.path = workspace.path
        self.reading = Workspace.read(workspace.path)
        self._run = run.id if run is not None else -1
        self._samples = len(self.reading)
        self._arranged: str | None = None  # the table of positions; None: the dataset's own order, unfiltered
        self._length = 0  # of that table
        self.only = SampleFilter()  # by which samples are left out
        self._downwards = False  # without a table
        self._given_up = False

    def close(self) -> None:
        self.reading.close()

    def interrupt(self) -> None:
        """Make a running `arrange` give up, from any thread."""
        self._given_up = True  # SQLite forgets an interrupt that comes between two of its statements
        self.reading.database.interrupt()

    def __len__(self) -> int:
        return self._samples if self._arranged is None else self._length

    @property
    def examined(self) -> bool:
        """True once `stats` went through the dataset: before, no sample has a flag."""
        return bool(self.reading.database.execute("SELECT 1 FROM examined"))

    def follow(self, run: Run | None) -> None:
        """Show another run's outcomes from now on, and the samples that there are now."""
        self._samples = len(self.reading)
        self._run = run.id if run is not None else -1

    def arrange(
        self,
        by: SampleColumn = SampleColumn.NUMBER,
        *,
        descending: bool = False,
        only: SampleFilter = SampleFilter(),
    ) -> int:
        """Put the samples in an order and leave some out; how many there are.

        A sample without the number goes last in either direction; equals stay in the dataset's order. Raises
        `database.Interrupted`, with the samples as they were before.
        """
        self._given_up = False
        if only == SampleFilter() and by is SampleColumn.NUMBER:
            self._arranged, self._downwards, self.only = None, descending, only
            return len(self)
        key, conditions, values = _KEYS[by], [], dict[str, Any](run=self._run)
        sought: list[tuple[str, str, Sequence[str]]]
        sought = [(one.text, "s.body", [_path(one.field)]) for one in only.fields]
        sought += [(text, "annotation", ["$.note"]) for text in only.notes if text]
        if only.text:
            sought.append((only.text, "s.body", [_path(part) for part in PARTS]))
        for name, (text, body, paths) in enumerate(sought):
            # Bytes, for they can hold half a surrogate pair, and of them Python lowers what SQLite lowers.
            lowered = text.replace("\0", "\ufdd0").encode("utf-8", "surrogatepass").lower()
            values |= {f"text{name}": lowered, f"stored{name}": _pattern(text)}
            held = " OR ".join(
                f"instr(lower({text_part(body, path, _NONCHARACTER)}), CAST(:text{name} AS TEXT))"
                for path in paths
            )
            # The text as it is stored, first: most samples need no more, and LIKE is twice as fast as instr.
            conditions.append(f"{body} LIKE :stored{name} ESCAPE char(1) AND ({held})")
        if "" in only.notes:
            conditions.append(has_note("annotation"))
        for name, tag in enumerate(only.tags):
            values[f"tag{name}"] = tag
            among = f"EXISTS (SELECT 1 FROM json_each(annotation, '$.tags') WHERE value = :tag{name})"
            conditions.append(among if tag else has_tags("annotation"))
        for name, one in enumerate(only.ranges):
            values[f"limit{name}"] = one.limit
            conditions.append(f"{NUMBERS[one.name]} {one.sign} :limit{name}")
        for kind in _KINDS:
            if wanted := [condition for mark, condition in kind.items() if mark in only.marks]:
                conditions.append(f"({' OR '.join(wanted)})")
        where = " AND ".join(conditions) or "1"
        order = f"{key} {'DESC' if descending else 'ASC'}"
        if by is SampleColumn.ROW:
            order = f"{order}, turn"
        elif by is not SampleColumn.NUMBER:
            order = f"{key} IS NULL, {order}, s.sample"
        db = self.reading.database
        # Beside the table in use: whatever happens here, that one is whole.
        table = "first" if self._arranged == "second" else "second"
        db.execute(f"DROP TABLE IF EXISTS temp.{table}")
        db.execute(f"CREATE TEMP TABLE {table} (position INTEGER PRIMARY KEY, sample INTEGER)")
        if self._given_up:
            raise Interrupted
        db.execute(
            f"INSERT INTO {table} (sample) SELECT s.sample FROM {LEAVING} AS s WHERE {where} ORDER BY {order}",
            **values,
        )
        db.execute(f"CREATE INDEX temp.{table}_by_sample ON {table} (sample)")
        ((length,),) = db.execute(f"SELECT coalesce(max(position), 0) FROM {table}")
        self._arranged, self._length, self.only = table, length, only
        return len(self)

    def window(self, start: int, count: int) -> list[SampleRow]:
        """The rows at positions `start` and on, `count` at most."""
        start = max(start, 0)
        if self._arranged is None:
            first = len(self) - start - count if self._downwards else start
            last = first + count
            where, values = "s.sample >= :first AND s.sample < :last", {"first": first, "last": last}
            order = "s.sample DESC" if self._downwards else "s.sample"
        else:
            where, values = "position > :first AND position <= :last", {"first": start, "last": start + count}
            order = "position"
        query = (
            "SELECT s.sample, s.body, s.number, turn, ends, state, instruction, response, near_tie, "
            "length_decides, input_lost, truncated, unscorable, reasoning_dropped, fields_changed, failed, "
            "ifd_before, ifd_after, r_ifd_before, r_ifd_after, length_before, length_after, "
            "instruction_margin, instruction_equal_margin, rating_before, rating_after, annotation "
            f"FROM {self._tables()} AND {where} ORDER BY {order}"
        )
        return [self._row(found) for found in self._rows(query, **values)]

    def sample_at(self, position: int) -> int:
        """The sample at a position. Raises `IndexError`."""
        if not 0 <= position < len(self):
            raise IndexError(position)
        if self._arranged is None:
            return len(self) - 1 - position if self._downwards else position
        rows = self._rows(f"SELECT sample FROM {self._arranged} WHERE position = :place", place=position + 1)
        return int(rows[0][0])

    def position_of(self, sample: int) -> int | None:
        """The position of a sample; None if it is left out."""
        if self._arranged is None:
            if not 0 <= sample < len(self):
                return None
            return len(self) - 1 - sample if self._downwards else sample
        rows = self._rows(f"SELECT position FROM {self._arranged} WHERE sample = :sample", sample=sample)
        return int(rows[0][0]) - 1 if rows else None

    def next(self, position: int, *marks: FilterTerm, step: int = 1) -> int | None:
        """The nearest position after this one (with `step` -1: before) whose sample has one of the marks, around the
        end."""
        condition = " OR ".join(kind[mark] for kind in _KINDS for mark in marks if mark in kind)
        forward = (step > 0) != (self._arranged is None and self._downwards)
        place: int
        if self._arranged is None:
            column, place = "s.sample", len(self) - 1 - position if self._downwards else position
        else:
            column, place = "position", position + 1
        sign, order = (">", "ASC") if forward else ("<", "DESC")
        for limit in (f"AND {column} {sign} :place", ""):
            rows = self._rows(
                f"SELECT {column} FROM {self._tables()} AND ({condition}) {limit} ORDER BY {column} {order} LIMIT 1",
                place=place,
            )
            if rows:
                found = int(rows[0][0])
                if self._arranged is not None:
                    return found - 1
                return len(self) - 1 - found if self._downwards else found
        return None

    def samples(self, start: int = 0, stop: int | None = None) -> Iterator[int]:
        """The samples at positions `start` to `stop`, in order, a window at a time."""
        stop = len(self) if stop is None else min(stop, len(self))
        if self._arranged is None:
            last = len(self) - 1
            yield from range(last - start, last - stop, -1) if self._downwards else range(start, stop)
            return
        for first in range(start, stop, 1000):
            rows = self._rows(
                f"SELECT sample FROM {self._arranged} WHERE position > :first AND position <= :last ORDER BY position",
                first=first,
                last=min(first + 1000, stop),
            )
            yield from (int(sample) for (sample,) in rows)

    def _tables(self) -> str:
        """The samples of the list, with a condition begun."""
        if self._arranged is None:
            return f"{LEAVING} AS s WHERE 1"
        # CROSS: the table of positions leads, whatever SQLite would guess of its size.
        return f"{self._arranged} AS p CROSS JOIN {LEAVING} AS s WHERE s.sample = p.sample"

    def _row(self, found: tuple[Any, ...]) -> SampleRow:
        index, body, number, turn, ends, state, instruction, response, *flags = found[:16]
        *numbers, annotation = found[16:]
        with self.reading.database.understood():
            return SampleRow(
                index,
                number,
                turn,
                bool(ends),
                _opening(json.loads(body)),
                Annotation.model_validate(json.loads(annotation)) if annotation else NONE,
                SampleState(state),
                instruction,
                response,
                *map(bool, flags),
                *_finite(numbers),
            )

    def _rows(self, query: str, **values: object) -> list[Any]:
        return self.reading.database.execute(query, run=self._run, **values)


def _path(part: str) -> str:
    """The JSON path of a text of the original in a sample's body."""
    return f"$[{PARTS.index(part)}]"


def _pattern(text: str) -> str:
    """A pattern for LIKE that finds a text as JSON writes it; of a long one the beginning, as patterns have a limit."""
    stored = json.dumps(text[:1000])[1:-1].replace("%", "\1%").replace("_", "\1_")
    return f"%{stored}%"


def _opening(stored: Any) -> str:
    if not isinstance(stored[0], str):
        raise TypeError
    return stored[0][:SHOWN]


def _finite(numbers: Sequence[Any]) -> Sequence[Any]:
    """The numbers as they are. Raises ValueError or TypeError for one that is neither finite nor None."""
    if not all(number is None or math.isfinite(number) for number in numbers):
        raise ValueError
    return numbers
