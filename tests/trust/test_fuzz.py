"""Nothing that is read crashes burnish: thousands of damaged inputs here, a hundred thousand in `tests.trust.fuzz`."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from random import Random
from tempfile import TemporaryDirectory

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.command import ALONE
from tests.trust.fuzz import gguf_children
from tests.trust.fuzz.targets import TARGETS
from tests.trust.fuzz.watch import HangError, watched

CASES = {
    "datasets": 350,
    "parquet": 80,
    "replies": 300,
    "gguf-heads": 350,
    "gguf-children": 3,
    "settings": 80,
    "keymaps": 50,
    "remembered": 150,
    "ollama-answers": 60,
    "openai-answers": 60,
    "workspaces": 20,
    "commands": 15,
}
"""Targets whose cases take about half a second each."""

KEPT = sorted(path for path in (Path(__file__).parent / "fuzz" / "cases").glob("*/*") if path.is_file())


@pytest.fixture(autouse=True)
def alone(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in ALONE.items():
        monkeypatch.setenv(name, value)


@pytest.fixture
def folder() -> Iterator[Path]:
    with TemporaryDirectory() as name:
        yield Path(name)


def test_every_target_is_fuzzed() -> None:
    assert CASES.keys() == TARGETS.keys()


@pytest.mark.parametrize("name", CASES)
def test_damaged_input_is_taken_or_refused_as_documented(
    name: str, folder: Path, pytestconfig: pytest.Config
) -> None:
    target, _ = TARGETS[name]
    count = CASES[name] * 20 if pytestconfig.getoption("--whole") else CASES[name] // 2
    checks = list(HealthCheck)

    # The dice are Hypothesis', so that what is found is also made small.
    @settings(max_examples=max(1, count // 10), deadline=None, derandomize=True, suppress_health_check=checks)
    @given(st.randoms(use_true_random=False))
    def holds(dice: Random) -> None:
        with watched():
            target.judge(target.make(dice), folder)

    holds()
    # Its own work is most of the time of these: plain dice do the rest.
    for number in range(count * 9 // 10):
        with watched():
            target.judge(target.make(Random(f"tests/{name}/{number}")), folder)


@pytest.mark.parametrize("path", KEPT, ids=lambda path: f"{path.parent.name}/{path.name}")
def test_what_was_once_found_is_not_found_again(path: Path, folder: Path) -> None:
    with watched():
        TARGETS[path.parent.name][0].judge(path.read_bytes(), folder)


@pytest.mark.whole
@pytest.mark.parametrize("key", gguf_children.CHANGES)
def test_a_model_with_one_field_bent_runs_or_costs_one_line(key: str, folder: Path) -> None:
    """At one in ten of these llama.cpp asserts."""
    for value in gguf_children.CHANGES[key]:
        with watched():
            gguf_children.judge(gguf_children.runs({key: value}), folder)


def test_a_table_of_sixty_thousand_columns_is_read_in_time(folder: Path) -> None:
    header = ["instruction", "output", *(f"column {number}" for number in range(60_000))]
    with watched():
        assert TARGETS["datasets"][0].judge(",".join(header).encode() + b"\na,b" + b"," * 60_000, folder)


def test_a_case_that_computes_for_ever_is_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tests.trust.fuzz.watch.SECONDS", 0.05)

    def compute() -> None:
        while True:
            pass

    with pytest.raises(HangError), watched():
        compute()
