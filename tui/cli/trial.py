"""`burnish trial`: does the refined data train a better student?"""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from models.errors import UsageError
from tui.cli.exit_codes import DONE, PARTLY
from tui.cli.options import (
    CHOSEN_BY,
    COUNT,
    PATH,
    RULES,
    Number,
    given,
    json_option,
    setting_option,
    workspace_argument,
)
from tui.cli.stopping import run_stoppable

if TYPE_CHECKING:
    from engine.run.settings import JudgeSettings, StudentSettings
    from engine.store.workspace import Workspace
    from engine.trial.judged import JudgedAnswers
    from engine.trial.judging import Emit, JudgeRequest
    from engine.trial.results import TrialResult
    from engine.trial.trial import TrialRequest


@click.command()
@workspace_argument
@setting_option("student", "name")
@click.option(
    "--rule",
    type=click.Choice(RULES),
    help="Which samples are the refined data: a rule of burnish export [the method's: paper, all or top].",
)
@click.option(
    "--top",
    metavar="N|N%",
    help="Take only the first N or N% of the rule's samples, ordered --by a measure [all].",
)
@click.option(
    "--by", type=click.Choice(CHOSEN_BY), help="The measure that orders them, as in burnish export [ifd]."
)
@click.option(
    "--arms",
    metavar="NAME,...",
    default="original,refined,random,longest",
    show_default=True,
    help="What to train on; random and longest take as many of the refined samples as the rule does.",
)
@click.option(
    "--arm",
    "files",
    multiple=True,
    metavar="NAME=FILE",
    help="An arm of your own, from a dataset. Repeat it for more.",
)
@click.option(
    "--held-out",
    metavar="N|N%",
    default="10%",
    show_default=True,
    help="Rows to measure on; neither they nor their near duplicates are trained on.",
)
@click.option(
    "--seeds",
    type=COUNT,
    default=3,
    show_default=True,
    metavar="N",
    help="Trainings of each arm, each with other first weights and in another order.",
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
    type=Number(0, 1, min_open=True),
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
    "-o",
    "--out",
    type=PATH,
    metavar="FOLDER",
    help="Where everything is kept [WORKSPACE's name with .trial].",
)
@setting_option(
    "judge", "name", help="A local model that compares the arms' own answers, as burnish judge does."
)
@setting_option("judge", "url", metavar="URL")
@setting_option("judge", "parallel")
@setting_option("judge", "reply_form")
@setting_option("judge", "think")
@click.option(
    "--answer-tokens",
    type=COUNT,
    default=512,
    show_default=True,
    metavar="N",
    help="Tokens that a judged answer may have.",
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
    seeds: int,
    steps: int | None,
    tokens: int,
    rank: int,
    rate: float,
    answer_tokens: int,
    **options: Any,
) -> int:
    """Train the student on original and refined data, and compare.

    For each arm it trains a LoRA adapter on the student's own weights. All arms get equal tokens of answers, steps,
    seeds and the template of the scoring, and learn from the answers only. llama.cpp then computes each adapter's loss
    on held-out answers, original and refined. It says better or worse only where the 95 % interval over rows and
    seeds does not contain 0.

    With --judge the student as it is and each arm's adapter of the first seed answer the held-out instructions
    (greedily, with Ollama's usual penalty for repetition). The judge compares each arm's answers with the student's
    own and with those of the arm original, in both orders, as burnish judge does. It says better or worse only from ten
    decided pairs on and where the interval over rows allows it, and how much of it length explains.

    Adapters (adapter.gguf for llama.cpp, adapter_model.safetensors for PEFT), losses and answers are kept in
    OUT/ARM/SEED, a folder of mode 0700. Given again, the command continues from the last checkpoint and asks nothing
    twice. Nothing is downloaded. It needs burnish[trial]: PyTorch, transformers, PEFT and gguf. Exit code 3: some
    answers or verdicts are missing.
    """
    from dataclasses import asdict

    from engine.run.held import HeldError
    from engine.run.settings import load_settings
    from engine.store.choosing import ChosenBy
    from engine.store.leaving import ExportRule, TopShare
    from engine.store.workspace import Workspace
    from engine.trial.arms import chosen_arms, named_file
    from engine.trial.plan import trial_path
    from engine.trial.trial import TrialRequest
    from tui.cli.console import output, print_facts
    from tui.text.trial_answers import print_judged
    from tui.text.trial_tables import print_trial

    settings = load_settings(given(options))
    asked = TrialRequest(
        out=out or trial_path(workspace),
        rule=None if rule is None else ExportRule(rule),
        top=None if top is None else TopShare.parse(top),
        by=None if by is None else ChosenBy(by),
        arms=chosen_arms(arms),
        files=dict(named_file(text) for text in files),
        held_out=held_out,
        base=base,
        seeds=seeds,
        steps=steps,
        tokens=tokens,
        rank=rank,
        rate=rate,
        judge=_judge(settings.judge, options, answer_tokens),
    )
    with Workspace.read(workspace) as opened:
        try:
            found, judged = run_stoppable(_trial(opened, settings.student, asked))
        except HeldError as error:
            if as_json:
                print(json.dumps({"trial": str(asked.out), "held": asdict(error.held)}))
            raise
    if as_json:  # tui/cli/README.md documents the fields
        told = judged and judged.model_dump(mode="json")
        print(json.dumps({"trial": str(asked.out), **found.model_dump(mode="json"), "judged": told}))
    else:
        print_trial(output(), found)
        if judged is not None:
            print_judged(output(), judged)
        print_facts(output(), [("trial", str(asked.out))])
    return PARTLY if asked.judge is not None and judged is not None and judged.missing else DONE


def _judge(settings: JudgeSettings, options: dict[str, Any], answer_tokens: int) -> JudgeRequest | None:
    """The judge that the command names: one in the settings alone is not asked, for it may take hours."""
    from engine.trial.judging import JudgeRequest

    if options["judge__name"] is not None:
        return JudgeRequest(settings, answer_tokens)
    if any(value is not None for name, value in options.items() if name.startswith("judge__")):
        raise UsageError("--judge-url, --parallel, --reply-form and --think go with --judge")
    return None


async def _trial(
    workspace: Workspace, settings: StudentSettings, asked: TrialRequest
) -> tuple[TrialResult, JudgedAnswers | None]:
    from engine.trial.trial import trial

    return await trial(workspace, settings, asked, _shown)


@contextmanager
def _shown(unit: str) -> Iterator[Emit]:
    """A display of a part of the work while it lasts."""
    from tui.cli.console import errors
    from tui.cli.progress import display

    with display(errors(), unit) as shown:
        yield shown.on_event
