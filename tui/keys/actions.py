"""Every action of the app, once: bindings, palette and help screen are made from this table."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from textual.binding import Binding, BindingType


@dataclass(frozen=True, slots=True)
class Action:
    """Something a person can do. The screen of its scope (or the app) has a method `action_name`."""

    scope: str
    name: str
    keys: str  # Textual's names, comma-separated
    label: str  # one or two words, for the footer
    help: str  # a sentence, for the help screen and the palette
    footer: bool

    @property
    def id(self) -> str:
        """Its name in `keys.toml` and in Textual's keymap."""
        return f"{self.scope}.{self.name}"


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
    "trial": "Trial",
    "help": "Help",
}
"""The registry's groups, in the help screen's order, with their titles."""

SHOWN, QUIET = True, False
"""In the footer, or only in the palette and the help screen."""

_TABLE = {
    "app": (
        ("go_start", "1", "Start", "Choose data, models and method", QUIET),
        ("go_samples", "2", "Samples", "Go through the samples", QUIET),
        ("go_run", "3", "Run", "Watch, hold or stop the run", QUIET),
        ("go_distribution", "4", "Distribution", "See how scores and lengths are spread", QUIET),
        ("go_export", "5", "Export", "Write the refined dataset", QUIET),
        ("go_compare", "6", "Compare", "Have a judge compare the refined side with the original", QUIET),
        ("show_help", "f1,question_mark", "Help", "Every key, and what it does", SHOWN),
        ("command_palette", "ctrl+p", "Palette", "Find what can be done by its name", QUIET),
        ("undo", "u,ctrl+z", "Undo", "Take back the last decision, note or tags", QUIET),
        ("redo", "U,ctrl+y", "Redo", "Do again what was undone", QUIET),
        ("choose_theme", "f9", "Theme", "Choose the colours; they are remembered", QUIET),
        ("leave", "ctrl+q", "Quit", "Quit; a run can be taken up again", SHOWN),
    ),
    "start": (
        ("open", "o", "Open", "Open a dataset or a workspace by its path", SHOWN),
        ("check", "d", "Check", "Run doctor: what would keep a run from working, and what to do", SHOWN),
        (
            "try_samples",
            "t",
            "Try",
            "Refine five samples that differ, and see how long all would take",
            SHOWN,
        ),
        (
            "try_teachers",
            "T",
            "Teachers",
            "Try several teachers on the same samples, and see what the student makes of each",
            SHOWN,
        ),
        ("pull", "p", "Pull", "Have Ollama download a model", SHOWN),
        ("refresh", "f5", "Look again", "Look for models again", QUIET),
        ("begin", "s,ctrl+s", "Start", "Start the run", SHOWN),
        ("leave_line", "escape", "Leave line", "Leave the line you type in: keys act again", SHOWN),
    ),
    "samples": (
        ("review", "enter", "Review", "Look at this sample", SHOWN),
        (
            "search",
            "slash",
            "Search",
            "Search the texts, a field, a number or tags while you type: ifd>0.8, input:word, tag:word",
            SHOWN,
        ),
        ("filter", "f", "Filter", "Show only some states, verdicts, flags or notes", SHOWN),
        ("sort", "s", "Sort", "Sort by the next column", QUIET),
        ("reverse", "S", "Reverse", "Turn the order around", QUIET),
        ("jump", "colon,ctrl+g", "Jump", "Go to a sample's number", QUIET),
        ("mark", "space", "Mark", "Mark this row, for what is done to several", SHOWN),
        ("mark_all", "A", "Mark all", "Mark every row that is shown, or none", QUIET),
        ("accept", "a", "Accept", "Accept the student's choice for the marked rows, or this one", SHOWN),
        ("keep", "o", "Original", "Keep the original of the marked rows, or of this one", SHOWN),
        (
            "drop",
            "d",
            "Drop",
            "Drop the marked rows, or this one: no run asks about them, no export has them",
            QUIET,
        ),
        ("annotate", "i", "Note", "Write a note on this row, and tags; tag the marked rows", QUIET),
        (
            "regenerate",
            "r",
            "Regenerate",
            "Ask the teacher again for the marked rows, or this one, with one remark",
            QUIET,
        ),
        (
            "examine",
            "X",
            "Examine",
            "Look for duplicates, refusals, personal data and other languages",
            QUIET,
        ),
        ("next_unreviewed", "n", "Next unreviewed", "Go to the next sample nobody has decided on", QUIET),
        ("next_doubtful", "N", "Next doubtful", "Go to the next near tie or lost input", QUIET),
        ("clear", "escape", "Clear", "Leave the search, the filter and the marks", QUIET),
        ("down", "j,down", "Down", "Next row", QUIET),
        ("up", "k,up", "Up", "Previous row", QUIET),
        ("page_down", "pagedown,ctrl+d", "Page down", "A screenful down", QUIET),
        ("page_up", "pageup,ctrl+u", "Page up", "A screenful up", QUIET),
        ("top", "g,home", "Top", "First row", QUIET),
        ("bottom", "G,end", "Bottom", "Last row", QUIET),
    ),
    "review": (
        (
            "accept",
            "a",
            "Accept",
            "Take the version on the right (of a rejected one: the student's choice)",
            SHOWN,
        ),
        ("keep", "o", "Original", "Keep the original, and go on", SHOWN),
        (
            "drop",
            "d",
            "Drop",
            "Drop this sample and go on: no run asks about it, and no export has it",
            QUIET,
        ),
        (
            "take_teacher",
            "t",
            "Teacher's",
            "Take the teacher's rewrite and go on: the rejected one that is shown, or the last",
            SHOWN,
        ),
        ("mix", "m", "Mix", "Take one side's instruction and the other side's response", SHOWN),
        ("edit", "e", "Edit", "Edit the version on the right; the student weighs it at once", SHOWN),
        ("edit_outside", "E", "In $EDITOR", "Edit it in your own editor", QUIET),
        (
            "regenerate",
            "r",
            "Ask again",
            "Ask the teacher for another rewrite, with a remark if you like",
            SHOWN,
        ),
        ("previous_candidate", "comma,left", "Earlier", "Page to the candidate before this one", QUIET),
        ("next_candidate", "full_stop,right", "Later", "Page to the candidate after this one", QUIET),
        ("other_side", "l", "Left side", "Put another version on the left, to compare any two", QUIET),
        ("annotate", "i", "Note", "Write a note on this sample, and tags to find it by", QUIET),
        ("take_back", "x", "Take back", "Decide nothing about this sample after all", QUIET),
        ("conversation", "c", "Conversation", "Open or fold what was said before, and after", QUIET),
        ("heat", "h", "Heat", "See the student's losses token by token", SHOWN),
        ("next", "j", "Skip", "Next sample, without deciding", QUIET),
        ("previous", "k", "Back", "Previous sample", QUIET),
        ("next_unreviewed", "n", "Next unreviewed", "Next sample nobody has decided on", QUIET),
        ("next_doubtful", "N", "Next doubtful", "Next near tie or lost input", QUIET),
        ("jump", "colon,ctrl+g", "Jump", "Go to a sample's number", QUIET),
        ("copy", "y", "Copy", "Copy the selection, or the field that has the focus", QUIET),
        ("back", "escape,q", "Samples", "Back to the list", QUIET),
    ),
    "heat": (
        ("next_token", "right,l", "Next", "Next token", QUIET),
        ("previous_token", "left,h", "Previous", "Previous token", QUIET),
        ("line_down", "down,j", "Down", "The token below", QUIET),
        ("line_up", "up,k", "Up", "The token above", QUIET),
        (
            "measure",
            "v",
            "Measure",
            "Colour by the difference, or by the loss with or without the other half",
            SHOWN,
        ),
        ("side", "tab", "Other half", "The response's tokens, or the instruction's", SHOWN),
        ("version", "full_stop", "Version", "The next version of the sample: the original, a rewrite", SHOWN),
        ("extreme", "n", "Next peak", "Go to the next token that stands out", SHOWN),
        ("previous_extreme", "N", "Peak before", "Go to the token before that stands out", QUIET),
        ("bars", "b", "Bars", "Show or hide the bars above the words", QUIET),
        ("copy", "y", "Copy", "Copy the table of tokens and losses", QUIET),
        ("back", "escape,q", "Review", "Back to the sample", SHOWN),
        ("page_down", "pagedown,ctrl+d", "Page down", "A screenful down", QUIET),
        ("page_up", "pageup,ctrl+u", "Page up", "A screenful up", QUIET),
    ),
    "run": (
        ("begin", "s", "Start", "Start the run, or take it up again", SHOWN),
        ("hold", "space", "Hold", "Hold the run after what is under way, or let it go on", SHOWN),
        ("cancel", "c", "Stop", "Stop the run; it can be taken up again", SHOWN),
        ("retry", "r", "Retry failed", "Try the failed samples again", SHOWN),
        ("open", "enter", "Open", "Open this decision's sample in Review", SHOWN),
        ("down", "j,down", "Down", "Next decision", QUIET),
        ("up", "k,up", "Up", "Decision before", QUIET),
        ("page_down", "pagedown,ctrl+d", "Page down", "A screenful down", QUIET),
        ("page_up", "pageup,ctrl+u", "Page up", "A screenful up", QUIET),
        ("top", "g,home", "Top", "First decision", QUIET),
        ("bottom", "G,end", "Bottom", "Last decision, and follow the run", QUIET),
    ),
    "distribution": (
        ("rule", "r", "Rule", "Count for another export rule", SHOWN),
        ("lower", "left,h", "Lower", "Move the threshold down", SHOWN),
        ("higher", "right,l", "Higher", "Move the threshold up", SHOWN),
        ("type", "colon", "Threshold", "Type a threshold", SHOWN),
        ("copy", "y", "Copy", "Copy the command that exports what the rule keeps", SHOWN),
        ("refresh", "f5", "Count again", "Count again", QUIET),
        ("down", "down,j", "Down", "Scroll down", QUIET),
        ("up", "up,k", "Up", "Scroll up", QUIET),
        ("page_down", "pagedown,space", "Page down", "A screenful down", QUIET),
        ("page_up", "pageup", "Page up", "A screenful up", QUIET),
    ),
    "export": (
        ("write", "w,ctrl+s", "Write", "Write the file", SHOWN),
        ("replace", "y", "Replace", "Write over the file that is there", SHOWN),
        (
            "cancel",
            "escape",
            "Cancel",
            "Stop the writing, leave the file that is there as it is, or leave the line you type in",
            SHOWN,
        ),
        ("preview", "f5", "Look again", "Count again, and show the first rows again", QUIET),
    ),
    "compare": (
        ("begin", "s", "Judge", "Choose a judge, and have it compare both sides, or go on with it", SHOWN),
        ("hold", "space", "Hold", "Hold the judge after the pair it is at, or let it go on", SHOWN),
        ("cancel", "c", "Stop", "Stop the judge; what it said is kept", SHOWN),
        ("open", "enter", "Both orders", "Read what the judge said of this pair in both orders", SHOWN),
        ("review", "r", "Review", "Open this pair's sample in Review", SHOWN),
        ("only", "f", "Filter", "List only the disagreements with the student, or one verdict", SHOWN),
        ("tables", "t", "Tables", "The tables by length and by the student's margin, or the pairs", SHOWN),
        ("other", "v", "Other judge", "Show what another judge said, or under other settings", SHOWN),
        (
            "trial",
            "T",
            "Trial",
            "See how students trained on original and refined answers compare: burnish trial, in its usual folder",
            SHOWN,
        ),
        ("jump", "colon,ctrl+g", "Jump", "Go to the pairs of a sample, by its number", QUIET),
        ("leave", "escape", "Leave", "Leave the tables, or the filter", QUIET),
        ("down", "j,down", "Down", "Next pair", QUIET),
        ("up", "k,up", "Up", "Previous pair", QUIET),
        ("page_down", "pagedown,ctrl+d", "Page down", "A screenful down", QUIET),
        ("page_up", "pageup", "Page up", "A screenful up", QUIET),
        ("top", "g,home", "Top", "First pair", QUIET),
        ("bottom", "G,end", "Bottom", "Last pair", QUIET),
    ),
    "pair": (
        ("next", "j,n", "Next", "Next pair of the list", SHOWN),
        ("previous", "k,p", "Previous", "Previous pair of the list", SHOWN),
        ("review", "r", "Review", "Open this pair's sample in Review", SHOWN),
        ("conversation", "c", "Conversation", "Open or fold what was said before", QUIET),
        ("back", "escape,q", "Compare", "Back to the list of pairs", SHOWN),
    ),
    "trial": (
        ("back", "escape,q,T", "Compare", "Back to the judge's verdicts", SHOWN),
        ("down", "j,down", "Down", "Scroll down", QUIET),
        ("up", "k,up", "Up", "Scroll up", QUIET),
        ("page_down", "pagedown,space,ctrl+d", "Page down", "A screenful down", QUIET),
        ("page_up", "pageup,ctrl+u", "Page up", "A screenful up", QUIET),
        ("top", "g,home", "Top", "Back to the top", QUIET),
        ("bottom", "G,end", "Bottom", "Down to the training losses", QUIET),
    ),
    "help": (
        ("close", "escape", "Close", "Back to where one was", SHOWN),
        ("down", "down", "Down", "A line down", QUIET),
        ("up", "up", "Up", "A line up", QUIET),
        ("page_down", "pagedown", "Page down", "A screenful down", QUIET),
        ("page_up", "pageup", "Page up", "A screenful up", QUIET),
    ),
}
"""By scope: name, keys, label, help, and whether it is in the footer."""

ACTIONS = tuple(Action(scope, *row) for scope, rows in _TABLE.items() for row in rows)

ALWAYS = {"app.leave", "app.command_palette"}
"""Actions that can be done whatever has the focus."""


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
