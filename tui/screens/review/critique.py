"""The teacher's criticism of a version, criterion by criterion, also while it is being written."""

from __future__ import annotations

from collections.abc import Iterable

from textual.widget import Widget

from engine.method.rules import Criteria
from tui.state.live_replies import LiveReply
from tui.state.versions import Criticism
from tui.text.critique import by_criterion, growing
from tui.widgets.prose import Prose

CURSOR = "▍"


class Critique(Prose):
    """The criticism of the version shown; while the teacher writes about the sample, only what it writes.

    The end of what is written stays in sight while it was in sight.
    """

    def criticise(
        self,
        criticism: Iterable[Criticism] | None,
        parts: Iterable[LiveReply],
        criteria: Criteria,
        *,
        asked: bool,
    ) -> None:
        """Show a criticism, or what is being written.

        criticism: of the version shown; None: there is no version, which the lines above say. parts: the replies that
        the teacher is at for this sample. criteria: on which it criticises. asked: a person waits for one of the
        replies.
        """
        pieces: list[tuple[str, str]] = []
        if writing := list(parts):
            pieces.append((f"The teacher is writing: {writing[-1].stage} stage\n", "fresh"))
            for part in writing:
                pieces += _under_titles(growing(part.question, part.text, criteria))
            last, name = pieces.pop()
            pieces += [(last.rstrip("\n"), name), (CURSOR, "cursor")]
        elif asked:
            pieces.append(("The teacher was asked …", "note"))
        elif criticism is not None:
            for about, critique in criticism:
                pieces += [
                    (f"{about}\n", "note"),
                    *_under_titles(by_criterion(critique, criteria)),
                    ("\n", ""),
                ]
            if not pieces:
                pieces.append(("no criticism: the teacher was not asked about this version", "note"))
        at_end = isinstance(self.parent, Widget) and self.parent.is_vertical_scroll_end
        self.show_pieces(pieces)
        if writing and at_end and isinstance(self.parent, Widget):
            self.parent.scroll_end(animate=False)


def _under_titles(parts: Iterable[tuple[str, str]]) -> list[tuple[str, str]]:
    return [piece for title, text in parts for piece in ((f"{title}\n", "title"), (f"{text}\n", ""))]
