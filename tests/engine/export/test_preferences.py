"""Pairs of responses leave for training on preferences: who preferred what, and rows as each trainer takes them."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from engine.export.preferences import NoPair, PreferenceKind
from engine.export.trainers import Trainer
from engine.formats.read import open_dataset
from engine.judge.prompt import WITH_HISTORY, Judged, Opinion
from engine.judge.prompt import Pair as JudgedPair
from engine.judge.record import Record
from engine.sample import Decision, Outcome, Rule, Sample, Stage, Turns, Verdict, Version
from engine.store.workspace import Source, Workspace
from tests.command import Ended, burnish
from tests.engine.export.facts.preferences import PAIR_FACTS, told
from tests.factory import RECORD, choice, failed, judging, outcome, recipe, review
from tests.running import dataset

TOOLS = [{"type": "function", "function": {"name": "find", "parameters": {"type": "object"}}}]
CHAT: dict[str, Any] = {
    "id": "a7",
    "messages": [
        {"role": "system", "content": "Answer in one sentence.\u0007"},
        {"role": "user", "content": "Name a river in France."},
        {"role": "assistant", "content": "The Loire."},
        {"role": "user", "content": "And of Italy?"},
        {"role": "assistant", "content": "The Po,  I think.\r\n"},
    ],
    "tools": TOOLS,
    "prompt": "mine",
}
ALONE = {"messages": [{"role": "user", "content": "Why?"}, {"role": "assistant", "content": "So."}]}
REASONED: dict[str, Any] = {
    "messages": [
        {"role": "user", "content": "2 + 2?"},
        {
            "role": "assistant",
            "content": "<think>two and two</think>\n\n4",
            "reasoning_content": "Two and two are four.",
        },
    ]
}
FLAT = {"instruction": "Add.", "input": "1 2", "output": "3"}


def better(sample: Sample) -> Version:
    return sample.original.model_copy(
        update={"response": f"Better: {sample.original.response}\n\u202e\ud83d"}
    )


def responded(sample: Sample, verdict: Verdict = Verdict.REPLACED, **changes: Any) -> Outcome:
    """An outcome whose response stage compared the original with `better`."""
    rewrite = changes.pop("rewrite", better(sample))
    numbers = {"before": 0.9, "after": 0.6, "margin": 0.4 if verdict is Verdict.REPLACED else -0.4}
    decided = choice(Stage.RESPONSE, verdict, rewrite=rewrite, **numbers | changes)
    final = rewrite if verdict is Verdict.REPLACED else sample.original
    return outcome(sample.index, choice(Stage.INSTRUCTION), decided, final=final)


class Refined:
    """A workspace whose samples were refined, each as an outcome says."""

    def __init__(
        self, folder: Path, rows: Sequence[dict[str, Any]], *outcomes: Any, turns: Turns = Turns.LAST
    ) -> None:
        """`outcomes`: of each sample one, made from it; None: it has none."""
        self.path = folder / "w.burnish"
        opened = open_dataset(dataset(folder / "data.jsonl", list(rows)))
        self.samples = list(opened.samples(turns=turns))
        source = Source(path=str(opened.path), format=opened.format, fields=(), sha256="ab" * 32, turns=turns)
        with Workspace.create(self.path, source, self.samples) as workspace:
            run = workspace.run(recipe(), RECORD)
            self.run = run.id
            for sample, made in zip(self.samples, outcomes, strict=True):
                if made is not None:
                    workspace.keep_outcome(run, made(sample))

    def decide(self, index: int, decision: Decision, version: Version) -> None:
        with Workspace.open(self.path) as workspace:
            workspace.reviews.keep(review(index, decision, version=version))

    def export(self, out: str = "out.jsonl", *options: str, kind: str = "dpo") -> Ended:
        return burnish("export", self.path, self.path.with_name(out), "--preferences", kind, *options)

    def rows(self, *options: str, kind: str = "dpo", out: str = "out.jsonl") -> list[Any]:
        ended = self.export(out, *options, kind=kind)
        assert ended.code == 0, ended.complaint
        text = self.path.with_name(out).read_text("utf-8")
        return (
            json.loads(text) if text.startswith("[") else [json.loads(line) for line in text.split("\n")[:-1]]
        )

    def judge(self, *verdicts: tuple[Version, Version, int, int], **changes: Any) -> None:
        """A judge's points for the first and the second version, the same in both orders. `changes`: of the judging."""
        about = judging(sources=(str(self.path.absolute()),), run=self.run, pairs=len(verdicts), **changes)
        with Record.at(self.path.with_suffix(".judged")) as record:
            comparison = record.begin(about)
            for number, (a, b, first, second) in enumerate(verdicts):
                opinions = (
                    Opinion(critique="c", reason="r", first=first, second=second),
                    Opinion(critique="c", reason="r", first=second, second=first),
                )
                pair = JudgedPair(row=number, a=a, b=b)
                record.keep(comparison, number, Judged(pair=pair, forward=opinions[0], swapped=opinions[1]))


# Who preferred what -------------------------------------------------------------------------------------------------


def test_the_student_s_verdict_at_the_response_stage_is_a_pair(tmp_path: Path) -> None:
    kept = lambda sample: responded(sample, Verdict.KEPT)  # noqa: E731
    refined = Refined(tmp_path, [ALONE, ALONE], responded, kept)
    first, second = refined.rows("--with-trace")
    prompt = [{"role": "user", "content": "Why?"}]
    old, new = (
        {"role": "assistant", "content": text} for text in ("So.", better(refined.samples[0]).response)
    )
    assert (first["prompt"], first["chosen"], first["rejected"]) == (prompt, [new], [old])
    assert (second["prompt"], second["chosen"], second["rejected"]) == (prompt, [old], [new])
    assert first["burnish"]["preference"] == {
        "by": "student",
        "margin": 0.4,
        "near_tie": False,
        "r_ifd": {"chosen": 0.6, "rejected": 0.9},
    }
    assert second["burnish"]["preference"]["r_ifd"] == {"chosen": 0.9, "rejected": 0.6}
    assert "burnish" not in refined.rows()[0]


def test_a_pair_is_of_the_instruction_that_the_response_stage_had(tmp_path: Path) -> None:
    asked = Version(instruction="Why, in detail?", response="Because.")

    def rewritten(sample: Sample) -> Outcome:
        first = choice(Stage.INSTRUCTION, Verdict.REPLACED, rewrite=asked, margin=0.1)
        best = asked.model_copy(update={"response": "Because of it."})
        second = choice(Stage.RESPONSE, Verdict.REPLACED, rewrite=best, before=0.9, after=0.6, margin=0.4)
        return outcome(sample.index, first, second, final=best)

    (row,) = Refined(tmp_path, [ALONE], rewritten).rows()
    assert row["prompt"] == [{"role": "user", "content": "Why, in detail?"}]
    assert (row["chosen"][0]["content"], row["rejected"][0]["content"]) == ("Because of it.", "Because.")


def decided(**changes: Any) -> Any:
    return lambda sample: responded(sample, **changes)


NONE: list[tuple[Any, NoPair]] = [
    (None, NoPair.UNFINISHED),
    (lambda sample: outcome(sample.index, choice(Stage.INSTRUCTION), failed(Stage.RESPONSE)), NoPair.NO_REWRITE),
    (lambda sample: outcome(sample.index), NoPair.NOT_ASKED),
    (decided(rule=Rule.ALWAYS, margin=None), NoPair.NOT_ASKED),
    (decided(rule=Rule.UNSCORABLE, margin=None), NoPair.UNSCORABLE),
    (decided(margin=0.0, verdict=Verdict.KEPT), NoPair.TIE),
    (decided(rewrite=Version(instruction="Why?", response="So. ")), NoPair.SAME),
]  # fmt: skip


@pytest.mark.parametrize(("made", "why"), NONE)
def test_a_sample_without_a_pair_is_counted_with_the_reason(tmp_path: Path, made: Any, why: NoPair) -> None:
    refined = Refined(tmp_path, [ALONE, ALONE], made, responded)
    ended = refined.export("out.jsonl", "--json")
    result = json.loads(ended.out)
    assert (result["pairs"], result["no_pair"]) == ({"student": 1, "person": 0, "judge": 0}, {str(why): 1})
    assert (result["rows"], result["of"], result["preferences"]) == (1, 2, "dpo")
    shown = refined.export().out
    assert "1 of 2 samples: 1 by the student" in shown
    assert f"1: {why}" in shown
    assert refined.export("kto.jsonl", kind="kto").code == 0


@pytest.mark.parametrize(("made", "why"), NONE)
def test_without_any_pair_nothing_is_written_and_one_line_says_why(
    tmp_path: Path, made: Any, why: NoPair
) -> None:
    refined = Refined(tmp_path, [ALONE], made)
    ended = refined.export()
    assert ended.code == 1
    assert ended.complaint.count("\n") <= 1
    assert "no sample has a pair of responses" in ended.complaint
    assert str(why) in ended.complaint
    assert not (tmp_path / "out.jsonl").exists()


def test_the_least_margin_is_the_student_s(tmp_path: Path) -> None:
    refined = Refined(tmp_path, [ALONE, ALONE], decided(margin=0.05, near_tie=True), responded)
    assert "1 of them" in refined.export().out, "the near ties are told"
    (row,) = refined.rows("--min-margin", "0.1", "--with-trace")
    assert row["burnish"]["preference"]["margin"] == 0.4
    assert len(refined.rows("--min-margin", "0.05")) == 2
    refined.decide(0, Decision.ACCEPTED, better(refined.samples[0]))
    assert len(refined.rows("--min-margin", "0.1")) == 2, "a person's decision has no margin"


def test_a_person_s_decision_comes_before_the_student_s(tmp_path: Path) -> None:
    refined = Refined(tmp_path, [ALONE] * 4, *[responded] * 4)
    sample = refined.samples[0]
    edited = sample.original.model_copy(update={"response": "So it is."})
    refined.decide(0, Decision.ORIGINAL, sample.original)
    refined.decide(1, Decision.EDITED, edited)
    refined.decide(2, Decision.EDITED, Version(instruction="How?", response="Thus."))
    first, second, fourth = refined.rows("--with-trace")
    lost = better(sample).response
    assert (first["chosen"][0]["content"], first["rejected"][0]["content"]) == ("So.", lost)
    assert (second["chosen"][0]["content"], second["rejected"][0]["content"]) == ("So it is.", lost)
    assert [row["burnish"]["preference"]["by"] for row in (first, second, fourth)] == [
        "person",
        "person",
        "student",
    ]
    assert first["burnish"]["preference"]["r_ifd"] == {"chosen": 0.9, "rejected": 0.6}
    assert json.loads(refined.export("out.jsonl", "--json").out)["no_pair"] == {str(NoPair.ALONE): 1}
    assert len(refined.rows("--by", "person")) == 2
    assert f"1: {NoPair.UNDECIDED}" in refined.export("out.jsonl", "--by", "person").out


def test_a_judge_s_wins_in_both_orders_are_pairs(tmp_path: Path) -> None:
    refined = Refined(tmp_path, [ALONE] * 4, *[responded] * 4)
    assert "burnish judge" in refined.export("out.jsonl", "--by", "judge").complaint
    one = refined.samples[0]
    refined.judge(
        (one.original, better(one), 8, 3),
        (one.original, better(one), 5, 6),
        (one.original, better(one), 5, 5),
    )
    first, second = refined.rows("--by", "judge", "--with-trace")
    assert (first["chosen"][0]["content"], first["rejected"][0]["content"]) == ("So.", better(one).response)
    assert first["burnish"]["preference"] == {
        "by": "judge", "margin": 5.0, "near_tie": False, "points": {"chosen": 8.0, "rejected": 3.0},
    }  # fmt: skip
    assert second["chosen"][0]["content"] == better(one).response
    result = json.loads(refined.export("out.jsonl", "--by", "judge", "--json").out)
    assert result["no_pair"] == {str(NoPair.TIE): 1, str(NoPair.UNJUDGED): 1}
    assert len(refined.rows("--by", "judge", "--min-margin", "2")) == 1
    refined.decide(1, Decision.ORIGINAL, one.original)
    assert refined.rows("--by", "judge")[1]["chosen"][0]["content"] == "So."


def test_a_judge_that_was_not_shown_what_was_said_before_decides_only_where_nothing_was(
    tmp_path: Path,
) -> None:
    said = [{"role": "user", "content": "Hello."}, {"role": "assistant", "content": "Hello!"}]
    refined = Refined(tmp_path, [ALONE, {"messages": said + ALONE["messages"]}], responded, responded)
    verdicts = [(one.original, better(one), 3, 8) for one in refined.samples]
    refined.judge(*verdicts, prompts=WITH_HISTORY - 1)
    assert len(refined.rows("--by", "judge")) == 1
    refined.judge(*verdicts)
    assert len(refined.rows("--by", "judge")) == 2


# As each trainer takes them -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", PreferenceKind)
@pytest.mark.parametrize("trainer", Trainer)
def test_every_trainer_s_rows_and_config_keep_to_what_its_source_says(
    tmp_path: Path, trainer: Trainer, kind: PreferenceKind
) -> None:
    refined = Refined(tmp_path, [ALONE, CHAT, REASONED], *[responded] * 3)
    out = "pairs.json" if trainer is Trainer.LLAMAFACTORY else "pairs.jsonl"
    rows = refined.rows("--trainer", trainer, "--with-trace", kind=kind, out=out)
    config = tmp_path / ("dataset_info.json" if trainer is Trainer.LLAMAFACTORY else f"pairs.{trainer}.yaml")
    data = told(trainer, config, tmp_path / out)
    facts = [fact for fact in PAIR_FACTS if fact.trainer is trainer and kind in fact.kinds]
    assert facts
    for fact in facts:
        assert fact.broken(data) == set(), fact
    pairs = 2 if (trainer, kind) == (Trainer.AXOLOTL, PreferenceKind.KTO) else 3
    assert len(rows) == pairs * (2 if kind is PreferenceKind.KTO else 1)
    ended = refined.export(out, "--trainer", trainer, "--replace-entry", kind=kind)
    assert {Trainer.TRL: "trl ", Trainer.AXOLOTL: "merge ", Trainer.LLAMAFACTORY: "--stage"}[trainer] in (
        ended.out.replace("load the dataset", "trl ")
    )


def test_prompt_and_responses_are_byte_exact_with_the_system_message_earlier_turns_and_tools(
    tmp_path: Path,
) -> None:
    refined = Refined(tmp_path, [CHAT], responded)
    (row,) = refined.rows()
    *before, answer = CHAT["messages"]
    assert row["prompt"] == before
    assert row["rejected"] == [answer]
    assert row["chosen"] == [{"role": "assistant", "content": better(refined.samples[0]).response}]
    assert (row["tools"], row["id"]) == (TOOLS, "a7")
    first, second = refined.rows(kind="kto")
    assert (first["prompt"], first["label"], second["label"]) == (before, True, False)
    assert second["completion"] == [answer]
    (pair,) = refined.rows("--trainer", "llamafactory", out="p.json")
    assert [turn["value"] for turn in pair["conversations"]] == [turn["content"] for turn in before]
    assert json.loads(pair["tools"]) == TOOLS


def test_a_pair_of_an_earlier_exchange_ends_with_it(tmp_path: Path) -> None:
    turns = [
        {"role": "system", "content": "Be brief."},
        {"role": "user", "content": "Of France?"},
        {"role": "assistant", "content": "Paris."},
        {"role": "user", "content": "Of Italy?"},
        {"role": "assistant", "content": "Rome."},
    ]
    refined = Refined(tmp_path, [{"messages": turns}], responded, responded, turns=Turns.ALL)
    first, last = refined.rows("--with-trace")
    assert (first["prompt"], first["rejected"]) == (turns[:2], turns[2:3])
    assert first["chosen"] == [{"role": "assistant", "content": better(refined.samples[0]).response}]
    assert (last["prompt"], last["rejected"]) == (turns[:4], turns[4:])
    assert [pair["burnish"]["preference"]["by"] for pair in (first, last)] == ["student"] * 2
    (one, other) = refined.rows("--trainer", "llamafactory", out="p.json")
    assert [turn["value"] for turn in one["conversations"]] == ["Be brief.", "Of France?"]
    assert [turn["value"] for turn in other["conversations"]] == [turn["content"] for turn in turns[:4]]


def test_reasoning_stays_with_the_answer_it_led_to(tmp_path: Path) -> None:
    (row,) = Refined(tmp_path, [REASONED], responded).rows()
    assert row["rejected"] == [REASONED["messages"][1]]
    assert row["chosen"] == [{"role": "assistant", "content": "Better: 4\n\u202e\ud83d"}]


def test_a_row_of_one_exchange_becomes_a_conversation(tmp_path: Path) -> None:
    (row,) = Refined(tmp_path, [FLAT], responded).rows()
    assert row["prompt"] == [{"role": "user", "content": "Add.\n1 2"}]
    assert row["rejected"] == [{"role": "assistant", "content": "3"}]


def test_axolotl_has_no_place_for_earlier_turns_in_a_row_for_kto(tmp_path: Path) -> None:
    refined = Refined(tmp_path, [CHAT, ALONE], responded, responded)
    ended = refined.export("p.jsonl", "--trainer", "axolotl", kind="kto")
    assert "history: 1 left out, row 1 (sample 0): it has earlier turns" in ended.err
    (tmp_path / "b").mkdir()
    alone = Refined(tmp_path / "b", [CHAT], responded)
    ended = alone.export("p.jsonl", "--trainer", "axolotl", kind="kto")
    assert ended.code == 1
    assert "no pair is left" in ended.complaint
    assert not (tmp_path / "b" / "p.jsonl").exists()


def test_an_entry_of_a_ranking_is_known_again_and_replaced(tmp_path: Path) -> None:
    refined = Refined(tmp_path, [ALONE], responded)
    for kind in ("dpo", "kto", "orpo", "dpo"):
        assert refined.export("p.json", "--trainer", "llamafactory", kind=kind).code == 0
    entry = json.loads((tmp_path / "dataset_info.json").read_text())["p"]
    assert entry["ranking"] is True
    assert "kto_tag" not in entry["columns"]


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        (("--preferences", "dpo", "--format", "csv"), "preferences are written as messages"),
        (("--by", "person"), "--by person goes with --preferences"),
        (("--min-margin", "1"), "--min-margin goes with --preferences"),
        (("--preferences", "dpo", "--verdicts", "x.judged"), "--verdicts goes with --by judge"),
        (("--preferences", "dpo", "--min-margin", "-1"), "--min-margin"),
        (("--preferences", "rlhf"), "--preferences"),
    ],
)
def test_options_that_make_no_sense_are_refused(
    tmp_path: Path, options: tuple[str, ...], expected: str
) -> None:
    refined = Refined(tmp_path, [ALONE], responded)
    ended = burnish("export", refined.path, tmp_path / "out.jsonl", *options)
    assert ended.code == 2
    assert expected in ended.err
    assert not (tmp_path / "out.jsonl").exists()
