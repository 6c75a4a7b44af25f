"""Pairs as rows: TRL's conversational form, LLaMA-Factory's ranking and Axolotl's types, each with its entry or config.

A pair is rendered as an export for supervised training would have each of its responses; then the turns before the
answer become the prompt. What a trainer makes of the rows was read in its source: see tests/engine/export.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from pathlib import Path
from typing import Any

from engine.export.acceptance import Breach, TrainerRule
from engine.export.preferences import PreferenceKind
from engine.export.survey import role_of
from engine.export.trainers import TURNS, Trainer, TurnKeys, formats_of, read_columns, yaml_text
from engine.formats.names import TRACE, Container, Format, Layout, Record
from models.errors import UsageError

OURS = ("prompt", "chosen", "rejected", "completion", "label", "kto_tag")
"""Fields of a pair's row: a dataset's own fields of these names give way."""


def preference_formats(trainer: Trainer | None) -> tuple[Format, ...]:
    """The formats that pairs are written in, the usual one first. They are rows of turns, and in CSV those are text."""
    layouts = (Layout.SHAREGPT, Layout.MESSAGES) if trainer is Trainer.LLAMAFACTORY else (Layout.MESSAGES,)
    return tuple(
        format
        for layout in layouts
        for format in formats_of(trainer or Trainer.TRL)
        if format.layout is layout
    )


def preference_format(trainer: Trainer | None, wanted: Format | None) -> Format:
    """The format of the pairs. `UsageError`: they are not written in the one that is wanted."""
    formats = preference_formats(trainer)
    if wanted is None:
        return formats[0]
    if wanted not in formats:
        raise UsageError(f"--format {wanted}: preferences are written as {', '.join(formats)}")
    return wanted


def preference_rows(
    kind: PreferenceKind, trainer: Trainer | None, target: Format, chosen: Record, rejected: Record
) -> list[dict[str, Any]]:
    """A pair's rows: one with both responses, or for KTO one for each.

    `chosen`, `rejected`: the rows with these responses, as `trainer_record` makes them.
    """
    keys = TURNS[target.layout]
    answer, lost = chosen[keys.field][-1], rejected[keys.field][-1]
    if kind is not PreferenceKind.KTO:
        return [_both(kind, trainer, keys, chosen, answer, lost)]
    return [
        _labelled(trainer, keys, record, label=label) for record, label in ((chosen, True), (rejected, False))
    ]


def _both(
    kind: PreferenceKind,
    trainer: Trainer | None,
    keys: TurnKeys,
    record: Record,
    answer: object,
    lost: object,
) -> dict[str, Any]:
    prompt = record[keys.field][:-1]
    if trainer is Trainer.LLAMAFACTORY or (trainer is Trainer.AXOLOTL and kind is PreferenceKind.DPO):
        row = {keys.field: prompt, "chosen": answer, "rejected": lost}
    elif trainer is Trainer.AXOLOTL:
        system, turns = _parted(prompt, keys)
        row = {"system": system, "chosen": [*turns, answer], "rejected": [*turns, lost]}
    else:
        row = {"prompt": prompt, "chosen": [answer], "rejected": [lost]}
    return _with_rest(row, keys, record)


def _labelled(trainer: Trainer | None, keys: TurnKeys, record: Record, *, label: bool) -> dict[str, Any]:
    *prompt, answer = record[keys.field]
    if trainer is Trainer.LLAMAFACTORY:
        row = {keys.field: [*prompt, answer], "kto_tag": label}
    elif trainer is Trainer.AXOLOTL:
        system, turns = _parted(prompt, keys)
        row = {
            "system": system,
            "prompt": turns[-1][keys.text],
            "completion": answer[keys.text],
            "label": label,
        }
    else:
        row = {"prompt": prompt, "completion": [answer], "label": label}
    return _with_rest(row, keys, record)


def _with_rest(row: dict[str, Any], keys: TurnKeys, record: Record) -> dict[str, Any]:
    """The row with the record's other fields, the trace last."""
    rest = {name: value for name, value in record.items() if name not in {*row, *OURS, keys.field, TRACE}}
    return row | rest | ({TRACE: record[TRACE]} if TRACE in record else {})


def _parted(prompt: list[dict[str, Any]], keys: TurnKeys) -> tuple[str, list[dict[str, Any]]]:
    """The system message, "" without one, and the turns after it."""
    if prompt and role_of(prompt[0], keys) == "system":
        return str(prompt[0][keys.text]), prompt[1:]
    return "", prompt


# What a trainer cannot take -----------------------------------------------------------------------------------


def shape_breach(
    kind: PreferenceKind, trainer: Trainer, target: Format, chosen: Record
) -> tuple[Breach, bool] | None:
    """The rule that a pair breaks by its shape, and whether it has no place at all; None: it fits."""
    if trainer is not Trainer.AXOLOTL or kind is PreferenceKind.DPO:
        return None
    keys = TURNS[target.layout]
    _, turns = _parted(chosen[keys.field][:-1], keys)
    roles = [role_of(turn, keys) for turn in turns]
    if kind is PreferenceKind.KTO:
        if roles == ["user"]:
            return None
        how = "it has earlier turns, and a row for KTO is one question and one answer"
        return Breach(TrainerRule.HISTORY, how, "has no place for it"), True
    if roles == ["user", "assistant"] * (len(roles) // 2) + ["user"]:
        return None
    how = "its turns are not question and answer by turns"
    return Breach(TrainerRule.ORDER, how, "takes each second turn for an answer, or stops at it"), False


# Entry, config, command -----------------------------------------------------------------------------------------


def read_beside(
    kind: PreferenceKind, trainer: Trainer, target: Format, filled: Collection[str]
) -> dict[str, str]:
    """The rows' fields that the trainer reads beside the pair, by its own names for them; see `read_columns`."""
    columns = read_columns(trainer, target, filled)
    if trainer is not Trainer.AXOLOTL:
        return columns
    return {name: field for name, field in columns.items() if kind is PreferenceKind.DPO and name == "tools"}


def pair_columns(kind: PreferenceKind, columns: Mapping[str, str]) -> dict[str, str]:
    """LLaMA-Factory's columns of pairs, by its own names for them."""
    own = (
        {"kto_tag": "kto_tag"} if kind is PreferenceKind.KTO else {"chosen": "chosen", "rejected": "rejected"}
    )
    return {**columns, **own}


def preference_config(
    kind: PreferenceKind, trainer: Trainer, path: Path, target: Format, columns: Mapping[str, str]
) -> str:
    """The YAML that Axolotl or TRL is told of the pairs at `path` by."""
    kinds = "parquet" if target.container is Container.PARQUET else "json"
    if trainer is Trainer.TRL:
        return "".join(_for_trl(kind, path, kinds, columns))
    return "".join(_for_axolotl(kind, path, kinds, TURNS[target.layout], columns))


def _for_trl(kind: PreferenceKind, path: Path, file: str, columns: Mapping[str, str]) -> Iterator[str]:
    if kind is PreferenceKind.ORPO:
        yield "# For TRL's ORPOTrainer, which has no command of its own: load the file below in a script.\n"
    else:
        yield f"# trl {kind} --config THIS_FILE --model_name_or_path MODEL --output_dir FOLDER\n"
    own = (
        ["prompt", "completion", "label"] if kind is PreferenceKind.KTO else ["prompt", "chosen", "rejected"]
    )
    yield f"datasets:\n  - path: {file}\n    data_files: {yaml_text(str(path.resolve()))}\n"
    yield f"    columns: [{', '.join([*own, *columns.values()])}]\n"


def _for_axolotl(
    kind: PreferenceKind, path: Path, file: str, keys: TurnKeys, columns: Mapping[str, str]
) -> Iterator[str]:
    yield f"rl: {kind}\n"
    if kind is PreferenceKind.KTO:
        yield "# In ChatML; for a model of Llama 3's form, llama3.prompt_pairs.\nremove_unused_columns: false\n"
    else:
        yield "# A base model brings no chat template: then ChatML's is used.\n"
        yield "chat_template: tokenizer_default_fallback_chatml\n"
    if kind is PreferenceKind.ORPO:
        yield "remove_unused_columns: false\n"
    yield f"datasets:\n  - path: {yaml_text(str(path.resolve()))}\n    ds_type: {file}\n    split: train\n"
    types = {
        PreferenceKind.DPO: "chat_template.default",
        PreferenceKind.ORPO: "chat_template.argilla",
        PreferenceKind.KTO: "chatml.prompt_pairs",
    }
    yield f"    type: {types[kind]}\n"
    if kind is PreferenceKind.DPO:
        yield f"    field_messages: {keys.field}\n    field_chosen: chosen\n    field_rejected: rejected\n"
        yield "".join(f"    field_{column}: {name}\n" for column, name in columns.items())
        yield f"    message_property_mappings:\n      role: {keys.role}\n      content: {keys.text}\n"
        yield "    roles:\n"
        yield "".join(f"      {role}: [{role}]\n" for role in ("user", "assistant", "system", "tool"))


def training_words(kind: PreferenceKind) -> list[str]:
    """The arguments that name the method in LLaMA-Factory's command."""
    if kind is PreferenceKind.ORPO:
        return ["--stage", "dpo", "--pref_loss", "orpo"]
    return ["--stage", kind.value]
