"""The newest version of a package, for people who name a package without one.

A manifest states exact versions; commands that describe a package or add it find the version.
"""

import re
from dataclasses import replace
from pathlib import Path

from pipeline.fetch.address.source import parse_source
from pipeline.fetch.download_cache import Store
from pipeline.fetch.request import Request

_PACKAGES = re.compile(r"(?P<kind>npm|pypi):(?P<name>@?[^@=#\s]+)(?P<path>#.*)?")
_FORMS = {"npm": "npm:{}@{}", "pypi": "pypi:{}=={}"}
_ANY = {"npm": "0.0.0", "pypi": "0"}


def state_version(text: str, *, root: Path, cache: Path) -> str:
    """Return a source with the newest version of a package whose version it leaves out.

    "npm:cats@1.2.0#m.json" for "npm:cats#m.json"; any other text as it is.

    Args:
        text: The source as a person wrote it.
        root: Folder of the manifest, whose .npmrc counts.
        cache: Folder of downloads.

    Raises:
        PipelineError: It is no source, or the registry has no such package or does not answer.
    """
    match = _PACKAGES.fullmatch(text)
    if match is None:
        return text
    kind, form = match["kind"], _FORMS[match["kind"]]
    request = Request(
        source=replace(parse_source(form.format(match["name"], _ANY[kind])), uri=text),
        root=root,
        folder=root,
        store=Store(cache),
        sha256=None,
        progress=lambda _done, _total: None,
        refresh=False,
    )
    if kind == "npm":
        from pipeline.fetch.npm import find_newest_version as find  # noqa: PLC0415  # brings HTTP
    else:
        from pipeline.fetch.pypi import find_newest_release as find  # noqa: PLC0415  # brings HTTP
    return form.format(match["name"], find(request)) + (match["path"] or "")
