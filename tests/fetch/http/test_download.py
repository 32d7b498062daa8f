"""Downloads, from a server that fails."""

import hashlib
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from email.utils import formatdate
from pathlib import Path
from typing import NoReturn

import pytest
from loopback import Fault, Server, serve

from pipeline.disk.files import digest_file
from pipeline.errors import FetchError, NetworkError
from pipeline.fetch.download_cache import Store
from pipeline.fetch.http.download import download, parse_integrity
from pipeline.fetch.http.http_session import HttpSettings, open_session
from pipeline.fetch.http.receive import Location

BODY = os.urandom(300_000)
QUICK = HttpSettings(backoff_seconds=0.01, timeout_seconds=60, attempts=3)


def bring(
    store: Store,
    url: str,
    *,
    settings: HttpSettings = QUICK,
    digests: dict[str, str] | None = None,
    refresh: bool = False,
) -> bytes:
    """Download a URL into a store; return what is kept."""
    location = Location(url=url, shown="the model", settings=settings, digests=digests or {})
    file = download(
        store, url, lambda: location, progress=lambda _done, _total: None, refresh=refresh
    )
    return file.path.read_bytes()


def ranges(server: Server) -> list[str | None]:
    """Return the Range header of each request."""
    return [asked.headers.get("Range") for asked in server.asked]


def test_a_kept_file_is_not_asked_for_again(server: Server, tmp_path: Path) -> None:
    url = server.put("/m.h5", BODY)

    assert bring(Store(tmp_path), url) == BODY
    assert bring(Store(tmp_path), url) == BODY
    assert len(server.asked) == 1


@pytest.mark.parametrize(
    ("code", "attempts", "expected"),
    [
        pytest.param(socket.EAI_NONAME, 1, "no host has the name nohost.invalid$", id="unknown"),
        pytest.param(socket.EAI_AGAIN, 3, r"\(3 attempts\)$", id="no answer"),
    ],
)
def test_a_host_that_is_unknown_is_asked_for_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, code: int, attempts: int, expected: str
) -> None:
    asked = []

    def resolve(*arguments: object, **_options: object) -> NoReturn:
        asked.append(arguments)
        raise socket.gaierror(code, "the resolver's words")

    monkeypatch.setattr(socket, "getaddrinfo", resolve)
    with pytest.raises(NetworkError, match=expected):
        bring(Store(tmp_path), "http://nohost.invalid/m.h5")

    assert len(asked) == attempts


def test_a_broken_connection_is_resumed(server: Server, tmp_path: Path) -> None:
    url = server.put("/m.h5", BODY, Fault(drop_after=100_000))

    assert bring(Store(tmp_path), url) == BODY
    assert ranges(server) == [None, "bytes=98304-"]
    assert server.asked[1].headers["If-Range"] == '"1"'
    assert not list(tmp_path.glob("parts/*"))


def test_a_server_without_ranges_starts_over(server: Server, tmp_path: Path) -> None:
    url = server.put("/m.h5", BODY, Fault(drop_after=100_000), ranges=False)

    assert bring(Store(tmp_path), url) == BODY
    assert ranges(server) == [None, "bytes=98304-"]


def test_a_weak_etag_is_not_resumed(server: Server, tmp_path: Path) -> None:
    url = server.put("/m.h5", BODY, Fault(drop_after=100_000), etag='W/"1"')

    assert bring(Store(tmp_path), url) == BODY
    assert ranges(server) == [None, None]


def test_a_file_that_changed_meanwhile_starts_over(server: Server, tmp_path: Path) -> None:
    url = server.put("/m.h5", BODY, Fault(drop_after=100_000))
    with pytest.raises(NetworkError, match="connection to"):
        bring(Store(tmp_path), url, settings=HttpSettings(attempts=1))
    other = os.urandom(200_000)
    server.put("/m.h5", other, etag='"2"')

    assert bring(Store(tmp_path), url) == other
    assert ranges(server) == [None, "bytes=98304-"]


def test_a_part_of_a_changed_file_is_not_joined(server: Server, tmp_path: Path) -> None:
    url = server.put("/m.h5", BODY, Fault(drop_after=100_000))
    with pytest.raises(NetworkError):
        bring(Store(tmp_path), url, settings=HttpSettings(attempts=1))
    other = os.urandom(200_000)
    server.put("/m.h5", other, etag='"2"', if_range=False)

    assert bring(Store(tmp_path), url) == other
    assert ranges(server) == [None, "bytes=98304-", None]


def test_a_part_of_a_killed_process_is_resumed(server: Server, tmp_path: Path) -> None:
    url = server.put("/m.h5", BODY, pace_seconds=0.3)
    code = (
        "import sys; from pathlib import Path\n"
        "from pipeline.fetch.http.download import download\n"
        "from pipeline.fetch.http.receive import Location\n"
        "from pipeline.fetch.download_cache import Store\n"
        "url = sys.argv[1]\n"
        "download(Store(Path(sys.argv[2])), url, lambda: Location(url=url, shown='m'),\n"
        "         progress=lambda done, total: print(done, flush=True))\n"
    )
    child = subprocess.Popen(
        [sys.executable, "-c", code, url, str(tmp_path)], stdout=subprocess.PIPE, text=True
    )
    assert child.stdout is not None
    with child.stdout:
        while int(child.stdout.readline()) == 0:
            pass
        child.send_signal(signal.SIGKILL)
    child.wait()
    server.pages["/m.h5"].pace_seconds = 0
    (part,) = tmp_path.glob("parts/*.part")
    size = part.stat().st_size

    assert 0 < size < len(BODY)
    assert bring(Store(tmp_path), url) == BODY
    assert ranges(server) == [None, f"bytes={size}-"]


def test_a_busy_server_is_asked_again_when_it_says(server: Server, tmp_path: Path) -> None:
    busy = Fault(status=503, headers={"Retry-After": "1"})
    url = server.put("/m.h5", BODY, busy, Fault(status=429))
    start = time.monotonic()

    assert bring(Store(tmp_path), url) == BODY
    assert len(server.asked) == 3
    assert time.monotonic() - start > 0.99


@pytest.mark.parametrize(
    "wait", ["3600", formatdate(time.time() + 3600, usegmt=True)], ids=["seconds", "date"]
)
def test_too_long_a_wait_is_a_failure_at_once(server: Server, tmp_path: Path, wait: str) -> None:
    url = server.put("/m.h5", BODY, Fault(status=503, headers={"Retry-After": wait}))

    with pytest.raises(NetworkError, match="503"):
        bring(Store(tmp_path), url)
    assert len(server.asked) == 1


def test_attempts_are_bounded(server: Server, tmp_path: Path) -> None:
    url = server.put("/m.h5", BODY, *[Fault(status=500)] * 9)

    with pytest.raises(NetworkError, match=r"/m.h5: 500 .*\(3 attempts\)"):
        bring(Store(tmp_path), url)
    assert len(server.asked) == 3


def test_a_slow_server_times_out(server: Server, tmp_path: Path) -> None:
    url = server.put("/m.h5", BODY, Fault(delay_seconds=1))
    settings = HttpSettings(timeout_seconds=0.2, attempts=1)

    with pytest.raises(NetworkError, match=r"no answer from 127\.0\.0\.1 within 0\.2 s"):
        bring(Store(tmp_path), url, settings=settings)


def test_nobody_listening_is_a_network_error(tmp_path: Path) -> None:
    with serve() as gone:
        url = gone.url
    settings = HttpSettings(attempts=1)

    with pytest.raises(
        NetworkError, match=r"connection to 127\.0\.0\.1 failed: Connection refused"
    ):
        bring(Store(tmp_path), f"{url}/m.h5", settings=settings)


def test_a_missing_file_is_not_tried_again(server: Server, tmp_path: Path) -> None:
    with pytest.raises(FetchError, match="404 Not Found") as caught:
        bring(Store(tmp_path), f"{server.url}/m.h5")
    assert caught.value.retry, "the next run may find it"
    assert len(server.asked) == 1


def test_a_refusal_hints_at_credentials_and_shows_none(server: Server, tmp_path: Path) -> None:
    server.put("/m.h5", BODY, authorization="Bearer x")
    url = f"http://ann:geheim@{server.host}/m.h5?token=verborgen"

    with pytest.raises(FetchError, match="401") as caught:
        bring(Store(tmp_path), url)
    assert caught.value.retry, "credentials are asked for again"
    text = f"{caught.value} {caught.value.hint}"
    assert "credentials" in text
    assert "geheim" not in text
    assert "verborgen" not in text


def test_credentials_go_to_their_host_only(server: Server, tmp_path: Path) -> None:
    settings = HttpSettings(credentials=((f"//{server.host}/private", "Bearer x"),))
    private = server.put("/private/m.h5", BODY, authorization="Bearer x")
    public = server.put("/private-not/m.h5", BODY)
    with serve() as other:
        target = other.put("/m.h5", BODY).replace("127.0.0.1", "localhost")
        redirect = Fault(status=302, headers={"Location": target})
        moved = server.put("/private/moved", b"", redirect)
        bring(Store(tmp_path), private, settings=settings)
        bring(Store(tmp_path), public, settings=settings)
        bring(Store(tmp_path), moved, settings=settings)

        assert "Authorization" not in server.asked[1].headers
        assert server.asked[2].headers["Authorization"] == "Bearer x"
        assert "Authorization" not in other.asked[0].headers


def test_netrc_gives_credentials(
    server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "netrc").write_text("machine 127.0.0.1 login ann password geheim\n")
    monkeypatch.setenv("NETRC", str(tmp_path / "netrc"))
    url = server.put("/m.h5", BODY, authorization="Basic YW5uOmdlaGVpbQ==")

    assert bring(Store(tmp_path), url) == BODY


@pytest.mark.parametrize("own", [True, False], ids=["configured", "of the environment"])
def test_a_proxy_is_used(
    server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, *, own: bool
) -> None:
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:1" if own else server.url)
    settings = replace(QUICK, proxies=(("http", server.url),) if own else ())
    server.put("/m.h5", BODY)

    assert bring(Store(tmp_path), "http://zoo.invalid/m.h5", settings=settings) == BODY
    assert server.paths() == ["http://zoo.invalid/m.h5"]


@pytest.mark.parametrize(
    ("settings", "verify"),
    [
        pytest.param(HttpSettings(), "/environment.pem", id="environment"),
        pytest.param(HttpSettings(verify="/own.pem"), "/own.pem", id="own certificates"),
        pytest.param(HttpSettings(verify=False), False, id="none"),
        pytest.param(HttpSettings(trusted_hosts=("host:8",)), False, id="trusted host"),
    ],
)
def test_own_certificates_come_before_those_of_the_environment(
    monkeypatch: pytest.MonkeyPatch, settings: HttpSettings, *, verify: str | bool
) -> None:
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", "/environment.pem")
    merged = open_session(settings).merge_environment_settings(
        "https://ann:pw@host:8/m.h5", {}, None, None, None
    )

    assert merged["verify"] == verify


def test_redirects_are_followed_but_not_for_ever(server: Server, tmp_path: Path) -> None:
    server.put("/m.h5", BODY)
    url = server.put("/old", b"", Fault(status=302, headers={"Location": "/m.h5"}))
    circle = server.put("/circle", b"", *[Fault(status=302, headers={"Location": "/circle"})] * 99)

    assert bring(Store(tmp_path), url) == BODY
    with pytest.raises(FetchError, match="redirected more than 10 times"):
        bring(Store(tmp_path), circle)


def test_a_wrong_digest_is_an_error_that_names_both(server: Server, tmp_path: Path) -> None:
    url = server.put("/m.h5", BODY)
    found = hashlib.sha512(BODY).hexdigest()

    with pytest.raises(FetchError, match=f"(?s)sha512 .*{found}.*expected {'0' * 128}") as caught:
        bring(Store(tmp_path), url, digests={"sha1": "1", "sha512": "0" * 128})
    assert caught.value.retry
    assert not list(tmp_path.glob("blobs/*/*"))


def test_a_damaged_part_is_fetched_whole(server: Server, tmp_path: Path) -> None:
    url = server.put("/m.h5", BODY, Fault(drop_after=100_000))
    store = Store(tmp_path)
    with pytest.raises(NetworkError):
        bring(store, url, settings=HttpSettings(attempts=1))
    store.part(url).write_bytes(bytes(98_304))

    assert bring(store, url, digests={"sha256": hashlib.sha256(BODY).hexdigest()}) == BODY
    assert ranges(server) == [None, "bytes=98304-", None]


@pytest.mark.parametrize(
    ("body", "message"),
    [
        pytest.param(b"", "the model: an empty file", id="empty"),
        pytest.param(b"\n<!DOCTYPE HTML><title>Log in", "the model: an HTML page", id="HTML"),
        pytest.param(
            b"version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 9\n",
            "the model: a Git-LFS pointer",
            id="Git-LFS",
        ),
    ],
)
def test_what_only_stands_for_a_file_is_not_kept(
    server: Server, tmp_path: Path, body: bytes, message: str
) -> None:
    url = server.put("/m.h5", body)

    with pytest.raises(FetchError, match=message) as caught:
        bring(Store(tmp_path), url)
    assert caught.value.retry
    server.put("/m.h5", BODY)
    assert bring(Store(tmp_path), url) == BODY


def test_a_damaged_blob_is_fetched_again(server: Server, tmp_path: Path) -> None:
    url = server.put("/m.h5", BODY)
    bring(Store(tmp_path), url)
    (blob,) = tmp_path.glob("blobs/*/*")
    blob.chmod(0o644)
    blob.write_bytes(BODY[:-1] + bytes([BODY[-1] ^ 1]))

    assert bring(Store(tmp_path), url) == BODY
    assert len(server.asked) == 2


def test_refresh_asks_by_etag(server: Server, tmp_path: Path) -> None:
    url = server.put("/m.h5", BODY)
    bring(Store(tmp_path), url)

    assert bring(Store(tmp_path), url, refresh=True) == BODY
    assert server.asked[1].headers["If-None-Match"] == '"1"'
    server.put("/m.h5", b"new", etag='"2"')
    assert bring(Store(tmp_path), url, refresh=True) == b"new"
    assert bring(Store(tmp_path), url) == b"new"


def test_refresh_asks_by_date_where_there_is_no_etag(server: Server, tmp_path: Path) -> None:
    date = "Wed, 01 Jan 2025 00:00:00 GMT"
    url = server.put("/m.h5", BODY, etag=None, headers={"Last-Modified": date})
    bring(Store(tmp_path), url)
    bring(Store(tmp_path), url, refresh=True)

    assert server.asked[1].headers["If-Modified-Since"] == date


def test_refresh_without_network_keeps_the_copy_and_says_so(tmp_path: Path) -> None:
    store = Store(tmp_path)
    settings = HttpSettings(attempts=1)
    with serve() as server:
        url = server.put("/m.h5", BODY)
        bring(store, url)
    location = Location(url=url, shown="m", settings=settings)
    file = download(store, url, lambda: location, progress=lambda _done, _total: None, refresh=True)

    assert file.path.read_bytes() == BODY
    assert file.note is not None
    assert "kept the copy fetched earlier" in file.note


def test_refresh_of_what_is_gone_from_its_server_is_an_error(
    server: Server, tmp_path: Path
) -> None:
    url = server.put("/m.h5", BODY)
    bring(Store(tmp_path), url)
    server.pages.clear()

    with pytest.raises(FetchError, match="404 Not Found"):
        bring(Store(tmp_path), url, refresh=True)


@pytest.mark.parametrize(
    ("fault", "reason"),
    [
        pytest.param(Fault(status=503), "503", id="busy"),
        pytest.param(Fault(status=407), "the proxy refuses", id="proxy"),
        pytest.param(Fault(drop_after=1000), "failed", id="broken"),
    ],
)
def test_refresh_that_reaches_no_server_keeps_the_copy_and_says_why(
    server: Server, tmp_path: Path, fault: Fault, reason: str
) -> None:
    store = Store(tmp_path)
    url = server.put("/m.h5", BODY)
    bring(store, url)
    server.put("/m.h5", b"new" * 9999, fault, fault, fault, etag='"2"', ranges=False)
    location = Location(url=url, shown="m", settings=QUICK)
    file = download(store, url, lambda: location, progress=lambda _done, _total: None, refresh=True)

    assert file.path.read_bytes() == BODY
    assert file.note is not None
    assert reason in file.note


def test_trusted_certificates_that_are_not_there_are_said(tmp_path: Path) -> None:
    settings = HttpSettings(verify=str(tmp_path / "gone.pem"), attempts=1)

    with pytest.raises(
        NetworkError, match="certificates that is configured is not there"
    ) as caught:
        bring(Store(tmp_path), "https://127.0.0.1:1/m.h5", settings=settings)
    assert "REQUESTS_CA_BUNDLE" in str(caught.value.hint)


def test_one_download_serves_all_threads(server: Server, tmp_path: Path) -> None:
    url = server.put("/m.h5", BODY, pace_seconds=0.05)
    with ThreadPoolExecutor(8) as threads:
        found = list(threads.map(lambda _: bring(Store(tmp_path), url), range(8)))

    assert found == [BODY] * 8
    assert len(server.asked) == 1


def test_a_lock_is_held_against_other_processes(tmp_path: Path) -> None:
    code = (
        "import sys, time; from pathlib import Path\n"
        "from pipeline.fetch.download_cache import Store\n"
        "with Store(Path(sys.argv[1])).lock('key'):\n"
        "    print('held', flush=True); time.sleep(0.5); Path(sys.argv[1], 'released').touch()\n"
    )
    with subprocess.Popen(
        [sys.executable, "-c", code, str(tmp_path)], stdout=subprocess.PIPE, text=True
    ) as child:
        assert child.stdout is not None
        child.stdout.readline()
        with Store(tmp_path).lock("key"):
            released = (tmp_path / "released").exists()

    assert released


def test_locks_of_other_keys_do_not_wait(tmp_path: Path) -> None:
    store = Store(tmp_path)
    entered = threading.Event()

    def enter() -> None:
        with store.lock("b"):
            entered.set()

    with store.lock("a"):
        thread = threading.Thread(target=enter)
        thread.start()
        thread.join(5)

    assert entered.is_set()


def test_progress_counts_from_what_was_there(server: Server, tmp_path: Path) -> None:
    url = server.put("/m.h5", BODY, Fault(drop_after=100_000))
    seen: list[tuple[int, int | None]] = []
    location = Location(url=url, shown="m", settings=QUICK)
    download(Store(tmp_path), url, lambda: location, progress=lambda *now: seen.append(now))

    assert seen[0] == (0, 300_000)
    assert (98_304, 300_000) in seen
    assert seen[-1] == (300_000, 300_000)


def test_a_blob_is_named_by_its_content(server: Server, tmp_path: Path) -> None:
    bring(Store(tmp_path), server.put("/a.h5", BODY))
    bring(Store(tmp_path), server.put("/b.h5", BODY))
    (blob,) = tmp_path.glob("blobs/*/*")

    assert blob.name == digest_file(blob) == hashlib.sha256(BODY).hexdigest()


def test_integrity_texts() -> None:
    assert parse_integrity("sha512-AAEC?opt sha1-/w== md5-?") == {
        "sha512": "000102",
        "sha1": "ff",
        "md5": "",
    }
