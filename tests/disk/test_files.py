"""Files: digests and writing that leaves a file whole or untouched."""

import contextlib
import hashlib
import os
import tempfile
from pathlib import Path

import pytest

from pipeline.disk.files import (
    digest_file,
    find_special,
    link_or_copy,
    move_untrusted,
    total_size,
    write_atomic,
    writing_beside,
)
from pipeline.errors import UntrustedSourceError


def test_a_digest_follows_the_content(tmp_path: Path) -> None:
    path = tmp_path / "a"
    path.write_bytes(b"one")
    assert digest_file(path) == hashlib.sha256(b"one").hexdigest()
    path.write_bytes(b"three")
    assert digest_file(path) == hashlib.sha256(b"three").hexdigest()


def test_an_atomic_write_replaces_a_file_and_leaves_nothing_else(tmp_path: Path) -> None:
    path = tmp_path / "sub" / "a.json"
    write_atomic(path, b"one")
    write_atomic(path, b"two")

    assert path.read_bytes() == b"two"
    assert list(path.parent.iterdir()) == [path]
    assert path.stat().st_mode & 0o777 == 0o644


def test_an_atomic_write_that_fails_leaves_the_old_file(tmp_path: Path) -> None:
    path = tmp_path / "a.json"
    path.mkdir()
    with pytest.raises(OSError, match=r"a\.json"):
        write_atomic(path, b"two")

    assert list(tmp_path.iterdir()) == [path]


def test_a_link_is_the_same_file(tmp_path: Path) -> None:
    source, target = tmp_path / "a", tmp_path / "sub" / "b"
    source.write_bytes(b"12345")
    link_or_copy(source, target)

    assert target.samefile(source)


def test_sizes_of_files_folders_and_nothing(tmp_path: Path) -> None:
    (tmp_path / "sub").mkdir()
    (tmp_path / "a").write_bytes(b"123")
    (tmp_path / "sub" / "b").write_bytes(b"4567")

    assert [total_size(tmp_path / name) for name in (".", "a", "none")] == [7, 3, 0]


def test_a_block_that_fails_beside_a_file_leaves_the_old_file(tmp_path: Path) -> None:
    path, beside = tmp_path / "a", tmp_path / ".a.part"
    path.write_bytes(b"old")
    with (
        contextlib.suppress(KeyError),
        writing_beside(path, beside) as part,
        part.open("wb") as file,
    ):
        file.write(b"half")
        raise KeyError

    assert list(tmp_path.iterdir()) == [path]
    assert path.read_bytes() == b"old"


def test_a_file_beside_that_cannot_be_made_is_told_by_the_name_that_people_know(
    tmp_path: Path,
) -> None:
    path, beside = tmp_path / "a", tmp_path / ".a.part"
    beside.mkdir()
    with pytest.raises(OSError, match="directory") as caught, writing_beside(path, beside) as part:
        part.write_bytes(b"new")

    assert caught.value.filename == str(path)


def test_an_error_of_another_file_keeps_its_name(tmp_path: Path) -> None:
    path, beside = tmp_path / "a", tmp_path / ".a.part"
    with pytest.raises(FileNotFoundError) as caught, writing_beside(path, beside):
        (tmp_path / "source").read_bytes()

    assert caught.value.filename == str(tmp_path / "source")


@pytest.mark.parametrize("kind", ["link", "pipe"])
def test_what_is_neither_file_nor_folder_is_found(tmp_path: Path, kind: str) -> None:
    (tmp_path / "sub").mkdir()
    (tmp_path / "sub" / "a").write_bytes(b"plain")
    assert find_special(tmp_path) is None

    odd = tmp_path / "sub" / "odd"
    odd.symlink_to("a") if kind == "link" else os.mkfifo(odd)

    assert find_special(tmp_path) == odd


MEMORY = Path("/dev/shm")  # noqa: S108  # another file system than that of the tests


@pytest.mark.skipif(not MEMORY.is_dir(), reason="no other file system")
def test_what_a_process_left_moves_to_another_file_system(tmp_path: Path) -> None:
    with tempfile.TemporaryDirectory(dir=MEMORY) as name:
        made, link, pipe = (Path(name, part) for part in ("made", "link", "pipe"))
        made.write_bytes(b"x")
        link.symlink_to("/etc/passwd")
        os.mkfifo(pipe)

        move_untrusted(made, tmp_path / "made")
        with pytest.raises(UntrustedSourceError, match="link cannot be read"):
            move_untrusted(link, tmp_path / "link")
        with pytest.raises(UntrustedSourceError, match="pipe was left as a link or a pipe"):
            move_untrusted(pipe, tmp_path / "pipe")

    assert (tmp_path / "made").read_bytes() == b"x"
    assert not made.exists()
