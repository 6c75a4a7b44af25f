"""A GGUF file's head: the model it holds, its size, and the reason where llama.cpp could not weigh text with it.

A large model is published in parts, NAME-00001-of-00003.gguf and so on: the first says what it is, and all hold
weights.

Read by hand, so that a damaged or hostile file costs one line and not a process: llama.cpp asserts on some.
The layout is ggml's docs/gguf.md, the checks are those of its gguf.cpp. Nothing is believed: every length is
held against the file's size, and of strings and arrays only what is used is kept.
"""

from __future__ import annotations

import os
import re
import stat
import struct
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, BinaryIO

from models.errors import ModelFileError
from models.files.gguf_types import (
    DIFFUSION,
    EMBEDDING,
    FILE_TYPES,
    NOT_A_LANGUAGE_MODEL,
    NOT_A_MODEL,
    TENSOR_TYPES,
)

Value = bool | int | float | str | tuple[int, ...]

HEAD_LIMIT = 128 * 2**20  # bytes; a vocabulary of 262,144 tokens with its merges takes 15 million
PAIR_LIMIT = 8_192  # key-values; published models have fewer than a hundred
TENSOR_LIMIT = 65_536  # published models have a few thousand
LAYER_LIMIT = 1_024
WINDOW = 256 * 1024  # bytes of the file in memory at a time

KEPT_TEXTS = frozenset({"general.architecture", "general.name", "general.type", "tokenizer.ggml.model"})
VOCABULARY, TEMPLATE = "tokenizer.ggml.tokens", "tokenizer.chat_template"
KEPT_ARRAYS = (".attention.head_count", ".attention.head_count_kv")  # one number a layer

SCALARS: Mapping[int, struct.Struct] = {
    code: struct.Struct("<" + letter)
    for code, letter in zip((0, 1, 2, 3, 4, 5, 6, 7, 10, 11, 12), "BbHhIifBQqd", strict=True)
}
BOOL, STRING, ARRAY = 7, 8, 9
U32, U64 = SCALARS[4], SCALARS[10]


@dataclass(frozen=True, slots=True)
class GGUFHeader:
    """The facts in a GGUF file's head. Texts are the file's own words, any characters in them."""

    path: Path
    parts: tuple[Path, ...]  # the files it is in, in order: its first is `path`
    size: int  # bytes of all of them
    architecture: str
    name: str  # general.name, or the file's name
    quantisation: str  # the file type, e.g. "Q4_K_M"; without one the type most weights have
    parameters: int  # elements of all tensors
    tensors: int
    weights: Mapping[str, int] = field(hash=False)  # elements by tensor type: {"Q4_K": 81920, "F32": 576}
    block_weights: Mapping[str, int] = field(hash=False)  # the same without embeddings and output
    context: int  # tokens it was trained on, 0 if unsaid
    blocks: int
    embedding: int  # width of the residual stream
    heads: int  # of attention; where layers differ, the most
    kv_heads: int
    cache: int  # keys and values (elements, all layers) a token adds to the KV cache; 0 if recurrent
    vocabulary: int  # tokens
    adds_bos: bool | None  # None: left to llama.cpp's rule for this tokenizer
    chat_template: bool
    unusable: str | None  # what it is instead of a student or a teacher: "an embedding model: ..."
    vocabulary_at: tuple[int, int]  # the bytes of the file that hold the tokens; (0, 0) where there are none
    template_at: tuple[int, int]  # likewise the chat template
    vectors_at: Mapping[str, tuple[int, int]] = field(
        hash=False
    )  # likewise, by name, each vector of F32 numbers


def read_header(path: Path) -> GGUFHeader:
    """Read the head of the GGUF file at `path`: some 20 MB of a sound file at most, in a tenth of a second.

    `ModelFileError` says in one line why a file is no GGUF, or a broken or unsupported one. A sound file of no
    use here (an embedding model, a first part without the others, an unfinished download) comes back with `unusable`
    set.
    """
    with _opened(path) as first:
        header = first.read()
        count = first.split("count")
    return header if count < 2 or header.unusable else _with_parts(header, count)


PART = re.compile(r"(?P<name>.+)-(?P<number>\d{5})-of-(?P<count>\d{5})\.gguf")
"""The name of a part of a split model, by which llama.cpp finds the others."""

PARTS_LIMIT = 1_024  # published models have fewer than a hundred


def part_path(path: Path, number: int) -> Path | None:
    """The place of another part of the model that the part at `path` belongs to; None where its name says none."""
    if (named := PART.fullmatch(path.name)) is None:
        return None
    return path.with_name(f"{named['name']}-{number:05}-of-{named['count']}.gguf")


@contextmanager
def _opened(path: Path) -> Iterator[_HeadReader]:
    """A reader of the head at `path`. `ModelFileError`: it cannot be opened or read."""
    try:
        status = path.stat()
        if not stat.S_ISREG(status.st_mode):  # looked at before opening: opening a pipe waits for a writer
            kind = "a folder" if stat.S_ISDIR(status.st_mode) else "not a regular file"
            raise ModelFileError(path, f"{kind}; expected a GGUF file")
        with path.open("rb") as file:
            yield _HeadReader(file, path, os.fstat(file.fileno()).st_size)
    except OSError as error:
        raise ModelFileError(path, (error.strerror or str(error)).lower()) from error
    except ValueError as error:  # NUL or a lone surrogate in the path
        raise ModelFileError(path, f"not a usable path ({error})") from error


def _with_parts(first: GGUFHeader, count: int) -> GGUFHeader:
    """The header of a whole model, from that of the first of its parts."""
    named = PART.fullmatch(first.path.name)
    if named is None or int(named["number"]) != 1 or int(named["count"]) != count or count > PARTS_LIMIT:
        name = f"NAME-00001-of-{count:05}.gguf"
        return replace(
            first, unusable=f"one of {count} parts of a split model, but not called {name}; rename them so"
        )
    others = [part for number in range(2, count + 1) if (part := part_path(first.path, number)) is not None]
    if missing := [part.name for part in others if not part.exists()]:
        names = ", ".join(missing[:3]) + (", ..." if missing[3:] else "")
        return replace(
            first, unusable=f"of its {count} parts these are not beside it: {names}; download them too"
        )
    size, tensors, parameters = first.size, first.tensors, first.parameters
    weights, block_weights = Counter(first.weights), Counter(first.block_weights)
    for number, part in enumerate(others, 2):
        with _opened(part) as reader:
            found, elements, end = reader.tables()
        if (reader.split("no"), reader.split("count")) != (number - 1, count):
            return replace(
                first, unusable=f"{part.name} beside it is not part {number} of {count}; download it again"
            )
        if end > reader.size:
            return replace(
                first,
                unusable=f"{part.name} is cut short: {reader.size} of {end} bytes are there; download it again",
            )
        size, tensors, parameters = size + reader.size, tensors + found, parameters + elements
        weights.update(reader.weights)
        block_weights.update(reader.block_weights)
    return replace(
        first,
        parts=(first.path, *others),
        size=size,
        tensors=tensors,
        parameters=parameters,
        weights=weights,
        block_weights=block_weights,
        quantisation=first.quantisation
        if first.weights
        else max(weights, key=weights.__getitem__, default="unknown"),
        unusable=NOT_A_MODEL["vocab"] if tensors == 0 else None,
    )


class _HeadReader:
    """One forward pass over a file's head, a window of it in memory."""

    def __init__(self, file: BinaryIO, path: Path, size: int) -> None:
        self.file, self.path, self.size = file, path, size
        self.at = 0  # bytes into the file
        self.values: dict[str, Value] = {}  # what is kept of the key-values
        self.lengths: dict[str, int] = {}  # of strings (bytes) and arrays (elements), kept or not
        self.spans: dict[
            str, tuple[int, int]
        ] = {}  # of strings and arrays of strings: first byte, and the one after
        self.weights: dict[str, int] = {}
        self.block_weights: dict[str, int] = {}
        self.vectors: dict[str, tuple[int, int]] = {}  # of F32: bytes into the tensors' data
        self.data_at = 0  # the byte that these begin at, once the head is read
        self.needed = 0  # bytes of tensor data, as far as the types are known
        self.foreign = ""  # the first tensor type that is not in our table

    def fail(self, why: str) -> ModelFileError:
        return ModelFileError(self.path, why)

    def take(self, count: int) -> bytes:
        data = self.file.read(count)
        if len(data) < count:
            raise self.fail(f"ends inside its own header, at byte {self.at + len(data)}; download it again")
        self.at += count
        self.check_length()
        return data

    def skip(self, count: int) -> None:
        if count > self.size - self.at:
            raise self.fail(f"says more follows byte {self.at} than the file holds; damaged or cut short")
        self.at += count
        self.check_length()
        self.file.seek(self.at)

    def skip_strings(self, count: int) -> None:
        if count > (self.size - self.at) // 8:
            raise self.fail(f"says more follows byte {self.at} than the file holds; damaged or cut short")
        length_at = U64.unpack_from
        while count:
            block = self.file.read(WINDOW)
            offset, last = 0, len(block) - 8
            while count and offset <= last:  # half a million turns for a large vocabulary
                offset += 8 + length_at(block, offset)[0]
                count -= 1
            self.file.seek(self.at)
            self.skip(offset or 8)

    def check_length(self) -> None:
        if self.at > HEAD_LIMIT:
            raise self.fail(f"its header runs past {HEAD_LIMIT // 2**20} MiB; the file is damaged")

    def number(self, kind: struct.Struct) -> Any:
        """An int, or a float of a struct for floats."""
        return kind.unpack(self.take(kind.size))[0]

    def text(self, limit: int, what: str) -> str:
        length = self.number(U64)
        if length > limit:
            raise self.fail(f"{what} is {length} bytes long, expected at most {limit}; the file is damaged")
        return self.take(length).decode("utf-8", "replace")

    def read(self) -> GGUFHeader:
        tensors, parameters, end = self.tables()
        if (number := self.split("no")) > 0:
            first = part_path(self.path, 1)
            there = first is not None and first.exists()
            what = (
                f"name the first one, {first}"
                if there
                else "its first part is not beside it; download that too"
            )
            raise self.fail(f"part {number + 1} of {self.split('count')} of a split model; {what}")
        return self.header(tensors, parameters, end)

    def split(self, key: str) -> int:
        """A number that a part of a split model says of itself: `no`, from 0, or `count`; 0 where it says none."""
        value = self.values.get(f"split.{key}")
        return value if isinstance(value, int) and value > 0 else 0

    def tables(self) -> tuple[int, int, int]:
        """Read the head; returns the tensors, their elements, and the byte that the file's data end at."""
        tensors, pairs = self.preamble()
        for _ in range(pairs):
            self.pair()
        alignment = self.values.get("general.alignment", 32)
        if not isinstance(alignment, int) or alignment <= 0 or alignment & (alignment - 1):
            raise self.fail("its alignment is not a power of two; the file is damaged")
        parameters = self.tensor_infos(tensors, alignment)
        self.data_at = -(-self.at // alignment) * alignment
        return tensors, parameters, self.data_at + self.needed

    def preamble(self) -> tuple[int, int]:
        magic = self.file.read(9)
        self.file.seek(0)
        if magic[:4] != b"GGUF":
            raise self.fail(f"{_looks_like(magic)}; expected a GGUF file")
        self.take(4)
        version = self.number(U32)
        if version & 0xFFFF == 0 and version:
            raise self.fail("a big-endian GGUF; convert it to little-endian (gguf-convert-endian)")
        if version not in (2, 3):
            fate = "no longer read; convert it again" if version < 2 else "newer than burnish; update burnish"
            raise self.fail(f"GGUF version {version}, {fate}")
        counts = (self.number(U64), self.number(U64))
        for count, limit in zip(counts, (TENSOR_LIMIT, PAIR_LIMIT), strict=True):
            if count > min(limit, self.size // 12):
                raise self.fail(f"says it holds {counts[0]} tensors and {counts[1]} key-values; damaged")
        return counts

    def pair(self) -> None:
        key = self.text(1024, "a key")
        if not key or key in self.lengths:
            raise self.fail(f"key {key!r} is {'there twice' if key else 'empty'}; the file is damaged")
        code = self.number(U32)
        self.lengths[key] = 1
        if code == STRING:
            if key in KEPT_TEXTS:
                self.values[key] = self.text(4096, key)
            else:
                self.lengths[key] = length = self.number(U64)
                self.skip(length)
                self.spans[key] = self.at - length, self.at
        elif code == ARRAY:
            self.array(key)
        elif code in SCALARS:
            number = self.number(SCALARS[code])
            self.values[key] = bool(number) if code == BOOL else number
        else:
            raise self.fail(f"key {key!r} has type {code}, which GGUF does not know; the file is damaged")

    def array(self, key: str) -> None:
        code, count = self.number(U32), self.number(U64)
        self.lengths[key] = count
        if code == STRING:
            start = self.at
            self.skip_strings(count)
            self.spans[key] = start, self.at
        elif code not in SCALARS:
            raise self.fail(f"key {key!r} is an array of type {code}, which GGUF does not know; damaged")
        elif key.endswith(KEPT_ARRAYS) and count <= LAYER_LIMIT:
            numbers = (self.number(SCALARS[code]) for _ in range(count))
            self.values[key] = tuple(int(n) for n in numbers if isinstance(n, int))
        else:
            self.skip(count * SCALARS[code].size)

    def tensor_infos(self, count: int, alignment: int) -> int:
        names: set[str] = set()
        parameters = 0
        for _ in range(count):
            name = self.text(63, "a tensor's name")  # GGML_MAX_NAME, its closing zero included
            if name in names:
                raise self.fail(f"tensor {name!r} is there twice; the file is damaged")
            names.add(name)
            parameters += self.tensor(name, alignment)
        return parameters

    def tensor(self, name: str, alignment: int) -> int:
        dimensions = self.number(U32)
        if dimensions > 4:
            raise self.fail(f"tensor {name!r} has {dimensions} dimensions, expected at most 4; damaged")
        row, elements = 1, 1
        for dimension in range(dimensions):
            length = self.number(U64)
            elements *= length
            row = length if dimension == 0 else row
        code, offset = self.number(U32), self.number(U64)
        if elements >= 2**63:
            raise self.fail(f"tensor {name!r} has {elements} elements; the file is damaged")
        kind, block, size = TENSOR_TYPES.get(code, (f"type {code}", 1, 0))
        self.weights[kind] = self.weights.get(kind, 0) + elements
        if name.startswith("blk."):
            self.block_weights[kind] = self.block_weights.get(kind, 0) + elements
        if not size:
            self.foreign = self.foreign or kind
        elif row % block:
            raise self.fail(f"tensor {name!r} has rows of {row}, not whole blocks of {block}; damaged")
        if self.foreign:  # its size is unknown, so what follows can only be told by the offsets
            self.needed = max(self.needed, offset)
        elif offset != -(-self.needed // alignment) * alignment:
            raise self.fail(f"tensor {name!r} does not begin where the one before it ends; damaged")
        else:
            self.needed = offset + elements // block * size
            if dimensions == 1 and kind == "F32":
                self.vectors[name] = offset, self.needed
        return elements

    def header(self, tensors: int, parameters: int, end: int) -> GGUFHeader:
        architecture = self.word("general.architecture")
        if not architecture:
            raise self.fail("names no architecture (general.architecture); the file is damaged")
        blocks, embedding = self.size_of("block_count"), self.size_of("embedding_length")
        heads, kv_heads = self.per_layer("head_count"), self.per_layer("head_count_kv")
        kv_heads = kv_heads or heads
        head = embedding // max(1, *heads) if heads else 0
        width = sum(self.size_of(f"attention.{part}_length") or head for part in ("key", "value"))
        layers = sum(kv_heads) if len(kv_heads) > 1 else blocks * sum(kv_heads)
        return GGUFHeader(
            path=self.path,
            parts=(self.path,),
            size=self.size,
            architecture=architecture,
            name=self.word("general.name") or self.path.name,
            quantisation=self.quantisation(),
            parameters=parameters,
            tensors=tensors,
            weights=self.weights,
            block_weights=self.block_weights,
            context=self.size_of("context_length"),
            blocks=blocks,
            embedding=embedding,
            heads=max(heads, default=0),
            kv_heads=max(kv_heads, default=0),
            cache=layers * width,
            vocabulary=self.lengths.get(VOCABULARY, 0) or self.size_of("vocab_size"),
            adds_bos=self.adds_bos(),
            chat_template=self.lengths.get(TEMPLATE, 0) > 0,
            unusable=self.unusable(architecture, tensors, end),
            vocabulary_at=self.spans.get(VOCABULARY, (0, 0)),
            template_at=self.spans.get(TEMPLATE, (0, 0)),
            vectors_at={
                name: (self.data_at + start, self.data_at + after)
                for name, (start, after) in self.vectors.items()
            },
        )

    def word(self, key: str) -> str:
        value = self.values.get(key)
        return value if isinstance(value, str) else ""

    def size_of(self, key: str) -> int:
        value = self.values.get(f"{self.word('general.architecture')}.{key}")
        return value if isinstance(value, int) and value > 0 else 0

    def per_layer(self, key: str) -> tuple[int, ...]:
        value = self.values.get(f"{self.word('general.architecture')}.attention.{key}")
        numbers = value if isinstance(value, tuple) else (value,)
        return tuple(n for n in numbers if isinstance(n, int) and n >= 0)

    def quantisation(self) -> str:
        code = self.values.get("general.file_type")
        if isinstance(code, int) and code & ~1024 in FILE_TYPES:  # 1024: llama.cpp's mark for a guess
            return FILE_TYPES[code & ~1024]
        return max(self.weights, key=self.weights.__getitem__, default="unknown")

    def adds_bos(self) -> bool | None:
        value = self.values.get("tokenizer.ggml.add_bos_token")
        if isinstance(value, bool):
            return value
        return True if self.word("tokenizer.ggml.model") == "llama" else None

    def unusable(self, architecture: str, tensors: int, end: int) -> str | None:
        kind = self.word("general.type")
        reasons = (
            (kind in NOT_A_MODEL, NOT_A_MODEL.get(kind)),
            (architecture in NOT_A_LANGUAGE_MODEL, NOT_A_LANGUAGE_MODEL.get(architecture)),
            (self.size_of("pooling_type") > 0, EMBEDDING),
            (self.values.get(f"{architecture}.attention.causal") is False, DIFFUSION),
            (tensors == 0 and self.split("count") < 2, NOT_A_MODEL["vocab"]),
            (self.lengths.get(VOCABULARY, 0) == 0, "a model without a vocabulary"),
            (end > self.size, f"cut short: {self.size} of {end} bytes are there; download it again"),
        )
        return next((why for holds, why in reasons if holds), None)


_STARTS = {
    b"version ": "a Git LFS pointer instead of the file it stands for (git lfs pull)",
    b"<": "a web page",
    b"PK\x03\x04": "a PyTorch checkpoint or another zip file",
    b"lmgg": "a GGML file from before GGUF",
    b"fmgg": "a GGML file from before GGUF",
    b"tjgg": "a GGML file from before GGUF",
}


def _looks_like(start: bytes) -> str:
    if not start:
        return "an empty file"
    if start[8:9] == b"{":
        return "a safetensors file"
    return next((kind for magic, kind in _STARTS.items() if start.startswith(magic)), "another kind of file")
