"""Recipes for runs, and judgings, that no model carries out."""

from __future__ import annotations

from typing import Any

from engine.judge.prompt import PROMPTS as JUDGE_PROMPTS
from engine.judge.record import Judging
from engine.method.recipe import Method, Recipe
from engine.method.reflection import PROMPTS
from engine.method.reply_forms import ReplyFormName
from engine.method.templates import TemplateName
from models.teacher import TeacherInfo

USUAL: dict[str, Any] = {
    "method": Method.SELECTIVE,
    "prompts": PROMPTS,
    "form": ReplyFormName.JSON,
    "candidates": 1,
    "both_branches": False,
    "teacher": "sha256:" + "7" * 64,
    "teacher_context": 8192,
    "think": False,
    "max_tokens": 2048,
    "temperature": 0.2,
    "seed": 0,
    "student": "sha256:" + "5" * 64,
    "template": TemplateName.VICUNA,
    "context": 2048,
    "exact": False,
    "near_tie": 0.01,
}


def recipe(**changes: Any) -> Recipe:
    """The recipe of an ordinary run, changed."""
    return Recipe(**USUAL | changes)


def judging(name: str = "gemma3:12b", **changes: Any) -> Judging:
    """An ordinary judge's, of three pairs of two files, changed."""
    usual: dict[str, Any] = {
        "a": "original",
        "b": "refined",
        "sources": (),
        "form": ReplyFormName.JSON,
        "prompts": JUDGE_PROMPTS,
        "context": 8192,
        "think": False,
        "max_tokens": 1024,
        "temperature": 0.0,
        "seed": 0,
        "judge": TeacherInfo(name, f"sha256:{name}", 12e9, "Q4_K_M", 8_100_000_000, 8192),
        "pairs": 3,
        "same": 0,
        "unmatched": (0, 0),
    }
    return Judging(**usual | changes)
