"""Training in a process of its own: interrupted and gone on with, and what llama.cpp and PyTorch make of an adapter."""

from __future__ import annotations

import asyncio
import json
import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from models.errors import ModelFileError
from models.files.digest import sha256_of
from models.llamacpp.student import EmbeddedStudent
from models.student import Losses, Passage, PassageIds, Piece
from models.training.job import (
    ADAPTER,
    CHECKPOINT,
    LOSSES,
    Example,
    Job,
    Part,
    Report,
    Stepped,
    TakenUp,
    Training,
)
from models.training.process import train
from tests.gguf_writer import in_parts, runnable
from tests.parts import in_part
from tests.trial_environment import PYTHON, environment, trains

pytestmark = trains

PASSAGES = [
    Passage((Piece(f"Say what {thing} is."),), f" {thing.capitalize()} is what people call {thing}.")
    for thing in ("rain", "a bridge", "the sea", "bread")
]


@pytest.fixture(autouse=True)
def in_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "executable", PYTHON)
    for name, value in environment().items():
        monkeypatch.setenv(name, value)


def ids(model: Path) -> list[PassageIds]:
    async def run() -> list[PassageIds]:
        student = EmbeddedStudent(model, digest=sha256_of(model), context=128)
        try:
            return (await student.ids(PASSAGES))[0]
        finally:
            await student.close()

    return asyncio.run(run())


def job(model: Path, folder: Path) -> Job:
    examples = tuple(Example(tuple(one.context.tolist()), tuple(one.target.tolist())) for one in ids(model))
    steps = tuple((Part(n % 4, 0, 6), Part((n + 1) % 4, 4, 9)) for n in range(6))
    trainings = tuple(Training(folder / str(seed), seed, steps) for seed in (1, 2))
    return Job(
        student=model,
        parts=(model,),
        base=None,
        rank=4,
        alpha=8,
        rate=2e-2,
        examples=examples,
        trainings=trainings,
    )


class Stopped(Exception):  # noqa: N818
    pass


def test_a_training_that_was_killed_ends_as_one_that_was_not(tmp_path: Path) -> None:
    model = runnable(tmp_path / "sha256-0123")  # as Ollama names a model's file
    straight, killed = (job(model, tmp_path / name) for name in ("straight", "killed"))
    asyncio.run(train(straight, lambda _: None))

    def stop(report: Report) -> None:
        if isinstance(report, Stepped) and (report.training, report.step) == (1, 4):
            raise Stopped

    with pytest.raises(Stopped):
        asyncio.run(train(killed, stop))
    assert (killed.trainings[1].folder / CHECKPOINT).exists()
    told: list[Report] = []
    asyncio.run(train(killed, told.append))
    first, second = (report for report in told if isinstance(report, TakenUp))
    assert first.steps == 6
    assert 0 < second.steps < 6
    for one, other in zip(straight.trainings, killed.trainings, strict=True):
        for name in (ADAPTER, "adapter_model.safetensors", LOSSES):
            assert (one.folder / name).read_bytes() == (other.folder / name).read_bytes()
        assert not (other.folder / CHECKPOINT).exists()
        assert all(path.stat().st_mode & 0o077 == 0 for path in other.folder.iterdir())
    losses = [
        json.loads(line)["loss"] for line in (straight.trainings[0].folder / LOSSES).read_text().splitlines()
    ]
    assert len(losses) == 6
    assert losses[-1] < losses[0]

    # Both forms of the adapter are one: on weights in F32, llama.cpp's losses and PyTorch's are the same.
    folder = straight.trainings[0].folder
    plain, adapted = (scored(model, adapter) for adapter in (None, folder / ADAPTER))
    answer = subprocess.run(
        [PYTHON, "-m", "tests.models.training.pytorch_losses", model, folder],
        input=json.dumps([[one.context.tolist(), one.target.tolist()] for one in ids(model)]),
        env=os.environ | environment(),
        capture_output=True,
        text=True,
        check=True,
    )
    for before, ours, theirs in zip(plain, adapted, json.loads(answer.stdout), strict=True):
        assert np.abs(ours.nll - np.array(theirs[-len(ours.nll) :])).max() < 1e-3
        assert np.abs(ours.nll - before.nll).max() > 0.5


def scored(model: Path, adapter: Path | None) -> list[Losses]:
    async def run() -> list[Losses]:
        student = EmbeddedStudent(model, digest=sha256_of(model), adapter=adapter, context=128, exact=True)
        try:
            return await student.losses(PASSAGES)
        finally:
            await student.close()

    return asyncio.run(run())


@pytest.mark.whole
def test_a_checkpoint_takes_the_place_of_the_gguf_s_weights_where_it_is_the_same_model(
    tmp_path: Path,
) -> None:
    model, checkpoint = runnable(tmp_path / "model.gguf"), tmp_path / "checkpoint"
    subprocess.run(
        [PYTHON, "-m", "tests.models.training.checkpoint", model, checkpoint],
        env=os.environ | environment(),
        capture_output=True,
        check=True,
    )
    of_gguf, of_checkpoint = (job(model, tmp_path / name) for name in ("gguf", "base"))
    asyncio.run(train(of_gguf, lambda _: None))
    asyncio.run(train(replace(of_checkpoint, base=checkpoint), lambda _: None))
    for one, other in zip(of_gguf.trainings, of_checkpoint.trainings, strict=True):
        assert (one.folder / ADAPTER).read_bytes() == (other.folder / ADAPTER).read_bytes()
    (tmp_path / "parts").mkdir()
    parts = tuple(in_parts(tmp_path / "parts", 3))
    of_parts = replace(job(model, tmp_path / "of parts"), base=checkpoint, student=parts[0], parts=parts)
    asyncio.run(train(of_parts, lambda _: None))
    first, again = (trained.trainings[0].folder / ADAPTER for trained in (of_gguf, of_parts))
    assert first.read_bytes() == again.read_bytes()
    strange = runnable(tmp_path / "other.gguf", seed=9)
    stranger = replace(of_checkpoint, base=checkpoint, student=strange, parts=(strange,))
    with pytest.raises(ModelFileError, match="another model's checkpoint"):
        asyncio.run(train(stranger, lambda _: None))


@in_part("architecture", ["olmo2", "mamba"])
def test_an_architecture_that_cannot_be_read_is_refused_in_one_line_with_the_way_out(
    tmp_path: Path, architecture: str
) -> None:
    model = runnable(tmp_path / "model.gguf")
    other = runnable(tmp_path / "other.gguf", {"general.architecture": architecture})
    unread = replace(job(model, tmp_path / "out"), student=other, parts=(other,))
    with pytest.raises(ModelFileError, match="--base FOLDER") as refused:
        asyncio.run(train(unread, lambda _: None))
    assert "\n" not in str(refused.value)
    assert "other.gguf" in str(refused.value)
