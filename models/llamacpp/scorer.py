"""Token losses of many passages in few decodes.

A passage is a context and a target; the loss of target token t is -log p(t | everything before it), the
log-sum-exp summed in float64. Several passages go through the model together as separate sequences, the logits
are asked for only where a scored token is predicted, and beginnings that contexts share (a template's opening)
stay in the KV cache and are never computed twice.
"""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from models.llamacpp.bindings import Context, Ids, Model
from models.student import WORST_RANK, Losses

PREFIXES = 4  # shared beginnings kept in the cache
PREFIX_LENGTH = 128  # tokens of one at most
PREFIX_CELLS = 256  # tokens of all together
PREFIX_GAIN = 16  # tokens a new one must save each time it is used


@dataclass(eq=False, slots=True)
class _Job:
    """A passage on its way through the model."""

    ids: Ids  # context, then what is kept of the target
    first: int  # index in `ids` of the first scored token
    nll: NDArray[np.float32]
    ranks: NDArray[np.uint8] | None = None  # where they are asked for
    at: int = 0  # tokens of `ids` already in the cache
    sequence: int = -1

    @property
    def end(self) -> int:
        """Tokens to decode: the last one predicts nothing that counts."""
        return len(self.ids) - 1


@dataclass(eq=False, slots=True)
class _CachedPrefix:
    ids: Ids
    sequence: int
    cells: int  # of the cache that are its own; the rest it shares with another prefix


@dataclass(eq=False, slots=True)
class _Slice:
    """A stretch of a job in one decode."""

    job: _Job
    start: int  # index in job.ids
    end: int  # tokens of the decode up to its last
    rows: slice  # of the decode's logits

    @property
    def scored(self) -> slice:
        """The ids in job.ids that its rows predict."""
        first = max(self.start + 1, self.job.first)
        return slice(first, first + self.rows.stop - self.rows.start)


class Scorer:
    """Losses from one model. `window`: tokens a passage may have."""

    def __init__(self, model: Model, context: Context, *, window: int, threads: int) -> None:
        self.model, self.context, self.window = model, context, window
        self.skip = 0 if model.bos is not None else 1  # the first target token, where nothing comes before it
        self.prefixes: list[_CachedPrefix] = []  # least recently used first
        self.recent: deque[Ids] = deque(maxlen=16)  # contexts seen, to find what they share
        self.free = list(range(PREFIXES, context.shape.sequences))
        self.pool = ThreadPoolExecutor(threads)
        self.threads = threads

    def losses(self, passages: Iterable[Sequence[Any]]) -> list[Losses]:
        """Of each (context pieces, target, whole, ranked), pieces being (text, special), in order."""
        results: list[Losses] = []
        jobs: list[_Job] = []
        contexts: list[Ids] = []
        for pieces, text, whole, ranked in passages:
            context = self.model.passage(pieces)
            target = self.model.tokenize(text, special=False)
            room = self.window - len(context)
            kept = target[: 0 if whole and len(target) > room else max(room, 0)]
            nll = np.empty(max(len(kept) - self.skip, 0), np.float32)
            lengths = np.fromiter((len(self.model.piece(t)) for t in kept.tolist()), np.uint16, len(kept))
            ranks = np.empty(len(nll), np.uint8) if ranked else None
            results.append(Losses(nll, lengths, len(target), room, ranks))
            if len(nll):
                jobs.append(_Job(np.concatenate([context, kept]), len(context) + self.skip, nll, ranks))
                contexts.append(context)
        try:
            if not self.model.recurrent:
                self._learn_prefixes(contexts)
            self._run(jobs)
        except MemoryError:
            self._forget_all()
            raise
        return results

    def _forget_all(self) -> None:
        self.context.forget(-1)
        self.prefixes.clear()
        self.free = list(range(PREFIXES, self.context.shape.sequences))

    # Shared beginnings

    def _learn_prefixes(self, contexts: list[Ids]) -> None:
        """Keep what two different contexts begin with, if it is worth it: a template's opening, mostly."""
        for context in contexts:
            have = max((_common(prefix.ids, context) for prefix in self.prefixes), default=0)
            starts = ((_common(other, context), len(other)) for other in self.recent)
            # A context that is the other one's beginning is the same text again, not a template.
            shared = max((n for n, length in starts if n < min(length, len(context))), default=0)
            shared = min(shared, PREFIX_LENGTH)
            if shared - have >= PREFIX_GAIN:
                self._add_prefix(context[:shared])
            if len(context) >= PREFIX_GAIN:
                self.recent.append(context)

    def _add_prefix(self, ids: Ids) -> None:
        while self.prefixes and (
            len(self.prefixes) == PREFIXES
            or sum(len(prefix.ids) for prefix in self.prefixes) + len(ids) > PREFIX_CELLS
        ):
            self.context.forget(self.prefixes.pop(0).sequence)
        sequence = min(set(range(PREFIXES)) - {prefix.sequence for prefix in self.prefixes})
        job = _Job(ids, len(ids) + 1, np.empty(0, np.float32), sequence=sequence)
        self._start_from_prefix(job)
        cells = len(ids) - job.at
        while job.at < len(ids):
            count = min(len(ids) - job.at, self.context.shape.batch)
            self._put(0, job, count)
            self.context.decode(count)
            job.at += count
        self.prefixes.append(_CachedPrefix(ids, sequence, cells))

    def _start_from_prefix(self, job: _Job) -> None:
        # The token before the first scored one is decoded again: its logits are what is asked for.
        most = min(job.first, len(job.ids)) - 1
        shared, prefix = max(
            ((_common(prefix.ids[:most], job.ids), prefix) for prefix in self.prefixes),
            key=lambda found: found[0],
            default=(0, None),
        )
        if prefix is not None and shared >= PREFIX_GAIN:
            self.prefixes.remove(prefix)
            self.prefixes.append(prefix)
            self.context.share(prefix.sequence, job.sequence, shared)
            job.at = shared

    # Decoding

    def _run(self, jobs: list[_Job]) -> None:
        waiting = sorted(jobs, key=lambda job: -job.end)
        while waiting:
            slices = self._fill(waiting)
            self.context.decode(slices[-1].end)
            self._collect(slices)
            waiting = [job for job in waiting if job.at < job.end]

    def _fill(self, waiting: list[_Job]) -> list[_Slice]:
        """Lay out one decode: a job begun in the last one, then whole jobs that fit, the longest first.

        A job is cut only where the decode would be less than half full without it: the part that stays behind
        takes cells, which every token of the next decode is held against.
        """
        shape = self.context.shape
        # The cells of the prefixes are in use as well.
        batch = max(shape.batch - sum(prefix.cells for prefix in self.prefixes), shape.batch // 2)
        count = rows = 0
        slices: list[_Slice] = []
        for job in sorted(waiting, key=lambda job: job.at == 0):
            if job.sequence < 0:
                if not self.free:
                    continue
                job.sequence = self.free.pop()
                self._start_from_prefix(job)
            quiet = max(job.first - 1 - job.at, 0)  # tokens before the first whose logits count
            left = job.end - job.at
            take = min(left, batch - count, quiet + shape.rows - rows)
            if take == 0 or (take < left and count >= batch // 2):
                continue
            self._put(count, job, take)
            new = max(take - quiet, 0)
            slices.append(_Slice(job, job.at, count + take, slice(rows, rows + new)))
            count, rows, job.at = count + take, rows + new, job.at + take
            if job.at < job.end:
                break
        return slices

    def _put(self, offset: int, job: _Job, count: int) -> None:
        context, part = self.context, slice(offset, offset + count)
        context.token[part] = job.ids[job.at : job.at + count]
        context.position[part] = np.arange(job.at, job.at + count)
        context.sequence[part] = job.sequence
        context.wanted[part] = context.position[part] >= job.first - 1

    def _collect(self, slices: list[_Slice]) -> None:
        """Take the losses out of the logits of one decode, and let go of the jobs it finished."""
        if rows := slices[-1].rows.stop:
            targets = np.concatenate([s.job.ids[s.scored] for s in slices])
            logits = self.context.logits(rows)
            nll = self._nll(logits, targets)
            for s in slices:
                part = slice(s.scored.start - s.job.first, s.scored.stop - s.job.first)
                s.job.nll[part] = nll[s.rows]
                if s.job.ranks is not None:
                    s.job.ranks[part] = [rank(logits[row], targets[row]) for row in range(rows)[s.rows]]
        for s in slices:
            if s.job.at >= s.job.end:
                self.context.forget(s.job.sequence)
                self.free.append(s.job.sequence)

    def _nll(self, logits: NDArray[np.float32], targets: Ids) -> NDArray[np.float64]:
        """-log softmax(logits)[target] of each row, rows spread over the threads that llama.cpp leaves idle."""
        parts = np.array_split(np.arange(len(targets)), self.threads)
        found = self.pool.map(lambda part: [log_sum_exp(logits[row]) for row in part], parts)
        total = np.array([value for part in found for value in part])
        return total - logits[np.arange(len(targets)), targets]


def rank(row: NDArray[np.float32], target: int) -> int:
    """The target's place among a row's logits, the largest first, from 1 on; `WORST_RANK` for all beyond."""
    return min(1 + int(np.count_nonzero(row > row[target])), WORST_RANK)


CHUNK = 16384  # logits at a time: they and their exponentials stay in a core's own cache


def log_sum_exp(row: NDArray[np.float32]) -> float:
    """log(sum(exp(row))), the exponentials in float32, summed pairwise in chunks, the chunks in float64.

    That is within 2e-7 nat of float64 throughout, which takes 1.7 times as long and is felt where a vocabulary
    is large: 6 % of Gemma 3 270M's time instead of 3 %.
    """
    top, total = row.max(), 0.0
    scratch = np.empty(CHUNK, np.float32)
    for start in range(0, len(row), CHUNK):
        part = row[start : start + CHUNK]
        powers = np.subtract(part, top, out=scratch[: len(part)])
        total += float(np.exp(powers, out=powers).sum())
    return float(top) + math.log(total)


def _common(a: Ids, b: Ids) -> int:
    """The number of ids that two sequences begin with alike."""
    n = min(len(a), len(b))
    different = np.flatnonzero(a[:n] != b[:n])
    return int(different[0]) if len(different) else n
