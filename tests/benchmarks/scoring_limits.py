"""What burnish's speed is held against, in a process of its own: llama.cpp's own limit and llama-cpp-python.

Run by scoring.py: the model's path, the method, and the number of threads; then one JSON object a line, as in
scoring_torch.py, the work being lists of calls, each a list of (context pieces, target).
"""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from llama_cpp import Llama

from models.llamacpp import bindings
from models.llamacpp.bindings import Context, ContextShape, Ids, Model
from models.llamacpp.child_commands import CPU_BATCH, SEQUENCES, rows_for
from models.llamacpp.prefixes import PREFIXES
from models.llamacpp.scorer import CELLS, Scorer, log_sum_exp

WINDOW = 2048
Call = list[Any]
Run = Callable[[list[Call]], float]
"""Scores the passages of some calls and says how many seconds it took."""


class Recording(Context):
    """A context that remembers what was done with it."""

    done: list[tuple[Any, ...]]

    def decode(self, count: int) -> None:
        arrays = (self.token, self.position, self.sequence, self.wanted)
        self.done.append(("decode", count, [array[:count].copy() for array in arrays]))
        super().decode(count)

    def share(self, source: int, target: int, end: int) -> None:
        self.done.append(("share", source, target, end))
        super().share(source, target, end)

    def forget(self, sequence: int, start: int = 0) -> bool:
        self.done.append(("forget", sequence, start))
        return super().forget(sequence, start)


Tape = list[tuple[Any, ...]]


def shape_for(model: Model, batch: int) -> ContextShape:
    rows = WINDOW if batch == WINDOW else rows_for(model.vocabulary, batch)
    return ContextShape(WINDOW + CELLS + batch, batch, rows, PREFIXES + SEQUENCES)


def recorded(path: Path, threads: int, *, one_by_one: bool) -> Run:
    """llama_decode over the sequences burnish decodes, in its order, logits where it wants them, and nothing else."""
    model = Model(path)
    batch = WINDOW if one_by_one else CPU_BATCH
    context = Recording(model, shape_for(model, batch), exact=False, threads=threads)
    context.done = []
    tapes: dict[int, tuple[Tape, Tape]] = {}

    def record(calls: list[Call], scorer: Scorer) -> Tape:
        context.done = []
        for call in calls:
            for part in [[passage] for passage in call] if one_by_one else [call]:
                scorer.losses(part)
        return context.done

    def replay(tape: Tape) -> None:
        for act, *rest in tape:
            if act == "decode":
                count, arrays = rest
                batch_arrays: tuple[Any, ...] = (
                    context.token,
                    context.position,
                    context.sequence,
                    context.wanted,
                )
                for array, values in zip(batch_arrays, arrays, strict=True):
                    array[:count] = values
                Context.decode(context, count)
            elif act == "share":
                Context.share(context, *rest)
            else:
                Context.forget(context, *rest)

    def run(calls: list[Call]) -> float:
        if id(calls) not in tapes:  # the first time over, the scorer learns what the contexts share
            scorer = Scorer(model, context, window=WINDOW, threads=threads)
            Context.forget(context, -1)
            tapes[id(calls)] = (record(calls, scorer), record(calls, scorer))
        first, second = tapes[id(calls)]
        Context.forget(context, -1)
        replay(first)
        began = time.perf_counter()
        replay(second)
        return time.perf_counter() - began

    return run


def by_itself(path: Path, threads: int) -> Run:
    """Burnish's scorer, one passage after the other, nothing in the cache before any of them."""
    model = Model(path)
    context = Context(model, shape_for(model, CPU_BATCH), exact=False, threads=threads)

    def run(calls: list[Call]) -> float:
        began = time.perf_counter()
        for passage in (passage for call in calls for passage in call):
            Scorer(model, context, window=WINDOW, threads=threads).losses([passage])
        return time.perf_counter() - began

    return run


def every_logit(path: Path, threads: int) -> Run:
    """Llama(logits_all=True), one passage after the other, then numpy."""
    model = Model(path)
    llm = Llama(
        str(path), n_ctx=WINDOW, logits_all=True, n_threads=threads, n_threads_batch=threads, verbose=False
    )

    def run(calls: list[Call]) -> float:
        began = time.perf_counter()
        for ids, scored in passages_of(model, calls):
            llm.reset()
            llm.eval(ids)
            rows = llm.scores[len(ids) - scored - 1 : len(ids) - 1]
            for row, target in zip(rows, ids[len(ids) - scored :], strict=True):
                log_sum_exp(row) - row[target]
        return time.perf_counter() - began

    return run


def completion(path: Path, threads: int) -> Run:
    """create_completion(echo=True, logprobs=1), one passage after the other."""
    llm = Llama(
        str(path), n_ctx=WINDOW, logits_all=True, n_threads=threads, n_threads_batch=threads, verbose=False
    )

    def run(calls: list[Call]) -> float:
        began = time.perf_counter()
        for pieces, target, *_ in (passage for call in calls for passage in call):
            prompt = "".join(text for text, _ in pieces) + target  # it echoes text only
            llm.create_completion(prompt, max_tokens=1, echo=True, logprobs=1, temperature=0.0)
        return time.perf_counter() - began

    return run


def passages_of(model: Model, calls: list[Call]) -> list[tuple[list[int], int]]:
    """The token ids of every passage, and how many of them at its end are scored."""
    found = []
    for pieces, text, *_ in (passage for call in calls for passage in call):
        context, target = model.passage(pieces), model.tokenize(text, special=False)
        skip = 0 if model.bos is not None else 1
        ids: Ids = np.concatenate([context, target])
        found.append((ids.tolist(), max(len(target) - skip, 0)))
    return found


def main() -> None:
    path, method, threads = Path(sys.argv[1]), sys.argv[2], int(sys.argv[3])
    work: dict[str, list[Call]] = json.loads(sys.stdin.readline())
    bindings.start()
    if method == "ids":
        model = Model(path, vocab_only=True)
        print(json.dumps({name: passages_of(model, calls) for name, calls in work.items()}), flush=True)
        return
    make = {
        "limit": lambda: recorded(path, threads, one_by_one=False),
        "limit-1": lambda: recorded(path, threads, one_by_one=True),
        "by-itself": lambda: by_itself(path, threads),
        "logits_all": lambda: every_logit(path, threads),
        "completion": lambda: completion(path, threads),
    }
    run = make[method]()
    for line in sys.stdin:
        print(json.dumps(run(work[json.loads(line)])), flush=True)


if __name__ == "__main__":
    main()
