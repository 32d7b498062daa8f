"""Files behind URLs, from a real server on this machine."""

import hashlib
import json

import pytest
from fetching import Zoo, pack_zip
from loopback import Fault, Server, serve
from onnx_files import onnx_model

from pipeline.errors import FetchError, UntrustedSourceError
from pipeline.fetch.web import find_shard_url


def model_json(*shards: str) -> bytes:
    """Return a model.json that names shards."""
    return json.dumps({"weightsManifest": [{"paths": shards, "weights": []}]}).encode()


@pytest.mark.parametrize("path", ["/m/model.json", "/m/"])
def test_a_model_json_brings_its_shards(server: Server, zoo: Zoo, path: str) -> None:
    server.put("/m/model.json", model_json("a.bin", "more/b 1.bin"))
    server.put("/m/a.bin", b"a")
    server.put("/m/more/b 1.bin", b"")
    fetched = zoo.fetch(server.url + path)

    assert fetched.entry == "model.json"
    assert not fetched.final
    assert zoo.files() == {
        "model.json": model_json("a.bin", "more/b 1.bin"),
        "a.bin": b"a",
        "more/b 1.bin": b"",
    }


def test_an_onnx_model_brings_the_files_that_have_its_data(server: Server, zoo: Zoo) -> None:
    content = onnx_model("m.data", "more/b.bin")
    url = server.put("/m/m.onnx", content)
    server.put("/m/m.data", b"a")
    server.put("/m/more/b.bin", b"b")

    assert zoo.fetch(url).entry == "m.onnx"
    assert zoo.files() == {"m.onnx": content, "m.data": b"a", "more/b.bin": b"b"}


def test_an_openvino_model_brings_its_constants(server: Server, zoo: Zoo) -> None:
    content = b'<net name="m" version="10"><layer type="Const"/></net>'
    url = server.put("/m/m.xml", content)
    server.put("/m/m.bin", b"abcd")

    assert zoo.fetch(url).entry == "m.xml"
    assert zoo.files() == {"m.xml": content, "m.bin": b"abcd"}


def test_data_of_an_onnx_model_outside_are_refused(server: Server, zoo: Zoo) -> None:
    url = server.put("/m/m.onnx", onnx_model("../secret.bin"))

    with pytest.raises(UntrustedSourceError, match=r"has data in '\.\./secret\.bin'"):
        zoo.fetch(url)
    assert server.paths() == ["/m/m.onnx"]


def test_shards_keep_the_query_as_in_tensorflow_js() -> None:
    url = "https://host/a/model.json?tfjs-format=file"

    assert find_shard_url(url, "b/s 1.bin") == "https://host/a/b/s%201.bin?tfjs-format=file"


def test_a_shard_outside_is_refused(server: Server, zoo: Zoo) -> None:
    url = server.put("/z/m/model.json", model_json("../secret.json"))

    with pytest.raises(UntrustedSourceError, match=r"names the shard '\.\./secret\.json'"):
        zoo.fetch(url)
    assert server.paths() == ["/z/m/model.json"]


def test_shards_of_a_published_zoo_come_along_from_above(server: Server, zoo: Zoo) -> None:
    content = model_json("../float32-0123abcd/a.bin", "../../text/weights/0123456789abcdef.bin")
    url = server.put("/zoo/models/m/float32/model.json", content)
    server.put("/zoo/models/m/float32-0123abcd/a.bin", b"a")
    server.put("/zoo/models/text/weights/0123456789abcdef.bin", b"b")

    assert zoo.fetch(f"{url}?v=1").entry == "model/model/model.json"
    assert zoo.files() == {
        "model/model/model.json": content,
        "model/float32-0123abcd/a.bin": b"a",
        "text/weights/0123456789abcdef.bin": b"b",
    }
    assert {path.partition("?")[2] for path in server.paths()} == {"v=1"}


def test_a_shard_above_the_root_of_a_server_is_refused(server: Server, zoo: Zoo) -> None:
    url = server.put("/m/model.json", model_json("../../m/weights/0123456789abcdef.bin"))

    with pytest.raises(UntrustedSourceError, match="lies above the root of its server"):
        zoo.fetch(url)
    assert server.paths() == ["/m/model.json"]


def test_shards_that_are_one_name_are_refused(server: Server, zoo: Zoo) -> None:
    url = server.put("/model.json", model_json("a", "a/b/c"))
    server.put("/a", b"a")
    server.put("/a/b/c", b"c")

    with pytest.raises(UntrustedSourceError, match="have the same name"):
        zoo.fetch(url)


def test_a_model_is_kept_until_refresh(server: Server, zoo: Zoo) -> None:
    url = server.put("/model.json", model_json("a.bin"))
    server.put("/a.bin", b"old")
    first = zoo.fetch(url)
    server.put("/a.bin", b"new", etag='"2"')

    assert zoo.fetch(url) == first
    assert len(server.asked) == 2
    second = zoo.fetch(url, refresh=True)
    assert zoo.files()["a.bin"] == b"new"
    assert second.sha256 != first.sha256


def test_without_network_refresh_says_that_the_copy_is_kept(zoo: Zoo) -> None:
    with serve() as server:
        url = server.put("/m.h5", b"weights")
        zoo.fetch(url)
    fetched = zoo.fetch(url, refresh=True)

    assert zoo.files() == {"m.h5": b"weights"}
    assert fetched.note is not None
    assert fetched.note.startswith("kept the copy fetched earlier")


def test_a_pinned_file_is_final_and_never_asked_again(server: Server, zoo: Zoo) -> None:
    url = server.put("/m.h5", b"weights")
    pin = hashlib.sha256(b"weights").hexdigest()

    assert zoo.fetch(url, sha256=pin).final
    assert zoo.fetch(url, sha256=pin, refresh=True).final
    zoo.fetch(f"{server.url}/elsewhere.h5", sha256=pin)
    assert server.paths() == ["/m.h5"]


def test_a_new_pin_asks_the_server(server: Server, zoo: Zoo) -> None:
    url = server.put("/m.h5", b"old")
    zoo.fetch(url)
    server.put("/m.h5", b"new", etag='"2"')
    zoo.fetch(url, sha256=hashlib.sha256(b"new").hexdigest())

    assert zoo.files() == {"m.h5": b"new"}


def test_a_pin_of_a_model_json_alone_does_not_pin_the_model(server: Server, zoo: Zoo) -> None:
    content = model_json("a.bin")
    url = server.put("/model.json", content)
    server.put("/a.bin", b"a")

    with pytest.raises(FetchError, match=r"sha256 is .*; expected .*, as pinned") as caught:
        zoo.fetch(url, sha256=hashlib.sha256(content).hexdigest())
    found = str(caught.value).partition("sha256 is ")[2][:64]
    server.asked.clear()
    assert zoo.fetch(url, sha256=found, refresh=True).sha256 == found
    assert not server.asked


def test_an_archive_is_pinned_by_its_own_digest(server: Server, zoo: Zoo) -> None:
    content = pack_zip({"model": b"weights", "other": b"other"})
    url = server.put("/m.zip", content)
    fetched = zoo.fetch(f"{url}#model", sha256=hashlib.sha256(content).hexdigest())

    assert fetched.sha256 == hashlib.sha256(b"weights").hexdigest()
    assert zoo.fetch(f"{url}#model", sha256=fetched.sha256).final
    with pytest.raises(FetchError, match=r"of the archive, .* of the model's files in it"):
        zoo.fetch(f"{url}#other", sha256="0" * 64)


def test_an_archive_without_suffix(server: Server, zoo: Zoo) -> None:
    url = server.put("/download", pack_zip({"model": b"weights"}))
    zoo.fetch(f"{url}#model")

    assert zoo.files() == {"model": b"weights"}


def test_a_truncated_archive_is_fetched_again(server: Server, zoo: Zoo) -> None:
    content = pack_zip({"model": b"weights"})
    url = server.put("/m.zip", content[:-9])
    with pytest.raises(FetchError, match="a damaged or truncated zip archive") as caught:
        zoo.fetch(f"{url}#model")
    assert caught.value.retry
    assert caught.value.hint == "run the same command again: it is fetched anew"
    server.put("/m.zip", content)
    zoo.fetch(f"{url}#model")

    assert zoo.files() == {"model": b"weights"}


def test_half_a_model_json_is_fetched_again(server: Server, zoo: Zoo) -> None:
    url = server.put("/model.json", b"{")
    with pytest.raises(FetchError, match="not JSON") as caught:
        zoo.fetch(url)
    assert caught.value.retry
    server.put("/model.json", b"{}")

    assert zoo.fetch(url).entry == "model.json"


def test_what_is_no_archive_is_fetched_again(server: Server, zoo: Zoo) -> None:
    url = server.put("/m.zip", b"try again later")
    with pytest.raises(FetchError, match="not an archive by its content") as caught:
        zoo.fetch(f"{url}#model")
    assert caught.value.retry
    server.put("/m.zip", pack_zip({"model": b"weights"}), etag='"1"')
    zoo.fetch(f"{url}#model")

    assert zoo.files() == {"model": b"weights"}


def test_an_archive_that_got_the_model_later_is_asked_for_again(server: Server, zoo: Zoo) -> None:
    url = server.put("/m.zip", pack_zip({"other": b"other"}))
    with pytest.raises(FetchError, match="no 'model' in it") as caught:
        zoo.fetch(f"{url}#model")
    assert caught.value.retry
    assert len(server.asked) == 1
    server.put("/m.zip", pack_zip({"model": b"weights"}), etag='"2"')
    zoo.fetch(f"{url}#model")

    assert zoo.files() == {"model": b"weights"}
    assert len(server.asked) == 2


def test_a_refused_model_that_is_mended_is_taken(server: Server, zoo: Zoo) -> None:
    url = server.put("/m.zip", pack_zip({"../x": b"not", "model": b"weights"}))
    with pytest.raises(UntrustedSourceError, match="below the archive's root"):
        zoo.fetch(f"{url}#model")
    server.put("/m.zip", pack_zip({"model": b"weights"}), etag='"2"')
    zoo.fetch(f"{url}#model")

    assert zoo.files() == {"model": b"weights"}


def test_a_shard_that_is_missing_for_now_is_asked_for_again(server: Server, zoo: Zoo) -> None:
    url = server.put("/model.json", model_json("a.bin"))
    with pytest.raises(FetchError, match=r"/a\.bin: 404 Not Found") as caught:
        zoo.fetch(url)
    assert caught.value.retry
    server.put("/a.bin", b"a")
    zoo.fetch(url)

    assert set(zoo.files()) == {"model.json", "a.bin"}


def test_a_wrong_pin_may_be_right_later(server: Server, zoo: Zoo) -> None:
    url = server.put("/m.h5", b"wrong")
    pin = hashlib.sha256(b"weights").hexdigest()
    with pytest.raises(FetchError, match=f"expected {pin}, as pinned$") as caught:
        zoo.fetch(url, sha256=pin)
    assert caught.value.retry
    assert len(server.asked) == 1
    server.put("/m.h5", b"weights", etag='"2"')

    assert zoo.fetch(url, sha256=pin).final


def test_a_wrong_pin_of_a_copy_says_that_no_server_was_reached(zoo: Zoo) -> None:
    with serve() as server:
        url = server.put("/m.h5", b"old")
        zoo.fetch(url)

    with pytest.raises(FetchError, match="as pinned; kept the copy fetched earlier: ") as caught:
        zoo.fetch(url, sha256="0" * 64)
    assert caught.value.retry


def test_without_network_refresh_of_an_archive_or_a_shard_says_so(zoo: Zoo) -> None:
    with serve() as server:
        archive = server.put("/m.zip", pack_zip({"model": b"weights"}))
        model = server.put("/model.json", model_json("a.bin"))
        server.put("/a.bin", b"a")
        zoo.fetch(f"{archive}#model")
        zoo.fetch(model)
        server.pages["/a.bin"].faults = [Fault(status=503)] * 9
        notes = [zoo.fetch(model, refresh=True).note]
    notes.append(zoo.fetch(f"{archive}#model", refresh=True).note)

    assert ["a.bin" in str(notes[0]), "m.zip" in str(notes[1])] == [True, True]
    assert all(str(note).startswith("kept the copy fetched earlier") for note in notes)


def test_credentials_reach_the_server_and_nothing_else(server: Server, zoo: Zoo) -> None:
    server.put("/m.h5", b"weights", authorization="Basic YW5uOmdlaGVpbQ==")
    fetched = zoo.fetch(f"http://ann:geheim@{server.host}/m.h5")

    assert fetched.uri == f"{server.url}/m.h5"
    kept = [path.read_bytes() for path in zoo.root.rglob("*") if path.is_file()]
    assert not any(b"geheim" in content for content in kept)


def test_an_error_page_in_place_of_a_model_is_said(server: Server, zoo: Zoo) -> None:
    url = server.put("/m.h5", b"<!doctype html><p>Please log in")

    with pytest.raises(FetchError, match=r"/m\.h5: an HTML page; expected a model"):
        zoo.fetch(url)
