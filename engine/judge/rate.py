"""A judge's way through the versions of a workspace's samples: each is rated by itself, and none twice."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import islice

from engine.events import Started
from engine.formats.tools import tools_text
from engine.judge.events import VersionRated
from engine.judge.prompt import Before
from engine.judge.rating import PROMPTS, rating_question
from engine.judge.recorded_model import RecordedModel
from engine.method.reflection import UnusableReply, failure_of
from engine.method.reply_forms import RatingForm
from engine.method.rules import Criteria
from engine.run.first_samples import FIRST, Asking
from engine.sample import Sample, Version
from engine.store.leaving import exported
from engine.store.ratings import Rater
from engine.store.workspace import Run, Workspace
from models.teacher import TeacherError


@dataclass(frozen=True, slots=True)
class RatingWork:
    """The versions that are to be rated, and how."""

    workspace: Workspace  # open to work on it
    run: Run  # whose outcomes are rated beside the originals
    criteria: Criteria
    form: RatingForm
    limit: int | None = None  # the first so many samples

    def versions(self) -> Iterator[tuple[Sample, Version]]:
        """The original of each sample that nobody dropped, and what would leave of it now where that is another."""
        for row in islice(exported(self.workspace, self.run), self.limit):
            yield row.sample, row.sample.original
            if row.version != row.sample.original:
                yield row.sample, row.version


@dataclass(slots=True)
class Rated:
    """The ratings that were asked for."""

    rater: Rater
    versions: int = 0
    faults: Counter[str] = field(default_factory=Counter)  # versions without a rating, by kind


async def rate(respondent: RecordedModel, work: RatingWork) -> Rated:
    """Have every version rated; those that were already cost nothing.

    Ratings are in the workspace, replies in the respondent's record. Emits `Started`, a `VersionRated` for each
    version, `Held` where the first samples all fail in the same way, and of the replies what a run emits of a
    teacher's. Raises `TeacherError` when a pause outlasts its patience, `WorkspaceError`; whatever was answered stays
    answered. To stop it is to cancel it.
    """
    model = await respondent.open()
    respondent.warn_of_own_work(model.info, work.run.recipe.teacher)
    ratings = work.workspace.ratings
    rater = Rater(
        judge=model.info,
        form=work.form,
        criteria=work.criteria,
        prompts=PROMPTS,
        context=model.info.context,
        **model.sampling.model_dump(),
    )
    number, result = ratings.begin(rater), Rated(rater)
    done = 0
    for sample, version in work.versions():
        result.versions += 1
        done += ratings.of(sample.index, version) is not None
    if result.versions - done > FIRST:
        sampling = model.sampling
        asking = Asking(work.form, sampling.think, sampling.max_tokens, model.info.context, group="judge")
        respondent.watch(f"ratings {rater.key()}", asking, "samples")
    respondent.emit(Started(result.versions, done, 0, ()))

    async def ask(item: tuple[Sample, Version]) -> None:
        sample, version = item
        before = Before(history=sample.history, tools=tools_text(sample.row))
        try:
            rating = await respondent.ask(
                sample.index, rating_question(version, before, work.criteria, work.form)
            )
        except (UnusableReply, TeacherError) as error:
            failure = failure_of(error)
            result.faults[failure.fault] += 1
            respondent.emit(VersionRated(sample.index, None, failure))
        else:
            ratings.keep(number, sample.index, version, rating)
            respondent.emit(VersionRated(sample.index, rating, None))

    pending = (
        (sample, version) for sample, version in work.versions() if ratings.of(sample.index, version) is None
    )
    await respondent.each(pending, ask)
    return result
