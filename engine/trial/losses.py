"""The losses of each arm's adapter on what was held out, by llama.cpp: what a user will run is what is measured."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np

from models.llamacpp.student import EmbeddedStudent
from models.student import MISSING, Losses, Passage, PassageError
from models.system.atomic_file import atomic_file

HELD_OUT = "held-out.json"


class HeldOutLosses(NamedTuple):
    """Mean losses of the held-out samples' answers, nats a token; None: there is no such loss."""

    original: list[float | None]
    refined: list[float | None]


def kept_losses(folder: Path) -> HeldOutLosses | None:
    """The losses that were computed before, and kept in an arm's folder; None: there are none."""
    path = folder / HELD_OUT
    return HeldOutLosses(**json.loads(path.read_text("ascii"))) if path.exists() else None


def keep_losses(folder: Path, losses: HeldOutLosses) -> None:
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    with atomic_file(folder / HELD_OUT, mode=0o600) as file:
        file.write(json.dumps(losses._asdict()).encode("ascii"))


async def held_out_losses(
    student: EmbeddedStudent, original: Sequence[Passage | None], refined: Sequence[Passage | None]
) -> HeldOutLosses:
    """The student's losses of both answers of each sample."""
    known = list(dict.fromkeys(one for one in (*original, *refined) if one is not None))
    losses = await _losses(student, known)
    means = {passage: _mean(found) for passage, found in zip(known, losses, strict=True)}
    original_means, refined_means = (
        [None if one is None else means[one] for one in side] for side in (original, refined)
    )
    return HeldOutLosses(original_means, refined_means)


async def _losses(student: EmbeddedStudent, passages: Sequence[Passage]) -> list[Losses]:
    """The student's losses; `MISSING` of a passage that llama.cpp fails at."""
    try:
        return await student.losses(passages)
    except PassageError:
        if len(passages) == 1:
            return [MISSING]
        return [(await _losses(student, [passage]))[0] for passage in passages]


def _mean(losses: Losses) -> float | None:
    usable = len(losses.nll) > 0 and bool(np.isfinite(losses.nll).all())
    return float(losses.nll.mean(dtype=np.float64)) if usable else None
