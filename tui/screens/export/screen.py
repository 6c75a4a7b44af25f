"""The Export screen: a form of which samples leave, as what and whereto; their first rows; the writing."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from threading import Event

from textual import on, work
from textual.app import ComposeResult
from textual.containers import Vertical, VerticalScroll
from textual.content import Content
from textual.events import ScreenResume
from textual.reactive import reactive
from textual.widgets import Input, ProgressBar, Static

from engine.events import Finished
from engine.export.export import (
    ExportPreview,
    ExportRequest,
    ExportResult,
    ExportStopped,
    InTheWay,
    RowProgress,
    default_path,
    in_the_way,
    named_container,
    preview,
    write,
)
from engine.export.preference_rows import preference_format, preference_formats
from engine.export.preferences import PreferredBy
from engine.export.trainers import Trainer, formats_of, trainer_format
from engine.formats.names import Container, Format, Layout
from engine.judge.preferred import verdicts_on
from engine.store.leaving import ExportRule
from models.errors import BurnishError, UsageError
from models.system.threads import on_daemon_thread
from models.system.units import counted
from tui.keys.actions import bindings
from tui.keys.keymap import Keymap
from tui.messages import EngineReported, WorkspaceChanged
from tui.screens.base import AppScreen
from tui.screens.export.form_row import FormLine, form_row
from tui.screens.export.pair_form import PairForm
from tui.screens.export.row_text import row_text
from tui.screens.export.rule_list import RuleList
from tui.screens.export.share_form import ShareForm
from tui.screens.export.status_text import question_text, result_text, summary_text, writing_text
from tui.state.workbench import Workbench
from tui.text.literal import one_line
from tui.text.shown import shown
from tui.widgets.pick_one import PickOne

ROWS = 6
"""Rows in the preview."""

CALM = 0.08
"""Seconds without a change before the preview is made: keys may repeat."""

AFRESH = 5.0
"""Seconds between two previews while a run decides more and more samples."""

NO_TRAINER = "none"
ANY = "any"  # rating


@dataclass(frozen=True, slots=True)
class Replacement:
    """A file that may be written only if a person says so."""

    out: Path
    request: ExportRequest
    present: InTheWay


class ExportScreen(AppScreen):
    SCOPE = "export"
    BINDINGS = bindings("export")
    DEFAULT_CSS = """
    ExportScreen #body { padding: 1 2 0 2; overflow: hidden auto; scrollbar-size-vertical: 1; }
    ExportScreen #form { height: auto; }
    ExportScreen #form Horizontal { height: auto; }
    ExportScreen ShareForm, ExportScreen .drop, ExportScreen .rating { display: none; }
    ExportScreen.-chosen ShareForm, ExportScreen.-trainer .drop, ExportScreen.-rated .rating { display: block; }
    ExportScreen .label { width: 7; color: $text-muted; }
    ExportScreen .hint { width: 1fr; height: 1; color: $text-muted; }
    ExportScreen #trace, ExportScreen #drop { width: 20; }
    ExportScreen #rating { width: 53; }
    ExportScreen #path { width: 1fr; }
    ExportScreen FormLine { background: $surface; }
    ExportScreen #told { height: auto; margin-top: 1; }
    ExportScreen #bar { display: none; width: 100%; }
    ExportScreen #bar Bar { width: 1fr; }
    ExportScreen #bar.-writing { display: block; }
    ExportScreen #sight { height: 1fr; min-height: 3; margin-top: 1; }
    ExportScreen #heading { height: 1; color: $text-muted; }
    ExportScreen #scroll { height: 1fr; scrollbar-size-vertical: 1; }
    ExportScreen #sight:focus-within #heading { color: $text; text-style: underline; }
    ExportScreen #rows { height: auto; }
    ExportScreen.-wide #body { layout: horizontal; padding: 1 2; overflow: hidden; }
    ExportScreen.-wide #form { width: 92; height: 100%; overflow: hidden auto; scrollbar-size-vertical: 1; }
    ExportScreen.-wide #form Horizontal { margin-bottom: 1; }
    ExportScreen.-wide #sight { margin: 0 0 0 3; height: 100%; }
    """

    writing: reactive[RowProgress | None] = reactive(None, repaint=False, bindings=True, init=False)
    """The progress of a writing under way."""

    asked: reactive[Replacement | None] = reactive(None, repaint=False, bindings=True, init=False)
    """The replacement that a person is asked about."""

    def __init__(self, workbench: Workbench, keymap: Keymap) -> None:
        super().__init__(workbench, keymap)
        self._workspace: Path | None = None  # that the form is about
        self._format = Format.ALPACA  # as picked by hand, without a trainer
        self._for_trainer: Format | None = None  # as picked by hand, for the trainer or for pairs
        self._suggested = ""  # the path, as long as it is not the person's own
        self._preview: ExportPreview | None = None
        self._problem = ""  # why nothing can leave
        self._ended: Content | None = None  # how the last writing ended
        self._at_rest = Event()  # no thread writes
        self._at_rest.set()
        self._stale = False

        # The threads' answers come in while the app closes, too, when a query would find nothing any more.
        self._rules = RuleList(id="rule")
        self._share = ShareForm()
        self._ratings = PickOne((ANY, *map(str, range(2, 11))), ANY, id="rating")
        self._pairs = PairForm()
        self._layouts = PickOne([_word(layout) for layout in Layout], _word(Layout.ALPACA), id="layout")
        self._containers = PickOne((), "", id="container")
        self._trainers = PickOne((NO_TRAINER, *Trainer), NO_TRAINER, id="trainer")
        self._drops = PickOne(("no", "yes"), "no", id="drop")
        self._traces = PickOne(("no", "yes"), "no", id="trace")
        self._path = FormLine(id="path", select_on_focus=False)
        self._status, self._heading, self._rows = Static(id="told"), Static(id="heading"), Static(id="rows")
        self._bar = ProgressBar(id="bar", show_eta=False, show_percentage=False)

    def body(self) -> ComposeResult:
        with Vertical(id="form"):
            yield from form_row("Rule", self._rules)
            yield self._share
            yield from form_row("Rating", self._ratings, "the least of 10")
            yield self._pairs
            yield from form_row("Rows", self._layouts)
            yield from form_row("File", self._containers)
            yield from form_row("For", self._trainers)
            yield from form_row("Drop", self._drops, "rows the trainer would not train on")
            yield from form_row("Trace", self._traces, "how each row came to be, in its field burnish")
            yield from form_row("To", self._path)
            yield self._status
            yield self._bar
        with Vertical(id="sight"):
            yield self._heading
            with VerticalScroll(id="scroll"):
                yield self._rows

    def on_mount(self) -> None:
        self._ticking = self.set_interval(0.1, self._show_status, pause=True)
        self.set_interval(AFRESH, self._reload_preview)

    async def on_unmount(self) -> None:
        """Nothing half written stays behind when the app is left."""
        if self.writing is not None:
            self.writing.stop()
        await on_daemon_thread(self._at_rest.wait, 1.0)

    @on(ScreenResume)
    @on(WorkspaceChanged)
    def _renew(self) -> None:
        """Make the preview again; for another workspace, fill in the form anew."""
        workbench = self.workbench
        if workbench.path is not None and workbench.source is not None and workbench.path != self._workspace:
            self._workspace, self._preview, self._ended = workbench.path, None, None
            self._format = Format(workbench.source.format)
            self._ratings.chosen = ANY
            self._path.value = self._suggested
            self._put_format()
        if self.is_current:
            self._load_preview()

    @on(EngineReported)
    def _heard(self, message: EngineReported) -> None:
        self._stale = self._stale or any(isinstance(event, Finished) for event in message.events)

    def _reload_preview(self) -> None:
        if self._stale and self.is_current:
            self._stale = False
            self._load_preview()

    # --- the form -------------------------------------------------------------------------------------------------
    # Textual calls the handlers of a message in this order.

    @on(PickOne.WordPicked, "#layout")
    def _pick_layout(self, event: PickOne.WordPicked) -> None:
        """The format of this layout in the same kind of file, or the first there is."""
        fitting = [format for format in self._formats if _word(format.layout) == event.word]
        same = [format for format in fitting if format.container is self._target.container]
        self._pick_format((same or fitting)[0])

    @on(PickOne.WordPicked, "#container")
    def _pick_container(self, event: PickOne.WordPicked) -> None:
        self._pick_format(Format.of(Container[event.word.upper()], self._target.layout))

    @on(PickOne.WordPicked, "#trainer")
    @on(PickOne.WordPicked, "#pairs")
    def _pick_trainer(self) -> None:
        self._for_trainer = None

    def _pick_format(self, format: Format) -> None:
        if self._trainer is None and self._pairs.kind is None:
            self._format = format
        else:
            self._for_trainer = format

    @property
    def _formats(self) -> tuple[Format, ...]:
        """The formats to choose from."""
        if self._pairs.kind is not None:
            return preference_formats(self._trainer)
        return tuple(Format) if self._trainer is None else formats_of(self._trainer)

    @property
    def _target(self) -> Format:
        """The format that will be written."""
        source = self.workbench.source
        if self._pairs.kind is not None:
            return preference_format(self._trainer, self._for_trainer)
        if self._trainer is None or source is None:
            return self._format
        return trainer_format(self._trainer, Format(source.format), self._for_trainer)

    @on(PickOne.WordPicked, "#rule")
    def _pick_rule(self) -> None:
        self._share.turn_to(self._rules.rule)

    @on(PickOne.WordPicked)
    @on(Input.Changed, "#share")
    @on(Input.Changed, "#seed")
    @on(Input.Changed, "#margin")
    def _form_changed(self) -> None:
        self.set_class(self._rules.rule is not ExportRule.ALL, "-chosen")
        self.set_class(self._trainer is not None, "-trainer")
        self._put_format()
        self._ended = self.asked = None
        self._load_preview()

    @on(Input.Changed, "#path")
    def _path_changed(self) -> None:
        self.asked = self._ended = None
        self._follow_name()
        self._show_status()

    def _follow_name(self) -> None:
        """Choose the kind of file that the path's ending names, where these rows can be written as one."""
        named, target = self._named(), self._target
        fitting = {one.container: one for one in self._formats if one.layout is target.layout}
        if named in fitting and named is not target.container:
            self._pick_format(fitting[named])
            self._put_format()
            self._load_preview()

    def _named(self) -> Container | None:
        """The kind of file that the path's ending names."""
        return named_container(Path(self._path.value.strip()))

    def _put_format(self) -> None:
        """Show the format that will be written, and a path to suit it."""
        if self.workbench.source is None or self._workspace is None:
            return
        format, formats = self._target, self._formats
        self._layouts.words = list(dict.fromkeys(_word(one.layout) for one in formats))
        self._layouts.chosen = _word(format.layout)
        self._containers.words = [_word(one.container) for one in formats if one.layout is format.layout]
        self._containers.chosen = _word(format.container)
        usual = str(default_path(self._workspace, format, self._pairs.kind))
        if self._path.value == self._suggested:
            self._path.value = usual
            self._path.cursor_position = len(usual)
        self._suggested = usual

    @property
    def _trainer(self) -> Trainer | None:
        word = self._trainers.chosen
        return None if word == NO_TRAINER else Trainer(word)

    def _request(self) -> ExportRequest:
        """The export that the form describes. Raises `UsageError`."""
        trainer = self._trainer
        return ExportRequest(
            self._rules.rule,
            self._share.share(),
            self._format if trainer is None and self._pairs.kind is None else self._for_trainer,
            trainer,
            trace=self._traces.chosen == "yes",
            drop_untrainable=trainer is not None and self._drops.chosen == "yes",
            preferences=self._pairs.preferences(),
            min_rating=None if self._ratings.chosen == ANY else int(self._ratings.chosen),
        )

    def _out(self) -> Path:
        """The path to write to. Raises `UsageError`."""
        text = self._path.value.strip()
        if not text or text.endswith("/"):
            raise UsageError("the file needs a name")
        with suppress(ValueError, RuntimeError):  # half a character; nobody's home
            if b"\0" not in os.fsencode(text):
                return Path(text).expanduser()
        raise UsageError(f"{text}: no file can be called that")

    # --- what would be written ------------------------------------------------------------------------------------

    @work(exclusive=True, group="preview")
    async def _load_preview(self) -> None:
        workspace = self._workspace
        if workspace is None:
            return
        await asyncio.sleep(CALM)
        try:
            found, rows = await on_daemon_thread(_read_preview, workspace, self._request())
        except BurnishError as error:
            self._preview, self._problem = None, str(error)
            rows = Content("")
        else:
            self._preview, self._problem = found, ""
            self._rules.counts = found.leaving
            self.set_class(found.rated, "-rated")
        if workspace == self._workspace:
            self._rows.update(rows)
            self._show_status()

    # --- writing --------------------------------------------------------------------------------------------------

    @on(Input.Submitted)
    @work(exclusive=True, group="begin")
    async def action_write(self) -> None:
        workspace = self._workspace
        if workspace is None:
            return
        if self.writing is not None:
            self.say("a file is being written", warning=True)
            return
        self._ended = None
        self._show_status()
        try:
            out, request = self._out(), self._request()
            present = await on_daemon_thread(in_the_way, workspace, out, request)
        except BurnishError as error:
            self.say_error(error)
            return
        if present != InTheWay():
            self.asked = Replacement(out, request, present)
            self._rules.focus()  # a line to type in would take the answer
        else:
            self._write(workspace, out, request)

    def action_replace(self) -> None:
        asked, self.asked = self.asked, None
        if asked is not None and self._workspace is not None:
            replace_entry = asked.present.entry is not None
            self._write(self._workspace, asked.out, replace(asked.request, replace_entry=replace_entry))

    def action_cancel(self) -> None:
        if self.writing is not None:
            self.writing.stop()
        elif self.asked is None:
            self.set_focus(None)
        self.asked = None

    def action_preview(self) -> None:
        self._load_preview()

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        unasked = action in ("replace", "cancel") and self.why_not(action)
        return False if unasked else super().check_action(action, parameters)

    def hindrances(self, action: str) -> Iterator[str]:
        if action in ("write", "preview") and self._workspace is None:
            yield f"no workspace is open: {self.keymap.first('app.go_start')} opens one"
        if action == "write" and self.writing is not None:
            yield f"a file is being written: {self.keymap.first('export.cancel')} stops it"
        if action == "replace" and self.asked is None:
            yield f"no file is in the way: {self.keymap.first('export.write')} writes"
        if action == "cancel" and not (self.asked or self.writing or isinstance(self.focused, Input)):
            yield "nothing to stop or to leave: no file is being written, and you type in no line"
        yield from super().hindrances(action)

    @work(group="write")
    async def _write(self, workspace: Path, out: Path, request: ExportRequest) -> None:
        self._at_rest.clear()
        progress = self.writing = RowProgress()

        def work() -> ExportResult:
            try:
                return write(workspace, out, _with_verdicts(workspace, request), progress)
            finally:
                self._at_rest.set()

        try:
            report = await on_daemon_thread(work)
        except ExportStopped:
            self._ended = Content.styled("stopped; nothing was written", "$text-warning")
        except BurnishError as error:
            self._ended = Content.assemble(
                ("✗ not written: ", "bold $text-error"), shown(one_line(str(error)))
            )
            if not self.in_sight:
                self.say_error(error)
        else:
            self._ended = result_text(report)
            self.call_after_refresh(self._status.scroll_visible, animate=False)
            if not self.in_sight:
                what = counted(report.rows, "row" if report.pairs is not None else "sample")
                self.say(f"written: {what} to {report.path}")
        finally:
            progress.stop()  # the thread, where it is this work that was cancelled
            self.writing = None

    def watch_writing(self) -> None:
        self._bar.set_class(self.writing is not None, "-writing")
        self._ticking.resume() if self.writing is not None else self._ticking.pause()
        self._show_status()

    def watch_asked(self) -> None:
        self._show_status()

    # --- in words -------------------------------------------------------------------------------------------------

    def _show_status(self) -> None:
        self._status.update(self._state())
        if self.writing is not None:
            self._bar.update(total=self.writing.total or None, progress=self.writing.rows)
        rows = self._preview is not None and self._preview.rows
        self._heading.update("First rows, as they will stand in the file" if rows else "")

    def _state(self) -> Content:
        if self.writing is not None:
            return writing_text(self.writing, self.keymap.first("export.cancel"))
        if self.asked is not None:
            return question_text(self.asked.present, self.keymap)
        if self._ended is not None:
            return self._ended
        if self._problem:
            return shown(one_line(self._problem), "$text-warning")
        if self._preview is None:
            return Content("")
        named = self._named()
        other = f"; the name says {named}" if named not in (None, self._target.container) else ""
        summary = summary_text(self._preview, self._rules.rule, self._trainer, self._pairs.kind)
        return Content.assemble(summary, (other, "$text-warning"))


def _word(kind: Layout | Container) -> str:
    """The word that a layout or a container is chosen by."""
    return kind.name.lower()


def _read_preview(workspace: Path, request: ExportRequest) -> tuple[ExportPreview, Content]:
    """The export that would be written, and its first rows as text. Takes a while."""
    found = preview(workspace, _with_verdicts(workspace, request), ROWS)
    heads = ["passed through" if index is None else f"sample {index}" for index in found.samples]
    heads = ["head", *heads] if len(found.rows) > len(heads) else heads
    rows = [
        Content.assemble((head, "$text-muted italic"), "\n", row_text(row, found.format))
        for head, row in zip(heads, found.rows, strict=True)
    ]
    return found, Content("\n\n").join(rows)


def _with_verdicts(workspace: Path, request: ExportRequest) -> ExportRequest:
    """The request with the judge's verdicts, where it asks for what a judge preferred. Takes a while."""
    asked = request.preferences
    if asked is None or asked.by is not PreferredBy.JUDGE:
        return request
    return replace(request, preferences=replace(asked, verdicts=verdicts_on(workspace)))
