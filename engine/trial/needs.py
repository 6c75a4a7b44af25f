"""The memory and the time that a training takes, before it takes them."""

from __future__ import annotations

from models.files.gguf import GGUFHeader
from models.system.units import MIB
from models.training.job import Job

PYTORCH = 700 * MIB
"""PyTorch, transformers and PEFT themselves."""
ACTIVATIONS = 34
"""Numbers that a block keeps of a token for the way back, over the width of the residual stream."""
OF_A_LARGE_MATRIX = 0.4
"""The speed of the whole, over that of one large product of matrices."""


def memory_to_train(header: GGUFHeader, job: Job) -> int:
    """Bytes that a training takes at most, on a processor: about.

    The weights in float32, twice while they are taken out of the GGUF, and the embeddings once more; the adapter with
    its gradient and two moments; what the longest sequence leaves for the way back; and its logits three times.
    """
    parts = [part for one in job.trainings for step in one.steps for part in step]
    longest = max((len(job.examples[part.example].context) + part.end for part in parts), default=0)
    learnt = max((part.end - part.start for part in parts), default=0)
    weights, embeddings = 4 * header.parameters, 4 * header.vocabulary * header.embedding
    adapter = 16 * job.rank * header.blocks * 7 * 3 * header.embedding
    activations = 4 * longest * header.blocks * ACTIVATIONS * header.embedding
    return PYTORCH + max(
        2 * weights + embeddings, weights + adapter + activations + 3 * 4 * learnt * header.vocabulary
    )


def operations(header: GGUFHeader, job: Job) -> float:
    """Multiplications and additions of a whole job: twice the parameters a token, there and back.

    The weights themselves are not learnt, which saves a third.
    """
    read = sum(
        len(job.examples[part.example].context) + part.end
        for one in job.trainings
        for step in one.steps
        for part in step
    )
    return 4.0 * header.parameters * read


def seconds_to_train(operations: float, speed: float) -> float:
    """`speed`: of a large product of matrices, as `models.training.job.Loaded` has it."""
    return operations / (speed * OF_A_LARGE_MATRIX)
