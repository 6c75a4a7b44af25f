"""The heat map: which words the other half makes easy, at a glance, by colour and without."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from textual.app import App

import tui.screens.heat.screen
from engine.method.token_gain import SampleHalf, Token, TokenGains
from engine.run.session import Session
from engine.sample import Loss, Ratio, Version
from engine.store.workspace import Workspace
from models.errors import BurnishError
from tests.factory import new_workspace
from tests.parts import in_part
from tests.tui.screens.heat_seat import (
    REWRITE,
    VERSION,
    HeatSeat,
    ScriptedWorkbench,
    half,
    heat,
)
from tests.tui.seat import SIZES
from tui.screens.heat.ramp import HeatMeasure

pytestmark = pytest.mark.usefixtures("nothing_of_the_user_s")


# What is seen


@in_part("size", reversed(SIZES))
def test_the_text_its_score_and_the_first_token_s_numbers_are_there(size: tuple[int, int]) -> None:
    async def steps(seat: HeatSeat) -> None:
        assert "The capital of France is Paris.↵" in seat.text
        response = heat(VERSION).response
        score = response.score
        assert score.alone is not None
        assert score.given is not None
        assert (
            f"IFD {score.value:.3f} = exp({score.given.mean:.3f} with − {score.alone.mean:.3f}" in seat.text
        )
        both = "What is the capital of France" in seat.text
        assert both == (size[0] >= 160), "both halves, where there is room"
        assert "r-IFD" in seat.text, "and both scores anywhere"
        assert seat.under_cursor() == " capital"  # the first that is scored
        assert "“␣capital”" in seat.panel("token")
        assert "token 2 of 34 · 8 bytes" in seat.panel("token")

    HeatSeat(size=size).play(steps)


@pytest.mark.whole
def test_above_each_word_stands_a_bar_solid_where_it_is_helped_and_grained_where_misled() -> None:
    async def steps(seat: HeatSeat) -> None:
        row = next(n for n, line in enumerate(seat.lines) if " Paris." in line)
        at = seat.lines[row].index("Paris")
        assert seat.lines[row - 1][at : at + 5] == "█████"
        start = seat.lines[row].index("The")
        assert seat.lines[row - 1][start : start + 3] == "╱╱╱", "the first token is not scored"
        row = next(n for n, line in enumerate(seat.lines) if " bread." in line)
        at = seat.lines[row].index("bread")
        assert seat.lines[row - 1][at : at + 5] == "▓▓▓▓▓"

    HeatSeat().play(steps)


def test_the_panel_says_what_a_token_gains_and_how_much_likelier_it_is() -> None:
    async def steps(seat: HeatSeat) -> None:
        await seat.press("n")
        assert seat.under_cursor() == " Paris"
        span = seat.map().spans[seat.map().cursor]
        assert span.alone is not None
        panel = seat.panel("token")
        assert f"{span.alone:.3f} nats" in panel
        assert re.search(r"helps +\+6\.250 nats +×518", panel)
        summary = seat.panel("summary")
        assert re.search(r"helps most\n +\+6\.25  “␣Paris”", summary)
        assert re.search(r"misleads most\n +−3\.50  “␣bread”", summary)
        log_ratio = heat(VERSION).response.score.log_ratio
        assert log_ratio is not None
        assert f"mean    +{-log_ratio:.3f} nats a token" in summary

    HeatSeat().play(steps)


# Going through it


def test_keys_go_by_token_and_by_line_and_to_what_stands_out() -> None:
    async def steps(seat: HeatSeat) -> None:
        await seat.press("l", "right")
        assert seat.under_cursor() == " France"
        await seat.press("h", "left", "left", "left")
        assert seat.under_cursor() == "The", "the text's start is the end of the way"
        assert "not scored" in seat.panel("token")
        await seat.press("j", "j")
        assert seat.under_cursor() == "It", (
            "past the empty line, whose break is one token with that before it"
        )
        await seat.press("k")
        assert seat.under_cursor() == "\n\n"
        await seat.press("up")
        assert seat.under_cursor() == "The"
        await seat.press("pagedown")
        assert seat.map().cursor > 20
        await seat.press("pageup", "n")
        assert seat.under_cursor() == " Paris"
        await seat.press("n", "n")
        assert seat.under_cursor() == " bread"
        await seat.press("n")
        assert seat.under_cursor() == " Paris", "around the end"
        await seat.press("N", "N")
        assert seat.under_cursor() == "It", "and back"

    HeatSeat().play(steps)


@pytest.mark.whole
def test_the_mouse_looks_and_chooses() -> None:
    async def steps(seat: HeatSeat) -> None:
        y, x = seat.map()._places[5]
        await seat.pilot.hover("#response", offset=(x + 1, 2 * y + 1))
        assert "“␣Paris”" in seat.panel("token")
        assert seat.under_cursor() == " capital", "looking moves no cursor"
        await seat.pilot.click("#response", offset=(x + 1, 2 * y))
        assert seat.under_cursor() == " Paris"
        await seat.pilot.click("#instruction", offset=(1, 0))
        assert seat.under_cursor("instruction") == "What"
        assert "“What”" in seat.panel("token")
        await seat.press("l")
        assert (seat.under_cursor("instruction"), seat.under_cursor()) == (" is", " Paris")

    HeatSeat(size=(200, 60)).play(steps)


def test_a_long_text_scrolls_with_the_cursor_and_stays_with_it_at_any_size() -> None:
    long = Version(instruction="Count.", response=" ".join(f"word{n}" for n in range(2500)))

    async def steps(seat: HeatSeat) -> None:
        await seat.press("N")
        for size in ((80, 24), (200, 60), (100, 30)):
            await seat.pilot.resize_terminal(*size)
            await seat.pilot.pause(0.05)
            assert seat.under_cursor().strip() in seat.text
        await seat.press("h", "k", "b")
        assert seat.under_cursor().strip() in seat.text

    HeatSeat(size=(80, 24), versions={"original": long}).play(steps)


# Another view


def test_v_goes_through_the_measures_and_tab_to_the_other_half() -> None:
    async def steps(seat: HeatSeat) -> None:
        assert "misleads" in seat.panel("scale")
        await seat.press("v")
        assert seat.map().measure is HeatMeasure.WITHOUT
        assert "surprising" in seat.panel("scale")
        await seat.press("tab")
        assert "r-IFD" in seat.text
        assert "What is the capital of France" in seat.text
        assert seat.map("instruction").measure is HeatMeasure.WITHOUT, "the measure is for both"
        await seat.press("v", "v", "tab")
        assert seat.map().measure is HeatMeasure.DIFFERENCE
        assert "What is the capital" not in seat.text

    HeatSeat().play(steps)


@pytest.mark.whole
def test_o_goes_through_the_versions_and_each_is_asked_for_once() -> None:
    workbench = ScriptedWorkbench()

    async def steps(seat: HeatSeat) -> None:
        assert "original" in seat.text
        for seen in (REWRITE, VERSION, REWRITE):
            await seat.press("full_stop")
            await seat.settled()
            assert seen.response[:20] in seat.text
        assert "the teacher's rewrite" in seat.text

    HeatSeat(workbench).play(steps)
    assert workbench.asked == [VERSION.response, REWRITE.response]


@pytest.mark.whole
def test_a_shorter_text_can_be_drawn_before_the_map_has_its_width_again() -> None:
    async def work(seat: HeatSeat) -> None:
        seat.map().display = False  # as while the student is asked about another version
        await seat.pilot.pause()
        assert seat.map().scrollable_content_region.width == 0
        await seat.press("full_stop")
        await seat.settled()
        assert seat.map().text is not None
        for row in range(20):
            assert not seat.map().render_line(row).text.strip()
        seat.map().display = True
        await seat.pilot.pause()
        assert "Paris" in seat.map().render_line(1).text

    HeatSeat().play(work)


@pytest.mark.whole
def test_b_hides_the_bars_but_not_where_they_are_all_there_is(monkeypatch: pytest.MonkeyPatch) -> None:
    async def hidden(theme: str) -> bool:
        async with HeatSeat(theme=theme) as seat:
            await seat.press("b")
            return seat.map().bars is False

    assert asyncio.run(hidden("burnish"))
    assert not asyncio.run(hidden("ansi-dark"))
    monkeypatch.setenv("NO_COLOR", "1")
    assert not asyncio.run(hidden("burnish"))


@pytest.mark.whole
def test_y_copies_the_table_and_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    copied = []

    async def copy(app: App[Any], text: str) -> str:
        copied.append(text)
        return "copied"

    monkeypatch.setattr(tui.screens.heat.screen, "copy", copy)

    async def steps(seat: HeatSeat) -> None:
        await seat.press("y")
        await seat.settled()
        assert seat.toasts == ["copied"]

    HeatSeat().play(steps)
    (text,) = copied
    assert len(text.splitlines()) == 35
    assert "6\t Paris\t6\t" in text


# States


@pytest.mark.whole
def test_while_the_student_is_asked_it_says_so_and_one_can_leave() -> None:
    async def never(version: Version) -> TokenGains:
        await asyncio.sleep(600)
        raise AssertionError

    workbench = ScriptedWorkbench(never)
    workbench.settings = workbench.settings.model_copy(
        update={"student": workbench.settings.student.model_copy(update={"name": "my[/]student"})}
    )

    async def steps(seat: HeatSeat) -> None:
        assert "Asking the student, my[/]student" in seat.text
        await seat.press("n", "l", "j", "v", "tab", "y", "b")
        assert "Asking the student, my[/]student" in seat.text
        await seat.press("escape")
        assert seat.app.screen is not seat.screen

    HeatSeat(workbench, wait=False).play(steps)


@pytest.mark.whole
def test_one_can_go_back_to_a_version_while_another_is_waited_for() -> None:
    async def never(version: Version) -> TokenGains:
        await asyncio.sleep(600)
        raise AssertionError

    async def steps(seat: HeatSeat) -> None:
        await seat.press("full_stop")
        assert "Asking the student" in seat.text
        await seat.press("full_stop")
        await seat.pilot.pause(0.4)
        assert "The capital of France is Paris." in seat.text
        assert "Asking the student" not in seat.text

    HeatSeat(ScriptedWorkbench(lambda version: heat(version) if version is VERSION else never(version))).play(
        steps
    )


@pytest.mark.whole
def test_an_error_is_told_in_the_map_s_place_and_another_version_may_do_better() -> None:
    def answer(version: Version) -> TokenGains:
        if version is VERSION:
            raise BurnishError("x.gguf: llama.cpp died \x1b[31m[/red] of it; see burnish doctor")
        return heat(version)

    async def steps(seat: HeatSeat) -> None:
        assert "llama.cpp died ␛[31m[/red] of it" in " ".join(seat.text.split())
        await seat.press("full_stop")
        await seat.settled()
        assert "Paris, on the river Seine." in seat.text

    HeatSeat(ScriptedWorkbench(answer), size=(80, 24)).play(steps)


@pytest.mark.whole
def test_reasoning_is_named_where_it_was_context() -> None:
    def reasoned(version: Version) -> TokenGains:
        gains = heat(version)
        return replace(gains, response=replace(gains.response, reasoned=True))

    async def steps(seat: HeatSeat) -> None:
        assert "with and without the instruction and the reasoning" in seat.text
        await seat.press("tab")
        await seat.settled()
        assert "with and without the response" in seat.text
        assert "reasoning" not in seat.text

    HeatSeat(ScriptedWorkbench(reasoned), size=(80, 24)).play(steps)


@pytest.mark.whole
def test_with_no_student_it_says_what_to_give(tmp_path: Path) -> None:
    workbench = ScriptedWorkbench()

    async def steps(seat: HeatSeat) -> None:
        assert "no student: give --student" in " ".join(seat.text.split())

    with Workspace.open(new_workspace(tmp_path / "w.burnish")) as opened:
        workbench.answer = lambda version: Session(opened, workbench.settings, print).heat(0, version)
        HeatSeat(workbench).play(steps)


@pytest.mark.whole
def test_a_text_that_was_cut_is_shown_whole_and_says_from_where_on_it_is_not_scored() -> None:
    def answer(version: Version) -> TokenGains:
        return TokenGains(half(version.response, kept=10), half(version.instruction))

    async def steps(seat: HeatSeat) -> None:
        assert "not scored from token 11 of 34 on" in seat.text
        assert "its bridges and its bread." in seat.text
        await seat.press(*["l"] * 20)
        assert seat.map().cursor == 9

    HeatSeat(ScriptedWorkbench(answer)).play(steps)


def test_without_a_score_it_says_why() -> None:
    def answer(version: Version) -> TokenGains:
        return TokenGains(half("x", reason="no token to score"), half("", reason="the text is empty"))

    async def steps(seat: HeatSeat) -> None:
        assert "no IFD: no token to score" in seat.text
        assert "no r-IFD: the text is empty" in seat.text
        await seat.press("n", "j", "k", "l", "pagedown", "tab", "n", "j", "k", "h", "pageup", "v")

    HeatSeat(ScriptedWorkbench(answer), size=(160, 40)).play(steps)


HOSTILE = (
    "[/] [INST] [@click=app.quit]x[/] \x1b[2J\x1b]0;owned\x07 \x9b31m \x7f \x00 \u202eevil\u202c "
    "👨\u200d👩\u200d👧 ❤\ufe0f 🇫🇷 e\u0301 漢字かな交じり文 \ud800 \u2028 a\tb\r\n" + "x" * 3000
)


@in_part("theme", ["burnish", "ansi-dark"])
def test_hostile_text_is_shown_and_acts_on_nothing(theme: str) -> None:
    tokens = [Token(c, 1, 2.0, 1.0) for c in HOSTILE]
    score = Ratio(value=0.5, log_ratio=-1.0, alone=Loss(mean=2, scored=9), given=Loss(mean=1, scored=9))
    found = SampleHalf(tokens, len(tokens), "\x1b[0m" + "y" * 200_000, score)

    workbench = ScriptedWorkbench(lambda _: TokenGains(found, found))

    async def steps(seat: HeatSeat) -> None:
        for keys in (["l"] * 12, ["n", "j", "v"], ["tab", "j", "j", "b"]):
            await seat.press(*keys)
            assert not re.search("[\x00-\x09\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2028\ud800-\udfff]", seat.text)
            assert all(len(strip) for strip in seat.lines)
        assert "[/]" in seat.text

    HeatSeat(workbench, (80, 24), {"\x1b[/]\x9b[b]": VERSION}, theme).play(steps)


@pytest.mark.whole
def test_a_long_text_is_moved_through_without_setting_it_again(monkeypatch: pytest.MonkeyPatch) -> None:
    long = Version(instruction="Count.", response=" ".join(f"word{n}" for n in range(10_000)))
    set_again: list[Sequence[object]] = []

    async def steps(seat: HeatSeat) -> None:
        await seat.press("tab", "tab")
        monkeypatch.setattr(
            "tui.screens.heat.map.lay_out",
            lambda *a: set_again.append(a) or [[]],  # type: ignore[func-returns-value]
        )
        await seat.press("n", "pagedown", "v", "b", "tab", "tab", "j", "l")
        assert seat.under_cursor().strip() in seat.text

    HeatSeat(size=(120, 40), versions={"original": long}).play(steps)
    assert not set_again
