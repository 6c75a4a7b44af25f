"""Where two releases of Ollama differ, as far as burnish can see it.

From 0.30 on, Ollama has llama-server run its models, which applies a model's own (Jinja) template, or is handed
what an Ollama (Go) template makes of the messages; the two kinds of model differ, too.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Protocol

from tests.ollama.script import faulty_schema
from tests.ollama.wire import Failure

RECORDED = Path(__file__).parent / "recorded"

CRASHED = (
    "model runner has unexpectedly stopped, this may be due to resource limitations or an internal error, "
    "check ollama server logs for details"
)


class Template(Protocol):
    """The part of a model that decides here: whose template it has."""

    @property
    def jinja(self) -> bool: ...

    @property
    def tag(self) -> Mapping[str, Any]: ...


class Crash(Failure):
    """The runner died of the request, and its model is out of memory."""


class Release(Protocol):
    """A release of Ollama."""

    version: str
    folder: Path  # of the exchanges recorded with it

    def context(self, asked: int, trained: int) -> int:
        """The context that a model gets."""

    def setup(self, context: int, body: Mapping[str, Any]) -> object:
        """What a model is loaded with: asked for otherwise, it is loaded again."""

    def check_format(self, body: Mapping[str, Any], model: Template) -> None:
        """Raise for a `format` that no reply can be held to."""

    def read(self, prompt: int, context: int, body: Mapping[str, Any], model: Template) -> int:
        """The tokens that are read of a prompt. Raises where it is refused."""

    def limit(self, num_predict: int) -> int | None:
        """The tokens that a reply may have."""

    def room(self, context: int, prompt: int) -> int:
        """The tokens of a reply that nothing may be pushed out for."""

    def written(self, text: str, body: Mapping[str, Any], model: Template) -> str:
        """A reply as the grammar of its schema has it written."""


class _Release24:
    version = "0.24.0"
    folder = RECORDED

    def context(self, asked: int, trained: int) -> int:
        return max(4, min(asked, trained))

    def setup(self, context: int, body: Mapping[str, Any]) -> object:
        return context

    def check_format(self, body: Mapping[str, Any], model: Template) -> None:
        wanted, streamed = body.get("format"), body.get("stream", True)
        if wanted is None or wanted in ("", "json"):
            return
        _check_kind(wanted, streamed=streamed)
        match faulty_schema(wanted):
            case "invalid":
                raise Failure(500, "invalid JSON schema in format", streamed=streamed)
            case "crash" if model.tag["details"]["family"] == "gemma3":
                raise Failure(500, "failed to load model vocabulary required for format", streamed=streamed)
            case "crash":
                raise Crash(500, CRASHED, streamed=streamed)

    def read(self, prompt: int, context: int, body: Mapping[str, Any], model: Template) -> int:
        if prompt > context and body.get("truncate") is False:
            why = "the input length exceeds the context length"
            raise Failure(400, why, streamed=body.get("stream", True))
        return min(prompt, context)

    def limit(self, num_predict: int) -> int | None:
        return num_predict if num_predict > 0 else None

    def room(self, context: int, prompt: int) -> int:
        return max(1, context + 1 - prompt)

    def written(self, text: str, body: Mapping[str, Any], model: Template) -> str:
        return text


class Release32:
    version = "0.32.15"
    folder = RECORDED / "0.32"

    def context(self, asked: int, trained: int) -> int:
        return max(256, min(asked, trained))

    def setup(self, context: int, body: Mapping[str, Any]) -> object:
        return context, body.get("shift", True)

    def check_format(self, body: Mapping[str, Any], model: Template) -> None:
        wanted, streamed = body.get("format"), body.get("stream", True)
        if wanted is None or wanted in ("", "json", {}):
            return
        _check_kind(wanted, streamed=streamed)
        if (why := next(_faults(wanted, wanted), None)) is None:
            return
        if why != _GRAMMAR:
            conversion = f"JSON schema conversion failed:\n{why}"
            why = (
                f"Unable to generate parser for this template. Automatic parser generation failed: {conversion}"
                if model.jinja
                else f"Field 'json_schema': \"json_schema\": {conversion}"
            )
        raise _nested(why, "invalid_request_error", streamed=streamed)

    def read(self, prompt: int, context: int, body: Mapping[str, Any], model: Template) -> int:
        streamed = body.get("stream", True)
        if prompt < context:
            return prompt
        if body.get("truncate") is False or model.jinja:
            raise _nested(
                f"request ({prompt} tokens) exceeds the available context size ({context} tokens), "
                "try increasing it",
                "exceed_context_size_error",
                streamed=streamed,
                n_prompt_tokens=prompt,
                n_ctx=context,
            )
        if body.get("shift") is False:
            why = (
                "the prompt is longer than the context length currently available to the model; shorten the "
                "prompt, adjust the context length in settings, or use a model with a longer context length"
            )
            raise Failure(400, why, streamed=streamed)
        return 4 + (context - 4) // 2

    def limit(self, num_predict: int) -> int | None:
        return max(1, num_predict) if num_predict >= 0 else None

    def room(self, context: int, prompt: int) -> int:
        return max(1, context - prompt)

    def written(self, text: str, body: Mapping[str, Any], model: Template) -> str:
        """llama-server's own templates order an object's fields by the alphabet, whatever the schema says."""
        if not (model.jinja and isinstance(body.get("format"), dict)):
            return text
        try:
            value = json.loads(text)
        except ValueError:
            return text
        ordered = json.dumps(value, ensure_ascii=False, sort_keys=True, indent=2 if "\n" in text else None)
        return text if _pairs(ordered) == _pairs(text) else ordered


_GRAMMAR = "Failed to initialize samplers: failed to parse grammar"


def _faults(schema: Any, root: Any) -> Iterator[str]:
    """Why llama-server cannot have a reply obey a schema."""
    if faulty_schema(schema, root) == "invalid":
        if "$ref" in schema:
            yield f"Error resolving ref {schema['$ref']}: $defs not in {_go(root)}"
        elif "pattern" in schema:
            yield "Pattern must start with '^' and end with '$'"
        elif faulty_schema({"type": schema.get("type", "object")}) == "invalid":
            yield f"Unrecognized schema: {_go(schema)}"
    if (
        schema.get("maxLength") == 2000
        or schema.get("minLength", 0) > 2000
        or 1999 <= schema.get("maxItems", 0) <= 2001
    ):
        yield _GRAMMAR
    inner = [
        *schema.get("properties", {}).values(),
        *schema.get("$defs", {}).values(),
        *schema.get("anyOf", ()),
    ]
    for part in [*inner, *([schema["items"]] if "items" in schema else [])]:
        yield from _faults(part, root)


def _check_kind(wanted: Any, *, streamed: bool) -> None:
    if not isinstance(wanted, dict):
        quoted = json.dumps(json.dumps(wanted))
        why = f'invalid format: {quoted}; expected "json" or a valid JSON Schema object'
        raise Failure(500, why, streamed=streamed)


def _nested(message: str, kind: str, *, streamed: bool, **counts: int) -> Failure:
    """llama-server's own answer, which Ollama hands on as a text within its own."""
    error = {"code": 400, "message": message, "type": kind, **counts}
    return Failure(400, _go({"error": error}), streamed=streamed)


def _go(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))


def _pairs(text: str) -> Any:
    return json.loads(text, object_pairs_hook=list)


R24: Release = _Release24()
R32: Release = Release32()
RELEASES = (R24, R32)
