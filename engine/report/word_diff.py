"""The differences of two texts, word by word.

difflib finds the words that changed. It knows nothing of the white space between them, nor of what reads well: changes
with next to nothing between them are joined here, and white space is compared where the words are the same.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from difflib import SequenceMatcher
from itertools import takewhile

WORDS = 4000
"""Words of each side that are compared, besides those that both begin or end with. Measured: 20 ms for prose, half a
second for the worst text that was tried."""

Span = tuple[int, int]
"""Characters, from one to before another."""

# One ideograph or kana (such writing has no spaces), one mark of punctuation, or a run of anything else.
_WIDE = "\u2e80-\u2fff\u3040-\u30ff\u3400-\u9fff\uf900-\ufaff\U00020000-\U0003ffff"
_MARKS = "!-&(-/:-@\\[-^`{-~\u00a1-\u00bf\u2010-\u2027\u2030-\u205e\u3000-\u303f\uff00-\uff0f"
_WORD = re.compile(rf"[{_WIDE}]|(?!\s)[{_MARKS}]|[^\s{_WIDE}{_MARKS}]+")


@dataclass(frozen=True, slots=True)
class TextDiff:
    """Two texts' differences: characters of the left that went, and of the right that came."""

    removed: tuple[Span, ...] = ()
    added: tuple[Span, ...] = ()
    words_removed: int = 0
    words_added: int = 0
    whole: bool = True  # False: what differs is longer than `WORDS`, and only its beginning was compared

    @property
    def same(self) -> bool:
        return self.whole and not self.removed and not self.added


class _Words:
    """A text's words and their positions, with an empty word at the beginning and at the end."""

    def __init__(self, text: str) -> None:
        found = list(_WORD.finditer(text))
        self.text = text
        self.words = ["", *(match[0] for match in found), ""]
        self.starts = [0, *(match.start() for match in found), len(text)]
        self.ends = [0, *(match.end() for match in found), len(text)]

    def gap(self, before: int) -> Span:
        """The white space before a word."""
        return self.ends[before - 1], self.starts[before]


def compare(left: str, right: str) -> TextDiff:
    """The characters that `left` loses and `right` gains.

    What both begin and end with is found at once; of the rest, the first `WORDS` words of either side are compared
    and what comes after counts as neither removed nor added.
    """
    if left == right:
        return TextDiff()
    old, new = _Words(left), _Words(right)
    head = _shared(old.words[:-1], new.words[:-1])
    tail = _shared(reversed(old.words[head:]), reversed(new.words[head:]))
    a, b = old.words[head : len(old.words) - tail], new.words[head : len(new.words) - tail]
    whole = len(a) <= WORDS and len(b) <= WORDS
    found = _merged(SequenceMatcher(None, a[:WORDS], b[:WORDS]).get_opcodes())
    changes = [(head + i1, head + i2, head + j1, head + j2) for i1, i2, j1, j2 in found]
    removed: list[Span] = []
    added: list[Span] = []
    for i1, i2, j1, j2 in changes:
        # With the white space that follows where the other side has nothing: so that what stays reads on.
        if i1 < i2:
            removed.append((old.starts[i1], old.ends[i2 - 1] if j1 < j2 else old.starts[i2]))
        if j1 < j2:
            added.append((new.starts[j1], new.ends[j2 - 1] if i1 < i2 else new.starts[j2]))
    end = (
        (len(old.words), len(new.words)) if whole else (head + min(len(a), WORDS), head + min(len(b), WORDS))
    )
    for i, j in _facing(changes, *end, old, new):
        (i1, i2), (j1, j2) = old.gap(i), new.gap(j)
        if left[i1:i2] != right[j1:j2]:
            removed.append((i1, i2))
            added.append((j1, j2))
    return TextDiff(
        _joined(removed),
        _joined(added),
        sum(_counted(old.words[i1:i2]) for i1, i2, _, _ in changes),
        sum(_counted(new.words[j1:j2]) for _, _, j1, j2 in changes),
        whole,
    )


_Change = tuple[int, int, int, int]
"""Words i1 to before i2 of the left became words j1 to before j2 of the right."""


def _shared(one: Iterable[str], other: Iterable[str]) -> int:
    """The number of words that both begin with."""
    return sum(1 for _ in takewhile(lambda pair: pair[0] == pair[1], zip(one, other, strict=False)))


def _merged(opcodes: Iterable[tuple[str, int, int, int, int]]) -> list[_Change]:
    """The changes; two that are longer than twice what stands between them are one, for a person reads them so."""
    changes: list[_Change] = []
    for kind, i1, i2, j1, j2 in opcodes:
        if kind == "equal":
            continue
        if changes:
            a1, a2, b1, b2 = changes[-1]
            if 2 * (i1 - a2) <= min(max(a2 - a1, b2 - b1), max(i2 - i1, j2 - j1)):
                changes[-1] = (a1, i2, b1, j2)
                continue
        changes.append((i1, i2, j1, j2))
    return changes


def _facing(
    changes: Iterable[_Change], old_end: int, new_end: int, old: _Words, new: _Words
) -> Iterator[tuple[int, int]]:
    """Pairs of words, one of either side, whose preceding white space stands in the same place."""
    i = j = 1
    for i1, i2, j1, j2 in (*changes, (old_end, old_end, new_end, new_end)):
        same = old.text[old.ends[i - 1] : old.ends[i1 - 1]] == new.text[new.ends[j - 1] : new.ends[j1 - 1]]
        if not same:
            yield from zip(range(i, i1), range(j, j1), strict=True)
        if i1 < old_end:
            yield i1, j1
        i, j = i2 + (i1 == i2 or j1 == j2), j2 + (i1 == i2 or j1 == j2)


def _joined(spans: list[Span]) -> tuple[Span, ...]:
    """The spans in order, those that touch as one, those that are empty left out."""
    joined: list[Span] = []
    for start, end in sorted(spans):
        if start == end:
            continue
        if joined and start <= joined[-1][1]:
            joined[-1] = joined[-1][0], max(end, joined[-1][1])
        else:
            joined.append((start, end))
    return tuple(joined)


def _counted(words: Iterable[str]) -> int:
    """The number of words that are more than punctuation."""
    return sum(1 for word in words if any(map(str.isalnum, word)))
