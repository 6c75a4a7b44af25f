"""Answers to the harness's requests, kept as they come, so that tasks which were stopped go on."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from models.errors import BurnishError


class KeptAnswers:
    """One model's answers in a file of a folder, a line of JSON each, mode 0600; without a folder in memory alone.

    `model`: all that decides its answers. Raises `BurnishError` where the folder cannot be written to.
    """

    def __init__(self, folder: Path | None, model: Mapping[str, object]) -> None:
        self._answers: dict[str, Any] = {}
        self._path = None
        if folder is not None:
            self._path = folder / f"{_digest(model)[:16]}.jsonl"
            try:
                folder.mkdir(mode=0o700, parents=True, exist_ok=True)
                os.close(os.open(self._path, os.O_WRONLY | os.O_CREAT, 0o600))
                kept = self._path.read_bytes()
                self._answers.update(_read(kept))
                if kept and not kept.endswith(b"\n"):
                    self._append("\n")  # what comes next is a line of its own
            except OSError as error:
                raise BurnishError(f"{folder}: answers cannot be kept there: {error.strerror}") from error

    def __contains__(self, key: str) -> bool:
        return key in self._answers

    def __getitem__(self, key: str) -> Any:
        return self._answers[key]

    def add(self, answers: Mapping[str, Any]) -> None:
        """Keep answers by their requests' keys, before anything is made of them."""
        self._answers.update(answers)
        if self._path is None:
            return
        try:
            self._append("".join(json.dumps([key, answer]) + "\n" for key, answer in answers.items()))
        except OSError as error:
            raise BurnishError(f"{self._path}: an answer cannot be kept: {error.strerror}") from error

    def _append(self, text: str) -> None:
        assert self._path is not None
        with self._path.open("a", encoding="ascii") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())


def key_of(kind: str, arguments: Iterable[object]) -> str:
    """Names a request: equal ones have one answer."""
    return _digest([kind, *arguments])


def _read(kept: bytes) -> Iterable[tuple[str, Any]]:
    """The answers that were kept. A line that a kill or a full disk cut is left out, and its request asked again."""
    for line in kept.split(b"\n"):
        try:
            found = json.loads(line)
        except (ValueError, RecursionError):
            continue
        match found:
            case [str(key), answer]:
                yield key, answer


def _digest(value: object) -> str:
    return hashlib.sha256(json.dumps(value, sort_keys=True, default=str).encode("ascii")).hexdigest()
