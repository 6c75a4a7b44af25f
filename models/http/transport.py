"""One exchange with one server on this machine: what may be sent, and an answer that comes in time and ends."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Callable
from dataclasses import dataclass
from typing import ClassVar

import httpx

from models.teacher import Fault, TeacherError

FIRST = 900.0  # seconds to the first byte: the server's queue, loading the model and reading the prompt
SILENCE = 180.0  # seconds between two lines of an answer
CONNECT = 10.0  # seconds: a loopback connection is made at once or not at all
WHOLE = 4 << 20  # bytes: no list or description of models, and no line of an answer, is as long as this
AT_ONCE = 15.0  # seconds: a line that has begun, or an answer of one, was written in one go and is soon here
PER_TOKEN = 1024  # bytes of a streamed line, which has some 150 to 350 around its token
PER_ANSWER = 64 << 10  # bytes beside the tokens'


class RefusedError(TeacherError):
    """The server answered with an error status."""

    def __init__(self, fault: Fault, status: int, reason: str, message: str) -> None:
        super().__init__(fault, message)
        self.status = status
        self.reason = reason  # the server's own words, on one line


@dataclass
class Limits:
    """What an answer may take. The reader may change `silence` while it reads."""

    size: int  # bytes
    silence: float  # seconds between two lines that count


@dataclass(eq=False)
class LocalTransport(httpx.AsyncBaseTransport):
    """The way of a client to one server, and to no other.

    It carries no key and no cookie that the client did not set itself, and what fails on it is a TeacherError, raised
    through the client: FORBIDDEN for another server, UNREACHABLE, SILENT, BROKEN.
    """

    url: str  # the server's
    first: float  # seconds to the first byte of the answer
    silence: float  # seconds between two of its lines

    who: ClassVar[str]  # in messages
    absent: ClassVar[str]  # what to do where nothing answers
    removed: ClassVar[tuple[str, ...]]  # headers that are not sent

    def __post_init__(self) -> None:
        # Reading the certificates takes 50 ms, which plain HTTP need not pay.
        self._way = httpx.AsyncHTTPTransport(verify=self.url.startswith("https:"), trust_env=False)

    async def aclose(self) -> None:
        await self._way.aclose()

    async def begin(self, request: httpx.Request) -> httpx.Response:
        """The head of the answer, whatever its status."""
        for name in self.removed:
            request.headers.pop(name, None)
        request.headers["accept-encoding"] = "identity"
        try:
            async with asyncio.timeout(self.first):
                return await self._way.handle_async_request(request)
        except (httpx.ConnectError, httpx.ConnectTimeout):
            raise TeacherError(Fault.UNREACHABLE, f"nothing answers at {self.url}: {self.absent}") from None
        except (TimeoutError, httpx.TimeoutException):
            raise self.silent(self.first) from None
        except httpx.TransportError as error:
            raise self.broken(f"closed the connection before it answered ({one_line(str(error))})") from None

    def check_home(self, request: httpx.Request) -> None:
        home = httpx.URL(self.url)
        if (request.url.scheme, request.url.host, request.url.port) != (home.scheme, home.host, home.port):
            raise TeacherError(Fault.FORBIDDEN, f"only {self.url} is asked, and not {request.url.host}")

    async def lines(
        self, response: httpx.Response, limits: Limits, counts: Callable[[bytes], object] = bytes.strip
    ) -> AsyncGenerator[bytes]:
        """The answer's lines, each of at most `WHOLE` bytes and without its line feed.

        The limit on silence is for whole lines that count: a trickle of bytes, or of blank lines, is silence too.
        """
        clock = asyncio.get_running_loop().time
        chunks = response.aiter_raw()
        rest, taken, heard = bytearray(), 0, clock()
        deadline = heard + limits.silence
        while True:
            try:
                async with asyncio.timeout_at(deadline):
                    chunk = await anext(chunks, None)
            except (TimeoutError, httpx.TimeoutException):
                raise self.silent(deadline - heard) from None
            except httpx.TransportError as error:
                raise self.broken(f"broke off its answer ({one_line(str(error))})") from None
            if chunk is None:
                break
            taken += len(chunk)
            begun = bool(rest)
            rest += chunk
            if taken > limits.size or len(rest) > WHOLE:
                raise self.broken(f"sent more than {min(limits.size, WHOLE)} bytes without an end")
            lines: list[bytearray] = []
            if b"\n" in chunk:
                *lines, rest = rest.split(b"\n")
            counted = False
            for line in map(bytes, lines):
                counted |= bool(counts(line))
                yield line
            if counted:
                heard = clock()  # what the reader did meanwhile is not the server's silence
                deadline = heard + limits.silence
            if rest and (counted or not begun):
                deadline = min(deadline, clock() + AT_ONCE)
        if rest.strip():
            yield bytes(rest)

    async def whole(self, response: httpx.Response, size: int) -> bytes:
        """An answer of at most `size` bytes that was written in one go."""
        limits = Limits(size, min(AT_ONCE, self.silence))
        return b"\n".join([line async for line in self.lines(response, limits) if line.strip()])

    def silent(self, limit: float) -> TeacherError:
        return TeacherError(
            Fault.SILENT,
            f"{self.who} at {self.url} sent no whole line for {limit:.3g} seconds: see its log, whether it is stuck",
        )

    def broken(self, what: str) -> TeacherError:
        return TeacherError(Fault.BROKEN, f"{self.url} {what}: see the server's log if it happens again")


_BY_STATUS = {
    401: Fault.FORBIDDEN,
    403: Fault.FORBIDDEN,
    404: Fault.MODEL_MISSING,
    429: Fault.BUSY,
    502: Fault.UNREACHABLE,  # a proxy's word for a server that is not there
    503: Fault.BUSY,
    504: Fault.UNREACHABLE,
}


def fault_of_status(status: int) -> Fault:
    """The kind of failure that an error status alone tells."""
    by_class = {3: Fault.FORBIDDEN, 4: Fault.REJECTED}
    return _BY_STATUS.get(status, by_class.get(status // 100, Fault.BROKEN))


def one_line(text: str) -> str:
    """A server's own words, made fit for one line of a terminal."""
    return " ".join("".join(c if c.isprintable() else " " for c in text[:2000]).split())[:300]
