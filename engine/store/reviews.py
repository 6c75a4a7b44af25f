"""A person's word on the samples: acts, each done, undone and done again as a whole, however many samples it is about.

What was decided is appended to `reviews`; `standing` is what of it counts now: of each sample the last review whose
act is done. An act is carried out in slices, each a transaction of its own, so that whatever else works on the file
goes on between them. Until it is whole it does not count, and a file that was left on the way is opened without it.
"""

from __future__ import annotations

import json
from array import array
from collections.abc import Generator, Iterable
from dataclasses import dataclass
from enum import IntEnum
from itertools import islice
from pathlib import Path
from typing import NewType, Self, TypeVar

from engine.sample import Candidate, Decision, Review, Scores, Version
from engine.store.database import Database, damaged

T = TypeVar("T")

Steps = Generator[int, None, T]
"""Something done in slices: how many samples it is through after each, and at its end what came of it. One at a time,
and nothing else is decided, undone or weighed between its slices."""

StoredReview = NewType("StoredReview", str)
"""A review as it is stored: its JSON, in ASCII."""

Reviews = Iterable[tuple[int, Review | StoredReview | None]]
"""What is decided about samples; None: nothing any more."""

SLICE = 1000
"""Samples in a slice: some twenty milliseconds."""


class _ActState(IntEnum):
    """How an act is, in `acts.undone`."""

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
    """Something a person did, or undid."""

    what: str
    samples: array[int]  # that it is about


class ReviewStore(Database):
    """The part of a workspace that a person writes."""

    @classmethod
    def open(cls, path: Path) -> Self:
        opened = super().open(path)
        try:
            for (act,) in opened._rows("SELECT act FROM acts WHERE undone = ?", _ActState.UNDER_WAY):
                _whole(opened._switch(act, _ActState.UNDONE))
            _whole(opened._forget())
        except BaseException:
            opened.close()
            raise
        return opened

    def review(self, sample: int) -> Review | None:
        """What a person last decided about a sample, and has not undone."""
        rows = self._rows("SELECT body FROM standing WHERE sample = ?", sample)
        return self._parsed(Review.model_validate, rows[0][0]) if rows else None

    def reviews(self, sample: int) -> list[Review]:
        """All that a person has decided about a sample, oldest first, without what was undone or taken back."""
        rows = self._rows(
            "SELECT body FROM reviews JOIN acts USING (act) WHERE sample = ? AND NOT undone AND body <> 'null' "
            "ORDER BY reviews.rowid",
            sample,
        )
        return [self._parsed(Review.model_validate, body) for (body,) in rows]

    # --- acts ------------------------------------------------------------------------------------------------

    def keep_reviews_in_steps(self, what: str, reviews: Reviews) -> Steps[int]:
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
                with self._transaction():
                    act = act or self._begun(what)
                    self._db.executemany(
                        "INSERT INTO reviews (sample, body, act) VALUES (?, ?, ?)",
                        ((sample, _body(review), act) for sample, review in found),
                    )
                    self._stand([sample for sample, _ in found], counting=act)
                    if whole:
                        self._db.execute(
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

    def keep_reviews(self, what: str, reviews: Reviews) -> int:
        """`keep_reviews_in_steps`, at once."""
        return _whole(self.keep_reviews_in_steps(what, reviews))

    def keep_review(self, review: Review) -> None:
        self.keep_reviews(str(review.decision), [(review.index, review)])

    def undo(self) -> Act | None:
        """`undo_in_steps`, at once."""
        return _whole(self.undo_in_steps())

    def redo(self) -> Act | None:
        """`redo_in_steps`, at once."""
        return _whole(self.redo_in_steps())

    def _begun(self, what: str) -> int:
        """A new act, under way."""
        act = self._db.execute("INSERT INTO acts (what, undone) VALUES (?, ?)", (what, _ActState.UNDER_WAY))
        assert act.lastrowid is not None
        return act.lastrowid

    def _mark(self, act: int, state: _ActState) -> None:
        self._db.execute("UPDATE acts SET undone = ? WHERE act = ?", (state, act))

    def _switch_last(self, query: str, *states: _ActState) -> Steps[Act | None]:
        ((act, what),) = self._rows(query, *states)
        if act is None:
            return None
        now = _ActState.DONE if states == (_ActState.UNDONE,) else _ActState.UNDONE
        return Act(what, (yield from self._switch(act, now)))

    def _switch(self, act: int, state: _ActState) -> Steps[array[int]]:
        """Have an act stand, or with another state than DONE stand no more; the samples it is about, in order."""
        samples: set[int] = set()
        last, whole = 0, False
        while not whole:
            with self._transaction():
                if not last:
                    self._mark(act, _ActState.UNDER_WAY)
                found = self._rows(
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
                last = self._onward(last, rowid)
            samples.update(sample for _, sample in found)
            yield len(samples)
        with self.understood():
            return array("q", sorted(samples))

    def _forget(self) -> Steps[None]:
        """Delete the acts that are to be forgotten."""
        while self._rows("SELECT 1 FROM acts WHERE undone = ?", _ActState.FORGOTTEN):
            with self._transaction():
                deleted = self._db.execute(
                    "DELETE FROM reviews WHERE rowid IN (SELECT r.rowid FROM acts CROSS JOIN reviews AS r USING (act) "
                    "WHERE undone = ? LIMIT ?)",
                    (_ActState.FORGOTTEN, SLICE),
                )
                if deleted.rowcount < SLICE:
                    acts = self._db.execute("DELETE FROM acts WHERE undone = ?", (_ActState.FORGOTTEN,))
                    if not acts.rowcount:
                        raise damaged(self.path, "holds an act that cannot be deleted")
            yield 0

    def _stand(self, samples: list[int], *, counting: int | None) -> None:
        """Let the last review of each of these samples stand. The act `counting` counts though it is under way."""
        with self.understood():
            several = json.dumps(samples)
        self._db.execute("DELETE FROM standing WHERE sample IN (SELECT value FROM json_each(?))", (several,))
        self._db.execute(_STAND, (several, counting))

    # --- what comes later ------------------------------------------------------------------------------------

    def add_scores(self, sample: int, version: Version, scores: Scores) -> None:
        """Add the scores to the decisions for this version that lack them: they came later, and are no act."""
        with self._transaction():
            for rowid, body in self._rows("SELECT rowid, body FROM reviews WHERE sample = ?", sample):
                review = None if body == "null" else self._parsed(Review.model_validate, body)
                if review is not None and _lacks(review, version):
                    weighed = _body(review.model_copy(update={"scores": scores}))
                    self._db.execute("UPDATE reviews SET body = ? WHERE rowid = ?", (weighed, rowid))
            self._stand([sample], counting=None)

    def candidates(self, sample: int) -> list[Candidate]:
        """The rewrites a person asked for, oldest first."""
        rows = self._rows("SELECT body FROM candidates WHERE sample = ? ORDER BY rowid", sample)
        return [self._parsed(Candidate.model_validate, body) for (body,) in rows]

    def keep_candidate(self, sample: int, candidate: Candidate) -> None:
        with self._transaction():
            self._db.execute(
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


def _body(review: Review | StoredReview | None) -> str:
    return json.dumps(review.model_dump(mode="json")) if isinstance(review, Review) else review or "null"


def _lacks(review: Review, version: Version) -> bool:
    """Whether a decision for this version goes without scores of its own that it could have."""
    own = review.decision in (Decision.CHOSEN, Decision.EDITED)
    return own and review.scores is None and review.version == version
