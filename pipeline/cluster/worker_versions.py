"""Versions: what a worker must have in common with the machine of the run.

Equal results need equal code and equal tools. The digest of the package's own files stands beside
its version, because two checkouts of one version may differ.
"""

import hashlib
import platform
import sys
from collections.abc import Iterable, Mapping
from functools import cache
from pathlib import Path

import pipeline
from pipeline.disk.versions import installed_version

Versions = Mapping[str, str | None]
_SHOWN_DIGITS = 8
# A worker without the browser of the run, or with another one, only leaves steps out that need it.
_OF_SOME_WORKERS = frozenset({"browser"})


def own_versions(tools: Iterable[str]) -> dict[str, str | None]:
    """Return the versions of this machine, by name: {"Python": "3.11", "numpy": "2.1.3", …}.

    Args:
        tools: Names of the tools of all steps.
    """
    version = installed_version("tfjs-zoo") or "unknown"
    return {
        "Python": python_version(),
        "system": f"{platform.system()} {platform.machine()}",
        "tfjs-zoo": f"{version} (code {digest_code()})",
        "distributed": installed_version("distributed"),
        **{
            tool: installed_version(tool)
            for tool in sorted(set(tools) - _OF_SOME_WORKERS - {"tfjs-zoo"})
        },
    }


def python_version() -> str:
    """Return the release of Python that decides on its byte code: "3.11"."""
    return f"{sys.version_info.major}.{sys.version_info.minor}"


@cache
def digest_code() -> str:
    """Return a digest of all modules of this package, and of its programs for Node.js."""
    root = Path(pipeline.__file__).parent
    whole = hashlib.sha256()
    for path in sorted(path for kind in ("*.py", "*.js") for path in root.rglob(kind)):
        # The wheel carries dodo.py in the package; a checkout has it beside.
        if path != root / "dodo.py":
            whole.update(path.relative_to(root).as_posix().encode() + b"\0" + path.read_bytes())
    return whole.hexdigest()[:_SHOWN_DIGITS]


def describe_differences(ours: Versions, theirs: Versions) -> list[str]:
    """Return what a worker has in another version: ["numpy is 2.1.2, not 2.1.3"]."""
    return [
        f"{name} is {theirs.get(name) or 'not installed'}, not {version or 'left out'}"
        for name, version in ours.items()
        if theirs.get(name) != version
    ]
