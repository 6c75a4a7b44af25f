"""A model's needs: the memory it takes, and whether a CPU has fast code for its weights."""

from __future__ import annotations

import re
import subprocess
import sys

from models.files.gguf import GGUFHeader
from models.system.shell import command_line
from models.system.units import MIB


def memory_needed(header: GGUFHeader, context: int) -> int:
    """Bytes a model takes with `context` tokens: its file, 16-bit keys and values, and llama.cpp's buffers.

    The buffers are those of a batch of 512 tokens: logits over the vocabulary, and activations a few times wider
    than the residual stream. An upper bound where a model attends to a window only.
    """
    buffers = 512 * 4 * (header.vocabulary + 16 * header.embedding)
    return header.size + 2 * header.cache * context + buffers + 64 * MIB


def memory_of_tag(size: int) -> int:
    """Bytes an Ollama model takes, by the size of its tag: a rough fifth more, and half a gigabyte."""
    return size + size // 5 + 512 * MIB


# Tokens a second of a whole model in each type over those of the same model in F32: llama.cpp of
# llama-cpp-python 0.3.36, AVX-512, 2 threads, batches of 256 tokens, a llama of 4 blocks 1024 wide. All other types
# were faster than F32 (Q8_0 1.2, Q4_0 and Q4_K 1.6, IQ and the other K types 1.9 to 2.4). These have neither a
# kernel in ggml-cpu's llamafile/sgemm.cpp nor a layout in its repack.cpp.
SLOW_TYPES = {"Q4_1": 0.57, "Q5_1": 0.51, "NVFP4": 0.46, "TQ1_0": 0.72, "Q1_0": 0.74, "Q2_0": 0.06}


def slow_on_cpu(header: GGUFHeader) -> str | None:
    """The type that makes this model slow on a CPU, where at least a third of its weights have it; None if none does.

    By the tensors and not by the file's type: a small model called Q4_K_M may have no Q4_K in it.
    """
    slow = {kind: header.weights.get(kind, 0) for kind in SLOW_TYPES}
    kind = max(slow, key=slow.__getitem__)
    return kind if slow[kind] * 3 >= header.parameters > 0 else None


def faster_line(header: GGUFHeader) -> str:
    """The command that makes a Q8_0 file in the current folder, with the llama.cpp that is in this environment.

    The model loses next to nothing by it, but it is another student: scores are not shared between the two.
    """
    code = (
        "import ctypes, sys, llama_cpp as l; p = l.llama_model_quantize_default_params(); p.ftype = 7; "
        "p.allow_requantize = True; sys.exit(l.llama_model_quantize(*map(str.encode, sys.argv[1:]), ctypes.byref(p)))"
    )
    name = re.sub(r"[^\w.-]+", "-", header.name.removesuffix(".gguf")).strip("-.") or "student"
    command = [sys.executable, "-c", code, str(header.path), f"{name}.Q8_0.gguf"]
    return subprocess.list2cmdline(command) if sys.platform == "win32" else command_line(command)
