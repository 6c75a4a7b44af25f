"""Ollama's model store on disk: from a tag to the GGUF file that holds its weights.

    <store>/manifests/<host>/<namespace>/<model>/<tag>    a manifest, JSON
    <store>/manifests-v2/...                              the same in newer servers, links to manifests among the blobs
    <store>/blobs/sha256-<hex>                            what manifests name by digest

Read without the server, which serves models but not their files. Which host is the server's own registry is not
known here but seen: it is the one that has a namespace `library`.
"""

from __future__ import annotations

import difflib
import os
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from pydantic import BaseModel, Field, ValidationError

from models.errors import ModelFileError
from models.system.server_process import environments

_DIGEST = re.compile(r"sha256[:-]([0-9a-f]{64})", re.IGNORECASE)
_MANIFEST_LIMIT = 4 * 2**20  # bytes; a thousand tensors, each a layer, take a quarter of one


@dataclass(frozen=True, slots=True)
class Blob:
    """The file of a tag's weights, named by its own digest."""

    tag: str  # as `ollama list` writes it, e.g. "qwen3:8b"
    path: Path
    digest: str  # "sha256:..."


@dataclass(frozen=True, slots=True)
class _Entry:
    store: Path
    host: str
    own: bool  # the host is the server's own registry
    namespace: str
    model: str
    tag: str
    manifest: Path

    @property
    def names(self) -> Iterator[str]:
        """The names it goes by, shortest first: model:tag, namespace/model:tag, host/namespace/model:tag."""
        name = f"{self.model}:{self.tag}"
        if self.own and self.namespace == "library":
            yield name
        if self.own:
            yield f"{self.namespace}/{name}"
        yield f"{self.host}/{self.namespace}/{name}"


def default_stores() -> tuple[Path, ...]:
    """The folders of models that servers on this machine keep.

    OLLAMA_MODELS, or else what the server that runs here goes by; then this user's, and those of system services.
    """
    named = os.environ.get("OLLAMA_MODELS")
    stores = [Path(named)] if named else list(_stores_of_servers())
    home = Path(os.path.expanduser("~"))  # noqa: PTH111  Path.home() raises where there is none
    services = (
        "/usr/share/ollama/.ollama/models",
        "/var/lib/ollama/.ollama/models",
        "/var/lib/ollama/models",
    )
    others = ("/var/lib/ollama", "/var/snap/ollama/common/models")
    return tuple(dict.fromkeys([*stores, home / ".ollama" / "models", *map(Path, (*services, *others))]))


def _stores_of_servers() -> Iterator[Path]:
    """The stores of the servers that run now, by their own environments."""
    port = re.search(r":(\d{1,5})/*\s*$", os.environ.get("OLLAMA_HOST", ""))
    for environment in environments("ollama", int(port[1]) if port else 11434):
        if models := environment.get("OLLAMA_MODELS"):
            yield Path(models)
        elif home := environment.get("HOME") or environment.get("USERPROFILE"):
            yield Path(home) / ".ollama" / "models"


class _Layer(BaseModel):
    media: str = Field("", alias="mediaType")
    digest: str = ""

    @property
    def kind(self) -> str:
        """ "model", "adapter", "tensor", "license", ..."""
        return self.media.partition(";")[0].rpartition(".")[2]


class _Manifest(BaseModel):
    """A model's layers; or, from newer servers, `manifests`: the same model made ready for several runners."""

    layers: list[_Layer] | None = None
    manifests: list[_Manifest] | None = None
    digest: str = ""  # in a list, of a manifest kept as a blob
    format: str = ""


def find_blob(tag: str, stores: Sequence[Path]) -> Blob:
    """The weights of `tag` in the first store that has it: "qwen3:8b", "qwen3", "user/model:tag", "host/user/model".

    `ModelFileError`: no store, a store this user may not read, no such tag, or a tag without one whole GGUF.
    """
    name = tag if ":" in tag.rpartition("/")[2] else f"{tag}:latest"
    known: list[str] = []
    closed: PermissionError | None = None
    for store in stores:
        try:
            for entry in _entries(store):
                if name.casefold() in map(str.casefold, entry.names):  # the server does not tell case either
                    return _blob(entry)
                known.append(next(entry.names))
        except PermissionError as error:
            closed = closed or error
    if closed:
        raise _closed(closed) from closed
    opened = [store for store in stores if _children(store)]
    if not opened:
        places = ", ".join(map(str, stores))
        raise ModelFileError(
            Path(f"ollama:{tag}"), f"found no Ollama model store (looked in {places}); set OLLAMA_MODELS"
        )
    near = difflib.get_close_matches(name, known, n=3)
    hint = f"did you mean {' or '.join(near)}?" if near else f"'burnish pull {tag}' fetches it"
    raise ModelFileError(opened[0], f"no tag {name} in this Ollama store; {hint}")


def list_blobs(stores: Sequence[Path]) -> dict[str, Blob | ModelFileError]:
    """Every tag in the stores, by name, with its weights or why it has none; a closed store stands under its path."""
    found: dict[str, Blob | ModelFileError] = {}
    for store in stores:
        try:
            for entry in _entries(store):
                name = next(entry.names)
                if name not in found:
                    try:
                        found[name] = _blob(entry)
                    except ModelFileError as error:
                        found[name] = error
        except PermissionError as error:
            found[str(store)] = _closed(error)
    return found


def _entries(store: Path) -> Iterator[_Entry]:
    for root in (store / "manifests-v2", store / "manifests"):  # as the server looks them up
        for host in _children(root):
            spaces = _children(host)
            own = any(space.name == "library" for space in spaces)
            for space in spaces:
                for model in _children(space):
                    for file in filter(_present, _children(model)):
                        yield _Entry(store, host.name, own, space.name, model.name, file.name, file)


def _present(file: Path) -> bool:
    """The file is neither half-written nor a link to a blob that is gone; a closed one counts, to be told so."""
    try:
        file.stat()
    except FileNotFoundError:
        return False
    return not file.name.startswith(".")


def _children(path: Path) -> list[Path]:
    """A folder's entries, sorted; none, where it is none. Not Path.is_dir: it may call a closed folder none, too."""
    try:
        with os.scandir(path) as items:
            return sorted(path / item.name for item in items)
    except (FileNotFoundError, NotADirectoryError):
        return []


def _blob(entry: _Entry) -> Blob:
    tag = next(entry.names)
    manifest = _read_manifest(entry.manifest)
    if manifest.manifests is not None:
        ready = next((m for m in manifest.manifests if m.format == "gguf"), None)
        if ready is None:
            raise ModelFileError(entry.manifest, f"{tag} is not kept as GGUF here; choose a tag that is")
        manifest = _read_manifest(_blob_path(entry, ready.digest)) if ready.layers is None else ready
    layers = manifest.layers or []
    weights = [layer for layer in layers if layer.kind == "model"]
    kinds = {layer.kind for layer in layers}
    if "adapter" in kinds:
        why = "is a model with a LoRA adapter beside it; give a GGUF with the adapter merged in"
    elif len(weights) > 1:
        why = f"is kept in {len(weights)} pieces; give a GGUF in one file"
    elif "tensor" in kinds:
        why = "is kept as safetensors (for MLX), not as GGUF; choose a tag that is GGUF"
    elif not weights:
        why = "has no weights on this machine (a cloud model?); choose a local one"
    else:
        path = _blob_path(entry, weights[0].digest)
        return Blob(tag, path, path.name.replace("-", ":"))
    raise ModelFileError(entry.manifest, f"{tag} {why}")


def _read_manifest(path: Path) -> _Manifest:
    try:
        with path.open("rb") as file:
            text = file.read(_MANIFEST_LIMIT)
        return _Manifest.model_validate_json(text)
    except ValidationError as error:
        raise ModelFileError(path, "not an Ollama manifest; pull the model again") from error
    except PermissionError as error:
        raise _closed(error) from error
    except OSError as error:
        raise ModelFileError(
            path, f"{(error.strerror or str(error)).lower()}; pull the model again"
        ) from error


def _blob_path(entry: _Entry, digest: str) -> Path:
    """Held to the form of a digest: a manifest must not name a file outside the store."""
    found = _DIGEST.fullmatch(digest)
    if not found:
        raise ModelFileError(
            entry.manifest, "names its weights by something that is no digest; pull the model again"
        )
    return entry.store / "blobs" / f"sha256-{found[1].lower()}"


def _closed(error: PermissionError) -> ModelFileError:
    return ModelFileError(
        Path(error.filename),
        "this Ollama store belongs to another user and may not be read; join its group (sudo usermod -aG ollama "
        "$USER, then log in again) or give the student as a GGUF file",
    )
