"""GGUF files small enough to read in a test, written from the format's description."""

from __future__ import annotations

import struct
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np


@dataclass(frozen=True)
class Number:
    """A number of a type of its own."""

    type: int  # gguf_type
    format: str  # as struct has it
    value: int


Field = bool | int | float | str | list[str] | list[int] | Number


@dataclass(frozen=True)
class Tensor:
    name: str
    shape: tuple[int, ...]
    type: int  # ggml_type
    data: bytes


def text(value: str) -> bytes:
    raw = value.encode("utf-8", "surrogatepass")
    return struct.pack("<Q", len(raw)) + raw


def value(item: Field) -> bytes:
    match item:
        case bool():
            return struct.pack("<I?", 7, item)
        case Number():
            return struct.pack(f"<I{item.format}", item.type, item.value)
        case int():
            return struct.pack("<II", 4, item) if 0 <= item < 2**32 else struct.pack("<Iq", 11, item)
        case float():
            return struct.pack("<If", 6, item)
        case str():
            return struct.pack("<I", 8) + text(item)
        case [str(), *_]:
            return struct.pack("<IIQ", 9, 8, len(item)) + b"".join(text(str(word)) for word in item)
        case _:
            return struct.pack(f"<IIQ{len(item)}i", 9, 5, len(item), *item)


def gguf(fields: Mapping[str, Field], tensors: list[Tensor], alignment: int = 32) -> bytes:
    head = b"GGUF" + struct.pack("<IQQ", 3, len(tensors), len(fields))
    head += b"".join(text(key) + value(item) for key, item in fields.items())
    data = b""
    for tensor in tensors:
        data += bytes(-len(data) % alignment)
        rank = len(tensor.shape)
        head += text(tensor.name) + struct.pack(f"<I{rank}Q", rank, *tensor.shape)
        head += struct.pack("<IQ", tensor.type, len(data))
        data += tensor.data
    return head + bytes(-len(head) % alignment) + data + bytes(-len(data) % alignment)


LLAMA: Mapping[str, Field] = {
    "general.architecture": "llama",
    "general.type": "model",
    "general.name": "Tiny",
    "general.file_type": 7,
    "llama.context_length": 2048,
    "llama.block_count": 2,
    "llama.embedding_length": 64,
    "llama.attention.head_count": 4,
    "llama.attention.head_count_kv": 2,
    "tokenizer.ggml.model": "gpt2",
    "tokenizer.ggml.tokens": [f"word{i}" for i in range(300)],
    "tokenizer.ggml.add_bos_token": False,
    "tokenizer.chat_template": "{{ messages }}" * 500,
}
TENSORS = [
    Tensor("token_embd.weight", (64, 300), 8, bytes(64 * 300 // 32 * 34)),  # Q8_0
    Tensor("output_norm.weight", (64,), 0, bytes(64 * 4)),  # F32
]


def tiny(path: Path, changes: Mapping[str, Field | None] | None = None) -> Path:
    """A whole GGUF that no one could run, with `changes` to its fields; None leaves a field out."""
    fields = {key: item for key, item in {**LLAMA, **(changes or {})}.items() if item is not None}
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(gguf(fields, TENSORS))
    return path


def runnable(path: Path, changes: Mapping[str, Field | None] | None = None, seed: int = 135) -> Path:
    """A language model that llama.cpp runs in no time, with `changes` to its fields; its weights are `seed`'s.

    Two layers of chance, a token a byte, SmolLM2's context.
    """
    path.write_bytes(gguf(*_of_chance(changes, seed)))
    return path


def in_parts(folder: Path, count: int, *, empty_first: bool = False) -> list[Path]:
    """The same model as llama.cpp's gguf-split leaves it: the fields in the first part, the tensors over all.

    `empty_first`: as its --no-tensor-first-split does.
    """
    fields, tensors = _of_chance(None)
    paths = [folder / f"chance-{number:05}-of-{count:05}.gguf" for number in range(1, count + 1)]
    shares = [tensors[number::count] for number in range(count)]
    if empty_first:
        shares = [[], *(tensors[number :: count - 1] for number in range(count - 1))]
    for number, (path, share) in enumerate(zip(paths, shares, strict=True)):
        own: dict[str, Field] = {
            "split.no": Number(2, "H", number),
            "split.count": Number(2, "H", count),
            "split.tensors.count": Number(5, "i", len(tensors)),
        }
        path.write_bytes(gguf({**(fields if number == 0 else {}), **own}, share))
    return paths


def lora(path: Path, up: float, architecture: str = "llama") -> Path:
    """An adapter of rank 2 for the first layer's output, of chance but for the size of what it adds."""
    chance, width, rank = np.random.default_rng(0), 64, 2
    parts = {"lora_a": (width, rank), "lora_b": (rank, width)}
    tensors = [
        Tensor(
            f"blk.0.attn_output.weight.{name}",
            shape,
            0,
            (chance.normal(size=shape) * size).astype("f4").tobytes(),
        )
        for (name, shape), size in zip(parts.items(), (1.0, up), strict=True)
    ]
    fields: dict[str, Field] = {
        "general.type": "adapter",
        "general.architecture": architecture,
        "adapter.type": "lora",
        "adapter.lora.alpha": 2.0,
    }
    path.write_bytes(gguf(fields, tensors))
    return path


def _of_chance(
    changes: Mapping[str, Field | None] | None, seed: int = 135
) -> tuple[dict[str, Field], list[Tensor]]:
    width, inner, layers = 64, 128, 2
    fields = {
        **LLAMA,
        "general.name": "Chance",
        "general.file_type": 0,
        "llama.context_length": 8192,
        "llama.block_count": layers,
        "llama.embedding_length": width,
        "llama.feed_forward_length": inner,
        "llama.attention.layer_norm_rms_epsilon": 1e-5,
        "llama.rope.dimension_count": width // 4,
        "tokenizer.ggml.pre": "gpt-2",
        "tokenizer.ggml.tokens": [*_BYTES.values(), "<|im_start|>", "<|im_end|>", "Ġt"],
        "tokenizer.ggml.token_type": [*[1] * 256, 3, 3, 1],
        "tokenizer.ggml.merges": ["Ġ t"],
        "tokenizer.ggml.bos_token_id": 256,
        "tokenizer.ggml.eos_token_id": 257,
        "tokenizer.chat_template": "{% for m in messages %}<|im_start|>{{ m.role }}\n{{ m.content }}<|im_end|>\n"
        "{% endfor %}{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}",
        **(changes or {}),
    }
    tokens = fields["tokenizer.ggml.tokens"]
    assert isinstance(tokens, list)
    shapes: dict[str, tuple[int, ...]] = {"token_embd": (width, len(tokens)), "output_norm": (width,)}
    for layer in range(layers):
        shapes |= {
            f"blk.{layer}.{name}": shape
            for name, shape in {
                "attn_norm": (width,), "attn_q": (width, width), "attn_k": (width, width // 2),
                "attn_v": (width, width // 2), "attn_output": (width, width), "ffn_norm": (width,),
                "ffn_gate": (width, inner), "ffn_up": (width, inner), "ffn_down": (inner, width),
            }.items()
        }  # fmt: skip
    dice = np.random.default_rng(seed)
    tensors = [
        Tensor(f"{name}.weight", shape, 0, _chance(dice, name, shape)) for name, shape in shapes.items()
    ]
    kept = {key: item for key, item in fields.items() if item is not None}
    return {**kept, "llama.vocab_size": len(tokens)}, tensors


def wordy(path: Path) -> Path:
    """The same with a vocabulary as large as Gemma's."""
    more = [f"word{number}" for number in range(262_144 - len(_BYTES) - 3)]
    vocabulary: Mapping[str, Field | None] = {
        "tokenizer.ggml.tokens": [*_BYTES.values(), "<|im_start|>", "<|im_end|>", "Ġt", *more],
        "tokenizer.ggml.token_type": [*[1] * 256, 3, 3, 1, *[1] * len(more)],
    }
    return runnable(path, vocabulary)


def aborting(path: Path) -> Path:
    """A model as a careless conversion leaves it: at a character that is not ASCII, llama.cpp aborts.

    Its vocabulary, one of SentencePiece's, has no tokens for single bytes, and llama.cpp looks for one in vain.
    """
    tokens = ["<unk>", "<s>", "</s>", "\n", "▁", *(chr(code) for code in range(0x21, 0x7F))]
    vocabulary: Mapping[str, Field | None] = {
        "tokenizer.ggml.model": "llama",
        "tokenizer.ggml.pre": None,
        "tokenizer.ggml.merges": None,
        "tokenizer.ggml.tokens": tokens,
        "tokenizer.ggml.token_type": [2, 3, 3, *[1] * (len(tokens) - 3)],  # unknown, control, normal
        "tokenizer.ggml.bos_token_id": 1,
        "tokenizer.ggml.eos_token_id": 2,
    }
    return runnable(path, vocabulary)


def _chance(dice: np.random.Generator, name: str, shape: tuple[int, ...]) -> bytes:
    values = np.ones(shape) if "norm" in name else dice.normal(0, 0.2, shape)
    return values.astype("<f4").tobytes()


def _printable_bytes() -> dict[int, str]:
    """GPT-2's pictures of the bytes."""
    kept = [*range(ord("!"), ord("~") + 1), *range(ord("¡"), ord("¬") + 1), *range(ord("®"), ord("ÿ") + 1)]
    others = [byte for byte in range(256) if byte not in kept]
    pictures = {byte: chr(byte) for byte in kept} | {byte: chr(256 + n) for n, byte in enumerate(others)}
    return dict(sorted(pictures.items()))


_BYTES = _printable_bytes()
