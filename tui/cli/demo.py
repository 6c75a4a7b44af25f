"""`burnish demo`: the packaged dataset refined by the packaged model."""

from __future__ import annotations

from pathlib import Path

import click

from tui.cli.exit_codes import DONE, PARTLY
from tui.cli.options import FILE, DataOptions, json_option
from tui.cli.stopping import run_stoppable


@click.command()
@click.option(
    "--samples",
    type=click.IntRange(1, 35),
    default=4,
    show_default=True,
    metavar="N",
    help="How many of the demo's samples to refine.",
)
@click.option(
    "-w",
    "--workspace",
    type=FILE,
    default=Path("demo.burnish"),
    show_default=True,
    metavar="FILE",
    help="Where everything is kept.",
)
@json_option
def demo(*, samples: int, workspace: Path, as_json: bool) -> int:
    """Refine the packaged demo dataset with a packaged model.

    No Ollama and no download; about two minutes.
    """
    from engine.formats.names import Format
    from engine.formats.read import demo_dataset
    from engine.formats.render import render
    from engine.formats.write import write_dataset
    from engine.run.settings import load_settings
    from tui.cli.console import errors, say
    from tui.cli.refining import finished, open_data, refine, show_result

    settings = load_settings(
        {
            "teacher": {"name": "demo", "context": 2048, "max_tokens": 512},
            "student": {"name": "demo"},
            "run": {"reply_form": "steps"},
        }
    )
    say(errors(), _about_ollama(settings.teacher.host))
    with open_data(demo_dataset(), DataOptions(workspace), turns=settings.run.turns) as opened:
        summary, now = refine(opened, settings, limit=samples)
        out = workspace.with_name(f"{workspace.stem}-refined.json")
        rows = (
            render(sample, outcome.final, Format.ALPACA, Format.ALPACA)
            for sample, outcome in finished(opened, summary.run, samples)
        )
        write_dataset(out, Format.ALPACA, rows, sources=[opened.source().file()])
        show_result(opened, summary, now, as_json=as_json, export=out)
    return PARTLY if summary.failed else DONE


def _about_ollama(host: str | None) -> str:
    """A sentence that says if a better teacher than the demo's is at hand."""
    from models.ollama.server import OllamaServer
    from models.teacher import TeacherError

    try:
        version = run_stoppable(OllamaServer(host, first=3.0).version())
    except TeacherError:
        return "No Ollama is running here: the demo's teacher runs inside burnish, and is a very small model."
    return (
        f"Ollama {version} is running here. For a capable teacher: burnish models, then burnish run DATA "
        "--teacher NAME --student NAME. The demo's own is a very small model inside burnish."
    )
