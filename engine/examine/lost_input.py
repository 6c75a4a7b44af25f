"""Finds rewrites that lose the input of their original: it stands neither in their input nor in their instruction."""

from __future__ import annotations

import unicodedata

from engine.examine.flags import says_nothing
from engine.examine.words import words
from engine.sample import Version


def loses_input(original: Version, rewrite: Version) -> bool:
    """True where less than half of the input's different words stand in what the rewrite asks.

    An input that says nothing ("N/A", a dash) cannot be lost, nor can one without a word or a number.
    """
    if says_nothing(original.input) or rewrite.input == original.input:
        return False
    wanted = _words(original.input)
    found = wanted & _words(f"{rewrite.instruction}\n{rewrite.input}")
    return 2 * len(found) < len(wanted)


def _words(text: str) -> set[str]:
    return set(words(unicodedata.normalize("NFKC", text).casefold()))
