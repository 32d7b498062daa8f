"""The zip of a .keras: what two readers would read differently, or what leaves it, is refused."""

import json
import random
import stat
import warnings
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest

from pipeline.errors import FormatError, PipelineError, UntrustedSourceError
from pipeline.tf.keras.keras_archive import CONFIG_NAME, WEIGHTS_NAME, open_keras_archive

Write = Callable[[zipfile.ZipFile], None]


def write(folder: Path, more: Write | None = None) -> Path:
    """Write what looks like a .keras, and more into it."""
    with warnings.catch_warnings(), zipfile.ZipFile(folder / "m.keras", "w") as archive:
        warnings.simplefilter("ignore")  # zipfile warns of a second name, and writes it
        archive.writestr(CONFIG_NAME, json.dumps({"class_name": "Sequential", "config": {}}))
        archive.writestr("metadata.json", "{}", zipfile.ZIP_DEFLATED)
        archive.writestr(WEIGHTS_NAME, b"x" * 300)
        archive.writestr("assets/layers/lookup/vocabulary.txt", "cat\ndog\n")
        if more:
            more(archive)
    return folder / "m.keras"


def symbolic_link(archive: zipfile.ZipFile) -> None:
    info = zipfile.ZipInfo("assets/link")
    info.external_attr = (stat.S_IFLNK | 0o777) << 16
    archive.writestr(info, "/etc/passwd")


def bomb(archive: zipfile.ZipFile) -> None:
    with archive.open(zipfile.ZipInfo("assets/bomb"), "w") as member:
        member.write(b"")
    archive.getinfo("assets/bomb").file_size = 1 << 40


def compressed_bomb(archive: zipfile.ZipFile) -> None:
    archive.writestr("assets/zeros", bytes(80 * 1024**2), zipfile.ZIP_DEFLATED)


@pytest.mark.parametrize(
    ("more", "message"),
    [
        (lambda a: a.writestr(CONFIG_NAME, "{}"), "it has 'config.json' twice"),
        (lambda a: a.writestr(WEIGHTS_NAME, b""), "it has 'model.weights.h5' twice"),
        (lambda a: a.writestr("../m.txt", b""), r"its member '\.\./m.txt' lies outside of it"),
        (lambda a: a.writestr("assets/../../m", b""), "'assets/../../m' lies outside of it"),
        (lambda a: a.writestr("/etc/passwd", b""), "its member '/etc/passwd' lies outside"),
        (lambda a: a.writestr("assets\\..\\m", b""), "lies outside of it"),
        (lambda a: a.writestr("assets/./m", b""), "lies outside of it"),
        (lambda a: a.writestr("assets/layers", b""), "'assets/layers' is a file and a folder"),
        (lambda a: a.writestr("assets/" + "n" * 300, b""), "has a very long name"),
        (symbolic_link, "its member 'assets/link' is a symbolic link; expected files only"),
        (bomb, "bytes unpack to 10995116.*; expected at most 100 times its size"),
        (compressed_bomb, "bytes unpack to 838864.*; expected at most 100 times its size"),
    ],
)
def test_what_keras_writes_in_no_zip_is_refused(tmp_path: Path, more: Write, message: str) -> None:
    path = write(tmp_path, more)

    with (
        pytest.raises(UntrustedSourceError, match=f"^m.keras: .*{message}"),
        open_keras_archive(path, "m.keras"),
    ):
        pytest.fail("it was opened")


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"flag_bits": 1}, "its member 'config.json' is encrypted; expected plain"),
        ({"compress_type": 99}, "is compressed by method 99; expected none or deflate"),
        ({"compress_type": zipfile.ZIP_LZMA}, "is compressed by method 14"),
    ],
)
def test_what_nobody_can_read_is_told(tmp_path: Path, change: dict[str, int], message: str) -> None:
    def alter(archive: zipfile.ZipFile) -> None:
        for name, value in change.items():
            setattr(archive.getinfo(CONFIG_NAME), name, value)

    path = write(tmp_path, alter)

    with (
        pytest.raises(FormatError, match=f"m.keras: .*{message}"),
        open_keras_archive(path, "m.keras"),
    ):
        pytest.fail("it was opened")


def test_members_are_read_and_written(tmp_path: Path) -> None:
    with open_keras_archive(write(tmp_path), "m.keras") as archive:
        assert archive.holds(CONFIG_NAME)
        assert not archive.holds("model.weights.npz")
        assert json.loads(archive.read_text(CONFIG_NAME))["class_name"] == "Sequential"
        assert archive.assets() == ["assets/layers/lookup/vocabulary.txt"]
        archive.extract(WEIGHTS_NAME, tmp_path / "weights")

    assert (tmp_path / "weights").read_bytes() == b"x" * 300


def test_a_text_that_is_no_utf_8_is_damage(tmp_path: Path) -> None:
    path = write(tmp_path, lambda archive: archive.writestr("assets/words", b"\xff\xfe"))

    with (
        pytest.raises(FormatError, match="keras cannot be read as a zip"),
        open_keras_archive(path, "m.keras") as archive,
    ):
        archive.read_text("assets/words")


def test_damage_is_told_and_never_a_bug_of_ours(tmp_path: Path) -> None:
    content = write(tmp_path).read_bytes()
    changes = random.Random(0)
    path = tmp_path / "damaged.keras"
    refused = 0
    for _ in range(1000):
        damaged = bytearray(content)
        for _ in range(changes.choice([1, 2, 5])):
            damaged[changes.randrange(len(damaged))] = changes.randrange(256)
        path.write_bytes(damaged)
        try:
            with open_keras_archive(path, "m.keras") as archive:
                for name in (CONFIG_NAME, "metadata.json", *archive.assets()):
                    archive.read_text(name)
        except PipelineError:
            refused += 1

    assert refused > 500
