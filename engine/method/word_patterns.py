"""Patterns of words, compiled: over text with single spaces, in any letter case."""

from __future__ import annotations

import re


def joined(patterns: dict[str, str]) -> re.Pattern[str]:
    """All languages' patterns as one, in which a space is a space."""
    return re.compile("|".join(f"(?:{_tidy(one)})" for one in patterns.values()), re.IGNORECASE)


def listed(pattern: str) -> re.Pattern[str]:
    """A pattern that is laid out over lines."""
    return re.compile(_tidy(pattern), re.IGNORECASE)


def _tidy(pattern: str) -> str:
    """A pattern without its line breaks, and the space around them; spaces within a line count."""
    return re.sub(r"\s*\n\s*(\|?) *", r"\1", pattern).replace("\\ ", " ")
