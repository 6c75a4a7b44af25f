"""Log-likelihoods against the harness's own Hugging Face model: `python -m tests.benchmarks.tasks`.

Where lm-eval, PyTorch, transformers and gguf are installed. SmolLM2 in F32, the same threads, and by turns the same
requests: those of the questions in tests/engine/tasks, as they are (short) and with five examples before each, which
they share. Theirs runs at each batch size, and the fastest counts. Loading is not counted, tokenising is.
"""

from __future__ import annotations

import argparse
import os
import statistics
import time
from collections.abc import Callable
from typing import Any

import torch
from lm_eval.models.huggingface import HFLM
from lm_eval.tasks import TaskManager
from transformers import AutoModelForCausalLM, AutoTokenizer

from engine.tasks.model import HarnessModel
from models.files.catalog import demo_path
from models.system.machine import physical_cores
from tests import conftest
from tests.benchmarks.rows import Rows
from tests.engine.tasks.harness import TASKS

BATCHES = (1, 8, 32)


def requests(examples: int, documents: int) -> list[Any]:
    os.chdir(TASKS)
    manager = TaskManager(include_path=".", include_defaults=False)
    task = manager.load(["questions_choice"])["tasks"]["questions_choice"]
    task.set_config(key="num_fewshot", value=examples)
    task.set_fewshot_seed(seed=1234)
    task.build_all_requests(limit=documents, rank=0, world_size=1)
    return list(task.instances)


def seconds(work: Callable[[list[Any]], object], asked: list[Any]) -> float:
    began = time.perf_counter()
    work(asked)
    return time.perf_counter() - began


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--documents", type=int, default=40)
    given = parser.parse_args()
    path = conftest.dequantised(demo_path(), "smollm2-135m-instruct-f32.gguf")
    torch.set_num_threads(physical_cores())
    named = {"pretrained_model_name_or_path": str(path.parent), "gguf_file": path.name}
    weights = AutoModelForCausalLM.from_pretrained(**named, dtype=torch.float32)
    theirs = {
        size: HFLM(pretrained=weights, tokenizer=AutoTokenizer.from_pretrained(**named), batch_size=size)
        for size in BATCHES
    }
    models = {"burnish": HarnessModel(str(path)), "burnish, by default": HarnessModel(str(path), exact=False)}
    print(f"{given.documents} questions of four answers, {given.rounds} rounds, medians", flush=True)
    table = Rows("model", "examples", "seconds", "theirs / it", words=1, width=22)
    for examples in (0, 5):
        asked = requests(examples, given.documents)
        times: dict[str, list[float]] = {}
        for _ in range(given.rounds):
            for name, model in (
                *models.items(),
                *((f"theirs, {size} at a time", one) for size, one in theirs.items()),
            ):
                times.setdefault(name, []).append(seconds(model.loglikelihood, asked))
        medians = {name: statistics.median(found) for name, found in times.items()}
        best = min(value for name, value in medians.items() if name.startswith("theirs"))
        for name, value in medians.items():
            table.add(name, str(examples), f"{value:.2f}", f"{best / value:.2f}")
    for one in models.values():
        one.close()


if __name__ == "__main__":
    main()
