"""OpenAI's chat completions on the side of the server, in the manner of the servers that speak it.

HTTP, queues, scripts and what may go wrong are those of tests/ollama; the bodies are others.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from tests.ollama.protocol import Handler
from tests.ollama.script import Answer, Chat, Ending
from tests.ollama.state import Model
from tests.ollama.wire import Failure, generated, logprobs_of

if TYPE_CHECKING:
    from tests.openai.server import FakeOpenAI

_SSE = [("Content-Type", "text/event-stream")]


@dataclass(frozen=True, slots=True)
class OpenAIChat(Chat):
    """A request to /v1/chat/completions, as it came."""

    @property
    def options(self) -> Mapping[str, Any]:
        limit = self.body.get("max_tokens", self.body.get("max_completion_tokens", 16))
        return {"num_predict": limit, **{k: self.body[k] for k in ("seed", "temperature") if k in self.body}}

    @property
    def schema(self) -> Mapping[str, Any] | None:
        wanted = self.body.get("response_format") or {}
        schema = wanted.get("json_schema", wanted).get("schema")
        return schema if isinstance(schema, dict) else None


class OpenAIHandler(Handler):
    def _fail(self, fail: Failure) -> None:
        body = self._fake.error_body(fail.status, str(fail))
        self._json(body, status=fail.status, kind="application/json; charset=utf-8")

    @property
    def _fake(self) -> FakeOpenAI:
        fake: Any = self.server.state
        found: FakeOpenAI = fake
        return found

    def _route(self, raw: bytes) -> None:
        routes: dict[str, tuple[str, Callable[[bytes], None]]] = {
            "/v1/models": ("GET", self._models),
            "/v1/chat/completions": ("POST", self._chat),
        }
        state = self._fake
        if state.key is not None and self.headers.get("Authorization") != f"Bearer {state.key}":
            raise Failure(401, "Invalid API Key")
        if self.path in state.instead:
            self._scripted(state.instead[self.path])
        elif self.path not in routes:
            raise Failure(404, "Not Found")
        elif self.command != routes[self.path][0]:
            raise Failure(405, "Method Not Allowed")
        else:
            routes[self.path][1](raw)

    def _models(self, _: bytes) -> None:
        entries = [
            {"id": model.name, "object": "model", "created": int(time.time())} for model in self._fake.models
        ]
        self._json({"object": "list", "data": [{**entry, **self._fake.entry} for entry in entries]})

    def _chat(self, raw: bytes) -> None:
        state = self._fake
        body = json.loads(raw)
        for field, words in state.refuses.items():
            if field in body:
                raise Failure(400, words)
        way = (body.get("response_format") or {}).get("type")
        if way is not None and way not in state.formats:
            raise Failure(400, f"'response_format.type' must be one of {', '.join(state.formats) or 'text'}")
        name = body["model"]
        model = next((model for model in state.models if model.name == name), None)
        if model is None:
            raise Failure(404, f'Model "{name}" not found. Please specify a valid model.')
        with state.slot(self._left) as free:
            if not free:
                raise Failure(503, "Loading model")
            self._perform(OpenAIChat(self._exchange.number, body), model, state.context)

    def _reply(self, answer: Answer, chat: Chat, model: Model, context: int) -> None:
        state, options = self._fake, chat.options
        prompt = answer.prompt_tokens
        if prompt is None:
            prompt = 12 + sum(6 + len(str(message["content"]).encode()) // 4 for message in chat.messages)
            if prompt + options["num_predict"] > context:
                raise Failure(400, state.too_long.format(prompt=prompt, context=context))
        pieces, cut, _ = generated(answer.text, options["num_predict"])
        reason = answer.done_reason or ("length" if cut else "stop")
        seconds = state.seconds if answer.seconds is None else answer.seconds
        began = time.monotonic()
        wait = state.wait if answer.wait is None else answer.wait
        if not state.pings:
            self._pause(wait)
        self._head(200, _SSE)
        for _ in range(state.pings):
            self._pause(wait / state.pings)
            self._write(b": ping\n\n", answer)
        self._say_delta(answer, {"role": "assistant", "content": None})
        if answer.thinking:
            self._say_delta(answer, {state.thoughts: answer.thinking})
        sent = pieces[: answer.after]
        clock = began + wait
        for index, piece in enumerate(sent):
            self._pause(clock + seconds * index / len(sent) - time.monotonic())
            chances = logprobs_of(chat.body, piece, answer.logprob)
            self._say_delta(answer, {"content": piece}, logprobs={"content": chances} if chances else None)
        self._pause(clock + seconds - time.monotonic())
        ending = answer.ending
        if ending in (Ending.DONE, Ending.DONE_RESET):
            self._settle("answered")
            self._say_delta(answer, {}, reason)
            if state.usage and "stream_options" in chat.body:
                read = {"prompt_tokens": prompt, "completion_tokens": len(sent) + (reason == "stop")}
                self._data(self._line([]) | {"usage": read}, answer)
            if state.done_mark:
                self._write(b"data: [DONE]\n\n", answer)
        elif ending is Ending.ERROR:
            self._data(state.error_body(500, answer.error), answer)
        self._finish(ending, answer.late)

    def _line(self, choices: list[Any]) -> dict[str, Any]:
        """What stands in every piece."""
        model = self._fake.answering or self._exchange.body["model"]
        return {
            "id": "chatcmpl-1",
            "object": "chat.completion.chunk",
            "created": int(time.time()),
            "model": model,
            "choices": choices,
        }

    def _say_delta(
        self,
        answer: Answer,
        delta: Mapping[str, Any],
        reason: str | None = None,
        logprobs: Mapping[str, Any] | None = None,
    ) -> None:
        choice = {"index": 0, "delta": delta, "logprobs": logprobs, "finish_reason": reason}
        self._data(self._line([choice]), answer)

    def _data(self, value: Mapping[str, Any], answer: Answer) -> None:
        end = self._fake.line_end
        self._write(b"data: " + json.dumps(value, ensure_ascii=False).encode() + end + end, answer)

    def _write(self, data: bytes, answer: Answer) -> None:
        self._trickle(data, answer.byte_seconds, self._chunk)
