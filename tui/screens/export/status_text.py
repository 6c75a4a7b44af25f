"""The state of an export in words: what would leave, what is in the way, how a writing ended."""

from __future__ import annotations

from collections.abc import Iterator

from textual.content import Content

from engine.export.export import ExportPreview, ExportResult, InTheWay, RowProgress
from engine.export.preferences import PreferenceKind
from engine.export.trainers import Trainer
from engine.store.baselines import Baselines
from engine.store.leaving import ExportRule
from models.system.units import counted, file_size
from tui.keys.keymap import Keymap
from tui.text.choosing_words import baseline_line, length_sentence
from tui.text.export_words import dropped_in_export, pair_facts, passed_in_export, unrated_in_export
from tui.text.literal import one_line
from tui.text.shown import shown
from tui.text.vocabulary import untrainable_head


def summary_text(
    found: ExportPreview, rule: ExportRule, trainer: Trainer | None, kind: PreferenceKind | None
) -> Content:
    """The samples that would leave under a rule, and as what; with a kind of preferences, their pairs."""
    count, what = found.leaving[rule], "row" if found.passed else "sample"
    if not count:
        dropped = f"; {found.dropped:,} dropped" if found.dropped else ""
        return Content.styled(f"no {what} of {found.of:,} passes this rule{dropped}", "$text-warning")
    if kind is not None and not found.rows:
        return Content.styled(f"no sample has a pair of responses ({found.why_none})", "$text-warning")
    beside = ""
    if trainer is Trainer.LLAMAFACTORY:
        beside = ", with an entry in dataset_info.json beside it"
    elif trainer is not None:
        beside = f", with a {trainer}.yaml beside it"
    if kind is not None:
        return Content.assemble(
            "the pairs among ", (f"{count:,}", "bold"), f" of {found.of:,} {what}s would be written for ",
            (kind.upper(), "bold"),
            f" as {found.format.container}{beside}",
            *_beside(found.baselines),
        )  # fmt: skip
    return Content.assemble(
        (f"{count:,}", "bold"), f" of {found.of:,} {what}s would be written as {found.format.container}: ",
        f"{found.format.layout}{beside}{_passing(found)}",
        *_beside(found.baselines),
    )  # fmt: skip


def _beside(baselines: Baselines | None) -> Iterator[tuple[str, str]]:
    """A line on the selection beside its baselines, and one where it is mostly length; nothing where all leave."""
    if baselines is not None:
        yield f"\n{baseline_line(baselines)}", "$text-muted"
        if baselines.mostly_length:
            yield f"\n{length_sentence(baselines)}", "$text-warning"


def _passing(found: ExportPreview) -> str:
    """The rows among them that cannot be refined, or that those stay behind; those without a rating; the dropped."""
    what = "as they were" if found.passing else "are left out"
    passed = f"; {found.passed:,} that cannot be refined {what}" if found.passed else ""
    unrated = f"; {found.unrated:,} not rated" if found.unrated else ""
    return passed + unrated + (f"; {found.dropped:,} dropped" if found.dropped else "")


def question_text(present: InTheWay, keymap: Keymap) -> Content:
    """Asks whether what is there already may be replaced."""
    there = [path.name for path in present.files]
    if (entry := present.entry) is not None:
        there.append(f"an entry {entry} in dataset_info.json that burnish did not write")
    question = f"{one_line(' and '.join(there))} {'is' if len(there) == 1 else 'are'} there already: "
    return Content.assemble(
        shown(question, "bold $text-warning"),
        (keymap.first("export.replace"), "bold"), (" replaces, ", "$text-muted"),
        (keymap.first("export.cancel"), "bold"), (" leaves as is", "$text-muted"),
    )  # fmt: skip


def writing_text(progress: RowProgress, stop: str) -> Content:
    """The rows that are written, of how many, and the key `stop`."""
    return Content.assemble(
        ("writing ", "bold"),
        f"{progress.rows:,} of {counted(progress.total, 'row')}",
        (f"   {stop} stops", "$text-muted"),
    )


def result_text(report: ExportResult) -> Content:
    """An export that was written, and how to use it."""
    facts = [("file", f"{one_line(str(report.path))}, {file_size(report.size)}")]
    passed = bool(report.passed or report.left_out)
    facts += [("passed", passed_in_export(report))] * passed
    facts += [*dropped_in_export(report.dropped), *unrated_in_export(report.unrated)]
    written = f"{report.rows:,} of {report.of:,} {'rows' if passed else 'samples'}"
    if report.pairs is not None:
        written = f"{report.rows:,} rows"
    if report.pairs is not None:
        facts += [(name, text) for name, text in pair_facts(report, report.pairs)]
    if report.config is not None:
        facts += [("config", one_line(str(report.config))), ("use", one_line(report.use or ""))]
    facts += [("note", one_line(note)) for note in report.notes]
    lines = [
        Content.assemble(("✓ written ", "bold $text-success"), written),
        *(Content.assemble((f"  {name:<8}", "$text-muted"), shown(text)) for name, text in facts),
    ]
    if report.broken:
        lines.append(Content.styled(untrainable_head(report.broken), "$text-warning"))
        lines += [shown(f"  {one_line(str(broken))}") for broken in report.broken]
    return Content("\n").join(lines)
