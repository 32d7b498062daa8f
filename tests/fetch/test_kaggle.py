"""Models of Kaggle and TensorFlow Hub, from a server that speaks Kaggle's API."""

import os
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from fetching import Zoo, pack_tar
from hostile_json import collect_messages, format_spoilt
from hubs import Kaggle
from loopback import Fault, Server, serve

from pipeline.errors import FetchError, SetupError

HANDLE = "ann/net/tensorFlow2/full"
KEY = "geheim" * 5


def module(**files: bytes) -> bytes:
    """Return a module's archive."""
    return pack_tar({f"./{name}": body for name, body in files.items()})


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[Server]:
    monkeypatch.setenv("NO_PROXY", "127.0.0.1,localhost")
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    monkeypatch.setenv("KAGGLE_CONFIG_DIR", str(tmp_path / "home"))
    for name in ("KAGGLE_API_TOKEN", "KAGGLE_USERNAME", "KAGGLE_KEY"):
        monkeypatch.delenv(name, raising=False)
    with serve() as running:
        monkeypatch.setenv("KAGGLE_API_ENDPOINT", running.url)
        yield running


@pytest.mark.parametrize(
    "text", [f"kaggle:{HANDLE}/2", f"https://www.kaggle.com/models/{HANDLE}/2"]
)
def test_a_version_is_final(server: Server, zoo: Zoo, text: str) -> None:
    model = Kaggle(server, HANDLE)
    model.publish(2, module(**{"saved_model.pb": b"two", "variables/v": b"v"}))
    model.publish(3, module(**{"saved_model.pb": b"three"}))
    fetched = zoo.fetch(text)
    server.asked.clear()

    assert fetched.final
    assert fetched.uri == text
    assert zoo.files() == {"saved_model.pb": b"two", "variables/v": b"v"}
    assert zoo.fetch(text, refresh=True) == fetched
    assert not server.asked


def test_without_a_version_refresh_finds_the_newest(server: Server, zoo: Zoo) -> None:
    model = Kaggle(server, HANDLE)
    model.publish(2, module(**{"m.keras": b"two"}))
    first = zoo.fetch(f"kaggle:{HANDLE}#m.keras")
    model.publish(3, module(**{"m.keras": b"three"}))

    assert zoo.fetch(f"kaggle:{HANDLE}#m.keras") == first
    assert not first.final
    zoo.fetch(f"kaggle:{HANDLE}#m.keras", refresh=True)
    assert zoo.files() == {"m.keras": b"three"}


def test_a_download_is_resumed(server: Server, zoo: Zoo) -> None:
    content = module(**{"m.h5": bytes(range(256)) * 9, "random": os.urandom(200_000)})
    Kaggle(server, HANDLE).publish(1, content)
    server.pages["/bucket/1.tar.gz"].faults = [Fault(drop_after=100_000)]
    zoo.fetch(f"kaggle:{HANDLE}/1#m.h5")

    assert server.asked[-1].headers["Range"] == "bytes=98304-"
    assert zoo.files() == {"m.h5": bytes(range(256)) * 9}


@pytest.mark.parametrize(
    ("environment", "header"),
    [
        pytest.param({"KAGGLE_API_TOKEN": KEY}, f"Bearer {KEY}", id="token"),
        pytest.param(
            {"KAGGLE_USERNAME": "ann", "KAGGLE_KEY": "geheim"}, "Basic YW5uOmdlaGVpbQ==", id="key"
        ),
    ],
)
def test_credentials_go_to_kaggle_and_nowhere_else(
    server: Server,
    zoo: Zoo,
    monkeypatch: pytest.MonkeyPatch,
    environment: dict[str, str],
    header: str,
) -> None:
    Kaggle(server, HANDLE, authorization=header).publish(1, module(model=b"weights"))
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    zoo.fetch(f"kaggle:{HANDLE}#model")

    assert zoo.files() == {"model": b"weights"}
    sent = {
        asked.headers["Host"].partition(":")[0]: asked.headers.get("Authorization")
        for asked in server.asked
    }
    assert sent == {"127.0.0.1": header, "localhost": None}
    assert not zoo.holds("geheim")
    assert not zoo.holds("YW5uO")


def test_a_private_model_says_how_to_ask(server: Server, zoo: Zoo) -> None:
    Kaggle(server, HANDLE, authorization="Bearer x").publish(1, module(model=b"weights"))

    with pytest.raises(FetchError, match=r"401 .*: the server refuses") as caught:
        zoo.fetch(f"kaggle:{HANDLE}/1")
    assert caught.value.hint is not None
    assert "KAGGLE_API_TOKEN" in caught.value.hint
    assert 'pip install "tfjs-zoo[kaggle]"' in caught.value.hint


@pytest.mark.parametrize("version", ["", "/9"])
def test_a_model_that_is_not_there(server: Server, zoo: Zoo, version: str) -> None:
    Kaggle(server, "ann/other/tensorFlow2/full").publish(1, module(model=b"weights"))

    with pytest.raises(FetchError, match="Kaggle has no such model, variation or version"):
        zoo.fetch(f"kaggle:{HANDLE}{version}")


def test_credentials_without_the_client_that_reads_them(
    server: Server, zoo: Zoo, monkeypatch: pytest.MonkeyPatch
) -> None:
    Kaggle(server, HANDLE).publish(1, module(model=b"weights"))
    monkeypatch.setitem(sys.modules, "kagglehub.config", None)
    monkeypatch.delenv("KAGGLE_CONFIG_DIR")
    zoo.fetch(f"kaggle:{HANDLE}#model")
    assert zoo.files() == {"model": b"weights"}
    monkeypatch.setenv("KAGGLE_API_TOKEN", KEY)

    with pytest.raises(SetupError, match="read by kagglehub, which is not installed") as caught:
        zoo.fetch(f"kaggle:{HANDLE}/2")
    assert caught.value.hint == 'pip install "tfjs-zoo[kaggle]"'


def test_a_damaged_file_of_credentials_is_said_without_its_place(server: Server, zoo: Zoo) -> None:
    Kaggle(server, HANDLE).publish(1, module(model=b"weights"))
    (zoo.root / "home").mkdir()
    (zoo.root / "home/kaggle.json").write_text("{")

    with pytest.raises(SetupError, match=r"Kaggle's file of credentials cannot be read$"):
        zoo.fetch(f"kaggle:{HANDLE}/1")


def test_a_hub_module_is_asked_for_as_its_clients_do(server: Server, zoo: Zoo) -> None:
    server.put("/google/net/1", module(**{"saved_model.pb": b"graph"}))
    zoo.fetch(f"{server.url}/google/net/1", hub=True)

    assert zoo.files() == {"saved_model.pb": b"graph"}
    assert server.paths() == ["/google/net/1?tf-hub-format=compressed"]


def test_no_answer_of_kaggle_is_a_bug_of_ours(server: Server, tmp_path: Path) -> None:
    model = Kaggle(server, HANDLE)
    model.publish(2, module(m=b"m"))
    numbers = iter(range(10_000))

    def answer(body: bytes) -> None:
        server.put(f"/api/v1/models/{HANDLE}/get", body)
        root = tmp_path / str(next(numbers))
        root.mkdir()
        Zoo(root).fetch(f"kaggle:{HANDLE}")

    messages = collect_messages(format_spoilt({"id": 1, "versionNumber": 2}), answer)
    assert len([message for message in messages if message]) > 30
    assert messages.count(None) > 10
