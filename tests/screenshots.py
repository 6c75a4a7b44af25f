"""Make README's screenshots again: `python -m tests.screenshots`. They show a real run of the demo.

The picture is taken from the live display itself when the first sample is through.
"""

from __future__ import annotations

import asyncio
import io
import tempfile
from pathlib import Path

from rich.console import Console

from engine import session
from engine.events import Event, Finished, Generated
from engine.reading import demo_dataset
from engine.settings import load
from tui.progress import LiveDisplay

FOLDER = Path(__file__).parent / "screenshots"
WIDTH = 100


def main() -> None:
    given = load(
        {
            "teacher": {"name": "demo", "context": 2048, "max_tokens": 512},
            "student": {"name": "demo"},
            "run": {"reply_form": "steps", "schedule": "interleaved"},
        }
    )
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
            FOLDER.mkdir(exist_ok=True)
            picture.save_svg(str(FOLDER / "progress.svg"), title="burnish demo")

    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "demo.burnish")
        with session.open_workspace(path, demo_dataset(), None, None) as opened, live:
            asyncio.run(session.refine_workspace(opened, given, on_event, limit=4))


if __name__ == "__main__":
    main()
