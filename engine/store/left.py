"""What is left of a run, and what it took so far: the figures that an estimate of its time is made from."""

from __future__ import annotations

from typing import NamedTuple

from engine.store.dropped import DROPPED
from engine.store.leaving_view import SOH, text_part
from engine.store.workspace import Run, Workspace


class Written(NamedTuple):
    """Tokens and seconds of the teacher's replies about a sample."""

    tokens: int = 0
    seconds: float = 0.0
    prompt_tokens: int = 0  # of the replies whose reading was measured
    reading: float = 0.0  # seconds

    def __add__(self, other: object) -> Written:
        """Both together, part by part."""
        assert isinstance(other, Written)
        return Written(
            self.tokens + other.tokens,
            self.seconds + other.seconds,
            self.prompt_tokens + other.prompt_tokens,
            self.reading + other.reading,
        )


def left(workspace: Workspace, run: Run) -> tuple[int, int]:
    """The samples that have no outcome in a run and were not dropped, and the characters of their texts."""
    characters = " + ".join(f"length({text_part('body', f'$[{part}]', SOH)})" for part in range(3))
    ((samples, total),) = workspace.database.execute(
        f"SELECT count(*), coalesce(sum({characters}), 0) FROM samples WHERE NOT EXISTS "
        f"(SELECT 1 FROM outcomes WHERE run = :run AND outcomes.sample = samples.sample) "
        f"AND sample NOT IN {DROPPED}",
        run=run.id,
    )
    return samples, total


def written(workspace: Workspace, run: Run, sample: int) -> Written:
    """What a run's teacher wrote about a sample: of each question's attempts the last reply, for it may have been asked
    under other rules before."""
    found = {}
    for about, reply in workspace.replies(sample):
        if about.get("teacher") == run.recipe.teacher:
            place = tuple(about.get(part) for part in ("stage", "question", "candidate", "attempt"))
            prompt = reply.prompt_tokens if reply.reading else 0
            found[place] = Written(reply.tokens, reply.seconds, prompt, reply.reading)
    return sum(found.values(), start=Written())


def scored_tokens(workspace: Workspace, sample: int) -> int:
    """The tokens of a sample that were scored so far."""
    # Kept as float32, of four bytes each.
    ((tokens,),) = workspace.database.execute(
        "SELECT coalesce(sum(length(nll)) / 4, 0) FROM losses WHERE sample = ?", sample
    )
    return int(tokens)
