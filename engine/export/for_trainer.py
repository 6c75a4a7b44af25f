"""A dataset as a trainer takes it, with the entry or config that names it beside the file."""

from __future__ import annotations

import json
from collections import Counter, defaultdict
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from engine.export.acceptance import Acceptance, Breach, BrokenRule, TrainerRule
from engine.export.dataset_info import DatasetInfo
from engine.export.survey import Survey, kto_field
from engine.export.trainers import (
    KTO,
    MATTER,
    TURNS,
    Trainer,
    config_path,
    config_text,
    is_llamafactory_entry_of_ours,
    llamafactory_entry,
    read_columns,
)
from engine.formats.fields import NO_COLUMNS, Columns
from engine.formats.names import TRACE, DatasetError, Format, shown
from engine.formats.outputs import SourceFile, replacing
from engine.formats.passed import in_names_of
from engine.formats.render import Refined, convert_row
from engine.formats.write import Step, nothing, write_rows
from models.system.shell import command_line, quoted_word


@dataclass(frozen=True, slots=True)
class Item:
    """A row of an export."""

    row: dict[str, Any]
    refined: Refined  # its samples and the version of each to train on, by turns; none: it passes through
    trace: Mapping[str, Any] | None = None  # if that is to be carried along

    @property
    def sample(self) -> int | None:
        """The number of its first sample; None: it passes through."""
        return self.refined[0][0].index if self.refined else None


Items = Callable[[], Iterable[Item]]
"""The rows of an export, in order, as often as they are asked for."""


@dataclass(frozen=True, slots=True)
class TrainerFiles:
    """The files that were written for a trainer."""

    rows: int
    passed: int  # of the rows, those that could not be refined
    no_place: int  # rows that the format has no place for
    dataset: Path
    config: Path  # dataset_info.json, or a YAML file to start the trainer with
    use: str  # how to hand it to the trainer, one line
    notes: tuple[str, ...]  # what the trainer's user should know of the rows
    broken: tuple[BrokenRule, ...]  # rules of the trainer's that rows break


def trainer_record(
    trainer: Trainer, target: Format, source: Format, item: Item, named: Columns = NO_COLUMNS
) -> dict[str, Any] | None:
    """A row in the field names of a trainer's format, its trace last; None for one that has no place in it.

    `named`: the names that `source` was read with. `DatasetError`: the format cannot hold a sample.
    """
    if item.refined:
        record = convert_row(item.refined, source, target, named)
    else:
        record = in_names_of(item.row, source.layout, target.layout, named)
    if record is None:
        return None
    record = dict(record)
    if "tools" in record:
        record["tools"] = _tools(trainer, record["tools"])
    # Beside turns, Axolotl takes an empty `system` for a system turn; in a set with one, every row has the field.
    if trainer is Trainer.AXOLOTL and target.layout in TURNS and record.get("system") in (None, ""):
        record.pop("system", None)
    return record if item.trace is None else record | {TRACE: dict(item.trace)}


def with_images(trainer: Trainer, record: dict[str, Any], survey: Survey) -> dict[str, Any]:
    """A row as it is, but for TRL with an empty list of images where others have some: it asks every row for one."""
    if trainer is Trainer.TRL and survey.filled["images"] and record.get("images") is None:
        return record | {"images": []}
    return record


def _tools(trainer: Trainer, given: object) -> object:
    """A row's tools as the trainer takes them: JSON in one text for LLaMA-Factory, a list of objects for the others.

    LLaMA-Factory's data/formatter.py parses the text, Axolotl's docs want a list, and TRL hands them to the chat
    template. What is neither stays as it is, and is named as a row that breaks a rule.
    """
    as_text = trainer is Trainer.LLAMAFACTORY
    tools = given
    if isinstance(given, str):
        if not given.strip():
            return given if as_text else None
        try:
            tools = json.loads(given)
        except (ValueError, RecursionError):
            return given
        if as_text and isinstance(tools, list):
            return given
    if isinstance(tools, dict):
        tools = [tools]
    if not isinstance(tools, list):
        return given
    return json.dumps(tools, ensure_ascii=False) if as_text else tools


def write_for_trainer(
    trainer: Trainer,
    path: Path,
    source: Format,
    target: Format,
    items: Items,
    *,
    named: Columns = NO_COLUMNS,
    drop: bool = False,
    replace_entry: bool = False,
    types: str | None = None,
    sources: Collection[SourceFile] = (),
    media: Path | None = None,
    step: Step = nothing,
) -> TrainerFiles:
    """Write the dataset to `path` in the format `target`, and the trainer's entry or config beside it: both or none.

    Rows get the trainer's own field names; unknown fields come after them. Rows that break one of the trainer's
    rules are named, and left out with `drop`. `media`: the folder of the source, from which images have relative
    paths. All items are gone through twice. `UsageError`: the file's name does not suit the trainer. `DatasetError`:
    as `write_dataset`, rows that the format cannot hold, or a dataset_info.json that cannot take the entry or has
    another one of that name (replaced with `replace_entry`).
    """
    config = config_path(trainer, path, target)
    if trainer is Trainer.LLAMAFACTORY:
        with_entry(config, path, target, {}, replace_entry)  # before anything else is done
    survey = Survey()
    for item in items():
        step()
        if (record := trainer_record(trainer, target, source, item, named)) is not None:
            survey.add(record, target)
    accepted = Acceptance(trainer, target, survey)
    written, broken, passed = Survey(), BrokenRows(), Counter[bool]()

    def records() -> Iterator[dict[str, Any]]:
        number = 0
        for item in items():
            record = trainer_record(trainer, target, source, item, named)
            if record is None:
                passed[False] += 1
                continue
            number += 1
            record = with_images(trainer, record, survey)
            breaches = accepted.breaches(record)
            broken.add(breaches, number, item.sample)
            if breaches and drop:
                continue
            passed[True] += not item.refined
            written.add(record, target)
            yield record

    # Neither file takes its place before both are on the disk: rows without their entry would be no dataset.
    with replacing(path, config, sources=sources) as (file, beside):
        rows = write_rows(file, path, target, records(), types=types, step=step)
        columns = read_columns(trainer, target, written.filled)
        kto = kto_field(written)
        if trainer is Trainer.LLAMAFACTORY:
            if kto:
                columns["kto_tag"] = kto
            beside.write(with_entry(config, path, target, columns, replace_entry))
        else:
            head = as_comments(unread(trainer, written, columns))
            beside.write((head + config_text(trainer, path, target, columns)).encode())
    training = ["--stage", "kto"] if kto else []
    return TrainerFiles(
        rows,
        passed[True],
        passed[False],
        path,
        config,
        use(trainer, path, config, "sft", training, media if written.has_relative_media else None),
        tuple(_notes(trainer, written, columns, media)),
        broken.rules(trainer, dropped=drop),
    )


def has_others_entry(path: Path, config: Path) -> bool:
    """True where the folder's dataset_info.json has an entry for `path` that burnish did not write. `DatasetError`."""
    entries = DatasetInfo.read(config).entries
    return path.stem in entries and not is_llamafactory_entry_of_ours(entries[path.stem], path)


def with_entry(
    config: Path, path: Path, target: Format, columns: Mapping[str, str], replace_entry: bool
) -> bytes:
    info = DatasetInfo.read(config)
    before = info.entries.get(path.stem)
    if not is_llamafactory_entry_of_ours(before, path):
        if path.stem in info.entries and not replace_entry:
            raise DatasetError(
                f"{config}: its entry {shown(path.stem)} was not written by burnish, and no entry was added; give the "
                "export another name, or have the entry replaced (--replace-entry)"
            )
        before = None
    return info.with_entry(path.stem, llamafactory_entry(path, target.layout, columns, before))


class BrokenRows:
    """The rules that rows break, as they are found."""

    def __init__(self) -> None:
        self._first: dict[TrainerRule, Breach] = {}
        self._rows: defaultdict[TrainerRule, list[int]] = defaultdict(list)
        self._samples: defaultdict[TrainerRule, list[int | None]] = defaultdict(list)

    def add(self, breaches: Iterable[Breach], row: int, sample: int | None) -> None:
        for breach in breaches:
            self._first.setdefault(breach.rule, breach)
            self._rows[breach.rule].append(row)
            self._samples[breach.rule].append(sample)

    def rules(self, trainer: Trainer, *, dropped: bool) -> tuple[BrokenRule, ...]:
        return tuple(
            BrokenRule(
                trainer, self._first[rule], tuple(self._rows[rule]), tuple(self._samples[rule]), dropped
            )
            for rule in TrainerRule
            if rule in self._first
        )


def as_comments(notes: Iterable[str]) -> str:
    """Notes as they stand in a config."""
    return "".join(f"# {note[0].upper()}{note[1:]}\n" for note in notes)


def unread(trainer: Trainer, written: Survey, columns: Mapping[str, str]) -> list[str]:
    """A note on what is in the rows and the trainer does not read."""
    names = [name for name in MATTER if name in written.filled and name not in columns.values()]
    return [f"in the rows, but not read by {trainer.proper_name}: {', '.join(names)}"] if names else []


def _notes(
    trainer: Trainer, written: Survey, columns: Mapping[str, str], media: Path | None
) -> Iterator[str]:
    yield from unread(trainer, written, columns)
    if trainer is Trainer.LLAMAFACTORY and kto_field(written) is None:
        for name in (name for name in KTO if written.flags[name]):
            count = f"{written.flags[name]:,} of {written.rows:,} rows"
            yield f"`{name}` is true or false in {count}, so it is not named as a label for KTO"
    if written.has_relative_media and trainer is not Trainer.LLAMAFACTORY and "images" in columns:
        yield f"`{columns['images']}` have relative paths: start {trainer.proper_name} in {media or 'their folder'}"


def use(
    trainer: Trainer, path: Path, config: Path, trl: str | None, training: list[str], media: Path | None
) -> str:
    """The command that hands a dataset to its trainer, to be typed in any folder.

    trl: TRL's command, None where it has none; training: options of LLaMA-Factory's for the method.
    """
    if trainer is not Trainer.LLAMAFACTORY:
        quoted = quoted_word(str(config.absolute()))
        if trainer is Trainer.AXOLOTL:
            return f"merge {quoted} into your config"
        return f"trl {trl} --config {quoted} ..." if trl else f"load the dataset of {quoted} in a script"
    folder = path.absolute().parent
    words = ["llamafactory-cli", "train", *training, "--dataset_dir", str(folder)]
    words += [f"--dataset={path.stem}"] if path.stem.startswith("-") else ["--dataset", path.stem]
    if media is not None and media.absolute() != folder:  # it looks for them in the dataset's folder
        words += ["--media_dir", str(media.absolute())]
    return f"{command_line(words)} ..."
