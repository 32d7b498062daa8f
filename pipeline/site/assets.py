"""Assets: files of the page under names that tell their content, so that they never change."""

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
    """Return a file that the package carries for the page."""
    return files("pipeline.site").joinpath("static", name).read_bytes()


def write_assets(folder: Path) -> Mapping[str, str]:
    """Write the assets below a folder.

    Returns:
        Their places relative to the folder, by name: "style.css" is "assets/style-3f2a9c1b.css".
    """
    places = {}
    for name in _NAMES:
        content = read_static(name)
        path = PurePosixPath(name)
        digest = hashlib.sha256(content).hexdigest()[:DIGEST_DIGITS]
        places[name] = f"{FOLDER}/{path.stem}-{digest}{path.suffix}"
        target = folder / places[name]
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(content)
    return places
