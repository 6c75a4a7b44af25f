"""The process that runs a chat template: `python -m models.llamacpp.chat_template_child`.

models/llamacpp/chat_template.py starts it. In comes {"seconds", "source", "variables"} as JSON, out goes
[text, why not]: one of the two is empty.
"""

from __future__ import annotations

import json
import re
import sys
from contextlib import suppress
from datetime import datetime
from typing import Any

from jinja2 import TemplateError
from jinja2.ext import loopcontrols
from jinja2.sandbox import ImmutableSandboxedEnvironment

from models.system.core_files import no_core_file

_SLOT = re.compile(r"BURNISHSLOT(\d+)(?:J(\d+))?BURNISH")
"""As chat_template.py has it."""

MEMORY = 512
"""MiB of addresses, Python's own included. Where the system keeps to no such limit, time is the only one."""

LONGEST = 2**20
"""Characters that a template may write around the messages' words."""


def main() -> None:
    no_core_file()
    given = json.load(sys.stdin.buffer)
    _limit(given["seconds"])
    try:
        text = _environment().from_string(given["source"]).render(given["variables"])
        why = f"it writes {len(text)} characters of its own" if len(text) > LONGEST else ""
    except MemoryError:
        text, why = "", f"it takes more than {MEMORY} MiB of memory"
    except Exception as error:  # it may raise anything at all
        text, why = "", str(error) or type(error).__name__
    json.dump(["" if why else text, why[:1000]], sys.stdout)


def _limit(seconds: int) -> None:
    """Of computing, and of memory, as far as the system keeps a process to it."""
    if sys.platform == "win32":
        return
    import resource  # noqa: PLC0415 - Windows has none

    for what, wanted in ((resource.RLIMIT_CPU, seconds), (resource.RLIMIT_AS, MEMORY * 2**20)):
        _, most = resource.getrlimit(what)
        limit = wanted if most == resource.RLIM_INFINITY else min(wanted, most)
        with suppress(OSError, ValueError):
            resource.setrlimit(what, (limit, most))


def _environment() -> ImmutableSandboxedEnvironment:
    """The functions and filters that Hugging Face's apply_chat_template gives a template."""

    def refuse(message: str) -> None:
        raise TemplateError(message)

    def tojson(
        value: Any,
        ensure_ascii: bool = False,
        indent: int | None = None,
        separators: tuple[str, str] | None = None,
        sort_keys: bool = False,
    ) -> str:
        text = json.dumps(
            value, ensure_ascii=ensure_ascii, indent=indent, separators=separators, sort_keys=sort_keys
        )
        return _SLOT.sub(lambda slot: f"BURNISHSLOT{slot[1]}J{int(slot[2] or 0) + 1}BURNISH", text)

    environment = ImmutableSandboxedEnvironment(
        trim_blocks=True, lstrip_blocks=True, extensions=[loopcontrols]
    )
    environment.globals["raise_exception"] = refuse
    environment.globals["strftime_now"] = lambda form: datetime.now().astimezone().strftime(form)
    environment.filters["tojson"] = tojson
    return environment


if __name__ == "__main__":
    main()
