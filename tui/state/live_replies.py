"""What the teacher is writing just now, sample by sample, for whoever comes to look in the middle."""

from __future__ import annotations

from dataclasses import dataclass

from engine.events import AttemptFailed, Chosen, Event, Finished, Generated, Paused, ReplyGrew, Started
from engine.sample import Stage

LONGEST = 100_000
"""Characters of one reply that are kept; no teacher is allowed to write as many."""


@dataclass(slots=True)
class LiveReply:
    """A reply, as far as it has come."""

    stage: Stage
    question: str
    text: str
    done: bool = False


class LiveReplies:
    """The replies about samples whose stage is not decided yet."""

    def __init__(self) -> None:
        self._parts: dict[int, list[LiveReply]] = {}

    def of(self, sample: int) -> list[LiveReply]:
        """The replies to the questions of this sample's stage, in the order they were put."""
        return self._parts.get(sample, [])

    def add(self, event: Event) -> None:
        match event:
            case ReplyGrew():
                part = self._open(event)
                part.text += event.text[: LONGEST - len(part.text)]
            case Generated():
                for part in self._parts.get(event.sample, ()):
                    if (part.stage, part.question) == (event.stage, event.question):
                        part.done = True
            case AttemptFailed():
                self._leave(event.sample, event.stage, event.question)
            case Chosen():
                self._leave(event.sample, event.choice.stage)
            case Finished():
                self.forget(event.outcome.index)
            case Paused():
                # What was cut off is asked for again, from its beginning.
                for sample, parts in self._parts.items():
                    self._parts[sample] = [part for part in parts if part.done]
            case Started():
                self._parts.clear()
            case _:
                pass

    def forget(self, sample: int) -> None:
        self._parts.pop(sample, None)

    def _open(self, event: ReplyGrew) -> LiveReply:
        parts = self._parts.setdefault(event.sample, [])
        for part in parts:
            if (part.stage, part.question) == (event.stage, event.question):
                if part.done:  # another candidate of the same stage
                    part.text, part.done = "", False
                return part
        parts.append(LiveReply(event.stage, event.question, ""))
        return parts[-1]

    def _leave(self, sample: int, stage: Stage, question: str | None = None) -> None:
        parts = [
            part
            for part in self._parts.get(sample, ())
            if part.stage is not stage or (question is not None and part.question != question)
        ]
        if parts:
            self._parts[sample] = parts
        else:
            self.forget(sample)
