"""Passages that are tokens already are scored as the texts that they are the tokens of."""

from __future__ import annotations

import asyncio
from dataclasses import replace

import numpy as np

from models.llamacpp.student import EmbeddedStudent
from models.student import Losses, Passage, PassageIds, Piece, TokenPassage
from tests.conftest import made_once
from tests.gguf_writer import runnable

TEXTS = [
    Passage((Piece("Say something. "),), "Some words, that a model of chance finds likely.", ranked=True),
    Passage((Piece("Say something. "),), "Others.", ranked=True),
    Passage((Piece("And here?"),), "No.", ranked=True),
]


def test_the_losses_are_those_of_the_text_and_the_first_token_has_one() -> None:
    async def scored() -> tuple[list[PassageIds], list[Losses], list[Losses]]:
        student = EmbeddedStudent(made_once("chance.gguf", runnable), digest="x", context=512)
        try:
            ids, _ = await student.ids(TEXTS)
            tokens = [TokenPassage(tuple(one.context.tolist()), tuple(one.target.tolist())) for one in ids]
            mixed = await student.losses([tokens[0], TEXTS[1], *tokens[1:], TEXTS[0], TEXTS[2]])
            return ids, [mixed[0], *mixed[2:4]], [mixed[4], mixed[1], mixed[5]]
        finally:
            await student.close()

    ids, of_tokens, of_texts = asyncio.run(scored())
    for one, tokens, text in zip(ids, of_tokens, of_texts, strict=True):
        assert tokens.ranks is not None
        assert text.ranks is not None
        assert len(tokens.nll) == len(tokens.ranks) == len(one.target)
        shared = len(text.nll)  # a text's first token is not scored where nothing comes before it
        assert len(tokens.nll) - shared <= 1
        np.testing.assert_allclose(tokens.nll[-shared:], text.nll, atol=1e-3)


def test_a_passage_may_have_a_token_more_than_the_window_which_is_predicted_and_not_read() -> None:
    async def scored() -> list[Losses]:
        student = EmbeddedStudent(made_once("chance.gguf", runnable), digest="x", context=64)
        try:
            fits = TokenPassage((1,) * 60, (2, 3, 4, 5, 6))
            return await student.losses([fits, replace(fits, context=(1,) * 62)])
        finally:
            await student.close()

    fits, cut = asyncio.run(scored())
    assert (len(fits.nll), fits.truncated) == (5, False)
    assert np.isfinite(fits.nll).all()
    assert (len(cut.nll), cut.truncated) == (3, True)
