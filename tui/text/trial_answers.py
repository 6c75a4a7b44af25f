"""The answers of a trial's arms and a judge's verdicts on them, as tables and sentences."""

from __future__ import annotations

from collections.abc import Iterator

from rich.console import Console

from engine.judge.results import ENOUGH
from engine.trial.arms import BASE, ORIGINAL
from engine.trial.judged import ArmVerdicts, JudgedAnswers
from engine.trial.results import ENOUGH_ROWS, Finding
from models.system.units import counted
from tui.text.judge_tables import told_of_length
from tui.text.literal import one_line
from tui.text.tables import Fact, facts, number
from tui.text.trial_tables import table


def print_judged(out: Console, judged: JudgedAnswers) -> None:
    """Print the answers' lengths, the verdicts, and what may be said of them."""
    out.print()
    out.print(table(about_answers(judged), ANSWER_COLUMNS, answer_rows(judged)))
    out.print(table(about_verdicts(judged), VERDICT_COLUMNS, verdict_rows(judged)))
    out.print(facts(words(judged)), soft_wrap=True)


def about_answers(judged: JudgedAnswers) -> str:
    return (
        f"answers to {counted(judged.samples, 'held-out instruction')}, of {judged.limit} tokens at most, "
        f"seed {judged.seed}; lengths are medians"
    )


def about_verdicts(judged: JudgedAnswers) -> str:
    return f"the answers beside {BASE}'s and {ORIGINAL}'s, judged by {one_line(judged.judge.name)}; above 1 is better"


ANSWER_COLUMNS = ("arm", "answered", "tokens", "characters", "cut")


def answer_rows(judged: JudgedAnswers) -> Iterator[tuple[str, ...]]:
    for arm, found in judged.answers.items():
        lengths = ("-" if one is None else f"{one:g}" for one in (found.tokens, found.characters))
        yield one_line(arm), f"{found.answered:,}", *lengths, f"{found.cut:,}"


VERDICT_COLUMNS = ("arm", "beside", "pairs", "wins", "ties", "losses", "score", "95 % interval")


def verdict_rows(judged: JudgedAnswers) -> Iterator[tuple[str, ...]]:
    for against, arm, verdicts in each(judged):
        counts = verdicts.results.counts
        numbers = (counts.total, counts.wins, counts.ties, counts.losses)
        told = (number(counts.score), interval_words(verdicts))
        yield one_line(arm), against, *(f"{count:,}" for count in numbers), *told


def each(judged: JudgedAnswers) -> Iterator[tuple[str, str, ArmVerdicts]]:
    """Every comparison: whose answers an arm's are compared with, the arm, the verdicts."""
    for against, by_arm in judged.beside.items():
        for arm, verdicts in by_arm.items():
            yield against, arm, verdicts


def interval_words(verdicts: ArmVerdicts) -> str:
    interval = verdicts.results.interval
    return "none" if interval is None else " to ".join(map(number, interval))


def score_words(verdicts: ArmVerdicts) -> str:
    """The score with its interval, where there is one, and wins, ties and losses."""
    counts, interval = verdicts.results.counts, verdicts.results.interval
    around = "" if interval is None else f" ({interval_words(verdicts)})"
    return f"{number(counts.score)}{around}  +{counts.wins:,} ={counts.ties:,} −{counts.losses:,}"


def lengths_words(judged: JudgedAnswers) -> str:
    """The lengths of the arms' answers, in tokens, and how many were cut."""

    def of(arm: str) -> str:
        found = judged.answers[arm]
        tokens = "none" if found.tokens is None else f"{found.tokens:g}"
        return f"{one_line(arm)} {tokens}" + (
            f" ({found.cut:,} of {found.answered:,} cut)" if found.cut else ""
        )

    return f"in tokens: {', '.join(map(of, judged.answers))}"


def words(judged: JudgedAnswers) -> Iterator[Fact]:
    """The sentences beside the tables."""
    for arm in judged.answers:
        found = {against: by_arm[arm] for against, by_arm in judged.beside.items() if arm in by_arm}
        if found:
            (first, verdicts), *others = reversed(found.items())
            said = [sentence(first, verdicts)]
            said += [f"beside {against}'s: {FOUND[one.finding]}" for against, one in others]
            yield one_line(arm), "; ".join(said)
    for against, arm, verdicts in each(judged):
        if ORIGINAL in (against, arm):
            yield "length", f"{one_line(arm)} beside {against}: {length_words(verdicts)}"
    bias = [verdicts.results.bias for *_, verdicts in each(judged)]
    if pairs := sum(one.judged for one in bias):
        yield "place", f"the order changed {sum(one.changed for one in bias)} of {counted(pairs, 'verdict')}"
    if same := sum(verdicts.same for *_, verdicts in each(judged)):
        yield "same", f"{counted(same, 'pair')} of two equal answers, not judged"
    short = {arm: judged.samples - found.answered for arm, found in judged.answers.items()}
    if told := ", ".join(f"{count:,} of {one_line(arm)}" for arm, count in short.items() if count):
        yield "no answer", f"{told}: what they ask fills the student's context, or llama.cpp fails at it"
    if missing := sum(verdicts.results.invalid for *_, verdicts in each(judged)):
        yield "no verdict", counted(missing, "pair")
    if judged.wrote_refined:
        name = one_line(judged.judge.name)
        yield "judge", f"{name} also wrote the refined data, and a judge tends to favour what it wrote itself"
    yield "what it is", f"one judge's opinion of greedy answers by the adapters of seed {judged.seed}"


FOUND = {
    Finding.BETTER: "better",
    Finding.WORSE: "worse",
    Finding.NOTHING: "no difference shown",
    Finding.TOO_FEW: "too little to tell",
}


def sentence(against: str, verdicts: ArmVerdicts) -> str:
    """What may be said of an arm's answers beside another's."""
    found = FOUND[verdicts.finding]
    match verdicts.finding:
        case Finding.TOO_FEW:
            few = f"{counted(verdicts.results.counts.decided, 'decided pair')} in {counted(verdicts.rows, 'row')}"
            return f"{found} its answers from {against}'s: {few}, and it takes {ENOUGH} in {ENOUGH_ROWS}"
        case Finding.NOTHING:
            return f"{found} between its answers and {against}'s"
        case Finding.WORSE:
            return f"{found}: the judge prefers {against}'s answers to its own"
        case _:
            return f"{found}: the judge prefers its answers to {against}'s"


def length_words(verdicts: ArmVerdicts) -> str:
    """The part that length has in an arm's verdicts."""
    length = verdicts.results.length
    equal = length.equal
    about_equal = (
        f"of {counted(equal.total, 'pair')} of about equal length it won {equal.wins} and lost {equal.losses}"
    )
    return "; ".join((*told_of_length(length), about_equal))
