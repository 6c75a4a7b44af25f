"""The sample under the cursor beside the list, where there is room: its texts before and after, scores and flags."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from textual import work
from textual.content import Content
from textual.events import Resize
from textual.timer import Timer
from textual.widget import Widget

from engine.report.word_diff import TextDiff, compare
from engine.sample import PARTS
from engine.store.file_errors import Interrupted
from engine.store.sample_list import SampleFilter, SampleList, SampleRow
from engine.store.workspace import Run
from models.errors import BurnishError
from models.system.units import counted
from tui.messages import Failed
from tui.screens.samples.columns import flags
from tui.state.versions import OfferedVersion, first_shown, offers, view_sample
from tui.text.literal import first_line
from tui.text.matches import matches, pattern
from tui.text.score_change import score_change
from tui.text.shown import shown
from tui.text.tables import tag_words
from tui.text.vocabulary import FLAGS, SCORES, STATES
from tui.text.wrapping import WrappedLine, wrap
from tui.widgets.prose import MARK_STYLES, Prose, displayed

PAUSE = 0.1
"""Seconds that the cursor rests before its sample is asked for: the keys' own repaints come first."""

LONGEST = 2_500
"""Characters of a text that are compared and shown."""

NOTE_LINES = 5
"""Lines of a person's note that are shown."""

BEFORE = 200
"""Characters shown before the first match of a search, where that is further on."""

OF_STATE = {
    "muted": "$text-muted", "text": "", "good": "$text-success", "warn": "$text-warning", "bad": "$text-error",
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Excerpt:
    """As much of a text as may be shown, with marks by name."""

    whole: int  # characters of the text itself
    text: str
    from_start: bool
    marks: tuple[tuple[int, int, str], ...] = ()


@dataclass(frozen=True, slots=True)
class PartPreview:
    """A part of the sample as it was, and in the version that tells most, where it differs there."""

    name: str
    before: Excerpt
    after: Excerpt | None


@dataclass(frozen=True, slots=True)
class Preview:
    """A sample, as the pane shows it."""

    row: SampleRow
    offer: OfferedVersion | None  # that Review would open on
    findings: tuple[str, ...]
    parts: tuple[PartPreview, ...]


def preview_of(listing: SampleList, run: Run | None, position: int, only: SampleFilter) -> Preview | None:
    """The sample at a position of the list; None: there is none. Reads the workspace: for the reader's thread."""
    rows = listing.window(position, 1)
    if not rows:
        return None
    view = view_sample(listing, run, rows[0].index)
    found = offers(view)
    offer = found[first_shown(view, found)] if found else None
    parts = []
    for name in PARTS:
        before = getattr(view.sample.original, name)
        after = before if offer is None else getattr(offer.version, name)
        if before or after:
            parts.append(_part(name, before, after, only.texts_in(name)))
    return Preview(rows[0], offer, tuple(finding.flag for finding in view.findings), tuple(parts))


def _part(name: str, before: str, after: str, sought: Sequence[str]) -> PartPreview:
    old, new = _excerpt(before, sought), _excerpt(after, sought)
    if before == after:
        return PartPreview(name, _marked(old, (), "removed", sought), None)
    # What begins in different places cannot be compared.
    found = compare(old.text, new.text) if old.from_start and new.from_start else TextDiff()
    return PartPreview(
        name, _marked(old, found.removed, "removed", sought), _marked(new, found.added, "added", sought)
    )


def _excerpt(text: str, sought: Sequence[str]) -> Excerpt:
    """The beginning, or where nothing sought is in that, the place of the first match."""
    found = matches(text, pattern(sought))
    start = found[0][0] - BEFORE if found and found[0][1] > LONGEST else 0
    return Excerpt(len(text), displayed(text[start : start + LONGEST]), start == 0)


def _marked(shown: Excerpt, spans: Sequence[tuple[int, int]], name: str, sought: Sequence[str]) -> Excerpt:
    marks = [(*span, name) for span in spans]
    marks += ((*span, "match") for span in matches(shown.text, pattern(sought)))
    return Excerpt(shown.whole, shown.text, shown.from_start, tuple(marks))


class SamplePreview(Widget):
    """Shows what `fetch` gives for the sample under the cursor. Drawn whole, without a layout, so that it costs a key
    nothing."""

    DEFAULT_CSS = """
    SamplePreview {
        display: none; width: 40%; height: 1fr; padding: 0 1; border-left: solid $foreground 25%; text-wrap: nowrap;
    }
    """

    def __init__(self, fetch: Callable[[], Awaitable[Preview | None]]) -> None:
        """`fetch`: raises `Interrupted` and `BurnishError`."""
        super().__init__()
        self._fetch = fetch
        self._preview: Preview | None = None
        self._timer: Timer | None = None  # until the cursor has rested

    def clear(self) -> None:
        self._preview = None
        self.refresh()

    def follow(self) -> None:
        """Show the sample under the cursor as it is now, once the cursor rests."""
        if self._timer is not None:
            self._timer.stop()
        if self.size.width:
            self._timer = self.set_timer(PAUSE, self._look)

    def on_resize(self, _: Resize) -> None:
        self.follow()

    @work(exclusive=True, group="preview")
    async def _look(self) -> None:
        try:
            self._preview = await self._fetch()
            self.refresh()
        except Interrupted:
            pass
        except BurnishError as error:
            self.post_message(Failed(error))

    def render(self) -> Content:
        if self._preview is None:
            return Content("")
        return Content("\n").join(drawn(self._preview, self.content_size.width, self.content_size.height))


def drawn(preview: Preview, width: int, height: int) -> list[Content]:
    """The lines of the pane, `height` at most. Short texts stand whole; long ones share the room that is left."""
    lines = [*_head(preview, width), Content("")]
    blocks = [block for part in preview.parts for block in _blocks(part, preview.offer)]
    wrapped = [wrap(block.shown.text, width - 2) for block in blocks]
    fixed = len(lines) + sum(len(block.above) + block.ends for block in blocks)
    rooms = _shares([len(broken) for broken in wrapped], height - fixed)
    for block, broken, room in zip(blocks, wrapped, rooms, strict=True):
        lines += [*block.above, *_text(block.shown, broken, room), *[Content("")] * block.ends]
    return lines[:height]


class _Block(NamedTuple):
    """A text in the pane, the lines that stand above it, and whether its part ends with it."""

    above: list[Content]
    shown: Excerpt
    ends: bool


def _blocks(part: PartPreview, offer: OfferedVersion | None) -> Iterator[_Block]:
    if part.after is None:
        yield _Block([_heading(part)], part.before, True)
        return
    new = "new" if offer is None or offer.rejected is None else "rejected"
    yield _Block([_heading(part), _side("original")], part.before, False)
    yield _Block([_side(new)], part.after, True)


def _side(name: str) -> Content:
    return Content.styled(f"  {name}", "$text-muted italic")


def _shares(wanted: Sequence[int], room: int) -> list[int]:
    """Lines for each of the blocks, one at least."""
    given = [0] * len(wanted)
    for n, at in enumerate(sorted(range(len(wanted)), key=lambda at: wanted[at])):
        given[at] = min(wanted[at], max((room - sum(given)) // (len(wanted) - n), 1))
    return given


def _head(preview: Preview, width: int) -> list[Content]:
    row, offer = preview.row, preview.offer
    glyph, style = STATES[row.state]
    name, state = f"Sample {row.index}", f"{glyph} {row.state}"
    gap = " " * max(width - len(name) - len(state), 2)
    lines = [Content.assemble((name, "bold"), gap, (state, OF_STATE[style]))]
    if offer is not None:
        title, origin = first_line(offer.title, 40), first_line(offer.origin, max(width - 42, 1))
        lines.append(Content.assemble(title, "  ", (origin, "$text-muted")))
    scores = [
        _score("IFD", row.ifd_before, row.ifd_after),
        _score("r-IFD", row.r_ifd_before, row.r_ifd_after),
    ]
    if row.length_after is not None:
        lines.append(Content("    ").join(scores))
    if offer is not None and (choice := offer.rejected) is not None:
        score, margin = SCORES[choice.stage], choice.deciding_margin
        by = "" if margin is None else f"{margin:+.4f}".replace("-", "−")
        why = f"by {score}, margin {by}" if by else f"no {score} to compare"
        lines.append(Content.styled(f"rejected: {why}", "$text-warning"))
    if tags := row.annotation.tags:
        lines += Content.styled(tag_words(tags), "bold $accent").wrap(width)
    if note := row.annotation.note:
        about = Content.assemble(("¶ ", "$accent"), shown(note[:LONGEST])).wrap(width)
        lines += (
            about
            if len(about) <= NOTE_LINES
            else [*about[: NOTE_LINES - 1], Content.styled("⋯", "$text-muted")]
        )
    signs = [f"{FLAGS[flag]} {flag}" for flag in flags(row)] + [f"! {flag}" for flag in preview.findings]
    if signs:
        lines += Content.styled("  ".join(signs), "bold $text-warning").wrap(width)
    return lines


def _score(name: str, before: float | None, after: float | None) -> Content:
    """A score before and after, once where it is as it was, with the way it went."""
    old, new = ("none" if value is None else f"{value:.4f}" for value in (before, after))
    values = old if before == after else f"{old} → {new}"
    return Content.assemble((f"{name} ", "$text-muted"), values, score_change(name, before, after))


def _heading(part: PartPreview) -> Content:
    same, after = counted(part.before.whole, "character"), part.after
    facts = same if after is None else f"{part.before.whole:,} → {counted(after.whole, 'character')}"
    return Content.assemble((part.name.capitalize(), "bold $primary"), "  ", (facts, "$text-muted"))


def _text(shown: Excerpt, lines: Sequence[WrappedLine], room: int) -> list[Content]:
    """As many lines of a text as there is room for, the first match among them; a sign where it goes on."""
    first = next((start for start, _, name in shown.marks if name == "match"), 0)
    at = next((n for n, line in enumerate(lines) if line.end > first), 0)
    top = 0 if at < room - 1 else min(at, len(lines) - room)
    drawn = [_line(shown, line) for line in lines[top : top + room]]
    cut = len(lines) > top + room or (len(shown.text) < shown.whole and shown.from_start)
    if cut and room > 1:
        drawn[-1] = Content.styled("  ⋯", "$text-muted")
    return drawn


def _line(shown: Excerpt, line: WrappedLine) -> Content:
    content, sign, style = Content(shown.text[line.start : line.end]), " ", ""
    for start, end, name in shown.marks:
        if start < line.end and end > line.start:
            content = content.stylize(
                MARK_STYLES[name], max(start - line.start, 0), min(end, line.end) - line.start
            )
            sign = Prose.SIGNS.get(name, sign)
            style = f"bold {MARK_STYLES[name].split()[0]}" if name in Prose.SIGNS else style
    return Content.assemble((f"{sign} ", style), content)
