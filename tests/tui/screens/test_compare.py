"""The Compare screen: a judge at work, what it comes to, the pairs, and both orders of one of them."""

from __future__ import annotations

import json
import threading
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from engine.judge.prompt import Result
from engine.judge.record import Record, judged_path
from engine.judge.results import Counts, interval
from engine.run.settings import Settings, load_settings
from engine.sample import Verdict
from tests import hostile, judges
from tests.hostile import acting
from tests.ollama.script import Answer, Chat, Refusal, Scripted, Tap
from tests.ollama.server import FakeOllama
from tests.running import SHORT, TEACHER, workspace
from tests.scene import judged, scene
from tests.tui.seat import SIZES, Seat
from tui.keys.actions import of_scope
from tui.messages import StartRun
from tui.screens.compare.pair_screen import PairScreen
from tui.screens.compare.screen import CompareScreen
from tui.screens.review.screen import ReviewScreen
from tui.state.verdicts import PairFilter
from tui.widgets.prose import Prose
from tui.widgets.score_bar import blocks, score_sentence

KINDS = ("replaced", "kept", "near tie", "waiting")


pytestmark = pytest.mark.usefixtures("nothing_of_the_user_s")


def given(server: FakeOllama, name: str | None = TEACHER) -> Settings:
    return load_settings({"judge": {"name": name, "host": server.url, "patience": 20.0}})


class CompareSeat(Seat):
    async def arrive(self) -> None:
        self.app.animation_level = "none"
        await self.until(lambda: self.workbench.is_open)
        self.app.action_go_compare()
        await self.until(lambda: isinstance(self.app.screen, CompareScreen))

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


def small(folder: Path, kinds: Sequence[str] = KINDS, **options: Any) -> Path:
    return scene(folder, ROWS, kinds, reviewed=False, **options)


ROWS = [
    {"instruction": f"Name {n} trees.", "input": "", "output": "Oak, ash and elm. " * n} for n in range(1, 9)
]


# What there is to compare


@pytest.mark.whole
def test_where_nothing_was_run_it_says_so_and_offers_no_judge(tmp_path: Path) -> None:
    with workspace(tmp_path / "w.burnish", SHORT):
        pass

    async def work(seat: CompareSeat) -> None:
        await seat.wait_for("Nothing was refined here")
        assert seat.usable() == set()
        await seat.press("s", "space", "c", "enter", "r", "f", "t", "v", "j", "G", "escape")
        assert isinstance(seat.app.screen, CompareScreen)

    with FakeOllama(judges.longer) as server:
        CompareSeat(tmp_path / "w.burnish", settings=given(server)).play(work)
        assert server.chats == []


def test_a_judge_is_chosen_and_what_it_says_is_shown_kept_and_not_asked_again(tmp_path: Path) -> None:
    path = small(tmp_path)

    async def first(seat: CompareSeat) -> None:
        await seat.wait_for("Nothing was judged here yet")
        assert seat.usable() == {"begin"}
        await seat.press("s")
        await seat.wait_for("Have a judge compare both sides", "qwen0.5b")
        await seat.press("enter")
        await seat.wait_for("name the judge")
        await seat.press(*TEACHER, "enter")
        # Longer is better to this judge: what was taken wins, and what was turned down would have.
        await seat.wait_for(
            f"judged by {TEACHER}", "wins 4 100%", "score 2.000: 4 of 4 decided, too few to tell"
        )
        await seat.wait_for("the longer answer won 4 of 4 decided pairs", "By length", "Student by r-IFD")
        assert seat.usable() == {"begin", "open", "review", "only", "jump"}

    async def again(seat: CompareSeat) -> None:
        await seat.wait_for(f"judged by {TEACHER}", "score 2.000")
        await seat.judged()
        assert seat.workbench.judge_job.tally.replies == 0

    with FakeOllama(judges.longer) as server:
        CompareSeat(path, settings=given(server, None)).play(first)
        asked = len(server.chats)
        CompareSeat(path, settings=given(server)).play(again)
        assert len(server.chats) == asked > 0


@pytest.mark.whole
def test_a_judge_that_goes_by_the_place_ties_everything_and_it_shows(tmp_path: Path) -> None:
    async def work(seat: CompareSeat) -> None:
        await seat.judged()
        await seat.wait_for("ties 4 100%", "score 1.000: 0 of 4 decided, too few to tell")
        await seat.wait_for("verdicts (100%)")
        await seat.press("enter")
        await seat.wait_for("the order changed the verdict, toward the first place")
        # Distribution has it in short.
        await seat.press("4")
        await seat.wait_for(f"by {TEACHER}, 4 pairs", "score 1.000: 0 of 4 decided, too few to tell")

    with FakeOllama(judges.first_place) as server:
        CompareSeat(small(tmp_path), settings=given(server)).play(work)


@pytest.mark.whole
def test_only_the_refined_side_and_only_the_first_samples_are_judged_on_request(tmp_path: Path) -> None:
    async def work(seat: CompareSeat) -> None:
        await seat.judged("tab", "tab", "right", "tab", "2")
        assert seat.rows() == [(0, Result.WIN), (2, Result.WIN)]
        assert (seat.workbench.judge_job.refined_only, seat.workbench.judge_job.limit) == (True, 2)
        assert seat.workbench.judge_job.command(Path("w")) == [
            *("burnish", "judge", "w", "--judge", TEACHER, "--refined-only", "--limit", "2"),
        ]
        # The same question with the student's choices is another judging, and both are kept.
        await seat.judged("tab", "tab", "right", "tab", "backspace")
        await seat.wait_for("1 of 2 judgings")
        assert len(seat.rows()) > 2
        await seat.press("v")
        await seat.wait_for("2 of 2 judgings")
        assert len(seat.rows()) == 2

    with FakeOllama(judges.longer) as server:
        CompareSeat(small(tmp_path), settings=given(server)).play(work)


# A judge at work


@pytest.mark.whole
def test_it_is_held_stopped_and_taken_up_again_and_no_run_begins_meanwhile(tmp_path: Path) -> None:
    tap = Tap(3, judges.longer)

    async def work(seat: CompareSeat) -> None:
        comparing = seat.workbench.judge_job
        await seat.press("s", "enter")
        await seat.until(lambda: comparing.tally.replies == 3)
        await seat.wait_for("● judging", TEACHER, "/min")
        await seat.until(lambda: seat.usable() >= {"hold", "cancel"})
        assert "begin" not in seat.usable()
        seat.screen.post_message(StartRun())
        await seat.until(lambda: seat.notified("a judge is at work"))
        assert not seat.workbench.run_job.running
        await seat.press("space")
        await seat.wait_for("‖ held", "space lets it go on", "held 1/")
        tap.opened.set()
        await seat.until(lambda: comparing.tally.replies == 4)
        asked = len(server.chats)
        await seat.pilot.pause(0.3)
        assert len(server.chats) == asked, "held, nothing is asked"
        await seat.press("c")
        await seat.until(lambda: not comparing.running)
        await seat.wait_for("s goes on")
        with Record.read(judged_path(path)) as record:
            (one,) = record.comparisons()
            assert len(list(record.judged(one))) == 2
        await seat.press("s", "enter")
        await seat.until(lambda: comparing.ending is not None and comparing.ending.result)
        assert comparing.tally.skipped == 2
        assert not any(word in toast for toast in seat.toasts for word in ("judged", "stopped")), (
            "it is to be seen"
        )
        asked_for = [json.dumps(chat.body) for chat in server.chats]
        assert len(asked_for) == len(set(asked_for)), "nothing is asked twice"

    path = small(tmp_path)
    with FakeOllama(tap) as server:
        CompareSeat(path, settings=given(server)).play(work)


def test_leaving_the_app_ends_the_judge_and_keeps_what_it_said(tmp_path: Path) -> None:
    path, tap = small(tmp_path), Tap(2, judges.longer)

    async def work(seat: CompareSeat) -> None:
        await seat.press("s", "enter")
        await seat.until(lambda: seat.workbench.judge_job.tally.done == 1)
        seat.app.leave()
        assert seat.app.unjudged == ["burnish", "judge", str(path), "--judge", TEACHER]

    with FakeOllama(tap) as server:
        CompareSeat(path, settings=given(server)).play(work)
        tap.opened.set()
    with Record.at(judged_path(path)) as record:  # nobody holds it any more
        (one,) = record.comparisons()
        assert [number for number, _ in record.judged(one)] == [0]


@pytest.mark.whole
def test_a_judge_that_is_not_there_is_one_line_and_a_busy_server_is_waited_for(tmp_path: Path) -> None:
    free = threading.Event()

    def busy(chat: Chat) -> Scripted:
        return judges.longer(chat) if free.is_set() else Refusal(503, "server busy, please try again.")

    async def work(seat: CompareSeat) -> None:
        await seat.judged()
        await seat.wait_for("✗", "no-such-judge")
        assert "begin" in seat.usable()
        seat.workbench.judge_job.settings = given(server).judge
        await seat.press("s", "enter")
        await seat.wait_for("waiting: ", "goes on by itself", "waiting for Ollama", "◌ waiting")
        assert "no-such-judge" not in seat.text
        free.set()
        await seat.wait_for("score 2.000")

    with FakeOllama(busy) as server:
        CompareSeat(small(tmp_path), settings=given(server, "no-such-judge")).play(work)


@pytest.mark.whole
def test_a_record_that_is_none_is_said_and_breaks_nothing(tmp_path: Path) -> None:
    path = small(tmp_path)
    judged_path(path).write_text("not a record", "utf-8")

    async def work(seat: CompareSeat) -> None:
        await seat.wait_for("not a burnish record")
        await seat.press("4")
        await seat.wait_for("keeps")

    with FakeOllama(judges.longer) as server:
        CompareSeat(path, settings=given(server)).play(work)
    assert judged_path(path).read_text("utf-8") == "not a record"


# The pairs, of verdicts that are there


def test_the_list_is_gone_through_filtered_and_jumped_in_and_leads_to_both_orders_and_to_review(
    tmp_path: Path,
) -> None:
    async def work(seat: CompareSeat) -> None:
        await seat.wait_for("judged by gemma3:12b", "16 of 16 pairs", "no verdict", "unparsable 2")
        assert seat.usable() == {"begin", "open", "review", "only", "jump"}
        pairs = seat.screen.pairs
        last = len(pairs.lines) - 1
        for keys, at in (("j down", 2), ("k up", 0), ("G", last), ("g", 0), ("end", last), ("home", 0)):
            await seat.press(*keys.split())
            assert pairs.cursor == at, keys
        await seat.press("pagedown")
        assert pairs.cursor == min(pairs.page, last)
        await seat.press("pageup")
        assert pairs.cursor == 0
        await seat.press("colon", "6", "enter")
        assert pairs.current is not None
        assert pairs.current.row == 6
        await seat.press("colon", "7", "7", "enter")
        assert seat.notified("sample 77 has no pair")
        await seat.press("colon", "escape", "escape")
        seen = []
        for _ in PairFilter:
            await seat.press("f")
            seen.append((seat.screen._filter, {line.result for line in pairs.lines}))
            if seat.screen._filter is PairFilter.DISAGREEMENTS:
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
        await seat.press("f", "g", "enter")
        await seat.wait_for("pair 1 of", "Before shown first", "Rewrite shown first", "≠ the judge disagrees")
        screen = seat.app.screen
        assert isinstance(screen, PairScreen)
        opinions = [screen.query_one(f"#{order} Prose", Prose).text for order in ("forward", "swapped")]
        number = pairs.lines[0].pair
        assert opinions == [f"Critique\nPair {number}. Well.\n\nReason\n{side} first: Well." for side in "ab"]
        await seat.press("k")
        assert seat.notified("this is the first pair")
        await seat.press("j")
        await seat.wait_for("pair 2 of")
        await seat.press("r")
        await seat.until(lambda: isinstance(seat.app.screen, ReviewScreen))
        await seat.wait_for(f"Sample {pairs.lines[1].row}")
        await seat.press("escape")
        await seat.wait_for("pair 2 of")
        await seat.press("escape")
        assert pairs.cursor == 1, "the list is where one came back from"
        await seat.press("j", "r")
        await seat.until(lambda: isinstance(seat.app.screen, ReviewScreen))
        await seat.wait_for(f"Sample {pairs.lines[2].row}")
        await seat.press("escape", "escape")
        for _ in range(5):
            await seat.press("f")
        await seat.press("enter")
        await seat.wait_for("✗ invalid  unparsable: Well.", "no verdict in this order")

    CompareSeat(judged(small(tmp_path), says="Well.")).play(work)


def test_a_narrow_screen_without_colours_shows_the_same_and_the_tables_in_the_list_s_place(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("NO_COLOR", "1")

    async def work(seat: CompareSeat) -> None:
        await seat.wait_for("█ wins", "▒ ties", "░ losses", "≠ took", "instruction", "▸")
        assert "By length" not in seat.text
        assert "tables" in seat.usable()
        await seat.press("t")
        await seat.wait_for("By length", "Student by IFD")
        assert "▸" not in seat.text
        await seat.press("j", "pagedown", "escape")
        await seat.wait_for("▸")

    CompareSeat(judged(small(tmp_path)), size=SIZES[0]).play(work)


# Texts of others, and terminals


@pytest.mark.whole
def test_hostile_texts_of_samples_and_judges_do_not_act(tmp_path: Path, pytestconfig: pytest.Config) -> None:
    whole = pytestconfig.getoption("--whole")
    texts = [text for text in hostile.CORPUS.values() if text.strip() and len(text) < 1000]
    rows = [{"instruction": text, "input": text, "output": text} for text in texts]
    path = scene(tmp_path, rows, ("near tie",), reviewed=False)
    judged(path, judge=hostile.CORPUS["escape"], says="\n".join(texts))

    async def work(seat: CompareSeat) -> None:
        await seat.wait_for(f"{3 * len(texts)} of {3 * len(texts)}", "score")
        assert not acting(seat.lines)
        await seat.press("enter")
        await seat.wait_for("Critique")
        for _ in range(3 * len(texts) if whole else 6):
            assert not acting(seat.lines)
            await seat.press("end")
            assert not acting(seat.lines)
            await seat.press("j")

    for size in SIZES if whole else SIZES[:1]:
        CompareSeat(path, size=size).play(work)


@pytest.mark.parametrize("counts", [(1, 0, 0), (1, 1, 1), (1000, 1, 0), (3, 0, 4), (0, 5, 0)])
def test_a_bar_is_full_and_what_there_is_has_a_cell(counts: tuple[int, int, int]) -> None:
    drawn = blocks(Counts.of(*counts), 40).plain
    assert len(drawn) == 40
    assert [drawn.count(block) > 0 for block in "█▒░"] == [count > 0 for count in counts]


def test_an_interval_says_which_side_is_better_only_beyond_1() -> None:
    counts = Counts.of(12, 5, 8)
    assert score_sentence(counts, (1.01, 1.4)).endswith("refined is better")
    assert score_sentence(counts, (1.0, 1.4)).endswith("no clear difference")
    assert score_sentence(counts, (0.2, 0.9)).endswith("refined is worse")


@pytest.mark.parametrize(
    ("counts", "sentence"),
    [
        ((1, 0, 0), "score 2.000: 1 of 1 decided, too few to tell"),
        ((0, 6, 0), "score 1.000: 0 of 6 decided, too few to tell"),
        ((9, 30, 0), "score 1.231: 9 of 39 decided, too few to tell"),
        ((10, 0, 0), "score 2.000: refined won all 10"),
        ((0, 0, 12), "score 0.000: refined lost all 12"),
    ],
)
def test_nothing_is_claimed_below_ten_decided_pairs_and_no_interval_is_a_point(
    counts: tuple[int, int, int], sentence: str
) -> None:
    assert interval(Counts.of(*counts)) is None
    assert score_sentence(Counts.of(*counts), None) == sentence


@pytest.mark.whole
def test_the_judge_s_confidence_is_shown_where_its_server_gives_it(tmp_path: Path) -> None:
    path = small(tmp_path)

    def sure(chat: Chat) -> Answer:
        return Answer(judges.longer(chat), logprob=-0.05)

    async def work(seat: CompareSeat) -> None:
        await seat.judged()
        for size in SIZES:
            await seat.pilot.resize_terminal(*size)
            await seat.wait_for("confidence", "with a probability of 0.")
        await seat.press("enter")
        await seat.until(lambda: isinstance(seat.app.screen, PairScreen))
        for size in SIZES:
            await seat.pilot.resize_terminal(*size)
            await seat.wait_for("confidence 0.")

    with FakeOllama(sure) as server:
        CompareSeat(path, settings=given(server)).play(work)


@pytest.mark.whole
def test_a_judging_whose_first_pairs_all_fail_is_held_and_goes_on_at_a_key(tmp_path: Path) -> None:
    path = scene(tmp_path, ROWS, ("replaced",) * 7, reviewed=False)

    async def work(seat: CompareSeat) -> None:
        await seat.press("s", "enter")
        for size in SIZES:
            await seat.pilot.resize_terminal(*size)
            await seat.wait_for("held: ", "5 pairs all failed (unparsable)", "--reply-form markers", "‖ held")
        asked = len(server.chats)
        await seat.press("space")
        await seat.until(lambda: not seat.workbench.judge_job.running)
        assert len(server.chats) > asked
        assert "held: " not in seat.text

    with FakeOllama(lambda chat: "The [/] second one.") as server:
        CompareSeat(path, settings=given(server)).play(work)
