"""Which layer of a model in PyTorch is which of its GGUF, and an adapter of those layers as llama.cpp reads it.

Names come from the package `gguf`. The order of a layer's rows is found by comparing the weights: of some
architectures llama.cpp keeps the rows of q and k in another order, that of its rotary embedding.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import gguf
import numpy as np
import torch
from numpy.typing import NDArray

Floats = NDArray[np.float32]

SAME = 0.8
"""Weights whose correlation is at least this are the same: of 2 bits it is above 0.9, of another order about 0."""
COLUMNS = 32  # of a layer that are compared; a block of most types is as long


@dataclass(frozen=True, slots=True)
class Place:
    """The place of a linear layer in the GGUF."""

    tensor: str  # "blk.0.attn_q.weight"
    heads: int  # whose rows stand in llama.cpp's order; 0: all rows as they are


class StudentLayers:
    """The tensors of a GGUF that are linear layers of a model."""

    def __init__(self, parts: Sequence[Path]) -> None:
        """`parts`: the files that it is in, in order."""
        readers = [gguf.GGUFReader(path) for path in parts]
        self.architecture: str = readers[0].get_field("general.architecture").contents()
        self._tensors = {tensor.name: tensor for reader in readers for tensor in reader.tensors}

    def of(self, model: Any) -> dict[str, Place]:
        """The place of each linear layer of a model but its output, by name; one that fits nothing has none."""
        kinds = {name: kind for kind, name in gguf.MODEL_ARCH_NAMES.items()}
        if self.architecture not in kinds:
            return {}
        names = gguf.get_tensor_name_map(kinds[self.architecture], model.config.num_hidden_layers)
        given = (getattr(model.config, name, None) for name in ("num_attention_heads", "num_key_value_heads"))
        heads = sorted({count for count in given if isinstance(count, int)})
        found = {}
        for name, layer in model.named_modules():
            tensor = f"{names.get_name(name)}.weight"
            if isinstance(layer, torch.nn.Linear) and name != "lm_head" and tensor in self._tensors:
                weight = layer.weight.detach()[:, :COLUMNS].float().cpu().numpy()
                order = next(self._orders(weight, tensor, heads), None)
                if order is not None:
                    found[name] = Place(tensor, order)
        return found

    def _orders(self, ours: Floats, tensor: str, heads: list[int]) -> Iterator[int]:
        theirs = self._beginning(tensor)
        for count in (0, *(count for count in heads if ours.shape[0] % (2 * count) == 0)):
            placed = in_order(ours, count)
            width = min(placed.shape[1], theirs.shape[1])
            if placed.shape[0] == theirs.shape[0] and _alike(placed[:, :width], theirs[:, :width]):
                yield count

    def _beginning(self, name: str) -> Floats:
        """The first columns of a tensor, [rows, COLUMNS or a block]."""
        tensor = self._tensors[name]
        block, size = gguf.GGML_QUANT_SIZES[tensor.tensor_type]
        columns = max(COLUMNS // block, 1) * (size if tensor.data.dtype == np.uint8 else 1)
        values: Floats = gguf.dequantize(np.ascontiguousarray(tensor.data[:, :columns]), tensor.tensor_type)
        return values


def _alike(one: Floats, other: Floats) -> bool:
    spread = float(np.linalg.norm(one) * np.linalg.norm(other))
    return spread > 0 and float((one * other).sum()) / spread >= SAME


def in_order(weights: Floats, heads: int) -> Floats:
    """Rows in the order that llama.cpp has them in, of this many heads; 0: as they are."""
    if not heads:
        return weights
    halves = weights.reshape(heads, 2, weights.shape[0] // heads // 2, *weights.shape[1:])
    return np.ascontiguousarray(halves.swapaxes(1, 2).reshape(weights.shape))


def write_adapter(
    path: Path,
    architecture: str,
    alpha: float,
    places: Mapping[str, Place],
    parts: Mapping[str, tuple[Floats, Floats]],
) -> None:
    """Write a LoRA as a GGUF. `parts`: by layer, the matrices [rank, inputs] and [outputs, rank]."""
    writer = gguf.GGUFWriter(path, architecture)
    writer.add_type("adapter")
    writer.add_string("adapter.type", "lora")
    writer.add_float32("adapter.lora.alpha", float(alpha))
    for name, place in places.items():
        down, up = parts[name]
        writer.add_tensor(f"{place.tensor}.lora_a", np.ascontiguousarray(down))
        writer.add_tensor(f"{place.tensor}.lora_b", in_order(up, place.heads))
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
