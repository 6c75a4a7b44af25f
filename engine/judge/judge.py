"""A judge's way through the pairs of two sides: each is asked twice with the places swapped, and nothing twice."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

from engine.events import Notice, Started
from engine.judge.events import JudgedBefore, PairJudged
from engine.judge.pairs import Sides
from engine.judge.prompt import PROMPTS, Judged, Opinion, Pair, Result, question
from engine.judge.record import Comparison, Judging
from engine.judge.recorded_model import RecordedModel
from engine.method.reflection import UnusableReply, failure_of
from engine.method.reply_forms import JudgeForm
from engine.run.first_samples import FIRST, Asking
from models.system.units import counted
from models.teacher import TeacherError


async def judge(respondent: RecordedModel, sides: Sides, form: JudgeForm) -> Comparison:
    """Have every pair of two sides judged; those that were already cost nothing.

    What comes of it is in the respondent's record, for `results.results` to count. Emits `Started`, `JudgedBefore`,
    a `PairJudged` for each pair, `Held` where the first pairs all fail in the same way, and of the replies what a run
    emits of a teacher's. Raises `TeacherError` when a pause outlasts its patience, `WorkspaceError`; whatever was
    answered stays answered. To stop it is to cancel it.
    """
    record, emit = respondent.record, respondent.emit
    model = await respondent.open()
    info = model.info
    respondent.warn_of_own_work(info, sides.teacher)
    pairs = [pair.digest() for pair in sides.pairs()]
    comparison = record.begin(
        Judging(
            a=sides.a,
            b=sides.b,
            sources=sides.sources,
            run=sides.run,
            refined_only=sides.refined_only,
            form=form,
            prompts=PROMPTS,
            context=info.context,
            **model.sampling.model_dump(),
            judge=info,
            pairs=len(pairs),
            same=sides.same,
            unmatched=sides.unmatched,
        )
    )
    kept = {number: verdict for number, verdict in record.known(comparison).items() if number < len(pairs)}
    # A pair without a verdict gets none from the same replies, but perhaps the server gave it no reply.
    known = {
        number: result
        for number, (digest, result) in kept.items()
        if digest == pairs[number] and result is not Result.INVALID
    }
    record.forget(comparison, kept.keys() - known.keys())
    if len(pairs) - len(known) > FIRST:
        sampling = model.sampling
        asking = Asking(form, sampling.think, sampling.max_tokens, info.context, group="judge")
        respondent.watch(comparison.about.key(), asking, "pairs")
    emit(Started(len(pairs), len(known), 0, ()))
    emit(JudgedBefore(Counter(known.values())))

    waiting = {digest: number for number, digest in enumerate(pairs) if number not in known}

    def pending() -> Iterator[tuple[int, Pair]]:
        # By what they are: a person who decides meanwhile moves the others' numbers.
        found = ((waiting.pop(pair.digest(), None), pair) for pair in sides.pairs())
        yield from ((number, pair) for number, pair in found if number is not None)
        if waiting:
            emit(
                Notice(
                    counted(len(waiting), "pair is not what it was", "pairs are not what they were")
                    + ": judge once more for what is there now"
                )
            )

    async def work(item: tuple[int, Pair]) -> None:
        number, pair = item
        judged = await _judged(respondent, number, pair, form)
        record.keep(comparison, number, judged)
        emit(PairJudged(number, judged))

    await respondent.each(pending(), work)
    return comparison


async def _judged(respondent: RecordedModel, number: int, pair: Pair, form: JudgeForm) -> Judged:
    """The pair in both orders. One without a usable reply makes the other worthless, and it is not asked for."""
    forward: Opinion | None = None
    swapped: Opinion | None = None
    failure = None
    try:
        forward = await respondent.ask(number, question(pair, form))
        swapped = await respondent.ask(number, question(pair.swapped(), form))
    except (UnusableReply, TeacherError) as error:
        failure = failure_of(error)
    return Judged(pair=pair, forward=forward, swapped=swapped, failure=failure)
