"""Two GGUF files of one model: the same weights in other types have the same shape, vocabulary and chat template."""

from __future__ import annotations

from models.errors import ModelFileError
from models.files.gguf import GGUFHeader


def difference(file: GGUFHeader, other: GGUFHeader) -> str | None:
    """The first thing that makes `file` another model than `other`; None where the heads show none.

    Two trainings of one shape cannot be told apart by their heads. Raises `ModelFileError` if a file cannot be read.
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
    return None


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
