"""The loader as it is published: one ES module, its types, and a package of both.

`zoo.js` and the modules in `zoo/` are joined into one file. So a page sends one request, and never
gets half of an old and half of a new loader. To join them, their imports and exports are left out.
"""

import re
import unicodedata
from importlib.resources import files
from importlib.resources.abc import Traversable
from pathlib import Path
from typing import Any

from pipeline.catalog.types import Catalog
from pipeline.disk.canonical import digest_json, format_json
from pipeline.disk.versions import TFJS
from pipeline.site.typescript import format_types

LOADER_FILE = "zoo.js"
TYPES_FILE = "zoo.d.ts"
PACKAGE_FILE = "package.json"
_NAME_MAX = 214  # of npm

_IMPORT = re.compile(r"^import\s*\{[^}]*\}\s*from '\./([\w/-]+\.js)';\n", re.MULTILINE)
# Programs of Node.js that the loader shares: each becomes one expression, with its names inside.
_SHARED = {"zoo/texts.js": ("text_ops.js", "addTextOps")}
_EXPORT = re.compile(r"^export (?=(?:async )?(?:function|const|class)\b)", re.MULTILINE)


def write_loader(catalog: Catalog, *, folder: Path) -> None:
    """Write `zoo.js`, `zoo.d.ts` and `package.json` of a catalog into a folder."""
    (folder / LOADER_FILE).write_text(bundle_loader(), encoding="utf-8")
    (folder / TYPES_FILE).write_text(format_types(catalog), encoding="utf-8")
    # Node.js takes the first condition of `exports` that fits, so the keys are not sorted.
    package = format_json(describe_package(catalog), sort_keys=False)
    (folder / PACKAGE_FILE).write_bytes(package)


def bundle_loader() -> str:
    """Return the loader as one ES module, its own comments kept."""
    sources = files("pipeline.site")
    entry = sources.joinpath(LOADER_FILE).read_text("utf-8")
    head, *_ = _IMPORT.split(entry, maxsplit=1)
    rest = _IMPORT.sub("", entry[len(head) :])
    parts = [head.rstrip()]
    done: set[str] = set()
    for name in _imported(entry):
        _append(sources, name, parts, done)
    return "\n\n".join([*parts, rest.strip()]) + "\n"


def _append(sources: Traversable, name: str, parts: list[str], done: set[str]) -> None:
    """Append a module after the modules that it imports, each once."""
    if name in done:
        return
    done.add(name)
    if name in _SHARED:
        parts.append(_share(*_SHARED[name]))
        return
    text = sources.joinpath(name).read_text("utf-8")
    folder = name.rpartition("/")[0]
    for other in _imported(text):
        _append(sources, f"{folder}/{other}", parts, done)
    parts.append(_EXPORT.sub("", _IMPORT.sub("", text)).strip())


def _share(program: str, names: str) -> str:
    """Return a program of Node.js as a statement: "const {addTextOps, …} = (() => {…})();"."""
    text = files("pipeline.runtime").joinpath(program).read_text("utf-8").strip()
    head, _, body = text.partition("'use strict';")
    return (
        f"{head.strip()}\nconst {{{names}}} = (() => {{\nconst exports = {{}};\n{body.strip()}\n"
        "return exports;\n})();"
    )


def _imported(text: str) -> list[str]:
    return [match[1] for match in _IMPORT.finditer(text)]


def describe_package(catalog: Catalog) -> dict[str, Any]:
    """Return package.json, so that `npm install` of the zoo's folder installs the loader alone.

    The version has the catalog's digest in it, because the types follow the catalog.
    """
    version = catalog.toolchain.get("tfjs-zoo") or "0.0.0"
    tfjs = catalog.toolchain.get("tfjs")
    return {
        "name": _package_name(catalog.zoo.name),
        "version": f"{version}-c{digest_json(catalog.to_json())[:12]}",
        "description": f"Loader of the TensorFlow.js models of {catalog.zoo.name}",
        "type": "module",
        "main": f"./{LOADER_FILE}",
        "types": f"./{TYPES_FILE}",
        "exports": {".": {"types": f"./{TYPES_FILE}", "default": f"./{LOADER_FILE}"}},
        "files": [LOADER_FILE, TYPES_FILE],
        "sideEffects": False,
        "peerDependencies": {"@tensorflow/tfjs": f"^{tfjs or TFJS}"},
    }


def _package_name(name: str) -> str:
    """Return a name that npm accepts: "example-zoo" for "Example zoo"."""
    plain = unicodedata.normalize("NFKD", name).encode("ascii", "ignore").decode()
    words = re.findall(r"[a-z0-9]+", plain.lower())
    return "-".join(words)[:_NAME_MAX] or "zoo"
