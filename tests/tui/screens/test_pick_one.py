"""A choice of words breaks its lines between words, and takes a click on each of them."""

from __future__ import annotations

import asyncio

import pytest
from textual.app import App, ComposeResult

from tui.widgets.pick_one import PickOne

WORDS = ("paper", "ifd", "s-ifd", "rsr", "loss", "margin", "length", "random")


class OneChoice(App[None]):
    def compose(self) -> ComposeResult:
        yield PickOne(WORDS, "paper", id="one")


@pytest.mark.parametrize("width", [26, 47, 120])
def test_every_word_is_whole_on_its_line_and_can_be_clicked(width: int) -> None:
    async def main() -> None:
        app = OneChoice()
        async with app.run_test(size=(width, 12)) as pilot:
            choice = app.query_one(PickOne)
            await pilot.pause()
            lines = choice.lines(width)
            assert choice.region.height == len(lines)
            drawn = ["".join(segment.text for segment in choice.render_line(y)) for y in range(len(lines))]
            for y, line in enumerate(lines):
                assert [word for word in drawn[y].split() if word not in "●○"] == line
                for word in line:
                    await pilot.click(PickOne, offset=(drawn[y].index(f" {word}"), y))
                    assert choice.chosen == word

    asyncio.run(main())
