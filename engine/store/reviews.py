"""A person's decisions on the samples: acts, each done, undone and redone as a whole, however many samples it is about.

Every decision is appended to the table `reviews`; `standing` holds those that count now: of each sample the last
review whose act is done. An act is carried out in slices, each a transaction of its own, so that whatever else works
on the file goes on between them. Until it is whole it does not count, and a file that was left on the way is opened
without it.
"""

from __future__ import annotations

import json
from array import array
from collections.abc import Generator, Iterable, Iterator
from dataclasses import dataclass
from enum import IntEnum
from itertools import islice
from typing import Any, NewType, TypeVar

from engine.sample import Candidate, Decision, Review, Scores, Version
from engine.store.database import Database
from engine.store.file_errors import damaged

T = TypeVar("T")

Steps = Generator[int, None, T]
"""Something done in slices: yields after each how many samples are done, and returns its result at the end. One runs at
a time, and nothing else is decided, undone or weighed between its slices."""

StoredReview = NewType("StoredReview", str)
"""A review as it is stored: its JSON, in ASCII."""

Reviews = Iterable[tuple[int, Review | StoredReview | None]]
"""Decisions about samples, by their numbers; None takes back what was decided."""

SLICE = 1000
"""Samples in a slice: some twenty milliseconds."""

WINDOW = 256
"""Samples of which reviews are made at a time."""


class _ActState(IntEnum):
    """The state of an act, in `acts.undone`."""

    DONE = 0
    UNDONE = 1  # and can be done again
    UNDER_WAY = 2  # to one of the others
    FORGOTTEN = 3  # about to be deleted


# The value of a length is that of `len`: SQLite counts characters up to a NUL, so another one stands for that.
_STAND = """
INSERT INTO standing (sample, decision, ifd, r_ifd, length, body)
SELECT sample, json_extract(body, '$.decision'), json_extract(body, '$.scores.ifd.value'),
    json_extract(body, '$.scores.r_ifd.value'),
    length(json_extract(replace(body, '\\u0000', '\\u0001'), '$.version.response')), body
FROM (
    SELECT r.sample, r.body, max(r.rowid) FROM json_each(?) AS s CROSS JOIN reviews AS r ON r.sample = s.value
    JOIN acts USING (act) WHERE undone = 0 OR act = ? GROUP BY r.sample
) WHERE body <> 'null'
"""


@dataclass(frozen=True, slots=True)
class Act:
    """An act of a person that was undone or redone."""

    what: str
    samples: array[int]  # that it is about


class ReviewLog:
    """All that a person decided in a workspace, and the rewrites that a person asked for."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def recover(self) -> None:
        """Take back the acts that were left on the way when the file was last open."""
        for (act,) in self._database.execute("SELECT act FROM acts WHERE undone = ?", _ActState.UNDER_WAY):
            _whole(self._switch(act, _ActState.UNDONE))
        _whole(self._forget())

    def standing(self, sample: int) -> Review | None:
        """The last decision about a sample that was not undone."""
        rows = self._database.execute("SELECT body FROM standing WHERE sample = ?", sample)
        return self._database.parsed(Review.model_validate, rows[0][0]) if rows else None

    def decided(self) -> int:
        """The number of samples about which a decision stands."""
        ((count,),) = self._database.execute("SELECT count(*) FROM standing")
        return int(count)

    def history(self, sample: int) -> list[Review]:
        """All decisions about a sample, oldest first, without those that were undone or taken back."""
        rows = self._database.execute(
            "SELECT body FROM reviews JOIN acts USING (act) WHERE sample = ? AND NOT undone AND body <> 'null' "
            "ORDER BY reviews.rowid",
            sample,
        )
        return [self._database.parsed(Review.model_validate, body) for (body,) in rows]

    # --- decisions about many samples ------------------------------------------------------------------------

    def accepting(self, run: int, samples: Iterable[int]) -> Iterator[tuple[int, StoredReview]]:
        """A review of each of these samples that has an outcome in a run, by its id: the student's choice is taken."""
        found = "outcomes AS o ON o.run = ? AND o.sample = wanted.value"
        for sample, version in self._of(found, "json_extract(o.body, '$.final')", samples, run):
            yield sample, _stored(sample, Decision.ACCEPTED, version)

    def restoring(self, samples: Iterable[int]) -> Iterator[tuple[int, StoredReview]]:
        """A review of each of these samples: the original stays."""
        return self._with_original(samples, Decision.ORIGINAL)

    def dropping(self, samples: Iterable[int]) -> Iterator[tuple[int, StoredReview]]:
        """A review of each of these samples: it leaves with no export."""
        return self._with_original(samples, Decision.DROPPED)

    def _with_original(
        self, samples: Iterable[int], decision: Decision
    ) -> Iterator[tuple[int, StoredReview]]:
        def version(stored: Any) -> str:
            return json.dumps(dict(zip(Version.model_fields, stored[:3], strict=True)))

        for sample, body in self._of("samples AS s ON s.sample = wanted.value", "s.body", samples):
            yield sample, _stored(sample, decision, self._database.parsed(version, body))

    def undecided(self, samples: Iterable[int]) -> Iterator[int]:
        """Those of these samples about which nobody has decided."""
        table = "(SELECT 1) LEFT JOIN standing AS s ON s.sample = wanted.value"
        for sample, decided in self._of(table, "s.sample", samples):
            if decided is None:
                yield sample

    def _of(self, table: str, column: str, samples: Iterable[int], *values: object) -> Iterator[Any]:
        """Each of these samples that `table` has, and its `column`, a window at a time."""
        samples = iter(samples)
        while window := list(islice(samples, WINDOW)):
            query = f"SELECT wanted.value, {column} FROM json_each(?) AS wanted CROSS JOIN {table}"
            yield from self._database.execute(query, json.dumps(window), *values)

    # --- acts ------------------------------------------------------------------------------------------------

    def keep_in_steps(self, what: str, reviews: Reviews) -> Steps[int]:
        """Decide about samples, or with None take back what was decided, in one act; the samples it is about.

        What had been undone before can no longer be redone. `what` says what is undone, for a person to read. Where
        `reviews` raises, nothing was decided.
        """
        act, count, whole = 0, 0, False
        reviews = iter(reviews)
        try:
            while not whole:
                found = list(islice(reviews, SLICE))
                count += len(found)
                whole = len(found) < SLICE
                with self._database.transaction() as db:
                    if not act:
                        values = what, _ActState.UNDER_WAY
                        act = (
                            db.execute("INSERT INTO acts (what, undone) VALUES (?, ?)", values).lastrowid or 0
                        )
                    db.executemany(
                        "INSERT INTO reviews (sample, body, act) VALUES (?, ?, ?)",
                        ((sample, _body(review), act) for sample, review in found),
                    )
                    self._stand([sample for sample, _ in found], counting=act)
                    if whole:
                        db.execute(
                            "UPDATE acts SET undone = ? WHERE undone = ?",
                            (_ActState.FORGOTTEN, _ActState.UNDONE),
                        )
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

    def keep_many(self, what: str, reviews: Reviews) -> int:
        """`keep_in_steps`, at once."""
        return _whole(self.keep_in_steps(what, reviews))

    def keep(self, review: Review) -> None:
        """Decide about one sample, in an act of its own."""
        self.keep_many(str(review.decision), [(review.index, review)])

    def undo(self) -> Act | None:
        """`undo_in_steps`, at once."""
        return _whole(self.undo_in_steps())

    def redo(self) -> Act | None:
        """`redo_in_steps`, at once."""
        return _whole(self.redo_in_steps())

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
        samples: set[int] = set()
        last, whole = 0, False
        while not whole:
            with self._database.transaction():
                if not last:
                    self._mark(act, _ActState.UNDER_WAY)
                found = self._database.execute(
                    "SELECT rowid, sample FROM reviews WHERE act = ? AND rowid > ? ORDER BY rowid LIMIT ?",
                    act,
                    last,
                    SLICE,
                )
                self._stand(
                    [sample for _, sample in found], counting=act if state is _ActState.DONE else None
                )
                if whole := len(found) < SLICE:
                    self._mark(act, state)
            for rowid, _ in found:
                last = self._database.onward(last, rowid)
            samples.update(sample for _, sample in found)
            yield len(samples)
        with self._database.understood():
            return array("q", sorted(samples))

    def _forget(self) -> Steps[None]:
        """Delete the acts that are to be forgotten."""
        while self._database.execute("SELECT 1 FROM acts WHERE undone = ?", _ActState.FORGOTTEN):
            with self._database.transaction() as db:
                deleted = db.execute(
                    "DELETE FROM reviews WHERE rowid IN (SELECT r.rowid FROM acts CROSS JOIN reviews AS r USING (act) "
                    "WHERE undone = ? LIMIT ?)",
                    (_ActState.FORGOTTEN, SLICE),
                )
                if deleted.rowcount < SLICE:
                    acts = db.execute("DELETE FROM acts WHERE undone = ?", (_ActState.FORGOTTEN,))
                    if not acts.rowcount:
                        raise damaged(self._database.path, "holds an act that cannot be deleted")
            yield 0

    def _stand(self, samples: list[int], *, counting: int | None) -> None:
        """Let the last review of each of these samples stand. The act `counting` counts though it is under way."""
        with self._database.understood():
            several = json.dumps(samples)
        self._database.execute(
            "DELETE FROM standing WHERE sample IN (SELECT value FROM json_each(?))", several
        )
        self._database.execute(_STAND, several, counting)

    # --- what comes later ------------------------------------------------------------------------------------

    def add_scores(self, sample: int, version: Version, scores: Scores) -> None:
        """Add the scores to the decisions for this version that lack them: they came later, and are no act."""
        with self._database.transaction() as db:
            for rowid, body in self._database.execute(
                "SELECT rowid, body FROM reviews WHERE sample = ?", sample
            ):
                review = None if body == "null" else self._database.parsed(Review.model_validate, body)
                if review is None or review.decision not in (Decision.CHOSEN, Decision.EDITED):
                    continue
                if review.scores is None and review.version == version:
                    weighed = _body(review.model_copy(update={"scores": scores}))
                    db.execute("UPDATE reviews SET body = ? WHERE rowid = ?", (weighed, rowid))
            self._stand([sample], counting=None)

    def candidates(self, sample: int) -> list[Candidate]:
        """The rewrites a person asked for, oldest first."""
        rows = self._database.execute("SELECT body FROM candidates WHERE sample = ? ORDER BY rowid", sample)
        return [self._database.parsed(Candidate.model_validate, body) for (body,) in rows]

    def keep_candidate(self, sample: int, candidate: Candidate) -> None:
        """Commit a rewrite that a person asked for."""
        with self._database.transaction() as db:
            db.execute(
                "INSERT INTO candidates (sample, body) VALUES (?, ?)",
                (sample, json.dumps(candidate.model_dump(mode="json"))),
            )


def _whole(steps: Steps[T]) -> T:
    while True:
        try:
            next(steps)
        except StopIteration as end:
            result: T = end.value
            return result


def _stored(index: int, decision: Decision, version: str) -> StoredReview:
    """A review from its parts as they are stored, without a `Review` on the way: there may be a million."""
    return StoredReview(
        f'{{"index": {index}, "decision": "{decision}", "version": {version}, "scores": null}}'
    )


def _body(review: Review | StoredReview | None) -> str:
    return json.dumps(review.model_dump(mode="json")) if isinstance(review, Review) else review or "null"
