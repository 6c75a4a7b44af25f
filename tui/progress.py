"""What a running command shows: a live display on a terminal, plain lines elsewhere. Always on standard error."""

from __future__ import annotations

import time
from collections import Counter
from types import TracebackType
from typing import Protocol, Self

from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.progress import BarColumn, MofNCompleteColumn, Progress, ProgressColumn, Task, TextColumn
from rich.text import Text

from engine.events import (
    Chosen,
    Event,
    Finished,
    Generated,
    Growing,
    Notice,
    Paused,
    Resumed,
    Scored,
    Started,
    Unused,
)
from engine.sample import Stage, Verdict
from tui.console import say
from tui.literal import first_line, literal

PLAIN_EVERY = 10.0
"""Seconds between two plain lines of progress."""


class Display(Protocol):
    """Shows a run's events while it lasts."""

    def __enter__(self) -> Self: ...

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None: ...

    def on_event(self, event: Event) -> None: ...


def display(console: Console) -> Display:
    """The display that suits where standard error goes."""
    # FORCE_COLOR makes any file a terminal to rich; bars that move are for real ones.
    live = console.is_interactive and console.file.isatty()
    return LiveDisplay(console) if live else PlainDisplay(console)


class Tally:
    """What a run has come to so far, from its events."""

    def __init__(self) -> None:
        self.total = self.done = self.failed = self.skipped = 0
        self.stages: tuple[Stage, ...] = ()
        self.chosen: Counter[Stage] = Counter()
        self.replaced: Counter[Stage] = Counter()
        self.near_ties = 0
        self.unused: Counter[str] = Counter()
        self.replies = self.teacher_tokens = self.student_tokens = 0
        self.teacher_seconds = self.student_seconds = 0.0
        self.paused: str | None = None
        self.began = time.monotonic()

    def add(self, event: Event) -> None:
        match event:
            case Started():
                self.total, self.done, self.failed, self.stages = (
                    event.total,
                    event.done,
                    event.failed,
                    event.stages,
                )
                self.skipped = event.done
                self.chosen.update(dict.fromkeys(event.stages, event.done))
            case Generated():
                self.replies += 1
                self.teacher_tokens += event.tokens
                self.teacher_seconds += event.seconds
                self.paused = None
            case Unused():
                self.unused[event.fault] += 1
            case Scored():
                self.student_tokens += event.tokens
                self.student_seconds += event.seconds
            case Chosen(choice=choice):
                self.chosen[choice.stage] += 1
                self.replaced[choice.stage] += choice.verdict is Verdict.REPLACED
                self.near_ties += choice.near_tie
            case Finished(outcome=outcome):
                self.done += 1
                self.failed += bool(outcome.failures)
            case Paused():
                self.paused = event.message
            case Resumed():
                self.paused = None
            case _:
                pass

    def speeds(self) -> str:
        """What both models did: tokens a second, each over the time it was at work."""
        parts = []
        if self.teacher_seconds:
            speed = self.teacher_tokens / self.teacher_seconds
            parts.append(f"teacher {self.replies} replies, {speed:.1f} tokens/s")
        if self.student_seconds:
            parts.append(f"student {self.student_tokens / self.student_seconds:.0f} tokens/s")
        return " · ".join(parts)

    def counts(self) -> str:
        """Verdicts and troubles so far."""
        parts = [f"{stage} replaced {self.replaced[stage]}" for stage in self.stages]
        if self.near_ties:
            parts.append(f"near ties {self.near_ties}")
        if self.failed:
            parts.append(f"failed {self.failed}")
        if self.unused:
            parts.append(
                "unused replies: " + ", ".join(f"{kind} {n}" for kind, n in self.unused.most_common())
            )
        return " · ".join(parts)


class _Rate(ProgressColumn):
    """Samples a minute, and the time that is left at that."""

    def render(self, task: Task) -> Text:
        seconds = task.finished_time or task.elapsed
        per_second = task.fields["fresh"] / seconds if seconds else 0.0
        if not per_second or task.total is None:
            return Text("    -/min   ETA      -", style="progress.remaining")
        left = int((task.total - task.completed) / per_second)
        hours, minutes, seconds = left // 3600, left // 60 % 60, left % 60
        eta = f"{hours}:{minutes:02}:{seconds:02}" if hours else f"{minutes:02}:{seconds:02}"
        return Text(f"{60 * per_second:5.1f}/min   ETA {eta:>6}", style="progress.remaining")


class LiveDisplay:
    """Bars that move."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._tally = Tally()
        self._bars = Progress(
            TextColumn("{task.description:<12}"),
            BarColumn(bar_width=None),
            MofNCompleteColumn(),
            _Rate(),
            console=console,
            expand=True,
        )
        self._tasks: dict[Stage | None, int] = {}
        self._growing = ""
        self._live = Live(console=console, get_renderable=self.picture, refresh_per_second=8)

    def __enter__(self) -> Self:
        self._live.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._growing = ""
        self._live.stop()

    def on_event(self, event: Event) -> None:
        self._tally.add(event)
        match event:
            case Started():
                for stage in (*event.stages, None):
                    self._tasks[stage] = self._bars.add_task(stage or "samples", total=event.total, fresh=0)
            case Growing():
                head = f"sample {event.sample}, {event.stage} {event.question}: "
                said = self._growing.removeprefix(head) if self._growing.startswith(head) else ""
                self._growing = head + (said + event.text)[-400:]
            case Notice(text=text):
                say(self._console, text, style="dim")
            case _:
                pass

    def picture(self) -> RenderableType:
        """The display as it stands."""
        tally = self._tally
        for stage, task in self._tasks.items():
            done = tally.done if stage is None else max(tally.chosen[stage], tally.done)
            self._bars.update(task, completed=done, fresh=done - tally.skipped)  # type: ignore[arg-type]
        lines: list[RenderableType] = [self._bars]
        for text, style in ((tally.speeds(), "cyan"), (tally.counts(), "")):
            if text:
                lines.append(Text(text, style=style))
        if tally.paused:
            lines.append(Text(f"paused: {literal(tally.paused)}", style="bold yellow"))
        elif self._growing:
            head, _, said = self._growing.partition(": ")
            room = max(self._console.width - len(head) - 4, 10)
            lines.append(Text(f"{head}: {first_line(said[-room:], room)}", style="dim", no_wrap=True))
        return Group(*lines)


class PlainDisplay:
    """A line now and then, for logs and pipes."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._tally = Tally()
        self._told = time.monotonic()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._tell()

    def on_event(self, event: Event) -> None:
        self._tally.add(event)
        match event:
            case Started():
                self._say(f"{event.total} samples, {event.done} of them done before")
            case Notice(text=text):
                self._say(text)
            case Paused(message=message):
                self._say(f"paused: {message}")
            case Resumed():
                self._say("going on")
            case _ if time.monotonic() - self._told > PLAIN_EVERY:
                self._tell()
            case _:
                pass

    def _tell(self) -> None:
        self._told = time.monotonic()
        tally = self._tally
        if tally.total:
            parts = (f"{tally.done}/{tally.total} samples", tally.speeds(), tally.counts())
            self._say(" · ".join(part for part in parts if part))

    def _say(self, text: str) -> None:
        say(self._console, text)
