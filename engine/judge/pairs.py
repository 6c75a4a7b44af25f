"""Pairs to compare: of the two sides of a workspace, or of two files of answers."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Hashable, Iterator
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any, NamedTuple

from engine.formats.conversation import exchanges_in
from engine.formats.fields import fields_of
from engine.formats.names import TRACE, RowError
from engine.formats.read import BadRow, Dataset, open_dataset
from engine.formats.tools import tools_text
from engine.judge.prompt import Before, Pair, StudentChoice
from engine.method.templates import TOOL_SAYS
from engine.sample import History, Outcome, Rule, Sample, Stage, Turns, Version, exchanges
from engine.store.file_errors import WorkspaceError
from engine.store.leaving import LeavingSample, exported
from engine.store.workspace import Workspace
from models.teacher import Message

GENERATOR = "generator"
"""The field of AlpacaEval's files that names the model that gave an answer."""

_FIRST = 100  # rows that tell how two files are matched


@dataclass(frozen=True, slots=True)
class Sides:
    """Two sides, A and B, and how to go through their pairs."""

    a: str  # what they are called
    b: str
    sources: tuple[str, ...]  # the files behind them
    pairs: Callable[[], Iterator[Pair]]  # in the same order every time
    same: int = 0  # where both sides are the same text: there is nothing to judge
    unmatched: tuple[int, int] = (0, 0)  # rows of A, and of B, that the other has no partner for
    teacher: str | None = None  # the digest of the model that wrote side B, where it is known
    run: int | None = None  # of the workspace they are of; None: two files
    refined_only: bool | None = None


# A workspace -------------------------------------------------------------------------------------------------------


def workspace_sides(path: Path, *, refined_only: bool = False, limit: int | None = None) -> Sides:
    """The original of each sample against what would leave the workspace now; and, unless `refined_only`, what each
    stage's rewrite was to replace against the rewrite, taken or not, wherever the student had the choice.

    `limit`: of the samples that have something to compare, the first. The workspace is opened for reading, each
    time the pairs are gone through. `WorkspaceError`: nothing was refined there.
    """
    same = 0
    with Workspace.read(path) as opened:
        run = opened.latest_run()
        if (teacher := run.record.teacher) is None:
            raise WorkspaceError(
                f"{path}: its latest run asked no teacher, so there is nothing to compare; see burnish run"
            )
        for row in exported(opened, run):
            same += row.outcome is not None and row.version == row.sample.original

    def pairs() -> Iterator[Pair]:
        with Workspace.read(path) as opened:
            found = 0
            for row in exported(opened, run):
                of_sample = list(_of_sample(row, refined_only=refined_only))
                yield from of_sample
                found += bool(of_sample)
                if found == limit:
                    return

    return Sides(
        "original",
        "refined",
        (str(path.absolute()),),
        pairs,
        same=same,
        teacher=teacher.digest,
        run=run.id,
        refined_only=refined_only,
    )


def _of_sample(row: LeavingSample, *, refined_only: bool) -> Iterator[Pair]:
    """A sample's pairs, each once: where the student took one stage's rewrite, both questions are the same."""
    sample, outcome, original = row.sample, row.outcome, row.sample.original
    before = Before(history=sample.history, tools=tools_text(sample.row))
    choices: dict[tuple[Version, Version], list[StudentChoice]] = {}
    if outcome is not None and not refined_only:
        for a, b, choice in _choices(sample, outcome):
            choices.setdefault((a, b), []).append(choice)
    if row.version != original:
        chosen = choices.pop((original, row.version), [])
        yield Pair(row=sample.index, a=original, b=row.version, before=before, choices=tuple(chosen))
    for (a, b), chosen in choices.items():
        yield Pair(row=sample.index, a=a, b=b, before=before, compared=False, choices=tuple(chosen))


def _choices(sample: Sample, outcome: Outcome) -> Iterator[tuple[Version, Version, StudentChoice]]:
    """The two versions that the student chose between in each stage: what was there, and the rewrite."""
    before = sample.original
    for choice in outcome.choices:
        if choice.rewrite is None:
            continue
        if choice.rule is not Rule.ALWAYS and choice.rewrite != before:
            yield (
                before,
                choice.rewrite,
                StudentChoice(stage=choice.stage, verdict=choice.verdict, margin=choice.deciding_margin),
            )
        if choice.stage is Stage.INSTRUCTION and choice.verdict == "replaced":
            before = choice.rewrite


# Two files ---------------------------------------------------------------------------------------------------------


def file_sides(
    a: Path,
    b: Path,
    *,
    limit: int | None = None,
    on_bad: Callable[[Path, BadRow], None] = lambda *_: None,
    open_file: Callable[[Path], Dataset] = open_dataset,
) -> Sides:
    """Two files' answers to the same instructions: datasets, exports, or AlpacaEval's outputs.

    Rows are matched on what is asked and what was said before it; two exports with traces on the sample they came
    from, so that a rewritten instruction is compared with what it was made of. Of equal rows the first meets the
    first, and so on. Of a conversation it is the last exchange.
    B is held in memory. Rows that hold no answer go to `on_bad`. Raises as `open_file`, `DatasetError`.
    """
    one, other = _File(open_file(a), on_bad), _File(open_file(b), on_bad)
    traced = one.traced and other.traced
    partners: dict[Hashable, list[_Answer]] = defaultdict(list)
    total = 0
    for key, answer in other.answers(traced=traced):
        partners[key].append(answer)
        total += 1

    def matched(*, quiet: bool) -> Iterator[tuple[int, _Answer, _Answer | None]]:
        met: Counter[Hashable] = Counter()
        for row, (key, answer) in enumerate(one.answers(traced=traced, quiet=quiet)):
            there = partners.get(key, [])
            yield row, answer, there[met[key]] if met[key] < len(there) else None
            met[key] += 1

    def pairs() -> Iterator[Pair]:
        found = (
            _pair(row, answer, partner)
            for row, answer, partner in matched(quiet=True)
            if partner is not None and partner.version != answer.version
        )
        return islice(found, limit)

    alone = both = same = 0
    for _, answer, partner in matched(quiet=False):
        alone += partner is None
        both += partner is not None
        same += partner is not None and partner.version == answer.version
    names = one.name, other.name
    if names[0] == names[1]:
        names = (str(a), str(b))
    return Sides(
        *names,
        (str(a.absolute()), str(b.absolute())),
        pairs,
        same=same,
        unmatched=(alone, total - both),
    )


class Spoken(NamedTuple):
    """A history as a system message and pairs of what is asked and what is answered."""

    system: str
    pairs: tuple[tuple[str, str], ...]  # a side that says nothing is empty

    @property
    def messages(self) -> tuple[Message, ...]:
        said = [Message("system", self.system)]
        for asked, answered in self.pairs:
            said += [Message("user", asked), Message("assistant", answered)]
        return tuple(message for message in said if message.content)


def spoken(history: History) -> Spoken:
    """A history in the form that rows of answers have it in: what a tool says becomes the user's, as in a template."""
    first, _ = exchanges(history)
    pairs: list[tuple[str, str]] = []
    is_answered = True
    for turn in history[len(first) :]:
        if turn.role == "assistant":
            asked = "" if is_answered else pairs.pop()[0]
            pairs.append((asked, turn.text))
        else:
            text = f"{TOOL_SAYS}\n{turn.text}" if turn.role == "tool" else turn.text
            asked = text if is_answered else f"{pairs.pop()[0]}\n\n{text}"
            pairs.append((asked, ""))
        is_answered = turn.role == "assistant"
    return Spoken("\n\n".join(turn.text for turn in first), tuple(pairs))


class _Answer(NamedTuple):
    """A row's last exchange."""

    version: Version
    before: Before


def _pair(row: int, a: _Answer, b: _Answer) -> Pair:
    other = None if b.before == a.before else b.before
    return Pair(row=row, a=a.version, b=b.version, before=a.before, before_b=other)


class _File:
    """A file of answers."""

    def __init__(self, dataset: Dataset, on_bad: Callable[[Path, BadRow], None]) -> None:
        self._dataset = dataset
        self._on_bad = on_bad
        first = [row for _, row in islice(dataset.rows(), _FIRST) if isinstance(row, dict)]
        self.traced = bool(first) and all(_trace(row) is not None for row in first)
        generators = {str(row[GENERATOR]) for row in first if row.get(GENERATOR)}
        self.name = generators.pop() if len(generators) == 1 else dataset.path.name

    def answers(self, *, traced: bool, quiet: bool = False) -> Iterator[tuple[Hashable, _Answer]]:
        """Each answer with what it is matched on."""
        for number, row in self._dataset.rows():
            try:
                answer = self._answer(row)
            except RowError as error:
                if not quiet:
                    self._on_bad(self._dataset.path, BadRow(self._dataset.where(number), str(error)))
                continue
            assert isinstance(row, dict)
            version, before = answer
            asked = (*spoken(before.history), version.instruction, version.input)
            yield (_trace(row) if traced else asked), answer

    def _answer(self, row: object) -> _Answer:
        """The answer in a row. Of all texts it alone may be empty: then the model said nothing."""
        layout, columns = self._dataset.format.layout, self._dataset.columns
        fields = fields_of(row, columns) if isinstance(row, dict) else None
        if isinstance(row, dict) and fields is not None and row[fields.response] == "":
            (found,) = exchanges_in(row | {fields.response: "-"}, layout, Turns.LAST, columns)
            version = found.version.model_copy(update={"response": ""})
        else:
            (found,) = exchanges_in(row, layout, Turns.LAST, columns)
            version = found.version
        return _Answer(version, Before(history=found.history, tools=tools_text(row)))


def _trace(row: dict[str, Any]) -> Hashable | None:
    """The sample an exported row came from: its index and what was asked, for indices alone are every file's."""
    trace = row.get(TRACE)
    if isinstance(trace, dict) and isinstance(exchanges := trace.get("exchanges"), list) and exchanges:
        trace = exchanges[-1]
    match trace:
        case {"index": int(index), "original": {"instruction": str(instruction), "input": str(input)}}:
            return index, instruction, input
        case _:
            return None
