"""The Distribution screen: pictures of what is there, and a threshold that says what would be exported."""

from __future__ import annotations

import math
import shlex
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
from textual.events import AppBlur, AppFocus
from textual.widgets import Input

from engine.events import Finished
from engine.run.opening import open_workspace
from engine.sample import Decision
from engine.store.distribution import Distribution, Spread
from engine.store.leaving import ExportRule, count_exported, exported
from engine.store.workspace import Workspace
from tests.command import burnish
from tests.factory import outcome, recipe, review
from tests.running import dataset, demo_rows
from tests.scene import scene
from tests.tui.seat import SIZES, Seat
from tui.messages import EngineReported
from tui.screens.distribution import screen as of_screen
from tui.screens.distribution.flow import draw_flow, percent
from tui.screens.distribution.scatter import ScatterPlot
from tui.screens.distribution.screen import DistributionScreen
from tui.screens.distribution.threshold_bar import ThresholdBar
from tui.state import recount
from tui.text.axis import linear_ticks, log_ticks
from tui.widgets.histogram import HistogramBars, HistogramPlot, HistogramSide
from tui.widgets.measure_plot import IFD, marked_median
from tui.widgets.plot import Canvas

pytestmark = pytest.mark.usefixtures("nothing_of_the_user_s")


class DistributionSeat(Seat):
    async def arrive(self) -> None:
        self.app.action_go_distribution()
        if self.workbench.run is not None:
            await self.counted()

    @property
    def screen(self) -> DistributionScreen:
        assert isinstance(self.app.screen, DistributionScreen)
        return self.app.screen

    async def counted(self) -> None:
        """Wait until what there is was counted and drawn."""
        await self.until(lambda: "finished" in self.shown("#status") and self.shown("#command") != "")

    @property
    def kept(self) -> str:
        """The line that says how many samples the rule and the threshold keep."""
        return self.shown("#kept")


def keeps(path: Path, rule: ExportRule) -> int:
    with Workspace.read(path) as opened:
        return count_exported(opened, opened.latest_run(), rule)


def test_every_picture_is_there_at_every_size_and_needs_no_colours(tmp_path: Path) -> None:
    path = scene(tmp_path)

    async def steps(seat: DistributionSeat) -> None:
        for size in (*SIZES, (40, 12), (8, 4), SIZES[1]):
            await seat.pilot.resize_terminal(*size)
            await seat.pilot.pause(0.1)
            for picture in seat.screen.query("HistogramPlot, ScatterPlot, FlowDiagram"):
                lines = str(picture.render()).split("\n")
                assert max(map(len, lines)) <= max(picture.size.width, 0), size
        await seat.counted()
        assert seat.shown("#status") == "21 finished, 3 waiting"
        ifd = seat.shown("#ifd")
        assert "after · median 0.708" in ifd
        assert "before · median 0.655" in ifd
        assert "3 → 1 unscored" in ifd
        assert "median 36" in seat.shown("#length")
        assert "as it was · 3" in seat.shown("#scatter")
        assert "rewritten · 17" in seat.shown("#scatter")
        assert "89% of 18 rewritten grew" in seat.shown("#growth")
        assert "Too few to tell" in seat.shown("#growth")
        flow = seat.shown("#flow")
        for words in ("original", "21", "replaced", "kept", "failed 3"):
            assert words in flow

        lines = ifd.split("\n")
        axis = next(number for number, line in enumerate(lines) if "──" in line)
        above, below = ("".join(part) for part in (lines[1:axis], lines[axis + 1 :]))
        assert set("▁▂▃▄▅▆▇█") & set(above)
        assert not set("⠉⠛⠿⣿") & set(above)
        assert set("⠉⠛⠿⣿") & set(below)
        assert not set("▁▂▃▄▅▆▇█") & set(below)

    DistributionSeat(path, size=SIZES[0]).play(steps)


def test_how_far_scores_and_verdicts_go_with_length_is_told(tmp_path: Path) -> None:
    path = scene(tmp_path, kinds=("by length", "replaced"))

    async def steps(seat: DistributionSeat) -> None:
        await seat.counted()
        told = " ".join(seat.shown("#by_length").split())
        assert "IFD before +0.21 of 24 after" in told
        assert "margins IFD no spread, 24 r-IFD no spread, 24" in told
        assert "The longer response stays in 24 of 24; whole and equal length differ in 12 of 12" in told

    DistributionSeat(path).play(steps)


def test_no_picture_has_a_median_of_fewer_than_ten_samples() -> None:
    plot = HistogramPlot("IFD", "", linear_ticks, id="ifd")
    for number, told in ((9, "as it is · 9, no median below 10"), (10, "as it is · median 0.500")):
        median = marked_median(IFD, Spread(number, 0, 0.4, 0.5, 0.6))
        side = HistogramSide("as it is", (number,), number, median)
        canvas = Canvas(60, 8)
        plot.data = HistogramBars(0.0, 1.0, side, None)
        plot.draw(canvas, plot.data)
        assert told in canvas.content().plain


@pytest.mark.whole
def test_the_threshold_is_moved_by_keys_typed_and_dragged(tmp_path: Path) -> None:
    path = scene(tmp_path)

    async def steps(seat: DistributionSeat) -> None:
        picture = seat.screen.query_one("#ifd", HistogramPlot)
        assert seat.kept.startswith("top 5% keeps 2 of 24 samples")
        assert seat.shown("#command").endswith("--rule top")

        await seat.pilot.press("left")
        assert picture.threshold is None, "there is nothing below nothing"
        await seat.pilot.press("right", *["l"] * 5)
        await seat.until(lambda: "IFD ≥" in seat.kept)
        threshold = picture.threshold
        assert threshold is not None
        assert "│" in seat.shown("#ifd")
        assert "◆" in seat.shown("#ifd")
        await seat.pilot.press("h")
        assert picture.threshold == pytest.approx(threshold - picture.step)
        await seat.pilot.press(*["left"] * 8)
        assert picture.threshold is None
        await seat.until(lambda: "top 5% keeps" in seat.kept)

        await seat.pilot.press("colon", *"0.7", "enter")
        assert picture.threshold == 0.7
        for wrong in ("much", "nan", "1e999"):
            await seat.pilot.press("colon", *["backspace"] * 6, *wrong, "enter")
            assert isinstance(seat.app.focused, Input), "it stays to be mended"
            assert picture.threshold == 0.7
        await seat.pilot.press("escape")
        assert seat.app.focused is None
        assert picture.threshold == 0.7, "leaving changes nothing"
        line = seat.screen.query_one(Input)
        await seat.pilot.press("colon")
        assert line.value == "1e999", "what was half typed stands there again"
        for away in (AppBlur(), AppFocus()):  # to another window and back
            seat.app.post_message(away)
            await seat.pilot.pause()
        await seat.pilot.press("0", "escape", "4", "colon")
        assert line.value == "1e9990"
        await seat.pilot.press("escape", "right", "colon")
        assert line.value == f"{picture.threshold:g}", "the threshold has moved since"
        await seat.pilot.press(*["backspace"] * 6, "enter")
        assert picture.threshold is None

        await seat.pilot.mouse_down("#r_ifd", offset=(30, 3))
        await seat.pilot.mouse_up("#r_ifd", offset=(30, 3))
        assert picture.threshold is None, "it is a threshold on IFD"
        await seat.pilot.mouse_down("#ifd", offset=(20, 3))
        first = picture.threshold
        await seat.pilot.hover("#ifd", offset=(40, 3))
        second = picture.threshold
        await seat.pilot.mouse_up("#ifd", offset=(40, 3))
        await seat.pilot.hover("#ifd", offset=(10, 3))
        assert first is not None
        assert second is not None
        assert first < second == picture.threshold, "it stays where it was let go"
        await seat.until(lambda: f"IFD ≥ {second:g} keeps" in seat.kept)

    DistributionSeat(path).play(steps)


def test_what_it_says_is_kept_is_what_the_command_exports(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = scene(tmp_path)
    copied: list[str] = []

    async def copy(app: object, text: str) -> str:
        copied.append(text)
        return "copied"

    monkeypatch.setattr(of_screen, "copy", copy)
    label: list[str] = []

    async def steps(seat: DistributionSeat) -> None:
        for rule in (*ExportRule, ExportRule.ALL):
            await seat.pilot.press("r")
            await seat.wait_for(f"--rule {rule}", within="#command")
            assert f"[{rule}]" in seat.shown("#rules")
            kept = 2 if rule is ExportRule.TOP else keeps(path, rule)
            assert f"{kept} of 24 samples" in seat.kept
        await seat.pilot.press("colon", *"0.7", "enter")
        await seat.until(lambda: "of them have IFD ≥ 0.7" in seat.kept)
        await seat.pilot.press("y", "r", "r", "r", "r")
        for typed in ("0.5", "0,7", "0.8333"):
            await seat.pilot.press("colon", *["backspace"] * 6, *typed, "enter")
            await seat.wait_for(f"IFD ≥ {typed.replace(',', '.')} keeps", within="#kept")
            assert "…" in seat.shown("#command"), "for a long path there is no room"
            label.append(seat.kept)
            await seat.pilot.press("y")
        await seat.until(lambda: len(copied) == 4)

    DistributionSeat(path, size=(80, 24)).play(steps)
    everything, *by_ifd = copied
    assert everything == f"burnish export {path} {path.with_name('scene-refined.json')} --rule all"
    for command, sentence in zip(by_ifd, label, strict=True):
        program, *words = shlex.split(command)
        assert program == "burnish"
        Path(words[2]).unlink(missing_ok=True)
        ended = burnish(*words)
        assert ended.code == 0, ended.err
        count = int(sentence.partition("keeps ")[2].partition(" ")[0])
        assert 0 < count < 24
        assert f"{count} of 24 samples" in ended.out


@pytest.mark.whole
def test_it_counts_again_when_there_is_something_to_count(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = scene(tmp_path)
    monkeypatch.setattr(recount, "EVERY", 0.1)
    monkeypatch.setattr(recount, "IDLE", 0)
    counts: list[int] = []
    finished = Distribution.finished

    def counted(self: Distribution) -> int:
        counts.append(1)
        return finished(self)

    monkeypatch.setattr(Distribution, "finished", counted)

    async def steps(seat: DistributionSeat) -> None:
        await seat.pilot.pause(0.2)
        before = len(counts)
        await seat.pilot.resize_terminal(121, 40)
        await seat.pilot.pause(0.2)
        assert len(counts) == before, "there are as many bins as before"
        await seat.pilot.resize_terminal(160, 50)
        await seat.until(lambda: len(counts) > before)
        await seat.counted()
        assert seat.screen.query_one(ScatterPlot).fits

        kept = keeps(path, ExportRule.PAPER)
        await seat.pilot.press("r", "r")
        await seat.until(lambda: f"keeps {kept} of 24 samples" in seat.kept)
        workbench = seat.workbench
        original = await workbench.reader.ask_workspace(lambda reading: reading.sample(8).original)
        back = review(8, Decision.ORIGINAL, version=original)
        await workbench.decide("original", [(8, back)])
        seat.app.post_changed()
        await seat.until(lambda: f"keeps {kept - 1} of 24 samples" in seat.kept)
        await seat.pilot.press("u")
        await seat.until(lambda: f"keeps {kept} of 24 samples" in seat.kept)

        assert workbench.run is not None
        done = outcome(7, final=original)
        await workbench._engine.call(workbench._open_workspace.keep_outcome, workbench.run, done)
        seat.screen.post_message(EngineReported([Finished(done)]))
        await seat.until(lambda: "22 finished, 2 waiting" in seat.shown("#status"))

        await seat.pilot.press("f5")
        await seat.workbench.close()
        await seat.pilot.pause(0.1)
        seat.app.post_changed()
        await seat.until(lambda: "No workspace is open" in seat.shown("#empty"))

    DistributionSeat(path).play(steps)


@pytest.mark.whole
def test_without_a_run_a_student_or_a_teacher_the_rest_is_shown(tmp_path: Path) -> None:
    new = tmp_path / "new.burnish"
    open_workspace(new, dataset(tmp_path / "new.json", demo_rows(3)), None, None).close()
    (tmp_path / "begun").mkdir()
    begun = scene(tmp_path / "begun", demo_rows(3), ("waiting",), reviewed=False)
    reflected, scored = (of_method(tmp_path / method, method) for method in ("reflect", "score"))

    async def steps(seat: DistributionSeat) -> None:

        def shown() -> set[str | None]:
            pictures = seat.screen.query("HistogramPlot, ScatterPlot, FlowDiagram")
            return {picture.id for picture in pictures if picture.display}

        await seat.until(lambda: "Nothing was run here yet" in seat.shown("#empty"))
        assert not seat.screen.query_one(ThresholdBar).display
        await seat.pilot.press("r", "left", "right", "colon", "y", "f5", "j", "k", "pagedown", "pageup")
        assert seat.app.focused is None

        await seat.workbench.open(begun)
        seat.app.post_changed()
        await seat.wait_for("0 finished, 3 waiting", within="#status")
        for picture in ("#ifd", "#length", "#flow"):
            assert "no sample" in seat.shown(picture)
        await seat.wait_for("nothing would be exported", within="#command")

        await seat.workbench.open(reflected)
        seat.app.post_changed()
        await seat.counted()
        assert shown() == {"length", "flow"}
        await seat.pilot.press("right", "colon")
        assert seat.app.focused is None, "there is no IFD to put a threshold on"
        assert "those whose response was replaced" in seat.kept
        assert "IFD" not in seat.shown("#growth")

        await seat.workbench.open(scored)
        seat.app.post_changed()
        await seat.until(lambda: shown() == {"ifd", "r_ifd", "length", "scatter"})
        await seat.until(lambda: "as it is · 18" in seat.shown("#scatter"))
        assert "as it is · median 0.655" in seat.shown("#ifd")
        assert "before" not in seat.shown("#length")
        await seat.until(lambda: "keeps 2 of 24 samples (8%), of 18 with" in seat.kept)
        await seat.pilot.press("right")
        await seat.until(lambda: "IFD ≥" in seat.kept)

        await seat.workbench.open(new)
        seat.app.post_changed()
        await seat.until(lambda: seat.screen.has_class("-empty"))
        assert seat.screen.query_one("#ifd", HistogramPlot).threshold is None, "that was another workspace's"

    DistributionSeat(new, size=(80, 24)).play(steps)


def of_method(folder: Path, method: str) -> Path:
    """The scene, its last run by another method."""
    folder.mkdir()
    path = scene(folder, reviewed=False)
    with Workspace.open(path) as opened:
        first = opened.latest_run()
        made = [row.outcome for row in exported(opened, first) if row.outcome is not None]
        second = opened.run(recipe(method=method), first.record)
        for one in made:
            changed: dict[str, Any] = {"before": None, "after": None}
            if method == "score":
                final = opened.sample(one.index).original
                changed = {"choices": (), "final": final, "after": one.before}
            opened.keep_outcome(second, one.model_copy(update=changed))
    return path


def test_the_flow_has_heights_in_proportion_and_room_for_one_sample_in_a_million() -> None:
    counts = {
        ("replaced", "replaced"): 600_000,
        ("replaced", "kept"): 149_999,
        ("kept", "kept"): 250_000,
        ("failed", "failed"): 1,
    }
    for width, height in ((58, 16), (76, 18), (100, 27)):
        canvas = Canvas(width, height)
        draw_flow(canvas, Counter(counts))
        lines = str(canvas.content()).split("\n")
        (failed,) = (number for number, line in enumerate(lines) if "failed 1" in line)
        assert any("749,999 · 75%" in line for line in lines)
        assert any("600,000 · 60%" in line for line in lines)
        # The bar before the labels of the instruction stage has the heights of its verdicts.
        bar = lines[failed].index("failed 1") - 2
        replaced, kept, one = runs("".join(dots(line[bar]) for line in lines[3:]))
        assert abs(replaced - 3 * kept) <= 2
        assert one == 1
    canvas = Canvas(20, 10)
    draw_flow(canvas, Counter(counts))
    assert "replaced" in str(canvas.content()), "where there is no room to draw, it is said"


def dots(character: str) -> str:
    """The left half of a braille character, from above."""
    mask = ord(character) - 0x2800 if character != " " else 0
    return "".join("x" if mask & bit else " " for bit in (0x01, 0x02, 0x04, 0x40))


def runs(column: str) -> list[int]:
    return [len(run) for run in column.split()]


def test_a_share_is_never_said_to_be_nothing_or_all_when_it_is_not() -> None:
    assert [percent(*pair) for pair in ((0, 9), (1, 1000), (1, 3), (999, 1000), (9, 9))] == [
        *("0%", "<1%", "33%", ">99%", "100%")
    ]


@pytest.mark.parametrize(("low", "high"), [(0.4, 1.2), (0.7, 0.7001), (-3, 8000), (1e-9, 1e30), (0.0, 1.0)])
def test_an_axis_has_round_numbers_within_it_and_no_more_than_asked_for(low: float, high: float) -> None:
    for most in (1, 3, 8):
        ticks = linear_ticks(low, high, most)
        assert len(ticks) <= most + 1
        slack = 1e-6 * (high - low)
        assert all(low - slack <= position <= high + slack for position, _ in ticks)
        assert len({label for _, label in ticks}) == len(ticks)
        logs = log_ticks(math.log(max(low, 1)), math.log(max(high, 2)), most)
        assert len(logs) <= most
        assert all(len(label) <= 5 for _, label in logs if high < 1e9)
