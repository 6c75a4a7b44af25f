"""GGUF files' heads, read by burnish itself: every field bent, every byte damaged."""

from __future__ import annotations

import struct
from pathlib import Path
from random import Random

from models.errors import ModelFileError
from models.files.catalog import student_file
from models.files.gguf import SCALARS
from models.files.needs import faster_line, memory_needed, slow_on_cpu
from models.system.units import size
from tests.gguf_writer import LLAMA, TENSORS, Field, Tensor, gguf, text
from tests.trust.fuzz.mutation import mutated
from tests.trust.fuzz.watch import fit_for_a_terminal

VALUES: tuple[Field, ...] = (
    *(
        True,
        False,
        0,
        1,
        -1,
        2**31,
        2**32 - 1,
        -(2**63),
        2**63 - 1,
        0.0,
        -1.0,
        float("nan"),
        float("inf"),
        1e38,
    ),
    *(
        "",
        "\0",
        "\ud800",
        "x" * 5_000,
        "\x1b[2J",
        "llama",
        "bert",
        "clip",
        "mmproj",
        "gpt2",
        "spm",
        "none",
        "[/]",
    ),
    *([0], [-1] * 5, [2**31 - 1] * 2_000, [""], ["", "\0"], ["a"] * 2_000),
)
KEYS = (
    *LLAMA,
    *("general.alignment", "split.count", "llama.pooling_type", "llama.attention.causal", "llama.vocab_size"),
    *(
        "llama.attention.key_length",
        "llama.attention.value_length",
        "tokenizer.ggml.merges",
        "a",
        "",
        "x" * 2_000,
    ),
)
TYPES = (0, 1, 2, 8, 14, 30, 31, 36, 99, 2**32 - 1)
KINDS = tuple(struct.pack("<I", code) for code in (*SCALARS, 8, 9, 13, 2**31))
TOKENS = (
    b"GGUF",
    *KINDS,
    *(text(key) for key in KEYS),
    struct.pack("<IIQ", 9, 8, 2**40),
    struct.pack("<IIQ", 9, 9, 2),
)


def make(dice: Random) -> bytes:
    fields = dict(LLAMA)
    for _ in range(dice.randint(0, 3)):
        fields[dice.choice(KEYS)] = dice.choice(VALUES)
    tensors = list(TENSORS)
    if not dice.randint(0, 3):
        shape = tuple(
            dice.choice((0, 1, 32, 300, 2**32, 2**63, 2**64 - 1)) for _ in range(dice.randint(0, 5))
        )
        tensors.insert(
            0, Tensor(dice.choice(("blk.0.x", "", "\0", "x" * 63)), shape, dice.choice(TYPES), b"")
        )
    found = gguf(fields, tensors, dice.choice((32, 32, 32, 1, 64)))
    return mutated(found, dice, TOKENS) if dice.randint(0, 3) else found


def judge(case: bytes, folder: Path) -> bool:
    path = folder / "model.gguf"
    path.write_bytes(case)
    try:
        header = student_file(str(path)).header
    except ModelFileError as error:
        fit_for_a_terminal(error)
        return False
    assert min(header.parameters, header.cache, header.vocabulary, header.context) >= 0
    assert size(memory_needed(header, 2048))
    assert float(header.parameters) / 1e9 >= 0
    slow_on_cpu(header)
    faster_line(header)
    return True
