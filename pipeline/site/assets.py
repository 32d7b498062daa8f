"""Files that pages load: style sheets, scripts and TensorFlow.js.

A style sheet or script has a digest in its name, so the file under that name never changes.
"""

import hashlib
import shutil
from collections.abc import Iterable, Mapping
from importlib.resources import files
from pathlib import Path, PurePosixPath

from pipeline.catalog.card import DIGEST_DIGITS
from pipeline.runtime.tfjs_packages import Packages

ASSETS_FOLDER = "assets"
TFJS_FOLDER = "tfjs"
LICENSE_FILE = "LICENSE"
_NAMES = (
    "card.js",
    "early.js",
    "icon.svg",
    "list.js",
    "no-script.css",
    "page.js",
    "selftest.js",
    "style.css",
    "timings.js",
    "try.js",
    "zip.js",
)
LICENSES_FILE = "LICENSES.md"


def read_static(name: str) -> bytes:
    """Return a file of the package's folder `static`."""
    return files("pipeline.site").joinpath("static", name).read_bytes()


def write_assets(folder: Path) -> Mapping[str, str]:
    """Write the assets below a folder.

    Returns:
        Their paths relative to the folder, by name: "assets/style-3f2a9c1b.css" for "style.css".
    """
    return {name: _write_asset(folder, name, read_static(name)) for name in _NAMES}


def write_samples(folder: Path, names: Iterable[str]) -> Mapping[str, str]:
    """Write pictures and sounds to try models with, and their licences, below a folder.

    Args:
        folder: The folder.
        names: Files of the package's samples.

    Returns:
        Their paths relative to the folder, by name; that of the licences too if there are samples.
    """
    samples = files("pipeline.proof.samples")
    paths = {
        name: _write_asset(folder, name, samples.joinpath("data", name).read_bytes())
        for name in sorted(set(names))
    }
    if paths:
        content = samples.joinpath(LICENSES_FILE).read_bytes()
        paths[LICENSES_FILE] = _write_asset(folder, LICENSES_FILE, content)
    return paths


def _write_asset(folder: Path, name: str, content: bytes) -> str:
    """Write a file under a name with its digest, and return its path below the folder."""
    plain = PurePosixPath(name)
    digest = hashlib.sha256(content).hexdigest()[:DIGEST_DIGITS]
    path = f"{ASSETS_FOLDER}/{plain.stem}-{digest}{plain.suffix}"
    target = folder / path
    target.parent.mkdir(parents=True, exist_ok=True)
    target.write_bytes(content)
    return path


def copy_tensorflow_js(packages: Packages, folder: Path) -> str:
    """Copy a release below a folder, with the licence's text, which its packages lack.

    Returns:
        Its path relative to the folder: "tfjs/4.22.0".
    """
    release = f"{TFJS_FOLDER}/{packages.version}"
    target = folder / release
    target.mkdir(parents=True)
    for path in sorted(packages.folder.iterdir()):
        shutil.copyfile(path, target / path.name)
    (target / LICENSE_FILE).write_bytes(read_static("tfjs-license.txt"))
    return release
