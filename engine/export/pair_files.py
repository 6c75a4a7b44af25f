"""Pairs of responses as a file, for a trainer with the entry or config that names it beside the file."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from engine.export.acceptance import Acceptance, Breach, BrokenRule
from engine.export.for_trainer import (
    BrokenRows,
    Item,
    as_comments,
    trainer_record,
    unread,
    use,
    with_entry,
    with_images,
)
from engine.export.preference_rows import (
    OURS,
    pair_columns,
    preference_config,
    preference_rows,
    read_beside,
    shape_breach,
    training_words,
)
from engine.export.preferences import NoPair, Pair, PreferenceKind, Preferences, PreferredBy, pair_of
from engine.export.survey import Survey
from engine.export.trainers import Trainer, config_path
from engine.formats.fields import NO_COLUMNS, Columns
from engine.formats.names import DatasetError, Format
from engine.formats.outputs import SourceFile, replacing
from engine.formats.render import up_to
from engine.formats.write import Step, nothing, write_rows
from engine.sample import Version
from engine.store.leaving import LeavingSample

Rows = Callable[[], Iterable[LeavingSample]]
"""The samples of an export, in order, as often as they are asked for."""


@dataclass(slots=True)
class PairCounts:
    """The samples of an export of preferences, counted: those that gave a pair, and those that gave none, by reason."""

    pairs: Counter[PreferredBy] = field(default_factory=Counter)
    near_ties: int = 0  # pairs that rounding of the student's weights may have decided
    none: Counter[NoPair] = field(default_factory=Counter)

    def add(self, found: Pair | NoPair) -> None:
        if isinstance(found, NoPair):
            self.none[found] += 1
        else:
            self.pairs[found.by] += 1
            self.near_ties += found.near_tie

    def why_none(self) -> str:
        """The samples without a pair, by reason, in words."""
        return ", ".join(f"{count:,}: {why}" for why, count in self.none.most_common())


@dataclass(frozen=True, slots=True)
class PairFiles:
    """The files that were written."""

    rows: int
    counts: PairCounts
    config: Path | None = None
    use: str | None = None
    notes: tuple[str, ...] = ()
    broken: tuple[BrokenRule, ...] = ()


@dataclass(frozen=True, slots=True)
class _Sides:
    """A pair's two responses, each as a row of an export for supervised training."""

    sample: int
    chosen: dict[str, Any]
    rejected: dict[str, Any]


class PairSource:
    """The pairs of an export, as rows of a format."""

    def __init__(
        self,
        wanted: Preferences,
        trainer: Trainer | None,
        source: Format,
        target: Format,
        named: Columns = NO_COLUMNS,
        trace: Callable[[LeavingSample], Mapping[str, Any]] | None = None,
    ) -> None:
        """`trace`: how a row came to be, to be carried along; `named`: the names that `source` was read with."""
        self._wanted = wanted
        self._trainer = trainer or Trainer.TRL
        self._source, self._target, self._named = source, target, named
        self._trace = trace

    def sides(self, rows: Iterable[LeavingSample], counts: PairCounts) -> Iterator[_Sides]:
        """The pairs of some samples, which are counted."""
        for row in rows:
            found = pair_of(row, self._wanted)
            if isinstance(found, NoPair):
                counts.add(found)
                continue
            trace = {**self._trace(row), "preference": found.trace()} if self._trace else None
            chosen = self._record(row, found.chosen, trace)
            rejected = self._record(row, found.rejected, trace)
            if chosen is None or rejected is None:
                counts.add(NoPair.NO_PLACE)
                continue
            counts.add(found)
            yield _Sides(row.sample.index, chosen, rejected)

    def rows(self, sides: _Sides) -> list[dict[str, Any]]:
        """A pair's rows, as they stand in the file."""
        return preference_rows(self._wanted.kind, self._trainer, self._target, sides.chosen, sides.rejected)

    def _record(
        self, row: LeavingSample, version: Version, trace: Mapping[str, Any] | None
    ) -> dict[str, Any] | None:
        """The row up to the sample's exchange, with this version; None where the format has no place for it."""
        sample = up_to(row.sample, self._source, self._named)
        item = Item(sample.row, [(sample, version)], trace)
        record = trainer_record(self._trainer, self._target, self._source, item, self._named)
        return record and {name: value for name, value in record.items() if name not in OURS}


def write_pairs(
    path: Path,
    wanted: Preferences,
    trainer: Trainer | None,
    target: Format,
    rows: Rows,
    pairs: PairSource,
    *,
    drop: bool = False,
    replace_entry: bool = False,
    sources: Collection[SourceFile] = (),
    media: Path | None = None,
    passed: int = 0,
    step: Step = nothing,
) -> PairFiles:
    """Write the pairs to `path`, and the trainer's entry or config beside it: both or none.

    As `write_for_trainer`. All samples are gone through twice. `passed`: rows of the dataset that are no samples.
    `DatasetError`: there is no pair, and why.
    """
    config = config_path(trainer, path, target) if trainer else None
    if trainer is Trainer.LLAMAFACTORY and config:
        with_entry(config, path, target, {}, replace_entry)  # before anything else is done
    survey, counts = Survey(), PairCounts()
    if passed:
        counts.none[NoPair.PASSED] = passed
    for sides in pairs.sides(_stepped(rows(), step), counts):
        survey.add(sides.chosen, target)
        survey.add(sides.rejected, target)
    if not counts.pairs.total():
        raise DatasetError(
            f"{path}: not written, for no sample has a pair of responses ({counts.why_none()})"
        )
    accepted = Acceptance(trainer, target, survey) if trainer else None
    broken, placeless, written = BrokenRows(), BrokenRows(), Survey()

    def records() -> Iterator[dict[str, Any]]:
        number = 1
        for found in pairs.sides(_stepped(rows(), step), PairCounts()):
            sides = found
            if accepted is not None and trainer is not None:
                sides = _with_images(found, trainer, survey)
                breaches = _breaches(accepted, sides)
                shape = shape_breach(wanted.kind, trainer, target, sides.chosen)
                if shape is not None and shape[1]:
                    placeless.add([shape[0]], number, sides.sample)
                    continue
                broken.add([*breaches, *([shape[0]] if shape else [])], number, sides.sample)
                if drop and (breaches or shape):
                    continue
                written.add(sides.chosen, target)
            made = pairs.rows(sides)
            number += len(made)
            yield from made

    if trainer is None or config is None:
        with replacing(path, sources=sources) as (file,):
            return PairFiles(write_rows(file, path, target, records()), counts)
    with replacing(path, config, sources=sources) as (file, beside):
        count = write_rows(file, path, target, records())
        left_out = (*placeless.rules(trainer, dropped=True), *broken.rules(trainer, dropped=drop))
        if not count:
            raise DatasetError(f"{path}: not written, for no pair is left: {'; '.join(map(str, left_out))}")
        columns = read_beside(wanted.kind, trainer, target, written.filled)
        notes = unread(trainer, written, columns)
        if trainer is Trainer.LLAMAFACTORY:
            beside.write(with_entry(config, path, target, pair_columns(wanted.kind, columns), replace_entry))
        else:
            config_text = preference_config(wanted.kind, trainer, path, target, columns)
            beside.write((as_comments(notes) + config_text).encode())
    return PairFiles(
        count,
        counts,
        config,
        use(
            trainer,
            path,
            config,
            None if wanted.kind is PreferenceKind.ORPO else wanted.kind.value,
            training_words(wanted.kind),
            media if written.has_relative_media else None,
        ),
        tuple(notes),
        left_out,
    )


def _stepped(rows: Iterable[LeavingSample], step: Step) -> Iterator[LeavingSample]:
    for row in rows:
        step()
        yield row


def _with_images(sides: _Sides, trainer: Trainer, survey: Survey) -> _Sides:
    chosen, rejected = (with_images(trainer, record, survey) for record in (sides.chosen, sides.rejected))
    return _Sides(sides.sample, chosen, rejected)


def _breaches(accepted: Acceptance, sides: _Sides) -> list[Breach]:
    """The rules that either response's row breaks, each once."""
    found = {breach.rule: breach for breach in accepted.breaches(sides.rejected)}
    return list((found | {breach.rule: breach for breach in accepted.breaches(sides.chosen)}).values())
