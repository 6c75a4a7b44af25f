"""A judge's ratings in words."""

from __future__ import annotations

from collections.abc import Iterator

from engine.judge.rate import Rated
from engine.store.rating_figures import RatingFigures
from engine.store.ratings import Rater, Rating
from models.system.units import counted
from tui.text.tables import Fact


def rated_facts(rated: Rated) -> Iterator[Fact]:
    """How many of the versions that were asked about have a rating, and why the others have none."""
    without = rated.faults.total()
    yield "rated", f"{rated.versions - without:,} of {counted(rated.versions, 'version')}"
    if without:
        yield "no rating", ", ".join(f"{kind} {count}" for kind, count in rated.faults.most_common())


def rating_facts(found: RatingFigures) -> Iterator[Fact]:
    """The figures of all ratings of the judge that counts."""
    if found.before is not None and found.after is not None:
        changes = f"{found.better:,} better, {found.same:,} the same, {found.worse:,} worse"
        yield (
            "mean rating",
            f"{found.before:.2f} before, {found.after:.2f} after, of {counted(found.samples, 'sample')} "
            f"by {found.judge}; of those rewritten {changes}",
        )
    if found.scores:
        yield "ratings after", ", ".join(f"{score}: {count:,}" for score, count in found.scores.items())
    if found.without:
        yield "not rated", f"{counted(found.without, 'sample')}, as they would leave now"
    if found.confidence is not None:
        yield (
            "confidence",
            f"the judge gave its ratings with a probability of {found.confidence:.2f} on the average",
        )


def rating_fact(rater: Rater, before: Rating | None, after: Rating | None) -> Fact:
    """A sample's ratings, in one line."""
    return "rated", f"{rating_text(before)} before, {rating_text(after)} after, by {rater.judge.name}"


def rating_text(rating: Rating | None) -> str:
    """A rating, with its confidence."""
    if rating is None:
        return "not rated"
    sure = "" if rating.confidence is None else f" (confidence {rating.confidence:.2f})"
    return f"{rating.score} of 10{sure}"
