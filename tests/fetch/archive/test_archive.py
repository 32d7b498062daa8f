"""Archives of others: what comes out of them, and what is refused."""

import functools
import gzip
import io
import json
import lzma
import re
import resource
import stat
import struct
import tarfile
import time
import warnings
import zipfile
import zlib
from collections.abc import Callable, Mapping
from pathlib import Path

import pytest
from fuzzed_archives import KINDS, fuzz

from pipeline.errors import FetchError, UntrustedSourceError
from pipeline.fetch.address.source import parse_source
from pipeline.fetch.archive import archive as limits
from pipeline.fetch.archive import tar_archive
from pipeline.fetch.fetch import Fetched, fetch_source

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


def name_shards(*shards: str) -> bytes:
    """Return a model.json that names shards."""
    return json.dumps({"weightsManifest": [{"paths": shards, "weights": []}]}).encode()


def test_shards_of_a_published_zoo_come_along_from_above(tmp_path: Path) -> None:
    content = name_shards("../float32-0123abcd/a.bin", "../../text/weights/0123456789abcdef.bin")
    files = {
        "models/m/float32/model.json": content,
        "models/m/float32-0123abcd/a.bin": b"a",
        "models/text/weights/0123456789abcdef.bin": b"b",
    }
    write_zip(tmp_path / "z.zip", {**files, "x": b""})

    assert fetch(tmp_path, "z.zip#models/m/float32").entry == "model/model/model.json"
    assert files_in(tmp_path / "out") == {
        "model/model/model.json": content,
        "model/float32-0123abcd/a.bin": b"a",
        "text/weights/0123456789abcdef.bin": b"b",
    }


@pytest.mark.parametrize("suffix", [".tar", ".zip"])
def test_shards_above_an_archive_are_not_those_of_the_disk(tmp_path: Path, suffix: str) -> None:
    write = write_tar if suffix in WRITERS else write_zip
    shard = "s/weights/0123456789abcdef.bin"
    (tmp_path / shard).parent.mkdir(parents=True)
    (tmp_path / shard).write_bytes(b"secret")
    write(tmp_path / f"m{suffix}", {"m/model.json": name_shards(f"../../{shard}"), "x": b""})

    with pytest.raises(FetchError, match=rf"names the shard '\.\./\.\./{shard}', which is not"):
        fetch(tmp_path, f"m{suffix}#m")
    assert files_in(tmp_path / "out") == {}


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


def tar_of(*infos: tarfile.TarInfo, mode: str = "w:gz") -> bytes:
    """Return a tar archive of members without content."""
    content = io.BytesIO()
    with tarfile.open(fileobj=content, mode=mode) as archive:  # type: ignore[call-overload]
        for info in infos:
            archive.addfile(info)
    return content.getvalue()


def sized(name: str, size: int) -> bytes:
    """Return the header of a file with any size, negative ones too."""
    info = tarfile.TarInfo(name)
    header = bytearray(info.tobuf(tarfile.GNU_FORMAT))
    header[124:136] = tarfile.itn(size, 12, tarfile.GNU_FORMAT)  # type: ignore[attr-defined]
    header[148:156] = b" " * 8
    header[148:156] = b"%06o\0 " % sum(header)
    return bytes(header)


def pax(**records: str) -> bytes:
    """Return a tar archive of a file with pax records, as they are."""
    info = tarfile.TarInfo("m.h5")
    info.pax_headers = records
    return info.tobuf(tarfile.PAX_FORMAT) + bytes(10240)


def zip_of(*names: str, edit: Callable[[zipfile.ZipInfo], None] | None = None) -> bytes:
    """Return a zip archive of small files, and what is written of them changed."""
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w") as archive, warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of names that are there twice
        for name in names:
            archive.writestr(zipfile.ZipInfo(name), b"content")
        for info in archive.infolist():
            if edit:
                edit(info)
    return content.getvalue()


def many_folders() -> bytes:
    """Return a small archive of very many folders."""
    header = member("a", tarfile.DIRTYPE).tobuf(tarfile.GNU_FORMAT)
    return gzip.compress(header * 5001, 1)


def chain_of_links() -> bytes:
    """Return an archive of links each of which leads to the next."""
    links = (member(f"{i}", tarfile.SYMTYPE, f"{i + 1}") for i in range(4000))
    return tar_of(*links, member("4000", tarfile.REGTYPE))


def many_links() -> bytes:
    """Return an archive in which links multiply a file."""
    content = io.BytesIO()
    with tarfile.open(fileobj=content, mode="w") as archive:
        info = tarfile.TarInfo("file")
        info.size = 1024**2
        archive.addfile(info, io.BytesIO(bytes(info.size)))
        for number in range(2000):
            archive.addfile(member(f"link{number}", tarfile.LNKTYPE, "file"))
    return content.getvalue()


def endless_sparse_map() -> bytes:
    """Return an archive whose first header has a map of holes of 200 MiB."""
    header = bytearray(sized("m.h5", 0))
    header[156:157] = tarfile.GNUTYPE_SPARSE
    header[482] = 1
    header[148:156] = b" " * 8
    header[148:156] = b"%06o\0 " % sum(header)
    block = (b"00000000000\0" * 42).ljust(504, b"\0") + b"\1" + bytes(7)
    return gzip.compress(bytes(header) + block * 400_000, 1)


def large_xz_dictionary() -> bytes:
    """Return an archive that wants 1.5 GiB of memory to be unpacked."""
    filters = [{"id": lzma.FILTER_LZMA2, "preset": 0}]
    content = bytearray(lzma.compress(tar_of(mode="w"), filters=filters))
    # Block header: size, flags, filter id 0x21, 1 byte of properties, then padding and CRC32.
    place = content.index(b"\x21\x01", 12) + 2
    content[place] = 40
    end = 12 + (content[12] + 1) * 4
    content[end - 4 : end] = zlib.crc32(content[12 : end - 4]).to_bytes(4, "little")
    return bytes(content)


def overlapping_zip() -> bytes:
    """Return a zip archive of 250 members that are one kernel: 4 GiB out of 42 KiB."""
    kernel = zlib.compressobj(9, zlib.DEFLATED, -15)
    packed = kernel.compress(bytes(16 * 1024**2)) + kernel.flush()
    crc = zlib.crc32(bytes(16 * 1024**2))
    fields = (20, 0, 8, 0, 0, crc, len(packed), 16 * 1024**2, 1, 0)
    local = struct.pack("<4sHHHHHIIIHH", b"PK\3\4", *fields) + b"a"
    entries = b"".join(
        struct.pack("<4sHHHHHHIIIHHHHHII", b"PK\1\2", 20, *fields, 0, 0, 0, 0, 0) + bytes([n])
        for n in range(33, 127)
    )
    end = struct.pack(
        "<4sHHHHIIH", b"PK\5\6", 0, 0, 94, 94, len(entries), len(local) + len(packed), 0
    )
    return local + packed + entries + end


def many_entries() -> bytes:
    """Return a zip archive whose directory has more entries than a model has files."""
    entry = struct.pack("<4sHHHHHHIIIHHHHHII", b"PK\1\2", 20, 20, *[0] * 6, 0, 0, 0, 0, 0, 0, 0, 0)
    entries = entry * 5001
    return (
        b"PK\3\4" + entries + struct.pack("<4sHHHHIIH", b"PK\5\6", 0, 0, 9, 9, len(entries), 4, 0)
    )


def bomb_of_another_method(method: int) -> bytes:
    """Return a zip archive that says of 256 MiB of zeros that they are ten bytes."""
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w", method) as archive, archive.open("m.h5", "w") as file:
        for _ in range(256):
            file.write(bytes(1024**2))
    raw = bytearray(content.getvalue())
    struct.pack_into("<I", raw, raw.rindex(b"PK\1\2") + 24, 10)
    return bytes(raw)


def set_flag(info: zipfile.ZipInfo) -> None:
    """Say of a name in cp437 that it is in UTF-8."""
    info.flag_bits |= 0x800


def set_fifo(info: zipfile.ZipInfo) -> None:
    """Say of a file that it is a pipe."""
    info.external_attr = (stat.S_IFIFO | 0o644) << 16


HOSTILE: dict[str, tuple[Callable[[], bytes], str | None]] = {
    "many folders.tgz": (many_folders, "more than 5000 files and folders; refused"),
    "a chain of links.tgz": (chain_of_links, None),
    "many links.tar": (many_links, "unpacks to more than 100 times its size"),
    "an endless map of holes.tgz": (endless_sparse_map, "a tar header of more than 1 MiB"),
    "a large dictionary.tar.xz": (large_xz_dictionary, None),
    "overlapping members.zip": (overlapping_zip, "its members share bytes"),
    "many entries.zip": (many_entries, "more than 5000 files and folders; refused"),
    "a bomb by bzip2.zip": (lambda: bomb_of_another_method(zipfile.ZIP_BZIP2), "damaged"),
    "a bomb by lzma.zip": (lambda: bomb_of_another_method(zipfile.ZIP_LZMA), "damaged"),
    "a bomb by deflate.zip": (lambda: bomb_of_another_method(zipfile.ZIP_DEFLATED), "damaged"),
    "a negative size.tar": (lambda: sized("m.h5", -512) + bytes(10240), "damaged"),
    "a size beyond all.tar": (lambda: sized("m.h5", 2**62) + bytes(10240), "more than 32 GiB"),
    "a size by pax.tar": (lambda: pax(size="-1024"), "damaged"),
    "a huge size by pax.tar": (lambda: pax(size="9" * 30), "more than 32 GiB"),
    "a size of very many digits.tar": (lambda: pax(size="9" * 500_000), "a number of 32 digits"),
    "very many digits.tar": (lambda: pax(comment="9" * 500_000), "a number of 32 digits"),
    "holes by pax.tar": (
        lambda: pax(**{"GNU.sparse.map": "0,1," + "9" * 25 + ",1", "GNU.sparse.size": "99"}),
        "stored with holes",
    ),
    "holes of nonsense by pax.tar": (
        lambda: pax(**{"GNU.sparse.map": "x,y", "GNU.sparse.size": "z"}),
        "damaged|holes",
    ),
    "holes by pax 1.0.tar": (
        lambda: pax(
            **{"GNU.sparse.major": "1", "GNU.sparse.minor": "0", "GNU.sparse.realsize": "99"}
        ),
        "damaged|holes",
    ),
    "a path by pax.tar": (lambda: pax(path="../../x"), "below the archive's root"),
    "NUL in a path by pax.tar": (lambda: pax(path="a\0/../../x"), "below the archive's root"),
    "times of nonsense.tar": (lambda: pax(mtime="1e999", atime="x"), None),
    "headers of headers.tar": (
        lambda: b"".join([pax(comment="x" * 9)[:1024]] * 5000) + bytes(10240),
        "damaged|a tar header of more than",
    ),
    "a pipe.zip": (lambda: zip_of("a", edit=set_fifo), "is a device or a pipe"),
    "a name that is no UTF-8.zip": (
        lambda: zip_of("a\xff", edit=set_flag).replace(b"a\xc3\xbf", b"a\xff\xff"),
        "damaged",
    ),
    **{
        f"the name {name!r}.{kind}": (make, "below the archive's root, short and of printable")
        for name in [
            *("/etc/x", "../x", "a/../../x", "a\\..\\x", "C:/x", "C:x", "//host/x", "x" * 300),
            *(
                "a/" * 100 + "x",
                "a\nb",
                "a\x1b[2Jb",
                "a\x7fb",
                "a\u202eb",
                "a\u2028b",
                ".../../x/..",
            ),
        ]
        for kind, make in {
            "tar": functools.partial(tar_of, member(name, tarfile.REGTYPE), mode="w"),
            "zip": functools.partial(zip_of, name),
        }.items()
    },
    **{
        f"harmless {name!r}.{kind}": (make, None)
        for name in ["a.", "a ", "aux", "CON.h5", "a\ufffd", "ü", "a b", "...", ".hidden", "😀"]
        for kind, make in {
            "tar": functools.partial(tar_of, member(name, tarfile.REGTYPE), mode="w"),
            "zip": functools.partial(zip_of, name),
        }.items()
    },
    "names that differ in case.zip": (functools.partial(zip_of, "M.h5", "m.h5"), None),
    "a name twice.zip": (functools.partial(zip_of, "m.h5", "m.h5"), None),
    "a file and a folder of one name.zip": (
        functools.partial(zip_of, "a", "a/b", "c"),
        "have the same name",
    ),
}


@pytest.mark.parametrize("name", HOSTILE)
def test_a_hostile_archive_is_refused_in_one_sentence(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    make, message = HOSTILE[name]
    monkeypatch.setattr(limits, "MAX_FILES", 5000)
    path = tmp_path / f"m{name[name.rindex('.') :]}"
    path.write_bytes(make())
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
    started = time.monotonic()
    said = None
    try:
        fetch(tmp_path, path.name)
    except FetchError as error:
        said = error.message

    assert time.monotonic() - started < 10
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024 - before < 300 * 1024**2
    assert said is None or (said.isprintable() and len(said) < 300)
    if message:
        assert re.search(message, said or "nothing")
        stored = list(tmp_path.glob("cache/blobs/*/*"))
        assert not stored, "all is counted before any of it is stored"


def test_a_tar_of_another_encoding_is_read(tmp_path: Path) -> None:
    info = member("b\xfccher.h5", tarfile.REGTYPE)
    content = info.tobuf(tarfile.GNU_FORMAT, "latin-1") + bytes(10240)
    (tmp_path / "m.tar").write_bytes(content)
    fetch(tmp_path, "m.tar")

    assert files_in(tmp_path / "out") == {"b\ufffdcher.h5": b""}


@pytest.mark.parametrize("kind", KINDS)
def test_archives_with_random_faults(tmp_path: Path, kind: str) -> None:
    result = fuzz(kind, 60, 3, tmp_path)

    assert sum(result.endings.values()) == 60
    assert len(result.endings) > 1 or "sparse" in kind
    assert set(result.endings) <= {"fetched", "FetchError", "UntrustedSourceError"}


def test_a_large_archive_with_a_missing_path_is_searched_in_no_time(tmp_path: Path) -> None:
    names = [f"{'model-of-a-name-' * 8}{number}" for number in range(20_000)]
    write_zip(tmp_path / "m.zip", dict.fromkeys(names, b""))
    started = time.monotonic()

    with pytest.raises(FetchError, match="no 'model-of-a-name-x' in it"):
        fetch(tmp_path, "m.zip#model-of-a-name-x")
    assert time.monotonic() - started < 10
