"""`burnish judge`: a local model's verdicts on two sides."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from models.errors import UsageError
from models.system.shell import quoted_word
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
    from engine.formats.read import BadRow, Dataset
    from engine.judge.pairs import Sides
    from engine.judge.record import Comparison, Record
    from engine.progress import SessionCounts
    from engine.run.settings import JudgeSettings

LISTED = 20
"""Disagreements that are shown in words; --json tells of all."""


@click.command()
@click.argument("a", type=PATH)
@click.argument("b", type=PATH, required=False)
@setting_option("judge", "name")
@setting_option("judge", "url", metavar="URL")
@click.option("--refined-only", is_flag=True, help="Leave out what the student turned down: fewer replies.")
@limit_option("samples, or rows,")
@setting_option("judge", "context")
@setting_option("judge", "parallel")
@setting_option("judge", "reply_form")
@setting_option("judge", "think")
@click.option(
    "--record",
    type=FILE,
    metavar="FILE",
    help="Where replies and verdicts are kept [A's name with .judged, beside it].",
)
@encoding_option
@columns_option
@ray_option
@json_option
def judge(
    a: Path,
    b: Path | None,
    *,
    refined_only: bool,
    limit: int | None,
    record: Path | None,
    encoding: str | None,
    columns: tuple[str, ...],
    ray: str | None,
    as_json: bool,
    **options: Any,
) -> int:
    """Have a local model judge whether B is better than A.

    A alone is a workspace: the original of each sample against what was made of it, and what the student chose
    between in each stage, but of no sample that a person dropped. A and B are two files of answers to the same
    instructions: exports, datasets, or AlpacaEval's outputs, such as burnish answer writes. Of an exchange in a
    conversation the judge is shown what was said before it, and the tools there.

    Every pair is judged twice, with the places swapped. B wins where it wins both orders, or one with the other
    tied; one won and one lost is a tie. The score is (wins - losses) / pairs + 1.

    Replies and verdicts are kept in a file of mode 0600, A's name with .judged beside A. Given again, the command
    goes on where it was, and nothing is asked twice. Where its first five pairs all fail in the same way it is held:
    given again, it goes on. Exit code 3: some pairs have no verdict.
    """
    import functools
    from dataclasses import asdict

    from engine.formats.fields import Columns
    from engine.formats.read import open_dataset
    from engine.judge.record import Record, judged_path
    from engine.judge.results import results
    from engine.run.held import HeldError
    from engine.run.settings import MODEL_NAMES, load_settings
    from engine.run.teachers import check_teacher
    from tui.cli.console import output, print_facts
    from tui.text.judge_tables import print_results
    from tui.text.tables import session_words

    settings = load_settings(given(options)).judge
    if settings.name is None:
        raise UsageError(f"no judge: give --judge with {MODEL_NAMES} (see burnish models)")
    check_teacher(settings)
    reading = functools.partial(open_dataset, encoding=encoding, columns=Columns.parse(columns))
    sides = _sides(a, b, reading, refined_only=refined_only, limit=limit)
    with Record.at(record or judged_path(a)) as opened:
        try:
            comparison, now = run_stoppable(_judge(opened, settings, sides, ray))
        except HeldError as error:
            if as_json:
                print(json.dumps({"record": str(opened.path), "held": asdict(error.held)}))
            raise
        found = results(opened.judged(comparison))
        if as_json:  # tui/cli/README.md documents the fields
            about = comparison.about.model_dump(exclude={"run", "refined_only"})
            result = {
                "record": str(opened.path),
                "session": now.as_json(),
                **about,
                **found.model_dump(mode="json"),
            }
            print(json.dumps(result))
        else:
            out = output()
            print_results(out, comparison.about, found, LISTED)
            facts = [("session", session_words(now, "pair")), ("record", str(opened.path))]
            if found.disagreements:
                facts.append(("next", f"burnish show {quoted_word(str(a))} {found.disagreements[0].row}"))
            print_facts(out, facts)
    return PARTLY if found.faults else DONE


async def _judge(
    record: Record, settings: JudgeSettings, sides: Sides, ray: str | None
) -> tuple[Comparison, SessionCounts]:
    from engine.judge.judge import judge
    from engine.judge.recorded_model import RecordedModel
    from engine.run.held import ending_when_held
    from tui.cli.console import errors
    from tui.cli.progress import display

    with display(errors(), "pairs") as shown:
        async with RecordedModel(record, settings, ending_when_held(shown.on_event), ray=ray) as model:
            return await judge(model, sides, settings.reply_form), shown.tally.session


def _sides(
    a: Path, b: Path | None, reading: Callable[[Path], Dataset], *, refined_only: bool, limit: int | None
) -> Sides:
    from engine.judge.pairs import file_sides, workspace_sides
    from engine.run.opening import is_workspace
    from tui.cli.console import errors, say

    if b is None:
        if not is_workspace(a):
            raise UsageError(f"{a}: not a workspace; give one, or two files of answers to compare")
        return workspace_sides(a, refined_only=refined_only, limit=limit)
    for path in (a, b):
        if is_workspace(path):
            raise UsageError(f"{path}: a workspace is judged by itself; burnish export makes a file of it")

    def on_bad(path: Path, bad: BadRow) -> None:
        say(errors(), f"left out {path}: {bad.where}: {bad.message}")

    sides = file_sides(a, b, limit=limit, on_bad=on_bad, open_file=reading)
    for path, alone in zip((a, b), sides.unmatched, strict=True):
        if alone:
            say(
                errors(),
                f"{path}: "
                + counted(
                    alone,
                    "row has no partner in the other file, and is left out",
                    "rows have no partner in the other file, and are left out",
                ),
            )
    return sides
