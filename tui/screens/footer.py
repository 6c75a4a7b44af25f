"""The line of keys at the foot of every screen."""

from __future__ import annotations

from textual.app import ComposeResult
from textual.binding import Binding
from textual.widgets import Footer


class KeyLine(Footer):
    """Textual's footer, made anew only where it says something else.

    Textual makes it anew at every change of focus and of what can be done, a widget a key: of ten times while a screen
    opens, six made what was there.
    """

    def __init__(self) -> None:
        super().__init__(compact=True, show_command_palette=False)
        self._said: list[tuple[Binding, str, bool, str]] = []

    def compose(self) -> ComposeResult:
        self._said = self._now()
        self.bindings_changed(self.screen)  # or the first picture of a screen has an empty line
        yield from super().compose()

    async def recompose(self) -> None:
        if self.is_attached and self._now() != self._said:  # its screen may have been left meanwhile
            await super().recompose()

    def _now(self) -> list[tuple[Binding, str, bool, str]]:
        """The keys that can be used now, with all that is shown of them."""
        return [
            (key.binding, self.app.get_key_display(key.binding), key.enabled, key.tooltip)
            for key in self.screen.active_bindings.values()
            if key.binding.show
        ]
