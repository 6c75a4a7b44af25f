"""Prompts of one's own: written as they are, read back to the character, checked, told, and kept apart."""

from __future__ import annotations

import json
import tomllib
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.method.prompts import (
    PLACEHOLDERS,
    PROMPT_SETS,
    CritiqueLength,
    PromptSet,
    Wording,
    Words,
    prompts_of,
)
from engine.method.rules import PAPERS
from engine.run import session
from engine.run.rule_files import prompts_in, prompts_text
from engine.run.settings import Settings, load_settings
from engine.store.workspace import Workspace
from models.errors import UsageError
from tests.command import REFLECT, burnish
from tests.ollama.server import FakeOllama
from tests.running import SHORT, brief, dataset, refine, settings, workspace

OURS = PROMPT_SETS[PromptSet.OWN, CritiqueLength.SHORT]
MINE = "Be kind. {guidelines} Judge on {instruction_criteria} and {response_criteria}; keep {{name}}."


def changed(path: Path, **parts: str) -> str:
    """A file with burnish's own prompts, some of them for an exchange that stands alone changed; its name."""
    words = OURS.alone.model_copy(update=parts)
    path.write_text(prompts_text(OURS.model_copy(update={"alone": words})), "utf-8")
    return str(path)


@pytest.mark.parametrize("words", PROMPT_SETS.values(), ids=map("-".join, PROMPT_SETS))
def test_every_set_is_read_as_it_was_written(words: Wording, tmp_path: Path) -> None:
    path = tmp_path / "prompts.toml"
    path.write_text(prompts_text(words), "utf-8")
    assert prompts_in(str(path)) == words
    path.write_bytes(prompts_text(words).replace("\n", "\r\n").encode("utf-8-sig"))
    assert prompts_in(str(path)) == words, "whatever the editor"


PRINTABLE = st.text(
    st.characters(codec="utf-8", exclude_categories=("C", "Z"), include_characters=' "\\\n\t{}')
)


@given(PRINTABLE.filter(str.strip))
def test_any_text_is_read_as_it_was_written(text: str) -> None:
    text = text.replace("{", "(")
    words = Wording(alone=Words(**dict.fromkeys(Words.model_fields, text)))
    found: dict[str, Any] = tomllib.loads(prompts_text(words))
    assert Wording.model_validate(found) == words


def test_the_command_writes_the_set_that_is_asked_for_and_a_run_s_own(tmp_path: Path) -> None:
    for set_ in PromptSet:
        for length in CritiqueLength:
            ended = burnish("prompts", "--prompts", set_, "--critique", length)
            assert (ended.code, ended.err) == (0, "")
            assert ended.out == prompts_text(PROMPT_SETS[set_, length])
    data, path = dataset(tmp_path / "data.json", SHORT[:1]), tmp_path / "w.burnish"
    mine = changed(tmp_path / "mine.toml", system=MINE)
    with FakeOllama(brief) as server:
        command = ("run", data, "-w", path, *REFLECT, "--prompts", mine)
        assert burnish(*command, environment={"OLLAMA_HOST": server.url}).code == 0
        asked = len(server.chats)
        Path(mine).unlink()
        again = tmp_path / "again.toml"
        again.write_text(burnish("prompts", path).out, "utf-8")
        with_again = (*command[:-1], again)
        assert burnish(*with_again, environment={"OLLAMA_HOST": server.url}).code == 0
        assert len(server.chats) == asked, "the same prompts are the same run, whatever file they stand in"
    shown = burnish("show", path).out
    assert "prompts of your own (sha256:" in shown
    assert burnish("export", path, tmp_path / "out.json", "--with-trace").code == 0
    run = json.loads((tmp_path / "out.json").read_text())[0]["burnish"]["run"]
    assert run["prompt_set"].startswith("sha256:"), "they are long, and this is in every row"
    report = burnish("report", path).out
    assert f"burnish prompts {path} > prompts.toml" in report
    assert "--prompts prompts.toml" in report


def test_own_prompts_are_told_as_written_with_what_the_rules_say(tmp_path: Path) -> None:
    words = OURS.model_copy(update={"alone": OURS.alone.model_copy(update={"system": MINE})})
    told = prompts_of(words, PAPERS, ("British spelling",)).system
    assert told.startswith(
        "Be kind. House rules, which your criticism asks for and all that you write keeps to:\n- British"
    )
    assert told.endswith("keep {name}.")
    assert prompts_of(words, PAPERS, ()).system.startswith("Be kind.")
    with FakeOllama(brief) as server, workspace(tmp_path / "w.burnish", SHORT[:1]) as opened:
        given = settings(server, run={"method": "reflect"})
        first = refine(opened, given)
        asked = len(server.chats)
        mine = load_settings({"run": {"prompts": changed(tmp_path / "p.toml", system=MINE)}}).run.prompts
        own = given.model_copy(update={"run": given.run.model_copy(update={"prompts": mine})})
        assert refine(opened, own).run.id != first.run.id
        assert len(server.chats) == 2 * asked, "nothing is mixed"
        assert all("Be kind." in str(chat.body) for chat in server.chats[asked:])
        assert Settings.model_validate(json.loads(json.dumps(own.model_dump(mode="json")))) == own


def test_without_words_for_a_conversation_the_others_are_taken() -> None:
    told = prompts_of(Wording(alone=OURS.alone), PAPERS, ())
    assert dict(told.in_conversation) == {name: getattr(told, name) for name in Words.model_fields}


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ("", "alone: field required; `burnish prompts` writes"),
        ("[alone]\nsystem = 'x'", "alone, instruction_task: field required"),
        ("x = [", "not valid TOML"),
        (prompts_text(OURS).replace("{guidelines}", "{guide_lines}"), "{guide_lines} is no placeholder; those are"),
        (prompts_text(OURS) + "extra = 'x'\n", "conversation, extra: no such name is known here"),
        (prompts_text(OURS).replace("Reply with the answer only.", "x" * 8000, 1), "of 8,000 at most; shorten it"),
        (prompts_text(OURS).replace("Reply with the answer only.", r"\u0007", 1), "alone, answer: holds '\\x07'"),
        (prompts_text(OURS).replace('answer = """', 'answer = "" #', 1), "not valid TOML"),
    ],
)  # fmt: skip
def test_a_bad_file_of_prompts_is_one_line_that_says_where(content: str, words: str, tmp_path: Path) -> None:
    path = tmp_path / "prompts.toml"
    path.write_text(content, "utf-8")
    with pytest.raises(UsageError) as caught:
        load_settings({"run": {"prompts": str(path)}})
    line = str(caught.value)
    assert line.startswith(f"{path}: ")
    assert line.isprintable()
    assert words in line


def test_a_name_that_is_neither_a_set_nor_a_file_says_what_there_is() -> None:
    with pytest.raises(
        UsageError, match="prompts papr: no such set, and no such file; own, paper, or a file"
    ):
        load_settings({"run": {"prompts": "papr"}})


@pytest.mark.parametrize("missing", PLACEHOLDERS)
def test_prompts_that_do_not_tell_the_rules_that_are_given_are_refused(missing: str, tmp_path: Path) -> None:
    parts = {
        name: text.replace(f"{{{missing}}}", "the usual") for name, text in OURS.alone.model_dump().items()
    }
    prompts = changed(tmp_path / "p.toml", **parts)
    rules: dict[str, Any] = {
        "guidelines": {"guidelines": ["British spelling"]},
        "instruction_criteria": {"criteria": {"instruction": [{"title": "Tone"}]}},
        "response_criteria": {"criteria": {"response": [{"title": "Tone"}]}},
    }
    models = {"teacher": {"name": "demo"}, "run": {"prompts": prompts, "method": "reflect"}}
    session.check(load_settings(models))
    for name, given_ in rules.items():
        told = load_settings(models | {"reflection": given_})
        if name != missing:
            session.check(told)
            continue
        with pytest.raises(
            UsageError, match=rf"\[alone\] system and .*_task lack {{{missing}}}, and such rules"
        ):
            session.check(told)


def test_the_workspace_of_an_older_version_has_no_prompts_to_write(tmp_path: Path) -> None:
    with FakeOllama(brief) as server, workspace(tmp_path / "w.burnish", SHORT[:1]) as opened:
        run = refine(opened, settings(server, run={"method": "reflect"})).run
        older = run.recipe.model_copy(update={"prompts": 1})
        opened.run(older, run.record)
    with Workspace.read(tmp_path / "w.burnish") as opened:
        assert opened.latest_run().recipe.prompts == 1
    ended = burnish("prompts", tmp_path / "w.burnish")
    assert ended.code == 2
    assert "was asked with version 1 of the prompts" in ended.complaint
