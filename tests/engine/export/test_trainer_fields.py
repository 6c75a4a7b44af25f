"""The fields beside the texts are told of as each trainer reads them, and what cannot be read is named."""

from __future__ import annotations

import json
import shlex
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

from engine.export.trainers import Trainer
from engine.formats.names import Format
from tests.engine.export.writing import FLAT, TURNS, items, write, written

TOOL = {
    "name": "kiln",
    "description": "Temperature of the kiln",
    "parameters": {"type": "object", "properties": {}},
}
WITH_TOOLS = {
    "conversations": [
        {"from": "human", "value": "What does a jointer plane do?"},
        {"from": "gpt", "value": "It makes the edge of a board straight before glueing."},
    ],
    "tools": json.dumps([TOOL]),
}
MEDIA = {"images": ["a.png"], "videos": ["a.mp4"], "audios": ["a.wav"]}
KWARGS = {"enable_thinking": False}


def entry_columns(config: str) -> dict[str, str]:
    """The columns of LLaMA-Factory's entry beside those that every dataset has."""
    [entry] = json.loads(config).values()
    usual = ("prompt", "query", "response", "messages")
    return {column: name for column, name in entry["columns"].items() if column not in usual}


def trl_columns(config: str) -> str:
    return config.split("columns: ")[1].strip()


@pytest.mark.parametrize(
    ("beside", "columns"),
    [
        ({"tools": json.dumps([TOOL])}, {"tools": "tools"}),
        (MEDIA, {"images": "images", "videos": "videos", "audios": "audios"}),
        ({"image": "a.png"}, {"images": "image"}),
        ({"kto_tag": True}, {"kto_tag": "kto_tag"}),
        ({"label": False}, {"kto_tag": "label"}),
        ({"label": "news"}, {}),
        ({"tools": "", "images": [], "videos": None, "source": "web"}, {}),
    ],
)
@pytest.mark.parametrize(("row", "format"), [(FLAT, Format.ALPACA), (TURNS, Format.SHAREGPT)])
def test_llamafactorys_entry_names_every_field_it_reads(
    tmp_path: Path, row: dict[str, Any], format: Format, beside: dict[str, Any], columns: dict[str, str]
) -> None:
    path = tmp_path / "mine.json"
    files, first, config = written(Trainer.LLAMAFACTORY, path, row | beside, format)
    assert entry_columns(config) == columns
    assert {name: first[name] for name in beside} == beside
    assert ("--stage kto" in files.use) == ("kto_tag" in columns)


def test_a_field_of_one_row_is_named_and_a_label_that_not_all_have_is_none(tmp_path: Path) -> None:
    rows = items(WITH_TOOLS | {"label": True}, TURNS, format=Format.SHAREGPT)
    files = write(Trainer.LLAMAFACTORY, tmp_path / "mine.json", Format.SHAREGPT, rows)
    assert entry_columns(files.config.read_text()) == {"tools": "tools"}


def test_llamafactorys_entry_names_every_tag(tmp_path: Path) -> None:
    """A tag that `tags` leaves out is None, and a turn with that role makes LLaMA-Factory skip the row."""
    _, _, config = written(Trainer.LLAMAFACTORY, tmp_path / "mine.json", TURNS, Format.SHAREGPT)
    tags = json.loads(config)["mine"]["tags"]
    assert set(tags) == {
        f"{tag}_tag" for tag in ("role", "content", "user", "assistant", "observation", "function", "system")
    }


def test_axolotls_config_names_tools_and_says_what_it_does_not_read(tmp_path: Path) -> None:
    row = WITH_TOOLS | MEDIA
    _, first, config = written(Trainer.AXOLOTL, tmp_path / "mine.jsonl", row, Format.SHAREGPT)
    assert "    field_messages: messages\n    field_tools: tools\n    message_property" in config
    assert config.startswith("# In the rows, but not read by Axolotl: videos, audios\n")
    assert first["tools"] == [TOOL], "Axolotl refuses a text"
    assert first["images"] == ["a.png"]


@pytest.mark.parametrize("name", ["tools", "images", "videos"])
def test_axolotls_alpaca_drops_nothing_in_silence(tmp_path: Path, name: str) -> None:
    files = write(Trainer.AXOLOTL, tmp_path / "mine.jsonl", Format.ALPACA, items(FLAT | {name: [TOOL]}))
    assert [str(broken) for broken in files.broken] == [
        f"unread field: 1 in the file, row 1 (sample 0): it has `{name}`; "
        "Axolotl does not read it in type alpaca, but with --format messages"
    ]
    assert files.notes == (f"in the rows, but not read by Axolotl: {name}",)


@pytest.mark.parametrize("row", [WITH_TOOLS, FLAT | {"tools": TOOL}])
def test_trls_columns_are_those_it_reads(tmp_path: Path, row: dict[str, Any]) -> None:
    format = Format.ALPACA if row.get("response") else Format.SHAREGPT
    row = row | MEDIA | {"chat_template_kwargs": KWARGS, "source": "web"}
    _, first, config = written(Trainer.TRL, tmp_path / "mine.jsonl", row, format)
    assert trl_columns(config) == "[messages, tools, images, chat_template_kwargs]"
    assert config.startswith("# In the rows, but not read by TRL: videos, audios\n")
    assert first["tools"] == [TOOL]


def test_trl_is_told_of_no_images_where_there_are_none(tmp_path: Path) -> None:
    """Their column alone makes it refuse every model that takes text only."""
    row = TURNS | {"images": [], "tools": "  "}
    _, first, config = written(Trainer.TRL, tmp_path / "mine.jsonl", row, Format.SHAREGPT)
    assert trl_columns(config) == "[messages]"
    assert first["tools"] is None


def test_llamafactory_gets_tools_as_one_text(tmp_path: Path) -> None:
    row = WITH_TOOLS | {"tools": [TOOL]}
    _, first, _ = written(Trainer.LLAMAFACTORY, tmp_path / "mine.json", row, Format.SHAREGPT)
    assert json.loads(first["tools"]) == [TOOL]


@pytest.mark.parametrize(
    "tools", ["hammer, saw", '["hammer"]', 7, "[" * 2000], ids=["words", "texts", "7", "deep"]
)
@pytest.mark.parametrize("trainer", Trainer)
def test_a_row_whose_tools_no_trainer_takes_is_named(tmp_path: Path, trainer: Trainer, tools: object) -> None:
    rows = items(TURNS, TURNS | {"tools": tools}, format=Format.SHAREGPT)
    files = write(trainer, tmp_path / "mine.json", Format.SHAREGPT, rows)
    assert [(broken.first.rule, broken.rows) for broken in files.broken] == [("tools", (2,))]
    files = write(trainer, tmp_path / "mine.json", Format.SHAREGPT, rows, drop=True)
    assert (files.rows, files.broken[0].dropped) == (1, True)


@pytest.mark.parametrize(
    "history", [[{"question": "a", "answer": "b"}], [["a"]], [["a", None]], [["a", "b"], ["c", "d", "e"]]]
)
def test_a_history_that_llamafactory_cannot_read_is_named(tmp_path: Path, history: object) -> None:
    rows = items(FLAT, FLAT | {"history": history})
    files = write(Trainer.LLAMAFACTORY, tmp_path / "mine.json", Format.ALPACA, rows)
    assert [(broken.first.rule, broken.rows) for broken in files.broken] == [("history", (2,))]


@pytest.mark.parametrize("trainer", Trainer)
def test_what_is_to_be_typed_is_quoted_for_the_shell(tmp_path: Path, trainer: Trainer) -> None:
    folder = tmp_path / "my sets; $(rm -rf x)"
    folder.mkdir()
    files, _, _ = written(trainer, folder / "it's mine.json", FLAT, Format.ALPACA)
    named = str(folder) if trainer is Trainer.LLAMAFACTORY else str(files.config)
    words = shlex.split(files.use)
    assert named in words
    assert trainer is not Trainer.LLAMAFACTORY or "it's mine" in words


def said(*roles: str) -> dict[str, Any]:
    return {"conversations": [{"from": role, "value": "a"} for role in roles]}


def test_rows_that_llamafactory_skips_are_named_and_left_out_on_request(tmp_path: Path) -> None:
    bad = [said("human", "human", "gpt"), said("human", "gpt", "system", "human", "gpt")]
    rows = items(TURNS, *bad, WITH_TOOLS, *bad, *bad, format=Format.SHAREGPT)
    files = write(Trainer.LLAMAFACTORY, tmp_path / "mine.json", Format.SHAREGPT, rows)
    assert files.rows == 8
    assert [str(broken) for broken in files.broken] == [
        "role order: 6 in the file, row 2 (sample 1), row 3 (sample 2), row 5 (sample 4), row 6 (sample 5), "
        'row 7 (sample 6), ...: turn 2 is "human" where an answer is due; LLaMA-Factory skips it'
    ]
    before = json.loads(files.dataset.read_text())
    files = write(Trainer.LLAMAFACTORY, tmp_path / "mine.json", Format.SHAREGPT, rows, drop=True)
    assert files.rows == 2
    assert json.loads(files.dataset.read_text()) == [before[0], before[3]], "the others are as they were"
    assert str(files.broken[0]).startswith("role order: 6 left out, row 2 (sample 1), row 3 (sample 2), ")


def test_the_entry_tells_of_the_rows_that_are_left(tmp_path: Path) -> None:
    rows = items(FLAT, FLAT | {"tools": "hammer"}, FLAT | {"label": True})
    files = write(Trainer.LLAMAFACTORY, tmp_path / "mine.json", Format.ALPACA, rows, drop=True)
    assert entry_columns(files.config.read_text()) == {}
    assert files.notes == ("`label` is true or false in 1 of 2 rows, so it is not named as a label for KTO",)


def test_trl_gets_an_empty_list_of_images_where_others_have_some(tmp_path: Path) -> None:
    files = write(
        Trainer.TRL, tmp_path / "mine.jsonl", Format.ALPACA, items(FLAT, FLAT | {"images": ["/a.png"]})
    )
    assert [json.loads(line)["images"] for line in files.dataset.read_text().splitlines()] == [[], ["/a.png"]]
    assert files.broken == ()


@pytest.mark.parametrize(("place", "said"), [("a.png", True), ("/a.png", False), ("https://x/a.png", False)])
def test_images_with_relative_paths_are_found(tmp_path: Path, place: str, said: bool) -> None:
    row = FLAT | {"prompt": "<image> What?", "images": [place]}
    (tmp_path / "out").mkdir()
    path, media = tmp_path / "out" / "mine.json", tmp_path / "in"
    files = write(Trainer.LLAMAFACTORY, path, Format.ALPACA, items(row), media=media)
    assert (f"--media_dir {media}" in files.use) == said
    assert (
        "--media_dir"
        not in write(Trainer.LLAMAFACTORY, path, Format.ALPACA, items(row), media=path.parent).use
    )
    files = write(Trainer.TRL, path, Format.ALPACA, items(row), media=media)
    assert (f"start TRL in {media}" in "".join(files.notes)) == said


HOSTILE = [
    "it's mine",
    "a b",
    "-x",
    "$(touch x)",
    "a\nb",
    "\x1b[2J",
    "\u202egpj",
    'q"',
    "a: b #c",
    "é 😀",
    "\\",
    "{a}",
]


@pytest.mark.parametrize("name", [name for name in HOSTILE if "[" not in name])
@pytest.mark.parametrize("trainer", Trainer)
def test_any_name_of_a_file_is_quoted_where_it_is_typed_or_stands_in_a_config(
    tmp_path: Path, trainer: Trainer, name: str
) -> None:
    folder = tmp_path / f"d {name}"
    folder.mkdir()
    path = folder / f"{name}.json"
    files = write(trainer, path, Format.ALPACA, items(FLAT))
    assert files.use.isprintable()
    # `merge FILE into your config` is a sentence, with a word of the shell in it.
    shown = subprocess.run(
        ["bash", "-c", f"for word in {files.use}; do printf '%s\\0' \"$word\"; done"],
        capture_output=True,
        check=True,
    )
    words = shown.stdout.decode().split("\0")
    if trainer is Trainer.LLAMAFACTORY:
        assert str(folder) in words
        assert (f"--dataset={name}" if name.startswith("-") else name) in words
        assert json.loads(files.config.read_text())[path.stem]["file_name"] == path.name
    else:
        assert str(files.config) in words
        [told] = yaml.safe_load(files.config.read_text("utf-8"))["datasets"]
        assert told["path" if trainer is Trainer.AXOLOTL else "data_files"] == str(path)
