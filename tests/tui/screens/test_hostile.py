"""Every screen over a dataset of hostile text: nothing breaks, nothing acts on the terminal, nothing is lost."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from engine.method.token_gain import SampleHalf, Token, TokenGains
from engine.sample import Ratio
from tests import hostile, scene
from tests.tui.seat import SIZES, Seat
from tui.state.workbench import Workbench
from tui.text.literal import literal
from tui.text.shown import shown, shown_line

pytestmark = pytest.mark.usefixtures("nothing_of_the_user_s")


@pytest.fixture(scope="module")
def hostile_scene(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A workspace under a hostile name, whose every text is hostile, its critique and failures included."""
    folder = tmp_path_factory.mktemp("[b") / "\x1b[31m[\u202e"
    folder.mkdir()
    return scene.scene(folder, hostile.rows(), kinds=("replaced", "near tie", "failed", "unscorable"))


async def look(seat: Seat, where: str) -> None:
    for _ in range(2):
        await seat.pilot.pause(0.03)
    assert not hostile.acting(seat.lines), where


@pytest.mark.parametrize(
    "size",
    [pytest.param(size, marks=[pytest.mark.whole] if size != (80, 24) else []) for size in SIZES],
    ids=lambda size: f"{size[0]}x{size[1]}",
)
@pytest.mark.long
def test_no_screen_breaks_or_lets_anything_act(
    hostile_scene: Path, size: tuple[int, int], monkeypatch: pytest.MonkeyPatch
) -> None:
    async def heat(workbench: Workbench, sample: int, version: object) -> TokenGains:
        text = list(hostile.CORPUS.values())[sample % len(hostile.CORPUS)][:3000]
        tokens = [Token(text[at : at + 3], 3, 3.0, 2.0) for at in range(0, len(text), 3)]
        half = SampleHalf(tokens, len(tokens) + 1, text, Ratio(value=None, reason=text))
        return TokenGains(half, half)

    monkeypatch.setattr(Workbench, "heat", heat)

    async def steps(seat: Seat) -> None:
        seat.app.action_go_samples()
        await look(seat, "samples")
        for _ in hostile.CORPUS:
            await seat.pilot.press("j")
        await look(seat, "samples, further down")
        await seat.pilot.press("g", "enter")
        for number, name in enumerate(hostile.CORPUS):
            if number % 3 != SIZES.index(size):  # each is reviewed at one size
                await seat.pilot.press("j")
                continue
            await look(seat, f"review: {name}")
            await seat.pilot.press("full_stop")
            await look(seat, f"review, another candidate: {name}")
            await seat.pilot.press("h")
            await look(seat, f"heat: {name}")
            await seat.pilot.press("right", "down", "tab", "right", "v")
            await look(seat, f"heat, moved: {name}")
            await seat.pilot.press("escape", "j")
        for key in ("3", "4", "5", "6", "1"):
            await seat.pilot.press("escape", key)
            await look(seat, f"screen {key}")
        await seat.pilot.press("f1")
        await look(seat, "help")
        await seat.pilot.press("escape", "ctrl+p")
        await look(seat, "palette")
        await seat.pilot.press("escape")
        for name, text in hostile.CORPUS.items() if size == SIZES[0] else ():
            seat.app.notify(shown_line(text, 200).plain, markup=False)
            await look(seat, f"toast: {name}")

    Seat(hostile_scene, size=size).play(steps)


@pytest.mark.parametrize("name", hostile.CORPUS)
def test_what_is_shown_has_every_character_or_its_picture(name: str) -> None:
    text = hostile.CORPUS[name]
    plain = shown(text).plain
    assert not hostile.acting([plain.replace("\n", "").replace("\t", "")])
    at = 0
    for character in text:
        picture = literal(character) if hostile.acting([character]) - {"\n", "\t"} else character
        assert plain.startswith(picture, at)
        assert picture == character or picture.isprintable()
        at += len(picture)
    assert at == len(plain)


def test_an_export_of_it_is_byte_for_byte_what_it_was(hostile_scene: Path, tmp_path: Path) -> None:
    from tests.command import burnish  # noqa: PLC0415

    # Sample 1's original was put back by a person.
    out = tmp_path / "out.json"
    assert burnish("export", hostile_scene, out, "--rule", "accepted").code == 0
    rows = json.loads(out.read_text("utf-8"))
    assert {key: rows[1][key] for key in ("instruction", "input", "output")} == hostile.rows()[1]
