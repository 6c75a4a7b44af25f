"""Any conversation comes out as it came where nothing was chosen, and a chosen version in the place of its own turn."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.formats.conversation import around, exchanges_in, facts_of
from engine.formats.fields import NO_COLUMNS
from engine.formats.following import changes, dependence
from engine.formats.layouts import layout_of
from engine.formats.names import Format, Layout, RowError
from engine.formats.render import render_row
from engine.sample import Sample, Turns, Version

FORMATS = {
    Layout.SHAREGPT: Format.SHAREGPT_JSONL,
    Layout.MESSAGES: Format.MESSAGES,
    Layout.ALPACA: Format.ALPACA_JSONL,
    Layout.WIZARDLM: Format.WIZARDLM_JSONL,
}
NEW = Version(instruction="Another question?", response="Another answer.")

text = st.text(min_size=1, max_size=8).filter(lambda found: not found.isspace())
reasoned = st.builds("<think>\n{}\n</think>\n\n{}".format, text, text)
CALL = {"type": "function", "function": {"name": "look", "arguments": "{}"}}


@st.composite
def turn_rows(draw: st.DrawFn) -> dict[str, Any]:
    role, words = draw(st.sampled_from([("from", "value"), ("role", "content"), ("role", "text")]))
    asks, answers = draw(
        st.sampled_from(
            [("human", "gpt"), ("user", "assistant"), ("Prompter", "bing"), ("USER:", "Model"), ("Ann", "Bo")]
        )
    )
    part = st.fixed_dictionaries({"type": st.just("text"), "text": text}, optional={"n": st.none()})
    image = st.fixed_dictionaries({"type": st.just("image"), "url": text})
    asked = text | st.none() | st.lists(part | image, min_size=1, max_size=3)
    thought = st.fixed_dictionaries({"type": st.just("thinking"), "thinking": text})
    answered = text | reasoned | st.none() | st.tuples(thought, part).map(list) | st.lists(part, max_size=2)
    turns: list[dict[str, Any]] = []
    if draw(st.booleans()):
        turns.append({role: "system", words: draw(text | st.none())})
    for _ in range(draw(st.integers(1, 4))):
        turns.append({words: draw(asked), role: asks})
        if draw(st.integers(0, 4)) == 0:
            turns.append({role: answers, words: draw(st.none() | text), "tool_calls": [CALL]})
            turns.append({role: "tool", words: draw(text), "tool_call_id": "1"})
        turn = {role: answers, words: draw(answered)}
        extra = [
            {},
            {},
            {"weight": 0},
            {"weight": 1},
            {"train": False},
            {"reasoning_content": "So be it then."},
        ]
        turns.append(turn | draw(st.sampled_from(extra)))
    if draw(st.integers(0, 4)) == 0:
        turns.append({role: asks, words: draw(text)})
    field = draw(st.sampled_from(["conversations", "messages", "dialogue"]))
    given = json.dumps(turns) if draw(st.integers(0, 4)) == 0 else turns  # as one text, as in a table
    row = {"id": draw(st.none() | st.integers()), field: given}
    beside = [{}, {"tools": [CALL]}, {"tools": json.dumps([CALL])}, {"system": "Be kind."}, {"num_turns": 3}]
    return row | draw(st.sampled_from(beside))


@st.composite
def pair_rows(draw: st.DrawFn) -> dict[str, Any]:
    pairs = draw(st.lists(st.tuples(text, text | reasoned | st.just("")).map(list), max_size=3))
    row: dict[str, Any] = {"output": draw(text | reasoned), "instruction": draw(text), "history": pairs}
    return row | draw(st.sampled_from([{}, {"input": "x"}, {"system": "Be kind."}, {"n": None}]))


def samples_of(row: dict[str, Any], layout: Layout, turns: Turns = Turns.ALL) -> list[Sample]:
    try:
        found = list(exchanges_in(row, layout, turns))
    except RowError:
        return []
    return [
        Sample(
            index=index,
            original=one.version,
            row=row,
            turn=one.turn,
            history=one.history,
            next=one.next,
        )
        for index, one in enumerate(found)
    ]


@settings(deadline=None)
@given(row=turn_rows() | pair_rows())
def test_any_conversation_comes_out_as_it_came(row: dict[str, Any]) -> None:
    layout = layout_of(row)
    if layout is None:  # nothing is said in it
        return
    format, samples = FORMATS[layout], samples_of(row, layout)
    facts = facts_of(row, layout)
    assert (facts.exchanges, facts.last) == (len(samples), bool(samples_of(row, layout, Turns.LAST)))
    if not samples:
        return
    before = json.dumps(row)
    assert json.dumps(render_row([(one, one.original) for one in samples], format, format)) == before
    for target in Format:  # in another layout it has a place, or has none
        if _takes(target):
            render_row([(one, one.original) for one in samples], format, target)
    assert json.dumps(row) == before, "the sample's own row is left alone"
    for one in samples:
        assert around(row, layout, NO_COLUMNS, one.turn) == (one.history, one.next)
        dependence(one, format)


def _takes(target: Format) -> bool:
    """True of a layout of turns; the others hold system messages and pairs alone, and say so."""
    return target.layout in (Layout.SHAREGPT, Layout.MESSAGES)


@settings(deadline=None)
@given(row=turn_rows() | pair_rows(), chosen=st.integers(0, 3))
def test_a_chosen_version_takes_the_place_of_its_own_turn(row: dict[str, Any], chosen: int) -> None:
    layout = layout_of(row)
    if layout is None:  # nothing is said in it
        return
    format, samples = FORMATS[layout], samples_of(row, layout)
    if not samples:
        return
    one = samples[chosen % len(samples)]
    new = NEW if one.next is None else one.original.model_copy(update={"response": NEW.response})
    out = render_row([(each, new if each is one else each.original) for each in samples], format, format)
    assert out is not None
    again = {found.turn: found for found in samples_of(out, layout)}
    assert again[one.turn].original == new
    for other in samples:
        if other is not one:
            assert again[other.turn].original == other.original
    assert again[one.turn].history == one.history
    # By the layout's name of the turns, whatever the row calls them.
    paths = (change.field.rpartition("[") for change in changes(one, new, format))
    followed = {"".join(path[bool(path[1]) :]) for path in paths}
    assert _others_changed(row, out) <= followed


def _others_changed(old: dict[str, Any], new: dict[str, Any]) -> set[str]:
    """The paths of what is another in a row of turns, but for the texts of two turns."""
    found, texts = set[str](), 0
    for name, value in old.items():
        if not (isinstance(value, list) and value and all(isinstance(turn, dict) for turn in value)):
            if (
                new.get(name) != value
                and name not in ("instruction", "input", "output", "history")
                and not _is_turns(value)
            ):
                found.add(name)
            continue
        for number, (before, after) in enumerate(zip(value, new[name], strict=True)):
            for key in before:
                if before[key] != after.get(key):
                    if key in ("value", "content", "text"):
                        texts += 1
                    else:
                        found.add(f"[{number}].{key}")
    assert texts <= 2
    return found


def _is_turns(value: Any) -> bool:
    return isinstance(value, str) and value.startswith("[{")


@pytest.mark.parametrize("form", ["alone", "together"])
def test_two_versions_of_one_row_do_not_disturb_each_other(form: str) -> None:
    turns = [
        ("human", "What is a plane for?"),
        ("gpt", "It planes."),
        ("human", "And a saw?"),
        ("gpt", "It saws."),
    ]
    row = {
        "conversations": [{"from": role, "value": value} for role, value in turns],
        "text": "".join(f"### {role}: {value}\n" for role, value in turns),
        "num_tokens": 30,
    }
    samples = samples_of(row, Layout.SHAREGPT)
    versions = [
        Version(instruction="What is a plane for?", response="A plane makes a board flat."),
        Version(instruction="And a saw?", response="A saw cuts a board."),
    ]
    if form == "alone":
        versions[1] = samples[1].original
    out = render_row(list(zip(samples, versions, strict=True)), Format.SHAREGPT, Format.SHAREGPT)
    said = [text for version in versions for text in (version.instruction, version.response)]
    assert out is not None
    assert [turn["value"] for turn in out["conversations"]] == said
    assert "num_tokens" not in out
    if "text" in out:
        assert out["text"] == "".join(
            f"### {role}: {value}\n" for (role, _), value in zip(turns, said, strict=True)
        )
