"""Thoughts in the marks that models use are no text, and text about such marks is whole."""

from __future__ import annotations

import re
import time
from dataclasses import replace

import pytest

from engine import thoughts
from engine.method.reflection import required_text
from engine.method.reply_forms import ReplyFormName
from engine.sample import Stage, Version
from engine.thoughts import parted_answer, quoted_marks, without_thoughts
from models.teacher import Fault, Reply
from tests.engine.method.asking import EVERY, fault, instruction_json, markers, read, replies, response_json

THOUGHTS = [
    "<think>\nOkay, let me look.\n</think>\n\n",
    "<think>\n\n</think>\n\n",
    "<Thinking>Okay.</Thinking>\n",
    "<thinking>Okay. <reflection>Is it?</reflection></thinking>",
    "<thought>Okay.</thought>\n",
    "<reasoning>Okay.</reasoning>\n",
    "<reflection>Okay.</reflection>\n<think>Once more.</think>\n",
    "<scratchpad>1 + 1</scratchpad>",
    "<seed:think>Okay.</seed:think>",
    "[THINK]Okay.[/THINK]",
    '<think time="3">\nOkay.\n</think>\n',
    "<thinking\n>Okay.</thinking>",
    "<mm:think>Okay.</mm:think>",
    "<chain_of_thought>Okay.</chain_of_thought>\n",
    "<inner_monologue>Okay.</inner_monologue>\n",
    "<|inner_prefix|>Okay.<|inner_suffix|>",
    "<|start_of_thought|>Okay.<|end_of_thought|>",
    "<|thinking|>Okay.<|/thinking|>\n",
    "◁think▷Okay.◁/think▷",
    "<|START_THINKING|>Okay.<|END_THINKING|>",
    "<|begin_of_thought|>\nOkay.\n<|end_of_thought|>\n",
    "<|channel>thought\nOkay.<channel|>",
    "<unused94>thought\nOkay.<unused95>",
    "Here is my thought process:\nOkay.\n\nHere is my response:\n",
    "<|channel|>analysis<|message|>Okay.<|end|><|start|>assistant<|channel|>final<|message|>",
    "<|start|>assistant<|channel|>analysis<|message|>Hm.<|end|>"
    "<|start|>assistant<|channel|>commentary<|message|>So.<|end|>"
    "<|start|>assistant<|channel|>final <|constrain|>json<|message|>",
    "<|channel|>final<|message|>",
    "Okay, let me look.<|end|><|start|>assistant<|channel|>final<|message|>",
    "analysisThe user wants more.assistantfinal",
    # The first mark stood in the prompt
    "Okay, let me look.\n</think>\n\n",
    "Okay, let me look.</think>\n\n",
    "Okay, let me look.</think>",
    "Okay, so be it</think>\n\n",
    "\n</think>\n\n",
    "Okay.\n</thinking>\n",
    "Okay.\n[/THINK]\n",
    "Okay.\n</seed:think>\n",
    "Okay.\n<|inner_suffix|>\n",
]

QUOTING = [
    "New <think>answer</think>.",
    "Put it between `<think>` and `</think>`.",
    "Close it with </think> at the end.",
    "Models write </think>\nwhen they are done.",
    'The mark is called "</think>".',
    "A template:\n\n```\n<think>\n{thoughts}\n</think>\n{answer}\n```\n\nAnd so on.",
    "A template that ends so:\n\n```\n</think>\n```\n\nAnd so on.",
    "First:\n<think>\nHm.\n</think>\nThen the answer.",
    '<p>See <thought id="1">this</thought>.</p>\n<thought id="2">\nText\n</thought>\n',
    "<details><summary>Thoughts</summary>None.</details>",
    "Its channel tokens: <|channel|>analysis<|message|>Hm.<|end|>"
    "<|start|>assistant<|channel|>final<|message|>Yes.<|return|>",
    "```html\n<reasoning>Because.</reasoning>\n```",
    "`<think>` opens thoughts.",
    "Analysis: the assistantfinal word is no word.",
    "He wrote:\nHere is my response:\nYes.",
    "<answer>42</answer>",
    "thinking> is no mark.",
    "<thinkers>Plato</thinkers>",
    "<thought-experiment>A cat.</thought-experiment>",
    "<cottage>Small.</cottage>",
    "Qwen3 puts its thoughts between <think> and </think>; DeepSeek-R1 leaves out the first.",
    "Strip them with re.sub(r'<think>.*?</think>', '', text, flags=re.S).",
    "| model | marks |\n|---|---|\n| Magistral | [THINK] and [/THINK] |",
]
"""Answers about such marks, of which nothing may be lost."""


@pytest.mark.parametrize("thoughts", THOUGHTS)
@pytest.mark.parametrize(("form", "stage"), EVERY)
def test_thoughts_before_a_reply_are_left_out(form: ReplyFormName, stage: Stage, thoughts: str) -> None:
    texts = [thoughts + text for text in replies(form, stage, "New answer.")]
    reflection = read(form, stage, *texts)
    assert replace(reflection, thoughts="") == read(form, stage, *replies(form, stage, "New answer."))
    words = re.findall(r"Okay|let me look|1 \+ 1|Once more|Is it|Hm|So\b|The user wants more", thoughts)
    assert re.findall("|".join(map(re.escape, words)) or "$.", reflection.thoughts) == words
    assert not re.search(r"[<>\[\]|◁▷]|analysis|final", reflection.thoughts)


@pytest.mark.parametrize(("form", "stage"), EVERY)
def test_thoughts_that_the_server_keeps_apart_are_kept_with_the_rewrite(
    form: ReplyFormName, stage: Stage
) -> None:
    texts = replies(form, stage, "New answer.")
    kept = [Reply(text, thoughts=f" Reply {number} </think>\n") for number, text in enumerate(texts)]
    assert read(form, stage, *kept).thoughts == f"Reply {len(texts) - 1} </think>", (
        "of the one that is accepted"
    )


@pytest.mark.parametrize("thoughts", THOUGHTS)
@pytest.mark.parametrize(("form", "stage"), EVERY)
def test_thoughts_inside_a_part_are_left_out(form: ReplyFormName, stage: Stage, thoughts: str) -> None:
    assert (
        read(form, stage, *replies(form, stage, f"{thoughts}New answer.")).version.response == "New answer."
    )


def test_every_part_is_freed_of_them() -> None:
    thoughts = "<thinking>Hm.</thinking>"
    reply = instruction_json(f"{thoughts}New question?", f"{thoughts}New answer.", cause=f"{thoughts}Vague.")
    reflection = read(ReplyFormName.JSON, Stage.INSTRUCTION, reply)
    assert reflection.version == Version(instruction="New question?", response="New answer.")
    assert "Hm." not in " ".join(reflection.critique.values())


@pytest.mark.parametrize("answer", QUOTING)
@pytest.mark.parametrize(("form", "stage"), EVERY)
def test_an_answer_about_such_marks_is_whole(form: ReplyFormName, stage: Stage, answer: str) -> None:
    assert read(form, stage, *replies(form, stage, answer)).version.response == answer.strip()


@pytest.mark.parametrize("answer", QUOTING)
def test_also_after_thoughts(answer: str) -> None:
    assert without_thoughts(f"<think>Hm.</think>{answer} End.") == f"{answer} End."


@pytest.mark.parametrize(
    "nothing",
    [
        "<thinking>Hm.</thinking>\n",
        "<reasoning>Hm. New answer.",
        "Hm.\n</think>\n",
        "[THINK]Hm.",
        "<|channel|>analysis<|message|>Hm.<|end|>",
        "<|channel>thought\nHm.",
    ],
)
@pytest.mark.parametrize(("form", "stage"), EVERY)
def test_thoughts_alone_are_an_empty_reply_and_an_empty_part(
    form: ReplyFormName, stage: Stage, nothing: str
) -> None:
    assert fault(form, stage, nothing) is Fault.EMPTY
    assert fault(form, stage, *replies(form, stage, nothing)) is Fault.EMPTY


@pytest.mark.parametrize(
    "reply",
    [
        "<think>Hm.</think>\n<answer>New answer.</answer>",
        "<think>Hm.</think>\n<response>\nNew answer.\n</response>\n",
        "<|begin_of_thought|>Hm.<|end_of_thought|><|begin_of_solution|>New answer.<|end_of_solution|>",
        "<|START_THINKING|>Hm.<|END_THINKING|><|START_RESPONSE|>New answer.<|END_RESPONSE|>",
        "Here are my reasoning steps:\nHm.\n[BEGIN FINAL RESPONSE]\nNew answer.\n[END FINAL RESPONSE]",
        "<|channel|>analysis<|message|>Hm.<|end|><|start|>assistant<|channel|>final<|message|>New answer.<|return|>",
    ],
)
def test_the_marks_around_the_answer_go_with_the_thoughts(reply: str) -> None:
    assert read(ReplyFormName.STEPS, Stage.RESPONSE, "c", reply).version.response == "New answer."
    assert read(ReplyFormName.JSON, Stage.RESPONSE, response_json(reply)).version.response == "New answer."


@pytest.mark.parametrize(("form", "stage"), EVERY)
def test_marks_that_the_sample_quotes_are_text(form: ReplyFormName, stage: Stage) -> None:
    old = Version(instruction="Answer as <reasoning>...</reasoning><answer>...</answer>.", response="No.")
    answer = "<reasoning>It is even.</reasoning><answer>4</answer>"
    if form is ReplyFormName.STEPS and stage is Stage.INSTRUCTION:  # the new instruction alone is answered
        texts = ["Vague.", "Answer in <reasoning> and <answer>, please.", answer]
    else:
        texts = replies(form, stage, answer)
    assert read(form, stage, *texts, old=old).version.response == answer


def test_the_usual_mark_before_a_reply_opens_thoughts_whatever_the_sample_quotes() -> None:
    old = Version(instruction="Say <think>.", response="<think>")
    reply = "<think>Hm.</think>New answer."
    assert read(ReplyFormName.STEPS, Stage.RESPONSE, "c", reply, old=old).version.response == "New answer."
    kept = read(ReplyFormName.JSON, Stage.RESPONSE, response_json(reply), old=old).version.response
    assert kept == reply


def test_in_markers_thoughts_may_hold_the_headings() -> None:
    reply = markers(("[Critique]", "Vague."), ("[Better Response]", "New answer."))
    thoughts = "I need:\n[Critique]\n...\n[Better Response]\n...\n</think>\n"
    assert read(ReplyFormName.MARKERS, Stage.RESPONSE, thoughts + reply).version.response == "New answer."


def test_quoted_marks_are_found_by_either_end() -> None:
    assert quoted_marks("a </Think> b", "c <reasoning> d") == {"<think>", "<reasoning>"}


@pytest.mark.parametrize(("opening", "closing"), thoughts._MARKS.items())
def test_every_mark_is_found_in_an_answer_and_in_a_question(opening: str, closing: str) -> None:
    assert parted_answer(f"{opening.upper()}They add.{closing}Four.").text == "Four."
    for mark in (opening, closing):
        assert opening in quoted_marks(f"It says {mark.upper()} there.")


@pytest.mark.parametrize(
    "text", ["\n" * 60_000, "</think>\n" * 9_000, "x <think>" + "\n</think>" * 9_000, "<think></think>" * 4_000,
             "<|end|>" * 9_000, " \t" * 30_000 + "x", "analysisA" * 9_000, "*#`" * 20_000]
)  # fmt: skip
def test_odd_texts_take_no_time(text: str) -> None:
    began = time.process_time()
    without_thoughts(f"{text}New answer.")
    assert time.process_time() - began < 2
    assert required_text("answer", f"<think>{text}</think></think>\nNew answer.").endswith("New answer.")
