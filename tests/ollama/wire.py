"""The bodies of Ollama's protocol: reading and checking a request's, writing a reply's."""

from __future__ import annotations

import json
import time
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from tests.ollama.script import pieces_of

_OPTIONS = {
    "temperature": "float32",
    "top_p": "float32",
    "top_k": "integer",
    "num_ctx": "integer",
    "num_predict": "integer",
    "seed": "integer",
}


class Failure(Exception):  # noqa: N818
    """End the request with an error status. `streamed`: found after the stream of the answer was set up."""

    def __init__(self, status: int, error: str, *, streamed: bool = False) -> None:
        super().__init__(error)
        self.status = status
        self.streamed = streamed


def read_body(raw: bytes) -> dict[str, Any]:
    if not raw:
        raise Failure(400, "missing request body")
    try:
        body: dict[str, Any] = json.loads(raw)
    except ValueError:
        raise Failure(400, "unexpected EOF") from None
    messages, think, keep_alive = body.get("messages", []), body.get("think"), body.get("keep_alive")
    if not isinstance(messages, list):
        kind = {str: "string", dict: "object", bool: "bool"}.get(type(messages), "number")
        reason = f"cannot unmarshal {kind} into Go struct field ChatRequest.messages of type []api.Message"
        raise Failure(400, f"json: {reason}")
    if not isinstance(think, bool | str | None):
        raise Failure(
            400, 'think must be a boolean or string ("high", "medium", "low", "max", true, or false)'
        )
    if think not in (None, True, False, "high", "medium", "low", "max"):
        reason = '(must be "high", "medium", "low", "max", true, or false)'
        raise Failure(400, f'invalid think value: "{think}" {reason}')
    if keep_alive is not None and seconds_of(keep_alive) is None:
        raise Failure(400, _bad_duration(keep_alive))
    if not 0 <= body.get("top_logprobs", 0) <= 20:
        raise Failure(400, "top_logprobs must be between 0 and 20")
    return body


def check_options(body: Mapping[str, Any], capabilities: Sequence[str]) -> None:
    if body.get("think") not in (None, False) and "thinking" not in capabilities:
        raise Failure(400, f'"{body["model"]}" does not support thinking')
    for option, value in (body.get("options") or {}).items():
        if option in _OPTIONS and not isinstance(value, int | float):
            raise Failure(500, f'option "{option}" must be of type {_OPTIONS[option]}')


def generated(text: str | Sequence[str], *limits: int | None) -> tuple[list[str], bool, bool]:
    """The pieces of a reply, whether one of the limits cut it, and whether Ollama ends it for it repeats itself."""
    pieces = pieces_of(text)
    room = min([len(pieces), *(limit for limit in limits if limit is not None)])
    same = 0
    for index, piece in enumerate(pieces[:room]):
        same = same + 1 if index and piece.strip() == pieces[index - 1].strip() else 0
        if same >= 30:
            return pieces[: index + 1], False, True
    return pieces[:room], room < len(pieces), False


def line_of(model: str, remote: Mapping[str, str], content: str, thinking: str = "") -> dict[str, Any]:
    message = {"role": "assistant", "content": content} | ({"thinking": thinking} if thinking else {})
    return {
        "model": model,
        **remote,
        "created_at": _stamp(datetime.now(UTC)),
        "message": message,
        "done": False,
    }


def logprobs_of(body: Mapping[str, Any], piece: str, logprob: float | None) -> list[dict[str, Any]]:
    """A piece's own, where the request asks for them and there are any."""
    if not body.get("logprobs") or logprob is None:
        return []
    return [{"token": piece, "logprob": logprob, "bytes": list(piece.encode("utf-8", "surrogatepass"))}]


def timed(last: Mapping[str, Any]) -> dict[str, Any]:
    """The end of a reply, its starting times made durations; counts of zero are left out."""
    now = time.monotonic()
    spans = {key: int((now - last[key]) * 1e9) + 1 for key in ("total_duration", "eval_duration")}
    return {key: value for key, value in (dict(last) | spans).items() if value != 0}


def running(tag: Mapping[str, Any], context: int, expires: datetime) -> dict[str, Any]:
    return {
        "name": tag["name"],
        "model": tag["model"],
        "size": int(tag["size"] * 0.9),
        "digest": tag["digest"],
        "details": {key: value for key, value in tag["details"].items() if not key.endswith("_length")},
        "expires_at": _stamp(expires),
        "size_vram": 0,
        "context_length": context,
    }


def _bad_duration(keep_alive: Any) -> str:
    if not isinstance(keep_alive, str):
        return f"Unsupported type: '{'[]interface {}' if isinstance(keep_alive, list) else type(keep_alive)}'"
    number = keep_alive.removeprefix("-").isdigit()
    return f'time: {"missing unit in" if number else "invalid"} duration "{keep_alive}"'


def seconds_of(keep_alive: Any) -> float | None:
    """A keep_alive in seconds, None if it is none; below zero is for ever."""
    if not isinstance(keep_alive, int | float):
        number, unit = str(keep_alive)[:-1], {"s": 1, "m": 60, "h": 3600}.get(str(keep_alive)[-1:])
        if unit is None or not number.removeprefix("-").isdigit():
            return None
        keep_alive = int(number) * unit
    return float(keep_alive) if keep_alive >= 0 else 9e9


def _stamp(moment: datetime) -> str:
    return moment.strftime("%Y-%m-%dT%H:%M:%S.%f") + "001Z"


def go_json(value: Any) -> bytes:
    """JSON as Go writes it: no spaces, raw UTF-8, what HTML could misread escaped, small floats in full."""
    text = json.dumps(value, ensure_ascii=False, separators=(",", ":"))
    for small, full in ((":1e-06,", ":0.000001,"), (":1e-05,", ":0.00001,")):
        text = text.replace(small, full)
    for char in "<>&\u2028\u2029":
        text = text.replace(char, f"\\u{ord(char):04x}")
    return text.encode()
