"""An export that was written, in words: its rule, its pairs, and the rows that stayed behind."""

from __future__ import annotations

from collections.abc import Iterator

from engine.export.export import ExportPreview, ExportRequest, ExportResult
from engine.export.pair_files import PairCounts
from engine.export.preferences import PreferredBy
from engine.store.choosing import ChosenBy
from engine.store.leaving import TopShare, pass_through
from models.system.units import counted
from tui.text.tables import Fact, rows_words


def rule_of(export: ExportResult | ExportRequest) -> str:
    """The rule of an export, and the share of its samples."""
    rated = f", rated {export.min_rating} or more" if export.min_rating is not None else ""
    return f"rule {export.rule}{rated}" + (
        f", {share_words(export.share)}" if export.share is not None else ""
    )


def share_words(share: TopShare) -> str:
    """A share and the measure by which it comes first, where that is not the usual one: "top 5% by loss"."""
    by = "" if share.by is ChosenBy.IFD else f" by {share.by}"
    if share.by is ChosenBy.RANDOM:
        by += f" (seed {share.seed})"
    if share.by is ChosenBy.S_IFD:
        by += f" (token ratio {share.token_ratio:g})"
    return f"top {share}{by}"


def preview_facts(found: ExportPreview, wanted: ExportRequest) -> Iterator[Fact]:
    """The facts of an export that is not written yet."""
    what = "rows" if found.passed else "samples"
    pairs = "the pairs among " if wanted.preferences is not None else ""
    unsure = ", but for those that --drop-untrainable leaves out" if wanted.drop_untrainable else ""
    yield (
        "would write",
        f"{pairs}{found.leaving[wanted.rule]:,} of {found.of:,} {what}, {rule_of(wanted)}{unsure}",
    )
    yield from dropped_in_export(found.dropped)
    yield from unrated_in_export(found.unrated)


def pair_facts(report: ExportResult, counts: PairCounts) -> Iterator[Fact]:
    """The pairs that an export of preferences holds, who preferred, and the samples that gave none."""
    pairs = counts.pairs.total()
    who = ", ".join(f"{count:,} by {_PREFERRED[by]}" for by, count in counts.pairs.most_common())
    rows = "" if report.rows == pairs else f", in {report.rows:,} rows"
    every = pass_through(report.rule, report.share, report.min_rating)
    rule = "" if every else f", {rule_of(report)}"
    yield "pairs", f"{pairs:,} of {pairs + counts.none.total():,} samples{rows}{rule}: {who}"
    if counts.near_ties:
        yield "near ties", f"{counts.near_ties:,} of them (--min-margin leaves out what is below it)"
    if counts.none:
        yield "no pair", counts.why_none()


_PREFERRED = {
    PreferredBy.STUDENT: "the student",
    PreferredBy.PERSON: "a person",
    PreferredBy.JUDGE: "the judge",
}


def passed_in_export(report: ExportResult) -> str:
    """The rows of an export that could not be refined, and those of the dataset that did not leave."""
    parts = [rows_words(report.passed)] * bool(report.passed)
    if report.left_out:
        no_place = pass_through(report.rule, report.share, report.min_rating)
        why = f"no place in {report.format}" if no_place else rule_of(report)
        parts.append(f"{report.left_out:,} left out ({why})")
    return ", ".join(parts)


def dropped_in_export(dropped: int) -> Iterator[Fact]:
    """The rows that stay behind by any rule; nothing where there are none."""
    if dropped:
        yield "dropped", f"{counted(dropped, 'row')} that a person dropped, in no export"


def unrated_in_export(unrated: int) -> Iterator[Fact]:
    """The samples that a least rating leaves out for want of one; nothing where there are none."""
    if unrated:
        yield "not rated", f"{counted(unrated, 'sample')} of the rule, left out; burnish rate asks a judge"
