"""The job of the process that trains, and its reports: plain data, sent as JSON."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Self


@dataclass(frozen=True, slots=True)
class Example:
    """An answer to learn, as tokens, after a context that is only read. Neither is empty."""

    context: tuple[int, ...]
    answer: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Part:
    """The stretch of a example's answer that a step learns from; what stands before it in the answer is read."""

    example: int
    start: int  # of the answer's tokens
    end: int


Step = tuple[Part, ...]
"""The parts of examples that one update of the weights learns from."""


@dataclass(frozen=True, slots=True)
class Training:
    """An adapter to train, from weights that depend on the seed alone."""

    folder: Path  # of its files
    seed: int
    steps: tuple[Step, ...]


@dataclass(frozen=True, slots=True)
class Job:
    """Adapters of one student to train, one after another."""

    student: Path  # the GGUF that the adapters are for
    parts: tuple[Path, ...]  # the files that it is in, itself the first
    base: Path | None  # a folder with its checkpoint; None: the weights are taken out of the GGUF
    rank: int
    alpha: int  # what the adapter adds is multiplied by alpha / rank
    rate: float  # the learning rate at its largest
    examples: tuple[Example, ...]
    trainings: tuple[Training, ...]

    def as_json(self) -> dict[str, Any]:
        return asdict(self) | {
            "student": str(self.student),
            "parts": [str(part) for part in self.parts],
            "base": None if self.base is None else str(self.base),
            "trainings": [
                {
                    "folder": str(one.folder),
                    "seed": one.seed,
                    "steps": [[[part.example, part.start, part.end] for part in step] for step in one.steps],
                }
                for one in self.trainings
            ],
        }

    @classmethod
    def from_json(cls, told: Mapping[str, Any]) -> Self:
        return cls(
            student=Path(told["student"]),
            parts=tuple(map(Path, told["parts"])),
            base=None if told["base"] is None else Path(told["base"]),
            rank=told["rank"],
            alpha=told["alpha"],
            rate=told["rate"],
            examples=tuple(Example(tuple(one["context"]), tuple(one["answer"])) for one in told["examples"]),
            trainings=tuple(
                Training(
                    Path(one["folder"]),
                    one["seed"],
                    tuple(tuple(Part(*part) for part in step) for step in one["steps"]),
                )
                for one in told["trainings"]
            ),
        )


@dataclass(frozen=True, slots=True)
class Loaded:
    """The student is in memory, and nothing is trained yet."""

    device: str  # "cpu", "cuda", "mps"
    layers: int  # that get an adapter
    trained: int  # parameters of one adapter
    speed: float  # multiplications and additions a second of large matrices


@dataclass(frozen=True, slots=True)
class TakenUp:
    """An adapter's training begins, or goes on."""

    training: int  # its place in the job
    steps: int  # that were done before


@dataclass(frozen=True, slots=True)
class Stepped:
    """A step of an adapter's training is done."""

    training: int
    step: int  # from 1
    loss: float  # of its tokens before the update, nats a token


Report = Loaded | TakenUp | Stepped

REPORTS: dict[str, type[Report]] = {kind.__name__: kind for kind in (Loaded, TakenUp, Stepped)}

ADAPTER = "adapter.gguf"
"""An adapter's name in its folder, beside PEFT's files; it is written last, so that one that has it is done."""
LOSSES = "losses.jsonl"
"""The losses of an adapter's steps so far, a line each."""
CHECKPOINT = "state.pt"
"""From where the training goes on; gone when it is done."""
