"""Faults of llama.cpp and of the machine, put into the child process where the real ones would appear.

A test writes one of these sources as `sitecustomize.py` and sets PYTHONPATH: the child runs it before all else.
"""

from __future__ import annotations

from pathlib import Path

import pytest

# A GPU with room for ten layers. The layers stay on the CPU; only what llama.cpp says of them changes.
SMALL_GPU = """
import llama_cpp.llama_cpp as c
import models.llamacpp.bindings as m
load = c.llama_model_load_from_file
def small(path, params):
    layers, params.n_gpu_layers = params.n_gpu_layers, 0
    if layers > 10:
        m._log.append("ggml_backend_cuda_buffer_type_alloc_buffer: cudaMalloc failed: out of memory\\n")
        return None
    model = load(path, params)
    m._log.append("llama_model_load_from_file_impl: using device CUDA0 (Imagined) - 512 MiB free\\n")
    m._log.append(f"load_tensors: offloaded {layers}/31 layers to GPU\\n")
    return model
c.llama_model_load_from_file = small
c.llama_supports_gpu_offload = lambda: True
"""

# Not even the context fits.
NO_MEMORY = """
import llama_cpp.llama_cpp as c
import models.llamacpp.bindings as m
def none(model, params):
    m._log.append("ggml_backend_cpu_buffer_type_alloc_buffer: failed to allocate buffer of size 9999999999\\n")
    return None
c.llama_init_from_model = none
"""


def put(source: str, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (folder / "sitecustomize.py").write_text(source)
    monkeypatch.setenv("PYTHONPATH", str(folder))
