"""Exchanges as the tokens that are learnt, and as the passages that are evaluated."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from engine.method.templates import TemplateName, prompt_for
from engine.sample import Turn, Version
from engine.trial.arms import Exchange
from engine.trial.losses import HeldOutLosses, held_out_losses
from engine.trial.passages import after_answer, examples_of, passages_of
from models.files.digest import sha256_of
from models.llamacpp.student import EmbeddedStudent
from models.student import Passage, Piece
from models.training.job import Example
from tests.conftest import made_once
from tests.gguf_writer import aborting, runnable

END = 257  # "<|im_end|>", the vocabulary's own and the chat template's


def examples(template: TemplateName, exchanges: list[Exchange], context: int) -> list[Example | None]:
    model = made_once("chance.gguf", runnable)

    async def run() -> list[Example | None]:
        student = EmbeddedStudent(model, digest=sha256_of(model), context=context)
        try:
            prompt = prompt_for(template, await student.open())
            return await examples_of(student, passages_of(exchanges, prompt), after_answer(prompt), context)
        finally:
            await student.close()

    return asyncio.run(run())


def exchange(answer: str, question: str = "Name a colour.") -> Exchange:
    before = Turn(role="user", text="Hello."), Turn(role="assistant", text="Hello to you.")
    return Exchange(Version(instruction=question, response=answer), before, ())


@pytest.mark.parametrize("template", [TemplateName.VICUNA, TemplateName.CHAT])
def test_an_answer_is_learnt_with_the_token_that_ends_it_and_cut_where_the_context_ends(
    template: TemplateName,
) -> None:
    short, again, long, crowded = examples(
        template,
        [exchange("Red."), exchange("Red."), exchange("Red. " * 200), exchange("Red. " * 9, "Name " * 99)],
        400,
    )
    assert short is not None
    assert short == again
    assert len(short.answer) == len("Red.") + 1  # a token a byte
    assert short.answer[-1] == END
    assert END not in short.answer[:-1]
    assert long is not None
    assert long.context == short.context
    assert len(long.context) + len(long.answer) == 400
    assert crowded is None


def test_a_text_that_llama_cpp_fails_at_is_left_out_and_no_other(tmp_path: Path) -> None:
    model = aborting(tmp_path / "model.gguf")
    passages = [Passage((Piece("Say a word."),), answer) for answer in ("yes yes", "é", "no no")]

    async def run() -> tuple[list[Example | None], HeldOutLosses]:
        student = EmbeddedStudent(model, digest=sha256_of(model), context=64)
        try:
            learnt = await examples_of(student, passages, "", 64)
            return learnt, await held_out_losses(student, passages, [None, *passages[1:]])
        finally:
            await student.close()

    learnt, found = asyncio.run(run())
    assert [example is None for example in learnt] == [False, True, False]
    assert [loss is None for loss in found.original] == [False, True, False]
    assert found.refined == [None, None, found.original[2]]
