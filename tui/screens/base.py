"""The base of every screen of the app: the workbench, its keys, and a title line with the way to the others."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import ClassVar

from textual import on
from textual.app import ComposeResult
from textual.containers import Vertical
from textual.events import Mount, ScreenResume
from textual.screen import Screen

from models.errors import BurnishError
from tui.keys.keymap import Keymap
from tui.messages import Failed, ShowSample
from tui.platform.textual_patches import PatchedApp
from tui.screens.footer import KeyLine
from tui.screens.title import Title
from tui.state.workbench import Workbench
from tui.text.shown import shown


class AppScreen(Screen[None]):
    """A screen over the workbench. Subclasses set `SCOPE`, their `BINDINGS` from it, and compose their `body`."""

    SCOPE: ClassVar[str]

    def __init__(self, workbench: Workbench, keymap: Keymap) -> None:
        super().__init__()
        self.workbench = workbench
        self.keymap = keymap

    def compose(self) -> ComposeResult:
        self._take_size_classes()
        self._styled_in = self.app.theme
        yield Title(self.workbench, self.keymap, self.SCOPE)
        with Vertical(id="body"):
            yield from self.body()
        yield KeyLine()

    def _take_size_classes(self) -> None:
        """Take the classes of the size now. Textual gives them after the first layout, and then has to look through the
        styles of all that is on the screen and lay it out once more."""
        for breakpoints, cells in (
            (self.HORIZONTAL_BREAKPOINTS or self.app.HORIZONTAL_BREAKPOINTS, self.app.size.width),
            (self.VERTICAL_BREAKPOINTS or self.app.VERTICAL_BREAKPOINTS, self.app.size.height),
        ):
            if breakpoints:
                self.add_class(max(one for one in breakpoints if one[0] <= cells)[1])

    @on(ScreenResume)
    def _keep_styles(self, resumed: ScreenResume) -> None:
        """Leave the styles as they are in the theme that they were made for. Textual looks through those of all that is
        on a screen whenever it is shown."""
        resumed.refresh_styles = self.app.theme != self._styled_in
        self._styled_in = self.app.theme

    @on(Mount)
    def _leave_toasts_behind(self) -> None:
        """Toasts that inform are about the screen that was left, and would lie over this one."""
        if isinstance(self.app, PatchedApp):
            self.app.drop_information()

    def body(self) -> ComposeResult:
        raise NotImplementedError

    @property
    def on_the_stack(self) -> bool:
        """False once it was left: of one that is made anew each time, the widgets go while its workers still end."""
        return self in self.app.screen_stack

    def why_not(self, action: str) -> str:
        """The line that is said where an action of this screen can do nothing now; empty where it can be done."""
        return next(self.hindrances(action), "")

    def holds(self, key: str) -> bool:
        """True where a key waits, and those behind it, until what it acts on is read: one behind which people type."""
        return False

    def has_key(self, key: str, *actions: str) -> bool:
        """The key is one of these actions of the screen."""
        return any(key in self.keymap.keys[f"{self.SCOPE}.{action}"].split(",") for action in actions)

    def hindrances(self, action: str) -> Iterator[str]:
        """The reasons why an action cannot be done now, a line each; the first is said."""
        yield from ()

    @property
    def in_sight(self) -> bool:
        """A person looks at it, if under a dialog: what its own lines say needs no toast."""
        shown = [screen for screen in self.app.screen_stack if isinstance(screen, AppScreen)]
        return shown[-1:] == [self]

    def say(self, text: str, *, warning: bool = False) -> None:
        """Show a toast, of what the screen does not say itself."""
        self.notify(shown(text).plain, severity="warning" if warning else "information", markup=False)

    @on(Failed)
    def _failed(self, message: Failed) -> None:
        self.say_error(message.error)

    def say_error(self, error: BurnishError) -> None:
        """Show an error, which says in a line what went wrong and what to do."""
        self.notify(shown(str(error)).plain, severity="error", timeout=10, markup=False)

    def follow_act(self, samples: Sequence[int], told: str) -> bool:
        """Go to the first of the samples whose decision was undone or redone; here: nowhere, for none are shown.

        `told`: what was done. Returns True where the screen says it, so that no toast need.
        """
        return False

    def check_sample(self, sample: int) -> bool:
        """True where the workspace has a sample of this number; else it is said which there are."""
        if sample < self.workbench.samples:
            return True
        last = self.workbench.samples - 1
        self.say(f"there is no sample {sample:,}; they go from 0 to {last:,}", warning=True)
        return False

    async def show_sample(self, sample: int) -> None:
        """Show a sample, by its number, in Review, if it is listed in Samples."""
        try:
            position = await self.workbench.reader.ask_list(lambda listing: listing.position_of(sample))
        except BurnishError as error:
            self.say_error(error)
            return
        if position is None:
            self.say(f"sample {sample} is left out by the search or the filter in Samples", warning=True)
        else:
            self.post_message(ShowSample(position))
