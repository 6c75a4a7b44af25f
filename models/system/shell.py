"""A command as a line that can be pasted into a shell, and that acts on no terminal which shows it."""

from __future__ import annotations

import os
import shlex
from collections.abc import Iterable


def command_line(words: Iterable[str]) -> str:
    return " ".join(map(quoted_word, words))


def quoted_word(word: str) -> str:
    """A word as a shell reads it. One with characters that do not print is `$'...'`, as bash, zsh and POSIX have it."""
    if word.isprintable():
        return shlex.quote(word)
    return f"$'{''.join(map(_escaped, word))}'"


def _escaped(character: str) -> str:
    if character in "\\'":
        return f"\\{character}"
    if character.isprintable():
        return character
    # Octal, for it ends after three digits, whatever follows.
    return "".join(f"\\{byte:03o}" for byte in os.fsencode(character))
