"""A score is made of two losses over the same tokens, or it is none and says why."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.method.scores import MIN_TARGET, distinct_passages, ifd_passages, r_ifd_passages, ratio
from engine.method.templates import alpaca, guess, vicuna
from engine.sample import Ratio, Version
from models.student import Losses, Passage

GOLDEN = Path(__file__).parents[2] / "golden"
LONG = 4096


def losses_of(nll: list[float], *, room: int = LONG, tokens: int | None = None, bos: bool = True) -> Losses:
    """A student's losses for a target: without a BOS its first token is kept but not scored."""
    kept = len(nll) + (not bos)
    lengths = np.ones(kept, np.uint16)
    return Losses(np.array(nll, np.float32), lengths, kept if tokens is None else tokens, room)


def in_window(nll: list[float], room: int, *, bos: bool) -> Losses:
    """A student's losses for a target whose tokens have these losses, where only `room` of them fit."""
    kept = min(len(nll), max(room, 0))
    return Losses(np.array(nll[:kept][not bos :], np.float32), np.ones(kept, np.uint16), len(nll), room)


def unscorable(score: Ratio) -> str:
    """The reason of a score that is missing in all its fields."""
    assert (score.value, score.log_ratio, score.alone, score.given) == (None, None, None, None)
    assert score.reason
    return score.reason


# Against numbers computed elsewhere

WITH_LOSSES = [
    pytest.param(row, id=f"{path.stem}-{row['id']}")
    for path in sorted(GOLDEN.glob("demo-*.jsonl"))
    for row in map(json.loads, path.read_text("utf-8").splitlines())
    if "nll" in row
]


@pytest.mark.parametrize("row", WITH_LOSSES)
def test_both_ratios_agree_with_the_ones_pytorch_computed(row: dict[str, Any]) -> None:
    for name, alone, conditional in (
        ("ifd", "response", "response_given_instruction"),
        ("r_ifd", "instruction", "instruction_given_response"),
    ):
        nll, bos = row["nll"], bool(row["bos"])
        score = ratio(losses_of(nll[alone], bos=bos), losses_of(nll[conditional], bos=bos))
        assert score.value == pytest.approx(row[name], rel=1e-4)
        assert score.alone is not None
        assert score.given is not None
        assert score.alone.scored == score.given.scored == row["scored"][alone]
        assert score.alone.mean == pytest.approx(row["loss"][alone], abs=1e-5)
        assert score.given.mean == pytest.approx(row["loss"][conditional], abs=1e-5)


# Which passages are asked for


def test_ifd_asks_for_the_response_alone_and_after_the_prompt() -> None:
    version = Version(instruction="Add.", input="1 2", response="3")
    question = ifd_passages(version, vicuna)
    assert question.alone == Passage((), "3")
    assert question.given == Passage(vicuna("Add.", "1 2"), "3", ranked=True)


def test_r_ifd_asks_for_the_instruction_and_its_input_alone_and_after_the_guess() -> None:
    version = Version(instruction="Add.", input="1 2", response="3")
    question = r_ifd_passages(version, alpaca)
    assert question.alone == Passage((), "Add.\n1 2")
    assert question.given == Passage(alpaca(guess("3"), ""), "Add.\n1 2")


def test_without_an_input_the_r_ifd_target_is_the_instruction_and_nothing_else() -> None:
    assert r_ifd_passages(Version(instruction="Add.", response="3"), vicuna).alone.target == "Add."


def test_dataset_text_is_never_special_in_a_published_template() -> None:
    version = Version(instruction="<|im_end|>", input="</s>", response="<s>")
    for question in (ifd_passages(version, vicuna), r_ifd_passages(version, vicuna)):
        assert not any(piece.special for piece in question.given.context)


@pytest.mark.parametrize("first_wins", [True, False])
@pytest.mark.parametrize("second_wins", [True, False])
def test_selective_reflection_on_one_sample_is_seven_passages(first_wins: bool, second_wins: bool) -> None:
    v0 = Version(instruction="x0", input="u0", response="y0")
    rewritten = Version(instruction="x'", response="y'")
    v1 = rewritten if first_wins else v0
    v2 = v1.model_copy(update={"response": "y''"})
    asked = distinct_passages(
        [
            ifd_passages(v0, vicuna),
            ifd_passages(rewritten, vicuna),
            r_ifd_passages(v1, vicuna),
            r_ifd_passages(v2, vicuna),
        ]
    )
    assert len(asked) == len(set(asked)) == 7
    final = distinct_passages([ifd_passages(v2 if second_wins else v1, vicuna), r_ifd_passages(v2, vicuna)])
    assert len(set(final) - set(asked)) == (2 if second_wins else 0)


def test_passages_keep_the_order_they_were_asked_in() -> None:
    a, b = ifd_passages(Version(instruction="i", response="a"), vicuna), Passage((), "a")
    assert distinct_passages([a, a]) == [b, a.given]


# The ratio


@settings(max_examples=150, deadline=None)
@given(
    nll=st.lists(st.tuples(st.floats(0, 60, width=32), st.floats(0, 60, width=32)), max_size=40),
    window=st.integers(1, 60),
    context=st.integers(0, 60),
    bos=st.booleans(),
)
def test_both_losses_are_over_the_same_tokens_or_there_is_no_score(
    nll: list[tuple[float, float]], window: int, context: int, bos: bool
) -> None:
    alone = in_window([a for a, _ in nll], window - bos, bos=bos)
    after = in_window([g for _, g in nll], window - bos - context, bos=bos)
    score = ratio(alone, after)

    room = max(window - bos - context, 0)
    kept = nll[:room][not bos :]
    assert score.truncated == (room < len(nll))
    if not kept or (score.truncated and room < MIN_TARGET):
        unscorable(score)
        return
    assert score.reason is None
    assert score.alone is not None
    assert score.given is not None
    assert score.alone.scored == score.given.scored == len(kept)
    assert score.alone.mean == pytest.approx(sum(a for a, _ in kept) / len(kept))
    assert score.given.mean == pytest.approx(sum(g for _, g in kept) / len(kept))
    assert score.log_ratio == score.given.mean - score.alone.mean
    assert score.value == math.exp(score.log_ratio) > 0


@settings(max_examples=50, deadline=None)
@given(
    short=st.lists(st.floats(0, 30, width=32), min_size=1, max_size=20),
    tail=st.lists(st.floats(0, 30, width=32), min_size=1, max_size=20),
)
def test_what_only_one_passage_had_room_for_counts_in_neither(short: list[float], tail: list[float]) -> None:
    whole = short + tail
    cut = losses_of(short, tokens=len(whole), room=MIN_TARGET)
    assert ratio(losses_of(whole), cut).alone == ratio(losses_of(short), losses_of(short)).alone
    assert ratio(cut, losses_of(whole)).given == ratio(losses_of(short), losses_of(short)).given
    assert ratio(losses_of(whole), cut).truncated
    assert ratio(cut, losses_of(whole)).truncated


def test_the_score_says_how_little_the_context_helps() -> None:
    helped, hindered = (
        ratio(losses_of([3.0, 1.0]), losses_of([1.0, 1.0])),
        ratio(losses_of([1.0]), losses_of([1.5])),
    )
    assert helped.value == pytest.approx(math.exp(-1))
    assert hindered.value == pytest.approx(math.exp(0.5))


# Unscorable


def test_an_empty_text_has_no_score() -> None:
    nothing = Losses(np.empty(0, np.float32), np.empty(0, np.uint16), 0, LONG)
    assert unscorable(ratio(nothing, nothing)) == "the text is empty"


def test_one_token_without_a_start_token_has_no_score_and_with_one_it_has() -> None:
    assert "the first has nothing before it" in unscorable(
        ratio(losses_of([], bos=False), losses_of([], bos=False))
    )
    assert ratio(losses_of([2.0]), losses_of([2.0])).value == 1


@pytest.mark.parametrize("room", [15, 1, 0, -300])
def test_a_target_cut_below_sixteen_tokens_has_no_score_and_the_numbers_say_why(room: int) -> None:
    nll = [1.0] * 40
    score = ratio(in_window(nll, LONG, bos=True), in_window(nll, room, bos=True))
    assert score.truncated
    reason = unscorable(score)
    assert f"leaves {max(room, 0)} tokens" in reason
    assert f"raise --context by {40 - room} or more" in reason
    assert reason.endswith("for 40")


def test_a_target_cut_to_sixteen_tokens_has_a_score_and_a_short_whole_one_too() -> None:
    nll = [1.0] * 40
    cut = ratio(in_window(nll, LONG, bos=True), in_window(nll, 16, bos=True))
    assert (cut.value, cut.truncated) == (1, True)
    whole = ratio(in_window(nll[:2], 2, bos=True), in_window(nll[:2], 2, bos=True))
    assert (whole.value, whole.truncated) == (1, False)


@pytest.mark.parametrize("bad", [math.nan, math.inf])
@pytest.mark.parametrize("side", ["alone", "given", "both"])
def test_losses_that_are_no_numbers_make_no_score(bad: float, side: str) -> None:
    good, broken = losses_of([1.0, 2.0]), losses_of([1.0, bad])
    score = ratio(broken if side != "given" else good, broken if side != "alone" else good)
    assert "not finite" in unscorable(score)


@pytest.mark.parametrize(("alone", "after"), [(0.0, 1e4), (0.0, 3e38), (1e4, 0.0)])
def test_losses_too_far_apart_for_a_ratio_make_no_score(alone: float, after: float) -> None:
    unscorable(ratio(losses_of([alone]), losses_of([after])))
