"""Losses by PyTorch: `python -m tests.models.training.pytorch_losses STUDENT ADAPTER`, of examples in JSON."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import torch
from peft import PeftModel
from transformers import AutoModelForCausalLM


def main(student: Path, adapter: Path) -> None:
    base = AutoModelForCausalLM.from_pretrained(
        str(student.parent), gguf_file=student.name, dtype=torch.float32
    )
    model = PeftModel.from_pretrained(base, str(adapter)).eval()
    found = []
    for context, answer in json.load(sys.stdin):
        ids = torch.tensor([[*context, *answer]])
        with torch.no_grad():
            logits = model(input_ids=ids).logits[0, len(context) - 1 : -1]
        found.append(
            torch.nn.functional.cross_entropy(logits, ids[0, len(context) :], reduction="none").tolist()
        )
    print(json.dumps(found))


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
