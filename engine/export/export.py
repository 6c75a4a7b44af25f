"""The one way out of a workspace, for the command and the screen: a request in, a file and a report out."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from itertools import islice
from pathlib import Path
from threading import Event
from typing import Any

from engine.export.acceptance import Acceptance, BrokenRule
from engine.export.for_trainer import Item, has_others_entry, trainer_record, with_images, write_for_trainer
from engine.export.pair_files import PairCounts, PairSource, write_pairs
from engine.export.preference_rows import preference_format, preference_formats
from engine.export.preferences import PreferenceKind, Preferences
from engine.export.survey import Survey
from engine.export.trainers import Trainer, config_path, formats_of, trainer_format
from engine.formats.following import changes
from engine.formats.names import TRACE, Container, DatasetError, Format
from engine.formats.outputs import refuse
from engine.formats.packed import bare_name
from engine.formats.passed import passed_on
from engine.formats.render import render_row
from engine.formats.write import is_table, row_texts, write_dataset
from engine.sample import Turns
from engine.store.baselines import Baselines, baselines
from engine.store.choosing import ORDERS
from engine.store.leaving import (
    USUAL_TOP,
    ExportRule,
    LeavingRow,
    TopShare,
    count_dropped_rows,
    count_exported,
    count_exported_rows,
    count_unrated,
    exported,
    exported_rows,
    pass_through,
)
from engine.store.workspace import Run, Source, Workspace
from models.errors import UsageError

ENDINGS = {
    Container.JSON: ".json",
    Container.JSONL: ".jsonl",
    Container.CSV: ".csv",
    Container.PARQUET: ".parquet",
}


TEXT = {Container.JSON, Container.JSONL}
"""Kinds of file whose names are used for each other: readers tell them apart by what is in them."""

SEEN = 200
"""Rows that a preview looks at, where it leaves some out."""


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
    top: TopShare | None = (
        None  # of the rule's samples, those with the largest IFD; None: all, with `top` the usual
    )
    format: Format | None = None  # None: the dataset's own, or the trainer's for it
    trainer: Trainer | None = None
    trace: bool = False  # how each row came to be goes along
    drop_untrainable: bool = False  # rows that break one of the trainer's rules stay behind
    replace_entry: bool = False  # also one in dataset_info.json that burnish did not write
    preferences: Preferences | None = None  # pairs of responses leave instead of samples
    min_rating: int | None = None  # of the rule's samples, only those that a judge rated so well; None: any

    @property
    def chosen(self) -> tuple[ExportRule, TopShare | None, int | None]:
        """The rule, the share and the least rating: what `exported` chooses the samples by."""
        return self.rule, self.share, self.min_rating

    @property
    def share(self) -> TopShare | None:
        """The share of the rule's samples that leaves, None for all."""
        return share_of(self.rule, self.top)

    def format_for(self, source: Format) -> Format:
        """The format that a dataset in the format `source` is written in. `UsageError`: the trainer takes no such."""
        if self.preferences is not None:
            return preference_format(self.trainer, self.format)
        return trainer_format(self.trainer, source, self.format) if self.trainer else self.format or source

    @property
    def formats(self) -> tuple[Format, ...]:
        """The formats that it can be written in."""
        if self.preferences is not None:
            return preference_formats(self.trainer)
        return formats_of(self.trainer) if self.trainer else tuple(Format)

    def for_name(self, out: Path, source: Format) -> ExportRequest:
        """This export as the kind of file that the ending of `out` names, where no format is asked for.

        A JSON array may be called .jsonl, and JSON Lines .json. `UsageError`: the trainer takes no such file.
        """
        named, usual = named_container(out), self.format_for(source)
        if self.format is not None or named is None or {named, usual.container} <= TEXT:
            return self
        if (fitting := Format.of(named, usual.layout)) not in self.formats:
            raise UsageError(
                f"{out}: these rows are not written as {named}; call it NAME{ENDINGS[usual.container]}"
            )
        return replace(self, format=fitting)


def named_container(path: Path) -> Container | None:
    """The kind of file that a path's ending names."""
    ending = bare_name(path).suffix.lower()
    return next((container for container, own in ENDINGS.items() if own == ending), None)


@dataclass(frozen=True, slots=True)
class ExportResult:
    """The files that were written."""

    path: Path
    rule: ExportRule
    share: TopShare | None
    min_rating: int | None
    format: Format
    rows: int
    of: int  # rows of the dataset
    passed: int  # of the rows, those that could not be refined, as they were
    left_out: int  # rows that did not leave: not refined, by the rule; or for want of a place in the format
    size: int  # bytes
    config: Path | None = None  # the trainer's
    use: str | None = None  # how to hand it to the trainer
    notes: tuple[str, ...] = ()  # on what the trainer reads
    broken: tuple[BrokenRule, ...] = ()  # rules of the trainer's that rows break
    pairs: PairCounts | None = None  # of an export of preferences
    dropped: int = 0  # rows of samples that a person dropped, which leave by no rule
    unrated: int = 0  # samples of the rule that no judge has rated, which a least rating leaves out


@dataclass(frozen=True, slots=True)
class ExportPreview:
    """The file that would be written."""

    leaving: dict[ExportRule, int]  # rows, by rule
    of: int  # rows of the dataset
    passed: int  # of these, those that cannot be refined, which leave with `ExportRule.ALL` only
    format: Format
    rows: tuple[str, ...]  # the first, as they will stand in the file
    samples: tuple[int | None, ...]  # the first sample of each; None: a row that passes through
    dropped: int  # rows of samples that a person dropped, which leave by no rule
    baselines: Baselines | None  # beside the samples that would leave; None: nothing is chosen
    passing: bool  # rows that cannot be refined leave as they were
    unrated: int  # samples of the rule that no judge has rated as they would leave
    rated: bool  # a judge has rated samples here
    why_none: str = ""  # of preferences: the samples without a pair that were looked at, by reason


def write(workspace: Path, out: Path, wanted: ExportRequest, progress: RowProgress) -> ExportResult:
    """Write what is wanted to `out`, in one step or not at all. Raises `BurnishError`, or `ExportStopped`."""
    with Workspace.read(workspace) as opened:
        opened.database.freeze()  # a trainer's rows are gone through twice, and a run may be on
        source, run = opened.source(), opened.latest_run()
        target = wanted.format_for(source.format)
        _check_choice(opened, run, wanted)
        if wanted.preferences is not None:
            return _write_pairs(opened, run, out, wanted, wanted.preferences, progress)
        every = sum(opened.passed().values())
        of, sources = opened.count_rows(), [source.file()]
        rows = count_exported_rows(opened, run, *wanted.chosen)
        progress.expect(rows, passes=1 + is_table(target) + (wanted.trainer is not None))

        def items() -> Iterator[Item]:
            return (_item(row, run, wanted, source) for row in exported_rows(opened, run, *wanted.chosen))

        if wanted.trainer is None:
            passed, no_place = 0, 0

            def records() -> Iterator[dict[str, Any]]:
                nonlocal passed, no_place
                for item in items():
                    if (record := _record(item, wanted, source, target)) is None:
                        no_place += 1
                        continue
                    passed += not item.refined
                    yield record

            rows = write_dataset(
                out, target, records(), types=source.types, sources=sources, step=progress.step
            )
            left_out = no_place if pass_through(*wanted.chosen) else no_place + every
            size = out.stat().st_size
            return ExportResult(
                out,
                *wanted.chosen,
                target,
                rows,
                of,
                passed,
                left_out,
                size,
                dropped=count_dropped_rows(opened),
                unrated=_unrated(opened, run, wanted),
            )
        files = write_for_trainer(
            wanted.trainer,
            out,
            source.format,
            target,
            items,
            named=source.columns,
            drop=wanted.drop_untrainable,
            replace_entry=wanted.replace_entry,
            types=source.types,
            sources=sources,
            media=Path(source.path).parent,
            step=progress.step,
        )
        return ExportResult(
            out,
            *wanted.chosen,
            target,
            files.rows,
            of,
            files.passed,
            files.no_place if pass_through(*wanted.chosen) else files.no_place + every,
            out.stat().st_size,
            files.config,
            files.use,
            files.notes,
            files.broken,
            dropped=count_dropped_rows(opened),
            unrated=_unrated(opened, run, wanted),
        )


def _write_pairs(
    opened: Workspace,
    run: Run,
    out: Path,
    wanted: ExportRequest,
    preferences: Preferences,
    progress: RowProgress,
) -> ExportResult:
    source = opened.source()
    target = wanted.format_for(source.format)
    every = sum(opened.passed().values())
    progress.expect(count_exported(opened, run, *wanted.chosen), passes=2)
    files = write_pairs(
        out,
        preferences,
        wanted.trainer,
        target,
        lambda: exported(opened, run, *wanted.chosen),
        _pairs(run, wanted, preferences, source),
        drop=wanted.drop_untrainable,
        replace_entry=wanted.replace_entry,
        sources=[source.file()],
        media=Path(source.path).parent,
        passed=every * pass_through(*wanted.chosen),
        step=progress.step,
    )
    return ExportResult(
        out,
        *wanted.chosen,
        target,
        files.rows,
        len(opened) + every,
        0,
        0,
        out.stat().st_size,
        files.config,
        files.use,
        files.notes,
        files.broken,
        files.counts,
        dropped=count_dropped_rows(opened),
        unrated=_unrated(opened, run, wanted),
    )


def _pairs(run: Run, wanted: ExportRequest, preferences: Preferences, source: Source) -> PairSource:
    target = wanted.format_for(source.format)
    trace = (lambda row: row.trace(run)) if wanted.trace else None
    return PairSource(preferences, wanted.trainer, source.format, target, source.columns, trace)


def preview(workspace: Path, wanted: ExportRequest, rows: int, seed: int = 0) -> ExportPreview:
    """The file that `write` would make, with the first rows. Raises `BurnishError`.

    `seed`: of the draw that its samples are held against. Which rows break a rule of a trainer's that depends on all of
    them is told from the first ones here.
    """
    with Workspace.read(workspace) as opened:
        source, run = opened.source(), opened.latest_run()
        target = wanted.format_for(source.format)
        shares = {rule: wanted.top if rule is wanted.rule else None for rule in ExportRule}
        leaving = {
            rule: count_exported_rows(opened, run, rule, share_of(rule, share), wanted.min_rating)
            for rule, share in shares.items()
        }
        _check_choice(opened, run, wanted)
        passed, dropped = sum(opened.passed().values()), count_dropped_rows(opened)
        beside = baselines(opened, run, wanted.rule, wanted.share, seed, wanted.min_rating)
        passing = pass_through(*wanted.chosen)
        unrated, rated = _unrated(opened, run, wanted), opened.ratings.latest() is not None
        if wanted.preferences is not None:
            pairs, counts = _pairs(run, wanted, wanted.preferences, source), PairCounts()
            found = islice(pairs.sides(exported(opened, run, *wanted.chosen), counts), rows)
            made = [(sides.sample, row) for sides in found for row in pairs.rows(sides)][:rows]
            return ExportPreview(
                leaving,
                opened.count_rows(),
                passed,
                target,
                tuple(row_texts(target, [row for _, row in made])),
                tuple(sample for sample, _ in made),
                dropped,
                beside,
                passing,
                unrated,
                rated,
                counts.why_none(),
            )
        seen: list[tuple[int | None, dict[str, Any]]] = []  # the sample, None where it is none, and the row
        for row in exported_rows(opened, run, *wanted.chosen):
            if len(seen) == (SEEN if wanted.drop_untrainable else rows):
                break
            item = _item(row, run, wanted, source)
            if (record := _record(item, wanted, source, target)) is not None:
                seen.append((item.sample, record))
        if wanted.trainer is not None:
            survey = Survey()
            for _, record in seen:
                survey.add(record, target)
            seen = [(sample, with_images(wanted.trainer, record, survey)) for sample, record in seen]
            accepted = Acceptance(wanted.trainer, target, survey)
            if wanted.drop_untrainable:
                seen = [one for one in seen if not accepted.breaches(one[1])][:rows]
        return ExportPreview(
            leaving,
            opened.count_rows(),
            passed,
            target,
            tuple(row_texts(target, [record for _, record in seen])),
            tuple(sample for sample, _ in seen),
            dropped,
            beside,
            passing,
            unrated,
            rated,
        )


def _check_choice(opened: Workspace, run: Run, wanted: ExportRequest) -> None:
    """Raises `UsageError` where the rule lets samples through, and none has the measure that they are chosen by."""
    rule, share, least = wanted.chosen
    if least is not None and opened.ratings.latest() is None:
        raise UsageError(f"--min-rating {least}: nothing is rated here; `burnish rate` asks a judge")
    if share is None or not (why := ORDERS[share.by].missing) or count_exported(opened, run, *wanted.chosen):
        return
    if rule is ExportRule.TOP or count_exported(opened, run, rule, None, least):
        raise UsageError(f"--by {share.by}: no sample of the rule {rule} has it: {why}")


def _unrated(opened: Workspace, run: Run, wanted: ExportRequest) -> int:
    """The samples that a least rating leaves out for want of one."""
    return 0 if wanted.min_rating is None else count_unrated(opened, run, wanted.rule)


def share_of(rule: ExportRule, top: TopShare | None) -> TopShare | None:
    """The share of a rule's samples that leaves, where `top` is asked for or nothing is."""
    return USUAL_TOP if top is None and rule is ExportRule.TOP else top


def default_path(workspace: Path, format: Format, kind: PreferenceKind | None = None) -> Path:
    """Beside the workspace, under its name, with the ending of the format. `kind`: where preferences leave."""
    return workspace.with_name(f"{workspace.stem}-{kind or 'refined'}{ENDINGS[format.container]}")


@dataclass(frozen=True, slots=True)
class InTheWay:
    """Files and an entry that are there and would be replaced by an export."""

    files: tuple[Path, ...] = ()
    entry: str | None = None  # of that name in dataset_info.json, which burnish did not write


def in_the_way(workspace: Path, out: Path, wanted: ExportRequest) -> InTheWay:
    """The files and the entry that an export would replace. `BurnishError` where `out` cannot be written at all."""
    files, entry = [out], None
    with Workspace.read(workspace) as opened:
        source = opened.source()
    if wanted.trainer is not None:
        config = config_path(wanted.trainer, out, wanted.format_for(source.format))
        if wanted.trainer is not Trainer.LLAMAFACTORY:
            files.append(config)
        elif has_others_entry(out, config):  # its config gets an entry more, and keeps the others
            entry = out.stem
    try:
        for file in files:
            refuse(file, [source.file()])
        return InTheWay(tuple(file for file in files if file.is_file()), entry)
    except OSError as error:
        raise DatasetError(f"{out}: cannot be written: {error.strerror}") from None


def _record(item: Item, wanted: ExportRequest, source: Source, target: Format) -> dict[str, Any] | None:
    """A row as it is written; None for one that passes through and has no place in the format."""
    if wanted.trainer is not None:
        return trainer_record(wanted.trainer, target, source.format, item, source.columns)
    if not item.refined:
        return passed_on(item.row, source.format.layout, target.layout, source.columns)
    record = render_row(item.refined, source.format, target, source.columns)
    return record if record is None or item.trace is None else record | {TRACE: dict(item.trace)}


def _item(row: LeavingRow, run: Run, wanted: ExportRequest, source: Source) -> Item:
    refined = [(one.sample, one.reasoned(run, source)) for one in row.samples]
    if not (wanted.trace and refined):
        return Item(row.row, refined)
    traces = []
    for one, (_, version) in zip(row.samples, refined, strict=True):
        followed = changes(one.sample, version, source.format, source.columns)
        traces.append(one.trace(run) | {"fields": [change._asdict() for change in followed]})
    return Item(row.row, refined, traces[0] if source.turns is Turns.LAST else {"exchanges": traces})
