"""What is said of this machine holds, on trees of /proc and /sys as real machines have them."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

import pytest

from models.system.machine import (
    GPU,
    Memory,
    gpus,
    install_line,
    linux_cores,
    llama_build,
    memory,
    nvidia_gpus,
    physical_cores,
    within_groups,
)
from models.system.units import GIB, MIB

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
    listing = "NVIDIA GeForce RTX 4090, 24564, 20000\nNVIDIA GB10, [N/A], [N/A]\n"
    assert nvidia_gpus(listing) == (
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
