"""The Compare screen: a judge at work, what it comes to, the pairs, and both orders of one of them."""

from __future__ import annotations

import asyncio
import json
import threading
from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path
from typing import Any

import pytest

from engine.judge.prompt import Result
from engine.judge.record import Record, judged_path
from engine.judge.results import Counts
from engine.run.settings import Settings, load_settings
from engine.sample import Verdict
from tests import hostile, judges
from tests.hostile import acting, painted
from tests.ollama.script import Chat, Refusal, Scripted, Tap
from tests.ollama.server import FakeOllama
from tests.running import SHORT, TEACHER, workspace
from tests.scene import judged, scene
from tests.tui.seat import Seat, seated
from tui.keys.actions import of_scope
from tui.messages import StartRun
from tui.screens.compare.pair_screen import PairScreen
from tui.screens.compare.screen import CompareScreen
from tui.screens.review.screen import ReviewScreen
from tui.state.verdicts import PairFilter
from tui.widgets.prose import Prose
from tui.widgets.score_bar import blocks, said_score

SIZES = ((80, 24), (120, 40), (200, 60))
KINDS = ("replaced", "kept", "near tie", "waiting")


pytestmark = pytest.mark.usefixtures("nothing_of_the_user_s")


def given(server: FakeOllama, name: str | None = TEACHER) -> Settings:
    return load_settings({"judge": {"name": name, "host": server.url, "patience": 20.0}})


class Judging(Seat):
    @property
    def screen(self) -> CompareScreen:
        assert isinstance(self.app.screen, CompareScreen)
        return self.app.screen

    async def judged(self, *keys: str) -> None:
        """Ask the judge that the settings name, and wait until it has ended."""
        comparing = self.workbench.judge_job
        before = comparing.ending
        await self.press("s", *keys, "enter")
        await self.until(lambda: comparing.ending is not None and comparing.ending is not before)
        await self.until(lambda: not comparing.running)
        self.app.clear_notifications()
        await self.pilot.pause(0.1)

    def usable(self) -> set[str]:
        """The screen's actions that can be done now, but for moving about."""
        moving = {"down", "up", "page_down", "page_up", "top", "bottom", "leave"}
        scope = [action.name for action in of_scope("compare") if action.name not in moving]
        return {name for name in scope if self.screen.check_action(name, ())}

    def rows(self) -> list[tuple[int, Result]]:
        return [(line.row, line.result) for line in self.screen.pairs.lines]


def watched(
    path: Path,
    settings: Settings,
    work: Callable[[Judging], Awaitable[None]],
    size: tuple[int, int] = (120, 40),
) -> None:
    async def main() -> None:
        async with seated(Judging, path, settings, size) as there:
            await there.until(lambda: there.workbench.is_open)
            there.app.action_go_compare()
            await there.until(lambda: isinstance(there.app.screen, CompareScreen))
            await work(there)

    asyncio.run(main())


def small(folder: Path, kinds: Sequence[str] = KINDS, **options: Any) -> Path:
    return scene(folder, ROWS, kinds, reviewed=False, **options)


ROWS = [
    {"instruction": f"Name {n} trees.", "input": "", "output": "Oak, ash and elm. " * n} for n in range(1, 9)
]


# What there is to compare


def test_where_nothing_was_run_it_says_so_and_offers_no_judge(tmp_path: Path) -> None:
    with workspace(tmp_path / "w.burnish", SHORT):
        pass

    async def work(there: Judging) -> None:
        await there.says("Nothing was refined here")
        assert there.usable() == set()
        await there.press("s", "space", "c", "enter", "r", "f", "t", "v", "j", "G", "escape")
        assert isinstance(there.app.screen, CompareScreen)

    with FakeOllama(judges.longer) as server:
        watched(tmp_path / "w.burnish", given(server), work)
        assert server.chats == []


def test_a_judge_is_chosen_and_what_it_says_is_shown_kept_and_not_asked_again(tmp_path: Path) -> None:
    path = small(tmp_path)

    async def first(there: Judging) -> None:
        await there.says("Nothing was judged here yet")
        assert there.usable() == {"begin"}
        await there.press("s")
        await there.says("Have a judge compare both sides", "qwen0.5b")
        await there.press("enter")
        await there.says("name the judge")
        await there.press(*TEACHER, "enter")
        await there.until(lambda: "judged:" in there.toasts)
        # Longer is better to this judge: what was taken wins, and what was turned down would have.
        await there.says(f"judged by {TEACHER}", "wins 4 100%", "score 2.000", "refined is better")
        await there.says("the longer answer won 4 of 4 decided pairs", "By length", "Student by r-IFD")
        assert there.usable() == {"begin", "open", "review", "only", "jump"}

    async def again(there: Judging) -> None:
        await there.says(f"judged by {TEACHER}", "score 2.000")
        await there.judged()
        assert there.workbench.judge_job.tally.replies == 0

    with FakeOllama(judges.longer) as server:
        watched(path, given(server, None), first)
        asked = len(server.chats)
        watched(path, given(server), again)
        assert len(server.chats) == asked > 0


def test_a_judge_that_goes_by_the_place_ties_everything_and_it_shows(tmp_path: Path) -> None:
    async def work(there: Judging) -> None:
        await there.judged()
        await there.says("ties 4 100%", "score 1.000", "no clear difference")
        await there.says("the order changed 4 of 4 verdicts (100%)")
        await there.press("enter")
        await there.says("the order changed the verdict, toward the first place")
        # Distribution has it in short.
        await there.press("4")
        await there.says(f"by {TEACHER}, 4 pairs", "score 1.000, 95 % 1.00 to 1.00: no clear difference")

    with FakeOllama(judges.first_place) as server:
        watched(small(tmp_path), given(server), work)


def test_only_the_refined_side_and_only_the_first_samples_are_judged_on_request(tmp_path: Path) -> None:
    async def work(there: Judging) -> None:
        await there.judged("tab", "tab", "right", "tab", "2")
        assert there.rows() == [(0, Result.WIN), (2, Result.WIN)]
        assert (there.workbench.judge_job.refined_only, there.workbench.judge_job.limit) == (True, 2)
        assert there.workbench.judge_job.command(Path("w")) == [
            *("burnish", "judge", "w", "--judge", TEACHER, "--refined-only", "--limit", "2"),
        ]
        # The same question with the student's choices is another judging, and both are kept.
        await there.judged("tab", "tab", "right", "tab", "backspace")
        await there.says("1 of 2 judgings")
        assert len(there.rows()) > 2
        await there.press("v")
        await there.says("2 of 2 judgings")
        assert len(there.rows()) == 2

    with FakeOllama(judges.longer) as server:
        watched(small(tmp_path), given(server), work)


# A judge at work


def test_it_is_held_stopped_and_taken_up_again_and_no_run_begins_meanwhile(tmp_path: Path) -> None:
    tap = Tap(3, judges.longer)

    async def work(there: Judging) -> None:
        comparing = there.workbench.judge_job
        await there.press("s", "enter")
        await there.until(lambda: comparing.tally.replies == 3)
        await there.says("● judging", TEACHER, "/min")
        await there.until(lambda: there.usable() >= {"hold", "cancel"})
        assert "begin" not in there.usable()
        there.screen.post_message(StartRun())
        await there.until(lambda: "a judge is at work" in there.toasts)
        assert not there.workbench.run_job.running
        await there.press("space")
        await there.says("‖ held", "space lets it go on", "held 1/")
        tap.opened.set()
        await there.until(lambda: comparing.tally.replies == 4)
        asked = len(server.chats)
        await there.pilot.pause(0.3)
        assert len(server.chats) == asked, "held, nothing is asked"
        await there.press("c")
        await there.until(lambda: not comparing.running)
        await there.says("s goes on")
        with Record.read(judged_path(path)) as record:
            (one,) = record.comparisons()
            assert len(list(record.judged(one))) == 2
        await there.press("s", "enter")
        await there.until(lambda: comparing.ending is not None and comparing.ending.result)
        assert comparing.tally.skipped == 2
        asked_for = [json.dumps(chat.body) for chat in server.chats]
        assert len(asked_for) == len(set(asked_for)), "nothing is asked twice"

    path = small(tmp_path)
    with FakeOllama(tap) as server:
        watched(path, given(server), work)


def test_leaving_the_app_ends_the_judge_and_keeps_what_it_said(tmp_path: Path) -> None:
    path, tap = small(tmp_path), Tap(2, judges.longer)

    async def work(there: Judging) -> None:
        await there.press("s", "enter")
        await there.until(lambda: there.workbench.judge_job.tally.done == 1)
        there.app.leave()
        assert there.app.unjudged == ["burnish", "judge", str(path), "--judge", TEACHER]

    with FakeOllama(tap) as server:
        watched(path, given(server), work)
        tap.opened.set()
    with Record.at(judged_path(path)) as record:  # nobody holds it any more
        (one,) = record.comparisons()
        assert [number for number, _ in record.judged(one)] == [0]


def test_a_judge_that_is_not_there_is_one_line_and_a_busy_server_is_waited_for(tmp_path: Path) -> None:
    free = threading.Event()

    def busy(chat: Chat) -> Scripted:
        return judges.longer(chat) if free.is_set() else Refusal(503, "server busy, please try again.")

    async def work(there: Judging) -> None:
        await there.judged()
        await there.says("✗", "no-such-judge")
        assert "begin" in there.usable()
        there.workbench.judge_job.settings = given(server).judge
        await there.press("s", "enter")
        await there.says("waiting: ", "goes on by itself", "waiting for Ollama", "◌ waiting")
        assert "no-such-judge" not in there.text
        free.set()
        await there.says("score 2.000")

    with FakeOllama(busy) as server:
        watched(small(tmp_path), given(server, "no-such-judge"), work)


def test_a_record_that_is_none_is_said_and_breaks_nothing(tmp_path: Path) -> None:
    path = small(tmp_path)
    judged_path(path).write_text("not a record", "utf-8")

    async def work(there: Judging) -> None:
        await there.says("not a burnish record")
        await there.press("4")
        await there.says("keeps at most")

    with FakeOllama(judges.longer) as server:
        watched(path, given(server), work)
    assert judged_path(path).read_text("utf-8") == "not a record"


# The pairs, of verdicts that are there


def test_the_list_is_gone_through_filtered_and_jumped_in_and_leads_to_both_orders_and_to_review(
    tmp_path: Path,
) -> None:
    async def work(there: Judging) -> None:
        await there.says("judged by gemma3:12b", "16 of 16 pairs", "no verdict", "unparsable 2")
        assert there.usable() == {"begin", "open", "review", "only", "jump"}
        pairs = there.screen.pairs
        last = len(pairs.lines) - 1
        for keys, at in (("j down", 2), ("k up", 0), ("G", last), ("g", 0), ("end", last), ("home", 0)):
            await there.press(*keys.split())
            assert pairs.cursor == at, keys
        await there.press("pagedown")
        assert pairs.cursor == min(pairs.page, last)
        await there.press("pageup")
        assert pairs.cursor == 0
        await there.press("colon", "6", "enter")
        assert pairs.current is not None
        assert pairs.current.row == 6
        await there.press("colon", "7", "7", "enter")
        assert "sample 77 has no pair" in there.toasts
        await there.press("colon", "escape", "escape")
        seen = []
        for _ in PairFilter:
            await there.press("f")
            seen.append((there.screen._filter, {line.result for line in pairs.lines}))
            if there.screen._filter is PairFilter.DISAGREEMENTS:
                assert all(line.disagrees for line in pairs.lines)
                # Took what is worse, or kept what was there where the rewrite is better.
                assert {(line.result, line.choice.verdict) for line in pairs.lines if line.choice} == {
                    (Result.WIN, Verdict.KEPT),
                    (Result.LOSE, Verdict.REPLACED),
                }
        assert seen == [
            (PairFilter.DISAGREEMENTS, {Result.WIN, Result.LOSE}),
            (PairFilter.WINS, {Result.WIN}),
            (PairFilter.TIES, {Result.TIE}),
            (PairFilter.LOSSES, {Result.LOSE}),
            (PairFilter.INVALID, {Result.INVALID}),
            (PairFilter.ALL, set(Result)),
        ]
        await there.press("f", "g", "enter")
        await there.says("pair 1 of", "Before shown first", "Rewrite shown first", "≠ the judge disagrees")
        screen = there.app.screen
        assert isinstance(screen, PairScreen)
        told = [screen.query_one(f"#{order} Prose", Prose).text for order in ("forward", "swapped")]
        number = pairs.lines[0].pair
        assert told == [f"Critique\nPair {number}. Well.\n\nReason\n{side} first: Well." for side in "ab"]
        await there.press("k")
        assert "this is the first pair" in there.toasts
        await there.press("j")
        await there.says("pair 2 of")
        await there.press("r")
        await there.until(lambda: isinstance(there.app.screen, ReviewScreen))
        await there.says(f"Sample {pairs.lines[1].row}")
        await there.press("escape")
        await there.says("pair 2 of")
        await there.press("escape")
        assert pairs.cursor == 1, "the list is where one came back from"
        await there.press("j", "r")
        await there.until(lambda: isinstance(there.app.screen, ReviewScreen))
        await there.says(f"Sample {pairs.lines[2].row}")
        await there.press("escape", "escape")
        for _ in range(5):
            await there.press("f")
        await there.press("enter")
        await there.says("✗ invalid  unparsable: Well.", "no verdict in this order")

    watched(judged(small(tmp_path), says="Well."), load_settings({}), work)


def test_a_narrow_screen_without_colours_shows_the_same_and_the_tables_in_the_list_s_place(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("NO_COLOR", "1")

    async def work(there: Judging) -> None:
        await there.says("█ wins", "▒ ties", "░ losses", "≠ took", "instruction", "▸")
        assert "By length" not in there.text
        assert "tables" in there.usable()
        await there.press("t")
        await there.says("By length", "Student by IFD")
        assert "▸" not in there.text
        await there.press("j", "pagedown", "escape")
        await there.says("▸")

    watched(judged(small(tmp_path)), load_settings({}), work, SIZES[0])


# Texts of others, and terminals


@pytest.mark.whole
def test_hostile_texts_of_samples_and_judges_do_not_act(tmp_path: Path, pytestconfig: pytest.Config) -> None:
    whole = pytestconfig.getoption("--whole")
    texts = [text for text in hostile.CORPUS.values() if text.strip() and len(text) < 1000]
    rows = [{"instruction": text, "input": text, "output": text} for text in texts]
    path = scene(tmp_path, rows, ("near tie",), reviewed=False)
    judged(path, judge=hostile.CORPUS["escape"], says="\n".join(texts))

    async def work(there: Judging) -> None:
        await there.says(f"{3 * len(texts)} of {3 * len(texts)}", "score")
        assert not acting(painted(there.app))
        await there.press("enter")
        await there.says("Critique")
        for _ in range(3 * len(texts) if whole else 6):
            assert not acting(painted(there.app))
            await there.press("end")
            assert not acting(painted(there.app))
            await there.press("j")

    for size in SIZES if whole else SIZES[:1]:
        watched(path, load_settings({}), work, size)


@pytest.mark.parametrize("counts", [(1, 0, 0), (1, 1, 1), (1000, 1, 0), (3, 0, 4), (0, 5, 0)])
def test_a_bar_is_full_and_what_there_is_has_a_cell(counts: tuple[int, int, int]) -> None:
    drawn = blocks(Counts.of(*counts), 40).plain
    assert len(drawn) == 40
    assert [drawn.count(block) > 0 for block in "█▒░"] == [count > 0 for count in counts]


def test_an_interval_says_which_side_is_better_only_beyond_1() -> None:
    assert said_score(1.2, (1.01, 1.4)).endswith("refined is better")
    assert said_score(1.2, (1.0, 1.4)).endswith("no clear difference")
    assert said_score(0.5, (0.2, 0.9)).endswith("refined is worse")
