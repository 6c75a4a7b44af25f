"""LLaMA-Factory's dataset_info.json: one entry is put in, and the rest of the file stays byte for byte."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from engine.formats.json import DEPTH
from engine.formats.limits import row_limit
from engine.formats.names import DatasetError, is_deep
from models.system.units import file_size

_BLANK = re.compile(r"[ \t\n\r]*")
_DECODER = json.JSONDecoder()
_NO_ENTRY = "no entry was added"


@dataclass(frozen=True, slots=True)
class DatasetInfo:
    """The file as it is, or an empty one where there is none."""

    path: Path
    text: str
    encoding: str
    entries: Mapping[str, Any]

    @classmethod
    def read(cls, path: Path) -> DatasetInfo:
        """Raises `DatasetError` where the file is there and cannot take an entry."""
        try:
            if path.exists() and not path.is_file():
                raise DatasetError(f"{path}: it is there and is not a file, so {_NO_ENTRY}")
            if (size := path.stat().st_size) > row_limit():
                raise DatasetError(
                    f"{path}: {file_size(size)}, too large for a list of datasets, so {_NO_ENTRY}; mend it, or export "
                    "to another folder"
                )
            found = path.read_bytes()
        except (FileNotFoundError, NotADirectoryError):
            return cls(path, "{}\n", "utf-8", {})
        except OSError as error:
            raise DatasetError(f"{path}: cannot be read, so {_NO_ENTRY}: {error}") from None
        encoding = json.detect_encoding(found)
        try:
            text = found.decode(encoding, "surrogatepass")
            entries = json.loads(text)
        except ValueError as error:
            raise DatasetError(f"{path}: cannot be read, so {_NO_ENTRY}: {error}") from None
        except (RecursionError, MemoryError):
            entries = None
        if entries is None or is_deep(entries, DEPTH):
            raise DatasetError(
                f"{path}: nested too deeply for a list of datasets, so {_NO_ENTRY}; mend it, or export to another "
                "folder"
            )
        if not isinstance(entries, dict):
            raise DatasetError(f"{path}: expected an object with one entry a dataset; {_NO_ENTRY}")
        return cls(path, text, encoding, entries)

    def with_entry(self, name: str, entry: Mapping[str, Any]) -> bytes:
        """The file with this entry in the place of the one of its name, or as the last one.

        It is written as the entries before it are: on one line, or indented like them.
        """
        text, spans = self.text, list(_spans(self.text))
        own = [span for span in spans if span.name == name]
        if own:
            last = own[-1]  # of two of one name, the last one counts
            if self.entries[name] == entry:
                return self._encoded(text)
            return self._encoded(text[: last.value] + _dumped(entry, last.gap) + text[last.end :])
        if spans:
            last = spans[-1]
            gap = spans[0].gap if len(spans) == 1 else last.gap
            added = f",{gap or ' '}{json.dumps(name)}: {_dumped(entry, gap)}"
            return self._encoded(text[: last.end] + added + text[last.end :])
        brace = text.index("{") + 1
        gap = "\r\n  " if "\r\n" in text else "\n  "
        added = f"{gap}{json.dumps(name)}: {_dumped(entry, gap)}{gap.rstrip(' ')}"
        return self._encoded(text[:brace] + added + text[brace:].lstrip())

    def _encoded(self, text: str) -> bytes:
        return text.encode(self.encoding, "surrogatepass")


@dataclass(frozen=True, slots=True)
class _Span:
    """The place of an entry in the text."""

    name: str
    gap: str  # white space before the name
    value: int  # where the value begins
    end: int  # and ends


def _spans(text: str) -> Iterator[_Span]:
    """The entries of an object that is known to be sound, in order."""
    at = text.index("{") + 1
    while True:
        begin = _after_blank(text, at)
        if text[begin] == "}":
            return
        gap = text[at:begin]
        name, at = _DECODER.raw_decode(text, begin)
        value = _after_blank(text, _after_blank(text, at) + 1)
        _, end = _DECODER.raw_decode(text, value)
        yield _Span(name, gap, value, end)
        at = _after_blank(text, end)
        at += text[at] == ","


def _after_blank(text: str, at: int) -> int:
    found = _BLANK.match(text, at)
    return found.end() if found else at


def _dumped(entry: Mapping[str, Any], gap: str) -> str:
    """An entry as JSON: on lines indented below the one that `gap` begins, or on one line where it begins none."""
    line, _, indent = gap.rpartition("\n")
    if not line and "\n" not in gap:
        return json.dumps(entry)
    newline = "\r\n" if line.endswith("\r") else "\n"
    return json.dumps(entry, indent=indent or 2).replace("\n", newline + indent)
