"""The chosen teacher and student: their sizes, what speaks against them, and the schedule that fits the memory."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

from engine.health.models_here import ModelList
from engine.method.recipe import Method
from engine.run.plan import MemoryNeed, auto_schedule
from engine.run.settings import Schedule, Settings, StudentSettings, TeacherSettings
from engine.run.students import verifier_file
from engine.run.teachers import check_teacher
from models.errors import BurnishError
from models.files.catalog import SERVED, ModelFile, student_file, teacher_file
from models.files.needs import memory_needed, memory_of_tag
from models.http.address import cloud_refused, is_cloud
from models.ollama.server import full_name
from models.openai.address import base_url
from models.system import machine
from models.system.units import size


@dataclass(frozen=True, slots=True)
class ModelNeed:
    """A teacher or a student: a line about it, and the memory it needs."""

    description: str
    need: int = 0  # bytes of memory; 0: not known
    wrong: bool = False  # `description` is why it cannot serve
    missing: bool = False  # Ollama has not got it, and might pull it


@dataclass(frozen=True, slots=True)
class ModelFit:
    """Both models; None for one that the method does not need, or that is not named."""

    teacher: ModelNeed | None
    student: ModelNeed | None
    free: int  # bytes of memory
    schedule: Schedule | None  # that `auto` chooses; None where there are not two

    @property
    def need(self) -> int:
        return sum(half.need for half in (self.teacher, self.student) if half)


def model_fit(settings: Settings, listed: ModelList | None, *, on_nodes: bool) -> ModelFit:
    """The models that the settings name. `listed`: the models on this machine, None where that is not known.
    `on_nodes`: the teacher is asked of other machines, of whose servers nothing is known here.

        Reads the heads of model files, so it is not for the app's loop.
    """
    method, teaches, weighs = settings.run.method, settings.teacher, settings.student
    teacher = student = None
    embedded = False
    if method is not Method.SCORE and teaches.name:
        file = _file(teacher_file, teaches.name)
        embedded = isinstance(file, ModelFile)
        if file is not None:
            teacher = _of_file(file, teaches.context, teaches=True)
        elif on_nodes:
            teacher = ModelNeed("")
        elif teaches.name.startswith(SERVED):
            teacher = _elsewhere(teaches)
        else:
            teacher = _served(teaches.name, listed)
    if method is not Method.REFLECT and weighs.name:
        found = _file(student_file, weighs.name)
        assert found is not None
        student = _of_file(found, weighs.context, teaches=False)
        if weighs.verify and method is Method.SELECTIVE:
            student = _with_verifier(student, weighs)
    free = machine.memory().available
    return ModelFit(teacher, student, free, _schedule(teacher, student, embedded=embedded))


def _file(find: Callable[[str], ModelFile | None], name: str) -> ModelFile | BurnishError | None:
    try:
        return find(name)
    except BurnishError as error:
        return error


def _of_file(file: ModelFile | BurnishError, context: int, *, teaches: bool) -> ModelNeed:
    if isinstance(file, BurnishError):
        return ModelNeed(str(file), wrong=True)
    header = file.header
    if teaches and not header.chat_template:
        return ModelNeed("has no chat template, so it was not taught to follow instructions", wrong=True)
    need = memory_needed(header, context)
    return ModelNeed(
        f"{header.architecture}, {header.quantisation}, {size(header.size)}; needs about {size(need)}", need
    )


def _with_verifier(student: ModelNeed, settings: StudentSettings) -> ModelNeed:
    """The student's need where near ties are scored again: one of the two is in memory at a time."""
    try:
        verifier = verifier_file(settings)
    except BurnishError as error:
        return ModelNeed(str(error), wrong=True)
    assert verifier is not None
    need = memory_needed(verifier.header, settings.context)
    if student.wrong or need <= student.need:
        return student
    return replace(student, description=f"{student.description}, {size(need)} to verify", need=need)


def _elsewhere(settings: TeacherSettings) -> ModelNeed:
    """A model of a server of OpenAI's protocol, which is asked for it when the run begins."""
    try:
        check_teacher(settings)
        return ModelNeed(f"at {base_url(settings.url)}; its memory is the server's")
    except BurnishError as error:
        return ModelNeed(str(error), wrong=True)


def _served(name: str, listed: ModelList | None) -> ModelNeed:
    if is_cloud(name):
        return ModelNeed(str(cloud_refused(name)), wrong=True)
    if listed is None or listed.problem is not None:
        return (
            ModelNeed("runs in Ollama, which does not answer: see above", wrong=True)
            if listed
            else ModelNeed("")
        )
    for model in listed.models:
        if model.kind == "ollama" and full_name(model.name) == full_name(name):
            if not model.local:
                return ModelNeed(str(cloud_refused(name)), wrong=True)
            need = memory_of_tag(model.size or 0)
            return ModelNeed(
                f"{model.quantisation or 'unknown type'}, {size(model.size or 0)}; needs about {size(need)}",
                need,
            )
    return ModelNeed(f"Ollama has no model {name}", wrong=True, missing=True)


def _schedule(teacher: ModelNeed | None, student: ModelNeed | None, *, embedded: bool) -> Schedule | None:
    if teacher and student and teacher.need and student.need:
        return auto_schedule(MemoryNeed(teacher.need, student.need, embedded))[0]
    return None
