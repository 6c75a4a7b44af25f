"""The data that a chat template is given, with a slot in the place of every text that is not the template's own.

Roles and the words of JSON schemas are there in full, for templates go by them; the words of messages, calls and
definitions are slots, so that none of them can forge a control token.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from typing import Any

_SCHEMA_WORDS = frozenset({
    "type", "function", "name", "description", "strict", "parameters", "properties", "required", "items", "enum",
    "const", "default", "examples", "format", "pattern", "title", "nullable", "anyOf", "oneOf", "allOf", "minimum",
    "maximum", "minItems", "maxItems", "minLength", "maxLength", "additionalProperties", "return", "definitions",
    "$defs", "$ref",
})  # fmt: skip
_NAMES = frozenset({"properties", "$defs", "definitions"})
"""Of a schema: what is in them goes by names of the data's own."""

_TYPES = frozenset(["function", "object", "string", "number", "integer", "boolean", "array", "null"])

_PLAIN_ID = re.compile(r"[A-Za-z0-9]{9}")
"""The only form of a call's id that Mistral's templates take, and it forges nothing."""


class TemplateData:
    """Messages and tools in OpenAI's form. `variables`: of the template, slots in them."""

    def __init__(self, messages: Sequence[Mapping[str, Any]], tools: Sequence[Mapping[str, Any]]) -> None:
        self._texts: list[str] = []
        # First the messages' words, then those of calls, then what a template may leave out.
        contents = [self._content(message) for message in messages]
        self._contents = len(self._texts)
        calls = [[self._function(call) for call in message.get("tool_calls", ())] for message in messages]
        self._required = len(self._texts)
        self.variables: dict[str, Any] = {
            "messages": [
                self._message(message, content, functions)
                for message, content, functions in zip(messages, contents, calls, strict=True)
            ]
        }
        if tools:
            self.variables["tools"] = [self._schema(tool) for tool in tools]

    def carried(self, slots: Sequence[int]) -> bool:
        """True where text with these slots says every message exactly once, in order, and all of every call."""
        said = [slot for slot in slots if slot < self._contents]
        return said == list(range(self._contents)) and set(range(self._required)) <= set(slots)

    def text(self, slot: int, times: int) -> str:
        """The words that a slot stands for, put into JSON so many times."""
        text = self._texts[slot]
        for _ in range(times):
            text = json.dumps(text, ensure_ascii=False)[1:-1]
        return text

    def _slot(self, text: str) -> str:
        self._texts.append(text)
        return f"BURNISHSLOT{len(self._texts) - 1}BURNISH"

    def _content(self, message: Mapping[str, Any]) -> str:
        """The words of a message; those beside a call may be none, which templates look at."""
        content: str = message["content"]
        return self._slot(content) if content or "tool_calls" not in message else ""

    def _message(
        self, message: Mapping[str, Any], content: str, functions: Sequence[dict[str, Any]]
    ) -> dict[str, Any]:
        written: dict[str, Any] = {"role": message["role"], "content": content}
        if functions:
            written["tool_calls"] = [
                {**self._id(call, "id"), "type": "function", "function": function}
                for call, function in zip(message["tool_calls"], functions, strict=True)
            ]
        if message.get("name"):
            written["name"] = self._slot(message["name"])
        return written | self._id(message, "tool_call_id")

    def _id(self, given: Mapping[str, Any], key: str) -> dict[str, str]:
        found = given.get(key)
        if not found:
            return {}
        return {key: found if _PLAIN_ID.fullmatch(found) else self._slot(found)}

    def _function(self, call: Mapping[str, Any]) -> dict[str, Any]:
        function = call["function"]
        return {"name": self._slot(function["name"]), "arguments": self._value(function["arguments"])}

    def _value(self, value: Any) -> Any:
        """JSON of which every text, names included, is the data's."""
        if isinstance(value, str):
            return self._slot(value)
        if isinstance(value, dict):
            return {self._slot(name): self._value(inner) for name, inner in value.items()}
        if isinstance(value, list):
            return [self._value(inner) for inner in value]
        return value

    def _schema(self, value: Any, *, names: bool = False) -> Any:
        """JSON of which the words of schemas are not the data's. `names`: its keys are."""
        if not isinstance(value, dict):
            return [self._schema(inner) for inner in value] if isinstance(value, list) else self._value(value)
        found = {}
        for key, inner in value.items():
            named = key if key in _SCHEMA_WORDS and not names else self._slot(key)
            if key == "type" and not names and isinstance(inner, str) and inner in _TYPES:
                found[named] = inner
            else:
                found[named] = self._schema(inner, names=key in _NAMES and not names)
        return found
