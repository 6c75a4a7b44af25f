"""The files of a person's own rules: guidelines, a line each; criteria and prompts, as TOML.

Everything here raises `UsageError`, one line that says where, what was expected and what to do.
"""

from __future__ import annotations

import re
import tomllib
from pathlib import Path
from typing import TypeVar

from pydantic import BaseModel, TypeAdapter, ValidationError

from engine.method.json_form import JSON_LAYOUT
from engine.method.markers_form import layout
from engine.method.prompts import PLACEHOLDERS, PromptSet, Wording
from engine.method.rules import Guidelines, OwnCriteria
from models.errors import UsageError, printable

LARGEST = 256 * 1024
"""Bytes of such a file: all of it goes into every question to the teacher, so none that can be used is larger."""

M = TypeVar("M", bound=BaseModel)

_GUIDELINES: TypeAdapter[tuple[str, ...]] = TypeAdapter(Guidelines)
_BULLET = re.compile(r"[-*•](\s+|$)")


def guidelines_in(path: Path) -> tuple[str, ...]:
    """The house rules in a text file, a line each. Empty lines, those that begin with `#` and bullets are no text."""
    rules, lines = [], []
    for number, line in enumerate(_text(path).split("\n"), 1):
        rule = _BULLET.sub("", line.strip(), count=1)
        if rule and not rule.startswith("#"):
            rules.append(rule)
            lines.append(number)
    if not rules:
        raise UsageError(f"{_shown(path)}: holds no rule; write one a line, such as: British spelling")
    try:
        return _GUIDELINES.validate_python(rules)
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        line = f": line {lines[int(first['loc'][0])]}" if first["loc"] else ""
        raise UsageError(f"{_shown(path)}{line}: {_reason(first['msg'])}") from None


def criteria_in(path: Path) -> OwnCriteria:
    """The criteria in a TOML file: [[instruction]] and [[response]], each with a title and a meaning."""
    found = toml_in(path, OwnCriteria, CRITERIA_FILE)
    if not (found.instruction or found.response):
        raise UsageError(f"{_shown(path)}: holds no criterion; {CRITERIA_FILE}")
    return found


CRITERIA_FILE = (
    "a criterion is [[instruction]] or [[response]] with title = '...' and, if you like, meaning = '...'; "
    "beside_papers = true keeps the papers' as well"
)


def prompts_in(given: str) -> PromptSet | Wording:
    """The set of prompts of this name, or those in a TOML file, which `burnish prompts` writes."""
    if given in list(PromptSet):
        return PromptSet(given)
    path = Path(given)
    if not path.expanduser().exists():
        raise UsageError(
            f"prompts {_shown(path)}: no such set, and no such file; own, paper, or a file that `burnish prompts` wrote"
        )
    return toml_in(path, Wording, "`burnish prompts` writes a file that has all of them")


def prompts_text(wording: Wording) -> str:
    """The words as a TOML file that `prompts_in` reads."""
    parts = [_HEAD]
    for name, words in (("alone", wording.alone), ("conversation", wording.conversation)):
        if words is None:
            continue
        parts.append(f"# {_TABLES[name]}\n[{name}]")
        for part, text in words:
            escaped = re.sub(r'"(?="|\Z)', r"\"", text.replace("\\", "\\\\"))
            parts.append(f'# {_PARTS[part]}\n{part} = """\n{escaped}"""')
    return "\n\n".join(parts) + "\n"


_HEAD = f"""\
# The prompts to the teacher, as they are. Change them, and give the file to `burnish run --prompts`.
#
# A word in braces is a placeholder:
{chr(10).join(f"# {{{name}}}: {what}" for name, what in PLACEHOLDERS.items())}
# {{{{name}}}} in two pairs of braces is told as {{name}}.
#
# What comes from the sample is not here. In json and markers the example, after the conversation that it is in, is the
# user's message. In steps it stands before each question, with the criticism before `rewrite` (which a sentence follows
# that asks to quote the input, where there is one) and `improve`. The new instruction is the message after `answer`.
# The layout of a reply comes last in the system message: in json
#   {JSON_LAYOUT}
# (and below a criticism that is kept, while the rest of its reply was of no use, what is asked next)
# in markers
#   {layout(("Critique", "New Instruction", "New Response")).replace(chr(10), chr(10) + "#   ")}"""
_TABLES = {
    "alone": "Of an exchange that stands alone.",
    "conversation": "Of the last exchange of a conversation. Without this table, those above are taken.",
}
_PARTS = {
    "system": "json and markers: the beginning of the system message",
    "instruction_task": "json and markers, instruction stage: what comes after it",
    "response_task": "json and markers, response stage: what comes after it",
    "steps": "steps: the system message",
    "criticise_both": "steps, instruction stage, first question",
    "criticise_response": "steps, response stage, first question",
    "rewrite": "steps, instruction stage, second question",
    "answer": "steps, instruction stage, the system message of the third question, which is the new instruction",
    "improve": "steps, response stage, second question",
}


def toml_in(path: Path, model: type[M], expected: str) -> M:
    """A TOML file, read as a model. `expected`: what such a file holds, for the message where this one does not."""
    try:
        table = tomllib.loads(_text(path))
    except (ValueError, RecursionError) as error:  # also a number of more digits than Python reads
        raise UsageError(f"{_shown(path)}: not valid TOML ({printable(str(error))}); mend it") from None
    try:
        return model.model_validate(table)
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        place = _place(first["loc"])
        raise UsageError(
            f"{_shown(path)}: {place}{': ' * bool(place)}{_reason(first['msg'])}; {expected}"
        ) from None


def _text(path: Path) -> str:
    """A small file's text, without the mark of a byte order."""
    path = path.expanduser()
    try:
        if path.is_dir():
            raise UsageError(f"{_shown(path)}: a folder; name a file")
        with path.open("rb") as file:
            content = file.read(LARGEST + 1)
    except (OSError, ValueError, RuntimeError) as error:
        reason = error.strerror if isinstance(error, OSError) else error
        raise UsageError(f"{_shown(path)}: cannot be read ({reason}); name a file that is there") from None
    if len(content) > LARGEST:
        raise UsageError(f"{_shown(path)}: larger than {LARGEST // 1024} KiB; is it the file you meant?")
    try:
        return content.decode("utf-8-sig").replace("\r\n", "\n").replace("\r", "\n")
    except UnicodeDecodeError as error:
        raise UsageError(
            f"{_shown(path)}: byte {error.start}: not UTF-8; save the file as UTF-8, and give it again"
        ) from None


def _shown(path: Path) -> str:
    return printable(str(path))


def _reason(message: str) -> str:
    """pydantic's reason, as the end of a line of ours."""
    message = message.removeprefix("Value error, ").replace("tuple", "list")
    message = message.replace("Extra inputs are not permitted", "No such name is known here")
    return printable(message[:1].lower() + message[1:] if message[1:2].islower() else message)[:300]


def _place(location: tuple[int | str, ...]) -> str:
    """`[[response]] 2, title`, counted as a person counts."""
    parts: list[str] = []
    for part in location:
        if isinstance(part, int) and parts:
            parts[-1] = f"[[{parts[-1]}]] {part + 1}"
        else:
            parts.append(printable(str(part))[:80])
    return ", ".join(parts)
