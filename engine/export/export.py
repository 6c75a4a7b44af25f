"""The one way out of a workspace, for the command and the screen: a request in, a file and a report out."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from threading import Event

from engine.export.trainers import (
    Item,
    Trainer,
    check_entry,
    config_path,
    trainer_format,
    trainer_records,
    write_for_trainer,
)
from engine.formats.layouts import render
from engine.formats.names import Container, DatasetError, Format, Record
from engine.formats.outputs import refuse
from engine.formats.write import is_table, row_texts, write_dataset
from engine.store.leaving import ExportRule, LeavingSample, TopShare, count_exported, exported
from engine.store.workspace import Run, Workspace

ENDINGS = {
    Container.JSON: ".json",
    Container.JSONL: ".jsonl",
    Container.CSV: ".csv",
    Container.PARQUET: ".parquet",
}


class ExportStopped(Exception):  # noqa: N818 - asked for, no error
    """An export that a person stopped. Nothing is left of it."""


class RowProgress:
    """A thread's progress through rows; another may read it, and stop the thread."""

    def __init__(self) -> None:
        self.rows = self.total = 0
        self._passes, self._steps = 1, 0
        self._stop = Event()

    def expect(self, rows: int, passes: int) -> None:
        self.total, self._passes = rows, passes

    def step(self) -> None:
        """One row more. Raises `ExportStopped`."""
        if self._stop.is_set():
            raise ExportStopped
        self._steps += 1
        self.rows = self._steps // self._passes

    def stop(self) -> None:
        self._stop.set()


@dataclass(frozen=True, slots=True)
class ExportRequest:
    """The samples that are to leave, and their format."""

    rule: ExportRule = ExportRule.ALL
    share: TopShare = TopShare(percent=5)  # noqa: RUF009 - frozen; counts for the rule `top` only
    format: Format | None = None  # None: the dataset's own
    trainer: Trainer | None = None  # its layout comes before `format`
    trace: bool = False  # how each row came to be goes along

    def format_for(self, source: Format) -> Format:
        """The format that a dataset in the format `source` is written in."""
        return trainer_format(self.trainer, source) if self.trainer else self.format or source


@dataclass(frozen=True, slots=True)
class ExportResult:
    """The files that were written."""

    path: Path
    format: Format
    rows: int
    of: int  # samples in the workspace
    size: int  # bytes
    config: Path | None = None  # the trainer's
    use: str | None = None  # how to hand it to the trainer


@dataclass(frozen=True, slots=True)
class ExportPreview:
    """The file that would be written."""

    leaving: dict[ExportRule, int]  # rows, by rule
    of: int  # samples in the workspace
    format: Format
    rows: tuple[str, ...]  # the first, as they will stand in the file
    samples: tuple[int, ...]  # that they are


def write(workspace: Path, out: Path, wanted: ExportRequest, progress: RowProgress) -> ExportResult:
    """Write what is wanted to `out`, in one step or not at all. Raises `BurnishError`, or `ExportStopped`."""
    with Workspace.read(workspace) as opened:
        source, run = opened.source(), opened.latest_run()
        target = wanted.format_for(source.format)
        rows = count_exported(opened, run, wanted.rule, wanted.share)
        progress.expect(rows, passes=2 if is_table(target) else 1)
        sources = [source.file()]
        chosen = exported(opened, run, wanted.rule, wanted.share)
        config = use = None
        if wanted.trainer is not None:
            items = (_item(row, run, wanted) for row in chosen)
            files = write_for_trainer(
                wanted.trainer, out, source.format, items, sources=sources, step=progress.step
            )
            rows, config, use = files.rows, files.config, files.use
        else:
            records = _records(chosen, run, wanted, source.format)
            rows = write_dataset(
                out, target, records, types=source.types, sources=sources, step=progress.step
            )
        return ExportResult(out, target, rows, len(opened), out.stat().st_size, config, use)


def preview(workspace: Path, wanted: ExportRequest, rows: int) -> ExportPreview:
    """The file that `write` would make, with the first rows. Raises `BurnishError`."""
    with Workspace.read(workspace) as opened:
        source, run = opened.source(), opened.latest_run()
        target = wanted.format_for(source.format)
        first = list(islice(exported(opened, run, wanted.rule, wanted.share), rows))
        return ExportPreview(
            {rule: count_exported(opened, run, rule, wanted.share) for rule in ExportRule},
            len(opened),
            target,
            tuple(row_texts(target, list(_records(iter(first), run, wanted, source.format)))),
            tuple(row.sample.index for row in first),
        )


def default_path(workspace: Path, format: Format) -> Path:
    """Beside the workspace, under its name, with the ending of the format."""
    return workspace.with_name(f"{workspace.stem}-refined{ENDINGS[format.container]}")


def files_in_the_way(workspace: Path, out: Path, trainer: Trainer | None) -> list[Path]:
    """Files that are there and would be replaced. `BurnishError` where `out` cannot be written at all."""
    files = [out]
    if trainer is not None:
        config = config_path(trainer, out)
        if trainer is Trainer.LLAMAFACTORY:  # its config gets an entry more, and keeps the others
            check_entry(out)
        else:
            files.append(config)
    try:
        with Workspace.read(workspace) as opened:
            sources = [opened.source().file()]
        for file in files:
            refuse(file, sources)
        return [file for file in files if file.is_file()]
    except OSError as error:
        raise DatasetError(f"{out}: cannot be written: {error.strerror}") from None


def _records(
    chosen: Iterator[LeavingSample], run: Run, wanted: ExportRequest, source: Format
) -> Iterator[Record]:
    target = wanted.format_for(source)
    items = (_item(row, run, wanted) for row in chosen)
    if wanted.trainer is not None:
        return trainer_records(wanted.trainer, target, source, items)
    return (render(sample, version, source, target, trace) for sample, version, trace in items)


def _item(row: LeavingSample, run: Run, wanted: ExportRequest) -> Item:
    return row.sample, row.version, row.trace(run) if wanted.trace else None
