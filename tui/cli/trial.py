"""`burnish trial`: does the refined data train a better student?"""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from tui.cli.exit_codes import DONE
from tui.cli.options import (
    CHOSEN_BY,
    COUNT,
    PATH,
    RULES,
    given,
    json_option,
    setting_option,
    workspace_argument,
)
from tui.cli.stopping import run_stoppable

if TYPE_CHECKING:
    from engine.run.settings import StudentSettings
    from engine.store.workspace import Workspace
    from engine.trial.results import TrialResult
    from engine.trial.trial import TrialRequest


@click.command()
@workspace_argument
@setting_option("student", "name")
@click.option(
    "--rule",
    type=click.Choice(RULES),
    help="The samples that are the refined data, as burnish export has them [the method's: paper, all or top].",
)
@click.option(
    "--top", metavar="N|N%", help="Of the rule's samples only the first N or N% --by a measure [all]."
)
@click.option("--by", type=click.Choice(CHOSEN_BY), help="The measure, as of burnish export [ifd].")
@click.option(
    "--arms",
    metavar="NAME,...",
    default="original,refined,random,longest",
    show_default=True,
    help="What to train on; random and longest choose as many of the refined samples as the rule does.",
)
@click.option(
    "--arm",
    "files",
    multiple=True,
    metavar="NAME=FILE",
    help="An arm of your own, from a dataset. Any number.",
)
@click.option(
    "--held-out",
    metavar="N|N%",
    default="10%",
    show_default=True,
    help="Rows that nothing is trained on, nor on anything like them.",
)
@click.option(
    "--seeds",
    type=COUNT,
    default=3,
    show_default=True,
    metavar="N",
    help="Trainings of each arm, from other weights and in another order.",
)
@click.option(
    "--steps",
    type=COUNT,
    metavar="N",
    help="Updates of each arm [three epochs of the smallest arm].",
)
@click.option(
    "--tokens",
    type=COUNT,
    default=512,
    show_default=True,
    metavar="N",
    help="Tokens of answers that each update learns from.",
)
@click.option(
    "--rank",
    type=COUNT,
    default=16,
    show_default=True,
    metavar="N",
    help="The rank of the adapters.",
)
@click.option(
    "--rate",
    type=click.FloatRange(0, 1, min_open=True),
    default=2e-4,
    show_default=True,
    metavar="X",
    help="The learning rate at its largest.",
)
@click.option(
    "--base",
    type=PATH,
    metavar="FOLDER",
    help="The student's own checkpoint (config.json, safetensors), where its weights cannot be taken out of the GGUF.",
)
@click.option(
    "-o", "--out", type=PATH, metavar="FOLDER", help="Where all of it is kept [WORKSPACE's name with .trial]."
)
@json_option
def trial(
    workspace: Path,
    *,
    rule: str | None,
    top: str | None,
    by: str | None,
    arms: str,
    files: tuple[str, ...],
    held_out: str,
    base: Path | None,
    out: Path | None,
    as_json: bool,
    student__name: str | None,
    **numbers: Any,
) -> int:
    """Train the student on original and refined data, and compare.

    Each arm is a LoRA adapter of the student's own weights: at equal tokens of answers, steps and seeds, with the
    template of the scoring, learning from the answers only. llama.cpp then computes each adapter's loss on answers
    that were held out, original and refined. It says better or worse only where the 95 % intervals over rows and seeds
    do.

    Adapters (adapter.gguf for llama.cpp, adapter_model.safetensors for PEFT) and losses are kept in OUT/ARM/SEED, a
    folder of mode 0700. Given again, the command goes on from the last checkpoint. Nothing is downloaded. It needs
    burnish[trial]: PyTorch, transformers, PEFT and gguf.
    """
    from engine.run.settings import load_settings
    from engine.store.choosing import ChosenBy
    from engine.store.leaving import ExportRule, TopShare
    from engine.store.workspace import Workspace
    from engine.trial.arms import chosen_arms, named_file
    from engine.trial.plan import trial_path
    from engine.trial.trial import TrialRequest
    from tui.cli.console import output, print_facts
    from tui.text.trial_tables import print_trial

    settings = load_settings(given({"student__name": student__name})).student
    asked = TrialRequest(
        out=out or trial_path(workspace),
        rule=None if rule is None else ExportRule(rule),
        top=None if top is None else TopShare.parse(top),
        by=None if by is None else ChosenBy(by),
        arms=chosen_arms(arms),
        files=dict(named_file(text) for text in files),
        held_out=held_out,
        base=base,
        **numbers,
    )
    with Workspace.read(workspace) as opened:
        found = run_stoppable(_trial(opened, settings, asked))
    if as_json:  # tui/cli/README.md documents the fields
        print(json.dumps({"trial": str(asked.out), **found.model_dump(mode="json")}))
    else:
        print_trial(output(), found)
        print_facts(output(), [("trial", str(asked.out))])
    return DONE


async def _trial(workspace: Workspace, settings: StudentSettings, asked: TrialRequest) -> TrialResult:
    from engine.trial.trial import trial
    from tui.cli.console import errors
    from tui.cli.progress import display

    with display(errors(), "steps") as shown:
        return await trial(workspace, settings, asked, shown.on_event)
