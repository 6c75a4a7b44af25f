"""Overlap with a test: 13 words in a row, or all of a shorter text's."""

from __future__ import annotations

import pytest

from engine.examine.overlap import TestTexts
from engine.examine.words import numbers, stretch, words

QUESTION = "Which of the seven moons that circle the distant planet Orrin was first seen by Adela Finch?"
WORDS = QUESTION.split()


def test_thirteen_words_in_a_row_are_an_overlap_and_twelve_are_none() -> None:
    test = TestTexts([{"question": "short"}, {"question": QUESTION, "choices": ["one", "two"]}])
    for start in range(len(WORDS) - 12):
        text = "He asked: " + " ".join(WORDS[start : start + 13]) + " and went."
        found = test.find(text)
        assert found is not None
        assert found.row == 1
        assert words(text[found.start : found.end]) == [
            word.strip("?").lower() for word in WORDS[start : start + 13]
        ]
    for start in range(len(WORDS) - 11):
        assert test.find("He asked: " + " ".join(WORDS[start : start + 12]) + " and went.") is None


def test_case_and_what_stands_between_words_do_not_matter() -> None:
    test = TestTexts([QUESTION])
    assert test.find("—".join(WORDS).upper()) is not None
    assert test.find("\n\n* ".join(WORDS)) is not None
    assert test.find(" ".join(reversed(WORDS))) is None


@pytest.mark.parametrize("count", [8, 9, 12])
def test_of_a_shorter_text_all_words_must_be_there(count: int) -> None:
    test = TestTexts([" ".join(WORDS[:count])])
    assert test.find(" ".join(["So", *WORDS[:count], "then"])) is not None
    assert test.find(" ".join(WORDS[: count - 1])) is None


def test_what_is_shorter_still_is_left_out_and_counted() -> None:
    test = TestTexts([" ".join(WORDS[:7]), {"a": ["yes", {"b": "no"}], "n": 5, "none": None}, QUESTION])
    assert (test.rows, test.texts, test.short) == (3, 1, 3)
    assert test.find(" ".join(WORDS[:7])) is None


def test_no_run_of_words_leads_from_one_text_into_another() -> None:
    half = len(WORDS) // 2
    test = TestTexts([{"a": " ".join(WORDS[:half]), "b": " ".join(WORDS[half:])}])
    assert test.find(QUESTION) is not None, "all of a shorter text"
    assert TestTexts([{"a": " ".join(WORDS[:7]), "b": " ".join(WORDS[7:14])}]).find(QUESTION) is None


def test_writing_without_spaces_is_taken_by_the_character() -> None:
    test = TestTexts(["將下列句子翻譯成英文請勿離開本機"])
    text = "題目：將下列句子翻譯成英文，請勿離開。"
    found = test.find(text)
    assert found is not None
    assert text[found.start : found.end] == "將下列句子翻譯成英文，請勿離"
    assert test.find("將下列句子翻譯成英語請勿離開") is None


def test_the_first_row_that_has_the_words_is_told() -> None:
    test = TestTexts(["nothing of the kind is to be seen anywhere in here", QUESTION, QUESTION])
    found = test.find(QUESTION)
    assert found is not None
    assert found.row == 1


def test_an_empty_test_and_hostile_texts_are_no_trouble() -> None:
    assert TestTexts([]).find(QUESTION) is None
    text = " ".join(["\ud800a", "b\x00c", "\u202ed", "İstanbul", "ﬁ", "ß", "é", "e\u0301", *"ijklmno"])
    found = TestTexts([text]).find(text)
    assert found is not None
    assert (found.start, found.end) == stretch(text, 0, 13)
    assert len(numbers(text)) == len(words(text))
    assert stretch(text, 0, len(words(text))) == (1, len(text))
