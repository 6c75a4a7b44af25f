"""The draw that a random part of the samples comes from."""

from __future__ import annotations

import hashlib


def place_in_draw(seed: int, sample: int) -> bytes:
    """A sample's place in the draw of a seed. The first so many places are the part.

    It depends on the seed and the sample's number alone: a larger part holds a smaller one, and samples that are
    appended later change little.
    """
    return hashlib.sha256(f"{seed} {sample}".encode("ascii")).digest()
