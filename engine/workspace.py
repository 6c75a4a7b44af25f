"""The workspace: one SQLite file that holds a dataset, all that was paid for, and every decision.

A teacher's reply is committed before anything is computed from it, and found again under the digest of its
request; token losses likewise under the digest of their passage and student. So a run that was cut short at
any moment goes on by going through the same steps again: whatever was answered is here.

Texts are kept as JSON in ASCII, so that NUL, lone surrogates and control characters survive byte for byte.
"""

from __future__ import annotations

import json
import os
import sqlite3
import time
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Self

import numpy as np
from filelock import FileLock, Timeout
from pydantic import BaseModel

from engine.migrations import APPLICATION_ID, MIGRATIONS
from engine.sample import Outcome, Review, Sample, Version
from models.errors import BurnishError
from models.student import Losses
from models.teacher import Reply

WINDOW = 256
"""Rows fetched at a time when walking the samples: memory does not grow with their number."""


class WorkspaceError(BurnishError):
    """The file cannot be used as asked. It is left as it was."""


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


class Workspace:
    """An open workspace. One writer at a time, however many readers."""

    def __init__(self, path: Path, connection: sqlite3.Connection, lock: FileLock | None) -> None:
        self.path = path
        self._db = connection
        self._lock = lock
        self._began = 0.0  # when the open transaction did

    # --- opening ---------------------------------------------------------------------------------------------

    @classmethod
    def create(cls, path: Path, source: Source, samples: Iterable[Sample]) -> Self:
        """A new workspace with a dataset in it, mode 0600. All of it, or no file at all."""
        lock = _locked(path)
        # Built beside its place and moved there when whole: a crash on the way leaves no half dataset behind.
        beside = path.with_name(path.name + "-new")
        try:
            if path.exists():
                raise WorkspaceError(f"{path}: already exists; open it, or choose another name")
            _remove(beside)
            os.close(os.open(beside, os.O_CREAT | os.O_EXCL | os.O_RDWR, 0o600))
            workspace = cls(beside, _connect(beside, "rw"), None)
            try:
                _prepare(beside, workspace._db)
                with workspace._transaction():
                    workspace._db.execute("INSERT INTO source VALUES (?)", (source.model_dump_json(),))
                    workspace._db.executemany(
                        "INSERT INTO samples (sample, body) VALUES (?, ?)",
                        ((sample.index, _sample_body(sample)) for sample in samples),
                    )
            finally:
                workspace.close()
            beside.rename(path)
        except OSError as error:
            raise WorkspaceError(
                f"{path}: cannot be created ({error.strerror}); choose another place"
            ) from error
        finally:
            _remove(beside)
            lock.release()
        return cls.open(path)

    @classmethod
    def open(cls, path: Path) -> Self:
        """An existing workspace, to work on it. Refused while another burnish does."""
        _check_header(path)
        lock = _locked(path)
        try:
            connection = _connect(path, "rw")
            _check_version(path, connection)
            _prepare(path, connection)
        except BaseException:
            lock.release()
            raise
        return cls(path, connection, lock)

    @classmethod
    def read(cls, path: Path) -> Self:
        """An existing workspace, to look at it, also while a run writes to it."""
        _check_header(path)
        connection = _connect(path, "ro")
        if _check_version(path, connection) < len(MIGRATIONS):
            raise WorkspaceError(f"{path}: made by an older burnish; `burnish run` brings it up to date")
        return cls(path, connection, None)

    def close(self) -> None:
        with _explained(self.path):
            if self._db.in_transaction:
                self._db.execute("COMMIT")
            self._db.close()
        if self._lock is not None:
            self._lock.release()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    @contextmanager
    def _transaction(self) -> Iterator[None]:
        """Everything written inside, and before and not yet committed, is on the disk when it is left."""
        with _explained(self.path):
            self._begin()
            try:
                yield
                self._db.execute("COMMIT")
            except BaseException:
                if self._db.in_transaction:
                    self._db.execute("ROLLBACK")
                raise

    def _begin(self) -> None:
        if not self._db.in_transaction:
            self._db.execute("BEGIN IMMEDIATE")
            self._began = time.monotonic()

    def _rows(self, query: str, *parameters: object) -> list[Any]:
        with _explained(self.path):
            return self._db.execute(query, parameters).fetchall()

    # --- the dataset -----------------------------------------------------------------------------------------

    def source(self) -> Source:
        return Source.model_validate_json(self._rows("SELECT body FROM source")[0][0])

    def __len__(self) -> int:
        """Samples in the dataset."""
        return int(self._rows("SELECT coalesce(max(sample) + 1, 0) FROM samples")[0][0])

    def sample(self, index: int) -> Sample:
        rows = self._rows("SELECT body FROM samples WHERE sample = ?", index)
        if not rows:
            raise WorkspaceError(f"{self.path}: no sample {index}; it holds 0 to {len(self) - 1}")
        return _sample(index, rows[0][0])

    def samples(self) -> Iterator[Sample]:
        """Every sample, in order, a window at a time."""
        for index, body in self._walk(
            "SELECT sample, body FROM samples WHERE sample > ? ORDER BY sample LIMIT ?"
        ):
            yield _sample(index, body)

    def pending(self, run: Run, limit: int | None) -> Iterator[Sample]:
        """Samples of the first `limit` that have no outcome in this run yet, in order."""
        query = (
            "SELECT sample, body FROM samples WHERE sample > ? AND sample < ? AND NOT EXISTS "
            "(SELECT 1 FROM outcomes WHERE run = ? AND outcomes.sample = samples.sample) ORDER BY sample LIMIT ?"
        )
        stop = len(self) if limit is None else limit
        for index, body in self._walk(query, stop, run.id):
            yield _sample(index, body)

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
        return Reply(**json.loads(rows[0][0])) if rows else None

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
        return [(json.loads(about), Reply(**json.loads(body))) for about, body in rows]

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
        """Keep token losses; they are committed with what comes next, or after a second at the latest.

        Unlike replies they can be had again for nothing, and most commits of a run would be for them.
        """
        with _explained(self.path):
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
        return Run(id=run, recipe=json.loads(recipe), settings=json.loads(settings))

    def outcome(self, run: Run, sample: int) -> Outcome | None:
        rows = self._rows("SELECT body FROM outcomes WHERE run = ? AND sample = ?", run.id, sample)
        return Outcome.model_validate(json.loads(rows[0][0])) if rows else None

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
                _sample(index, body),
                Outcome.model_validate(json.loads(outcome)) if outcome else None,
                Review.model_validate(json.loads(review)) if review else None,
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
        return Review.model_validate(json.loads(rows[0][0])) if rows else None

    def keep_review(self, review: Review) -> None:
        with self._transaction():
            self._db.execute(
                "INSERT INTO reviews (sample, body) VALUES (?, ?)",
                (review.index, json.dumps(review.model_dump(mode="json"))),
            )


def _sample_body(sample: Sample) -> str:
    original = sample.original
    return json.dumps([original.instruction, original.input, original.response, sample.row])


def _sample(index: int, body: str) -> Sample:
    instruction, input, response, row = json.loads(body)
    version = Version.model_construct(instruction=instruction, input=input, response=response)
    return Sample.model_construct(index=index, original=version, row=row)


def _remove(path: Path) -> None:
    for ending in ("", "-wal", "-shm"):
        path.with_name(path.name + ending).unlink(missing_ok=True)


def _locked(path: Path) -> FileLock:
    lock = FileLock(path.with_name(path.name + "-lock"), timeout=0, mode=0o600)
    try:
        lock.acquire()
    except Timeout:
        raise WorkspaceError(
            f"{path}: another burnish is working on it; wait for it or stop it (reading along is fine: "
            f"burnish show {path})"
        ) from None
    except OSError as error:
        raise WorkspaceError(
            f"{path}: cannot be locked ({error.strerror}); its folder must exist and be writable"
        ) from None
    return lock


def _check_header(path: Path) -> None:
    try:
        with path.open("rb") as file:
            header = file.read(100)
    except OSError as error:
        raise WorkspaceError(f"{path}: cannot be opened ({error.strerror}); expected a workspace") from None
    if not header.startswith(b"SQLite format 3\0") or header[68:72] != APPLICATION_ID.to_bytes(4, "big"):
        raise WorkspaceError(f"{path}: not a burnish workspace; `burnish run DATA -w NAME.burnish` makes one")


def _check_version(path: Path, connection: sqlite3.Connection) -> int:
    with _explained(path):
        version = int(connection.execute("PRAGMA user_version").fetchone()[0])
    if version > len(MIGRATIONS):
        raise WorkspaceError(
            f"{path}: made by a newer burnish (schema {version}, this one knows {len(MIGRATIONS)}); upgrade burnish"
        )
    return version


def _connect(path: Path, mode: str) -> sqlite3.Connection:
    with _explained(path):
        uri = f"{path.absolute().as_uri()}?mode={mode}"
        # Used from one thread at a time; which one may change between a run's loop and its caller.
        return sqlite3.connect(uri, uri=True, isolation_level=None, check_same_thread=False, timeout=10)


def _prepare(path: Path, connection: sqlite3.Connection) -> None:
    """Durable, and at this version's schema."""
    with _explained(path):
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute("PRAGMA synchronous = FULL")
        connection.execute("PRAGMA foreign_keys = ON")
        (version,) = connection.execute("PRAGMA user_version").fetchone()
        for number, statements in enumerate(MIGRATIONS[version:], start=version + 1):
            connection.executescript(
                f"BEGIN IMMEDIATE; {statements}; PRAGMA application_id = {APPLICATION_ID}; "
                f"PRAGMA user_version = {number}; COMMIT;"
            )


@contextmanager
def _explained(path: Path) -> Iterator[None]:
    """SQLite's errors as one line a person can act on."""
    try:
        yield
    except sqlite3.OperationalError as error:
        text = str(error)
        advice = {
            "database or disk is full": "free some space and run the same command again; nothing committed is lost",
            "attempt to write a readonly database": "the file is read-only; change its mode or copy it",
            "database is locked": "another program is writing to it; try again when it has finished",
        }.get(text, "check the disk and the file's permissions; nothing committed is lost")
        raise WorkspaceError(f"{path}: {text}; {advice}") from error
    except sqlite3.DatabaseError as error:
        raise WorkspaceError(
            f"{path}: {error}; the file is damaged: restore a copy, or salvage it with `sqlite3 {path} .recover`"
        ) from error
