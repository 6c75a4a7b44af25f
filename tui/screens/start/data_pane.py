"""The data: workspaces opened lately, a path to open, an import under way, and what is open."""

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
from textual.css.query import NoMatches
from textual.message import Message
from textual.widgets import Button, OptionList, Select, Static
from textual.widgets.option_list import Option

from engine.formats.names import Format
from engine.formats.read import BadRow
from engine.run.opening import BadRowsError, Import, OpenTarget, StoppedError, target
from models.errors import BurnishError, UsageError
from models.system.threads import on_daemon_thread
from tui.messages import WorkspaceOpened
from tui.screens.start.browse import BrowseScreen
from tui.screens.start.path_input import PathField
from tui.state.workbench import Workbench
from tui.text.shown import shown, shown_line
from tui.widgets.facts import Fact, Facts

LISTED = 5
"""Bad rows shown."""

NOTHING = "nothing is open yet; a dataset is JSON, JSON Lines, CSV or Parquet"


class DataPane(Vertical):
    DEFAULT_CSS = """
    DataPane { height: auto; }
    DataPane #open { height: auto; }
    DataPane #reading { height: auto; margin-bottom: 1; }
    DataPane #reading-as { width: 8; color: $text-muted; }
    DataPane Select { width: 1fr; }
    DataPane #open Button { margin-left: 1; }
    DataPane PlainInput { background: $surface; }
    DataPane #error { height: auto; display: none; margin-bottom: 1; }
    DataPane #import { height: auto; display: none; margin-bottom: 1; }
    DataPane #import Static { width: 1fr; }
    DataPane #bad { height: auto; display: none; margin-bottom: 1; }
    DataPane #bad Horizontal { height: 1; }
    DataPane #bad Button { margin-right: 2; }
    DataPane Facts { margin-bottom: 1; }
    DataPane #recent { height: auto; max-height: 14; background: $background; }
    """

    class OpenFailed(Message):
        """Something could not be opened."""

        def __init__(self, error: BurnishError) -> None:
            super().__init__()
            self.error = error

    def __init__(self, workbench: Workbench, **options: Any) -> None:
        super().__init__(**options)
        self._workbench = workbench
        self._opening = False
        self._refused: Path | None = None  # the dataset whose bad rows are shown
        self._incoming: Import | None = None  # of what is open, or is on its way
        self._incoming_path: Path | None = None
        self._recent: list[tuple[Path, bool]] = []

    def compose(self) -> ComposeResult:
        yield Static("Data", classes="heading")
        with Horizontal(id="open"):
            yield PathField("the path of a dataset or a workspace", id="path")
            yield Button("Browse", id="browse", compact=True)
        with Horizontal(id="reading"):
            yield Static("read as", id="reading-as")
            yield Select(
                [(format.value, format) for format in Format],
                prompt="what it looks like",
                compact=True,
                id="format",
            )
        yield Static(id="error")
        with Horizontal(id="import"):
            yield Static(id="rows")
            yield Button("Stop", id="stop", compact=True)
        with Vertical(id="bad"):
            yield Static(id="rows-bad")
            with Horizontal():
                yield Button("Import without them", id="skip", variant="warning", compact=True)
                yield Button("Leave it", id="leave", compact=True)
        yield Facts(11, id="facts")
        yield Static("Recent", classes="subheading", id="recent-heading")
        yield OptionList(id="recent", compact=True)

    def on_mount(self) -> None:
        self._counting = self.set_interval(0.2, self._count, pause=True)

    # --- opening --------------------------------------------------------------------------------------------------

    def ask(self) -> None:
        """Have a path typed."""
        self.query_one(PathField).input.focus()

    @on(PathField.PathChosen)
    def _chosen(self, message: PathField.PathChosen) -> None:
        message.stop()
        self.open(message.path)

    @property
    def _format(self) -> Format | None:
        """What a dataset that is opened is read as; None: what its content says."""
        chosen = self.query_one("#format", Select).value
        return chosen if isinstance(chosen, Format) else None

    @on(Button.Pressed, "#browse")
    def _browse(self, event: Button.Pressed) -> None:
        event.stop()

        def chosen(path: Path | None) -> None:
            if path is not None:
                self.open(path)

        self.app.push_screen(BrowseScreen(Path()), chosen)

    @on(OptionList.OptionSelected, "#recent")
    def _retry(self, event: OptionList.OptionSelected) -> None:
        event.stop()
        self.open(self._recent[event.option_index][0])

    @on(Button.Pressed, "#skip")
    def _skip(self, event: Button.Pressed) -> None:
        event.stop()
        if self._refused is not None:
            self.open(self._refused, skip_bad=True)

    @on(Button.Pressed, "#leave")
    def _leave(self, event: Button.Pressed) -> None:
        event.stop()
        self._show_bad(None, ())
        self.ask()

    @on(Button.Pressed, "#stop")
    def _stop(self, event: Button.Pressed) -> None:
        event.stop()
        if self._incoming is not None:
            self._incoming.stop()

    @work(group="open")
    async def open(self, path: Path, *, skip_bad: bool = False) -> None:
        """Open what is at a path. Posts `WorkspaceOpened` or `OpenFailed`; bad rows are shown, and what can be done."""
        if self._opening:
            self._fail(UsageError("something is being opened: stop that first"))
            return
        self._opening = True
        self._show_bad(None, ())
        self.query_one("#error").display = False
        incoming = None
        try:
            found = await on_daemon_thread(target, path, self._format)
            if found.found is not None:
                incoming = Import(found.found.format, skip_bad=skip_bad)
                self._begin(incoming, path)
            await self._open(found, incoming)
        except StoppedError as error:
            self.notify(str(error), markup=False)
        except BadRowsError:
            assert incoming is not None
            self._show_bad(path, incoming.bad)
        except BurnishError as error:
            self._fail(error)
        else:
            self._incoming = incoming
            self.post_message(WorkspaceOpened())
        finally:
            self._opening = False
            self._counting.pause()
            self.query("#import").set(display=False)  # none is left where the app is being quit

    async def _open(self, found: OpenTarget, incoming: Import | None) -> None:
        workbench = self._workbench
        if (
            workbench.run_job.running
            and workbench.path is not None
            and not await on_daemon_thread(_same, found.workspace, workbench.path)
        ):
            raise UsageError("a run is under way: stop it before another workspace is opened")
        if found.data is None:
            await workbench.open(found.workspace)
        else:
            await workbench.create(found.data, found.workspace, incoming)

    def _begin(self, incoming: Import, path: Path) -> None:
        self._incoming, self._incoming_path = incoming, path
        self.query_one("#import").display = True
        self._count()
        self._counting.resume()

    def _count(self) -> None:
        if (incoming := self._incoming) is None or self._incoming_path is None:
            return
        bad = f", {len(incoming.bad):,} without a sample" if incoming.bad else ""
        text = Content.assemble(
            ("importing ", "bold"),
            shown_line(self._incoming_path.name, 40),
            f": {incoming.rows:,} samples so far{bad}",
        )
        self.query_one("#rows", Static).update(text)

    def _fail(self, error: BurnishError) -> None:
        said = self.query_one("#error", Static)
        said.update(Content.assemble(("✗ ", "bold $text-error"), shown(str(error)[:2000])))
        said.display = True
        self.post_message(self.OpenFailed(error))

    def _show_bad(self, path: Path | None, bad: Sequence[BadRow]) -> None:
        self._refused = path
        pane = self.query_one("#bad")
        pane.display = path is not None
        if path is not None:
            self.query_one("#rows-bad", Static).update(
                Content.assemble(
                    ("! ", "bold $text-warning"),
                    shown_line(path.name, 60, "bold"),
                    f": {_rows(len(bad))} no sample\n",
                    _bad_lines(bad),
                )
            )
            pane.query_one("#skip", Button).focus()

    # --- what is open -----------------------------------------------------------------------------------------------

    @work(exclusive=True, group="facts")
    async def show_facts(self) -> None:
        """Show the open workspace: where it is, what it was made from, how far it is."""
        workbench, run = self._workbench, self._workbench.run
        if not workbench.is_open or workbench.path is None or workbench.source is None:
            self.query_one(Facts).show([("", Content(NOTHING))])
            return
        done, failed = (
            (0, 0) if run is None else await workbench.reader.ask_workspace(lambda opened: opened.count(run))
        )
        there = await on_daemon_thread(_there, Path(workbench.source.path))
        with suppress(NoMatches):  # the app was left meanwhile
            self.query_one(Facts).show(_facts(workbench, self._incoming, done, failed, there=there))

    # --- the recent ones --------------------------------------------------------------------------------------------

    @work(exclusive=True, group="recent")
    async def show_recent(self, recent: Sequence[str]) -> None:
        """List workspaces, the latest first; those that are gone say so."""
        self._recent = await on_daemon_thread(lambda: [(Path(name), _there(Path(name))) for name in recent])
        with suppress(NoMatches):  # the app was left meanwhile
            self._draw_recent()

    def on_resize(self, _: events.Resize) -> None:
        self._draw_recent()

    def _draw_recent(self) -> None:
        room = max(20, self.size.width - 2)
        listed = self.query_one("#recent", OptionList)
        at = listed.highlighted
        listed.set_options(
            [Option(self._recent_row(path, room, there=there)) for path, there in self._recent]
        )
        listed.highlighted = at if at is not None and at < len(self._recent) else None
        listed.display = self.query_one("#recent-heading").display = bool(self._recent)

    def _recent_row(self, path: Path, room: int, *, there: bool) -> Content:
        name = shown_line(path.name, 120, "bold" if there else "$text-muted")
        folder = _from_home(str(path.parent))
        here = self._workbench.path is not None and path == self._workbench.path.absolute()
        mark = ("● " if here else "  ", "$success")
        row = Content.assemble(mark, name, "  ", shown_line(folder, 200, "$text-muted"))
        if there:
            return row.truncate(room, ellipsis=True)
        return Content.assemble(row.truncate(room - 10, ellipsis=True), ("  missing", "$text-warning"))


def _facts(
    workbench: Workbench, incoming: Import | None, done: int, failed: int, *, there: bool
) -> Iterator[Fact]:
    path, source, run = workbench.path, workbench.source, workbench.run
    assert path is not None
    assert source is not None
    yield "workspace", shown(_from_home(str(path)), "bold")
    yield (
        "dataset",
        Content.assemble(
            shown(_from_home(source.path)), ("" if there else "  no longer there", "$text-warning")
        ),
    )
    with suppress(ValueError):  # a format of a later burnish
        yield "format", Content(f"{source.format}, {Format(source.format).container}")
    yield "fields", shown_line(", ".join(source.fields), 300)
    yield "rows", Content.styled(f"{workbench.samples:,}", "bold")
    if incoming is not None and incoming.continued:
        yield "turns", Content(f"{incoming.continued:,} have earlier turns: their last exchange is refined")
    if incoming is not None and incoming.bad:
        yield (
            "left out",
            Content.assemble(f"{_rows(len(incoming.bad))} no sample\n", _bad_lines(incoming.bad)),
        )
    if run is None:
        yield "run", Content.styled("none yet", "$text-muted")
        return
    yield (
        "run",
        Content.assemble(
            shown_line(str(run.recipe.method), 20),
            f": {done:,} of {workbench.samples:,} done" + (f", {failed:,} failed" if failed else ""),
        ),
    )


def _from_home(path: str) -> str:
    home = os.path.expanduser("~")  # noqa: PTH111  Path.home() raises where there is none
    return "~" + path[len(home) :] if f"{path}/".startswith(f"{home}/") else path


def _bad_lines(bad: Sequence[BadRow]) -> Content:
    lines = [
        Content.assemble((f"  {one.where}: ", "bold"), shown_line(one.message, 300)) for one in bad[:LISTED]
    ]
    if len(bad) > LISTED:
        lines.append(Content.styled(f"  … and {len(bad) - LISTED:,} more", "$text-muted"))
    return Content("\n").join(lines)


def _rows(count: int) -> str:
    return f"{count:,} {'row holds' if count == 1 else 'rows hold'}"


def _same(one: Path, other: Path) -> bool:
    try:
        return one.samefile(other)
    except OSError:
        return False


def _there(path: Path) -> bool:
    try:
        return path.is_file()
    except (OSError, ValueError):
        return False
