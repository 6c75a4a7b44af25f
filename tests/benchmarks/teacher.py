"""What a teacher's rewrites cost: `python -m tests.benchmarks.teacher --model model.gguf --forms steps json`.

A whole run over the demo's first samples for each model and form, the teacher inside burnish, SmolLM2 as the student.
Counted are the tokens that the teacher wrote for a rewrite that can be used, those of prompts that it computed (the
rest was in the cache, as in a server's), the stages that gave a usable rewrite, and those whose rewrite was taken.
A row is printed as soon as it is measured. `--samples 3` with SmolLM2 alone, the default, ends within two minutes;
models are named by path. `--keep FOLDER` keeps the workspaces: a second call goes on with them. With `--whole` useless
replies are written to their end, for `tests.benchmarks.stopping`.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

from engine.method.reply_forms import ReplyFormName
from engine.run import stopping
from engine.run.settings import load_settings
from engine.sample import Rule, Verdict
from engine.store.workspace import Workspace
from tests.running import demo_rows, outcomes, refine, workspace

COLUMNS = (
    ("teacher", 20),
    ("form", 8),
    ("usable", 8),
    ("taken", 6),
    ("written", 8),
    ("a usable one", 13),
    ("prompts", 8),
    ("computed", 9),
    ("a usable one", 13),
    ("replies", 8),
    ("seconds", 8),
)


def measured(opened: Workspace) -> list[str]:
    """A finished run's figures, as they stand in a row."""
    choices = [choice for outcome in outcomes(opened) if outcome for choice in outcome.choices]
    usable = sum(choice.rule is not Rule.TEACHER_FAILED for choice in choices)
    taken = sum(choice.verdict is Verdict.REPLACED for choice in choices)
    replies = [reply for sample in opened.samples() for _, reply in opened.replies(sample.index)]
    written = sum(reply.tokens for reply in replies)
    prompts = sum(reply.prompt_tokens for reply in replies)
    computed = prompts - sum(reply.cached_tokens for reply in replies)
    each = max(usable, 1)
    figures = (written, written // each, prompts, computed, computed // each, len(replies))
    return [f"{usable}/{len(choices)}", str(taken), *(f"{figure:,}" for figure in figures)]


def row(cells: Sequence[str]) -> str:
    return "".join(
        cell.ljust(width) if place < 2 else cell.rjust(width)
        for place, (cell, (_, width)) in enumerate(zip(cells, COLUMNS, strict=True))
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--model", nargs="+", default=["demo"], help="GGUF files; demo: SmolLM2")
    parser.add_argument("--forms", nargs="+", default=["steps", "json"], choices=list(ReplyFormName))
    parser.add_argument("--samples", type=int, default=3)
    parser.add_argument("--keep", type=Path, help="a folder for the workspaces")
    parser.add_argument("--whole", action="store_true", help="stop no reply")
    given = parser.parse_args()
    if given.whole:
        stopping.LAST_LOOK = -1
    print(row([name for name, _ in COLUMNS]), flush=True)
    with tempfile.TemporaryDirectory() as scratch:
        folder: Path = given.keep or Path(scratch)
        folder.mkdir(parents=True, exist_ok=True)
        for model in given.model:
            for form in given.forms:
                name = model if model == "demo" else Path(model).stem
                settings = load_settings(
                    {
                        "teacher": {
                            "name": model if model == "demo" else f"gguf:{model}",
                            "context": 4096,
                            "max_tokens": 1024,
                        },
                        "student": {"name": "demo"},
                        "run": {"reply_form": form, "schedule": "staged"},
                    }
                )
                path = folder / f"{name}-{form}.burnish"
                with workspace(path, demo_rows(given.samples)) as opened:
                    began = time.perf_counter()
                    refine(opened, settings)
                    seconds = time.perf_counter() - began
                    print(row([name, form, *measured(opened), f"{seconds:.0f}"]), flush=True)


if __name__ == "__main__":
    main()
