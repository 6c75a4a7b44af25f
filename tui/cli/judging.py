"""`burnish judge` and `burnish answer`: is one side better than the other, and what does a model answer."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from typing import Any

from rich.console import Console

from engine.formats.names import Format
from engine.formats.read import BadRow
from engine.formats.write import refuse, write_dataset
from engine.judge.answers import AnswerPrompt, Answers, check_answering, generator, prompts, rows
from engine.judge.answers import answer as answer_all
from engine.judge.judge import judge as judge_all
from engine.judge.pairs import Sides, file_sides, workspace_sides
from engine.judge.record import Comparison, Record, judged_path
from engine.judge.recorded_model import RecordedModel
from engine.judge.results import Results, results
from engine.method.templates import TemplateName
from engine.run.opening import is_workspace
from engine.run.settings import AnswerSettings, JudgeSettings, load_settings
from engine.run.teachers import check_teacher
from models.errors import UsageError
from tui.cli.console import errors, output, say
from tui.cli.exit_codes import DONE, PARTLY
from tui.cli.progress import display
from tui.text import tables
from tui.text.judge_tables import length_table, score_table, student_table, words

LISTED = 20
"""Disagreements, and prompts without an answer, that are told of in words; --json tells of all."""


def judge(
    a: Path,
    b: Path | None,
    *,
    judge: str | None,
    refined_only: bool,
    limit: int | None,
    parallel: int | None,
    reply_form: str | None,
    record: Path | None,
    as_json: bool,
) -> int:
    settings = load_settings({"judge": {"name": judge, "parallel": parallel, "reply_form": reply_form}}).judge
    if settings.name is None:
        raise UsageError(
            "no judge: give --judge with an Ollama model such as qwen3:8b, gguf:PATH, or demo (see burnish models)"
        )
    check_teacher(settings)
    sides = _sides(a, b, refined_only=refined_only, limit=limit)
    with Record.at(record or judged_path(a)) as opened:
        comparison = asyncio.run(_judge(opened, settings, sides))
        found = results(opened.judged(comparison))
        if as_json:
            print(json.dumps(_as_object(opened, comparison, found)))
        else:
            _print(output(), opened, comparison, found, a)
    return PARTLY if found.faults else DONE


async def _judge(record: Record, settings: JudgeSettings, sides: Sides) -> Comparison:
    with display(errors(), "pairs") as shown:
        async with RecordedModel(record, settings, shown.on_event) as respondent:
            return await judge_all(respondent, sides, settings.reply_form)


def _sides(a: Path, b: Path | None, *, refined_only: bool, limit: int | None) -> Sides:
    if b is None:
        if not is_workspace(a):
            raise UsageError(f"{a}: not a workspace; give one, or two files of answers to compare")
        return workspace_sides(a, refined_only=refined_only, limit=limit)
    for path in (a, b):
        if is_workspace(path):
            raise UsageError(f"{path}: a workspace is judged by itself; burnish export makes a file of it")

    def on_bad(path: Path, bad: BadRow) -> None:
        say(errors(), f"left out {path}: {bad.where}: {bad.message}")

    sides = file_sides(a, b, limit=limit, on_bad=on_bad)
    for path, alone in zip((a, b), sides.unmatched, strict=True):
        if alone:
            say(errors(), f"{path}: {alone} rows have no partner in the other file, and are left out")
    return sides


def _as_object(record: Record, comparison: Comparison, found: Results) -> dict[str, Any]:
    """What --json prints; tui/cli/README.md documents the fields."""
    about = comparison.about.model_dump(exclude={"run", "refined_only"})
    return {"record": str(record.path), **about, **found.model_dump(mode="json")}


def _print(out: Console, record: Record, comparison: Comparison, found: Results, a: Path) -> None:
    about = comparison.about
    if found.counts.total:
        out.print(score_table(about, found))
        out.print(length_table(about, found.length))
    if found.student:
        out.print(student_table(found.student))
    out.print(tables.facts(words(about, found, LISTED)), soft_wrap=True)
    facts = [("record", str(record.path))]
    if found.disagreements:
        facts.append(("next", f"burnish show {a} {found.disagreements[0].row}"))
    out.print(tables.facts(facts), soft_wrap=True)


def answer(
    prompts_: Path,
    out: Path,
    *,
    model: str | None,
    template: str | None,
    limit: int | None,
    parallel: int | None,
    as_json: bool,
) -> int:
    settings = load_settings({"answer": {"name": model, "template": template, "parallel": parallel}}).answer
    check_answering(settings)
    assert settings.name is not None
    refuse(out, [prompts_])
    asked = prompts(prompts_, limit)
    kept = out.with_name(f"{out.name}.answers")
    with Record.at(kept) as record:
        answers = asyncio.run(_answer(record, settings, asked))
    write_dataset(out, Format.ALPACA, rows(asked, answers, settings.name), protected=[prompts_, kept])
    told = {"prompts": len(asked), "answered": len(answers.texts), "cut": answers.cut}
    if as_json:
        failures = {str(n): failure.model_dump(mode="json") for n, failure in answers.failures.items()}
        where = {"out": str(out), "generator": generator(settings.name), "record": str(kept)}
        print(json.dumps(where | told | {"failures": failures}))
    else:
        output().print(tables.facts(_about_answers(answers, len(asked), out, kept)), soft_wrap=True)
    return PARTLY if answers.failures else DONE


async def _answer(record: Record, settings: AnswerSettings, asked: list[AnswerPrompt]) -> Answers:
    chat = settings.template is TemplateName.CHAT
    with display(errors(), "prompts") as shown:
        async with RecordedModel(record, settings, shown.on_event, chat=chat) as respondent:
            return await answer_all(respondent, asked, settings.template)


def _about_answers(answers: Answers, asked: int, out: Path, kept: Path) -> Iterator[tables.Fact]:
    yield "answered", f"{len(answers.texts)} of {asked} prompts"
    if answers.cut:
        yield "cut", f"{answers.cut} answers reached the limit of tokens (setting answer.max_tokens)"
    for number, failure in islice(sorted(answers.failures.items()), LISTED):
        yield f"prompt {number}", f"{failure.fault}: {failure.message}"
    yield "answers", str(out)
    yield "kept", str(kept)
