"""Workspaces to try things on: small datasets, and outcomes to put in."""

from __future__ import annotations

from pathlib import Path

from engine.sample import Choice, Failure, Outcome, Rule, Sample, Stage, Verdict, Version
from engine.store.run_record import RunRecord
from engine.store.workspace import Source, Workspace
from models.teacher import Fault, TeacherInfo

SOURCE = Source(path="/data/mine.json", format="alpaca", fields=("instruction", "output"), sha256="ab" * 32)
RECORD = RunRecord(settings={}, teacher=TeacherInfo("t", "sha256:7", None, "", 0, 8192))


def sample(index: int, text: str = "x") -> Sample:
    original = Version(instruction=f"{text}{index}", input=text, response=text)
    return Sample(
        index=index, original=original, row={"instruction": text, text: [text, None, 1.5], "n": index}
    )


def samples(count: int) -> list[Sample]:
    return [sample(index) for index in range(count)]


def made(path: Path, count: int = 3) -> Path:
    Workspace.create(path, SOURCE, samples(count)).close()
    return path


def kept(index: int, failure: Failure | None = None) -> Outcome:
    rule = Rule.TEACHER_FAILED if failure else Rule.LARGER_IFD
    choice = Choice(stage=Stage.INSTRUCTION, verdict=Verdict.KEPT, rule=rule, failure=failure)
    return Outcome(index=index, final=sample(index).original, choices=(choice,))


FAILURE = Failure(fault=Fault.CUT, message="the reply was cut at 9 tokens")
