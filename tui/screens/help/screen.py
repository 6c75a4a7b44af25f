"""The Help screen: every action, its keys and its id, from the one registry; a search narrows them down."""

from __future__ import annotations

from textual import on
from textual.app import ComposeResult
from textual.containers import Vertical, VerticalScroll
from textual.content import Content
from textual.events import Key
from textual.screen import ModalScreen
from textual.widgets import Input, Static

from tui.keys.actions import SCOPES, Action, bindings, of_scope
from tui.keys.keymap import Keymap, key_names
from tui.text.literal import one_line
from tui.text.shown import shown
from tui.widgets.plain_input import PlainInput

KEYS, LABEL = 15, 17
"""Columns for an action's keys and for its name; its sentence has the rest."""


class HelpScreen(ModalScreen[None]):
    BINDINGS = bindings("help")
    DEFAULT_CSS = """
    HelpScreen { align: center middle; }
    HelpScreen #sheet {
        width: 100%; max-width: 112; height: 100%; max-height: 50; padding: 1 2; background: $surface;
    }
    HelpScreen #search { height: 1; background: $panel; }
    HelpScreen #problems { height: auto; max-height: 8; margin-top: 1; color: $text-warning; }
    HelpScreen VerticalScroll { height: 1fr; margin: 1 0; scrollbar-size-vertical: 1; scrollbar-gutter: stable; }
    HelpScreen #list { height: auto; }
    HelpScreen #foot { height: auto; color: $text-muted; }
    HelpScreen.-wide #sheet, HelpScreen.-normal #sheet { width: 90%; height: 90%; }
    """

    def __init__(self, scope: str, keymap: Keymap) -> None:
        """`scope`: of the screen below, whose actions come first."""
        super().__init__()
        self._scope = scope
        self._keymap = keymap

    def compose(self) -> ComposeResult:
        with Vertical(id="sheet"):
            yield PlainInput(placeholder="type to search: a key, a word", id="search")
            if self._keymap.problems:
                yield Static(self._problems(), id="problems")
            with VerticalScroll(can_focus=False):
                yield Static(id="list")
            yield Static(self._foot(), id="foot")

    def on_mount(self) -> None:
        self._narrow("")

    def on_resize(self) -> None:
        # Only then the list has its width.
        self.call_after_refresh(lambda: self._narrow(self.query_one("#search", Input).value))

    @on(Input.Changed, "#search")
    def _typed(self, event: Input.Changed) -> None:
        self._narrow(event.value)
        self.query_one(VerticalScroll).scroll_home(animate=False)

    def _narrow(self, typed: str) -> None:
        """Show the actions in which every word that was typed is found."""
        words = typed.casefold().split()
        room = max(self.query_one(VerticalScroll).scrollable_content_region.width - KEYS - LABEL, 20)
        sections = []
        for scope in self._scopes():
            title = SCOPES[scope] + (" (here)" if scope == self._scope else "")
            lines = [self._line(action, room) for action in of_scope(scope) if self._fits(action, words)]
            if lines:
                sections.append(Content("\n").join([Content.styled(title, "bold $primary"), *lines]))
        found = (
            Content("\n\n").join(sections)
            if sections
            else Content.styled("nothing is called that", "$text-muted")
        )
        self.query_one("#list", Static).update(found)

    def _scopes(self) -> list[str]:
        return sorted(
            SCOPES, key=lambda scope: (scope != self._scope, scope != "app")
        )  # the rest as they stand

    def _fits(self, action: Action, words: list[str]) -> bool:
        keys = key_names(self._keymap.keys[action.id])
        text = f"{SCOPES[action.scope]} {action.label} {action.help} {action.id} {' '.join(keys)}".casefold()
        return all(word in text for word in words)

    def _line(self, action: Action, room: int) -> Content:
        keys = "  ".join(key_names(self._keymap.keys[action.id]))
        keys = keys if len(keys) < KEYS else f"{keys[: KEYS - 2]}…"
        about = Content.assemble((action.help, "$text-muted"), "  ", (action.id, "italic $secondary"))
        first, *more = about.wrap(room)
        line = Content.assemble((f"{keys:<{KEYS}}", "bold"), f"{action.label:<{LABEL}}", first)
        return Content("\n").join([line, *(Content.assemble(" " * (KEYS + LABEL), part) for part in more)])

    def _problems(self) -> Content:
        return Content("\n").join(shown(f"! {one_line(problem)}") for problem in self._keymap.problems)

    def _foot(self) -> Content:
        path = one_line(str(self._keymap.path))
        return shown(f'Other keys: a line such as "review.accept" = "enter" in {path}')

    def on_key(self, event: Key) -> None:
        """What opened it closes it, where it is no letter, which is typed."""
        if event.key in self._keymap.keys["app.show_help"].split(","):
            event.stop()
            self.dismiss()

    def action_down(self) -> None:
        self.query_one(VerticalScroll).scroll_down(animate=False)

    def action_up(self) -> None:
        self.query_one(VerticalScroll).scroll_up(animate=False)

    def action_page_down(self) -> None:
        self.query_one(VerticalScroll).scroll_page_down(animate=False)

    def action_page_up(self) -> None:
        self.query_one(VerticalScroll).scroll_page_up(animate=False)

    def action_close(self) -> None:
        self.dismiss()
