"""The Review screen: both sides of a sample, why the student chose, and a person's last word."""

from __future__ import annotations

import asyncio
import json
import os
from pathlib import Path

import pytest

from engine.events import Finished, Generated, ReplyGrew
from engine.examine.examine import Examination
from engine.examine.flags import Finding, Flag
from engine.method.reflection import UnusableReply
from engine.sample import Candidate, Decision, Review, Stage, Version
from engine.store.sample_list import FilterTerm, SampleColumn, SampleFilter
from engine.store.workspace import Workspace
from models.errors import BurnishError
from models.teacher import Fault
from tests import hostile
from tests.scene import outcome, scene
from tests.tui.screens.reviewing import (
    FAILED,
    KEPT,
    NEAR_TIE,
    REPLACED,
    TRUNCATED,
    UNSCORABLE,
    WAITING,
    WEIGHED,
    Here,
    a_review,
    go,
    script,
    with_student,
)
from tui.messages import WorkspaceChanged
from tui.platform import clipboard
from tui.screens.heat.screen import HeatScreen
from tui.screens.review.ask_again_dialog import AskAgainDialog
from tui.screens.review.critique import growing
from tui.screens.review.mix_dialog import MixDialog

pytestmark = pytest.mark.usefixtures("nothing_of_the_user_s")

# What is shown


def test_both_sides_their_numbers_and_the_teacher_s_criticism_are_shown(tmp_path: Path) -> None:
    async def claims(here: Here) -> None:
        assert here.text("#where") == "Sample 0  1 of 24"
        assert here.text("#decision") == "✓ accepted"
        assert "The student's choice  both rewrites taken" in here.head
        part = here.part("instruction")
        assert part.left.text == "Give three tips for staying healthy."
        assert part.right.text.endswith("Give a reason for each, and name your source.")
        assert [name for *_, name in part.right._marks] == ["added"]
        assert not part.left._marks
        numbers = here.numbers.splitlines()
        assert numbers[1].split() == ["IFD", "0.5500", "0.6000", "▲", "larger"]
        assert numbers[2].split() == ["r-IFD", "0.6000", "0.5000", "▼", "smaller"]
        assert "Instruction stage   ● replaced  larger IFD" in numbers
        assert any(line.endswith("0.5500 → 0.6000  margin +0.1200") for line in numbers)
        assert any("response alone" in line and "40/40 tokens" in line for line in numbers)
        assert "Complexity of the Topic\nComplexity of the Topic: too short." in here.criticism
        assert "Response stage\nHelpfulness" in here.criticism

        await here.at(NEAR_TIE)
        assert "▲ near tie" in here.text("#where")
        assert "a margin of 0.0040 may be rounding (below 0.01)" in here.numbers
        await here.at(FAILED)
        assert "✗ a stage failed" in here.text("#where")
        assert "unparsable: expected the headings" in here.numbers
        await here.at(TRUNCATED)
        assert "✂0." in here.numbers
        assert "✂ shown, IFD: of the beginning only" in here.numbers
        await here.at(UNSCORABLE)
        assert "original, IFD: no score; no token to score" in here.numbers
        await here.at(KEPT)
        assert here.part("response").has_class("-same")
        assert "○ kept" in here.numbers
        assert "margin −0.3000" in here.numbers
        await here.at(WAITING)
        assert here.head == "not refined yet"
        assert "not weighed yet" in here.numbers
        await here.press("a")
        assert "nothing to accept" in here.said
        await here.press("t")
        assert "no usable rewrite" in here.said
        assert here.index == WAITING

    go(scene(tmp_path), claims)


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

    async def claims(here: Here) -> None:
        assert "! Original: near duplicate\n  like 3, about 0.90\n" in here.numbers
        assert "! Original: personal data an e-mail address in the response, 2 times: m␛" in " ".join(
            here.numbers.split()
        )
        assert "\x1b" not in here.numbers
        await here.at(1)
        assert "Original:" not in here.numbers

    go(path, claims)


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

    async def claims(here: Here) -> None:
        await here.press("k")
        assert here.head == "‹ 5/5 › Your version  edited by hand", "what was decided is shown first"
        seen = [here.head]
        for _ in range(4):
            await here.press("comma")
            seen.insert(0, here.head)
        assert seen == [
            "‹ 1/5 › The student's choice  the original stays",
            "‹ 2/5 › The teacher's instruction  turned down by the student",
            "‹ 3/5 › The teacher's response  turned down by the student",
            "‹ 4/5 › Another response  asked again with: [b]shorter␛[2J",
            "‹ 5/5 › Your version  edited by hand",
        ]
        await here.press("left")
        assert "first version" in here.said
        await here.press("right")
        assert "weighed at its own stage" in here.numbers
        assert "0.7295" in here.numbers.splitlines()[1], "what the stage knew of it"
        await here.press("full_stop", "full_stop")
        assert here.criticism == "Response, asked again\nHelpfulness\nwordy"
        assert "0.8000" in here.numbers
        await here.press("a")
        decided = await here.review(KEPT)
        assert decided == Review(
            index=KEPT, decision=Decision.CHOSEN, version=asked.version, scores=WEIGHED
        ), "what is shown is taken, with the numbers that are known"

    go(path, claims, position=REPLACED + 2)


# Deciding


def test_a_decision_is_saved_at_once_and_leads_to_the_next_sample(tmp_path: Path) -> None:
    path = scene(tmp_path, reviewed=False)

    async def claims(here: Here) -> None:
        given = with_student(here)
        await here.press("a")
        assert here.index == 1
        with Workspace.read(path) as other:
            taken = other.reviews.standing(0)
            assert taken is not None
            assert taken.decision is Decision.ACCEPTED
            assert taken.version == other.outcome(other.latest_run(), 0).final  # type: ignore[union-attr]
        await here.press("t")
        chosen = await here.review(1)
        assert chosen is not None
        assert (chosen.decision, chosen.scores) == (Decision.CHOSEN, WEIGHED), "turned down, and yet taken"
        assert chosen.version.response.endswith("keep going.")
        assert given == [chosen.version]
        await here.press("o")
        kept = await here.review(2)
        assert kept is not None
        assert kept.decision is Decision.ORIGINAL
        assert here.index == 3
        await here.press("k")
        assert here.text("#decision") == "○ original kept"
        await here.press("x")
        assert await here.review(2) is None
        assert here.text("#decision") == "? not decided"
        await here.press("x")
        assert "nothing was decided" in here.said
        await here.press("u", "u")
        assert await here.review(2) is None
        assert here.text("#decision") == "? not decided", "taken back, and then the decision itself undone"
        await here.press("U")
        assert here.text("#decision") == "○ original kept"
        await here.at(23)
        await here.press("o")
        assert here.index == 23
        assert "the last sample of the list" in here.said

    go(path, claims)


def test_keys_that_come_too_soon_decide_nothing_that_was_not_seen(tmp_path: Path) -> None:
    async def claims(here: Here) -> None:
        here.screen.action_accept()
        here.screen.action_accept()
        await here.settled()
        assert here.index == 1
        assert await here.review(1) is None

    go(scene(tmp_path, reviewed=False), claims)


def test_leafing_goes_as_far_as_it_was_asked_to(tmp_path: Path) -> None:
    async def claims(here: Here) -> None:
        for _ in range(9):
            here.screen.action_next()
        here.screen.action_previous()
        await here.settled()
        assert here.index == 8
        await here.press("s")
        assert here.index == 9
        await here.press("n")
        assert here.index == 10, "the next that is refined and not decided on"
        await here.press("N")
        assert here.index == 18
        await here.at(0)
        await here.press("k")
        assert "the first sample" in here.said

    go(scene(tmp_path), claims)


def test_the_next_sample_is_the_next_of_the_list_though_this_one_leaves_it(tmp_path: Path) -> None:
    async def claims(here: Here) -> None:
        reader, undecided = here.workbench.reader, SampleFilter(marks=frozenset({FilterTerm.UNREVIEWED}))
        await reader.arrange(SampleColumn.NUMBER, descending=True, only=undecided)
        await here.at(18)
        place = here.text("#where")
        assert " of 18" in place
        await here.workbench.decide("elsewhere", [(18, await a_review(here, 18))])
        await reader.arrange(SampleColumn.NUMBER, descending=True, only=undecided)
        here.screen.post_message(WorkspaceChanged())
        await here.settled()
        assert (here.index, "left out of the list" in here.text("#where")) == (18, True)
        await here.press("j")
        assert here.index == 17
        await here.press("k")
        assert here.index == 19

    go(scene(tmp_path), claims)


def test_a_mix_takes_a_half_of_each_side_and_stays_to_show_its_numbers(tmp_path: Path) -> None:
    async def claims(here: Here) -> None:
        given = with_student(here)
        await here.press("m")
        assert isinstance(here.app.screen, MixDialog)
        await here.pilot.press("escape")
        await here.settled()
        assert await here.review(0) is None
        await here.press("m")
        await here.pilot.press("enter")
        await here.settled()
        mixed = await here.review(0)
        assert mixed is not None
        original = (await a_review(here, 0)).version
        assert mixed.version.instruction == original.instruction
        assert mixed.version.response.endswith("keep going.")
        assert (mixed.decision, mixed.scores) == (Decision.CHOSEN, WEIGHED)
        assert given == [mixed.version]
        assert (here.index, "Your mix" in here.head) == (0, True)
        assert "0.8000" in here.numbers
        await here.at(KEPT)
        await here.press("m")
        assert "both sides are the same" in here.said

    go(scene(tmp_path, reviewed=False), claims)


# Asking again


def test_another_rewrite_is_asked_for_with_a_remark_and_shown_when_it_comes(tmp_path: Path) -> None:
    new = Version(instruction="x", response="As asked.")

    async def claims(here: Here) -> None:
        asked: list[tuple[int, Version, Stage, str]] = []
        answer = asyncio.Event()

        async def regenerate(sample: int, version: Version, stage: Stage, remark: str) -> Candidate:
            asked.append((sample, version, stage, remark))
            await answer.wait()
            if remark == "worse":
                raise UnusableReply(Fault.REFUSAL, "the better response is a refusal")
            candidate = Candidate(stage=stage, version=new, critique={"Accuracy": "fine"}, remark=remark)
            await here.workbench._engine.call(
                here.workbench._open_workspace.reviews.keep_candidate, sample, candidate
            )
            return candidate

        vars(here.workbench)["regenerate"] = regenerate
        await here.pilot.press("r")
        assert isinstance(here.app.screen, AskAgainDialog)
        await here.pilot.press(*"brief", "tab", "right", "tab", "right", "enter")
        await here.pilot.pause()
        assert "The teacher was asked" in here.criticism
        await here.pilot.press("r")
        assert here.said == "the teacher is at it"
        reply = '{"instruction_critique": {"complexity_of_the_topic": "too pla'
        here.workbench.run_job._reported.append(ReplyGrew(0, Stage.INSTRUCTION, "reflect", reply))
        growing = "The teacher is writing: instruction stage\nComplexity of the Topic\ntoo pla▍"
        await here.until(lambda: growing in here.criticism)
        answer.set()
        await here.settled()
        original = (await a_review(here, 0)).version
        assert asked == [(0, original, Stage.INSTRUCTION, "brief")]
        assert "Another instruction  asked again with: brief" in here.head
        assert here.criticism == "Instruction, asked again\nAccuracy\nfine"
        await here.pilot.press("r")
        await here.pilot.press(*"worse", "enter")
        await here.settled()
        assert here.said == "sample 0: no new rewrite: the better response is a refusal"
        assert asked[1][1:3] == (new, Stage.RESPONSE), "starting from what was shown"

    go(scene(tmp_path), claims)


def test_the_criticism_grows_while_the_run_s_teacher_writes(tmp_path: Path) -> None:
    path = scene(tmp_path)

    async def claims(here: Here) -> None:
        said = here.workbench.run_job._reported
        said.append(ReplyGrew(WAITING, Stage.RESPONSE, "critique", "It is [/short\x1b[2J"))
        await here.until(lambda: not said)
        await here.at(WAITING)
        begun = "The teacher is writing: response stage\nCritique\nIt is [/short␛[2J"
        await here.until(lambda: here.criticism.startswith(begun))
        said.append(ReplyGrew(WAITING, Stage.RESPONSE, "critique", " and dry."))
        said.append(Generated(WAITING, Stage.RESPONSE, "critique", 9, 1.0))
        said.append(ReplyGrew(WAITING, Stage.RESPONSE, "improve", "Water"))
        said.append(ReplyGrew(KEPT, Stage.RESPONSE, "improve", "of another sample"))
        await here.until(lambda: "short␛[2J and dry.\nImprove\nWater" in here.criticism)
        assert "another" not in here.criticism
        sample = await here.workbench.reader.ask_workspace(lambda workspace: workspace.sample(WAITING))
        done = outcome(sample, "replaced")
        assert done is not None
        await here.workbench._engine.call(
            here.workbench._open_workspace.keep_outcome, here.workbench.run, done
        )
        said.append(Finished(done))
        await here.until(lambda: "The student's choice" in here.head)
        assert "writing" not in here.criticism

    go(path, claims)


def test_a_reply_is_read_as_far_as_it_has_come() -> None:
    reply = {"response_critique": {"helpfulness": 'a "q"', "accuracy": "b"}, "better_response": "c"}
    text = json.dumps(reply)
    for end in range(len(text) + 1):
        said = growing(text[:end])
        assert said is None or set(said) <= {"Helpfulness", "Accuracy", "Better response"}
    assert growing(text) == {"Helpfulness": 'a "q"', "Accuracy": "b", "Better response": "c"}
    assert growing("[Critique]\n...") is None
    assert growing("{not json") is None


# Heat map, copying, leaving


def test_the_heat_map_gets_every_version_the_shown_one_first(tmp_path: Path) -> None:
    async def claims(here: Here) -> None:
        await here.pilot.press("h")
        screen = here.app.screen
        assert isinstance(screen, HeatScreen)
        assert list(screen.versions) == ["The student's choice", "Original", "The teacher's instruction"]
        assert screen.sample == 0
        await here.pilot.press("escape")
        await here.settled()
        assert here.app.screen is here.screen
        await here.pilot.press("escape")
        assert here.app.screen is not here.screen

    go(scene(tmp_path), claims)


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

    async def claims(here: Here) -> None:
        sent: list[str] = []
        vars(here.app)["copy_to_clipboard"] = sent.append
        await here.press("y")
        assert "select some text" in here.said
        here.part("response").left.focus()
        script(folder / "xclip", f"cat > {got}")
        await here.press("y")
        assert here.said == "copied 26 characters"
        assert (got.read_text(), sent) == ("Eat well. Sleep. Exercise.", [])
        script(folder / "xclip", "exit 1")
        await here.press("y")
        assert here.said == "sent 26 characters to the terminal's clipboard"
        assert sent == ["Eat well. Sleep. Exercise."]
        monkeypatch.setenv("SSH_CONNECTION", "far away")
        assert clipboard.program() is None
        left = here.part("instruction").left
        await here.pilot.mouse_down(left, offset=(3, 0))
        await here.pilot.hover(left, offset=(7, 0))
        await here.pilot.mouse_up(left, offset=(7, 0))
        await here.press("y")
        assert sent[-1].startswith("Give"), "what is selected comes before the field"

    go(scene(tmp_path), claims)


# What must hold


def test_hostile_text_is_shown_and_acts_on_nothing(tmp_path: Path) -> None:
    rows = hostile.rows()
    path = scene(tmp_path, rows, ("replaced",), reviewed=False)

    async def claims(here: Here) -> None:
        for index in range(len(rows)):
            await here.at(index)
            painted = hostile.painted(here.app)
            assert not hostile.acting(painted), rows[index]
            assert any(f"Sample {index} " in line for line in painted)
        await here.at(1)
        await here.pilot.resize_terminal(100, 30)
        await here.pilot.resize_terminal(60, 20)
        assert any("[/" in line for line in hostile.painted(here.app))

    go(path, claims, size=(80, 24))


def test_sides_stand_beside_each_other_where_there_is_room(tmp_path: Path) -> None:
    async def claims(here: Here) -> None:
        def beside() -> bool:
            part = here.part("response")
            return part.left.region.y == part.right.region.y

        for width, expected in ((120, True), (99, False), (100, True), (80, False)):
            await here.pilot.resize_terminal(width, 24)
            await here.pilot.pause()
            assert beside() is expected, width
        assert "IFD 0.5500 → 0.6000 ▲    r-IFD 0.6000 → 0.5000 ▼" in here.text("#brief")
        assert here.screen.query_one("#brief").region.height == 1
        before = here.screen.query_one("#pages").scroll_y
        await here.pilot.press("pagedown")
        await here.pilot.pause(0.3)
        assert here.screen.query_one("#pages").scroll_y > before

    go(scene(tmp_path), claims)


def test_a_workspace_that_cannot_be_written_is_one_line_and_nothing_is_decided(tmp_path: Path) -> None:
    async def claims(here: Here) -> None:
        async def full(*_: object) -> int:
            raise BurnishError("w.burnish: database or disk is full; free some space")

        vars(here.workbench)["decide"] = full
        await here.press("o")
        assert here.said.startswith("w.burnish: database or disk is full")
        assert (here.index, await here.review(0)) == (0, None)

    go(scene(tmp_path, reviewed=False), claims)
