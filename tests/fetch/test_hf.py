"""Models in repositories of Hugging Face, from a server that speaks its API."""

import hashlib
import json
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace

import pytest
from fetching import Zoo, pack_zip
from hostile_json import collect_messages, format_spoilt
from hubs import HuggingFace
from loopback import Fault, Server, serve

from pipeline.errors import FetchError, NetworkError, SetupError
from pipeline.fetch.address.source import parse_source
from pipeline.fetch.fetch import fetch_source
from pipeline.fetch.http.http_session import HttpSettings

TOKEN = "hf_" + "geheim" * 5
MODEL_JSON = json.dumps({"weightsManifest": [{"paths": ["a.bin", "sub/b.bin"]}]}).encode()
MODEL = {"m/model.json": MODEL_JSON, "m/a.bin": b"a", "m/sub/b.bin": b"", "README.md": b"# Net"}


@pytest.fixture(autouse=True)
def client_without_waits(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let Hugging Face's client make its further attempts at once; it waits 1 s, 2 s and more."""
    without = SimpleNamespace(sleep=lambda _seconds: None)
    monkeypatch.setattr("huggingface_hub.utils._http.time", without)


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[Server]:
    monkeypatch.setenv("NO_PROXY", "127.0.0.1,localhost")
    monkeypatch.delenv("HF_TOKEN", raising=False)
    with serve() as running:
        monkeypatch.setenv("HF_ENDPOINT", running.url)
        yield running


@pytest.fixture
def repository(server: Server) -> HuggingFace:
    return HuggingFace(server, "ann/net")


@pytest.mark.parametrize("text", ["hf:ann/net#m", "hf:ann/net#m/model.json", "hf://ann/net/m"])
def test_a_model_json_brings_its_shards(repository: HuggingFace, zoo: Zoo, text: str) -> None:
    repository.commit(MODEL)
    fetched = zoo.fetch(text)

    assert fetched.entry == "model.json"
    assert fetched.uri == text
    assert not fetched.final
    assert zoo.files() == {"model.json": MODEL_JSON, "a.bin": b"a", "sub/b.bin": b""}


def test_a_repository_is_a_folder(repository: HuggingFace, zoo: Zoo) -> None:
    files = {"saved_model.pb": b"graph", "variables/v": b"v", "assets/a.html": b"<html>"}
    repository.commit(files, branch="v1.0")

    assert zoo.fetch("hf:ann/net@v1.0").entry == "."
    assert zoo.files() == files


def test_a_commit_is_final(repository: HuggingFace, zoo: Zoo) -> None:
    commit = repository.commit({"m.h5": b"old"})
    repository.commit({"m.h5": b"new"})
    fetched = zoo.fetch(f"hf:ann/net@{commit}#m.h5")
    repository.server.asked.clear()

    assert fetched.final
    assert zoo.fetch(f"hf:ann/net@{commit}#m.h5", refresh=True) == fetched
    assert zoo.files() == {"m.h5": b"old"}
    assert not repository.server.asked


def test_a_branch_is_kept_until_refresh_which_brings_what_is_new(
    repository: HuggingFace, zoo: Zoo
) -> None:
    repository.commit(MODEL)
    first = zoo.fetch("hf:ann/net#m")
    commit = repository.commit(MODEL | {"m/a.bin": b"new"})
    repository.server.asked.clear()

    assert zoo.fetch("hf:ann/net#m") == first
    assert not repository.server.asked
    zoo.fetch("hf:ann/net#m", refresh=True)
    assert zoo.files()["a.bin"] == b"new"
    assert repository.downloads() == [f"/ann/net/resolve/{commit}/m/a.bin"]


def test_an_archive_in_a_data_set(server: Server, zoo: Zoo) -> None:
    content = pack_zip({"inner/saved_model.pb": b"graph"})
    repository = HuggingFace(server, "ann/data", kind="datasets")
    repository.commit({"x/m.zip": content})
    pin = hashlib.sha256(content).hexdigest()
    zoo.fetch("hf:datasets/ann/data#x/m.zip#inner", sha256=pin)

    assert zoo.files() == {"saved_model.pb": b"graph"}


def test_a_download_is_resumed(repository: HuggingFace, zoo: Zoo) -> None:
    content = bytes(range(256)) * 1000
    repository.commit({"m.h5": content})
    page = repository.server.pages[f"/cdn/{hashlib.sha256(content).hexdigest()}"]
    page.faults = [Fault(drop_after=100_000)]
    zoo.fetch("hf:ann/net#m.h5")

    ranges = [asked.headers.get("Range") for asked in repository.server.asked]
    assert ranges[-1] == "bytes=98304-"
    assert zoo.files() == {"m.h5": content}


@pytest.mark.parametrize("name", ["m.h5", "m.pb"])
def test_other_content_than_the_repository_says_is_refused(
    repository: HuggingFace, zoo: Zoo, name: str
) -> None:
    repository.commit({name: b"weights"})
    for page in repository.server.pages.values():
        page.body = page.body.replace(b"weights", b"changed")

    with pytest.raises(FetchError, match=r"(sha256|git) of the download is"):
        zoo.fetch(f"hf:ann/net#{name}")


def test_the_token_goes_to_hugging_face_and_nowhere_else(
    server: Server, zoo: Zoo, monkeypatch: pytest.MonkeyPatch
) -> None:
    repository = HuggingFace(server, "ann/private", token=TOKEN)
    repository.commit({"m.h5": b"weights"})
    monkeypatch.setenv("HF_TOKEN", TOKEN)
    zoo.fetch("hf:ann/private#m.h5")

    hosts = {asked.headers["Host"].partition(":")[0] for asked in server.asked}
    shown = [asked for asked in server.asked if "geheim" in str(asked.headers)]
    assert hosts == {"127.0.0.1", "localhost"}
    assert {asked.headers["Host"].partition(":")[0] for asked in shown} == {"127.0.0.1"}
    assert not zoo.holds("geheim")


def test_a_private_repository_says_how_to_ask(server: Server, zoo: Zoo) -> None:
    HuggingFace(server, "ann/private", token=TOKEN).commit({"m.h5": b"weights"})

    with pytest.raises(FetchError, match="no such model repository, or it is private") as caught:
        zoo.fetch("hf:ann/private#m.h5")
    assert caught.value.hint is not None
    assert "HF_TOKEN" in caught.value.hint
    assert caught.value.retry


@pytest.mark.parametrize(
    ("text", "message"),
    [
        pytest.param("hf:ann/net#n/model.json", "did you mean 'm/model.json'", id="path"),
        pytest.param("hf:ann/net@v9", "hf:ann/net@v9: no revision 'v9'$", id="revision"),
        pytest.param(
            "hf:ann/net@main/m.h5",
            "no revision 'main/m.h5'; did you mean 'hf:ann/net@main#m.h5'",
            id="path after the revision",
        ),
        pytest.param("hf:ann/gated", "Hugging Face refuses: it is gated", id="gated"),
        pytest.param("hf:ann/odd", "Hugging Face answers 418; expected 200", id="odd"),
    ],
)
def test_faults(server: Server, zoo: Zoo, text: str, message: str) -> None:
    HuggingFace(server, "ann/net").commit(MODEL)
    HuggingFace(server, "ann/net").refuse("revision/v9", 404, "RevisionNotFound")
    HuggingFace(server, "ann/net").refuse("revision/main/m.h5", 404, "RevisionNotFound")
    HuggingFace(server, "ann/gated").refuse("revision/main", 403, "GatedRepo")
    HuggingFace(server, "ann/odd").refuse("revision/main", 418, "")

    with pytest.raises(FetchError, match=message) as caught:
        zoo.fetch(text)
    assert caught.value.retry


def test_a_missing_path_in_a_commit_stays_missing(repository: HuggingFace, zoo: Zoo) -> None:
    commit = repository.commit(MODEL)

    with pytest.raises(FetchError, match=r"no 'm/n\.h5' in it") as caught:
        zoo.fetch(f"hf:ann/net@{commit}#m/n.h5")
    assert not caught.value.retry


def test_a_path_that_came_later_is_found_without_refresh(repository: HuggingFace, zoo: Zoo) -> None:
    repository.commit({"README.md": b"# Net"})
    with pytest.raises(FetchError, match=r"no 'm\.h5' in it"):
        zoo.fetch("hf:ann/net#m.h5")
    repository.commit({"m.h5": b"weights"})
    zoo.fetch("hf:ann/net#m.h5")

    assert zoo.files() == {"m.h5": b"weights"}


def test_without_network_refresh_says_that_the_copy_is_kept(
    zoo: Zoo, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("NO_PROXY", "127.0.0.1,localhost")
    with serve() as server:
        monkeypatch.setenv("HF_ENDPOINT", server.url)
        HuggingFace(server, "ann/net").commit({"m.h5": b"weights"})
        zoo.fetch("hf:ann/net#m.h5")
    note = zoo.fetch("hf:ann/net#m.h5", refresh=True).note

    assert str(note).startswith("kept the copy fetched earlier: hf:ann/net: Hugging Face is not re")
    assert zoo.files() == {"m.h5": b"weights"}


def test_a_file_that_is_a_pointer_is_said_to_be(repository: HuggingFace, zoo: Zoo) -> None:
    repository.commit({"m.pb": b"version https://git-lfs.github.com/spec/v1\noid sha256:0"})

    with pytest.raises(FetchError, match=r"m\.pb: a Git-LFS pointer"):
        zoo.fetch("hf:ann/net#m.pb")


def test_the_client_that_is_not_installed_is_named(
    zoo: Zoo, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "huggingface_hub", None)

    with pytest.raises(SetupError, match="hf: sources need huggingface_hub") as caught:
        zoo.fetch("hf:ann/net")
    assert caught.value.hint == 'pip install "tfjs-zoo[hf]"'
    assert caught.value.retry


def test_no_answer_of_hugging_face_is_a_bug_of_ours(
    server: Server, repository: HuggingFace, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("pipeline.fetch.hf_client._SETTINGS", HttpSettings(attempts=1))
    victim = tmp_path / "victim"
    commit = repository.commit(MODEL)
    places = {path: json.loads(one.body) for path, one in server.pages.items() if "/api/" in path}
    digests = [str(victim), "0" * 63]
    lies = [
        {
            "type": "file",
            "path": path,
            "size": 1,
            "oid": "1" * 40,
            "lfs": {"oid": digest, "size": 1},
        }
        for digest in digests
        for path in ("m/a.bin", "../x", "a/" * 500)
    ]
    numbers = iter(range(10_000))
    assert commit
    for path, right in places.items():
        kept = server.pages[path]

        def answer(body: bytes, path: str = path) -> None:
            victim.write_bytes(b"of somebody else")
            server.put(path, body)
            root = tmp_path / str(next(numbers))
            root.mkdir()
            Zoo(root).fetch("hf:ann/net#m")

        spoilt = format_spoilt(right)
        spoilt = [*spoilt[:: len(spoilt) // 8], *(json.dumps([lie]).encode() for lie in lies)]
        collect_messages(spoilt, answer)
        server.pages[path] = kept

    assert victim.read_bytes() == b"of somebody else"


def test_pages_without_an_end_end_with_the_time(
    server: Server, repository: HuggingFace, tmp_path: Path
) -> None:
    commit = repository.commit(MODEL)
    path = f"/api/models/ann/net/tree/{commit}"
    server.put(path, b"[]", headers={"Link": f'<{server.url}{path}>; rel="next"'})
    started = time.monotonic()
    (tmp_path / "out").mkdir()

    with pytest.raises(NetworkError, match=r"^hf:ann/net: fetching took more than 1 s"):
        fetch_source(
            parse_source("hf:ann/net"),
            root=tmp_path,
            folder=tmp_path / "out",
            cache=tmp_path / "cache",
            sha256=None,
            progress=lambda _done, _total: None,
            timeout_seconds=1,
        )
    assert time.monotonic() - started < 3
    asked = len(server.asked)
    time.sleep(0.5)
    assert len(server.asked) <= asked + 1, "nobody goes on asking"
