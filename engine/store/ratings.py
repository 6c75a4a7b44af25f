"""A judge's ratings of versions of samples, and how they were asked for. Of several raters the last one counts."""

from __future__ import annotations

import json

from engine.method.reply_forms import RatingForm
from engine.method.rules import Criteria
from engine.sample import Frozen, Version
from engine.store.database import Database
from engine.store.version_key import key_of
from models.teacher import TeacherInfo, Think

RATINGS = """
CREATE TABLE raters (
    rater INTEGER PRIMARY KEY,
    key TEXT NOT NULL UNIQUE,                             -- all that decides its ratings
    body TEXT NOT NULL,                                   -- engine.store.ratings.Rater
    begun INTEGER NOT NULL UNIQUE                         -- the larger, the later it last began
);
CREATE TABLE ratings (
    rater INTEGER NOT NULL REFERENCES raters,
    sample INTEGER NOT NULL REFERENCES samples,
    version BLOB NOT NULL,                                -- engine.store.version_key
    score INTEGER NOT NULL,
    body TEXT NOT NULL,                                   -- engine.store.ratings.Rating
    PRIMARY KEY (rater, sample, version)
) WITHOUT ROWID
"""

LATEST = "(SELECT rater FROM raters ORDER BY begun DESC LIMIT 1)"
"""The rater that counts, in SQL."""


class Rating(Frozen):
    """A judge's opinion of one version."""

    critique: str
    score: int  # 1 to 10
    confidence: float | None = None  # the probability of the score; None: the server gave none

    @property
    def scores(self) -> tuple[int]:
        return (self.score,)


class Rater(Frozen):
    """A judge and how it is asked: all that decides its ratings."""

    judge: TeacherInfo
    form: RatingForm
    criteria: Criteria
    prompts: int  # engine.judge.rating.PROMPTS: the version of what it is asked
    context: int  # tokens a request and its reply share
    think: Think
    max_tokens: int  # of one reply
    temperature: float
    seed: int

    def key(self) -> str:
        """Equal for the same judge asked in the same way."""
        decides = self.model_dump(mode="json", exclude={"judge"})
        return json.dumps(decides | {"judge": self.judge.digest}, sort_keys=True)


class RatingLog:
    """All ratings in a workspace."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def begin(self, rater: Rater) -> int:
        """A rater's number, new or taken up again; it is the latest from now on."""
        with self._database.transaction() as db:
            db.execute(
                "INSERT INTO raters (key, body, begun) "
                "VALUES (?, ?, (SELECT coalesce(max(begun), 0) + 1 FROM raters)) ON CONFLICT (key) DO UPDATE SET "
                "body = excluded.body, begun = (SELECT max(begun) + 1 FROM raters)",
                (rater.key(), json.dumps(rater.model_dump(mode="json"))),
            )
            ((number,),) = db.execute(f"SELECT {LATEST}").fetchall()
            return int(number)

    def latest(self) -> Rater | None:
        """The rater that counts; None: nothing was rated."""
        rows = self._database.execute(f"SELECT body FROM raters WHERE rater = {LATEST}")
        return self._database.parsed(Rater.model_validate, rows[0][0]) if rows else None

    def of(self, sample: int, version: Version) -> Rating | None:
        """The latest rater's rating of a version; None: it has none."""
        rows = self._database.execute(
            f"SELECT body FROM ratings WHERE rater = {LATEST} AND sample = ? AND version = ?",
            sample,
            key_of(version),
        )
        return self._database.parsed(Rating.model_validate, rows[0][0]) if rows else None

    def of_sample(self, sample: int) -> dict[bytes, Rating]:
        """The latest rater's ratings of a sample's versions, by their keys."""
        rows = self._database.execute(
            f"SELECT version, body FROM ratings WHERE rater = {LATEST} AND sample = ?", sample
        )
        return {version: self._database.parsed(Rating.model_validate, body) for version, body in rows}

    def keep(self, rater: int, sample: int, version: Version, rating: Rating) -> None:
        """Commit a rating."""
        with self._database.transaction() as db:
            db.execute(
                "INSERT INTO ratings (rater, sample, version, score, body) VALUES (?, ?, ?, ?, ?)",
                (rater, sample, key_of(version), rating.score, json.dumps(rating.model_dump())),
            )
