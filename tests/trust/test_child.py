"""The student's process comes to harm in the middle of a run: it is started again, and the run goes on."""

from __future__ import annotations

import os
import resource
import signal
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from engine.events import Event, Notice, StudentOpened
from engine.sample import Outcome, Ratio
from engine.store.workspace import Workspace
from models.llamacpp import process
from models.student import StudentError
from tests.command import burnish
from tests.conftest import Some
from tests.gguf_writer import aborting, runnable
from tests.running import SHORT, finals, outcomes, refine, settings, workspace
from tests.trust.killing import children

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="reads /proc, and limits another process")

SCORING = {"run": {"method": "score"}}
NOWHERE = "http://127.0.0.1:9"


def no_more_memory(pid: int) -> None:
    """Not a page more than it has."""
    status = Path(f"/proc/{pid}/status").read_text()
    size = int(status.split("VmSize:")[1].split()[0]) * 1024
    resource.prlimit(pid, resource.RLIMIT_AS, (size, size))


HARMS: dict[str, Callable[[int], None]] = {
    "stopped": lambda pid: os.kill(pid, signal.SIGSTOP),
    "aborted": lambda pid: os.kill(pid, signal.SIGABRT),
    "killed": lambda pid: os.kill(pid, signal.SIGKILL),
    "a fault of the memory": lambda pid: os.kill(pid, signal.SIGSEGV),
    "out of memory": no_more_memory,
}


def ratios(found: list[Outcome | None]) -> list[Ratio]:
    return [
        ratio
        for outcome in found
        if outcome and outcome.before
        for ratio in (outcome.before.ifd, outcome.before.r_ifd)
    ]


@pytest.mark.whole
def test_a_run_goes_on_with_another_student_and_ends_as_it_would_have(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, some: Some[str]
) -> None:
    monkeypatch.setattr(process, "SILENCE", 6.0)
    with workspace(tmp_path / "whole.burnish", SHORT[:1]) as opened:
        refine(opened, settings(NOWHERE, **SCORING))
        undisturbed = [ratio.value for ratio in ratios(outcomes(opened))]
    for harm in some(list(HARMS)):
        harmed(tmp_path / f"{harm}.burnish", HARMS[harm], undisturbed)


def harmed(path: Path, harm: Callable[[int], None], undisturbed: list[float | None]) -> None:
    """A run whose student comes to this harm as soon as it is loaded."""
    seen: list[int] = []

    def emit(event: Event) -> None:
        if isinstance(event, StudentOpened):
            seen.extend(children(os.getpid()))
            harm(seen[0])

    with workspace(path, SHORT[:1]) as opened:
        summary = refine(opened, settings(NOWHERE, **SCORING), emit)
        assert (summary.done, summary.failed, len(seen)) == (1, 0, 1)
        assert [ratio.value for ratio in ratios(outcomes(opened))] == pytest.approx(undisturbed, rel=0.05)
    assert not set(seen) & set(children(os.getpid())), "the first one is gone"


def test_a_sample_that_llama_cpp_fails_at_goes_without_its_scores_and_the_run_goes_on(tmp_path: Path) -> None:
    path, student = tmp_path / "w.burnish", aborting(tmp_path / "careless.gguf")
    given = settings(NOWHERE, **SCORING, student={"name": str(student)})
    deadly = {"instruction": "Where was it?", "input": "", "output": "In a caf\u00e9 \x1b[2J."}
    notices: list[str] = []

    def emit(event: Event) -> None:
        if isinstance(event, Notice):
            notices.append(event.text)

    with workspace(path, [SHORT[0], deadly]) as opened:
        assert refine(opened, given, emit).done == 2
        (notice,) = [text for text in notices if "llama.cpp" in text]
        assert notice.startswith("sample 1: llama.cpp was ended by SIGABRT: ")
        assert notice.endswith("twice; a text of it has no score")
        values = [ratio.value is not None for ratio in ratios(outcomes(opened))]
        assert values == [True, True, False, False]
        assert {ratio.reason for ratio in ratios(outcomes(opened))[2:]} == {"llama.cpp fails at this text"}
        notices.clear()
        assert refine(opened, given, emit).done == 2, "and it is not tried again"
        assert notices == []
    assert "llama.cpp fails at this text" in burnish("show", path, 1).out
    with Workspace.read(path) as reading:
        assert reading.count(reading.latest_run()) == (2, 0)


def test_a_student_that_dies_of_anything_ends_the_run_with_one_line(tmp_path: Path) -> None:
    student = runnable(tmp_path / "damaged.gguf", {"llama.attention.layer_norm_rms_epsilon": -1.0})
    with workspace(tmp_path / "w.burnish", SHORT[:2]) as opened:
        with pytest.raises(
            StudentError, match=r"GGML_ASSERT\(.*failed, again and again; see `burnish doctor`"
        ):
            refine(opened, settings(NOWHERE, **SCORING, student={"name": str(student)}))
        assert finals(opened) == [None, None], "nothing is said of samples that nobody weighed"
