"""Recipes for runs that no model carries out."""

from __future__ import annotations

from typing import Any

from engine.method.recipe import Method, Recipe
from engine.method.reflection import PROMPTS
from engine.method.reply_forms import ReplyFormName
from engine.method.templates import TemplateName

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
