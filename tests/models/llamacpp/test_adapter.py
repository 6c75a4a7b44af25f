"""A LoRA adapter on a student, and the tokens that it would be trained on."""

from __future__ import annotations

import asyncio
from pathlib import Path

import numpy as np
import pytest

from models.errors import ModelFileError
from models.files.digest import sha256_of
from models.llamacpp.student import EmbeddedStudent
from models.llamacpp.writer import EmbeddedWriter
from models.student import Losses, Passage, PassageIds, Piece
from models.teacher import Fault, TeacherError
from tests import gguf_writer
from tests.gguf_writer import lora

ONE = Passage((Piece("The capital of France is"),), " Paris.")


def losses(model: Path, adapter: Path | None = None, *, exact: bool = True) -> Losses:
    async def run() -> Losses:
        student = EmbeddedStudent(model, digest=sha256_of(model), adapter=adapter, exact=exact, context=64)
        try:
            return (await student.losses([ONE]))[0]
        finally:
            await student.close()

    return asyncio.run(run())


def test_an_adapter_is_added_to_the_weights(tmp_path: Path) -> None:
    model = gguf_writer.runnable(tmp_path / "model.gguf")
    plain, nothing, something = (
        losses(model, adapter).nll
        for adapter in (None, lora(tmp_path / "0.gguf", 0.0), lora(tmp_path / "1.gguf", 1.0))
    )
    assert np.array_equal(plain, nothing)
    assert np.abs(plain - something).max() > 0.01


def test_a_model_writes_with_the_adapter(tmp_path: Path) -> None:
    model = gguf_writer.runnable(tmp_path / "model.gguf")

    async def written(adapter: Path | None) -> str:
        writer = EmbeddedWriter(model, name="student", adapter=adapter, context=64)
        try:
            return (await writer.write(ONE.context, max_tokens=12)).text
        finally:
            await writer.close()

    assert asyncio.run(written(None)) != asyncio.run(written(lora(tmp_path / "1.gguf", 1.0)))
    with pytest.raises(TeacherError, match=r"student: .*none\.gguf") as refused:
        asyncio.run(written(tmp_path / "none.gguf"))
    assert refused.value.fault is Fault.MODEL_MISSING


def test_one_that_is_not_for_the_model_is_refused_and_named(tmp_path: Path) -> None:
    model = gguf_writer.runnable(tmp_path / "model.gguf")
    for adapter, why in (
        (lora(tmp_path / "other.gguf", 1.0, "qwen2"), "arch mismatch"),
        (tmp_path / "none.gguf", "none.gguf"),
    ):
        with pytest.raises(ModelFileError, match=why) as refused:
            losses(model, adapter)
        assert adapter.name in str(refused.value)


@pytest.mark.parametrize("after", ["<|im_end|>\n<|im_start|>user\n", "", "no end token"])
def test_the_tokens_are_those_that_are_scored_and_the_end_is_the_template_s(
    smollm2: Path, after: str
) -> None:
    async def run() -> tuple[list[PassageIds], int | None, Losses]:
        student = EmbeddedStudent(smollm2, digest=sha256_of(smollm2), context=64)
        try:
            chat = Passage((Piece("<|im_start|>", special=True), Piece("<|im_end|>")), "A text.")
            found, end = await student.ids([ONE, chat], after)
            return found, end, (await student.losses([ONE]))[0]
        finally:
            await student.close()

    (one, chat), end, scored = asyncio.run(run())
    assert len(one.target) == scored.tokens
    assert chat.context[0] == 1
    assert 2 not in chat.context  # dataset text is never special
    assert end == 2  # <|im_end|>
