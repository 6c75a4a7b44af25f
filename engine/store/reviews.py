"""A person's decisions on the samples. `standing` holds those that count now."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from typing import Any, NewType

from engine.sample import Candidate, Decision, Review, Scores, Version
from engine.store.acts import Acts, SampleLog, Steps, of_samples, whole
from engine.store.database import Database

StoredReview = NewType("StoredReview", str)
"""A review as it is stored: its JSON, in ASCII."""

Reviews = Iterable[tuple[int, Review | StoredReview | None]]
"""Decisions about samples, by their numbers; None takes back what was decided."""

# The value of a length is that of `len`: SQLite counts characters up to a NUL, so another one stands for that.
REVIEWS = SampleLog(
    "reviews",
    "standing",
    "decision, ifd, r_ifd, length, body",
    "json_extract(body, '$.decision'), json_extract(body, '$.scores.ifd.value'), "
    "json_extract(body, '$.scores.r_ifd.value'), "
    "length(json_extract(replace(body, '\\u0000', '\\u0001'), '$.version.response')), body",
)


class ReviewLog:
    """All that a person decided in a workspace, and the rewrites that a person asked for."""

    def __init__(self, database: Database, acts: Acts) -> None:
        self._database = database
        self._acts = acts

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
        for sample, version in of_samples(
            self._database, found, "json_extract(o.body, '$.final')", samples, run
        ):
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

        for sample, body in of_samples(
            self._database, "samples AS s ON s.sample = wanted.value", "s.body", samples
        ):
            yield sample, _stored(sample, decision, self._database.parsed(version, body))

    def undecided(self, samples: Iterable[int]) -> Iterator[int]:
        """Those of these samples about which nobody has decided."""
        table = "(SELECT 1) LEFT JOIN standing AS s ON s.sample = wanted.value"
        for sample, decided in of_samples(self._database, table, "s.sample", samples):
            if decided is None:
                yield sample

    def keep_in_steps(self, what: str, reviews: Reviews) -> Steps[int]:
        """Decide about samples, or with None take back what was decided, in one act; see `Acts.do_in_steps`."""
        return self._acts.do_in_steps(REVIEWS, what, ((sample, _body(review)) for sample, review in reviews))

    def keep_many(self, what: str, reviews: Reviews) -> int:
        """`keep_in_steps`, at once."""
        return whole(self.keep_in_steps(what, reviews))

    def keep(self, review: Review) -> None:
        """Decide about one sample, in an act of its own."""
        self.keep_many(str(review.decision), [(review.index, review)])

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
            self._acts.stand(REVIEWS, [sample])

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


def _stored(index: int, decision: Decision, version: str) -> StoredReview:
    """A review from its parts as they are stored, without a `Review` on the way: there may be a million."""
    return StoredReview(
        f'{{"index": {index}, "decision": "{decision}", "version": {version}, "scores": null}}'
    )


def _body(review: Review | StoredReview | None) -> str:
    return json.dumps(review.model_dump(mode="json")) if isinstance(review, Review) else review or "null"
