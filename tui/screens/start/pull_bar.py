"""A bar to have Ollama fetch a model: the model's name, how far the download is, and how it ended."""

from __future__ import annotations

from contextlib import aclosing
from dataclasses import dataclass
from typing import Any, ClassVar

from textual import on, work
from textual.binding import Binding, BindingType
from textual.containers import Horizontal, Vertical
from textual.content import Content
from textual.message import Message
from textual.widgets import Button, Input, ProgressBar, Static
from textual.worker import Worker

from models.ollama.server import OllamaServer
from models.system.units import size
from models.teacher import TeacherError
from tui.messages import Failed
from tui.text.shown import shown, shown_line
from tui.widgets.plain_input import PlainInput


class PullBar(Vertical):
    """Hidden until `ask`. The download goes on while other screens are shown."""

    DEFAULT_CSS = """
    PullBar { height: auto; display: none; margin-bottom: 1; padding: 0 1; background: $surface; }
    PullBar.-open { display: block; }
    PullBar Horizontal { height: 1; }
    PullBar .label { width: 9; text-style: bold; }
    PullBar PlainInput { width: 1fr; background: $panel; }
    PullBar ProgressBar { width: 1fr; padding-left: 9; display: none; }
    PullBar ProgressBar Bar { width: 1fr; }
    PullBar.-pulling ProgressBar { display: block; }
    PullBar #status { height: auto; padding-left: 9; }
    """
    BINDINGS: ClassVar[list[BindingType]] = [Binding("escape", "cancel", show=False)]

    @dataclass
    class Pulled(Message):
        """The server has a model that it had not."""

        name: str

    def __init__(self, **options: Any) -> None:
        super().__init__(**options)
        self._field = PlainInput(placeholder="a model of Ollama's, such as qwen3:8b; Enter downloads it")
        self._progress = ProgressBar(show_eta=True)
        self._status = Static(id="status", classes="muted")
        self._host: str | None = None
        self._pulling: Worker[None] | None = None

    @property
    def pulling(self) -> bool:
        return self._pulling is not None

    def ask(self, name: str | None, host: str | None) -> None:
        """Open the bar and have a name typed; `name` stands there. `host`: the server, None for the usual one."""
        if not self.children:  # most people never ask, and Start is painted sooner without
            line = Horizontal(Static("Pull", classes="label"), self._field, Button("Cancel", compact=True))
            self.mount(line, self._progress, self._status)
        self.add_class("-open")
        if not self.pulling:
            self._host = host
            self._field.value = name or self._field.value
            self._say("the one thing here that uses the network; your data stays where it is")
        self.call_after_refresh(self._field.focus)  # only then it has a place

    @on(Input.Submitted)
    def _entered(self, event: Input.Submitted) -> None:
        name = event.value.strip()
        if name and not self.pulling:
            self._pulling = self._pull(name)

    @on(Button.Pressed)
    def action_cancel(self) -> None:
        """Stop the download; Ollama keeps what came, and goes on from there next time."""
        if self._pulling is not None:
            self._pulling.cancel()
            self._end()
            self._say("stopped; what came is kept, and Enter goes on from there")
        else:
            focused = self.has_focus_within
            self.remove_class("-open")
            if focused:
                self.screen.focus_next()

    @work(exclusive=True)
    async def _pull(self, name: str) -> None:
        self._progress.update(total=None, progress=0)
        self.add_class("-pulling")
        layers: dict[str, tuple[int, int]] = {}  # bytes that came and bytes in all, by layer
        try:
            async with aclosing(OllamaServer(self._host).pull(name)) as steps:
                async for step in steps:
                    if step.total:
                        layers[step.digest] = (step.completed, step.total)
                    came, whole = (
                        (sum(column) for column in zip(*layers.values(), strict=True)) if layers else (0, 0)
                    )
                    self._progress.update(total=whole or None, progress=came)
                    self._say(f"{step.status}: {size(came)} of {size(whole)}" if whole else step.status)
        except TeacherError as error:
            self._end()
            self._status.update(Content.assemble(("✗ ", "$text-error"), shown(str(error))))
            self.post_message(Failed(error))
        else:
            self._end()
            self._say(f"✓ {name} is here")
            self.post_message(self.Pulled(name))

    def _end(self) -> None:
        self._pulling = None
        self.remove_class("-pulling")

    def _say(self, text: str) -> None:
        self._status.update(shown_line(text, 200))
