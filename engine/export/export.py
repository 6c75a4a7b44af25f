"""The one way out of a workspace, for the command and the screen: a request in, a file and a report out."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
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
from engine.formats.passed import passed_on
from engine.formats.write import is_table, row_texts, write_dataset
from engine.sample import PassedRow
from engine.store.leaving import ExportRule, LeavingSample, TopShare, count_exported, exported_rows
from engine.store.workspace import Run, Source, Workspace

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
    rule: ExportRule
    format: Format
    rows: int
    of: int  # rows of the dataset
    passed: int  # of the rows, those that could not be refined, as they were
    left_out: int  # rows that could not be refined and did not leave: by the rule, or for want of a place in the format
    size: int  # bytes
    config: Path | None = None  # the trainer's
    use: str | None = None  # how to hand it to the trainer


@dataclass(frozen=True, slots=True)
class ExportPreview:
    """The file that would be written."""

    leaving: dict[ExportRule, int]  # rows, by rule
    of: int  # rows of the dataset
    passed: int  # of these, those that cannot be refined, which leave with `ExportRule.ALL` only
    format: Format
    rows: tuple[str, ...]  # the first, as they will stand in the file
    samples: tuple[int | None, ...]  # that they are; None: a row that passes through


def write(workspace: Path, out: Path, wanted: ExportRequest, progress: RowProgress) -> ExportResult:
    """Write what is wanted to `out`, in one step or not at all. Raises `BurnishError`, or `ExportStopped`."""
    with Workspace.read(workspace) as opened:
        source, run = opened.source(), opened.latest_run()
        target = wanted.format_for(source.format)
        samples = count_exported(opened, run, wanted.rule, wanted.share)
        every = sum(opened.passed().values())
        rows = samples + every * (wanted.rule is ExportRule.ALL)
        progress.expect(rows, passes=2 if is_table(target) else 1)
        sources = [source.file()]
        chosen = exported_rows(opened, run, wanted.rule, wanted.share)
        config = use = None
        if wanted.trainer is not None:
            items = (_item(row, run, wanted) for row in chosen)
            files = write_for_trainer(
                wanted.trainer,
                out,
                source.format,
                items,
                named=source.columns,
                sources=sources,
                step=progress.step,
            )
            rows, config, use = files.rows, files.config, files.use
        else:
            records = _records(chosen, run, wanted, source)
            rows = write_dataset(
                out, target, records, types=source.types, sources=sources, step=progress.step
            )
        passed = rows - samples
        return ExportResult(
            out,
            wanted.rule,
            target,
            rows,
            len(opened) + every,
            passed,
            every - passed,
            out.stat().st_size,
            config,
            use,
        )


def preview(workspace: Path, wanted: ExportRequest, rows: int) -> ExportPreview:
    """The file that `write` would make, with the first rows. Raises `BurnishError`."""
    with Workspace.read(workspace) as opened:
        source, run = opened.source(), opened.latest_run()
        target = wanted.format_for(source.format)
        leaving = {rule: count_exported(opened, run, rule, wanted.share) for rule in ExportRule}
        passed = sum(opened.passed().values())
        leaving[ExportRule.ALL] += passed
        records: list[Record] = []
        samples: list[int | None] = []
        for row in exported_rows(opened, run, wanted.rule, wanted.share):
            if len(records) == rows:
                break
            written = list(_records(iter((row,)), run, wanted, source))
            records += written
            samples += [None if isinstance(row, PassedRow) else row.sample.index] * len(written)
        return ExportPreview(
            leaving,
            len(opened) + passed,
            passed,
            target,
            tuple(row_texts(target, records)),
            tuple(samples),
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
    chosen: Iterator[LeavingSample | PassedRow], run: Run, wanted: ExportRequest, source: Source
) -> Iterator[Record]:
    target = wanted.format_for(source.format)
    items = (_item(row, run, wanted) for row in chosen)
    if wanted.trainer is not None:
        yield from trainer_records(wanted.trainer, target, source.format, items, named=source.columns)
        return
    before, columns = source.format.layout, source.columns
    for item in items:
        if not isinstance(item, PassedRow):
            sample, version, trace = item
            yield render(sample, version, source.format, target, trace, columns)
        elif (record := passed_on(item.row, before, target.layout, columns)) is not None:
            yield record


def _item(row: LeavingSample | PassedRow, run: Run, wanted: ExportRequest) -> Item:
    if isinstance(row, PassedRow):
        return row
    return row.sample, row.version, row.trace(run) if wanted.trace else None
