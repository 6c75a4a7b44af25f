"""This machine, as far as two language models and their privacy go.

Its memory, cores and GPUs, how llama.cpp was built, which disks are its own, and which program listens on a port.
"""

from __future__ import annotations

import json
import math
import os
import platform
import re
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import psutil

from models.system.units import MIB

_ELSEWHERE = {  # file systems that are on another machine
    *("afs", "beegfs", "ceph", "cifs", "davfs", "glusterfs", "gpfs", "lustre", "ncpfs", "nfs", "nfs4"),
    *("gcsfuse", "rclone", "s3fs", "smb3", "smbfs", "smbnetfs", "sshfs"),
}


@dataclass(frozen=True, slots=True)
class Memory:
    total: int  # bytes this process may ever have
    available: int  # bytes it could have now without swapping


BACKENDS = {"MTL": "Metal"}
"""The names of llama.cpp's backends, where it has others for them than everybody else."""


@dataclass(frozen=True, slots=True)
class GPU:
    backend: str  # llama.cpp's name for what drives it: "CUDA", "Metal", "Vulkan"
    name: str
    memory: Memory | None  # None: shares the machine's, or the driver does not say


@dataclass(frozen=True, slots=True)
class Build:
    """llama.cpp as it was built into this environment."""

    offload: bool  # it can run layers on a GPU that is here
    backends: tuple[str, ...]  # "CPU", "CUDA", "Metal", "BLAS", ...
    problem: str | None  # why it could not be asked
    gpus: tuple[GPU, ...] = ()  # that it would run layers on


@dataclass(frozen=True, slots=True)
class Listener:
    """A process that takes connections."""

    pid: int
    name: str
    environment: Mapping[str, str]  # that it was started with


def memory() -> Memory:
    """The machine's memory; within a container or a systemd slice, what that leaves of it."""
    whole = psutil.virtual_memory()
    return within_groups(Memory(whole.total, whole.available), Path("/"))


def within_groups(machine: Memory, root: Path) -> Memory:
    """A machine's memory cut down to the Linux control groups this process is in (version 1 or 2), which psutil
    leaves out; `root`: of the tree that /proc and /sys are in."""
    total, available = machine.total, machine.available
    for group in _groups(root, "memory"):
        limit = _number(group / "memory.max") or _number(group / "memory.limit_in_bytes")
        if limit and limit < total:
            used = _number(group / "memory.current") or _number(group / "memory.usage_in_bytes") or 0
            # Cached files count as used, and are given up first.
            cached = re.search(r"^(?:total_)?inactive_file (\d+)", _text(group / "memory.stat"), re.MULTILINE)
            total = limit
            available = min(available, max(0, limit - used + int(cached[1] if cached else 0)))
    return Memory(total, available)


def resident(pid: int) -> int | None:
    """Bytes of memory that a process holds now; None where that cannot be told."""
    try:
        return int(psutil.Process(pid).memory_info().rss)
    except psutil.Error:
        return None


def physical_cores() -> int:
    """Cores this process may use, those that share a core counted once: more threads than that slow llama.cpp down."""
    if sys.platform == "linux":
        return linux_cores(Path("/"), os.sched_getaffinity(0))
    return psutil.cpu_count(logical=False) or os.cpu_count() or 1


def linux_cores(root: Path, allowed: set[int]) -> int:
    """Distinct cores among the `allowed` CPU numbers, by /sys under `root`, and no more than the control groups grant.

    psutil counts those of the whole machine.
    """
    topology = root / "sys/devices/system/cpu"
    siblings = {_text(topology / f"cpu{cpu}/topology/thread_siblings_list") or str(cpu) for cpu in allowed}
    cores = float(len(siblings))
    for group in _groups(root, "cpu"):
        quota, _, period = _text(group / "cpu.max").partition(" ")
        quota = quota or _text(group / "cpu.cfs_quota_us")
        period = period or _text(group / "cpu.cfs_period_us")
        if quota.isdecimal() and period.isdecimal() and int(period):
            cores = min(cores, int(quota) / int(period))
    return max(1, math.ceil(cores))


def file_system(path: Path) -> str | None:
    """The kind of file system that an absolute path is on, such as "ext4" or "nfs4"; None where nobody says."""
    depth, kind = 0, None
    with suppress(OSError, psutil.Error):
        for mount in psutil.disk_partitions(all=True):
            parts = len(Path(mount.mountpoint).parts)
            # Of two at one place the later is seen.
            if parts >= depth and path.is_relative_to(mount.mountpoint):
                depth, kind = parts, mount.fstype.removeprefix("fuse.")
    return kind


def is_elsewhere(kind: str) -> bool:
    """Something written to such a file system goes to another machine."""
    return kind in _ELSEWHERE


def listener(port: int) -> Listener | None:
    """The program that takes connections to a TCP port, of any address of this machine.

    None where there is none, or where it is another user's, which may not be looked into.
    """
    with suppress(OSError, psutil.Error):
        for connection in psutil.net_connections("tcp"):
            if connection.status == psutil.CONN_LISTEN and connection.laddr.port == port and connection.pid:
                process = psutil.Process(connection.pid)
                return Listener(process.pid, process.name(), process.environ())
    return None


def gpus() -> tuple[GPU, ...]:
    """The graphics hardware that llama.cpp could use if it were built for it."""
    if sys.platform == "darwin":
        return (GPU("Metal", "Apple Silicon", None),) if platform.machine() == "arm64" else ()
    query = ("--query-gpu=name,memory.total,memory.free", "--format=csv,noheader,nounits")
    found = nvidia_gpus(_output("nvidia-smi", *query))
    return found or tuple(
        GPU("CUDA", model[1] if (model := re.search(r"Model:\s*(.+)", _text(file))) else "NVIDIA GPU", None)
        for file in sorted(Path("/proc/driver/nvidia/gpus").glob("*/information"))
    )


def nvidia_gpus(csv: str) -> tuple[GPU, ...]:
    """From nvidia-smi's name, memory.total and memory.free, in MiB; some boards share the machine's and say [N/A]."""
    rows = (line.rsplit(", ", 2) for line in csv.splitlines() if line.count(", ") >= 2)
    return tuple(
        GPU(
            "CUDA",
            name,
            Memory(int(total) * MIB, int(free) * MIB) if total.isdecimal() and free.isdecimal() else None,
        )
        for name, total, free in rows
    )


_ASK_BUILD = """
import ctypes, json, llama_cpp
from llama_cpp._ggml import libggml

def call(name, result, *given):
    function = getattr(libggml, "ggml_backend_" + name)
    function.restype, function.argtypes = result, [kind for kind, _ in given]
    return function(*(value for _, value in given))

def text(name, pointer):
    return call(name, ctypes.c_char_p, (ctypes.c_void_p, pointer)).decode("utf-8", "replace")

def each(kind):
    for index in range(call(kind + "_count", ctypes.c_size_t)):
        yield call(kind + "_get", ctypes.c_void_p, (ctypes.c_size_t, index))

def gpu(device):
    free, total = ctypes.c_size_t(), ctypes.c_size_t()
    places = ((ctypes.c_void_p, ctypes.addressof(number)) for number in (free, total))
    call("dev_memory", None, (ctypes.c_void_p, device), *places)
    driver = text("reg_name", call("dev_backend_reg", ctypes.c_void_p, (ctypes.c_void_p, device)))
    return [driver, text("dev_description", device), total.value, free.value]

GPU, INTEGRATED_GPU = 1, 2  # enum ggml_backend_dev_type
offload = bool(llama_cpp.llama_supports_gpu_offload())
kinds = [(device, call("dev_type", ctypes.c_int, (ctypes.c_void_p, device))) for device in each("dev")]
gpus = [gpu(device) for device, kind in kinds if kind in (GPU, INTEGRATED_GPU)]
print(json.dumps([offload, [text("reg_name", backend) for backend in each("reg")], gpus]))
"""


def llama_build() -> Build:
    """Ask llama.cpp, in a process of its own (a second or two): this one stays free of it, whatever it does."""
    try:
        child = _run(sys.executable, "-c", _ASK_BUILD, seconds=60)
        offload, backends, gpus = json.loads(child.stdout.splitlines()[-1])
    except subprocess.CalledProcessError as error:
        return Build(False, (), (error.stderr.strip().splitlines() or [str(error)])[-1])
    except (OSError, subprocess.SubprocessError, ValueError, IndexError) as error:
        return Build(False, (), str(error) or "it says nothing")
    devices = tuple(
        GPU(BACKENDS.get(driver, driver), name, Memory(total, free) if total else None)
        for driver, name, total, free in gpus
    )
    return Build(bool(offload), tuple(map(str, backends)), None, devices)


def install_line(backend: str) -> str:
    """The command that builds llama.cpp for "CUDA" or "Metal" into this environment (llama-cpp-python's README)."""
    package = "llama-cpp-python"
    build = f"uv pip install --reinstall-package {package} --no-binary {package} --no-cache {package}"
    if sys.platform == "win32":
        return f'$env:CMAKE_ARGS="-DGGML_{backend.upper()}=on"; {build}'
    return f'CMAKE_ARGS="-DGGML_{backend.upper()}=on" {build}'


def _groups(root: Path, controller: str) -> Iterator[Path]:
    """The control groups this process is in, from its own to the outermost: each of them may set a limit."""
    for line in _text(root / "proc/self/cgroup").splitlines():
        number, controllers, path = line.split(":", 2)
        mount = root / "sys/fs/cgroup" / ("" if number == "0" else controller)
        if number == "0" or controller in controllers.split(","):
            # In a container the path is the host's; the container's own group is then the mount itself.
            parts = [part for part in path.split("/") if part]
            yield from (mount.joinpath(*parts[:length]) for length in range(len(parts), -1, -1))


def _number(path: Path) -> int | None:
    text = _text(path)
    return int(text) if text.isdecimal() else None


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8", errors="replace").strip()
    except OSError:  # files of /proc and /sys come and go with the kernel; what is not there is not known
        return ""


def _output(*command: str) -> str:
    """The output of a program; nothing, where it is not there or fails."""
    try:
        return _run(*command, seconds=10).stdout.strip()
    except (OSError, subprocess.SubprocessError):
        return ""


def _run(*command: str, seconds: float) -> subprocess.CompletedProcess[str]:
    return subprocess.run(  # noqa: S603  our own command lines, nothing of the user's in them
        command, capture_output=True, encoding="utf-8", errors="replace", timeout=seconds, check=True
    )
