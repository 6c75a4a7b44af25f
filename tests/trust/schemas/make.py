"""A workspace of this burnish's schema with something of every kind in it, kept for the burnishes to come.

    python -m tests.trust.schemas.make

writes schema-N.sqlite and, as this burnish reads it, schema-N.json beside this file. A schema that was released keeps
the pair that was made then.
"""

from __future__ import annotations

import hashlib
import json
import tempfile
from dataclasses import asdict
from pathlib import Path
from typing import Any

from engine.examine.examine import Examination
from engine.examine.flags import Flag
from engine.sample import Annotation, Candidate, Decision, Review, Stage, Version
from engine.store.leaving import exported
from engine.store.ratings import Rating
from engine.store.schema import MIGRATIONS
from engine.store.workspace import Workspace
from tests.factory import rater
from tests.ollama.script import Chat, Scripted
from tests.ollama.server import FakeOllama
from tests.running import SHORT, brief, refine, settings, workspace

HERE = Path(__file__).parent
ODD: dict[str, Any] = {
    "instruction": "Say stop.",
    "input": "\x1b[2J",
    "output": "Stop.\x00\ud800\x85 End",
    "n": [1, None, 0.5],
}
ROWS: list[dict[str, Any]] = [
    *SHORT,
    ODD,
    {"instruction": "Name a metal.", "input": "", "output": "Iron is a metal."},
]
FAILING, WAITING = 2, 5


def replying(chat: Chat) -> Scripted:
    """Of one sample, nothing of use."""
    return "no reply" if ROWS[FAILING]["instruction"] in chat.prompt else brief(chat)


def fill(opened: Workspace) -> None:
    """An examination, a run, a sample that failed twice, and what a person does."""
    with Examination() as examination:
        stats = examination.examine(opened.samples())
        opened.keep_examination(stats, examination.all_findings())
    with FakeOllama(replying) as server:
        for retry in (False, True):
            refine(opened, settings(server), limit=WAITING, retry_failed=retry)
    outcomes = [row.outcome for row in exported(opened, opened.latest_run()) if row.outcome]
    own = Version(instruction="Mine.", response="A\x00b \ud800.")
    for index, decision in enumerate((Decision.ACCEPTED, Decision.ORIGINAL, Decision.EDITED)):
        version = {Decision.ORIGINAL: opened.sample(index).original, Decision.EDITED: own}.get(decision)
        opened.reviews.keep(Review(index=index, decision=decision, version=version or outcomes[index].final))
    dropped = opened.sample(WAITING).original
    opened.reviews.keep(Review(index=WAITING, decision=Decision.DROPPED, version=dropped))
    opened.reviews.keep(Review(index=3, decision=Decision.EDITED, version=own))
    opened.reviews.keep(Review(index=3, decision=Decision.ACCEPTED, version=outcomes[3].final))
    opened.acts.undo()
    opened.annotations.keep(0, Annotation(note="a\x00b \ud800\nsecond", tags=("bad", "café")))
    opened.annotations.keep(WAITING, Annotation(tags=("bad",)))
    opened.annotations.keep(3, Annotation(note="undone"))
    opened.acts.undo()
    opened.reviews.keep_candidate(
        4,
        Candidate(
            stage=Stage.RESPONSE, version=own, critique={"Helpfulness": "\x1b[1m"}, remark="[b]shorter"
        ),
    )
    number = opened.ratings.begin(rater())
    opened.ratings.keep(number, 0, opened.sample(0).original, Rating(critique="\x1b[1m", score=7))
    opened.ratings.keep(number, 3, own, Rating(critique="Odd.", score=2, confidence=0.25))


def held(opened: Workspace) -> dict[str, Any]:
    """All that a workspace holds, as JSON."""
    run, indices = opened.latest_run(), range(len(opened))
    losses = opened.database.execute(
        "SELECT sample, hex(passage), hex(nll), hex(lengths), tokens, room FROM losses ORDER BY 1, 2"
    )
    stats = opened.examination()
    return {
        "examination": stats and stats.model_dump(mode="json"),
        "findings": [[asdict(found) for found in opened.findings(flag, 10)] for flag in Flag],
        "source": opened.source().model_dump(exclude={"path"}),
        "samples": [sample.model_dump() for sample in opened.samples()],
        "replies": [[[about, asdict(reply)] for about, reply in opened.replies(index)] for index in indices],
        "losses": [len(losses), hashlib.sha256(json.dumps(losses).encode()).hexdigest()],
        "recipe": run.recipe.model_dump(mode="json"),
        "settings": run.record.model_dump(),
        "outcomes": [row.outcome and row.outcome.model_dump(mode="json") for row in exported(opened, run)],
        "count": opened.count(run),
        "retries": [opened.retries(index) for index in indices],
        "limits": opened.database.execute("SELECT server, model, context, body FROM limits"),
        "reviews": [
            [review.model_dump(mode="json") for review in opened.reviews.history(index)] for index in indices
        ],
        "annotations": [opened.annotations.of(index).model_dump(mode="json") for index in indices],
        "ratings": opened.database.execute(
            "SELECT raters.body, sample, hex(version), score, ratings.body FROM ratings JOIN raters USING (rater)"
        ),
        "candidates": [
            [found.model_dump(mode="json") for found in opened.reviews.candidates(index)] for index in indices
        ],
    }


def make() -> None:
    target = HERE / f"schema-{len(MIGRATIONS)}.sqlite"
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "w.burnish")
        with workspace(path, ROWS) as opened:
            fill(opened)
            opened.database.execute(
                "UPDATE runs SET settings = json_set(settings, '$.student.path', 'demo.gguf')"
            )
            target.with_suffix(".json").write_text(json.dumps(held(opened), indent=1) + "\n", "ascii")
        path.replace(target)


if __name__ == "__main__":
    make()
