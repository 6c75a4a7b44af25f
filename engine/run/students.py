"""A student from its settings: a name becomes a file, and that a student which can be loaded."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial

from engine.run.settings import StudentSettings
from engine.run.teachers import digest_of, identified
from engine.store.run_record import StudentFile
from models.errors import BurnishError, ModelFileError, UsageError, printable
from models.files import catalog
from models.files.catalog import ModelFile
from models.files.copied import Arriving, copied
from models.files.same_model import difference
from models.llamacpp.student import EmbeddedStudent
from models.ray.cluster import Cluster, OverRay
from models.ray.sending import Sending
from models.ray.student import RayStudent
from models.student import Student
from models.system.threads import on_daemon_thread

COPY = "copy the file there, or give --ray-copy-student"
"""Mends a node that lacks the student."""


@dataclass(frozen=True, slots=True)
class LoadableStudent:
    """A student that can be loaded, and its file."""

    student: Student
    file: ModelFile

    @property
    def named(self) -> StudentFile:
        """The student's file as a run's record keeps it."""
        return StudentFile(name=self.file.name, path=str(self.file.path), digest=digest_of(self.file))


def student_file(settings: StudentSettings) -> ModelFile:
    if settings.name is None:
        raise UsageError(
            "no student: give --student with a GGUF file, ollama:TAG, or demo (see burnish models)"
        )
    return catalog.student_file(settings.name)


def verifier_file(settings: StudentSettings) -> ModelFile | None:
    """The better weights that near ties are scored again with; None where none are named.

    Raises `ModelFileError` where they are another model's than the student's.
    """
    if settings.verify is None:
        return None
    student, verifier = student_file(settings), catalog.student_file(settings.verify)
    if what := difference(verifier.header, student.header):
        raise ModelFileError(
            verifier.path,
            f"cannot verify {printable(str(student.path))}, for it is another model: its {what} differs",
        )
    return verifier


async def student_of(settings: StudentSettings) -> LoadableStudent:
    return await _of_file(student_file(settings), settings)


async def verifier_of(settings: StudentSettings) -> LoadableStudent | None:
    """The student's better weights, where the settings name some."""
    file = verifier_file(settings)
    return None if file is None else await _of_file(file, settings)


def better_weights(settings: StudentSettings) -> StudentSettings:
    """The settings of the verifier."""
    return settings.model_copy(update={"name": settings.verify})


def placed(
    model: str,
    own: LoadableStudent,
    settings: StudentSettings,
    cluster: Cluster | None,
    ray: OverRay | None,
    *,
    patience: float,
) -> LoadableStudent:
    """This machine's student or, over a cluster, that of each of its nodes in its place, from the same file there.

    `model`: what messages call it.
    """
    if cluster is None or ray is None:
        return own
    there = student_at_node(settings)
    sending = None
    if ray.copy_student:
        sending = Sending(cluster, own.file.header.parts, ArrivingStudent(there, own.file))
    student = RayStudent(
        cluster,
        partial(_on_this_node, there, digest_of(own.file)),
        exact=settings.exact,
        patience=patience,
        model=model,
        sending=sending,
    )
    return LoadableStudent(student, own.file)


class ArrivingStudent(Arriving):
    """A student's files on their way to a node, unless they are there."""

    def __init__(self, settings: StudentSettings, file: ModelFile) -> None:
        """`settings`: as they hold on a node. `file`: where burnish runs."""
        self._settings = settings
        super().__init__(digest_of(file), [part.stat().st_size for part in file.header.parts])

    def lacks(self) -> bool:
        try:
            found_here(self._settings, self._digest)
        except BurnishError:
            return True
        return False


def student_at_node(settings: StudentSettings) -> StudentSettings:
    """The settings as they hold on a node: a file is named by its whole path. Raises as `student_file`."""
    name = settings.name or ""
    if name == "demo" or name.startswith("ollama:"):
        return settings
    return settings.model_copy(update={"name": str(student_file(settings).path.absolute())})


def found_here(settings: StudentSettings, digest: str) -> StudentSettings:
    """The settings with the file of that digest, which burnish has where it runs: this node's own, or one sent to it.

    Raises `BurnishError` where there is neither.
    """
    why: BurnishError
    try:
        own = student_file(settings)
        if (there := digest_of(own)) == digest:
            return settings
        why = ModelFileError(
            own.path, f"is another file here ({there[:19]}) than where burnish runs ({digest[:19]})"
        )
    except BurnishError as error:
        why = error
    if (path := copied(digest)) is not None and digest_of(catalog.student_file(str(path))) == digest:
        return settings.model_copy(update={"name": str(path)})
    raise UsageError(f"{why}; {COPY}")


async def _on_this_node(settings: StudentSettings, digest: str) -> Student:
    """A node's student. Raises as `found_here`."""
    return (await student_of(await on_daemon_thread(found_here, settings, digest))).student


async def _of_file(file: ModelFile, settings: StudentSettings) -> LoadableStudent:
    file = await identified(file)
    student = EmbeddedStudent(
        file.path,
        digest=digest_of(file),
        context=settings.context,
        exact=settings.exact,
        gpu_layers=settings.gpu_layers,
        threads=settings.threads,
    )
    return LoadableStudent(student, file)
