"""Credentials in sources: taken out of what is shown, put in when a server is asked.

A source may hold `${NAME}` in place of a credential. It stays so in everything that is kept or
shown; its value, of the environment variable, goes into the URL that is sent and nowhere else.
A credential decides who may read, not what is read: another value fetches nothing anew.
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
# Schemes of fsspec that write a container or repository where others have user and password.
_PLACE_AS_USER = {"abfs", "abfss", "az", "adl", "github", "git"}
# A shorter value is no secret, and hiding it would garble a message.
_SHORTEST_SECRET = 4


def strip_credentials(url: str) -> str:
    """Return a URL without user, password, and what looks like a key in its query."""
    parts = urlsplit(url)
    query = parts.query
    pairs = parse_qsl(query, keep_blank_values=True)
    kept = [(key, value) for key, value in pairs if not _is_secret(key, value)]
    if len(kept) != len(pairs):
        query = urlencode(kept)
    return urlunsplit((parts.scheme, _find_host(parts), parts.path, query, parts.fragment))


def mask_credentials(url: str) -> str:
    """Return what tells a URL from others, without user, password and fragment.

    What looks like a key in its query may be one, or may choose what is read: of it there is
    a digest.
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
    """Refuse `${NAME}` where it is misspelt, or decides on what is read.

    Args:
        text: The source; of one that is no URL all of it.
        shown: What the message calls it.

    Raises:
        SourceError: It has one in its host or after '#', is no URL, or a `${` begins none.
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
    """Put the values of `${NAME}` into a URL; a user's and password's are percent-encoded.

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
    """Return a message with `${NAME}` in place of its value, for all variables of a source."""
    for name in dict.fromkeys(_VARIABLE.findall(source)):
        value = environ.get(name, "").strip()
        for form in (value, quote(value, safe=""), quote(value)):
            if len(form) >= _SHORTEST_SECRET:
                message = message.replace(form, f"${{{name}}}")
    return message


def _find_host(parts: SplitResult) -> str:
    """Return the network location without user and password."""
    if parts.scheme.lower() in _PLACE_AS_USER:
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
