"""A loopback server that speaks OpenAI's chat completions and answers from a script, as tests/ollama/server.py does.

with FakeOpenAI(script) as server:
    OpenAITeacher("small", url=server.base)
    server.chats                     # what was asked, and what came of it
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from tests.ollama.protocol import Handler
from tests.ollama.script import Script, plausible
from tests.ollama.server import FakeOllama
from tests.ollama.state import Model
from tests.openai.protocol import OpenAIHandler

RECORDED = Path(__file__).parent / "recorded"


def llama_server_error(status: int, error: str) -> dict[str, Any]:
    return {"error": {"code": status, "message": error, "type": "invalid_request_error"}}


def lm_studio_error(status: int, error: str) -> dict[str, Any]:
    return {"error": error}


def vllm_error(status: int, error: str) -> dict[str, Any]:
    return {"error": {"message": error, "type": "BadRequestError", "param": None, "code": status}}


def old_vllm_error(status: int, error: str) -> dict[str, Any]:
    return {"object": "error", "message": error, "type": "BadRequestError", "param": None, "code": status}


def fastapi_error(status: int, error: str) -> dict[str, Any]:
    return {"detail": error}


class FakeOpenAI(FakeOllama):
    """The server. Attributes may be set before it is used: how this one differs from others."""

    handler: type[Handler] = OpenAIHandler

    def __init__(self, script: Script = plausible, **fields: Any) -> None:
        super().__init__(script, **({"models": [Model.named("small:1b")]} | fields))
        self.context = 32768  # tokens
        self.entry: Mapping[str, Any] = {}  # what /v1/models adds to each model
        self.formats: tuple[str, ...] = ("json_schema", "json_object")  # types of response_format it takes
        self.refuses: dict[str, str] = {}  # fields of a request it does not take, each with its words
        self.error_body: Callable[[int, str], dict[str, Any]] = llama_server_error
        self.too_long = "request ({prompt} tokens) exceeds the available context size ({context} tokens)"
        self.key: str | None = None  # it asks for
        self.usage = True
        self.done_mark = True
        self.pings = 0  # comments while the prompt is read
        self.thoughts = "reasoning_content"
        self.line_end = b"\n"
        self.answering: str | None = None  # the model that replies are said to be from
        self.base = f"{self.url}/v1"
