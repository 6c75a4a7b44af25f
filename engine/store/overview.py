"""What a run came to, counted over its outcomes."""

from __future__ import annotations

from array import array
from collections import Counter
from statistics import median

from engine.sample import Frozen, Outcome, Ratio, Rule, Scores, Stage, Verdict
from engine.store.workspace import Run, Workspace


class StageCounts(Frozen):
    """Verdicts of one stage."""

    replaced: int = 0
    kept: int = 0  # the student preferred what was there
    failed: int = 0  # the teacher gave nothing usable
    near_ties: int = 0


class Medians(Frozen):
    """Medians over the samples that have the score; None where none has."""

    ifd_before: float | None
    ifd_after: float | None
    r_ifd_before: float | None
    r_ifd_after: float | None


class Overview(Frozen):
    samples: int  # in the dataset
    done: int
    failed: int
    stages: dict[Stage, StageCounts]
    faults: dict[str, int]  # failures by kind
    unscorable: int  # samples whose IFD or r-IFD, before or after, could not be had
    truncated: int  # samples with a score over a cut text
    medians: Medians


def overview(workspace: Workspace, run: Run) -> Overview:
    """Count a run's outcomes; memory grows by four numbers a sample."""
    counts: dict[Stage, Counter[str]] = {stage: Counter() for stage in Stage}
    faults: Counter[str] = Counter()
    values = {name: array("d") for name in Medians.model_fields}
    done = failed = unscorable = truncated = 0
    for _, outcome, _ in workspace.decided(run):
        if outcome is None:
            continue
        done += 1
        failed += bool(outcome.failures)
        faults.update(failure.fault for failure in outcome.failures)
        for choice in outcome.choices:
            count = counts[choice.stage]
            if choice.rule is Rule.TEACHER_FAILED:
                count["failed"] += 1
            else:
                count["replaced" if choice.verdict is Verdict.REPLACED else "kept"] += 1
            count["near_ties"] += choice.near_tie
        ratios = _ratios(outcome)
        unscorable += any(ratio.value is None for ratio in ratios.values())
        truncated += any(ratio.truncated for ratio in ratios.values())
        for name, ratio in ratios.items():
            if ratio.value is not None:
                values[name].append(ratio.value)
    return Overview(
        samples=len(workspace),
        done=done,
        failed=failed,
        stages={stage: StageCounts(**count) for stage, count in counts.items() if count},
        faults=dict(faults.most_common()),
        unscorable=unscorable,
        truncated=truncated,
        medians=Medians(**{name: median(of) if of else None for name, of in values.items()}),
    )


def _ratios(outcome: Outcome) -> dict[str, Ratio]:
    def named(when: str, scores: Scores | None) -> dict[str, Ratio]:
        return {f"ifd_{when}": scores.ifd, f"r_ifd_{when}": scores.r_ifd} if scores else {}

    return named("before", outcome.before) | named("after", outcome.after)
