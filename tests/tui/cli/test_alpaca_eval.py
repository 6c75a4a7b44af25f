"""`burnish alpaca-eval`, as a user gives it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from engine.judge.prompt import Judged
from engine.judge.record import Record, judged_path
from tests.command import burnish
from tests.factory import judging, opinion, pair
from tests.hostile import CORPUS
from tests.tui.cli.test_judging import harmless

JUDGE = "gemma3:12b"


def judged_files(folder: Path, count: int) -> tuple[Path, Path]:
    """Two files with a judge's verdicts on their pairs: the longer answer is often preferred; a tie every fifth."""
    a, b = folder / "a.json", folder / "b.json"
    about = judging(JUDGE, a=CORPUS["escape"], b="two", sources=(str(a), str(b)), pairs=count, same=1)
    with Record.at(judged_path(a)) as record:
        comparison = record.begin(about)
        for number in range(count):
            first, second = (5, 5) if number % 5 == 0 else (3, 8) if number * 7 % 11 < 6 else (8, 3)
            compared = pair("x" * (20 + number * 5 % 9), "y" * (18 + number * 7 % 17), number)
            verdict = Judged(pair=compared, forward=opinion(first, second), swapped=opinion(second, first))
            record.keep(comparison, number, verdict)
    return a, b


def test_both_rates_stand_beside_each_other_in_words_and_as_json(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("engine.judge.length_controlled.DRAWS", 40)
    a, b = judged_files(tmp_path, 40)
    difficulty = tmp_path / "instruction_difficulty.csv"
    difficulty.write_text("index,d\n" + "".join(f"{n},{n % 4}\n" for n in range(40)))
    ended = burnish("alpaca-eval", a, b)
    assert ended.code == 0, ended.err
    harmless(ended)
    for word in (
        "length-controlled",
        "32 of 40",
        "1 the same on both sides",
        "judged by",
        "no term: no estimates of AlpacaEval's were given",
    ):
        assert word in ended.out
    found = json.loads(
        burnish("alpaca-eval", a, b, "--json", "--judge", JUDGE, "--difficulty", difficulty).out
    )
    assert set(found) == {
        *("record", "a", "b", "sources", "judge", "pairs", "same", "unmatched"),
        *("counts", "new_instruction", "raw", "controlled", "why", "coefficients"),
    }
    assert (found["counts"]["wins"] + found["counts"]["losses"], found["why"]) == (32, None)
    assert found["coefficients"]["instruction"] is not None
    low, high = found["controlled"]["interval"]
    assert 0 < low < found["controlled"]["percent"] < high < 100


def test_below_ten_decided_pairs_nothing_is_claimed(tmp_path: Path) -> None:
    ended = burnish("alpaca-eval", *judged_files(tmp_path, 9))
    assert ended.code == 0
    assert "none below 10 decided pairs" in ended.out
    assert "preferred to" in ended.out
    assert "at equal length" not in ended.out


def test_what_cannot_be_told_is_one_line(tmp_path: Path) -> None:
    a, b = judged_files(tmp_path, 9)
    for code, arguments, expected in (
        (2, (a,), f"holds no verdicts on {a}; burnish judge {a} asks for them"),
        (2, (b, a, "--record", judged_path(a)), "holds no verdicts on"),
        (2, (a, b, "--judge", "other"), "holds no verdicts by other on"),
        (2, (a, "--difficulty", b), "none of AlpacaEval's instructions"),
        (1, (a, b, "--difficulty", b), "cannot be read"),
        (1, (b, a), "b.judged"),
        (1, (a, b, "--record", tmp_path / "none"), "none"),
    ):
        ended = burnish("alpaca-eval", *arguments)
        assert (ended.code, expected in ended.complaint) == (code, True), (arguments, ended.err)
