"""The first samples of a run: where all of them fail in the same way, it is held before it fails at the rest.

What is wrong then is wrong for all: the layout of the replies, the room for them, the model. A person who has been told
so may go on as it is: a run that was held once is not held again.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable

from engine.events import Held, Place
from engine.method.recipe import Recipe
from engine.method.reflection import UnusableReply
from engine.method.reply_forms import ReplyFormName
from engine.sample import Stage
from models.teacher import PAUSING, Fault, Reply, TeacherError

FIRST = 5
BEGINNING = 160
"""Characters of a reply that are told."""

LAST_QUESTIONS = frozenset({"reflect", "answer", "improve"})
"""The questions of a stage whose answer is its result."""


class FirstSamples:
    """Watches the results of a run's first samples, stage by stage."""

    def __init__(self, recipe: Recipe, on_hold: Callable[[Held], None]) -> None:
        """`on_hold` is called once at the most."""
        self._recipe = recipe
        self._on_hold = on_hold
        self._results: dict[Stage, dict[int, Fault | None]] = defaultdict(dict)  # None: a usable rewrite
        self._over = False

    def usable(self, place: Place) -> None:
        """A question was answered."""
        if place.question in LAST_QUESTIONS:
            self._note(place, None)

    def failed(self, place: Place, error: UnusableReply | TeacherError, reply: Reply | None) -> None:
        """No attempt at a question gave a usable reply; `reply`: the last one, if there was any."""
        if error.fault not in PAUSING:
            first = self._note(place, error.fault)
            if not self._over and len(first) == FIRST and set(first.values()) == {error.fault}:
                self._over = True
                beginning = reply.text.strip()[:BEGINNING] if reply is not None else ""
                advice = advice_for(error.fault, self._recipe)
                self._on_hold(Held(error.fault, FIRST, str(error), beginning, advice))

    def _note(self, place: Place, fault: Fault | None) -> dict[int, Fault | None]:
        """The results of the first samples of the stage, with this one; one usable rewrite makes a sample usable."""
        results = self._results[place.stage]
        if place.sample not in results and len(results) < FIRST:
            results[place.sample] = fault
        elif place.sample in results and fault is None:
            results[place.sample] = None
        return results


def advice_for(fault: Fault, recipe: Recipe) -> str:
    """The advice on a fault that every sample fails with."""
    forms = " or ".join(form for form in ReplyFormName if form is not recipe.form)
    another_form = f"--reply-form {forms}"
    thinking = "--think false" if recipe.think else "--think true"
    match fault:
        case Fault.CUT:
            less = " --think false, which leaves more room, or" * bool(recipe.think)
            return f"try{less} more room: teacher.max_tokens above {recipe.max_tokens} in the settings"
        case Fault.TOO_LONG:
            return f"try a --teacher-context above {recipe.teacher_context}"
        case Fault.EMPTY | Fault.UNPARSABLE | Fault.OUT_OF_ORDER | Fault.PLACEHOLDER:
            return f"try {another_form}, or {thinking} with a model that can think"
        case Fault.SILENT | Fault.BROKEN:
            return "see the server's log; teacher.silence sets how long a reply may pause"
        case Fault.REJECTED:
            return f"see what the server said; where it is the schema, try {another_form}"
        case _:
            return f"try {another_form}, {thinking} with a model that can think, or another teacher"
