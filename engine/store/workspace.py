"""The workspace: one SQLite file that holds a dataset, all that was paid for, and every decision.

A teacher's reply is committed before anything is computed from it, and found again under the digest of its
request; token losses likewise under the digest of their passage and student. So a run that was cut short at
any moment is resumed by the same steps: each finds its answers in the file.

Texts are kept as JSON in ASCII, so that NUL, lone surrogates and control characters survive byte for byte.
"""

from __future__ import annotations

import json
import operator
from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import Any, Self

import numpy as np
from pydantic import BaseModel, TypeAdapter

from engine.examine.flags import Finding, Flag, Stats
from engine.formats.conversation import around
from engine.formats.fields import NO_COLUMNS, Columns
from engine.formats.names import Format, Layout
from engine.formats.outputs import SourceFile
from engine.method.recipe import Recipe
from engine.sample import Outcome, PassedRow, Sample, Turns, Version, WhyPassed
from engine.store.acts import Acts
from engine.store.among import AMONG, among, is_beginning
from engine.store.annotations import ANNOTATED, AnnotationLog
from engine.store.database import Database
from engine.store.dropped import DROPPED, without_dropped
from engine.store.figures import figures_of
from engine.store.file_errors import WorkspaceError, damaged
from engine.store.file_kind import FileKind
from engine.store.limits import LimitLog
from engine.store.ratings import RatingLog
from engine.store.reviews import REVIEWS, ReviewLog
from engine.store.rows import Conversations, conversations, keep_rows, rows_after, take_up_all
from engine.store.run_record import RunRecord
from engine.store.schema import APPLICATION_ID, MIGRATIONS
from models.student import Losses
from models.teacher import Reply, Think

WINDOW = 256
"""Rows fetched at a time when walking the samples: memory does not grow with their number."""


class Source(BaseModel, frozen=True):
    """The dataset a workspace was made from."""

    path: str
    format: Format
    fields: tuple[str, ...]
    sha256: str
    columns: Columns = NO_COLUMNS  # names of its rows' parts that a person gave
    encoding: str | None = None  # that a person named
    turns: Turns = Turns.LAST  # the exchanges of its rows that are samples
    types: str | None = None  # of a Parquet file's columns, in Arrow's own form: JSON's rows do not tell them

    def file(self) -> SourceFile:
        """The dataset, as outputs are kept off it."""
        return SourceFile(Path(self.path), self.sha256)


class Run(BaseModel, frozen=True):
    """A way of refining, with all that decides its outcomes, and the outcomes' key."""

    id: int
    recipe: Recipe  # what makes two outcomes comparable
    record: RunRecord


WORKSPACE = FileKind(
    name="workspace",
    application=APPLICATION_ID,
    migrations=MIGRATIONS,
    made="burnish run DATA -w NAME.burnish",
    busy="reading along is fine: burnish show {}",
)


SAMPLE_COLUMNS = "sample, body, number, turn, record"
"""The columns of `leaving.LEAVING` that `Workspace.stored_sample` takes."""

_SAMPLES = "SELECT s.sample, s.body, s.row, s.turn, r.body FROM samples AS s JOIN rows AS r USING (row)"


class Workspace:
    """An open workspace. One writer at a time, however many readers. All of it raises `WorkspaceError`."""

    def __init__(self, database: Database) -> None:
        self.database = database
        self.acts = Acts(database, (REVIEWS, ANNOTATED))
        self.reviews = ReviewLog(database, self.acts)
        self.annotations = AnnotationLog(database, self.acts)
        self.ratings = RatingLog(database)
        self.limits = LimitLog(database)

    @classmethod
    def create(cls, path: Path, source: Source, rows: Iterable[Sample | PassedRow]) -> Self:
        """A new workspace with a dataset in it, mode 0600. All of it, or no file at all."""

        def fill(new: Database) -> None:
            with new.transaction() as db:
                db.execute("INSERT INTO source VALUES (?)", (json.dumps(source.model_dump()),))
                keep_rows(db, rows, source.format, source.columns)

        Database.create(WORKSPACE, path, fill)
        return cls.open(path)

    @classmethod
    def open(cls, path: Path) -> Self:
        """An existing workspace, to work on it. Refused while another burnish does."""
        opened = cls(Database.open(WORKSPACE, path))
        try:
            opened.acts.recover()
        except BaseException:
            opened.close()
            raise
        return opened

    @classmethod
    def read(cls, path: Path) -> Self:
        """An existing workspace, to read it, also while a run writes to it."""
        return cls(Database.read(WORKSPACE, path))

    @staticmethod
    def copy(path: Path, to: Path) -> int:
        """A whole copy of a workspace, also while a run works on it; the samples in it. See `Database.copy`."""
        return Database.copy(WORKSPACE, path, to, "SELECT count(*) FROM samples")

    @property
    def path(self) -> Path:
        return self.database.path

    def close(self) -> None:
        """Commit what is open and let go of the file; once closed, do nothing."""
        self.database.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    # --- the dataset -----------------------------------------------------------------------------------------

    def source(self) -> Source:
        with self.database.understood():
            return Source.model_validate(json.loads(self.database.execute("SELECT body FROM source")[0][0]))

    @cached_property
    def _layout(self) -> tuple[Layout, Columns]:
        """The layout and the columns that the dataset is read with, also once it has grown."""
        source = self.source()
        return source.format.layout, source.columns

    def __len__(self) -> int:
        """Samples in the dataset."""
        query = (
            "SELECT coalesce(max(sample) + 1, 0), page_count * page_size "
            "FROM (SELECT max(sample) AS sample FROM samples), pragma_page_count, pragma_page_size"
        )
        ((count, size),) = self.database.execute(query)
        if not isinstance(count, int) or count > size:  # whoever goes through them must come to an end
            raise damaged(self.path, f"holds a sample number {count - 1}, and not the samples before it")
        return count

    def remaining(self) -> Sequence[int]:
        """The samples that a person did not drop, nor an exchange of their row."""
        return without_dropped(self.database, range(len(self)))

    def sample(self, index: int) -> Sample:
        rows = self.database.execute(f"{_SAMPLES} WHERE s.sample = ?", index)
        if not rows:
            raise WorkspaceError(f"{self.path}: no sample {index}; it holds 0 to {len(self) - 1}")
        return self.stored_sample(*rows[0])

    def reasoning(self) -> int:
        """Samples whose answer has reasoning."""
        ((count,),) = self.database.execute("SELECT count(*) FROM dependence WHERE reasoning")
        return int(count)

    def conversations(self) -> Conversations:
        """The dataset's conversations, counted in rows."""
        with self.database.understood():
            return conversations(self.database.execute)

    def samples(self) -> Iterator[Sample]:
        """Every sample, in order, a window at a time."""
        query = f"{_SAMPLES} WHERE s.sample > :last ORDER BY s.sample LIMIT :window"
        for found in self.database.walk(query, WINDOW):
            yield self.stored_sample(*found)

    def of_turns(self, turns: Turns) -> Sequence[int]:
        """The samples that are refined with these turns: all, or those that nothing follows in their rows."""
        if turns is Turns.ALL or self.source().turns is Turns.LAST:
            return range(len(self))
        return [
            found
            for (found,) in self.database.execute("SELECT sample FROM samples WHERE ends ORDER BY sample")
        ]

    def pending(self, run: Run, chosen: Sequence[int]) -> Iterator[Sample]:
        """Those of some samples, which are in order, that have no outcome in this run yet."""
        undone = "NOT EXISTS (SELECT 1 FROM outcomes WHERE run = :run AND outcomes.sample = s.sample)"
        if is_beginning(chosen):
            query = f"{_SAMPLES} WHERE sample > :last AND sample < :stop AND {undone} ORDER BY sample LIMIT :window"
            for found in self.database.walk(query, WINDOW, run=run.id, stop=len(chosen)):
                yield self.stored_sample(*found)
            return
        query = (
            f"{_SAMPLES} WHERE sample IN (SELECT value FROM json_each(:some)) AND {undone} ORDER BY sample"
        )
        for start in range(0, len(chosen), WINDOW):
            some = json.dumps(list(chosen[start : start + WINDOW]))
            for found in self.database.execute(query, run=run.id, some=some):
                yield self.stored_sample(*found)

    def stored_sample(self, index: int, body: str, number: int, turn: int, row_body: str) -> Sample:
        """The sample in what `SAMPLE_COLUMNS` selects."""

        def sample(stored: Any) -> Sample:
            # Checked when it was imported; there may be a million.
            instruction, input, response = stored
            row = json.loads(row_body)
            if not (isinstance(row, dict) and all(isinstance(text, str) for text in stored)):
                raise TypeError
            if not (isinstance(number, int) and isinstance(turn, int)):
                raise TypeError
            version = Version.model_construct(instruction=instruction, input=input, response=response)
            history, following = around(row, *self._layout, turn)
            return Sample.model_construct(
                index=index,
                original=version,
                row=row,
                number=number,
                turn=turn,
                history=history,
                next=following,
            )

        return self.database.parsed(sample, body)

    def passed(self) -> dict[WhyPassed, int]:
        """The rows that cannot be refined, counted by reason, the most frequent first."""
        query = "SELECT why, count(*) FROM rows WHERE why IS NOT NULL GROUP BY why ORDER BY 2 DESC, why"
        with self.database.understood():
            return {WhyPassed(why): count for why, count in self.database.execute(query)}

    def count_rows(self) -> int:
        """Rows of the dataset that can be read."""
        ((count,),) = self.database.execute("SELECT count(*) FROM rows")
        return int(count)

    def append(self, source: Source, rows: Iterable[Sample | PassedRow]) -> None:
        """Take up the new rows at the end of a dataset that has grown; it becomes the source. All of it, or nothing.

        Everything that was paid for stays. What `stats` found is forgotten, for it looked at fewer samples. Raises
        where one of the first rows is not the one that is here.
        """
        with self.database.transaction() as db:
            new = rows_after(self.database, rows, source.path)
            keep_rows(db, new, source.format, source.columns)
            self._set_source(source)

    def take_up_all(self) -> int:
        """Have all exchanges of the rows be samples, and not only the last ones; returns how many are new.

        Everything that was paid for stays, and what `stats` found is forgotten. In a workspace in which nothing was
        done, samples are numbered in the dataset's order; else the new ones come after those that are there.
        """
        source = self.source()
        if source.turns is Turns.ALL:
            return 0
        with self.database.transaction() as db:
            self._set_source(source.model_copy(update={"turns": Turns.ALL}))
            return take_up_all(db, source.format, source.columns)

    def _set_source(self, source: Source) -> None:
        """Have another source, with samples that no examination has seen."""
        self.database.execute("UPDATE source SET body = ?", json.dumps(source.model_dump()))
        self.database.execute("DELETE FROM examined")
        self.database.execute("DELETE FROM findings")

    # --- the findings of an examination ---------------------------------------------------------------------

    def keep_examination(self, stats: Stats, findings: Iterable[Finding]) -> None:
        """Keep the result of `stats` and its findings, in place of the last."""
        with self.database.transaction() as db:
            db.execute("DELETE FROM examined")
            db.execute("DELETE FROM findings")
            db.execute("INSERT INTO examined VALUES (?)", (json.dumps(stats.model_dump(mode="json")),))
            db.executemany(
                "INSERT INTO findings (flag, sample, details) VALUES (?, ?, ?)",
                ((found.flag, found.sample, json.dumps(found.details)) for found in findings),
            )

    def examination(self) -> Stats | None:
        """The result of the last `stats` of the dataset; None before the first."""
        rows = self.database.execute("SELECT body FROM examined")
        return self.database.parsed(Stats.model_validate, rows[0][0]) if rows else None

    def findings(self, flag: Flag, limit: int) -> list[Finding]:
        """The first samples with a flag."""
        query = "SELECT sample, details FROM findings WHERE flag = ? ORDER BY sample LIMIT ?"
        return [
            Finding(sample, flag, self.database.parsed(_DETAILS.validate_python, details))
            for sample, details in self.database.execute(query, flag, limit)
        ]

    def found_in(self, sample: int) -> list[Finding]:
        """The findings about a sample."""
        query = (
            "SELECT flag, details FROM findings WHERE flag IN (SELECT value FROM json_each(?)) AND sample = ?"
        )
        found = dict(self.database.execute(query, json.dumps(list(Flag)), sample))
        return [
            Finding(sample, flag, self.database.parsed(_DETAILS.validate_python, found[flag]))
            for flag in Flag
            if flag in found
        ]

    # --- the teacher's replies -------------------------------------------------------------------------------

    def reply(self, sample: int, request: bytes) -> Reply | None:
        """The reply to a request, by its digest."""
        rows = self.database.execute(
            "SELECT body FROM replies WHERE sample = ? AND request = ?", sample, request
        )
        return self.database.parsed(_REPLY.validate_python, rows[0][0]) if rows else None

    def keep_reply(self, sample: int, request: bytes, reply: Reply, about: Mapping[str, Any]) -> None:
        """Commit a reply. `about`: stage, question, attempt, candidate, teacher digest, ... for provenance."""
        body = {name: getattr(reply, name) for name in Reply.__slots__}
        with self.database.transaction() as db:
            db.execute(
                "INSERT INTO replies (sample, request, body, about) VALUES (?, ?, ?, ?)",
                (sample, request, json.dumps(body), json.dumps(dict(about))),
            )

    def replies(self, sample: int) -> list[tuple[dict[str, Any], Reply]]:
        """Every reply about a sample, the usable and the unusable, oldest first, with what it was about."""
        rows = self.database.execute(
            "SELECT about, body FROM replies WHERE sample = ? ORDER BY rowid", sample
        )
        return [
            (self.database.parsed(dict, about), self.database.parsed(_REPLY.validate_python, body))
            for about, body in rows
        ]

    # --- the student's losses -------------------------------------------------------------------------------

    def losses(self, sample: int, keys: Iterable[bytes]) -> dict[bytes, Losses]:
        """The token losses that are stored, of the passages with these digests."""
        found = {}
        for key in keys:
            rows = self.database.execute(
                "SELECT nll, lengths, tokens, room, ranks FROM losses WHERE sample = ? AND passage = ?",
                sample,
                key,
            )
            for nll, lengths, tokens, room, ranks in rows:
                with self.database.understood():
                    losses = np.frombuffer(nll, np.float32), np.frombuffer(lengths, np.uint16)
                    ranked = None if ranks is None else np.frombuffer(ranks, np.uint8)
                    found[key] = Losses(*losses, operator.index(tokens), operator.index(room), ranked)
        return found

    def keep_losses(self, sample: int, losses: Mapping[bytes, Losses]) -> None:
        """Keep token losses; they are committed with the next reply, outcome, or losses a second later.

        Unlike replies they can be had again for nothing, and most commits of a run would be for them.
        """
        with self.database.deferred() as db:
            db.executemany(
                "INSERT OR IGNORE INTO losses (sample, passage, nll, lengths, tokens, room, ranks) "
                "VALUES (?, ?, ?, ?, ?, ?, ?)",
                (
                    (
                        sample,
                        key,
                        found.nll.tobytes(),
                        found.lengths.tobytes(),
                        found.tokens,
                        found.room,
                        None if found.ranks is None else found.ranks.tobytes(),
                    )
                    for key, found in losses.items()
                ),
            )

    # --- runs and outcomes -------------------------------------------------------------------------------------------

    def has_run(self, recipe: Recipe) -> bool:
        """There is a run with this recipe."""
        return bool(self.database.execute("SELECT 1 FROM runs WHERE recipe = ?", _recipe_key(recipe)))

    def run(self, recipe: Recipe, record: RunRecord) -> Run:
        """The run with this recipe, begun or taken up again; it becomes the latest."""
        key = _recipe_key(recipe)
        with self.database.transaction() as db:
            db.execute(
                "INSERT INTO runs (recipe, settings) VALUES (?, ?) "
                "ON CONFLICT (recipe) DO UPDATE SET settings = excluded.settings, started = datetime('now')",
                (key, json.dumps(record.model_dump())),
            )
            db.execute("DELETE FROM latest")
            db.execute("INSERT INTO latest SELECT run FROM runs WHERE recipe = ?", (key,))
        return self.latest_run()

    def record(self, recipe: Recipe) -> RunRecord | None:
        """What the run with this recipe was last started with; None: there is none."""
        rows = self.database.execute("SELECT settings FROM runs WHERE recipe = ?", _recipe_key(recipe))
        return self.database.parsed(RunRecord.model_validate, rows[0][0]) if rows else None

    def schema_ignored(self, teacher: str, think: Think) -> bool:
        """A run here found that the server of this teacher, by its digest, leaves the schema of replies out."""
        return bool(
            self.database.execute(
                "SELECT 1 FROM runs WHERE json_extract(recipe, '$.teacher') = ? AND recipe -> '$.think' = ? "
                "AND json_extract(settings, '$.schema_ignored')",
                teacher,
                json.dumps(think),
            )
        )

    def latest_run(self) -> Run:
        run = self.latest()
        if run is None:
            raise WorkspaceError(f"{self.path}: nothing was refined or scored here yet; `burnish run` does")
        return run

    def latest(self) -> Run | None:
        """The run that was started last; None before the first."""
        rows = self.database.execute("SELECT run, recipe, settings FROM runs JOIN latest USING (run)")
        if not rows:
            return None
        run, recipe, record = rows[0]
        with self.database.understood():
            return Run(
                id=run,
                recipe=Recipe.model_validate(json.loads(recipe)),
                record=RunRecord.model_validate(json.loads(record)),
            )

    def outcome(self, run: Run, sample: int) -> Outcome | None:
        rows = self.database.execute("SELECT body FROM outcomes WHERE run = ? AND sample = ?", run.id, sample)
        return self.database.parsed(Outcome.model_validate, rows[0][0]) if rows else None

    def keep_outcome(self, run: Run, outcome: Outcome) -> dict[str, Any]:
        """Keep an outcome and its figures, which are returned."""
        figures = figures_of(outcome, self.sample(outcome.index).original)
        names, marks = ", ".join(figures), ", ".join("?" * len(figures))
        with self.database.transaction() as db:
            db.execute(
                "INSERT INTO outcomes (run, sample, failed, body) VALUES (?, ?, ?, ?)",
                (run.id, outcome.index, bool(outcome.failures), json.dumps(outcome.model_dump(mode="json"))),
            )
            db.execute(
                f"INSERT INTO figures (run, sample, {names}) VALUES (?, ?, {marks})",
                (run.id, outcome.index, *figures.values()),
            )
        return figures

    def count(self, run: Run, some: Sequence[int] | None = None) -> tuple[int, int]:
        """Samples finished in a run, and of these the ones with a failure, among some or among all."""
        ((done, failed),) = self.database.execute(
            f"SELECT count(*), coalesce(sum(failed), 0) FROM outcomes WHERE run = :run AND {AMONG}",
            run=run.id,
            **among(range(len(self)) if some is None else some),
        )
        return done, failed

    def retries(self, sample: int) -> int:
        """The number of times a person had this sample's failed stages retried."""
        rows = self.database.execute("SELECT rounds FROM retries WHERE sample = ?", sample)
        return int(rows[0][0]) if rows else 0

    def retry_failed(self, run: Run) -> int:
        """Reopen the samples that failed in a run and were not dropped, for new attempts; returns how many."""
        failed = f"run = ? AND failed AND sample NOT IN {DROPPED}"
        with self.database.transaction() as db:
            db.execute(
                f"INSERT INTO retries SELECT sample, 1 FROM outcomes WHERE {failed} "
                "ON CONFLICT (sample) DO UPDATE SET rounds = rounds + 1",
                (run.id,),
            )
            db.execute(f"DELETE FROM figures WHERE {failed}", (run.id,))
            return db.execute(f"DELETE FROM outcomes WHERE {failed}", (run.id,)).rowcount


def _recipe_key(recipe: Recipe) -> str:
    return json.dumps(recipe.model_dump(mode="json"), sort_keys=True)


_DETAILS = TypeAdapter(tuple[dict[str, Any], ...])
_REPLY = TypeAdapter(Reply)
