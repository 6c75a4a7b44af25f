"""Each trainer gets its own layout, and beside it what it needs to find and understand the file."""

from __future__ import annotations

import glob
import hashlib
import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

from engine.export.for_trainer import Item
from engine.export.trainers import (
    Trainer,
    config_path,
    is_llamafactory_entry_of_ours,
    llamafactory_entry,
    trainer_format,
)
from engine.formats.layouts import version_of
from engine.formats.limits import row_limit
from engine.formats.names import TRACE, DatasetError, Format, Layout
from engine.formats.outputs import SourceFile
from engine.sample import Sample, Version
from models.errors import UsageError
from tests.engine.export.writing import FLAT, TURNS, items, write, written
from tests.factory import new_workspace


def test_llamafactory_gets_alpaca_and_an_entry(tmp_path: Path) -> None:
    files, row, config = written(Trainer.LLAMAFACTORY, tmp_path / "mine.json", FLAT, Format.ALPACA)
    assert row == {"instruction": "Add.", "input": "1 2", "output": "3", "id": 1}
    assert files.config == tmp_path / "dataset_info.json"
    assert json.loads(config) == {
        "mine": {
            "file_name": "mine.json",
            "columns": {"prompt": "instruction", "query": "input", "response": "output"},
        }
    }
    assert "--dataset mine" in files.use


def test_llamafactory_is_told_of_system_and_history_where_there_are_some(tmp_path: Path) -> None:
    row = {"instruction": "c", "output": "d", "system": "s", "history": [["a", "b"]]}
    _, first, config = written(Trainer.LLAMAFACTORY, tmp_path / "mine.json", row, Format.WIZARDLM)
    assert first == {"instruction": "c", "input": "", "output": "d", "system": "s", "history": [["a", "b"]]}
    info = json.loads(config)
    assert info["mine"]["columns"]["system"] == "system"
    assert info["mine"]["columns"]["history"] == "history"


def test_llamafactory_gets_turns_under_the_tags_its_entry_names(tmp_path: Path) -> None:
    _, row, config = written(Trainer.LLAMAFACTORY, tmp_path / "mine.json", TURNS, Format.SHAREGPT)
    info = json.loads(config)
    tags = info["mine"]["tags"]
    roles = [turn[tags["role_tag"]] for turn in row[info["mine"]["columns"]["messages"]]]
    assert info["mine"]["formatting"] == "sharegpt"
    user, assistant = tags["user_tag"], tags["assistant_tag"]
    assert roles == [tags["system_tag"], user, assistant, user, assistant]
    assert [turn[tags["content_tag"]] for turn in row["conversations"]] == ["Be brief.", "a", "b", "c", "d"]


def test_llamafactorys_other_entries_stay(tmp_path: Path) -> None:
    config = tmp_path / "dataset_info.json"
    config.write_text('{"other": {"hf_hub_url": "é"}}')
    _, _, text = written(Trainer.LLAMAFACTORY, tmp_path / "mine.json", FLAT, Format.ALPACA)
    assert text.startswith('{"other": {"hf_hub_url": "é"}, "mine": {"file_name": "mine.json", ')
    _, _, again = written(Trainer.LLAMAFACTORY, tmp_path / "mine.json", FLAT, Format.ALPACA)
    assert again == text


def test_an_entry_of_its_own_follows_the_rows_and_keeps_what_does_not_describe_them(tmp_path: Path) -> None:
    config = tmp_path / "dataset_info.json"
    files, _, _ = written(Trainer.LLAMAFACTORY, tmp_path / "mine.json", FLAT, Format.ALPACA)
    info = json.loads(config.read_text())
    info["mine"] |= {"num_samples": 5, "split": "train"}
    config.write_text(json.dumps(info))
    _, _, text = written(Trainer.LLAMAFACTORY, tmp_path / "mine.json", TURNS, Format.SHAREGPT)
    assert json.loads(text)["mine"] == llamafactory_entry(files.dataset, Layout.SHAREGPT, {}) | {
        "num_samples": 5,
        "split": "train",
    }


OTHERS = [
    {"file_name": "old.json"},
    {"file_name": "mine.jsonl"},
    {"file_name": "mine.json"},
    {"file_name": "mine.json", "columns": {"prompt": "instruction", "response": "answer"}},
    llamafactory_entry(Path("mine.json"), Layout.ALPACA, {}) | {"ranking": True},
    llamafactory_entry(Path("mine.json"), Layout.ALPACA, {"system": "persona"}),
    llamafactory_entry(Path("mine.json"), Layout.SHAREGPT, {}) | {"tags": {"role_tag": "from"}},
    llamafactory_entry(Path("mine.json"), Layout.ALPACA, {}) | {"hf_hub_url": "someone/set"},
    {"script_url": "mine"},
    {"file_name": 1},
    "mine.json",
    None,
]  # fmt: skip


@pytest.mark.parametrize("entry", OTHERS)
def test_an_entry_of_that_name_that_burnish_did_not_write_is_replaced_only_on_request(
    tmp_path: Path, entry: object
) -> None:
    config, path = tmp_path / "dataset_info.json", tmp_path / "mine.json"
    config.write_text(json.dumps({"mine": entry}))
    with pytest.raises(DatasetError, match=r"its entry \"mine\" was not written by burnish.*--replace-entry"):
        write(Trainer.LLAMAFACTORY, path, Format.ALPACA, items(FLAT))
    assert list(tmp_path.iterdir()) == [config], "nothing was written"
    assert json.loads(config.read_text()) == {"mine": entry}
    write(Trainer.LLAMAFACTORY, path, Format.ALPACA, items(FLAT), replace_entry=True)
    assert json.loads(config.read_text()) == {"mine": llamafactory_entry(path, Layout.ALPACA, {})}


@pytest.mark.parametrize("layout", Layout)
@pytest.mark.parametrize("columns", [{}, {"tools": "tools", "images": "image", "kto_tag": "label"}])
def test_burnish_knows_its_own_entries_again(layout: Layout, columns: dict[str, str]) -> None:
    entry = llamafactory_entry(Path("mine.json"), layout, columns)
    assert is_llamafactory_entry_of_ours(entry, Path("mine.json"))
    assert is_llamafactory_entry_of_ours(entry | {"num_samples": 9}, Path("here/mine.json"))
    assert not is_llamafactory_entry_of_ours(entry, Path("other.json"))


@pytest.mark.parametrize("content", ["[1]", "{", "\ud800", "[" * 200_000])
def test_a_broken_dataset_info_is_left_alone(tmp_path: Path, content: str) -> None:
    config = tmp_path / "dataset_info.json"
    config.write_bytes(content.encode("utf-8", "surrogatepass"))
    before = config.read_bytes()
    with pytest.raises(DatasetError, match=r"dataset_info\.json: .*no entry was added"):
        write(Trainer.LLAMAFACTORY, tmp_path / "mine.json", Format.ALPACA, items(FLAT))
    assert config.read_bytes() == before
    assert list(tmp_path.iterdir()) == [config], "nor is the dataset written"


def test_a_dataset_info_of_any_size_is_not_read(tmp_path: Path) -> None:
    config = tmp_path / "dataset_info.json"
    with config.open("wb") as file:
        file.truncate(row_limit() + 1)
    with pytest.raises(
        DatasetError, match=r"64 MiB, too large for a list of datasets, so no entry was added"
    ):
        write(Trainer.LLAMAFACTORY, tmp_path / "mine.json", Format.ALPACA, items(FLAT))
    assert list(tmp_path.iterdir()) == [config]


@pytest.mark.parametrize("name", ["a,b.json", " a.json", "a .jsonl"])
def test_llamafactory_would_cut_a_name_at_a_comma_or_space(tmp_path: Path, name: str) -> None:
    with pytest.raises(UsageError, match="takes a comma or outer space"):
        write(Trainer.LLAMAFACTORY, tmp_path / name, Format.ALPACA, items(FLAT))
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("name", ["mine", "mine.txt", "dataset_info.json"])
def test_llamafactory_tells_a_format_from_the_files_ending(tmp_path: Path, name: str) -> None:
    with pytest.raises(UsageError, match=r"NAME\.json"):
        write(Trainer.LLAMAFACTORY, tmp_path / name, Format.ALPACA, items(FLAT))
    with pytest.raises(UsageError, match=r"NAME\.parquet"):
        write(Trainer.LLAMAFACTORY, tmp_path / "a.json", Format.ALPACA, items(FLAT), target=Format.PARQUET)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("name", ["a[1].json", "a*.json", "what?.json", "a::b.json"])
def test_a_path_is_no_pattern(tmp_path: Path, name: str) -> None:
    """What loads the file for a trainer reads its path as a pattern; in TRL's config alone, it can be escaped."""
    for trainer in (Trainer.LLAMAFACTORY, Trainer.AXOLOTL):
        with pytest.raises(UsageError, match="for a pattern"):
            write(trainer, tmp_path / name, Format.ALPACA, items(FLAT))
    if "::" in name:
        with pytest.raises(UsageError, match="for a pattern"):
            write(Trainer.TRL, tmp_path / name, Format.ALPACA, items(FLAT))
    else:
        files = write(Trainer.TRL, tmp_path / name, Format.ALPACA, items(FLAT))
        [told] = yaml.safe_load(files.config.read_text())["datasets"]
        assert glob.glob(told["data_files"]) == [str(tmp_path / name)]  # noqa: PTH207 - as fsspec does


def test_a_format_that_a_trainer_does_not_take_is_refused_with_those_it_does() -> None:
    with pytest.raises(
        UsageError, match=r"^--format csv: Axolotl does not take it; it takes alpaca, .*parquet$"
    ):
        trainer_format(Trainer.AXOLOTL, Format.ALPACA, Format.CSV)
    with pytest.raises(UsageError, match=r"it takes messages, messages-json, messages-parquet$"):
        trainer_format(Trainer.TRL, Format.ALPACA, Format.ALPACA)


def test_turns_are_told_of_in_the_names_that_the_rows_have(tmp_path: Path) -> None:
    row = {"messages": [{"role": "user", "content": "a"}, {"role": "assistant", "content": "b"}]}
    files = write(
        Trainer.LLAMAFACTORY,
        tmp_path / "m.json",
        Format.MESSAGES,
        items(row, format=Format.MESSAGES),
        target=Format.MESSAGES_JSON,
    )
    entry = json.loads(files.config.read_text())["m"]
    assert entry["columns"] == {"messages": "messages"}
    assert entry["tags"]["role_tag"] == "role"
    assert (entry["tags"]["user_tag"], entry["tags"]["assistant_tag"]) == ("user", "assistant")
    files = write(
        Trainer.AXOLOTL,
        tmp_path / "s.json",
        Format.MESSAGES,
        items(row, format=Format.MESSAGES),
        target=Format.SHAREGPT,
    )
    [told] = yaml.safe_load(files.config.read_text())["datasets"]
    assert told["field_messages"] == "conversations"
    assert told["message_property_mappings"] == {"role": "from", "content": "value"}


def test_axolotl_gets_alpaca_lines(tmp_path: Path) -> None:
    path = tmp_path / 'a "b" é.jsonl'
    files, row, config = written(Trainer.AXOLOTL, path, FLAT, Format.ALPACA)
    assert row == {"instruction": "Add.", "input": "1 2", "output": "3", "id": 1}
    assert files.config == tmp_path / 'a "b" é.axolotl.yaml'
    quoted = f'"{tmp_path}/a \\"b\\" é.jsonl"'
    assert config == f"datasets:\n  - path: {quoted}\n    ds_type: json\n    type: alpaca\n"


def test_axolotl_gets_turns_as_messages(tmp_path: Path) -> None:
    _, row, config = written(Trainer.AXOLOTL, tmp_path / "mine.jsonl", TURNS, Format.SHAREGPT)
    assert config == (
        "# A base model brings no chat template: then ChatML's is used.\n"
        "chat_template: tokenizer_default_fallback_chatml\n"
        "datasets:\n"
        f'  - path: "{tmp_path}/mine.jsonl"\n'
        "    ds_type: json\n"
        "    type: chat_template\n"
        "    field_messages: messages\n"
        "    message_property_mappings:\n"
        "      role: role\n"
        "      content: content\n"
    )
    assert [turn["role"] for turn in row["messages"]] == ["system", "user", "assistant", "user", "assistant"]
    assert row["messages"][-1]["content"] == "d"


@pytest.mark.parametrize("drop", [False, True])
def test_axolotls_alpaca_names_the_rows_whose_earlier_turns_it_does_not_read(
    tmp_path: Path, drop: bool
) -> None:
    row = {"instruction": "c", "output": "d", "history": [["a", "b"]]}
    files = write(Trainer.AXOLOTL, tmp_path / "mine.jsonl", Format.ALPACA, items(FLAT, row), drop=drop)
    [broken] = files.broken
    assert (broken.first.rule, broken.rows, broken.samples, broken.dropped) == (
        "unread field",
        (2,),
        (1,),
        drop,
    )
    assert "with --format messages" in str(broken)
    assert files.rows == len(files.dataset.read_text().splitlines()) == (1 if drop else 2)


@pytest.mark.parametrize(("row", "format", "turns"), [(FLAT, Format.ALPACA, 2), (TURNS, Format.SHAREGPT, 5)])
def test_trl_gets_messages(tmp_path: Path, row: dict[str, Any], format: Format, turns: int) -> None:
    path = tmp_path / "mine.jsonl"
    _, first, config = written(Trainer.TRL, path, row, format)
    entry = f'  - path: json\n    data_files: "{path}"\n    columns: [messages]\n'
    assert config.endswith(f"\ndatasets:\n{entry}")
    assert len(first["messages"]) == turns
    assert set(first["messages"][0]) == {"role", "content"}


def test_the_given_version_is_written_and_the_trace_comes_along(tmp_path: Path) -> None:
    sample = Sample(index=0, original=version_of(FLAT, Format.ALPACA.layout), row=FLAT)
    item = Item(FLAT, [(sample, Version(instruction="New?", response="Newer."))], {"ifd": 0.5})
    files = write(Trainer.TRL, tmp_path / "mine.jsonl", Format.ALPACA, [item])
    row = json.loads(files.dataset.read_text())
    assert [turn["content"] for turn in row["messages"]] == ["New?", "Newer."]
    assert row[TRACE] == {"ifd": 0.5}
    assert files.rows == 1


def test_the_source_is_protected(tmp_path: Path) -> None:
    source = tmp_path / "mine.jsonl"
    source.write_text(json.dumps(FLAT))
    with pytest.raises(DatasetError, match="does not write over its own source"):
        write(Trainer.TRL, source, Format.ALPACA, items(FLAT), sources=[SourceFile(source, "")])
    assert source.read_text() == json.dumps(FLAT)


# Both files or none ---------------------------------------------------------------------------------------


def too_deep(config: Path) -> None:
    config.write_text("[" * 200_000)


def deep(config: Path) -> None:
    config.write_text('{"other": ' + "[" * 500 + "]" * 500 + "}")


def endless(config: Path) -> None:
    config.symlink_to("/dev/zero")


def another_source(config: Path) -> None:
    config.write_text('{"instruction": "Hi?", "output": "Hello."}\n')


SPOILT: dict[str, tuple[Callable[[Path], object], str]] = {
    "too deep to be read": (too_deep, "nested too deeply"),
    "too deep to be written": (deep, "nested too deeply"),
    "a device": (endless, "is not a file"),
    "a folder": (Path.mkdir, "is not a file"),
    "a pipe": (os.mkfifo, "is not a file"),
    "a workspace": (new_workspace, "cannot be read"),
    "the dataset itself": (another_source, "does not write over its own source"),
}


@pytest.mark.parametrize("spoilt", SPOILT)
def test_the_dataset_is_not_replaced_where_its_entry_cannot_be_written(tmp_path: Path, spoilt: str) -> None:
    path, config = tmp_path / "mine.json", tmp_path / "dataset_info.json"
    path.write_text("older")
    make, reason = SPOILT[spoilt]
    make(config)
    before = os.lstat(config)
    taken = tmp_path / "data.jsonl"
    another_source(taken)
    source = SourceFile(taken, "sha256:" + hashlib.sha256(taken.read_bytes()).hexdigest())
    with pytest.raises(DatasetError, match=reason) as caught:
        write(Trainer.LLAMAFACTORY, path, Format.ALPACA, items(FLAT), sources=[source])
    assert "\n" not in str(caught.value)
    assert path.read_text() == "older"
    after = os.lstat(config)
    assert (after.st_mtime_ns, after.st_ino, after.st_mode) == (
        before.st_mtime_ns,
        before.st_ino,
        before.st_mode,
    )


@pytest.mark.parametrize("trainer", Trainer)
def test_a_config_is_not_written_over_a_workspace(tmp_path: Path, trainer: Trainer) -> None:
    path = tmp_path / "mine.json"
    new_workspace(tmp_path / "w.burnish")
    config_path(trainer, path, Format.ALPACA).symlink_to("w.burnish")
    with pytest.raises(DatasetError, match=r"workspace or a record|cannot be read"):
        write(trainer, path, Format.ALPACA, items(FLAT))
    assert not path.exists()


@pytest.mark.parametrize("trainer", [Trainer.AXOLOTL, Trainer.TRL])
def test_a_name_that_no_config_can_hold_is_refused(tmp_path: Path, trainer: Trainer) -> None:
    with pytest.raises(UsageError, match="not UTF-8"):
        write(trainer, tmp_path / "\udcff.json", Format.ALPACA, items(FLAT))
    assert list(tmp_path.iterdir()) == []
