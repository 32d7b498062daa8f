"""Models in buckets: real servers of S3 and of Google Cloud Storage, and fsspec's memory."""

import hashlib
import importlib
import json
import os
import sys
from collections.abc import Iterator
from typing import Any

import pytest
import requests
from buckets import put_gs, serve_gs, serve_s3
from fetching import Zoo, pack_tar

from pipeline.errors import FetchError, NetworkError, SetupError, UntrustedSourceError
from pipeline.fetch import filesystem

SECRET = "geheim" * 5
MODEL_JSON = json.dumps({"weightsManifest": [{"paths": ["a.bin", "more/b 1.bin"]}]}).encode()


def forget_clients() -> None:
    """Let fsspec make its clients anew; each keeps the environment that it was made in."""
    for module, name in (("s3fs", "S3FileSystem"), ("gcsfs", "GCSFileSystem")):
        if module in sys.modules:
            getattr(sys.modules[module], name).clear_instance_cache()


# The server looks at who signs, not at the signature.
_SIGNED = {
    "Authorization": "AWS4-HMAC-SHA256 Credential=ann/20250101/us-east-1/s3/aws4_request, "
    "SignedHeaders=host, Signature=0"
}


class Bucket:
    """A bucket of an S3 server.

    Attributes:
        url: Of the server.
    """

    def __init__(self, url: str) -> None:
        self.url = url
        requests.post(f"{url}/moto-api/reset", timeout=10)
        requests.put(f"{url}/zoo-models", timeout=10).raise_for_status()

    def put(self, name: str, content: bytes) -> str:
        """Put an object; return its version, "" without versions."""
        answer = requests.put(
            f"{self.url}/zoo-models/{name}", data=content, headers=_SIGNED, timeout=10
        )
        answer.raise_for_status()
        return answer.headers.get("x-amz-version-id", "")

    def remove(self, name: str) -> None:
        """Remove an object."""
        requests.delete(f"{self.url}/zoo-models/{name}", timeout=10).raise_for_status()


@pytest.fixture(scope="module")
def s3_url() -> Iterator[str]:
    with serve_s3() as url:
        yield url


@pytest.fixture
def bucket(s3_url: str, monkeypatch: pytest.MonkeyPatch) -> Bucket:
    for name, value in {
        "AWS_ENDPOINT_URL": s3_url,
        "AWS_ACCESS_KEY_ID": "ann",
        "AWS_SECRET_ACCESS_KEY": SECRET,
        "AWS_DEFAULT_REGION": "us-east-1",
        "AWS_EC2_METADATA_DISABLED": "true",
        "AWS_CONFIG_FILE": os.devnull,
        "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
        "NO_PROXY": "127.0.0.1",
    }.items():
        monkeypatch.setenv(name, value)
    forget_clients()
    return Bucket(s3_url)


def test_a_file(bucket: Bucket, zoo: Zoo) -> None:
    bucket.put("a/m.h5", b"weights")
    fetched = zoo.fetch("s3://zoo-models/a/m.h5")

    assert zoo.files() == {"m.h5": b"weights"}
    assert fetched.entry == "m.h5"
    assert fetched.sha256 == hashlib.sha256(b"weights").hexdigest()
    assert not fetched.final


def test_a_model_json_brings_its_shards(bucket: Bucket, zoo: Zoo) -> None:
    bucket.put("m/model.json", MODEL_JSON)
    bucket.put("m/a.bin", b"a")
    bucket.put("m/more/b 1.bin", b"")
    bucket.put("m/other", b"other")

    for place in ("s3://zoo-models/m/model.json", "s3://zoo-models/m"):
        assert zoo.fetch(place).entry == "model.json"
        assert zoo.files() == {"model.json": MODEL_JSON, "a.bin": b"a", "more/b 1.bin": b""}


def test_shards_of_a_published_zoo_come_along_from_above(bucket: Bucket, zoo: Zoo) -> None:
    paths = ["../f-0123abcd/a.bin", "../../t/weights/0123456789abcdef.bin"]
    content = json.dumps({"weightsManifest": [{"paths": paths}]})
    bucket.put("models/m/f/model.json", content.encode())
    bucket.put("models/m/f-0123abcd/a.bin", b"a")
    bucket.put("models/t/weights/0123456789abcdef.bin", b"b")
    bucket.put("f-0123abcd/a.bin", b"a")
    bucket.put("m/model.json", content.encode())
    zoo.fetch("s3://zoo-models/models/m/f/model.json")

    assert zoo.files() == {
        "model/model/model.json": content.encode(),
        "model/f-0123abcd/a.bin": b"a",
        "t/weights/0123456789abcdef.bin": b"b",
    }
    with pytest.raises(UntrustedSourceError, match="lies above the root of its server"):
        zoo.fetch("s3://zoo-models/m/model.json")


@pytest.mark.parametrize("place", ["s3://zoo-models/m", "s3://zoo-models/m/"])
def test_a_folder_is_all_below_it(bucket: Bucket, zoo: Zoo, place: str) -> None:
    bucket.put("m/", b"")  # what the console makes of "create folder"
    bucket.put("m/saved_model.pb", b"graph")
    bucket.put("m/variables/", b"")
    bucket.put("m/variables/variables.index", b"index")
    bucket.put("m/assets/page.html", b"<html>a vocabulary")
    bucket.put("model-of-others", b"no")
    fetched = zoo.fetch(place)

    assert fetched.entry == "."
    assert zoo.files() == {
        "saved_model.pb": b"graph",
        "variables/variables.index": b"index",
        "assets/page.html": b"<html>a vocabulary",
    }


def test_an_archive(bucket: Bucket, zoo: Zoo) -> None:
    content = pack_tar({"m/saved_model.pb": b"graph", "other": b"x"})
    bucket.put("m.tgz", content)
    bucket.put("download", content)
    pin = hashlib.sha256(content).hexdigest()

    for place in ("s3://zoo-models/m.tgz#m", "s3://zoo-models/download#m"):
        assert zoo.fetch(place, sha256=pin).final
        assert zoo.files() == {"saved_model.pb": b"graph"}


def test_kept_files_are_used_until_refresh_finds_them_changed(bucket: Bucket, zoo: Zoo) -> None:
    bucket.put("m/saved_model.pb", b"old")
    bucket.put("m/variables/v", b"same")
    first = zoo.fetch("s3://zoo-models/m")
    bucket.put("m/saved_model.pb", b"new")
    bucket.put("m/assets/a", b"more")

    assert zoo.fetch("s3://zoo-models/m") == first
    assert zoo.reported == []
    assert zoo.fetch("s3://zoo-models/m", refresh=True) != first
    assert zoo.files() == {"saved_model.pb": b"new", "variables/v": b"same", "assets/a": b"more"}
    assert [total for done, total in zoo.reported if done == total] == [4, 3]
    zoo.fetch("s3://zoo-models/m", refresh=True)
    assert zoo.reported == []


def test_refresh_of_a_file_asks_for_its_etag(bucket: Bucket, zoo: Zoo) -> None:
    bucket.put("m.h5", b"old")
    zoo.fetch("s3://zoo-models/m.h5")
    zoo.fetch("s3://zoo-models/m.h5", refresh=True)
    assert zoo.reported == []
    bucket.put("m.h5", b"new")
    zoo.fetch("s3://zoo-models/m.h5", refresh=True)

    assert zoo.files() == {"m.h5": b"new"}


def test_a_version_is_final(bucket: Bucket, zoo: Zoo) -> None:
    requests.put(
        f"{bucket.url}/zoo-models?versioning",
        data="<VersioningConfiguration><Status>Enabled</Status></VersioningConfiguration>",
        timeout=10,
    ).raise_for_status()
    version = bucket.put("m.h5", b"old")
    bucket.put("m.h5", b"new")
    fetched = zoo.fetch(f"s3://zoo-models/m.h5?versionId={version}")

    assert fetched.final
    assert zoo.files() == {"m.h5": b"old"}


def test_a_download_goes_on_where_it_was_interrupted(
    bucket: Bucket, zoo: Zoo, monkeypatch: pytest.MonkeyPatch
) -> None:
    content = os.urandom(250_000)
    bucket.put("m.h5", content)
    monkeypatch.setattr(filesystem, "CHUNK_BYTES", 100_000)
    zoo.interrupt_at = 200_000
    with pytest.raises(KeyboardInterrupt):
        zoo.fetch("s3://zoo-models/m.h5")
    zoo.interrupt_at = None
    zoo.fetch("s3://zoo-models/m.h5")

    assert zoo.reported == [(200_000, 250_000), (250_000, 250_000)]
    assert zoo.files() == {"m.h5": content}


def test_a_part_of_another_state_is_not_gone_on_with(
    bucket: Bucket, zoo: Zoo, monkeypatch: pytest.MonkeyPatch
) -> None:
    bucket.put("m.h5", os.urandom(250_000))
    monkeypatch.setattr(filesystem, "CHUNK_BYTES", 100_000)
    zoo.interrupt_at = 200_000
    with pytest.raises(KeyboardInterrupt):
        zoo.fetch("s3://zoo-models/m.h5")
    zoo.interrupt_at = None
    content = os.urandom(250_000)
    bucket.put("m.h5", content)
    zoo.fetch("s3://zoo-models/m.h5")

    assert zoo.reported[0] == (0, 250_000)
    assert zoo.files() == {"m.h5": content}


def test_a_file_that_changes_while_it_comes_is_brought_again(
    bucket: Bucket, zoo: Zoo, monkeypatch: pytest.MonkeyPatch
) -> None:
    bucket.put("m.h5", b"old" * 100)
    monkeypatch.setattr(filesystem, "CHUNK_BYTES", 200)
    zoo.meanwhile = lambda: bucket.put("m.h5", b"new" * 100)
    zoo.fetch("s3://zoo-models/m.h5")

    assert zoo.files() == {"m.h5": b"new" * 100}


def test_a_public_bucket_needs_no_credentials(
    bucket: Bucket, zoo: Zoo, monkeypatch: pytest.MonkeyPatch
) -> None:
    requests.put(
        f"{bucket.url}/zoo-models/m.h5",
        data=b"weights",
        headers=_SIGNED | {"x-amz-acl": "public-read"},
        timeout=10,
    ).raise_for_status()
    monkeypatch.delenv("AWS_ACCESS_KEY_ID")
    monkeypatch.delenv("AWS_SECRET_ACCESS_KEY")
    zoo.fetch("s3://zoo-models/m.h5")

    assert zoo.files() == {"m.h5": b"weights"}


def test_a_bucket_that_refuses_says_who_may_ask(bucket: Bucket, zoo: Zoo) -> None:
    bucket.put("m.h5", b"weights")
    answer = requests.post(
        f"{bucket.url}/moto-api/reset-auth", data="0", timeout=10
    )  # from now on the server looks at signatures
    answer.raise_for_status()
    try:
        with pytest.raises(
            FetchError, match=r"^s3://zoo-models/m\.h5: its server refuses"
        ) as caught:
            zoo.fetch("s3://zoo-models/m.h5")
    finally:
        requests.post(f"{bucket.url}/moto-api/reset-auth", data="inf", timeout=10)

    assert caught.value.retry
    assert "AWS_PROFILE" in str(caught.value.hint)
    assert SECRET not in caught.value.describe()


@pytest.mark.parametrize(
    ("place", "message"),
    [
        pytest.param("s3://zoo-models/m/modell.h5", "did you mean 'model.h5'", id="misspelt"),
        pytest.param("s3://zoo-modelle/m", "nothing is there", id="no bucket"),
        pytest.param("s3://zoo-models/m.tgz#x", "nothing is there", id="no archive"),
        pytest.param("s3://zoo-models/m/list.json", "no-such.bin: nothing is there", id="no shard"),
        pytest.param("s3://zoo-models/m/pointer.bin", "a Git-LFS pointer", id="pointer"),
        pytest.param("s3://zoo-models/m/page.h5", "an HTML page", id="page"),
        pytest.param("s3://zoo-models/m/empty.h5", "an empty file", id="empty"),
    ],
)
def test_faults(bucket: Bucket, zoo: Zoo, place: str, message: str) -> None:
    shards = {"weightsManifest": [{"paths": ["no-such.bin"]}]}
    bucket.put("m/model.h5", b"weights")
    bucket.put("m/list.json", json.dumps(shards).encode())
    bucket.put("m/pointer.bin", b"version https://git-lfs.github.com/spec/v1\noid sha256:0")
    bucket.put("m/page.h5", b"<!doctype html><p>Log in")
    bucket.put("m/empty.h5", b"")

    with pytest.raises(FetchError, match=message) as caught:
        zoo.fetch(place)
    assert caught.value.retry, "it may be mended there"
    assert str(zoo.root) not in caught.value.describe()


def test_files_that_leave_the_folder_are_refused(zoo: Zoo, memory: Any) -> None:
    memory.store["/zoo/m/../../x"] = memory.open("/zoo/m/saved_model.pb", "wb")
    memory.pipe("/zoo/m/saved_model.pb", b"graph")

    with pytest.raises(UntrustedSourceError, match="expected paths below its folder"):
        zoo.fetch("memory://zoo/m")


def test_without_network_refresh_says_that_the_copy_is_kept(
    bucket: Bucket, zoo: Zoo, monkeypatch: pytest.MonkeyPatch
) -> None:
    bucket.put("m.h5", b"weights")
    bucket.put("m/saved_model.pb", b"graph")
    zoo.fetch("s3://zoo-models/m.h5")
    zoo.fetch("s3://zoo-models/m")
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:9")
    monkeypatch.setenv("AWS_MAX_ATTEMPTS", "1")
    forget_clients()

    for place, files in (
        ("s3://zoo-models/m.h5", {"m.h5": b"weights"}),
        ("s3://zoo-models/m", {"saved_model.pb": b"graph"}),
    ):
        note = zoo.fetch(place, refresh=True).note
        assert str(note).startswith(f"kept the copy fetched earlier: {place}: its server is not")
        assert zoo.files() == files
    with pytest.raises(NetworkError, match="its server is not reached"):
        zoo.fetch("s3://zoo-models/other")


def test_credentials_are_kept_nowhere(bucket: Bucket, zoo: Zoo) -> None:
    bucket.put("m/saved_model.pb", b"graph")
    zoo.fetch("s3://zoo-models/m")

    assert zoo.holds("graph")
    assert not zoo.holds(SECRET)


@pytest.fixture
def memory() -> Iterator[Any]:
    fsspec = importlib.import_module("fsspec")
    system = fsspec.filesystem("memory")
    system.store.clear()
    system.pseudo_dirs[:] = [""]
    yield system
    system.store.clear()


def test_any_other_file_system_of_fsspec(zoo: Zoo, memory: Any) -> None:
    memory.pipe("/zoo/m/saved_model.pb", b"graph")
    memory.pipe("/zoo/m/variables/v", b"")
    zoo.fetch("memory://zoo/m")
    assert zoo.files() == {"saved_model.pb": b"graph", "variables/v": b""}
    memory.pipe("/zoo/m/saved_model.pb", b"other")
    zoo.fetch("memory://zoo/m", refresh=True)

    assert zoo.files() == {"saved_model.pb": b"other", "variables/v": b""}


@pytest.mark.parametrize(
    ("place", "module", "hint"),
    [
        pytest.param("s3://zoo-models/m", "s3fs", 'pip install "tfjs-zoo[s3]"', id="s3"),
        pytest.param("gs://zoo-models/m", "gcsfs", 'pip install "tfjs-zoo[gs]"', id="gs"),
        pytest.param("abfs://c@host/m", "adlfs", "Install adlfs", id="of others"),
        pytest.param("s3://zoo-models/m", "fsspec.core", 'pip install "tfjs-zoo[s3]"', id="fsspec"),
    ],
)
def test_a_client_that_is_not_installed_is_named(
    zoo: Zoo, monkeypatch: pytest.MonkeyPatch, place: str, module: str, hint: str
) -> None:
    monkeypatch.setitem(sys.modules, module, None)
    registry = importlib.import_module("fsspec.registry")
    monkeypatch.delitem(registry._registry, place.partition(":")[0], raising=False)

    with pytest.raises(SetupError, match="sources need a package that is not installed") as caught:
        zoo.fetch(place)
    assert hint in str(caught.value.hint)
    assert caught.value.retry


@pytest.fixture(scope="module")
def gs_url() -> Iterator[str]:
    pytest.importorskip("gcp_storage_emulator")
    with serve_gs() as url:
        yield url


@pytest.fixture
def gs(gs_url: str, monkeypatch: pytest.MonkeyPatch) -> str:
    monkeypatch.setenv("STORAGE_EMULATOR_HOST", gs_url)
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    forget_clients()
    return gs_url


def test_google_cloud_storage(gs: str, zoo: Zoo) -> None:
    put_gs(gs, "zoo-models", "m/saved_model.pb", b"graph")
    put_gs(gs, "zoo-models", "m/variables/v", b"variables")
    put_gs(gs, "zoo-models", "m.h5", b"weights")
    zoo.fetch("gs://zoo-models/m")
    assert zoo.files() == {"saved_model.pb": b"graph", "variables/v": b"variables"}
    put_gs(gs, "zoo-models", "m/saved_model.pb", b"newer")
    zoo.fetch("gs://zoo-models/m", refresh=True)
    assert zoo.files() == {"saved_model.pb": b"newer", "variables/v": b"variables"}
    zoo.fetch("gs://zoo-models/m.h5")

    assert zoo.files() == {"m.h5": b"weights"}
    with pytest.raises(FetchError, match=r"gs://zoo-models/n\.h5: nothing is there"):
        zoo.fetch("gs://zoo-models/n.h5")
