"""A random part of a dataset: the same one each time, and part of every larger one."""

from __future__ import annotations

import json
from pathlib import Path

from engine.run.part import drawn_of
from engine.run.settings import RunSettings
from engine.store.run_record import RandomPart
from tests.command import REFLECT, burnish
from tests.ollama.server import FakeOllama
from tests.running import SHORT, brief, dataset, outcomes, refine, settings, workspace


def drawn(total: int, sample: int | None, seed: int = 0) -> list[int]:
    return list(drawn_of(range(total), RunSettings(sample=sample, seed=seed)))


def test_a_part_is_drawn_once_for_all_and_a_larger_one_holds_it() -> None:
    assert drawn(1000, None) == drawn(1000, 1000) == drawn(1000, 5000) == list(range(1000))
    ten = drawn(1000, 10)
    assert ten == sorted(set(ten)) == drawn(1000, 10)
    assert set(ten) < set(drawn(1000, 20))
    assert ten != list(range(10))
    assert ten != drawn(1000, 10, seed=1)
    grown = drawn(1010, 10)
    assert len(set(ten) & set(grown)) >= 8, "what is appended takes the place of its share"
    halves = [sum(index < 500 for index in drawn(1000, 100, seed)) for seed in range(20)]
    assert 40 < sum(halves) / len(halves) < 60


def test_a_run_over_a_part_refines_it_and_goes_on_where_it_was(tmp_path: Path) -> None:
    part = drawn(4, 2)
    with FakeOllama(brief) as server, workspace(tmp_path / "w.burnish", SHORT) as opened:
        given = settings(server, run={"sample": 2})
        summary = refine(opened, given, limit=1)
        assert (summary.total, summary.done) == (1, 1)
        summary = refine(opened, given)
        assert (summary.total, summary.done) == (2, 2)
        assert [row is not None for row in outcomes(opened)] == [index in part for index in range(4)]
        assert summary.run.record.part == RandomPart(samples=2, seed=0)
        asked = len(server.chats)
        assert refine(opened, given).total == 2
        assert len(server.chats) == asked
        whole = refine(opened, settings(server))
        assert (whole.run.id, whole.done, whole.run.record.part) == (summary.run.id, 4, None)


def test_the_command_takes_a_part_and_says_so(tmp_path: Path) -> None:
    data = dataset(tmp_path / "data.json", SHORT)
    with FakeOllama(brief) as server:
        options = (*REFLECT, "-w", tmp_path / "w.burnish")
        environment = {"OLLAMA_HOST": server.url}
        ended = burnish("run", data, *options, "--sample", 2, "--seed", 3, "--json", environment=environment)
        told = json.loads(ended.out)
        assert (told["total"], told["done"], told["part"]) == (2, 2, {"samples": 2, "seed": 3})
    assert "random part" in burnish("show", tmp_path / "w.burnish").out
