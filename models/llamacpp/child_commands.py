"""The commands of the child process: open a GGUF, score passages with it, or write with it."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import Any

from models.errors import BurnishError
from models.llamacpp import bindings
from models.llamacpp.bindings import Context, ContextShape, Model
from models.llamacpp.generator import TextGenerator
from models.llamacpp.prefixes import PREFIXES
from models.llamacpp.scorer import CELLS, Scorer
from models.system.machine import physical_cores

# Tokens in a decode. Every token is held against all cells in use, which llama.cpp rounds up to 256: on a CPU the
# first 256 are where the time is least (SmolLM2, 2 cores: a tenth less than with 512).
CPU_BATCH, GPU_BATCH = 256, 2048
SEQUENCES = 32  # passages in a decode
LOGITS = 80 * 2**20  # bytes of logits a decode may leave; llama.cpp holds them twice


class ChildCommands:
    """One model at a time, held until the process ends. `send`: takes an answer's header and its blobs."""

    def __init__(self, send: Callable[..., None], cancelled: set[int]) -> None:
        self.send, self.cancelled = send, cancelled
        self.scorer: Scorer | None = None
        self.writer: TextGenerator | None = None
        self.commands: dict[str, Callable[..., None]] = {
            "open-scorer": self.open_scorer,
            "open-writer": self.open_writer,
            "losses": self.losses,
            "ids": self.ids,
            "write": self.write,
        }
        bindings.start()

    def open_scorer(
        self,
        call: int,
        path: str,
        adapter: str | None,
        context: int,
        exact: bool,
        gpu_layers: int,
        threads: int | None,
    ) -> None:
        threads = threads or physical_cores()

        def make(model: Model) -> tuple[Context, int]:
            window = min(context, model.trained_context or context)
            batch = GPU_BATCH if model.offloaded else CPU_BATCH
            rows = rows_for(model.vocabulary, batch)
            shape = ContextShape(window + CELLS + batch, batch, rows, PREFIXES + SEQUENCES)
            return _context(model, shape, adapter, exact=exact, threads=threads), window

        model, made, window, notes = _load(Path(path), gpu_layers, context, make)
        self.scorer = Scorer(model, made, window=window, threads=threads)
        info = _info(model) | {"context": window, "exact": exact, "notes": notes}
        self.send({"call": call, "info": info})

    def open_writer(
        self,
        call: int,
        path: str,
        adapter: str | None,
        context: int,
        exact: bool,
        gpu_layers: int,
        threads: int | None,
    ) -> None:
        threads = threads or physical_cores()

        def make(model: Model) -> tuple[Context, int]:
            window = min(context, model.trained_context or context)
            # Small on a CPU: between two decodes is where a cancelled request stops.
            shape = ContextShape(window, min(GPU_BATCH if model.offloaded else CPU_BATCH // 2, window), 1, 1)
            return _context(model, shape, adapter, exact=exact, threads=threads), window

        model, made, window, notes = _load(Path(path), gpu_layers, context, make)
        self.writer = TextGenerator(model, made, window=window)
        self.send({"call": call, "info": _info(model) | {"context": window, "notes": notes}})

    def losses(self, call: int, passages: list[Any]) -> None:
        assert self.scorer is not None
        began = time.monotonic()
        found = self.scorer.losses(passages)
        self.send(
            {
                "call": call,
                "passages": [
                    [len(s.nll), len(s.lengths), s.tokens, s.room, s.ranks is not None] for s in found
                ],
                "seconds": time.monotonic() - began,
            },
            b"".join(s.nll.tobytes() for s in found),
            b"".join(s.lengths.tobytes() for s in found),
            b"".join(s.ranks.tobytes() for s in found if s.ranks is not None),
        )

    def ids(self, call: int, passages: list[Any], after: str) -> None:
        assert self.scorer is not None
        model = self.scorer.model
        found = [
            (model.passage(pieces), model.tokenize(target, special=False)) for pieces, target in passages
        ]
        self.send(
            {
                "call": call,
                "lengths": [[len(context), len(target)] for context, target in found],
                "end": model.end_after(after),
            },
            b"".join(part.tobytes() for both in found for part in both),
        )

    def write(self, call: int, **request: Any) -> None:
        assert self.writer is not None
        written = self.writer.generate(
            **request,
            on_text=lambda text: self.send({"call": call, "text": text}),
            cancelled=lambda: call in self.cancelled,
        )
        self.send({"call": call, "written": asdict(written)})


def rows_for(vocabulary: int, batch: int) -> int:
    """Rows of logits that a decode may leave. llama.cpp wants one for each of its sequences."""
    return min(max(LOGITS // (4 * vocabulary), PREFIXES + SEQUENCES), batch)


def _context(model: Model, shape: ContextShape, adapter: str | None, *, exact: bool, threads: int) -> Context:
    """A context of a model with an adapter's weights added, where there is one."""
    made = Context(model, shape, exact=exact, threads=threads)
    if adapter is not None:
        made.adapt(model.adapter(Path(adapter)))
    return made


def _load(
    path: Path, gpu_layers: int, context: int, make: Callable[[Model], tuple[Context, int]]
) -> tuple[Model, Context, int, list[str]]:
    """Load with `gpu_layers` on the GPU (-1: all), half as many each time that memory runs out."""
    notes: list[str] = []
    layers = gpu_layers if bindings.can_offload() else 0
    while True:
        try:
            model = Model(path, gpu_layers=layers)
            try:
                made, window = make(model)
            except (MemoryError, BurnishError):
                model.close()
                raise
        except MemoryError:
            if layers == 0:
                raise
            whole = Model(path, vocab_only=True)
            layers = (whole.layers if layers < 0 else layers) // 2
            whole.close()
        else:
            break
    if layers != gpu_layers and bindings.can_offload():
        notes.append(
            f"Not all of it fits in the GPU's memory: {model.offloaded} of {model.layers} layers are there."
        )
    if window < context:
        notes.append(f"Its context is {window} tokens, not {context}: it was trained on no more.")
    return model, made, window, notes


def _info(model: Model) -> dict[str, Any]:
    names = (
        *("name", "architecture", "quantisation", "parameters", "vocabulary", "bos", "trained_context"),
        *("backend", "layers", "offloaded", "chat_template", "bos_text", "eos_text"),
    )
    return {name: getattr(model, name) for name in names}
