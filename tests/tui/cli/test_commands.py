"""The commands, as a user gives them: results on standard output, everything else on standard error."""

from __future__ import annotations

import csv
import datetime
import json
import os
import shutil
import subprocess
import sys
from decimal import Decimal
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from engine.store.leaving import exported
from engine.store.workspace import Workspace
from tests.command import ALONE, REFLECT, burnish, contents
from tests.gguf_writer import LLAMA, TENSORS, gguf
from tests.ollama.script import Chat, Scripted
from tests.ollama.server import FakeOllama
from tests.ollama.state import Model
from tests.ollama.store import OWN, FakeStore
from tests.running import SHORT, TEACHER, brief, dataset
from tui.cli.options import FORMATS

LOSSES = {"response", "response_given_instruction", "instruction", "instruction_given_response"}
OVERVIEW = {
    "samples", "passed", "done", "failed", "stages", "faults", "unscorable", "truncated", "reasoning",
    "reasoning_dropped", "fields_changed", "medians",
}  # fmt: skip
MODELS = {"teacher", "student", "verifier"}
RUN = {"workspace", "dataset", "recipe", "total", "waiting", "export"} | MODELS | OVERVIEW


# Scores and runs


def test_score_prints_one_object_a_line_with_the_documented_fields(tmp_path: Path) -> None:
    data = dataset(tmp_path / "data.json", [SHORT[0], {"instruction": "Say A.", "output": "A"}])
    ended = burnish("score", data, "-w", tmp_path / "w.burnish", "--student", "demo", "--json")
    assert ended.code == 0
    whole, none = map(json.loads, ended.out.splitlines())
    fields = {"index", "ifd", "r_ifd", "loss", "scored", "left_out", "truncated", "reason"}
    assert set(whole) == set(none) == fields
    assert set(whole["loss"]) == set(whole["scored"]) == set(none["loss"]) == set(none["scored"]) == LOSSES
    assert (whole["index"], none["index"]) == (0, 1)
    assert whole["ifd"] > 0
    assert whole["r_ifd"] > 0
    assert (whole["truncated"], whole["reason"]) == (False, None)
    # One token, and a vocabulary without a BOS: nothing is left to score, and it says so.
    assert none["ifd"] is None
    assert none["loss"]["response"] is None
    assert none["scored"]["response"] == 0
    assert none["reason"]


def test_score_without_json_says_the_same_in_words(scored: Path) -> None:
    data = scored.with_name("data.json")
    ended = burnish("score", data, "-w", scored, "--student", "demo")
    assert ended.code == 0
    first, second, *totals = ended.out.splitlines()
    assert first.split()[:2] == ["0", "IFD"]
    assert "Name a fruit" in first
    assert second.split()[0] == "1"
    assert any(line.split() == ["samples", "2", "of", "2", "done"] for line in totals)
    medians = [line for line in totals if line.startswith("median")]
    assert len(medians) == 2
    assert not any("→" in line for line in medians), "before and after are one number here"


def test_run_prints_its_result_as_one_object(tmp_path: Path) -> None:
    data, path = dataset(tmp_path / "data.json", SHORT), tmp_path / "w.burnish"
    with FakeOllama(brief) as server:
        command = ("run", data, "-w", path, *REFLECT, "--limit", "2", "--json")
        ended = burnish(*command, environment={"OLLAMA_HOST": server.url})
        second = burnish(*command, environment={"OLLAMA_HOST": server.url})
        assert len(server.chats) == 4
    assert (ended.code, second.code) == (0, 0)
    result = json.loads(ended.out)
    assert set(result) == RUN
    assert (result["samples"], result["total"], result["done"], result["failed"]) == (4, 2, 2, 0)
    assert result["teacher"]["name"] == TEACHER
    assert result["student"] is None
    assert (result["faults"], result["waiting"], result["export"]) == ({}, [], None)
    assert json.loads(second.out) == result


def test_show_prints_a_workspace_and_a_sample_as_objects(refined: Path) -> None:
    whole = json.loads(burnish("show", refined, "--json").out)
    assert set(whole) == RUN - {"total", "waiting", "export"}
    assert (whole["samples"], whole["done"]) == (3, 2)
    one = json.loads(burnish("show", refined, "1", "--json").out)
    assert one["sample"]["original"]["input"] == "The train is late."
    assert [choice["stage"] for choice in one["outcome"]["choices"]] == ["instruction", "response"]
    assert json.loads(burnish("show", refined, "2", "--json").out)["outcome"] is None


def test_show_tells_a_sample_s_whole_way(refined: Path) -> None:
    ended = burnish("show", refined, "0")
    assert ended.code == 0
    for word in ("original", "instruction stage", "Helpfulness", "response stage", "IFD", "log-ratio"):
        assert word in ended.out
    assert "not refined yet" in burnish("show", refined, "2").out


@pytest.mark.parametrize("width", ["80", "120", "200"])
def test_a_table_fits_its_terminal_and_clips_long_samples(refined: Path, tmp_path: Path, width: str) -> None:
    long = {"instruction": "word " * 500, "input": "", "output": "日本語" * 500}
    data, path = dataset(tmp_path / "data.json", [long, *SHORT[:1]]), tmp_path / "w.burnish"
    with FakeOllama(brief) as server:
        burnish("run", data, "-w", path, *REFLECT, environment={"OLLAMA_HOST": server.url})
    for which in (path, refined):
        shown = burnish("show", which, environment={"COLUMNS": width}).out.splitlines()
        assert len(shown) < 35
        table = [line for line in shown if line.startswith(" ")]
        assert max(map(len, table)) <= int(width)


def test_the_end_of_a_run_with_failures_says_how_to_try_again(tmp_path: Path) -> None:
    """A setting that is no part of the recipe may have cured them, such as how long a server may say nothing."""
    data, path = dataset(tmp_path / "data.json", SHORT[:2]), tmp_path / "w.burnish"

    def failing(chat: Chat) -> Scripted:
        return "no reply" if SHORT[0]["instruction"] in chat.prompt else brief(chat)

    command = ("run", data, "-w", path, *REFLECT)
    with FakeOllama(failing) as server:
        ended = burnish(*command, environment={"OLLAMA_HOST": server.url})
    with FakeOllama(brief) as server:
        cured = {"OLLAMA_HOST": server.url, "BURNISH_TEACHER__SILENCE": "900"}
        again = burnish(*command, environment=cured)
        assert server.chats == []
        (line,) = [line for line in again.out.splitlines() if line.startswith("to try again")]
        assert "--retry-failed" in line
        assert line in ended.out.splitlines()
        retried = burnish(*command, "--retry-failed", environment=cured)
    assert (ended.code, again.code, retried.code) == (3, 3, 0)
    assert "--retry-failed" not in retried.out


def test_the_student_s_context_and_the_teacher_s_are_options_of_their_own(tmp_path: Path) -> None:
    data, path = dataset(tmp_path / "data.json", SHORT[:1]), tmp_path / "w.burnish"
    sizes = ("--context", "256", "--teacher-context", "4096")
    with FakeOllama(brief) as server:
        command = ("run", data, "-w", path, *REFLECT, *sizes, "--json")
        result = json.loads(burnish(*command, environment={"OLLAMA_HOST": server.url}).out)
        assert {chat.body["options"]["num_ctx"] for chat in server.chats} == {4096}
    assert (result["recipe"]["context"], result["recipe"]["teacher_context"]) == (256, 4096)


def test_a_response_that_fills_the_window_says_which_setting_to_raise(tmp_path: Path) -> None:
    rows = [{"instruction": "Count.", "output": "one two three " * 40}]
    data = dataset(tmp_path / "data.json", rows)
    short, long = (
        burnish(
            "score",
            data,
            "-w",
            tmp_path / f"{size}.burnish",
            "--student",
            "demo",
            "--context",
            size,
            "--json",
        )
        for size in ("128", "1024")
    )
    (cut,), (whole,) = (list(map(json.loads, ended.out.splitlines())) for ended in (short, long))
    assert (cut["r_ifd"], cut["truncated"]) == (None, True)
    assert "raise --context by " in cut["reason"]
    assert (whole["r_ifd"] is None, whole["truncated"], whole["reason"]) == (False, False, None)


def test_reselect_lists_the_samples_whose_replies_were_never_asked_for(refined: Path, tmp_path: Path) -> None:
    path = Path(shutil.copy(refined, tmp_path / "w.burnish"))
    environment = {"BURNISH_STUDENT__CONTEXT": "1024"}  # counts as another student
    ended = burnish("reselect", path, "--student", "demo", "--json", environment=environment)
    result = json.loads(ended.out)
    assert result["recipe"]["context"] == 1024
    assert result["waiting"] == [2]
    assert "1 samples need a reply that was never asked for: 2" in ended.err.replace("\n", " ")
    assert "--ask-teacher" in ended.err
    assert ended.code == 3


def test_a_reader_that_has_seen_enough_of_the_progress_ends_no_run(tmp_path: Path) -> None:
    data, path = dataset(tmp_path / "data.json", SHORT[:2]), tmp_path / "w.burnish"
    read, write = os.pipe()
    os.close(read)
    with FakeOllama(brief) as server:
        command: list[Any] = [
            Path(sys.executable).with_name("burnish"),
            "run",
            data,
            "-w",
            path,
            *REFLECT,
            "--json",
        ]
        environment = os.environ | ALONE | {"OLLAMA_HOST": server.url}
        ended = subprocess.run(command, stdout=subprocess.PIPE, stderr=write, env=environment, check=True)
    os.close(write)
    assert json.loads(ended.stdout)["done"] == 2


# Rows


def test_bad_rows_are_reported_by_reason_and_the_rest_is_imported(tmp_path: Path) -> None:
    nameless = [{"text": "Only this.", f"n{number}": 1} for number in range(300)]
    rows: list[Any] = [SHORT[0], {"text": "Only this."}, SHORT[1], 7, SHORT[2], *nameless]
    data, path = dataset(tmp_path / "data.json", rows), tmp_path / "w.burnish"
    with FakeOllama(brief) as server:
        environment = {"OLLAMA_HOST": server.url}
        refused = burnish("run", data, "-w", path, *REFLECT, environment=environment)
        assert refused.code == 1
        assert f"{data}: row 2: " in refused.complaint
        assert "--skip-bad" in refused.complaint
        assert not path.exists()
        ended = burnish("run", data, "-w", path, *REFLECT, "--skip-bad", "--json", environment=environment)
    assert ended.code == 0
    skipped = [line for line in ended.err.splitlines() if line.startswith("skipped ")]
    assert [line.split(": ")[1] for line in skipped] == ["row 2 and 300 more", "row 4"]
    assert "302 rows cannot be read and are left out" in ended.err
    assert json.loads(ended.out)["done"] == 3


def test_rows_that_cannot_be_refined_pass_through_and_are_counted_wherever_rows_are(tmp_path: Path) -> None:
    asked = {"instruction": "And this?", "input": None, "output": None}
    rows: list[Any] = [asked, *SHORT[:2], {"output": ["x"], "instruction": "A list."}, asked]
    data, path, out = dataset(tmp_path / "data.json", rows), tmp_path / "w.burnish", tmp_path / "out.json"
    words = "3 rows, as they were: no answer yet 2, not all text 1"
    counts = {"no answer": 2, "not text": 1}
    with FakeOllama(brief) as server:
        environment = {"OLLAMA_HOST": server.url}
        ended = burnish("run", data, "-w", path, *REFLECT, "--json", environment=environment)
        again = burnish("run", data, "-w", path, *REFLECT, environment=environment)
    assert f"cannot be refined and pass through: {words}" in ended.err
    assert (json.loads(ended.out)["passed"], json.loads(ended.out)["samples"]) == (counts, 2)
    for shown in (again, burnish("show", path), burnish("stats", path), burnish("stats", data)):
        assert words in shown.out
    assert json.loads(burnish("stats", data, "--json").out.splitlines()[0])["passed"] == counts
    assert words in burnish("report", path).out.replace("\n", " ")
    assert burnish("report", path, "-o", tmp_path / "report.html").code == 0
    assert words in (tmp_path / "report.html").read_text("utf-8")

    ended = burnish("export", path, out)
    assert "5 of 5 rows, rule all" in ended.out
    assert "3 rows, as they were" in ended.out
    found = json.loads(out.read_text())
    assert [found[at] for at in (0, 3, 4)] == [rows[at] for at in (0, 3, 4)]
    ended = burnish("export", path, out, "--rule", "paper")
    assert "2 of 5 rows, rule paper" in ended.out
    assert "3 left out (rule paper)" in ended.out
    result = json.loads(burnish("export", path, out, "--json").out)
    assert (result["rows"], result["of"], result["passed"], result["left_out"]) == (5, 5, 3, 0)


def test_where_every_row_is_bad_the_one_line_says_why(tmp_path: Path) -> None:
    asked = [{"from": "human", "value": "What is a spokeshave?"}]
    answer = {"from": "gpt", "value": "A plane with handles."}
    pair = {"conversations": asked, "chosen": answer, "rejected": answer}
    data = dataset(tmp_path / "pairs.json", [pair, pair, {"conversations": 3}])
    path = tmp_path / "w.burnish"
    for ended in (burnish("stats", data), burnish("run", data, "-w", path, *REFLECT, "--skip-bad")):
        assert ended.code == 1
        assert (
            "no row holds a sample, of 3 read as sharegpt (conversations): row 1 and 1 more: "
            in ended.complaint
        )
        assert (
            "as the last two turns; a row with `chosen` and `rejected` is preference data" in ended.complaint
        )
        assert "; row 3: expected `conversations`, a list of turns, found a number" in ended.complaint
    assert not path.exists()


def test_a_table_in_a_named_encoding_is_read_by_run_score_and_stats(tmp_path: Path) -> None:
    text = "instruction,input,output\n刨子是做什么用的？,,刨子用来刨平木板。\n"
    data, path = tmp_path / "chinese.csv", tmp_path / "w.burnish"
    data.write_bytes(text.encode("gbk"))
    assert "perhaps gbk: save it as UTF-8" in burnish("stats", data).complaint
    assert "no encoding is named" in burnish("stats", data, "--encoding", "gb\nk!x").complaint
    counted = burnish("stats", data, "--encoding", "gbk", "--json")
    assert (counted.code, json.loads(counted.out.splitlines()[0])["bad_rows"]) == (0, 0)
    ended = burnish("score", data, "-w", tmp_path / "s.burnish", "--student", "demo", "--encoding", "GBK")
    assert ended.code == 0
    with FakeOllama(brief) as server:
        environment = {"OLLAMA_HOST": server.url}
        assert (
            burnish("run", data, "-w", path, *REFLECT, "--encoding", "gbk", environment=environment).code == 0
        )
        assert burnish("run", data, "-w", path, *REFLECT, environment=environment).code == 0, "it goes on"
    with Workspace.open(path) as opened:
        (sample,) = opened.samples()
    assert sample.original.instruction == "刨子是做什么用的？"


def test_earlier_turns_are_counted_and_exported_as_they_were(tmp_path: Path) -> None:
    earlier = [
        {"from": "system", "value": "Be brief."},
        {"from": "human", "value": "Hello."},
        {"from": "gpt", "value": "Hello to you.", "weight": 0},
    ]
    last = [{"from": "human", "value": "Name a colour."}, {"from": "gpt", "value": "Red is a colour."}]
    rows = [{"id": 1, "conversations": earlier + last}, {"id": 2, "conversations": last}]
    data, path = dataset(tmp_path / "data.json", rows), tmp_path / "w.burnish"
    with FakeOllama(brief) as server:
        ended = burnish("run", data, "-w", path, *REFLECT, environment={"OLLAMA_HOST": server.url})
        second = burnish("run", data, "-w", path, *REFLECT, environment={"OLLAMA_HOST": server.url})
    assert "1 of 2 samples have earlier turns" in ended.err
    assert "earlier turns" not in second.err, "a workspace is told of once"
    out = tmp_path / "out.json"
    assert burnish("export", path, out).code == 0
    one, two = json.loads(out.read_text("utf-8"))
    assert one["conversations"][:3] == earlier
    assert one["conversations"][3:] != last
    assert (one["id"], two["id"], len(two["conversations"])) == (1, 2, 2)


# Exports


@pytest.mark.parametrize("format", FORMATS)
def test_a_workspace_is_exported_in_every_format(refined: Path, tmp_path: Path, format: str) -> None:
    out = tmp_path / "out"
    ended = burnish("export", refined, out, "--format", format, "--json")
    assert ended.code == 0, ended.err
    assert json.loads(ended.out) == {
        "rule": "all", "dataset": str(out), "rows": 3, "format": format, "of": 3, "passed": 0, "left_out": 0
    }  # fmt: skip
    if "parquet" in format:
        assert out.read_bytes()[:4] == b"PAR1"
    elif "csv" in format:
        assert len(list(csv.DictReader(out.read_text("utf-8").splitlines()))) == 3
    elif out.read_text("utf-8").startswith("["):
        assert len(json.loads(out.read_text("utf-8"))) == 3
    else:
        assert len(list(map(json.loads, out.read_text("utf-8").splitlines()))) == 3


def test_parquet_columns_keep_their_types_though_the_dataset_is_gone(tmp_path: Path) -> None:
    at = datetime.datetime(2024, 2, 3, 4, 5, 6, 7)
    columns: dict[str, tuple[pa.DataType, list[Any]]] = {
        "instruction": (pa.string(), ["Name a fruit.", "Name a bird."]),
        "output": (pa.string(), ["A pear.", "A wren."]),
        "made": (pa.timestamp("us"), [at, None]),
        "turns": (pa.int32(), [1, 2]),
        "score": (pa.float32(), [0.1, 0.2]),
        "price": (pa.decimal128(9, 2), [Decimal("1.50"), Decimal("0.00")]),
        "facts": (pa.map_(pa.string(), pa.int64()), [[("length", 60)], []]),
    }
    data, workspace, out = tmp_path / "data.parquet", tmp_path / "w.burnish", tmp_path / "out.parquet"
    pq.write_table(pa.table({name: pa.array(held, kind) for name, (kind, held) in columns.items()}), data)
    before = pq.read_table(data)
    ended = burnish("run", data, "-w", workspace, "--method", "score", "--student", "demo", "--json")
    assert ended.code == 0, ended.err
    assert set(json.loads(ended.out)["dataset"]) == {"path", "format", "fields", "sha256", "columns"}
    data.unlink()
    assert burnish("export", workspace, out).code == 0
    assert pq.read_table(out).equals(before)
    assert pq.read_schema(out).equals(before.schema)


@pytest.mark.parametrize(
    ("trainer", "config"),
    [("llamafactory", "dataset_info.json"), ("axolotl", "out.axolotl.yaml"), ("trl", "out.trl.yaml")],
)
def test_a_trainer_s_config_lies_beside_its_dataset(
    refined: Path, tmp_path: Path, trainer: str, config: str
) -> None:
    ended = burnish("export", refined, tmp_path / "out.json", "--trainer", trainer, "--json")
    written = json.loads(ended.out)
    assert set(contents(tmp_path)) == {"out.json", config}
    assert (written["rows"], written["config"]) == (3, str(tmp_path / config))
    assert written["use"]
    words = burnish("export", refined, tmp_path / "out.json", "--trainer", trainer).out
    assert config in words


@pytest.fixture(scope="module")
def with_tools(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A scored dataset of turns, of which the second has tools in words and the third two questions in a row."""
    last = [{"from": "human", "value": "Name a colour."}, {"from": "gpt", "value": "Red is a colour."}]
    twice = [{"from": "human", "value": "Hello."}]
    rows: list[dict[str, Any]] = [
        {"conversations": last},
        {"conversations": last, "tools": "hammer"},
        {"conversations": twice + last},
    ]
    folder = tmp_path_factory.mktemp("tools")
    data, path = dataset(folder / "data.json", rows), folder / "w.burnish"
    assert burnish("run", data, "-w", path, "--method", "score", "--student", "demo").code == 0
    return path


def test_rows_that_a_trainer_will_not_train_on_are_named_and_left_out_on_request(
    with_tools: Path, tmp_path: Path
) -> None:
    out = tmp_path / "d.json"
    ended = burnish("export", with_tools, out, "--trainer", "llamafactory")
    assert ended.code == 0
    assert "3 of 3 samples" in ended.out
    assert ended.err.splitlines() == [
        "2 rows in the file that LLaMA-Factory will not train on as they are (--drop-untrainable leaves them out):",
        '  role order: 1 in the file, row 3 (sample 2): turn 2 is "human" where an answer is due; '
        "LLaMA-Factory skips it",
        '  tools: 1 in the file, row 2 (sample 1): its `tools` are no JSON: "hammer"; LLaMA-Factory stops at it',
    ]
    assert len(json.loads(out.read_text("utf-8"))) == 3
    ended = burnish("export", with_tools, out, "--trainer", "llamafactory", "--drop-untrainable", "--json")
    told = json.loads(ended.out)
    assert (told["rows"], told["of"], ended.err) == (1, 3, "")
    assert [(one["rule"], one["samples"], one["left_out"]) for one in told["untrainable"]] == [
        ("role order", [2], True),
        ("tools", [1], True),
    ]
    assert len(json.loads(out.read_text("utf-8"))) == 1
    words = burnish("export", with_tools, out, "--trainer", "llamafactory", "--drop-untrainable")
    assert words.err.startswith("2 rows left out, for LLaMA-Factory would not train on them as they are:\n")


def test_a_trainer_gets_any_format_it_takes_and_no_other(refined: Path, tmp_path: Path) -> None:
    out = tmp_path / "d.parquet"
    ended = burnish("export", refined, out, "--trainer", "trl", "--format", "messages-parquet", "--json")
    assert json.loads(ended.out)["format"] == "messages-parquet"
    assert out.read_bytes()[:4] == b"PAR1"
    ended = burnish("export", refined, out, "--trainer", "trl", "--format", "csv")
    assert (ended.code, "TRL does not take it; it takes messages" in ended.complaint) == (2, True)


@pytest.mark.parametrize("option", ["--drop-untrainable", "--replace-entry"])
def test_an_option_for_a_trainer_is_not_ignored_without_one(
    refined: Path, tmp_path: Path, option: str
) -> None:
    ended = burnish("export", refined, tmp_path / "d.json", option)
    assert (ended.code, f"{option} goes with --trainer" in ended.complaint) == (2, True)


def test_an_entry_that_burnish_did_not_write_is_replaced_on_request(refined: Path, tmp_path: Path) -> None:
    info = tmp_path / "dataset_info.json"
    info.write_text('{"d": {"file_name": "other.json"}}')
    ended = burnish("export", refined, tmp_path / "d.json", "--trainer", "llamafactory")
    assert (ended.code, "--replace-entry" in ended.complaint) == (1, True)
    assert not (tmp_path / "d.json").exists()
    ended = burnish("export", refined, tmp_path / "d.json", "--trainer", "llamafactory", "--replace-entry")
    assert (ended.code, json.loads(info.read_text())["d"]["file_name"]) == (0, "d.json")


def test_a_trace_tells_how_each_row_came_to_be(refined: Path, tmp_path: Path) -> None:
    out = tmp_path / "out.json"
    assert burnish("export", refined, out, "--with-trace").code == 0
    first, _, last = json.loads(out.read_text("utf-8"))
    trace = first["burnish"]
    assert set(trace) == {
        *(
            "index",
            "original",
            "choices",
            "before",
            "after",
            "review",
            "fields",
            "run",
            "teacher",
            "student",
            "verifier",
        ),
    }
    assert trace["original"]["instruction"] == SHORT[0]["instruction"]
    assert all(choice["critique"] for choice in trace["choices"])
    assert trace["before"]["ifd"]["value"] > 0
    assert trace["teacher"]["digest"].startswith("sha256:")
    assert trace["student"]["digest"].startswith("sha256:")
    assert last["burnish"]["choices"] == []


def test_rules_let_through_what_they_say(refined: Path, scored: Path, tmp_path: Path) -> None:
    def rows(path: Path, *options: str) -> int:
        ended = burnish("export", path, tmp_path / "out.json", *options, "--json")
        return int(json.loads(ended.out)["rows"])

    with Workspace.read(refined) as workspace:
        run = workspace.latest_run()
        replaced = sum(
            row.outcome is not None and row.outcome.choices[1].verdict == "replaced"
            for row in exported(workspace, run)
        )
    assert rows(refined, "--rule", "paper") == replaced
    assert rows(refined, "--rule", "accepted") == 0
    assert rows(scored, "--rule", "top", "--top", "1") == 1
    assert rows(scored, "--rule", "top", "--top", "100%") == 2
    assert burnish("export", scored, tmp_path / "o.json", "--rule", "top", "--top", "many").code == 2
    assert burnish("export", scored, tmp_path / "o.json", "--top", "many").code == 2
    assert rows(scored, "--top", "1") == 1
    assert rows(refined, "--rule", "paper", "--top", "1") == min(replaced, 1)
    assert "rule all, top 1" in burnish("export", scored, tmp_path / "o.json", "--top", "1").out


def test_neither_the_source_nor_the_workspace_is_written_over(refined: Path) -> None:
    before = contents(refined.parent)
    for out in (refined.with_name("data.json"), refined):
        ended = burnish("export", refined, out)
        assert ended.code == 1
        assert "does not write over its own source" in ended.complaint
    assert contents(refined.parent) == before


# Models


def test_models_lists_a_tag_once_with_its_weights_and_a_cloud_model_as_no_use(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    store = FakeStore(tmp_path / "store")
    store.tag(f"{OWN}/library/here/1b", [store.layer("model", gguf(LLAMA, TENSORS))])
    store.tag(
        f"{OWN}/library/embed/1b", [store.layer("model", gguf({**LLAMA, "llama.pooling_type": 1}, TENSORS))]
    )
    cloud = Model.named("far:cloud", remote_host="https://cloud.example", remote_model="far")
    served = [Model.named("here:1b"), Model.named("embed:1b"), Model.named("closed:1b"), cloud]
    with FakeOllama(models=served) as server:
        environment = {
            "OLLAMA_HOST": server.url, "OLLAMA_MODELS": str(store.path), "HOME": str(tmp_path / "home")
        }  # fmt: skip
        ended = burnish("models", "--json", environment=environment)
        table = burnish("models", environment=environment)
    rows = {row["name"]: row for row in json.loads(ended.out)}
    assert list(rows) == ["here:1b", "embed:1b", "closed:1b", "far:cloud", "demo"]
    local, embed, closed, far, demo = rows.values()
    assert (local["teacher"], local["student"], local["problem"]) == ("here:1b", "ollama:here:1b", None)
    assert (embed["student"], closed["student"], closed["teacher"]) == (None, None, "closed:1b")
    assert "embedding" in embed["problem"]
    assert (far["local"], far["teacher"], far["student"]) == (False, None, None)
    assert "cloud" in far["problem"]
    assert (demo["teacher"], demo["student"]) == ("demo", "demo")
    (line,) = [line for line in table.out.splitlines() if "far:cloud" in line]
    assert line.split()[-3:] == ["cloud", "no", "no"]
    assert "1 of these cannot be students" in table.err


def test_models_without_a_server_lists_files_and_says_why_there_are_no_tags(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "mine.gguf").write_bytes(gguf(LLAMA, TENSORS))
    ended = burnish("models", "--json", environment={"HOME": str(tmp_path / "home")})
    assert ended.code == 0
    assert [row["student"] for row in json.loads(ended.out)] == ["demo", "mine.gguf"]
    assert "ollama serve" in ended.err


def test_pull_follows_a_download_to_its_end() -> None:
    layer = {"status": "pulling 1d96", "digest": "sha256:1d96", "total": 1000}
    steps = [{"status": "pulling manifest"}, layer, {**layer, "completed": 1000}, {"status": "success"}]
    with FakeOllama(registry={"new:1b": steps}) as server:
        ended = burnish("pull", "new:1b", environment={"OLLAMA_HOST": server.url})
        assert server.find("new:1b")
    assert (ended.code, ended.out) == (0, "")
    assert ended.err.splitlines() == [
        *("pulling manifest", "pulling 1d96", "success", "new:1b is here; use it with --teacher new:1b")
    ]


@pytest.mark.parametrize(
    ("name", "why"),
    [("gone:1b", "check the name"), ("broken:1b", "burnish pull broken:1b"), ("far:cloud", "cloud")],
)
def test_pull_that_fails_says_why_on_its_last_line(name: str, why: str) -> None:
    registry = {
        "gone:1b": [{"error": "pull model manifest: file does not exist"}],
        "broken:1b": [{"status": "pulling 1d96"}],
    }
    with FakeOllama(registry=registry) as server:
        ended = burnish("pull", name, environment={"OLLAMA_HOST": server.url})
    assert ended.code == 1
    last = ended.err.splitlines()[-1]
    assert last.startswith("burnish: ")
    assert why in last


def test_doctor_prints_its_checks_as_objects(tmp_path: Path) -> None:
    ended = burnish("doctor", "--teacher", "demo", "--student", "demo", "--json")
    checks = json.loads(ended.out)
    assert all(set(check) == {"name", "state", "finding", "fix"} for check in checks)
    assert ended.code == (1 if "problem" in {check["state"] for check in checks} else 0)
    assert ended.err == ""
    words = burnish("doctor", "--teacher", "demo", "--student", str(tmp_path / "none.gguf"))
    assert words.code == 1
    assert "✗ student: " in words.out


# The demo


@pytest.mark.long
def test_the_demo_refines_a_sample_with_real_models_and_exports_it(tmp_path: Path) -> None:
    path = tmp_path / "demo.burnish"
    ended = burnish("demo", "--samples", "1", "-w", path)
    assert ended.code in (0, 3), ended.err
    (row,) = json.loads((tmp_path / "demo-refined.json").read_text("utf-8"))
    assert {"instruction", "output"} <= set(row)
    with Workspace.read(path) as workspace:
        outcome = workspace.outcome(workspace.latest_run(), 0)
        assert outcome is not None
        assert (row["instruction"], row["output"]) == (outcome.final.instruction, outcome.final.response)
        assert outcome.after is not None
        assert workspace.replies(0), "a real teacher answered"
    assert str(path) in ended.out
    assert str(tmp_path / "demo-refined.json") in ended.out
    assert "No Ollama is running here" in ended.err


def test_the_demo_says_that_an_ollama_is_here(tmp_path: Path) -> None:
    with FakeOllama() as server:
        (tmp_path / "not-a.burnish").write_text("mine")
        ended = burnish("demo", "-w", tmp_path / "not-a.burnish", environment={"OLLAMA_HOST": server.url})
    assert ended.code == 1
    assert "Ollama 0.24.0 is running here" in ended.err
    assert (tmp_path / "not-a.burnish").read_text() == "mine"


def test_the_teacher_s_failures_are_counted_and_exit_code_3(tmp_path: Path) -> None:
    def script(chat: Chat) -> Scripted:
        return "not json" if chat.number else brief(chat)

    data = dataset(tmp_path / "data.json", SHORT[:1])
    with FakeOllama(script) as server:
        ended = burnish(
            "run", data, "-w", tmp_path / "w.burnish", *REFLECT, environment={"OLLAMA_HOST": server.url}
        )
    assert ended.code == 3
    assert "response failed: unparsable" in " ".join(ended.out.split())
    assert "1 with a failure" in ended.out
