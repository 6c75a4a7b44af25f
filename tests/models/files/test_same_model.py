"""Two files of one model are told from files of two models by their heads."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from models.errors import ModelFileError
from models.files.gguf import read_header
from models.files.same_model import difference
from tests.gguf_writer import LLAMA, TENSORS, Field, Tensor, gguf, tiny

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


@pytest.mark.parametrize(
    ("its", "what"),
    [
        (lambda norm: norm, None),
        (lambda norm: (norm.view(np.uint32) & 0xFFFF0000).view("<f4"), None),  # as bfloat16 has it
        (lambda norm: norm.astype("<f2").astype("<f4"), None),
        (lambda norm: norm * np.float32(1.02), "training (output_norm.weight)"),
        (lambda norm: norm[:32], "training (output_norm.weight)"),
    ],
)
def test_another_training_of_the_same_shape_is_told_by_its_norms(
    tmp_path: Path, its: Callable[[Any], Any], what: str | None
) -> None:
    norm = np.linspace(0.5, 3, 64, dtype="<f4")
    headers = []
    for number, numbers in enumerate((norm, its(norm))):
        path = tmp_path / f"{number}.gguf"
        vector = Tensor("output_norm.weight", numbers.shape, 0, numbers.tobytes())
        path.write_bytes(gguf(LLAMA, [TENSORS[0], vector]))
        headers.append(read_header(path))
    assert difference(*headers) == difference(*reversed(headers)) == what


def test_a_file_that_went_away_is_one_line(tmp_path: Path) -> None:
    one, other = (read_header(tiny(tmp_path / f"{n}.gguf")) for n in range(2))
    other.path.unlink()
    with pytest.raises(ModelFileError, match="no such file"):
        difference(one, other)
