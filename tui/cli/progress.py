"""The progress of a running command on standard error: a live display on a terminal, plain lines elsewhere."""

from __future__ import annotations

import time
from typing import Self

from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.progress import BarColumn, MofNCompleteColumn, Progress, ProgressColumn, Task, TaskID, TextColumn
from rich.text import Text

from engine.events import Event, Notice, Paused, PhaseEnded, PhaseStarted, ReplyGrew, Resumed, Started
from engine.judge.events import JudgeEvent
from engine.pace import Pace, time_left
from engine.progress import Tally
from engine.sample import Stage
from engine.tasks.events import TasksEvent
from engine.trial.events import TrialEvent
from models.system.units import counted
from tui.cli.console import moves, say
from tui.text.literal import first_line, one_line

PLAIN_EVERY = 10.0
"""Seconds between two plain lines of progress."""


class RunDisplay:
    """Shows the events of a run, a judging or a trial while it lasts."""

    def __init__(self, console: Console, unit: str = "samples") -> None:
        self._console = console
        self._unit = unit
        self.tally = Tally()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        pass

    def on_event(self, event: Event | JudgeEvent | TrialEvent | TasksEvent) -> None:
        self.tally.add(event)


def display(console: Console, unit: str = "samples") -> RunDisplay:
    """The display that suits where standard error goes. `unit`: the things that are counted, in the plural."""
    return LiveDisplay(console, unit) if moves(console) else PlainDisplay(console, unit)


class _Rate(ProgressColumn):
    """Samples a minute, and the time that is left at that."""

    def render(self, task: Task) -> Text:
        pace: Pace | None = task.fields["pace"]
        if pace is None or pace.left_seconds is None:
            return Text("    -/min   ETA      -", style="progress.remaining")
        return Text(
            f"{pace.per_minute:5.1f}/min   ETA {time_left(pace.left_seconds):>6}", style="progress.remaining"
        )


class LiveDisplay(RunDisplay):
    """Bars of the stages, the speeds, and the reply that is being written."""

    def __init__(self, console: Console, unit: str = "samples") -> None:
        super().__init__(console, unit)
        self._bars = Progress(
            TextColumn("{task.description:<12}"),
            BarColumn(bar_width=None),
            MofNCompleteColumn(),
            _Rate(),
            console=console,
            expand=True,
        )
        self._tasks: dict[Stage | None, TaskID] = {}
        self._turn: TaskID | None = None
        self._growing = ""
        self._live = Live(console=console, get_renderable=self.picture, refresh_per_second=8)

    def __enter__(self) -> Self:
        self._live.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._growing = ""
        self._live.stop()

    def on_event(self, event: Event | JudgeEvent | TrialEvent | TasksEvent) -> None:
        super().on_event(event)
        match event:
            case Started():
                for stage in (*event.stages, None):
                    self._tasks[stage] = self._bars.add_task(
                        stage or self._unit, total=event.total, pace=self.tally.pace(stage)
                    )
            case PhaseStarted():
                if self._turn is None:
                    self._turn = self._bars.add_task("", pace=self.tally.phase_pace())
                self._bars.reset(
                    self._turn, description=f"{event.model}'s turn", total=event.samples, visible=True
                )
            case PhaseEnded() if self._turn is not None:
                self._bars.update(self._turn, visible=False)
            case ReplyGrew():
                which = f"{event.stage} " * (event.stage in self._tasks)
                # A version has no number: its sample's is told.
                numbered = "sample" if self._unit == "versions" else self._unit.removesuffix("s")
                head = f"{numbered} {event.sample}, {which}{event.question}: "
                written = self._growing.removeprefix(head) if self._growing.startswith(head) else ""
                self._growing = head + (written + event.text)[-400:]
            case Notice(text=text):
                say(self._console, text, style="dim")
            case _:
                pass

    def picture(self) -> RenderableType:
        """The display of this moment; rich asks for it eight times a second."""
        tally = self.tally
        for stage, task in self._tasks.items():
            self._bars.update(task, completed=tally.reached(stage), pace=tally.pace(stage))
        if self._turn is not None and tally.phase is not None:
            self._bars.update(self._turn, completed=tally.advanced, pace=tally.phase_pace())
        lines: list[RenderableType] = [self._bars]
        for text, style in ((tally.speeds(), "cyan"), (tally.nodes_words(), ""), (tally.counts(), "")):
            if text:
                lines.append(Text(text, style=style))
        if tally.paused:
            lines.append(Text(f"paused: {one_line(tally.paused)}", style="bold yellow"))
        elif self._growing:
            head, _, reply = self._growing.partition(": ")
            room = max(self._console.width - len(head) - 4, 10)
            lines.append(Text(f"{head}: {first_line(reply[-room:], room)}", style="dim", no_wrap=True))
        return Group(*lines)


class PlainDisplay(RunDisplay):
    """A line when something has changed, now and then, for logs and pipes."""

    def __init__(self, console: Console, unit: str) -> None:
        super().__init__(console, unit)
        self._printed_at = time.monotonic()
        self._printed: tuple[object, ...] = ()  # what the last line of progress told
        self._said = ""

    def __exit__(self, *_: object) -> None:
        self._print_state()

    def on_event(self, event: Event | JudgeEvent | TrialEvent | TasksEvent) -> None:
        paused = self.tally.paused
        super().on_event(event)
        match event:
            case Started():
                counts = counted(event.total, self._unit.removesuffix("s"))
                self._say(f"{counts}, {event.done} of them done before")
            case Notice(text=text):
                self._say(text)
            case Paused(message=message) if message != paused:
                self._say(f"paused: {message}")
            case Resumed() if paused is not None:
                self._say("going on")
            case PhaseStarted():
                self._say(f"the {event.model}'s turn, over {counted(event.samples, 'sample')}")
            case _ if time.monotonic() - self._printed_at > PLAIN_EVERY:
                self._print_state()
            case _:
                pass

    def _print_state(self) -> None:
        """Print how far it has come, unless that was printed already: a speed alone is no news."""
        self._printed_at = time.monotonic()
        tally = self.tally
        turn, pace = "", tally.pace(None)
        if tally.phase is not None:
            turn, pace = (
                f"the {tally.phase.model}'s turn {tally.advanced}/{tally.phase.samples}",
                tally.phase_pace(),
            )
        told = (tally.done, tally.replies, turn, tally.counts())
        if tally.total and told != self._printed:
            self._printed = told
            seconds = (pace and pace.left_seconds) or 0
            left = f"{time_left(seconds)} left" if seconds >= 1 else ""
            parts = (
                f"{tally.done}/{tally.total} {self._unit}",
                turn,
                left,
                tally.speeds(),
                tally.counts(),
            )
            self._say(" · ".join(part for part in parts if part))

    def _say(self, text: str) -> None:
        if text != self._said:
            self._said = text
            say(self._console, text)
