"""The thing at a path: a workspace, or a dataset that has or gets one in the working folder."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from engine.formats.fields import NO_COLUMNS, Columns
from engine.formats.folders import in_folder
from engine.formats.names import DatasetError, Format
from engine.formats.read import BadRow, Dataset, open_dataset
from engine.sample import PassedRow, Sample, Turns
from engine.store.file_errors import WorkspaceError
from engine.store.workspace import Source, Workspace
from models.errors import BurnishError, UsageError
from models.files.digest import sha256_of
from models.system.locked_files import beginning

SQLITE = b"SQLite format 3\0"


@dataclass(frozen=True, slots=True)
class OpenTarget:
    """Something that can be opened."""

    workspace: Path
    data: Path | None = None  # None: the path is a workspace
    found: Dataset | None = None  # what the dataset is, where its workspace is not there yet


class StoppedError(BurnishError):
    """An import was given up on a person's word."""


class ChangedDatasetError(WorkspaceError):
    """A workspace was made from another dataset, or from this one as it was."""


class BadRowsError(BurnishError):
    """A dataset has rows that cannot be read, and nobody said to leave them out."""


def workspace_for(data: Path) -> Path:
    """A dataset's workspace: its name with .burnish, in the working folder."""
    return Path(data.with_suffix(".burnish").name)


def target(
    path: Path,
    format: Format | None = None,
    encoding: str | None = None,
    columns: Columns = NO_COLUMNS,
) -> OpenTarget:
    """The workspace or dataset at a path.

    Reads the file's beginning, which tells a dataset's format where none is given. The rest as for `open_dataset`,
    which raises too.
    """
    try:
        path = path.expanduser()
        os.fsencode(path)
    except (RuntimeError, ValueError) as error:  # no such user; a surrogate that is no byte of a name
        raise DatasetError(f"{path}: is no path ({error})") from None
    if "\0" in str(path):
        raise DatasetError(f"{path}: is no path: it holds a NUL")
    try:
        if path.is_dir():
            raise DatasetError(f"{path}: a folder; {in_folder(path)}")
        if is_workspace(path):
            return OpenTarget(path)
        workspace = workspace_for(path)
        found = None if workspace.exists() else open_dataset(path, format, encoding, columns)
    except OSError as error:
        raise DatasetError(f"{path}: cannot be read: {error.strerror}") from None
    return OpenTarget(workspace, path, found)


def is_workspace(path: Path) -> bool:
    """True of a path to be opened as a workspace, by its name or by the file's beginning. Raises `OSError`."""
    if path.suffix == ".burnish" or not path.is_file():
        return path.suffix == ".burnish"
    return beginning(path, len(SQLITE)) == SQLITE


def open_workspace(
    path: Path,
    data: Path,
    format: Format | None,
    on_bad: Callable[[BadRow], None] | None,
    through: Callable[[Iterator[Sample | PassedRow]], Iterator[Sample | PassedRow]] = iter,
    encoding: str | None = None,
    columns: Columns = NO_COLUMNS,
    turns: Turns = Turns.LAST,
) -> Workspace:
    """The workspace at `path`, made from the dataset `data` if it is not there yet.

    A new workspace's rows go `through` a function on their way in, which may count them; if it raises, there is
    no new workspace. `encoding` and `columns` as for `open_dataset`; a workspace that is there keeps its own.
    `turns`: the exchanges of a row that are samples, of a new workspace; one that is there gets them when it is run.
    Raises `DatasetError` as `Dataset.contents` does,
    `WorkspaceError` if it holds another dataset, `UsageError` if `data` is the workspace itself.
    """
    if not path.exists():
        dataset = open_dataset(data, format, encoding, columns)
        source = _source(dataset, encoding, turns)
        return Workspace.create(path, source, through(dataset.contents(on_bad, turns)))
    workspace = Workspace.open(path)
    source = workspace.source()
    if data.exists() and data.samefile(path):
        workspace.close()
        raise UsageError(f"{data}: a workspace; give the dataset that it was made from, {source.path}")
    try:
        check_source(path, source, data)
        check_columns(path, source, columns)
    except (WorkspaceError, UsageError):
        workspace.close()
        raise
    return workspace


def append_dataset(
    workspace: Workspace,
    data: Path,
    on_bad: Callable[[BadRow], None] | None,
    through: Callable[[Iterator[Sample | PassedRow]], Iterator[Sample | PassedRow]] = iter,
) -> int:
    """Take up what a workspace's dataset has gained at its end, and return how many rows that is.

    It is read as it was then; `data` may have another name now. Old and new rows go `through` a function. Raises as
    `open_workspace`, and `WorkspaceError` where an old row is not as it was; then nothing has changed.
    """
    source = workspace.source()
    if data.exists() and data.samefile(workspace.path):
        raise UsageError(f"{data}: a workspace; give the dataset that it was made from, {source.path}")
    if sha256_of(data) == source.sha256:
        return 0
    before = workspace.count_rows()
    dataset = open_dataset(data, source.format, source.encoding, source.columns)
    grown = _source(dataset, source.encoding, source.turns)
    workspace.append(grown, through(dataset.contents(on_bad, source.turns)))
    return workspace.count_rows() - before


def _source(dataset: Dataset, encoding: str | None, turns: Turns) -> Source:
    return Source(
        path=str(dataset.path.absolute()),
        format=dataset.format,
        fields=dataset.fields,
        sha256=sha256_of(dataset.path),
        columns=dataset.columns,
        encoding=encoding,
        turns=turns,
        types=dataset.types(),
    )


def check_columns(path: Path, source: Source, columns: Columns) -> None:
    """Raise `UsageError` where a workspace's dataset was read with other names than are given now."""
    if columns not in (NO_COLUMNS, source.columns):
        read = "without" if source.columns == NO_COLUMNS else f"with --columns {source.columns}, not"
        raise UsageError(f"{path}: its dataset was read {read} --columns {columns}; choose another -w")


def check_source(path: Path, source: Source, data: Path) -> None:
    """Raise `ChangedDatasetError` where the workspace at `path` was not made from `data` as it is now."""
    if data.exists() and sha256_of(data) != source.sha256:
        raise ChangedDatasetError(
            f"{path}: was made from another dataset, or from {source.path} before it changed; choose another -w, or "
            "take up rows that were added at its end with --append"
        )


class Import:
    """A dataset on its way into its workspace: written to on the engine's thread, read on the screen's."""

    def __init__(
        self,
        format: Format,
        *,
        skip_bad: bool,
        encoding: str | None = None,
        columns: Columns = NO_COLUMNS,
    ) -> None:
        """`skip_bad`: leave rows out that cannot be read. Else all of them are looked for, and the import fails."""
        self.rows = 0  # samples
        self.passed = 0
        self.bad: list[BadRow] = []
        self.format = format
        self.encoding, self.columns = encoding, columns
        self._skip_bad = skip_bad
        self._stopped = False

    def stop(self) -> None:
        """Give it up, soon."""
        self._stopped = True

    def on_bad(self, bad: BadRow) -> None:
        self._go_on()
        self.bad.append(bad)

    def through(self, rows: Iterator[Sample | PassedRow]) -> Iterator[Sample | PassedRow]:
        for row in rows:
            self._go_on()
            if isinstance(row, Sample):
                self.rows += 1
            else:
                self.passed += 1
            yield row
        if self.bad and not self._skip_bad:
            count = len(self.bad)
            raise BadRowsError(f"{count} {'row' if count == 1 else 'rows'} cannot be read")

    def _go_on(self) -> None:
        if self._stopped:
            raise StoppedError("the import was stopped; nothing was kept")
