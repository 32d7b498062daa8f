"""TensorFlow.js as published: the bundles and WebAssembly modules of pinned releases.

They come from npm through `pipeline.fetch`, and every file is pinned by its digest here. One folder
of the cache holds the files of a release, whole or not at all. `python -m
pipeline.runtime.tfjs_packages` fetches all releases, for images of machines without a network.
"""

import os
import shutil
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from pipeline.disk.files import digest_file
from pipeline.disk.layout import cache_folder
from pipeline.disk.versions import TFJS
from pipeline.errors import FetchError
from pipeline.fetch.address.source import parse_source
from pipeline.fetch.download_cache import Progress, Store
from pipeline.fetch.fetch import fetch_source

NEWEST = TFJS

# SHA-256 by release and by package and path of the file.
_FILES: Mapping[str, Mapping[str, str]] = {
    "4.22.0": {
        "@tensorflow/tfjs#dist/tf.min.js": (
            "300dfae273d20b4046f46a06d735688f03675a807561e9bcb5f664eb2f3d2831"
        ),
        "@tensorflow/tfjs-backend-wasm#dist/tf-backend-wasm.min.js": (
            "691bbec0ef8b5a7f17f212e9c5d85832030f90d030b46e99acb4dea1fb16f009"
        ),
        "@tensorflow/tfjs-backend-wasm#dist/tfjs-backend-wasm.wasm": (
            "70a5d516060464e5269f01c74bac1772d6b8ab6cb612acf16b5cdaf61f78d892"
        ),
        "@tensorflow/tfjs-backend-wasm#dist/tfjs-backend-wasm-simd.wasm": (
            "77ebb28a6d34f371dbbf2086b7f2de8994acd8ea5a3cf1fa24d2c26c840cac7b"
        ),
        "@tensorflow/tfjs-backend-wasm#dist/tfjs-backend-wasm-threaded-simd.wasm": (
            "c052228d4bef185c27bbe59a9e029570c78bbb9f08b3cb46b597851650373de2"
        ),
        # For browsers only: the site's self-test.
        "@tensorflow/tfjs-backend-webgpu#dist/tf-backend-webgpu.min.js": (
            "c02ae6ef5e7fff6dc9cec8b14b45e36e8894614f3ef006973e98f7568b590f3f"
        ),
    },
    # The last release before the executor began to free tensors of While loops too early.
    "3.21.0": {
        "@tensorflow/tfjs#dist/tf.min.js": (
            "a184b4eb763bf152e9bf52598ec3210c8a5f32baf4c050660c88bd82ef6be3cf"
        ),
        "@tensorflow/tfjs-backend-wasm#dist/tf-backend-wasm.min.js": (
            "4a0e970b6e21ff49e29f33e4db095e8e756cbe7dcf73b9c0bb2a4aac514b53ea"
        ),
        "@tensorflow/tfjs-backend-wasm#dist/tfjs-backend-wasm.wasm": (
            "3fdde0b7f76782146ed7a5212bca394d1e59e1bfb8768531c72480d6f10aee1f"
        ),
        "@tensorflow/tfjs-backend-wasm#dist/tfjs-backend-wasm-simd.wasm": (
            "918e97b89039305394e9987088249bacee5ef09111ae9f9384c06bec564e2d7b"
        ),
        "@tensorflow/tfjs-backend-wasm#dist/tfjs-backend-wasm-threaded-simd.wasm": (
            "7ca7dc269cc43b600cc231c252d16383aae22c4383f4363ce30c413673d8a911"
        ),
    },
}
VERSIONS = tuple(_FILES)


@dataclass(frozen=True, kw_only=True)
class Packages:
    """A release of TensorFlow.js on this machine.

    Attributes:
        version: Version of TensorFlow.js and of its backends, e.g. "4.22.0".
        folder: Absolute folder of tf.min.js, tf-backend-wasm.min.js and its three .wasm files; for
            the newest release also tf-backend-webgpu.min.js.
    """

    version: str
    folder: Path


def fetch_packages(
    *, cache: Path, root: Path, progress: Progress, version: str = NEWEST
) -> Packages:
    """Return a release; fetch it unless the cache has it.

    Args:
        cache: The folder of downloads.
        root: The folder of models.yaml, whose .npmrc applies.
        progress: Called with bytes done, and bytes in all where known.
        version: One of `VERSIONS`.

    Raises:
        NetworkError: The registry or the network failed for now.
        FetchError: The registry has no such release, or different files under its name.
    """
    files = _FILES.get(version)
    if files is None:
        raise FetchError(f"TensorFlow.js {version}: not pinned; expected {', '.join(VERSIONS)}")
    folder = cache.absolute() / "tfjs" / version
    with Store(cache).lock(f"tfjs {version}"):
        if not _is_whole(folder, files):
            _fetch(folder, files, version=version, cache=cache, root=root, progress=progress)
    return Packages(version=version, folder=folder)


def _is_whole(folder: Path, files: Mapping[str, str]) -> bool:
    """Return whether all files are there with the right digests."""
    pins = {folder / _name(source): sha256 for source, sha256 in files.items()}
    return all(path.is_file() and digest_file(path) == pin for path, pin in pins.items())


def _fetch(  # noqa: PLR0913  # all of fetch_packages, once the lock is held
    folder: Path,
    files: Mapping[str, str],
    *,
    version: str,
    cache: Path,
    root: Path,
    progress: Progress,
) -> None:
    folder.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=folder.parent, prefix=f".{version}.") as name:
        whole = Path(name, "whole")
        whole.mkdir()
        for source, sha256 in files.items():
            package, _, path = source.partition("#")
            temporary = Path(name, _name(source))
            temporary.mkdir()
            fetch_source(
                parse_source(f"npm:{package}@{version}#{path}"),
                root=root,
                folder=temporary,
                cache=cache,
                sha256=sha256,
                progress=progress,
            )
            (temporary / _name(source)).rename(whole / _name(source))
        shutil.rmtree(folder, ignore_errors=True)
        whole.rename(folder)


def _name(source: str) -> str:
    """Return the name of a file: "tf.min.js"."""
    return source.rpartition("/")[2]


if __name__ == "__main__":
    for release in VERSIONS:
        fetch_packages(
            cache=cache_folder(os.environ),
            root=Path.cwd(),
            progress=lambda _done, _total: None,
            version=release,
        )
