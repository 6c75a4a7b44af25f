"""A student from its settings: a name becomes a file, and that a student which can be loaded."""

from __future__ import annotations

from dataclasses import dataclass

from engine.run.settings import StudentSettings
from engine.run.teachers import digest_of, identified
from engine.store.run_record import StudentFile
from models.errors import ModelFileError, UsageError, printable
from models.files import catalog
from models.files.catalog import ModelFile
from models.files.same_model import difference
from models.llamacpp.student import EmbeddedStudent
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
