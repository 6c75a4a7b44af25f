"""GGUF files of a model that runs, damaged, and loaded by the real child: it may die, burnish may not."""

from __future__ import annotations

import asyncio
import struct
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from random import Random

from engine.method.scores import ratio
from models.errors import BurnishError
from models.llamacpp.student import EmbeddedStudent
from models.llamacpp.teacher import EmbeddedTeacher
from models.student import Passage, Piece
from models.teacher import Message, Request
from tests.gguf_writer import Field, Tensor, gguf
from tests.trust.fuzz.mutation import mutated
from tests.trust.fuzz.watch import fit_for_a_terminal

WIDTH, INNER = 32, 64
BYTES = [f"<0x{n:02X}>" for n in range(256)]
WORDS = ["<unk>", "<s>", "</s>", *BYTES, *(chr(n) for n in range(0x20, 0x7F)), "▁", "▁a", "an", "▁an", "▁the"]
KINDS = [2, 3, 3] + [6] * 256 + [1] * (len(WORDS) - 259)  # unknown, control, byte, normal

RUNS: Mapping[str, Field] = {
    "general.architecture": "llama",
    "general.file_type": 0,
    "llama.context_length": 512,
    "llama.embedding_length": WIDTH,
    "llama.block_count": 1,
    "llama.feed_forward_length": INNER,
    "llama.attention.head_count": 2,
    "llama.attention.head_count_kv": 2,
    "llama.attention.layer_norm_rms_epsilon": 1e-5,
    "llama.rope.dimension_count": WIDTH // 2,
    "tokenizer.ggml.model": "llama",
    "tokenizer.ggml.tokens": WORDS,
    "tokenizer.ggml.token_type": KINDS,
    "tokenizer.ggml.bos_token_id": 1,
    "tokenizer.ggml.eos_token_id": 2,
    "tokenizer.ggml.unknown_token_id": 0,
    "tokenizer.ggml.add_bos_token": True,
    "tokenizer.chat_template": "{% for m in messages %}<s>{{ m.role }}: {{ m.content }}\n{% endfor %}",
}
NUMBERS = (0, 1, -1, 2, 3, 7, 31, 33, 2**15, 2**31 - 1, 2**31, 2**32 - 1, 2**63 - 1)
CHANGES: Mapping[str, tuple[Field | None, ...]] = {
    "general.architecture": (
        "",
        "bert",
        "clip",
        "gpt2",
        "qwen2",
        "gemma3",
        "mamba",
        "t5",
        "whisper",
        "nope",
        "\0",
    ),
    "llama.context_length": (None, *NUMBERS),
    "llama.embedding_length": (None, *NUMBERS),
    "llama.block_count": (None, *NUMBERS),
    "llama.feed_forward_length": (None, *NUMBERS),
    "llama.attention.head_count": (None, *NUMBERS, [2, 2], [0]),
    "llama.attention.head_count_kv": (None, *NUMBERS, [1, 2], [0]),
    "llama.attention.layer_norm_rms_epsilon": (None, 0.0, -1.0, float("nan"), float("inf")),
    "llama.rope.dimension_count": (None, *NUMBERS),
    "llama.rope.scaling.type": ("", "linear", "yarn", "nope"),
    "llama.rope.freq_base": (0.0, float("nan"), -1.0),
    "llama.expert_count": NUMBERS,
    "llama.expert_used_count": NUMBERS,
    "llama.vocab_size": NUMBERS,
    "llama.attention.key_length": NUMBERS,
    "llama.attention.value_length": NUMBERS,
    "llama.attention.sliding_window": NUMBERS,
    "llama.pooling_type": (1, 4, 99),
    "tokenizer.ggml.model": (None, "", "gpt2", "bert", "t5", "rwkv", "none", "no_vocab", "plamo2", "nope"),
    "tokenizer.ggml.pre": ("", "default", "qwen2", "llama-bpe", "nope"),
    "tokenizer.ggml.tokens": (
        None,
        [],
        ["a"],
        WORDS[:3],
        WORDS[:258],
        WORDS[259:],
        ["\0"] * 9,
        ["a"] * len(WORDS),
    ),
    "tokenizer.ggml.token_type": (
        None,
        [],
        [1],
        [0] * len(WORDS),
        [99] * len(WORDS),
        KINDS[:-1],
        [*KINDS, 1],
    ),
    "tokenizer.ggml.scores": ([], [0] * len(WORDS)),
    "tokenizer.ggml.merges": ([], ["a b"], ["a"], ["a  b"] * 3, [" "], ["\0 \0"]),
    "tokenizer.ggml.bos_token_id": (None, *NUMBERS),
    "tokenizer.ggml.eos_token_id": (None, *NUMBERS),
    "tokenizer.ggml.unknown_token_id": (None, *NUMBERS),
    "tokenizer.ggml.add_bos_token": (None, True, False, 7, "yes"),
    "tokenizer.ggml.precompiled_charsmap": ([], [1] * 9, ""),
    "tokenizer.chat_template": (
        None,
        "",
        "{{",
        "{{ 1/0 }}",
        "{% for x in y %}",
        "\x1b[2J",
        "{{ raise_exception('no') }}",
    ),
    "general.alignment": (1, 64, 3, 0, 2**31),
    "split.count": NUMBERS,
    "general.type": ("mmproj", "adapter", "vocab", "\x1b"),
}
ASKED = ("Name a fruit.", "An apple, a pear \ud800 and \0 a plum. \U0001f600 " * 3)
TEMPLATE = Piece("USER: Name a fruit. ASSISTANT:", special=True)


@cache
def _weights(seed: int) -> tuple[Tensor, ...]:
    dice = Random(seed)
    shapes = {
        "token_embd.weight": (WIDTH, len(WORDS)),
        "output_norm.weight": (WIDTH,),
        "output.weight": (WIDTH, len(WORDS)),
        **{f"blk.0.{name}_norm.weight": (WIDTH,) for name in ("attn", "ffn")},
        **{f"blk.0.attn_{name}.weight": (WIDTH, WIDTH) for name in ("q", "k", "v", "output")},
        **{f"blk.0.ffn_{name}.weight": (WIDTH, INNER) for name in ("gate", "up")},
        "blk.0.ffn_down.weight": (INNER, WIDTH),
    }
    tensors = []
    for name, shape in shapes.items():
        count = shape[0] * (shape[1] if len(shape) > 1 else 1)
        numbers = (dice.gauss(0, 0.3) for _ in range(count)) if len(shape) > 1 else iter([1.0] * count)
        tensors.append(Tensor(name, shape, 0, struct.pack(f"<{count}f", *numbers)))
    return tuple(tensors)


def runs(changes: Mapping[str, Field | None] | None = None, *, without: str = "") -> bytes:
    """A model of one layer that llama.cpp loads and runs, with changes to its fields, and less a tensor."""
    fields = {key: item for key, item in {**RUNS, **(changes or {})}.items() if item is not None}
    return gguf(fields, [tensor for tensor in _weights(0) if tensor.name != without])


def make(dice: Random) -> bytes:
    changes: dict[str, Field | None] = {}
    for _ in range(dice.randint(0, 2)):
        key = dice.choice(list(CHANGES))
        changes[key] = dice.choice(CHANGES[key])
    if (kind := changes.get("general.architecture")) in ("gpt2", "qwen2", "gemma3", "mamba", "bert"):
        changes |= {
            key.replace("llama", str(kind)): value for key, value in RUNS.items() if key.startswith("llama.")
        }
    without = dice.choice(_weights(0)).name if not dice.randint(0, 9) else ""
    found = runs(changes, without=without)
    if changes and dice.randint(0, 1):
        return found
    # Anywhere: in the head, in the vocabulary, in the weights.
    return mutated(found, dice, (b"\0\0\xc0\x7f" * 8, b"\0\0\x80\x7f" * 8, b"\0\0\x80\xff"))


def judge(case: bytes, folder: Path) -> bool:
    path = folder / "model.gguf"
    path.write_bytes(case)
    try:
        asyncio.run(_used(path, as_teacher=len(case) % 8 == 0))
    except BurnishError as error:
        fit_for_a_terminal(error)
        return False
    return True


async def _used(path: Path, *, as_teacher: bool) -> None:
    if as_teacher:
        teacher = EmbeddedTeacher(path, name="fuzzed", digest="sha256:0", context=256)
        try:
            await teacher.open()
            await teacher.ask(Request((Message("user", ASKED[0]),), seed=1, temperature=0.0, max_tokens=8))
        finally:
            await teacher.close()
        return
    student = EmbeddedStudent(path, digest="sha256:0", context=256)
    try:
        info = await student.open()
        assert info.vocabulary > 0
        alone, given = await student.losses([Passage((), ASKED[1]), Passage((TEMPLATE,), ASKED[1])])
        found = ratio(alone, given)
        assert found.value is None or 0 <= found.value < float("inf")
    finally:
        await student.close()
