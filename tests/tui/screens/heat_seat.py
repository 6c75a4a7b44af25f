"""The seat before the heat map, and a workbench whose student answers as a test has it."""

from __future__ import annotations

import math
import random
import re
from collections.abc import Awaitable, Callable

from engine.method.token_gain import SampleHalf, Token, TokenGains
from engine.sample import Loss, Ratio, Version
from tests.tui.seat import Seat
from tui.screens.heat.map import HeatMap
from tui.screens.heat.screen import HeatScreen
from tui.state.workbench import Workbench

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


class ScriptedWorkbench(Workbench):
    """A workbench whose student answers as a test has it; `asked`: for which responses, in order."""

    def __init__(self, answer: Callable[[Version], TokenGains | Awaitable[TokenGains]] = heat) -> None:
        super().__init__()
        self.answer = answer
        self.asked: list[str] = []

    async def heat(self, sample: int, version: Version) -> TokenGains:
        self.asked.append(version.response)
        answer = self.answer(version)
        return answer if isinstance(answer, TokenGains) else await answer


class HeatSeat(Seat):
    """The heat map of sample 3, in these versions. `wait`: until the student has answered."""

    def __init__(
        self,
        workbench: Workbench | None = None,
        size: tuple[int, int] = (120, 40),
        versions: dict[str, Version] = VERSIONS,
        theme: str = "burnish",
        *,
        wait: bool = True,
    ) -> None:
        super().__init__(workbench=workbench or ScriptedWorkbench(), size=size)
        self._versions, self._theme, self._wait = versions, theme, wait

    async def arrive(self) -> None:
        self.app.theme = self._theme
        self._heat = HeatScreen(self.workbench, self.app.keymap, 3, self._versions)
        self.app.push_screen(self._heat)
        await self.pilot.pause()
        if self._wait:
            await self.settled()

    @property
    def screen(self) -> HeatScreen:
        return self._heat

    async def settled(self) -> None:
        """Wait until everything that was begun is done."""
        await self.app.workers.wait_for_complete()
        await self.pilot.pause()

    def map(self, name: str = "response") -> HeatMap:
        return self.screen.query_one(f"#{name}", HeatMap)

    def under_cursor(self, name: str = "response") -> str:
        heat_map = self.map(name)
        return heat_map.spans[heat_map.cursor].text

    def panel(self, name: str) -> str:
        return self.shown(f"#heat-{name}")
