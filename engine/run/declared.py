"""The settings as a person meets them, rendered from their declarations in `settings`.

As options of the command line (tui/cli/options.py), as lines of the form on the Start screen, and as the report's way
to make a run again.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from enum import StrEnum
from types import UnionType
from typing import Annotated, Any, Literal, Union, get_args, get_origin

from annotated_types import Ge, Le
from pydantic.fields import FieldInfo

from engine.method.prompts import Wording
from engine.run.settings import Option, Settings, SettingsGroup


@dataclass(frozen=True, slots=True)
class Setting:
    """A setting as a person meets it, rendered from its declaration."""

    group: str
    name: str
    label: str  # in the form
    help: str  # the sentences under it
    kind: str  # "switch", "words", "number" or "text"
    choices: tuple[str, ...]  # of a switch or of words
    default: Any
    option: str | None  # of the command line
    option_help: str
    low: int | None  # where it is an option
    high: int | None

    def word(self, value: object) -> str:
        """A value as it is written on the command line and in the form."""
        return self.choices[bool(value)] if self.kind == "switch" else _word(value)

    @classmethod
    def of(cls, group: str, name: str, field: FieldInfo) -> Setting:
        type_, found = field.annotation, {type(one): one for one in field.metadata}
        option, low, high = found.get(Option), found.get(Ge), found.get(Le)
        choices = ("no", "yes") if type_ is bool else _words(type_)
        if {float, Wording} & set(_parts(type_)):  # a word, such as `auto`, or any number, or a file
            choices = ()
        plain = "number" if int in _parts(type_) else "text"
        default = "" if field.default is None or type_ is bool else f" [{_word(field.default)}]"
        return cls(
            group,
            name,
            label=field.title or name,
            help=" ".join((field.description or "").split()),
            kind="switch" if type_ is bool else "words" if choices else plain,
            choices=choices,
            default=field.default,
            option=option.name if option else None,
            option_help=f"{option.brief}{default}." if option else "",
            low=low.ge if low else None,
            high=high.le if high else None,
        )


def _word(value: object) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def _words(annotation: Any) -> tuple[str, ...]:
    """The words a setting may be; a word of its own, such as `auto`, stands before an enum's."""
    parts = _parts(annotation)
    words = ["false", "true"] * (bool in parts and len(parts) > 1)
    words += [word for part in parts if get_origin(part) is Literal for word in get_args(part)]
    enums = [part for part in parts if isinstance(part, type) and issubclass(part, StrEnum)]
    return tuple(map(str, [*words, *(word for enum in enums for word in enum)]))


def _parts(annotation: Any) -> tuple[Any, ...]:
    """The types of a union, or the one type that is none; each without its bounds."""
    parts = get_args(annotation) if get_origin(annotation) in (Union, UnionType) else (annotation,)
    return tuple(get_args(part)[0] if get_origin(part) is Annotated else part for part in parts)


DECLARED = {
    (group, name): Setting.of(group, name, field)
    for group, kind in Settings.model_fields.items()
    if isinstance(kind.annotation, type) and issubclass(kind.annotation, SettingsGroup)
    for name, field in kind.annotation.model_fields.items()
}
"""Every setting of every group, by group and name."""


def options_json() -> str:
    """The settings that are options, as tui/cli/options.json holds them: `--help` answers without the engine."""
    shown = ("group", "name", "option", "option_help", "kind", "choices", "low", "high")
    options = [{key: getattr(one, key) for key in shown} for one in DECLARED.values() if one.option]
    return "[\n" + ",\n".join(map(json.dumps, options)) + "\n]\n"


if __name__ == "__main__":  # python -m engine.run.declared > tui/cli/options.json
    print(options_json(), end="")
