"""A judge's confidence: the probability of the tokens that its scores were written with."""

from __future__ import annotations

import json
import math
from pathlib import Path

import pytest

from engine.judge.prompt import Opinion, question
from engine.judge.results import results
from engine.method.reply_forms import JudgeForm
from models.teacher import Reply
from tests import judges
from tests.engine.judge.test_judge import FIVE, Court
from tests.factory import pair
from tests.ollama.script import Answer, Chat
from tests.ollama.server import FakeOllama

PAIR = pair("So.", "Because.")
TOKENS = {
    JudgeForm.JSON: [
        *('{"critique', '": "', "Both.", '", "', "reason", '": "', "B.", '", "', "score", "_1", '":', " 7"),
        *(', "score_2":', " ", "10", "}"),
    ],
    JudgeForm.MARKERS: [
        *("[Critique]\n", "Both: ", "7", " and 10.", "\n[Reason]\n", "B.", "\n[Score 1]\n", " 7", "\n"),
        *("[Score 2]\n", "10", "\n[End]"),
    ],
    JudgeForm.PUBLISHED: [" 7", " ", "10", "\n", "The second one gets more: 7 10."],
}
SURE = {" 7": math.log(0.8), "10": math.log(0.5)}


def opinion(form: JudgeForm, tokens: list[str], text: str | None = None) -> Opinion:
    """What is made of a reply of these tokens, all certain but those in `SURE`."""
    written = tuple((token, SURE.get(token, 0.0)) for token in tokens)
    asked = question(PAIR, form)
    assert asked.logprobs
    return asked.parse(Reply("".join(tokens) if text is None else text, logprobs=written))


@pytest.mark.parametrize("form", list(JudgeForm))
def test_it_is_the_probability_of_both_scores_in_every_form(form: JudgeForm) -> None:
    found = opinion(form, TOKENS[form])
    assert (found.first, found.second) == (7, 10)
    assert found.confidence == pytest.approx(0.4)


@pytest.mark.parametrize("form", list(JudgeForm))
def test_a_token_of_both_scores_counts_once_and_empty_ones_not_at_all(form: JudgeForm) -> None:
    text = "".join(TOKENS[form])
    whole = question(PAIR, form).parse(Reply(text, logprobs=(("", -9.0), (text, math.log(0.3)), ("", -9.0))))
    assert whole.confidence == pytest.approx(0.3)


def test_the_tokens_may_be_of_another_writing_of_the_reply() -> None:
    """Ollama 0.32 writes JSON anew, and leaves thoughts out; their tokens are there."""
    tokens = ["```", "Thinking of ", '{"score_1": 2, "score_2": 3}', "\n", *TOKENS[JudgeForm.JSON]]
    anew = json.dumps(json.loads("".join(TOKENS[JudgeForm.JSON])), indent=2)
    assert opinion(JudgeForm.JSON, tokens, anew).confidence == pytest.approx(0.4)


@pytest.mark.parametrize("form", list(JudgeForm))
@pytest.mark.parametrize("tokens", [[], ["Good", "."], ['{"score_1": 1, "score_2": 2}'], [""]])
def test_without_the_scores_among_the_tokens_there_is_none(form: JudgeForm, tokens: list[str]) -> None:
    assert opinion(form, tokens, "".join(TOKENS[form])).confidence is None


def test_it_is_kept_with_the_verdicts_and_the_replies_and_counted(tmp_path: Path) -> None:
    def script(chat: Chat) -> Answer:
        first = len(judges.shown(chat)[0]) == 1
        return Answer(judges.longer(chat), logprob=math.log(0.9 if first else 0.5))

    with FakeOllama(script) as server:
        court = Court(tmp_path / "w.judged", server)
        judged = court.judge(FIVE)
        assert all(chat.body["logprobs"] is True for chat in server.chats)
        court.path.rename(tmp_path / "before.judged")
        court.path = tmp_path / "before.judged"
        asked = len(server.chats)
        assert court.judge(FIVE) == judged
        assert len(server.chats) == asked
    orders = [
        (one.forward.confidence, one.swapped.confidence) for one in judged if one.forward and one.swapped
    ]
    assert len(orders) == len(judged)
    for one, (forward, swapped) in zip(judged, orders, strict=True):
        assert forward is not None
        assert swapped is not None
        assert one.confidence is not None
        assert 0 < one.confidence == min(forward, swapped) < 1
    found = results(enumerate(judged)).confidence
    assert found is not None
    assert found.verdicts == len(judged)
    assert found.mean == pytest.approx(sum(one.confidence or 0 for one in judged) / len(judged))
    assert found.changed is None


def test_a_server_that_gives_none_is_no_error(tmp_path: Path) -> None:
    with FakeOllama(judges.longer) as server:
        judged = Court(tmp_path / "w.judged", server).judge(FIVE)
    assert {one.confidence for one in judged} == {None}
    assert results(enumerate(judged)).confidence is None


def test_where_the_order_changed_the_verdict_it_is_told_apart(tmp_path: Path) -> None:
    def script(chat: Chat) -> Answer:
        return Answer(judges.first_place(chat), logprob=math.log(0.5))

    with FakeOllama(script) as server:
        found = results(enumerate(Court(tmp_path / "w.judged", server).judge(FIVE))).confidence
    assert found is not None
    assert found.changed == pytest.approx(found.mean)


@pytest.mark.parametrize("odd", [3.0, 1e308, math.nan])
def test_what_is_no_probability_is_none(odd: float) -> None:
    text = "".join(TOKENS[JudgeForm.JSON])
    reply = Reply(text, logprobs=((text, odd),))
    assert question(PAIR, JudgeForm.JSON).parse(reply).confidence is None
