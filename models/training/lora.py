"""LoRA adapters of a student, trained one after another on its own weights, with checkpoints.

Only the child process loads this. A step learns from parts of answers, one sequence at a time: without padding, and
with logits only where a token is learnt. Its loss is the mean over all its tokens, whatever part they are of.
"""

from __future__ import annotations

import json
import os
import time
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch
import transformers
from peft import LoraConfig, get_peft_model
from peft.tuners.lora import LoraLayer
from transformers import AutoModelForCausalLM

from models.errors import ModelFileError
from models.system.machine import physical_cores
from models.training.gguf_adapter import StudentLayers, write_adapter
from models.training.job import (
    ADAPTER,
    CHECKPOINT,
    LOSSES,
    Example,
    Job,
    Loaded,
    Report,
    Step,
    Stepped,
    TakenUp,
    Training,
)

WARMING = 0.05  # of the steps, in which the rate grows; then it falls to nothing, in a line
LARGEST_NORM = 1.0  # of the gradient
SAVING = 0.05  # of the time at most goes into checkpoints


def train(job: Job, report: Callable[[Report], None]) -> None:
    """Train a job's adapters, but for those that are done. Raises `ModelFileError` and `MemoryError`."""
    warnings.filterwarnings("ignore")
    transformers.logging.set_verbosity_error()
    transformers.logging.disable_progress_bar()
    torch.set_num_threads(physical_cores())
    with _memory_errors():
        trainer = _Trainer(job)
        report(trainer.loaded())
        for number, training in enumerate(job.trainings):
            trainer.train(number, training, report)


@contextmanager
def _memory_errors() -> Iterator[None]:
    """PyTorch says in a `RuntimeError` that memory is out."""
    try:
        yield
    except RuntimeError as error:
        if isinstance(error, torch.OutOfMemoryError) or "can't allocate memory" in str(error):
            raise MemoryError(str(error).splitlines()[0]) from error
        raise


def _device() -> str:
    if torch.cuda.is_available():
        return "cuda"
    return "mps" if torch.backends.mps.is_available() else "cpu"


class _Trainer:
    """A student in memory, with one adapter whose weights are those of the training at hand."""

    def __init__(self, job: Job) -> None:
        self._job = job
        self._device = _device()
        # A 16-bit optimiser step would lose most updates; PEFT keeps the adapter in float32 in any case.
        model = _load(job, torch.bfloat16 if self._device == "cuda" else torch.float32).to(self._device)
        layers = StudentLayers(job.parts)
        self._architecture = layers.architecture
        self._places = layers.of(model)
        if not self._places:
            why = (
                "none of its linear layers is the student's: is it another model's checkpoint?"
                if job.base is not None
                else f"burnish knows no linear layer of its architecture, {self._architecture}, to train"
            )
            raise ModelFileError(job.base or job.student, why)
        config = LoraConfig(
            r=job.rank,
            lora_alpha=job.alpha,
            lora_dropout=0.0,
            target_modules=list(self._places),
            task_type="CAUSAL_LM",
        )
        self._model = get_peft_model(model, config)
        self._model.peft_config["default"].base_model_name_or_path = str(job.base or job.student)
        self._weights = [weight for weight in self._model.parameters() if weight.requires_grad]

    def loaded(self) -> Loaded:
        trained = sum(weight.numel() for weight in self._weights)
        return Loaded(self._device, len(self._places), trained, self._speed())

    def _speed(self) -> float:
        size = 4096 if self._device == "cuda" else 1024
        matrix = torch.rand(size, size, device=self._device, dtype=next(self._model.parameters()).dtype)
        best = float("inf")
        for _ in range(4):
            began = time.perf_counter()
            float((matrix @ matrix)[0, 0])  # waits for the device
            best = min(best, time.perf_counter() - began)
        return 2 * size**3 / best

    def train(self, number: int, training: Training, report: Callable[[Report], None]) -> None:
        """One adapter, from its last checkpoint where there is one."""
        folder, steps = training.folder, training.steps
        folder.mkdir(parents=True, exist_ok=True)
        if (folder / ADAPTER).exists():
            report(TakenUp(number, len(steps)))
            return
        self._begin(training.seed)
        optimiser = torch.optim.AdamW(self._weights, lr=self._job.rate, weight_decay=0.0)
        first = self._go_on(folder, optimiser)
        report(TakenUp(number, first))
        with _cut_to(folder / LOSSES, first).open("a", encoding="ascii") as losses:
            saved, took = time.monotonic(), 0.0
            for place in range(first, len(steps)):
                loss = self._step(steps[place], optimiser, rate_at(place, len(steps), self._job.rate))
                losses.write(json.dumps({"step": place + 1, "loss": loss}) + "\n")
                losses.flush()
                report(Stepped(number, place + 1, loss))
                if time.monotonic() - saved >= took / SAVING and place + 1 < len(steps):
                    began = time.monotonic()
                    self._save(folder, optimiser, place + 1)
                    saved = time.monotonic()
                    took = saved - began
        self._write(folder)

    def _begin(self, seed: int) -> None:
        torch.manual_seed(seed)
        for layer in self._model.modules():
            if isinstance(layer, LoraLayer):
                layer.reset_lora_parameters("default", init_lora_weights=True)
        self._model.train()

    def _step(self, step: Step, optimiser: torch.optim.Optimizer, rate: float) -> float:
        tokens = sum(part.end - part.start for part in step)
        total = 0.0
        for part in step:
            loss = self._loss(self._job.examples[part.example], part.start, part.end) / tokens
            loss.backward()
            total += float(loss.detach())
        torch.nn.utils.clip_grad_norm_(self._weights, LARGEST_NORM)
        for group in optimiser.param_groups:
            group["lr"] = rate
        optimiser.step()
        optimiser.zero_grad()
        return total

    def _loss(self, example: Example, start: int, end: int) -> torch.Tensor:
        """The sum of the losses of a stretch of an answer, in nats."""
        ids = torch.tensor([[*example.context, *example.answer[:end]]], device=self._device)
        before = len(example.context) + start
        keep = torch.arange(before - 1, ids.shape[1] - 1, device=self._device)
        logits = self._model(input_ids=ids, logits_to_keep=keep, use_cache=False).logits[0].float()
        return torch.nn.functional.cross_entropy(logits, ids[0, before:], reduction="sum")

    def _save(self, folder: Path, optimiser: torch.optim.Optimizer, steps: int) -> None:
        state = {
            "steps": steps,
            "weights": [weight.detach() for weight in self._weights],
            "optimiser": optimiser.state_dict(),
        }
        draft = folder / f"{CHECKPOINT}-new"
        with draft.open("wb") as file:
            torch.save(state, file)
            file.flush()
            os.fsync(file.fileno())
        draft.replace(folder / CHECKPOINT)

    def _go_on(self, folder: Path, optimiser: torch.optim.Optimizer) -> int:
        """Take up the last checkpoint; the steps that were done."""
        path = folder / CHECKPOINT
        if not path.exists():
            return 0
        state = torch.load(path, weights_only=True, map_location=self._device)
        with torch.no_grad():
            for weight, saved in zip(self._weights, state["weights"], strict=True):
                weight.copy_(saved)
        optimiser.load_state_dict(state["optimiser"])
        return int(state["steps"])

    def _write(self, folder: Path) -> None:
        """Both forms of the adapter, llama.cpp's last, and the checkpoint away."""
        self._model.save_pretrained(folder, save_embedding_layers=False)
        draft = folder / f"{ADAPTER}-new"
        write_adapter(draft, self._architecture, self._job.alpha, self._places, dict(self._parts()))
        draft.replace(folder / ADAPTER)
        (folder / CHECKPOINT).unlink(missing_ok=True)

    def _parts(self) -> Iterator[tuple[str, tuple[Any, Any]]]:
        state = {name: weight.detach().float().cpu().numpy() for name, weight in self._adapter()}
        for name in self._places:
            whole = f"base_model.model.{name}"
            yield name, (state[f"{whole}.lora_A.default.weight"], state[f"{whole}.lora_B.default.weight"])

    def _adapter(self) -> Iterator[tuple[str, torch.Tensor]]:
        return ((name, weight) for name, weight in self._model.named_parameters() if weight.requires_grad)


def rate_at(step: int, steps: int, largest: float) -> float:
    """The learning rate of a step, from 0."""
    warming = max(1, round(WARMING * steps))
    return largest * min((step + 1) / warming, (steps - step) / max(steps - warming, 1), 1.0)


def _cut_to(path: Path, lines: int) -> Path:
    """The losses' file with its first lines: what came after the last checkpoint is done again."""
    kept = path.read_text("ascii").splitlines()[:lines] if path.exists() else []
    path.write_text("".join(f"{line}\n" for line in kept), "ascii")
    return path


def _load(job: Job, dtype: torch.dtype) -> Any:
    """The student's model. Whatever its reader raises at a file is told as the file's fault."""
    common = {"local_files_only": True, "dtype": dtype, "output_loading_info": True}
    try:
        if job.base is not None:
            model, found = AutoModelForCausalLM.from_pretrained(
                str(job.base), use_safetensors=True, trust_remote_code=False, **common
            )
        else:
            model, found = AutoModelForCausalLM.from_pretrained(
                str(job.student.parent), gguf_file=job.student.name, **common
            )
    except MemoryError:
        raise
    except Exception as error:
        raise _unread(job, (str(error).strip().splitlines() or [type(error).__name__])[0]) from error
    if missing := set(found["missing_keys"]) - {"lm_head.weight"}:
        raise _unread(job, f"it lacks {len(missing)} of the weights, such as {min(missing)}")
    return model


def _unread(job: Job, why: str) -> ModelFileError:
    if job.base is not None:
        return ModelFileError(job.base, f"transformers cannot load this checkpoint: {why}")
    return ModelFileError(
        job.student,
        f"transformers cannot take the weights out of it: {why.rstrip('.')}; give --base FOLDER with the model's "
        "own checkpoint, its config.json and safetensors",
    )
