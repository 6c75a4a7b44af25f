"""A judge's verdicts on the responses of a workspace's samples, for an export of preferences."""

from __future__ import annotations

from pathlib import Path

from engine.export.preferences import JudgeVerdict, verdict_key
from engine.judge.prompt import WITH_HISTORY, Judged, Result
from engine.judge.record import Record, judged_path
from engine.store.workspace import Workspace
from models.errors import UsageError


def verdicts_on(workspace: Path, record: Path | None = None) -> dict[bytes, JudgeVerdict]:
    """The verdicts of the latest judging of a workspace's latest run, on two responses to one instruction.

    Verdicts of a judge that was not shown what was said before are left out where something was.
    record: the judge's, where it is not the usual one. `UsageError`: there are none.
    """
    path = record or judged_path(workspace)
    ask = "`burnish judge` asks a judge for verdicts"
    if not path.is_file():
        raise UsageError(f"{path}: not there, so no judge preferred anything; {ask}, or give --verdicts")
    with Workspace.read(workspace) as opened, Record.read(path) as kept:
        run = opened.latest_run()
        found = (one for one in kept.comparisons() if one.about.is_of(workspace, run.id))
        comparison = next(found, None)
        if comparison is None:
            raise UsageError(f"{path}: no verdicts on {workspace.name}'s latest run; {ask}")
        judged = (one for _, one in kept.judged(comparison))
        usable = (one for one in judged if one.result is not Result.INVALID and one.pair.has_one_instruction)
        if comparison.about.prompts < WITH_HISTORY:
            usable = (one for one in usable if not opened.sample(one.pair.row).history)
        return dict(map(_verdict, usable))


def _verdict(judged: Judged) -> tuple[bytes, JudgeVerdict]:
    pair, forward, swapped = judged.pair, judged.forward, judged.swapped
    assert forward is not None
    assert swapped is not None
    points = (forward.first + swapped.second) / 2, (forward.second + swapped.first) / 2
    prefers_second = None if judged.result is Result.TIE else judged.result is Result.WIN
    return verdict_key(pair.row, pair.a, pair.b), JudgeVerdict(prefers_second, points)
