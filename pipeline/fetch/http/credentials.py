"""Credentials in sources: removed from messages and records, put in when a server is asked.

A source may hold `${NAME}` in place of a credential. Records and messages keep `${NAME}`; the value
of the environment variable goes into the URL of the request and nowhere else. A credential decides
who may read a file, and not which file is read, so that a new value fetches nothing again.
"""

import hashlib
import re
from collections.abc import Mapping
from urllib.parse import SplitResult, parse_qsl, quote, urlencode, urlsplit, urlunsplit

from pipeline.errors import SetupError, SourceError

_VARIABLE = re.compile(r"\$\{([A-Za-z_][A-Za-z0-9_]*)\}")
_SECRET = re.compile(
    r"token|secret|passw|signature|credential|api-?_?key|^key$|^sig$|^auth", re.IGNORECASE
)
# Schemes of fsspec that write a container or repository where others write user and password.
_CONTAINER_AS_USER = {"abfs", "abfss", "az", "adl", "github", "git"}
# A shorter value is no secret; messages would become unreadable without it.
_SHORTEST_SECRET = 4


def strip_credentials(url: str) -> str:
    """Return a URL without user, password and keys of its query: "https://host/m.h5?v=1"."""
    parts = urlsplit(url)
    query = parts.query
    pairs = parse_qsl(query, keep_blank_values=True)
    kept = [(key, value) for key, value in pairs if not _is_secret(key, value)]
    if len(kept) != len(pairs):
        query = urlencode(kept)
    return urlunsplit((parts.scheme, _find_host(parts), parts.path, query, parts.fragment))


def mask_credentials(url: str) -> str:
    """Return a URL as the key of its file: "https://host/m.h5?token=9f86d081884c7d65".

    User, password and fragment are removed. A key in the query is a secret or chooses the file,
    so a digest stands for it.
    """
    parts = urlsplit(url)
    query = parts.query
    pairs = parse_qsl(query, keep_blank_values=True)
    if any(_SECRET.search(key) for key, _ in pairs):
        query = urlencode(
            [(key, _mask(value) if _SECRET.search(key) else value) for key, value in pairs]
        )
    return urlunsplit((parts.scheme, _find_host(parts), parts.path, query, ""))


def check_variables(text: str, *, shown: str) -> None:
    """Refuse a `${NAME}` that is misspelt, or that stands where no credential belongs.

    Args:
        text: The source.
        shown: The source as messages name it.

    Raises:
        SourceError: A variable stands in the host, after '#' or in a source that is no URL, or
            a `${` begins no variable.
    """
    if "${" in _VARIABLE.sub("", text):
        raise SourceError(f"{shown!r}: '${{' begins no variable; expected ${{NAME}}")
    parts = urlsplit(text)
    host = parts.netloc.rpartition("@")[2]
    rest = f"{host}#{parts.fragment}" if parts.netloc else text
    if found := _VARIABLE.search(rest):
        raise SourceError(
            f"{shown!r}: {found[0]} stands where no credential does; expected one as user, "
            "password, in the path or in the query of a URL"
        )


def expand_variables(url: str, environ: Mapping[str, str], *, shown: str) -> str:
    """Return a URL with the values of `${NAME}`; user and password are percent-encoded.

    "https://${USER}@host/m.h5" becomes "https://ann%40b@host/m.h5" if USER is "ann@b".

    Raises:
        SetupError: A variable is not set, or its value cannot be part of a URL.
    """
    if "${" not in url:
        return url
    parts = urlsplit(url)
    credentials, at_sign, host = parts.netloc.rpartition("@")

    def value_of(match: re.Match[str]) -> str:
        return _find_value(match[1], environ, shown=shown)

    credentials = _VARIABLE.sub(lambda match: quote(value_of(match), safe=""), credentials)
    path, query = (_VARIABLE.sub(value_of, part) for part in (parts.path, parts.query))
    return urlunsplit((parts.scheme, f"{credentials}{at_sign}{host}", path, query, ""))


def hide_values(message: str, source: str, environ: Mapping[str, str]) -> str:
    """Return a message with `${NAME}` in place of the value of each variable of a source."""
    for name in dict.fromkeys(_VARIABLE.findall(source)):
        value = environ.get(name, "").strip()
        for form in (value, quote(value, safe=""), quote(value)):
            if len(form) >= _SHORTEST_SECRET:
                message = message.replace(form, f"${{{name}}}")
    return message


def _find_host(parts: SplitResult) -> str:
    """Return the network location without user and password."""
    if parts.scheme.lower() in _CONTAINER_AS_USER:
        return parts.netloc
    return parts.netloc.rpartition("@")[2]


def _is_secret(key: str, value: str) -> bool:
    return bool(_SECRET.search(key) or _VARIABLE.search(key + value))


def _mask(value: str) -> str:
    return value if _VARIABLE.fullmatch(value) else hashlib.sha256(value.encode()).hexdigest()[:16]


def _find_value(name: str, environ: Mapping[str, str], *, shown: str) -> str:
    value = environ.get(name, "").strip()
    if not value:
        state = "is empty" if name in environ else "is not set"
        raise SetupError(
            f"{shown}: the environment variable {name} {state}", hint=f"set {name}, then run again"
        )
    if not value.isprintable() or " " in value:
        raise SetupError(
            f"{shown}: the environment variable {name} holds spaces or line breaks; "
            "expected a value that can stand in a URL"
        )
    return value
