"""Rows of a dataset for trials."""

from __future__ import annotations

NOUNS = ["river", "stone", "garden", "lamp", "engine", "bridge", "forest", "letter", "market", "winter"]
ACTS = ("Explain why a {} matters.", "Name three uses of a {}.", "Describe a {} to a child.")
ROWS = [
    {
        "instruction": act.format(noun),
        "input": "",
        "output": f"A {noun} is number {place * 3 + n} of many, and liked {place * 7 + n} times a day by {noun}s.",
    }
    for place, noun in enumerate(NOUNS)
    for n, act in enumerate(ACTS)
]
"""30 samples, no two of them alike."""
