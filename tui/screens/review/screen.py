"""Review: one sample, and a person's last word on it."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Iterator, Sequence

from textual import on, work
from textual.app import ComposeResult, SuspendNotSupported
from textual.widgets import Input

from engine.method.reflection import UnusableReply
from engine.sample import Annotation, Decision, Review, Version
from engine.store.sample_list import FilterTerm, SampleList
from models.errors import BurnishError
from tui.keys.actions import bindings, of_scope
from tui.keys.keymap import Keymap
from tui.messages import ReviewsChanged
from tui.platform.external_editor import EditorError, editor
from tui.platform.external_editor import edited as edited_outside
from tui.screens.note_dialog import SampleNoteDialog
from tui.screens.review.dialogs import AskAgainDialog, MixDialog, MixRequest, RewriteRequest
from tui.screens.review.editor import VersionEditor
from tui.screens.review.view import SampleViewScreen
from tui.state.versions import (
    OfferedVersion,
    SampleView,
    accepted,
    edited,
    mixed,
    put_aside,
    scores_of,
    teacher_version,
)
from tui.state.workbench import Workbench
from tui.text.shown import shown
from tui.widgets.ask_line import NumberLine

DONE = {
    Decision.ACCEPTED: "accepted",
    Decision.ORIGINAL: "kept the original",
    Decision.CHOSEN: "chose a version",
    Decision.EDITED: "edited",
    Decision.DROPPED: "dropped",
}
"""The name of a decision's act, told when it is undone."""

ABOUT_IT = (
    *("accept", "keep", "drop", "take_teacher", "mix", "edit", "edit_outside", "regenerate", "take_back"),
    "annotate",
)
"""Actions about the sample that is shown, which wait for it."""

ASIDE = "an edit, put aside"
"""The act of leaving an edit that was not saved."""


class ReviewScreen(SampleViewScreen):
    SCOPE = "review"
    BINDINGS = bindings("review")
    DEFAULT_CSS = """
    ReviewScreen {
        & #editor { display: none; width: 1fr; }
        &.-editing #editor { display: block; }
        &.-editing #right, &.-editing #head-right, &.-editing #aside { display: none; }
        &.-editing #pages { width: 1fr; }
        &.-narrow.-editing #pages { display: none; }
    }
    """

    def __init__(self, workbench: Workbench, keymap: Keymap, position: int) -> None:
        super().__init__(workbench, keymap, position)
        self._editor = VersionEditor(keymap.first("review.edit_outside"), id="editor")
        self._jump = NumberLine(id="jump")
        self._deciding = False
        self._in_turn = asyncio.Lock()  # held while the teacher writes another rewrite

    def body(self) -> ComposeResult:
        yield from super().body()
        yield self._jump

    def more(self) -> ComposeResult:
        yield self._editor

    def action_back(self) -> None:
        if self._jump.shown:
            self._jump.leave()
            self.query_one("#texts").focus()
        elif self.editing:
            self._editor.action_step_out()
        else:
            self.dismiss()

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """While a version is edited, only the way out is there."""
        left_out = self.editing and bool(self.why_not(action))
        return False if left_out else super().check_action(action, parameters)

    def holds(self, key: str) -> bool:
        reading = self._deciding or self._coming is not None
        return reading and not self.editing and self.has_key(key, "regenerate", "edit", "annotate", "mix")

    def hindrances(self, action: str) -> Iterator[str]:
        if self.editing and action != "back" and any(action == own.name for own in of_scope("review")):
            yield "a version is being edited: ctrl+s saves it, escape leaves it"
        if action in ABOUT_IT and (self._deciding or self._coming is not None):
            yield "one moment: the sample is still being read, or the last decision written"
        yield from super().hindrances(action)
        view, offer, left = self._view, self._offer, self._left_side
        if action == "accept" and offer is None:
            yield f"there is nothing to accept yet; {self.keymap.first('review.keep')} keeps the original"
        if action == "take_teacher" and view is not None and self._teachers(view) is None:
            again = self.keymap.first("review.regenerate")
            yield f"the teacher has no usable rewrite of this sample; {again} asks again"
        if action == "take_back" and view is not None and view.standing is None:
            yield "nothing was decided about this sample"
        if action == "mix" and (left is None or offer is None or offer.version == left.version):
            yield "both sides are the same: there is nothing to mix"

    # --- going to a number ----------------------------------------------------------------------------------------

    def action_jump(self) -> None:
        self._jump.ask()

    @on(Input.Submitted, "#jump Input")
    def _jumped(self, message: Input.Submitted) -> None:
        message.stop()
        number = self._jump.take()
        self.query_one("#texts").focus()
        if number is not None and self.check_sample(number):
            self._load(lambda _: number)

    # --- deciding -------------------------------------------------------------------------------------------------

    def _ready(self) -> SampleView | None:
        """The sample that is shown, if something may be decided about it now."""
        return None if self._deciding or self._coming is not None or self.editing else self._view

    def _decide(self, view: SampleView, version: Version, decision: Decision, *, go_on: bool) -> None:
        """Write down that a person takes a version, then go on, or show it as it was taken."""
        index = view.sample.index
        own = decision in (Decision.CHOSEN, Decision.EDITED)
        scores = scores_of(view, version) if own else None
        review = Review(index=index, decision=decision, version=version, scores=scores)

        async def decided() -> None:
            if not await self._keep(DONE[decision], (index, review)):
                if decision is Decision.EDITED and not self.editing:
                    self._edit(
                        version, unsaved=True
                    )  # what a person wrote is not to be lost with a full disk
                return
            self._next_echo = f"sample {index}: {DONE[decision]}"
            if self.editing:
                self._leave_editor()
            if own and scores is None:
                self._weighing.add((index, version))
                self.app.run_worker(self._score(index, version), group="weigh")
            if go_on:
                self._go_on(view)
            else:
                self._load(lambda _: index, version)

        self._deciding = True  # from now on: the next key may come before the worker begins
        self.run_worker(decided(), group="decide")

    async def _keep(self, what: str, *reviews: tuple[int, Review | None]) -> bool:
        """Keep reviews as one act, named `what`, and tell the other screens; False where it failed and was told."""
        self._deciding = True
        try:
            await self.workbench.decide(what, reviews)
        except BurnishError as error:
            self.say_error(error)
            return False
        finally:
            self._deciding = False
        self.post_message(ReviewsChanged())
        return True

    def _go_on(self, view: SampleView) -> None:
        """To the next sample that is not decided; where none follows to the next one, or stay with the last."""
        beside, position, index = self._beside(1), self.position, view.sample.index

        def find(listing: SampleList) -> int | None:
            at = listing.position_of(index)
            after = position - 1 if at is None else at
            undecided = listing.next(after, FilterTerm.UNREVIEWED)
            if undecided is not None and undecided > after:
                return listing.sample_at(undecided)
            following = beside(listing)
            return index if following is None else following

        if view.position is not None and view.position + 1 >= view.total:
            self._say_last()
        self._load(find)

    @work(group="last")
    async def _say_last(self) -> None:
        """Say that this was the end of the list, and whether anything in it is still to be decided."""
        try:
            left = await self.workbench.reader.ask_list(lambda one: one.next(0, FilterTerm.UNREVIEWED))
        except BurnishError as error:
            self.say_error(error)
            return
        key = self.keymap.first("review.next_unreviewed")
        then = (
            "every one with an outcome is decided"
            if left is None
            else f"{key} goes to one nobody has decided on"
        )
        self.say(f"decided; this was the last sample of the list: {then}")

    def action_accept(self) -> None:
        if (view := self._ready()) is None:
            return
        if (offer := self._offer) is None:
            return
        taken = accepted(self._offers, offer)
        if not taken.version.instruction.strip() or not taken.version.response.strip():
            edit = self.keymap.first("review.edit")
            self.say(f"an instruction and a response are needed: {edit} edits this version", warning=True)
            return
        self._decide(view, taken.version, taken.decision, go_on=True)

    def action_keep(self) -> None:
        if (view := self._ready()) is not None:
            self._decide(view, view.sample.original, Decision.ORIGINAL, go_on=True)

    def action_drop(self) -> None:
        if (view := self._ready()) is not None:
            self._decide(view, view.sample.original, Decision.DROPPED, go_on=True)

    def action_take_teacher(self) -> None:
        if (view := self._ready()) is not None and (offer := self._teachers(view)) is not None:
            self._decide(view, offer.version, offer.decision, go_on=True)

    def _teachers(self, view: SampleView) -> OfferedVersion | None:
        """The teacher's rewrite: the rejected one that is shown, or the last."""
        shown = self._offer
        return shown if shown is not None and shown.rejected is not None else teacher_version(view)

    @work(group="decide")
    async def action_take_back(self) -> None:
        if (view := self._ready()) is not None and await self._keep("taken back", (view.sample.index, None)):
            self._next_echo = f"sample {view.sample.index}: taken back"
            self._reload()

    def action_mix(self) -> None:
        view, left, offer = self._ready(), self._left_side, self._offer
        if view is None or left is None or offer is None:
            return

        def take(mix: MixRequest | None) -> None:
            if mix is not None:
                version, decision = mixed(view, left, offer, mix.instruction, mix.response)
                self._decide(view, version, decision, go_on=False)

        self.app.push_screen(MixDialog(f"{left.title[0].lower()}{left.title[1:]}"), take)

    async def _score(self, index: int, version: Version) -> None:
        """Have the student score a version that was decided for; the decision stands in any case."""
        path = self.workbench.path
        try:
            (scores,) = await self.workbench.scores(index, [version])
            if self.workbench.path == path:
                await self.workbench.add_scores(index, version, scores)
        except BurnishError as error:
            self.app.notify(
                f"saved, but not weighed: {shown(str(error)).plain}", severity="warning", markup=False
            )
        finally:
            self._weighing.discard((index, version))
        self.app.post_message(ReviewsChanged())

    # --- a note ---------------------------------------------------------------------------------------------------

    def action_annotate(self) -> None:
        if (view := self._ready()) is None:
            return
        index, before = view.sample.index, view.annotation
        typed = self.workbench.typed(f"note on {index}")

        def kept(annotation: Annotation | None) -> None:
            if annotation == before:
                typed.clear()
            elif annotation is not None:
                self._annotate(index, annotation, typed)

        self.app.push_screen(SampleNoteDialog(typed, self.workbench.tags, index, before), kept)

    @work(group="decide")
    async def _annotate(self, index: int, annotation: Annotation, typed: dict[str, str]) -> None:
        try:
            await self.workbench.annotate(lambda _: [(index, annotation)])
        except BurnishError as error:
            self.say_error(error)
        else:
            typed.clear()
            self._next_echo = f"sample {index}: noted"
            self.post_message(ReviewsChanged())
            self._reload()

    def follow_act(self, samples: Sequence[int], told: str) -> bool:
        if self.editing:  # what is typed is of the sample that is shown, and is saved for that
            return False
        self._next_echo = told
        super().follow_act(samples, told)
        return True

    # --- editing --------------------------------------------------------------------------------------------------

    @property
    def editing(self) -> bool:
        return self.has_class("-editing")

    def _start(self, view: SampleView) -> Version:
        """The version that an edit or another rewrite starts from."""
        return view.sample.original if self._offer is None else self._offer.version

    def action_edit(self) -> None:
        if (view := self._ready()) is not None:
            self._edit(self._start(view))

    def _edit(self, version: Version, *, unsaved: bool = False) -> None:
        self.add_class("-editing")
        self.refresh_bindings()
        self._editor.begin(version, unsaved=unsaved)

    @on(VersionEditor.VersionSaved)
    def _saved(self, message: VersionEditor.VersionSaved) -> None:
        if self._view is not None and not self._deciding:
            self._take_edited(self._view, message.version)  # the editor stays until it is kept

    @on(VersionEditor.EditorLeft)
    @work(group="decide")
    async def _left(self, message: VersionEditor.EditorLeft) -> None:
        version, view = message.version, self._view
        if self._deciding:
            return
        if version is None or view is None:
            self._leave_editor()
        elif await self._keep(ASIDE, *put_aside(view, version)):
            self._leave_editor()
            self._reload(version)
            self.say("kept among the versions; nothing is decided, and undo throws it away")
        else:
            self._editor.warn()

    def on_unmount(self) -> None:
        # However this screen is left, and be it that the terminal is closed.
        if self.editing and not self._deciding and self._view is not None and self._editor.changed:
            self.workbench.decide_in_background(ASIDE, put_aside(self._view, self._editor.version))

    def _leave_editor(self) -> None:
        self.remove_class("-editing")
        self.refresh_bindings()
        self.query_one("#texts").focus()

    def _take_edited(self, view: SampleView, version: Version) -> None:
        if version == self._start(view):
            self._leave_editor()
            self.say("nothing was changed")
            return
        self._decide(view, version, edited(view, version), go_on=False)

    def action_edit_outside(self) -> None:
        if (view := self._ready()) is None:
            return
        try:
            command = editor()
            with self.app.suspend():
                version = edited_outside(command, self._start(view))
        except EditorError as error:
            self.say_error(error)
        except SuspendNotSupported:
            edit = self.keymap.first("review.edit")
            self.say(f"this terminal cannot be lent to an editor; {edit} edits here", warning=True)
        else:
            self._take_edited(view, version)

    # --- asking again ---------------------------------------------------------------------------------------------

    def action_regenerate(self) -> None:
        if (view := self._ready()) is None:
            return
        index, start = view.sample.index, self._start(view)
        typed = self.workbench.typed(f"remark on {index}")

        def ask(request: RewriteRequest | None) -> None:
            if request is None:
                return
            typed.clear()
            if index in self._asking:
                self.say("asked when the rewrite before it has come")
            self._asking[index] += 1
            self._criticise()
            version = view.sample.original if request.of_original else start
            self.app.run_worker(self._regenerate(index, version, request, typed), group="regenerate")

        self.app.push_screen(AskAgainDialog(typed), ask)

    async def _regenerate(
        self, index: int, version: Version, request: RewriteRequest, typed: dict[str, str]
    ) -> None:
        """Have the teacher rewrite the version, after those asked for before; show what came, or tell of it where
        another sample is shown by then. Where nothing came, the remark is in `typed` again."""
        try:
            async with self._in_turn:
                candidate = await self.workbench.regenerate(index, version, request.stage, request.remark)
        except (BurnishError, UnusableReply) as error:
            typed.setdefault("remark", request.remark)
            why = shown(str(error)).plain
            self.app.notify(
                f"sample {index}: no new rewrite: {why}", severity="error", timeout=10, markup=False
            )
        else:
            if self.on_the_stack and self._view is not None and self._view.sample.index == index:
                self._reload(candidate.version)
            else:
                self.app.notify(f"sample {index} has a new rewrite", markup=False)
        finally:
            self._asking -= Counter([index])
            self.workbench.run_job.live_replies.forget(index)
            if self.on_the_stack:
                self._criticise()
