"""A sample that a person dropped is asked about, judged and counted nowhere."""

from __future__ import annotations

import json
from pathlib import Path

from engine.events import DroppedMeanwhile, Event, Finished, Generated
from engine.judge.pairs import workspace_sides
from engine.progress import Tally
from engine.run.part import part_of
from engine.run.settings import RunSettings
from engine.run.tryout import spread
from engine.sample import Stage
from engine.store.dropped import count_dropped, is_dropped
from engine.store.left import left
from engine.store.overview import overview
from engine.store.workspace import Workspace
from tests.factory import failed, outcome
from tests.ollama.server import FakeOllama
from tests.running import SHORT, brief, refine, settings, workspace
from tests.scene import conversation

REFLECT = {"method": "reflect"}


def drop(opened: Workspace, *samples: int) -> None:
    opened.reviews.keep_many("dropped", opened.reviews.dropping(samples))


def asked(server: FakeOllama, instruction: str) -> bool:
    return any(instruction in json.dumps(chat.body) for chat in server.chats)


def test_what_was_dropped_is_left_out_of_a_run_and_of_every_count(tmp_path: Path) -> None:
    with FakeOllama(brief) as server, workspace(tmp_path / "w.burnish", SHORT) as opened:
        given = settings(server, run=REFLECT)
        drop(opened, 1)
        for only in (None, (1, 2)):
            summary = refine(opened, given, only=only)
            assert (summary.total, summary.done) == ((3, 3) if only is None else (1, 1))
        assert [asked(server, row["instruction"]) for row in SHORT] == [True, False, True, True]
        assert spread(opened, 5) == (0, 2, 3)
        assert left(opened, summary.run)[0] == 0
        drop(opened, 3)
        counts = overview(opened, summary.run)
        assert (counts.samples, counts.dropped, counts.done) == (2, 2, 2)
        assert {sum((one.replaced, one.kept, one.failed)) for one in counts.stages.values()} == {2}
        assert {pair.row for pair in workspace_sides(opened.path).pairs()} == {0, 2}
        opened.acts.undo()
        assert overview(opened, summary.run).done == 3


def test_what_is_dropped_while_a_run_goes_on_is_not_asked_about_any_more(tmp_path: Path) -> None:
    events: list[Event] = []
    rows = [{"instruction": f"Name number {n:02}.", "input": "", "output": "One."} for n in range(12)]
    with FakeOllama(brief) as server, workspace(tmp_path / "w.burnish", rows) as opened:

        def emit(event: Event) -> None:
            events.append(event)
            if isinstance(event, Finished) and event.outcome.index == 0:
                drop(opened, 0, 11)
            if isinstance(event, Generated) and event.sample == 1:
                drop(opened, 1)

        summary = refine(opened, settings(server, run=REFLECT), emit)
        assert (summary.total, summary.done, summary.failed) == (9, 9, 0)
        assert [asked(server, f"number {n}") for n in ("10", "11", "01")] == [True, False, True]
        assert len(server.chats) == 10 * 2 + 1, (
            "nor about the response of the one whose instruction was answered"
        )
    assert DroppedMeanwhile(9, 9, 0) in events
    tally = Tally()
    for event in events:
        tally.add(event)
    assert [tally.reached(stage) for stage in (*Stage, None)] == [9, 9, 9]
    assert tally.total == 9
    assert tally.session.done == 10, "one was done before it was dropped"


def test_a_part_stays_what_was_drawn_and_what_failed_is_not_tried_again(tmp_path: Path) -> None:
    with FakeOllama(brief) as server, workspace(tmp_path / "w.burnish", SHORT) as opened:
        drawn = part_of(opened, RunSettings(sample=2))
        run = refine(opened, settings(server, run=REFLECT), limit=0).run
        drop(opened, drawn[0])
        assert part_of(opened, RunSettings(sample=2)) == [drawn[1]], "no other one takes its place"
        assert part_of(opened, RunSettings(), limit=drawn[0] + 1) == list(range(drawn[0]))
        for sample in drawn:
            opened.keep_outcome(run, outcome(sample, failed(Stage.RESPONSE)))
        assert opened.retry_failed(run) == 1
        assert opened.outcome(run, drawn[0]) is not None


def test_an_exchange_takes_its_conversation_with_it(tmp_path: Path) -> None:
    with Workspace.open(conversation(tmp_path)) as opened:
        row = opened.sample(1).number
        of_row = [sample.index for sample in opened.samples() if sample.number == row]
        assert len(of_row) > 1
        drop(opened, of_row[0])
        assert count_dropped(opened.database) == len(of_row)
        assert [is_dropped(opened.database, sample) for sample in range(len(opened))] == [
            sample in of_row for sample in range(len(opened))
        ]
        assert list(opened.remaining()) == [0]
