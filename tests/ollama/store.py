"""An Ollama model store on disk, laid out as servers lay it out."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

OWN = "registry.example"  # the server's own registry: whichever host has a namespace `library`


class FakeStore:
    def __init__(self, path: Path) -> None:
        self.path = path
        (path / "blobs").mkdir(parents=True)

    def blob(self, content: bytes) -> str:
        """Keep a blob; its digest."""
        digest = hashlib.sha256(content).hexdigest()
        (self.path / "blobs" / f"sha256-{digest}").write_bytes(content)
        return f"sha256:{digest}"

    def layer(self, kind: str, content: bytes) -> dict[str, Any]:
        media = f"application/vnd.ollama.image.{kind}"
        return {"mediaType": media, "digest": self.blob(content), "size": len(content)}

    def tag(self, name: str, layers: Sequence[dict[str, Any]]) -> Path:
        """`name` is host/namespace/model/tag."""
        path = self.path / "manifests" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        config = self.layer("config", b"{}")
        path.write_text(json.dumps({"schemaVersion": 2, "config": config, "layers": list(layers)}))
        return path
