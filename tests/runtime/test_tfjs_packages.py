"""The pinned releases of TensorFlow.js: fetched once, whole, and what they should be."""

import hashlib
import io
import json
import shutil
import tarfile
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from loopback import serve
from tfjs_runtime import packages

from pipeline.errors import FetchError
from pipeline.runtime.tfjs_packages import NEWEST, VERSIONS, Packages, fetch_packages

NAMES = {
    "tf-backend-wasm.min.js",
    "tf.min.js",
    "tfjs-backend-wasm-simd.wasm",
    "tfjs-backend-wasm-threaded-simd.wasm",
    "tfjs-backend-wasm.wasm",
}


def fetch(cache: Path, root: Path, version: str = "4.22.0") -> Packages:
    """Fetch a release into a cache."""
    return fetch_packages(
        cache=cache, root=root, progress=lambda _done, _total: None, version=version
    )


@pytest.fixture
def empty_registry(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """Return the root of a zoo whose registry has no package."""
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    with serve() as server:
        (tmp_path / ".npmrc").write_text(f"registry={server.url}/\n")
        yield tmp_path


@pytest.mark.network
@pytest.mark.parametrize("version", VERSIONS)
def test_a_release_is_its_files_in_one_folder(version: str) -> None:
    release = packages(version)
    for_browsers = {"tf-backend-webgpu.min.js"} if version == NEWEST else set()

    assert release.version == version
    assert release.folder.is_absolute()
    assert {path.name for path in release.folder.iterdir()} == NAMES | for_browsers


@pytest.mark.network
def test_a_release_that_is_there_needs_no_network_and_no_time(empty_registry: Path) -> None:
    cache = empty_registry / "cache"
    shutil.copytree(packages().folder, cache / "tfjs" / "4.22.0")
    start = time.perf_counter()

    release = fetch(cache, empty_registry)

    assert time.perf_counter() - start < 0.5
    assert release.folder == cache / "tfjs" / "4.22.0"


@pytest.mark.network
def test_a_file_that_was_changed_is_not_used(empty_registry: Path) -> None:
    cache = empty_registry / "cache"
    folder = cache / "tfjs" / "4.22.0"
    shutil.copytree(packages().folder, folder)
    changed = folder / "tf.min.js"
    changed.chmod(0o644)
    changed.write_bytes(changed.read_bytes() + b" ")

    with pytest.raises(FetchError, match="no such package"):
        fetch(cache, empty_registry)


def test_another_tarball_under_the_name_of_a_release_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    content = io.BytesIO()
    with tarfile.open(fileobj=content, mode="w:gz") as archive:
        info = tarfile.TarInfo("package/dist/tf.min.js")
        info.size = 4
        archive.addfile(info, io.BytesIO(b"evil"))
    digest = hashlib.sha1(content.getvalue(), usedforsecurity=False).hexdigest()
    with serve() as server:
        (tmp_path / ".npmrc").write_text(f"registry={server.url}/\n")
        url = server.put("/@tensorflow/tfjs/-/tfjs-4.22.0.tgz", content.getvalue())
        dist = {"tarball": url, "shasum": digest}
        document = {"versions": {"4.22.0": {"dist": dist}}}
        server.put("/@tensorflow/tfjs", json.dumps(document).encode())

        with pytest.raises(FetchError, match=r"@tensorflow/tfjs@4.22.0.*expected 300dfae2"):
            fetch(tmp_path / "cache", tmp_path)

    assert list((tmp_path / "cache" / "tfjs").iterdir()) == []


def test_a_release_that_is_not_pinned_is_refused(tmp_path: Path) -> None:
    with pytest.raises(FetchError, match=r"TensorFlow.js 4.21.0: not pinned; expected 4.22.0"):
        fetch(tmp_path, tmp_path, "4.21.0")
