"""The page of a report needs nothing, runs nothing and asks for nothing, whatever texts it shows."""

from __future__ import annotations

import base64
import hashlib
import os
import re
import shutil
import socket
import subprocess
import threading
from pathlib import Path

import pytest

from engine.report.gather import gather
from tests import hostile
from tests.command import burnish
from tests.tui.report.page_reader import ATTRIBUTES, TAGS, Page, one_line, written
from tests.tui.report.traps import ELSEWHERE, MARK
from tui.report.html import page
from tui.text.literal import literal

# What it does not do


def test_a_page_holds_no_tag_and_no_attribute_that_came_from_data(trapped: Path) -> None:
    html = written(trapped)
    found = Page(html)
    assert found.tags <= TAGS
    assert {name for _, name, _ in found.attributes} <= ATTRIBUTES
    assert found.odd == []
    for tag, name, value in found.attributes:
        assert MARK not in value
        assert name != "href" or (tag == "a" and value.startswith("#"))
    style = html.split("</style>")[0].split("<style>")[1]
    assert not re.search(r"url\(|@import|https?:|//", style)
    assert "{{ 7 * 7 }}" in one_line(found.text)


def test_every_trap_is_shown_as_the_text_it_is(trapped: Path) -> None:
    shown = one_line(Page(written(trapped)).text)
    report = gather(trapped, None, None)
    assert len(report.pairs) >= 15
    for reported in report.pairs:
        for text in (reported.sample.original.response, *reported.outcome.choices[0].critique):
            assert one_line(literal(text)) in shown


def test_no_character_acts_on_the_page_or_on_the_terminal(trapped: Path) -> None:
    html = written(trapped)
    assert not hostile.acting(html.replace("\t", " ").split("\n"))
    for ended in (
        burnish("report", trapped),
        burnish("report", trapped, "-o", trapped.with_name("again.html")),
    ):
        assert ended.code == 0
        assert not hostile.acting((ended.out + ended.err).split("\n"))


def test_the_policy_allows_the_page_s_own_style_and_nothing_else(made: Path) -> None:
    html = written(made)
    (policy,) = (
        value for tag, name, value in Page(html).attributes if name == "content" and "default-src" in value
    )
    style = html.split("<style>")[1].split("</style>")[0]
    digest = base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()
    assert policy == f"default-src 'none'; style-src 'sha256-{digest}'; base-uri 'none'; form-action 'none'"
    assert html.index("Content-Security-Policy") < html.index("<style>")
    assert "style=" not in html.replace(style, "")


def test_ids_are_there_once_and_what_is_named_by_them_is_there(made: Path) -> None:
    found = Page(written(made))
    ids = [value for _, name, value in found.attributes if name == "id"]
    assert len(ids) == len(set(ids))
    for _, name, value in found.attributes:
        if name == "aria-labelledby" or (name == "href" and value.startswith("#")):
            assert value.removeprefix("#") in ids


# In a browser

CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)


class Listener:
    """A proxy that lets nothing through, and remembers what was asked of it."""

    def __init__(self) -> None:
        self.asked: list[bytes] = []
        self._socket = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._socket.getsockname()[1]
        threading.Thread(target=self._listen, daemon=True).start()

    def _listen(self) -> None:
        while True:
            try:
                connection, _ = self._socket.accept()
            except OSError:
                return
            with connection:
                connection.settimeout(1)
                try:
                    self.asked.append(connection.recv(4096))
                    connection.sendall(b"HTTP/1.1 502 no\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")
                except OSError:
                    pass

    def close(self) -> None:
        self._socket.close()


@pytest.mark.skipif(CHROMIUM is None, reason="Chromium is not installed here")
def test_in_a_browser_nothing_runs_and_nothing_is_asked_for(trapped: Path, tmp_path: Path) -> None:
    out = tmp_path / "report.html"
    out.write_text(page(gather(trapped, None, None)), "utf-8")
    picture, listener = tmp_path / "picture.png", Listener()

    def browsed(*options: str) -> str:
        command = [
            *(
                str(CHROMIUM),
                "--headless",
                "--no-sandbox",
                "--disable-gpu",
                "--disable-dev-shm-usage",
                "--no-first-run",
            ),
            *("--disable-sync", "--disable-background-networking", "--disable-component-update"),
            *(f"--user-data-dir={tmp_path / 'profile'}", f"--proxy-server=127.0.0.1:{listener.port}"),
            *("--proxy-bypass-list=<-loopback>", "--virtual-time-budget=3000", *options, out.as_uri()),
        ]
        environment = {**os.environ, "HOME": str(tmp_path)}
        return subprocess.run(
            command, stdout=subprocess.PIPE, check=True, timeout=120, env=environment
        ).stdout.decode()

    try:
        dom = Page(browsed("--dump-dom"))
        browsed("--window-size=1000,3000", f"--screenshot={picture}")
    finally:
        listener.close()
    assert not [asked for asked in listener.asked if ELSEWHERE.encode() in asked]
    assert dom.tags <= TAGS
    assert {name for _, name, _ in dom.attributes} <= ATTRIBUTES
    assert one_line(dom.text) == one_line(Page(out.read_text("utf-8")).text)
    assert picture.read_bytes().startswith(b"\x89PNG")
