"""The student with its layers on a GPU, held against itself on the CPU: `python -m tests.benchmarks.offload`.

Run it by a Python whose llama.cpp is built for a GPU. Without a GPU, one built with `GGML_VULKAN` takes Mesa's software
device, which computes every layer by Vulkan's code on the processor: what is right there is right, however slow
(tests/README.md says how to build it). Each row is printed as soon as it is measured: the layers offloaded, how far the
mean losses of the golden samples are from the CPU's and from PyTorch's, and where memory ran out, what was done.
"""

from __future__ import annotations

import argparse
import asyncio
import math
import os
import time
from collections.abc import Sequence
from pathlib import Path

from models.files.catalog import demo_path
from models.llamacpp.student import EmbeddedStudent
from models.student import Passage, StudentInfo
from models.system.machine import llama_build
from tests import conftest, golden
from tests.golden import KEYS, Row

Means = list[float | None]


async def score(
    model: Path, passages: Sequence[Passage], *, exact: bool, layers: int
) -> tuple[StudentInfo, Means, float]:
    """The student as it was loaded, each passage's mean loss in nats, and the seconds that scoring them took."""
    student = EmbeddedStudent(model, digest="sha256:0", exact=exact, gpu_layers=layers)
    try:
        info = await student.open()
        began = time.perf_counter()
        found = await student.losses(passages)
        took = time.perf_counter() - began
    finally:
        await student.close()
    means = [math.fsum(each.nll.tolist()) / len(each.nll) if len(each.nll) else None for each in found]
    return info, means, took


def apart(left: Means, right: Means) -> float:
    """The largest distance of two mean losses of one passage, in nats."""
    return max(abs(a - b) for a, b in zip(left, right, strict=True) if a is not None and b is not None)


def shortest(rows: Sequence[Row], count: int) -> tuple[list[Passage], Means]:
    """The golden samples' shortest passages, each once, and PyTorch's mean losses of them."""
    wanted = {
        passage: row["loss"][key]
        for row in rows
        for key, passage in zip(KEYS, golden.passages(row), strict=True)
    }
    passages = sorted(
        wanted, key=lambda passage: len(passage.target) + sum(len(p.text) for p in passage.context)
    )
    return passages[:count], [wanted[passage] for passage in passages[:count]]


async def measure(title: str, model: Path, passages: Sequence[Passage], pytorch: Means | None) -> None:
    for exact in (False, True):
        cpu_info, cpu, _ = await score(model, passages, exact=exact, layers=0)
        for layers in (-1, cpu_info.layers // 2):
            info, gpu, took = await score(model, passages, exact=exact, layers=layers)
            ends = f", from PyTorch's {apart(gpu, pytorch):.1e}" if pytorch else ""
            print(
                f"{title:14} {'exact' if exact else 'default':8} {info.backend} {info.offloaded}/{info.layers} layers: "
                f"{len(passages)} passages in {took:.0f} s; mean losses at most {apart(gpu, cpu):.1e} nat from the "
                f"CPU's{ends}",
                flush=True,
            )


async def out_of_memory(model: Path, passages: Sequence[Passage]) -> None:
    """Load with less memory on the device than the model needs, by llama.cpp's own limit for Vulkan."""
    _, cpu, _ = await score(model, passages, exact=False, layers=0)
    for share in (0.9, 0.5, 0.1):
        os.environ["GGML_VK_FORCE_MAX_BUFFER_SIZE"] = str(int(model.stat().st_size * share))
        info, gpu, _ = await score(model, passages, exact=False, layers=-1)
        print(
            f"memory for {share:.0%} of the model: {info.backend} {info.offloaded}/{info.layers} layers, "
            f"{apart(gpu, cpu):.1e} nat from the CPU's; {' '.join(info.notes) or 'nothing said'}",
            flush=True,
        )
    del os.environ["GGML_VK_FORCE_MAX_BUFFER_SIZE"]


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--passages", type=int, default=8, help="the shortest of the golden samples")
    parser.add_argument("--models", nargs="+", default=["smollm2-f32", "smollm2-q4_1", "gemma-f32", "memory"])
    options = parser.parse_args()
    build = llama_build()
    print(f"llama.cpp built for {', '.join(build.backends)}; devices: {build.gpus or 'none'}", flush=True)
    if not build.offload:
        raise SystemExit("this llama.cpp can offload nothing: build it as tests/README.md says")
    passages, pytorch = shortest(golden.demo("smollm2-vicuna"), options.passages)
    f32 = conftest.dequantised(demo_path(), "smollm2-135m-instruct-f32.gguf")
    for name in options.models:
        match name:
            case "smollm2-f32":
                asyncio.run(measure(name, f32, passages, pytorch))
            case "smollm2-q4_1":  # PyTorch computed with the packaged weights too, but in other arithmetic
                asyncio.run(measure(name, demo_path(), passages, None))
            case "gemma-f32":
                gemma = conftest.dequantised(conftest.packaged_gemma(), "gemma-3-270m-f32.gguf")
                asyncio.run(measure(name, gemma, *shortest(golden.demo("gemma-vicuna"), options.passages)))
            case "memory" if "Vulkan" in build.backends:
                asyncio.run(out_of_memory(f32, passages))


if __name__ == "__main__":
    main()
