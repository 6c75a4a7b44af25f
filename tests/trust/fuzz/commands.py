"""The command itself, on damaged files of every kind: its exit code is a documented one, its words a few lines."""

from __future__ import annotations

import json
from base64 import b64decode, b64encode
from pathlib import Path
from random import Random

from tests.command import Ended, burnish
from tests.running import SHORT
from tests.trust.fuzz import datasets, gguf_heads, parquet, settings, workspaces
from tui.cli.exit_codes import DONE, FAILED, INTERRUPTED, PARTLY, USAGE

KINDS = {
    "data": datasets,
    "parquet": parquet,
    "model": gguf_heads,
    "settings": settings,
    "workspace": workspaces,
}
REFLECT = ("--teacher", "qwen0.5b", "--method", "reflect")


def make(dice: Random) -> bytes:
    kind = dice.choice(list(KINDS))
    return json.dumps([kind, b64encode(KINDS[kind].make(dice)).decode()]).encode()


def judge(case: bytes, folder: Path) -> bool:
    kind, made = json.loads(case)
    damaged = b64decode(made)
    data, workspace = folder / "data.json", folder / "w.burnish"
    for old in folder.glob("w.burnish*"):
        old.unlink()
    data.write_text(json.dumps(SHORT), "utf-8")
    match kind:
        case "data" | "parquet":
            data.write_bytes(damaged)
            ended = [
                burnish("run", data, "-w", workspace, *REFLECT, *option) for option in ((), ("--skip-bad",))
            ]
            if workspace.exists():
                ended.append(burnish("show", workspace))
        case "model":
            model = folder / "model.gguf"
            model.write_bytes(damaged[: len(damaged) // 2])  # never a whole one: nothing is loaded here
            ended = [burnish("score", data, "-w", workspace, "--student", model)]
        case "settings":
            text, variables = json.loads(damaged)
            config = folder / "config.toml"
            config.write_bytes(text.encode("latin-1"))
            given = {name: value.replace("\0", "") for name, value in variables.items() if _held(value)}
            ended = [
                burnish("run", data, "-w", workspace, environment=given | {"BURNISH_CONFIG": str(config)})
            ]
        case _:
            path = workspaces.put(damaged, folder)
            out = folder / "out.json"
            ended = [
                burnish("show", path),
                burnish("show", path, "--json"),
                burnish("show", path, "2"),
                burnish("show", path, "2", "--json"),
                burnish("export", path, out, "--with-trace"),
                burnish("export", path, out, "--trainer", "llamafactory", "--rule", "top", "--json"),
            ]
    for one in ended:
        _documented(one)
    return all(one.code == DONE for one in ended)


def _held(value: str) -> bool:
    """True if an environment can hold it."""
    try:
        value.encode("utf-8", "surrogateescape")
    except UnicodeEncodeError:
        return False
    return len(value) < 100_000


def _documented(ended: Ended) -> None:
    assert ended.code in (DONE, FAILED, USAGE, PARTLY, INTERRUPTED)
    assert "Traceback" not in ended.err
    if ended.code in (FAILED, USAGE):
        last = ended.err.splitlines()[-1]
        assert last.startswith("burnish: "), last
        assert last.isprintable(), last
