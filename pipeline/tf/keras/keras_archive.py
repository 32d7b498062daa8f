"""Reads the zip of a .keras member by member, and writes it anew with known members only.

A zip can hold a member twice, so that two readers see different models; a member that unpacks
outside of its folder or is a symbolic link; a member that is a thousand times larger than the
zip. Keras writes none of these. Keras gets a copy with the checked config, the checked weights and
the words of its text layers.
"""

import errno
import stat
import struct
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path, PurePosixPath

from pipeline.errors import FormatError, UntrustedSourceError

CONFIG_NAME = "config.json"
METADATA_NAME = "metadata.json"
WEIGHTS_NAME = "model.weights.h5"
ASSETS_NAME = "assets"

_TEXT_BYTES_MAX = 256 * 1024**2
_NUM_MEMBERS_MAX = 100_000
# Keras stores without compression; a compressed config shrinks to a tenth, a bomb a thousandfold.
_EXPANSION_MAX = 100
_SLACK_BYTES = 64 * 1024**2
_NAME_BYTES_MAX = 255  # also of a path: with a folder before it, a system takes some 1,000
_BLOCK_BYTES = 1024**2
_ENCRYPTED = 0x1
_METHODS = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)


class KerasArchive:
    """An open .keras whose list of members has been checked."""

    def __init__(self, archive: zipfile.ZipFile, name: str, size_bytes: int) -> None:
        self._archive = archive
        self._name = name
        self._members = self._list(size_bytes)

    def holds(self, member: str) -> bool:
        """Return whether the zip has a member."""
        return member in self._members

    def read_text(self, member: str) -> str:
        """Return the text of a member: '{"class_name": …}'.

        Raises:
            FormatError: The text is larger than any config, or is no UTF-8.
        """
        info = self._members[member]
        if info.file_size > _TEXT_BYTES_MAX:
            raise FormatError(
                f"{self._name}: {member} has {info.file_size} bytes; expected at most "
                f"{_TEXT_BYTES_MAX}"
            )
        return self._archive.read(info).decode()

    def extract(self, member: str, target: Path) -> None:
        """Write a member into a file."""
        with self._archive.open(self._members[member]) as source, target.open("wb") as copy:
            while block := source.read(_BLOCK_BYTES):
                copy.write(block)

    def assets(self) -> list[str]:
        """Return the files of layers, such as vocabularies: ["assets/words.txt"]."""
        return [name for name in self._members if name.startswith(f"{ASSETS_NAME}/")]

    def _list(self, size_bytes: int) -> dict[str, zipfile.ZipInfo]:
        infos = [info for info in self._archive.infolist() if not info.is_dir()]
        if len(infos) > _NUM_MEMBERS_MAX:
            self._refuse(f"it has {len(infos)} members", f"at most {_NUM_MEMBERS_MAX}")
        members: dict[str, zipfile.ZipInfo] = {}
        for info in infos:
            self._judge(info)
            if info.filename in members:
                self._refuse(f"it has {info.filename!r} twice", "each member once")
            members[info.filename] = info
        folders = {str(folder) for name in members for folder in PurePosixPath(name).parents}
        for name in sorted(folders & members.keys()):
            self._refuse(f"its member {name!r} is a file and a folder", "one of them")
        unpacked = sum(info.file_size for info in infos)
        if unpacked > _SLACK_BYTES + _EXPANSION_MAX * size_bytes:
            self._refuse(
                f"its {size_bytes} bytes unpack to {unpacked}",
                f"at most {_EXPANSION_MAX} times its size",
            )
        return members

    def _judge(self, info: zipfile.ZipInfo) -> None:
        name, path = info.filename, PurePosixPath(info.filename)
        if path.is_absolute() or ".." in path.parts or "\\" in name or str(path) != name:
            self._refuse(f"its member {name!r} lies outside of it", "plain relative names")
        if len(name.encode()) > _NAME_BYTES_MAX:
            self._refuse(f"its member {name[:40]!r}… has a very long name", "short names")
        if stat.S_ISLNK(info.external_attr >> 16):
            self._refuse(f"its member {name!r} is a symbolic link", "files only")
        if info.flag_bits & _ENCRYPTED:
            raise FormatError(f"{self._name}: its member {name!r} is encrypted; expected plain")
        if info.compress_type not in _METHODS:
            raise FormatError(
                f"{self._name}: its member {name!r} is compressed by method "
                f"{info.compress_type}; expected none or deflate"
            )

    def _refuse(self, found: str, expected: str) -> None:
        raise UntrustedSourceError(f"{self._name}: {found}; expected {expected}")


@contextmanager
def open_keras_archive(path: Path, name: str) -> Iterator[KerasArchive]:
    """Open the zip of a .keras.

    Args:
        path: The file.
        name: The user's name of the file, for messages.

    Raises:
        FormatError: The file is damaged; raised also if the caller's reads show it.
        UntrustedSourceError: A member lies outside, is a link, comes twice, or is a bomb.
    """
    try:
        with zipfile.ZipFile(path) as archive:
            yield KerasArchive(archive, name, path.stat().st_size)
    except OSError as error:
        if error.errno not in (None, errno.EINVAL):  # EINVAL: an offset that no file has
            raise  # the machine's: a full disk, no permission
        raise _damaged(name) from None
    except (
        zipfile.BadZipFile, zipfile.LargeZipFile, zlib.error, struct.error, EOFError, RuntimeError,
        NotImplementedError, OverflowError, ValueError, KeyError,
    ):  # fmt: skip
        raise _damaged(name) from None


def _damaged(name: str) -> FormatError:
    return FormatError(
        f"{name} cannot be read as a zip",
        hint="fetch the model again; a download may have been cut off",
    )
