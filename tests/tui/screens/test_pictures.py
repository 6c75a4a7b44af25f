"""Every screen as it looks, in the states a person meets: at three sizes, with sixteen colours and without colour.

A change that is wanted is taken with `pytest tests/tui/screens/test_pictures.py --whole --snapshot-update`. Without
--whole every second state is looked at in one size, and three of them with fewer colours. All of it can be read.
"""

from __future__ import annotations

import json
import math
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from types import SimpleNamespace

import pytest
from textual.app import App
from textual.color import Color as Drawn
from textual.pilot import Pilot
from textual.strip import Strip
from textual.widgets import Input

from engine import pace
from engine.events import NodeChanged
from engine.health.check import Check
from engine.health.ray_nodes import NodesFound
from engine.method.token_gain import SampleHalf, Token, TokenGains
from engine.progress import Tally
from engine.run.settings import load_settings
from engine.run.students import COPY
from engine.sample import Annotation
from engine.store.workspace import Workspace
from models.ray.cluster import OPEN_TO_ALL, Node, NodeWork, OverRay
from models.system import machine
from models.system.machine import Build, Memory
from tests import hostile
from tests.factory import ratio
from tests.ollama.script import Answer, Chat, Ending, Scripted
from tests.ollama.server import FakeOllama
from tests.running import SHORT, brief, settings, workspace
from tests.scene import conversation, judged, rated, scene
from tests.stand_in import StandIn, stand_in
from tests.trial_scene import judged_scene, trial_scene
from tests.tui.contrast import READABLE, SEEN, contrast
from tui.app import BurnishApp
from tui.screens.compare import trial_screen
from tui.screens.start import nodes_pane
from tui.state.workbench import Workbench
from tui.themes import SIXTEEN

__all__ = ["stand_in"]

SIZES = {"80x24": (80, 24), "120x40": (120, 40), "200x60": (200, 60)}
FEWER = ("sixteen colours", "no colour")
OFTEN = {
    ("samples", "80x24", FEWER[0]),
    ("review, near tie", "120x40", FEWER[0]),
    ("heat", "120x40", FEWER[1]),
}
"""The states that are looked at with fewer colours without --whole."""
RULES = set(" ─│┼┈")  # that divide what is read and say nothing
READING = {"list", "weigh", "facts", "recent", "count", "counts", "preview", "results"}
"""The groups of the app's workers that read or count what is then shown; others may have no end, as a run has none."""
GIB = 2**30

Step = tuple[str, str]
"""Words to wait for, and the keys that are then pressed."""


@dataclass(frozen=True)
class State:
    """A workspace, and the way to the state from the app's first screen on."""

    make: Callable[[Path], Path | None]
    steps: tuple[Step, ...] = ()
    shows: str = ""  # once it is there
    running: bool = False  # a run is begun, whose teacher falls silent in its second reply
    nodes: bool = False  # it is over Ray, by what the nodes say of themselves


def finished(folder: Path) -> Path:
    return scene(folder, kinds=("replaced", "kept", "near tie"))


def untouched(folder: Path) -> Path:
    with workspace(folder / "new.burnish", SHORT):
        return folder / "new.burnish"


def by_length(folder: Path) -> Path:
    return scene(folder, kinds=("by length", "at equal length", "replaced"), reviewed=False)


def verified(folder: Path) -> Path:
    return scene(folder, kinds=("verified", "replaced"), reviewed=False)


def noted(folder: Path) -> Path:
    path = scene(folder)
    with Workspace.open(path) as opened:
        opened.annotations.keep(
            0, Annotation(note="Is the third tip true?\nAsk Ines.", tags=("bad-fact", "tone"))
        )
        opened.annotations.keep(5, Annotation(tags=("tone",)))
    return path


def nothing(_: Path) -> None:
    """No dataset yet."""


def with_trial(folder: Path, steps_done: int | None = None) -> Path:
    path = scene(folder)
    kept = trial_scene(path, steps_done)
    if steps_done is None:
        judged_scene(kept)
    return path


def seen(keys: str, shows: str) -> State:
    return State(scene, ((AGAIN, keys),), shows)


AGAIN = "takes it up again"
BEGIN = ("teaches", "ctrl+s")
STATES = {
    "start, empty": State(nothing, shows="open a dataset or a workspace to begin"),
    "start, ready": State(untouched, shows="teaches"),
    "start, teachers": State(untouched, (("teaches", "T"),), "How many samples"),
    "samples": seen("2", "24 samples"),
    "samples, search": seen("2 slash t i p", "of 24 samples"),
    "samples, filter": seen("2 f", "≈ near tie"),
    "samples, note": State(noted, (("24 samples", "2 i"),), "in use: tone"),
    "review": seen("2 enter", "Sample 0"),
    "review, near tie": seen("2 j j enter", "Sample 2"),
    "review, by length": State(by_length, (("24 samples", "2 enter"),), "Sample 0"),
    "review, at equal length": State(by_length, (("24 samples", "2 j enter"),), "Sample 1"),
    "review, verified": State(verified, (("24 samples", "2 enter"),), "Sample 0"),
    "review, failed": seen("2 j j j enter", "Sample 3"),
    "review, waiting": seen("2 j j j j j j j enter", "Sample 7"),
    "samples, turns": State(conversation, (("3 samples", "2"),), "3 samples"),
    "review, conversation": State(
        conversation, (("3 samples", "2 j j enter"), ("Sample 2", "c")), "The copies of a book"
    ),
    "heat": seen("2 enter h", "token 1 of 11"),
    "run, begun before": seen("", "takes it up again"),
    "run, finished": State(finished, (("24 samples", "3"),), "writes the refined dataset"),
    "distribution": seen("4", "21 finished, 3 waiting"),
    "export": seen("5", "24 of 24 samples would be written"),
    "export, top": State(
        scene, ((AGAIN, "5"), ("24 of 24", "down down down down"), ("2 of 24", "tab 9")), "as many random"
    ),
    "export, pairs": State(scene, ((AGAIN, "5"), ("24 of 24", "tab right")), "would be written for DPO"),
    "compare": State(lambda folder: judged(scene(folder)), ((AGAIN, "6"),), "50 of 50 pairs"),
    "compare, pair": State(
        lambda folder: judged(scene(folder)), ((AGAIN, "6"), ("50 of 50", "f g enter")), "≠"
    ),
    "help": seen("2 f1", "type to search"),
    "run, streaming": State(untouched, (BEGIN,), "1/4", running=True),
    "start, nodes": State(untouched, shows="go to desk, lab-1", nodes=True),
    "run, nodes": State(untouched, (BEGIN, ("1/4", "3")), "✗ teacher out", running=True, nodes=True),
    "review, streaming": State(
        untouched, (BEGIN, ("1/4", "2"), ("4 samples", "j enter")), "Sample 1", running=True
    ),
    "trial": State(with_trial, ((AGAIN, "6"), ("T Trial", "T")), "done and evaluated"),
    "trial, at work": State(
        lambda folder: with_trial(folder, 400), ((AGAIN, "6"), ("T Trial", "T")), "step 00:12 ago"
    ),
    "samples, rated": State(lambda folder: rated(scene(folder)), ((AGAIN, "2"),), "24 samples"),
    "review, rated": State(lambda folder: rated(scene(folder)), ((AGAIN, "2 j j j enter"),), "Sample 3"),
    "export, rated": State(
        lambda folder: rated(scene(folder)),
        ((AGAIN, "5"), ("the least of 10", "tab right right right right right right")),
        "not rated",
    ),
}


class Talking:
    """A teacher that answers the first question, and breaks off in the middle of the second."""

    def __init__(self) -> None:
        self._asked = 0

    def __call__(self, chat: Chat) -> Scripted:
        self._asked += 1
        if self._asked == 1:
            return Answer(brief(chat), seconds=0)
        return Answer(brief(chat), seconds=0, after=20, ending=Ending.STALL)


@pytest.fixture(autouse=True)
def _the_same_every_time(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, stand_in: type[StandIn]) -> None:
    """Nothing of this machine and its user, nothing that blinks, and no time that passes."""
    for name, value in {
        "BURNISH_CONFIG": "config.toml", "BURNISH_STATE": "app.json", "HOME": str(tmp_path),
        "OLLAMA_HOST": "127.0.0.1:9", "OLLAMA_MODELS": "/dev/null",
    }.items():  # fmt: skip
        monkeypatch.setenv(name, value)
    monkeypatch.delenv("NO_COLOR", raising=False)
    (tmp_path / "config.toml").touch()
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(machine, "llama_build", lambda: Build(False, ("CPU",), None))
    monkeypatch.setattr(machine, "gpus", lambda: ())
    monkeypatch.setattr(machine, "memory", lambda: Memory(16 * GIB, 8 * GIB))
    monkeypatch.setattr(machine, "resident", lambda _: GIB)
    monkeypatch.setattr(pace, "time", SimpleNamespace(monotonic=lambda: 100.0))
    monkeypatch.setattr(trial_screen, "time", SimpleNamespace(time=lambda: 52.0))
    monkeypatch.setattr(Tally, "teacher_speed", 40.0)
    monkeypatch.setattr(Input, "_toggle_cursor", lambda _: None)
    monkeypatch.setattr(Workbench, "heat", heat)
    monkeypatch.setattr(nodes_pane, "check_nodes", nodes_found)
    monkeypatch.setattr(nodes_pane, "PAUSE", 0)


NODES = [Node(name, name, f"192.0.2.{n}", 8, 1) for n, name in enumerate(("desk", "lab-1", "lab-2"), 1)]
OF_NODES = NodesFound(
    NODES,
    [Check("token", "advice", OPEN_TO_ALL, "ray get-auth-token --generate")],
    {
        "desk": [Check("node desk", "ok", "burnish 0.1.0, teacher sha256:6f1d, student sha256:9a2c")],
        "lab-1": [Check("node lab-1", "ok", "burnish 0.1.0, teacher sha256:6f1d, student sha256:9a2c")],
        "lab-2": [
            Check("node lab-2: teacher", "problem", "Ollama has no such model", "ollama pull qwen0.5b"),
            Check("node lab-2: student", "problem", "/models/base.gguf: no such file", COPY),
        ],
    },
)
AT_WORK = [
    NodeWork("desk", "teacher", None, 2, 11, 3_120, 78.0),
    NodeWork("desk", "student", None, 1, 40, 5_100, 6.0),
    NodeWork("lab-1", "teacher", None, 1, 9, 2_760, 60.0),
    NodeWork("lab-1", "student", None, 0, 38, 4_700, 5.0),
    NodeWork("lab-2", "teacher", "nothing answers at http://127.0.0.1:11434: start Ollama", 0, 3, 700, 20.0),
    NodeWork("lab-2", "student", None, 0, 4, 600, 1.0),
]


async def nodes_found(*_: object, **__: object) -> NodesFound:
    return OF_NODES


async def heat(*_: object) -> TokenGains:
    words = ["Eat", "well.", "Sleep.", "Exercise,", "and", "say", "why", "it", "helps", "each", "time."]
    tokens = [
        Token(f" {word}" if n else word, len(word) + (n > 0), 4 + 2 * math.sin(n), 3 - 2 * math.cos(2 * n))
        for n, word in enumerate(words)
    ]
    return TokenGains(*(SampleHalf(tokens, len(tokens), "", ratio(value)) for value in (0.7, 0.6)))


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    whole = metafunc.config.getoption("--whole")
    if metafunc.function is test_a_screen_looks_as_it_did:
        cases = [
            pytest.param(state, size, id=f"{name}-{label}")
            for n, (name, state) in enumerate(STATES.items())
            for m, (label, size) in enumerate(SIZES.items())
            if whole or (n % len(SIZES) == m and n % 2 == 0)
        ]
        metafunc.parametrize(("state", "size"), cases)
    else:
        cases = [
            pytest.param(state, size, colours, id=f"{name}-{label}-{colours}")
            for name, state in STATES.items()
            for label, size in SIZES.items()
            for colours in FEWER
            if whole or (name, label, colours) in OFTEN
        ]
        metafunc.parametrize(("state", "size", "colours"), cases)


def test_a_screen_looks_as_it_did(
    state: State, size: tuple[int, int], snap_compare: Callable[..., bool]
) -> None:
    assert looks_as_it_did(state, size, snap_compare)


def test_a_screen_with_fewer_colours_looks_as_it_did(
    state: State,
    size: tuple[int, int],
    colours: str,
    snap_compare: Callable[..., bool],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    if colours == "no colour":
        monkeypatch.setenv("NO_COLOR", "1")
    else:
        Path("app.json").write_text(json.dumps({"theme": SIXTEEN, "recent": []}))
    assert looks_as_it_did(state, size, snap_compare)


def looks_as_it_did(state: State, size: tuple[int, int], snap_compare: Callable[..., bool]) -> bool:
    async def walk(pilot: Pilot[None]) -> None:
        for shown, keys in state.steps:
            await until(pilot, shown)
            await pilot.press(*keys.split())
        if state.nodes and state.running:
            for node in AT_WORK:
                workbench.run_job.tally.add(NodeChanged(node))
        await until(pilot, state.shows)
        await still(pilot)
        assert not too_faint(pilot.app)

    with FakeOllama(Talking()) as server:
        method = "reflect" if state.running else "selective"
        given = (
            settings(server, student={"name": "demo"}, run={"method": method})
            if state.make is untouched
            else load_settings({})
        )
        workbench = Workbench(given)
        if state.nodes:
            workbench.ray = OverRay("auto")  # and its run asks this machine's models
        app = BurnishApp(workbench, state.make(Path()))
        return snap_compare(app, terminal_size=size, run_before=walk)


def too_faint(app: App[None]) -> set[str]:
    """The texts and marks on the terminal that have too little contrast; what lies behind a dialog may have."""
    if app.screen.is_modal:
        return set()
    segments = (segment for strip in hostile.strips(app) for segment in strip)
    return {
        f"{found:.2f} {text.strip()!r}"
        for text, style, _ in segments
        if style is not None and style.color is not None and style.bgcolor is not None and set(text) - RULES
        if (found := contrast(Drawn.from_rich_color(style.color), Drawn.from_rich_color(style.bgcolor)))
        < (READABLE if any(map(str.isalnum, text)) else SEEN)
    }


async def until(pilot: Pilot[None], shown: str) -> None:
    for _ in range(500):
        if shown in "\n".join(hostile.painted(pilot.app)):
            return
        await pilot.pause(0.02)
    raise AssertionError(f"{shown!r} never came:\n" + "\n".join(hostile.painted(pilot.app)))


async def still(pilot: Pilot[None]) -> None:
    """Until all is read, and what is shown, and its colours, stay the same."""
    before: list[Strip] = []
    while _busy(pilot.app) or before != (before := hostile.strips(pilot.app)):
        await pilot.pause(0.2)


def _busy(app: App[None]) -> bool:
    return any(worker.is_running and worker.group in READING for worker in app.workers)
