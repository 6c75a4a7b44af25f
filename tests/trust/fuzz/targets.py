"""What is fuzzed, and how much of the script's work each is."""

from __future__ import annotations

from pathlib import Path
from random import Random
from typing import Protocol

from tests.trust.fuzz import (
    commands,
    datasets,
    gguf_children,
    gguf_heads,
    keymaps,
    ollama_answers,
    openai_answers,
    parquet,
    remembered,
    replies,
    settings,
    workspaces,
)


class Target(Protocol):
    def make(self, dice: Random, /) -> bytes: ...

    def judge(self, case: bytes, folder: Path, /) -> bool: ...


TARGETS: dict[str, tuple[Target, int]] = {
    "datasets": (datasets, 250),
    "parquet": (parquet, 80),
    "replies": (replies, 255),
    "gguf-heads": (gguf_heads, 150),
    "gguf-children": (gguf_children, 5),
    "settings": (settings, 70),
    "keymaps": (keymaps, 60),
    "remembered": (remembered, 40),
    "ollama-answers": (ollama_answers, 30),
    "openai-answers": (openai_answers, 30),
    "workspaces": (workspaces, 20),
    "commands": (commands, 10),
}
"""By name, with the number of cases in a thousand."""
