"""Events of a trial, besides those it shares with a run."""

from __future__ import annotations

from dataclasses import dataclass

from engine.events import Notice, Started


@dataclass(frozen=True, slots=True)
class TrainedBefore:
    """An arm is taken up with a seed, and this many of its steps were done before; told after `Started`."""

    steps: int


@dataclass(frozen=True, slots=True)
class Trained:
    """A step of an arm is done."""

    arm: str
    seed: int
    loss: float  # of the step's tokens, nats a token


TrialEvent = Started | Notice | TrainedBefore | Trained
"""Told while arms are trained; what is counted is steps."""
