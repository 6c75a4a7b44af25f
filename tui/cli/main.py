"""The command `burnish`: the group of its commands, and what all of them share, from signals to exit codes."""

from __future__ import annotations

import errno
import os
import sys
from io import TextIOWrapper
from types import TracebackType

import click

from models.errors import BurnishError, UsageError, in_one_line
from models.system.core_files import no_core_file
from models.system.shell import command_line
from tui.cli.alpaca_eval import alpaca_eval
from tui.cli.answer import answer
from tui.cli.copy import copy
from tui.cli.demo import demo
from tui.cli.doctor import doctor
from tui.cli.exit_codes import DONE, FAILED, INTERRUPTED, USAGE
from tui.cli.export import export
from tui.cli.judge import judge
from tui.cli.models import models
from tui.cli.open import is_there, open_
from tui.cli.prompts import prompts
from tui.cli.pull import pull
from tui.cli.rate import rate
from tui.cli.report import report
from tui.cli.reselect import reselect
from tui.cli.run import run
from tui.cli.score import score
from tui.cli.show import show
from tui.cli.stats import stats
from tui.cli.stopping import stop_as_ctrl_c
from tui.cli.tasks import tasks
from tui.cli.teachers import teachers
from tui.cli.trial import trial
from tui.cli.try_ import try_
from tui.text.literal import one_line


def main() -> None:
    """The command `burnish`."""
    no_core_file()
    sys.excepthook = _broken
    stop_as_ctrl_c()
    # A terminal or a pipe that cannot show a character gets its number instead; JSON is ASCII anyway.
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")
    try:
        code = cli.main(prog_name="burnish", standalone_mode=False)
        sys.stdout.flush()
    except click.ClickException as error:
        _show(error)
        code = USAGE
    except (click.Abort, KeyboardInterrupt):
        click.echo(
            "\nburnish: stopped; nothing answered is lost. The same command goes on: "
            + command_line(["burnish", *sys.argv[1:]]),
            err=True,
        )
        code = INTERRUPTED
    except (BurnishError, MemoryError, RecursionError) as error:
        click.echo(f"burnish: {one_line(str(in_one_line(error)))}", err=True)
        code = USAGE if isinstance(error, UsageError) else FAILED
    except OSError as error:
        if error.errno not in (errno.EPIPE, errno.ENOSPC, errno.EDQUOT):
            raise
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # what is still to come has no place
        if error.errno != errno.EPIPE:  # there, the reader of our output has seen enough
            click.echo(f"burnish: {error.strerror}: make room and give the same command again", err=True)
        code = FAILED
    sys.exit(code or DONE)


def _show(error: click.ClickException) -> None:
    """Print what is wrong with the command, as click does, but for the arguments that it quotes."""
    if isinstance(error, click.UsageError) and error.ctx is not None:
        command = error.ctx.command_path
        click.echo(f"{error.ctx.get_usage()}\nTry '{command} --help' for help.\n", err=True)
    click.echo(f"Error: {one_line(error.format_message())}", err=True)


def _broken(_kind: type[BaseException], error: BaseException, _trace: TracebackType | None) -> None:
    """Print the traceback of a fault of burnish's without the messages, which may quote samples."""
    from engine.health.crash_log import without_messages

    frames = without_messages(error)
    click.echo(f"Traceback (without messages, for they may quote a sample):\n{frames}", err=True)


class _Commands(click.Group):
    """`burnish PATH` opens a dataset or a workspace in the terminal interface."""

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        if _opens(args[0]) or (
            args[0] not in self.commands and (is_there(args[0]) or _is_meant_as_a_path(args[0]))
        ):
            return "open", open_, args
        return super().resolve_command(ctx, args)

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        return super().parse_args(ctx, ["--", *args] if args and _opens(args[0]) else args)


def _opens(option: str) -> bool:
    """True for an option of the terminal interface, before a path or without one."""
    return option.partition("=")[0] in ("--ray", "--ray-copy-student")


def _is_meant_as_a_path(name: str) -> bool:
    """True for a name with a dot or a slash: no command has one. An option is no path."""
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

    Without a command, or with the path of a dataset or a workspace, burnish opens its terminal interface; with --ray
    ADDRESS, on a Ray cluster whose nodes' models work.

    A local teacher reflects on every sample and rewrites it; a local student decides by its own perplexity (IFD
    and r-IFD) whether the rewrite is kept. Everything is kept in a workspace, and every command can be stopped
    and given again: it goes on where it was.
    """
    return None if ctx.invoked_subcommand else ctx.invoke(open_, path=None, ray=None, ray_copy_student=False)


COMMANDS = (
    run,
    try_,
    teachers,
    score,
    reselect,
    export,
    copy,
    show,
    report,
    stats,
    judge,
    rate,
    answer,
    alpaca_eval,
    trial,
    tasks,
    models,
    prompts,
    pull,
    doctor,
    demo,
)
for command in COMMANDS:
    cli.add_command(command)
