"""Token losses of many passages in few decodes.

A passage is a context and a target; the loss of target token t is -log p(t | everything before it), the
log-sum-exp summed in float64. Several passages go through the model together as separate sequences, and the logits
are asked for only where a scored token is predicted. What passages begin with alike (a template's opening, a system
message, what was said before an exchange) the first of them leaves in the KV cache for the others: see `prefixes`.
"""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

from models.llamacpp.bindings import Context, Ids, Model
from models.llamacpp.prefixes import GAIN, Prefixes, Sequences, common
from models.student import WORST_RANK, Losses

CELLS = 256
"""llama.cpp holds every token of a decode against all cells in use, rounded up to this."""


@dataclass(eq=False, slots=True)
class _Job:
    """A passage on its way through the model."""

    ids: Ids  # context, then what is kept of the target
    first: int  # index in `ids` of the first scored token
    nll: NDArray[np.float32]
    ranks: NDArray[np.uint8] | None = None  # where they are asked for
    at: int = 0  # tokens of `ids` already in the cache
    sequence: int = -1
    waits_for: int = 0  # tokens of its beginning that the job before it leaves in the cache
    leaves: int = 0  # tokens of its beginning that it leaves there for others

    @property
    def context(self) -> Ids:
        """The tokens that it may share; the one before the first scored token is decoded for its logits."""
        return self.ids[: self.first - 1]

    @property
    def end(self) -> int:
        """Tokens to decode: the last one predicts nothing that counts."""
        return len(self.ids) - 1


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
        self.recent: deque[Ids] = deque(maxlen=16)  # contexts of earlier calls, to find what later ones share
        self.pool = ThreadPoolExecutor(threads)
        self.threads = threads
        self._start_empty()

    def _start_empty(self) -> None:
        self.context.forget(-1)
        self.sequences = Sequences(self.context)
        self.prefixes = Prefixes(self.sequences)

    def losses(self, passages: Iterable[Sequence[Any]]) -> list[Losses]:
        """Of each passage, in order: (context pieces, target, whole, ranked), pieces being (text, special).

        One in ids is (context ids, target ids), and ranked.
        """
        results: list[Losses] = []
        jobs: list[_Job] = []
        for passage in passages:
            if len(passage) == 2:
                context, target = (np.array(ids, np.int32) for ids in passage)
                room = self.window + 1 - len(context)  # the last token is not decoded
                skip, whole, ranked = 0, False, True
            else:
                pieces, text, whole, ranked = passage
                context = self.model.passage(pieces)
                target = self.model.tokenize(text, special=False)
                room, skip = self.window - len(context), self.skip
            kept = target[: 0 if whole and len(target) > room else max(room, 0)]
            nll = np.empty(max(len(kept) - skip, 0), np.float32)
            lengths = np.fromiter((len(self.model.piece(t)) for t in kept.tolist()), np.uint16, len(kept))
            ranks = np.empty(len(nll), np.uint8) if ranked else None
            results.append(Losses(nll, lengths, len(target), room, ranks))
            if len(nll):
                jobs.append(_Job(np.concatenate([context, kept]), len(context) + skip, nll, ranks))
        try:
            self._run(self._in_order(jobs))
        except MemoryError:
            self._start_empty()
            raise
        return results

    def _in_order(self, jobs: list[_Job]) -> list[_Job]:
        """The jobs that need nothing new in the cache, the longest first; then those that do, by their beginnings.

        A job leaves for later ones what it shares with the next one, or with contexts of earlier calls.
        """
        if self.model.recurrent:  # a state that can be neither cut nor shared
            return sorted(jobs, key=lambda job: -job.end)
        jobs = sorted(jobs, key=lambda job: job.ids.tobytes())
        for before, job in pairwise(jobs):  # of those before a job, the last begins with most of what it does
            job.waits_for = before.leaves = common(before.ids[: before.end], job.context)
        sharing: list[_Job] = []
        alone: list[_Job] = []
        for job in jobs:
            seen = (common(job.context, context) for context in self.recent)
            job.leaves = max(job.leaves, max(seen, default=0))
            (sharing if self._waits(job) or self._leaves(job) else alone).append(job)
        self.recent.extend(job.context for job in jobs if len(job.context) >= GAIN)
        return [*sorted(alone, key=lambda job: self.prefixes.shared(job.context) - job.end), *sharing]

    def _waits(self, job: _Job) -> bool:
        """True where the job before it is to leave more of its beginning than the cache has."""
        return job.waits_for - self.prefixes.shared(job.context) >= GAIN

    def _leaves(self, job: _Job) -> bool:
        """True where it leaves more of its beginning than the cache has."""
        return job.leaves - self.prefixes.shared(job.ids[: job.leaves]) >= GAIN

    # Decoding

    def _run(self, waiting: list[_Job]) -> None:
        while waiting:
            slices = self._fill(waiting)
            self.context.decode(slices[-1].end)
            self._collect(slices)
            waiting = [job for job in waiting if job.at < job.end]

    def _fill(self, waiting: list[_Job]) -> list[_Slice]:
        """Lay out one decode: a job begun in the last one, then whole jobs that fit, in their order.

        A job is cut only where the decode would be less than half full without it: the part that stays behind
        takes cells, which every token of the next decode is held against. For the same reason no job adds a beginning
        to the cache while one before it still waits for another beginning.
        """
        self.prefixes.next_decode(self.context.shape.batch)
        batch = self._batch()
        count = rows = 0
        slices: list[_Slice] = []
        passed_over = False
        for job in sorted(waiting, key=lambda job: job.sequence < 0):
            begun = job.sequence >= 0
            if count == batch or not (begun or self.sequences.spare):
                break
            if slices and self._waits(job):
                passed_over = True
                continue
            if passed_over and self._leaves(job):
                continue
            at = job.at if begun else self.prefixes.shared(job.context)
            quiet = max(job.first - 1 - at, 0)  # tokens before the first whose logits count
            left = job.end - at
            take = min(left, batch - count, quiet + self.context.shape.rows - rows)
            if take == 0 or (take < left and count >= batch // 2):
                continue
            if not begun:
                job.sequence = self.sequences.new()
                job.at = self.prefixes.begin(job.sequence, job.context)
            self._put(count, job, take)
            new = max(take - quiet, 0)
            slices.append(_Slice(job, job.at, count + take, slice(rows, rows + new)))
            count, rows, job.at = count + take, rows + new, job.at + take
            if job.at < job.end:
                break
        return slices

    def _batch(self) -> int:
        """Tokens of the next decode: as many as fill the cells in use up to a number that llama.cpp rounds them to."""
        batch = self.context.shape.batch
        left = -self.sequences.used % CELLS
        return max(batch - CELLS + left, batch // 2) if left else batch

    def _put(self, offset: int, job: _Job, count: int) -> None:
        context, part = self.context, slice(offset, offset + count)
        context.token[part] = job.ids[job.at : job.at + count]
        context.position[part] = np.arange(job.at, job.at + count)
        context.sequence[part] = job.sequence
        context.wanted[part] = context.position[part] >= job.first - 1
        self.sequences.grow(job.sequence, count)

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
                    s.job.ranks[part] = self._ranks(logits[s.rows], targets[s.rows])
        for s in slices:
            if s.job.at < s.job.end:
                continue
            if self._leaves(s.job):
                self.prefixes.keep(s.job.sequence, s.job.ids[: s.job.leaves])
            else:
                self.sequences.forget(s.job.sequence)

    def _nll(self, logits: NDArray[np.float32], targets: Ids) -> NDArray[np.float64]:
        """-log softmax(logits)[target] of each row, rows spread over the threads that llama.cpp leaves idle."""
        parts = np.array_split(np.arange(len(targets)), self.threads)
        found = self.pool.map(lambda part: [log_sum_exp(logits[row]) for row in part], parts)
        total = np.array([value for part in found for value in part])
        return total - logits[np.arange(len(targets)), targets]

    def _ranks(self, logits: NDArray[np.float32], targets: Ids) -> list[int]:
        """The rank of each row's target, the rows spread likewise."""
        parts = np.array_split(np.arange(len(targets)), self.threads)
        found = self.pool.map(lambda part: [rank(logits[row], targets[row]) for row in part], parts)
        return [value for part in found for value in part]


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
