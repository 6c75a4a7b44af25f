"""Two files of one model are told from files of two models by their heads."""

from __future__ import annotations

from pathlib import Path

import pytest

from models.errors import ModelFileError
from models.files.gguf import read_header
from models.files.same_model import difference
from tests.gguf_writer import LLAMA, Field, tiny

TOKENS = LLAMA["tokenizer.ggml.tokens"]
assert isinstance(TOKENS, list)


@pytest.mark.parametrize(
    ("changes", "what"),
    [
        ({"general.file_type": 1, "general.name": "Tiny, in other types"}, None),
        ({"general.architecture": "qwen2"}, "architecture (qwen2, not llama)"),
        ({"llama.block_count": 3}, "number of blocks (3, not 2)"),
        ({"llama.embedding_length": 128}, "width (128, not 64)"),
        ({"llama.attention.head_count_kv": 4}, "number of heads (4 over 4, not 4 over 2)"),
        ({"tokenizer.ggml.tokens": [*TOKENS, "one more"]}, "size of the vocabulary (301, not 300)"),
        ({"tokenizer.ggml.tokens": ["another", *TOKENS[1:]]}, "vocabulary"),
        ({"tokenizer.chat_template": "{{ messages }}"}, "chat template"),
        ({"tokenizer.chat_template": None}, "chat template"),
    ],
)
def test_the_first_difference_is_named(
    tmp_path: Path, changes: dict[str, Field | None], what: str | None
) -> None:
    # Keys may stand in any order, and values that are skipped may come before.
    moved = {"general.comment": "x" * 5000, **changes}
    one, other = (read_header(tiny(tmp_path / f"{n}.gguf", given)) for n, given in enumerate(({}, moved)))
    assert difference(other, one) == what
    assert difference(one, one) is None


def test_a_file_that_went_away_is_one_line(tmp_path: Path) -> None:
    one, other = (read_header(tiny(tmp_path / f"{n}.gguf")) for n in range(2))
    other.path.unlink()
    with pytest.raises(ModelFileError, match="no such file"):
        difference(one, other)
