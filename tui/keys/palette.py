"""The palette's commands: those of `App.get_system_commands`, in its order, found by name or by their help."""

from __future__ import annotations

from textual.command import DiscoveryHit, Hit, Hits, Provider


class AppCommands(Provider):
    """Beside Textual's own provider, it searches the help texts as well, and ranks these lower."""

    async def discover(self) -> Hits:
        for title, help, run, _ in self.app.get_system_commands(self.screen):
            yield DiscoveryHit(title, run, help=help)

    async def search(self, query: str) -> Hits:
        matcher = self.matcher(query)
        for title, help, run, _ in self.app.get_system_commands(self.screen):
            by_title, by_help = matcher.match(title), matcher.match(help)
            if by_title or by_help:
                yield Hit(max(by_title, by_help / 2), matcher.highlight(title), run, help=help)
