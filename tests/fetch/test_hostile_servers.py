"""Downloads and questions, of servers that do as they like."""

import io
import resource
import socket
import threading
import time
from dataclasses import replace
from pathlib import Path

import pytest
import requests
from hostile_server import FALSE, SLOW, Way, chunk, drip, head, misbehave, pour, say, stall
from loopback import serve

from pipeline.errors import FetchError, NetworkError, ServerError
from pipeline.fetch import disk_room
from pipeline.fetch.download_cache import Store
from pipeline.fetch.http.deadline import Deadline
from pipeline.fetch.http.download import download
from pipeline.fetch.http.http_session import HttpSettings, load_answer, open_session
from pipeline.fetch.http.receive import Location

QUICK = HttpSettings(backoff_seconds=0.01, timeout_seconds=0.3, attempts=2)
PATIENT = HttpSettings(backoff_seconds=0.01, timeout_seconds=60, attempts=5)
MAX_SECONDS = 4.0
MAX_MEMORY_BYTES = 300 * 1024**2


@pytest.fixture(autouse=True)
def no_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NO_PROXY", "127.0.0.1,localhost")
    monkeypatch.setattr(disk_room, "MAX_TOTAL_BYTES", 32 * 1024**2)


def bring(
    root: Path, url: str, settings: HttpSettings = QUICK, deadline: Deadline | None = None
) -> bytes:
    """Download a URL; return what came."""
    location = Location(url=url, shown="the model", settings=settings)
    return download(
        Store(root),
        url,
        lambda: location,
        progress=lambda _done, _total: None,
        deadline=deadline,
    ).path.read_bytes()


def ask(url: str, settings: HttpSettings = QUICK, deadline: Deadline | None = None) -> bytes:
    """Ask a registry's question."""
    return (
        load_answer(url, settings=settings, headers={}, deadline=deadline or Deadline()).content
        or b""
    )


def memory_bytes() -> int:
    """Return the largest memory that this process had."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024


@pytest.mark.parametrize("name", [*SLOW, *FALSE])
def test_a_download_ends_in_one_sentence(tmp_path: Path, name: str) -> None:
    started, before = time.monotonic(), memory_bytes()

    with misbehave((SLOW | FALSE)[name]) as url, pytest.raises(FetchError) as caught:
        bring(tmp_path, f"{url}/m.h5")
    assert time.monotonic() - started < MAX_SECONDS
    assert memory_bytes() - before < MAX_MEMORY_BYTES
    assert caught.value.message.isprintable()
    assert len(caught.value.message) < 250
    assert not list(tmp_path.glob("blobs/*/*"))


@pytest.mark.parametrize("name", [*SLOW, *FALSE])
def test_a_question_ends_in_one_sentence(name: str) -> None:
    started, before = time.monotonic(), memory_bytes()
    error = None
    with misbehave((SLOW | FALSE)[name]) as url:
        try:
            ask(url)
        except FetchError as caught:
            error = caught

    assert time.monotonic() - started < MAX_SECONDS
    assert memory_bytes() - before < MAX_MEMORY_BYTES
    assert error is None or (error.message.isprintable() and len(error.message) < 250)
    assert error is not None or name not in SLOW


@pytest.mark.parametrize("name", [name for name in SLOW if "error" not in name])
def test_a_stated_time_holds_to_the_second(tmp_path: Path, name: str) -> None:
    started = time.monotonic()

    with (
        misbehave(SLOW[name]) as url,
        pytest.raises(FetchError, match=r"took more than 0\.5 s|redirected") as caught,
    ):
        bring(tmp_path, f"{url}/m.h5", PATIENT, Deadline(0.5))
    assert time.monotonic() - started < 1.5
    assert caught.value.retry


@pytest.mark.parametrize("way", [stall(b""), drip(b"")], ids=["silent", "drips"])
@pytest.mark.parametrize("proxied", [True, False], ids=["behind a proxy", "direct"])
def test_a_handshake_that_never_ends(tmp_path: Path, way: Way, *, proxied: bool) -> None:
    started = time.monotonic()

    with misbehave(way) as url:
        settings = replace(PATIENT, proxies=(("https", url),)) if proxied else PATIENT
        target = "https://zoo.invalid" if proxied else url.replace("http:", "https:")
        with pytest.raises(NetworkError, match=r"took more than 0\.5 s"):
            bring(tmp_path, f"{target}/m.h5", settings, Deadline(0.5))
    assert time.monotonic() - started < 1.5


def test_a_plain_server_behind_https_is_named(tmp_path: Path) -> None:
    with serve() as server, pytest.raises(NetworkError, match="speaks no TLS that we know"):
        bring(tmp_path, f"https://{server.host}/m.h5")


def test_a_slow_server_that_keeps_up_is_waited_for(tmp_path: Path) -> None:
    content = bytes(range(256)) * 30
    pieces = [content[start : start + 256] for start in range(0, len(content), 256)]

    def way(connection: socket.socket) -> None:
        connection.sendall(head(f"Content-Length: {len(content)}"))
        for piece in pieces:
            connection.sendall(piece)
            time.sleep(0.1)

    with misbehave(way) as url:
        assert bring(tmp_path, f"{url}/m.h5", replace(QUICK, timeout_seconds=1)) == content


def test_a_time_that_nobody_stated_grows_with_what_comes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("pipeline.fetch.http.deadline.GRACE_SECONDS", 0.2)
    deadline, stated = Deadline(), Deadline(0.2)
    for one in (deadline, stated):
        one.extend(16 * 1024 * 100)

    assert 99 < deadline.left() < 101
    assert stated.left() <= 0.2


def test_waits_between_attempts_end_with_the_time(tmp_path: Path) -> None:
    started = time.monotonic()

    with (
        misbehave(say(head("Retry-After: 30", status="503 Busy"))) as url,
        pytest.raises(NetworkError, match=r"took more than 0\.5 s"),
    ):
        bring(tmp_path, f"{url}/m.h5", PATIENT, Deadline(0.5))
    assert time.monotonic() - started < 1.5


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("never answers", r"no answer from 127\.0\.0\.1 within 0\.3 s \(2 attempts\)"),
        ("a body that drips", r"less than 0\.3 KiB from 127\.0\.0\.1 within 0\.3 s \(2 attempts\)"),
        ("a body of HTTP/1.0 that drips", r"less than 0\.3 KiB from 127\.0\.0\.1 within"),
        ("status 999", r"/m\.h5: 999 \(2 attempts\)$"),
        ("304 to nobody's question", "sends another part than the one asked for"),
        ("a length beyond all", "the model: larger than 0 GiB; refused"),
        ("an endless body", "the model: larger than 0 GiB; refused"),
        ("endless chunks", "the model: larger than 0 GiB; refused"),
        ("a bomb", "the model: larger than 0 GiB; refused"),
        ("a bomb in a bomb", r"no request can be made \(InvalidHeader\)"),
        ("goes on to a file", "redirects to a file: address; expected https:"),
        ("goes on to data", "redirects to a data: address; expected https:"),
        ("goes round", "redirected more than 10 times"),
        ("goes on with an endless body", "redirected more than 10 times"),
    ],
)
def test_the_sentence_says_what_was_found(tmp_path: Path, name: str, message: str) -> None:
    with misbehave((SLOW | FALSE)[name]) as url, pytest.raises(FetchError, match=message):
        bring(tmp_path, f"{url}/m.h5")


def test_an_answer_is_not_read_beyond_its_limit() -> None:
    before = memory_bytes()

    with (
        misbehave(pour(head("Connection: close"), bytes(65536))) as url,
        pytest.raises(ServerError, match="an answer of more than 64 MiB; refused"),
    ):
        ask(url, replace(QUICK, timeout_seconds=20))
    assert memory_bytes() - before < MAX_MEMORY_BYTES


def test_what_is_said_after_an_answer_is_no_part_of_the_next(tmp_path: Path) -> None:
    body = bytes(range(256))
    with misbehave(say(head("Content-Length: 256"), body, body)) as url:
        assert bring(tmp_path, f"{url}/a.h5") == body
        assert bring(tmp_path, f"{url}/b.h5") == body


def test_a_state_that_changes_with_every_attempt_ends(tmp_path: Path) -> None:
    numbers = iter(range(100))

    def way(connection: socket.socket) -> None:
        connection.sendall(
            head(f'ETag: "{next(numbers)}"', "Content-Length: 99999") + b"a" * 40_000
        )

    with misbehave(way) as url, pytest.raises(NetworkError, match="attempts"):
        bring(tmp_path, f"{url}/m.h5", replace(QUICK, attempts=4))
    assert next(numbers) == 4


@pytest.mark.parametrize("etag", ["\xff\xb2", "a" * 60_000, '"', "W/", "\t \t"])
def test_a_state_that_is_odd_is_asked_about_again(tmp_path: Path, etag: str) -> None:
    body = b"weights"
    with misbehave(say(head(f"ETag: {etag}", "Content-Length: 7"), body)) as url:
        store, address = Store(tmp_path), f"{url}/m.h5"
        location = Location(url=address, shown="m", settings=QUICK)
        for refresh in (False, True):
            found = download(
                store, address, lambda: location, progress=lambda _d, _t: None, refresh=refresh
            )

            assert found.path.read_bytes() == body


def test_no_thread_is_left(tmp_path: Path) -> None:
    before = threading.active_count()
    for name in ("never answers", "a body that drips", "hangs up"):
        with misbehave((SLOW | FALSE)[name]) as url, pytest.raises(FetchError):
            bring(tmp_path, f"{url}/{name.replace(' ', '-')}")

    assert not [thread for thread in threading.enumerate() if thread.name == "watch"]
    assert threading.active_count() <= before + 3  # of the servers


def test_a_redirection_from_https_to_http_is_refused() -> None:
    answer = requests.Response()
    answer.raw = io.BytesIO()
    answer.url, answer.status_code = "https://zoo.example/m", 302
    answer.headers["Location"] = "http://zoo.example/m"

    with pytest.raises(ServerError, match="redirects to a http: address; expected https:"):
        open_session(QUICK).get_redirect_target(answer)


def test_chunks_of_any_size_are_put_together(tmp_path: Path) -> None:
    parts = [bytes([number]) * (number * 37) for number in range(1, 200)]
    body = b"".join(map(chunk, parts)) + b"0\r\n\r\n"
    with misbehave(say(head("Transfer-Encoding: chunked"), body)) as url:
        assert bring(tmp_path, f"{url}/m.h5") == b"".join(parts)
