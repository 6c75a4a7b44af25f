"""Rules of a person's own in a run: read from files, told, kept, and never mixed with replies to others."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from typing import Any

import pytest

from engine.events import Event, Notice
from engine.report.reproduce import commands
from engine.run.session import Session
from engine.run.settings import Settings, StudentSettings, load_settings
from engine.sample import Stage
from engine.store.workspace import Workspace
from models.errors import UsageError
from tests.command import REFLECT, burnish
from tests.ollama.server import FakeOllama
from tests.running import SHORT, brief, dataset, refine, settings, workspace

HOUSE = "# House style\n\n- British spelling\n* never name a price\r\n  at most 120 words  \n"
CRITERIA = """
beside_papers = true
[[response]]
title = "Tone"
meaning = "Would a customer feel taken seriously?"
"""


@pytest.fixture
def files(tmp_path: Path) -> dict[str, Any]:
    house, criteria = tmp_path / "house.txt", tmp_path / "criteria.toml"
    house.write_bytes(b"\xef\xbb\xbf" + HOUSE.encode())
    criteria.write_text(CRITERIA)
    return {"guidelines": str(house), "criteria": str(criteria)}


def with_rules(given: Settings, rules: dict[str, Any]) -> Settings:
    return given.model_copy(update={"reflection": load_settings({"reflection": rules}).reflection})


def notices(events: list[Event]) -> str:
    return "\n".join(event.text for event in events if isinstance(event, Notice))


def test_rules_are_read_once_and_kept_with_the_settings(files: dict[str, Any]) -> None:
    read = load_settings({"reflection": files})
    assert read.reflection.guidelines == ("British spelling", "never name a price", "at most 120 words")
    assert [one.title for one in read.reflection.criteria_in_force.response][-2:] == [
        "Level of Details",
        "Tone",
    ]
    for path in files.values():
        Path(path).unlink()
    kept = json.loads(json.dumps(read.model_dump(mode="json")))
    assert Settings.model_validate(kept) == read


@pytest.mark.parametrize("place", ["option", "file", "environment"])
def test_every_place_takes_a_file_or_the_rules_themselves(
    files: dict[str, Any], place: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    config = tmp_path / "config.toml"
    config.touch()
    monkeypatch.setenv("BURNISH_CONFIG", str(config))
    expected = load_settings({"reflection": files}).reflection
    written = expected.model_dump(mode="json")
    for rules in (files, written):
        match place:
            case "option":
                assert load_settings({"reflection": rules}).reflection == expected
            case "file":
                lines = "\n".join(f"{name} = {toml(value)}" for name, value in rules.items())
                config.write_text(f"[reflection]\n{lines}\n")
                assert load_settings({}).reflection == expected
            case _:
                for name, value in rules.items():
                    text = value if isinstance(value, str) else json.dumps(value)
                    monkeypatch.setenv(f"BURNISH_REFLECTION__{name.upper()}", text)
                assert load_settings({}).reflection == expected


def toml(value: Any) -> str:
    """A value as TOML writes it on one line."""
    if isinstance(value, dict):
        return "{" + ", ".join(f"{name} = {toml(part)}" for name, part in value.items()) + "}"
    return json.dumps(value) if not isinstance(value, list) else f"[{', '.join(map(toml, value))}]"


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (None, "cannot be read (No such file or directory); name a file that is there"),
        (b"", "holds no rule; write one a line"),
        (b"# only a heading\n\n-\n", "holds no rule"),
        (b"ok\n\xff\n", "byte 3: not UTF-8; save the file as UTF-8"),
        (b"ok\n\n" + b"x" * 301, "line 3: 301 characters, of 300 at most; shorten it"),
        (b"ok\nred \x1b[31m\n", "line 2: holds '\\x1b'"),
        (b"ok\n" * 41, "41 guidelines, of 40 at most"),
        (b"ok\n" * 100_000, "larger than 256 KiB"),
    ],
)  # fmt: skip
def test_a_bad_file_of_guidelines_is_one_line_that_says_where(
    content: bytes | None, words: str, tmp_path: Path
) -> None:
    path = tmp_path / "house.txt"
    if content is not None:
        path.write_bytes(content)
    assert words in refused({"guidelines": str(path)}, path)


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ("", "holds no criterion; a criterion is [[instruction]] or [[response]] with title"),
        ("x = ", "not valid TOML"),
        ("[" * 5000, "not valid TOML"),
        ("[[response]]\nmeaning = 'x'", "[[response]] 1, title: field required; a criterion is"),
        ("[[response]]\ntitle = 'a'\n[[response]]\ntitle = 3", "[[response]] 2, title: input should be a valid string"),
        ("[[response]]\ntitle = 'a'\n[[response]]\ntitel = 'b'", "[[response]] 2, title: field required"),
        ("[[answers]]\ntitle = 'a'", "answers: no such name is known here"),
        ("[[response]]\ntitle = 'a'\n[[response]]\ntitle = 'A'", "the title 'A' stands twice"),
        ("beside_papers = true\n[[response]]\ntitle = 'accuracy'", "the title 'accuracy' stands twice"),
    ],
)  # fmt: skip
def test_a_bad_file_of_criteria_is_one_line_that_says_where(content: str, words: str, tmp_path: Path) -> None:
    path = tmp_path / "criteria.toml"
    path.write_text(content)
    assert words in refused({"criteria": str(path)}, path)


def refused(rules: dict[str, Any], path: Path) -> str:
    with pytest.raises(UsageError) as caught:
        load_settings({"reflection": rules})
    line = str(caught.value)
    assert line.startswith(f"{path}: ")
    assert line.isprintable(), "one line"
    return line


def test_other_rules_are_another_run_that_says_so_and_mixes_nothing(
    files: dict[str, Any], tmp_path: Path
) -> None:
    with FakeOllama(brief) as server, workspace(tmp_path / "w.burnish", SHORT[:2]) as opened:
        plain = settings(server, run={"method": "reflect"})
        told: list[Event] = []
        first = refine(opened, plain, told.append).run
        assert "other guidelines" not in notices(told)
        asked = len(server.chats)
        ruled = with_rules(plain, files)
        second = refine(opened, ruled, told.append).run
        assert second.id != first.id
        assert len(server.chats) == 2 * asked, "no reply to other rules was used"
        assert "the latest run here had other guidelines and criteria: its replies are kept" in notices(told)
        assert all("never name a price" in str(chat.body) for chat in server.chats[asked:])
        assert not any("never name a price" in str(chat.body) for chat in server.chats[:asked])
        told.clear()
        assert refine(opened, ruled, told.append).run.id == second.id
        assert (len(server.chats), "other" in notices(told)) == (2 * asked, False)
        assert refine(opened, plain, told.append).run.id == first.id
        assert len(server.chats) == 2 * asked, "and back, for nothing"
        assert "the run by these goes on" in notices(told)


def test_the_rules_are_in_what_is_shown_the_trace_and_the_report(
    files: dict[str, Any], tmp_path: Path
) -> None:
    data, path = dataset(tmp_path / "data.json", SHORT[:1]), tmp_path / "w.burnish"
    rules = ("--guidelines", files["guidelines"], "--criteria", files["criteria"])
    with FakeOllama(brief) as server:
        ended = burnish("run", data, "-w", path, *REFLECT, *rules, environment={"OLLAMA_HOST": server.url})
    assert ended.code == 0, ended.err
    shown = burnish("show", path).out
    assert "British spelling; never name a price; at most 120 words" in shown
    assert "Tone (Would a customer feel taken seriously?)" in shown
    assert "Tone" in burnish("show", path, "0").out
    assert burnish("export", path, tmp_path / "out.json", "--with-trace").code == 0
    run = json.loads((tmp_path / "out.json").read_text())[0]["burnish"]["run"]
    assert run["guidelines"] == ["British spelling", "never name a price", "at most 120 words"]
    assert run["criteria"]["response"][-1]["title"] == "Tone"
    assert burnish("report", path, "-o", tmp_path / "report.html").code == 0
    page = (tmp_path / "report.html").read_text()
    assert "never name a price" in page
    with Workspace.read(path) as opened:
        again = commands(path, opened.source(), opened.latest_run())[1]
    assert 'BURNISH_REFLECTION__GUIDELINES=\'["British spelling", ' in again


def test_a_rewrite_that_a_person_asks_for_is_told_the_rules(files: dict[str, Any], tmp_path: Path) -> None:
    with FakeOllama(brief) as server, workspace(tmp_path / "w.burnish", SHORT[:1]) as opened:
        given = with_rules(settings(server, run={"method": "reflect"}), files)
        without_student = given.model_copy(update={"student": StudentSettings()})

        async def asked_again() -> None:
            async with Session(opened, without_student, lambda _: None) as session:
                await session.regenerate(0, opened.sample(0).original, Stage.RESPONSE)

        asyncio.run(asked_again())
        assert "never name a price" in str(server.chats[0].body)
        assert "Tone" in opened.reviews.candidates(0)[0].critique
