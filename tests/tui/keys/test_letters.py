"""The letters on all screens: one meaning each, or a reason why not."""

from __future__ import annotations

import re
from collections import defaultdict

from tui.keys.actions import ACTIONS

SHARED: dict[str, dict[str, str]] = {
    "G": {"the last": "samples.bottom compare.bottom run.bottom trial.bottom"},
    "N": {
        "the next doubtful one": "samples.next_doubtful review.next_doubtful",
        "the peak before": "heat.previous_extreme",
    },
    "a": {"accept": "samples.accept review.accept"},
    "c": {"the conversation": "review.conversation pair.conversation", "stop": "run.cancel compare.cancel"},
    "d": {"doctor": "start.check", "drop": "samples.drop review.drop"},
    "f": {"filter": "samples.filter compare.only"},
    "g": {"the first": "samples.top compare.top run.top trial.top"},
    "h": {"to the left": "heat.previous_token distribution.lower", "the heat map": "review.heat"},
    "i": {"the note and the tags": "samples.annotate review.annotate"},
    "j": {
        "the next": "samples.down review.next heat.line_down distribution.down compare.down pair.next run.down "
        "trial.down"
    },
    "k": {
        "the one before": "samples.up review.previous heat.line_up distribution.up compare.up pair.previous "
        "run.up trial.up"
    },
    "l": {"to the right": "heat.next_token distribution.higher", "the left side": "review.other_side"},
    "n": {
        "the next that matters": "samples.next_unreviewed review.next_unreviewed heat.extreme pair.next",
    },
    "o": {"open": "start.open", "the original": "samples.keep review.keep"},
    "p": {"pull": "start.pull", "the one before": "pair.previous"},
    "q": {"back": "review.back heat.back pair.back trial.back"},
    "r": {
        "ask the teacher again": "samples.regenerate review.regenerate run.retry",
        "the rule": "distribution.rule",
        "review": "compare.review pair.review",
    },
    "s": {"start": "start.begin run.begin compare.begin", "sort": "samples.sort"},
    "t": {
        "try": "start.try_samples",
        "the teacher's": "review.take_teacher",
        "tables": "compare.tables",
    },
    "T": {"several teachers": "start.try_teachers", "the trial, and back": "compare.trial trial.back"},
    "v": {"another view": "heat.measure compare.other"},
    "y": {"copy": "review.copy heat.copy distribution.copy", "yes": "export.replace"},
}
"""The letters with several actions: the meanings of each, and the actions that have it."""

SEVERAL = {
    "N": "n and N go on and back, as in vim: in the heat map no sample is doubtful",
    "c": "the screens of a running model show no conversation",
    "d": "Start has no sample, and the doctor is its name",
    "h": "h and l are vim's arrows where there is a cursor to move; Review has none",
    "l": "as h",
    "o": "Start has no sample; o opens in most programs",
    "p": "Start has no list to go through, and only asks before it pulls",
    "r": "the screens where it shows something, and asks nobody, have no teacher to ask",
    "s": "Samples has nothing to start, and s sorts in most programs",
    "t": "of the three only Review's decides, which undo takes back, and no other is a screen of samples",
    "T": "Start has no trial to show, and Compare no teachers to try",
    "y": "Export has nothing to copy, and y answers its question whether to write over a file",
}
"""Why a letter has more meanings than one."""


def test_a_letter_means_one_thing_on_every_screen_or_there_is_a_reason() -> None:
    found = defaultdict(set)
    for action in ACTIONS:
        for key in action.keys.split(","):
            if re.fullmatch("[A-Za-z]", key):
                found[key].add(action.id)
    shared = {key: ids for key, ids in found.items() if len(ids) > 1}
    assert shared == {key: set(" ".join(means.values()).split()) for key, means in SHARED.items()}
    assert {key for key, means in SHARED.items() if len(means) > 1} == SEVERAL.keys()


def test_what_a_sign_does_it_does_wherever_it_does_something() -> None:
    by_sign = defaultdict(set)
    for action in ACTIONS:
        for key in {"comma", "full_stop", "colon", "slash"} & set(action.keys.split(",")):
            by_sign[key].add(action.id)
    assert by_sign == {
        "comma": {"review.previous_candidate"},
        "full_stop": {"review.next_candidate", "heat.version"},  # the next version
        "colon": {"samples.jump", "review.jump", "compare.jump", "distribution.type"},  # then a number
        "slash": {"samples.search"},
    }
