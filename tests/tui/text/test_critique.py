"""A critique that was written as one text is shown criterion by criterion; what is kept stays as it came."""

from __future__ import annotations

import json

import pytest

from engine.method.prompts import CAUSE, CRITIQUE
from engine.method.rules import PAPERS, Criteria, Criterion, OwnCriteria
from tests.hostile import CORPUS
from tui.text.critique import by_criterion, growing

HELPFUL, RELEVANT, ACCURATE, DETAILED = (one.title for one in PAPERS.response)


@pytest.mark.parametrize(
    "text",
    [
        "Helpfulness: High.\nRelevance: It is.\nAccuracy: One fault: the year.",
        "1. Helpfulness: High.\n2. Relevance: It is.\n3. Accuracy: One fault: the year.",
        "- **Helpfulness**: High.\n- **Relevance**: It is.\n- **Accuracy**: One fault: the year.",
        "**1. Helpfulness:** High.\n\n**2. Relevance:** It is.\n\n**3. Accuracy:** One fault: the year.",
        "### Helpfulness\nHigh.\n### Relevance\nIt is.\n### Accuracy\nOne fault: the year.",
        "Helpfulness: High. Relevance: It is. Accuracy: One fault: the year.",
        "helpfulness - High.\nRELEVANCE - It is.\naccuracy – One fault: the year.",
        "• Helpfulness： High.\n• Relevance： It is.\n• Accuracy： One fault: the year.",
    ],
)
def test_titles_that_stand_as_headings_divide_it(text: str) -> None:
    whole = {CRITIQUE: text}
    assert by_criterion(whole, PAPERS) == [
        (HELPFUL, "High."), (RELEVANT, "It is."), (ACCURATE, "One fault: the year.")
    ]  # fmt: skip
    assert by_criterion({CRITIQUE: f"On the whole:\n{text}"}, PAPERS)[0] == (CRITIQUE, "On the whole:")


def test_all_nine_and_the_cause_have_their_places() -> None:
    titles = [one.title for one in (*PAPERS.instruction, *PAPERS.response)]
    text = "\n".join(f"{n}. {title}: about {title}." for n, title in enumerate([*titles, CAUSE], 1))
    assert by_criterion({CRITIQUE: text}, PAPERS) == [(one, f"about {one}.") for one in (*titles, CAUSE)]


@pytest.mark.parametrize(
    "text",
    [
        "Helpfulness, relevance and accuracy are fine.",
        "Its accuracy: good. Its relevance: good.",
        "Accuracy: good, and no other fault.",
        "The Helpfulness\nand Relevance",
        "",
        *CORPUS.values(),
    ],
)
def test_other_words_stay_one_text(text: str) -> None:
    assert by_criterion({CRITIQUE: text}, PAPERS) == [(CRITIQUE, text)]


def test_a_critique_that_was_asked_for_by_criterion_is_shown_as_it_is() -> None:
    critique = {HELPFUL: "Accuracy: low.\nRelevance: high.", ACCURATE: "Fine."}
    assert by_criterion(critique, PAPERS) == list(critique.items())


def test_criteria_of_one_s_own_divide_it_too() -> None:
    criteria = OwnCriteria.model_validate(
        {"instruction": [{"title": "语气"}], "response": [{"title": "C++ (style)"}]}
    ).in_force()
    text = "语气：生硬。\nC++ (style): old.\nHelpfulness: high."
    assert by_criterion({CRITIQUE: text}, criteria) == [
        ("语气", "生硬。"),
        ("C++ (style)", "old.\nHelpfulness: high."),
    ]
    one = Criteria(response=(Criterion(title="Tone"),))
    assert by_criterion({CRITIQUE: "Tone: dry."}, one) == [("Tone", "dry.")]


def test_a_growing_critique_is_divided_in_every_form() -> None:
    text = "Helpfulness: High.\nRelevance: It is."
    divided = [(HELPFUL, "High."), (RELEVANT, "It is.")]
    assert growing("critique", text, PAPERS) == divided
    marked = f"[Critique]\n{text}\n[Better Response]\nNew"
    assert growing("reflect", marked, PAPERS) == [*divided, ("Better response", "New")]
    assert growing("reflect", "[Criti", PAPERS) == [("Reflect", "[Criti")]
    assert growing("rewrite", text, PAPERS) == [("Rewrite", text)]
    reply = {"a_response_critique": {"a_helpfulness": "High."}, "b_better_response": "New"}
    assert growing("reflect", json.dumps(reply), PAPERS) == [(HELPFUL, "High."), ("Better response", "New")]
    assert growing("reflect", "{not json", PAPERS) == [("Reflect", "{not json")]


def test_a_reply_is_read_as_far_as_it_has_come() -> None:
    reply = {"a_response_critique": {"a_helpfulness": 'a "q"', "c_accuracy": "b"}, "b_better_response": "c"}
    text = json.dumps(reply)
    for end in range(1, len(text) + 1):
        parts = growing("reflect", text[:end], PAPERS)
        assert {title for title, _ in parts} <= {HELPFUL, ACCURATE, "Better response"}
