"""Every action of the app, once: its key, its line in the palette and in the help screen."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from textual.binding import Binding, BindingType


@dataclass(frozen=True, slots=True)
class Action:
    """Something a person can do. `id` is `scope.name`, and the screen of that scope (or the app) has `action_name`."""

    id: str
    keys: str  # Textual's names, comma-separated
    label: str  # one or two words, for the footer
    help: str  # a sentence, for the help screen and the palette
    footer: bool = True

    @property
    def scope(self) -> str:
        return self.id.partition(".")[0]

    @property
    def name(self) -> str:
        """What Textual calls."""
        return self.id.partition(".")[2]


SCOPES = {
    "app": "Everywhere",
    "start": "Start",
    "samples": "Samples",
    "review": "Review",
    "heat": "Heat map",
    "run": "Run",
    "distribution": "Distribution",
    "export": "Export",
    "compare": "Compare",
    "pair": "Pair",
    "help": "Help",
}
"""The registry's groups, in the help screen's order, with their titles."""

ACTIONS = (
    Action("app.go_start", "1", "Start", "Choose data, models and method", footer=False),
    Action("app.go_samples", "2", "Samples", "Go through the samples", footer=False),
    Action("app.go_run", "3", "Run", "Watch, hold or stop the run", footer=False),
    Action("app.go_distribution", "4", "Distribution", "See how scores and lengths are spread", footer=False),
    Action("app.go_export", "5", "Export", "Write the refined dataset", footer=False),
    Action(
        "app.go_compare",
        "6",
        "Compare",
        "Have a judge compare the refined side with the original",
        footer=False,
    ),
    Action("app.show_help", "f1,question_mark", "Help", "Every key, and what it does"),
    Action("app.command_palette", "ctrl+p", "Palette", "Find what can be done by its name", footer=False),
    Action("app.undo", "u,ctrl+z", "Undo", "Take back the last decision", footer=False),
    Action("app.redo", "U,ctrl+y", "Redo", "Do again what was undone", footer=False),
    Action("app.choose_theme", "f9", "Theme", "Choose the colours; they are remembered", footer=False),
    Action("app.leave", "ctrl+q", "Quit", "Quit; a run can be taken up again"),
    # Start
    Action("start.open", "o", "Open", "Open a dataset or a workspace by its path"),
    Action("start.check", "d", "Check", "Run doctor: what would keep a run from working, and what to do"),
    Action("start.pull", "p", "Pull", "Have Ollama download a model"),
    Action("start.refresh", "f5", "Look again", "Look for models again", footer=False),
    Action("start.begin", "s,ctrl+s", "Start", "Start the run"),
    Action("start.leave_line", "escape", "Leave line", "Leave the line you type in: keys act again"),
    # Samples
    Action("samples.down", "j,down", "Down", "Next row", footer=False),
    Action("samples.up", "k,up", "Up", "Previous row", footer=False),
    Action("samples.page_down", "pagedown,ctrl+d", "Page down", "A screenful down", footer=False),
    Action("samples.page_up", "pageup,ctrl+u", "Page up", "A screenful up", footer=False),
    Action("samples.top", "g,home", "Top", "First row", footer=False),
    Action("samples.bottom", "G,end", "Bottom", "Last row", footer=False),
    Action("samples.review", "enter", "Review", "Look at this sample"),
    Action("samples.search", "slash", "Search", "Search in the texts while you type"),
    Action("samples.filter", "f", "Filter", "Show only some states, verdicts or flags"),
    Action("samples.sort", "s", "Sort", "Sort by the next column", footer=False),
    Action("samples.reverse", "S", "Reverse", "Turn the order around", footer=False),
    Action("samples.jump", "colon,ctrl+g", "Jump", "Go to a sample's number", footer=False),
    Action("samples.mark", "space", "Mark", "Mark this row, for what is done to several"),
    Action("samples.mark_all", "A", "Mark all", "Mark every row that is shown, or none", footer=False),
    Action("samples.accept", "a", "Accept", "Accept the student's choice for the marked rows, or this one"),
    Action("samples.keep", "o", "Original", "Keep the original of the marked rows, or of this one"),
    Action(
        "samples.regenerate",
        "r",
        "Regenerate",
        "Ask the teacher again for the marked rows, or this one",
        footer=False,
    ),
    Action(
        "samples.examine",
        "x",
        "Examine",
        "Look for duplicates, refusals, personal data and other languages",
        footer=False,
    ),
    Action(
        "samples.next_unreviewed",
        "n",
        "Next unreviewed",
        "Go to the next sample nobody has decided on",
        footer=False,
    ),
    Action(
        "samples.next_near_tie",
        "t",
        "Next near tie",
        "Go to the next sample the student was unsure of",
        footer=False,
    ),
    Action("samples.clear", "escape", "Clear", "Leave the search, the filter and the marks", footer=False),
    # Review
    Action("review.accept", "a", "Accept", "Take the version on the right, and go on"),
    Action("review.keep", "o", "Original", "Keep the original, and go on"),
    Action(
        "review.take_teacher",
        "t",
        "Teacher's",
        "Take the teacher's rewrite whatever the student chose, and go on",
    ),
    Action("review.mix", "m", "Mix", "Take one side's instruction and the other side's response"),
    Action("review.edit", "e", "Edit", "Edit the version on the right; the student weighs it at once"),
    Action("review.edit_outside", "E", "In $EDITOR", "Edit it in your own editor", footer=False),
    Action(
        "review.regenerate",
        "r",
        "Ask again",
        "Ask the teacher for another rewrite, with a remark if you like",
    ),
    Action(
        "review.previous_candidate",
        "comma,left",
        "Earlier",
        "Page to the candidate before this one",
        footer=False,
    ),
    Action(
        "review.next_candidate",
        "full_stop,right",
        "Later",
        "Page to the candidate after this one",
        footer=False,
    ),
    Action("review.take_back", "x", "Take back", "Decide nothing about this sample after all", footer=False),
    Action("review.heat", "h", "Heat", "See the student's losses token by token"),
    Action("review.next", "j,s", "Skip", "Next sample, without deciding", footer=False),
    Action("review.previous", "k", "Back", "Previous sample", footer=False),
    Action(
        "review.next_unreviewed", "n", "Next unreviewed", "Next sample nobody has decided on", footer=False
    ),
    Action(
        "review.next_near_tie", "N", "Next near tie", "Next sample the student was unsure of", footer=False
    ),
    Action("review.copy", "y", "Copy", "Copy the selection, or the field that has the focus", footer=False),
    Action("review.back", "escape,q", "Samples", "Back to the list", footer=False),
    # Heat map
    Action("heat.next_token", "right,l", "Next", "Next token", footer=False),
    Action("heat.previous_token", "left,h", "Previous", "Previous token", footer=False),
    Action("heat.line_down", "down,j", "Down", "The token below", footer=False),
    Action("heat.line_up", "up,k", "Up", "The token above", footer=False),
    Action("heat.page_down", "pagedown,ctrl+d", "Page down", "A screenful down", footer=False),
    Action("heat.page_up", "pageup,ctrl+u", "Page up", "A screenful up", footer=False),
    Action(
        "heat.measure",
        "v",
        "Measure",
        "Colour by the difference, or by the loss with or without the other half",
    ),
    Action("heat.side", "tab", "Other half", "The response's tokens, or the instruction's"),
    Action("heat.version", "o", "Version", "The next version of the sample: the original, a rewrite"),
    Action("heat.extreme", "n", "Next peak", "Go to the next token that stands out"),
    Action(
        "heat.previous_extreme", "N", "Peak before", "Go to the token before that stands out", footer=False
    ),
    Action("heat.bars", "b", "Bars", "Show or hide the bars above the words", footer=False),
    Action("heat.copy", "y", "Copy", "Copy the table of tokens and losses", footer=False),
    Action("heat.back", "escape,q", "Review", "Back to the sample"),
    # Run
    Action("run.begin", "s", "Start", "Start the run, or take it up again"),
    Action("run.hold", "space", "Hold", "Hold the run after what is under way, or let it go on"),
    Action("run.cancel", "c", "Stop", "Stop the run; it can be taken up again"),
    Action("run.retry", "r", "Retry failed", "Try the failed samples again"),
    # Distribution
    Action("distribution.rule", "r", "Rule", "Count for another export rule"),
    Action("distribution.lower", "left,h", "Lower", "Move the threshold down"),
    Action("distribution.higher", "right,l", "Higher", "Move the threshold up"),
    Action("distribution.type", "t", "Threshold", "Type a threshold"),
    Action("distribution.copy", "y", "Copy", "Copy the command that exports what the rule keeps"),
    Action("distribution.refresh", "f5", "Count again", "Count again", footer=False),
    Action("distribution.down", "down,j", "Down", "Scroll down", footer=False),
    Action("distribution.up", "up,k", "Up", "Scroll up", footer=False),
    Action("distribution.page_down", "pagedown,space", "Page down", "A screenful down", footer=False),
    Action("distribution.page_up", "pageup", "Page up", "A screenful up", footer=False),
    # Export
    Action("export.write", "w,ctrl+s", "Write", "Write the file"),
    Action("export.replace", "y", "Replace", "Write over the file that is there"),
    Action(
        "export.cancel",
        "escape",
        "Cancel",
        "Stop the writing, leave the file that is there as it is, or leave the line you type in",
    ),
    Action("export.preview", "f5", "Look again", "Count again, and show the first rows again", footer=False),
    # Compare
    Action("compare.begin", "s", "Judge", "Choose a judge, and have it compare both sides, or go on with it"),
    Action("compare.hold", "space", "Hold", "Hold the judge after what it is at, or let it go on"),
    Action("compare.cancel", "c", "Stop", "Stop the judge; what it said is kept"),
    Action("compare.open", "enter", "Both orders", "Read what the judge said of this pair in both orders"),
    Action("compare.review", "r", "Review", "Open this pair's sample in Review"),
    Action("compare.only", "f", "Filter", "List only the disagreements with the student, or one verdict"),
    Action("compare.tables", "t", "Tables", "The tables by length and by the student's margin, or the pairs"),
    Action("compare.other", "v", "Other judge", "Show what another judge said, or under other settings"),
    Action(
        "compare.jump", "colon,ctrl+g", "Jump", "Go to the pairs of a sample, by its number", footer=False
    ),
    Action("compare.down", "j,down", "Down", "Next pair", footer=False),
    Action("compare.up", "k,up", "Up", "Previous pair", footer=False),
    Action("compare.page_down", "pagedown,ctrl+d", "Page down", "A screenful down", footer=False),
    Action("compare.page_up", "pageup", "Page up", "A screenful up", footer=False),
    Action("compare.top", "g,home", "Top", "First pair", footer=False),
    Action("compare.bottom", "G,end", "Bottom", "Last pair", footer=False),
    Action("compare.leave", "escape", "Leave", "Leave the tables, or the filter", footer=False),
    # Pair
    Action("pair.next", "j,n", "Next", "Next pair of the list"),
    Action("pair.previous", "k,p", "Previous", "Previous pair of the list"),
    Action("pair.review", "r", "Review", "Open this pair's sample in Review"),
    Action("pair.back", "escape,q", "Compare", "Back to the list of pairs"),
    # Help
    Action("help.down", "down", "Down", "A line down", footer=False),
    Action("help.up", "up", "Up", "A line up", footer=False),
    Action("help.page_down", "pagedown", "Page down", "A screenful down", footer=False),
    Action("help.page_up", "pageup", "Page up", "A screenful up", footer=False),
    Action("help.close", "escape", "Close", "Back to where one was"),
)


def of_scope(scope: str) -> Iterator[Action]:
    return (action for action in ACTIONS if action.scope == scope)


def bindings(scope: str) -> list[BindingType]:
    """The bindings of a screen, or of the app. Their ids are the actions', so that a keymap can change the keys."""
    return [
        Binding(
            action.keys,
            action.name,
            action.label,
            show=action.footer,
            tooltip=action.help,
            id=action.id,
            priority=action.id in ALWAYS,
        )
        for action in of_scope(scope)
    ]


ALWAYS = {"app.leave", "app.command_palette"}
"""Whatever has the focus."""
