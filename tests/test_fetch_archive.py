"""Archives of others: what comes out of them, and what is refused."""

import io
import stat
import tarfile
import zipfile
from collections.abc import Mapping
from pathlib import Path

import pytest

from pipeline.errors import FetchError, UntrustedSourceError
from pipeline.fetch import archive as limits
from pipeline.fetch import tar_archive
from pipeline.fetch.fetch import Fetched, fetch_source
from pipeline.fetch.source import parse_source

MODEL = {"top/model/saved_model.pb": b"graph", "top/model/variables/variables.index": b"index"}
WRITERS = {".tar": "w", ".tar.gz": "w:gz", ".tgz": "w:gz", ".tar.bz2": "w:bz2", ".tar.xz": "w:xz"}


def write_tar(path: Path, files: Mapping[str, bytes], *extra: tarfile.TarInfo) -> None:
    """Write a tar archive with files, and members without content."""
    mode = next(mode for suffix, mode in WRITERS.items() if path.name.endswith(suffix))
    with tarfile.open(path, mode) as archive:  # type: ignore[call-overload]
        for name, content in files.items():
            info = tarfile.TarInfo(name)
            info.size = len(content)
            archive.addfile(info, io.BytesIO(content))
        for info in extra:
            archive.addfile(info)


def write_zip(path: Path, files: Mapping[str, bytes]) -> None:
    """Write a zip archive."""
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in files.items():
            archive.writestr(name, content)


def fetch(root: Path, text: str) -> Fetched:
    """Fetch a source of a folder into its folder `out`."""
    folder = root / "out"
    folder.mkdir()
    return fetch_source(
        parse_source(text),
        root=root,
        folder=folder,
        cache=root / "cache",
        sha256=None,
        progress=lambda _done, _total: None,
    )


def files_in(folder: Path) -> dict[str, bytes]:
    """Return the content of all files below a folder by path."""
    return {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in folder.rglob("*")
        if path.is_file()
    }


def member(name: str, kind: bytes, link: str = "") -> tarfile.TarInfo:
    """Return the header of a member without content."""
    info = tarfile.TarInfo(name)
    info.type = kind
    info.linkname = link
    return info


@pytest.mark.parametrize("suffix", [*WRITERS, ".zip", ".whl"])
@pytest.mark.parametrize("inside", ["top/model", "model"], ids=["with top", "without top"])
def test_a_folder_in_an_archive(tmp_path: Path, suffix: str, inside: str) -> None:
    write = write_tar if suffix in WRITERS else write_zip
    write(tmp_path / f"m{suffix}", MODEL | {"top/other.txt": b"other"})
    fetched = fetch(tmp_path, f"m{suffix}#{inside}")

    assert fetched.entry == "."
    assert files_in(tmp_path / "out") == {
        "saved_model.pb": b"graph",
        "variables/variables.index": b"index",
    }


def test_the_root_of_an_archive_is_its_only_top_folder(tmp_path: Path) -> None:
    write_zip(tmp_path / "m.zip", {"m/saved_model.pb": b"graph", "m/assets/x": b""})
    fetch(tmp_path, "m.zip")

    assert set(files_in(tmp_path / "out")) == {"saved_model.pb", "assets/x"}


def test_a_path_that_is_not_there_lists_near_ones(tmp_path: Path) -> None:
    write_tar(tmp_path / "m.tgz", MODEL)

    with pytest.raises(FetchError, match=r"m\.tgz: no 'modell' in it; did you mean 'model'"):
        fetch(tmp_path, "m.tgz#modell")


def test_a_tar_is_unpacked_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_tar(tmp_path / "m.tgz", MODEL)
    fetch(tmp_path, "m.tgz#model")
    (tmp_path / "out").rename(tmp_path / "first")
    monkeypatch.setattr(tar_archive, "_open_decompressed", None)
    fetch(tmp_path, "m.tgz#model/saved_model.pb")

    assert files_in(tmp_path / "out") == {"saved_model.pb": b"graph"}


def test_a_damaged_member_is_unpacked_again(tmp_path: Path) -> None:
    write_tar(tmp_path / "m.tgz", MODEL)
    fetch(tmp_path, "m.tgz#model")
    (tmp_path / "out").rename(tmp_path / "first")
    for blob in tmp_path.glob("cache/blobs/*/*"):
        blob.unlink()
        blob.write_bytes(b"damaged")
    fetch(tmp_path, "m.tgz#model")

    assert files_in(tmp_path / "out") == files_in(tmp_path / "first")


@pytest.mark.parametrize("name", ["/etc/x", "../x", "a/../../x", "a\\..\\x", "C:/x"])
@pytest.mark.parametrize("suffix", [".tar", ".zip"])
def test_members_outside_are_refused(tmp_path: Path, suffix: str, name: str) -> None:
    write = write_tar if suffix == ".tar" else write_zip
    write(tmp_path / f"m{suffix}", {"model.h5": b"fine", name: b"not"})

    with pytest.raises(UntrustedSourceError, match="expected paths below the archive's root"):
        fetch(tmp_path, f"m{suffix}#model.h5")
    assert not files_in(tmp_path / "out")


@pytest.mark.parametrize(
    "link",
    [
        pytest.param(member("a/b", tarfile.SYMTYPE, "/etc/passwd"), id="absolute"),
        pytest.param(member("a/b", tarfile.SYMTYPE, "../../x"), id="above the root"),
        pytest.param(member("b", tarfile.LNKTYPE, "../x"), id="hard link above the root"),
    ],
)
def test_links_out_are_refused(tmp_path: Path, link: tarfile.TarInfo) -> None:
    write_tar(tmp_path / "m.tar", {"model.h5": b"fine"}, link)

    with pytest.raises(UntrustedSourceError, match="expected no links out of the archive"):
        fetch(tmp_path, "m.tar#model.h5")


def test_a_link_out_of_a_zip_is_refused(tmp_path: Path) -> None:
    info = zipfile.ZipInfo("a")
    info.external_attr = (stat.S_IFLNK | 0o777) << 16
    with zipfile.ZipFile(tmp_path / "m.zip", "w") as archive:
        archive.writestr(info, "../../etc/passwd")

    with pytest.raises(UntrustedSourceError, match="expected no links out of the archive"):
        fetch(tmp_path, "m.zip#a")


def test_links_within_are_followed(tmp_path: Path) -> None:
    links = (
        member("a/soft", tarfile.SYMTYPE, "../b/file"),
        member("hard", tarfile.LNKTYPE, "b/file"),
        member("chain", tarfile.SYMTYPE, "a/soft"),
        member("circle", tarfile.SYMTYPE, "circle"),
        member("dangling", tarfile.SYMTYPE, "nothing"),
    )
    write_tar(tmp_path / "m.tar", {"b/file": b"it"}, *links)
    fetch(tmp_path, "m.tar")

    assert files_in(tmp_path / "out") == dict.fromkeys(["a/soft", "b/file", "hard", "chain"], b"it")


@pytest.mark.parametrize("kind", [tarfile.CHRTYPE, tarfile.BLKTYPE, tarfile.FIFOTYPE])
def test_devices_are_refused(tmp_path: Path, kind: bytes) -> None:
    write_tar(tmp_path / "m.tar", {"model.h5": b"fine"}, member("dev", kind))

    with pytest.raises(UntrustedSourceError, match="'dev' is a device or a pipe"):
        fetch(tmp_path, "m.tar#model.h5")


@pytest.mark.parametrize("suffix", [".tgz", ".zip"])
@pytest.mark.parametrize(
    "limit",
    [
        pytest.param(("MAX_FILES", 2, "more than 2 files"), id="files"),
        pytest.param(("MAX_TOTAL_BYTES", 2_000_000, "unpacks to more than 0 GiB"), id="bytes"),
        pytest.param(("FREE_OF_RATIO_BYTES", 1_000_000, "more than 100 times"), id="ratio"),
    ],
)
def test_limits(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, suffix: str, limit: tuple[str, int, str]
) -> None:
    name, value, message = limit
    write = write_tar if suffix == ".tgz" else write_zip
    write(tmp_path / f"m{suffix}", {f"zeros-{i}": bytes(1_000_000) for i in range(3)})
    monkeypatch.setattr(limits, name, value)

    with pytest.raises(UntrustedSourceError, match=message):
        fetch(tmp_path, f"m{suffix}")


def test_a_huge_tar_header_is_refused(tmp_path: Path) -> None:
    info = tarfile.TarInfo("x")
    info.type = tarfile.GNUTYPE_LONGNAME
    info.size = 20 * 1024 * 1024
    with (tmp_path / "m.tar").open("wb") as file:
        file.write(info.tobuf(tarfile.GNU_FORMAT) + bytes(info.size + 10240))

    with pytest.raises(UntrustedSourceError, match="a tar header of more than 1 MiB"):
        fetch(tmp_path, "m.tar#x")


def test_an_encrypted_zip_is_refused(tmp_path: Path) -> None:
    write_zip(tmp_path / "m.zip", {"m.h5": b"secret"})
    content = bytearray((tmp_path / "m.zip").read_bytes())
    content[content.index(b"PK\x01\x02") + 8] |= 1
    (tmp_path / "m.zip").write_bytes(content)

    with pytest.raises(FetchError, match="an encrypted zip archive"):
        fetch(tmp_path, "m.zip#m.h5")


@pytest.mark.parametrize("suffix", [".tar", ".tgz", ".tar.bz2", ".tar.xz", ".zip"])
def test_a_truncated_archive_is_said_to_be(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"m{suffix}"
    write = write_zip if suffix == ".zip" else write_tar
    write(path, {"m.h5": b"".join(i.to_bytes(4, "big") for i in range(50_000))})
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])

    with pytest.raises(FetchError, match=r"a damaged or truncated (zip|tar) archive") as caught:
        fetch(tmp_path, f"m{suffix}#m.h5")
    assert not caught.value.retry
    assert caught.value.hint == "make it again, or copy it again"


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        pytest.param("m.zip", b"\x1f\x8b123", "by its content; expected a zip", id="gz as zip"),
        pytest.param("m.tgz", b"PK\x03\x04", "by its content; expected a tar", id="zip as tgz"),
        pytest.param("m.zip", b"anything", "not an archive by its content", id="no archive"),
    ],
)
def test_a_wrong_type_of_archive_is_said(
    tmp_path: Path, name: str, content: bytes, message: str
) -> None:
    (tmp_path / name).write_bytes(content)

    with pytest.raises(FetchError, match=message):
        fetch(tmp_path, f"{name}#x")


def test_names_that_are_one_name_are_refused(tmp_path: Path) -> None:
    write_tar(tmp_path / "m.tar", {"m/a": b"a file", "m/a/b": b"in it", "m/c": b""})

    with pytest.raises(UntrustedSourceError, match="have the same name"):
        fetch(tmp_path, "m.tar")
