"""`burnish answer`: a local model's answers to a file of prompts."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import asdict
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from models.system.units import counted
from tui.cli.exit_codes import DONE, PARTLY
from tui.cli.options import (
    FILE,
    PATH,
    columns_option,
    encoding_option,
    given,
    json_option,
    limit_option,
    ray_option,
    setting_option,
)
from tui.cli.stopping import run_stoppable

if TYPE_CHECKING:
    from engine.judge.answers import AnswerPrompt, Answers
    from engine.judge.record import Record
    from engine.progress import SessionCounts
    from engine.run.settings import AnswerSettings
    from tui.text.tables import Fact

LISTED = 20
"""Prompts without an answer that are shown in words; --json tells of all."""


@click.command()
@setting_option("answer", "name")
@setting_option("answer", "url", metavar="URL")
@click.option(
    "--prompts",
    type=PATH,
    metavar="FILE",
    required=True,
    help="Rows with an instruction or a conversation, as of a dataset or AlpacaEval, or lines of text.",
)
@click.option(
    "-o",
    "--out",
    type=FILE,
    metavar="OUT",
    required=True,
    help="The file to write, in AlpacaEval's format.",
)
@setting_option("answer", "template")
@limit_option("prompts")
@setting_option("answer", "context")
@setting_option("answer", "parallel")
@setting_option("answer", "think")
@encoding_option
@columns_option
@ray_option
@json_option
def answer(
    prompts: Path,
    out: Path,
    *,
    limit: int | None,
    encoding: str | None,
    columns: tuple[str, ...],
    ray: str | None,
    as_json: bool,
    **options: Any,
) -> int:
    """Have a local model answer a file of prompts, for judge.

    Of a conversation it answers the user's last turn, after all that was said before; OUT has that in `system` and
    `history`. The tools that a row defines are told to the model as its chat template says them, and a call is an
    answer, in JSON; OUT has the definitions in `tools`.

    Every reply is kept at once, in OUT's name with .answers beside it, a file of mode 0600. Given again, the
    command goes on where it was. Where its first five prompts all fail in the same way it is held, and says what to
    try; the same command goes on as it is. OUT is written when all is answered, in one step. Exit code 3: some
    prompts have no answer; they are in OUT with an empty output.
    """
    from engine.formats.fields import Columns
    from engine.formats.names import Format
    from engine.formats.outputs import SourceFile, refuse
    from engine.formats.write import write_dataset
    from engine.judge import answers
    from engine.judge.record import Record
    from engine.run.held import HeldError
    from engine.run.settings import load_settings
    from models.files.digest import sha256_of
    from tui.cli.console import output, print_facts

    settings = load_settings(given(options)).answer
    answers.check_answering(settings)
    assert settings.name is not None
    asked = answers.prompts(prompts, limit, encoding, Columns.parse(columns))
    sources = [SourceFile(prompts.absolute(), sha256_of(prompts))]
    refuse(out, sources)
    kept = out.with_name(f"{out.name}.answers")
    with Record.at(kept) as record:
        try:
            found, now = run_stoppable(_answer(record, settings, asked, ray))
        except HeldError as error:
            if as_json:
                print(json.dumps({"record": str(kept), "held": asdict(error.held)}))
            raise
    rows = answers.rows(asked, found, settings.name)
    write_dataset(out, Format.ALPACA, rows, sources=sources)
    if as_json:
        result = {
            "out": str(out),
            "generator": answers.generator(settings.name),
            "record": str(kept),
            "prompts": len(asked),
            "answered": len(found.texts),
            "session": now.as_json(),
            "cut": found.cut,
            "failures": {str(n): failure.model_dump(mode="json") for n, failure in found.failures.items()},
        }
        print(json.dumps(result))
    else:
        print_facts(output(), _facts(found, now, len(asked), out, kept))
    return PARTLY if found.failures else DONE


async def _answer(
    record: Record, settings: AnswerSettings, asked: list[AnswerPrompt], ray: str | None
) -> tuple[Answers, SessionCounts]:
    from engine.judge.answers import answer
    from engine.judge.recorded_model import RecordedModel
    from engine.method.templates import TemplateName
    from engine.run.held import ending_when_held
    from tui.cli.console import errors
    from tui.cli.progress import display

    chat = settings.template is TemplateName.CHAT
    with display(errors(), "prompts") as shown:
        async with RecordedModel(
            record, settings, ending_when_held(shown.on_event), chat=chat, ray=ray
        ) as model:
            return await answer(model, asked, settings.template), shown.tally.session


def _facts(answers: Answers, now: SessionCounts, asked: int, out: Path, kept: Path) -> Iterator[Fact]:
    from tui.text.tables import session_words

    yield "answered", f"{len(answers.texts)} of {counted(asked, 'prompt')}"
    yield "session", session_words(now, "prompt")
    if answers.cut:
        yield (
            "cut",
            f"{counted(answers.cut, 'answer')} reached the limit of tokens (setting answer.max_tokens)",
        )
    for number, failure in islice(sorted(answers.failures.items()), LISTED):
        yield f"prompt {number}", f"{failure.fault}: {failure.message}"
    yield "answers", str(out)
    yield "kept", str(kept)
