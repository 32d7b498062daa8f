"""Credentials of the environment: where they go, and where they never are."""

import pytest
from fetching import Zoo
from loopback import Fault, Server

from pipeline.errors import FetchError, SetupError
from pipeline.fetch.http.credentials import expand_variables, hide_values, mask_credentials

VALUE = "geheim/4711+x"


def test_a_user_and_password_are_encoded_and_other_parts_are_not() -> None:
    environ = {"U": "ann", "P": "a/b@c", "S": "sv=1&sig=x%2By"}
    url = expand_variables("https://${U}:${P}@host/m?${S}", environ, shown="m")

    assert url == "https://ann:a%2Fb%40c@host/m?sv=1&sig=x%2By"


@pytest.mark.parametrize(
    ("environ", "message"),
    [
        pytest.param({}, "^https://host/m: the environment variable KEY is not set$", id="unset"),
        pytest.param({"KEY": " "}, "the environment variable KEY is empty$", id="empty"),
        pytest.param({"KEY": "gehe\nim"}, "KEY holds spaces or line breaks", id="two lines"),
    ],
)
def test_a_variable_without_a_value_is_an_error(environ: dict[str, str], message: str) -> None:
    with pytest.raises(SetupError, match=message) as caught:
        expand_variables("https://${KEY}@host/m", environ, shown="https://host/m")

    assert caught.value.retry, "it may be set the next time"
    assert "gehe" not in caught.value.describe()


def test_values_are_hidden_in_every_form() -> None:
    message = "GET /geheim/4711+x and geheim%2F4711%2Bx and geheim/4711%2Bx"

    assert hide_values(message, "https://h/${K}", {"K": VALUE}) == "GET /${K} and ${K} and ${K}"


def test_a_key_of_the_cache_holds_no_key() -> None:
    masked = mask_credentials("https://ann:geheim@host/m?token=geheim&v=1#x")

    assert masked.startswith("https://host/m?token=")
    assert "geheim" not in masked
    assert masked.endswith("&v=1")
    assert mask_credentials("https://h/m?key=a") != mask_credentials("https://h/m?key=b")
    assert mask_credentials("https://h/m?x=a;b") == "https://h/m?x=a;b"


@pytest.mark.parametrize(
    "text",
    [
        pytest.param("http://ann:${ZOO_KEY}@HOST/m.h5", id="password"),
        pytest.param("http://HOST/${ZOO_KEY}/m.h5", id="path"),
        pytest.param("http://HOST/m.h5?sig=${ZOO_KEY}", id="query"),
        pytest.param("http://HOST/m.h5?${ZOO_KEY}", id="whole query"),
    ],
)
def test_a_value_reaches_the_server_and_nothing_else(
    server: Server, zoo: Zoo, monkeypatch: pytest.MonkeyPatch, text: str
) -> None:
    monkeypatch.setenv("ZOO_KEY", VALUE)
    server.put("/m.h5", b"weights")
    server.put(f"/{VALUE}/m.h5", b"weights")
    source = text.replace("HOST", server.host)
    fetched = zoo.fetch(source)

    asked = server.asked[0]
    assert VALUE in asked.path or asked.headers["Authorization"].startswith("Basic ")
    assert zoo.files() == {"m.h5": b"weights"}
    assert "geheim" not in fetched.uri
    assert not zoo.holds("geheim")


@pytest.mark.parametrize("status", [401, 403, 404, 418, 503])
@pytest.mark.parametrize("place", ["${ZOO_KEY}/m.h5", "m.h5?a=${ZOO_KEY}"])
@pytest.mark.parametrize("value", [VALUE, "qx"], ids=["long", "short"])
def test_no_error_shows_a_value(  # noqa: PLR0913, PLR0917  # an argument for each table above
    server: Server,
    zoo: Zoo,
    monkeypatch: pytest.MonkeyPatch,
    status: int,
    place: str,
    value: str,
) -> None:
    monkeypatch.setenv("ZOO_KEY", value)
    faults = [Fault(status=status, headers={"Retry-After": "999"})] * 9
    for path in (f"/{value}/m.h5", "/m.h5"):
        server.put(path, b"weights", *faults)

    with pytest.raises(FetchError, match=str(status)) as caught:
        zoo.fetch(f"{server.url}/{place}")
    assert value not in caught.value.describe()
    assert "m.h5" in caught.value.message


def test_no_error_shows_a_value_without_a_server(zoo: Zoo, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ZOO_KEY", VALUE)
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:9")
    monkeypatch.setenv("NO_PROXY", "")
    monkeypatch.setattr("time.sleep", lambda _seconds: None)

    with pytest.raises(FetchError, match=r"http://zoo\.invalid/\$\{ZOO_KEY\}/m\.h5: ") as caught:
        zoo.fetch("http://zoo.invalid/${ZOO_KEY}/m.h5")
    assert "geheim" not in caught.value.describe()


def test_shards_are_asked_for_with_the_same_credentials(
    server: Server, zoo: Zoo, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ZOO_KEY", VALUE)
    server.put("/model.json", b'{"weightsManifest": [{"paths": ["a.bin"]}]}')
    server.put("/a.bin", b"a")
    zoo.fetch(f"{server.url}/model.json?${{ZOO_KEY}}")

    assert server.paths() == [f"/model.json?{VALUE}", f"/a.bin?{VALUE}"]


def test_another_value_fetches_nothing_anew(
    server: Server, zoo: Zoo, monkeypatch: pytest.MonkeyPatch
) -> None:
    server.put("/m.h5", b"weights")
    for value in ("old-key", "new-key"):
        monkeypatch.setenv("ZOO_KEY", value)
        zoo.fetch(f"{server.url}/m.h5?${{ZOO_KEY}}")
    monkeypatch.delenv("ZOO_KEY")
    zoo.fetch(f"{server.url}/m.h5?${{ZOO_KEY}}")

    assert server.paths() == ["/m.h5?old-key"]


def test_a_pack_of_files_that_asks_who_asks_says_how_to_say_it(server: Server, zoo: Zoo) -> None:
    url = server.put("/m.h5", b"weights", authorization="Basic x")

    with pytest.raises(FetchError, match="401") as caught:
        zoo.fetch(url)
    assert "https://${USER}:${PASSWORD}@host" in str(caught.value.hint)
