"""The Samples screen: the list of samples, and the decisions about one of them or about many at once."""

from __future__ import annotations

from collections import deque
from collections.abc import Awaitable, Callable, Iterable, Iterator
from functools import partial

from textual import on, work
from textual.app import ComposeResult
from textual.widgets import Input
from textual.worker import Worker

from engine.method.reflection import UnusableReply
from engine.sample import Annotation, Stage, Version
from engine.store.annotations import ACT, AnnotationChange
from engine.store.dropped import is_dropped
from engine.store.reviews import Reviews
from engine.store.sample_list import SampleRow, SampleState
from engine.store.workspace import Workspace
from models.errors import BurnishError
from models.system.units import counted
from tui.keys.actions import bindings
from tui.keys.keymap import Keymap
from tui.messages import ReviewsChanged
from tui.screens.note_dialog import ManyNotesDialog, SampleNoteDialog
from tui.screens.samples.list_screen import ListScreen
from tui.state.bulk import BulkJob, BulkStopped
from tui.state.marks import MarkedSamples
from tui.state.reader_thread import ReaderThread
from tui.state.workbench import Workbench
from tui.widgets.ask_line import AskLine

Decide = Callable[[Workspace, Iterable[int]], Reviews]


class SamplesScreen(ListScreen):
    """The list with its actions. One action on many samples at a time; the line below tells how far it is."""

    SCOPE = "samples"
    BINDINGS = bindings("samples")

    def __init__(self, workbench: Workbench, keymap: Keymap) -> None:
        super().__init__(workbench, keymap)
        self._bulk: BulkJob | None = None
        self._asking: Worker[None] | None = None  # the worker that asks the teacher again
        self._to_ask = MarkedSamples(0)  # about which a remark is being typed
        self._waiting: deque[tuple[MarkedSamples, str]] = deque()  # asked about after those under way
        about = "to the teacher, for all that are asked about, or none"
        self.remark = AskLine("remark", about, id="remark", select_on_focus=False)

    def body(self) -> ComposeResult:
        yield from super().body()
        yield self.remark

    @property
    def doing(self) -> str:
        return self._bulk.line() if self._bulk is not None else ""

    def _show_workspace(self, reader: ReaderThread | None) -> None:
        self._waiting.clear()
        self.remark.close()
        super()._show_workspace(reader)

    def holds(self, key: str) -> bool:
        table = self.table
        reading = table.total and table.current is None and table.has_focus
        return bool(reading and not self._marked) and self.has_key(key, "regenerate", "annotate")

    def action_clear(self) -> None:
        if self.remark.shown:
            self.remark.leave()
            self.table.focus()
            return
        if self._bulk is None:
            super().action_clear()
            return
        if self._waiting:
            self.remark.put_back(self._waiting[-1][1])
        self._waiting.clear()
        self._bulk.stop()
        if self._asking is not None:
            self._asking.cancel()

    def _targets(self) -> MarkedSamples | None:
        """The marked samples, or else the one under the cursor."""
        if self._marked:
            return self._marked.copy()
        row = self.table.current
        return None if row is None else MarkedSamples(self.workbench.samples, [row.index])

    def action_accept(self) -> None:
        many, run = bool(self._marked), self.workbench.run
        assert run is not None

        def accepting(workspace: Workspace, samples: Iterable[int]) -> Reviews:
            """Of many, only those that nobody has decided about."""
            reviews = workspace.reviews
            return reviews.accepting(run.id, reviews.undecided(samples) if many else samples)

        self._decide("accepted", accepting)

    def action_keep(self) -> None:
        self._decide("original kept", lambda workspace, samples: workspace.reviews.restoring(samples))

    def action_drop(self) -> None:
        self._decide("dropped", lambda workspace, samples: workspace.reviews.dropping(samples))

    def hindrances(self, action: str) -> Iterator[str]:
        if action == "clear" and (self.remark.shown or self._bulk is not None):
            return
        yield from super().hindrances(action)
        row, decides = self.table.current, action in ("accept", "keep", "drop")
        if decides and action != "drop" and self.workbench.run is None:
            yield "nothing was run yet: there is nothing to decide about"
        if action == "accept" and not self._marked and row is not None and row.state is SampleState.WAITING:
            yield f"sample {row.index} has no outcome yet"
        alone = (
            action == "examine"
            or ((decides or action == "annotate") and self._marked)
            or (action == "regenerate" and self._asking is None)
        )
        if alone and self._bulk is not None:
            yield self._busy(self._bulk)

    def _decide(self, what: str, reviews: Decide) -> None:
        if self._marked:

            def act(chosen: Iterable[int]) -> Awaitable[int]:
                return self.workbench.decide_from(what, lambda workspace: reviews(workspace, chosen))

            self._bulk = BulkJob("deciding about", len(self._marked))
            why = "no outcome yet, or decided before"
            self._act_on_marked(what, act, why, self._marked.copy(), self._bulk)
        elif (row := self.table.current) is not None:
            # At once: the next key is for the next row, however soon it comes.
            self.action_down()
            self._keep(what, lambda workspace: reviews(workspace, [row.index]))

    def _is_free(self) -> bool:
        """True, unless an action on many samples was begun meanwhile, which is then said."""
        if self._bulk is not None:
            self.say(self._busy(self._bulk), warning=True)
        return self._bulk is None

    def _busy(self, bulk: BulkJob) -> str:
        """The action on many samples that is under way, in a line."""
        return f"{bulk.line()}: wait, or stop it with {self.keymap.first('samples.clear')}"

    @work(group="decide")
    async def _keep(self, what: str, reviews: Callable[[Workspace], Reviews]) -> None:
        try:
            count = await self.workbench.decide_from(what, reviews)
        except BurnishError as error:
            self.say_error(error)
        else:
            if not count:
                self.say("this sample has no outcome yet", warning=True)
            self.post_message(ReviewsChanged())

    @work(group="bulk")
    async def _act_on_marked(
        self,
        what: str,
        act: Callable[[Iterable[int]], Awaitable[int]],
        why: str,
        samples: MarkedSamples,
        bulk: BulkJob,
    ) -> None:
        """Do something to many samples in one act, which one undo takes back. `why` some stay as they were."""
        try:
            count = await act(bulk.through(samples))
        except BulkStopped:
            self.say("stopped: nothing was changed")
        except BurnishError as error:
            self.say_error(error)
        else:
            self._marked.clear()
            self._show_marks()
            left = f"; {n:,} stay: {why}" if (n := len(samples) - count) else ""
            back = f". {self.keymap.first('app.undo')} takes it back" if count else ""
            self.say(f"{what}: {count:,} {'sample' if count == 1 else 'samples'}{left}{back}")
            self.post_message(ReviewsChanged())
        finally:
            self._bulk = None
            self._update_line()

    def on_unmount(self) -> None:
        self._waiting.clear()
        if self._bulk is not None:
            self._bulk.stop()

    def action_regenerate(self) -> None:
        if (samples := self._targets()) is not None:
            self._to_ask = samples
            self.remark.ask()

    @on(Input.Submitted, "#remark Input")
    def _remarked(self, message: Input.Submitted) -> None:
        if self._asking is None and not self._is_free():
            return  # the remark stays in its line
        self.remark.close()
        self.table.focus()
        if self._asking is not None:
            self._waiting.append((self._to_ask, message.value.strip()))
            self.say("asked when the rewrites before have come")
        else:
            self._ask_about(self._to_ask, message.value.strip())

    def _ask_about(self, samples: MarkedSamples, remark: str) -> None:
        self._bulk = BulkJob("asking the teacher again about", len(samples))
        self._asking = self._regenerate(samples, remark, self._bulk)

    @work(group="bulk")
    async def _regenerate(self, samples: MarkedSamples, remark: str, bulk: BulkJob) -> None:
        """Ask the teacher for another rewrite of each original, one after the other, with one remark.

        Of several, those that were dropped are left out; about one alone a person asks in spite of it.
        """
        why, dropped = "", 0
        try:
            for sample in bulk.through(samples):
                if len(samples) > 1 and await self._is_dropped(sample):
                    dropped += 1
                    continue
                try:
                    await self.workbench.regenerate(
                        sample, await self._original(sample), Stage.INSTRUCTION, remark
                    )
                except UnusableReply as error:
                    bulk.failed += 1
                    why = f" (sample {sample}: {error})"
        except BulkStopped:
            pass
        except BurnishError as error:
            self._waiting.clear()
            self.say_error(error)
        finally:
            self._bulk = self._asking = None
            self._update_line()
            if bulk.done < bulk.total:
                self.remark.put_back(remark)
            made = bulk.done - bulk.failed - dropped
            failed = f"; {bulk.failed} gave nothing usable{why}" if bulk.failed else ""
            left = f", without {dropped:,} that were dropped" if dropped else ""
            stopped = f", stopped before the other {bulk.total - bulk.done}" if bulk.done < bulk.total else ""
            rewrites = f"rewrites of {counted(made, 'sample')}" if made != 1 else "a rewrite of one sample"
            self.say(f"{rewrites}, to be seen in Review{left}{stopped}{failed}", warning=bool(bulk.failed))
            self.post_message(ReviewsChanged())
            if self._waiting:
                self._ask_about(*self._waiting.popleft())

    def action_annotate(self) -> None:
        """Write a note and tags: of one sample all that it has, of the marked ones what is added or taken away."""
        row, known = self.table.current, self.workbench.tags
        if self._marked:
            marked, typed = self._marked.copy(), self.workbench.typed("note on many")
            dialog = ManyNotesDialog(typed, known, len(marked))
            self.app.push_screen(dialog, partial(self._noted_marked, marked, typed))
        elif row is not None:
            typed = self.workbench.typed(f"note on {row.index}")
            one = SampleNoteDialog(typed, known, row.index, row.annotation)
            self.app.push_screen(one, partial(self._noted, row, typed))

    def _noted(self, row: SampleRow, typed: dict[str, str], annotation: Annotation | None) -> None:
        if annotation == row.annotation:
            typed.clear()
        elif annotation is not None:
            self._annotate(row.index, annotation, typed)

    @work(group="decide")
    async def _annotate(self, sample: int, annotation: Annotation, typed: dict[str, str]) -> None:
        try:
            await self.workbench.annotate(lambda _: [(sample, annotation)])
        except BurnishError as error:
            self.say_error(error)
        else:
            typed.clear()
            self.post_message(ReviewsChanged())

    def _noted_marked(
        self, samples: MarkedSamples, typed: dict[str, str], change: AnnotationChange | None
    ) -> None:
        if change is None or not self._is_free():
            return

        async def act(chosen: Iterable[int]) -> int:
            count = await self.workbench.annotate(
                lambda workspace: workspace.annotations.changed(chosen, change)
            )
            typed.clear()
            return count

        self._bulk = BulkJob("noting", len(samples))
        self._act_on_marked(ACT, act, "they are so already", samples, self._bulk)

    def action_examine(self) -> None:
        self._bulk = BulkJob("looking at", self.workbench.samples)
        self._examine(self._bulk)

    @work(group="bulk")
    async def _examine(self, bulk: BulkJob) -> None:
        """Have all samples examined, and list what was flagged."""
        try:
            stats = await self.workbench.examine(bulk)
        except BulkStopped:
            self.say("stopped: what was found before is kept")
        except BurnishError as error:
            self.say_error(error)
        else:
            found = ", ".join(f"{flag} {count:,}" for flag, count in stats.flags.items() if count)
            flagged = f"{stats.flagged:,} of {stats.samples:,} samples are flagged: {found}"
            listed = f"{flagged}. {self.keymap.first('samples.filter')} lists them"
            self.say(listed if found else f"nothing to flag in {counted(stats.samples, 'sample')}")
            self._arrange(stay=True)
        finally:
            self._bulk = None
            self._update_line()

    async def _is_dropped(self, sample: int) -> bool:
        return await self.workbench.reader.ask_workspace(lambda opened: is_dropped(opened.database, sample))

    async def _original(self, sample: int) -> Version:
        return (
            await self.workbench.reader.ask_workspace(lambda workspace: workspace.sample(sample))
        ).original
