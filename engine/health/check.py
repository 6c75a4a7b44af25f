"""A check of this machine: what was found, and what to do about it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

ANSWERS = 5.0  # seconds a healthy server needs at most for its version
NO_CLOUD = "set OLLAMA_NO_CLOUD=1 for the server and restart it (Linux: sudo systemctl edit ollama)"

CheckState = Literal["ok", "advice", "problem"]
"""`problem`: a run would fail."""


@dataclass(frozen=True, slots=True)
class Check:
    name: str
    state: CheckState
    finding: str  # half a sentence
    fix: str = ""  # what to do, often a command to copy
