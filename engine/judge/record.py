"""A record: one SQLite file of what models were asked outside a workspace, and of the verdicts made of it.

A judge's replies and a model's answers are found again under the digest of their request, which names the model's
weights, the prompt and the settings: the same question is never asked twice, whatever it is asked for. Texts are
kept as JSON in ASCII, as in a workspace.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

from pydantic import TypeAdapter

from engine.judge.prompt import Judged, Result
from engine.method.reply_forms import JudgeForm
from engine.sample import Frozen
from engine.store.database import Database
from engine.store.file_errors import WorkspaceError
from engine.store.file_kind import FileKind
from engine.store.limits import LIMITS, LimitLog
from engine.store.log import add_mark
from engine.store.schema import DEFAULT_CONTEXT, rekey_replies
from models.errors import UsageError
from models.system.shell import quoted_word
from models.teacher import Reply, TeacherInfo, Think

_FIRST = """
CREATE TABLE replies (                                    -- every reply, word for word
    request BLOB PRIMARY KEY,                             -- models.teacher.Request.digest
    body TEXT NOT NULL,
    about TEXT NOT NULL,
    received TEXT NOT NULL DEFAULT (datetime('now'))
);
CREATE TABLE comparisons (
    comparison INTEGER PRIMARY KEY,
    key TEXT NOT NULL UNIQUE,                             -- what is compared, by which judge, and how
    about TEXT NOT NULL,
    begun INTEGER NOT NULL UNIQUE                         -- the larger, the later it was last begun
);
CREATE TABLE verdicts (
    comparison INTEGER NOT NULL REFERENCES comparisons,
    number INTEGER NOT NULL,                              -- of the pair, in the comparison's order
    pair BLOB NOT NULL,                                   -- engine.judging.Pair.digest
    result TEXT NOT NULL,                                 -- engine.judging.Result
    body TEXT NOT NULL,                                   -- engine.judging.Judged
    UNIQUE (comparison, number)
)
"""


def _second(db: sqlite3.Connection) -> None:
    """Thinking and context join the key of a judge's replies: their defaults, for they were not kept."""
    for number, *texts in db.execute("SELECT comparison, key, about FROM comparisons").fetchall():
        usual = {"prompts": 1, "think": False, "context": DEFAULT_CONTEXT}
        key, about = (json.dumps(json.loads(text) | usual, sort_keys=True) for text in texts)
        db.execute("UPDATE comparisons SET key = ?, about = ? WHERE comparison = ?", (key, about, number))
    rekey_replies(db, {})


def _held(db: sqlite3.Connection) -> None:
    """That a judging was held stands by itself: answers are held as well."""
    db.execute("CREATE TABLE held (work TEXT PRIMARY KEY) WITHOUT ROWID")  # its key
    db.execute("INSERT INTO held SELECT key FROM comparisons WHERE about ->> '$.held'")
    db.execute("UPDATE comparisons SET about = json_remove(about, '$.held')")


_REPLY = TypeAdapter(Reply)

WINDOW = 256
"""Verdicts fetched at a time."""


def judged_path(a: Path) -> Path:
    """The usual record of the verdicts on A, or on a workspace's sides."""
    return a.with_suffix(".judged")


class Judging(Frozen):
    """Two sides, their judge and how it is asked: all that decides the verdicts, and the count of the pairs."""

    a: str  # the sides' names
    b: str
    sources: tuple[str, ...]  # the files behind them
    run: int | None = None  # of the workspace whose sides these are; None: two files
    refined_only: bool | None = None
    form: JudgeForm
    prompts: int  # prompt.PROMPTS: the version of what a judge is asked
    context: int  # tokens a request and its reply share
    think: Think
    max_tokens: int  # of one verdict
    temperature: float
    seed: int
    judge: TeacherInfo
    pairs: int  # that are to be judged
    same: int  # where both sides are the same text
    unmatched: tuple[int, int]  # rows of A, and of B, that the other has no partner for

    def key(self) -> str:
        """Equal for two judgings of the same sides by the same judge, asked in the same way."""
        decides = self.model_dump(exclude={"judge", "pairs", "same", "unmatched"}, exclude_none=True)
        return json.dumps(decides | {"judge": self.judge.digest}, sort_keys=True)

    def is_of(self, workspace: Path, run: int) -> bool:
        """The sides are those of a workspace, by a run there."""
        return self.sources == (str(workspace.absolute()),) and self.run == run


@dataclass(frozen=True, slots=True)
class Comparison:
    """A judging that was begun."""

    id: int
    about: Judging


RECORD = FileKind(
    name="record",
    application=0x62726E72,  # 'brnr'
    migrations=(_FIRST, _second, add_mark, LIMITS, _held),
    made="burnish judge",
    busy="or name another file for this one",
)


class Record:
    """An open record. One writer at a time, however many readers. All of it raises `WorkspaceError`."""

    def __init__(self, database: Database) -> None:
        self.database = database
        self.limits = LimitLog(database)

    @classmethod
    def at(cls, path: Path) -> Self:
        """The record at a path, open; made, mode 0600, if it is not there."""
        if not path.exists():
            Database.create(RECORD, path, lambda _: None)
        return cls(Database.open(RECORD, path))

    @classmethod
    def read(cls, path: Path) -> Self:
        """An existing record, to read it, also while a judge writes to it."""
        return cls(Database.read(RECORD, path))

    @property
    def path(self) -> Path:
        return self.database.path

    def close(self) -> None:
        """Let go of the file."""
        self.database.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    # --- replies ----------------------------------------------------------------------------------------------

    def reply(self, _number: int, request: bytes) -> Reply | None:
        """The reply to a request, by its digest, whichever pair or prompt it was asked for."""
        rows = self.database.execute("SELECT body FROM replies WHERE request = ?", request)
        return self.database.parsed(_REPLY.validate_python, rows[0][0]) if rows else None

    def keep_reply(self, number: int, request: bytes, reply: Reply, about: Mapping[str, Any]) -> None:
        """Commit a reply. `about`: for provenance."""
        body = {name: getattr(reply, name) for name in Reply.__slots__}
        with self.database.transaction() as db:
            db.execute(
                "INSERT INTO replies (request, body, about) VALUES (?, ?, ?)",
                (request, json.dumps(body), json.dumps({"number": number, **about})),
            )

    def retries(self, _number: int) -> int:
        return 0

    # --- what was held ----------------------------------------------------------------------------------------

    def hold(self, work: str) -> None:
        """Keep that a work, a judging or answers, was held for its first items all failed in the same way."""
        with self.database.transaction() as db:
            db.execute("INSERT OR IGNORE INTO held (work) VALUES (?)", (work,))

    def was_held(self, work: str) -> bool:
        """A person was told of it, and the work is not held again."""
        return bool(self.database.execute("SELECT 1 FROM held WHERE work = ?", work))

    # --- comparisons ------------------------------------------------------------------------------------------

    def begin(self, judging: Judging) -> Comparison:
        """The comparison with the judging's key, new or taken up again; it becomes the latest."""
        with self.database.transaction() as db:
            db.execute(
                "INSERT INTO comparisons (key, about, begun) "
                "VALUES (?, ?, (SELECT coalesce(max(begun), 0) + 1 FROM comparisons)) ON CONFLICT (key) DO UPDATE SET "
                "about = excluded.about, begun = (SELECT max(begun) + 1 FROM comparisons)",
                (judging.key(), json.dumps(judging.model_dump())),
            )
        latest = self.latest()
        assert latest is not None
        return latest

    def comparisons(self) -> list[Comparison]:
        """All that were begun, the latest first."""
        rows = self.database.execute("SELECT comparison, about FROM comparisons ORDER BY begun DESC")
        return [
            Comparison(number, self.database.parsed(Judging.model_validate, about)) for number, about in rows
        ]

    def latest(self) -> Comparison | None:
        return next(iter(self.comparisons()), None)

    def known(self, comparison: Comparison) -> dict[int, tuple[bytes, Result]]:
        """The pairs that have a verdict: their digests and the verdicts, by number."""
        query = "SELECT number, pair, result FROM verdicts WHERE comparison = ?"
        return {
            number: (pair, Result(result))
            for number, pair, result in self.database.execute(query, comparison.id)
        }

    def keep(self, comparison: Comparison, number: int, judged: Judged) -> None:
        """Commit the verdict on a pair."""
        with self.database.transaction() as db:
            db.execute(
                "INSERT INTO verdicts (comparison, number, pair, result, body) VALUES (?, ?, ?, ?, ?)",
                (
                    comparison.id,
                    number,
                    judged.pair.digest(),
                    judged.result,
                    json.dumps(judged.model_dump(mode="json")),
                ),
            )

    def forget(self, comparison: Comparison, numbers: Iterable[int]) -> None:
        """Drop the verdicts on pairs that are others now. The replies they were made of stay."""
        with self.database.transaction() as db:
            db.executemany(
                "DELETE FROM verdicts WHERE comparison = ? AND number = ?",
                ((comparison.id, number) for number in numbers),
            )

    def judged(self, comparison: Comparison) -> Iterator[tuple[int, Judged]]:
        """The comparison's verdicts that are there, in the pairs' order, with the pairs' numbers.

        Verdicts on more pairs, of a time without --limit, are kept and left out.
        """
        query = (
            "SELECT number, body FROM verdicts WHERE comparison = :comparison AND number > :last AND number < :pairs "
            "ORDER BY number LIMIT :window"
        )
        found = self.database.walk(query, WINDOW, comparison=comparison.id, pairs=comparison.about.pairs)
        for number, body in found:
            yield number, self.database.parsed(Judged.model_validate, body)

    def on_sample(self, comparison: Comparison, sample: int) -> Judged | None:
        """The verdict on what was made of a workspace's sample; None: there is none yet."""
        query = (
            "SELECT body FROM verdicts WHERE comparison = ? AND json_extract(body, '$.pair.row') = ? "
            "AND json_extract(body, '$.pair.compared') LIMIT 1"
        )
        rows = self.database.execute(query, comparison.id, sample)
        return self.database.parsed(Judged.model_validate, rows[0][0]) if rows else None

    def verdict(self, comparison: Comparison, number: int) -> Judged:
        """The verdict on one pair."""
        query = "SELECT body FROM verdicts WHERE comparison = ? AND number = ?"
        rows = self.database.execute(query, comparison.id, number)
        if not rows:
            raise WorkspaceError(
                f"{self.path}: pair {number} has no verdict here; `burnish judge` asks for it"
            )
        return self.database.parsed(Judged.model_validate, rows[0][0])


def latest_verdict(workspace: Path, run: int, sample: int) -> tuple[Judging, Judged] | None:
    """The latest judge's verdict on what a workspace's run made of a sample; None: none judged it.

    Raises `WorkspaceError`.
    """
    path = judged_path(workspace)
    if not path.exists():
        return None
    with Record.read(path) as record:
        for comparison in record.comparisons():
            if comparison.about.is_of(workspace, run) and (judged := record.on_sample(comparison, sample)):
                return comparison.about, judged
    return None


def comparison_of(record: Record, a: Path, b: Path | None, judge: str | None) -> Comparison:
    """The comparison of two files, or of a workspace's sides, that was last begun, by that judge or by any.

    Raises `UsageError` where there is none.
    """
    sources = tuple(str(path.absolute()) for path in (a, b) if path is not None)
    for comparison in record.comparisons():
        if comparison.about.sources == sources and judge in (None, comparison.about.judge.name):
            return comparison
    sides = " ".join(quoted_word(str(path)) for path in (a, b) if path is not None)
    by = "" if judge is None else f" by {judge}"
    raise UsageError(f"{record.path}: holds no verdicts{by} on {sides}; burnish judge {sides} asks for them")
