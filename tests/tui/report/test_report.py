"""`burnish report`: one file that needs nothing, runs nothing, and says what the workspace holds."""

from __future__ import annotations

import base64
import hashlib
import json
import os
import re
import shutil
import socket
import stat
import subprocess
import threading
from dataclasses import replace
from html import unescape
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pytest

from engine.judge.prompt import Judged, StudentChoice
from engine.judge.record import Record
from engine.method.token_gain import TokenGains, half
from engine.report.gather import gather
from engine.run.opening import open_workspace
from engine.sample import Decision, Failure, Review, Stage, Verdict
from engine.store.workspace import Workspace
from models.student import Losses
from models.teacher import Fault
from tests import hostile
from tests.command import burnish
from tests.factory import judging, opinion, outcome, pair, recipe, scores, teacher_info
from tests.running import SHORT, dataset
from tests.scene import KINDS, outcome_of_kind, scene, started
from tui.report.html import page
from tui.text.literal import literal

TAGS = {
    *(
        "html",
        "head",
        "meta",
        "title",
        "style",
        "body",
        "header",
        "main",
        "footer",
        "section",
        "nav",
        "ul",
        "li",
        "a",
    ),
    *(
        "h1",
        "h2",
        "h3",
        "h4",
        "p",
        "span",
        "code",
        "pre",
        "dl",
        "dt",
        "dd",
        "div",
        "details",
        "summary",
        "del",
        "ins",
    ),
    *(
        "table",
        "caption",
        "thead",
        "tbody",
        "tr",
        "th",
        "td",
        "figure",
        "figcaption",
        "svg",
        "text",
        "rect",
        "path",
    ),
    "line",
}
EMPTY = {"meta"}
BLOCKS = {"td", "th", "li", "p", "dt", "dd", "caption", "figcaption", "div", "text", "h1", "h2", "h3", "h4"}
ATTRIBUTES = {
    *(
        "lang",
        "charset",
        "http-equiv",
        "content",
        "name",
        "class",
        "id",
        "href",
        "open",
        "scope",
        "title",
        "role",
    ),
    *("aria-label", "aria-labelledby", "viewbox", "x", "y", "x1", "x2", "y1", "y2", "d", "width", "height"),
    "text-anchor",
}
FAILURE = Failure(fault=Fault.EMPTY, message="the reply is empty")
MARK = "HOSTILE"
ELSEWHERE = "hostile.invalid"
CORPUS = [text for text in hostile.CORPUS.values() if text]
TRAPS = [
    f"<script>document.title = '{MARK}'; fetch('http://{ELSEWHERE}/fetch')</script>",
    f"</p></details></section></main></style></title><h1>{MARK}</h1><script>alert(1)</script>",
    f"\"'><img src=http://{ELSEWHERE}/image onerror=\"document.title='{MARK}'\">",
    f"<svg onload=alert('{MARK}')><iframe src='data:text/html,<script>alert(1)</script>'></iframe>",
    f"<a href=\"javascript:document.title='{MARK}'\">{MARK}</a> data:text/html;base64,PHNjcmlwdD4=",
    f"<link rel=stylesheet href=//{ELSEWHERE}/style><style>@import 'http://{ELSEWHERE}/import'; body {{}}</style>",
    f"<meta http-equiv=refresh content='0;url=http://{ELSEWHERE}/refresh'><base href=//{ELSEWHERE}/>{MARK}",
    f"{{{{ 7 * 7 }}}} {{% raw %}} {{# {MARK} #}} ${{7 * 7}} &lt;script&gt; &amp; <!-- --> ]]> <![CDATA[ <?php",
    *(f"{MARK} {one[:1500]} {other[:1500]}" for one, other in zip(CORPUS[::2], CORPUS[1::2], strict=True)),
]


REWRITTEN = [kind for kind in KINDS if kind not in ("kept", "waiting")]


class Page(HTMLParser):
    """What a browser would make of a file, as far as Python's parser tells."""

    def __init__(self, text: str) -> None:
        super().__init__(convert_charrefs=True)
        self.tags: set[str] = set()
        self.attributes: list[tuple[str, str, str]] = []
        self.texts: list[str] = []
        self.odd: list[str] = []  # comments, declarations, and end tags of what is not open
        self._open: list[str] = []
        self.feed(text)
        self.close()
        assert self._open == []
        self.text = "".join(self.texts)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        self.attributes += [(tag, name, value or "") for name, value in attrs]
        if tag not in EMPTY:
            self._open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.handle_starttag(tag, attrs)
        self._open.pop()

    def handle_endtag(self, tag: str) -> None:
        if not self._open or self._open.pop() != tag:
            self.odd.append(tag)
        if tag in BLOCKS:
            self.texts.append(" ")

    def handle_data(self, data: str) -> None:
        if not self._open or self._open[-1] != "style":
            self.texts.append(data)

    def handle_comment(self, data: str) -> None:
        self.odd.append(data)

    def unknown_decl(self, data: str) -> None:
        self.odd.append(data)


def written(workspace: Path, *options: object) -> str:
    out = workspace.with_name("report.html")
    ended = burnish("report", workspace, "-o", out, *options)
    assert (ended.code, ended.out) == (0, ""), ended.err
    return out.read_text("utf-8")


def one_line(text: str) -> str:
    return " ".join(text.split())


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return scene(tmp_path_factory.mktemp("scene"))


@pytest.fixture(scope="module")
def trapped(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A workspace in which every text that may be shown is a trap, the models' names, replies and path included."""
    folder = tmp_path_factory.mktemp("trapped") / f"{MARK}<b>\u202e'&quot;"
    folder.mkdir()
    path = folder / "trap<i>.burnish"
    rows = [{"instruction": trap, "input": trap, "output": trap} for trap in TRAPS]
    with open_workspace(path, dataset(folder / "trap.json", rows), None, None) as opened:
        run = started(opened, TRAPS[0])
        for sample in list(opened.samples()):
            trap = TRAPS[sample.index]
            found = outcome_of_kind(sample, REWRITTEN[sample.index % len(REWRITTEN)])
            assert found is not None
            failure = Failure(fault=Fault.UNPARSABLE, message=trap)
            choices = tuple(
                choice.model_copy(
                    update={"critique": {trap: trap}, "failure": failure if choice.failure else None}
                )
                for choice in found.choices
            )
            opened.keep_outcome(run, found.model_copy(update={"choices": choices}))
    judge(path, TRAPS[0])
    return path


def judge(path: Path, name: str) -> Path:
    """What a judge said about a workspace: three wins for the refined, a tie, and a pair without a verdict."""
    about = judging(name, sources=(str(path.absolute()),), run=1, refined_only=False, pairs=5, same=3)
    choice = StudentChoice(stage=Stage.RESPONSE, verdict=Verdict.REPLACED, margin=0.1)
    with Record.at(path.with_suffix(".judged")) as record:
        comparison = record.begin(about)
        for number in range(5):
            versions = pair("short", "as short", number, choice, instruction="x")
            first, second = (4, 7) if number < 3 else (5, 5)
            forward, swapped = opinion(first, second), opinion(second, first)
            judged = Judged(pair=versions, forward=forward, swapped=swapped)
            if number == 4:
                judged = Judged(pair=versions, forward=None, swapped=None, failure=FAILURE)
            record.keep(comparison, number, judged)
    return record.path


# What it says


def test_the_page_says_what_the_workspace_holds(made: Path) -> None:
    text = one_line(Page(written(made)).text)
    with Workspace.read(made) as opened:
        source, run = opened.source(), opened.latest_run()
    assert run.record.student is not None
    for said in (
        source.path, source.sha256, teacher_info().digest, "qwen3:8b, Q4_K_M", run.record.student.digest,
        "21 of 24 samples are done, and of 18 of them a rewrite leaves", "The median IFD went from 0.655 to 0.708",
        "18 replaced", "3 kept", "12 replaced", "6 kept", "3 failed", "top 20 samples with an IFD below 1",
        "Decided by a person: accepted 1, edited 1, original 1", "10 response replaced +0.0040",
        "3 response unparsable expected the headings Critique", "18 samples before and after",
        "Complexity of the Topic: too short.", f"burnish run {source.path} -w {made} --teacher qwen3:8b --student demo",
        "It was not looked through: burnish stats", "The token heat maps are left out", "run.template vicuna",
    ):  # fmt: skip
        assert said in text, said


def test_the_terminal_says_the_same(made: Path) -> None:
    ended = burnish("report", made, environment={"COLUMNS": "160"})
    assert (ended.code, ended.err) == (0, "")
    text = one_line(ended.out)
    for said in (
        "The median IFD went from 0.655 to 0.708", teacher_info().digest,
        "response stage 12 replaced, 6 kept, 3 failed",
        "top 20 samples with an IFD below 1", "IFD: how little the instruction helps", "median 36 before",
        "unparsable: expected the headings Critique", "18 samples before and after", "Each of these is supported",
        "burnish export",
    ):  # fmt: skip
        assert said in text, said


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
    told = one_line(burnish("report", path, "--record", elsewhere).out)
    for text in (html, told):
        assert "judged by gemma3:4b" in text
        assert "other language 1" in text
    assert "3 wins, 1 ties, 0 losses: score 1.750, 95 % interval" in html
    assert "all 4 3 1 0 1.750" in told


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
    assert unescape("".join(said for _, _, said in spans)) == text
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
    assert "median 0.600, 3 samples" in text
    assert burnish("report", path).code == 0


def test_a_long_text_is_cut_and_says_so(tmp_path: Path) -> None:
    row = {"instruction": "Say it.", "input": "", "output": "word " * 5000}
    html = written(scene(tmp_path, [row], ["replaced"], reviewed=False))
    assert "… and 19,000 more characters" in html
    assert len(html) < 100_000


# What it does not do


def test_a_page_holds_no_tag_and_no_attribute_that_came_from_data(trapped: Path) -> None:
    html = written(trapped)
    found = Page(html)
    assert found.tags <= TAGS
    assert {name for _, name, _ in found.attributes} <= ATTRIBUTES
    assert found.odd == []
    for tag, name, value in found.attributes:
        assert MARK not in value
        assert name != "href" or (tag == "a" and value.startswith("#"))
    style = html.split("</style>")[0].split("<style>")[1]
    assert not re.search(r"url\(|@import|https?:|//", style)
    assert "{{ 7 * 7 }}" in one_line(found.text)


def test_every_trap_is_shown_as_the_text_it_is(trapped: Path) -> None:
    shown = one_line(Page(written(trapped)).text)
    report = gather(trapped, None, None)
    assert len(report.pairs) >= 15
    for reported in report.pairs:
        for text in (reported.sample.original.response, *reported.outcome.choices[0].critique):
            assert one_line(literal(text)) in shown


def test_no_character_acts_on_the_page_or_on_the_terminal(trapped: Path) -> None:
    html = written(trapped)
    assert not hostile.acting(html.replace("\t", " ").split("\n"))
    for ended in (
        burnish("report", trapped),
        burnish("report", trapped, "-o", trapped.with_name("again.html")),
    ):
        assert ended.code == 0
        assert not hostile.acting((ended.out + ended.err).split("\n"))


def test_the_policy_allows_the_page_s_own_style_and_nothing_else(made: Path) -> None:
    html = written(made)
    (policy,) = (
        value for tag, name, value in Page(html).attributes if name == "content" and "default-src" in value
    )
    style = html.split("<style>")[1].split("</style>")[0]
    digest = base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()
    assert policy == f"default-src 'none'; style-src 'sha256-{digest}'; base-uri 'none'; form-action 'none'"
    assert html.index("Content-Security-Policy") < html.index("<style>")
    assert "style=" not in html.replace(style, "")


def test_ids_are_there_once_and_what_is_named_by_them_is_there(made: Path) -> None:
    found = Page(written(made))
    ids = [value for _, name, value in found.attributes if name == "id"]
    assert len(ids) == len(set(ids))
    for _, name, value in found.attributes:
        if name == "aria-labelledby" or (name == "href" and value.startswith("#")):
            assert value.removeprefix("#") in ids


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
    assert "cannot be opened" in burnish("report", scene(tmp_path), "--record", tmp_path / "none").complaint


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
    command = gather(path, None, None).again[1]
    assert command.startswith("BURNISH_TEACHER__TEMPERATURE=0.7 burnish run ")
    assert command.endswith("--teacher qwen3:8b --student demo --teacher-parallel 4 --exact --candidates 3")
    assert "'\"'\"'" in command, "the path is quoted"


# In a browser

CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)


class Listener:
    """A proxy that lets nothing through, and remembers what was asked of it."""

    def __init__(self) -> None:
        self.asked: list[bytes] = []
        self._socket = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._socket.getsockname()[1]
        threading.Thread(target=self._listen, daemon=True).start()

    def _listen(self) -> None:
        while True:
            try:
                connection, _ = self._socket.accept()
            except OSError:
                return
            with connection:
                connection.settimeout(1)
                try:
                    self.asked.append(connection.recv(4096))
                    connection.sendall(b"HTTP/1.1 502 no\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")
                except OSError:
                    pass

    def close(self) -> None:
        self._socket.close()


@pytest.mark.skipif(CHROMIUM is None, reason="Chromium is not installed here")
def test_in_a_browser_nothing_runs_and_nothing_is_asked_for(trapped: Path, tmp_path: Path) -> None:
    out = tmp_path / "report.html"
    out.write_text(page(gather(trapped, None, None)), "utf-8")
    picture, listener = tmp_path / "picture.png", Listener()

    def browsed(*options: str) -> str:
        command = [
            *(
                str(CHROMIUM),
                "--headless",
                "--no-sandbox",
                "--disable-gpu",
                "--disable-dev-shm-usage",
                "--no-first-run",
            ),
            *("--disable-sync", "--disable-background-networking", "--disable-component-update"),
            *(f"--user-data-dir={tmp_path / 'profile'}", f"--proxy-server=127.0.0.1:{listener.port}"),
            *("--proxy-bypass-list=<-loopback>", "--virtual-time-budget=3000", *options, out.as_uri()),
        ]
        environment = {**os.environ, "HOME": str(tmp_path)}
        return subprocess.run(
            command, stdout=subprocess.PIPE, check=True, timeout=120, env=environment
        ).stdout.decode()

    try:
        dom = Page(browsed("--dump-dom"))
        browsed("--window-size=1000,3000", f"--screenshot={picture}")
    finally:
        listener.close()
    assert not [asked for asked in listener.asked if ELSEWHERE.encode() in asked]
    assert dom.tags <= TAGS
    assert {name for _, name, _ in dom.attributes} <= ATTRIBUTES
    assert one_line(dom.text) == one_line(Page(out.read_text("utf-8")).text)
    assert picture.read_bytes().startswith(b"\x89PNG")
