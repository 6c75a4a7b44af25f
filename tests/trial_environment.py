"""The environment that trains in tests: this one, or another that .ci/trial-environment made, without burnish in it."""

from __future__ import annotations

import os
import sys
from importlib.util import find_spec
from pathlib import Path

import pytest

from models.training.process import PACKAGES

ROOT = Path(__file__).parent.parent
HERE = all(find_spec(name) for name in PACKAGES)
PYTHON = sys.executable if HERE else os.environ.get("BURNISH_TRIAL_PYTHON", "")

trains = [
    pytest.mark.trains,
    pytest.mark.skipif(not PYTHON, reason="training needs burnish[trial], or BURNISH_TRIAL_PYTHON"),
]
"""Marks of the tests that train."""


def environment() -> dict[str, str]:
    """Variables by which the other environment's Python finds burnish, and this one's packages after its own."""
    places = [str(ROOT), *(path for path in sys.path if "site-packages" in path)]
    return {"PYTHONPATH": os.pathsep.join(places)}
