"""Proof that what a teacher is asked stays on this machine: the server's address, and models that run elsewhere."""

from __future__ import annotations

import ipaddress
import re
from dataclasses import dataclass
from urllib.parse import SplitResult, urlsplit

from models.teacher import Fault, TeacherError

_CLOUD = re.compile(r"[:-]cloud$", re.IGNORECASE)
_PLAIN = re.compile(r"[A-Za-z0-9._:/\[\]-]+")


@dataclass(frozen=True, slots=True)
class AddressKind:
    """The words for an address in messages, and what it may leave out."""

    name: str  # "host"
    example: str
    port: int  # where neither a port nor a scheme is given


def local_url(given: str, kind: AddressKind, *, allow_remote: bool) -> str:
    """The base URL of a server, without a final slash, with its port, and with the path that was given.

    `given`: an address or a name, with or without scheme, port and path. An address to listen on (0.0.0.0, ::) means
    this machine. The URL is put together again from the parts that were checked, so that no other reader of the same
    text can see another host in it. A loopback URL holds an address, never a name: nobody is asked where it leads,
    and nobody can answer one thing while it is checked and another when it is used.

    Raises TeacherError: FORBIDDEN for a host that is not this machine unless `allow_remote`, UNREACHABLE for
    one that cannot be read.
    """
    parts, port = _split(given, kind)
    name = _this_machine(parts.hostname or "127.0.0.1", given, kind, allow_remote=allow_remote)
    bracketed = f"[{name}]" if ":" in name else name
    return f"{parts.scheme}://{bracketed}:{port}{parts.path.rstrip('/')}"


def is_cloud(name: str) -> bool:
    """A model's name says that it runs in Ollama's cloud."""
    return _CLOUD.search(name) is not None


def cloud_refused(name: str) -> TeacherError:
    return TeacherError(
        Fault.FORBIDDEN, f"{name} runs in Ollama's cloud, and your data would go there: choose a local model"
    )


def _split(given: str, kind: AddressKind) -> tuple[SplitResult, int]:
    text, bare = given, "://" not in given
    if bare and text.count(":") > 1 and not text.startswith("["):
        text = f"[{text}]"  # an IPv6 address as OLLAMA_HOST has it
    try:
        parts = urlsplit(f"http://{text}" if bare else text)
        port = parts.port
    except ValueError as error:
        raise _unreadable(text, kind, str(error)) from None
    if parts.scheme not in ("http", "https"):
        raise _unreadable(text, kind, "the scheme is neither http nor https")
    if parts.username is not None or parts.query or parts.fragment:
        raise _unreadable(text, kind, "a user, a query or a fragment has no place in it")
    if not _PLAIN.fullmatch(text):
        raise _unreadable(text, kind, "it holds characters that a host has not")
    if port is None:
        port = kind.port if bare else {"http": 80, "https": 443}[parts.scheme]
    return parts, port


def _this_machine(name: str, given: str, kind: AddressKind, *, allow_remote: bool) -> str:
    try:
        address = ipaddress.ip_address(name)
    except ValueError:
        if name == "localhost":
            return "127.0.0.1"
        if allow_remote:
            return name
        raise _refused(given, kind, "only a loopback address such as 127.0.0.1, or localhost, is") from None
    if isinstance(address, ipaddress.IPv6Address) and address.ipv4_mapped is not None:
        address = address.ipv4_mapped
    if address.is_unspecified:
        return "127.0.0.1" if address.version == 4 else "::1"
    if address.is_loopback or allow_remote:
        return str(address)
    raise _refused(given, kind, "its address is not a loopback address")


def _unreadable(given: str, kind: AddressKind, why: str) -> TeacherError:
    return TeacherError(
        Fault.UNREACHABLE,
        f"the teacher's {kind.name} {given[:100]!r} cannot be read: {why}; write {kind.example}",
    )


def _refused(given: str, kind: AddressKind, why: str) -> TeacherError:
    return TeacherError(
        Fault.FORBIDDEN,
        f"the teacher's {kind.name} {given[:100]!r} is not known to be this machine, and your data would leave it: "
        f"{why} (--allow-remote-teacher permits it for one run)",
    )
