"""The Run screen: what a run is at, whatever happens to it, and what a person can do about it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from engine.events import (
    AttemptFailed,
    Chosen,
    Event,
    Notice,
    Paused,
    Place,
    ReplyGrew,
    Started,
    StudentOpened,
    TeacherOpened,
    TeacherQueue,
)
from engine.run.plan import RunSummary
from engine.run.settings import Settings
from engine.sample import Choice, Failure, Rule, Stage, Verdict
from models.teacher import Fault, TeacherInfo
from tests import hostile
from tests.hostile import acting, painted
from tests.ollama.script import Answer, Chat, Refusal, Scripted, Tap
from tests.ollama.server import FakeOllama
from tests.running import SHORT, TEACHER, brief, settings, workspace
from tests.scene import scene
from tests.stand_in import StandIn, stand_in
from tests.tui.seat import Seat, seated
from tui.screens.run.decision_log import DecisionLog, described
from tui.widgets.stage_bars import StageBar, StageBars, cells

__all__ = ["stand_in"]

SIZES = ((80, 24), (120, 40), (200, 60))


pytestmark = pytest.mark.usefixtures("nothing_of_the_user_s", "stand_in")


class Running(Seat):
    def bars(self) -> dict[str, tuple[int, int]]:
        return {bar.label: (bar.done, bar.total) for bar in self.app.screen.query_one(StageBars).shown}

    def keys(self) -> set[str]:
        """The screen's actions that can be done now."""
        shown = self.app.screen.active_bindings.values()
        return {
            binding.binding.id.removeprefix("run.")
            for binding in shown
            if binding.binding.id and binding.binding.id.startswith("run.") and binding.enabled
        }


@asynccontextmanager
async def seat(path: Path, given: Settings, size: tuple[int, int] = (120, 40)) -> AsyncIterator[Running]:
    async with seated(Running, path, given, size) as there:
        there.app.action_go_run()
        await there.says("3 Run", "samples")
        yield there


def watched(
    path: Path, given: Settings, work: Callable[[Running], Awaitable[None]], size: tuple[int, int] = (120, 40)
) -> None:
    async def main() -> None:
        async with seat(path, given, size) as there:
            await work(there)

    asyncio.run(main())


def made(folder: Path) -> Path:
    with workspace(folder / "w.burnish", SHORT):
        return folder / "w.burnish"


def unhurried(chat: Chat) -> Scripted:
    return Answer(brief(chat), seconds=0.05)


@pytest.mark.parametrize("schedule", ["interleaved", "staged"])
def test_a_whole_run_from_what_would_be_run_to_what_to_do_next(
    tmp_path: Path, stand_in: type[StandIn], schedule: str
) -> None:
    stand_in.scoring = 0.2
    tap = Tap(1, unhurried)

    async def work(there: Running) -> None:
        await there.says("Ready to run", TEACHER, "the student chooses", "vicuna", schedule, "0 of 4 samples")
        assert there.keys() == {"begin"}
        turns: set[str] = set()
        await there.pilot.press("s")
        await there.says("running", "in flight", "tokens/s")
        assert there.keys() == {"hold", "cancel"}
        assert set(there.bars()) >= {"instruction", "response", "samples"}
        tap.opened.set()

        def done() -> bool:
            turns.update(label for label in there.bars() if label.endswith("turn"))
            return not there.workbench.run_job.running

        await there.until(done)
        assert turns == ({"teacher's turn", "student's turn"} if schedule == "staged" else set())
        await there.says("✓ done", "4 of 4 samples", "8 replies", "writes the refined dataset")
        assert there.bars() == {"instruction": (4, 4), "response": (4, 4), "samples": (4, 4)}
        tally = there.workbench.run_job.tally
        assert tally.decided == 8
        for index in range(4):
            assert f"{index}  instruction" in there.text
        assert ("replaced" in there.text) == (sum(tally.replaced.values()) > 0)
        await there.until(lambda: there.keys() == set())
        assert "Q8_0" in there.text, "which student it was"

    with FakeOllama(tap) as server:
        watched(made(tmp_path), settings(server, student={"name": "demo"}, run={"schedule": schedule}), work)


def test_held_it_says_so_and_goes_on_at_a_key(tmp_path: Path) -> None:
    tap = Tap(2, unhurried)

    async def work(there: Running) -> None:
        await there.pilot.press("s")
        await there.until(lambda: there.workbench.run_job.tally.replies == 2)
        await there.says("1 in flight")
        await there.pilot.press("space")
        tap.opened.set()
        await there.says("‖ held", "space lets it go on", "nothing just now")
        asked = len(server.chats)
        assert there.workbench.run_job.tally.replies == asked == 3, "what was under way is kept"
        await there.pilot.pause(0.5)
        assert len(server.chats) == asked < 8
        await there.pilot.press("space")
        await there.says("✓ done")

    with FakeOllama(tap) as server:
        watched(made(tmp_path), settings(server), work)


def test_stopped_and_taken_up_again_asks_nothing_twice(tmp_path: Path) -> None:
    tap = Tap(3, unhurried)

    async def work(there: Running) -> None:
        await there.pilot.press("s", "s")  # one run, however hasty
        await there.until(lambda: there.workbench.run_job.tally.replies == 3)
        await there.pilot.press("c")
        await there.says("■ stopped", "nothing that was answered will be asked again", "takes it up again")
        assert there.keys() == {"begin"}
        tap.opened.set()
        await there.pilot.press("s")
        await there.says("✓ done", "4 of 4 samples")
        assert there.workbench.run_job.tally.replies == 8 - 3
        assert server.asked_again() == []

    with FakeOllama(tap) as server:
        watched(made(tmp_path), settings(server), work)


def test_a_run_over_the_first_few_that_was_stopped_is_taken_up_over_these(tmp_path: Path) -> None:
    tap = Tap(1, unhurried)

    async def work(there: Running) -> None:
        run = asyncio.create_task(there.workbench.refine(limit=2))
        await there.says("in flight")
        await there.pilot.press("c")
        await run
        await there.says("■ stopped")
        tap.opened.set()
        await there.pilot.press("s")
        await there.says("✓ done", "2 of 2 samples")
        await there.until(lambda: there.keys() == {"begin"})
        await there.says("2 samples to do")
        await there.pilot.press("s")
        await there.says("✓ done", "4 of 4 samples")

    with FakeOllama(tap) as server:
        watched(made(tmp_path), settings(server), work)


def test_a_server_that_goes_away_is_a_banner_until_it_is_back_and_the_run_goes_on_by_itself(
    tmp_path: Path,
) -> None:
    tap = Tap(2, unhurried)
    first = FakeOllama(tap)
    port = int(first.url.rpartition(":")[2])
    back: list[FakeOllama] = []

    async def work(there: Running) -> None:
        await there.pilot.press("s")
        await there.until(lambda: there.workbench.run_job.tally.replies == 2)
        await asyncio.to_thread(first.close)
        tap.opened.set()
        await there.says("waiting:", "ollama serve", "goes on by itself", "waiting for Ollama")
        assert there.keys() == {"hold", "cancel"}
        for size in SIZES:
            await there.pilot.resize_terminal(*size)
            await there.says("waiting:", "ollama serve")
        back.append(FakeOllama(brief, port=port).__enter__())
        await there.until(lambda: "waiting:" not in there.text)
        await there.says("✓ done", "4 of 4 samples")
        assert there.workbench.run_job.tally.failed == 0

    with first:
        try:
            watched(made(tmp_path), settings(first), work)
        finally:
            for server in back:
                server.close()


def test_failures_show_by_kind_and_are_tried_again_at_a_key(tmp_path: Path) -> None:
    broken = True

    def script(chat: Chat) -> Scripted:
        if not broken:
            return brief(chat)
        if "fruit" in chat.prompt:
            return "not json"
        return (
            Refusal(400, "input length exceeds the context length")
            if "two plus" in chat.prompt
            else brief(chat)
        )

    async def work(there: Running) -> None:
        nonlocal broken
        await there.pilot.press("s")
        await there.says(
            "✓ done", "✗ 2 samples", "unparsable 2", "too-long 2", "unused replies: unparsable 6"
        )
        assert "0  instruction  ✗ failed    unparsable" in there.text
        await there.until(lambda: there.keys() == {"retry"})
        broken = False
        await there.pilot.press("r")
        await there.until(lambda: there.keys() == set() and "failures   none" in there.text)
        assert there.workbench.run_job.tally.failed == 0
        assert server.asked_again() == []

    with FakeOllama(script) as server:
        watched(made(tmp_path), settings(server), work)


def test_a_run_that_cannot_go_on_says_why_and_can_be_started_again(tmp_path: Path) -> None:
    async def work(there: Running) -> None:
        await there.pilot.press("s")
        await there.says("✗ ended before it was done", "no student", "starts the run")
        assert there.keys() == {"begin"}

    with FakeOllama(brief) as server:
        given = settings(server).model_copy(update={"student": Settings().student})
        watched(made(tmp_path), given, work)


def test_a_workspace_that_was_begun_says_what_is_done_and_what_failed(tmp_path: Path) -> None:
    async def work(there: Running) -> None:
        await there.says(
            "A run to be taken up again", "qwen3:8b", "21 of 24 samples", "✗ 3 failed (unparsable 3)"
        )
        await there.says("takes it up again: 3 samples to do", "tries the failed again")
        assert there.keys() == {"begin", "retry"}
        there.workbench.settings = settings("127.0.0.1:1")
        there.app.post_changed()
        await there.says("the settings are others", "starts the run")

    watched(scene(tmp_path), settings("127.0.0.1:1"), work)


def test_every_setting_that_changes_an_outcome_makes_another_run(tmp_path: Path) -> None:
    async def work(there: Running) -> None:
        await there.says("21 of 24 samples")
        before = there.workbench.settings
        for group, name, value in (
            ("teacher", "think", True),
            ("teacher", "context", 4096),
            ("run", "both_branches", True),
            ("run", "near_tie", 0.5),
        ):
            changed = getattr(before, group).model_copy(update={name: value})
            there.workbench.settings = before.model_copy(update={group: changed})
            there.app.post_changed()
            await there.says("the settings are others", "starts the run")
            there.workbench.settings = before
            there.app.post_changed()
            await there.says("takes it up again: 3 samples to do")

    watched(scene(tmp_path), settings("127.0.0.1:1"), work)


def test_the_rest_of_the_app_works_while_it_runs(tmp_path: Path) -> None:
    tap = Tap(3, unhurried)

    async def work(there: Running) -> None:
        await there.pilot.press("s")
        await there.says("in flight")
        for name in ("samples", "distribution", "export", "start", "run"):
            getattr(there.app, f"action_go_{name}")()
            await there.pilot.pause(0.1)
        tap.opened.set()
        await there.says("✓ done", "4 of 4 samples")
        await there.until(lambda: there.workbench.run_job.tally.decided == 8)

    with FakeOllama(tap) as server:
        watched(made(tmp_path), settings(server), work)


def test_it_looks_right_at_every_size_and_when_the_size_changes(tmp_path: Path) -> None:
    tap = Tap(3, unhurried)

    async def work(there: Running) -> None:
        for size in (*SIZES, (40, 12), (8, 4), SIZES[0]):
            await there.pilot.resize_terminal(*size)
            await there.pilot.pause(0.1)
        await there.pilot.press("s")
        await there.says("in flight")
        for size in (*SIZES, (40, 12), (8, 4), *SIZES):
            await there.pilot.resize_terminal(*size)
            await there.pilot.pause(0.1)
        for words in ("instruction", "teacher", "student", "decisions", "failures"):
            assert words in there.text
        tap.opened.set()
        await there.says("✓ done")

    with FakeOllama(tap) as server:
        watched(made(tmp_path), settings(server), work)


# --- with events that are made up ------------------------------------------------------------------------------


@asynccontextmanager
async def told(
    path: Path, size: tuple[int, int] = (120, 40)
) -> AsyncIterator[tuple[Running, Callable[..., None]]]:
    """A workbench whose run is what a test tells of it."""
    async with seat(path, settings("127.0.0.1:1"), size) as there:

        async def for_ever() -> RunSummary:
            await asyncio.sleep(3600)
            raise AssertionError

        there.workbench.run_job._task = asyncio.create_task(for_ever())

        def tell(*events: Event) -> None:
            there.workbench.run_job._reported.extend(events)

        yield there, tell
        there.workbench.run_job._task.cancel()
        there.workbench.run_job._task = None


def chosen(sample: int, **changes: Any) -> Chosen:
    choice = {"stage": Stage.RESPONSE, "verdict": Verdict.KEPT, "rule": Rule.SMALLER_R_IFD, "margin": -0.25}
    return Chosen(sample, Choice.model_validate(choice | changes))


def test_the_end_is_followed_only_while_the_reader_is_near_it(tmp_path: Path) -> None:
    async def main() -> None:
        async with told(made(tmp_path)) as (there, tell):
            tell(Started(5000, 0, 0, tuple(Stage)))
            tell(*(chosen(number) for number in range(300)))
            await there.says("299  response")
            decisions = there.app.screen.query_one(DecisionLog)
            decisions.scroll_to(y=100, animate=False, force=True)  # also before its bar is drawn
            await there.says("100  response")
            tell(*(chosen(number) for number in range(300, 400)))
            await there.until(lambda: len(there.workbench.run_job.tally.decisions) == 400)
            await there.pilot.pause(0.2)
            assert "100  response" in there.text
            # Of those that were kept, the first go; what is read stays where it is.
            tell(*(chosen(number) for number in range(400, 1050)))
            await there.until(lambda: there.workbench.run_job.tally.decided == 1050)
            await there.pilot.pause(0.2)
            assert "100  response" in there.text
            decisions.scroll_end(animate=False)
            tell(chosen(1050, near_tie=True, margin=0.004))
            await there.says("1050  response", "≈ near tie", "+0.004")

    asyncio.run(main())


def test_a_thousand_events_at_once_are_shown_at_once(tmp_path: Path) -> None:
    async def main() -> None:
        async with told(made(tmp_path)) as (there, tell):
            tell(Started(50_000, 0, 0, tuple(Stage)))
            request = Place(7, Stage.RESPONSE, "improve")
            tell(TeacherQueue((request,), 3))
            for _ in range(200):
                tell(*(ReplyGrew(*request, "word ") for _ in range(50)), chosen(8))
            await there.says("1 in flight, 3 waiting", "a better response", "word word word", "200/50,000")

    asyncio.run(main())


@pytest.mark.whole
def test_hostile_names_replies_and_messages_do_not_act(tmp_path: Path) -> None:
    async def main() -> None:
        async with told(made(tmp_path)) as (there, tell):
            tell(Started(4, 0, 0, tuple(Stage)))
            student = await StandIn(tmp_path).open()
            for number, (name, text) in enumerate(hostile.CORPUS.items()):
                await there.pilot.resize_terminal(*SIZES[number % len(SIZES)])
                first, second = Place(1, Stage.INSTRUCTION, text[:1000]), Place(2, Stage.RESPONSE, "reflect")
                info = TeacherInfo(text, "sha256:0", None, text[:1000], 1, 4096)
                tell(TeacherOpened(info), StudentOpened(replace(student, name=text, quantisation=text)))
                tell(Notice(text), Paused(Fault.BUSY, text), AttemptFailed(*first, 0, Fault.CUT, text))
                failure = Failure(fault=Fault.BROKEN, message=text)
                tell(chosen(1, rule=Rule.TEACHER_FAILED, margin=None, failure=failure))
                for request, said in ((first, text), (second, '{"' + text + '": "' + text)):
                    tell(TeacherQueue((request,), 0), ReplyGrew(*request, said))
                    await there.pilot.pause(0.12)
                    assert not acting(painted(there.app)), name

    asyncio.run(main())


def test_a_reply_is_read_while_it_grows(tmp_path: Path) -> None:
    async def main() -> None:
        async with told(made(tmp_path)) as (there, tell):
            request = Place(3, Stage.INSTRUCTION, "reflect")
            tell(Started(4, 0, 0, tuple(Stage)), TeacherQueue((request,), 0))
            for piece in (
                '{"instruction_critique": {"level_of_',
                'detail": "It says \\"which\\", but not ',
                "wh\\u0",
            ):
                tell(ReplyGrew(*request, piece))
            await there.says("sample 3", "instruction", "level of detail", 'It says "which", but not wh')
            tell(ReplyGrew(*request, '065n."}, "new_instruction": "Name '))
            await there.says("new instruction", "Name")
            other = Place(4, Stage.RESPONSE, "improve")
            tell(TeacherQueue((other,), 0), ReplyGrew(*other, "Plain text, as it comes."))
            await there.says("sample 4", "a better response", "Plain text, as it comes.")

    asyncio.run(main())


# --- in small ----------------------------------------------------------------------------------------------------


def test_a_bar_is_full_only_at_the_end_and_empty_only_at_the_beginning() -> None:
    for total in (1, 3, 200, 100_000):
        for done in {0, 1, total // 2, total - 1, total} & set(range(total + 1)):
            drawn, rest = cells(done, total, 30)
            assert len(drawn + rest) == 30
            assert ("─" not in drawn + rest and "╾" not in drawn) == (done == total), (done, total)
            assert (drawn == "") == (done == 0)
    assert cells(0, 0, 5) == ("━━━━━", "")


def test_a_decision_says_what_decided_and_never_more_than_fits() -> None:
    scores = {"before": 0.9, "after": 0.7}
    wide = described(chosen(7, near_tie=True, margin=0.004, **scores), 3, 90).plain
    assert "7  response" in wide
    assert "= kept" in wide
    assert "r-IFD 0.900 → 0.700" in wide
    assert "≈ near tie" in wide
    narrow = described(chosen(7, near_tie=True, margin=0.004, **scores), 3, 58).plain
    assert "≈ near tie" in narrow
    assert len(narrow) <= 58
    assert "unscorable" in described(chosen(7, rule=Rule.UNSCORABLE, margin=None), 3, 58).plain


def test_no_pace_is_made_up() -> None:
    from engine.pace import Pace, Pulse, Stopwatch  # noqa: PLC0415

    assert Pace(0, 10, 100.0).left_seconds is None
    assert Pace(5, 10, 100.0).left_seconds == pytest.approx(200)
    assert Pace(5, 10, 100.0).per_minute == pytest.approx(3)
    watch = Stopwatch()
    assert watch.seconds == 0
    pulse = Pulse()
    pulse.add(3)
    assert pulse.beats(10) == [3]
    assert StageBar("samples", 0, 0).pace is None
