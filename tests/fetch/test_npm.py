"""npm packages, from a registry on this machine and from the real one."""

import base64
import hashlib
import json
import os
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from fetching import pack_tar
from hostile_json import collect_messages, format_spoilt
from loopback import Server, serve
from packages import fetch_into

from pipeline.disk.json_value import JsonValue
from pipeline.disk.layout import cache_folder
from pipeline.errors import FetchError
from pipeline.fetch.fetch import Fetched
from pipeline.fetch.http.http_session import HttpSettings
from pipeline.fetch.npm import _choose_host, find_public_registry
from pipeline.fetch.npmrc import NpmConfig, load_npm_config

SCOPED = "/@scope/zoo"


@pytest.fixture
def registry(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Server]:
    """Run a registry that the .npmrc in `tmp_path` names."""
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    for name in os.environ:
        if name.lower().startswith("npm_config_"):
            monkeypatch.delenv(name)
    with serve() as server:
        (tmp_path / ".npmrc").write_text(f"registry={server.url}/\n")
        yield server


def tarball(top: str = "package") -> bytes:
    """Return a package of two models."""
    model = json.dumps({"weightsManifest": [{"paths": ["a.bin"], "weights": []}]}).encode()
    files = {"models/a.json": model, "models/a.bin": b"a", "b.h5": b"b"}
    return pack_tar({f"{top}/{name}": body for name, body in files.items()})


def publish(server: Server, *, name: str = SCOPED, body: bytes | None = None, **dist: Any) -> bytes:
    """Publish version 1.0.0 of a package; return its tarball."""
    content = tarball() if body is None else body
    url = server.put(f"{name}/-/zoo-1.0.0.tgz", content)
    document = {"versions": {"1.0.0": {"dist": {"tarball": url, **dist}}, "1.1.0": {}}}
    server.put(name, json.dumps(document).encode())
    return content


def integrity(content: bytes) -> str:
    """Return npm's digest of a tarball."""
    return "sha512-" + base64.b64encode(hashlib.sha512(content).digest()).decode()


def fetch(
    folder: Path, text: str, *, cache: Path | None = None, root: Path | None = None
) -> Fetched:
    """Fetch a source into a new folder below `out`."""
    out = folder / "out" / text.replace("/", "_")
    return fetch_into(out, text, root=root or folder, cache=cache or folder / "cache")


def names_in(folder: Path) -> set[str]:
    """Return the names of all files below a folder."""
    return {path.name for path in folder.rglob("*") if path.is_file()}


@pytest.mark.parametrize("top", ["package", "anything"])
def test_a_model_of_a_package(registry: Server, tmp_path: Path, top: str) -> None:
    content = tarball(top)
    publish(registry, body=content, integrity=integrity(content))
    fetched = fetch(tmp_path, "npm:@scope/zoo@1.0.0#models/a.json")

    assert fetched.entry == "a.json"
    assert fetched.final
    assert names_in(tmp_path / "out") == {"a.json", "a.bin"}


def test_one_download_serves_all_models_at_once(registry: Server, tmp_path: Path) -> None:
    publish(registry, shasum=hashlib.sha1(tarball(), usedforsecurity=False).hexdigest())
    models = [f"npm:@scope/zoo@1.0.0#{path}" for path in ("models/a.json", "b.h5", "models", "")]
    with ThreadPoolExecutor(4) as threads:
        found = list(threads.map(lambda text: fetch(tmp_path, text), models))

    assert [fetched.entry for fetched in found] == ["a.json", "b.h5", ".", "."]
    assert registry.paths() == ["/@scope%2Fzoo", "/@scope/zoo/-/zoo-1.0.0.tgz"]


def test_a_kept_version_needs_no_network(registry: Server, tmp_path: Path) -> None:
    publish(registry)
    fetch(tmp_path, "npm:@scope/zoo@1.0.0#models/a.json")
    registry.pages.clear()

    assert fetch(tmp_path, "npm:@scope/zoo@1.0.0#b.h5").entry == "b.h5"


@pytest.mark.parametrize(
    ("dist", "algorithm"),
    [
        pytest.param({"integrity": integrity(b"other"), "shasum": "0"}, "sha512", id="integrity"),
        pytest.param({"shasum": "0" * 40}, "sha1", id="shasum"),
    ],
)
def test_a_changed_tarball_is_refused(
    registry: Server, tmp_path: Path, dist: dict[str, Any], algorithm: str
) -> None:
    publish(registry, **dist)

    with pytest.raises(FetchError, match=f"{algorithm} of the download is .*; expected") as caught:
        fetch(tmp_path, "npm:@scope/zoo@1.0.0#b.h5")
    assert caught.value.retry


def test_a_missing_version_lists_others(registry: Server, tmp_path: Path) -> None:
    publish(registry)

    with pytest.raises(
        FetchError, match=r"no version 1\.0\.1; among its versions are 1\.\d\.0, 1\.\d\.0"
    ) as caught:
        fetch(tmp_path, "npm:@scope/zoo@1.0.1#b.h5")
    assert caught.value.retry


def test_a_damaged_tarball_is_fetched_again(registry: Server, tmp_path: Path) -> None:
    publish(registry, body=tarball()[:-40])
    with pytest.raises(FetchError, match="a damaged or truncated tar archive") as caught:
        fetch(tmp_path, "npm:@scope/zoo@1.0.0#b.h5")
    assert caught.value.retry
    publish(registry)

    assert fetch(tmp_path, "npm:@scope/zoo@1.0.0#b.h5").entry == "b.h5"


def test_a_path_that_a_version_lacks_stays_a_fault(registry: Server, tmp_path: Path) -> None:
    publish(registry)

    with pytest.raises(FetchError, match=r"no 'c\.h5' in it") as caught:
        fetch(tmp_path, "npm:@scope/zoo@1.0.0#c.h5")
    assert not caught.value.retry


@pytest.mark.usefixtures("registry")
def test_a_missing_package_names_the_registry(tmp_path: Path) -> None:
    with pytest.raises(
        FetchError, match=r"http://127\.0\.0\.1:\d+/nothing has no such package"
    ) as caught:
        fetch(tmp_path, "npm:nothing@1.0.0#b.h5")
    assert caught.value.retry


def test_a_scope_has_its_own_registry_and_token(
    registry: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ZOO_TOKEN", "geheim")
    with serve() as private:
        (tmp_path / ".npmrc").write_text(
            f"registry={registry.url}\n@scope:registry = {private.url}/npm/\n"
            f"//{private.host}/npm/:_authToken=${{ZOO_TOKEN}}\n"
        )
        publish(private, name="/npm/@scope/zoo")
        private.pages["/npm/@scope/zoo"].authorization = "Bearer geheim"
        private.pages["/npm/@scope/zoo/-/zoo-1.0.0.tgz"].authorization = "Bearer geheim"
        fetched = fetch(tmp_path, "npm:@scope/zoo@1.0.0#b.h5")

    assert not registry.asked
    assert "geheim" not in repr(fetched)


def test_variables_come_before_files(tmp_path: Path) -> None:
    (tmp_path / ".npmrc").write_text(
        "; a comment\nregistry=http://project/\nstrict-ssl=false\nhttps-proxy=http://proxy:1\n"
    )
    environ = {
        "HOME": str(tmp_path / "home"),
        "PATH": "",
        "npm_config_registry": "http://variable/",
        "NPM_CONFIG_CAFILE": "/ca.pem",
        "npm_config_//host/:_auth": "YTpi",
    }
    config = load_npm_config(tmp_path, environ)

    assert config.registry == "http://variable/"
    assert config.http.verify is False
    assert config.http.proxies == (("https", "http://proxy:1"),)
    assert config.http.credentials == (("//host/", "Basic YTpi"),)


def test_the_user_file_gives_what_the_project_does_not(tmp_path: Path) -> None:
    home = tmp_path / "home"
    home.mkdir()
    (home / ".npmrc").write_text("registry=http://user/\ncafile=/ca.pem\n_auth=YTpi\n")
    (tmp_path / ".npmrc").write_text("registry=http://project/npm/\n")
    config = load_npm_config(tmp_path, {"HOME": str(home), "PATH": ""})

    assert config.registry == "http://project/npm/"
    assert config.http.verify == "/ca.pem"
    assert config.http.credentials == (("//project/npm/", "Basic YTpi"),)
    assert "YTpi" not in repr(config)


def test_a_configuration_that_cannot_be_read_is_none(tmp_path: Path) -> None:
    (tmp_path / ".npmrc").mkdir()

    assert load_npm_config(tmp_path, {"HOME": str(tmp_path), "PATH": ""}).registry is None


def test_a_mirror_serves_the_tarballs_of_its_original(registry: Server, tmp_path: Path) -> None:
    publish(registry, tarball=find_public_registry() + "@scope/zoo/-/zoo-1.0.0.tgz")

    assert fetch(tmp_path, "npm:@scope/zoo@1.0.0#b.h5").entry == "b.h5"


@pytest.mark.network
def test_basic_pitch(tmp_path: Path) -> None:
    fetched = fetch(
        tmp_path,
        "npm:@spotify/basic-pitch@1.0.1#model/model.json",
        cache=cache_folder(os.environ),
    )

    assert fetched.entry == "model.json"
    assert fetched.final
    assert fetched.sha256 == "9697e60a098f7fb2e29c9158ff9724f18d9259785bad07d8a1f97d2d68888e1e"
    assert names_in(tmp_path / "out") == {"model.json", "group1-shard1of1.bin"}


def test_no_document_of_a_registry_is_a_bug_of_ours(registry: Server, tmp_path: Path) -> None:
    content = publish(registry, integrity=integrity(tarball()), shasum="0" * 40)
    document = json.loads(registry.pages[SCOPED].body)
    numbers = iter(range(10_000))

    def answer(body: bytes) -> None:
        registry.put(SCOPED, body)
        fetch(tmp_path / str(next(numbers)), "npm:@scope/zoo@1.0.0#b.h5", root=tmp_path)

    messages = collect_messages(format_spoilt(document), answer)
    assert len([message for message in messages if message]) > 60
    assert content


@pytest.mark.parametrize(
    ("tarball_url", "message"),
    [
        pytest.param("file:///etc/passwd", "expected a URL of http: or https:", id="file"),
        pytest.param("ftp://127.0.0.1/x.tgz", "expected a URL of http: or https:", id="ftp"),
        pytest.param("/x.tgz", "expected a URL of http: or https:", id="relative"),
        pytest.param("http://[::1", "expected a URL", id="nonsense"),
        pytest.param("http:///x", "expected a URL of http: or https:", id="no host"),
        pytest.param("\x1b[2J", "expected a URL of http: or https:", id="controls"),
        pytest.param(5, "versions.1.0.0.dist.tarball: 5; expected a text", id="number"),
        pytest.param(None, "versions.1.0.0.dist.tarball: null; expected a text", id="null"),
    ],
)
def test_a_tarball_comes_from_the_web_only(
    registry: Server, tmp_path: Path, tarball_url: Any, message: str
) -> None:
    document = {"versions": {"1.0.0": {"dist": {"tarball": tarball_url}}}}
    registry.put(SCOPED, json.dumps(document).encode())

    with pytest.raises(FetchError, match=message):
        fetch(tmp_path, "npm:@scope/zoo@1.0.0#b.h5")
    assert not list(tmp_path.glob("cache/blobs/*/*"))


@pytest.mark.parametrize(
    ("registry_url", "url", "expected"),
    [
        pytest.param(
            "https://r.example/npm/",
            "http://r.example/npm/x.tgz",
            "https://r.example/npm/x.tgz",
            id="the same host",
        ),
        pytest.param(
            "https://r.example/", "http://cdn.example/x.tgz", None, id="another without TLS"
        ),
        pytest.param(
            "https://r.example/", "https://cdn.example/x", "https://cdn.example/x", id="another"
        ),
        pytest.param(
            "http://r.example/", "https://r.example/x", "https://r.example/x", id="better"
        ),
    ],
)
def test_what_is_asked_by_https_comes_by_https(
    registry_url: str, url: str, expected: str | None
) -> None:
    config = NpmConfig(registry=None, scopes={}, http=HttpSettings())
    tarball_url = JsonValue(url, "npm", error=FetchError)
    if expected is None:
        with pytest.raises(FetchError, match=r"expected a URL of https:$"):
            _choose_host(tarball_url, registry_url, config)
        return

    assert _choose_host(tarball_url, registry_url, config) == expected


def test_a_token_does_not_go_with_a_redirection_or_to_the_tarballs_host(
    registry: Server, tmp_path: Path
) -> None:
    with serve() as other:
        (tmp_path / ".npmrc").write_text(
            f"registry={registry.url}/\n//{registry.host}/:_authToken=geheim\n"
        )
        url = other.put("/zoo-1.0.0.tgz", tarball()).replace("127.0.0.1", "localhost")
        document = {"versions": {"1.0.0": {"dist": {"tarball": url}}}}
        moved = other.put("/moved", json.dumps(document).encode()).replace("127.0.0.1", "localhost")
        registry.put(SCOPED, b"", redirect=moved)
        fetch(tmp_path, "npm:@scope/zoo@1.0.0#b.h5")

        assert registry.asked[0].headers["Authorization"] == "Bearer geheim"
        assert other.paths() == ["/moved", "/zoo-1.0.0.tgz"]
        assert not [asked for asked in other.asked if "Authorization" in asked.headers]


@pytest.mark.parametrize(
    "line",
    [
        *("registry=http://[::1", "registry=file:///etc", "registry=x", "@scope:registry=ftp://x/"),
        *("registry=http://ann:geheim@/", "registry=\x1b[2J"),
    ],
)
def test_a_registry_that_is_none_is_said_without_its_password(tmp_path: Path, line: str) -> None:
    (tmp_path / ".npmrc").write_text(f"{line}\n")

    with pytest.raises(
        FetchError, match=r"registry in \.npmrc .* is no http: or https: URL"
    ) as said:
        fetch(tmp_path, "npm:@scope/zoo@1.0.0#b.h5")
    assert "geheim" not in said.value.describe()


def test_a_token_that_no_header_holds_is_said(registry: Server, tmp_path: Path) -> None:
    publish(registry)
    (tmp_path / ".npmrc").write_text(
        f"registry={registry.url}/\n//{registry.host}/:_authToken=geheimł\n"
    )

    with pytest.raises(FetchError, match="no request can be made") as said:
        fetch(tmp_path, "npm:@scope/zoo@1.0.0#b.h5")
    assert "geheim" not in said.value.describe()


def test_an_unknown_algorithm_does_not_hide_the_known_one(registry: Server, tmp_path: Path) -> None:
    publish(registry, integrity="sha999-AAAA", shasum="0" * 40)

    with pytest.raises(FetchError, match="sha1 of the download is"):
        fetch(tmp_path, "npm:@scope/zoo@1.0.0#b.h5")


def test_many_versions_that_are_alike_take_no_time(registry: Server, tmp_path: Path) -> None:
    versions: dict[str, Any] = {f"{'1.0.0-' * 20}{number}": {} for number in range(30_000)}
    registry.put(SCOPED, json.dumps({"versions": versions}).encode())
    started = time.monotonic()

    with pytest.raises(FetchError, match=r"has no version 1\.0\.0"):
        fetch(tmp_path, "npm:@scope/zoo@1.0.0#b.h5")
    assert time.monotonic() - started < 5
