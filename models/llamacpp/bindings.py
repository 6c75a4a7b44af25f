"""The thin layer over llama.cpp's C API: load a GGUF, turn text into tokens, decode batches, draw tokens.

Only the child process (models/llamacpp/child.py) imports this: llama.cpp may assert, and then takes its process along.
"""

from __future__ import annotations

import ctypes
import json
import os
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import llama_cpp.llama_cpp as c
import numpy as np
from llama_cpp._ggml import libggml
from llama_cpp.llama_grammar import json_schema_to_gbnf
from numpy.typing import NDArray

from models.errors import BurnishError, ModelFileError
from models.files.gguf_types import FILE_TYPES
from models.llamacpp.gelu import ExactGelu
from models.system.machine import BACKENDS
from models.system.utf8 import utf8

Ids = NDArray[np.int32]


class OutOfMemoryError(MemoryError):
    """The model, or the context it was to work in, did not fit in memory."""


_log: list[str] = []  # of llama.cpp since the last `_log.clear()`, a piece an entry


@c.llama_log_callback  # type: ignore[untyped-decorator]
def _on_log(level: int, text: bytes, _data: object) -> None:
    if level != 1:  # GGML_LOG_LEVEL_DEBUG: thousands of lines of tensor names
        _log.append(text.decode("utf-8", "replace"))


def start() -> None:
    """Set llama.cpp up, once per process. Its log goes to memory; the callback lives as long as this module."""
    c.llama_log_set(_on_log, ctypes.c_void_p(0))
    c.llama_backend_init()


def can_offload() -> bool:
    return bool(c.llama_supports_gpu_offload())


class Model:
    """A GGUF in memory: its weights (unless `vocab_only`), its vocabulary, and what it says of itself.

    `gpu_layers` -1 offloads every layer. Raises `ModelFileError` for a file llama.cpp cannot use, and
    `OutOfMemoryError`.
    """

    def __init__(self, path: Path, *, gpu_layers: int = 0, vocab_only: bool = False) -> None:
        self.path = path
        self._pieces: dict[int, bytes] = {}
        params = c.llama_model_default_params()
        params.n_gpu_layers = gpu_layers if gpu_layers >= 0 else 2**30
        params.vocab_only = vocab_only
        _log.clear()
        self.pointer = c.llama_model_load_from_file(os.fsencode(path), params)
        log = "".join(_log)
        if not self.pointer:
            raise _load_error(path, log)
        self.vocab = c.llama_model_get_vocab(self.pointer)
        self.architecture = self.text("general.architecture")
        self.name = self.text("general.name") or path.name
        self.quantisation = FILE_TYPES.get(c.llama_model_ftype(self.pointer) & ~1024, "unknown")
        self.parameters = int(c.llama_model_n_params(self.pointer))
        # Negative where the file claims more than 31 bits.
        self.trained_context = max(int(c.llama_model_n_ctx_train(self.pointer)), 0)
        self.layers = int(c.llama_model_n_layer(self.pointer)) or int(
            self.text(f"{self.architecture}.block_count") or 0
        )
        self.vocabulary = int(c.llama_vocab_n_tokens(self.vocab))
        bos = int(c.llama_vocab_bos(self.vocab))
        self.bos = bos if bool(c.llama_vocab_get_add_bos(self.vocab)) and bos >= 0 else None
        self.bos_text = self.control_text(bos)
        self.eos_text = self.control_text(int(c.llama_vocab_eos(self.vocab)))
        template = c.llama_model_chat_template(self.pointer, None)
        self.chat_template = template.decode("utf-8", "replace") if template else None
        # A recurrent state holds a whole sequence and cannot be cut or shared half-way.
        self.recurrent = bool(
            c.llama_model_is_recurrent(self.pointer) or c.llama_model_is_hybrid(self.pointer)
        )
        offloaded = re.search(r"offloaded (\d+)/\d+ layers to GPU", log)
        self.offloaded = min(int(offloaded[1]), self.layers) if offloaded else 0
        device = re.search(r"using device ([A-Za-z]+)", log)
        self.backend = BACKENDS.get(device[1], device[1]) if device and self.offloaded else "CPU"
        self._check_kind(vocab_only)

    def _check_kind(self, vocab_only: bool) -> None:
        why = None
        if self.vocabulary == 0:
            why = "a model without a vocabulary"
        elif not c.llama_model_has_decoder(self.pointer) or (
            not vocab_only and c.llama_model_has_encoder(self.pointer)
        ):
            why = "has an encoder; burnish needs a decoder-only language model"
        elif c.llama_model_is_diffusion(self.pointer):
            why = "a diffusion model: it does not predict a text from left to right"
        if why:
            self.close()
            raise ModelFileError(self.path, why)

    def close(self) -> None:
        c.llama_model_free(self.pointer)

    def adapter(self, path: Path) -> Any:
        """A LoRA adapter in memory, to be put on a context; it lives as long as the model."""
        _log.clear()
        pointer = c.llama_adapter_lora_init(self.pointer, os.fsencode(path))
        if not pointer:
            why = re.search(r"failed to apply lora adapter: (.+)", "".join(_log))
            raise ModelFileError(
                self.path,
                f"the adapter {path} cannot be put on it ({why[1].strip() if why else _last(_log)})",
            )
        return pointer

    def text(self, key: str) -> str:
        """A metadata value as text, "" if the file has none of that name."""
        size = 256
        while True:
            buffer = ctypes.create_string_buffer(size)
            length = c.llama_model_meta_val_str(self.pointer, key.encode(), buffer, size)
            if length < size:
                return buffer.raw[: max(length, 0)].decode("utf-8", "replace")
            size = length + 1

    def control_text(self, token: int) -> str:
        return self.piece(token).decode("utf-8", "replace") if token >= 0 else ""

    def piece(self, token: int) -> bytes:
        """The bytes a token stands for; a control token's name."""
        known = self._pieces.get(token)
        if known is None:
            size = 64
            while True:
                buffer = ctypes.create_string_buffer(size)
                length = c.llama_token_to_piece(self.vocab, token, buffer, size, 0, True)
                if length >= 0:
                    break
                size = -length
            known = self._pieces[token] = buffer.raw[:length]
        return known

    def tokenize(self, text: str, *, special: bool) -> Ids:
        """Token ids of a text by itself, no start token put first. `special`: control tokens' names are they."""
        data = utf8(text)
        ids = np.empty(len(data) + 16, np.int32)
        count = c.llama_tokenize(
            self.vocab, data, len(data), ids.ctypes.data_as(c.llama_token_p), len(ids), False, special
        )
        if count < 0:  # more tokens than bytes: a tokenizer that rewrites text
            ids = np.empty(-count, np.int32)
            count = c.llama_tokenize(
                self.vocab, data, len(data), ids.ctypes.data_as(c.llama_token_p), len(ids), False, special
            )
        return ids[:count]

    def passage(self, pieces: Iterable[Sequence[Any]]) -> Ids:
        """Ids of (text, special) pieces, each tokenised by itself, after the start token if there is one.

        A chat template may write the start token itself: never two.
        """
        parts = [self.tokenize(text, special=special) for text, special in pieces if text]
        ids = np.concatenate(parts) if parts else np.empty(0, np.int32)
        if self.bos is not None and (len(ids) == 0 or ids[0] != self.bos):
            ids = np.concatenate([np.array([self.bos], np.int32), ids])
        return ids

    def end_after(self, text: str) -> int | None:
        """The token that ends a reply: the first of this text, which a template writes there, or the vocabulary's."""
        written = self.tokenize(text, special=True)
        ends = [*written[:1].tolist(), int(c.llama_vocab_eos(self.vocab))]
        return next((token for token in ends if token >= 0 and self.ends(token)), None)

    def ends(self, token: int) -> bool:
        """The token ends a reply."""
        return bool(c.llama_vocab_is_eog(self.vocab, token))


@dataclass(frozen=True, slots=True)
class ContextShape:
    """The size of a context, and of one decode of it."""

    cells: int  # tokens in the KV cache, all sequences together
    batch: int  # tokens in a decode
    rows: int  # tokens of a decode whose logits are asked for
    sequences: int


class Context:
    """A KV cache shared by several sequences, and the batch that is decoded into it."""

    def __init__(self, model: Model, shape: ContextShape, *, exact: bool, threads: int) -> None:
        self.model, self.shape = model, shape
        params = c.llama_context_default_params()
        params.n_ctx, params.n_batch, params.n_ubatch = shape.cells, shape.batch, shape.batch
        params.n_seq_max = shape.sequences
        # The graph's logits and the copy handed out are each `rows` x vocabulary floats.
        params.n_outputs_max = max(shape.rows, shape.sequences)
        params.n_threads = params.n_threads_batch = threads
        params.kv_unified = True
        # On a CPU, flash attention with its 16-bit cache is a sixth faster, and moves the loss of a target of one or
        # two tokens by up to 4e-3 nat; without both it is off by 1e-5. On a GPU that would cost far more.
        precise = exact or not model.offloaded
        params.flash_attn_type = 0 if precise else -1  # off, or where the backend has it
        params.type_k = params.type_v = 0 if precise else 1  # GGML_TYPE_F32, GGML_TYPE_F16
        if exact:
            self._gelu = c.ggml_backend_sched_eval_callback(ExactGelu(libggml))
            params.cb_eval = self._gelu
        _log.clear()
        self.pointer = c.llama_init_from_model(model.pointer, params)
        if not self.pointer:
            raise _context_error(model.path, "".join(_log))
        self.memory = c.llama_get_memory(self.pointer)
        if not self.memory or c.llama_pooling_type(self.pointer) > 0:
            self.close()
            raise ModelFileError(
                model.path, "an embedding model: it turns text into vectors and cannot write or weigh it"
            )
        self._new_batch()

    def _new_batch(self) -> None:
        n = self.shape.batch
        self.token, self.position, self.sequence = (np.zeros(n, np.int32) for _ in range(3))
        self.wanted = np.zeros(n, np.int8)
        self._ones = np.ones(n, np.int32)
        # One sequence a token: a pointer to each entry of `sequence`.
        self._pointers = self.sequence.ctypes.data + 4 * np.arange(n, dtype=np.uintp)
        self._batch = c.llama_batch(
            token=self.token.ctypes.data_as(ctypes.POINTER(c.llama_token)),
            pos=self.position.ctypes.data_as(ctypes.POINTER(c.llama_pos)),
            n_seq_id=self._ones.ctypes.data_as(ctypes.POINTER(ctypes.c_int32)),
            seq_id=self._pointers.ctypes.data_as(ctypes.POINTER(ctypes.POINTER(c.llama_seq_id))),
            logits=self.wanted.ctypes.data_as(ctypes.POINTER(ctypes.c_int8)),
        )

    def close(self) -> None:
        c.llama_free(self.pointer)

    def adapt(self, adapter: Any) -> None:
        """Compute with this adapter's weights added, whole."""
        adapters = (c.llama_adapter_lora_p_ctypes * 1)(adapter)
        if c.llama_set_adapters_lora(self.pointer, adapters, 1, (ctypes.c_float * 1)(1.0)) != 0:
            raise ModelFileError(self.model.path, "llama.cpp cannot put an adapter on it")

    def decode(self, count: int) -> None:
        """Run the first `count` entries of `token`, `position`, `sequence` and `wanted` through the model."""
        self._batch.n_tokens = count
        _log.clear()
        status = c.llama_decode(self.pointer, self._batch)
        if status in {1, -2}:  # no cells are left, or no memory for the graph
            raise OutOfMemoryError(
                f"{self.model.path}: no memory is left to run it ({_last(_log)}); "
                "choose a smaller context or a smaller model"
            )
        if status != 0:
            raise RuntimeError(f"llama_decode of {count} tokens returned {status}: {_last(_log)}")

    def logits(self, rows: int) -> NDArray[np.float32]:
        """[rows, vocabulary], a view of what the last decode left, in the order of the `wanted` entries."""
        return np.ctypeslib.as_array(c.llama_get_logits(self.pointer), (rows, self.model.vocabulary))

    def share(self, source: int, target: int, end: int) -> None:
        """Let sequence `target` begin with the first `end` tokens of `source`, without copying them."""
        c.llama_memory_seq_cp(self.memory, source, target, 0, end)

    def forget(self, sequence: int, start: int = 0) -> bool:
        """Drop a sequence's tokens from position `start` on. False: this memory can only drop all of them."""
        return bool(c.llama_memory_seq_rm(self.memory, sequence, start, -1))


class Sampler:
    """Draws the next token: repeat penalty, then greedy or temperature, and under a schema its grammar."""

    # Ollama's own defaults, so that the two teachers write alike.
    REPEAT_PENALTY, REPEAT_WINDOW, TOP_K, TOP_P = 1.1, 64, 40, 0.9

    def __init__(
        self,
        context: Context,
        *,
        seed: int,
        temperature: float,
        schema: dict[str, Any] | None,
        repeat_penalty: float = REPEAT_PENALTY,
    ) -> None:
        model = context.model
        self.context = context
        self.grammar = _grammar(model, schema) if schema is not None else None
        self.chain = c.llama_sampler_chain_init(c.llama_sampler_chain_default_params())
        add = [c.llama_sampler_init_penalties(model.vocabulary, self.REPEAT_WINDOW, repeat_penalty, 0.0, 0.0)]
        if temperature > 0:
            add += [
                c.llama_sampler_init_top_k(self.TOP_K),
                c.llama_sampler_init_top_p(self.TOP_P, 1),
                c.llama_sampler_init_temp(temperature),
                c.llama_sampler_init_dist(seed & 0xFFFFFFFF),
            ]
        else:
            add.append(c.llama_sampler_init_greedy())
        for sampler in add:
            c.llama_sampler_chain_add(self.chain, sampler)
        self._candidates = np.empty(
            model.vocabulary, np.dtype([("id", np.int32), ("logit", np.float32), ("p", np.float32)])
        )

    def close(self) -> None:
        c.llama_sampler_free(self.chain)
        if self.grammar:
            c.llama_sampler_free(self.grammar)

    def draw(self) -> int:
        """The next token after the one row of logits the last decode left."""
        token = self._choose(constrained=False)
        if self.grammar and not self._allowed(token):
            # Holding the grammar against the whole vocabulary is slow: only where the free choice breaks it.
            token = self._choose(constrained=True)
        if self.grammar:
            c.llama_sampler_accept(self.grammar, token)
        c.llama_sampler_accept(self.chain, token)
        return token

    def _choose(self, *, constrained: bool) -> int:
        table = self._candidates
        table["id"] = np.arange(len(table), dtype=np.int32)
        table["logit"] = self.context.logits(1)[0]
        array = self._array(table)
        if constrained:
            c.llama_sampler_apply(self.grammar, ctypes.byref(array))
        c.llama_sampler_apply(self.chain, ctypes.byref(array))
        return int(array.data[array.selected].id)

    def _allowed(self, token: int) -> bool:
        one = np.array([(token, 1.0, 0.0)], self._candidates.dtype)
        c.llama_sampler_apply(self.grammar, ctypes.byref(self._array(one)))
        return bool(one["logit"][0] != -np.inf)

    @staticmethod
    def _array(table: NDArray[Any]) -> Any:
        data = table.ctypes.data_as(c.llama_token_data_p)
        return c.llama_token_data_array(data=data, size=len(table), selected=-1, sorted=False)


def _grammar(model: Model, schema: dict[str, Any]) -> Any:
    """A sampler that allows only JSON of this schema, its properties in the order the schema gives them."""
    try:
        text = json_schema_to_gbnf(json.dumps(schema), _property_names(schema))
    except Exception as error:  # the converter raises whatever it comes upon
        raise BurnishError(f"the reply's JSON schema cannot be made a grammar: {error}") from error
    # The converter's strings may hold bare control characters, a line break above all, which JSON's may not.
    text = text.replace(r'[^"\\]', r'[^"\\\x7F\x00-\x1F]')
    grammar = c.llama_sampler_init_grammar(model.vocab, text.encode(), b"root")
    if not grammar:
        raise BurnishError(f"llama.cpp refuses the grammar of the reply's JSON schema: {_last(_log)}")
    return grammar


def _property_names(schema: object) -> list[str]:
    names: list[str] = []
    if isinstance(schema, dict):
        properties = schema.get("properties")
        names += properties if isinstance(properties, dict) else ()
        for value in schema.values():
            names += _property_names(value)
    elif isinstance(schema, list):
        for value in schema:
            names += _property_names(value)
    return list(dict.fromkeys(names))


_MEMORY = re.compile(
    r"out of memory|failed to allocate|unable to allocate|cudaMalloc failed|insufficient memory|bad_alloc",
    re.I,
)


def _last(log: Iterable[str]) -> str:
    """The last line of llama.cpp's log that is not a row of progress dots."""
    lines = [line.strip() for line in "".join(log).splitlines()]
    return next((line for line in reversed(lines) if line.strip(".")), "")


def _load_error(path: Path, log: str) -> Exception:
    if _MEMORY.search(log):
        return OutOfMemoryError(f"{path}: does not fit in memory; choose a smaller model or quantisation")
    if unread := re.search(r"gguf_init_\w+: (.+)", log):
        return ModelFileError(path, f"not a GGUF file, or a damaged one ({unread[1].strip()})")
    found = re.search(r"error loading model: (.+)", log)
    why = found[1].strip() if found else _last([log]) or "llama.cpp cannot load it and does not say why"
    if "unknown model architecture" in why:
        why += "; it needs a newer llama.cpp (upgrade llama-cpp-python)"
    elif "CLIP cannot be used" in why:
        why = "a vision or audio projector (mmproj) that belongs beside a model, not the model"
    elif "missing tensor" in why or "wrong number of tensors" in why:
        why += "; a part of a model or a damaged file, not a whole model"
    return ModelFileError(path, why)


def _context_error(path: Path, log: str) -> Exception:
    if _MEMORY.search(log):
        return OutOfMemoryError(
            f"{path}: no memory is left for its context; choose a smaller context or model"
        )
    return ModelFileError(path, f"llama.cpp cannot run it: {_last([log]) or 'it does not say why'}")
