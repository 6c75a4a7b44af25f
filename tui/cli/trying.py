"""Shared by `try` and `teachers`: a few samples of a dataset, and the models at work on them with progress shown."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TypeVar

from engine.events import Event
from engine.progress import Tally
from engine.run.tryout import spread
from engine.sample import Turns
from engine.store.workspace import Workspace
from tui.cli.console import errors
from tui.cli.options import DataOptions
from tui.cli.progress import display
from tui.cli.refining import open_data

T = TypeVar("T")


@contextmanager
def trying(
    data: Path, reading: DataOptions, count: int, *, turns: Turns
) -> Iterator[tuple[Workspace, tuple[int, ...]]]:
    """The workspace of a dataset, as `open_data` opens it, and so many samples that differ."""
    with open_data(data, reading, turns=turns) as opened:
        yield opened, spread(opened, count)


async def displayed(work: Callable[[Callable[[Event], None]], Awaitable[T]]) -> tuple[T, Tally]:
    """The result of work that reports its events, and their tally; its progress is shown meanwhile."""
    with display(errors()) as shown:
        return await work(shown.on_event), shown.tally
