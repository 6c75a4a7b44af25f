"""`burnish report`: what it says of a workspace, on a page and in a terminal, and the file it writes."""

from __future__ import annotations

import json
import re
import shutil
import stat
from dataclasses import replace
from html import unescape
from pathlib import Path

import numpy as np

from engine.formats.fields import Columns
from engine.method.token_gain import TokenGains, half
from engine.report.gather import gather
from engine.run.opening import open_workspace
from engine.sample import Decision, Review
from engine.store.workspace import Workspace
from models.student import Losses
from tests.command import burnish
from tests.factory import outcome, recipe, scores, teacher_info
from tests.running import SHORT, dataset
from tests.scene import scene, started
from tests.tui.report.page_reader import Page, one_line, written
from tests.tui.report.traps import judge
from tui.report.html import page

# What it says


def test_the_page_says_what_the_workspace_holds(made: Path) -> None:
    text = one_line(Page(written(made)).text)
    with Workspace.read(made) as opened:
        source, run = opened.source(), opened.latest_run()
    assert run.record.student is not None
    for words in (
        source.path, source.sha256, teacher_info().digest, "qwen3:8b, Q4_K_M", run.record.student.digest,
        "21 of 24 samples are done, and of 18 of them a rewrite leaves", "The median IFD went from 0.655 to 0.708",
        "18 replaced", "3 kept", "12 replaced", "6 kept", "3 failed", "top 20 samples with an IFD below 1",
        "Decided by a person: accepted 1, edited 1, original 1", "10 response replaced +0.0040",
        "3 response unparsable expected the headings Critique", "18 samples before and after",
        "Complexity of the Topic: too short.", f"burnish run {source.path} -w {made} --teacher qwen3:8b --student demo",
        "It was not looked through: burnish stats", "The token heat maps are left out", "run.template vicuna",
        "notes 1 sample has one tags #tone 2, #bad-fact 1", "5 #bad-fact #tone Ask Ines. Twice. ",
    ):  # fmt: skip
        assert words in text, words


def test_the_terminal_says_the_same(made: Path) -> None:
    ended = burnish("report", made, environment={"COLUMNS": "160"})
    assert (ended.code, ended.err) == (0, "")
    text = one_line(ended.out)
    for words in (
        "The median IFD went from 0.655 to 0.708", teacher_info().digest,
        "response stage 12 replaced, 6 kept, 3 failed",
        "top 20 samples with an IFD below 1", "IFD: how little the instruction helps", "median 36 before",
        "unparsable: expected the headings Critique", "18 samples before and after", "Each of these is supported",
        "burnish export", "tags #tone 2, #bad-fact 1", "5 #bad-fact #tone Ask Ines.", "6 #tone",
    ):  # fmt: skip
        assert words in text, words


def test_what_changed_is_marked_word_by_word(made: Path) -> None:
    html = written(made)
    assert "<ins> Give a reason for each, and name your source.</ins>" in html
    assert "45 kilometers is 45000 meters.<ins>" in html
    assert "<del>A bakery won a prize</del>." in html


def test_what_stats_and_a_judge_found_is_in_it(tmp_path: Path) -> None:
    path = scene(tmp_path)
    assert burnish("stats", path).code == 0
    elsewhere = judge(path, "gemma3:4b").rename(tmp_path / "other.judged")
    assert "Judged" not in Page(written(path)).text
    html = one_line(Page(written(path, "--record", elsewhere)).text)
    terminal = one_line(burnish("report", path, "--record", elsewhere).out)
    for text in (html, terminal):
        assert "judged by gemma3:4b" in text
        assert "other language 1" in text
    assert "3 wins, 1 ties, 0 losses: score 1.750." in html
    assert "none below 10 decided pairs; 3 of 4 are" in html
    assert "all 4 3 1 0 1.750" in terminal


def test_heat_maps_are_drawn_from_the_losses_of_both_sides(made: Path) -> None:
    report = gather(made, None, None)
    text = "An <b>apple</b> is réd."
    sizes = np.array([2, 4, 5, 4, 3, 3, 3], np.uint16)
    alone = Losses(np.array([5, 5, 5, 5, 5, 5], np.float32), sizes, 7, 100)
    given = Losses(np.array([5, 1, 6, 4.99, 0, 5], np.float32), sizes, 7, 100)
    heat = TokenGains(half(text, alone, given), half(text, alone, given))
    pairs = (replace(report.pairs[0], heat=(heat, heat)), *report.pairs[1:])
    html = page(replace(report, pairs=pairs, heated=True))
    assert html.count('class="heat"') == 2
    spans = re.findall(
        r'<span(?: class="([hm]\d)")? title="([^"]*)">([^<]*)</span>', html.split('class="heat"')[1]
    )
    assert [name for name, _, _ in spans] == ["", "", "h8", "m2", "", "h8", ""]
    assert [gain for _, gain, _ in spans][:4] == ["not scored", "+0.00 nat", "+4.00 nat", "-1.00 nat"]
    assert unescape("".join(words for _, _, words in spans)) == text
    assert Page(html).odd == []


def test_the_student_must_be_the_run_s(made: Path) -> None:
    assert "not the student of this run, which was demo" in burnish("report", made, "--student", "demo").err


def test_the_run_s_student_draws_the_heat_maps_from_the_losses_that_were_kept(tmp_path: Path) -> None:
    data, path = dataset(tmp_path / "data.json", SHORT[:1]), tmp_path / "w.burnish"
    assert burnish("score", data, "-w", path, "--student", "demo").code == 0
    with Workspace.open(path) as opened:
        edited = opened.sample(0).original.model_copy(update={"response": "An apple is red, I think."})
        opened.reviews.keep(Review(index=0, decision=Decision.EDITED, version=edited))
        ((before,),) = opened.database.execute("SELECT count(*) FROM losses")
    html = written(path, "--student", "demo")
    assert html.count('class="heat"') == 2
    assert re.search(r'<span( class="[hm]\d")? title="[+-]\d+\.\d\d nat">', html)
    with Workspace.read(path) as opened:
        ((after,),) = opened.database.execute("SELECT count(*) FROM losses")
    assert after == before + 3, "the edit's own: its response alone and given, and the instruction given it"


def test_scores_alone_make_a_report_too(tmp_path: Path) -> None:
    path = tmp_path / "w.burnish"
    rows = [{"instruction": "Say A.", "input": "", "output": "A is said here."}] * 3
    with open_workspace(path, dataset(tmp_path / "d.json", rows), None, None) as opened:
        run = started(opened)
        run = opened.run(recipe(method="score"), run.record.model_copy(update={"teacher": None}))
        for sample in list(opened.samples()):
            score = scores(0.5 + 0.1 * sample.index, 0.7)
            opened.keep_outcome(run, outcome(sample.index, final=sample.original, before=score, after=score))
    text = one_line(Page(written(path)).text)
    assert "they were scored as they are, and nothing was rewritten" in text
    assert "Near ties" not in text
    assert "no median below 10 samples; 3 samples" in text
    assert burnish("report", path).code == 0


def test_a_long_text_is_cut_and_says_so(tmp_path: Path) -> None:
    row = {"instruction": "Say it.", "input": "", "output": "word " * 5000}
    html = written(scene(tmp_path, [row], ["replaced"], reviewed=False))
    assert "… and 19,000 more characters" in html
    assert len(html) < 100_000


# The file


def test_the_file_is_its_owner_s_alone_and_appears_whole(made: Path, tmp_path: Path) -> None:
    out = tmp_path / "r.html"
    out.write_text("an older one")
    assert burnish("report", made, "-o", out).code == 0
    assert stat.S_IMODE(out.stat().st_mode) == 0o600
    assert out.read_text("utf-8").endswith("</html>\n")
    assert [path.name for path in tmp_path.iterdir()] == ["r.html"]


def test_the_workspace_and_the_dataset_are_never_written_over(tmp_path: Path) -> None:
    path = scene(tmp_path)
    before = path.read_bytes(), (tmp_path / "scene.json").read_bytes()
    for out in (path, tmp_path / "scene.json"):
        assert "does not write over its own source" in burnish("report", path, "-o", out).complaint
    assert (path.read_bytes(), (tmp_path / "scene.json").read_bytes()) == before


def test_a_workspace_without_a_run_and_a_file_that_is_none_are_refused(tmp_path: Path) -> None:
    open_workspace(
        tmp_path / "w.burnish",
        dataset(tmp_path / "d.json", [{"instruction": "a", "output": "b"}]),
        None,
        None,
    ).close()
    assert "nothing was refined or scored here yet" in burnish("report", tmp_path / "w.burnish").complaint
    assert "not a burnish workspace" in burnish("report", tmp_path / "d.json").complaint
    without = burnish("report", scene(tmp_path), "--record", tmp_path / "none")
    assert "no such file; `burnish judge` makes one" in without.complaint


def test_the_command_lines_tell_what_was_set_and_no_more(tmp_path: Path) -> None:
    path = tmp_path / "it's.burnish"
    shutil.copy(scene(tmp_path), path)
    with Workspace.open(path) as opened:
        run = opened.latest_run()
        settings = json.loads(json.dumps(run.record.settings))
        settings["teacher"] |= {"parallel": 4, "temperature": 0.7}
        settings["student"] |= {"exact": True}
        settings["run"] |= {"candidates": 3}
        opened.run(run.recipe, run.record.model_copy(update={"settings": settings}))
    command = gather(path, None, None).commands[1]
    assert command.startswith("BURNISH_TEACHER__TEMPERATURE=0.7 burnish run ")
    assert command.endswith("--teacher qwen3:8b --student demo --teacher-parallel 4 --exact --candidates 3")
    assert "'\"'\"'" in command, "the path is quoted"


def test_the_command_lines_tell_how_the_dataset_is_read(tmp_path: Path) -> None:
    path = tmp_path / "w.burnish"
    shutil.copy(scene(tmp_path), path)
    with Workspace.open(path) as opened, opened.database.transaction() as db:
        source = opened.source().model_copy(
            update={"columns": Columns(instruction="die Frage", response="antwort"), "encoding": "cp1252"}
        )
        db.execute("UPDATE source SET body = ?", (source.model_dump_json(),))
    command = gather(path, None, None).commands[1]
    assert " --encoding cp1252 --columns 'instruction=die Frage,response=antwort' --teacher " in command
