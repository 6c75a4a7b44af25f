"""A first look: samples that differ, an estimate by length, and nothing asked twice by the run that follows."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from engine.pace import Measured
from engine.run.tryout import POOL, Estimate, Layout, by_length, spread, tryout
from engine.store.left import Written, left
from engine.store.workspace import Workspace
from tests.factory import SOURCE, samples
from tests.ollama.server import FakeOllama
from tests.running import SHORT, brief, finals, refine, settings, workspace
from tui.text.tryout_words import estimate_words

GERMAN = "Der Zug nach Hamburg fährt heute leider erst am späten Abend wieder von Gleis neun ab."
ENGLISH = "The train to the coast leaves late in the evening today, from the ninth platform as always."


def row(text: str, times: int = 1, **parts: Any) -> dict[str, Any]:
    return {"instruction": text, "input": "", "output": " ".join([text] * times)} | parts


def test_samples_to_try_are_of_every_length_in_many_languages_and_layouts(tmp_path: Path) -> None:
    rows = [row(ENGLISH, 1 + number // 10) for number in range(60)]
    rows[7] = row(GERMAN)
    rows[25] = row(ENGLISH, 3, output=f"```\n{ENGLISH}\n```\n" * 3)
    rows[44] = row(ENGLISH, 5, input=ENGLISH)
    with workspace(tmp_path / "w.burnish", rows) as opened:
        chosen = spread(opened, 6)
        assert spread(opened, 6) == chosen, "a second look is over the same"
        assert {7, 25, 44} <= set(chosen)
        assert [number // 10 for number in chosen] == [0, 1, 2, 3, 4, 5], "of every length"


def test_of_a_small_dataset_all_are_tried_and_of_an_empty_one_none(tmp_path: Path) -> None:
    for count in (0, 1, 3):
        path = tmp_path / f"{count}.burnish"
        Workspace.create(path, SOURCE, samples(count)).close()
        with Workspace.open(path) as opened:
            assert spread(opened, 3) == tuple(range(count))


def test_of_a_large_dataset_a_part_is_looked_at(tmp_path: Path) -> None:
    count = 3 * POOL
    Workspace.create(tmp_path / "w.burnish", SOURCE, samples(count)).close()
    with Workspace.open(tmp_path / "w.burnish") as opened:
        chosen = spread(opened, 5)
        assert (len(chosen), len(set(chosen)), list(chosen)) == (5, 5, sorted(chosen))


@pytest.mark.parametrize(
    ("text", "layout"),
    [
        ("plain", Layout(input=False, turns=False, code=False, lines=False)),
        ("```\nx\n```", Layout(input=False, turns=False, code=True, lines=False)),
        ("- a\n- b", Layout(input=False, turns=False, code=False, lines=True)),
        ("| a |\n| b |", Layout(input=False, turns=False, code=False, lines=True)),
    ],
)
def test_a_layout_is_what_a_sample_is_made_of(text: str, layout: Layout) -> None:
    (one,) = samples(1)
    changed = one.original.model_copy(update={"input": "", "response": text})
    assert Layout.of(one.model_copy(update={"original": changed})) == layout


def written(opened: Workspace, chosen: Iterable[int]) -> Written:
    """Tokens and seconds of the replies about some samples."""
    replies = [reply for index in chosen for _, reply in opened.replies(index)]
    each = [Written(one.tokens, one.seconds, one.prompt_tokens, one.reading) for one in replies]
    return sum(each, start=Written())


def test_what_was_tried_is_found_by_the_run_that_follows(tmp_path: Path) -> None:
    with FakeOllama(brief) as server, workspace(tmp_path / "w.burnish", SHORT) as opened:
        given = settings(server)
        chosen = spread(opened, 2)
        run = refine(opened, given, only=chosen).run
        asked = len(server.chats)
        found = tryout(opened, run, chosen, Measured(50.0, in_turn=False, unusable_replies=0))
        assert [one.sample.index for one in found.tried] == list(chosen)
        estimate = found.estimate
        assert estimate.left == 2
        whole = written(opened, chosen)
        assert estimate.teacher_speed == pytest.approx(whole.tokens / whole.seconds)
        assert estimate.prompt_speed == pytest.approx(whole.prompt_tokens / whole.reading)
        assert estimate.teacher_tokens == pytest.approx(whole.tokens, rel=0.3), (
            "two more of much the same length"
        )
        assert estimate.prompt_tokens == pytest.approx(whole.prompt_tokens, rel=0.3)
        writing = estimate.teacher_tokens * whole.seconds / whole.tokens
        reading = estimate.prompt_tokens * whole.reading / whole.prompt_tokens
        assert estimate.teacher_seconds == pytest.approx(writing + reading)
        assert reading > 0
        assert estimate.student_seconds is not None
        assert estimate.seconds == max(estimate.teacher_seconds, estimate.student_seconds)
        refine(opened, given, only=chosen)
        assert len(server.chats) == asked
        again = tryout(opened, run, chosen, Measured(0.0, in_turn=True, unusable_replies=0))
        assert again.estimate.teacher_tokens == estimate.teacher_tokens, "from what is kept"
        assert (again.estimate.student_seconds, again.estimate.seconds) == (None, estimate.teacher_seconds)
        refine(opened, given)
        assert len(server.chats) == 2 * asked
        assert all(finals(opened))
        done = tryout(opened, run, chosen, Measured(50.0, in_turn=False, unusable_replies=0)).estimate
        assert (done.left, done.seconds) == (0, 0.0)


@pytest.mark.parametrize(
    ("lengths", "tokens", "total"),
    [
        ([100, 200, 300], [60, 110, 160], 10 * 10 + 0.5 * 9000),  # ten a sample, and half a one a character
        ([100, 200, 300], [50, 50, 50], 50 * 10),
        ([100, 200, 300], [90, 50, 70], 70 * 10),  # longer ones took less: no line but their mean
        ([100, 300], [10, 110], 120 / 400 * 9000),  # no sample takes less than nothing
        ([100], [70], 70 * 10),
        ([100, 100], [60, 80], 70 * 10),
        ([], [], 0),
    ],
)
def test_tokens_go_by_length(lengths: list[int], tokens: list[int], total: float) -> None:
    assert by_length(lengths, tokens, samples=10, characters=9000) == pytest.approx(total)
    assert by_length(lengths, tokens, samples=0, characters=0) == 0


def test_what_was_not_measured_of_the_reading_is_left_out(tmp_path: Path) -> None:
    with FakeOllama(brief) as server, workspace(tmp_path / "w.burnish", SHORT) as opened:
        run = refine(opened, settings(server), only=(0,)).run
        opened.database.execute(
            "UPDATE replies SET body = json_remove(body, '$.reading')"
        )  # as burnish kept them once
        estimate = tryout(opened, run, (0,), Measured(0.0, in_turn=False, unusable_replies=0)).estimate
    assert (estimate.prompt_tokens, estimate.prompt_speed) == (0, None)
    assert estimate.teacher_speed is not None
    assert estimate.teacher_seconds == pytest.approx(estimate.teacher_tokens / estimate.teacher_speed)
    assert "without its reading of prompts" in estimate_words(estimate, 1)


@pytest.mark.whole
def test_requests_at_once_share_the_time(tmp_path: Path) -> None:
    with FakeOllama(brief) as server, workspace(tmp_path / "w.burnish", SHORT) as opened:
        for parallel in (1, 4):
            run = refine(opened, settings(server, teacher={"parallel": parallel}), only=(0,)).run
            estimate = tryout(opened, run, (0,), Measured(0.0, in_turn=False, unusable_replies=0)).estimate
            assert estimate.teacher_speed is not None
            assert estimate.prompt_speed is not None
            assert estimate.teacher_seconds == pytest.approx(
                (
                    estimate.teacher_tokens / estimate.teacher_speed
                    + estimate.prompt_tokens / estimate.prompt_speed
                )
                / parallel
            )


def test_models_in_turn_take_the_time_of_both_and_beside_each_other_that_of_the_slower() -> None:
    one = Estimate(9, 100.0, 10.0, 50.0, 1.0, 60.0, 30.0, in_turn=True)
    assert (one.seconds, replace(one, in_turn=False).seconds) == (90.0, 60.0)


def test_what_is_left_counts_the_characters_of_every_text(tmp_path: Path) -> None:
    rows = [row("ab\x00c", output="déjà"), row("x", input="yz")]
    with FakeOllama(brief) as server, workspace(tmp_path / "w.burnish", rows) as opened:
        run = refine(opened, settings(server, run={"method": "score"}), only=()).run
        assert left(opened, run) == (2, 4 + 4 + 1 + 2 + 1)
