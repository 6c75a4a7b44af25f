"""The versions of one sample that a person can choose among, where each comes from, and its scores."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace

from engine.examine.flags import Finding
from engine.examine.lost_input import loses_input
from engine.formats.dependents import FieldChange
from engine.formats.following import changes, reasoning_of
from engine.formats.names import DatasetError
from engine.sample import (
    Annotation,
    Candidate,
    Choice,
    Decision,
    Outcome,
    Review,
    Sample,
    Scores,
    Stage,
    Verdict,
    Version,
    thoughts_before,
)
from engine.store.annotations import NONE
from engine.store.leaving import with_thoughts_of
from engine.store.ratings import Rating
from engine.store.sample_list import SampleFilter, SampleList
from engine.store.version_key import key_of
from engine.store.workspace import Run, Source

Criticism = tuple[str, Mapping[str, str]]
"""A title, and the teacher's criticism by criterion."""


@dataclass(frozen=True, slots=True)
class SampleView:
    """A sample with its outcome, and all that a person did about it."""

    position: int | None  # in the list; None: left out of it
    total: int  # samples in the list
    sample: Sample
    outcome: Outcome | None
    candidates: tuple[Candidate, ...]  # that a person asked for
    reviews: tuple[Review, ...]  # that are not undone, oldest first
    standing: Review | None
    annotation: Annotation = NONE
    decided: int = 0  # of all samples, those about which a decision stands
    samples: int = 0  # of the workspace
    findings: tuple[Finding, ...] = ()  # of an examination, where there was one
    source: Source | None = None  # of the sample's row
    run: Run | None = None  # that `outcome` is of
    only: SampleFilter = field(default_factory=SampleFilter)  # of the list
    judge: str | None = None  # that rated samples last; None: nobody did
    ratings: Mapping[bytes, Rating] = field(default_factory=dict)  # the judge's, of the sample's versions

    def choice(self, stage: Stage) -> Choice | None:
        choices = self.outcome.choices if self.outcome else ()
        return next((choice for choice in choices if choice.stage is stage), None)

    def rating(self, version: Version) -> Rating | None:
        """The judge's rating of a version; None: it has none."""
        return self.ratings.get(key_of(version))

    @property
    def near_tie(self) -> bool:
        return self.outcome is not None and any(choice.near_tie for choice in self.outcome.choices)

    @property
    def length_decides(self) -> bool:
        return self.outcome is not None and any(choice.length_decides for choice in self.outcome.choices)

    @property
    def input_lost(self) -> bool:
        """The student's choice does not carry the input, and nobody decided about it."""
        undecided = self.outcome if self.standing is None else None
        return undecided is not None and loses_input(self.sample.original, undecided.final)


@dataclass(frozen=True, slots=True)
class OfferedVersion:
    """A version a person may take. `title` and `origin` may hold a person's remark: show them as a dataset's text."""

    title: str
    origin: str
    version: Version
    decision: Decision  # that taking it makes
    scores: Scores | None = None  # None: it was not scored, or not in full
    ifd: float | None = None  # the one score that is known without them
    r_ifd: float | None = None
    criticism: tuple[Criticism, ...] = ()
    rejected: Choice | None = None  # the stage whose rewrite it is, where the student rejected it


def view_sample(listing: SampleList, run: Run | None, index: int) -> SampleView:
    """A sample with its outcome in a run. Reads the workspace, so it is for the reader's thread."""
    reading = listing.reading
    rater = reading.ratings.latest()
    return SampleView(
        position=listing.position_of(index),
        total=len(listing),
        sample=reading.sample(index),
        outcome=reading.outcome(run, index) if run is not None else None,
        candidates=tuple(reading.reviews.candidates(index)),
        reviews=tuple(reading.reviews.history(index)),
        standing=reading.reviews.standing(index),
        annotation=reading.annotations.of(index),
        decided=reading.reviews.decided(),
        samples=len(reading),
        findings=tuple(reading.found_in(index)),
        source=reading.source(),
        run=run,
        only=listing.only,
        judge=rater.judge.name if rater is not None else None,
        ratings=reading.ratings.of_sample(index),
    )


def beside(view: SampleView, version: Version) -> tuple[str, tuple[FieldChange, ...]]:
    """The reasoning of the original, and what becomes of it and of other fields where a version leaves."""
    if view.source is None:
        return "", ()
    try:
        how = view.source.format, view.source.columns
        if view.run is not None:
            thoughts = thoughts_before(version.response, view.outcome, view.candidates)
            version = with_thoughts_of(view.run, view.source, view.sample, version, thoughts)
        return reasoning_of(view.sample, *how), changes(view.sample, version, *how)
    except DatasetError:  # a row that burnish did not write
        return "", ()


def offers(view: SampleView) -> list[OfferedVersion]:
    """The student's choice first, then the teacher's other rewrites, then a person's versions; each text once."""
    found: list[OfferedVersion] = []
    if view.outcome is not None:
        found.append(_of_student(view.outcome))
        found += [_of_stage(choice) for choice in view.outcome.choices if choice.rewrite]
    for candidate in view.candidates:
        found.append(_asked(candidate))
    for review in reversed(view.reviews):
        if review.decision in (Decision.CHOSEN, Decision.EDITED):
            found.append(_by_hand(review))
    once: dict[Version, OfferedVersion] = {}
    for offer in found:
        first = once.setdefault(offer.version, offer)
        if first.scores is None and offer.scores is not None:
            once[offer.version] = replace(first, scores=offer.scores)
    return [_with_rating(view, offer) for offer in once.values()]


def _with_rating(view: SampleView, offer: OfferedVersion) -> OfferedVersion:
    """A version, with what the judge that rated it said of it."""
    rating = view.rating(offer.version)
    if rating is None:
        return offer
    said = f"Rated {rating.score} of 10 by {view.judge}", {"Critique": rating.critique}
    return replace(offer, criticism=(*offer.criticism, said))


def original_of(view: SampleView) -> OfferedVersion:
    """The original, as a version to compare with."""
    scores = view.outcome.before if view.outcome else None
    return OfferedVersion("Original", "", view.sample.original, Decision.ORIGINAL, scores=scores)


def first_shown(view: SampleView, found: Sequence[OfferedVersion]) -> int:
    """The place of the version that tells most: the one decided on, or else the student's choice; where that is the
    original as it was, the rejected rewrite that came nearest to taking its place."""
    standing = view.standing and view.standing.version
    at = next((place for place, offer in enumerate(found) if offer.version == standing), 0)
    if not found or found[at].version != view.sample.original:
        return at
    margins = {
        place: math.inf if (margin := offer.rejected.deciding_margin) is None else abs(margin)
        for place, offer in enumerate(found)
        if offer.rejected is not None
    }
    return min(reversed(margins), key=margins.__getitem__, default=at)  # of equals the later stage's


def accepted(found: Sequence[OfferedVersion], shown: OfferedVersion) -> OfferedVersion:
    """The version that accepting takes: the shown one, or the student's choice where it rejected that."""
    return shown if shown.rejected is None else found[0]


def teacher_version(view: SampleView) -> OfferedVersion | None:
    """The teacher's last rewrite: of the response, or else of the instruction, with its answer."""
    for stage in (Stage.RESPONSE, Stage.INSTRUCTION):
        choice = view.choice(stage)
        if choice is not None and choice.rewrite is not None:
            return next(offer for offer in offers(view) if offer.version == choice.rewrite)
    return None


def scores_of(view: SampleView, version: Version) -> Scores | None:
    """The student's scores of a version, if they are known."""
    if view.outcome is not None and version == view.sample.original:
        return view.outcome.before
    return next((offer.scores for offer in offers(view) if offer.version == version), None)


def mixed(
    view: SampleView, left: OfferedVersion, shown: OfferedVersion, instruction: str, response: str
) -> tuple[Version, Decision]:
    """The instruction (with its input) of one side and the response of another: "left" or "shown"."""
    sides = {"left": left.version, "shown": shown.version}
    asks, answers = sides[instruction], sides[response]
    version = Version(instruction=asks.instruction, input=asks.input, response=answers.response)
    own = Decision.EDITED if Decision.EDITED in (left.decision, shown.decision) else Decision.CHOSEN
    return version, _as_it_was(view, version) or own


def edited(view: SampleView, version: Version) -> Decision:
    """The decision of taking a version that a person typed: EDITED, unless there was such a version before."""
    offered = (offer.decision for offer in offers(view) if offer.version == version)
    return _as_it_was(view, version) or next(offered, Decision.EDITED)


def _as_it_was(view: SampleView, version: Version) -> Decision | None:
    """The decision of taking the run's result, or the original; None for any other version."""
    if view.outcome is not None and version == view.outcome.final:
        return Decision.ACCEPTED
    return Decision.ORIGINAL if version == view.sample.original else None


def put_aside(view: SampleView, version: Version) -> list[tuple[int, Review | None]]:
    """Reviews that keep a typed version among the versions, and leave the decision as it was."""
    index = view.sample.index
    return [(index, Review(index=index, decision=Decision.EDITED, version=version)), (index, view.standing)]


def _of_student(outcome: Outcome) -> OfferedVersion:
    taken = [str(c.stage) for c in outcome.choices if c.verdict is Verdict.REPLACED]
    if len(taken) == 2:
        origin = "both rewrites taken"
    elif taken:
        origin = f"{taken[0]} stage replaced"  # it may have written both halves
    else:
        origin = "the original stays" if outcome.choices else "the original, as it is"
    criticism = tuple(
        said
        for choice in outcome.choices
        if choice.critique or choice.failure
        for said in _criticism(_about(choice), choice)
    )
    return OfferedVersion(
        "The student's choice" if outcome.after is not None else "The teacher's result",
        origin,
        outcome.final,
        Decision.ACCEPTED,
        scores=outcome.after,
        criticism=criticism,
    )


def _of_stage(choice: Choice) -> OfferedVersion:
    assert choice.rewrite is not None
    turned_down = choice.verdict is Verdict.KEPT
    origin = "rejected by the student" if turned_down else "taken; its response was rewritten"
    return OfferedVersion(
        f"The teacher's {choice.stage}",
        origin,
        choice.rewrite,
        Decision.CHOSEN,
        ifd=choice.after if choice.stage is Stage.INSTRUCTION else None,
        r_ifd=choice.after if choice.stage is Stage.RESPONSE else None,
        criticism=tuple(_criticism(_about(choice), choice)),
        rejected=choice if turned_down else None,
    )


def _asked(candidate: Candidate) -> OfferedVersion:
    return OfferedVersion(
        f"Another {candidate.stage}",
        f"asked again with: {candidate.remark}" if candidate.remark else "asked again",
        candidate.version,
        Decision.CHOSEN,
        scores=candidate.scores,
        criticism=tuple(_criticism(f"{str(candidate.stage).capitalize()}, asked again", candidate)),
    )


def _by_hand(review: Review) -> OfferedVersion:
    own = review.decision is Decision.EDITED
    return OfferedVersion(
        "Your version" if own else "Your mix",
        "edited by hand" if own else "halves of two versions",
        review.version,
        review.decision,
        scores=review.scores,
    )


def _criticism(about: str, of: Choice | Candidate) -> Iterator[Criticism]:
    """The critique before a rewrite, and the teacher's thoughts."""
    yield about, of.critique
    if of.thoughts:
        yield f"{about}: before that rewrite", {"The teacher's thoughts": of.thoughts}


def _about(choice: Choice) -> str:
    title = f"{str(choice.stage).capitalize()} stage"
    if choice.failure is None:
        return title
    return f"{title}: no usable reply ({choice.failure.fault}: {choice.failure.message})"
