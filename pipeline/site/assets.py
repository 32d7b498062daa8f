"""Style sheets and scripts of the pages; a digest in each name says that it never changes."""

import hashlib
from collections.abc import Mapping
from importlib.resources import files
from pathlib import Path, PurePosixPath

from pipeline.catalog.card import DIGEST_DIGITS

FOLDER = "assets"
_NAMES = (
    "early.js",
    "icon.svg",
    "list.js",
    "no-script.css",
    "page.js",
    "selftest.js",
    "style.css",
    "timings.js",
)


def read_static(name: str) -> bytes:
    """Return a file of the package's folder `static`."""
    return files("pipeline.site").joinpath("static", name).read_bytes()


def write_assets(folder: Path) -> Mapping[str, str]:
    """Write the assets below a folder.

    Returns:
        Their paths relative to the folder, by name: "assets/style-3f2a9c1b.css" for "style.css".
    """
    paths = {}
    for name in _NAMES:
        content = read_static(name)
        plain = PurePosixPath(name)
        digest = hashlib.sha256(content).hexdigest()[:DIGEST_DIGITS]
        paths[name] = f"{FOLDER}/{plain.stem}-{digest}{plain.suffix}"
        target = folder / paths[name]
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(content)
    return paths
