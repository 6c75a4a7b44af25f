"""`burnish doctor` says what is wrong with a machine, and what to do about it."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from engine.health.check import Check
from engine.health.doctor import check
from engine.run.settings import Settings, StudentSettings, TeacherSettings
from models.files.needs import memory_of_tag
from models.system import machine
from models.system.machine import GPU, Build, Memory
from models.system.units import GIB
from tests.gguf_writer import tiny
from tests.ollama.releases import R24, R32, Release
from tests.ollama.server import FakeOllama
from tests.ollama.state import Model

NOWHERE = "127.0.0.1:9"


@pytest.fixture(autouse=True)
def workstation(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Sixteen gigabytes free, no GPU, llama.cpp for the CPU, no settings file."""
    has(monkeypatch, memory=Memory(32 * GIB, 16 * GIB), gpus=(), llama_build=Build(False, ("CPU",), None))
    (tmp_path / "none.toml").touch()
    monkeypatch.setenv("BURNISH_CONFIG", str(tmp_path / "none.toml"))
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.delenv("OLLAMA_MODELS", raising=False)


def has(monkeypatch: pytest.MonkeyPatch, **facts: object) -> None:
    for name, fact in facts.items():
        monkeypatch.setattr(machine, name, lambda fact=fact: fact)


def examine(
    teacher: str | None,
    student: str | None,
    *,
    host: str = NOWHERE,
    context: int = 2048,
    folder: Path = Path(),
) -> dict[str, Check]:
    settings = Settings(
        teacher=TeacherSettings(name=teacher, host=host),
        student=StudentSettings(name=student, context=context),
    )
    checks = asyncio.run(check(settings, folder))
    assert len({one.name for one in checks}) == len(checks)
    assert all(one.fix for one in checks if one.state == "advice")
    return {one.name: one for one in checks}


def test_a_machine_with_everything_has_nothing_to_mend(tmp_path: Path) -> None:
    student = tiny(tmp_path / "student.gguf")
    with FakeOllama() as server:
        checks = examine("qwen0.5b", str(student), host=server.url, folder=tmp_path)
    assert {one.state for one in checks.values()} == {"ok"}
    assert "0.24.0" in checks["Ollama"].finding
    assert "qwen0.5b:latest, Q4_K_M, 469 MiB" in checks["teacher"].finding
    assert "Tiny, llama, Q8_0" in checks["student"].finding


@pytest.mark.parametrize(("release", "left"), [(R24, 2048), (R32, 1026)], ids=["0.24", "0.32"])
def test_what_a_server_does_with_a_prompt_that_is_too_long_is_tried_where_the_teacher_is_loaded(
    release: Release, left: int
) -> None:
    teacher = "smollm2"  # with a template of Ollama's own
    with FakeOllama(release=release) as server:
        assert "long prompts" not in examine(teacher, None, host=server.url)
        assert server.probes == []
        model = server.find(teacher)
        assert model is not None
        server.load(model, {"options": {"num_ctx": 2048}}, 300)
        refused = examine(teacher, None, host=server.url)["long prompts"]
        server.ignored = {"truncate"}
        cut = examine(teacher, None, host=server.url)["long prompts"]
        assert len(server.loads) == 1
    assert refused.state == "ok"
    assert "2048 tokens" in refused.finding
    assert cut.state == "advice"
    assert f"cut to {left}" in cut.finding


def test_no_server_is_a_problem_only_for_a_teacher_that_needs_one(tmp_path: Path) -> None:
    path = tiny(tmp_path / "a.gguf")
    needed = examine("qwen3:8b", str(path))
    assert (needed["Ollama"].state, needed["teacher"].state) == ("problem", "problem")
    embedded = examine(f"gguf:{path}", str(path))
    assert (embedded["Ollama"].state, embedded["teacher"].state) == ("advice", "ok")


def test_a_host_that_is_not_this_machine_is_a_problem() -> None:
    assert examine("qwen3:8b", None, host="203.0.113.7:11434")["Ollama"].state == "problem"


@pytest.mark.parametrize(("disabled", "hidden"), [(False, set()), (True, {"/api/status"})])
def test_a_server_that_would_run_cloud_models_is_to_be_told_not_to(disabled: bool, hidden: set[str]) -> None:
    with FakeOllama(cloud_disabled=disabled, hidden=hidden) as server:
        cloud = examine("qwen0.5b", None, host=server.url)["cloud"]
    assert cloud.state == "advice"
    assert "OLLAMA_NO_CLOUD=1" in cloud.fix


@pytest.mark.parametrize("name", ["gpt-oss:120b-cloud", "big:cloud"])
def test_a_cloud_teacher_is_refused_as_one_also_where_no_server_answers(name: str) -> None:
    teacher = examine(name, None, host="http://127.0.0.1:9")["teacher"]
    assert teacher.state == "problem"
    assert "cloud" in teacher.finding
    assert "does not answer" not in teacher.finding


def test_a_teacher_that_is_missing_or_in_the_cloud_is_a_problem() -> None:
    cloud = Model.named("distant", remote_host="https://cloud.example", remote_model="big")
    with FakeOllama(models=[cloud]) as server:
        assert "burnish pull absent" in examine("absent", None, host=server.url)["teacher"].finding
        assert examine("distant", None, host=server.url)["teacher"].state == "problem"


def test_models_that_cannot_serve_are_named_with_their_reason(tmp_path: Path) -> None:
    embedding = tiny(tmp_path / "e.gguf", {"llama.pooling_type": 1})
    base = tiny(tmp_path / "b.gguf", {"tokenizer.chat_template": None})
    checks = examine(f"gguf:{base}", str(embedding))
    assert "chat template" in checks["teacher"].finding
    assert "embedding model" in checks["student"].finding
    assert checks["teacher"].state == checks["student"].state == "problem"
    nobody = examine(None, None)
    assert nobody["teacher"].state == nobody["student"].state == "advice"


def test_a_context_longer_than_the_student_was_trained_on_is_told(tmp_path: Path) -> None:
    checks = examine(None, str(tiny(tmp_path / "a.gguf")), context=4096)
    assert checks["student"].state == "advice"
    assert "2048" in checks["student"].fix


def test_a_gpu_that_llama_cpp_was_not_built_for_gets_the_line_that_builds_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    has(monkeypatch, gpus=(GPU("CUDA", "NVIDIA RTX", None),))
    llama = examine(None, None)["llama.cpp"]
    assert llama == Check(
        "llama.cpp",
        "advice",
        "built for CPU only, and there is a GPU: NVIDIA RTX",
        machine.install_line("CUDA"),
    )
    has(monkeypatch, llama_build=Build(True, ("CUDA", "CPU"), None))
    assert examine(None, None)["llama.cpp"].state == "ok"


def test_a_llama_cpp_that_does_not_load_is_a_problem(monkeypatch: pytest.MonkeyPatch) -> None:
    has(monkeypatch, llama_build=Build(False, (), "ImportError: libcudart.so.12"))
    assert "libcudart" in examine(None, None)["llama.cpp"].finding


def test_memory_is_weighed_against_the_pair(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    student = tiny(tmp_path / "a.gguf")
    need = memory_of_tag(491400332 + 1922)  # qwen0.5b as recorded
    with FakeOllama() as server:

        def state(free: int) -> str:
            has(monkeypatch, memory=Memory(32 * GIB, free))
            return examine("qwen0.5b", str(student), host=server.url)["memory"].state

        assert state(need + GIB) == "ok"
        assert state(need) == "advice"
        assert state(need - 1) == "problem"
        server.load(next(model for model in server.models if model.name == "qwen0.5b:latest"), {}, 300)
        assert state(need - 1) == "ok"  # it is in memory already


def test_with_offload_the_gpus_memory_counts(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    board = GPU("CUDA", "NVIDIA RTX", Memory(24 * GIB, 1 * GIB))
    has(
        monkeypatch, gpus=(board,), llama_build=Build(True, ("CUDA", "CPU"), None), memory=Memory(32 * GIB, 0)
    )
    assert examine(None, str(tiny(tmp_path / "a.gguf")))["memory"].state == "ok"


def test_the_gpus_that_llama_cpp_finds_itself_count_before_the_drivers(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    board = GPU("Vulkan", "llvmpipe", Memory(2 * GIB, 1 * GIB))
    has(monkeypatch, gpus=(), llama_build=Build(True, ("Vulkan", "CPU"), None, (board,)))
    checks = examine(None, "demo")
    assert checks["llama.cpp"].finding == "built for Vulkan, CPU; runs on llvmpipe"
    assert checks["memory"].finding.startswith("1.0 GiB free on the GPU")
    assert "speed" not in checks


def test_a_slow_quantisation_is_told_where_the_processor_does_the_work(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    slow = examine(None, "demo")["speed"]
    assert "Q4_1" in slow.finding
    assert "llama_model_quantize" in slow.fix
    has(monkeypatch, gpus=(GPU("CUDA", "NVIDIA RTX", None),), llama_build=Build(True, ("CUDA",), None))
    assert "speed" not in examine(None, "demo")


def test_a_folder_that_is_not_there_is_a_problem(tmp_path: Path) -> None:
    assert examine(None, None, folder=tmp_path / "missing")["disk"].state == "problem"
