"""The line of keys at the foot of every screen."""

from __future__ import annotations

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

    async def recompose(self) -> None:
        if not self.is_attached:  # its screen was left meanwhile
            return
        said = [
            (key.binding, self.app.get_key_display(key.binding), key.enabled, key.tooltip)
            for key in self.screen.active_bindings.values()
            if key.binding.show
        ]
        if said != self._said:
            self._said = said
            await super().recompose()
