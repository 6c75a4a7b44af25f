"""GGUF files small enough to read in a test, written from the format's description."""

from __future__ import annotations

import struct
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

Field = bool | int | float | str | list[str] | list[int]


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
