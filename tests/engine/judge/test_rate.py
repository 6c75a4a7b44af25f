"""A judge that rates the samples of a workspace: each version once, whatever happens on the way."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from engine.events import Held, Notice, Started
from engine.judge.events import JudgeEvent, VersionRated
from engine.judge.rate import Rated, RatingWork, rate
from engine.judge.record import Record
from engine.judge.recorded_model import RecordedModel
from engine.method.reply_forms import RatingForm
from engine.method.rules import PAPERS, Criteria, Criterion
from engine.run.settings import JudgeSettings
from engine.sample import Decision
from engine.store.rating_figures import RatingFigures, rating_figures
from engine.store.workspace import Workspace
from models.teacher import Fault
from tests import judges
from tests.factory import review
from tests.ollama.script import Answer, Chat
from tests.ollama.server import FakeOllama
from tests.running import TEACHER
from tests.scene import scene

OWN = Criteria(instruction=(Criterion(title="Care"),), response=(Criterion(title="Tone"),))


@dataclass
class Raters:
    """A workspace, the judge's record and a server, and what is rated there."""

    path: Path
    server: FakeOllama
    events: list[JudgeEvent] = field(default_factory=list)

    def rate(
        self,
        *,
        stop: Callable[[JudgeEvent], bool] = lambda _: False,
        criteria: Criteria = PAPERS,
        form: RatingForm = RatingForm.JSON,
        limit: int | None = None,
        **settings: Any,
    ) -> Rated | None:
        """Rate; cancelled when an event is one to `stop` at."""
        self.events = []
        given = {"name": TEACHER, "host": self.server.url, "patience": 0.0} | settings

        async def main(opened: Workspace, record: Record) -> Rated | None:
            def emit(event: JudgeEvent) -> None:
                self.events.append(event)
                if stop(event):
                    task.cancel()

            work = RatingWork(opened, opened.latest_run(), criteria, form, limit)
            async with RecordedModel(record, JudgeSettings.model_validate(given), emit) as respondent:
                task = asyncio.create_task(rate(respondent, work))
                await asyncio.wait([task])
                return None if task.cancelled() else task.result()

        with Workspace.open(self.path) as opened, Record.at(self.path.with_suffix(".judged")) as record:
            return asyncio.run(main(opened, record))

    @property
    def asked(self) -> int:
        return len(self.server.chats)

    @property
    def chats(self) -> list[Chat]:
        return [Chat(0, exchange.body) for exchange in self.server.chats]

    @property
    def started(self) -> Started:
        (found,) = (event for event in self.events if isinstance(event, Started))
        return found

    def figures(self) -> RatingFigures:
        with Workspace.read(self.path) as opened:
            found = rating_figures(opened, opened.latest_run())
        assert found is not None
        return found


@pytest.fixture
def raters(tmp_path: Path) -> Any:
    """Of eight samples in all states; two are reviewed, one of them dropped."""
    path = scene(
        tmp_path, [{"instruction": f"Say {n}.", "output": "So. " * (n + 1)} for n in range(8)], reviewed=False
    )
    with Workspace.open(path) as opened:
        for index, decision in ((1, Decision.EDITED), (2, Decision.DROPPED)):
            version = opened.sample(index).original
            if decision is Decision.EDITED:
                version = version.model_copy(update={"response": "My \x00 own words."})
            opened.reviews.keep(review(index, decision, version=version))
    with FakeOllama(judges.by_length) as server:
        yield Raters(path, server)


def test_originals_and_what_would_leave_are_rated_once_and_a_dropped_sample_is_not(raters: Raters) -> None:
    rated = raters.rate()
    assert rated is not None
    versions = rated.versions
    # Seven originals, and what is another: not of sample 7, which waits.
    assert (versions, raters.asked, raters.started.total) == (13, 13, 13)
    assert sum(isinstance(event, VersionRated) for event in raters.events) == 13
    assert not any("Say 2." in chat.prompt for chat in raters.chats)
    with Workspace.read(raters.path) as opened:
        first = opened.sample(0).original
        found = opened.ratings.of(0, first)
        assert found is not None
        assert (found.score, found.critique, found.confidence) == (1, "It says enough.", None)
        assert opened.ratings.of(2, opened.sample(2).original) is None
        edited = opened.reviews.standing(1)
        assert edited is not None
        assert opened.ratings.of(1, edited.version) is not None
    again = raters.rate()
    assert again is not None
    assert (again.versions, raters.asked, raters.started.done) == (13, 13, 13)

    figures = raters.figures()
    assert (figures.samples, figures.without, figures.judge) == (7, 0, TEACHER)
    assert figures.before is not None
    assert figures.after is not None
    assert figures.after > figures.before
    assert (figures.better + figures.same, figures.worse) == (6, 0)
    assert sum(figures.scores.values()) == 7


def test_a_version_that_is_new_is_rated_by_itself(raters: Raters) -> None:
    raters.rate(limit=3)
    asked = raters.asked
    with Workspace.open(raters.path) as opened:
        own = opened.sample(0).original.model_copy(update={"response": "Another one."})
        opened.reviews.keep(review(0, Decision.EDITED, version=own))
    assert raters.figures().without == 5, (
        "sample 0 leaves as something else now, and four were not asked about"
    )
    raters.rate(limit=3)
    assert (raters.asked, raters.started.done) == (asked + 1, asked - 1)
    with Workspace.open(raters.path) as opened:
        opened.acts.undo()
    assert raters.figures().without == 4, "what was said of the version before is still known"


def test_it_goes_on_where_it_was_stopped_also_with_a_reply_that_no_rating_was_made_of(raters: Raters) -> None:
    third = iter(range(20))
    raters.rate(stop=lambda event: isinstance(event, VersionRated) and next(third) == 2)
    assert raters.asked < 13
    with Workspace.open(raters.path) as opened, opened.database.transaction() as db:
        db.execute("DELETE FROM ratings WHERE sample = 0")  # as where it was killed between reply and rating
    before = raters.asked
    rated = raters.rate()
    assert rated is not None
    assert rated.faults.total() == 0
    assert raters.asked - before <= 11, "replies that came are used again"
    assert len({chat.key for chat in raters.chats}) == 13


def test_another_form_criteria_or_judge_is_another_rater_and_the_last_one_counts(raters: Raters) -> None:
    raters.rate(limit=1)
    assert raters.asked == 2
    raters.server.script = lambda _: "[Critique]\nFine.\n[Score]\n3\n[End]"
    raters.rate(limit=1, form=RatingForm.MARKERS)
    assert (raters.asked, raters.figures().scores) == (4, {3: 1})
    raters.rate(limit=1, form=RatingForm.MARKERS, criteria=OWN)
    assert raters.asked == 6
    assert "The instruction: Care. The answer: Tone." in raters.chats[-1].prompt
    raters.rate(limit=1)
    assert raters.asked == 6
    assert raters.figures().scores == {10: 1}, "taken up again, it counts again"


def test_replies_of_no_use_are_counted_by_kind_and_asked_for_again_where_the_server_was_silent(
    raters: Raters,
) -> None:
    def script(chat: Chat) -> str:
        return "no number" if "Say 0." in chat.prompt else judges.by_length(chat)

    raters.server.script = script
    rated = raters.rate(limit=3)
    assert rated is not None
    assert rated.faults == {Fault.UNPARSABLE: 2}
    failures = [event.failure for event in raters.events if isinstance(event, VersionRated) and event.failure]
    assert {failure.fault for failure in failures} == {Fault.UNPARSABLE}
    asked = raters.asked
    again = raters.rate(limit=3)
    assert again is not None
    assert (again.faults, raters.asked) == (rated.faults, asked), "the same replies, which are kept"


def test_where_the_first_samples_all_fail_alike_it_is_held_once(raters: Raters) -> None:
    raters.server.script = lambda _: "no number"
    raters.rate(stop=lambda event: isinstance(event, Held))
    (held,) = (event for event in raters.events if isinstance(event, Held))
    assert (held.fault, held.unit) == (Fault.UNPARSABLE, "samples")
    assert "--reply-form markers, or" in held.advice
    raters.rate()
    assert not any(isinstance(event, Held) for event in raters.events)


def test_the_probability_of_a_score_is_kept_and_the_model_that_wrote_is_named(raters: Raters) -> None:
    raters.server.script = lambda chat: Answer(judges.by_length(chat), logprob=-0.1)
    raters.rate(limit=1)
    assert all(chat.body["logprobs"] is True for chat in raters.chats)
    confidence = raters.figures().confidence
    assert confidence is not None
    assert 0 < confidence < 1
    assert not any(isinstance(event, Notice) and "also wrote" in event.text for event in raters.events)
