"""The margin at equal length: of the losses that the student computed, of PyTorch's, and as the one that decides."""

from __future__ import annotations

import asyncio
import json
import math
import random
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from engine.method.selection import ComparedLength
from engine.method.token_gain import SampleHalf
from engine.run import session
from engine.sample import Outcome, Rule, Stage, Verdict
from tests import golden
from tests.conftest import made_once
from tests.gguf_writer import runnable
from tests.ollama.script import Chat
from tests.ollama.server import FakeOllama
from tests.parts import in_part
from tests.running import SHORT, brief, demo_rows, outcomes, refine, settings, workspace


def uneven(chat: Chat) -> str:
    """A reply whose parts have from one word to twenty, by the question alone."""
    dice = random.Random("a" + chat.key)

    def longer(part: Any) -> Any:
        if isinstance(part, dict):
            return {name: longer(inner) for name, inner in part.items()}
        return " ".join(dice.choices(part.split(), k=dice.randint(1, 20)))

    return json.dumps(longer(json.loads(brief(chat))))


def margin_over(halves: Sequence[SampleHalf], sign: int) -> tuple[float, tuple[int, int]]:
    """The margin at equal length of what a heat map shows of two versions, and the tokens scored of either."""
    gains = [[token.gain for token in half.tokens if token.gain is not None] for half in halves]
    tokens = min(map(len, gains))
    old, new = (math.fsum(one[:tokens]) / tokens for one in gains)
    return sign * (old - new), (
        len(gains[0]),
        len(gains[1]),
    )  # a gain is alone - given, a log-ratio given - alone


@in_part("starts", [True, False], ids=["with-a-start-token", "without-one"])
@pytest.mark.parametrize("context", [2048, 224], ids=["whole", "truncated"])
def test_it_is_over_the_first_tokens_that_both_versions_have(
    tmp_path: Path, starts: bool, context: int
) -> None:
    student = made_once(
        f"chance-{starts}.gguf", lambda path: runnable(path, {"tokenizer.ggml.add_bos_token": starts})
    )
    with FakeOllama(uneven) as server, workspace(tmp_path / "w.burnish", SHORT) as opened:
        given = settings(server, student={"name": str(student), "context": context})
        refine(opened, given)

        async def check() -> tuple[int, int]:
            compared = cut = 0
            async with session.Session(opened, given, lambda _: None) as models:
                for outcome in outcomes(opened):
                    assert outcome is not None
                    before = opened.sample(outcome.index).original
                    for choice, sign in zip(outcome.choices, (1, -1), strict=True):
                        rewrite = choice.rewrite
                        assert rewrite is not None
                        heats = [await models.heat(outcome.index, version) for version in (before, rewrite)]
                        part = "response" if choice.stage is Stage.INSTRUCTION else "instruction"
                        halves = [getattr(heat, part) for heat in heats]
                        if choice.margin is None:
                            assert choice.equal_length is None
                        else:
                            margin, scored = margin_over(halves, sign)
                            equal = choice.equal_length
                            assert equal is not None
                            assert equal.margin == pytest.approx(margin, abs=1e-9)
                            assert equal.scored == scored
                            assert choice.length_decides == ((choice.margin > 0) != (equal.margin > 0))
                            compared += scored[0] != scored[1]
                            cut += any(half.total > len(half.tokens) for half in halves)
                        if choice.verdict is Verdict.REPLACED:
                            before = rewrite
            return compared, cut

        compared, cut = asyncio.run(check())
        assert compared > 0, "responses of two lengths were compared"
        assert (cut > 0) == (context < 2048)


def test_it_is_that_of_pytorch_s_losses(tmp_path: Path, smollm2_f32: Path) -> None:
    rows = {row["id"]: row for row in golden.demo("smollm2-vicuna")}
    long, short = rows[20], rows[0]

    def reply(chat: Chat) -> str:
        new = {"d_new_instruction": short["instruction"], "e_new_response": short["output"]}
        return json.dumps(json.loads(brief(chat)) | new)

    original = {name: long[name] for name in ("instruction", "input", "output")}
    student = {"name": str(smollm2_f32), "exact": True}
    with FakeOllama(reply) as server, workspace(tmp_path / "w.burnish", [original]) as opened:
        refine(opened, settings(server, student=student))
        (outcome,) = outcomes(opened)
    assert outcome is not None
    found = outcome.choices[0].equal_length
    assert found is not None
    assert (found.scored, found.tokens) == ((21, 6), 6)
    before, after = (
        math.fsum(
            given - alone
            for given, alone in zip(nll["response_given_instruction"][:6], nll["response"][:6], strict=True)
        )
        / 6
        for nll in (long["nll"], short["nll"])
    )
    assert found.margin == pytest.approx(after - before, abs=2e-4)


def by_sign(outcome: Outcome | None) -> list[tuple[Verdict, Rule]]:
    """The verdict and rule of each stage, as the margins at equal length say."""
    assert outcome is not None
    rules = (Rule.LARGER_IFD_EQUAL, Rule.SMALLER_R_IFD_EQUAL)
    return [
        (Verdict.REPLACED if choice.equal_length and choice.equal_length.margin > 0 else Verdict.KEPT, rule)
        for choice, rule in zip(outcome.choices, rules, strict=True)
    ]


@pytest.mark.whole
def test_another_length_decides_over_the_same_replies_and_asks_no_teacher(tmp_path: Path) -> None:
    with FakeOllama(uneven) as server, workspace(tmp_path / "w.burnish", [*SHORT, *demo_rows(4)]) as opened:
        given = settings(server, run={"both_branches": True})
        refine(opened, given)
        whole, run, asked = outcomes(opened), opened.latest_run(), len(server.chats)
        assert any(choice.length_decides for one in whole if one for choice in one.choices)

        choose = partial(session.reselect, opened, given.student, lambda _: None, ask_teacher=False)
        summary = asyncio.run(choose(otherwise={"length": ComparedLength.EQUAL}))
        assert (summary.waiting, len(server.chats)) == ((), asked)
        assert (summary.run.id != run.id, summary.run.recipe.length) == (True, ComparedLength.EQUAL)
        for old, new in zip(whole, outcomes(opened), strict=True):
            assert old is not None
            assert new is not None
            assert [(choice.verdict, choice.rule) for choice in new.choices] == by_sign(new)
            # The first stage compares the same two versions.
            assert old.choices[0].equal_length == new.choices[0].equal_length
            assert (old.choices[0].verdict != new.choices[0].verdict) == old.choices[0].length_decides

        again = asyncio.run(choose())
        assert again.run.recipe.length is ComparedLength.EQUAL, "all else is as in the latest run"
        back = asyncio.run(choose(otherwise={"length": ComparedLength.WHOLE}))
        assert (back.run.id, outcomes(opened), len(server.chats)) == (run.id, whole, asked)


@pytest.mark.whole
def test_what_was_chosen_at_equal_length_may_need_a_reply_that_was_never_asked_for(tmp_path: Path) -> None:
    with FakeOllama(uneven) as server, workspace(tmp_path / "w.burnish", [*SHORT, *demo_rows(4)]) as opened:
        given = settings(server)
        refine(opened, given)
        flipped = tuple(one.index for one in outcomes(opened) if one and one.choices[0].length_decides)
        asked = len(server.chats)
        choose = partial(
            session.reselect,
            opened,
            given.student,
            lambda _: None,
            otherwise={"length": ComparedLength.EQUAL},
        )
        summary = asyncio.run(choose(ask_teacher=False))
        assert (summary.waiting, len(server.chats)) == (flipped, asked)
        summary = asyncio.run(choose(ask_teacher=True))
        assert (summary.waiting, len(server.chats)) == ((), asked + len(flipped))
