"""Which of several candidates is held against what was there, by each measure."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
import pytest

from engine.method.candidates import OF_RESPONSES, CandidatesBy, worth_by_losses
from engine.method.scores import TokenRatio, ratio
from engine.sample import Stage, Verdict
from engine.store.choosing import ChosenBy
from models.student import Losses
from tests.engine.method.test_refine import ScriptedModels, improvement, reflection, run, with_response
from tests.engine.method.test_refine import X as FIRST
from tests.factory import token_ratio

INSTRUCTION, RESPONSE = Stage
SECOND = with_response(FIRST, "a longer y+").model_copy(update={"instruction": "x+"})
THIRD = with_response(FIRST, "the longest y of all").model_copy(update={"instruction": "x++"})
OFFERED = (FIRST, SECOND, THIRD)
SCRIPT = {
    **{(INSTRUCTION, n): reflection(version, f"Critique {n}.") for n, version in enumerate(OFFERED)},
    **{(RESPONSE, n): improvement(f"z{n}" + "!" * n) for n in range(3)},
}


def score(alone: Sequence[float], given: Sequence[float], ranks: Sequence[int] | None = None) -> TokenRatio:
    """IFD from a response's losses, by itself and after its instruction."""
    before, after = np.array(alone, np.float32), np.array(given, np.float32)
    ranked = None if ranks is None else np.array(ranks, np.uint8)
    count, lengths = len(alone), np.ones(len(alone), np.uint16)
    about = ratio(Losses(before, lengths, count, count), Losses(after, lengths, count, count))
    return TokenRatio(about, before, after, ranked)


def test_the_measures_are_those_of_an_export_and_the_paper_s() -> None:
    assert {*CandidatesBy} == {"paper", *ChosenBy}


def test_each_measure_of_losses_prefers_its_own_end() -> None:
    ifds = [
        score([2, 2, 2, 2], [1.9, 1.9, 1.9, 1.9], [9, 9, 9, 9]),  # IFD 0.90; all tokens gain next to nothing
        score([4, 1, 1, 1], [1, 1, 1, 1], [1, 1, 1, 1]),  # IFD 0.47; one token gains much
        score([1, 1, 1, 1], [1.5, 1.5, 1.5, 1.5], [3, 3, 3, 3]),  # IFD 1.65: the instruction does not help
        score([3, 3, 3, 3], [2.6, 2.4, 2.5, 2.5], None),  # IFD 0.61; nobody kept its ranks
    ]
    found = {by: worth_by_losses(by, ifds) for by in OF_RESPONSES}
    assert found[CandidatesBy.IFD] == [ifds[0].ratio.value, ifds[1].ratio.value, None, ifds[3].ratio.value]
    # The median of all sixteen |gains| is 0.4: four are 0.1, three 0, one 3, and of those above it six 0.5 or 0.6.
    alike = pytest.approx(math.exp(-(0.6 + 0.5 + 0.5) / 3), rel=1e-6)
    assert found[CandidatesBy.S_IFD] == [None, pytest.approx(math.exp(-3)), None, alike]
    assert found[CandidatesBy.RSR] == [
        pytest.approx(-36 / 7.6),
        pytest.approx(-1.0),
        pytest.approx(-2.0),
        None,
    ]
    assert found[CandidatesBy.LOSS] == pytest.approx([-1.9, -1.0, -1.5, -2.5])


def test_what_has_no_score_has_no_worth() -> None:
    none = token_ratio(None)
    for by in OF_RESPONSES:
        assert worth_by_losses(by, [none, none]) == [None, None]


@pytest.mark.parametrize(
    ("by", "first", "second"),
    [
        ("paper", SECOND, "z0"),  # the largest IFD, the smallest r-IFD
        ("ifd", SECOND, "z1!"),
        ("loss", FIRST, "z2!!"),
        ("length", THIRD, "z2!!"),
        ("margin", SECOND, "z0"),
    ],
)
def test_the_best_by_the_measure_is_held_against_what_was_there(by: str, first: object, second: str) -> None:
    ifds = {
        **{"y0": -1.0, "y'": -0.9, "a longer y+": -0.3, "the longest y of all": -0.5},
        **{"z0": -0.7, "z1!": -0.2, "z2!!": -0.8},
    }
    models = ScriptedModels(SCRIPT, ifds=ifds, r_ifds={"z0": -1.9, "z1!": -1.5, "z2!!": -1.2})
    outcome = run(models, candidates=3, candidates_by=by)
    of_instruction, of_response = outcome.choices
    assert (of_instruction.rewrite, of_instruction.verdict) == (first, Verdict.REPLACED)
    assert of_instruction.critique == {"Critique": f"Critique {OFFERED.index(of_instruction.rewrite)}."}
    assert of_response.rewrite is not None
    assert of_response.rewrite.response == second
    asked = [name for name, versions in models.scored if len(versions) == 3]
    assert asked == ["ifd"] * (by in ("ifd", "loss")), (
        "the candidates' IFD at the second stage, where it is needed"
    )


def test_the_stage_s_own_score_decides_whether_it_replaces_what_was_there() -> None:
    ifds = {"y0": -1.0, "y'": -0.5, "a longer y+": -0.4, "the longest y of all": -2.0}
    models = ScriptedModels(SCRIPT, ifds=ifds, r_ifds={"z0": -0.5, "z1!": -3.0, "z2!!": 1.0})
    first, second = run(models, candidates=3, candidates_by="length").choices
    assert (first.rewrite, first.verdict, first.margin) == (THIRD, Verdict.KEPT, -1.0)
    assert second.rewrite is not None
    assert (second.rewrite.response, second.verdict) == ("z2!!", Verdict.KEPT)


def test_where_none_has_the_measure_it_is_the_best_by_the_stage_s_score() -> None:
    ifds = {"y0": 0.1, "y'": 0.2, "a longer y+": 0.9, "the longest y of all": 0.4}  # no IFD below 1
    first, _ = run(ScriptedModels(SCRIPT, ifds=ifds), candidates=3, candidates_by="ifd").choices
    assert (first.rewrite, first.verdict) == (SECOND, Verdict.REPLACED)
    first, _ = run(ScriptedModels(SCRIPT, ifds=ifds), candidates=3, candidates_by="rsr").choices
    assert first.rewrite == SECOND, "no ranks"


def test_a_candidate_without_the_stage_s_score_is_never_the_best() -> None:
    models = ScriptedModels(SCRIPT, ifds={"the longest y of all": None})
    first, _ = run(models, candidates=3, candidates_by="length").choices
    assert first.rewrite == SECOND


def test_chance_is_the_seed_s_and_takes_every_candidate_sometimes() -> None:
    def drawn(seed: int) -> object:
        return run(ScriptedModels(SCRIPT), candidates=3, candidates_by="random", seed=seed).choices[0].rewrite

    assert [drawn(seed) for seed in range(3)] == [drawn(seed) for seed in range(3)]
    assert {drawn(seed) for seed in range(20)} == set(OFFERED)


def test_one_candidate_alone_is_held_against_what_was_there_by_any_measure() -> None:
    for by in CandidatesBy:
        models = ScriptedModels(SCRIPT)
        assert run(models, candidates=1, candidates_by=by).choices[0].rewrite == FIRST
        assert all(len(versions) <= 2 for _, versions in models.scored)
