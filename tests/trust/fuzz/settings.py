"""Settings: the file in TOML and the variables BURNISH_*."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from pathlib import Path
from random import Random
from typing import Any
from unittest.mock import patch

from engine.run.declared import DECLARED
from engine.run.settings import load_settings, with_setting
from models.errors import UsageError
from tests.trust.fuzz.mutation import VALUES, as_json, bent, mutated
from tests.trust.fuzz.watch import one_line

SOUND: Mapping[str, Mapping[str, Any]] = {
    "teacher": {
        "name": "qwen3:8b", "host": "127.0.0.1:11434", "context": 8192, "max_tokens": 2048, "temperature": 0.2,
        "seed": 0, "parallel": 4, "think": False, "patience": 600.0,
    },
    "student": {"name": "~/models/base.gguf", "context": 2048, "exact": True, "gpu_layers": -1, "threads": 2},
    "run": {
        "method": "selective", "template": "vicuna", "reply_form": "auto", "schedule": "staged", "candidates": 2,
        "both_branches": True, "length": "equal", "near_tie": 0.01,
    },
}  # fmt: skip
TEXT = "\n".join(
    ['model_folders = ["/models", "~/x"]']
    + [
        f"[{group}]\n" + "\n".join(f"{name} = {json.dumps(value)}" for name, value in values.items())
        for group, values in SOUND.items()
    ]
).encode()
TOKENS = (
    *(
        b"[",
        b"]",
        b"[[",
        b"]]",
        b"=",
        b".",
        b'"',
        b"'''",
        b'"""',
        b"\\u0000",
        b"#",
        b"{",
        b"}",
        b"nan",
        b"-inf",
        b"1979-05-27",
    ),
    *(
        b"0x" + b"f" * 6_000,
        b"1" * 5_000,
        b"1e9999",
        b"-0",
        b"a = " + b"[" * 3_000,
        b"a" + b".a" * 3_000 + b" = 1\n",
    ),
    *(
        b"\n[teacher]\n",
        b"\nname = ",
        b"\nseed = 0x" + b"f" * 6_000 + b"\n",
        b"\ncontext = ",
        b"07:32:00",
        b"true",
        b"\r",
    ),
)
VARIABLES = (
    *("TEACHER", "STUDENT", "RUN", "MODEL_FOLDERS", "TEACHER__", "__", "CONFIG__X", "TEACHER__NAME__X"),
    *(f"{group.upper()}__{name.upper()}" for group, values in SOUND.items() for name in values),
)


def make(dice: Random) -> bytes:
    text = mutated(TEXT, dice, TOKENS) if dice.randint(0, 3) else TEXT
    variables = {}
    for _ in range(dice.randint(0, 2)):
        name = dice.choice(VARIABLES)
        group = SOUND.get(name.lower(), ["/models"])
        value = as_json(bent(group, dice)) if dice.randint(0, 1) else dice.choice(VALUES)
        variables[f"BURNISH_{name}"] = value if isinstance(value, str) else as_json(value)
    return json.dumps([text.decode("latin-1"), variables]).encode()


def judge(case: bytes, folder: Path) -> bool:
    text, variables = json.loads(case)
    path = folder / "config.toml"
    path.write_bytes(text.encode("latin-1"))
    # What no environment can hold: the operating system would not let it in.
    given = {name: os.fsdecode(os.fsencode(_held(value))) for name, value in variables.items()}
    with patch.dict(os.environ, given | {"BURNISH_CONFIG": str(path)}):
        try:
            found = load_settings({"run": {"candidates": None}})
        except UsageError as error:
            one_line(error)
            return False
    json.dumps(found.model_dump(mode="json"))
    for value in variables.values():
        try:
            with_setting(found, "run", "candidates", value)
        except UsageError as error:
            one_line(error)
    assert DECLARED["run", "candidates"].help
    return True


def _held(value: str) -> str:
    return (
        value.replace("\0", "").encode("utf-8", "surrogateescape" if value.isascii() else "replace").decode()
    )
