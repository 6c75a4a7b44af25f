"""The harness's model answers its three questions as llama.cpp computes them, and as PyTorch does."""

from __future__ import annotations

import asyncio
import json
import os
import subprocess
import sys
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from models.errors import UsageError
from models.llamacpp.student import EmbeddedStudent
from models.student import Losses, TokenPassage
from tests.conftest import made_once
from tests.engine.tasks.harness import TASKS, with_harness
from tests.gguf_writer import lora, runnable
from tui.cli import lm_eval

pytestmark = with_harness

CONTEXT = 96


def harness_model(student: str | None = None, **arguments: Any) -> Any:
    from engine.tasks.model import HarnessModel  # noqa: PLC0415 the harness is not everywhere

    return HarnessModel(student or str(chance()), context=CONTEXT, **arguments)


def asked(*arguments: object) -> list[Any]:
    return [SimpleNamespace(args=one if isinstance(one, tuple) else (one,)) for one in arguments]


def chance() -> Path:
    """A model whose tokens are bytes."""
    return made_once("chance.gguf", runnable)


@pytest.fixture(scope="module")
def model() -> Iterator[Any]:
    made = harness_model(batch_size=1, device="cpu")
    yield made
    made.close()


def losses(*passages: tuple[list[int], list[int]]) -> list[Losses]:
    async def run() -> list[Losses]:
        student = EmbeddedStudent(chance(), digest="x", context=CONTEXT, exact=True)
        try:
            return await student.losses([TokenPassage(tuple(one), tuple(other)) for one, other in passages])
        finally:
            await student.close()

    return asyncio.run(run())


def total(found: Losses) -> float:
    return -float(found.nll.sum(dtype=np.float64))


def test_a_continuation_is_scored_after_its_context_and_a_space_belongs_to_the_word_after_it(
    model: Any,
) -> None:
    told: list[tuple[int, int, int]] = []
    model._on_progress = lambda *counts: told.append(counts)
    ids = model._tokens(["The sea is", "The sea is blue", "blue", " blue"])
    start = model._start
    long = "x" * 200
    found = model.loglikelihood(
        asked(
            ("The sea is", " blue"),
            ("The sea is ", "blue"),
            ("", "blue"),
            ("  ", "blue"),
            (long, " blue"),
            ("a", ""),
        )
    )
    after = start + ids["The sea is"]
    blue = ids["The sea is blue"][len(ids["The sea is"]) :]
    tail = (model._tokens([long])[long] * 2)[-(CONTEXT + 1 - len(ids[" blue"])) :]
    expected = losses((after, blue), (model._prefix, ids["blue"]), (tail, ids[" blue"]))
    assert [one for one, _ in found] == pytest.approx(
        [total(expected[0])] * 2 + [total(expected[1]), found[3][0], total(expected[2]), 0.0], abs=1e-3
    )
    assert found[5] == (0.0, True)
    assert told == [(6, 6, 1)]


def test_the_likeliest_continuation_is_said_to_be_it(model: Any) -> None:
    letters = [chr(code) for code in range(32, 127)]
    found = model.loglikelihood(asked(*(("The sea", letter) for letter in letters)))
    ranked = sorted(found, reverse=True)
    assert sum(likeliest for _, likeliest in found) <= 1
    assert not any(likeliest for _, likeliest in ranked[1:])


def test_a_whole_text_is_scored_in_windows_each_token_once(model: Any) -> None:
    text = "".join(chr(97 + n * 7 % 26) for n in range(240))
    (short, long, nothing) = model.loglikelihood_rolling(asked("Hello.", text, ""))
    ids = model._tokens(["Hello.", text])
    tokens = model._start + ids[text]
    windows = [(model._prefix, tokens[:CONTEXT])]
    for end in (2 * CONTEXT, len(tokens)):
        scored = CONTEXT if end == 2 * CONTEXT else end - 2 * CONTEXT
        windows.append((tokens[end - CONTEXT - 1 : end - scored], tokens[end - scored : end]))
    expected = losses((model._prefix, model._start + ids["Hello."]), *windows)
    assert short == pytest.approx(total(expected[0]), abs=1e-3)
    assert long == pytest.approx(sum(map(total, expected[1:])), abs=1e-2)
    assert nothing == 0


def test_a_reply_ends_at_a_stop_text_or_at_its_tokens_and_a_long_prompt_loses_its_beginning(
    model: Any,
) -> None:
    whole, long = model.generate_until(
        asked(("Say something.", {"max_gen_toks": 20}), ("y" * 300 + "Say something.", {"max_gen_toks": 20}))
    )
    assert whole
    assert long
    stop = whole[3:5] or whole[-1:]
    (cut, again) = model.generate_until(
        asked(
            *(("Say something.", {"max_gen_toks": 20, "until": until}) for until in ([stop], ["", "\0never"]))
        )
    )
    assert cut == whole.split(stop)[0]
    assert again == whole


def test_a_reply_is_the_likeliest_text_token_by_token_also_where_it_repeats_itself() -> None:
    real = harness_model("demo")
    try:
        prompts = ["the cat and the dog and the cat and the dog and", "Numbers: 100, 1000, 10000,"]
        replies = real.generate_until(asked(*((prompt, {"max_gen_toks": 10}) for prompt in prompts)))
        assert replies[0] == " the cat and the dog and the cat and the", "no penalty on repetition"
        assert all(
            likeliest for _, likeliest in real.loglikelihood(asked(*zip(prompts, replies, strict=True)))
        )
    finally:
        real.close()


def test_what_does_not_fit_is_one_line(model: Any) -> None:
    with pytest.raises(UsageError, match="a continuation has"):
        model.loglikelihood(asked(("a", "b" * 200)))
    with pytest.raises(UsageError, match="a reply may have 500 tokens, and the context has 96"):
        model.generate_until(asked(("a", {"max_gen_toks": 500})))


def test_an_adapter_is_on_the_scores_and_on_the_replies(tmp_path: Path, model: Any) -> None:
    adapted = harness_model(adapter=str(lora(tmp_path / "lora.gguf", 3.0)))
    try:
        pair, reply = asked(("The sea is", " blue")), asked(("Say something.", {"max_gen_toks": 20}))
        assert abs(adapted.loglikelihood(pair)[0][0] - model.loglikelihood(pair)[0][0]) > 0.01
        assert adapted.generate_until(reply) != model.generate_until(reply)
        assert adapted.get_model_info()["adapter"] == "lora.gguf"
    finally:
        adapted.close()


def test_answers_that_are_kept_are_not_computed_again_and_are_one_model_s(tmp_path: Path) -> None:
    folder = tmp_path / "answers"
    pairs = asked(("The sea is", " blue"), ("The sea is", " red"), ("The sea is", " blue"))
    reply = asked(("Say something.", {"max_gen_toks": 5}))
    first = harness_model(keep=str(folder))
    found = (
        first.loglikelihood(pairs),
        first.loglikelihood_rolling(asked("Hello.")),
        first.generate_until(reply),
    )
    first.close()
    (path,) = folder.iterdir()
    assert path.stat().st_mode & 0o777 == 0o600
    path.write_bytes(path.read_bytes() + b'["cut')  # as a kill leaves it
    told: list[tuple[int, int, int]] = []
    again = harness_model(keep=str(folder), on_progress=lambda *counts: told.append(counts))
    again._work.run(again._student.close())  # nothing is asked of it
    assert found[0] == again.loglikelihood(pairs)
    assert found[1:] == (again.loglikelihood_rolling(asked("Hello.")), again.generate_until(reply))
    assert told == [(2, 2, 0), (1, 1, 0), (1, 1, 0)]
    again.close()
    adapted = harness_model(keep=str(folder), adapter=str(lora(tmp_path / "lora.gguf", 3.0)))
    assert adapted.loglikelihood(pairs) != found[0]
    adapted.close()
    assert len(list(folder.iterdir())) == 2


def command(*arguments: str, folder: Path) -> subprocess.CompletedProcess[str]:
    """`burnish-lm-eval ARGUMENTS`, offline."""
    offline = {"HF_HUB_OFFLINE": "1", "HF_DATASETS_OFFLINE": "1", "HF_HOME": str(folder)}
    code = "from tui.cli.lm_eval import main; main()"
    return subprocess.run(
        [sys.executable, "-c", code, *arguments],
        cwd=TASKS,
        env=os.environ | offline | {"PYTHONPATH": os.pathsep.join(sys.path)},
        capture_output=True,
        text=True,
        check=False,
    )


def test_the_harness_knows_the_model_by_its_name(monkeypatch: pytest.MonkeyPatch) -> None:
    from lm_eval.api.registry import get_model  # noqa: PLC0415 the harness is not everywhere

    monkeypatch.setattr("sys.argv", ["burnish-lm-eval", "--help"])
    with pytest.raises(SystemExit):
        lm_eval.main()
    assert get_model("burnish").__name__ == "HarnessModel"


@pytest.mark.whole
def test_the_harness_s_own_command_runs_a_task_of_one_s_own_with_it(tmp_path: Path) -> None:
    wanted = ("run", "--tasks", "questions_choice", "--include_path", str(TASKS), "--limit", "4")
    out = tmp_path / "out"
    done = command(
        *wanted,
        "--model",
        "burnish",
        "--model_args",
        f"student={chance()}",
        "--output_path",
        str(out),
        folder=tmp_path,
    )
    assert done.returncode == 0, done.stderr[-2000:]
    (results,) = out.rglob("results_*.json")
    found = json.loads(results.read_text())
    assert 0 <= found["results"]["questions_choice"]["acc,none"] <= 1
    assert found["config"]["exact"] is True


@pytest.mark.whole
@pytest.mark.skipif(
    not find_spec("torch"), reason="the harness's own model needs PyTorch: see tests/README.md"
)
@pytest.mark.parametrize("weights", ["smollm2_f32", "gemma_f32"])
def test_answers_are_those_of_the_harness_s_own_model_on_the_same_weights(
    tmp_path: Path, weights: str, request: pytest.FixtureRequest
) -> None:
    tasks = ("questions_choice", "questions_words", "questions_reply")
    done = subprocess.run(
        [
            sys.executable,
            "-m",
            "tests.engine.tasks.both_models",
            request.getfixturevalue(weights),
            "40",
            *tasks,
        ],
        cwd=TASKS,
        env=os.environ
        | {"HF_HUB_OFFLINE": "1", "HF_HOME": str(tmp_path), "PYTHONPATH": os.pathsep.join(sys.path)},
        capture_output=True,
        text=True,
        check=True,
    )
    ours, theirs = (found["answers"] for found in json.loads(done.stdout))
    choices, words, replies = (zip(ours[task], theirs[task], strict=True) for task in tasks)
    for one, other in ((a, b) for document in choices for a, b in zip(*document, strict=True)):
        ((log_likelihood, likeliest),) = one
        assert (log_likelihood, likeliest) == (pytest.approx(other[0][0], abs=1e-3), other[0][1])
    for one, other in words:
        assert one[0][0] == pytest.approx(other[0][0], abs=1e-3)
    assert all(one == other for one, other in replies)
