"""What the app remembers, `app.json`: whatever it holds, there is something to begin with."""

from __future__ import annotations

import os
from pathlib import Path
from random import Random
from unittest.mock import patch

from engine.health.remembered import RECENT, recall, remember
from tests.trust.fuzz.mutation import as_json, bent, mutated
from tui.text.literal import one_line

SOUND = {"theme": "burnish", "recent": ["/home/a/data.burnish", "/home/a/other.burnish"]}


def make(dice: Random) -> bytes:
    found = as_json(bent(SOUND, dice)).encode()
    return mutated(found, dice) if dice.randint(0, 1) else found


def judge(case: bytes, folder: Path) -> bool:
    path = folder / "app.json"
    path.write_bytes(case)
    with patch.dict(os.environ, {"BURNISH_STATE": str(path)}):
        found = recall()
        for name in found.recent:
            assert len(one_line(name)) >= len(name)
        opened = found.opened(folder / "w.burnish")
        assert len(opened.recent) <= RECENT
        remember(opened)
        assert recall() == opened
    return bool(found.recent)
