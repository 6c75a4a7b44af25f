"""Texts that would act on a page that took them for its own, and a judging under any name."""

from __future__ import annotations

from pathlib import Path

from engine.judge.prompt import Judged, StudentChoice
from engine.judge.record import Record
from engine.sample import Failure, Stage, Verdict
from models.teacher import Fault
from tests import hostile
from tests.factory import judging, opinion, pair

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


def judge(path: Path, name: str) -> Path:
    """A judging beside a workspace: three wins for the refined, a tie, and a pair without a verdict."""
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
