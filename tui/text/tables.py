"""Results as tables and pages of text. Everything from a dataset or a model goes through `literal`."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

from rich.box import HORIZONTALS
from rich.console import Console, ConsoleOptions, Group, RenderableType, RenderResult
from rich.panel import Panel
from rich.table import Table
from rich.text import Text

from engine.examine.lost_input import loses_input
from engine.formats.following import changes, reasoning_of
from engine.formats.tools import tools_text
from engine.method.candidates import CandidatesBy
from engine.method.noise import RESPONSE
from engine.method.prompts import CritiqueLength, PromptSet, Wording
from engine.method.recipe import Method, Recipe
from engine.method.rewrite_language import LANGUAGES
from engine.method.rules import PAPERS, Criterion
from engine.pace import clock
from engine.progress import SessionCounts
from engine.sample import (
    PARTS,
    Annotation,
    Candidate,
    Choice,
    History,
    Outcome,
    Ratio,
    Review,
    Sample,
    Scores,
    Stage,
    Verdict,
    Version,
    WhyPassed,
    thoughts_before,
)
from engine.store.annotations import NONE
from engine.store.distribution import FEW_SCORED
from engine.store.leaving import with_thoughts_of
from engine.store.overview import Overview
from engine.store.rows import Conversations
from engine.store.workspace import Run, Source
from models.system.units import counted
from tui.text.critique import by_criterion
from tui.text.literal import first_line, literal, one_line
from tui.text.tool_words import tool_definitions
from tui.text.vocabulary import (
    INPUT_LOST,
    INPUT_LOST_MEANS,
    LENGTH_DECIDES,
    RULES,
    WHY_PASSED,
    choice_flags,
    earliest,
    shown_equal_length,
)

TAGS = 20
"""Tags that are listed."""

Fact = tuple[str, str]
"""A name, and the text beside it."""


def number(value: float | None, digits: int = 3) -> str:
    return "-" if value is None else f"{value:.{digits}f}"


def facts(pairs: Iterable[Fact]) -> Text:
    """One fact a line, the names in a column. To be printed with `soft_wrap`: a path stays whole, to be copied."""
    lines = (Text.assemble((f"{name:<19}", "dim"), one_line(value)) for name, value in pairs)
    return Text("\n").join(lines)


# Many samples -----------------------------------------------------------------------------------------------


def samples_table(samples: Iterable[tuple[Sample, Outcome]]) -> Table:
    """Before and after, a sample a row, each text clipped to a few lines."""
    table = Table(box=HORIZONTALS, show_lines=True, expand=True, pad_edge=False)
    table.add_column("#", justify="right")
    table.add_column("before", ratio=1)
    table.add_column("after", ratio=1)
    table.add_column("scores and verdicts", width=22)
    for sample, outcome in samples:
        original, final = sample.original, outcome.final
        table.add_row(
            str(sample.index), _before(original), _after(original, final), Text("\n").join(_judged(outcome))
        )
    return table


def score_line(sample: Sample, scores: Scores) -> Text:
    """A sample's scores and how it begins, on one line."""
    ifd, r_ifd = number(scores.ifd.value), number(scores.r_ifd.value)
    loss = number(scores.ifd.given.mean if scores.ifd.given else None)
    return Text(
        f"{sample.index:>6}  IFD {ifd:>6}  r-IFD {r_ifd:>6}  loss {loss:>6}  "
        f"{first_line(_asked(sample.original), 200)}"
    )


@dataclass(frozen=True, slots=True)
class _Clipped:
    """A text cut to `lines` lines, at the width it is rendered in."""

    text: Text
    lines: int

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        lines = self.text.wrap(console, options.max_width)
        if len(lines) > self.lines:
            last = lines[self.lines - 1]
            last.rstrip()
            last.truncate(options.max_width - 1)
            last.append("…")
        yield Text("\n").join(lines[: self.lines])


def _before(version: Version) -> Group:
    return Group(_instruction(version), _response(version))


def _after(original: Version, final: Version) -> RenderableType:
    """The refined version; a half that stayed the same is not shown twice."""
    if final == original:
        return Text("as it was", style="dim")
    if _asked(final) == _asked(original):
        return Group(Text("the same instruction", style="dim"), _response(final))
    if final.response == original.response:
        return Group(_instruction(final), Text("↳ the same response", style="dim"))
    return _before(final)


def _instruction(version: Version) -> _Clipped:
    return _Clipped(Text(first_line(_asked(version), 400), style="bold"), 2)


def _response(version: Version) -> _Clipped:
    return _Clipped(Text(f"↳ {first_line(version.response, 600)}"), 3)


def _asked(version: Version) -> str:
    return f"{version.instruction}\n{version.input}" if version.input else version.instruction


def _judged(outcome: Outcome) -> Iterator[Text]:
    before, after = outcome.before, outcome.after
    if before is not None and after is not None:
        yield Text(f"IFD   {_change(before.ifd.value, after.ifd.value)}")
        yield Text(f"r-IFD {_change(before.r_ifd.value, after.r_ifd.value)}")
    for choice in outcome.choices:
        yield _verdict(choice)


def _change(before: float | None, after: float | None) -> str:
    return number(before) if before == after else f"{number(before)} → {number(after)}"


def _verdict(choice: Choice) -> Text:
    if choice.failure is not None:
        return Text(f"{choice.stage} failed: {choice.failure.fault}", style="yellow")
    style = "green" if choice.verdict is Verdict.REPLACED else "dim"
    flags = [*["verified"] * (choice.verified is not None), *choice_flags(choice)]
    return Text(f"{choice.stage} {choice.verdict}" + "".join(f", {flag}" for flag in flags), style=style)


# Rows that pass through -------------------------------------------------------------------------------------


def passed_fact(passed: Mapping[WhyPassed, int]) -> Iterator[Fact]:
    """The rows that cannot be refined, counted by reason; nothing where there are none."""
    if passed:
        yield "passed through", passed_words(passed)


def passed_words(passed: Mapping[WhyPassed, int]) -> str:
    """Why rows cannot be refined, and how many: "3 rows, as they were: no answer yet 2, tool calls 1"."""
    reasons = ", ".join(f"{WHY_PASSED[why]} {rows:,}" for why, rows in passed.items())
    return f"{rows_words(sum(passed.values()))}: {reasons}"


def conversation_lines(counts: Conversations) -> Iterator[str]:
    """What there is of conversations in a dataset; nothing where all rows are single exchanges."""
    held = {"a system message": counts.system, "earlier turns": counts.earlier, "tools": counts.tools}
    if not any(held.values()):
        return
    listed = ", ".join(f"{count:,} {what}" for what, count in held.items() if count)
    yield f"of {counts.rows:,} rows have: {listed}"
    yield f"exchanges that are refined: {counts.last:,} with --turns last, {counts.all:,} with all"


def rows_words(count: int) -> str:
    return "1 row, as it was" if count == 1 else f"{count:,} rows, as they were"


# A workspace ------------------------------------------------------------------------------------------------


def session_words(session: SessionCounts, unit: str = "sample") -> str:
    """The work of a session of a run or a judging, and what it found done."""
    now = f"{counted(session.done, unit)} in {clock(session.seconds)}"
    return f"{now}, {session.before:,} done before" if session.before else now


def overview_facts(overview: Overview) -> Iterator[Fact]:
    failed = f", {overview.failed} with a failure" if overview.failed else ""
    yield "samples", f"{overview.done} of {overview.samples} done{failed}"
    if overview.dropped:
        yield (
            "dropped",
            f"{counted(overview.dropped, 'sample')}: not asked about, in no export and in no count here",
        )
    yield from passed_fact(overview.passed)
    for stage, counts in overview.stages.items():
        parts = [f"{counts.replaced} replaced", f"{counts.kept} kept"]
        parts += [f"{counts.failed} failed"] * bool(counts.failed)
        parts += [counted(counts.near_ties, "near tie")] * bool(counts.near_ties)
        parts += [f"{counts.verified} verified ({counts.overruled} otherwise)"] * bool(counts.verified)
        parts += [f"{counts.length_decides} decided by length"] * bool(counts.length_decides)
        yield f"{stage} stage", ", ".join(parts)
    medians = overview.medians
    for name, pairs, before, after in (
        ("median IFD", medians.ifd_pairs, medians.ifd_before, medians.ifd_after),
        ("median r-IFD", medians.r_ifd_pairs, medians.r_ifd_before, medians.r_ifd_after),
    ):
        if pairs >= FEW_SCORED:
            yield name, f"{_change(before, after)}, of {pairs:,} samples"
        elif pairs:
            yield name, f"none below {FEW_SCORED} scored samples; {pairs} so far"
    if overview.input_lost:
        yield INPUT_LOST, f"{counted(overview.input_lost, 'sample')} to review: {INPUT_LOST_MEANS}"
    if overview.faults:
        yield "failures", ", ".join(f"{kind} {count}" for kind, count in overview.faults.items())
    if overview.unscorable:
        yield (
            "unscorable",
            f"{counted(overview.unscorable, 'sample')} (burnish show WORKSPACE SAMPLE says why)",
        )
    if overview.truncated:
        yield (
            "truncated",
            f"{counted(overview.truncated, 'sample')}, scored up to the student's context (--context raises it)",
        )
    if overview.reasoning:
        yield (
            "reasoning",
            f"in {counted(overview.reasoning, 'answer')}, dropped with {overview.reasoning_dropped:,} that "
            + ("was replaced" if overview.reasoning_dropped == 1 else "were replaced"),
        )
    if overview.fields_changed:
        changed = "fields beside the texts follow them (export --with-trace lists them)"
        yield "fields", f"{counted(overview.fields_changed, 'sample')}: {changed}"
    yield from noted_facts(overview)


def noted_facts(overview: Overview) -> Iterator[Fact]:
    """A person's notes and tags; nothing where there are none."""
    if overview.noted:
        yield "notes", counted(overview.noted, "sample has one", "samples have one")
    if tags := list(overview.tags.items()):
        more = f", and {len(tags) - TAGS} more" if len(tags) > TAGS else ""
        yield "tags", ", ".join(f"#{tag} {count:,}" for tag, count in tags[:TAGS]) + more


def failure_fact(outcome: Outcome) -> Fact:
    """A sample for which a stage failed, and the reason."""
    failure = outcome.failures[0]
    return f"sample {outcome.index}", f"{failure.fault}: {failure.message}"


_BEST_BY = {
    CandidatesBy.PAPER: "the stage's score",
    CandidatesBy.IFD: "IFD",
    CandidatesBy.S_IFD: "S-IFD",
    CandidatesBy.RSR: "RSR",
    CandidatesBy.LOSS: "loss",
    CandidatesBy.MARGIN: "the margin at equal length",
    CandidatesBy.LENGTH: "length",
    CandidatesBy.RANDOM: "chance",
}


def workspace_facts(source: Source, run: Run) -> Iterator[Fact]:
    """The dataset of a workspace, and the models and method of a run."""
    yield "dataset", f"{source.path} ({source.format})"
    teacher, student = run.record.teacher, run.record.student
    for role, model in (("teacher", teacher), ("student", student), ("verifier", run.record.verifier)):
        if model is not None:
            yield role, f"{model.name} ({model.digest[:19]}…)"
    parts = [str(run.recipe.method)]
    parts += [f"template {run.recipe.template}"] * (student is not None)
    parts += [f"reply form {run.recipe.form}"] * (teacher is not None)
    parts += ["prompts as the papers ask"] * (run.recipe.prompt_set is PromptSet.PAPER)
    if (language := LANGUAGES.get(run.recipe.language)) is not None:
        parts.append(f"in {language}")
    if isinstance(words := run.recipe.prompt_set, Wording):
        parts.append(f"prompts of your own ({words.digest[:19]}…)")
    parts += ["answers scored after their reasoning"] * (student is not None and run.recipe.reasoned)
    if run.recipe.candidates > 1:
        parts.append(f"{run.recipe.candidates} candidates, the best by {_BEST_BY[run.recipe.candidates_by]}")
    parts += ["full critiques"] * (teacher is not None and run.recipe.critique is CritiqueLength.FULL)
    yield "method", ", ".join(parts)
    yield from rules_facts(run.recipe)
    if run.record.part is not None:
        yield "random part", f"{run.record.part.samples:,} samples, seed {run.record.part.seed}"
    if run.recipe.method is Method.SELECTIVE:
        yield "near ties", near_tie_rule(run.recipe)


def rules_facts(recipe: Recipe) -> Iterator[Fact]:
    """A person's own rules that the teacher was told."""
    if recipe.guidelines:
        yield "guidelines", "; ".join(recipe.guidelines)
    for half in ("instruction", "response"):
        if recipe.criteria is not None and getattr(recipe.criteria, half) != getattr(PAPERS, half):
            criteria: tuple[Criterion, ...] = getattr(recipe.criteria, half)
            titles = (f"{one.title} ({one.meaning})" if one.meaning else one.title for one in criteria)
            yield f"{half} criteria", ", ".join(titles)


def near_tie_rule(recipe: Recipe) -> str:
    """The margins that a run flags, in words."""
    if recipe.near_tie is not None:
        return f"margins below {recipe.near_tie:g} in log-ratio"
    at = ", ".join(
        f"{recipe.near_ties.limit(tokens, tokens):.3g} ({recipe.near_ties.limit(tokens, tokens, RESPONSE):.3g})"
        f" over {counted(tokens, 'token')}"
        for tokens in (10, 100)
    )
    return (
        f"margins that rounding of the student's weights explains: below {at} (in brackets: response stage)"
    )


ANSWERS_FIRST: Fact = (
    "order",
    "the teacher wrote its critiques after its answers, which do not follow from them; `burnish run` asks anew",
)
"""Of a workspace, or a sample, with replies in the order that Ollama 0.30 and newer gave to older prompts."""


# One sample -------------------------------------------------------------------------------------------------


def sample_page(
    sample: Sample,
    outcome: Outcome | None,
    review: Review | None,
    source: Source,
    run: Run,
    annotation: Annotation = NONE,
    candidates: Iterable[Candidate] = (),
) -> RenderableType:
    """A sample from its original through each stage of a run to a person's review, and what follows its texts. What a
    person noted stands before it all."""
    parts: list[RenderableType] = []
    if annotation.tags:
        parts.append(Text.assemble(("tags  ", "dim"), tag_words(annotation.tags)))
    if annotation.note:
        parts.append(Panel(literal(annotation.note), title="note", title_align="left"))
    if definitions := tool_definitions(tools_text(sample.row)):
        text = literal("\n".join(definitions))
        parts.append(Panel(text, title="what the assistant may call", title_align="left"))
    if sample.history:
        parts.append(_turns_panel(f"the conversation before ({place_words(sample)})", sample.history))
    parts.append(_version_panel("original", sample.original, outcome.before if outcome else None))
    if reasoning := reasoning_of(sample, source.format, source.columns):
        parts.append(Panel(literal(reasoning), title="reasoning of the original", title_align="left"))
    if sample.next is not None:
        parts.append(_turns_panel(f"what follows it ({place_words(sample)})", (sample.next,)))
    if outcome is None:
        return Group(*parts, Text("not refined yet"))
    for choice in outcome.choices:
        parts.append(_choice_panel(choice, run.recipe))
    if outcome.final != sample.original:
        parts.append(_version_panel("refined", outcome.final, outcome.after))
    if review is not None:
        parts.append(_version_panel(f"reviewed: {review.decision}", review.version, None))
    elif loses_input(sample.original, outcome.final):
        parts.append(Text(f"{INPUT_LOST}: {INPUT_LOST_MEANS}"))
    version = review.version if review else outcome.final
    thoughts = thoughts_before(version.response, outcome, candidates)
    version = with_thoughts_of(run, source, sample, version, thoughts)
    if followed := changes(sample, version, source.format, source.columns):
        parts.append(Text("\n").join(Text(f"{one_line(change.field)}: {change.done}") for change in followed))
    return Group(*parts)


def tag_words(tags: Iterable[str]) -> str:
    return "  ".join(f"#{one_line(tag)}" for tag in tags)


def place_words(sample: Sample) -> str:
    """Where a sample stands in the dataset."""
    return f"row {sample.number:,}, turn {sample.turn:,}"


def _turns_panel(title: str, said: History) -> Panel:
    turns = (Text.assemble((f"{turn.role}\n", "bold cyan"), literal(turn.text)) for turn in said)
    return Panel(Text("\n\n").join(turns), title=title, title_align="left")


def _version_panel(title: str, version: Version, scores: Scores | None) -> Panel:
    texts = [
        Text.assemble((f"{name}\n", "bold cyan"), literal(value))
        for name in PARTS
        if (value := getattr(version, name))
    ]
    if scores is not None:
        texts.append(Text(f"IFD   {_ratio(scores.ifd)}\nr-IFD {_ratio(scores.r_ifd)}", style="dim"))
    return Panel(Text("\n\n").join(texts), title=title, title_align="left")


def _ratio(ratio: Ratio) -> str:
    if ratio.alone is None or ratio.given is None:
        return f"none: {ratio.reason}"
    cut = ", truncated" * ratio.truncated
    if ratio.left_out:
        cut += f", without the {earliest(ratio.left_out)} of the conversation"
    return (
        f"{number(ratio.value)} = exp({ratio.given.mean:.4f} - {ratio.alone.mean:.4f}) "
        f"over {counted(ratio.given.scored, 'token')}{cut}"
    )


def _choice_panel(choice: Choice, recipe: Recipe) -> Panel:
    text = Text()
    for criterion, critique in by_criterion(choice.critique, recipe.criteria or PAPERS):
        text.append(literal(criterion) + "\n", style="bold cyan").append(literal(critique) + "\n\n")
    if choice.thoughts:
        text.append("The teacher's thoughts\n", style="bold cyan").append(literal(choice.thoughts) + "\n\n")
    text.append(choice.verdict, style="bold").append(f" by {choice.rule}: {RULES[choice.rule].sentence}")
    if choice.margin is not None:
        text.append(
            f"\n{_margin(choice.before, choice.after, choice.margin, choice.limit or recipe.near_tie)}"
        )
    tie = "; a near tie, look at it" * choice.near_tie
    if (again := choice.verified) is None:
        text.append(tie)
    if (equal := shown_equal_length(choice)) is not None:
        decides = f"; {LENGTH_DECIDES}" if choice.length_decides else ""
        text.append(
            f"\nat equal length, over the first {counted(equal.tokens, 'token')} of either: "
            f"{equal.margin:+.4f}{decides}"
        )
    if again is not None:
        other = ", otherwise than the student" * again.overruled
        numbers = _margin(again.before, again.after, again.margin, again.limit or recipe.near_tie)
        text.append(f"\nthe verifier decides{other}: {numbers}{tie}")
    if choice.rewrite is not None and choice.verdict is Verdict.KEPT:
        text.append("\n\nthe rewrite that was not taken\n", style="bold cyan")
        parts = [choice.rewrite.response]
        if choice.stage is Stage.INSTRUCTION:
            parts.insert(0, _asked(choice.rewrite))
        text.append(literal("\n\n".join(parts)), style="dim")
    if choice.failure:
        text.append(f"\n{choice.failure.fault}: {literal(choice.failure.message)}", style="yellow")
    return Panel(text, title=f"{choice.stage} stage", title_align="left")


def _margin(before: float | None, after: float | None, margin: float, limit: float | None) -> str:
    below = "" if limit is None else f", near ties below {limit:.3g}"
    return f"{number(before)} → {number(after)}, margin {margin:+.4f} in log-ratio{below}"
