"""Archives with random faults, and whether opening them ends as it should.

    python tests/helpers/fuzzed_archives.py [COUNT [SEED]]

opens so many archives of each kind, says how they ended, and fails where anything but our own
errors came out, where one took more than a second, or where memory grew beyond a bound.
"""

import collections
import io
import random
import resource
import shutil
import sys
import tarfile
import tempfile
import time
import zipfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

from pipeline.errors import FetchError
from pipeline.fetch.address.source import parse_source
from pipeline.fetch.fetch import fetch_source

MAX_SECONDS = 1.0
MAX_MEMORY_BYTES = 512 * 1024**2
_FILES = {"m/a.bin": bytes(range(256)) * 8, "m/sub/b.bin": bytes(3000), "m/model.h5": b"x" * 600}
_NUMBERS = (b"\xff" * 4, b"\0" * 4, b"\x7f" + b"\xff" * 3, b"-1  ", b"7777", b"\x80\0\0\0")


@dataclass
class Result:
    """How the archives of one kind ended."""

    endings: collections.Counter[str] = field(default_factory=collections.Counter)
    slowest_seconds: float = 0.0


def write_tar(mode: str, tar_format: int = tarfile.PAX_FORMAT) -> bytes:
    """Return a tar archive that has one of each kind of member."""
    content = io.BytesIO()
    with tarfile.open(fileobj=content, mode=mode, format=tar_format) as archive:  # type: ignore[call-overload]
        for name, body in _FILES.items():
            info = tarfile.TarInfo(name)
            info.size = len(body)
            info.pax_headers = {"comment": "ü" * 40}
            archive.addfile(info, io.BytesIO(body))
        for name, kind, link in (
            ("m/soft", tarfile.SYMTYPE, "a.bin"),
            ("m/hard", tarfile.LNKTYPE, "m/a.bin"),
            ("m/" + "long" * 60, tarfile.SYMTYPE, "a.bin"),
            ("m/folder", tarfile.DIRTYPE, ""),
        ):
            info = tarfile.TarInfo(name)
            info.type, info.linkname = kind, link
            archive.addfile(info)
    return content.getvalue()


def write_sparse() -> bytes:
    """Return a tar archive with a member that is stored with holes, as GNU tar writes it."""
    info = tarfile.TarInfo("m/sparse")
    header = bytearray(info.tobuf(tarfile.GNU_FORMAT))
    header[156:157] = tarfile.GNUTYPE_SPARSE
    header[386:410] = b"00000000000\0" + b"00000001000\0"
    header[483:495] = b"00000001000\0"
    header[148:156] = b" " * 8
    header[148:156] = b"%06o\0 " % sum(header)
    return bytes(header) + bytes(10240)


def write_zip(method: int) -> bytes:
    """Return a zip archive."""
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w", method) as archive:
        for name, body in _FILES.items():
            archive.writestr(name, body)
        archive.writestr("m/ü", "letters of another encoding")
    return content.getvalue()


KINDS: dict[str, Callable[[], bytes]] = {
    ".tar": lambda: write_tar("w"),
    "-gnu.tar": lambda: write_tar("w", tarfile.GNU_FORMAT),
    "-sparse.tar": write_sparse,
    ".tar.gz": lambda: write_tar("w:gz"),
    ".tar.bz2": lambda: write_tar("w:bz2"),
    ".tar.xz": lambda: write_tar("w:xz"),
    ".zip": lambda: write_zip(zipfile.ZIP_DEFLATED),
    "-stored.zip": lambda: write_zip(zipfile.ZIP_STORED),
    "-bzip2.zip": lambda: write_zip(zipfile.ZIP_BZIP2),
    "-lzma.zip": lambda: write_zip(zipfile.ZIP_LZMA),
}


def mutate(content: bytes, random_: random.Random) -> bytes:
    """Return an archive with a few random faults; of a tar header with its checksum mended."""
    result = bytearray(content)
    for _ in range(random_.randint(1, 4)):
        place = random_.randrange(len(result))
        match random_.randrange(6):
            case 0:
                result[place] = random_.randrange(256)
            case 1:
                result[place : place + 4] = random_.choice(_NUMBERS)
            case 2:
                del result[place : place + random_.randint(1, 600)]
            case 3:
                result[place:place] = result[place : place + random_.randint(1, 600)]
            case 4:
                other = random_.randrange(len(result))
                result[place : place + 12] = result[other : other + 12]
            case 5:
                result[place:] = result[place:][: random_.randint(1, 2000)]
        if not result:
            return b"\0"
    _mend_checksums(result, random_)
    return bytes(result)


def _mend_checksums(content: bytearray, random_: random.Random) -> None:
    """Make tar's checksums right, without which tarfile looks at nothing else."""
    if content[257:262] != b"ustar" or random_.random() < 0.1:  # some stay wrong
        return
    for start in range(0, len(content) - 511, 512):
        if content[start + 257 : start + 262] == b"ustar":
            header = content[start : start + 512]
            header[148:156] = b" " * 8
            content[start + 148 : start + 156] = b"%06o\0 " % sum(header)


def fuzz(kind: str, count: int, seed: int, root: Path) -> Result:
    """Open so many archives of a kind.

    Raises:
        BaseException: Whatever came out of one that is none of our errors.
        AssertionError: One took too long.
    """
    random_ = random.Random(f"{kind} {seed}")  # not for secrets
    whole, result = KINDS[kind](), Result()
    for number in range(count):
        content = mutate(whole, random_)
        place = root / f"{kind}-{number}"
        started = time.perf_counter()
        result.endings[open_archive(place, f"m{kind}", content)] += 1
        seconds = time.perf_counter() - started
        shutil.rmtree(place)
        result.slowest_seconds = max(result.slowest_seconds, seconds)

        assert seconds < MAX_SECONDS, (kind, number, seconds)
    return result


def open_archive(root: Path, name: str, content: bytes) -> str:
    """Fetch all of an archive; return how that ended."""
    (root / "out").mkdir(parents=True)
    (root / name).write_bytes(content)
    try:
        fetch_source(
            parse_source(name),
            root=root,
            folder=root / "out",
            cache=root / "cache",
            sha256=None,
            progress=lambda _done, _total: None,
        )
    except FetchError as error:
        return type(error).__name__
    return "fetched"


def _run(count: int, seed: int) -> Iterator[str]:
    for kind in KINDS:
        with tempfile.TemporaryDirectory() as folder:
            result = fuzz(kind, count, seed, Path(folder))
        yield f"{kind:12} {dict(result.endings)}, slowest {result.slowest_seconds:.3f} s"
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
    yield f"peak memory {peak / 1024**2:.0f} MiB"
    assert peak < MAX_MEMORY_BYTES


if __name__ == "__main__":
    for line in _run(*map(int, (*sys.argv[1:], "200", "0")[:2])):
        print(line, flush=True)  # noqa: T201  # a program's result
