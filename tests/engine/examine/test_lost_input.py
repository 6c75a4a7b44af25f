"""Inputs that a rewrite does not carry."""

from __future__ import annotations

import pytest

from engine.examine.lost_input import loses_input
from engine.sample import Version

POEM = "The woods are lovely, dark and deep"


@pytest.mark.parametrize(
    ("input", "instruction", "kept", "lost"),
    [
        (POEM, "Write a poem about a walk in winter.", "", True),
        (POEM, f'Name the mood of the line: "{POEM.upper()}".', "", False),  # quoted
        (POEM, "Name the mood.", POEM, False),
        (POEM, "Name its mood.", "lovely, dark woods", True),  # 3 of 7
        (POEM, "Name its mood.", "lovely, dark, deep woods", False),  # 4
        ("dark dark dark light", "Define light.", "", False),  # half of the different words
        ("3, 14, 15, 92", "Sort these numbers in ascending order.", "", True),
        ("3, 14, 15, 92", "Sort 92, 15 and 3 in ascending order.", "", False),
        ("床前明月光，疑是地上霜", "写一首关于春天的诗。", "", True),
        ("床前明月光，疑是地上霜", "解释诗句“床前明月光，疑是地上霜”。", "", False),
        ("Die STRASSE", "Beschreibe die Straße.", "", False),
        ("１２３", "Double 123.", "", False),  # full width
        ("N/A", "Name a metal.", "", False),
        ("<no input>", "Name a metal.", "", False),
        ("—", "Name a metal.", "", False),
        ("", "Name a metal.", "", False),
        ("?!", "Name a metal.", "", False),  # no word that could be missed
        ("\ud800 lost\0words", "Name a metal.", "", True),
    ],
)
def test_an_input_is_lost_where_less_than_half_of_its_words_are_carried(
    input: str, instruction: str, kept: str, lost: bool
) -> None:
    original = Version(instruction="Do this.", input=input, response="R")
    assert loses_input(original, Version(instruction=instruction, input=kept, response="R")) is lost


def test_the_original_itself_loses_nothing() -> None:
    original = Version(instruction="Sum up.", input=POEM, response="R")
    assert not loses_input(original, original)
