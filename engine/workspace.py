"""The workspace: one SQLite file that holds a dataset, all that was paid for, and every decision.

A teacher's reply is committed before anything is computed from it, and found again under the digest of its
request; token losses likewise under the digest of their passage and student. So a run that was cut short at
any moment goes on by going through the same steps again: whatever was answered is here.

Texts are kept as JSON in ASCII, so that NUL, lone surrogates and control characters survive byte for byte.
"""

from __future__ import annotations

import json
import time
from array import array
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

import numpy as np
from pydantic import BaseModel

from engine.database import Database, WorkspaceError, explained
from engine.sample import Candidate, Decision, Outcome, Review, Sample, Scores, Stage, Version
from models.student import Losses
from models.teacher import Reply

WINDOW = 256
"""Rows fetched at a time when walking the samples: memory does not grow with their number."""

FIGURES = (
    "samples AS s LEFT JOIN figures AS f ON f.run = ?2 AND f.sample = s.sample "
    "LEFT JOIN standing AS t ON t.sample = s.sample"
)
"""Every sample, with its figures in the run ?2 and a person's standing decision, where there are any."""

AFTER = (
    "CASE WHEN t.decision = 'original' THEN f.{0}_before WHEN t.decision IN ('chosen', 'edited') THEN t.{0} "
    "ELSE f.{0}_after END"
)
"""A score (ifd or r_ifd) of what would leave now, over `FIGURES`: a person's decision comes before the student's."""


class Source(BaseModel, frozen=True):
    """The dataset a workspace was made from."""

    path: str
    format: str
    fields: tuple[str, ...]
    sha256: str


class Run(BaseModel, frozen=True):
    """A way of refining, with all that decides its outcomes, and the outcomes' key."""

    id: int
    recipe: dict[str, Any]  # method, models' digests, template, ...: what makes two outcomes comparable
    settings: dict[str, Any]  # everything else that was set when it was last started


@dataclass(frozen=True, slots=True)
class Act:
    """Something a person did, or undid."""

    what: str
    samples: array[int]  # that it is about


class Workspace(Database):
    """An open workspace. One writer at a time, however many readers."""

    @classmethod
    def create(cls, path: Path, source: Source, samples: Iterable[Sample]) -> Self:
        """A new workspace with a dataset in it, mode 0600. All of it, or no file at all."""

        def fill(new: Self) -> None:
            with new._transaction():
                new._db.execute("INSERT INTO source VALUES (?)", (json.dumps(source.model_dump()),))
                new._db.executemany(
                    "INSERT INTO samples (sample, body) VALUES (?, ?)",
                    ((sample.index, _sample_body(sample)) for sample in samples),
                )

        return cls._created(path, fill)

    # --- the dataset -----------------------------------------------------------------------------------------

    def source(self) -> Source:
        return self._parsed(Source.model_validate, self._rows("SELECT body FROM source")[0][0])

    def __len__(self) -> int:
        """Samples in the dataset."""
        return int(self._rows("SELECT coalesce(max(sample) + 1, 0) FROM samples")[0][0])

    def sample(self, index: int) -> Sample:
        rows = self._rows("SELECT body FROM samples WHERE sample = ?", index)
        if not rows:
            raise WorkspaceError(f"{self.path}: no sample {index}; it holds 0 to {len(self) - 1}")
        return self._sample(index, rows[0][0])

    def samples(self) -> Iterator[Sample]:
        """Every sample, in order, a window at a time."""
        for index, body in self._walk(
            "SELECT sample, body FROM samples WHERE sample > ? ORDER BY sample LIMIT ?"
        ):
            yield self._sample(index, body)

    def pending(self, run: Run, limit: int | None) -> Iterator[Sample]:
        """Samples of the first `limit` that have no outcome in this run yet, in order."""
        query = (
            "SELECT sample, body FROM samples WHERE sample > ? AND sample < ? AND NOT EXISTS "
            "(SELECT 1 FROM outcomes WHERE run = ? AND outcomes.sample = samples.sample) ORDER BY sample LIMIT ?"
        )
        stop = len(self) if limit is None else limit
        for index, body in self._walk(query, stop, run.id):
            yield self._sample(index, body)

    def _sample(self, index: int, body: str) -> Sample:
        def sample(stored: Any) -> Sample:
            # Checked when it was imported; there may be a million.
            instruction, input, response, row = stored
            version = Version.model_construct(instruction=instruction, input=input, response=response)
            return Sample.model_construct(index=index, original=version, row=row)

        return self._parsed(sample, body)

    def _walk(self, query: str, *parameters: object) -> Iterator[tuple[Any, ...]]:
        """Rows of a query whose first column is the sample and whose first parameter is where to go on."""
        last = -1
        while rows := self._rows(query, last, *parameters, WINDOW):
            yield from rows
            last = rows[-1][0]

    # --- what the teacher said -------------------------------------------------------------------------------

    def reply(self, sample: int, request: bytes) -> Reply | None:
        """The reply to a request, by its digest."""
        rows = self._rows("SELECT body FROM replies WHERE sample = ? AND request = ?", sample, request)
        return self._parsed(_reply, rows[0][0]) if rows else None

    def keep_reply(self, sample: int, request: bytes, reply: Reply, about: Mapping[str, Any]) -> None:
        """Commit a reply. `about`: stage, question, attempt, candidate, teacher digest, ... for provenance."""
        body = {name: getattr(reply, name) for name in Reply.__slots__}
        with self._transaction():
            self._db.execute(
                "INSERT INTO replies (sample, request, body, about) VALUES (?, ?, ?, ?)",
                (sample, request, json.dumps(body), json.dumps(dict(about))),
            )

    def replies(self, sample: int) -> list[tuple[dict[str, Any], Reply]]:
        """Every reply about a sample, the usable and the unusable, oldest first, with what it was about."""
        rows = self._rows("SELECT about, body FROM replies WHERE sample = ? ORDER BY rowid", sample)
        return [(self._parsed(dict, about), self._parsed(_reply, body)) for about, body in rows]

    # --- what the student said -------------------------------------------------------------------------------

    def losses(self, sample: int, keys: Iterable[bytes]) -> dict[bytes, Losses]:
        """The token losses that are here of those asked for, by passage digest."""
        found = {}
        for key in keys:
            rows = self._rows(
                "SELECT nll, lengths, tokens, room FROM losses WHERE sample = ? AND passage = ?", sample, key
            )
            for nll, lengths, tokens, room in rows:
                found[key] = Losses(
                    np.frombuffer(nll, np.float32), np.frombuffer(lengths, np.uint16), tokens, room
                )
        return found

    def keep_losses(self, sample: int, losses: Mapping[bytes, Losses]) -> None:
        """Keep token losses; they are committed with the next reply, outcome, or losses a second later.

        Unlike replies they can be had again for nothing, and most commits of a run would be for them.
        """
        with explained(self.path):
            self._begin()
            self._db.executemany(
                "INSERT OR IGNORE INTO losses (sample, passage, nll, lengths, tokens, room) VALUES (?, ?, ?, ?, ?, ?)",
                (
                    (sample, key, found.nll.tobytes(), found.lengths.tobytes(), found.tokens, found.room)
                    for key, found in losses.items()
                ),
            )
            if time.monotonic() - self._began > 1:
                self._db.execute("COMMIT")

    # --- decisions -------------------------------------------------------------------------------------------

    def run(self, recipe: Mapping[str, Any], settings: Mapping[str, Any]) -> Run:
        """The run with this recipe, begun or taken up again; it becomes the latest."""
        key = json.dumps(dict(recipe), sort_keys=True)
        with self._transaction():
            self._db.execute(
                "INSERT INTO runs (recipe, settings) VALUES (?, ?) "
                "ON CONFLICT (recipe) DO UPDATE SET settings = excluded.settings, started = datetime('now')",
                (key, json.dumps(dict(settings))),
            )
            self._db.execute("DELETE FROM latest")
            self._db.execute("INSERT INTO latest SELECT run FROM runs WHERE recipe = ?", (key,))
        return self.latest_run()

    def latest_run(self) -> Run:
        run = self.latest()
        if run is None:
            raise WorkspaceError(f"{self.path}: nothing was refined or scored here yet; `burnish run` does")
        return run

    def latest(self) -> Run | None:
        """The run that was started last; None before the first."""
        rows = self._rows("SELECT run, recipe, settings FROM runs JOIN latest USING (run)")
        if not rows:
            return None
        run, recipe, settings = rows[0]
        return Run(id=run, recipe=self._parsed(dict, recipe), settings=self._parsed(dict, settings))

    def outcome(self, run: Run, sample: int) -> Outcome | None:
        rows = self._rows("SELECT body FROM outcomes WHERE run = ? AND sample = ?", run.id, sample)
        return self._parsed(Outcome.model_validate, rows[0][0]) if rows else None

    def decided(
        self, run: Run, among: str = "1", values: tuple[float, ...] = ()
    ) -> Iterator[tuple[Sample, Outcome | None, Review | None]]:
        """Samples, in order, with their outcome in a run and a person's last word, where there are any.

        Every sample, or those `among` lets through: SQL over `FIGURES`, with `values` for ?3 and so on in it.
        """
        query = (
            f"SELECT s.sample, s.body, outcomes.body, t.body FROM {FIGURES} "  # noqa: S608 - the engine's own
            "LEFT JOIN outcomes ON outcomes.sample = s.sample AND outcomes.run = ?2 "
            f"WHERE s.sample > ?1 AND ({among}) ORDER BY s.sample LIMIT ?{3 + len(values)}"
        )
        for index, body, outcome, review in self._walk(query, run.id, *values):
            yield (
                self._sample(index, body),
                self._parsed(Outcome.model_validate, outcome) if outcome else None,
                self._parsed(Review.model_validate, review) if review else None,
            )

    def keep_outcome(self, run: Run, outcome: Outcome) -> None:
        body = json.dumps(outcome.model_dump(mode="json"))
        figures = _figures(outcome, len(self.sample(outcome.index).original.response))
        names, marks = ", ".join(figures), ", ".join("?" * len(figures))
        with self._transaction():
            self._db.execute(
                "INSERT INTO outcomes (run, sample, failed, body) VALUES (?, ?, ?, ?)",
                (run.id, outcome.index, bool(outcome.failures), body),
            )
            self._db.execute(
                f"INSERT INTO figures (run, sample, {names}) VALUES (?, ?, {marks})",  # noqa: S608 - our own names
                (run.id, outcome.index, *figures.values()),
            )

    def count(self, run: Run, limit: int | None = None) -> tuple[int, int]:
        """Samples finished in a run, and of these the ones with a failure, among the first `limit`."""
        ((done, failed),) = self._rows(
            "SELECT count(*), coalesce(sum(failed), 0) FROM outcomes WHERE run = ? AND sample < ?",
            run.id,
            len(self) if limit is None else limit,
        )
        return done, failed

    def faults(self, run: Run) -> dict[str, int]:
        """Failures of stages in a run by kind, the most frequent first."""
        return dict(
            self._rows(
                "SELECT json_extract(value, '$.failure.fault'), count(*) FROM figures AS f "
                "JOIN outcomes AS o ON o.run = f.run AND o.sample = f.sample, json_each(o.body, '$.choices') "
                "WHERE f.run = ? AND f.failed AND json_extract(value, '$.failure') IS NOT NULL "
                "GROUP BY 1 ORDER BY 2 DESC",
                run.id,
            )
        )

    def retries(self, sample: int) -> int:
        """How often a person asked to try this sample's failed stages again."""
        rows = self._rows("SELECT rounds FROM retries WHERE sample = ?", sample)
        return int(rows[0][0]) if rows else 0

    def retry_failed(self, run: Run) -> int:
        """Open the samples that failed in a run again, with new attempts; the number of them."""
        with self._transaction():
            self._db.execute(
                "INSERT INTO retries SELECT sample, 1 FROM outcomes WHERE run = ? AND failed "
                "ON CONFLICT (sample) DO UPDATE SET rounds = rounds + 1",
                (run.id,),
            )
            self._db.execute("DELETE FROM figures WHERE run = ? AND failed", (run.id,))
            return self._db.execute("DELETE FROM outcomes WHERE run = ? AND failed", (run.id,)).rowcount

    # --- a person's word -------------------------------------------------------------------------------------

    def review(self, sample: int) -> Review | None:
        """What a person last decided about a sample, and has not undone."""
        rows = self._rows("SELECT body FROM standing WHERE sample = ?", sample)
        return self._parsed(Review.model_validate, rows[0][0]) if rows else None

    def keep_reviews(self, what: str, reviews: Iterable[tuple[int, Review | None]]) -> int:
        """Decide about samples, or with None take back what was decided, in one act; the samples it is about.

        What had been undone before can no longer be redone. `what` says what is undone, for a person to read.
        """
        with self._transaction():
            self._db.execute("DELETE FROM reviews WHERE act IN (SELECT act FROM acts WHERE undone)")
            self._db.execute("DELETE FROM acts WHERE undone")
            act = self._db.execute("INSERT INTO acts (what) VALUES (?)", (what,)).lastrowid
            count = 0
            for sample, review in reviews:
                body = json.dumps(review and review.model_dump(mode="json"))
                self._db.execute(
                    "INSERT INTO reviews (sample, body, act) VALUES (?, ?, ?)", (sample, body, act)
                )
                self._stand(sample, review)
                count += 1
            if not count:
                self._db.execute("DELETE FROM acts WHERE act = ?", (act,))
        return count

    def reviews(self, sample: int) -> list[Review]:
        """All that a person has decided about a sample, oldest first, without what was undone or taken back."""
        rows = self._rows(
            "SELECT body FROM reviews JOIN acts USING (act) WHERE sample = ? AND NOT undone AND body <> 'null' "
            "ORDER BY reviews.rowid",
            sample,
        )
        return [self._parsed(Review.model_validate, body) for (body,) in rows]

    def weigh(self, sample: int, version: Version, scores: Scores) -> None:
        """Add the scores to the decisions for this version that lack them: they came later, and are no act."""
        standing = self.review(sample)
        with self._transaction():
            for rowid, body in self._rows("SELECT rowid, body FROM reviews WHERE sample = ?", sample):
                review = None if body == "null" else self._parsed(Review.model_validate, body)
                if review is None or not _lacks(review, version):
                    continue
                weighed = json.dumps(review.model_copy(update={"scores": scores}).model_dump(mode="json"))
                self._db.execute("UPDATE reviews SET body = ? WHERE rowid = ?", (weighed, rowid))
            if standing is not None and _lacks(standing, version):
                self._stand(sample, standing.model_copy(update={"scores": scores}))

    def keep_review(self, review: Review) -> None:
        self.keep_reviews(str(review.decision), [(review.index, review)])

    def undo(self) -> Act | None:
        """Take back the last act; None if there is none."""
        return self._turn("SELECT max(act), what FROM acts WHERE NOT undone", undone=True)

    def redo(self) -> Act | None:
        """Do again what was undone last; None if nothing was, or something else was done since."""
        return self._turn("SELECT min(act), what FROM acts WHERE undone", undone=False)

    def _turn(self, query: str, *, undone: bool) -> Act | None:
        ((act, what),) = self._rows(query)
        if act is None:
            return None
        with self._transaction():
            self._db.execute("UPDATE acts SET undone = ? WHERE act = ?", (undone, act))
            samples = self._rows("SELECT sample FROM reviews WHERE act = ? ORDER BY sample", act)
            for (sample,) in samples:
                rows = self._rows(
                    "SELECT body FROM reviews JOIN acts USING (act) WHERE sample = ? AND NOT undone "
                    "ORDER BY reviews.rowid DESC LIMIT 1",
                    sample,
                )
                body = rows[0][0] if rows else "null"
                self._stand(sample, None if body == "null" else self._parsed(Review.model_validate, body))
        return Act(what, array("q", (sample for (sample,) in samples)))

    def _stand(self, sample: int, review: Review | None) -> None:
        if review is None:
            self._db.execute("DELETE FROM standing WHERE sample = ?", (sample,))
            return
        scores = review.scores
        self._db.execute(
            "INSERT OR REPLACE INTO standing (sample, decision, ifd, r_ifd, length, body) VALUES (?, ?, ?, ?, ?, ?)",
            (
                sample,
                review.decision,
                scores and scores.ifd.value,
                scores and scores.r_ifd.value,
                len(review.version.response),
                json.dumps(review.model_dump(mode="json")),
            ),
        )

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


def _lacks(review: Review, version: Version) -> bool:
    """Whether a decision for this version goes without scores of its own that it could have."""
    own = review.decision in (Decision.CHOSEN, Decision.EDITED)
    return own and review.scores is None and review.version == version


def _figures(outcome: Outcome, length_before: int) -> dict[str, Any]:
    """What lists and plots need of an outcome, by column."""
    stages: dict[str, str | None] = dict.fromkeys(Stage)
    for choice in outcome.choices:
        stages[choice.stage] = "failed" if choice.failure else choice.verdict
    before, after = outcome.before, outcome.after
    ratios = [ratio for scores in (before, after) if scores for ratio in (scores.ifd, scores.r_ifd)]
    return {
        "failed": bool(outcome.failures),
        **stages,
        "near_tie": any(choice.near_tie for choice in outcome.choices),
        "truncated": any(ratio.truncated for ratio in ratios),
        "unscorable": any(ratio.value is None for ratio in ratios),
        "ifd_before": before and before.ifd.value,
        "ifd_after": after and after.ifd.value,
        "r_ifd_before": before and before.r_ifd.value,
        "r_ifd_after": after and after.r_ifd.value,
        "length_before": length_before,
        "length_after": len(outcome.final.response),
    }


def _sample_body(sample: Sample) -> str:
    original = sample.original
    return json.dumps([original.instruction, original.input, original.response, sample.row])


def _reply(body: Any) -> Reply:
    return Reply(**body)
