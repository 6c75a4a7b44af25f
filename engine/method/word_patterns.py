"""Words of a text, and patterns of them: over text with single spaces, in any letter case."""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import cached_property


class WordPattern:
    """A pattern that is compiled when it is first looked for.

    There are some hundred, over all languages: to compile them takes a tenth of what a command needs to begin.
    """

    def __init__(self, pattern: str) -> None:
        self._pattern = pattern

    @cached_property
    def _compiled(self) -> re.Pattern[str]:
        return re.compile(self._pattern, re.IGNORECASE)

    def search(self, text: str) -> re.Match[str] | None:
        return self._compiled.search(text)

    def match(self, text: str, start: int = 0) -> re.Match[str] | None:
        return self._compiled.match(text, start)

    def finditer(self, text: str) -> Iterator[re.Match[str]]:
        return self._compiled.finditer(text)


def joined(patterns: dict[str, str]) -> WordPattern:
    """All languages' patterns as one, in which a space is a space."""
    return WordPattern("|".join(f"(?:{_tidy(one)})" for one in patterns.values()))


def listed(pattern: str) -> WordPattern:
    """A pattern that is laid out over lines."""
    return WordPattern(_tidy(pattern))


def _tidy(pattern: str) -> str:
    """A pattern without its line breaks, and the space around them; spaces within a line count."""
    return re.sub(r"\s*\n\s*(\|?) *", r"\1", pattern).replace("\\ ", " ")


def units(text: str) -> list[str]:
    """The words of a text in small letters; of scripts without spaces, the characters."""
    return _UNIT.findall(text.casefold())


_UNIT = re.compile(r"[぀-ヿ㐀-鿿가-힯]|[^\W_぀-ヿ㐀-鿿가-힯]+")
