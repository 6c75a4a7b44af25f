"""`burnish alpaca-eval`: the length-controlled win rate of verdicts that a judge has given."""

from __future__ import annotations

import json
from pathlib import Path

import click

from tui.cli.exit_codes import DONE
from tui.cli.options import FILE, PATH, json_option


@click.command("alpaca-eval")
@click.argument("a", type=PATH)
@click.argument("b", type=PATH, required=False)
@click.option(
    "--judge", metavar="NAME", help="The judge whose verdicts count, where there are several [the latest]."
)
@click.option(
    "--difficulty",
    type=FILE,
    metavar="FILE",
    help="AlpacaEval's instruction_difficulty.csv, where A answers its instructions in their order.",
)
@click.option(
    "--record",
    type=FILE,
    metavar="FILE",
    help="Where burnish judge kept the verdicts [A's name with .judged, beside it].",
)
@json_option
def alpaca_eval(
    a: Path, b: Path | None, *, judge: str | None, difficulty: Path | None, record: Path | None, as_json: bool
) -> int:
    """How often B is preferred to A, and how often at equal length.

    A and B, or the workspace A, are what burnish judge compared; nothing is asked. The length-controlled win rate is
    AlpacaEval's (arXiv 2404.04475): a logistic model of the verdicts with a term for the models, one for the answers'
    lengths (the tanh of their standardised difference, in characters) and one for the instruction's difficulty; the
    rate is the model's with the length's term at zero. Difficulties are known of AlpacaEval's own 805 instructions
    alone: without --difficulty the model has no such term, for what would be estimated from one comparison's verdicts
    would be the verdicts themselves.

    Of two orders a win counts 1, a tie one half. Below ten decided pairs nothing is claimed. The package alpaca_eval
    also penalises its coefficients, which draws the rate of few pairs to 50 %. It needs burnish[alpaca-eval]: SciPy.
    """
    from engine.judge.length_controlled import check_scipy, length_controlled, read_difficulties
    from engine.judge.record import Record, comparison_of, judged_path
    from models.errors import UsageError
    from tui.cli.console import output, print_facts
    from tui.text.length_controlled_tables import print_win_rates

    check_scipy()
    if difficulty is not None and b is None:
        raise UsageError(
            f"{a}: a workspace's samples are none of AlpacaEval's instructions; leave out --difficulty"
        )
    difficulties = None if difficulty is None else read_difficulties(difficulty)
    with Record.read(record or judged_path(a)) as opened:
        comparison = comparison_of(opened, a, b, judge)
        found = length_controlled((one for _, one in opened.judged(comparison)), difficulties)
    about = comparison.about
    if as_json:  # tui/cli/README.md documents the fields
        told = about.model_dump(include={"a", "b", "sources", "judge", "pairs", "same", "unmatched"})
        print(json.dumps({"record": str(opened.path), **told, **found.model_dump(mode="json")}))
    else:
        print_win_rates(output(), about, found)
        print_facts(output(), [("record", str(opened.path))])
    return DONE
