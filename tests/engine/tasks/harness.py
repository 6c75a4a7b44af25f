"""Whether lm-evaluation-harness is here; the tests that need it are skipped elsewhere."""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path

import pytest

MISSING = find_spec("lm_eval") is None
TASKS = Path(__file__).parent
"""A task of our own in three kinds, over forty questions. Its data are named as seen from here."""

with_harness = [
    pytest.mark.skipif(MISSING, reason="the tasks need burnish[tasks]: see tests/README.md"),
    pytest.mark.filterwarnings("ignore"),  # of the harness and what it brings
]
