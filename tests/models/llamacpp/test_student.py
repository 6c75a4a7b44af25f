"""The student's child process: what it says of text, and what it survives."""

from __future__ import annotations

import asyncio
import hashlib
import os
import signal
import subprocess
import sys
import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
import pytest

from models.errors import ModelFileError
from models.files.digest import sha256_of
from models.llamacpp import process
from models.llamacpp.student import EmbeddedStudent
from models.student import Losses, Passage, PassageError, Piece, StudentError
from tests import gguf_writer
from tests.models.llamacpp import child_faults
from tests.parts import in_part

T = TypeVar("T")

ONE = Passage((Piece("The capital of France is"),), " Paris, and it lies on the Seine.")
TWO = Passage((), "Water boils at a hundred degrees.")
THREE = Passage((), "Bread rises where it is warm.")


def with_student(
    model: Path, do: Callable[[EmbeddedStudent], Awaitable[T]], *, exact: bool = False, context: int = 512
) -> T:
    async def run() -> T:
        student = EmbeddedStudent(model, digest=sha256_of(model), exact=exact, context=context)
        try:
            return await do(student)
        finally:
            await student.close()

    return asyncio.run(run())


def scored(model: Path, *passages: Passage, exact: bool = False) -> list[Losses]:
    return with_student(model, lambda student: student.losses(passages), exact=exact)


def same(a: Losses, b: Losses) -> bool:
    return np.allclose(a.nll, b.nll, atol=1e-4) and np.array_equal(a.lengths, b.lengths) and len(a.nll) > 0


def test_it_says_what_it_loaded_and_loads_it_once(smollm2: Path) -> None:
    async def open_twice(student: EmbeddedStudent) -> None:
        first, second = await asyncio.gather(student.open(), student.open())
        assert first is second
        assert first.digest == "sha256:" + hashlib.sha256(smollm2.read_bytes()).hexdigest()
        assert (first.architecture, first.quantisation, first.vocabulary) == ("llama", "Q4_1", 49152)
        assert (first.bos, first.trained_context, first.context) == (None, 8192, 512)
        assert (first.layers, first.parameters, first.size) == (30, 134_515_008, smollm2.stat().st_size)
        assert first.chat_template is not None
        assert "<|im_start|>" in first.chat_template
        assert first.eos_text == "<|im_end|>"

    with_student(smollm2, open_twice)


@pytest.mark.whole
def test_a_context_longer_than_the_model_was_trained_on_is_shortened_and_said(smollm2: Path) -> None:
    info = with_student(smollm2, EmbeddedStudent.open, context=10_000)
    assert info.context == 8192
    assert any("8192" in note and "10000" in note for note in info.notes)


def test_a_passage_scores_the_same_alone_and_among_others_asked_for_at_the_same_time(
    smollm2_f32: Path,
) -> None:
    others = [
        Passage((Piece(f"Number {n} is"),), f" followed by {n + 1}, as everyone knows.") for n in range(25)
    ]

    async def ask(student: EmbeddedStudent) -> None:
        (alone,) = await student.losses([ONE])
        many = await asyncio.gather(*(student.losses([other, ONE, TWO]) for other in others))
        assert all(same(alone, one) for _, one, _ in many)
        assert student.tokens == len(alone.nll) + sum(len(losses.nll) for call in many for losses in call)
        assert student.seconds > 0

    with_student(smollm2_f32, ask, exact=True)


def test_what_is_asked_as_the_last_answers_come_is_scored_too(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Both calls to the child end, and in the same turn of the loop, before anything is told of it, more is asked."""

    async def ask(student: EmbeddedStudent) -> None:
        answered, score = asyncio.Event(), student._score

        async def held(items: list[Any]) -> None:
            await score(items)
            await answered.wait()

        async def asked_then() -> list[Losses]:
            await answered.wait()
            return await student.losses([THREE])

        with monkeypatch.context() as patched:
            patched.setattr(student, "_score", held)
            for passage in (ONE, TWO):
                await student.losses([passage])  # its lane still waits for the end
            last = asyncio.create_task(asked_then())
            await asyncio.sleep(0)
            answered.set()
            (losses,) = await asyncio.wait_for(last, 60)
        assert len(losses.nll) > 0

    with_student(gguf_writer.runnable(tmp_path / "chance.gguf"), ask)


@in_part("empty_first", [True, False])
def test_a_model_in_parts_scores_as_the_whole(tmp_path: Path, empty_first: bool) -> None:
    whole = gguf_writer.runnable(tmp_path / "whole.gguf")
    parts = gguf_writer.in_parts(tmp_path, 3, empty_first=empty_first)
    for one, other in zip(scored(whole, ONE, TWO), scored(parts[0], ONE, TWO), strict=True):
        assert same(one, other)


def test_a_target_too_long_loses_its_tail_and_only_that(smollm2_f32: Path) -> None:
    start = "Once upon a time there was a miller who had three sons. "
    whole, cut = scored(
        smollm2_f32, Passage((Piece("A tale."),), start), Passage((Piece("A tale."),), start * 60), exact=True
    )
    assert not whole.truncated
    assert cut.truncated
    assert len(cut.lengths) == cut.room < cut.tokens
    assert len(cut.nll) == cut.room - 1
    sure = len(whole.nll) - 1  # the last token may join with what follows it
    np.testing.assert_allclose(cut.nll[:sure], whole.nll[:sure], atol=1e-4)


def test_a_context_that_leaves_no_room_leaves_nothing_scored(smollm2: Path) -> None:
    (losses,) = scored(smollm2, Passage((Piece("word " * 600),), "target"))
    assert losses.room <= 0
    assert len(losses.nll) == len(losses.lengths) == 0
    assert losses.truncated


@pytest.mark.parametrize("text", ["", "x"])
def test_without_a_bos_the_first_token_is_never_scored(smollm2: Path, text: str) -> None:
    alone, given = scored(smollm2, Passage((), text), Passage((Piece("Say: "),), text))
    assert len(alone.nll) == len(given.nll) == 0
    assert len(alone.lengths) == len(given.lengths) == len(text)


def test_with_a_bos_every_token_is_scored_and_a_template_that_writes_it_does_not_double_it(
    gemma: Path,
) -> None:
    plain, twice = scored(
        gemma, Passage((), "Hello there"), Passage((Piece("<bos>", special=True),), "Hello there")
    )
    assert len(plain.nll) == plain.tokens
    assert plain.room == twice.room
    np.testing.assert_allclose(plain.nll, twice.nll, atol=1e-2)


HOSTILE = {
    "a lone surrogate": "before \ud800 after",
    "a surrogate pair in two": "smile \ud83d\ude00 smile",
    "NUL": "nothing\x00more",
    "escapes": "\x1b[31mred\x1b[0m \x9b2J \u202e",
    "emoji and CJK": "👩‍👩‍👧‍👦 漢字かな交じり文 ﷽",
    "one long word": "a" * 20_000,
    "only spaces": " " * 5_000,
    "only newlines": "\n" * 3_000,
    "combining marks": "e" + "\u0301" * 2_000,
}


@pytest.mark.parametrize(
    "name",
    [
        pytest.param(name, marks=[pytest.mark.whole] if number % 3 else [])
        for number, name in enumerate(HOSTILE)
    ],
)
def test_hostile_text_is_scored_to_its_last_byte(smollm2: Path, name: str) -> None:
    text = HOSTILE[name]
    (losses,) = scored(smollm2, Passage((Piece(text[:50]),), text))
    assert np.isfinite(losses.nll).all()
    assert len(losses.nll) > 0
    # As UTF-8, a lone surrogate become U+FFFD, which is as long.
    size = len(text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace").encode())
    assert int(losses.lengths.sum()) == size or (losses.truncated and int(losses.lengths.sum()) < size)


def test_a_control_token_in_dataset_text_is_plain_text(smollm2: Path) -> None:
    control, plain = scored(
        smollm2,
        Passage((Piece("<|im_end|>", special=True),), "<|im_end|>"),
        Passage((Piece("<|im_end|>"),), "<|im_end|>"),
    )
    assert control.room == 512 - 1
    assert plain.room == 512 - plain.tokens
    assert plain.tokens > 1


def test_a_killed_child_is_replaced_and_nothing_is_lost(smollm2_f32: Path) -> None:
    passages = [Passage((Piece(f"{n}:"),), "All work and no play makes a dull day. " * 4) for n in range(16)]

    async def kill_in_the_middle(student: EmbeddedStudent) -> None:
        before = await student.losses(passages[:2])
        first = student.pid
        assert first is not None
        asking = asyncio.gather(*(student.losses([passage]) for passage in passages))
        await asyncio.sleep(0.3)
        os.kill(first, signal.SIGKILL)
        after = await asking
        assert student.pid not in {None, first}
        assert len(after) == len(passages)
        assert all(same(a, b[0]) for a, b in zip(before, after, strict=False))

    with_student(smollm2_f32, kill_in_the_middle, exact=True)


def test_the_passage_llama_cpp_dies_of_is_named_and_the_others_are_scored(tmp_path: Path) -> None:
    async def ask(student: EmbeddedStudent) -> list[list[Losses] | BaseException]:
        deadly = Passage((), "a \x1b[2Jcafé")
        return await asyncio.gather(
            *(student.losses([p]) for p in (ONE, deadly, TWO)), return_exceptions=True
        )

    one, deadly, two = with_student(gguf_writer.aborting(tmp_path / "careless.gguf"), ask)
    assert isinstance(one, list)
    assert isinstance(two, list)
    assert len(one[0].nll) > 0
    assert isinstance(deadly, PassageError)
    assert "llama.cpp was ended by SIGABRT: what():" in str(deadly)
    assert 'twice, at the text "a \\x1b[2Jcafé"' in str(deadly)
    assert "\n" not in str(deadly)


@pytest.mark.parametrize(
    ("changes", "why"),
    [
        (
            {"llama.block_count": 0},
            r"GGML_ASSERT\(hparams.n_layer_all > 0.* while loading it; the file is damaged",
        ),
        (
            {"llama.expert_used_count": 2},
            r"llama-model.cpp:\d+: GGML_ASSERT\(n_expert_used_max.* while loading it",
        ),
        (
            {"llama.attention.layer_norm_rms_epsilon": -1.0},
            r"SIGABRT: ops.cpp:\d+: GGML_ASSERT\(eps >= 0.0f\) failed, again and again; see `burnish doctor`",
        ),
    ],
    ids=["no layers", "experts of none", "negative epsilon"],
)
def test_a_model_at_which_llama_cpp_asserts_costs_one_line(
    tmp_path: Path, changes: dict[str, gguf_writer.Field | None], why: str
) -> None:
    path = gguf_writer.runnable(tmp_path / "damaged.gguf", changes)
    with pytest.raises(StudentError, match=why) as error:
        with_student(path, lambda student: student.losses([ONE]))
    assert str(error.value).startswith(f"{path}: llama.cpp was ended by SIGABRT: ")


@in_part("trained", [2**31, 2**32 - 1])
def test_a_context_that_no_one_trained_on_is_no_limit_and_costs_no_memory(
    tmp_path: Path, trained: int
) -> None:
    path = gguf_writer.runnable(tmp_path / "boasting.gguf", {"llama.context_length": trained})
    assert with_student(path, EmbeddedStudent.open, context=256).context == 256


@pytest.mark.whole
def test_a_stopped_child_is_noticed_and_replaced(smollm2: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async def stop(student: EmbeddedStudent) -> None:
        await student.open()
        first = student.pid
        assert first is not None
        os.kill(first, signal.SIGSTOP)
        (losses,) = await student.losses([ONE])
        assert len(losses.nll) > 0
        assert student.pid != first

    monkeypatch.setattr(process, "SILENCE", 6.0)
    with_student(smollm2, stop)


def test_ctrl_c_is_not_for_the_child(smollm2: Path) -> None:
    async def interrupt(student: EmbeddedStudent) -> None:
        await student.open()
        first = student.pid
        assert first is not None
        assert os.getsid(first) != os.getsid(0)
        os.kill(first, signal.SIGINT)
        await student.losses([ONE])
        assert student.pid == first

    with_student(smollm2, interrupt)


def test_the_child_ends_when_its_parent_is_killed(smollm2: Path) -> None:
    source = f"""
import asyncio, os, pathlib, signal
from models.llamacpp.student import EmbeddedStudent
from models.student import Passage
async def main():
    student = EmbeddedStudent(pathlib.Path({str(smollm2)!r}), digest="sha256:0")
    await student.open()
    asking = asyncio.create_task(student.losses([Passage((), "on and on " * 1000)] * 20))
    await asyncio.sleep(0.2)
    print(student.pid, flush=True)
    os.kill(os.getpid(), signal.SIGKILL)
asyncio.run(main())
"""
    parent = subprocess.run([sys.executable, "-c", source], capture_output=True, text=True, check=False)
    child = int(parent.stdout)
    while running(child):  # it would score for a minute, and then wait for ever
        time.sleep(0.05)


def running(pid: int) -> bool:
    state = Path(f"/proc/{pid}/stat")
    if Path("/proc/self").exists():
        return state.exists() and state.read_text().rpartition(")")[2].split()[0] != "Z"
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


def test_closing_in_the_middle_tells_those_who_wait(smollm2: Path) -> None:
    async def close(student: EmbeddedStudent) -> None:
        asking = asyncio.create_task(student.losses([Passage((), "on and on " * 200)] * 200))
        await asyncio.sleep(0.5)
        await student.close()
        with pytest.raises(StudentError, match="closed"):
            await asking

    with_student(smollm2, close)


def broken(folder: Path, name: str, model: Path) -> Path:
    path = folder / f"{name}.gguf"
    data = model.read_bytes()
    match name:
        case "empty":
            path.write_bytes(b"")
        case "a text":
            path.write_bytes(b"once upon a time, " * 100)
        case "cut":
            path.write_bytes(data[:5_000_000])
        case "cut in its header":
            path.write_bytes(data[:2_000])
        case "of tomorrow":
            path.write_bytes(data.replace(b"\x05\0\0\0\0\0\0\0llama", b"\x05\0\0\0\0\0\0\0later", 1))
        case "a projector":
            gguf_writer.tiny(path, {"general.architecture": "clip"})
        case "a part":
            gguf_writer.tiny(path)
    return path


@pytest.mark.parametrize(
    ("name", "why"),
    [
        ("empty", "not a GGUF file"),
        ("a text", "not a GGUF file"),
        ("cut", "not within the file bounds"),
        ("cut in its header", "a damaged one"),
        ("of tomorrow", "needs a newer llama.cpp"),
        ("a projector", "projector"),
        ("a part", "llama"),
    ],
)
def test_a_file_llama_cpp_cannot_use_costs_one_line(
    tmp_path: Path, smollm2: Path, name: str, why: str
) -> None:
    path = broken(tmp_path, name, smollm2)
    with pytest.raises(ModelFileError) as refused:
        with_student(path, EmbeddedStudent.open)
    assert str(refused.value).startswith(f"{path}: ")
    assert why in str(refused.value)
    assert "\n" not in str(refused.value)


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(ModelFileError, match=r"nowhere\.gguf: no such file"):
        with_student(tmp_path / "nowhere.gguf", EmbeddedStudent.open)


@pytest.mark.whole
def test_layers_that_do_not_fit_on_the_gpu_are_halved_and_that_is_said(
    smollm2: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    child_faults.put(child_faults.SMALL_GPU, tmp_path, monkeypatch)
    info = with_student(smollm2, EmbeddedStudent.open)
    assert (info.backend, info.offloaded, info.layers) == ("CUDA", 7, 30)
    assert any("7 of 30 layers" in note for note in info.notes)


def test_no_memory_for_the_context_is_one_line(
    smollm2: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    child_faults.put(child_faults.NO_MEMORY, tmp_path, monkeypatch)
    with pytest.raises(StudentError, match="no memory is left for its context"):
        with_student(smollm2, EmbeddedStudent.open)


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="peak memory is read from /proc")
@pytest.mark.parametrize(
    "name", ["chance", pytest.param("gemma", marks=[pytest.mark.long, pytest.mark.whole])]
)
def test_a_large_vocabulary_at_a_full_context_takes_the_file_and_400_mb(
    tmp_path: Path, gemma: Path, name: str
) -> None:
    model = gemma if name == "gemma" else gguf_writer.wordy(tmp_path / "wordy.gguf")

    async def peak(student: EmbeddedStudent) -> int:
        long = Passage((), "a b c d e f g h i j k l m n o p q r s t u v w x y z " * 90)
        (losses,) = await student.losses([long])
        assert losses.truncated
        status = Path(f"/proc/{student.pid}/status").read_text()
        return int(status.split("VmHWM:")[1].split()[0]) * 1024

    assert with_student(model, peak, context=2048) <= model.stat().st_size + 400_000_000


def test_the_parent_never_loads_llama_cpp() -> None:
    source = "import sys, models.student, models.llamacpp.teacher; sys.exit('llama_cpp' in sys.modules)"
    subprocess.run([sys.executable, "-c", source], check=True)
