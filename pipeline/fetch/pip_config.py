"""The configuration of pip on this machine: its configuration files and PIP_ variables.

It is read as pip reads it (https://pip.pypa.io/en/stable/topics/configuration), and without pip. It
opens no connection.
"""

import configparser
import os
import re
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import unquote, urlsplit

import platformdirs
from pypi_simple import PYPI_SIMPLE_ENDPOINT

from pipeline.fetch.http.http_session import HttpSettings, basic_auth

_SECTIONS = ("global", "install", "download")
_TRUE = {"1", "true", "yes", "on", "y", "t"}


@dataclass(frozen=True, kw_only=True)
class PipConfig:
    """The package indexes of pip.

    Attributes:
        indexes: URLs of simple indexes; http(s): or file:.
        find_links: Folders, and file: or http(s): URLs of pages with links.
        http: The settings of the connections.
    """

    indexes: tuple[str, ...]
    find_links: tuple[str, ...]
    http: HttpSettings


def load_pip_config(environ: Mapping[str, str]) -> PipConfig:
    """Return pip's configuration."""
    values: dict[str, str] = {}
    for path in _list_files(environ):
        values |= _parse_file(path)
    for name, value in environ.items():
        if name.startswith("PIP_") and value:
            values[name[len("PIP_") :].lower().replace("_", "-")] = value
    return _parse_values(values)


def _list_files(environ: Mapping[str, str]) -> Iterator[Path]:
    """Yield the paths of pip.conf, the weakest first."""
    own = environ.get("PIP_CONFIG_FILE")
    if own == os.devnull:
        return
    home = Path(environ.get("HOME") or Path.home())
    shared = platformdirs.site_config_dir("pip", appauthor=False, multipath=True)
    yield from (Path(folder, "pip.conf") for folder in shared.split(os.pathsep))
    yield Path("/etc/pip.conf")
    yield home / ".pip/pip.conf"
    library = home / "Library/Application Support/pip"
    if sys.platform == "darwin" and library.is_dir():
        yield library / "pip.conf"
    else:
        yield Path(environ.get("XDG_CONFIG_HOME") or home / ".config", "pip/pip.conf")
    yield Path(sys.prefix, "pip.conf")
    if own:
        yield Path(own)


def _parse_file(path: Path) -> dict[str, str]:
    """Return the values of a file; a later section overrides [global]."""
    parser = configparser.RawConfigParser()
    try:
        parser.read_string(path.read_text(errors="replace"))
    except (OSError, configparser.Error):
        return {}
    values: dict[str, str] = {}
    for section in _SECTIONS:
        if parser.has_section(section):
            values |= {key.replace("_", "-"): value for key, value in parser.items(section)}
    return values


def _parse_values(values: Mapping[str, str]) -> PipConfig:
    indexes = [values.get("index-url") or PYPI_SIMPLE_ENDPOINT]
    indexes += values.get("extra-index-url", "").split()
    if values.get("no-index", "").lower() in _TRUE:
        indexes = []
    verify: bool | str = values.get("cert") or True
    timeout = values.get("timeout") or values.get("default-timeout") or ""
    retries = values.get("retries", "")
    proxy = values.get("proxy")
    defaults = HttpSettings()
    http = HttpSettings(
        verify=verify,
        trusted_hosts=tuple(values.get("trusted-host", "").split()),
        proxies=(("http", proxy), ("https", proxy)) if proxy else (),
        credentials=tuple(_find_credentials(indexes)),
        timeout_seconds=float(timeout) if _is_number(timeout) else defaults.timeout_seconds,
        attempts=int(retries) + 1 if re.fullmatch(r"[0-9]{1,3}", retries) else defaults.attempts,
    )
    find_links = tuple(values.get("find-links", "").split())
    return PipConfig(indexes=tuple(indexes), find_links=find_links, http=http)


def _is_number(text: str) -> bool:
    return re.fullmatch(r"[0-9]{1,6}(\.[0-9]{1,6})?", text) is not None and float(text) > 0


def _find_credentials(indexes: list[str]) -> Iterator[tuple[str, str]]:
    """Yield the credentials in URLs of indexes; pip also sends them to files of that host."""
    for index in indexes:
        try:
            parts = urlsplit(index)
        except ValueError:
            continue  # the request to the index reports it
        userinfo, at_sign, host = parts.netloc.rpartition("@")
        if at_sign:
            user, _, password = userinfo.partition(":")
            yield f"//{host}/", basic_auth(unquote(user), unquote(password))
