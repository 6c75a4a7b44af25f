"""The scores of an exchange after its history are PyTorch's, computed in float32 from the strings that a history is."""

from __future__ import annotations

import asyncio
import json
import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from engine.formats.names import Format
from engine.formats.read import open_dataset
from engine.method.scores import distinct_passages, ifd_passages, r_ifd_passages, ratio
from engine.method.templates import TemplateName, prompt_for
from models.llamacpp.student import EmbeddedStudent
from tests import golden
from tests.conftest import Some
from tests.golden import KEYS, Row
from tests.parts import in_part

CONVERSATIONS = golden.HERE / "conversations.jsonl"


def check(model: Path, template: TemplateName, rows: Sequence[Row], *, exact: bool, tolerance: float) -> None:
    samples = list(open_dataset(CONVERSATIONS, Format.MESSAGES).samples())
    assert len(samples) == 16

    async def run() -> None:
        student = EmbeddedStudent(model, digest="sha256:0", exact=exact)
        try:
            prompt = prompt_for(template, await student.open())
            for row in rows:
                sample = samples[row["id"]]
                assert (sample.original.instruction, sample.original.response) == (
                    row["instruction"],
                    row["output"],
                )

                def after(instruction: str, input: str, history: Any = sample.history) -> Any:
                    return prompt(instruction, input, history)

                ifd, r_ifd = ifd_passages(sample.original, after), r_ifd_passages(sample.original, after)
                passages = distinct_passages([ifd, r_ifd])
                losses = dict(zip(passages, await student.losses(passages), strict=True))
                four = (ifd.alone, ifd.given, r_ifd.alone, r_ifd.given)
                for key, passage in zip(KEYS, four, strict=True):
                    found = losses[passage]
                    assert len(found.nll) == row["scored"][key], (row["id"], key)
                    off = abs(math.fsum(found.nll.tolist()) / len(found.nll) - row["loss"][key])
                    assert off < tolerance, (row["id"], key)
                if exact:
                    assert ratio(losses[ifd.alone], losses[ifd.given]).value == pytest.approx(
                        row["ifd"], rel=1e-3
                    )
                    assert ratio(losses[r_ifd.alone], losses[r_ifd.given]).value == pytest.approx(
                        row["r_ifd"], rel=1e-3
                    )
        finally:
            await student.close()

    asyncio.run(run())


def rows_of(name: str) -> list[Row]:
    return [json.loads(line) for line in (golden.HERE / f"{name}.jsonl").read_text("utf-8").splitlines()]


@in_part("template", [TemplateName.CHAT, TemplateName.VICUNA, TemplateName.ALPACA])
def test_exact_losses_after_a_history_are_pytorchs_to_1e_4_nat(
    smollm2_f32: Path, template: TemplateName, some: Some[Row]
) -> None:
    rows = some(rows_of(f"conversations-smollm2-{template}"))
    check(smollm2_f32, template, rows, exact=True, tolerance=1e-4)


def test_a_vocabulary_with_a_start_token_and_its_own_end_agrees_too(gemma_f32: Path, some: Some[Row]) -> None:
    rows = some(some(rows_of("conversations-gemma-vicuna")))
    check(gemma_f32, TemplateName.VICUNA, rows, exact=True, tolerance=1e-4)
