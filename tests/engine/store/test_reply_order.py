"""Replies in which the critique was written after the answer are known again in a workspace."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path

import pytest

from engine.store.reply_order import LOOKED_AT, answers_come_first
from engine.store.workspace import Workspace
from models.teacher import Reply
from tests.command import burnish
from tests.engine.method.asking import instruction_json, response_json
from tests.factory import RECORD, SOURCE, new_workspace, recipe, sample

ROW = {"instruction": "Why?", "input": "", "output": "So."}
CRITIQUE = {"accuracy": 'Fine, "all": of it.', "helpfulness": "High."}
RESPONSE = {"response_critique": CRITIQUE, "better_response": "Better."}
INSTRUCTION = {
    "instruction_critique": {"ambiguity": "None."}, "response_critique": CRITIQUE, "cause": "Vague.",
    "new_instruction": "Why?", "new_response": "So.",
}  # fmt: skip


def by_the_alphabet(fields: Mapping[str, object]) -> str:
    return json.dumps(fields, sort_keys=True, indent=2)


def keep(workspace: Workspace, sample: int, number: int, text: str) -> None:
    workspace.keep_reply(sample, number.to_bytes(16, "big"), Reply(text), {"question": "reflect"})


@pytest.mark.parametrize("fields", [RESPONSE, INSTRUCTION])
def test_answers_that_come_first_are_seen_and_said(tmp_path: Path, fields: dict[str, object]) -> None:
    path = tmp_path / "w.burnish"
    Workspace.create(path, SOURCE, [sample(index, row=ROW) for index in range(2)]).close()
    with Workspace.open(path) as workspace:
        workspace.run(recipe(prompts=1), RECORD)
        keep(workspace, 0, 0, json.dumps(fields))
        assert not answers_come_first(workspace)
        keep(workspace, 1, 1, by_the_alphabet(fields))
        assert answers_come_first(workspace)
        assert not answers_come_first(workspace, 0)
        assert answers_come_first(workspace, 1)
    line = "the teacher wrote its critiques after its answers"
    assert line in " ".join(burnish("show", path).out.split())
    assert line in " ".join(burnish("show", path, "1").out.split())
    assert line not in " ".join(burnish("show", path, "0").out.split())


def test_replies_in_the_meant_order_of_any_form_and_version_are_not_meant(tmp_path: Path) -> None:
    with Workspace.open(new_workspace(tmp_path / "w.burnish")) as workspace:
        texts = [
            json.dumps(RESPONSE), json.dumps(INSTRUCTION), instruction_json(), response_json("Better."),
            "[Critique]\nVague.\n[New Instruction]\nWhy?\n[New Response]\nSo.\n[End]", "Plain.", "",
            json.dumps({"note": "better_response, then response_critique"}),
        ]  # fmt: skip
        for number, text in enumerate(texts):
            keep(workspace, 0, number, text)
        assert not answers_come_first(workspace)


def test_of_many_replies_both_ends_are_looked_at(tmp_path: Path) -> None:
    with Workspace.open(new_workspace(tmp_path / "w.burnish")) as workspace:
        for number in range(2 * LOOKED_AT):
            keep(workspace, 0, number, json.dumps(RESPONSE))
        assert not answers_come_first(workspace)
        keep(workspace, 0, 2 * LOOKED_AT, by_the_alphabet(RESPONSE))
        assert answers_come_first(workspace)
