"""The parts of a request that not every server takes: each is asked once, and left out once it was refused."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from enum import StrEnum
from typing import Any

from models.teacher import Think


class SchemaWay(StrEnum):
    """The ways to give a server the JSON schema that its reply obeys, best first."""

    JSON_SCHEMA = "json_schema"  # OpenAI's, LM Studio's, llama-server's and vLLM's
    JSON_OBJECT = "json_object"  # llama-cpp-python's, with the schema beside it
    NONE = "none"


_WAYS = list(SchemaWay)
_REFUSALS = {
    "logprobs": re.compile(r"logprobs|logits_all", re.IGNORECASE),
    "response_format": re.compile(
        r"response_format|json_schema|json_object|guided|structured|grammar|schema", re.IGNORECASE
    ),
    "chat_template_kwargs": re.compile(r"chat_template_kwargs|enable_thinking", re.IGNORECASE),
    "reasoning_effort": re.compile(r"reasoning_effort|does not support thinking", re.IGNORECASE),
    "stream_options": re.compile(r"stream_options|include_usage", re.IGNORECASE),
    "tools": re.compile(r"\btools?\b|tool_choice|--jinja", re.IGNORECASE),
    "seed": re.compile(r"\bseed\b", re.IGNORECASE),
    "max_tokens": re.compile(r"max_completion_tokens", re.IGNORECASE),
}


class Dialect:
    """A server's own variety of the protocol, as far as its refusals told.

    - `response_format`: json_schema, else json_object with the schema, else none.
    - `max_tokens`, which every local server takes; `max_completion_tokens` where one asks for that.
    - `stream_options.include_usage`: without, most servers count no tokens of a streamed reply.
    - `chat_template_kwargs.enable_thinking`: llama-server's and vLLM's, for models that think unless told not to.
    - `reasoning_effort`, only where a level of thinking is asked for.
    - `logprobs`, only where they are asked for: llama-cpp-python's server gives none as it is usually started.
    - `tools`, only where there are some: llama-server takes them with its option --jinja alone.
    - `seed`.
    """

    def __init__(self) -> None:
        self.schema = SchemaWay.JSON_SCHEMA
        self.without: frozenset[str] = frozenset()  # fields that are left out, or sent under another name
        self.notes: list[str] = []  # what is done differently from what was asked for, one sentence each

    def fields(
        self,
        schema: Mapping[str, Any] | None,
        *,
        think: Think,
        max_tokens: int,
        seed: int,
        logprobs: bool = False,
        tools: Sequence[Mapping[str, Any]] = (),
    ) -> dict[str, Any]:
        """The fields of a request that depend on the server."""
        limit = "max_completion_tokens" if "max_tokens" in self.without else "max_tokens"
        found: dict[str, Any] = {
            "seed": seed % 2**31,  # a seed below 0 is a random one to some
            "stream_options": {"include_usage": True},
            "chat_template_kwargs": {"enable_thinking": bool(think)},
        }
        if isinstance(think, str):
            found["reasoning_effort"] = think
        if logprobs:
            found["logprobs"] = True
        if tools:
            found["tools"] = list(tools)
        found = {name: value for name, value in found.items() if name not in self.without}
        found[limit] = max_tokens
        if schema is not None and self.schema is SchemaWay.JSON_SCHEMA:
            named = {"name": "reply", "strict": True, "schema": dict(schema)}
            found["response_format"] = {"type": "json_schema", "json_schema": named}
        elif schema is not None and self.schema is SchemaWay.JSON_OBJECT:
            found["response_format"] = {"type": "json_object", "schema": dict(schema)}
        return found

    def learn(self, sent: Mapping[str, Any], reason: str) -> bool:
        """A request with these fields was refused in these words; it is worth asking again, differently."""
        for name, refusal in _REFUSALS.items():
            if name not in sent or not refusal.search(reason):
                continue
            if name != "response_format":
                self._leave(name, reason)
                return True
            refused = SchemaWay(sent[name]["type"])
            if refused is self.schema:  # else another request has learnt it meanwhile
                self.schema = _WAYS[_WAYS.index(refused) + 1]
                if self.schema is SchemaWay.NONE:
                    self.notes.append(
                        f"the server takes no JSON schema ({reason[:120]}): it is asked without"
                    )
            return True
        return False

    def _leave(self, name: str, reason: str) -> None:
        if name in self.without:
            return
        self.without |= {name}
        if name != "max_tokens":
            self.notes.append(f"the server does not take {name} ({reason[:120]}): it is asked without")
