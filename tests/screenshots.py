"""Make README's screenshots again: `python -m tests.screenshots`. They show real runs of the demo."""

from __future__ import annotations

import asyncio
import io
import os
import re
import tempfile
from pathlib import Path

from rich.console import Console

from engine.events import Event, Finished, Generated
from engine.formats.read import demo_dataset
from engine.run import session
from engine.run.opening import open_workspace
from engine.run.settings import Settings, load_settings
from tui.app import BurnishApp
from tui.cli.progress import LiveDisplay
from tui.messages import StartRun
from tui.state.workbench import Workbench

FOLDER = Path(__file__).parent / "screenshots"
WIDTH = 100
SAMPLES = 4


def settings() -> Settings:
    return load_settings(
        {
            "teacher": {"name": "demo", "context": 2048, "max_tokens": 512},
            "student": {"name": "demo"},
            "run": {"reply_form": "steps", "schedule": "interleaved"},
        }
    )


def keep(name: str, svg: str) -> None:
    """The picture without the fonts it would fetch: it opens from the disk alone."""
    FOLDER.mkdir(exist_ok=True)
    (FOLDER / f"{name}.svg").write_text(re.sub(r"@font-face\s*{[^}]*}", "", svg), "utf-8")


def progress(folder: Path) -> None:
    """The command line's live display, when two samples are through."""
    console = Console(file=io.StringIO(), force_terminal=True, width=WIDTH, record=True)
    live = LiveDisplay(console)
    finished = generated = 0

    def on_event(event: Event) -> None:
        nonlocal finished, generated
        live.on_event(event)
        finished += isinstance(event, Finished)
        generated += isinstance(event, Generated) and finished >= 2
        if finished >= 2 and generated == 2:
            generated += 1
            picture = Console(file=io.StringIO(), force_terminal=True, width=WIDTH, record=True)
            picture.print(live.picture())
            keep("progress", picture.export_svg(title="burnish demo"))

    with open_workspace(folder / "demo.burnish", demo_dataset(), None, None) as opened, live:
        asyncio.run(session.refine_workspace(opened, settings(), on_event, limit=4))


async def interface(folder: Path) -> None:
    """The app: a run, then its first sample in Review and as a heat map, then the distribution."""
    app = BurnishApp(Workbench(settings()))
    async with app.run_test(size=(120, 36)) as pilot:

        async def until(there: str) -> None:
            while not any(there in strip.text for strip in app.screen._compositor.render_strips()):
                await pilot.pause(0.1)
            await pilot.pause(0.5)

        await app.workbench.create(demo_dataset(), folder / "instructions.burnish")
        app.workbench.settings = settings()
        app.screen.post_message(StartRun(limit=SAMPLES))
        await until(f"2/{SAMPLES}")
        await pilot.pause(3)
        keep("run", app.export_screenshot(title="burnish"))
        await until(f"{SAMPLES} of {SAMPLES} samples")
        await pilot.press("2")
        await until("Explain why the sky is blue")
        await pilot.press("j", "enter")
        await until("The student's choice")
        keep("review", app.export_screenshot(title="burnish"))
        await pilot.press("h")
        await until("helps most")
        keep("heat", app.export_screenshot(title="burnish"))
        await pilot.press("escape", "4")
        await until("Flow")
        keep("distribution", app.export_screenshot(title="burnish"))


def main() -> None:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        os.environ["BURNISH_STATE"] = str(folder / "app.json")
        progress(folder)
        asyncio.run(interface(folder))


if __name__ == "__main__":
    main()
