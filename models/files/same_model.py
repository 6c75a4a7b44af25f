"""Two GGUF files of one model: the same weights in other types have the same shape, vocabulary and chat template.

And the same norms: whatever the other weights' type is, vectors stay in F32. So two trainings of one shape are told
apart, unless the one left the other's norms as they were, as an adapter that was merged in may have.
"""

from __future__ import annotations

import numpy as np

from models.errors import ModelFileError
from models.files.gguf import GGUFHeader


def difference(file: GGUFHeader, other: GGUFHeader) -> str | None:
    """The first thing that makes `file` another model than `other`; None where there is none.

    Of a model in parts the vectors of the first are compared. Raises `ModelFileError` if a file cannot be read.
    """
    for what, mine, its in (
        ("architecture", file.architecture, other.architecture),
        ("number of blocks", file.blocks, other.blocks),
        ("width", file.embedding, other.embedding),
        ("number of heads", (file.heads, file.kv_heads), (other.heads, other.kv_heads)),
        ("size of the vocabulary", file.vocabulary, other.vocabulary),
    ):
        if mine != its:
            return f"{what} ({_shown(mine)}, not {_shown(its)})"
    if _bytes(file, file.vocabulary_at) != _bytes(other, other.vocabulary_at):
        return "vocabulary"
    if _bytes(file, file.template_at) != _bytes(other, other.template_at):
        return "chat template"
    for name in file.vectors_at:
        both = _bytes(file, file.vectors_at[name]), _bytes(other, other.vectors_at.get(name, (0, 0)))
        if name in other.vectors_at and not _is_rounded(*both):
            return f"training ({name})"
    return None


ROUNDING = 2**-7
"""Of a number that was once bfloat16 in one of the files."""


def _is_rounded(mine: bytes, its: bytes) -> bool:
    """True of vectors that are the same but for rounding."""
    if len(mine) != len(its) or len(mine) % 4:
        return False
    one, other = (np.frombuffer(numbers, "<f4") for numbers in (mine, its))
    return np.allclose(one, other, rtol=ROUNDING, atol=1e-6, equal_nan=True)


def _shown(value: object) -> str:
    return " over ".join(map(str, value)) if isinstance(value, tuple) else str(value)


def _bytes(header: GGUFHeader, span: tuple[int, int]) -> bytes:
    start, end = span
    try:
        with header.path.open("rb") as file:
            file.seek(start)
            return file.read(end - start)
    except OSError as error:
        raise ModelFileError(header.path, (error.strerror or str(error)).lower()) from error
