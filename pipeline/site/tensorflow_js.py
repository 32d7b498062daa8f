"""TensorFlow.js in dist/: the page tests models with what the zoo itself carries."""

import shutil
from pathlib import Path

from pipeline.runtime.tfjs_packages import Packages
from pipeline.site.assets import read_static

FOLDER = "tfjs"
LICENSE_FILE = "LICENSE"


def copy_tensorflow_js(packages: Packages, folder: Path) -> str:
    """Copy a release below a folder, with the licence that its packages name but do not carry.

    Returns:
        Its place relative to the folder: "tfjs/4.22.0".
    """
    place = f"{FOLDER}/{packages.version}"
    target = folder / place
    target.mkdir(parents=True)
    for path in sorted(packages.folder.iterdir()):
        shutil.copyfile(path, target / path.name)
    (target / LICENSE_FILE).write_bytes(read_static("tfjs-license.txt"))
    return place
