"""What an HTTP request asks for: the file, the part of it, and of whom. Pure.

Whatever stands in a request is answered by a value; nothing here raises.
"""

import ipaddress
import re
from dataclasses import dataclass
from urllib.parse import unquote_to_bytes, urlsplit

# RFC 9110, 14.1.2. Several ranges at once fit neither.
_RANGE = re.compile(r"bytes=(?:(\d+)-(\d*)|-(\d+))", re.ASCII)
_HOST = re.compile(r"(\[[0-9A-Fa-f:.]+\]|[^\s:@/\\\[\]]+)(?::\d{0,5})?", re.ASCII)
# More digits than any file has bytes; Python refuses to read thousands of them.
_MAX_DIGITS = 18


@dataclass(frozen=True, kw_only=True)
class ByteRange:
    """Bytes of a file from `start` to before `end`."""

    start: int
    end: int


@dataclass(frozen=True, kw_only=True)
class RequestTarget:
    """What a request asks for.

    Attributes:
        path: Relative to the folder that is served: "models/a b/model.json"; "" for itself.
        slash: Whether it was asked for as a folder.
        host: The server that it names itself, as in `GET http://host/path`; None for none.
    """

    path: str
    slash: bool
    host: str | None = None


def parse_request_target(text: str) -> RequestTarget | None:
    """Return what the target of a request line means; None for what no file can be.

    That is a hidden name, a way up, a backslash, a NUL, what is no UTF-8 and no URL.

    Args:
        text: The target as it came, each byte a character.
    """
    try:
        parts = urlsplit(f"//host{text}" if text.startswith("/") else text)
        path = unquote_to_bytes(parts.path.encode("latin-1")).decode()
    except ValueError:
        return None
    host = None if text.startswith("/") else parts.netloc.rpartition("@")[2]
    if host is not None and (parts.scheme not in {"http", "https"} or not host):
        return None
    names = [name for name in path.split("/") if name]
    if "\0" in path or "\\" in path or any(name.startswith(".") for name in names):
        return None
    return RequestTarget(path="/".join(names), slash=path.endswith("/") or not names, host=host)


def parse_host(text: str) -> str | None:
    """Return the name in a Host header, "localhost" of "LocalHost.:8000"; None for no name."""
    match = _HOST.fullmatch(text.strip())
    return match[1].lower().rstrip(".") if match else None


def is_loopback(name: str) -> bool:
    """Say whether a host's name or address is this machine's own, whoever resolves it."""
    if name == "localhost" or name.endswith(".localhost"):
        return True
    try:
        return ipaddress.ip_address(name.strip("[]")).is_loopback
    except ValueError:
        return False


def matches(header: str | None, etag: str) -> bool:
    """Say whether If-Match or If-None-Match names an ETag, weak or not."""
    names = [name.strip().removeprefix("W/") for name in (header or "").split(",")]
    return etag in names or names == ["*"]


def parse_range(header: str | None, size: int) -> ByteRange | None:
    """Return the bytes that a Range header asks for; None where the file has none of them.

    Several ranges, and what is no range, ask for the whole: RFC 9110 lets a server ignore them.
    """
    whole = ByteRange(start=0, end=size)
    match = _RANGE.fullmatch(header.strip()) if header else None
    if match is None:
        return whole
    first, last, suffix = (_to_int(digits) if digits else None for digits in match.groups())
    if suffix is not None:
        start, end = max(0, size - suffix), size
    else:
        start, end = first or 0, size if last is None else min(size, last + 1)
        if last is not None and last < start:
            return whole
    return ByteRange(start=start, end=end) if start < end else None


def _to_int(digits: str) -> int:
    digits = digits.lstrip("0")
    return int(digits or "0") if len(digits) <= _MAX_DIGITS else 10**_MAX_DIGITS
