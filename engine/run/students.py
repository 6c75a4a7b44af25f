"""A student from its settings: a name becomes a file, and that a student which can be loaded."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial

from engine.run.settings import StudentSettings
from engine.run.teachers import digest_of, identified
from engine.store.run_record import StudentFile
from models.errors import ModelFileError, UsageError, printable
from models.files import catalog
from models.files.catalog import ModelFile
from models.files.same_model import difference
from models.llamacpp.student import EmbeddedStudent
from models.ray.cluster import Cluster
from models.ray.student import RayStudent
from models.student import Student


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


def on_nodes(
    own: LoadableStudent,
    settings: StudentSettings,
    cluster: Cluster,
    *,
    patience: float,
) -> LoadableStudent:
    """The student of each node of a cluster in place of this machine's, from the same file there."""
    make = partial(_on_this_node, student_at_node(settings), digest_of(own.file))
    student = RayStudent(cluster, make, exact=settings.exact, patience=patience)
    return LoadableStudent(student, own.file)


def student_at_node(settings: StudentSettings) -> StudentSettings:
    """The settings as they hold on a node: a file is named by its whole path. Raises as `student_file`."""
    name = settings.name or ""
    if name == "demo" or name.startswith("ollama:"):
        return settings
    return settings.model_copy(update={"name": str(student_file(settings).path.absolute())})


async def _on_this_node(settings: StudentSettings, digest: str) -> Student:
    """A node's student. Raises `ModelFileError` where its file is not the driver's, too."""
    found = await student_of(settings)
    if (own := digest_of(found.file)) != digest:
        raise ModelFileError(
            found.file.path,
            f"is another file here ({own[:19]}) than where burnish runs ({digest[:19]}); copy that one there",
        )
    return found.student


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
