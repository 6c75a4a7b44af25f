"""Events of a trial, besides those it shares with a run."""

from __future__ import annotations

from dataclasses import dataclass

from engine.judge.events import JudgeEvent


@dataclass(frozen=True, slots=True)
class DoneBefore:
    """A training is taken up, or a comparison of two arms, and so much of it was done before; told after `Started`."""

    count: int


@dataclass(frozen=True, slots=True)
class Trained:
    """A step of an arm is done."""

    arm: str
    seed: int
    loss: float  # of the step's tokens, nats a token


TrialEvent = DoneBefore | Trained | JudgeEvent
"""Told in a trial. What is counted is steps while arms are trained, then answers, then pairs that are judged."""
