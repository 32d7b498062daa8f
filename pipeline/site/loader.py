"""The loader as it is published: an ES module, three parts of it, its types, and a package of all.

`zoo.js` and the modules in `zoo/` are joined into one file, so a page sends one request. To join
them, their imports and exports are left out. The self-test, the methods that give results, the
tokenizer and the ops on texts are files of their own, which `zoo.js` imports when they are asked
for; what they need of `zoo.js`, it hands over. The names of these files have their digests, so that
a page never gets half of an old and half of a new loader.
"""

import hashlib
import re
import textwrap
import unicodedata
from collections.abc import Iterable
from importlib.resources import files
from importlib.resources.abc import Traversable
from pathlib import Path
from typing import Any

from pipeline.catalog.card import DIGEST_DIGITS
from pipeline.catalog.types import Catalog
from pipeline.disk.canonical import format_json
from pipeline.disk.versions import TFJS
from pipeline.site.typescript import format_types

LOADER_FILE = "zoo.js"
_PARTS = {
    "zoo-results.js": "zoo/methods.js",
    "zoo-selftest.js": "zoo/selftest.js",
    "zoo-tokenizer.js": "zoo/tokenizer.js",
}
_PROGRAMS = {"zoo-texts.js": ("texts/ops.js", "addTextOps")}
"""Parts that are programs of `pipeline/runtime`, by which models are proved; what they export."""
TYPES_FILE = "zoo.d.ts"
PACKAGE_FILE = "package.json"
_NAME_MAX = 214  # of npm

# Modules of the page, and those of Node.js.
_IMPORT = re.compile(
    r"^(?:import|const)\s*\{([^}]*)\}\s*(?:from |= require\()'\./([\w/-]+\.js)'\)?;\n", re.MULTILINE
)
_EXPORT = re.compile(
    r"^export (?=(?:async )?(?:function\b|const|class))|^exports\.\w+ = \w+;\n|^'use strict';\n",
    re.MULTILINE,
)
_EXPORTED = re.compile(r"^export (?:async )?(?:function|const|class) (\w+)", re.MULTILINE)
_WIDTH = 96


def write_loader(head: Catalog, *, sha256: str, types: Iterable[str], folder: Path) -> None:
    """Write `zoo.js`, its self-test, `zoo.d.ts` and `package.json` of a catalog into a folder.

    Args:
        head: The catalog without its models.
        sha256: Digest of the whole catalog.
        types: The part of each model in the types: see `format_model`.
        folder: The folder.
    """
    scripts = bundle_loader()
    for name, text in scripts.items():
        (folder / name).write_text(text, encoding="utf-8")
    (folder / TYPES_FILE).write_text(format_types(head.zoo.name, types), encoding="utf-8")
    # Node.js takes the first condition of `exports` that fits, so the keys are not sorted.
    package = format_json(describe_package(head, sha256), sort_keys=False)
    (folder / PACKAGE_FILE).write_bytes(package)


def bundle_loader() -> dict[str, str]:
    """Return the text of the loader and of its parts by their files, comments kept."""
    sources = files("pipeline.site")
    entry = sources.joinpath(LOADER_FILE).read_text("utf-8")
    first = _IMPORT.search(entry)
    assert first is not None
    texts = [entry[: first.start()].rstrip()]
    done: set[str] = set()
    for name in _imported(entry):
        _append(sources, name, texts, done)
    loader = "\n\n".join([*texts, _IMPORT.sub("", entry[first.start() :]).strip()])
    held: set[str] = set()
    made: dict[str, str] = {}
    parts = {file: _bundle_part(sources, module, done) for file, module in _PARTS.items()}
    parts |= {file: (_bundle_program(*part), set()) for file, part in _PROGRAMS.items()}
    for file, (text, needed) in parts.items():
        held |= needed
        digest = hashlib.sha256(text.encode()).hexdigest()[:DIGEST_DIGITS]
        made[f"{file.removesuffix('.js')}-{digest}.js"] = text
        loader = loader.replace(f"'./{file}'", f"'./{[*made][-1]}'")
    shared = f"// What the parts of the loader need of it.\n{_wrap('const HELD = {', held)}}};"
    return {LOADER_FILE: f"{loader}\n\n{shared}\n", **made}


def _bundle_part(sources: Traversable, module: str, loaded: set[str]) -> tuple[str, set[str]]:
    """Return a module with all that it imports, and the names that it needs of the loader.

    Args:
        sources: The folder of the modules.
        module: Path of the module.
        loaded: The modules in the loader.
    """
    texts: list[str] = []
    done = set(loaded)
    _append(sources, module, texts, done)
    needed: set[str] = set()
    for name in done - loaded:
        for names, other in _IMPORT.findall(sources.joinpath(name).read_text("utf-8")):
            if f"{name.rpartition('/')[0]}/{other}" in loaded:
                needed |= set(re.findall(r"\w+", names))
    exported = _EXPORTED.findall(sources.joinpath(module).read_text("utf-8"))
    prepare = (
        f"{_wrap('let ', needed)};\n\n"
        "// Give it what it needs of zoo.js, and return what it exports.\n"
        f"export function prepare(held) {{\n{_wrap('  ({', needed)}}} = held);\n"
        f"  return {{{', '.join(exported)}}};\n}}"
    )
    return "\n\n".join([prepare, *texts]) + "\n", needed


def _wrap(start: str, names: set[str]) -> str:
    return textwrap.fill(start + ", ".join(sorted(names)), _WIDTH, subsequent_indent="  ")


def _append(sources: Traversable, name: str, parts: list[str], done: set[str]) -> None:
    """Append a module after the modules that it imports, each once."""
    if name in done:
        return
    done.add(name)
    text = sources.joinpath(name).read_text("utf-8")
    folder = name.rpartition("/")[0]
    for other in _imported(text):
        _append(sources, f"{folder}/{other}", parts, done)
    parts.append(_EXPORT.sub("", _IMPORT.sub("", text)).strip())


def _bundle_program(name: str, exported: str) -> str:
    """Return a program of Node.js, with all that it requires, as a part of the loader."""
    texts = [f"export function prepare() {{\n  return {{{exported}}};\n}}"]
    _append(files("pipeline.runtime"), name, texts, set())
    return "\n\n".join(texts) + "\n"


def _imported(text: str) -> list[str]:
    return [match[2] for match in _IMPORT.finditer(text)]


def describe_package(head: Catalog, sha256: str) -> dict[str, Any]:
    """Return package.json, so that `npm install` of the zoo's folder installs the loader alone.

    The version has the digest of `models.json` in it, because the types follow the catalog.

    Args:
        head: The catalog without its models.
        sha256: Digest of the whole catalog.
    """
    version = head.toolchain.get("tfjs-zoo") or "0.0.0"
    tfjs = head.toolchain.get("tfjs")
    return {
        "name": _package_name(head.zoo.name),
        "version": f"{version}-c{sha256[:12]}",
        "description": f"Loader of the TensorFlow.js models of {head.zoo.name}",
        "type": "module",
        "main": f"./{LOADER_FILE}",
        "types": f"./{TYPES_FILE}",
        "exports": {".": {"types": f"./{TYPES_FILE}", "default": f"./{LOADER_FILE}"}},
        "files": [*sorted(bundle_loader()), TYPES_FILE],
        "sideEffects": False,
        "peerDependencies": {"@tensorflow/tfjs": f"^{tfjs or TFJS}"},
    }


def _package_name(name: str) -> str:
    """Return a name that npm accepts: "example-zoo" for "Example zoo"."""
    plain = unicodedata.normalize("NFKD", name).encode("ascii", "ignore").decode()
    words = re.findall(r"[a-z0-9]+", plain.lower())
    return "-".join(words)[:_NAME_MAX] or "zoo"
