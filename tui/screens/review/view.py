"""One sample: both its sides, its versions with their numbers and criticism, and the way to other samples."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from functools import partialmethod

from textual import on, work
from textual.app import ComposeResult
from textual.containers import Container, Horizontal, Vertical, VerticalScroll
from textual.content import Content
from textual.widgets import Static
from textual.worker import Worker

from engine.events import AttemptFailed, Chosen, Finished, Generated, ReplyGrew
from engine.formats.tools import tools_text
from engine.method.noise import NEAR_TIE
from engine.method.rules import PAPERS
from engine.sample import PARTS, Version
from engine.store.annotations import NONE
from engine.store.sample_list import DOUBTFUL, FilterTerm, SampleList
from models.errors import BurnishError
from tui.keys.keymap import Keymap
from tui.messages import EngineReported, WorkspaceChanged
from tui.platform.clipboard import copy
from tui.screens.base import AppScreen
from tui.screens.heat.screen import ORIGINAL, HeatScreen
from tui.screens.review.critique import Critique
from tui.screens.review.headings import (
    annotation_line,
    decision_line,
    place_line,
    rejected_line,
    version_line,
)
from tui.screens.review.verdict import VerdictPanel, in_brief, side_name
from tui.state.versions import OfferedVersion, SampleView, first_shown, offers, original_of, view_sample
from tui.state.workbench import Workbench
from tui.widgets.conversation import ConversationAfter, ConversationBefore
from tui.widgets.diff import PartDiff, differences
from tui.widgets.prose import Prose

Find = Callable[[SampleList], int | None]

SOON = 0.1
"""Seconds that a screen waits for its sample before it is painted without."""

PAGES = ("previous_candidate", "next_candidate", "other_side")
"""The actions that show another version of the sample."""


class Texts(VerticalScroll):
    """A sample's texts. They look the same with the focus: Textual need not look through the styles of all in here."""

    def watch_has_focus(self, _has_focus: bool) -> None:
        pass


class SampleViewScreen(AppScreen):
    """Shows a sample and one of its versions, with the numbers and the criticism of that. Decides nothing."""

    AUTO_FOCUS = ""  # it would scroll to what it focuses, away from the lines above
    VERTICAL_BREAKPOINTS = [(0, "-low"), (34, "-tall")]  # noqa: RUF012 - Textual's
    DEFAULT_CSS = """
    SampleViewScreen {
        & #about { height: 1; background: $panel; padding: 0 1; }
        & #where { width: 1fr; text-wrap: nowrap; text-overflow: ellipsis; }
        & #decision { width: 17; text-align: right; }
        & #annotation { display: none; height: 1; padding: 0 1; text-wrap: nowrap; text-overflow: ellipsis; }
        &.-annotated #annotation { display: block; }
        & #pages, & #texts, & #numbers, & #words { scrollbar-size-vertical: 1; scrollbar-gutter: stable; }
        & #pages { height: 1fr; overflow: hidden auto; }
        &.-tall.-normal #pages, &.-wide #pages { scrollbar-gutter: auto; }
        & #reading { height: auto; }
        & #heads { height: 1; margin: 0 0 1 0; }
        &.-tall.-normal #heads, &.-wide #heads { padding-right: 1; }
        &.-narrow #heads, &.-normal.-low #heads { margin: 0; }
        &.-narrow #brief, &.-normal.-low #brief { display: block; }
        & #heads Static { width: 1fr; padding: 0 1 0 3; text-wrap: nowrap; text-overflow: ellipsis; }
        & #head-left { color: $text-muted; }
        & #rejected { display: none; height: auto; padding: 0 1 0 3; margin-bottom: 1; }
        &.-rejected #rejected { display: block; }
        & #brief { display: none; height: 1; padding: 0 1 0 3; margin-bottom: 1; }
        & #texts { height: auto; overflow: hidden hidden; }
        & #aside { height: auto; border-top: solid $foreground 25%; }
        & #numbers, & #words { height: auto; overflow: hidden hidden; }
        & #words { margin-top: 1; }
    }
    SampleViewScreen.-narrow {
        & #head-left { display: none; }
        & PartDiff {
            & .sides { layout: vertical; }
            & .side-name { display: block; }
            & Prose { width: 100%; }
            &.-same .side-name, &.-same #right { display: none; }
            &.-alone .side-name, &.-alone #right { display: none; }
        }
    }
    SampleViewScreen.-normal.-tall {
        & #pages { overflow: hidden hidden; }
        & #reading { height: 1fr; }
        & #texts { height: 1fr; overflow: hidden auto; }
        & #aside { height: 14; layout: horizontal; }
        & #numbers { width: 64; height: 1fr; overflow: hidden auto; }
        & #words { width: 1fr; height: 1fr; margin-top: 0; overflow: hidden auto; }
    }
    SampleViewScreen.-wide {
        & #pages { layout: horizontal; overflow: hidden hidden; }
        & #reading { width: 1fr; height: 1fr; }
        & #texts { height: 1fr; overflow: hidden auto; }
        & #aside { width: 66; height: 1fr; border-top: none; border-left: solid $foreground 25%; layout: vertical; }
        & #numbers { height: auto; max-height: 60%; overflow: hidden auto; }
        & #words { height: 1fr; overflow: hidden auto; }
    }
    """

    def __init__(self, workbench: Workbench, keymap: Keymap, position: int) -> None:
        super().__init__(workbench, keymap)
        self.position = position
        self._path = workbench.path
        self._view: SampleView | None = None
        self._offers: list[OfferedVersion] = []
        self._at = 0  # of the offers
        self._beside_it: Version | None = None  # chosen for the left side; None: the original
        self._steps = 0  # asked for, and not yet gone
        self._coming: tuple[Find, Version | None, str] | None = None  # arguments of the `_load` under way
        self._resumed = False  # it was shown before
        self._weighing: set[tuple[int, Version]] = set()  # versions that the student scores now
        self._unfolded = False  # all that was said before is shown
        self._echo = ""  # the last decision, while the sample after it is shown
        self._next_echo = ""  # of the decision that leads to the sample under way
        self._asking: Counter[int] = Counter()  # other rewrites asked of the teacher, by sample

    def body(self) -> ComposeResult:
        with Horizontal(id="about"):
            yield Static(id="where")
            yield Static(id="decision")
        yield Static(id="annotation")
        with Horizontal(id="desk"):
            with VerticalScroll(id="pages", can_focus=False):
                with Vertical(id="reading"):
                    with Horizontal(id="heads"):
                        yield Static(id="head-left")
                        yield Static(id="head-right")
                    yield Static(id="rejected")
                    yield Static(id="brief")
                    with Texts(id="texts"):
                        yield ConversationBefore()
                        for part in PARTS:
                            yield PartDiff(part.capitalize(), id=part)
                        yield ConversationAfter()
                with Container(id="aside"):
                    with VerticalScroll(id="numbers"):
                        yield VerdictPanel()
                    with VerticalScroll(id="words"):
                        yield Critique()
            yield from self.more()

    def more(self) -> ComposeResult:
        """Widgets of a subclass, to the right of the texts."""
        yield from ()

    async def on_mount(self) -> None:
        """Load the sample before there is anything to paint, or the screen would be laid out and painted twice."""
        self.set_focus(self.query_one("#texts"), scroll_visible=False)
        position = self.position

        def find(listing: SampleList) -> int | None:
            return listing.sample_at(min(position, len(listing) - 1)) if len(listing) else None

        if (looking := self._load(find)) is not None:
            await asyncio.wait({asyncio.create_task(looking.wait())}, timeout=SOON)

    def on_screen_resume(self) -> None:
        if self._resumed:
            self._reload()
        self._resumed = True

    @property
    def _offer(self) -> OfferedVersion | None:
        return self._offers[self._at] if self._offers else None

    @property
    def _left_side(self) -> OfferedVersion | None:
        """The version on the left."""
        return None if self._view is None else _left_of(self._view, self._offers, self._beside_it)

    # --- looking --------------------------------------------------------------------------------------------------

    def _reload(self, version: Version | None = None) -> None:
        """Load the same sample anew, or the one under way; show `version`, or the version that was shown."""
        if self._coming is not None:
            self._load(*self._coming)
        elif self._view is not None:
            index, offer = self._view.sample.index, self._offer
            self._load(lambda _: index, version or (offer.version if offer else None))

    def _load(self, find: Find, version: Version | None = None, none: str = "") -> Worker[None] | None:
        """Show the sample that `find` names, with this version of it; say `none` if it names none. Returns the worker
        that does it, or None where the workspace is no longer open."""
        if not self.workbench.is_open or self.workbench.path != self._path:
            return None
        self._coming = (find, version, none)
        return self._look(*self._coming)

    @work(exclusive=True, group="look")
    async def _look(self, find: Find, version: Version | None, none: str) -> None:
        run = self.workbench.run

        def viewed(listing: SampleList) -> SampleView | None:
            return None if (index := find(listing)) is None else view_sample(listing, run, index)

        try:
            view = await self.workbench.reader.ask_list(viewed)
        except BurnishError as error:
            self._coming, self._steps = None, 0
            self.say_error(error)
            return
        if view is None:
            self._coming, self._steps = None, 0
            self.say(none or "there is no such sample in the list")
            return
        found = offers(view)
        await self._show(view, found, _default(view, found, version))
        self._coming, self._steps = None, 0

    async def _show(self, view: SampleView, found: list[OfferedVersion], at: int) -> None:
        """Compare off the app's loop, then show it all at once."""
        version = found[at].version if found else None
        moved = self._view is None or self._view.sample.index != view.sample.index
        beside = None if moved else self._beside_it
        left = _left_of(view, found, beside)
        compared = await asyncio.to_thread(differences, left.version, version, view.only)
        if not self.on_the_stack:
            return
        self._beside_it = beside
        self._echo, self._next_echo = self._next_echo or ("" if moved else self._echo), ""
        self._view, self._offers, self._at = view, found, at
        if view.position is not None:
            self.position = self.workbench.at = view.position
        with self.app.batch_update():
            for part, difference in compared.items():
                self.query_one(f"#{part}", PartDiff).show(difference, side_name(left))
            self._renew()
            self._show_conversation()
            if moved:
                for scroll in ("#pages", "#texts", "#numbers", "#words"):
                    self.query_one(scroll).scroll_home(animate=False)

    def _renew(self) -> None:
        """Show all but the text: the headings, the numbers, the criticism."""
        view, left, offer = self._view, self._left_side, self._offer
        if view is None or left is None:
            return
        rejected = None if offer is None else offer.rejected
        self.set_class(rejected is not None, "-rejected")
        if rejected is not None:
            keys = self.keymap.first("review.accept"), self.keymap.first("review.take_teacher")
            stays = self._offers[0].version == view.sample.original
            self.query_one("#rejected", Static).update(rejected_line(rejected, *keys, stays=stays))
        self.set_class(view.annotation != NONE, "-annotated")
        narrow = self.has_class("-narrow")
        lines: dict[str, Content | str] = {
            "#where": place_line(
                view, self._echo.removeprefix("sample ") if narrow else self._echo, brief=narrow
            ),
            "#decision": decision_line(view),
            "#annotation": annotation_line(view.annotation),
            "#head-left": left.title,
            "#head-right": version_line(self._offers, self._at),
            "#brief": in_brief(view, left, offer),
        }
        for line, content in lines.items():
            self.query_one(line, Static).update(content, layout=False)
        run = self.workbench.run
        near_tie = run.recipe.near_tie if run is not None else None
        limit = NEAR_TIE if near_tie is None else near_tie
        self.query_one(VerdictPanel).judge(view, left, offer, limit, self._weighed())
        self._criticise()

    def _show_conversation(self) -> None:
        if (view := self._view) is None:
            return
        sample, opened = view.sample, self._unfolded
        place = f"Before it  row {sample.number:,}, turn {sample.turn:,}"
        self.query_one(ConversationBefore).show_before(
            sample.history,
            tools_text(sample.row),
            place,
            opened=opened,
            key=self.keymap.first("review.conversation"),
        )
        self.query_one(ConversationAfter).show_after(sample.next, opened=opened)

    def action_conversation(self) -> None:
        self._unfolded = not self._unfolded
        self._show_conversation()

    def _criticise(self) -> None:
        if (view := self._view) is None:
            return
        index, offer = view.sample.index, self._offer
        criticism = offer.criticism if offer else None
        parts = self.workbench.run_job.live_replies.of(index)
        run, settings = self.workbench.run, self.workbench.run_job.settings or self.workbench.settings
        criteria = settings.reflection.criteria_in_force
        if not parts and run is not None:
            criteria = run.recipe.criteria or PAPERS
        self.query_one(Critique).criticise(criticism, parts, criteria, asked=index in self._asking)

    def _weighed(self) -> str:
        view, offer = self._view, self._offer
        if view is None or offer is None:
            return ""
        if (view.sample.index, offer.version) in self._weighing:
            return "weighing …"
        if offer.ifd is not None or offer.r_ifd is not None:
            return "weighed at its own stage; in full once you take it"
        return "no student has weighed this version"

    @on(WorkspaceChanged)
    def _changed(self) -> None:
        self._reload()

    @on(EngineReported)
    def _heard(self, message: EngineReported) -> None:
        if self._view is None:
            return
        index, grown = self._view.sample.index, False
        for event in message.events:
            match event:
                case Finished(outcome=outcome) if outcome.index == index:
                    self._reload()
                case (
                    ReplyGrew(sample=sample)
                    | Generated(sample=sample)
                    | AttemptFailed(sample=sample)
                    | Chosen(sample=sample)
                ):
                    grown = grown or sample == index
                case _:
                    pass
        if grown:
            self._criticise()

    def follow_act(self, samples: Sequence[int], told: str) -> bool:
        index = samples[0]
        self._load(lambda _: index)
        return False

    # --- what a person does ---------------------------------------------------------------------------------------

    def hindrances(self, action: str) -> Iterator[str]:
        yield from super().hindrances(action)
        if self._coming is not None and (action in PAGES or (self._view is None and action != "back")):
            yield "one moment: the sample is still being read"
        if (view := self._view) is None:
            if action != "back":
                yield "no sample is shown: there is none in the list"
            return
        sample, again = view.sample, self.keymap.first("review.regenerate")
        if action in ("previous_candidate", "next_candidate") and len(self._offers) < 2:
            yield f"there is no other version; {again} asks the teacher for one"
        if action == "other_side" and not self._other_sides(view):
            yield f"there is no other version to compare with; {again} asks the teacher for one"
        if action == "conversation" and not (sample.history or tools_text(sample.row) or sample.next):
            yield "nothing was said before this exchange"

    # --- where to -------------------------------------------------------------------------------------------------

    def _beside(self, steps: int) -> Find:
        """Finds the sample so many places from this one, wherever this one stands in the list by then."""
        view, position = self._view, self.position

        def find(listing: SampleList) -> int | None:
            if view is None or not len(listing):
                return None
            at = listing.position_of(view.sample.index)
            if at is None:  # no longer in the list: the next has come up into its place
                at = position - (steps > 0)
            target = min(max(at + steps, 0), len(listing) - 1)
            return listing.sample_at(target) if target != at else None

        return find

    def _step(self, step: int) -> None:
        self._steps += step
        which = "last" if step > 0 else "first"
        if self._steps:
            self._load(self._beside(self._steps), none=f"this is the {which} sample of the list")

    action_next = partialmethod(_step, 1)
    action_previous = partialmethod(_step, -1)

    def _next_marked(self, *marks: FilterTerm, none: str) -> None:
        view, position = self._view, self.position
        if view is None:
            return

        def find(listing: SampleList) -> int | None:
            at = listing.position_of(view.sample.index)
            found = listing.next(position - 1 if at is None else at, *marks)
            sample = None if found is None else listing.sample_at(found)
            return None if sample == view.sample.index else sample

        self._load(find, none=none)

    action_next_unreviewed = partialmethod(
        _next_marked, FilterTerm.UNREVIEWED, none="no other refined sample of the list is undecided"
    )
    action_next_doubtful = partialmethod(
        _next_marked, *DOUBTFUL, none="there is no other near tie or lost input in the list"
    )

    @work(exclusive=True, group="look")
    async def _page(self, step: int) -> None:
        view, at = self._view, self._at + step
        if view is None or self._coming is not None:
            return
        if not 0 <= at < len(self._offers):
            self.say(f"this is the {'last' if step > 0 else 'first'} version")
            return
        await self._show(view, self._offers, at)

    def action_previous_candidate(self) -> None:
        self._page(-1)

    def action_next_candidate(self) -> None:
        self._page(1)

    @work(exclusive=True, group="look")
    async def action_other_side(self) -> None:
        """Put the next version on the left that is not on the right."""
        view = self._view
        if view is None or self._coming is not None or not (others := self._other_sides(view)):
            return
        self._beside_it = others[0]
        await self._show(view, self._offers, self._at)

    def _other_sides(self, view: SampleView) -> list[Version]:
        """The versions that could stand on the left in place of the one that does, the next first."""
        original, left, shown = view.sample.original, self._left_side, self._offer
        sides = [original, *(offer.version for offer in self._offers if offer.version != original)]
        at = 0 if left is None else sides.index(left.version)
        return [side for side in sides[at + 1 :] + sides[:at] if shown is None or side != shown.version]

    def action_heat(self) -> None:
        view, offer = self._view, self._offer
        if view is None:
            return
        versions: dict[str, Version] = {}
        for number, other in enumerate(self._offers, start=1):
            title = other.title if other.title not in versions else f"{other.title} ({number})"
            versions[title] = other.version
        if view.sample.original not in versions.values():
            versions[ORIGINAL] = view.sample.original
        first = list(versions)[self._at] if offer else None
        history = bool(view.sample.history)
        self.app.push_screen(
            HeatScreen(self.workbench, self.keymap, view.sample.index, versions, first, history=history)
        )

    # --- copying --------------------------------------------------------------------------------------------------

    @work(group="copy")
    async def action_copy(self) -> None:
        text = self.get_selected_text()
        if not text and isinstance(self.focused, Prose):
            text = self.focused.raw
        if not text:
            self.say("select some text, or go to a field with tab, and copy again")
            return
        self.say(await copy(self.app, text))


def _left_of(view: SampleView, found: list[OfferedVersion], version: Version | None) -> OfferedVersion:
    """The version for the left side: the one chosen for it, or the original."""
    original = original_of(view)
    if version is None or version == original.version:
        return original
    return next((offer for offer in found if offer.version == version), original)


def _default(view: SampleView, found: list[OfferedVersion], version: Version | None) -> int:
    """The place of the version to show: the one asked for, or the one that tells most."""
    asked = (at for at, offer in enumerate(found) if offer.version == version)
    return next(asked, first_shown(view, found))
