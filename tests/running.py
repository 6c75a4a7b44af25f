"""Runs for tests and benchmarks: a workspace from samples, settings with a scripted teacher, the outcomes."""

from __future__ import annotations

import asyncio
import hashlib
import json
import random
from collections.abc import Callable, Sequence
from itertools import count
from pathlib import Path
from typing import Any

from engine.events import Event
from engine.run import session
from engine.run.opening import open_workspace
from engine.run.plan import RunSummary
from engine.run.settings import Settings, load_settings
from engine.sample import Outcome, Version
from engine.store.leaving import exported
from engine.store.workspace import Workspace
from tests.conftest import made_once
from tests.gguf_writer import runnable
from tests.ollama.script import Chat, Ending, Nothing, Script
from tests.ollama.server import FakeOllama

TEACHER = "qwen0.5b"
"""A model the scripted server has."""

SHORT = [
    {"instruction": "Name a fruit that is red.", "input": "", "output": "An apple is red."},
    {
        "instruction": "Translate into Spanish.",
        "input": "The train is late.",
        "output": "El tren llega tarde.",
    },
    {"instruction": "What is two plus two?", "input": "", "output": "Two plus two is four."},
    {"instruction": "Say when the sun rises.", "input": "", "output": "In the morning, in the east."},
]
"""Samples that the student weighs in a moment."""

_WORDS = ("river", "stone", "garden", "sample", "question", "reason", "number", "letter", "window", "morning")


def brief(chat: Chat) -> str:
    """A reply in the json form, a few words a part, that depends on the question alone."""
    dice = random.Random(hashlib.sha256(chat.key.encode()).digest())

    def words() -> str:
        return " ".join(dice.sample(_WORDS, 6)) + "."

    def part(schema: dict[str, Any]) -> Any:
        if "$ref" in schema:
            schema = definitions[schema["$ref"].rpartition("/")[2]]
        if schema["type"] == "object":
            return {name: part(inner) for name, inner in schema["properties"].items()}
        return words()

    assert chat.schema is not None
    definitions = chat.schema.get("$defs", {})
    return json.dumps(part(dict(chat.schema)))


def once() -> Script:
    """A teacher that answers the first question, and falls silent at the next."""
    asked = count()
    return lambda chat: Nothing(Ending.STALL) if next(asked) else brief(chat)


def demo_rows(count: int) -> list[dict[str, str]]:
    """The first rows of the packaged demo dataset that stand alone."""
    path = Path(__file__).parent.parent / "engine" / "demo" / "instructions.json"
    rows: list[dict[str, str]] = json.loads(path.read_text("utf-8"))
    return [row for row in rows if "history" not in row][:count]


def dataset(path: Path, rows: Sequence[dict[str, Any]]) -> Path:
    path.write_text(json.dumps(rows), "utf-8")
    return path


def workspace(path: Path, rows: Sequence[dict[str, Any]]) -> Workspace:
    """A new workspace beside a dataset of these rows."""
    return open_workspace(path, dataset(path.with_suffix(".json"), rows), None, None)


def settings(server: FakeOllama | str, **groups: dict[str, Any]) -> Settings:
    """Settings with the scripted teacher in the json form and a student of chance, changed by `groups`."""
    host = server if isinstance(server, str) else server.url
    teacher: dict[str, Any] = {"name": TEACHER, "host": host, "patience": 20.0}
    run: dict[str, Any] = {"reply_form": "json", "schedule": "interleaved"}
    return load_settings(
        {
            "teacher": teacher | groups.get("teacher", {}),
            "student": {"name": str(made_once("chance.gguf", runnable))} | groups.get("student", {}),
            "run": run | groups.get("run", {}),
            "reflection": groups.get("reflection", {}),
        }
    )


def refine(
    opened: Workspace, given: Settings, emit: Callable[[Event], None] = lambda _: None, **options: Any
) -> RunSummary:
    return asyncio.run(session.refine_workspace(opened, given, emit, **options))


def outcomes(opened: Workspace) -> list[Outcome | None]:
    run = opened.latest_run()
    return [row.outcome for row in exported(opened, run)]


def finals(opened: Workspace) -> list[tuple[Version, list[str]] | None]:
    """Each sample's final version and its verdicts, which must not depend on the way a run took."""
    return [
        (outcome.final, [f"{c.stage} {c.verdict} {c.rule}" for c in outcome.choices]) if outcome else None
        for outcome in outcomes(opened)
    ]
