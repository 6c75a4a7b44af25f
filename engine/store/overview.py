"""The results of a run in a few numbers, counted over its outcomes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from engine.events import RefinedBefore
from engine.sample import Frozen, Rule, Stage, WhyPassed
from engine.store.among import AMONG, among
from engine.store.dropped import DROPPED
from engine.store.leaving_view import FINISHED
from engine.store.workspace import Run, Workspace


class StageCounts(Frozen):
    """Verdicts of one stage."""

    replaced: int = 0
    kept: int = 0  # the student preferred what was there
    failed: int = 0  # the teacher gave nothing usable
    near_ties: int = 0
    length_decides: int = 0  # the margins of whole responses and at equal length are for different verdicts
    verified: int = 0  # near ties of the student that better weights decided
    overruled: int = 0  # of these, otherwise than the student would have


class Medians(Frozen):
    """Medians of a score before and after, over the same samples: those that have both. None where none has."""

    ifd_pairs: int
    ifd_before: float | None
    ifd_after: float | None
    r_ifd_pairs: int
    r_ifd_before: float | None
    r_ifd_after: float | None


class Overview(Frozen):
    """The results of a run."""

    samples: int  # that may leave: without the dropped ones, which no other number here counts either
    dropped: int  # samples that leave by no export, for a person dropped them or an exchange of their row
    passed: dict[WhyPassed, int]  # rows that cannot be refined, by reason
    done: int
    failed: int
    stages: dict[Stage, StageCounts]
    faults: dict[str, int]  # failures by kind
    input_lost: int  # samples that ask without most of their input, and about which nobody decided
    unscorable: int  # samples whose IFD or r-IFD, before or after, could not be had
    truncated: int  # samples with a score over a cut text
    reasoning: int  # samples whose answer has reasoning, in the dataset
    reasoning_dropped: int  # of those done, for their answer was replaced
    fields_changed: int  # samples of which fields beside the texts followed them
    noted: int  # samples with a person's note, in the dataset
    tags: dict[str, int]  # a person's, with the samples that have each, the most frequent first
    medians: Medians


def overview(workspace: Workspace, run: Run) -> Overview:
    """Count a run's outcomes."""
    database = workspace.database
    ((done, failed, unscorable, truncated),) = database.execute(
        "SELECT count(*), coalesce(sum(failed), 0), coalesce(sum(unscorable), 0), coalesce(sum(truncated), 0) "
        f"FROM figures WHERE run = :run AND sample NOT IN {DROPPED}",
        run=run.id,
    )
    ((lost,),) = database.execute(f"SELECT coalesce(sum(input_lost), 0) FROM {FINISHED}", run=run.id)
    reasoning_dropped, changed = followed(workspace, run)
    remaining = workspace.remaining()
    with database.understood():
        return Overview(
            samples=len(remaining),
            dropped=len(workspace) - len(remaining),
            passed=workspace.passed(),
            done=done,
            failed=failed,
            stages=stage_counts(workspace, run, remaining),
            faults=faults(workspace, run, remaining),
            input_lost=lost,
            unscorable=unscorable,
            truncated=truncated,
            reasoning=workspace.reasoning(),
            reasoning_dropped=reasoning_dropped,
            fields_changed=changed,
            noted=workspace.annotations.noted(),
            tags=workspace.annotations.tags(),
            medians=Medians(**_medians(workspace, run, "ifd"), **_medians(workspace, run, "r_ifd")),
        )


def followed(workspace: Workspace, run: Run) -> tuple[int, int]:
    """Samples of a run whose answer leaves without its reasoning, and samples whose other fields follow the texts."""
    ((dropped, changed),) = workspace.database.execute(
        "SELECT coalesce(sum(reasoning_dropped), 0), coalesce(sum(fields_changed), 0) "
        f"FROM {FINISHED} WHERE sample IN (SELECT sample FROM dependence)",
        run=run.id,
    )
    return int(dropped), int(changed)


def replaced(workspace: Workspace, run: Run) -> dict[Stage, tuple[int, int]]:
    """Of each stage that a run has come to, the samples whose text it replaced, and all of them."""
    counts: dict[Stage, tuple[int, int]] = {}
    for stage in Stage:
        ((taken, total),) = workspace.database.execute(
            f"SELECT coalesce(sum({stage} = 'replaced'), 0), count({stage}) FROM figures "
            f"WHERE run = :run AND sample NOT IN {DROPPED}",
            run=run.id,
        )
        if total:
            counts[stage] = (int(taken), int(total))
    return counts


def refined_before(workspace: Workspace, run: Run, some: Sequence[int]) -> RefinedBefore:
    """The verdicts of those of some samples that are done."""
    stages = stage_counts(workspace, run, some)
    ((lost,),) = workspace.database.execute(
        f"SELECT coalesce(sum(input_lost), 0) FROM figures WHERE run = :run AND {AMONG}",
        run=run.id,
        **among(some),
    )
    return RefinedBefore(
        {stage: counts.replaced for stage, counts in stages.items()},
        sum(counts.near_ties for counts in stages.values()),
        sum(counts.length_decides for counts in stages.values()),
        int(lost),
        faults(workspace, run, some),
    )


def faults(workspace: Workspace, run: Run, some: Sequence[int]) -> dict[str, int]:
    """Failures of stages in a run by kind, the most frequent first; of equals, the one that came first."""
    return dict(
        workspace.database.execute(
            "SELECT json_extract(value, '$.failure.fault'), count(*) "
            "FROM outcomes JOIN json_each(body, '$.choices') "
            f"WHERE run = :run AND failed AND {AMONG} AND json_extract(value, '$.failure') IS NOT NULL "
            "GROUP BY 1 ORDER BY 2 DESC, min(sample * 2 + key)",  # a sample has two choices at most
            run=run.id,
            **among(some),
        )
    )


def stage_counts(workspace: Workspace, run: Run, some: Sequence[int]) -> dict[Stage, StageCounts]:
    """Verdicts of the stages over those of some samples that are done."""
    counts: dict[Stage, dict[str, int]] = {stage: {} for stage in Stage}
    marks = ("near_ties", "length_decides", "verified", "overruled")
    for stage, verdict, samples, *marked in workspace.database.execute(
        "SELECT json_extract(value, '$.stage'), "
        f"iif(json_extract(value, '$.rule') = '{Rule.TEACHER_FAILED}', 'failed', json_extract(value, '$.verdict')), "
        "count(*), sum(json_extract(value, '$.near_tie')), "
        "sum(coalesce(json_extract(value, '$.length_decides'), 0)), "
        "count(json_extract(value, '$.verified.margin')), "
        "sum(coalesce(json_extract(value, '$.verified.overruled'), 0)) "
        f"FROM outcomes, json_each(body, '$.choices') WHERE run = :run AND {AMONG} GROUP BY 1, 2",
        run=run.id,
        **among(some),
    ):
        count = counts[Stage(stage)]
        count[verdict] = samples
        for mark, choices in zip(marks, marked, strict=True):
            count[mark] = count.get(mark, 0) + choices
    return {stage: StageCounts(**count) for stage, count in counts.items() if count}


def _medians(workspace: Workspace, run: Run, score: str) -> dict[str, Any]:
    """The fields of `Medians` of "ifd" or "r_ifd"."""
    before, after = f"{score}_before", f"{score}_after"
    both = (
        f"FROM figures WHERE run = :run AND {before} IS NOT NULL AND {after} IS NOT NULL "
        f"AND sample NOT IN {DROPPED}"
    )
    ((pairs,),) = workspace.database.execute(f"SELECT count(*) {both}", run=run.id)
    found = {f"{score}_pairs": pairs}
    for value in (before, after):
        middle = f"SELECT {value} AS v {both} ORDER BY v LIMIT 2 - :pairs % 2 OFFSET (:pairs - 1) / 2"
        ((found[value],),) = workspace.database.execute(
            f"SELECT avg(v) FROM ({middle})", run=run.id, pairs=pairs
        )
    return found
