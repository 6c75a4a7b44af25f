"""`burnish export`: the refined dataset as a file."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from engine.export.export import ExportRequest
    from engine.export.preferences import Preferences
    from engine.store.leaving import ExportRule, TopShare

from tui.cli.exit_codes import DONE
from tui.cli.options import (
    CHOSEN_BY,
    FILE,
    FORMATS,
    FROM_0,
    PATH,
    PREFERENCES,
    PREFERRED_BY,
    RULES,
    TRAINERS,
    Number,
    format_option,
    json_option,
    workspace_argument,
)


@click.command()
@workspace_argument
@click.argument("out", type=PATH, required=False)
@click.option(
    "--rule",
    type=click.Choice(RULES),
    default="all",
    show_default=True,
    help="Which samples: all (after --method reflect: V1's data); paper: whose response was replaced, V2's data; "
    "strict: paper, and both scores below 1, as V2's published code takes them; accepted: by a person; top: the first "
    "--by a measure, with IFD Cherry LLM's data.",
)
@click.option(
    "--top",
    metavar="N|N%",
    help="Of the rule's samples only the first N or N% --by a measure [all; with --rule top, 5% of those that nobody "
    "dropped]. V2's small set, cited as 926 samples, is --rule paper --top 2%.",
)
@click.option(
    "--by",
    "by_words",
    type=click.Choice((*CHOSEN_BY, *PREFERRED_BY)),
    multiple=True,
    help="With --top or --rule top, which come first: ifd: the largest below 1; s-ifd: of these the largest over the "
    "tokens that instructions matter most for (T-SHIRT); rsr: the smallest rank-surprisal ratio; loss: the "
    "smallest of the response given the instruction, what the student would likeliest say itself (GRAPE); margin: by "
    "which the new instruction won, at equal length; length: the longest response; random [ifd]. With --preferences, "
    "who preferred a response: the student at the response stage, a person only, or a judge in both orders; a person's "
    "decision comes first in any case [student].",
)
@click.option(
    "--min-rating",
    type=click.IntRange(1, 10),
    metavar="N",
    help="Of the rule's samples only those that burnish rate's judge gave N or more as they leave, of 10 [any]; --top "
    "takes the first of these.",
)
@click.option(
    "--seed",
    type=FROM_0,
    metavar="N",
    help="The draw of --by random, which is that of run --sample: the same seed takes the same samples; with --dry-run "
    "also of the draw that is compared [0].",
)
@click.option(
    "--token-ratio",
    type=Number(0, 1, min_open=True),
    metavar="X",
    help="With --by s-ifd, the share of all tokens that it is over, those that instructions matter most for [0.5, as "
    "published].",
)
@click.option(
    "--dry-run",
    is_flag=True,
    help="Write nothing: say what would be written, and what the chosen samples have in common with as many random "
    "ones and with the longest.",
)
@format_option(
    "The format to write [the dataset's own or the trainer's, in the kind of file that OUT's ending names]: "
    f"{', '.join(FORMATS)}."
)
@click.option(
    "--trainer", type=click.Choice(TRAINERS), help="Write what that trainer reads, with its config beside it."
)
@click.option(
    "--drop-untrainable",
    is_flag=True,
    help="Leave out the rows that the trainer would skip, stop at or read in part. Without it they are named.",
)
@click.option(
    "--replace-entry",
    is_flag=True,
    help="Replace the entry of that name in dataset_info.json also where burnish did not write it.",
)
@click.option(
    "--with-trace", is_flag=True, help="Carry along how each row came to be, in the field `burnish`."
)
@click.option(
    "--preferences",
    type=click.Choice(PREFERENCES),
    help="Write pairs of a better and a worse response to one instruction instead, for DPO, ORPO or, a row each, KTO.",
)
@click.option(
    "--min-margin",
    type=Number(0),
    metavar="X",
    help="The least margin of a pair: the student's in log-ratio, a judge's in points of its 10 [any].",
)
@click.option(
    "--verdicts", type=FILE, metavar="FILE", help="The judge's record [WORKSPACE's name with .judged]."
)
@json_option
def export(
    workspace: Path,
    out: Path | None,
    *,
    rule: str,
    top: str | None,
    format_: str | None,
    trainer: str | None,
    drop_untrainable: bool,
    replace_entry: bool,
    with_trace: bool,
    preferences: str | None,
    by_words: tuple[str, ...],
    min_rating: int | None,
    seed: int | None,
    token_ratio: float | None,
    dry_run: bool,
    min_margin: float | None,
    verdicts: Path | None,
    as_json: bool,
) -> int:
    """Write the refined dataset to OUT, in one step or not at all.

    Rows that cannot be refined leave as they were with the rule all, without --top, and else not at all.
    """
    from engine.export.export import ExportRequest, RowProgress, write
    from engine.export.preferences import PreferredBy
    from engine.export.trainers import Trainer
    from engine.formats.names import Format
    from engine.store.leaving import ExportRule
    from engine.store.workspace import Workspace
    from models.errors import UsageError
    from tui.cli.console import errors, output, print_facts, say
    from tui.text.export_words import (
        dropped_in_export,
        pair_facts,
        passed_in_export,
        rule_of,
        unrated_in_export,
    )
    from tui.text.vocabulary import untrainable_head

    for given, name in ((drop_untrainable, "--drop-untrainable"), (replace_entry, "--replace-entry")):
        if given and trainer is None:
            raise UsageError(f"{name} goes with --trainer")
    if seed is not None and "random" not in by_words and not dry_run:
        raise UsageError("--seed goes with --by random or --dry-run")
    by, preferred_by = (_one_of(by_words, words) for words in (CHOSEN_BY, PREFERRED_BY))
    wanted = ExportRequest(
        ExportRule(rule),
        _share(ExportRule(rule), top, by, seed, token_ratio),
        Format(format_) if format_ else None,
        Trainer(trainer) if trainer else None,
        trace=with_trace,
        drop_untrainable=drop_untrainable,
        replace_entry=replace_entry,
        preferences=_preferences(workspace, preferences, preferred_by, min_margin, verdicts),
        min_rating=min_rating,
    )
    if out is not None:
        with Workspace.read(workspace) as opened:
            wanted = wanted.for_name(out, opened.source().format)
    if dry_run:
        _print_preview(workspace, out, wanted, seed or 0, as_json=as_json)
        return DONE
    if out is None:
        raise UsageError("OUT, the file to write, is missing; --dry-run needs none")
    report = write(workspace, out, wanted, RowProgress())
    if as_json:
        result: dict[str, Any] = {"rule": rule, "dataset": str(out), "rows": report.rows, "of": report.of}
        result |= {"passed": report.passed, "left_out": report.left_out, "dropped": report.dropped}
        result |= {"format": report.format, **_share_json(report.share)}
        result |= _rating_json(report.min_rating, report.unrated)
        if report.pairs is not None:
            result |= {
                "preferences": preferences,
                "pairs": {by: report.pairs.pairs[by] for by in PreferredBy},
                "near_ties": report.pairs.near_ties,
                "no_pair": dict(report.pairs.none),
            }
        if trainer:
            result |= {"config": str(report.config), "use": report.use, "notes": report.notes}
            result["untrainable"] = [
                {
                    "rule": broken.first.rule,
                    "rows": broken.rows,
                    "samples": broken.samples,
                    "first": broken.first.how,
                    "effect": f"{broken.trainer.proper_name} {broken.first.effect}",
                    "left_out": broken.dropped,
                }
                for broken in report.broken
            ]
        print(json.dumps(result))
        return DONE
    what = "rows" if report.passed or report.left_out else "samples"
    facts = [("written", f"{report.rows} of {report.of} {what}, {rule_of(report)}")]
    if report.pairs is not None:
        facts = list(pair_facts(report, report.pairs))
    facts += [("passed through", passed_in_export(report))] if report.passed or report.left_out else []
    facts += [*dropped_in_export(report.dropped), *unrated_in_export(report.unrated)]
    facts += [("export", str(out))]
    facts += [("config", str(report.config)), ("use", str(report.use))] if trainer else []
    print_facts(output(), [*facts, *(("note", note) for note in report.notes)])
    if report.broken:
        say(errors(), untrainable_head(report.broken))
        for broken in report.broken:
            say(errors(), f"  {broken}")
    return DONE


def _print_preview(
    workspace: Path, out: Path | None, wanted: ExportRequest, seed: int, *, as_json: bool
) -> None:
    """Print what `write` would make, without writing it."""
    from engine.export.export import in_the_way, preview
    from tui.cli.console import output, print_facts
    from tui.text.choosing_words import baseline_facts
    from tui.text.export_words import preview_facts

    found = preview(workspace, wanted, rows=1, seed=seed)
    present = in_the_way(workspace, out, wanted) if out is not None else None
    if not as_json:
        facts = [*preview_facts(found, wanted), *(baseline_facts(found.baselines) if found.baselines else ())]
        facts += [("would replace", str(file)) for file in present.files] if present else []
        print_facts(output(), facts)
        return
    result: dict[str, Any] = {"dry_run": True, "rule": wanted.rule, "dataset": out and str(out)}
    result |= {"rows": found.leaving[wanted.rule], "of": found.of, "dropped": found.dropped}
    result |= {"format": found.format, **_share_json(wanted.share)}
    result |= _rating_json(wanted.min_rating, found.unrated)
    result |= {"replaces": [str(file) for file in present.files] if present else [], "baselines": None}
    if (beside := found.baselines) is not None:
        told = {"by_chance": beside.by_chance, "mostly_length": beside.mostly_length}
        result["baselines"] = beside.model_dump(mode="json") | told
    print(json.dumps(result))


def _share_json(share: TopShare | None) -> dict[str, Any]:
    """The fields of a share; none where there is none."""
    from engine.store.choosing import ChosenBy

    if share is None:
        return {}
    of_measure: dict[ChosenBy, dict[str, Any]] = {
        ChosenBy.RANDOM: {"seed": share.seed},
        ChosenBy.S_IFD: {"token_ratio": share.token_ratio},
    }
    return {"top": str(share), "by": share.by, **of_measure.get(share.by, {})}


def _rating_json(least: int | None, unrated: int) -> dict[str, Any]:
    """The fields of a least rating; none where there is none."""
    return {} if least is None else {"min_rating": least, "unrated": unrated}


def _one_of(given: tuple[str, ...], words: tuple[str, ...]) -> str | None:
    """The one word of some that is given; None: none is."""
    from models.errors import UsageError

    found = [word for word in given if word in words]
    if len(found) > 1:
        raise UsageError(f"--by {found[0]} --by {found[1]}: one of {', '.join(words)} at a time")
    return found[0] if found else None


def _share(
    rule: ExportRule, top: str | None, by: str | None, seed: int | None, token_ratio: float | None
) -> TopShare | None:
    """The share of the rule's samples that is asked for, and the measure by which they come first."""
    from engine.export.export import share_of
    from engine.method.selective_ifd import TOKEN_RATIO
    from engine.store.choosing import ChosenBy
    from engine.store.leaving import TopShare
    from models.errors import UsageError

    share = share_of(rule, TopShare.parse(top) if top is not None else None)
    if by is not None and share is None:
        raise UsageError(f"--by {by} goes with --top or --rule top")
    if token_ratio is not None and by != ChosenBy.S_IFD:
        raise UsageError("--token-ratio goes with --by s-ifd")
    ratio = TOKEN_RATIO if token_ratio is None else token_ratio
    return share and replace(share, by=ChosenBy(by or ChosenBy.IFD), seed=seed or 0, token_ratio=ratio)


def _preferences(
    workspace: Path, kind: str | None, by: str | None, least: float | None, record: Path | None
) -> Preferences | None:
    """The pairs that are wanted, with the judge's verdicts where it is asked."""
    from engine.export.preferences import PreferenceKind, Preferences, PreferredBy
    from engine.judge.preferred import verdicts_on
    from models.errors import UsageError

    for given, name in ((by, f"--by {by}"), (least, "--min-margin"), (record, "--verdicts")):
        if given is not None and kind is None:
            raise UsageError(f"{name} goes with --preferences")
    if record is not None and by != PreferredBy.JUDGE:
        raise UsageError("--verdicts goes with --by judge")
    if kind is None:
        return None
    asked = PreferredBy(by or PreferredBy.STUDENT)
    verdicts = verdicts_on(workspace, record) if asked is PreferredBy.JUDGE else {}
    return Preferences(PreferenceKind(kind), asked, least or 0.0, verdicts)
