"""The command line. Everything heavy is imported by the command that needs it: `--help` answers at once."""

from __future__ import annotations

import errno
import os
import shlex
import signal
import sys
from io import TextIOWrapper
from pathlib import Path
from types import FrameType, TracebackType
from typing import Any

import click

from models.errors import BurnishError, UsageError
from models.system.core_files import no_core_file
from tui.cli.exit_codes import DONE, FAILED, INTERRUPTED, USAGE
from tui.cli.options import (
    FORMATS,
    JUDGE_FORMS,
    METHODS,
    REPLY_FORMS,
    RULES,
    SCHEDULES,
    TEMPLATES,
    TRAINERS,
    data_options,
    json_option,
    student_options,
    workspace_argument,
)
from tui.platform.environment import DEVELOPERS


def main() -> None:
    """The command `burnish`."""
    no_core_file()
    sys.excepthook = _broken
    # Whatever asks burnish to stop does so the same way as Ctrl-C.
    for name in ("SIGTERM", "SIGHUP"):
        if hasattr(signal, name):
            signal.signal(getattr(signal, name), _interrupt)
    # A terminal or a pipe that cannot show a character gets its number instead; JSON is ASCII anyway.
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")
    try:
        code = cli.main(standalone_mode=False)
        sys.stdout.flush()
    except click.ClickException as error:
        error.show()
        code = USAGE
    except (click.Abort, KeyboardInterrupt):
        click.echo(
            "\nburnish: stopped; nothing answered is lost. The same command goes on: "
            + shlex.join(["burnish", *sys.argv[1:]]),
            err=True,
        )
        code = INTERRUPTED
    except BurnishError as error:
        click.echo(f"burnish: {_one_line(str(error))}", err=True)
        code = USAGE if isinstance(error, UsageError) else FAILED
    except OSError as error:
        if error.errno not in (errno.EPIPE, errno.ENOSPC, errno.EDQUOT):
            raise
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # what is still to come has no place
        if error.errno != errno.EPIPE:  # there, the reader of our output has seen enough
            click.echo(f"burnish: {error.strerror}: make room and give the same command again", err=True)
        code = FAILED
    sys.exit(code or DONE)


def _interrupt(_number: int, _frame: FrameType | None) -> None:
    signal.raise_signal(signal.SIGINT)


def _broken(_kind: type[BaseException], error: BaseException, _trace: TracebackType | None) -> None:
    """A mistake of ours is allowed to look like one, but not to quote the samples it met."""
    from engine.health.crash_log import without_messages  # noqa: PLC0415

    told = without_messages(error)
    click.echo(f"Traceback (without messages, for they may quote a sample):\n{told}", err=True)


def _one_line(text: str) -> str:
    from tui.text.literal import one_line  # noqa: PLC0415

    return one_line(text)


class _Commands(click.Group):
    """`burnish PATH` opens a dataset or a workspace in the terminal interface."""

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        if args[0] not in self.commands and (_is_there(args[0]) or _is_meant_as_a_path(args[0])):
            return "open", open_, args
        return super().resolve_command(ctx, args)


def _is_there(name: str) -> bool:
    try:
        return Path(name).exists()
    except (OSError, ValueError):  # no file can be called that
        return False


def _is_meant_as_a_path(name: str) -> bool:
    """No command has a dot or a slash, and an option is none of either."""
    return not name.startswith("-") and any(mark in name for mark in (".", "/", os.sep))


@click.group(
    cls=_Commands,
    invoke_without_command=True,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
)
@click.version_option(package_name="burnish")
@click.pass_context
def cli(ctx: click.Context) -> int | None:
    """Refine an instruction-tuning dataset on this machine, offline.

    Without a command, or with the path of a dataset or a workspace, burnish opens its terminal interface.

    A local teacher reflects on every sample and rewrites it; a local student decides by its own perplexity (IFD
    and r-IFD) whether the rewrite is kept. Everything is kept in a workspace, and every command can be stopped
    and given again: it goes on where it was.
    """
    return None if ctx.invoked_subcommand else ctx.invoke(open_, path=None)


@click.command("open")
@click.argument("path", type=click.Path(path_type=Path), required=False)
def open_(path: Path | None) -> int:
    """The terminal interface."""
    if path is not None and not _is_there(str(path)):
        raise BurnishError(f"{path}: not there; give a dataset or a workspace, or nothing to choose one")
    if path is not None and path.is_dir():
        raise BurnishError(f"{path}: a folder; give a dataset or a workspace in it, or nothing to choose one")
    if not (sys.stdin.isatty() and sys.stdout.isatty()):
        raise UsageError(
            "the terminal interface needs a terminal; burnish --help lists the commands that do not"
        )
    for name in DEVELOPERS:
        os.environ.pop(name, None)
    from tui.cli.interface import open_interface  # noqa: PLC0415

    return open_interface(path)


@cli.command()
@click.argument("data", type=click.Path(path_type=Path))
@data_options
@click.option("--teacher", metavar="NAME", help="An Ollama model such as qwen3:8b, gguf:PATH, or demo.")
@student_options
@click.option(
    "--method",
    type=click.Choice(METHODS),
    help="selective: both reflections, the student chooses (V2); reflect: both, all taken (V1); score: "
    "neither [selective].",
)
@click.option(
    "--reply-form", type=click.Choice(REPLY_FORMS), help="How the teacher lays out its replies [auto]."
)
@click.option(
    "--schedule", type=click.Choice(SCHEDULES), help="Both models in memory, or one after the other [auto]."
)
@click.option(
    "--teacher-parallel", type=click.IntRange(1, 64), metavar="N", help="Requests to the teacher at once [1]."
)
@click.option(
    "--candidates", type=click.IntRange(1, 16), metavar="N", help="Rewrites asked for in each stage [1]."
)
@click.option(
    "--both-branches",
    is_flag=True,
    default=None,
    help="Ask for both response reflections, so that any student can choose later.",
)
@click.option("--retry-failed", is_flag=True, help="Try the samples again whose reflection failed.")
@click.option(
    "--allow-remote-teacher", is_flag=True, help="Let the data go to an Ollama that is not on this machine."
)
@json_option
def run(data: Path, **options: Any) -> int:
    """Refine DATA with a teacher and a student, in a workspace.

    Given again on the same workspace, it goes on where it was.
    """
    from tui.cli.commands import run  # noqa: PLC0415

    return run(data, **options)


@cli.command()
@click.argument("data", type=click.Path(path_type=Path))
@data_options
@student_options
@json_option
def score(data: Path, **options: Any) -> int:
    """Score DATA as it is, without a teacher: IFD and r-IFD."""
    from tui.cli.commands import score  # noqa: PLC0415

    return score(data, **options)


@cli.command()
@workspace_argument
@click.option("--student", metavar="NAME", required=True, help="A GGUF file, ollama:TAG, or demo.")
@click.option(
    "--exact", is_flag=True, default=None, help="Slower; F32 cache, no flash attention: losses to 1e-4 nat."
)
@click.option("--ask-teacher", is_flag=True, help="Ask the run's teacher for the replies that are missing.")
@json_option
def reselect(workspace: Path, **options: Any) -> int:
    """Choose again with another student, from the same replies.

    Where the new student takes a branch whose response reflection was never asked for, the sample is listed and
    left, unless --ask-teacher is given.
    """
    from tui.cli.commands import reselect  # noqa: PLC0415

    return reselect(workspace, **options)


@cli.command()
@workspace_argument
@click.argument("out", type=click.Path(path_type=Path))
@click.option(
    "--rule",
    type=click.Choice(RULES),
    default="all",
    show_default=True,
    help="Which samples: all; paper: whose response was replaced; strict: paper, and both scores below 1; "
    "accepted: by a person; top: largest IFD below 1.",
)
@click.option(
    "--top", "share", metavar="N|N%", default="5%", show_default=True, help="How many, with --rule top."
)
@click.option(
    "--format",
    "format_",
    type=click.Choice(FORMATS),
    metavar="FORMAT",
    help=f"The format to write [the dataset's own]: {', '.join(FORMATS)}.",
)
@click.option(
    "--trainer", type=click.Choice(TRAINERS), help="Write that trainer's layout, with its config beside it."
)
@click.option(
    "--with-trace", is_flag=True, help="Carry along how each row came to be, in the field `burnish`."
)
@json_option
def export(workspace: Path, out: Path, **options: Any) -> int:
    """Write the refined dataset to OUT, in one step or not at all."""
    from tui.cli.commands import export  # noqa: PLC0415

    return export(workspace, out, **options)


@cli.command()
@workspace_argument
@click.argument("sample", type=click.IntRange(0), required=False)
@json_option
def show(workspace: Path, sample: int | None, **options: Any) -> int:
    """Show a workspace, or one SAMPLE's whole way.

    Samples count from 0.
    """
    from tui.cli.commands import show  # noqa: PLC0415

    return show(workspace, sample, **options)


@cli.command()
@click.argument("data", type=click.Path(path_type=Path))
@click.option(
    "--against",
    type=click.Path(path_type=Path, dir_okay=False),
    metavar="TEST",
    help="A test's file: which samples hold 13 words in a row of it.",
)
@click.option(
    "--format",
    "format_",
    type=click.Choice(FORMATS),
    metavar="FORMAT",
    help="The dataset's format [told from its content].",
)
@json_option
def stats(data: Path, **options: Any) -> int:
    """Look through DATA before it is refined, and flag samples.

    Duplicates and near duplicates, empty and copied fields, refusals, other languages, personal data, and overlap
    with a test. DATA is a dataset, or a workspace, which then keeps what was found: Samples filters by it, and the
    report tells it.
    """
    from tui.cli.stats import stats  # noqa: PLC0415

    return stats(data, **options)


@cli.command()
@click.argument("a", type=click.Path(path_type=Path))
@click.argument("b", type=click.Path(path_type=Path), required=False)
@click.option("--judge", metavar="NAME", help="An Ollama model such as qwen3:8b, gguf:PATH, or demo.")
@click.option("--refined-only", is_flag=True, help="Not what the student turned down: fewer replies.")
@click.option("--limit", type=click.IntRange(1), metavar="N", help="The first N samples, or rows, only.")
@click.option(
    "--parallel", type=click.IntRange(1, 64), metavar="N", help="Requests to the judge at once [1]."
)
@click.option(
    "--reply-form", type=click.Choice(JUDGE_FORMS), help="How the judge lays out its verdicts [json]."
)
@click.option(
    "--record",
    type=click.Path(path_type=Path, dir_okay=False),
    metavar="FILE",
    help="Where replies and verdicts are kept [A's name with .judged, beside it].",
)
@json_option
def judge(a: Path, b: Path | None, **options: Any) -> int:
    """Have a local model judge whether B is better than A.

    A alone is a workspace: the original of each sample against what was made of it, and what the student chose
    between in each stage. A and B are two files of answers to the same instructions: exports, datasets, or
    AlpacaEval's outputs, such as burnish answer writes.

    Every pair is judged twice, with the places swapped. B wins where it wins both orders, or one with the other
    tied; one won and one lost is a tie. The score is (wins - losses) / pairs + 1.

    Replies and verdicts are kept in a file of mode 0600, A's name with .judged beside A. Given again, the command
    goes on where it was, and nothing is asked twice. Exit code 3: some pairs have no verdict.
    """
    from tui.cli.judging import judge  # noqa: PLC0415

    return judge(a, b, **options)


@cli.command()
@click.option("--model", metavar="NAME", help="An Ollama model such as qwen3:8b, gguf:PATH, or demo.")
@click.option(
    "--prompts",
    type=click.Path(path_type=Path),
    metavar="FILE",
    required=True,
    help="Rows with an instruction, as of a dataset or AlpacaEval, or lines of text.",
)
@click.option(
    "-o",
    "--out",
    type=click.Path(path_type=Path, dir_okay=False),
    metavar="OUT",
    required=True,
    help="The file to write, in AlpacaEval's format.",
)
@click.option(
    "--template",
    type=click.Choice(TEMPLATES),
    help="How an instruction is put to a gguf:PATH; chat: by the model's own template [chat].",
)
@click.option("--limit", type=click.IntRange(1), metavar="N", help="The first N prompts only.")
@click.option(
    "--parallel", type=click.IntRange(1, 64), metavar="N", help="Requests to the model at once [1]."
)
@json_option
def answer(prompts: Path, out: Path, **options: Any) -> int:
    """Have a local model answer a file of prompts, for burnish judge.

    Every reply is kept at once, in OUT's name with .answers beside it, a file of mode 0600. Given again, the
    command goes on where it was. OUT is written when all is answered, in one step. Exit code 3: some prompts have no
    answer; they are in OUT with an empty output.
    """
    from tui.cli.judging import answer  # noqa: PLC0415

    return answer(prompts, out, **options)


@cli.command()
@workspace_argument
@click.option(
    "-o",
    "--out",
    type=click.Path(path_type=Path, dir_okay=False),
    metavar="FILE",
    help="Write one HTML file that needs nothing else [show it here].",
)
@click.option(
    "--student", metavar="NAME", help="The run's student: draws the samples' token heat maps into FILE."
)
@click.option(
    "--record",
    type=click.Path(path_type=Path, dir_okay=False),
    metavar="FILE",
    help="What burnish judge found [WORKSPACE's name with .judged, beside it].",
)
def report(workspace: Path, **options: Any) -> int:
    """Report what a run made of its dataset, here or as a page.

    Models and digests, what the stages did, scores and lengths before and after, near ties, failures, what judges
    said, twenty samples with what changed, and how to do it again. FILE is for your eyes: it quotes samples. It
    opens from disk, runs nothing and asks for nothing.
    """
    from tui.cli.report import report  # noqa: PLC0415

    return report(workspace, **options)


@cli.command()
@json_option
def models(**options: Any) -> int:
    """List the models that are here: Ollama's, and GGUF files."""
    from tui.cli.upkeep import models  # noqa: PLC0415

    return models(**options)


@cli.command()
@click.argument("name")
def pull(name: str) -> int:
    """Have Ollama fetch the model NAME.

    The one command here that makes something use the network.
    """
    from tui.cli.upkeep import pull  # noqa: PLC0415

    return pull(name)


@cli.command()
@click.option("--teacher", metavar="NAME", help="Check this teacher [the settings' own].")
@click.option("--student", metavar="NAME", help="Check this student [the settings' own].")
@click.option(
    "--privacy",
    is_flag=True,
    help="Say instead what is contacted and what is stored where, and fail if anything could leave.",
)
@json_option
def doctor(**options: Any) -> int:
    """Check this machine, and say what to do about what is wrong."""
    from tui.cli.upkeep import doctor  # noqa: PLC0415

    return doctor(**options)


@cli.command()
@click.option(
    "--samples",
    type=click.IntRange(1, 32),
    default=4,
    show_default=True,
    metavar="N",
    help="How many of the demo's samples to refine.",
)
@click.option(
    "-w",
    "--workspace",
    type=click.Path(path_type=Path, dir_okay=False),
    default=Path("demo.burnish"),
    show_default=True,
    metavar="FILE",
    help="Where everything is kept.",
)
@json_option
def demo(**options: Any) -> int:
    """Refine the packaged demo dataset with a packaged model.

    No Ollama and no download; about two minutes.
    """
    from tui.cli.commands import demo  # noqa: PLC0415

    return demo(**options)
