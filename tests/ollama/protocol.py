"""Ollama's HTTP protocol on the side of the server, held to the exchanges recorded in tests/ollama/recorded.

Only what burnish speaks is here: /, version, status, tags, ps, show, pull and chat. What differs between two releases
is in `releases`.
"""

from __future__ import annotations

import json
import select
import socket
import struct
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from email.utils import formatdate
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from tests.ollama.releases import R24, Crash
from tests.ollama.script import Answer, Chat, Ending, Nothing, Raw, Refusal, Scripted
from tests.ollama.state import Model, Outcome, State, is_probe, recorded
from tests.ollama.wire import (
    Failure,
    check_options,
    generated,
    go_json,
    line_of,
    logprobs_of,
    read_body,
    running,
    seconds_of,
    timed,
)

BUSY = "server busy, please try again.  maximum pending requests exceeded"
_JSON = "application/json; charset=utf-8"
_BARE_JSON = "application/json"
_NDJSON = [("Content-Type", "application/x-ndjson")]


class Listener(ThreadingHTTPServer):
    daemon_threads = True
    block_on_close = False
    request_queue_size = 512

    def __init__(self, state: State, port: int, handler: type[BaseHTTPRequestHandler]) -> None:
        self.state = state
        super().__init__(("127.0.0.1", port), handler)

    def handle_error(self, request: Any, client_address: Any) -> None:
        if not isinstance(sys.exc_info()[1], ConnectionError):  # a client may leave when it likes
            super().handle_error(request, client_address)


class Handler(BaseHTTPRequestHandler):
    server: Listener
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True

    def log_message(self, format: str, *args: Any) -> None:
        """Quiet."""

    def do_GET(self) -> None:
        state = self.server.state
        raw = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        try:
            body = json.loads(raw) if raw else None
        except ValueError:
            body = None
        self._exchange = state.begin(self.path, body, dict(self.headers))
        try:
            self._route(raw)
        except Failure as fail:
            self._fail(fail)
        except ConnectionError:
            self.close_connection = True
            state.end(self._exchange, "left")

    do_POST = do_GET  # noqa: N815
    do_DELETE = do_GET  # noqa: N815

    def _fail(self, fail: Failure) -> None:
        kind = _BARE_JSON if fail.streamed else _JSON
        self._json({"error": str(fail)}, status=fail.status, kind=kind, streamed=fail.streamed)

    def _route(self, raw: bytes) -> None:
        routes: dict[str, tuple[str, Callable[[bytes], None]]] = {
            "/": ("GET", lambda _: self._text(200, "Ollama is running", "text/plain; charset=utf-8")),
            "/api/version": ("GET", lambda _: self._json({"version": self.server.state.release.version})),
            "/api/status": ("GET", self._status),
            "/api/tags": ("GET", lambda _: self._json({"models": [m.tag for m in self.server.state.models]})),
            "/api/ps": ("GET", self._ps),
            "/api/show": ("POST", self._show),
            "/api/pull": ("POST", self._pull),
            "/api/chat": ("POST", self._chat),
        }
        if not self._welcome():
            self._settle("failed")
            self._head(403, [], length=0)
        elif self.path not in routes or self.path in self.server.state.hidden:
            self._text(404, "404 page not found", "text/plain")
        elif self.command != routes[self.path][0]:
            self._text(405, "405 method not allowed", "text/plain", [("Allow", routes[self.path][0])])
        elif self.path in self.server.state.instead:
            self._scripted(self.server.state.instead[self.path])
        else:
            routes[self.path][1](raw)

    def _welcome(self) -> bool:
        """Neither a foreign page nor a foreign name for this machine."""
        ours = ("localhost", "127.0.0.1", "[::1]", "0.0.0.0")
        host = self.headers.get("Host", "")
        origin = self.headers.get("Origin", "http://localhost").partition("://")[2]
        return all((name.rpartition(":")[0] or name) in ours for name in (host, origin))

    def _status(self, raw: bytes) -> None:
        disabled = self.server.state.cloud_disabled
        self._json({"cloud": {"disabled": disabled, "source": "env" if disabled else "none"}})

    def _ps(self, raw: bytes) -> None:
        state = self.server.state
        held = [
            (model.tag, memory.context, memory.expires)
            for model in state.models
            if (memory := state.in_memory.get(model.name))
        ]
        held.sort(key=lambda one: one[2], reverse=True)
        self._json({"models": [running(*one) for one in held]})

    def _show(self, raw: bytes) -> None:
        model = self._model(read_body(raw), "model details are unavailable")
        release = self.server.state.release
        name = "04_show" if release is R24 or not model.jinja else "04b_show_auto"
        shown = json.loads(recorded(name, release)["body"])
        about = model.tag["details"] | {"parent_model": shown["details"]["parent_model"]}
        shown["details"] = {key: about[key] for key in shown["details"]}
        family = shown["model_info"]["general.architecture"]
        shown["model_info"][f"{family}.context_length"] = model.trained_context
        if model.parameters is not None:
            shown["model_info"]["general.parameter_count"] = model.parameters
        shown["capabilities"] = list(model.capabilities)
        self._json(shown | model.remote)

    def _pull(self, raw: bytes) -> None:
        state = self.server.state
        body = read_body(raw)
        if not body["model"]:
            raise Failure(400, "invalid model name")
        unknown = [{"status": "pulling manifest"}, {"error": "pull model manifest: file does not exist"}]
        steps = state.registry.get(body["model"], unknown)
        done = steps[-1].get("status") == "success"
        if done and state.find(body["model"]) is None:
            state.models.append(Model.named(body["model"]))
        if body.get("stream") is False:
            status, kind = (200, _JSON) if done else (500, _BARE_JSON)
            self._json(steps[-1], status=status, kind=kind)
            return
        self._head(200, _NDJSON)
        for line in steps:
            self._chunk(go_json(line) + b"\n")
        self._settle("answered" if done else "failed")
        self._chunk(b"")

    # -- chat -------------------------------------------------------------------------------------------

    def _chat(self, raw: bytes) -> None:
        state = self.server.state
        body = {name: part for name, part in read_body(raw).items() if name not in state.ignored}
        model = self._model(body, "model is unavailable")
        check_options(body, model.capabilities)
        keep_alive = seconds_of(body.get("keep_alive", 300)) or 0.0
        if not body.get("messages"):
            state.load(model, body, keep_alive)
            reason = "load" if keep_alive else "unload"
            self._json(line_of(body["model"], {}, "") | {"done": True, "done_reason": reason})
            return
        with state.slot(self._left) as free:
            if not free:
                raise Failure(503, BUSY)
            context = state.load(model, body, keep_alive or 300)
            try:
                state.release.check_format(body, model)
            except Crash:
                state.unload(model)
                raise
            self._perform(Chat(self._exchange.number, body), model, context)
            if not keep_alive:
                state.unload(model)

    def _perform(self, chat: Chat, model: Model, context: int) -> None:
        match Answer("green", wait=0, seconds=0) if is_probe(chat.body) else self.server.state.script(chat):
            case str(text):
                self._reply(Answer(text), chat, model, context)
            case Answer() as answer:
                self._reply(answer, chat, model, context)
            case other:
                self._scripted(other)

    def _scripted(self, reply: Scripted) -> None:
        """A scripted reply of any kind, which any path may be answered with."""
        match reply:
            case Refusal(status, error):
                raise Failure(status, error)
            case Raw() as raw:
                self._pause(self.server.state.wait)
                length = None if raw.chunked else len(raw.body) * raw.times
                if not raw.chunked:
                    self._settle("failed")
                self._head(raw.status, raw.headers, length)
                write = self._chunk if raw.chunked else self.wfile.write
                for _ in range(raw.times):
                    self._trickle(raw.body, raw.byte_seconds, write)
                if raw.chunked:
                    self._finish(raw.ending)
            case Nothing(ending):
                self._finish(ending)
            case _:
                raise TypeError(f"only a chat is answered with {reply!r}")

    def _reply(self, answer: Answer, chat: Chat, model: Model, context: int) -> None:
        state = self.server.state
        body, streamed, release = chat.body, chat.body.get("stream", True), state.release
        prompt = release.read(answer.asked_tokens or chat.tokens, context, body, model)
        prompt = prompt if answer.prompt_tokens is None else answer.prompt_tokens
        text = release.written(answer.text, body, model) if isinstance(answer.text, str) else answer.text
        limit = release.limit((body.get("options") or {}).get("num_predict", -1))
        room = release.room(context, prompt) if body.get("shift") is False else None
        pieces, cut, repeats = generated(text, limit, room)
        ending = Ending.NO_DONE if repeats and answer.ending is Ending.DONE else answer.ending
        seconds = state.seconds if answer.seconds is None else answer.seconds
        remote = answer.remote or model.remote
        began = time.monotonic()
        self._pause(state.wait if answer.wait is None else answer.wait)
        clock = time.monotonic()
        last = {
            "done": True,
            "done_reason": answer.done_reason or ("length" if cut else "stop"),
            "total_duration": began,
            "load_duration": 1,
            "prompt_eval_count": prompt,
            "prompt_eval_duration": 1,
            "eval_count": len(pieces) + (not cut),
            "eval_duration": clock,
        }
        if not streamed:
            self._pause(seconds)
            if ending is Ending.ERROR:
                raise Failure(500, answer.error)
            whole = line_of(body["model"], remote, "".join(pieces), answer.thinking)
            self._json(whole | timed(last) if ending is Ending.DONE else whole)
            return
        self._head(200, _NDJSON)
        if answer.thinking:
            self._say(line_of(body["model"], remote, "", answer.thinking), answer)
        sent = pieces[: answer.after]
        for index, piece in enumerate(sent):
            self._pause(clock + seconds * index / len(sent) - time.monotonic())
            line = line_of(body["model"], remote, piece)
            if chances := logprobs_of(body, piece, answer.logprob):
                line["logprobs"] = chances
            for _ in range(1 + (index == answer.twice)):
                self._say(line, answer)
        self._pause(clock + seconds - time.monotonic())
        if ending in (Ending.DONE, Ending.DONE_RESET):
            # Settled first: whoever reads this line finds it so.
            self._settle("answered" if answer.twice is None else "failed")
            self._say(line_of(body["model"], remote, "") | timed(last), answer)
        elif ending is Ending.ERROR:
            self._chunk(go_json({"error": answer.error}) + b"\n")
        self._finish(ending, answer.late)

    def _say(self, line: Mapping[str, Any], answer: Answer) -> None:
        self._trickle(go_json(line) + b"\n", answer.byte_seconds, self._chunk)

    def _trickle(self, data: bytes, byte_seconds: float, write: Callable[[bytes], object]) -> None:
        if not byte_seconds:
            write(data)
            return
        for index in range(len(data)):
            self._pause(byte_seconds)
            write(data[index : index + 1])

    def _finish(self, ending: Ending, late: bytes = b"") -> None:
        """End a streamed body."""
        if ending in (Ending.DONE, Ending.DONE_RESET):
            try:
                if late:
                    self._chunk(late)
                self._chunk(b"")
            except ConnectionError:  # it has read the last line and left: that is no failure
                self.close_connection = True
        else:
            if ending is Ending.STALL:
                self._pause(3600)
            self._settle("failed")
            if ending in (Ending.NO_DONE, Ending.ERROR):
                self._chunk(b"")
        if ending in (Ending.RESET, Ending.DONE_RESET):
            self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        if ending in (Ending.CLOSED, Ending.RESET, Ending.DONE_RESET):
            self.close_connection = True

    # -- reading a request ------------------------------------------------------------------------------

    def _model(self, body: Mapping[str, Any], unavailable: str) -> Model:
        state = self.server.state
        name = body.get("model", "")
        if not name:
            raise Failure(400, "model is required")
        if " " in name or ".." in name:
            raise Failure(400, "invalid model name")
        if name.endswith((":cloud", "-cloud")) and state.cloud_disabled:
            raise Failure(403, f"ollama cloud is disabled: remote {unavailable}")
        model = state.find(name)
        if model is None:
            raise Failure(404, f"model '{name}' not found")
        return model

    def _left(self) -> bool:
        """True once the client has closed the connection."""
        if not select.select([self.connection], [], [], 0)[0]:
            return False
        return not self.connection.recv(1, socket.MSG_PEEK)

    def _pause(self, seconds: float) -> None:
        """Wait, as long as the client does."""
        deadline = time.monotonic() + seconds
        while (rest := deadline - time.monotonic()) > 0:
            if self.server.state.closing.wait(min(rest, 0.02)) or self._left():
                raise ConnectionAbortedError

    # -- writing an answer ------------------------------------------------------------------------------

    def _settle(self, outcome: Outcome) -> None:
        """Say in the record how this exchange ends: before its last bytes, so that their reader can look."""
        self.server.state.end(self._exchange, outcome)

    def _head(self, status: int, headers: Sequence[tuple[str, str]], length: int | None = None) -> None:
        """The head, in the order that Go writes it; no length: the body comes in chunks."""
        self._exchange.status = status
        body = ("Transfer-Encoding", "chunked") if length is None else ("Content-Length", str(length))
        fields = [*headers, ("Date", formatdate(usegmt=True)), body]
        lines = [
            f"HTTP/1.1 {status} {self.responses[status][0]}",
            *(f"{name}: {value}" for name, value in fields),
        ]
        self.wfile.write("\r\n".join([*lines, "", ""]).encode("latin-1"))

    def _chunk(self, data: bytes) -> None:
        self.wfile.write(b"%x\r\n%b\r\n" % (len(data), data))

    def _json(
        self,
        value: Mapping[str, Any],
        *,
        status: int = 200,
        kind: str = _JSON,
        streamed: bool = False,
    ) -> None:
        data = go_json(value)
        # Go's server sends an answer of more than 2048 bytes in chunks.
        chunked = streamed or len(data) > 2048
        self._settle("answered" if status == 200 else "failed")
        self._head(status, [("Content-Type", kind)], length=None if chunked else len(data))
        if chunked:
            self._chunk(data)
            self._chunk(b"")
        else:
            self.wfile.write(data)

    def _text(self, status: int, text: str, kind: str, headers: Sequence[tuple[str, str]] = ()) -> None:
        self._settle("answered" if status == 200 else "failed")
        self._head(status, [*headers, ("Content-Type", kind)], length=len(text))
        self.wfile.write(text.encode())
