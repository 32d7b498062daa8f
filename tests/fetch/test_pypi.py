"""Python packages, from an index on this machine and from the real one."""

import hashlib
import json
import os
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from fetching import pack_tar, pack_zip
from hostile_json import collect_messages, format_spoilt
from loopback import Fault, Server, serve
from packages import fetch_into

from pipeline.disk.layout import cache_folder
from pipeline.errors import FetchError, NetworkError
from pipeline.fetch.fetch import Fetched
from pipeline.fetch.pip_config import load_pip_config
from pipeline.fetch.pypi import ReleaseFile, choose_files

JSON = "application/vnd.pypi.simple.v1+json"
PURE = "my_zoo-1.0-py3-none-any.whl"
LINUX = "my_zoo-1.0-cp311-cp311-manylinux_2_28_x86_64.whl"
SDIST = "my-zoo-1.0.tar.gz"


@pytest.fixture
def index(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Server]:
    """Run an index that pip's variables name."""
    for name in os.environ:
        if name.startswith("PIP_"):
            monkeypatch.delenv(name)
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    monkeypatch.setenv("PIP_CONFIG_FILE", os.devnull)
    monkeypatch.setenv("PIP_FIND_LINKS", str(tmp_path / "links"))
    monkeypatch.setenv("PIP_RETRIES", "0")
    with serve() as server:
        monkeypatch.setenv("PIP_INDEX_URL", f"{server.url}/simple")
        yield server


def wheel(**files: bytes) -> bytes:
    """Return a wheel's content."""
    return pack_zip({**files, "my_zoo-1.0.dist-info/METADATA": b""})


def sdist(**files: bytes) -> bytes:
    """Return an sdist's content."""
    return pack_tar({f"my-zoo-1.0/{name}": body for name, body in files.items()})


def publish(server: Server, files: dict[str, bytes], **extra: Any) -> None:
    """Publish the files of a release by JSON."""
    listed = [
        {
            "filename": name,
            "url": server.put(f"/files/{name}", body),
            "hashes": {"sha256": hashlib.sha256(body).hexdigest()},
            **extra,
        }
        for name, body in files.items()
    ]
    page = {"meta": {"api-version": "1.0"}, "name": "my-zoo", "files": listed}
    server.put("/simple/my-zoo/", json.dumps(page).encode(), headers={"Content-Type": JSON})


def fetch(root: Path, text: str, *, cache: Path | None = None) -> Fetched:
    """Fetch a source into a new folder below `out`."""
    folder = root / "out" / str(len(list((root / "out").glob("*"))))
    return fetch_into(folder, text, root=root, cache=cache or root / "cache")


def test_a_wheel_for_all_is_preferred(index: Server, tmp_path: Path) -> None:
    publish(index, {SDIST: sdist(m=b"s"), LINUX: wheel(m=b"l"), PURE: wheel(m=b"p")})
    fetched = fetch(tmp_path, "pypi:My.Zoo==1.0#m")

    assert fetched.final
    assert (tmp_path / "out/0/m").read_bytes() == b"p"
    assert index.paths() == ["/simple/my-zoo/", f"/files/{PURE}"]


def test_a_file_without_the_path_leaves_it_to_the_next(index: Server, tmp_path: Path) -> None:
    publish(index, {SDIST: sdist(m=b"s"), LINUX: wheel(x=b"l"), PURE: wheel(x=b"p")})
    fetch(tmp_path, "pypi:my-zoo==1.0#m")

    assert (tmp_path / "out/0/m").read_bytes() == b"s"


def test_a_path_in_no_file_suggests(index: Server, tmp_path: Path) -> None:
    publish(index, {SDIST: sdist(models=b"s"), PURE: wheel(model=b"p")})

    with pytest.raises(FetchError, match=r"pypi:my-zoo==1\.0: no 'modle' .* mean 'model'"):
        fetch(tmp_path, "pypi:my-zoo==1.0#modle")


def test_wheels_of_many_platforms_are_not_all_tried() -> None:
    names = [PURE, SDIST, *(f"my_zoo-1.0-cp3{i}-cp3{i}-linux.whl" for i in range(9))]
    chosen = choose_files([ReleaseFile(filename=name, url="", digests={}) for name in names])

    assert [file.filename for file in chosen] == [PURE, *sorted(names[2:])[:3], SDIST]


def test_a_kept_release_needs_no_network(index: Server, tmp_path: Path) -> None:
    publish(index, {PURE: wheel(m=b"p", n=b"n")})
    fetch(tmp_path, "pypi:my-zoo==1.0#m")
    index.pages.clear()

    assert fetch(tmp_path, "pypi:my-zoo==1.0#n").entry == "n"


def test_a_changed_file_is_refused(index: Server, tmp_path: Path) -> None:
    publish(index, {PURE: wheel(m=b"p")})
    index.pages[f"/files/{PURE}"].body = wheel(m=b"other")

    with pytest.raises(FetchError, match=r"sha256 of the download is .*; expected") as caught:
        fetch(tmp_path, "pypi:my-zoo==1.0#m")
    assert caught.value.retry


def test_an_index_that_named_a_wrong_digest_is_asked_again(index: Server, tmp_path: Path) -> None:
    publish(index, {PURE: wheel(m=b"p")})
    index.pages[f"/files/{PURE}"].body = wheel(m=b"other")
    with pytest.raises(FetchError, match="of the download"):
        fetch(tmp_path, "pypi:my-zoo==1.0#m")
    publish(index, {PURE: wheel(m=b"other")})
    fetch(tmp_path, "pypi:my-zoo==1.0#m")

    assert (tmp_path / "out/1/m").read_bytes() == b"other"


def test_a_yanked_release_is_said_to_be(index: Server, tmp_path: Path) -> None:
    publish(index, {PURE: wheel(m=b"p")}, yanked="wrong weights")
    fetched = fetch(tmp_path, "pypi:my-zoo==1.0#m")

    assert fetched.note == f"{PURE} was yanked by its author: wrong weights"


def test_a_missing_version_lists_the_newest(index: Server, tmp_path: Path) -> None:
    publish(index, {PURE: wheel(m=b"p"), "my_zoo-0.9-py3-none-any.whl": wheel(m=b"p")})

    with pytest.raises(
        FetchError, match=r"my-zoo==2\.0: .* the newest there are 1\.0, 0\.9"
    ) as caught:
        fetch(tmp_path, "pypi:my-zoo==2.0#m")
    assert caught.value.retry


@pytest.mark.usefixtures("index")
def test_a_missing_package_names_the_indexes(tmp_path: Path) -> None:
    with pytest.raises(
        FetchError, match=r"no such package in http://127\.0\.0\.1:\d+/simple"
    ) as caught:
        fetch(tmp_path, "pypi:nothing==1.0#m")
    assert caught.value.retry


def test_an_index_that_does_not_answer_is_a_network_error(index: Server, tmp_path: Path) -> None:
    index.put("/simple/my-zoo/", b"", Fault(status=503))

    with pytest.raises(NetworkError, match="503"):
        fetch(tmp_path, "pypi:my-zoo==1.0#m")


def test_an_html_index_with_relative_links(index: Server, tmp_path: Path) -> None:
    body = wheel(m=b"p")
    index.put(f"/files/{PURE}", body)
    digest = hashlib.sha256(body).hexdigest()
    page = f'<!doctype html><a href="../../files/{PURE}#sha256={digest}">{PURE}</a>'
    index.put("/simple/my-zoo/", page.encode(), headers={"Content-Type": "text/html"})
    fetch(tmp_path, "pypi:my-zoo==1.0#m")

    assert (tmp_path / "out/0/m").read_bytes() == b"p"


def test_credentials_of_an_index_reach_its_files(
    index: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    index.put(f"/files/{PURE}", wheel(m=b"p"))
    page = f'<a href="../../files/{PURE}">{PURE}</a>'.encode()
    index.put("/simple/my-zoo/", page, headers={"Content-Type": "text/html"})
    for listed in index.pages.values():
        listed.authorization = "Basic YW5uOmdlaGVpbQ=="
    monkeypatch.setenv("PIP_INDEX_URL", f"http://ann:geheim@{index.host}/simple")
    fetch(tmp_path, "pypi:my-zoo==1.0#m")

    kept = [path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()]
    assert not any(b"geheim" in content for content in kept)


def test_a_folder_of_links_and_a_missing_index(
    index: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "links").mkdir()
    (tmp_path / "links" / PURE).write_bytes(wheel(m=b"p"))
    (tmp_path / "links/unrelated.txt").touch()
    monkeypatch.setenv("PIP_EXTRA_INDEX_URL", f"file://{tmp_path}/gone file://{tmp_path}/gone2")
    fetch(tmp_path, "pypi:my-zoo==1.0#m")

    assert (tmp_path / "out/0/m").read_bytes() == b"p"
    assert index.paths() == ["/simple/my-zoo/"]


def test_an_index_of_files(index: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    body = wheel(m=b"p")
    digest = hashlib.sha256(body).hexdigest()
    page = tmp_path / "index/simple/my-zoo/index.html"
    page.parent.mkdir(parents=True)
    page.write_text(f'<a href="../../files/{PURE}#sha256={digest}">{PURE}</a>')
    (tmp_path / "index/files").mkdir()
    (tmp_path / "index/files" / PURE).write_bytes(body)
    monkeypatch.setenv("PIP_EXTRA_INDEX_URL", f"file://{tmp_path}/index/simple")
    fetch(tmp_path, "pypi:my-zoo==1.0#m")

    assert (tmp_path / "out/0/m").read_bytes() == b"p"
    assert index.paths() == ["/simple/my-zoo/"]


def test_pip_configuration(tmp_path: Path) -> None:
    (tmp_path / ".config/pip").mkdir(parents=True)
    (tmp_path / ".config/pip/pip.conf").write_text(
        "[global]\nindex-url = http://user/\nretries = 1\ncert = /ca.pem\n"
        "[install]\ntrusted-host = a\n  b:8\n[list]\nproxy = http://no:1\n"
    )
    (tmp_path / "own.conf").write_text(
        "[global]\nindex_url = http://ann:pw%40@own/simple\nproxy = http://proxy:1\n"
    )
    environ = {
        "HOME": str(tmp_path),
        "PIP_CONFIG_FILE": str(tmp_path / "own.conf"),
        "PIP_EXTRA_INDEX_URL": "http://a/ http://b/",
        "PIP_TIMEOUT": "7.5",
    }
    config = load_pip_config(environ)

    assert config.indexes == ("http://ann:pw%40@own/simple", "http://a/", "http://b/")
    assert config.http.attempts == 2
    assert config.http.verify == "/ca.pem"
    assert config.http.trusted_hosts == ("a", "b:8")
    assert config.http.proxies == (("http", "http://proxy:1"), ("https", "http://proxy:1"))
    assert config.http.timeout_seconds == 7.5
    assert config.http.credentials == (("//own/", "Basic YW5uOnB3QA=="),)


@pytest.mark.network
def test_basic_pitch(tmp_path: Path) -> None:
    source = "pypi:basic-pitch==0.4.0#basic_pitch/saved_models/icassp_2022/nmp"
    fetched = fetch(tmp_path, source, cache=cache_folder(os.environ))

    assert fetched.entry == "."
    assert fetched.sha256 == "2680f41dac3e8fe3ab39d7b23e7b933cb4c75a0b00e4b3419c7b88e91002b9f3"
    assert (tmp_path / "out/0/variables/variables.index").is_file()


@pytest.mark.network
def test_what_only_the_sdist_of_basic_pitch_has(tmp_path: Path) -> None:
    source = "pypi:basic-pitch==0.4.0#pyproject.toml"
    fetch(tmp_path, source, cache=cache_folder(os.environ))

    assert 'name = "basic-pitch"' in (tmp_path / "out/0/pyproject.toml").read_text()


def page(server: Server, **changed: Any) -> dict[str, Any]:
    """Return an index's page of one wheel, with some fields of its file changed."""
    url = server.put(f"/files/{PURE}", wheel(m=b"w"))
    digest = hashlib.sha256(wheel(m=b"w")).hexdigest()
    file = {
        "filename": PURE,
        "url": url,
        "hashes": {"sha256": digest},
        "requires-python": ">=3.8",
        "yanked": False,
        "size": 5,
    }
    return {"meta": {"api-version": "1.1"}, "name": "my-zoo", "files": [file | changed]}


def answer_with(server: Server, content: Any) -> None:
    """Let the index answer with a page."""
    body = content if isinstance(content, bytes) else json.dumps(content).encode()
    server.put("/simple/my-zoo/", body, headers={"Content-Type": JSON})


def test_no_page_of_an_index_is_a_bug_of_ours(index: Server, tmp_path: Path) -> None:
    numbers = iter(range(10_000))

    def answer(body: bytes) -> None:
        answer_with(index, body)
        fetch(tmp_path, "pypi:my-zoo==1.0#m", cache=tmp_path / f"cache{next(numbers)}")

    messages = collect_messages(format_spoilt(page(index)), answer)
    assert len([message for message in messages if message]) > 60


@pytest.mark.parametrize(
    "body",
    [
        *(
            b"<a>" * 10_000,
            b"<a href=" * 1000,
            b"<" * 10_000,
            b"<!--" * 1000,
            b"<![CDATA[",
            b"\0",
        ),
        *(b"<base href='http://[::1'><a href='x'>my_zoo-1.0-py3-none-any.whl</a>", b"<div>" * 5000),
        b"<a href='http://[::1'>my_zoo-1.0-py3-none-any.whl</a>",
        b"<a href='file:///etc/passwd'>my_zoo-1.0-py3-none-any.whl</a>",
        b"<meta name='pypi:repository-version' content='99.0'>",
        b"<a href='x#sha256=\xff\xfe'>my_zoo-1.0-py3-none-any.whl</a>",
        b"<a href='http://a/' data-yanked='\x1b[2J'>my_zoo-9.0.tar.gz</a>",
        bytes(5 * 1024**2),
    ],
)
@pytest.mark.parametrize(
    "kind", ["text/html", "text/html; charset=\x1b\xb2", "application/x-nothing"]
)
def test_no_html_of_an_index_is_a_bug_of_ours(
    index: Server, tmp_path: Path, body: bytes, kind: str
) -> None:
    index.put("/simple/my-zoo/", body, headers={"Content-Type": kind})
    started = time.monotonic()

    with pytest.raises(FetchError) as caught:
        fetch(tmp_path, "pypi:my-zoo==1.0#m")
    assert caught.value.message.isprintable()
    assert time.monotonic() - started < 5


@pytest.mark.parametrize(
    "url", ["file:///etc/passwd", "ftp://127.0.0.1/x", "data:,x", "http://[::1"]
)
def test_an_index_of_the_web_names_no_files_of_this_machine(
    index: Server, tmp_path: Path, url: str
) -> None:
    answer_with(index, page(index, url=url))

    with pytest.raises(
        FetchError, match=rf"{PURE} is at a \w*: address; expected http: or https:|no page"
    ):
        fetch(tmp_path, "pypi:my-zoo==1.0#m")
    assert not list(tmp_path.glob("cache/blobs/*/*"))


@pytest.mark.parametrize(
    "changed",
    [
        pytest.param({"filename": "other-1.0-py3-none-any.whl"}, id="another project"),
        pytest.param({"filename": "my_zoo-2.0-py3-none-any.whl"}, id="another version"),
        pytest.param({"filename": "../my_zoo-1.0-py3-none-any.whl"}, id="above"),
        pytest.param({"filename": "my_zoo-1.0-py3-none-\x1b.whl"}, id="controls"),
        pytest.param({"filename": "my_zoo-1.0-py3-none-any.exe"}, id="no archive"),
        pytest.param({"filename": f"my_zoo-1.0-{'x' * 300}-none-any.whl"}, id="long"),
    ],
)
def test_a_file_of_another_name_is_not_the_release(
    index: Server, tmp_path: Path, changed: dict[str, Any]
) -> None:
    answer_with(index, page(index, **changed))

    with pytest.raises(FetchError, match=r"no such package|no wheel or sdist|no page of an index"):
        fetch(tmp_path, "pypi:my-zoo==1.0#m")


def test_a_wheel_that_lies_is_refused_by_the_digest(index: Server, tmp_path: Path) -> None:
    answer_with(index, page(index, hashes={"sha256": "0" * 64, "md5": "1"}))

    with pytest.raises(FetchError, match=r"sha256 of the download is .*; expected 0000"):
        fetch(tmp_path, "pypi:my-zoo==1.0#m")


@pytest.mark.parametrize(
    "setting",
    [
        *({"PIP_INDEX_URL": "http://[::1/simple"}, {"PIP_FIND_LINKS": "http://[x"}),
        *({"PIP_RETRIES": "\xb2"}, {"PIP_RETRIES": "9" * 5000}, {"PIP_TIMEOUT": "9" * 400}),
        *({"PIP_TIMEOUT": "0"}, {"PIP_TIMEOUT": "\u0665"}, {"PIP_PROXY": "http://[::1"}),
    ],
)
def test_no_setting_of_pip_is_a_bug_of_ours(
    index: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, setting: dict[str, str]
) -> None:
    answer_with(index, page(index))
    for name, value in setting.items():
        monkeypatch.setenv(name, value)
    message = None
    try:
        fetch(tmp_path, "pypi:my-zoo==1.0#m")
    except FetchError as error:
        message = error.message

    harmless = setting.keys() <= {"PIP_RETRIES", "PIP_TIMEOUT", "PIP_FIND_LINKS"}
    assert (message is None) is harmless, message
