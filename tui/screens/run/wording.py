"""The Run screen's sentences: the plan, the models at work, failures. Foreign text goes through `shown_line`."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from textual.content import Content

from engine.method.recipe import Method
from engine.pace import Pulse
from engine.progress import Tally, listed
from engine.run.settings import Settings
from engine.sample import Stage
from engine.store.distribution import FEW_SCORED, PairedMedians
from models.ray.cluster import OverRay
from models.student import StudentInfo
from models.system.units import counted, size
from models.teacher import TeacherInfo
from tui.text.literal import first_line
from tui.text.shown import shown_line
from tui.text.vocabulary import MEASURES, METHODS, NO_HELP, SCHEDULES, WANTED

LABEL, MODEL, SPEED, BEFORE = 11, 40, 16, 25
"""Cells of the columns."""

SPARKS = "▁▂▃▄▅▆▇"
"""Shorter than Textual's `Sparkline`, which also needs a line to itself: a full block would run into the line above."""


@dataclass(frozen=True, slots=True)
class RunCounts:
    """Samples of the run that is shown, as the workspace has them."""

    asked: int = 0  # samples that a run by the settings of now is to refine
    done: int = 0  # of them
    failed: int = 0
    dropped: int = 0  # samples that no run is to refine, for a person dropped them
    faults: Mapping[str, int] | None = None  # of the failed stages, by kind
    replaced: Mapping[Stage, tuple[int, int]] | None = None  # texts replaced at each stage, and samples there


def facts(pairs: Iterable[tuple[str, Content | str]]) -> Content:
    """A fact a line, the names in a column."""
    return Content("\n").join(
        Content.assemble((name.ljust(LABEL), "$text-muted"), value) for name, value in pairs
    )


def plan(settings: Settings, data: str, counts: RunCounts, *, changed: bool, ray: OverRay | None) -> Content:
    """The run that would begin.

    changed: with other settings than those of the samples that are done. ray: the cluster whose nodes would work.
    """
    run = settings.run
    pairs: list[tuple[str, Content | str]] = [
        (
            "data",
            Content.assemble(shown_line(data, 60), (f"  {counted(counts.asked, 'sample')}", "$text-muted")),
        ),
        ("method", METHODS[run.method]),
    ]
    if run.method is not Method.SCORE:
        form = "" if run.reply_form == "auto" else f", reply form {run.reply_form}"
        pairs.append(("teacher", _named(settings.teacher.name, form)))
    if run.method is not Method.REFLECT:
        exact = ", exact" if settings.student.exact else ""
        pairs.append(("student", _named(settings.student.name, exact)))
        pairs.append(("template", str(run.template)))
    if run.method is Method.SELECTIVE:
        pairs.append(("schedule", SCHEDULES[run.schedule]))
    if ray is not None:
        pairs.append(("nodes", Content.styled(travels(ray.address), "$text-warning")))
    pairs.append(("done", done(counts)))
    if changed and counts.done:
        words = "these settings differ from the ones used so far: only what they change is asked for again"
        pairs.append(("", Content.styled(words, "$text-warning")))
    return facts(pairs)


def travels(address: str) -> str:
    return f"the texts go to the nodes of Ray at {first_line(address, 40)}"


def _named(name: str | None, more: str) -> Content:
    if name is None:
        return Content.styled("none chosen yet", "$text-warning")
    return Content.assemble(shown_line(name, 60), more)


def done(counts: RunCounts) -> Content:
    """The number of samples that are done, and of those that failed."""
    parts: list[Content | str] = [f"{counts.done:,} of {counted(counts.asked, 'sample')}"]
    if counts.failed:
        kinds = f" ({listed(Counter(counts.faults))})" if counts.faults else ""
        parts.append(Content.styled(f"  ✗ {counts.failed:,} failed{kinds}", "$text-error"))
    if counts.dropped:
        parts.append(Content.styled(f"  {counts.dropped:,} dropped, in no run", "$text-muted"))
    return Content("").join(parts)


def teacher_line(tally: Tally, name: str | None, width: int) -> Content:
    """The teacher: its speed, and the requests before it."""
    speed = f"{tally.teacher_speed:,.1f} tokens/s" if tally.replies else ""
    asking = tally.teacher_queue
    counts = ((len(asking.now), "in flight"), (asking.waiting, "waiting"))
    before = ", ".join(f"{count} {what}" for count, what in counts if count) or "idle"
    if tally.over:
        before = counted(tally.replies, "reply", "replies") + tally.now
    info = tally.teacher
    who = _who(info.name if info else name, info)
    return _model("teacher", who, speed, (tally.teacher_pulse, "$primary"), before, width)


def student_line(tally: Tally, name: str | None, width: int) -> Content:
    """The student: its speed, and the samples before it."""
    speed = f"{tally.student_speed:,.0f} tokens/s" if tally.student_seconds else ""
    if tally.over:
        before = counted(tally.student_tokens, "token") + tally.now
    elif tally.student is None:
        before = "loading"
    else:
        before = f"{tally.student_queue} waiting" if tally.student_queue else "idle"
    info = tally.student
    who = _who(name or (info.name if info else None), info)
    return _model("student", who, speed, (tally.student_pulse, "$secondary"), before, width)


def _who(name: str | None, info: TeacherInfo | StudentInfo | None) -> Content:
    known = shown_line(info.quantisation, 12, "$text-muted") if info else ""
    return Content.assemble(shown_line(name or "none", 60), "  " if info else "", known)


def _model(
    label: str, who: Content, speed: str, pulse: tuple[Pulse, str], before: str, width: int
) -> Content:
    blocks, colour = spark(pulse[0], _room(width)), pulse[1]
    speed = f" {speed}".rjust(SPEED)
    rest = LABEL + len(speed) + (2 + len(blocks) if blocks else 0) + max(BEFORE, 2 + len(before))
    room = min(max(10, width - rest), MODEL)
    line = Content.assemble(
        (label.ljust(LABEL), "$text-muted"),
        who.truncate(room, ellipsis=True, pad=True),
        speed,
        ("  " + blocks, colour) if blocks else "",
        ("  " + before, "$text-muted"),
    )
    return line.truncate(width, ellipsis=True)


def _room(width: int) -> int:
    """Beats of the pulse that fit into a line of that width."""
    return 0 if width < 72 else 6 if width < 90 else 16 if width < 110 else 30


def spark(pulse: Pulse, width: int) -> str:
    """The last `width` amounts of a pulse, each as a block of its height; a blank where there was nothing."""
    amounts = pulse.beats(width) if width else []
    most = max(amounts, default=0.0)
    blocks = (
        SPARKS[min(int(amount / most * len(SPARKS)), len(SPARKS) - 1)] if amount else " "
        for amount in amounts
    )
    return "".join(blocks).rjust(width)


def backend(info: StudentInfo) -> str:
    """The device that the student runs on."""
    if info.offloaded:
        return f"{info.backend}, {info.offloaded} of {counted(info.layers, 'layer')} on the GPU"
    return info.backend


def medians(found: Mapping[str, PairedMedians], width: int, *, refined: bool) -> list[Content]:
    """The median of each score so far, a line each; of few samples it would say nothing.

    found: by name. refined: false where there is no after, and a sample's one score stands for both.
    """
    pairs = max((score.pairs for score in found.values()), default=0)
    if pairs < FEW_SCORED:
        words = f"none below {FEW_SCORED} scored samples; so far {pairs}"
        return [Content.assemble(("medians".ljust(LABEL), "$text-muted"), (words, "$text-muted"))]
    lines = []
    for label, (name, score) in zip(("medians", ""), found.items(), strict=True):
        title, about = MEASURES[name]
        figures, after = "–", score.after
        if score.pairs >= FEW_SCORED and score.before is not None and after is not None:
            figures = f"{score.before:.3f} → {after:.3f}" if refined else f"{after:.3f}"
        of = f"{score.pairs:,} pairs" if refined else f"{score.pairs:,}"
        counts = f"  of {of}" + f" ({score.decided:,} as you decided)" * bool(score.decided)
        stays, style = f"({WANTED[name]} stays)", "$text-muted"
        says = [f"{about} {stays}", about, stays] if refined else [about]
        if score.pairs >= FEW_SCORED and after is not None and after >= 1:
            says, style = [f"1 or more: {NO_HELP[title]}", "1 or more: no help"], "$text-warning"
        line = Content.assemble(
            (label.ljust(LABEL), "$text-muted"), f"{title:<7}{figures}", (counts, "$text-muted")
        )
        # Words that would be cut are left out.
        fit = [f"  {said}" for said in says if line.cell_length + 2 + len(said) <= width]
        lines.append(Content.assemble(line, ("".join(fit[:1]), style)).truncate(width, ellipsis=True))
    return lines


def memory(resident: Mapping[str, int], free: int) -> Content:
    """Bytes that burnish and its models hold, by process, and bytes that are free."""
    held = "  ".join(f"{name} {size(count)}" for name, count in resident.items())
    return Content.assemble(
        ("memory".ljust(LABEL), "$text-muted"), held, (f"  {size(free)} free", "$text-muted")
    )


def troubles(tally: Tally) -> Content:
    """Failures by kind, and replies that could not be used."""
    parts: list[Content | tuple[str, str]] = [("failures".ljust(LABEL), "$text-muted")]
    if tally.failed:
        kinds = f": {listed(tally.faults)}" if tally.faults else ""
        count = f"✗ {tally.failed:,} {'sample' if tally.failed == 1 else 'samples'}{kinds}"
        parts.append((count, "$text-error"))
    else:
        parts.append(("none", "$text-muted"))
    if tally.failed_attempts:
        parts.append((f"  refused replies{tally.now}: {listed(tally.failed_attempts)}", "$text-warning"))
    if tally.near_ties:
        near = "near tie" if tally.near_ties == 1 else "near ties"
        parts.append((f"  ≈ {tally.near_ties:,} {near}", "$text-warning"))
    if tally.length_decides:
        parts.append((f"  ≠ {tally.length_decides:,} decided by length", "$text-warning"))
    if tally.inputs_lost:
        lost = "input" if tally.inputs_lost == 1 else "inputs"
        parts.append((f"  ∉ {tally.inputs_lost:,} {lost} lost", "$text-warning"))
    return Content.assemble(*parts)


def replaced(counts: RunCounts) -> str:
    """Verdicts of the run, those of earlier sessions included, by stage."""
    stages = (counts.replaced or {}).items()
    return ", ".join(f"{stage} replaced {taken:,} of {total:,}" for stage, (taken, total) in stages)
