"""Classes that need Textual's private parts; nothing else in burnish touches them."""

from __future__ import annotations

import sys
from pathlib import Path

from rich.console import RenderableType
from rich.text import Text
from textual.app import App, ScreenStackError
from textual.css.query import NoMatches
from textual.filter import Monochrome, NoColor
from textual.screen import Screen
from textual.widget import MountError
from textual.widgets import Input
from textual.worker import WorkerFailed

from engine.health.crash_log import write_crash_log


class PatchedApp(App[None]):
    """Textual's app, which keeps no dead widget and leaves a log of what broke instead of a traceback."""

    def __init__(self) -> None:
        super().__init__()
        self.crash_log: Path | None = None
        self._leaving = False  # the screens are being taken down

    def filter_colours(self) -> None:
        """With NO_COLOR: greys, but in an ansi theme, whose colours only the terminal knows, none at all. To be called
        with every new theme: Textual decides it once, before there is one."""
        if self.no_color:
            plain = NoColor() if self.native_ansi_color else Monochrome()
            self._filters = [f for f in self._filters if not isinstance(f, NoColor | Monochrome)] + [plain]
            self.refresh_css(animate=False)

    def drop_dead_watchers(self) -> None:
        """Let go of the widgets that watched others and are gone, as Textual does when it calls those that are left.

        Textual keeps a widget that watched another's attribute until that attribute changes. A footer's never does,
        and gets new keys with every screen and focus; the theme's watchers are the editors of every Review there was.
        """
        screens = {*self.screen_stack, *self._installed_screens.values()}
        nodes = (n for s in screens if isinstance(s, Screen) for n in s.walk_children(with_self=True))
        for node in (self, *nodes):
            for watchers in getattr(node, "__watchers", {}).values():
                watchers[:] = [(watching, call) for watching, call in watchers if not watching._closing]

    def drop_information(self) -> None:
        """Take away the toasts that only inform: they are about what one leaves. Warnings and errors stay."""
        for notification in [one for one in self._notifications if one.severity == "information"]:
            self._unnotify(notification)

    def _handle_exception(self, error: Exception) -> None:
        cause = error.error if isinstance(error, WorkerFailed) else error
        # While the app closes, widgets go before the workers and timers that fill them.
        if self._leaving and isinstance(cause, NoMatches | MountError | ScreenStackError):
            return
        super()._handle_exception(error)

    async def _shutdown(self) -> None:
        self._leaving = True
        await super()._shutdown()

    def _fatal_error(self) -> None:
        """Leave with a log: a traceback on the terminal would show everybody's texts."""
        error = sys.exc_info()[1] or self._exception
        if self.crash_log is None and error is not None:  # the first is the cause of those after it
            self.crash_log = write_crash_log(error)
        self._close_messages_no_wait()

    def panic(self, *renderables: RenderableType) -> None:
        """The same for errors that would draw themselves."""
        self._fatal_error()


class DrawnInput(Input):
    """Textual's input, with a hook for what is drawn of its value."""

    def drawn_value(self) -> str:
        """As many characters as the value has: the cursor counts them."""
        return self.value

    @property
    def _value(self) -> Text:
        return Text(self.drawn_value(), no_wrap=True, overflow="ignore", end="")
