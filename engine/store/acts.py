"""The acts of a person: each is done, undone and redone as a whole, however many samples it is about.

An act appends entries about samples to a log, a table; another table holds what stands now: of each sample the last
entry whose act is done. An act is carried out in slices, each a transaction of its own, so that whatever else works on
the file goes on between them. Until it is whole it does not count, and a file that was left on the way is opened
without it.
"""

from __future__ import annotations

import json
from array import array
from collections.abc import Generator, Iterable, Iterator
from dataclasses import dataclass
from enum import IntEnum
from itertools import islice
from typing import Any, TypeVar

from engine.store.database import Database
from engine.store.file_errors import damaged

T = TypeVar("T")

Steps = Generator[int, None, T]
"""Something done in slices: yields after each how many samples are done, and returns its result at the end. One runs at
a time, and nothing else is decided, undone or weighed between its slices."""

SLICE = 1000
"""Samples in a slice: some twenty milliseconds."""

WINDOW = 256
"""Samples that are read at a time."""


class _ActState(IntEnum):
    """The state of an act, in `acts.undone`."""

    DONE = 0
    UNDONE = 1  # and can be done again
    UNDER_WAY = 2  # to one of the others
    FORGOTTEN = 3  # about to be deleted


@dataclass(frozen=True, slots=True)
class SampleLog:
    """A table of entries about samples, and that of the entries that stand."""

    entries: str  # columns: sample, body (JSON, "null" for nothing), act
    standing: str  # at most a row for each sample
    columns: str  # of `standing`, beside the sample
    values: str  # SQL of these, from a `body`


@dataclass(frozen=True, slots=True)
class Act:
    """An act of a person that was undone or redone."""

    what: str
    samples: array[int]  # that it is about


class Acts:
    """The acts of a workspace. Each is about one log."""

    def __init__(self, database: Database, logs: tuple[SampleLog, ...]) -> None:
        self._database = database
        self._logs = logs

    def recover(self) -> None:
        """Take back the acts that were left on the way when the file was last open."""
        for (act,) in self._database.execute("SELECT act FROM acts WHERE undone = ?", _ActState.UNDER_WAY):
            whole(self._switch(act, _ActState.UNDONE))
        whole(self._forget())

    def do_in_steps(self, log: SampleLog, what: str, entries: Iterable[tuple[int, str]]) -> Steps[int]:
        """Append entries to a log in one act; the samples it is about.

        Unless that is none, what had been undone before can no longer be redone. `what` says what is undone, for a
        person to read. Where `entries` raises, nothing was done.
        """
        act, count, done = 0, 0, False
        entries = iter(entries)
        try:
            while not done:
                found = list(islice(entries, SLICE))
                count += len(found)
                done = len(found) < SLICE
                with self._database.transaction() as db:
                    if not act:
                        values = what, _ActState.UNDER_WAY
                        act = (
                            db.execute("INSERT INTO acts (what, undone) VALUES (?, ?)", values).lastrowid or 0
                        )
                    db.executemany(
                        f"INSERT INTO {log.entries} (sample, body, act) VALUES (?, ?, ?)",
                        ((sample, body, act) for sample, body in found),
                    )
                    self.stand(log, [sample for sample, _ in found], counting=act)
                    if done and count:
                        db.execute(
                            "UPDATE acts SET undone = ? WHERE undone = ?",
                            (_ActState.FORGOTTEN, _ActState.UNDONE),
                        )
                    if done:
                        self._mark(act, _ActState.DONE if count else _ActState.FORGOTTEN)
                yield count
        except Exception:
            if act:
                yield from self._switch(act, _ActState.FORGOTTEN)
                yield from self._forget()
            raise
        yield from self._forget()
        return count

    def undo_in_steps(self) -> Steps[Act | None]:
        """Take back the last act; None if there is none."""
        return self._switch_last(
            "SELECT max(act), what FROM acts WHERE undone IN (?, ?)", _ActState.DONE, _ActState.UNDER_WAY
        )

    def redo_in_steps(self) -> Steps[Act | None]:
        """Do again what was undone last; None if nothing was, or something else was done since."""
        return self._switch_last("SELECT min(act), what FROM acts WHERE undone = ?", _ActState.UNDONE)

    def undo(self) -> Act | None:
        """`undo_in_steps`, at once."""
        return whole(self.undo_in_steps())

    def redo(self) -> Act | None:
        """`redo_in_steps`, at once."""
        return whole(self.redo_in_steps())

    def stand(self, log: SampleLog, samples: list[int], *, counting: int | None = None) -> None:
        """Let the last entry of each of these samples stand. The act `counting` counts though it is under way."""
        with self._database.understood():
            several = json.dumps(samples)
        self._database.execute(
            f"DELETE FROM {log.standing} WHERE sample IN (SELECT value FROM json_each(?))", several
        )
        self._database.execute(
            f"INSERT INTO {log.standing} (sample, {log.columns}) SELECT sample, {log.values} FROM ("
            f"SELECT e.sample, e.body, max(e.rowid) FROM json_each(?) AS s CROSS JOIN {log.entries} AS e "
            "ON e.sample = s.value JOIN acts USING (act) WHERE undone = 0 OR act = ? GROUP BY e.sample"
            ") WHERE body <> 'null'",
            several,
            counting,
        )

    def _mark(self, act: int, state: _ActState) -> None:
        self._database.execute("UPDATE acts SET undone = ? WHERE act = ?", state, act)

    def _switch_last(self, query: str, *states: _ActState) -> Steps[Act | None]:
        ((act, what),) = self._database.execute(query, *states)
        if act is None:
            return None
        now = _ActState.DONE if states == (_ActState.UNDONE,) else _ActState.UNDONE
        return Act(what, (yield from self._switch(act, now)))

    def _switch(self, act: int, state: _ActState) -> Steps[array[int]]:
        """Have an act stand, or with another state than DONE stand no more; the samples it is about, in order."""
        log = self._log_of(act)
        samples: set[int] = set()
        last, done = 0, False
        while not done:
            with self._database.transaction():
                if not last:
                    self._mark(act, _ActState.UNDER_WAY)
                found = self._database.execute(
                    f"SELECT rowid, sample FROM {log.entries} WHERE act = ? AND rowid > ? ORDER BY rowid LIMIT ?",
                    act,
                    last,
                    SLICE,
                )
                self.stand(
                    log, [sample for _, sample in found], counting=act if state is _ActState.DONE else None
                )
                if done := len(found) < SLICE:
                    self._mark(act, state)
            for rowid, _ in found:
                last = self._database.onward(last, rowid)
            samples.update(sample for _, sample in found)
            yield len(samples)
        with self._database.understood():
            return array("q", sorted(samples))

    def _log_of(self, act: int) -> SampleLog:
        """The log that an act is about; any, where it is about no sample."""
        *others, last = self._logs
        entry = "SELECT 1 FROM {} WHERE act = ? LIMIT 1"
        return next((log for log in others if self._database.execute(entry.format(log.entries), act)), last)

    def _forget(self) -> Steps[None]:
        """Delete the acts that are to be forgotten."""
        while self._database.execute("SELECT 1 FROM acts WHERE undone = ?", _ActState.FORGOTTEN):
            with self._database.transaction() as db:
                left = SLICE
                for log in self._logs:
                    deleted = db.execute(
                        f"DELETE FROM {log.entries} WHERE rowid IN (SELECT e.rowid FROM acts CROSS JOIN "
                        f"{log.entries} AS e USING (act) WHERE undone = ? LIMIT ?)",
                        (_ActState.FORGOTTEN, left),
                    )
                    left -= deleted.rowcount
                if left:
                    acts = db.execute("DELETE FROM acts WHERE undone = ?", (_ActState.FORGOTTEN,))
                    if not acts.rowcount:
                        raise damaged(self._database.path, "holds an act that cannot be deleted")
            yield 0


def whole(steps: Steps[T]) -> T:
    """Everything done in steps, at once; its result."""
    while True:
        try:
            next(steps)
        except StopIteration as end:
            result: T = end.value
            return result


def of_samples(
    database: Database, table: str, column: str, samples: Iterable[int], *values: object
) -> Iterator[Any]:
    """Each of these samples that `table` has, in SQL over `wanted.value`, and its `column`, a window at a time."""
    samples = iter(samples)
    while window := list(islice(samples, WINDOW)):
        query = f"SELECT wanted.value, {column} FROM json_each(?) AS wanted CROSS JOIN {table}"
        yield from database.execute(query, json.dumps(window), *values)
