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
from tests.tui.seat import Seat
from tui.cli.progress import LiveDisplay
from tui.messages import StartRun

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


class DemoSeat(Seat):
    """The app with the demo's two models, which take their time."""

    SECONDS = 1200.0

    async def drawn(self, *words: str) -> None:
        """Wait until these words are on the screen, and then a moment more, for what comes after them."""
        await self.wait_for(*words)
        await self.pilot.pause(0.5)

    def keep(self, name: str) -> None:
        keep(name, self.app.export_screenshot(title="burnish"))


async def interface(folder: Path) -> None:
    """The app: a run, then its first sample in Review and as a heat map, then the distribution."""
    async with DemoSeat(settings=settings(), size=(120, 36)) as seat:
        await seat.workbench.create(demo_dataset(), folder / "instructions.burnish")
        seat.workbench.settings = settings()
        seat.screen.post_message(StartRun(limit=SAMPLES))
        await seat.drawn(f"2/{SAMPLES}")
        await seat.pilot.pause(3)
        seat.keep("run")
        await seat.drawn(f"{SAMPLES} of {SAMPLES} samples")
        await seat.press("2")
        await seat.drawn("Explain why the sky is blue")
        await seat.press("j", "enter")
        await seat.drawn("The student's choice")
        seat.keep("review")
        await seat.press("h")
        await seat.drawn("helps most")
        seat.keep("heat")
        await seat.press("escape", "4")
        await seat.drawn("Flow")
        seat.keep("distribution")


def main() -> None:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        os.environ["BURNISH_STATE"] = str(folder / "app.json")
        progress(folder)
        asyncio.run(interface(folder))


if __name__ == "__main__":
    main()
