"""Review: one sample, and a person's last word on it."""

from __future__ import annotations

from textual import on, work
from textual.app import ComposeResult, SuspendNotSupported

from engine.method.reflection import Unusable
from engine.sample import Decision, Review, Version
from engine.store.sample_list import Listing
from models.errors import BurnishError
from tui.keys.actions import bindings, of_scope
from tui.keys.keymap import Keymap
from tui.messages import Decided
from tui.platform.external_editor import EditorError, editor
from tui.platform.external_editor import edited as edited_outside
from tui.screens.review.ask_again_dialog import Again, AskAgainDialog
from tui.screens.review.editor import VersionEditor
from tui.screens.review.mix_dialog import Mix, MixDialog
from tui.screens.review.view import LookingScreen
from tui.state.versions import Look, edited, mixed, put_aside, scores_of, teachers
from tui.state.workbench import Desk
from tui.text.shown import shown

DONE = {
    Decision.ACCEPTED: "accepted",
    Decision.ORIGINAL: "kept the original",
    Decision.CHOSEN: "chose a version",
    Decision.EDITED: "edited",
}
"""What an act is called when it is undone."""

ASIDE = "an edit, put aside"
"""The act of leaving an edit that was not saved."""


class ReviewScreen(LookingScreen):
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

    def __init__(self, desk: Desk, keymap: Keymap, position: int) -> None:
        super().__init__(desk, keymap, position)
        self._editor = VersionEditor(id="editor")
        self._deciding = False

    def more(self) -> ComposeResult:
        yield self._editor

    def action_back(self) -> None:
        if self.editing:
            self._editor.action_step_out()
        else:
            self.dismiss()

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """While a version is edited, only the way out is there."""
        if self.editing and action != "back" and any(action == own.name for own in of_scope("review")):
            return False
        return super().check_action(action, parameters)

    # --- deciding -------------------------------------------------------------------------------------------------

    def _ready(self) -> Look | None:
        """The sample that is shown, if something may be decided about it now."""
        return None if self._deciding or self._coming is not None or self.editing else self._look

    def _decide(self, look: Look, version: Version, decision: Decision, *, go_on: bool) -> None:
        self._deciding = True  # from now on: the next key may come before the worker begins
        self._decided(look, version, decision, go_on=go_on)

    @work(group="decide")
    async def _decided(self, look: Look, version: Version, decision: Decision, *, go_on: bool) -> None:
        index = look.sample.index
        own = decision in (Decision.CHOSEN, Decision.EDITED)
        scores = scores_of(look, version) if own else None
        review = Review(index=index, decision=decision, version=version, scores=scores)
        if not await self._keep(DONE[decision], (index, review)):
            if decision is Decision.EDITED and not self.editing:
                self._edit(version, unsaved=True)  # what a person wrote is not to be lost with a full disk
            return
        if self.editing:
            self._leave_editor()
        if own and scores is None:
            self._weighing.add((index, version))
            self.app.run_worker(self._weigh(index, version), group="weigh")
        if go_on:
            self._go_on(look)
        else:
            self._load(lambda _: index, version)

    async def _keep(self, what: str, *reviews: tuple[int, Review | None]) -> bool:
        """Have it written down, and the other screens told."""
        self._deciding = True
        try:
            await self.desk.decide(what, reviews)
        except BurnishError as error:
            self.say_error(error)
            return False
        finally:
            self._deciding = False
        self.post_message(Decided())
        return True

    def _go_on(self, look: Look) -> None:
        """To the next sample, or stay with the last."""
        beside, index = self._beside(1), look.sample.index

        def find(listing: Listing) -> int | None:
            after = beside(listing)
            return index if after is None else after

        if look.position is not None and look.position + 1 >= look.total:
            self.say("decided; this was the last sample of the list")
        self._load(find)

    def action_accept(self) -> None:
        if (look := self._ready()) is None:
            return
        if (offer := self._offer) is None:
            self.say("there is nothing to accept yet; o keeps the original", warning=True)
            return
        if not offer.version.instruction.strip() or not offer.version.response.strip():
            self.say("an instruction and a response are needed: e edits this version", warning=True)
            return
        self._decide(look, offer.version, offer.decision, go_on=True)

    def action_keep(self) -> None:
        if (look := self._ready()) is not None:
            self._decide(look, look.sample.original, Decision.ORIGINAL, go_on=True)

    def action_take_teacher(self) -> None:
        if (look := self._ready()) is None:
            return
        if (offer := teachers(look)) is None:
            self.say("the teacher has no usable rewrite of this sample; r asks again", warning=True)
            return
        self._decide(look, offer.version, offer.decision, go_on=True)

    @work(group="decide")
    async def action_take_back(self) -> None:
        if (look := self._ready()) is None:
            return
        if look.standing is None:
            self.say("nothing was decided about this sample")
        elif await self._keep("taken back", (look.sample.index, None)):
            self._again()

    @work(group="ask")
    async def action_mix(self) -> None:
        look, offer = self._ready(), self._offer
        if look is None:
            return
        if offer is None or offer.version == look.sample.original:
            self.say("both sides are the same: there is nothing to mix", warning=True)
            return
        mix: Mix | None = await self.app.push_screen_wait(MixDialog())
        if mix is not None:
            version, decision = mixed(look, offer, mix.instruction, mix.response)
            self._decide(look, version, decision, go_on=False)

    async def _weigh(self, index: int, version: Version) -> None:
        """Have the student score a version that was decided for; the decision stands in any case."""
        path = self.desk.path
        try:
            (scores,) = await self.desk.scores(index, [version])
            if self.desk.path == path:
                await self.desk.weigh(index, version, scores)
        except BurnishError as error:
            self.app.notify(
                f"saved, but not weighed: {shown(str(error)).plain}", severity="warning", markup=False
            )
        finally:
            self._weighing.discard((index, version))
        self.app.post_message(Decided())

    # --- editing --------------------------------------------------------------------------------------------------

    @property
    def editing(self) -> bool:
        return self.has_class("-editing")

    def _start(self, look: Look) -> Version:
        """What an edit begins with."""
        return look.sample.original if self._offer is None else self._offer.version

    def action_edit(self) -> None:
        if (look := self._ready()) is not None:
            self._edit(self._start(look))

    def _edit(self, version: Version, *, unsaved: bool = False) -> None:
        self.add_class("-editing")
        self.refresh_bindings()
        self._editor.begin(version, unsaved=unsaved)

    @on(VersionEditor.Saved)
    def _saved(self, message: VersionEditor.Saved) -> None:
        if self._look is not None and not self._deciding:
            self._take_edited(self._look, message.version)  # the editor stays until it is kept

    @on(VersionEditor.Left)
    @work(group="decide")
    async def _left(self, message: VersionEditor.Left) -> None:
        version, look = message.version, self._look
        if self._deciding:
            return
        if version is None or look is None:
            self._leave_editor()
        elif await self._keep(ASIDE, *put_aside(look, version)):
            self._leave_editor()
            self._again(version)
            self.say("kept among the versions; nothing is decided, and undo throws it away")
        else:
            self._editor.warn()

    def on_unmount(self) -> None:
        # However this screen is left, and be it that the terminal is closed.
        if self.editing and not self._deciding and self._look is not None and self._editor.changed:
            self.desk.decide_aside(ASIDE, put_aside(self._look, self._editor.version))

    def _leave_editor(self) -> None:
        self.remove_class("-editing")
        self.refresh_bindings()
        self.query_one("#texts").focus()

    def _take_edited(self, look: Look, version: Version) -> None:
        if version == self._start(look):
            self._leave_editor()
            self.say("nothing was changed")
            return
        self._decide(look, version, edited(look, version), go_on=False)

    def action_edit_outside(self) -> None:
        if (look := self._ready()) is None:
            return
        try:
            command = editor()
            with self.app.suspend():
                version = edited_outside(command, self._start(look))
        except EditorError as error:
            self.say_error(error)
        except SuspendNotSupported:
            self.say("this terminal cannot be lent to an editor; e edits here", warning=True)
        else:
            self._take_edited(look, version)

    # --- asking again ---------------------------------------------------------------------------------------------

    @work(group="ask")
    async def action_regenerate(self) -> None:
        if (look := self._ready()) is None:
            return
        index, start = look.sample.index, self._start(look)
        if index in self._asking:
            self.say("the teacher is at it")
            return
        again: Again | None = await self.app.push_screen_wait(AskAgainDialog())
        if again is not None:
            self._asking.add(index)
            self._criticise()
            of = look.sample.original if again.of_original else start
            self.app.run_worker(self._regenerate(index, of, again), group="regenerate")

    async def _regenerate(self, index: int, version: Version, again: Again) -> None:
        try:
            candidate = await self.desk.regenerate(index, version, again.stage, again.remark)
        except (BurnishError, Unusable) as error:
            why = shown(str(error)).plain
            self.app.notify(
                f"sample {index}: no new rewrite: {why}", severity="error", timeout=10, markup=False
            )
        else:
            here = self._look is not None and self._look.sample.index == index
            if here and self.is_attached:
                self._again(candidate.version)
            else:
                self.app.notify(f"sample {index} has a new rewrite", markup=False)
        finally:
            self._asking.discard(index)
            self.desk.writing.forget(index)
            if self.is_attached:
                self._criticise()
