"""TensorFlow.js in dist/, with which the pages test models."""

import shutil
from pathlib import Path

from pipeline.runtime.tfjs_packages import Packages
from pipeline.site.assets import read_static

FOLDER = "tfjs"
LICENSE_FILE = "LICENSE"


def copy_tensorflow_js(packages: Packages, folder: Path) -> str:
    """Copy a release below a folder, with the licence's text, which its packages lack.

    Returns:
        Its path relative to the folder: "tfjs/4.22.0".
    """
    release = f"{FOLDER}/{packages.version}"
    target = folder / release
    target.mkdir(parents=True)
    for path in sorted(packages.folder.iterdir()):
        shutil.copyfile(path, target / path.name)
    (target / LICENSE_FILE).write_bytes(read_static("tfjs-license.txt"))
    return release
