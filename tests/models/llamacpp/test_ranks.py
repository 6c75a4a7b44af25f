"""The rank of each scored token comes with its loss, and changes nothing of it."""

from __future__ import annotations

import asyncio
from dataclasses import replace

import numpy as np

from models.llamacpp.student import EmbeddedStudent
from models.student import WORST_RANK, Losses, Passage, Piece
from tests.conftest import made_once
from tests.gguf_writer import runnable


def test_ranks_are_those_of_the_logits_that_the_losses_are_from() -> None:
    text = "Some words, that a model of chance finds as likely as any others."
    passages = [
        Passage((), text),
        Passage((Piece("Say something. "),), text, ranked=True),
        Passage((), text[::-1], ranked=True),
        Passage((Piece("Say something. "),), text),
    ]

    async def scored() -> tuple[list[Losses], list[Losses]]:
        student = EmbeddedStudent(made_once("chance.gguf", runnable), digest="x", context=512)
        try:
            together = await student.losses(passages)
            return together, [(await student.losses([replace(one, ranked=True)]))[0] for one in passages]
        finally:
            await student.close()

    together, alone = asyncio.run(scored())
    assert [one.ranks is not None for one in together] == [False, True, True, False]
    np.testing.assert_allclose(together[1].nll, together[3].nll, atol=1e-3)
    for one, again in zip(together, alone, strict=True):
        assert again.ranks is not None
        assert len(again.ranks) == len(again.nll) == len(one.nll)
        assert again.ranks.min() >= 1
        assert again.ranks.max() <= WORST_RANK
        # A token of a lower rank has a larger loss wherever the others are of one distribution: a rough check.
        assert (again.nll[again.ranks == 1] <= np.log(512)).all()
