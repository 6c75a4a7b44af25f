"""The heat map: which words the other half makes easy, at a glance, by colour and without."""

from __future__ import annotations

import asyncio
import math
import random
import re
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from textual.app import App
from textual.pilot import Pilot
from textual.widgets import Static

import tui.screens.heat.screen
from engine.method.token_gain import SampleHalf, Token, TokenGains
from engine.run.session import Session
from engine.sample import Loss, Ratio, Version
from models.errors import BurnishError
from tui.keys.keymap import load_keymap
from tui.screens.heat.map import HeatMap
from tui.screens.heat.ramp import HeatMeasure
from tui.screens.heat.screen import HeatScreen
from tui.state.workbench import Workbench
from tui.themes import THEMES

RESPONSE = (
    "The capital of France is Paris.\n\nIt lies on the Seine, and some two million people live there. "
    "Visitors come for its museums, its bridges and its bread."
)
VERSION = Version(instruction="What is the capital of France, and where does it lie?", response=RESPONSE)
REWRITE = Version(instruction="Name the capital of France.", response="Paris, on the river Seine.")
VERSIONS = {"original": VERSION, "the teacher's rewrite": REWRITE}


def half(
    text: str,
    *,
    gains: dict[str, float] | None = None,
    seed: int = 0,
    kept: int | None = None,
    reason: str | None = None,
) -> SampleHalf:
    """Word by word, with made-up losses; `gains` of the words it names."""
    dice, found = random.Random(seed), []
    words = re.findall(r" ?\w+|\s+|[^\w\s]", text)
    for number, word in enumerate(words[:kept]):
        alone = round(dice.uniform(0.2, 9.0), 3)
        gain = (gains or {}).get(word, round(dice.gauss(0.5, 0.5), 3))
        scored = (alone + max(gain, 0.0), alone + max(-gain, 0.0)) if number else (None, None)
        found.append(Token(word, len(word.encode("utf-8", "replace")), *scored))
    known = [t for t in found if t.alone is not None and t.given is not None]
    rest = "".join(words[len(found) :])
    if reason is not None:
        return SampleHalf(found, len(words), rest, Ratio(value=None, reason=reason))
    alone = sum(t.alone or 0.0 for t in known) / len(known)
    given = sum(t.given or 0.0 for t in known) / len(known)
    score = Ratio(
        value=math.exp(given - alone),
        log_ratio=given - alone,
        alone=Loss(mean=alone, scored=len(known)),
        given=Loss(mean=given, scored=len(known)),
        truncated=bool(rest),
    )
    return SampleHalf(found, len(words), rest, score)


def heat(version: Version) -> TokenGains:
    return TokenGains(
        half(version.response, gains={" Paris": 6.25, " bread": -3.5}), half(version.instruction, seed=1)
    )


class Asked(Workbench):
    """A workbench whose student says what it is told to; `asked`: for which responses."""

    def __init__(self, answer: Callable[[Version], TokenGains | Awaitable[TokenGains]] = heat) -> None:
        super().__init__()
        self.answer = answer
        self.asked: list[str] = []

    async def heat(self, sample: int, version: Version) -> TokenGains:
        self.asked.append(version.response)
        answer = self.answer(version)
        return answer if isinstance(answer, TokenGains) else await answer


class Host(App[None]):
    CSS_PATH = Path(tui.screens.heat.screen.__file__).parents[2] / "app.tcss"
    HORIZONTAL_BREAKPOINTS = [(0, "-narrow"), (100, "-normal"), (160, "-wide")]  # noqa: RUF012 - Textual's

    def __init__(self, heat: HeatScreen, theme: str) -> None:
        super().__init__()
        self.heat, self._first_theme = heat, theme

    def on_mount(self) -> None:
        for theme in THEMES:
            self.register_theme(theme)
        self.theme = self._first_theme
        self.push_screen(self.heat)


class Scene:
    """The screen as a person sees it."""

    def __init__(self, app: Host, pilot: Pilot[None]) -> None:
        self.app, self.pilot, self.screen = app, pilot, app.heat

    async def press(self, *keys: str) -> None:
        await self.pilot.press(*keys)
        await self.pilot.pause()

    @property
    def seen(self) -> list[str]:
        return [strip.text for strip in self.app.screen._compositor.render_strips()]

    @property
    def text(self) -> str:
        return "\n".join(self.seen)

    def map(self, name: str = "response") -> HeatMap:
        return self.screen.query_one(f"#{name}", HeatMap)

    def under_cursor(self, name: str = "response") -> str:
        heat_map = self.map(name)
        return heat_map.spans[heat_map.cursor].text

    def panel(self, name: str) -> str:
        return str(self.screen.query_one(f"#heat-{name}", Static).content)


@asynccontextmanager
async def scene(
    workbench: Workbench | None = None,
    size: tuple[int, int] = (120, 40),
    versions: dict[str, Version] = VERSIONS,
    theme: str = "burnish",
    *,
    wait: bool = True,
) -> AsyncIterator[Scene]:
    app = Host(HeatScreen(workbench or Asked(), load_keymap(), 3, versions), theme)
    async with app.run_test(size=size) as pilot:
        await pilot.pause()
        if wait:
            await app.workers.wait_for_complete()
        await pilot.pause()
        yield Scene(app, pilot)


def played(play: Callable[[], Awaitable[None]]) -> None:
    async def main() -> None:
        await play()

    asyncio.run(main())


@pytest.fixture(autouse=True)
def nothing_of_the_users(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "config.toml").touch()
    monkeypatch.setenv("BURNISH_CONFIG", str(tmp_path / "config.toml"))
    monkeypatch.setenv("BURNISH_STATE", str(tmp_path / "state"))


# What is seen


@pytest.mark.parametrize("size", [(80, 24), (120, 40), (200, 60)])
def test_the_text_its_score_and_the_first_token_s_numbers_are_there(size: tuple[int, int]) -> None:
    async def play() -> None:
        async with scene(size=size) as s:
            assert "The capital of France is Paris.↵" in s.text
            response = heat(VERSION).response
            score = response.score
            assert score.alone is not None
            assert score.given is not None
            assert (
                f"IFD {score.value:.3f} = exp({score.given.mean:.3f} with − {score.alone.mean:.3f}" in s.text
            )
            both = "What is the capital of France" in s.text
            assert both == (size[0] >= 160), "both halves, where there is room"
            assert "r-IFD" in s.text, "and both scores anywhere"
            assert s.under_cursor() == " capital"  # the first that is scored
            assert "“␣capital”" in s.panel("token")
            assert "token 2 of 34 · 8 bytes" in s.panel("token")

    played(play)


def test_above_each_word_stands_a_bar_solid_where_it_is_helped_and_grained_where_misled() -> None:
    async def play() -> None:
        async with scene() as s:
            row = next(n for n, line in enumerate(s.seen) if " Paris." in line)
            at = s.seen[row].index("Paris")
            assert s.seen[row - 1][at : at + 5] == "█████"
            start = s.seen[row].index("The")
            assert s.seen[row - 1][start : start + 3] == "╱╱╱", "the first token is not scored"
            row = next(n for n, line in enumerate(s.seen) if " bread." in line)
            at = s.seen[row].index("bread")
            assert s.seen[row - 1][at : at + 5] == "▓▓▓▓▓"

    played(play)


def test_the_panel_says_what_a_token_gains_and_how_much_likelier_it_is() -> None:
    async def play() -> None:
        async with scene() as s:
            await s.press("n")
            assert s.under_cursor() == " Paris"
            span = s.map().spans[s.map().cursor]
            assert span.alone is not None
            panel = s.panel("token")
            assert f"{span.alone:.3f} nats" in panel
            assert re.search(r"helps +\+6\.250 nats +×518", panel)
            summary = s.panel("summary")
            assert re.search(r"helps most\n +\+6\.25  “␣Paris”", summary)
            assert re.search(r"misleads most\n +−3\.50  “␣bread”", summary)
            log_ratio = heat(VERSION).response.score.log_ratio
            assert log_ratio is not None
            assert f"mean    +{-log_ratio:.3f} nats a token" in summary

    played(play)


# Going through it


def test_keys_go_by_token_and_by_line_and_to_what_stands_out() -> None:
    async def play() -> None:
        async with scene() as s:
            await s.press("l", "right")
            assert s.under_cursor() == " France"
            await s.press("h", "left", "left", "left")
            assert s.under_cursor() == "The", "the text's start is the end of the way"
            assert "not scored" in s.panel("token")
            await s.press("j", "j")
            assert s.under_cursor() == "It", (
                "past the empty line, whose break is one token with that before it"
            )
            await s.press("k")
            assert s.under_cursor() == "\n\n"
            await s.press("up")
            assert s.under_cursor() == "The"
            await s.press("pagedown")
            assert s.map().cursor > 20
            await s.press("pageup", "n")
            assert s.under_cursor() == " Paris"
            await s.press("n", "n")
            assert s.under_cursor() == " bread"
            await s.press("n")
            assert s.under_cursor() == " Paris", "around the end"
            await s.press("N", "N")
            assert s.under_cursor() == "It", "and back"

    played(play)


def test_the_mouse_looks_and_chooses() -> None:
    async def play() -> None:
        async with scene(size=(200, 60)) as s:
            y, x = s.map()._places[5]
            await s.pilot.hover("#response", offset=(x + 1, 2 * y + 1))
            assert "“␣Paris”" in s.panel("token")
            assert s.under_cursor() == " capital", "looking moves no cursor"
            await s.pilot.click("#response", offset=(x + 1, 2 * y))
            assert s.under_cursor() == " Paris"
            await s.pilot.click("#instruction", offset=(1, 0))
            assert s.under_cursor("instruction") == "What"
            assert "“What”" in s.panel("token")
            await s.press("l")
            assert (s.under_cursor("instruction"), s.under_cursor()) == (" is", " Paris")

    played(play)


def test_a_long_text_scrolls_with_the_cursor_and_stays_with_it_at_any_size() -> None:
    long = Version(instruction="Count.", response=" ".join(f"word{n}" for n in range(2500)))

    async def play() -> None:
        async with scene(size=(80, 24), versions={"original": long}) as s:
            await s.press("N")
            for size in ((80, 24), (200, 60), (100, 30)):
                await s.pilot.resize_terminal(*size)
                await s.pilot.pause(0.05)
                assert s.under_cursor().strip() in s.text
            await s.press("h", "k", "b")
            assert s.under_cursor().strip() in s.text

    played(play)


# Another view


def test_v_goes_through_the_measures_and_tab_to_the_other_half() -> None:
    async def play() -> None:
        async with scene() as s:
            assert "misleads" in s.panel("scale")
            await s.press("v")
            assert s.map().measure is HeatMeasure.WITHOUT
            assert "surprising" in s.panel("scale")
            await s.press("tab")
            assert "r-IFD" in s.text
            assert "What is the capital of France" in s.text
            assert s.map("instruction").measure is HeatMeasure.WITHOUT, "the measure is for both"
            await s.press("v", "v", "tab")
            assert s.map().measure is HeatMeasure.DIFFERENCE
            assert "What is the capital" not in s.text

    played(play)


def test_o_goes_through_the_versions_and_each_is_asked_for_once() -> None:
    workbench = Asked()

    async def play() -> None:
        async with scene(workbench) as s:
            assert "original" in s.text
            for seen in (REWRITE, VERSION, REWRITE):
                await s.press("o")
                await s.app.workers.wait_for_complete()
                await s.pilot.pause()
                assert seen.response[:20] in s.text
            assert "the teacher's rewrite" in s.text

    played(play)
    assert workbench.asked == [VERSION.response, REWRITE.response]


def test_b_hides_the_bars_but_not_where_they_are_all_there_is(monkeypatch: pytest.MonkeyPatch) -> None:
    async def hidden(theme: str) -> bool:
        async with scene(theme=theme) as s:
            await s.press("b")
            return s.map().bars is False

    assert asyncio.run(hidden("burnish"))
    assert not asyncio.run(hidden("ansi-dark"))
    monkeypatch.setenv("NO_COLOR", "1")
    assert not asyncio.run(hidden("burnish"))


def test_y_copies_the_table_and_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    copied = []

    async def copy(app: App[Any], text: str) -> str:
        copied.append(text)
        return "copied"

    monkeypatch.setattr(tui.screens.heat.screen, "copy", copy)

    async def play() -> None:
        async with scene() as s:
            await s.press("y")
            await s.app.workers.wait_for_complete()
            await s.pilot.pause()
            assert [n.message for n in s.app._notifications] == ["copied"]

    played(play)
    (text,) = copied
    assert len(text.splitlines()) == 35
    assert "6\t Paris\t6\t" in text


# States


def test_while_the_student_is_asked_it_says_so_and_one_can_leave() -> None:
    async def never(version: Version) -> TokenGains:
        await asyncio.sleep(600)
        raise AssertionError

    async def play() -> None:
        workbench = Asked(never)
        workbench.settings = workbench.settings.model_copy(
            update={"student": workbench.settings.student.model_copy(update={"name": "my[/]student"})}
        )
        async with scene(workbench, wait=False) as s:
            assert "Asking the student, my[/]student" in s.text
            await s.press("n", "l", "j", "v", "tab", "y", "b")
            assert "Asking the student, my[/]student" in s.text
            await s.press("escape")
            assert s.app.screen is not s.screen

    played(play)


def test_one_can_go_back_to_a_version_while_another_is_waited_for() -> None:
    async def never(version: Version) -> TokenGains:
        await asyncio.sleep(600)
        raise AssertionError

    async def play() -> None:
        async with scene(Asked(lambda version: heat(version) if version is VERSION else never(version))) as s:
            await s.press("o")
            assert "Asking the student" in s.text
            await s.press("o")
            await s.pilot.pause(0.4)
            assert "The capital of France is Paris." in s.text
            assert "Asking the student" not in s.text

    played(play)


def test_an_error_is_told_in_the_map_s_place_and_another_version_may_do_better() -> None:
    def answer(version: Version) -> TokenGains:
        if version is VERSION:
            raise BurnishError("x.gguf: llama.cpp died \x1b[31m[/red] of it; see burnish doctor")
        return heat(version)

    async def play() -> None:
        async with scene(Asked(answer), size=(80, 24)) as s:
            assert "llama.cpp died ␛[31m[/red] of it" in " ".join(s.text.split())
            await s.press("o")
            await s.app.workers.wait_for_complete()
            await s.pilot.pause()
            assert "Paris, on the river Seine." in s.text

    played(play)


def test_with_no_student_it_says_what_to_give() -> None:
    async def play() -> None:
        workbench = Asked()
        workbench.answer = lambda version: Session(None, workbench.settings, print).heat(0, version)  # type: ignore[arg-type]
        async with scene(workbench) as s:
            assert "no student: give --student" in " ".join(s.text.split())

    played(play)


def test_a_text_that_was_cut_is_shown_whole_and_says_from_where_on_it_is_not_scored() -> None:
    def answer(version: Version) -> TokenGains:
        return TokenGains(half(version.response, kept=10), half(version.instruction))

    async def play() -> None:
        async with scene(Asked(answer)) as s:
            assert "not scored from token 11 of 34 on" in s.text
            assert "its bridges and its bread." in s.text
            await s.press(*["l"] * 20)
            assert s.map().cursor == 9

    played(play)


def test_without_a_score_it_says_why() -> None:
    def answer(version: Version) -> TokenGains:
        return TokenGains(half("x", reason="no token to score"), half("", reason="the text is empty"))

    async def play() -> None:
        async with scene(Asked(answer), size=(160, 40)) as s:
            assert "no IFD: no token to score" in s.text
            assert "no r-IFD: the text is empty" in s.text
            await s.press("n", "j", "k", "l", "pagedown", "tab", "n", "j", "k", "h", "pageup", "v")

    played(play)


HOSTILE = (
    "[/] [INST] [@click=app.quit]x[/] \x1b[2J\x1b]0;owned\x07 \x9b31m \x7f \x00 \u202eevil\u202c "
    "👨\u200d👩\u200d👧 ❤\ufe0f 🇫🇷 e\u0301 漢字かな交じり文 \ud800 \u2028 a\tb\r\n" + "x" * 3000
)


@pytest.mark.parametrize("theme", ["burnish", "ansi-dark"])
def test_hostile_text_is_shown_and_acts_on_nothing(theme: str) -> None:
    tokens = [Token(c, 1, 2.0, 1.0) for c in HOSTILE]
    score = Ratio(value=0.5, log_ratio=-1.0, alone=Loss(mean=2, scored=9), given=Loss(mean=1, scored=9))
    found = SampleHalf(tokens, len(tokens), "\x1b[0m" + "y" * 200_000, score)

    async def play() -> None:
        workbench = Asked(lambda _: TokenGains(found, found))
        async with scene(workbench, (80, 24), {"\x1b[/]\x9b[b]": VERSION}, theme) as s:
            for keys in (["l"] * 12, ["n", "j", "v"], ["tab", "j", "j", "b"]):
                await s.press(*keys)
                assert not re.search("[\x00-\x09\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2028\ud800-\udfff]", s.text)
                assert all(len(strip) for strip in s.seen)
            assert "[/]" in s.text

    played(play)


def test_a_long_text_is_moved_through_without_setting_it_again(monkeypatch: pytest.MonkeyPatch) -> None:
    long = Version(instruction="Count.", response=" ".join(f"word{n}" for n in range(10_000)))
    set_again: list[Sequence[object]] = []

    async def play() -> None:
        async with scene(size=(120, 40), versions={"original": long}) as s:
            await s.press("tab", "tab")
            monkeypatch.setattr(
                "tui.screens.heat.map.lay_out",
                lambda *a: set_again.append(a) or [[]],  # type: ignore[func-returns-value]
            )
            await s.press("n", "pagedown", "v", "b", "tab", "tab", "j", "l")
            assert s.under_cursor().strip() in s.text

    played(play)
    assert not set_again
