"""The published procedure: a forward pass in float32 over every passage, all logits, the loss from labels.

Run by scoring.py in a Python that has torch and transformers; knows nothing of burnish. One JSON object a line:
first the lists of token ids it will be asked for, then a name a line, each answered with its seconds.
"""

from __future__ import annotations

import json
import sys
import time
from pathlib import Path

import torch
from transformers import AutoModelForCausalLM, logging


def main() -> None:
    logging.set_verbosity_error()
    logging.disable_progress_bar()
    path = Path(sys.argv[1])
    torch.set_num_threads(int(sys.argv[2]))
    model = AutoModelForCausalLM.from_pretrained(path.parent, gguf_file=path.name, dtype=torch.float32)
    model.eval()
    work = json.loads(sys.stdin.readline())  # {name: [[ids, scored], ...]}
    for line in sys.stdin:
        began = time.perf_counter()
        for ids, scored in work[json.loads(line)]:
            tokens = torch.tensor([ids])
            labels = tokens.clone()
            labels[:, : len(ids) - scored] = -100
            with torch.no_grad():
                model(tokens, labels=labels).loss.item()
        print(json.dumps(time.perf_counter() - began), flush=True)


main()
