"""The screen of one pair: the judge's opinions in both orders, side by side, and the texts it was shown."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Sequence
from functools import partialmethod

from textual import work
from textual.app import ComposeResult
from textual.containers import Container, Horizontal, Vertical, VerticalScroll
from textual.content import Content
from textual.widgets import Static

from engine.judge.prompt import Before, Judged, Opinion, Pair, Result
from engine.judge.record import Comparison
from engine.sample import PARTS, Verdict
from engine.store.sample_list import SampleFilter
from models.errors import BurnishError
from models.system.threads import on_daemon_thread
from tui.keys.actions import bindings
from tui.keys.keymap import Keymap
from tui.screens.base import AppScreen
from tui.state.verdicts import PairLine, verdict
from tui.state.workbench import Workbench
from tui.text.shown import shown
from tui.text.vocabulary import RESULTS, SCORES
from tui.widgets.conversation import ConversationBefore
from tui.widgets.diff import PartDiff, differences
from tui.widgets.prose import Prose

BEST = 10
"""The highest score."""


class PairScreen(AppScreen):
    SCOPE = "pair"
    BINDINGS = bindings("pair")
    AUTO_FOCUS = "#pages"

    DEFAULT_CSS = """
    PairScreen {
        & #about { height: 1; background: $panel; padding: 0 1; }
        & #pages { height: 1fr; scrollbar-size-vertical: 1; scrollbar-gutter: stable; }
        & #pages:focus { background: $background; }
        & #verdict { height: auto; padding: 1 3; }
        & #orders { height: auto; layout: horizontal; margin-bottom: 1; }
        & .order { width: 1fr; height: auto; }
        & .order Static { height: auto; padding-left: 3; }
        & .order Prose { padding-right: 2; margin-top: 1; }
        & .heads { height: 1; margin-bottom: 1; border: none; }
        & .heads Static { width: 1fr; padding-left: 3; color: $text-muted; }
        &.-narrow #verdict { padding: 0 3 1 3; }
        &.-narrow #orders { layout: vertical; }
        &.-narrow .order { width: 100%; margin-bottom: 1; }
        &.-narrow .heads { display: none; }
        &.-narrow PartDiff {
            & .sides { layout: vertical; }
            & .side-name { display: block; }
            & Prose { width: 100%; }
            &.-same .side-name, &.-same #right { display: none; }
        }
    }
    """

    def __init__(
        self, workbench: Workbench, keymap: Keymap, comparison: Comparison, lines: Sequence[PairLine], at: int
    ) -> None:
        """`lines` are the pairs to go through, `at` the first that is shown."""
        super().__init__(workbench, keymap)
        self._path = workbench.path
        self._comparison = comparison
        self._lines = lines
        self._at = at
        self._pair: Pair | None = None
        self._unfolded = False  # all that was said before is shown

    def body(self) -> ComposeResult:
        yield Static(id="about")
        with VerticalScroll(id="pages"):
            yield Static(id="verdict")
            with Container(id="orders"):
                for name in ("forward", "swapped"):
                    with Vertical(classes="order", id=name):
                        yield Static()
                        yield Prose()
            with Horizontal(classes="heads"):
                yield Static(id="head-left")
                yield Static(id="head-right")
            yield ConversationBefore()
            for part in PARTS:
                yield PartDiff(part.capitalize(), id=part)

    def on_mount(self) -> None:
        self._load_pair()

    @work(exclusive=True, group="look")
    async def _load_pair(self) -> None:
        """Show the pair at `_at`."""
        path, line = self._path, self._lines[self._at]
        if path is None:
            return
        try:
            judged = await on_daemon_thread(verdict, path, self._comparison, line.pair)
        except BurnishError as error:
            self.say_error(error)
            return
        # Off the app's loop: texts may be long.
        compared = await asyncio.to_thread(differences, judged.pair.a, judged.pair.b, SampleFilter())
        if not self.on_the_stack:
            return
        self.workbench.judge_job.at, self._pair = line.pair, judged.pair
        with self.app.batch_update():
            for part, difference in compared.items():
                self.query_one(f"#{part}", PartDiff).show(difference)
            self._show(line, judged)
            self._show_conversation()
            self.query_one("#pages").scroll_home(animate=False)

    def _show(self, line: PairLine, judged: Judged) -> None:
        names = names_of(line)
        place = f"  pair {self._at + 1:,} of {len(self._lines):,}"
        self.query_one("#about", Static).update(
            Content.assemble((f"Sample {line.row}", "bold"), (place, "$text-muted"))
        )
        self.query_one("#verdict", Static).update(Content("\n").join(verdict_text(judged, names)))
        for id, opinion, order in (
            ("#forward", judged.forward, names),
            ("#swapped", judged.swapped, names[::-1]),
        ):
            column = self.query_one(id)
            column.query_one(Static).update(_scores(opinion, order))
            column.query_one(Prose).show_pieces(_opinion(opinion))
        self.query_one("#head-left", Static).update(names[0].capitalize())
        self.query_one("#head-right", Static).update(names[1].capitalize())

    def _show_conversation(self) -> None:
        if (pair := self._pair) is None:
            return
        self.query_one(ConversationBefore).show_before(
            pair.before.history,
            pair.before.tools,
            "Before it",
            opened=self._unfolded,
            key=self.keymap.first("pair.conversation"),
        )

    def hindrances(self, action: str) -> Iterator[str]:
        if action == "conversation" and (self._pair is None or self._pair.before == Before()):
            yield "nothing was said before this exchange"
        yield from super().hindrances(action)

    def action_conversation(self) -> None:
        self._unfolded = not self._unfolded
        self._show_conversation()

    def _go(self, step: int) -> None:
        at = self._at + step
        if 0 <= at < len(self._lines):
            self._at = at
            self._load_pair()
        else:
            self.say(f"this is the {'last' if step > 0 else 'first'} pair of the list")

    action_next = partialmethod(_go, 1)
    action_previous = partialmethod(_go, -1)

    @work(exclusive=True, group="review")
    async def action_review(self) -> None:
        await self.show_sample(self._lines[self._at].row)

    def action_back(self) -> None:
        self.dismiss()


def names_of(line: PairLine) -> tuple[str, str]:
    """The names of a pair's two sides."""
    return ("original", "refined") if line.compared else ("before", "rewrite")


def verdict_text(judged: Judged, names: tuple[str, str]) -> Iterator[Content]:
    """The verdict over both orders, and the student's beside it."""
    words, style = RESULTS[judged.result]
    if judged.failure is not None or judged.result is Result.INVALID:
        why = f"{judged.failure.fault}: {judged.failure.message}" if judged.failure else "there is no reply"
        yield Content.assemble((words, f"bold {style}"), "  ", shown(why))
    else:
        b = names[1]
        meaning = {
            Result.WIN: f"{b} won both orders, or one with the other tied",
            Result.TIE: "tied in both orders, or won once and lost once",
            Result.LOSE: f"{b} lost both orders, or one with the other tied",
        }
        yield Content.assemble((words, f"bold {style}"), f"  {meaning[judged.result]}")
        if judged.pull:
            toward = "first" if judged.pull > 0 else "second"
            yield Content.styled(
                f"≈ the order changed the verdict, toward the {toward} place", "$text-warning"
            )
    for choice in judged.pair.choices:
        took = choice.verdict is Verdict.REPLACED
        margin = "" if choice.margin is None else f", margin {choice.margin:+.3f}"
        against = judged.result is (Result.LOSE if took else Result.WIN)
        yield Content.assemble(
            (f"{choice.stage} stage  ", "$text-muted"),
            f"the student {'took the rewrite' if took else 'kept what was there'} by {SCORES[choice.stage]}{margin}",
            ("  ≠ the judge disagrees", "bold") if against else "",
        )


def _scores(opinion: Opinion | None, order: tuple[str, str]) -> Content:
    first, second = order
    lines = [Content.styled(f"{first.capitalize()} shown first", "bold $primary")]
    if opinion is not None:
        width = max(map(len, order))
        for name, score in ((first, opinion.first), (second, opinion.second)):
            lines.append(
                Content.assemble(
                    f"{name:<{width}}  ", ("█" * score, "$primary"), ("░" * (BEST - score), "$text-muted"),
                    (f" {score:>2}", "bold"), (f" of {BEST}", "$text-muted"),
                )
            )  # fmt: skip
        if opinion.confidence is not None:
            lines.append(Content.styled(f"confidence {opinion.confidence:.2f}", "$text-muted"))
    return Content("\n").join(lines)


def _opinion(opinion: Opinion | None) -> list[tuple[str, str]]:
    """The judge's words, in pieces for `Prose`."""
    if opinion is None:
        return [("no verdict in this order", "note")]
    pieces = [("Critique\n", "title"), (f"{opinion.critique}\n\n", "")]
    if opinion.reason:
        pieces += [("Reason\n", "title"), (opinion.reason, "")]
    return pieces
