"""Holds a run, a judge or `burnish answer` whose first samples, pairs or prompts all fail in the same way.

What is wrong then is wrong for all: the layout of the replies, the room for them, the model. A person who has been told
so may go on as it is: a run that was held once is not held again.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from typing import Literal, Self

from engine.events import Held, Place
from engine.method.recipe import Recipe
from engine.method.reflection import UnusableReply
from engine.sample import Stage
from models.teacher import PAUSING, Fault, Reply, TeacherError, Think

FIRST = 5
BEGINNING = 160
"""Characters of a reply that are told."""

LAST_QUESTIONS = frozenset({"reflect", "answer", "improve", "judge", "rate"})
"""The questions whose answer is the result of a stage, a verdict or a rating."""


class FirstSamples:
    """Watches the results of a run's first samples, stage by stage."""

    def __init__(self, asked: Asking, on_hold: Callable[[Held], None], *, unit: str = "samples") -> None:
        """`on_hold` is called once at the most. `unit`: what they are called."""
        self._asked = asked
        self._unit = unit
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
                advice = advice_for(error.fault, self._asked)
                self._on_hold(Held(error.fault, FIRST, str(error), beginning, advice, self._unit))

    def _note(self, place: Place, fault: Fault | None) -> dict[int, Fault | None]:
        """The results of the first samples of the stage, with this one; one usable rewrite makes a sample usable."""
        results = self._results[place.stage]
        if place.sample not in results and len(results) < FIRST:
            results[place.sample] = fault
        elif place.sample in results and fault is None:
            results[place.sample] = None
        return results


@dataclass(frozen=True, slots=True)
class Asking:
    """The form and the thinking that a model is asked with, and the options that change them."""

    form: StrEnum | None  # None: it answers as it likes
    think: Think
    max_tokens: int
    context: int | None  # tokens
    group: Literal["teacher", "judge", "answer"] = "teacher"  # of the settings

    @classmethod
    def of(cls, recipe: Recipe) -> Self:
        """A run's teacher."""
        return cls(recipe.form, recipe.think, recipe.max_tokens, recipe.teacher_context)


def advice_for(fault: Fault, asked: Asking) -> str:
    """The advice on a fault that every sample fails with."""
    thinking = f"--think {str(not asked.think).lower()} with a model that can think"
    another_form = _another_form(asked.form) if asked.form is not None else ""
    match fault:
        case Fault.CUT:
            less = " --think false, which leaves more room, or" * bool(asked.think)
            return f"try{less} more room: {asked.group}.max_tokens above {asked.max_tokens} in the settings"
        case Fault.TOO_LONG:
            option = "--teacher-context" if asked.group == "teacher" else "--context"
            return f"try a {option} above {asked.context}"
        case Fault.EMPTY | Fault.UNPARSABLE | Fault.OUT_OF_ORDER | Fault.PLACEHOLDER:
            return f"try {another_form}, or {thinking}" if another_form else f"try {thinking}"
        case Fault.SILENT | Fault.BROKEN:
            longer = f"{asked.group}.silence sets how long a reply may pause"
            return longer if fault is Fault.SILENT else "start the server anew, or try another model"
        case Fault.REJECTED:
            schema = f"; where it is the schema, try {another_form}" * bool(another_form)
            return f"see what the server said{schema}"
        case _:
            model = "model" if asked.group == "answer" else asked.group
            return f"try {', '.join(filter(None, (another_form, thinking)))}, or another {model}"


def _another_form(form: StrEnum) -> str:
    return f"--reply-form {' or '.join(other for other in type(form) if other is not form)}"
