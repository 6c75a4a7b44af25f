"""What can be done here, by name: what the app lists, in its order, found by its words as well."""

from __future__ import annotations

from textual.command import DiscoveryHit, Hit, Hits, Provider


class AppCommands(Provider):
    """`App.get_system_commands`: the screen's own come first."""

    async def discover(self) -> Hits:
        for title, told, run, _ in self.app.get_system_commands(self.screen):
            yield DiscoveryHit(title, run, help=told)

    async def search(self, query: str) -> Hits:
        matcher = self.matcher(query)
        for title, told, run, _ in self.app.get_system_commands(self.screen):
            by_name, by_words = matcher.match(title), matcher.match(told)
            if by_name or by_words:
                yield Hit(max(by_name, by_words / 2), matcher.highlight(title), run, help=told)
