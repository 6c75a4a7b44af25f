"""With `--reasoning score` the student reads an answer after the reasoning that led to it, and scores none of that."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest

from engine.formats.following import reasoning_before
from engine.formats.names import Format
from engine.formats.read import open_dataset
from engine.method.templates import TemplateName, prompt_for
from engine.run.session import Session
from engine.sample import Ratio, Version
from models.student import Piece
from tests.engine.method.test_templates import student
from tests.running import dataset, outcomes, refine, settings, workspace

THOUGHT = "Two and two are four."
TURNS = [{"role": "user", "content": "Add 2 and 2."}]
INLINE = {"instruction": "Add 2 and 2.", "output": f"<think>\n{THOUGHT}\n</think>\n\nIt is 4."}
PLAIN = {"instruction": "Add 2 and 2.", "output": "It is 4."}
FORMS: list[tuple[dict[str, Any], str]] = [
    (INLINE, f"<think>\n{THOUGHT}\n</think>\n\n"),
    ({"instruction": "Add.", "output": f"[THINK]{THOUGHT}[/THINK]It is 4."}, f"[THINK]{THOUGHT}[/THINK]"),
    ({**PLAIN, "reasoning": f"{THOUGHT}\n"}, f"<think>\n{THOUGHT}\n</think>\n\n"),
    (
        {"messages": [*TURNS, {"role": "assistant", "content": "It is 4.", "reasoning_content": THOUGHT}]},
        f"<think>\n{THOUGHT}\n</think>\n\n",
    ),
    (
        {
            "messages": [
                *TURNS,
                {
                    "role": "assistant",
                    "content": [
                        {"type": "thinking", "thinking": THOUGHT},
                        {"type": "text", "text": "It is 4."},
                    ],
                },
            ]
        },
        f"<think>\n{THOUGHT}\n</think>\n\n",
    ),
    (PLAIN, ""),
    ({**PLAIN, "reasoning": " "}, ""),
]


@pytest.mark.parametrize(("row", "expected"), FORMS)
def test_reasoning_stands_before_an_answer_as_a_model_writes_it(
    tmp_path: Path, row: dict[str, Any], expected: str
) -> None:
    opened = open_dataset(dataset(tmp_path / "rows.jsonl", [row]))
    (sample,) = opened.samples()
    assert sample.original.response == "It is 4."
    assert reasoning_before(sample, opened.format, opened.columns) == expected


def test_text_that_still_holds_its_reasoning_is_not_told_it_again(tmp_path: Path) -> None:
    """As in a workspace made before answers and reasoning were told apart."""
    (sample,) = open_dataset(dataset(tmp_path / "rows.jsonl", [INLINE])).samples()
    whole = sample.original.model_copy(update={"response": INLINE["output"]})
    assert reasoning_before(sample.model_copy(update={"original": whole}), Format.ALPACA_JSONL) == ""


def scored(path: Path, rows: list[dict[str, Any]], reasoning: str) -> list[tuple[Ratio, Ratio]]:
    given = settings("http://127.0.0.1:9", run={"method": "score", "reasoning": reasoning})
    with workspace(path, rows) as opened:
        refine(opened, given)
        found = [outcome.before for outcome in outcomes(opened) if outcome and outcome.before]
        assert opened.latest_run().recipe.reasoned == (reasoning == "score")
    return [(scores.ifd, scores.r_ifd) for scores in found]


def test_only_the_answer_given_its_question_is_scored_after_the_reasoning(tmp_path: Path) -> None:
    rows = [INLINE, PLAIN, {**PLAIN, "reasoning": THOUGHT}]
    skipped = scored(tmp_path / "a.burnish", rows, "skip")
    after = scored(tmp_path / "b.burnish", rows, "score")

    def means(ratio: Ratio) -> list[float]:
        assert ratio.alone is not None
        assert ratio.given is not None
        return [ratio.alone.mean, ratio.given.mean]

    for number, (old, new) in enumerate(zip(skipped, after, strict=True)):
        assert means(new[1]) == pytest.approx(means(old[1]), abs=1e-3), "g(y) holds the answer alone"
        (alone, given), (alone_after, given_after) = means(old[0]), means(new[0])
        assert alone_after == pytest.approx(alone, abs=1e-3)
        assert (abs(given_after - given) > 1e-3) == (number != 1)
        assert new[0].given is not None
        assert old[0].given is not None
        assert new[0].given.scored == old[0].given.scored, "reasoning is no target"
    assert means(after[0][0]) == pytest.approx(means(after[2][0]), abs=1e-3), "whichever form the row has"


@pytest.mark.whole
def test_another_answer_is_scored_without_it_and_the_heat_map_says_what_was_context(tmp_path: Path) -> None:
    another = Version(instruction="Add 2 and 2.", response="Five, I think.")

    async def both(reasoning: str) -> tuple[Any, Any]:
        given = settings("http://127.0.0.1:9", run={"method": "score", "reasoning": reasoning})
        with workspace(tmp_path / f"{reasoning}.burnish", [INLINE]) as opened:
            async with Session(opened, given, lambda _: None) as session:
                (scores,) = await session.scores(0, [another])
                return scores, await session.heat(0, opened.sample(0).original)

    (skipped, cold), (after, warm) = asyncio.run(both("skip")), asyncio.run(both("score"))
    assert skipped.ifd.log_ratio == pytest.approx(after.ifd.log_ratio, abs=1e-3)
    assert (cold.response.reasoned, warm.response.reasoned) == (False, True)
    assert not warm.instruction.reasoned
    assert cold.response.score.log_ratio != pytest.approx(warm.response.score.log_ratio, abs=1e-3)


def test_a_chat_template_is_asked_for_a_reply_that_thinks() -> None:
    source = (
        "{% for m in messages %}<{{ m.role }}>{{ m.content }}{% endfor %}<assistant>"
        "{% if not enable_thinking %}<think>\n\n</think>{% endif %}"
    )
    template = prompt_for(TemplateName.CHAT, student(source))
    reasoning = f"<think>\n{THOUGHT}\n</think>\n\n"
    *_, without = template("Add.", "")
    *_, before, last = template("Add.", "", (), (), reasoning)
    assert without == Piece("<assistant><think>\n\n</think>", special=True)
    assert (before, last) == (Piece("<assistant>", special=True), Piece(reasoning))


@pytest.mark.parametrize("opened", ["<think>", "<think>\n"])
def test_an_opening_mark_that_the_prompt_ends_with_is_not_there_twice(opened: str) -> None:
    source = "{% for m in messages %}<{{ m.role }}>{{ m.content }}{% endfor %}<assistant>" + opened
    template = prompt_for(TemplateName.CHAT, student(source.replace("\n", "{{ '\\n' }}")))
    reasoning = f"<think>\n{THOUGHT}\n</think>\n\n"
    pieces = template("Add.", "", (), (), reasoning)
    assert "".join(piece.text for piece in pieces) == f"<user>Add.<assistant>{reasoning}"
    other = f"[THINK]{THOUGHT}[/THINK]"
    assert template("Add.", "", (), (), other)[-1] == Piece(other)


def test_the_published_templates_end_with_it() -> None:
    template = prompt_for(TemplateName.VICUNA, student(None))
    assert template("Add.", "", (), (), "<think>x</think>") == (
        *template("Add.", ""),
        Piece("<think>x</think>"),
    )
