"""Tasks' answers by our model and by the harness's own, where the tasks are.

`python -m tests.engine.tasks.both_models STUDENT LIMIT TASK ...`, with lm-eval, PyTorch and transformers.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import torch
from lm_eval import simple_evaluate
from lm_eval.models.huggingface import HFLM
from lm_eval.tasks import TaskManager
from transformers import AutoModelForCausalLM, AutoTokenizer

from engine.tasks.model import HarnessModel


def answers(model: Any, tasks: list[str], limit: int) -> dict[str, Any]:
    """The harness's results, and of each document what the model answered."""
    found = simple_evaluate(
        model=model, tasks=tasks, limit=limit, task_manager=TaskManager(include_path="."), bootstrap_iters=0
    )
    return {
        "results": found["results"],
        "answers": {
            task: [one["resps"] for one in sorted(samples, key=lambda one: one["doc_id"])]
            for task, samples in found["samples"].items()
        },
    }


def main(student: Path, limit: int, tasks: list[str]) -> None:
    named = {"pretrained_model_name_or_path": str(student.parent), "gguf_file": student.name}
    weights = AutoModelForCausalLM.from_pretrained(**named, dtype=torch.float32)
    theirs = HFLM(pretrained=weights, tokenizer=AutoTokenizer.from_pretrained(**named), batch_size=4)
    ours = HarnessModel(str(student))
    print(json.dumps([answers(model, tasks, limit) for model in (ours, theirs)], default=str))
    ours.close()


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]), sys.argv[3:])
