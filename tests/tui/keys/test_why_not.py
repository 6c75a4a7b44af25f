"""A key that can do nothing now says why, on every screen, and names keys as a person has them."""

from __future__ import annotations

import re
import string
from pathlib import Path
from typing import Any

import pytest
from textual.widget import Widget

from tests.running import SHORT, workspace
from tests.tui.seat import Seat
from tui.keys.actions import ACTIONS, SCOPES, Action, of_scope
from tui.screens.base import AppScreen
from tui.screens.heat.screen import HeatScreen
from tui.screens.review.screen import ReviewScreen
from tui.widgets.cursor_list import CursorList

pytestmark = pytest.mark.usefixtures("nothing_of_this_machine_s")

TABS = ("start", "samples", "run", "distribution", "export", "compare")

DEEPER: dict[str, type[Any]] = {"review": ReviewScreen, "heat": HeatScreen}

UNSEEN = {
    **{action.id: "other tests do it" for action in of_scope("app") if action.name not in ("undo", "redo")},
    "samples.top": "the cursor is there already",
    "start.check": "a dialog of its own, which looks at the machine",
    "samples.examine": "it looks through all samples",
    "start.refresh": "what is found anew is the same",
    "distribution.refresh": "likewise",
    "export.preview": "likewise",
    "run.begin": "the run begins",
}
"""The actions whose effect is not on the screen."""

USUAL = re.compile(r"(?<![\w+'])([b-zB-Z]|\d(?= opens| chooses)|esc|escape|f\d+|ctrl\+\w)(?!\w|\.\w)")
"""A key as it is usually called, in a sentence."""


def moved(action: Action) -> str:
    """A key that no action has by itself, another for each action of a scope, and for the app's."""
    at = [own.id for own in (*of_scope("app"), *of_scope(action.scope))].index(action.id)
    return f"alt+{string.ascii_letters[at]}"


class Keys(Seat):
    """The app over a workspace in which nothing was run: most keys can do nothing."""

    async def arrive(self) -> None:
        self.said: list[str] = []
        notify = self.app.notify

        def noted(message: str, **options: Any) -> None:
            self.said.append(message)
            notify(message, **options)

        vars(self.app)["notify"] = noted
        await self.until(lambda: self.workbench.is_open)

    async def go(self, scope: str) -> None:
        """The screen of a scope, unless it is there already, with nothing that was opened in it."""
        if scope in TABS:
            if self.screen is not self.app.get_screen(scope):
                getattr(self.app, f"action_go_{scope}")()
            await self.pilot.pause()
            return
        there = any(isinstance(screen, DEEPER[scope]) for screen in self.app.screen_stack)
        while there and not isinstance(self.screen, DEEPER[scope]):
            self.app.pop_screen()
        if not there or self.screen.has_class("-editing"):
            self.app.action_go_samples()
            review = ReviewScreen(self.workbench, self.app.keymap, 0)
            await self.app.push_screen(review)
            await self.until(lambda: review._view is not None and review._coming is None)
            if scope == "heat":
                review.action_heat()
                await self.until(
                    lambda: isinstance(self.screen, HeatScreen) and self.screen._waiting_since is None
                )
        await self.pilot.pause()

    def seen(self) -> tuple[object, ...]:
        """The screen as a person sees it, without colours."""
        lists = [(found.cursor, found.scroll_offset) for found in self.screen.query(CursorList)]
        styles = [str(widget.classes) for widget in self.screen.query(Widget)]
        return self.screen, self.screen.focused, self.lines, lists, styles

    async def answers(self, key: str) -> bool:
        """True where something is seen, or said, after the key."""
        self.app._said = ""  # the same is not said twice at once
        self.screen.set_focus(None)
        await self.pilot.pause()
        before, count = self.seen(), len(self.said)
        await self.pilot.press(key)
        for _ in range(20):
            await self.pilot.pause()
            if len(self.said) > count or self.seen() != before:
                return True
        return False


@pytest.mark.long
def test_every_key_of_every_screen_does_something_or_says_why_not(tmp_path: Path) -> None:
    with workspace(tmp_path / "w.burnish", SHORT[:3]):
        pass
    lines = [f'"{action.id}" = "{moved(action)}"' for action in ACTIONS]
    (tmp_path / "keys.toml").write_text("\n".join(lines))

    async def steps(seat: Keys) -> None:
        assert seat.app.keymap.problems == ()
        silent = []
        for scope in SCOPES:
            for action in of_scope(scope):
                if action.id in UNSEEN or scope in ("pair", "trial", "help"):
                    continue
                await seat.go("start" if scope == "app" else scope)
                screen = seat.screen
                assert isinstance(screen, AppScreen)
                why = "" if scope == "app" else screen.why_not(action.name)
                if why in seat.said:
                    continue  # the same line was said at another key
                if not await seat.answers(moved(action)):
                    silent.append(action.id)
                assert not why or seat.said[-1] == why
        assert silent == [], " ".join(silent)
        usual = [line for line in seat.said if USUAL.search(line)]
        assert usual == [], "; ".join(usual)
        assert len(set(seat.said)) > 20
        await seat.answers(moved(next(of_scope("compare"))))
        count = len(seat.said)
        await seat.press(*[moved(next(of_scope("compare")))] * 3)
        assert len(seat.said) == count, "a key that repeats is answered once"

    Keys(tmp_path / "w.burnish").play(steps)
