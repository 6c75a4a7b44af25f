"""Replies that the teacher is writing just now, sample by sample, for a screen that is opened in the middle."""

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
    text: str = ""
    done: bool = False


class LiveReplies:
    """The replies about samples whose stage is not decided yet."""

    def __init__(self) -> None:
        self._replies: dict[int, dict[tuple[Stage, str], LiveReply]] = {}

    def of(self, sample: int) -> list[LiveReply]:
        """The replies to the questions of this sample's stage, in the order they were put."""
        return list(self._replies.get(sample, {}).values())

    def growing(self, sample: int, stage: Stage, question: str) -> str:
        """The text so far of a reply that is being written; empty where there is none."""
        reply = self._replies.get(sample, {}).get((stage, question))
        return "" if reply is None or reply.done else reply.text

    def add(self, event: Event) -> None:
        match event:
            case ReplyGrew(sample, stage, question, text):
                replies = self._replies.setdefault(sample, {})
                reply = replies.get((stage, question))
                if reply is None or reply.done:  # done: this is another candidate of the same stage
                    reply = replies[stage, question] = LiveReply(stage, question)
                reply.text += text[: LONGEST - len(reply.text)]
            case Generated(sample, stage, question):
                if reply := self._replies.get(sample, {}).get((stage, question)):
                    reply.done = True
            case AttemptFailed(sample, stage, question):
                self._replies.get(sample, {}).pop((stage, question), None)
            case Chosen(sample, choice):
                replies = self._replies.get(sample, {})
                for key in [key for key in replies if key[0] is choice.stage]:
                    del replies[key]
            case Finished(outcome):
                self.forget(outcome.index)
            case Paused():
                # A reply that was cut off is asked for again, from its beginning.
                for sample, replies in self._replies.items():
                    self._replies[sample] = {key: reply for key, reply in replies.items() if reply.done}
            case Started():
                self._replies.clear()
            case _:
                pass

    def forget(self, sample: int) -> None:
        self._replies.pop(sample, None)
