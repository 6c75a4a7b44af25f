"""What repeats or depends on a sample's texts follows them: brought up to date where that is certain, else dropped."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

import pytest

from engine.formats.following import changes, dependence
from engine.formats.layouts import version_of
from engine.formats.names import Container, Format
from engine.formats.read import open_dataset
from engine.formats.render import render
from engine.formats.write import write_dataset
from engine.sample import Sample, Version
from tests.factory import last_sample

X, Y = "What does a jointer plane do?", "It makes long edges straight."
X2, Y2 = "Explain what a jointer plane is for, step by step.", "First it flattens, then it straightens."
BOTH = Version(instruction=X2, response=Y2)
ANSWER = Version(instruction=X, response=Y2)
THOUGHT = "They ask about the long plane. It is for edges."
DROPPED = object()


def user(text: str, **more: Any) -> dict[str, Any]:
    return {"role": "user", "content": text, **more}


def assistant(text: str, **more: Any) -> dict[str, Any]:
    return {"role": "assistant", "content": text, **more}


def flat(**beside: Any) -> dict[str, Any]:
    return {"instruction": X, "input": "", "output": Y, **beside}


def sample(row: dict[str, Any], format: Format) -> Sample:
    return last_sample(row, format)


def followed(row: dict[str, Any], version: Version, format: Format = Format.ALPACA) -> dict[str, Any]:
    before = json.dumps(row)
    one = sample(row, format)
    assert json.dumps(render(one, one.original, format, format)) == before
    rendered = render(one, version, format, format)
    assert json.dumps(row) == before, "the sample's own row is left alone"
    return rendered


# Fields: name, value, value beside a new instruction and answer, value beside a new answer to the old instruction.
BESIDE: list[tuple[str, Any, Any, Any]] = [
    # Equal to a text
    ("response", Y, Y2, Y2),
    ("prompt", X, X2, X),
    ("question_copy", X, X2, X),
    ("chosen", Y, Y2, Y2),
    ("gold", f" {Y}\n", f" {Y2}\n", f" {Y2}\n"),
    # A template around them
    ("text", f"### Instruction:\n{X}\n\n### Response:\n{Y}</s>", f"### Instruction:\n{X2}\n\n### Response:\n{Y2}</s>",
     f"### Instruction:\n{X}\n\n### Response:\n{Y2}</s>"),
    ("text", f"Question: {X} Answer: {Y}", f"Question: {X2} Answer: {Y2}", f"Question: {X} Answer: {Y2}"),
    ("chatml", f"<|im_start|>user\n{X}<|im_end|>\n<|im_start|>assistant\n{Y}<|im_end|>",
     f"<|im_start|>user\n{X2}<|im_end|>\n<|im_start|>assistant\n{Y2}<|im_end|>",
     f"<|im_start|>user\n{X}<|im_end|>\n<|im_start|>assistant\n{Y2}<|im_end|>"),
    ("prompt", f"Below is a task.\n\n### Instruction:\n{X}\n\n### Response:",
     f"Below is a task.\n\n### Instruction:\n{X2}\n\n### Response:",
     f"Below is a task.\n\n### Instruction:\n{X}\n\n### Response:"),
    ("with_end", f"{Y}</s>", f"{Y2}</s>", f"{Y2}</s>"),
    # In which the old texts stand twice, or with others
    ("text", f"{X}\n{Y}\n{Y}", DROPPED, DROPPED),
    ("text", f"{X}\nIt makes edges straight.", DROPPED, DROPPED),
    ("critique", f"The answer, {Y[:-1]}. {Y} is too short.", DROPPED, DROPPED),
    ("critique", f"'{X}' is vague.", DROPPED, f"'{X}' is vague."),
    ("text", "A jointer, in other words.", DROPPED, DROPPED),
    ("prompt", "Tell me of planes.", DROPPED, "Tell me of planes."),
    ("rejected", "It is a kind of saw.", DROPPED, "It is a kind of saw."),
    ("answer", "B", DROPPED, "B"),
    ("ground_truth", 42, DROPPED, 42),
    ("choices", ["saw", "plane"], DROPPED, ["saw", "plane"]),
    # Turns
    ("chosen", [user(X), assistant(Y)], [user(X2), assistant(Y2)], [user(X), assistant(Y2)]),
    ("chosen", [assistant(Y)], [assistant(Y2)], [assistant(Y2)]),
    ("rejected", [user(X), assistant("A saw.")], DROPPED, [user(X), assistant("A saw.")]),
    ("chat", [{"from": "human", "value": X}, {"from": "gpt", "value": Y}],
     [{"from": "human", "value": X2}, {"from": "gpt", "value": Y2}],
     [{"from": "human", "value": X}, {"from": "gpt", "value": Y2}]),
    # Reasoning
    *[(name, THOUGHT, DROPPED, DROPPED) for name in
      ("reasoning_content", "reasoning", "thinking", "Complex_CoT", "chain-of-thought", "rationale",
       "reasoningContent")],
    ("reasoning_details", [{"type": "reasoning.text", "text": THOUGHT}], DROPPED, DROPPED),
    # Counts, scores, vectors and names made of the texts
    *[(name, 7, DROPPED, DROPPED) for name in
      ("num_tokens", "length", "token_count", "nTokens", "total_tokens", "score", "reward", "perplexity", "word_count",
       "output_length", "response_tokens", "quality_score")],
    *[(name, 7, DROPPED, 7) for name in ("prompt_tokens", "instruction_length", "question_len", "input_tokens")],
    ("label", True, DROPPED, DROPPED),
    ("kto_tag", False, DROPPED, DROPPED),
    ("embedding", [0.1, -0.5, 0.25], DROPPED, DROPPED),
    ("input_ids", [1, 2, 3], DROPPED, DROPPED),
    ("attention_mask", [1, 1, 1], DROPPED, DROPPED),
    ("tokens", ["What", "does"], DROPPED, DROPPED),
    ("scores", {"helpfulness": 3, "truth": 4.5}, DROPPED, DROPPED),
    ("quality", "good", DROPPED, DROPPED),
    ("text_hash", "abc123", DROPPED, DROPPED),
    ("id", hashlib.sha256(X.encode()).hexdigest()[:16], hashlib.sha256(X2.encode()).hexdigest()[:16],
     hashlib.sha256(X.encode()).hexdigest()[:16]),
    ("md5", hashlib.md5(Y.encode()).hexdigest(), hashlib.md5(Y2.encode()).hexdigest(),
     hashlib.md5(Y2.encode()).hexdigest()),
    # Within others
    ("meta", {"num_tokens": 7, "source": "forum"}, {"source": "forum"}, {"source": "forum"}),
    ("meta", {"raw": {"answer": Y}}, {"raw": {"answer": Y2}}, {"raw": {"answer": Y2}}),
    ("meta", json.dumps({"length": 7, "by": "me"}), '{"by": "me"}', '{"by": "me"}'),
    ("usage", {"prompt_tokens": 7, "completion_tokens": 9}, {}, {"prompt_tokens": 7}),
]  # fmt: skip

STAYS: list[tuple[str, Any]] = [
    ("id", "row-17"), ("id", 17), ("uuid", "9f1c6a2e-1111-4222-8333-944445555666"), ("source", "forum"),
    ("topic", "planes"), ("category", "reasoning"), ("reasoning", "math"), ("reasoning", True), ("thinking", False),
    ("reasoning_effort", "high"), ("max_tokens", 512), ("max_length", 4), ("temperature", 0.7), ("language", "en"),
    ("label", "tools"), ("license", "MIT"), ("n", 3), ("weight", 1.0), ("loss_weight", 0.5), ("eos_token", "</s>"),
    ("stop_tokens", ["</s>"]), ("image_ids", [3, 4]), ("image_sha256", "ab" * 32), ("file_size", 12),
    ("keywords", ["plane"]), ("created", "2024-02-03"), ("difficulty", "hard"), ("num_turns", 2), ("chat", "on"),
    ("notes", "A reader asked for more."), ("system", f"Q: {X}"), ("tools", '[{"name": "length"}]'), ("history", []),
    ("text", ""), ("response", None), ("burnish", {"original": X}), ("model", "m-7b"), ("score_type", "stars"),
]  # fmt: skip


@pytest.mark.parametrize(("name", "value", "both", "answer"), BESIDE)
def test_a_field_beside_the_texts_follows_them(name: str, value: Any, both: Any, answer: Any) -> None:
    for version, expected in ((BOTH, both), (ANSWER, answer)):
        row = flat(before=1, **{name: value}, after=2)
        texts = {"instruction": version.instruction, "output": version.response, "before": 1}
        wanted = row | texts | ({} if expected is DROPPED else {name: expected})
        if expected is DROPPED:
            del wanted[name]
        assert json.dumps(followed(row, version)) == json.dumps(wanted)
        told = changes(sample(row, Format.ALPACA), version, Format.ALPACA)
        assert bool(told) == (expected is DROPPED or expected != value)
        assert all(change.field.startswith(name) for change in told)
    found = dependence(sample(flat(**{name: value}), Format.ALPACA), Format.ALPACA)
    reasoning = both is DROPPED and value in (THOUGHT, [{"type": "reasoning.text", "text": THOUGHT}])
    assert found == (reasoning, not reasoning, not reasoning and (answer is DROPPED or answer != value))


@pytest.mark.parametrize(("name", "value"), STAYS)
def test_what_speaks_of_something_else_stays(name: str, value: Any) -> None:
    row = flat(**{name: value})
    assert followed(row, BOTH) == row | {"instruction": X2, "output": Y2}
    assert dependence(sample(row, Format.ALPACA), Format.ALPACA) == (False, False, False)


def test_a_short_text_is_a_copy_only_under_a_name_that_says_so() -> None:
    row = {"instruction": "2+2?", "output": "4", "level": "4", "response": "4", "text": "Q: 2+2?\nA: 4"}
    assert followed(row, BOTH) == {
        "instruction": X2, "output": Y2, "level": "4", "response": Y2, "text": f"Q: {X2}\nA: {Y2}"
    }  # fmt: skip


def test_an_input_that_went_into_the_instruction_leaves_no_empty_heading() -> None:
    text = f"### Instruction:\n{X}\n\n### Input:\nIn oak.\n\n### Response:\n{Y}"
    row = {"instruction": X, "input": "In oak.", "output": Y, "text": text, "prompt": f"{X}\nIn oak."}
    assert followed(row, BOTH) == {"instruction": X2, "input": "", "output": Y2, "prompt": X2}
    kept = Version(instruction=X2, input="In oak.", response=Y2)
    assert followed(row, kept)["text"] == text.replace(X, X2).replace(Y, Y2)


@pytest.mark.parametrize(
    "format", [Format.MESSAGES, Format.MESSAGES_JSON, Format.SHAREGPT, Format.SHAREGPT_JSONL]
)
def test_a_turns_own_fields_follow_its_text_and_those_of_earlier_turns_stay(format: Format) -> None:
    field = "messages" if "messages" in format else "conversations"
    earlier = [user("Hm?", tokens=2), assistant("Yes.", reasoning_content=THOUGHT, tokens=3)]
    row = {
        "prompt": X,
        "completion": Y,
        field: [
            *earlier,
            user(X, tokens=5, name="Ann"),
            assistant(Y, reasoning_content=THOUGHT, tokens=7, weight=1, score=0.5),
        ],
        "num_tokens": 12,
    }
    assert followed(row, BOTH, format) == {
        "prompt": X2,
        "completion": Y2,
        field: [*earlier, user(X2, name="Ann"), assistant(Y2, weight=1)],
    }
    assert followed(row, ANSWER, format) == {
        "prompt": X,
        "completion": Y2,
        field: [*earlier, user(X, tokens=5, name="Ann"), assistant(Y2, weight=1)],
    }
    told = {change.field: change.done for change in changes(sample(row, format), ANSWER, format)}
    assert told == {
        "completion": "updated",
        "num_tokens": "dropped",
        f"{field}[3].reasoning_content": "reasoning dropped",
        f"{field}[3].tokens": "dropped",
        f"{field}[3].score": "dropped",
    }


TRACE = f"<think>\n{THOUGHT}\n</think>\n\n"


@pytest.mark.parametrize(
    ("format", "row"),
    [
        (Format.ALPACA, flat(output=TRACE + Y, id=1)),
        (Format.WIZARDLM_JSONL, {"instruction": X, "output": TRACE + Y, "id": 1}),
        (Format.CSV, flat(output=TRACE + Y, id="1")),
        (Format.SHAREGPT, {"conversations": [{"from": "human", "value": X}, {"from": "gpt", "value": TRACE + Y}]}),
        (Format.MESSAGES, {"messages": [user(X), assistant(TRACE + Y)]}),
        (Format.MESSAGES, {"messages": [user(X), assistant(Y, reasoning_content=THOUGHT)]}),
        (Format.MESSAGES, {"messages": [user(X), assistant(Y)], "reasoning": THOUGHT}),
        (Format.MESSAGES, {"prompt": [user(X)], "completion": [assistant(TRACE + Y)]}),
        (Format.MESSAGES, {"messages": [user(X), {"role": "assistant", "content": [
            {"type": "thinking", "thinking": THOUGHT}, {"type": "text", "text": Y}]}]}),
        (Format.MESSAGES, {"messages": [user(X), {"role": "assistant", "content": [
            {"type": "text", "text": TRACE + Y}]}]}),
    ],
)  # fmt: skip
def test_an_answers_reasoning_is_no_text_stays_with_it_and_goes_with_it(
    format: Format, row: dict[str, Any]
) -> None:
    one = sample(row, format)
    assert one.original == Version(instruction=X, response=Y)
    rendered = followed(row, ANSWER, format)
    assert version_of(rendered, format.layout) == ANSWER
    assert THOUGHT not in json.dumps(rendered)
    (change,) = changes(one, ANSWER, format)
    assert (change.done, THOUGHT in json.dumps(change.was)) == ("reasoning dropped", True)
    assert dependence(one, format) == (True, False, False)
    for target in Format:  # a kept answer has its reasoning in every layout
        assert THOUGHT in json.dumps(render(one, one.original, format, target))
        assert THOUGHT not in json.dumps(render(one, BOTH, format, target))


def test_a_sample_that_was_imported_with_its_reasoning_as_text_stays_whole_or_loses_it() -> None:
    row = flat(output=TRACE + Y)
    old = Sample(index=0, original=Version(instruction=X, response=TRACE + Y), row=row)
    assert render(old, old.original, Format.ALPACA, Format.ALPACA) == row
    assert render(old, ANSWER, Format.ALPACA, Format.ALPACA) == flat(output=Y2)
    assert dependence(old, Format.ALPACA) == (True, False, False)


def test_an_empty_trace_and_an_answers_own_marks_stay_around_a_new_answer() -> None:
    empty = flat(output=f"<think>\n\n</think>\n\n{Y}", reasoning_content="")
    assert followed(empty, ANSWER) == empty | {"output": f"<think>\n\n</think>\n\n{Y2}"}
    assert dependence(sample(empty, Format.ALPACA), Format.ALPACA) == (False, False, False)
    marked = flat(output=f"{TRACE}<answer>\n{Y}\n</answer>")
    assert followed(marked, ANSWER)["output"] == f"<answer>\n{Y2}\n</answer>"


def test_a_template_around_an_answer_with_its_reasoning() -> None:
    text = f"User: {X}\nAssistant: {TRACE}{Y}"
    row = flat(output=TRACE + Y, text=text)
    assert followed(row, BOTH) == flat(instruction=X2, output=Y2, text=f"User: {X2}\nAssistant: {Y2}")
    beside = flat(reasoning_content=THOUGHT, text=text)
    assert followed(beside, BOTH) == flat(instruction=X2, output=Y2), (
        "the trace stands in no field that says how"
    )


ROW = {
    "instruction": X, "output": Y, "num_tokens": 7, "text": f"{X}\n{Y}", "reasoning_content": THOUGHT,
    "label": True, "embedding": [0.5, 1.5], "source": "forum",
}  # fmt: skip


@pytest.mark.parametrize("container", list(Container))
def test_files_of_every_kind(container: Container, tmp_path: Path) -> None:
    format = {
        Container.JSON: Format.ALPACA,
        Container.JSONL: Format.ALPACA_JSONL,
        Container.CSV: Format.CSV,
        Container.PARQUET: Format.PARQUET,
    }[container]
    path, out = tmp_path / "in.data", tmp_path / "out.data"
    write_dataset(path, format, [ROW, ROW])
    dataset = open_dataset(path)
    kept, replaced = dataset.samples()
    records = [
        render(kept, kept.original, dataset.format, dataset.format),
        render(replaced, BOTH, dataset.format, dataset.format),
    ]
    write_dataset(out, dataset.format, records, types=dataset.types())
    first, second = (row for _, row in open_dataset(out, dataset.format).rows())
    assert first == kept.row
    assert isinstance(second, dict)
    assert (second["instruction"], second["output"], second["text"]) == (X2, Y2, f"{X2}\n{Y2}")
    assert second["source"] == "forum"
    assert not any(second.get(name) for name in ("num_tokens", "reasoning_content", "label", "embedding"))
    if container is Container.PARQUET:
        assert open_dataset(out).types() == dataset.types()


def test_parquets_columns_keep_their_types_where_every_row_lost_them(tmp_path: Path) -> None:
    turns = [user(X, tokens=3), assistant(Y, reasoning_content=THOUGHT, tokens=4)]
    write_dataset(tmp_path / "in", Format.MESSAGES_PARQUET, [{"messages": turns, "score": 0.5, "n": 1}])
    dataset = open_dataset(tmp_path / "in")
    (one,) = dataset.samples()
    record = render(one, BOTH, dataset.format, dataset.format)
    write_dataset(tmp_path / "out", dataset.format, [record], types=dataset.types())
    found = open_dataset(tmp_path / "out")
    assert found.types() == dataset.types()
    assert next(found.samples()).row == {
        "messages": [
            {"role": "user", "content": X2, "tokens": None, "reasoning_content": None},
            {"role": "assistant", "content": Y2, "tokens": None, "reasoning_content": None},
        ],
        "score": None,
        "n": 1,
    }
