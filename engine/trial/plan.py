"""All that decides a trial's result, kept in its folder: given again, it goes on only where it is the same."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path

from filelock import FileLock, Timeout
from pydantic import PositiveInt, ValidationError

from engine.method.templates import TemplateName
from engine.sample import Frozen
from engine.trial.arms import ArmName
from models.errors import BurnishError
from models.files.catalog import TRIAL
from models.files.digest import sha256_of_parts
from models.student import Passage
from models.system.atomic_file import atomic_file
from models.training.job import Example

PLAN = "trial.json"
LOCK = "trial.lock"  # no arm can be called that


class TrialError(BurnishError):
    """A trial's folder cannot be used: the text says why, and what to do."""


class TrialPlan(Frozen):
    """A trial's key."""

    student: str  # the digest of the GGUF
    base: str | None  # the digest of a checkpoint's files; None: the weights are the GGUF's
    template: TemplateName
    context: int  # tokens
    held_out: tuple[int, ...]  # rows
    answers: str  # a digest of their passages
    rank: int
    alpha: int
    rate: float
    tokens: int  # of answers, a step
    steps: PositiveInt  # of each arm
    arms: dict[ArmName, str]  # by name, a digest of the examples
    seeds: PositiveInt

    def differences(self, other: TrialPlan) -> list[str]:
        """The fields in which two plans differ. More arms or seeds are none: those of before stay as they are."""
        one, another = (plan.model_dump(exclude={"arms", "seeds"}) for plan in (self, other))
        names = [name.replace("_", " ") for name in one if one[name] != another[name]]
        both = self.arms.keys() & other.arms.keys()
        return names + [f"data of {name}" for name in sorted(both) if self.arms[name] != other.arms[name]]


def trial_path(workspace: Path) -> Path:
    """The usual folder of a workspace's trial."""
    return workspace.with_suffix(TRIAL)


def digest_of_data(data: Sequence[Example] | Sequence[Passage | None]) -> str:
    """A digest of examples or held-out answers, in their order."""
    plain = [None if one is None else asdict(one) for one in data]
    return hashlib.sha256(json.dumps(plain).encode("ascii")).hexdigest()


def digest_of_checkpoint(folder: Path) -> str:
    """The digest of a checkpoint's weights and of what says how they are put together."""
    files = [*sorted(folder.glob("*.safetensors")), folder / "config.json"]
    return sha256_of_parts(files)


@contextmanager
def trial_folder(out: Path) -> Iterator[None]:
    """A trial's folder, made where it is not there, for this process alone. Raises `TrialError`."""
    try:
        if not out.exists():
            out.mkdir(mode=0o700)
        elif not (out / PLAN).exists() and any(one.name != LOCK for one in out.iterdir()):
            raise TrialError(f"{out}: is there, and no trial's folder; give --out another")
        lock = FileLock(out / LOCK, timeout=0, mode=0o600)
        lock.acquire()
    except Timeout:
        raise TrialError(f"{out}: another burnish is training there; wait for it, or stop it") from None
    except OSError as error:
        raise TrialError(f"{out}: cannot be written: {error.strerror}; give --out another folder") from None
    try:
        yield
    finally:
        lock.release()


def read_plan(path: Path) -> TrialPlan:
    try:
        return TrialPlan.model_validate_json(path.read_bytes())
    except (OSError, ValidationError):
        raise TrialError(f"{path}: cannot be read; give --out another folder, or remove this one") from None


def keep_plan(out: Path, plan: TrialPlan) -> None:
    """Keep the plan of a trial, or go on with the one that is there. `TrialError`: that is another."""
    path = out / PLAN
    if path.exists():
        before = read_plan(path)
        if differing := plan.differences(before):
            raise TrialError(
                f"{out}: holds a trial with another {', '.join(differing)}; give --out another folder, or remove it"
            )
        plan = plan.model_copy(
            update={"arms": before.arms | plan.arms, "seeds": max(before.seeds, plan.seeds)}
        )
    with atomic_file(path, mode=0o600) as file:
        file.write(plan.model_dump_json(indent=1).encode())
