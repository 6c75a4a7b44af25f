"""A GGUF's weights as a checkpoint: `python -m tests.models.training.checkpoint STUDENT FOLDER`."""

from __future__ import annotations

import sys
from pathlib import Path

import torch
from transformers import AutoModelForCausalLM, LlamaConfig, LlamaForCausalLM


def main(student: Path, folder: Path) -> None:
    found = AutoModelForCausalLM.from_pretrained(
        str(student.parent), gguf_file=student.name, dtype=torch.float32
    )
    settings = found.config.to_dict()
    settings.pop("quantization_config", None)  # it was a GGUF, which cannot be saved as one
    model = LlamaForCausalLM(LlamaConfig(**settings))
    model.load_state_dict(found.state_dict(), strict=False)
    model.save_pretrained(folder)


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
