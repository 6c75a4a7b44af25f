"""A quantised student's margins against those of its own weights in F32: `python -m tests.benchmarks.noise --help`.

`engine/method/noise.py` predicts how far they lie apart from the types of the weights and the number of scored tokens.
This is where its constants come from. llama.cpp's own `llama_model_quantize` makes the files of one F32 file, and all
score the same passages. A row has, by model, type and stage: what the numbers of the blocks lose to rounding; how far
the margins moved, in log-ratio; the noise, which is that over the root of 1/n + 1/m (n and m: scored tokens of the two
scores; at the response stage over its share of it), of all, of the longer and of the shorter half, and what is assumed;
the verdicts that flipped, those of them that are flagged, and the share of all margins that is. Each row is printed as
soon as it is measured; `--brief` is over in two minutes, all of it takes half an hour.

Both models come quantised, and their weights lie on that grid: a file of the same type would lose nothing. So every
weight is first moved by up to half a step of such a grid, which makes another model, a little worse, whose F32 file is
the reference. The next samples' texts stand for rewrites: every two versions are a pair for the instruction stage, and
every instruction is guessed from four responses for the response stage. The samples are the demo's; `--texts FILE`
takes others, that nothing was fitted to.
"""

from __future__ import annotations

import argparse
import asyncio
import ctypes
import json
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import chain, combinations
from pathlib import Path

import llama_cpp
import numpy as np
from numpy.typing import NDArray

from engine.method.noise import POWER, RELATIVE_ERROR, RESPONSE, SCALE, NearTies, error_of
from engine.method.scores import ifd_passages, r_ifd_passages, ratio
from engine.method.templates import vicuna
from engine.sample import Ratio, Version
from models.files.catalog import demo_path
from models.files.gguf import read_header
from models.files.gguf_types import FILE_TYPES, TENSOR_TYPES
from models.llamacpp.student import EmbeddedStudent
from models.student import Losses, Passage
from tests import conftest
from tests.running import demo_rows

TYPES = (
    "F16",
    "BF16",
    "Q8_0",
    "Q6_K",
    "Q5_K_M",
    "Q5_0",
    "Q4_K_M",
    "Q4_1",
    "Q4_0",
    "IQ4_NL",
    "Q3_K_M",
    "Q2_K",
)
MODELS = ("smollm2", "gemma")
BRIEF = ("Q8_0", "Q4_0")
QUANTISE = """
import ctypes, sys, llama_cpp as l
p = l.llama_model_quantize_default_params()
p.ftype = int(sys.argv[3])
sys.exit(l.llama_model_quantize(*map(str.encode, sys.argv[1:3]), ctypes.byref(p)))
"""
Floats = NDArray[np.float64]
RESPONSES = 4  # from which an instruction is guessed
BLOCK, STEPS = 32, 16  # of the grid that the weights are moved off

ggml = ctypes.CDLL(str(next(Path(llama_cpp.__file__).parent.glob("lib/*ggml-base.*"))))


def off_the_grid(source: Path, path: Path) -> None:
    """A copy of an F32 file, each weight moved by up to half a step of 16 between its block's least and greatest."""

    class Params(ctypes.Structure):
        _fields_ = (("no_alloc", ctypes.c_bool), ("context", ctypes.c_void_p))

    for name in (
        "init_from_file",
        "get_data_offset",
        "get_n_tensors",
        "get_tensor_offset",
        "get_tensor_size",
    ):
        getattr(ggml, f"gguf_{name}").restype = ctypes.c_size_t
    ggml.gguf_get_tensor_name.restype = ctypes.c_char_p
    ggml.gguf_init_from_file.argtypes = (ctypes.c_char_p, Params)
    head = ctypes.c_void_p(ggml.gguf_init_from_file(str(source).encode(), Params(True, None)))
    data = np.fromfile(source, np.uint8)
    dice = np.random.default_rng(270)
    for tensor in range(ggml.gguf_get_n_tensors(head)):
        if "norm" not in ggml.gguf_get_tensor_name(head, ctypes.c_int64(tensor)).decode():
            start = ggml.gguf_get_data_offset(head) + ggml.gguf_get_tensor_offset(
                head, ctypes.c_int64(tensor)
            )
            size = ggml.gguf_get_tensor_size(head, ctypes.c_int64(tensor))
            blocks = data[start : start + size].view(np.float32).reshape(-1, BLOCK)
            step = (blocks.max(1, keepdims=True) - blocks.min(1, keepdims=True)) / (STEPS - 1)
            blocks += step * dice.uniform(-0.5, 0.5, blocks.shape).astype(np.float32)
    data.tofile(path)


def relative_errors() -> dict[str, float]:
    """By type, the root of the mean square that weights of chance lose in it, relative to their own."""

    class Traits(ctypes.Structure):  # ggml.h, struct ggml_type_traits
        _fields_ = (
            ("name", ctypes.c_char_p),
            ("block", ctypes.c_int64),
            ("interleaved", ctypes.c_int64),
            ("size", ctypes.c_size_t),
            ("quantised", ctypes.c_bool),
            ("to_float", ctypes.CFUNCTYPE(None, ctypes.c_void_p, ctypes.c_void_p, ctypes.c_int64)),
        )

    ggml.ggml_get_type_traits.restype = ctypes.POINTER(Traits)
    wide = ctypes.c_int64
    weights = np.random.default_rng(1).normal(0, 0.02, (512, 1024)).astype(np.float32)
    importance = np.ones(1024, np.float32)
    found = {}
    for code, (name, block, size) in TENSOR_TYPES.items():
        if name in RELATIVE_ERROR and name != "F32":
            packed = np.zeros(weights.size // block * size + 4096, np.uint8)
            back = np.empty_like(weights)
            pointers = [ctypes.c_void_p(array.ctypes.data) for array in (weights, packed, importance)]
            ggml.ggml_quantize_chunk(code, *pointers[:2], wide(0), wide(512), wide(1024), pointers[2])
            ggml.ggml_get_type_traits(code).contents.to_float(
                packed.ctypes.data, back.ctypes.data, weights.size
            )
            found[name] = float(np.sqrt(((weights - back) ** 2).sum() / (weights**2).sum()))
    return found


@dataclass(frozen=True)
class Scored:
    """The scores of one student that margins are made of."""

    ifd: list[Ratio]  # of each version
    r_ifd: list[list[Ratio]]  # of each instruction, by response

    def pairs(self) -> dict[str, list[tuple[Ratio, Ratio]]]:
        """By stage, every pair of scores whose difference is a margin."""
        return {
            "instruction": list(combinations(self.ifd, 2)),
            "response": [pair for ratios in self.r_ifd for pair in combinations(ratios, 2)],
        }


async def scored(path: Path, versions: Sequence[Version]) -> Scored:
    ifd = [ifd_passages(version, vicuna) for version in versions]
    r_ifd = [
        [
            r_ifd_passages(
                version.model_copy(update={"response": versions[(n + k) % len(versions)].response}), vicuna
            )
            for k in range(RESPONSES)
        ]
        for n, version in enumerate(versions)
    ]
    passages = list(dict.fromkeys(p for q in [*ifd, *chain.from_iterable(r_ifd)] for p in (q.alone, q.given)))
    student = EmbeddedStudent(path, digest="sha256:0")
    losses: dict[Passage, Losses] = dict(zip(passages, await student.losses(passages), strict=True))
    await student.close()
    return Scored(
        [ratio(losses[q.alone], losses[q.given]) for q in ifd],
        [[ratio(losses[q.alone], losses[q.given]) for q in each] for each in r_ifd],
    )


@dataclass(frozen=True)
class Margins:
    """The margins of one stage by the reference and by a quantised student, and what they are made of."""

    reference: Floats
    quantised: Floats
    spread: Floats  # the root of 1/n + 1/m, and at the response stage its share
    limit: Floats  # below which the prediction flags the quantised student's

    @classmethod
    def of(
        cls,
        stage: str,
        reference: list[tuple[Ratio, Ratio]],
        quantised: list[tuple[Ratio, Ratio]],
        noise: float,
    ) -> Margins:
        rows = []
        share = 1.0 if stage == "instruction" else RESPONSE
        for whole, rounded in zip(reference, quantised, strict=True):
            logs = [score.log_ratio for score in (*whole, *rounded)]
            if None not in logs:
                first, second, third, fourth = (float(log or 0) for log in logs)
                n, m = (score.given.scored for score in rounded if score.given is not None)
                limit = NearTies(None, noise).limit(n, m, share)
                rows.append((second - first, fourth - third, share * (1 / n + 1 / m) ** 0.5, limit))
        return cls(*np.array(rows).T)

    @property
    def moved(self) -> Floats:
        return np.abs(self.quantised - self.reference)

    def noise(self, part: slice) -> float:
        """Nats times the root of a token, over a part of the margins, those of the longest texts first."""
        relative = (self.moved / self.spread)[np.argsort(self.spread)][part]
        return float(np.sqrt((relative**2).mean()))


HEADING = (
    f"{'model':8} {'type':7} {'stage':12}{'pairs':>6}{'error':>8}{'median':>9}{'95 %':>8}{'most':>8}"
    f"{'noise':>9}{'long':>7}{'short':>7}{'assumed':>9}{'flips':>8}{'flagged':>9}{'all flagged':>13}"
)


def row(model: str, kind: str, stage: str, error: float, margins: Margins) -> str:
    moved, half = margins.moved, len(margins.moved) // 2
    flips = (margins.reference > 0) != (margins.quantised > 0)
    flagged = np.abs(margins.quantised) < margins.limit
    return (
        f"{model:8} {kind:7} {stage:12}{len(moved):6}{error:8.4f}"
        f"{np.median(moved):9.4f}{np.quantile(moved, 0.95):8.4f}{moved.max():8.4f}"
        f"{margins.noise(slice(None)):9.3f}{margins.noise(slice(half)):7.3f}{margins.noise(slice(half, None)):7.3f}"
        f"{SCALE * error**POWER:9.3f}{flips.sum():8}{(flips & flagged).sum():9}{flagged.mean():13.1%}"
    )


def quantised(reference: Path, path: Path, kind: str) -> Path:
    code = next(code for code, name in FILE_TYPES.items() if name == kind)
    command = [sys.executable, "-c", QUANTISE, str(reference), str(path), str(code)]
    subprocess.run(command, check=True, capture_output=True)
    return path


def reference_of(model: str) -> Path:
    """The F32 file of a packaged model that was moved off its grid."""
    source = demo_path() if model == "smollm2" else conftest.packaged_gemma()
    name = "smollm2-135m-instruct" if model == "smollm2" else "gemma-3-270m"
    whole = conftest.dequantised(source, f"{name}-f32.gguf")
    return conftest.made_once(f"{name}-off-the-grid-f32.gguf", lambda path: off_the_grid(whole, path))


async def measure(options: argparse.Namespace) -> None:
    rows = json.loads(options.texts.read_text("utf-8")) if options.texts else demo_rows(32)
    rows = rows[: options.samples or (10 if options.brief else None)]
    versions = [
        Version(instruction=r["instruction"], input=r.get("input", ""), response=r["output"]) for r in rows
    ]
    print(HEADING, flush=True)
    points: list[tuple[float, float]] = []
    for model in options.models or (MODELS[:1] if options.brief else MODELS):
        reference = reference_of(model)
        whole = (await scored(reference, versions)).pairs()
        for kind in options.types or (BRIEF if options.brief else TYPES):
            with tempfile.TemporaryDirectory() as folder:
                path = quantised(reference, Path(folder, f"{kind}.gguf"), kind)
                error = error_of(read_header(path).block_weights)
                rounded = (await scored(path, versions)).pairs()
            for stage, pairs in rounded.items():
                margins = Margins.of(stage, whole[stage], pairs, SCALE * error**POWER)
                print(row(model, kind, stage, error, margins), flush=True)
                points.append((error, margins.noise(slice(None))))
    errors, noises = np.log(np.array(points)).T
    power, scale = np.polyfit(errors, noises, 1)
    off = np.exp(np.std(noises - power * errors - scale))
    print(f"\nnoise = {np.exp(scale):.1f} x error ^ {power:.2f}, to a factor of {off:.2f}")
    print("relative errors:", ", ".join(f"{kind} {error:.4f}" for kind, error in relative_errors().items()))


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--brief", action="store_true", help="one model, two types, ten texts: two minutes")
    parser.add_argument("--models", nargs="+", choices=MODELS)
    parser.add_argument("--samples", type=int, help="the first so many texts")
    parser.add_argument("--types", nargs="+", choices=[*FILE_TYPES.values()], help="types of files")
    parser.add_argument("--texts", type=Path, help="JSON: objects with instruction, input and output")
    asyncio.run(measure(parser.parse_args()))


if __name__ == "__main__":
    main()
