"""The tokens saved by stopping replies that cannot be used: `python -m tests.benchmarks.stopping data.burnish`.

The replies of workspaces are put once more to the questions that they answered, piece by piece, as a teacher writes
them: those that today's rules stop, and the tokens that were not written then. Only workspaces whose replies were
written to their end can tell, such as `python -m tests.benchmarks.teacher --whole --keep FOLDER` makes. Others are
refused, for what a stopped reply would have become is not known.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
from collections import Counter
from pathlib import Path
from typing import Any, TypeVar

from engine.method.prompts import CritiqueLength, PromptSet
from engine.method.refine import STAGES
from engine.method.reflection import Question, UnusableReply
from engine.method.rewrite_language import SAME
from engine.run.stopping import StoppedReply, WatchedReply
from engine.sample import Verdict
from engine.store.workspace import Workspace
from models.teacher import Fault, Reply
from tests.engine.method.asking import TOLD

T = TypeVar("T")


class Saved:
    """The count of replies and tokens."""

    def __init__(self) -> None:
        self.replies: Counter[str] = Counter()  # "usable", "useless", "usable, stopped"
        self.wasted: Counter[Fault] = Counter()  # tokens of useless replies
        self.saved: Counter[Fault] = Counter()  # of these, those that stopping leaves out

    def count(self, question: Question[Any], reply: Reply) -> None:
        stopped = stopped_after(question, reply)
        try:
            question.parse(reply)
        except UnusableReply as error:
            self.replies["useless"] += 1
            self.wasted[error.fault] += reply.tokens
            if stopped is not None:
                self.saved[error.fault] += round(reply.tokens * (1 - stopped))
        else:
            self.replies["usable" if stopped is None else "usable, stopped"] += 1


def stopped_after(question: Question[Any], reply: Reply) -> float | None:
    """The share of a reply after which it is stopped; None: it is not."""
    watched = WatchedReply(question)
    step = max(1, len(reply.text) // max(reply.tokens, 1))
    for at in range(0, len(reply.text), step):
        try:
            watched.grow(reply.text[at : at + step])
        except StoppedReply as stopped:
            return len(stopped.reply.text) / len(reply.text)
    return None


class Replayed:
    """A teacher whose replies to a stage's questions are those that were kept."""

    def __init__(self, kept: list[tuple[dict[str, Any], Reply]], saved: Saved) -> None:
        self._kept = kept
        self._saved = saved

    async def __call__(self, question: Question[T], /) -> T:
        """The answer in the first usable reply. Raises `UnusableReply`: there is none."""
        last = UnusableReply(Fault.EMPTY, "nothing was asked")
        for about, reply in self._kept:
            if about["question"] != question.name:
                continue
            self._saved.count(question, reply)
            try:
                return question.parse(reply)
            except UnusableReply as error:
                last, question = error, question.after(reply)
        raise last


def replay(opened: Workspace, saved: Saved) -> None:
    """Put the replies of the last run's first candidates to its questions once more."""
    run = opened.latest_run()
    prompts = TOLD[PromptSet.OWN, CritiqueLength.SHORT]
    for sample in opened.samples():
        old = sample.original
        kept = opened.replies(sample.index)
        if any(reply.finish == "stopped" for _, reply in kept):
            raise SystemExit(f"{opened.path}: its replies were stopped; see --help")
        outcome = opened.outcome(run, sample.index)
        for choice in outcome.choices if outcome is not None else ():
            asked = [(about, reply) for about, reply in kept if about["stage"] == choice.stage]
            ask = STAGES[choice.stage].reflect(
                run.recipe.form, prompts, old, Replayed(asked, saved), (), SAME
            )
            with contextlib.suppress(UnusableReply):
                asyncio.run(ask)
            if choice.verdict is Verdict.REPLACED and choice.rewrite is not None:
                old = choice.rewrite


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("workspaces", nargs="+", type=Path)
    saved = Saved()
    for path in parser.parse_args().workspaces:
        with Workspace.open(path) as opened:
            replay(opened, saved)
    wasted, left_out = saved.wasted.total(), saved.saved.total()
    print(", ".join(f"{count} {kind}" for kind, count in saved.replies.items()))
    print(
        f"{wasted:,} tokens of useless replies, {left_out:,} of them saved ({left_out / max(wasted, 1):.0%})"
    )
    for fault, tokens in saved.wasted.most_common():
        print(f"  {fault}: {saved.saved[fault]:,} of {tokens:,}")


if __name__ == "__main__":
    main()
