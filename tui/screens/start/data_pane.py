"""The pane for the data: a path to open, an import under way, the open workspace, and those opened lately."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

from textual import events, on, work
from textual.app import ComposeResult
from textual.containers import Horizontal, Vertical
from textual.content import Content
from textual.message import Message
from textual.widgets import Button, OptionList, Select, Static
from textual.widgets.option_list import Option

from engine.formats.fields import Columns
from engine.formats.names import Format
from engine.formats.read import BadRow
from engine.run.opening import BadRowsError, ChangedDatasetError, Import, OpenTarget, StoppedError, target
from engine.sample import as_one_text
from engine.store.workspace import Workspace
from models.errors import BurnishError, UsageError
from models.system.threads import on_daemon_thread
from models.system.units import counted
from tui.messages import Failed, WorkspaceOpened
from tui.screens.start.browse import BrowseScreen
from tui.screens.start.path_input import PathField
from tui.state.workbench import Workbench
from tui.text.shown import shown, shown_line
from tui.text.tables import conversation_lines, passed_words
from tui.text.vocabulary import reasoning_note
from tui.widgets.facts import Fact, Facts
from tui.widgets.plain_input import PlainInput

NOTHING = "nothing is open yet; a dataset is JSON, JSON Lines, CSV or Parquet"

FIRST = 3
"""Samples whose texts are shown."""

CHARACTERS = 160
"""Of each text, at most."""

BAD_ROWS = 5
"""Bad rows that are shown, at most."""


class DataPane(Vertical):
    DEFAULT_CSS = """
    DataPane { height: auto; }
    DataPane #open { height: auto; }
    DataPane .reading { height: auto; }
    DataPane .reading > Static { width: 9; color: $text-muted; }
    DataPane .reading > PlainInput { width: 1fr; }
    DataPane #encoding { margin-bottom: 1; }
    DataPane Select { width: 1fr; }
    DataPane SelectCurrent Static#label { color: $text-disabled; }
    DataPane SelectCurrent.-has-value Static#label { color: $foreground; }
    DataPane #open Button { margin-left: 1; }
    DataPane PlainInput { background: $surface; }
    DataPane #error { height: auto; display: none; margin-bottom: 1; }
    DataPane #append { display: none; margin-bottom: 1; }
    DataPane #import { height: auto; display: none; margin-bottom: 1; }
    DataPane #import Static { width: 1fr; }
    DataPane #bad { height: auto; display: none; margin-bottom: 1; }
    DataPane #bad Horizontal { height: 1; }
    DataPane #bad Button { margin-right: 2; }
    DataPane Facts { margin-bottom: 1; }
    DataPane #first-samples { height: auto; display: none; }
    DataPane #first-samples.-open { display: block; }
    DataPane #recent { height: auto; max-height: 14; background: $background; }
    """

    @property
    def opening(self) -> bool:
        """A dataset or a workspace is still being read."""
        return self._opening

    class FactsShown(Message):
        """The facts of what is open are there."""

    def __init__(self, workbench: Workbench, **options: Any) -> None:
        super().__init__(**options)
        self._workbench = workbench
        self._opening = False
        self._import: Import | None = None  # the last, which may be under way
        self._import_path = Path()
        self._imported: Import | None = None  # that made the open workspace
        self._recent: list[tuple[Path, bool]] = []  # and whether they are there
        self._offered = False  # they had the focus

        self._path, self._facts = (
            PathField("a dataset or a workspace", id="path"),
            Facts(11, id="facts"),
        )
        self._format = Select(
            [(format.value, format) for format in Format],
            prompt="its own format",
            compact=True,
            id="format",
        )
        self._columns = PlainInput(placeholder="instruction=NAME,response=NAME", id="columns")
        self._encoding = PlainInput(placeholder="UTF-8", id="encoding")
        self._error, self._rows, self._bad_rows = Static(id="error"), Static(id="rows"), Static(id="rows-bad")
        self._first = Facts(3, id="first")
        self._recent_list = OptionList(id="recent", compact=True)

    def compose(self) -> ComposeResult:
        yield Static("Data", classes="heading")
        with Horizontal(id="open"):
            yield self._path
            yield Button("Browse", id="browse", compact=True)
        for name, field in (
            ("read as", self._format),
            ("columns", self._columns),
            ("encoding", self._encoding),
        ):
            with Horizontal(classes="reading"):
                yield Static(name)
                yield field
        yield self._error
        yield Button("Take up rows added at its end", id="append", compact=True)
        with Horizontal(id="import"):
            yield self._rows
            yield Button("Stop", id="stop", compact=True)
        with Vertical(id="bad"):
            yield self._bad_rows
            with Horizontal():
                yield Button("Import without them", id="skip", variant="warning", compact=True)
                yield Button("Leave it", id="leave", compact=True)
        yield self._facts
        with Vertical(id="first-samples"):
            yield Static("First samples", classes="subheading")
            yield self._first
        yield Static("Recent", classes="subheading", id="recent-heading")
        yield self._recent_list

    def on_mount(self) -> None:
        self._counting = self.set_interval(0.2, self._count, pause=True)

    # --- opening --------------------------------------------------------------------------------------------------

    def ask(self) -> None:
        """Have a path typed, in place of the one that stands there."""
        self.screen.set_focus(self._path.input)  # before the next key, which focus() is not
        self._path.input.select_all()

    @on(PathField.PathChosen)
    def _path_chosen(self, message: PathField.PathChosen) -> None:
        self.open(message.path)

    @on(Button.Pressed, "#browse")
    @work
    async def _browse(self) -> None:
        if (path := await self.app.push_screen_wait(BrowseScreen(Path()))) is not None:
            self.open(path)

    @on(OptionList.OptionSelected, "#recent")
    def _recent_chosen(self, event: OptionList.OptionSelected) -> None:
        self.open(self._recent[event.option_index][0])

    @on(Button.Pressed, "#skip")
    def _skip_bad(self) -> None:
        self.open(self._import_path, skip_bad=True)

    @on(Button.Pressed, "#append")
    def _take_up(self) -> None:
        self.append(self._import_path)

    @on(Button.Pressed, "#leave")
    def _leave_bad(self) -> None:
        self.query_one("#bad").display = False
        self.ask()

    @on(Button.Pressed, "#stop")
    def _stop_import(self) -> None:
        if self._import is not None:
            self._import.stop()

    @work(group="open")
    async def open(self, path: Path, *, skip_bad: bool = False) -> None:
        """Open the workspace or the dataset at a path. Posts `WorkspaceOpened` or `Failed`, or shows the bad rows."""
        if self._opening:
            self._fail(UsageError("something is being opened: stop that first"))
            return
        self._opening = True
        self.query("#bad, #append, #error").set(display=False)
        incoming = None
        try:
            format = self._format.value if isinstance(self._format.value, Format) else None
            encoding = self._encoding.value.strip() or None
            columns = Columns.parse([self._columns.value] if self._columns.value.strip() else [])
            found = await on_daemon_thread(target, path, format, encoding, columns)
            if found.found is not None:
                incoming = Import(found.found.format, skip_bad=skip_bad, encoding=encoding, columns=columns)
                self._import, self._import_path = incoming, path
                self.query_one("#import").display = True
                self._count()
                self._counting.resume()
            await self._open(found, incoming)
        except StoppedError as error:
            self.notify(str(error), markup=False)
        except BadRowsError:
            assert incoming is not None
            self._show_bad(path, incoming.bad)
        except ChangedDatasetError as error:
            self._fail(error)
            self._import_path = path
            self.query_one("#append").display = True
        except BurnishError as error:
            self._fail(error)
        else:
            self._imported = incoming
            self.post_message(WorkspaceOpened())
        finally:
            self._opening = False
            self._counting.pause()
            self.query("#import").set(display=False)  # none is left where the app is being quit

    @work(group="open")
    async def append(self, path: Path) -> None:
        """Open a dataset's workspace, and take up the rows that the dataset has gained. Posts as `open`."""
        if self._opening:
            self._fail(UsageError("something is being opened: stop that first"))
            return
        self._opening = True
        self.query("#bad, #append, #error").set(display=False)
        try:
            found = await on_daemon_thread(target, path)
            await self._open(OpenTarget(found.workspace), None)
            source = self._workbench.source
            assert source is not None
            incoming = Import(source.format, skip_bad=False, columns=source.columns)
            await self._workbench.append(path, incoming)
        except BadRowsError as error:
            self._fail(BurnishError(f"{path}: {error}; --append with --skip-bad leaves them out"))
        except BurnishError as error:
            self._fail(error)
        else:
            self.post_message(WorkspaceOpened())
        finally:
            self._opening = False

    async def _open(self, found: OpenTarget, incoming: Import | None) -> None:
        workbench = self._workbench
        if (
            workbench.run_job.running
            and workbench.path is not None
            and not await on_daemon_thread(_same_file, found.workspace, workbench.path)
        ):
            raise UsageError("a run is under way: stop it before another workspace is opened")
        if found.data is None:
            await workbench.open(found.workspace)
        else:
            await workbench.create(found.data, found.workspace, incoming)

    def _count(self) -> None:
        if (incoming := self._import) is not None:
            passed = (
                f", {counted(incoming.passed, 'row passes', 'rows pass')} through" if incoming.passed else ""
            )
            bad = f", {len(incoming.bad):,} cannot be read" if incoming.bad else ""
            name = shown_line(self._import_path.name, 40)
            count = f": {counted(incoming.rows, 'sample')} so far{passed}{bad}"
            self._rows.update(Content.assemble(("importing ", "bold"), name, count))

    def _fail(self, error: BurnishError) -> None:
        self._error.update(Content.assemble(("✗ ", "bold $text-error"), shown(str(error)[:2000])))
        self._error.display = True
        self.post_message(Failed(error))

    def _show_bad(self, path: Path, bad: Sequence[BadRow]) -> None:
        name = shown_line(path.name, 60, "bold")
        self._bad_rows.update(Content.assemble(("! ", "bold $text-warning"), name, ": ", _bad_lines(bad)))
        self.query_one("#bad").display = True
        self.query_one("#skip", Button).focus()

    # --- what is open -----------------------------------------------------------------------------------------------

    @work(exclusive=True, group="facts")
    async def show_facts(self) -> None:
        """Show the facts of the open workspace: its file, its dataset, how far its run is."""
        workbench = self._workbench
        facts: list[Fact] = [("", Content(NOTHING))]
        if workbench.is_open and workbench.path is not None and (source := workbench.source) is not None:
            facts = [("workspace", shown(_from_home(str(workbench.path)), "bold"))]
            present = await on_daemon_thread(_is_file, source.path)
            gone = ("" if present else "  no longer there", "$text-warning")
            facts.append(("dataset", Content.assemble(shown(_from_home(source.path)), gone)))
            with suppress(ValueError):  # a format of a later burnish
                facts.append(("format", Content(f"{source.format}, {Format(source.format).container}")))
            facts.append(("fields", shown_line(", ".join(source.fields), 300)))
            passed = workbench.passed
            counts = await workbench.reader.ask_workspace(lambda opened: opened.conversations())
            facts.append(("rows", Content.styled(f"{counts.rows:,}", "bold")))
            facts += [("turns", Content(line)) for line in conversation_lines(counts)]
            if passed:
                facts.append(("passed", Content(f"cannot be refined: {passed_words(passed)}")))
            facts += _import_facts(self._imported)
            if count := await workbench.reader.ask_workspace(lambda opened: opened.reasoning()):
                facts.append(("reasoning", Content(reasoning_note(count))))
            facts.append(("run", await self._run_fact()))
            self._first.show(await workbench.reader.ask_workspace(_first_samples))
            self.query("#first-samples").add_class("-open")
        self._facts.show(facts)
        self.post_message(self.FactsShown())

    async def _run_fact(self) -> Content:
        workbench = self._workbench
        if (run := workbench.run) is None:
            return Content.styled("none yet", "$text-muted")

        def read(opened: Workspace) -> str:
            remaining = opened.remaining()
            done, failed = opened.count(run, remaining)
            dropped = len(opened) - len(remaining)
            counts = {"failed": failed, "dropped": dropped}
            others = "".join(f", {count:,} {what}" for what, count in counts.items() if count)
            return f": {done:,} of {len(remaining):,} done{others}"

        count = await workbench.reader.ask_workspace(read)
        return Content.assemble(shown_line(str(run.recipe.method), 20), count)

    # --- the recent ones --------------------------------------------------------------------------------------------

    @work(exclusive=True, group="recent")
    async def show_recent(self, recent: Sequence[str]) -> None:
        """List workspaces, the latest first; those that are gone say so."""
        self._recent = await on_daemon_thread(lambda: [(Path(name), _is_file(name)) for name in recent])
        self._draw_recent()
        if self._recent and not (
            self._offered or self._opening or self._workbench.is_open or self.screen.focused
        ):
            self._recent_list.highlighted = 0  # enter opens it again
            self.screen.set_focus(self._recent_list, scroll_visible=False)  # it is in sight, below the path
        self._offered = True

    def on_resize(self, _: events.Resize) -> None:
        self._draw_recent()

    def _draw_recent(self) -> None:
        highlighted = self._recent_list.highlighted
        rows = [Option(self._recent_row(path, present=present)) for path, present in self._recent]
        self._recent_list.set_options(rows)
        still = highlighted is not None and highlighted < len(rows)
        self._recent_list.highlighted = highlighted if still else None
        self.query("#recent, #recent-heading").set(
            display=bool(rows)
        )  # none are left while the app is being quit

    def _recent_row(self, path: Path, *, present: bool) -> Content:
        room = max(20, self.size.width - 2)
        name = shown_line(path.name, 120, "bold" if present else "$text-muted")
        folder = shown_line(_from_home(str(path.parent)), 200)  # grey could not be read on a highlighted row
        is_open = self._workbench.path is not None and path == self._workbench.path.absolute()
        row = Content.assemble(("● " if is_open else "  ", "$success"), name, "  ", folder)
        if present:
            return row.truncate(room, ellipsis=True)
        return Content.assemble(row.truncate(room - 10, ellipsis=True), ("  missing", "$text-warning"))


def _import_facts(imported: Import | None) -> Iterator[Fact]:
    if imported is not None and imported.bad:
        yield "left out", _bad_lines(imported.bad)


def _first_samples(opened: Workspace) -> list[Fact]:
    """The beginnings of the first samples' texts."""
    facts = []
    for index in range(min(FIRST, len(opened))):
        texts = opened.sample(index).original
        asked = shown_line(as_one_text(texts), CHARACTERS, "bold")
        facts.append((str(index), Content.assemble(asked, "\n", shown_line(texts.response, CHARACTERS))))
    return facts


def _bad_lines(bad: Sequence[BadRow]) -> Content:
    """The number of rows that cannot be read, and the first of them with the reason."""
    lines = [Content(f"{len(bad):,} {'row' if len(bad) == 1 else 'rows'} cannot be read")]
    lines += [
        Content.assemble((f"  {one.where}: ", "bold"), shown_line(one.message, 300)) for one in bad[:BAD_ROWS]
    ]
    if len(bad) > BAD_ROWS:
        lines.append(Content.styled(f"  … and {len(bad) - BAD_ROWS:,} more", "$text-muted"))
    return Content("\n").join(lines)


def _from_home(path: str) -> str:
    home = os.path.expanduser("~")  # noqa: PTH111  Path.home() raises where there is none
    return "~" + path[len(home) :] if f"{path}/".startswith(f"{home}/") else path


def _same_file(one: Path, other: Path) -> bool:
    try:
        return one.samefile(other)
    except OSError:
        return False


def _is_file(path: str) -> bool:
    return os.path.isfile(path)  # noqa: PTH113  Path.is_file() raises where a folder may not be looked into
