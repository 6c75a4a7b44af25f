"""Beginnings of passages that stay in the KV cache, so that what passages share is decoded once.

A sequence may begin with the cells of another one (`llama_memory_seq_cp`). Which cells are in use then, llama.cpp
does not tell; it is counted here. On a CPU every token is held against all of them: what nobody uses goes.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from models.llamacpp.bindings import Context, Ids

PREFIXES = 8
"""Beginnings that are kept, at most."""

GAIN = 16
"""Tokens that a beginning must save a passage."""

LATELY = 2
"""Decodes after which what neither they nor the ones before them used of a beginning is let go."""


class Sequences:
    """The sequences of a context that are in use, and the cells that each holds."""

    def __init__(self, context: Context) -> None:
        self._context = context
        self._cells: dict[int, NDArray[np.intp]] = {}  # by sequence, in order
        self._holders = np.zeros(context.shape.cells, np.int32)  # by cell: the sequences that hold it
        self.spare = list(range(context.shape.sequences))

    @property
    def used(self) -> int:
        """Cells that a sequence holds."""
        return int(np.count_nonzero(self._holders))

    @property
    def free(self) -> int:
        return len(self._holders) - self.used

    def new(self) -> int:
        """A sequence that was spare. It holds nothing."""
        sequence = self.spare.pop()
        self._cells[sequence] = np.empty(0, np.intp)
        return sequence

    def share(self, source: int, target: int, count: int) -> None:
        """Let a new sequence begin with the first `count` tokens of another."""
        self._context.share(source, target, count)
        self._cells[target] = self._cells[source][:count]
        self._holders[self._cells[target]] += 1

    def grow(self, sequence: int, count: int) -> None:
        """Count tokens that are decoded into a sequence."""
        cells = np.flatnonzero(self._holders == 0)[:count]
        self._holders[cells] = 1
        self._cells[sequence] = np.concatenate([self._cells[sequence], cells])

    def cut(self, sequence: int, count: int) -> None:
        """Let go of what a sequence holds after its first `count` tokens."""
        self._context.forget(sequence, count)
        self._holders[self._cells[sequence][count:]] -= 1
        self._cells[sequence] = self._cells[sequence][:count]

    def forget(self, sequence: int) -> None:
        """Let go of a sequence, which is spare then; the cells that no other one holds are free."""
        self.cut(sequence, 0)
        del self._cells[sequence]
        self.spare.append(sequence)


@dataclass(eq=False, slots=True)
class Prefix:
    """A beginning in the cache."""

    ids: Ids
    sequence: int
    used: int  # tokens of it that passages began with lately, at most
    used_before: int = 0  # likewise, before that


class Prefixes:
    """The beginnings in the cache, the one used last at the end."""

    def __init__(self, sequences: Sequences) -> None:
        self._sequences = sequences
        self._kept: list[Prefix] = []
        self._decodes = 0

    def next_decode(self, cells: int) -> None:
        """Let go of what was not used lately, and of those used longest ago until so many cells are free."""
        self._decodes += 1
        if self._decodes % LATELY == 0:
            self._cut_to_use()
        while self._sequences.free < cells and self._kept:
            self._forget(self._kept[0])

    def _cut_to_use(self) -> None:
        for prefix in list(self._kept):
            used = max(prefix.used, prefix.used_before)
            prefix.used, prefix.used_before = 0, prefix.used
            if used == 0:
                self._forget(prefix)
            elif used < len(prefix.ids):
                prefix.ids = prefix.ids[:used]
                self._sequences.cut(prefix.sequence, used)

    def shared(self, ids: Ids) -> int:
        """The number of tokens that `begin` would save a sequence with these ids."""
        return self._longest(ids)[0]

    def begin(self, sequence: int, ids: Ids) -> int:
        """Let a new sequence begin as one of these does, where that is worth it; the tokens it has then."""
        shared, prefix = self._longest(ids)
        if prefix is not None:
            self._kept.remove(prefix)
            self._kept.append(prefix)
            prefix.used = max(prefix.used, shared)
            self._sequences.share(prefix.sequence, sequence, shared)
        return shared

    def keep(self, sequence: int, ids: Ids) -> None:
        """Keep these ids, with which a sequence begins, in the place of those that they begin with."""
        self._sequences.cut(sequence, len(ids))
        for prefix in list(self._kept):
            if common(prefix.ids, ids) == len(prefix.ids):
                self._forget(prefix)
        if len(self._kept) == PREFIXES:
            self._forget(self._kept[0])
        self._kept.append(Prefix(ids, sequence, used=len(ids)))

    def _longest(self, ids: Ids) -> tuple[int, Prefix | None]:
        """The tokens that some ids begin with as one of these does, the most, and the shortest such one."""
        found = ((common(prefix.ids, ids), prefix) for prefix in self._kept)
        worth = [(shared, prefix) for shared, prefix in found if shared >= GAIN]
        return max(worth, key=lambda one: (one[0], -len(one[1].ids)), default=(0, None))

    def _forget(self, prefix: Prefix) -> None:
        self._kept.remove(prefix)
        self._sequences.forget(prefix.sequence)


def common(a: Ids, b: Ids) -> int:
    """The length of the longest common prefix."""
    length = min(len(a), len(b))
    different = np.flatnonzero(a[:length] != b[:length])
    return int(different[0]) if len(different) else length
