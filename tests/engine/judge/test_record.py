"""The record's file: nobody else's, whole, one writer at a time, and no other kind of file."""

from __future__ import annotations

import hashlib
import json
import os
import sqlite3
import stat
from contextlib import closing
from dataclasses import asdict, replace
from pathlib import Path

import pytest

from engine.judge.prompt import Judged, Result
from engine.judge.record import RECORD, Record
from engine.store.file_errors import WorkspaceError
from models.teacher import Message, Reply, Request
from tests.factory import judging, new_workspace, opinion, pair, teacher_info

HALF = "before \ud800 \x00 \x1b after"


def judged(number: int, scores: tuple[int, int] = (3, 8)) -> Judged:
    first, second = scores
    return Judged(
        pair=pair(HALF, "b", number, instruction=f"Say {number}."),
        forward=opinion(first, second, critique=HALF),
        swapped=opinion(second, first),
    )


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "w.judged"


@pytest.mark.skipif(os.name == "nt", reason="POSIX modes")
def test_nobody_else_may_read_it_nor_the_files_beside_it(path: Path) -> None:
    old = os.umask(0)
    try:
        with Record.at(path) as record:
            record.keep_reply(0, b"1", Reply("secret"), {})
            files = list(path.parent.iterdir())
            assert {stat.S_IMODE(file.stat().st_mode) for file in files} == {0o600}
            pragmas = [record.database.execute(f"PRAGMA {name}") for name in ("journal_mode", "synchronous")]
            assert pragmas == [[("wal",)], [(2,)]]  # 2: FULL
    finally:
        os.umask(old)


def test_what_was_kept_is_there_when_it_is_opened_again(path: Path) -> None:
    with Record.at(path) as record:
        record.keep_reply(0, b"1", Reply(HALF, tokens=7), {"question": "judge"})
        comparison = record.begin(judging())
        for number in (2, 0):
            record.keep(comparison, number, judged(number))
    for way in (Record.at, Record.read):
        with way(path) as record:
            assert record.reply(99, b"1") == Reply(HALF, tokens=7)
            assert record.reply(0, b"2") is None
            latest = record.latest()
            assert latest == comparison
            assert list(record.judged(latest)) == [(0, judged(0)), (2, judged(2))]
            assert record.verdict(latest, 2) == judged(2)
            assert record.known(latest) == {n: (judged(n).pair.digest(), Result.WIN) for n in (0, 2)}
            with pytest.raises(WorkspaceError, match="pair 1 has no verdict"):
                record.verdict(latest, 1)


def test_the_comparison_that_was_begun_last_is_the_latest(path: Path) -> None:
    with Record.at(path) as record:
        assert record.latest() is None
        first = record.begin(judging(a="1", pairs=1))
        second = record.begin(judging(a="2", pairs=1))
        same = record.begin(judging(a="1", pairs=2))
        assert (same.id, same.about.pairs) == (first.id, 2)
        assert record.comparisons() == [same, second]


def test_verdicts_beyond_the_comparison_s_pairs_are_kept_and_not_shown(path: Path) -> None:
    with Record.at(path) as record:
        comparison = record.begin(judging(pairs=3))
        for number in range(3):
            record.keep(comparison, number, judged(number))
        few = record.begin(judging(pairs=1))
        assert [number for number, _ in record.judged(few)] == [0]
        record.forget(few, [0])
        assert list(record.judged(few)) == []
        assert [number for number, _ in record.judged(record.begin(judging(pairs=3)))] == [1, 2]


def test_more_verdicts_than_are_read_at_a_time_come_in_order(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("engine.judge.record.WINDOW", 2)
    with Record.at(path) as record:
        comparison = record.begin(judging(pairs=9))
        for number in (5, 1, 8, 3, 0):
            record.keep(comparison, number, judged(number))
        assert list(record.judged(comparison)) == [(n, judged(n)) for n in (0, 1, 3, 5, 8)]


def test_one_burnish_works_on_it_at_a_time_and_others_may_look(path: Path) -> None:
    with Record.at(path) as record:
        comparison = record.begin(judging(pairs=1))
        record.keep(comparison, 0, judged(0))
        with pytest.raises(WorkspaceError, match="another burnish is working on it"):
            Record.at(path)
        with Record.read(path) as reading:
            assert len(list(reading.judged(comparison))) == 1


def test_a_workspace_is_no_record_nor_is_a_record_a_workspace(path: Path) -> None:
    workspace = new_workspace(path.with_name("w.burnish"))
    before = workspace.read_bytes()
    for way in (Record.at, Record.read):
        with pytest.raises(WorkspaceError, match="not a burnish record; `burnish judge` makes one"):
            way(workspace)
    assert workspace.read_bytes() == before


def test_a_newer_schema_is_refused_and_a_damaged_file_explained(path: Path) -> None:
    Record.at(path).close()
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("PRAGMA user_version = 9")
    with pytest.raises(WorkspaceError, match="made by a newer burnish"):
        Record.at(path)
    with closing(sqlite3.connect(path)) as connection:
        connection.execute(f"PRAGMA user_version = {len(RECORD.migrations)}")
        about = json.dumps(judging().model_dump())
        connection.execute("INSERT INTO comparisons VALUES (1, '{}', ?, 1)", (about,))
        connection.execute("INSERT INTO verdicts VALUES (1, 0, x'00', 'win', '{\"pair\": 7}')")
        connection.commit()
    with Record.read(path) as record, pytest.raises(WorkspaceError, match="damaged"):
        list(record.judged(record.comparisons()[0]))


def test_a_reply_and_a_comparison_of_the_first_schema_are_found_again(path: Path) -> None:
    judge = teacher_info("gemma3:12b", digest="sha256:7", parameters=12e9, size=8_100_000_000)
    request = Request((Message("user", HALF),), seed=0, temperature=0.0, max_tokens=1024)
    asked = asdict(request)
    del asked["think"], asked["logprobs"], asked["tools"]
    body = json.dumps([judge.digest, asked], sort_keys=True)
    with closing(sqlite3.connect(path)) as connection:
        connection.executescript(f"{RECORD.migrations[0]}; PRAGMA user_version = 1")
        connection.execute(f"PRAGMA application_id = {RECORD.application}")
        connection.execute(
            "INSERT INTO replies (request, body, about) VALUES (?, ?, ?)",
            (
                hashlib.sha256(body.encode("ascii")).digest()[:16],
                json.dumps(asdict(Reply(HALF))),
                json.dumps({"number": 0, "teacher": judge.digest}),
            ),
        )
        later = {"prompts", "think", "context"}
        about = judging(judge=judge, pairs=1).model_dump(exclude=later | {"run", "refined_only"})
        decides = {name: value for name, value in about.items() if name not in ("pairs", "same", "unmatched")}
        key = json.dumps(decides | {"judge": judge.digest}, sort_keys=True)
        connection.execute("INSERT INTO comparisons VALUES (1, ?, ?, 1)", (key, json.dumps(about)))
        connection.commit()
    with Record.at(path) as record:
        assert record.reply(0, request.digest(judge)) == Reply(HALF)
        assert record.reply(0, replace(request, think=True).digest(judge)) is None
        assert record.comparisons()[0].about == judging(judge=judge, pairs=1, prompts=1)
        assert record.begin(judging(judge=judge, pairs=1, prompts=1)).id == 1


def test_a_judging_that_was_held_by_an_older_burnish_is_not_held_again(path: Path) -> None:
    was, never = judging(pairs=7), judging(pairs=7, seed=5)
    with closing(sqlite3.connect(path)) as connection:
        for migration in RECORD.migrations[:-1]:
            if isinstance(migration, str):
                connection.executescript(migration)
            else:
                migration(connection)
        connection.execute(f"PRAGMA user_version = {len(RECORD.migrations) - 1}")
        connection.execute(f"PRAGMA application_id = {RECORD.application}")
        for number, (about, held) in enumerate([(was, True), (never, False)], 1):
            body = json.dumps(about.model_dump() | {"held": held})
            connection.execute(
                "INSERT INTO comparisons VALUES (?, ?, ?, ?)", (number, about.key(), body, number)
            )
        connection.commit()
    with Record.at(path) as record:
        assert [record.was_held(one.key()) for one in (was, never)] == [True, False]
        assert [one.about for one in record.comparisons()] == [never, was]
