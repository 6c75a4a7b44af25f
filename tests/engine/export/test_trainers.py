"""Each trainer gets its own layout, and beside it what it needs to find and understand the file."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from engine.export.trainers import Item, Trainer, TrainerFiles, write_for_trainer
from engine.formats.layouts import version_of
from engine.formats.names import TRACE, DatasetError, Format
from engine.formats.read import open_dataset
from engine.sample import Sample, Version
from models.errors import UsageError

FLAT = {"id": 1, "prompt": "Add.", "context": "1 2", "response": "3"}
TURNS = {
    "conversations": [
        {"from": "system", "value": "Be brief."},
        {"from": "user", "value": "a"},
        {"from": "chatgpt", "value": "b"},
        {"from": "user", "value": "c"},
        {"from": "chatgpt", "value": "d"},
    ]
}


def items(
    *rows: dict[str, Any], format: Format = Format.ALPACA, trace: dict[str, Any] | None = None
) -> list[Item]:
    return [
        (
            Sample(index=index, original=version_of(row, format.layout), row=row),
            version_of(row, format.layout),
            trace,
        )
        for index, row in enumerate(rows)
    ]


def written(
    trainer: Trainer, path: Path, row: dict[str, Any], format: Format
) -> tuple[TrainerFiles, Any, Any]:
    """The exported file, its first row, and the config."""
    files = write_for_trainer(trainer, path, format, items(row, format=format))
    first = next(open_dataset(files.dataset).samples()).row
    return files, first, files.config.read_text()


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
    config.write_text('{"other": {"hf_hub_url": "é"}, "mine": {"file_name": "old.json"}}')
    _, _, text = written(Trainer.LLAMAFACTORY, tmp_path / "mine.json", FLAT, Format.ALPACA)
    info = json.loads(text)
    assert info["other"] == {"hf_hub_url": "é"}
    assert info["mine"]["file_name"] == "mine.json"


@pytest.mark.parametrize("content", ["[1]", "{", "\ud800"])
def test_a_broken_dataset_info_is_left_alone(tmp_path: Path, content: str) -> None:
    config = tmp_path / "dataset_info.json"
    config.write_bytes(content.encode("utf-8", "surrogatepass"))
    before = config.read_bytes()
    with pytest.raises(DatasetError, match=r"dataset_info\.json: .*no entry was added"):
        write_for_trainer(Trainer.LLAMAFACTORY, tmp_path / "mine.json", Format.ALPACA, items(FLAT))
    assert config.read_bytes() == before


@pytest.mark.parametrize("name", ["mine", "mine.txt", "dataset_info.json"])
def test_llamafactory_tells_a_format_from_the_files_ending(tmp_path: Path, name: str) -> None:
    with pytest.raises(UsageError, match=r"NAME\.json"):
        write_for_trainer(Trainer.LLAMAFACTORY, tmp_path / name, Format.ALPACA, items(FLAT))
    assert list(tmp_path.iterdir()) == []


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


def test_axolotls_alpaca_does_not_drop_earlier_turns_in_silence(tmp_path: Path) -> None:
    row = {"instruction": "c", "output": "d", "history": [["a", "b"]]}
    with pytest.raises(DatasetError, match=r"^sample 0: Axolotl's alpaca type would drop"):
        write_for_trainer(Trainer.AXOLOTL, tmp_path / "mine.jsonl", Format.ALPACA, items(row))
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(("row", "format", "turns"), [(FLAT, Format.ALPACA, 2), (TURNS, Format.SHAREGPT, 5)])
def test_trl_gets_messages(tmp_path: Path, row: dict[str, Any], format: Format, turns: int) -> None:
    path = tmp_path / "mine.jsonl"
    _, first, config = written(Trainer.TRL, path, row, format)
    entry = f'  - path: json\n    data_files: "{path}"\n    columns: [messages]\n'
    assert config.endswith(f"\ndatasets:\n{entry}")
    assert len(first["messages"]) == turns
    assert set(first["messages"][0]) == {"role", "content"}


def test_the_given_version_is_written_and_the_trace_comes_along(tmp_path: Path) -> None:
    [(sample, _, _)] = items(FLAT)
    item = (sample, Version(instruction="New?", response="Newer."), {"ifd": 0.5})
    files = write_for_trainer(Trainer.TRL, tmp_path / "mine.jsonl", Format.ALPACA, [item])
    row = json.loads(files.dataset.read_text())
    assert [turn["content"] for turn in row["messages"]] == ["New?", "Newer."]
    assert row[TRACE] == {"ifd": 0.5}
    assert files.rows == 1


def test_the_source_is_protected(tmp_path: Path) -> None:
    source = tmp_path / "mine.jsonl"
    source.write_text(json.dumps(FLAT))
    with pytest.raises(DatasetError, match="does not write over its own source"):
        write_for_trainer(Trainer.TRL, source, Format.ALPACA, items(FLAT), protected=[source])
    assert source.read_text() == json.dumps(FLAT)
