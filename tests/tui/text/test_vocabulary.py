"""Everything the engine can say has a word."""

from __future__ import annotations

from enum import StrEnum

import pytest

from engine.examine.flags import Flag
from engine.judge.prompt import Result
from engine.method.recipe import Method
from engine.run.settings import Schedule
from engine.sample import Decision, Rule, Stage
from engine.store.leaving import ExportRule
from engine.store.sample_list import SampleState
from tui.text import vocabulary


def test_every_rule_is_explained() -> None:
    assert set(vocabulary.RULES) == set(Rule)


@pytest.mark.parametrize(
    ("words", "known"),
    [
        (vocabulary.METHODS, Method),
        (vocabulary.SCORES, Stage),
        (vocabulary.STATES, SampleState),
        (vocabulary.FINDINGS, Flag),
        (vocabulary.DECISIONS, Decision),
        (vocabulary.EXPORT_RULES, ExportRule),
        (vocabulary.RESULTS, Result),
    ],
)
def test_every_member_has_its_words(words: dict[StrEnum, object], known: type[StrEnum]) -> None:
    assert set(words) == set(known)


def test_every_schedule_has_its_words() -> None:
    assert set(vocabulary.SCHEDULES) == {"auto", *Schedule}
