"""The configuration of npm on this machine: .npmrc files and NPM_CONFIG_ variables.

It is read as npm reads it (https://docs.npmjs.com/cli/configuring-npm/npmrc), without npm, which
prints no tokens: first the variables, then .npmrc of the project, of the user and of the
installation. It opens no connection.
"""

import base64
import binascii
import contextlib
import re
import shutil
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

from pipeline.errors import FetchError
from pipeline.fetch.http.http_session import HttpSettings, basic_auth

_VARIABLE = re.compile(r"(?<!\\)\$\{([^${}?]+)(\?)?\}")
_TRUE = {"true", "1", ""}
_UNSET = {"", "null", "false"}


@dataclass(frozen=True, kw_only=True)
class NpmConfig:
    """The registries of npm.

    Attributes:
        registry: URL of the registry, None for npm's own.
        scopes: URL of the registry of each "@scope" that has its own.
        http: The settings of the connections.
    """

    registry: str | None
    scopes: Mapping[str, str]
    http: HttpSettings


def load_npm_config(root: Path, environ: Mapping[str, str]) -> NpmConfig:
    """Return npm's configuration for a project folder.

    Raises:
        FetchError: The URL of a registry is no URL.
    """
    values: dict[str, str] = {}
    for path in _list_files(root, environ):
        with contextlib.suppress(OSError):
            values |= dict(_parse_npmrc(path.read_text(errors="replace"), environ))
    values |= dict(_read_environment(environ))
    return _parse_values(values)


def _list_files(root: Path, environ: Mapping[str, str]) -> Iterator[Path]:
    """Yield the paths of .npmrc files, the weakest first."""
    lowered = {name.lower(): value for name, value in environ.items()}
    npm = shutil.which("npm", path=environ.get("PATH"))
    node = shutil.which("node", path=environ.get("PATH"))
    if npm:
        yield Path(npm).resolve().parent.parent / "npmrc"  # npm's own: …/npm/bin/npm-cli.js
    prefix = lowered.get("npm_config_prefix") or environ.get("PREFIX")
    if not prefix:
        prefix = str(Path(node).resolve().parent.parent) if node else "/usr/local"
    yield Path(lowered.get("npm_config_globalconfig") or Path(prefix, "etc", "npmrc"))
    home = Path(environ.get("HOME") or Path.home())
    yield Path(lowered.get("npm_config_userconfig") or home / ".npmrc")
    yield root / ".npmrc"


def _parse_npmrc(text: str, environ: Mapping[str, str]) -> Iterator[tuple[str, str]]:
    for raw in text.splitlines():
        line = raw.strip()
        if not line or line.startswith((";", "#", "[")):
            continue
        key, equals, value = line.partition("=")
        value = value.strip().strip("\"'") if equals else "true"
        yield _expand(key.strip(), environ), _expand(value, environ)


def _expand(text: str, environ: Mapping[str, str]) -> str:
    """Return a text with the values of ${NAME}; without a value ${NAME} stays, ${NAME?} goes."""

    def value_of(match: re.Match[str]) -> str:
        return environ.get(match[1], "" if match[2] else match[0])

    return _VARIABLE.sub(value_of, text)


def _read_environment(environ: Mapping[str, str]) -> Iterator[tuple[str, str]]:
    for name, value in environ.items():
        if name.lower().startswith("npm_config_") and value:
            key = name[len("npm_config_") :]
            # Keys of a host or scope keep their capitals and underscores.
            yield key if key.startswith(("//", "@")) else key.lower().replace("_", "-"), value


def _parse_values(values: Mapping[str, str]) -> NpmConfig:
    registry = values.get("registry")
    for key, value in values.items():
        if key == "registry" or key.endswith(":registry"):
            _check_url(key, value)
    scopes = {
        key.removesuffix(":registry"): value
        for key, value in values.items()
        if key.startswith("@") and key.endswith(":registry")
    }
    verify: bool | str = values.get("cafile") or True
    if values.get("strict-ssl", "true") not in _TRUE:
        verify = False
    proxy = values.get("proxy") or values.get("http-proxy")
    proxies = {"http": proxy or "", "https": values.get("https-proxy") or proxy or ""}
    http = HttpSettings(
        verify=verify,
        proxies=tuple((scheme, url) for scheme, url in proxies.items() if url not in _UNSET),
        credentials=tuple(_find_credentials(values, registry)),
    )
    return NpmConfig(registry=registry, scopes=scopes, http=http)


def _check_url(key: str, value: str) -> None:
    try:
        parts = urlsplit(value)
    except ValueError:
        parts = urlsplit("")
    if parts.scheme not in {"http", "https"} or not parts.hostname:
        # Its value may hold a password.
        raise FetchError(f"npm: {key} in .npmrc or the environment is no http: or https: URL")


def _find_credentials(values: Mapping[str, str], registry: str | None) -> Iterator[tuple[str, str]]:
    """Yield each "//host/path" that has credentials, with its Authorization header."""
    scopes = {key.rpartition(":")[0] for key in values if key.startswith("//") and ":" in key}
    for scope in sorted(scopes):
        header = _find_header({name: values.get(f"{scope}:{name}", "") for name in _KEYS})
        if header:
            yield scope, header
    if registry:  # credentials without a host are for the default registry
        header = _find_header({name: values.get(name.lower(), "") for name in _KEYS})
        if header:
            parts = urlsplit(registry)
            yield f"//{parts.netloc.rpartition('@')[2]}{parts.path}", header


_KEYS = ("_authToken", "_auth", "username", "_password")


def _find_header(values: Mapping[str, str]) -> str | None:
    if values["_authToken"]:
        return f"Bearer {values['_authToken']}"
    if values["_auth"]:
        return f"Basic {values['_auth']}"
    if values["username"] and values["_password"]:
        try:
            password = base64.b64decode(values["_password"]).decode()
        except (binascii.Error, UnicodeDecodeError):
            return None
        return basic_auth(values["username"], password)
    return None
