"""The workspace: one SQLite file that holds a dataset, all that was paid for, and every decision.

A teacher's reply is committed before anything is computed from it, and found again under the digest of its
request; token losses likewise under the digest of their passage and student. So a run that was cut short at
any moment goes on by going through the same steps again: whatever was answered is here.

Texts are kept as JSON in ASCII, so that NUL, lone surrogates and control characters survive byte for byte.
"""

from __future__ import annotations

import json
import time
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any, Self

import numpy as np
from pydantic import BaseModel

from engine.database import Database, WorkspaceError, explained
from engine.sample import Outcome, Review, Sample, Version
from models.student import Losses
from models.teacher import Reply

WINDOW = 256
"""Rows fetched at a time when walking the samples: memory does not grow with their number."""


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
        rows = self._rows("SELECT run, recipe, settings FROM runs JOIN latest USING (run)")
        if not rows:
            raise WorkspaceError(f"{self.path}: nothing was refined or scored here yet; `burnish run` does")
        run, recipe, settings = rows[0]
        return Run(id=run, recipe=self._parsed(dict, recipe), settings=self._parsed(dict, settings))

    def outcome(self, run: Run, sample: int) -> Outcome | None:
        rows = self._rows("SELECT body FROM outcomes WHERE run = ? AND sample = ?", run.id, sample)
        return self._parsed(Outcome.model_validate, rows[0][0]) if rows else None

    def decided(self, run: Run) -> Iterator[tuple[Sample, Outcome | None, Review | None]]:
        """Every sample, in order, with its outcome in a run and a person's last word, where there are any."""
        query = (
            "SELECT samples.sample, samples.body, outcomes.body, (SELECT body FROM reviews "
            "WHERE reviews.sample = samples.sample ORDER BY rowid DESC LIMIT 1) "
            "FROM samples LEFT JOIN outcomes ON outcomes.sample = samples.sample AND run = ?2 "
            "WHERE samples.sample > ?1 ORDER BY samples.sample LIMIT ?3"
        )
        for index, body, outcome, review in self._walk(query, run.id):
            yield (
                self._sample(index, body),
                self._parsed(Outcome.model_validate, outcome) if outcome else None,
                self._parsed(Review.model_validate, review) if review else None,
            )

    def keep_outcome(self, run: Run, outcome: Outcome) -> None:
        with self._transaction():
            self._db.execute(
                "INSERT INTO outcomes (run, sample, failed, body) VALUES (?, ?, ?, ?)",
                (run.id, outcome.index, bool(outcome.failures), json.dumps(outcome.model_dump(mode="json"))),
            )

    def count(self, run: Run, limit: int | None = None) -> tuple[int, int]:
        """Samples finished in a run, and of these the ones with a failure, among the first `limit`."""
        ((done, failed),) = self._rows(
            "SELECT count(*), coalesce(sum(failed), 0) FROM outcomes WHERE run = ? AND sample < ?",
            run.id,
            len(self) if limit is None else limit,
        )
        return done, failed

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
            return self._db.execute("DELETE FROM outcomes WHERE run = ? AND failed", (run.id,)).rowcount

    # --- a person's word -------------------------------------------------------------------------------------

    def review(self, sample: int) -> Review | None:
        """What a person last decided about a sample."""
        rows = self._rows("SELECT body FROM reviews WHERE sample = ? ORDER BY rowid DESC LIMIT 1", sample)
        return self._parsed(Review.model_validate, rows[0][0]) if rows else None

    def keep_review(self, review: Review) -> None:
        with self._transaction():
            self._db.execute(
                "INSERT INTO reviews (sample, body) VALUES (?, ?)",
                (review.index, json.dumps(review.model_dump(mode="json"))),
            )


def _sample_body(sample: Sample) -> str:
    original = sample.original
    return json.dumps([original.instruction, original.input, original.response, sample.row])


def _reply(body: Any) -> Reply:
    return Reply(**body)
