"""The Review screen: both sides of a sample, why the student chose, and a person's last word."""

from __future__ import annotations

import asyncio
import os
from pathlib import Path

import pytest
from textual.events import Key
from textual.widgets import Static

from engine.events import Finished, Generated, ReplyGrew
from engine.examine.examine import Examination
from engine.examine.flags import Finding, Flag
from engine.method.reflection import UnusableReply
from engine.sample import Candidate, Decision, Review, Stage, Version
from engine.store.sample_list import SampleColumn, SampleFilter
from engine.store.search_line import FieldText
from engine.store.workspace import Workspace
from models.errors import BurnishError
from models.teacher import Fault
from tests import hostile
from tests.scene import outcome_of_kind, scene
from tests.tui.screens.review_seat import (
    FAILED,
    KEPT,
    NEAR_TIE,
    REPLACED,
    TRUNCATED,
    UNSCORABLE,
    WAITING,
    WEIGHED,
    ReviewSeat,
    a_review,
    script,
)
from tests.tui.screens.test_pictures import by_length
from tests.tui.seat import Seat
from tui.platform import clipboard
from tui.screens.heat.screen import HeatScreen
from tui.screens.review.dialogs import AskAgainDialog
from tui.widgets.plain_input import PlainInput

pytestmark = pytest.mark.usefixtures("nothing_of_the_user_s")

# What is shown


def test_both_sides_their_numbers_and_the_teacher_s_criticism_are_shown(tmp_path: Path) -> None:
    async def claims(seat: ReviewSeat) -> None:
        assert seat.shown("#where") == "Sample 0  1 of 24  3/24 decided"
        assert seat.shown("#decision") == "✓ accepted"
        assert "The student's choice  both rewrites taken" in seat.head
        part = seat.part("instruction")
        assert part.left.text == "Give three tips for staying healthy."
        assert part.right.text.endswith("Give a reason for each, and name your source.")
        assert [name for *_, name in part.right._marks.all] == ["added"]
        assert not part.left._marks.all
        assert not part.left._found.all
        sought = SampleFilter(fields=(FieldText("instruction", "TIPS"),))
        await seat.workbench.reader.arrange(SampleColumn.NUMBER, descending=False, only=sought)
        await seat.go_to(0)
        assert part.left._found.all == [(11, 15, "match")], "what the list is searched for"
        assert not seat.part("response").left._found.all
        await seat.workbench.reader.arrange(SampleColumn.NUMBER, descending=False, only=SampleFilter())
        await seat.go_to(0)
        numbers = seat.numbers.splitlines()
        assert numbers[1].split() == ["IFD", "0.5500", "0.6000", "▲", "larger"]
        assert numbers[2].split() == ["r-IFD", "0.6000", "0.5000", "▼", "smaller"]
        assert "Instruction stage   ● replaced  larger IFD" in numbers
        assert any(line.endswith("0.5500 → 0.6000  margin +0.1200") for line in numbers)
        assert any("response alone" in line and "40/40 tokens" in line for line in numbers)
        assert "Complexity of the Topic\nComplexity of the Topic: too short." in seat.criticism
        assert "Response stage\nHelpfulness" in seat.criticism

        await seat.go_to(NEAR_TIE)
        assert "≈ near tie" in seat.shown("#where")
        assert "a margin of 0.0040 may be rounding (below 0.01)" in seat.numbers
        await seat.go_to(FAILED)
        assert "✗ response failed: unparsable" in seat.shown("#where")
        assert "instruction stage replaced" in seat.head, "it wrote both halves"
        assert "unparsable: expected the headings" in seat.numbers
        await seat.go_to(TRUNCATED)
        assert "✂0." in seat.numbers
        assert "✂ shown, IFD: of the beginning only" in seat.numbers
        await seat.go_to(UNSCORABLE)
        assert "original, IFD: no score; no token to score" in seat.numbers
        await seat.go_to(KEPT)
        assert not seat.part("response").has_class("-same"), "the rejected rewrite stands beside it"
        assert "○ kept" in seat.numbers
        assert "margin −0.3000" in seat.numbers
        assert seat.numbers.index("Response stage") < seat.numbers.index("Instruction stage"), (
            "it was rejected"
        )
        await seat.go_to(WAITING)
        assert "not refined yet" in seat.text
        assert not seat.head, "it is said once"
        assert not seat.numbers
        assert not seat.criticism
        await seat.press("a")
        assert "nothing to accept" in seat.toasts[-1]
        await seat.press("t")
        assert "no usable rewrite" in seat.toasts[-1]
        assert seat.index == WAITING

    ReviewSeat(scene(tmp_path)).play(claims)


@pytest.mark.whole
def test_what_an_examination_found_in_the_original_is_shown(tmp_path: Path) -> None:
    path = scene(tmp_path)
    hidden = {"field": "response", "kind": "an e-mail address", "count": 2, "masked": "m\x1b[2J[/]\u202e@e"}
    with Workspace.open(path) as opened, Examination() as examination:
        stats = examination.examine(opened.samples())
        found = [
            Finding(0, Flag.PERSONAL, (hidden,)),
            Finding(0, Flag.NEAR_DUPLICATE, ({"of": 3, "likeness": 0.9},)),
        ]
        opened.keep_examination(stats, found)

    async def claims(seat: ReviewSeat) -> None:
        assert "! Original: near duplicate\n  like 3, about 0.90\n" in seat.numbers
        assert "! Original: personal data an e-mail address in the response, 2 times: m␛" in " ".join(
            seat.numbers.split()
        )
        assert "\x1b" not in seat.numbers
        await seat.go_to(1)
        assert "Original:" not in seat.numbers

    ReviewSeat(path).play(claims)


@pytest.mark.whole
def test_every_version_can_be_paged_through_and_says_where_it_comes_from(tmp_path: Path) -> None:
    path = scene(tmp_path)
    asked = Candidate(
        stage=Stage.RESPONSE,
        version=Version(instruction="x", response="Shorter."),
        critique={"Helpfulness": "wordy"},
        remark="[b]shorter\x1b[2J",
        scores=WEIGHED,
    )
    with Workspace.open(path) as workspace:
        workspace.reviews.keep_candidate(KEPT, asked)
        own = Version(instruction="x", response="Mine.")
        workspace.reviews.keep(Review(index=KEPT, decision=Decision.EDITED, version=own))

    async def claims(seat: ReviewSeat) -> None:
        await seat.press("k")
        assert seat.head == "‹ 5/5 › Your version  edited by hand", "what was decided is shown first"
        seen = [seat.head]
        for _ in range(4):
            await seat.press("comma")
            seen.insert(0, seat.head)
        assert seen == [
            "‹ 1/5 › The student's choice  the original stays",
            "‹ 2/5 › The teacher's instruction  rejected by the student",
            "‹ 3/5 › The teacher's response  rejected by the student",
            "‹ 4/5 › Another response  asked again with: [b]shorter␛[2J",
            "‹ 5/5 › Your version  edited by hand",
        ]
        await seat.press("left")
        assert "first version" in seat.toasts[-1]
        await seat.press("right")
        assert "weighed at its own stage" in seat.numbers
        assert "0.7295" in seat.numbers.splitlines()[1], "what the stage knew of it"
        await seat.press("full_stop", "full_stop")
        assert seat.criticism == "Response, asked again\nHelpfulness\nwordy"
        assert "0.8000" in seat.numbers
        await seat.press("a")
        decided = await seat.review(KEPT)
        assert decided == Review(
            index=KEPT, decision=Decision.CHOSEN, version=asked.version, scores=WEIGHED
        ), "what is shown is taken, with the numbers that are known"

    ReviewSeat(path, position=REPLACED + 2).play(claims)


# Asking again


def test_a_remark_typed_before_its_line_is_there_is_the_remark_and_acts_on_nothing(tmp_path: Path) -> None:
    async def claims(seat: ReviewSeat) -> None:
        asked: list[str] = []

        async def regenerate(sample: int, version: Version, stage: Stage, remark: str) -> Candidate:
            asked.append(remark)
            raise UnusableReply(Fault.REFUSAL, "the better response is a refusal")

        vars(seat.workbench)["regenerate"] = regenerate
        before = await seat.review(0)
        for count in range(5):
            for key in ("r", *"oaut", "enter"):  # each of them a decision, were it for the sample
                seat.app.post_message(Key(key, key if len(key) == 1 else None))
            await seat.until(lambda count=count: len(asked) > count)  # type: ignore[misc]
            await seat.settled()
        assert asked == ["oaut" * count for count in range(1, 6)], (
            "it stands there again where nothing came of it"
        )
        assert (seat.index, await seat.review(0)) == (0, before)
        for key in ("m", "a", "escape"):
            seat.app.post_message(Key(key, key if len(key) == 1 else None))
        await seat.until(lambda: seat.app.screen is seat.screen)
        assert (seat.index, await seat.review(0)) == (0, before)

    ReviewSeat(scene(tmp_path, reviewed=False)).play(claims)


def test_a_remark_that_is_left_stands_there_again(tmp_path: Path) -> None:
    """By sample, however fast one types, and though Review is left; once it is sent, no more."""

    async def claims(seat: ReviewSeat) -> None:
        asked: list[str] = []

        async def regenerate(sample: int, version: Version, stage: Stage, remark: str) -> Candidate:
            asked.append(remark)
            return Candidate(stage=stage, version=version, critique={}, remark=remark)

        def remark() -> str:
            return seat.app.screen.query_one("#remark", PlainInput).value

        vars(seat.workbench)["regenerate"] = regenerate
        await seat.pilot.press("r")
        for key in (*"oa", "escape"):  # at once, as a burst of keys comes
            seat.app.post_message(Key(key, key if len(key) == 1 else None))
        await seat.until(lambda: seat.app.screen is seat.screen)
        await seat.press("j")
        await seat.pilot.press("r")
        assert remark() == ""
        await seat.pilot.press("x", "escape")
        await seat.press("k", "q")
        await seat.arrive()
        await seat.pilot.press("r")
        assert remark() == "oa"
        for key in (*"ut", "enter"):
            seat.app.post_message(Key(key, key if len(key) == 1 else None))
        await seat.until(lambda: asked)
        await seat.settled()
        await seat.pilot.press("r")
        assert (asked, remark()) == (["oaut"], "")

    ReviewSeat(scene(tmp_path)).play(claims)


def test_another_rewrite_is_asked_for_with_a_remark_and_shown_when_it_comes(tmp_path: Path) -> None:
    new = Version(instruction="x", response="As asked.")

    async def claims(seat: ReviewSeat) -> None:
        asked: list[tuple[int, Version, Stage, str]] = []
        answer = asyncio.Event()

        async def regenerate(sample: int, version: Version, stage: Stage, remark: str) -> Candidate:
            asked.append((sample, version, stage, remark))
            await answer.wait()
            if remark == "worse":
                raise UnusableReply(Fault.REFUSAL, "the better response is a refusal")
            candidate = Candidate(stage=stage, version=new, critique={"Accuracy": "fine"}, remark=remark)
            await seat.workbench._engine.call(
                seat.workbench._open_workspace.reviews.keep_candidate, sample, candidate
            )
            return candidate

        vars(seat.workbench)["regenerate"] = regenerate
        await seat.pilot.press("r")
        assert isinstance(seat.app.screen, AskAgainDialog)
        await seat.pilot.press(*"brief", "tab", "right", "tab", "right", "enter")
        await seat.pilot.pause()
        assert "The teacher was asked" in seat.criticism
        await seat.pilot.press("r")
        await seat.pilot.press(*"again", "enter")
        assert seat.toasts[-1] == "asked when the rewrite before it has come"
        reply = '{"a_instruction_critique": {"a_complexity_of_the_topic": "too pla'
        seat.workbench.run_job._reported.append(ReplyGrew(0, Stage.INSTRUCTION, "reflect", reply))
        growing = "The teacher is writing: instruction stage\nComplexity of the Topic\ntoo pla▍"
        await seat.until(lambda: growing in seat.criticism)
        answer.set()
        await seat.settled()
        original = (await a_review(seat, 0)).version
        assert [(index, remark) for index, *_, remark in asked] == [(0, "brief"), (0, "again")]
        assert asked[0] == (0, original, Stage.INSTRUCTION, "brief")
        assert "Another instruction  asked again with: brief" in seat.head
        assert seat.criticism == "Instruction, asked again\nAccuracy\nfine"
        await seat.pilot.press("r")
        await seat.pilot.press(*"worse", "enter")
        await seat.settled()
        assert seat.toasts[-1] == "sample 0: no new rewrite: the better response is a refusal"
        assert asked[2][1:3] == (new, Stage.RESPONSE), "starting from what was shown"

    ReviewSeat(scene(tmp_path)).play(claims)


def test_the_criticism_grows_while_the_run_s_teacher_writes(tmp_path: Path) -> None:
    path = scene(tmp_path)

    async def claims(seat: ReviewSeat) -> None:
        reported = seat.workbench.run_job._reported
        reported.append(ReplyGrew(WAITING, Stage.RESPONSE, "critique", "It is [/short\x1b[2J"))
        await seat.until(lambda: not reported)
        await seat.go_to(WAITING)
        begun = "The teacher is writing: response stage\nCritique\nIt is [/short␛[2J"
        await seat.until(lambda: seat.criticism.startswith(begun))
        reported.append(ReplyGrew(WAITING, Stage.RESPONSE, "critique", " and dry."))
        reported.append(Generated(WAITING, Stage.RESPONSE, "critique", 9, 1.0))
        reported.append(ReplyGrew(WAITING, Stage.RESPONSE, "improve", "Water"))
        reported.append(ReplyGrew(KEPT, Stage.RESPONSE, "improve", "of another sample"))
        await seat.until(lambda: "short␛[2J and dry.\nImprove\nWater" in seat.criticism)
        assert "another" not in seat.criticism
        sample = await seat.workbench.reader.ask_workspace(lambda workspace: workspace.sample(WAITING))
        done = outcome_of_kind(sample, "replaced")
        assert done is not None
        await seat.workbench._engine.call(
            seat.workbench._open_workspace.keep_outcome, seat.workbench.run, done
        )
        reported.append(Finished(done))
        await seat.until(lambda: "The student's choice" in seat.head)
        assert "writing" not in seat.criticism

    ReviewSeat(path).play(claims)


# Heat map, copying, leaving


@pytest.mark.whole
def test_the_heat_map_gets_every_version_the_shown_one_first(tmp_path: Path) -> None:
    async def claims(seat: ReviewSeat) -> None:
        await seat.pilot.press("h")
        screen = seat.app.screen
        assert isinstance(screen, HeatScreen)
        assert list(screen.versions) == ["The student's choice", "The teacher's instruction", "Original"]
        assert "‹ 1/2 › The student's choice" in seat.head
        assert (
            str(screen.query_one("#heat-which", Static).content) == "Sample 0  ‹ 1/2 › The student's choice"
        )
        assert screen.sample == 0
        await seat.pilot.press("escape")
        await seat.settled()
        assert seat.app.screen is seat.screen
        await seat.pilot.press("escape")
        assert seat.app.screen is not seat.screen

    ReviewSeat(scene(tmp_path)).play(claims)


@pytest.mark.whole
def test_copied_is_said_only_when_a_program_confirms_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "bin"
    folder.mkdir()
    for variable in ("SSH_CONNECTION", "SSH_TTY", "WAYLAND_DISPLAY"):
        monkeypatch.delenv(variable, raising=False)
    monkeypatch.setenv("DISPLAY", ":0")
    monkeypatch.setenv("PATH", f"{folder}:{os.environ['PATH']}")
    got = tmp_path / "got"

    async def claims(seat: ReviewSeat) -> None:
        sent: list[str] = []
        vars(seat.app)["copy_to_clipboard"] = sent.append
        await seat.press("y")
        assert "select some text" in seat.toasts[-1]
        seat.part("response").left.focus()
        script(folder / "xclip", f"cat > {got}")
        await seat.press("y")
        assert seat.toasts[-1] == "copied 26 characters"
        assert (got.read_text(), sent) == ("Eat well. Sleep. Exercise.", [])
        script(folder / "xclip", "exit 1")
        await seat.press("y")
        assert seat.toasts[-1] == "sent 26 characters to the terminal's clipboard"
        assert sent == ["Eat well. Sleep. Exercise."]
        monkeypatch.setenv("SSH_CONNECTION", "far away")
        assert clipboard.program() is None
        left = seat.part("instruction").left
        await seat.pilot.mouse_down(left, offset=(3, 0))
        await seat.pilot.hover(left, offset=(7, 0))
        await seat.pilot.mouse_up(left, offset=(7, 0))
        await seat.press("y")
        assert sent[-1].startswith("Give"), "what is selected comes before the field"

    ReviewSeat(scene(tmp_path)).play(claims)


# What must hold


@pytest.mark.whole
def test_hostile_text_is_shown_and_acts_on_nothing(tmp_path: Path) -> None:
    rows = hostile.rows()
    path = scene(tmp_path, rows, ("replaced",), reviewed=False)

    async def claims(seat: ReviewSeat) -> None:
        for index in range(len(rows)):
            await seat.go_to(index)
            painted = seat.lines
            assert not hostile.acting(painted), rows[index]
            assert any(f"Sample {index} " in line for line in painted)
        await seat.go_to(1)
        await seat.pilot.resize_terminal(100, 30)
        await seat.pilot.resize_terminal(60, 20)
        assert any("[/" in line for line in seat.lines)

    ReviewSeat(path, size=(80, 24)).play(claims)


def test_it_opens_at_its_first_line_on_a_small_terminal(tmp_path: Path) -> None:
    async def steps(seat: Seat) -> None:
        await seat.wait_for("24 samples")
        await seat.press("2", "j", "enter")
        await seat.wait_for("Sample 1")
        await seat.pilot.pause(0.2)
        pages = seat.screen.query_one("#pages")
        assert pages.max_scroll_y > 0
        assert pages.scroll_y == 0
        assert seat.screen.focused is seat.screen.query_one("#texts")

    Seat(by_length(tmp_path), size=(80, 24)).play(steps)


def test_sides_stand_beside_each_other_where_there_is_room(tmp_path: Path) -> None:
    async def claims(seat: ReviewSeat) -> None:
        def beside() -> bool:
            part = seat.part("response")
            return part.left.region.y == part.right.region.y

        for width, expected in ((120, True), (99, False), (100, True), (80, False)):
            await seat.pilot.resize_terminal(width, 24)
            await seat.pilot.pause()
            assert beside() is expected, width
        assert "IFD 0.5500 → 0.6000 ▲    r-IFD 0.6000 → 0.5000 ▼" in seat.shown("#brief")
        assert seat.screen.query_one("#brief").region.height == 1
        before = seat.screen.query_one("#pages").scroll_y
        await seat.pilot.press("pagedown")
        await seat.pilot.pause(0.3)
        assert seat.screen.query_one("#pages").scroll_y > before

    ReviewSeat(scene(tmp_path)).play(claims)


def test_a_workspace_that_cannot_be_written_is_one_line_and_nothing_is_decided(tmp_path: Path) -> None:
    async def claims(seat: ReviewSeat) -> None:
        async def full(*_: object) -> int:
            raise BurnishError("w.burnish: database or disk is full; free some space")

        vars(seat.workbench)["decide"] = full
        await seat.press("o")
        assert seat.toasts[-1].startswith("w.burnish: database or disk is full")
        assert (seat.index, await seat.review(0)) == (0, None)

    ReviewSeat(scene(tmp_path, reviewed=False)).play(claims)
