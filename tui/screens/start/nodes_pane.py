"""The nodes of the Ray cluster that the app was started with: what each has for the run, and what it lacks."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Sequence

from textual import work
from textual.app import ComposeResult
from textual.containers import Vertical
from textual.content import Content
from textual.message import Message
from textual.widgets import Static

from engine.health.check import Check
from engine.health.ray_nodes import SENT, NodesFound, check_nodes
from models.ray.cluster import OverRay
from models.system.threads import on_daemon_thread
from models.system.units import counted
from tui.state.workbench import Workbench
from tui.text.shown import shown, shown_line
from tui.text.vocabulary import CHECK_STYLES, CHECKS
from tui.widgets.facts import Facts

MOST = 5
"""Nodes that have a line each; of more, those come first that lack something."""

PAUSE = 1.0
"""Seconds after the last change of a model before the nodes are asked again: an answer takes them some."""

NAMED = 4
"""Nodes that are named in a line."""


class NodesPane(Vertical):
    DEFAULT_CSS = """
    NodesPane { height: auto; margin-top: 1; }
    """

    class Checked(Message):
        """The nodes have answered."""

    def __init__(self, workbench: Workbench, ray: OverRay, all_key: str) -> None:
        """`all_key`: the key that shows every check."""
        super().__init__()
        self.found: NodesFound | None = None  # until they have answered
        self._workbench, self._ray, self._all_key = workbench, ray, all_key
        self._facts = Facts(0, id="nodes")

    def compose(self) -> ComposeResult:
        yield Static("Nodes", classes="subheading")
        yield self._facts

    @work(exclusive=True, group="nodes")
    async def check(self) -> None:
        """Ask the nodes what they have for a run by the settings."""
        self._facts.show([("", Content.styled("asking the nodes …", "$text-muted"))])
        await asyncio.sleep(PAUSE)
        settings, ray = self._workbench.settings, self._ray
        self.found = await on_daemon_thread(lambda: asyncio.run(check_nodes(settings, ray, privacy=False)))
        self._facts.show(("", line) for line in _lines(self.found, self._all_key))
        self.post_message(self.Checked())

    def travels(self) -> str:
        """Where a run's texts go, in a line, and whether a node lacks something for it."""
        found = self.found
        if found is not None and not found.nodes:
            return found.of_all[0].finding  # why it cannot be reached
        names = [node.name for node in found.nodes] if found is not None else []
        nodes = ", ".join(names[:NAMED]) + (f" and {len(names) - NAMED} more" if names[NAMED:] else "")
        line = f"over Ray at {self._ray.address} the texts go to {nodes or 'its nodes'}"
        lacking = sum(bool(_lacking(checks)) for checks in found.of_each.values()) if found is not None else 0
        return line + (
            f"; {lacking} of {len(names)} lack something: {self._all_key} shows what" if lacking else ""
        )


def _lines(found: NodesFound, all_key: str) -> Iterator[Content]:
    nodes = list(found.of_each.items())
    if len(nodes) > MOST:
        nodes.sort(key=lambda node: not _lacking(node[1]))
    for name, checks in nodes[:MOST]:
        for one in _lacking(checks) or [one for one in checks if one.name == f"node {name}"]:
            yield _line(one, one.name.removeprefix("node "))
    if rest := nodes[MOST:]:
        lacking = sum(bool(_lacking(checks)) for _, checks in rest)
        words = counted(len(rest), "more node") + (f", {lacking} lack something" if lacking else "")
        yield Content.styled(f"… and {words}; {all_key} shows all", "$text-muted")
    for one in found.of_all:
        if one.state != "ok":
            yield _line(one, one.name)


def _lacking(checks: Sequence[Check]) -> list[Check]:
    return [one for one in checks if one.state == "problem" or one.fix == SENT]


def _line(one: Check, name: str) -> Content:
    """A check, and what mends it."""
    mark = (f"{CHECKS[one.state]} ", f"bold {CHECK_STYLES[one.state]}")
    fix = Content.assemble("\n  ", ("→ ", "$primary"), shown(one.fix, "$text-muted")) if one.fix else ""
    return Content.assemble(mark, shown_line(name, 40, "bold"), "  ", shown(one.finding), fix)
