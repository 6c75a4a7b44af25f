"""One exchange with an Ollama server over HTTP, and what its failures mean."""

from __future__ import annotations

import asyncio
import os
import re
from collections.abc import AsyncGenerator, Iterator, Mapping
from contextlib import aclosing, contextmanager
from typing import Any, TypeVar

import httpx
from pydantic import BaseModel, ConfigDict, ValidationError

from models.teacher import Fault, TeacherError


@contextmanager
def _quiet_environment() -> Iterator[None]:
    """The official package builds a client as it is imported: a SOCKS proxy variable, a missing SSL_CERT_FILE
    or an odd OLLAMA_HOST would end the import with a traceback. None of them concerns us."""
    hidden = {
        name: os.environ.pop(name)
        for name in list(os.environ)
        if name.lower().endswith("_proxy") or name.startswith(("OLLAMA_", "SSL_CERT_"))
    }
    try:
        yield
    finally:
        os.environ.update(hidden)


with _quiet_environment():
    import ollama

CONNECT = 10.0  # seconds: a loopback connection is made at once or not at all
WHOLE = 4 << 20  # bytes: no list or description of models, and no line of an answer, is as long as this
AT_ONCE = 15.0  # seconds: a line that has begun, or an answer of one, was written in one go and is soon here

_OUT_OF_MEMORY = re.compile(
    r"out of memory|more (system )?memory|cudaMalloc|unable to allocate|cannot be allocated|signal: killed"
    # A model that does not load is, as a rule, one there is no memory for.
    r"|runner process has terminated|model failed to load|unable to load model|error loading model",
    re.IGNORECASE,
)
_OUR_MISTAKE = re.compile(  # the server calls these internal errors, but the request is wrong
    r"invalid format|JSON schema in format|required for format|must be of type|grammar",
    re.IGNORECASE,
)


_BY_STATUS = {
    401: Fault.FORBIDDEN,
    403: Fault.FORBIDDEN,
    404: Fault.MODEL_MISSING,
    429: Fault.BUSY,
    502: Fault.UNREACHABLE,  # a proxy's word for a server that is not there
    503: Fault.BUSY,
    504: Fault.UNREACHABLE,
}
ADVICE = {  # what to do about a failure that the server names, to be added to its words
    Fault.FORBIDDEN: "; choose a local model, and check OLLAMA_ORIGINS where the server is started",
    Fault.OUT_OF_MEMORY: "; choose a smaller model or context, or free memory",
    Fault.BUSY: "; ask for less in parallel, or raise OLLAMA_MAX_QUEUE where the server is started",
    Fault.TOO_LONG: "; give the teacher a larger context",
    Fault.UNREACHABLE: "; start Ollama with `ollama serve`",
    Fault.REJECTED: "; leave the sample out, or report the schema",
    Fault.BROKEN: "; see the server's log if it happens again",
}


class Wire(BaseModel):
    """Something an Ollama server says. A field of another type than Ollama gives it is an error."""

    model_config = ConfigDict(strict=True, frozen=True, extra="ignore")


Said = TypeVar("Said", bound=Wire)


class _Failure(Wire):
    error: str


class RefusedError(TeacherError):
    """The server answered with an error status."""

    def __init__(self, fault: Fault, status: int, said: str, message: str) -> None:
        super().__init__(fault, message)
        self.status = status
        self.said = said  # the server's own words, on one line


class Connection:
    """Exchanges with one server. Every method raises TeacherError, and nothing else that a server can cause.

    Built on the official client's connection: no proxy variable, redirect or API key has a part in it. The
    client's own methods are not used. They cannot send `truncate` and `shift`, drop `remote_host`, read lines
    of any length, replace bytes that are not UTF-8 without a word, and split a line at U+0085, which Ollama
    sends unescaped.
    """

    def __init__(self, url: str, *, first: float, silence: float) -> None:
        """first, silence: seconds to the first byte of an answer, and between two of its lines."""
        self.url = url
        self._first = first
        self._silence = silence
        self._client = _Client(url, first)

    async def close(self) -> None:
        await self._client.aclose()

    async def fetch(self, method: str, path: str, body: Mapping[str, Any] | None, kind: type[Said]) -> Said:
        """A whole answer, read as `kind`."""
        response = await self._open(method, path, body)
        try:
            silence = min(AT_ONCE, self._silence)
            whole = b"\n".join([line async for line in self._lines(response, WHOLE, silence)])
        finally:
            await response.aclose()
        return self._read(whole, kind)

    async def stream(
        self, path: str, body: Mapping[str, Any], kind: type[Said], *, limit: int
    ) -> AsyncGenerator[Said]:
        """The lines of a streamed answer, each read as `kind`.

        limit: bytes the whole answer may have. Closing the generator closes the connection, and the server
        stops its work. Raises TeacherError: BROKEN for an answer that breaks off, is too long or is not what
        Ollama says; SILENT for one that stops coming. That the generator ends says no more than that the
        server ended its answer.
        """
        response = await self._open("POST", path, body)
        try:
            async with aclosing(self._lines(response, limit, self._silence)) as lines:
                async for line in lines:
                    yield self._read(line, kind)
        finally:
            await response.aclose()

    async def _open(self, method: str, path: str, body: Mapping[str, Any] | None) -> httpx.Response:
        """The head of a good answer. Raises RefusedError for another status."""
        try:
            async with asyncio.timeout(self._first):
                response = await self._client.send(method, path, body)
        except (httpx.ConnectError, httpx.ConnectTimeout):
            raise TeacherError(
                Fault.UNREACHABLE,
                f"nothing answers at {self.url}: start Ollama with `ollama serve`, or set OLLAMA_HOST to where "
                "it listens",
            ) from None
        except (TimeoutError, httpx.TimeoutException):
            raise self._silent(self._first) from None
        except httpx.TransportError as error:
            raise self._broken(f"closed the connection before it answered ({one_line(str(error))})") from None
        except UnicodeEncodeError:
            raise TeacherError(
                Fault.REJECTED,
                "the text to send holds half of a surrogate pair, which is not Unicode text: mend the sample",
            ) from None
        if response.status_code == 200:
            return response
        try:
            raise await self._refused(response)
        finally:
            await response.aclose()

    async def _refused(self, response: httpx.Response) -> RefusedError:
        status = response.status_code
        if 300 <= status < 400:
            target = one_line(response.headers.get("location", "elsewhere"))
            return RefusedError(
                Fault.FORBIDDEN,
                status,
                "",
                f"{self.url} sends requests on to {target}, and burnish follows no redirect: set OLLAMA_HOST to "
                "the Ollama server itself",
            )
        try:
            silence = min(AT_ONCE, self._silence)
            text = b"\n".join([line async for line in self._lines(response, 1 << 16, silence)])
            said = one_line(_Failure.model_validate_json(text).error)
        except ValidationError:
            said = one_line(text.decode("utf-8", "replace")) or response.reason_phrase
            if status == 404:
                return RefusedError(
                    Fault.UNREACHABLE,
                    status,
                    said,
                    f"what answers at {self.url} is not Ollama, or is too old (404: {said}): set OLLAMA_HOST to "
                    "where a newer one listens",
                )
        except TeacherError as error:  # the status alone says enough
            said = one_line(str(error))
        fault = fault_of(status, said)
        return RefusedError(
            fault, status, said, f"Ollama at {self.url} says {status}: {said}{ADVICE.get(fault, '')}"
        )

    async def _lines(self, response: httpx.Response, limit: int, silence: float) -> AsyncGenerator[bytes]:
        """The answer's lines that are not blank. The limit on silence is for whole lines: a trickle of bytes, or
        of blank lines, is silence too."""
        clock = asyncio.get_running_loop().time
        chunks = response.aiter_raw()
        rest, taken, heard = bytearray(), 0, clock()
        deadline = heard + silence
        while True:
            try:
                async with asyncio.timeout_at(deadline):
                    chunk = await anext(chunks, None)
            except (TimeoutError, httpx.TimeoutException):
                raise self._silent(deadline - heard) from None
            except httpx.TransportError as error:
                raise self._broken(f"broke off its answer ({one_line(str(error))})") from None
            if chunk is None:
                break
            taken += len(chunk)
            begun = bool(rest)
            rest += chunk
            if taken > limit or len(rest) > WHOLE:
                raise self._broken(f"sent more than {min(limit, WHOLE)} bytes without an end")
            lines: list[bytearray] = []
            if b"\n" in chunk:
                *lines, rest = rest.split(b"\n")
                lines = [line for line in lines if line.strip()]
            for line in lines:
                yield bytes(line)
            if lines:
                heard = clock()  # what the reader did meanwhile is not the server's silence
                deadline = heard + silence
            if rest and (lines or not begun):
                deadline = min(deadline, clock() + AT_ONCE)
        if rest.strip():
            yield bytes(rest)

    def _read(self, text: bytes, kind: type[Said]) -> Said:
        try:
            return kind.model_validate_json(text)
        except ValidationError as error:
            first = error.errors(include_url=False, include_input=False)[0]
            where = ".".join(str(step) for step in first["loc"]) or "the answer"
            raise self._broken(
                f"does not answer as Ollama does ({where}: {one_line(first['msg'])})"
            ) from None

    def _silent(self, limit: float) -> TeacherError:
        return TeacherError(
            Fault.SILENT,
            f"Ollama at {self.url} sent no whole line for {limit:.3g} seconds: see its log, whether it is stuck",
        )

    def _broken(self, what: str) -> TeacherError:
        return TeacherError(Fault.BROKEN, f"{self.url} {what}: see the server's log if it happens again")


class _Client(ollama.AsyncClient):
    """The official client's connection, with nothing from the environment in it."""

    def __init__(self, url: str, first: float) -> None:
        super().__init__(
            url,
            trust_env=False,
            follow_redirects=False,
            verify=url.startswith(
                "https:"
            ),  # reading the certificates takes 50 ms, which plain HTTP need not pay
            timeout=httpx.Timeout(first, connect=CONNECT, pool=None),
            # A fresh connection for each request: none that the server has closed meanwhile is written to.
            limits=httpx.Limits(max_connections=None, max_keepalive_connections=0),
            # Takes the place that OLLAMA_API_KEY would; `send` removes it.
            headers={"authorization": "none"},
        )
        self._http: httpx.AsyncClient = self._client

    async def send(self, method: str, path: str, body: Mapping[str, Any] | None) -> httpx.Response:
        request = self._http.build_request(method, path, json=body, headers={"accept-encoding": "identity"})
        for name in ("authorization", "cookie"):  # whatever the server may have set: it gets none back
            request.headers.pop(name, None)
        return await self._http.send(request, stream=True)

    async def aclose(self) -> None:
        await self._http.aclose()


def fault_of(status: int, said: str) -> Fault:
    """What kind of failure an error status is; one in the middle of an answer counts as 500."""
    if status == 500:
        if _OUR_MISTAKE.search(said):
            return Fault.REJECTED
        return Fault.OUT_OF_MEMORY if _OUT_OF_MEMORY.search(said) else Fault.BROKEN
    if status == 400 and "context length" in said:
        return Fault.TOO_LONG
    by_class = {3: Fault.FORBIDDEN, 4: Fault.REJECTED}
    return _BY_STATUS.get(status, by_class.get(status // 100, Fault.BROKEN))


def one_line(text: str) -> str:
    """A server's own words, made fit for one line of a terminal."""
    return " ".join("".join(c if c.isprintable() else " " for c in text[:2000]).split())[:300]
