"""Shards: the binary files of a weight group, read and written as one stream of bytes.

A group's weights lie end to end, little-endian and row-major, and the stream is cut into files of
a fixed size, so that a weight may span several. This module knows no weights and maps no file: its
peak memory does not depend on the size of the model.
"""

import contextlib
from collections.abc import Sequence
from pathlib import Path
from typing import IO

from pipeline.errors import FormatError

# Each string is preceded by its length (tfjs-core/src/io/io_utils.ts, NUM_BYTES_STRING_LENGTH).
STRING_LENGTH_BYTES = 4
_WINDOW_BYTES = 64 * 1024


class ShardReader:
    """Ranges of bytes from the shards of one weight group; threads may share it.

    Attributes:
        size: Bytes of all shards together.
    """

    def __init__(self, folder: Path, paths: Sequence[str]) -> None:
        self._shards: list[tuple[int, int, Path]] = []
        self.size = 0
        for path in paths:
            if not (folder / path).is_file():
                raise FormatError(
                    f"shard {path!r} is missing; model.json names it in weightsManifest"
                )
            end = self.size + (folder / path).stat().st_size
            self._shards.append((self.size, end, folder / path))
            self.size = end

    def read_into(self, offset: int, buffer: memoryview) -> None:
        """Fill a buffer of bytes from `offset` of the stream."""
        if offset + len(buffer) > self.size:
            raise FormatError(
                f"the shards end at byte {self.size}, before byte {offset + len(buffer)}"
            )
        done = 0
        for start, end, path in self._shards:
            if start < offset + len(buffer) and offset < end:
                begin = max(offset, start)
                stop = min(offset + len(buffer), end)
                _fill(path, begin - start, buffer[begin - offset : stop - offset])
                done += stop - begin
        assert done == len(buffer)

    def read(self, offset: int, size: int) -> bytes:
        """Return `size` bytes from `offset` of the stream."""
        buffer = bytearray(size)
        self.read_into(offset, memoryview(buffer))
        return bytes(buffer)


def _fill(path: Path, position: int, buffer: memoryview) -> None:
    with path.open("rb") as file:
        file.seek(position)
        if file.readinto(buffer) != len(buffer):
            raise FormatError(f"shard {path.name!r} became shorter while it was read")


def measure_strings(reader: ShardReader, offset: int, count: int) -> int | None:
    """Return the number of bytes of `count` strings from `offset` on, None if the shards end first.

    Each string is its length, 4 bytes unsigned little-endian, and that many bytes.
    """
    window, start = b"", offset
    position = offset
    for _ in range(count):
        if position + STRING_LENGTH_BYTES > reader.size:
            return None
        if not start <= position <= start + len(window) - STRING_LENGTH_BYTES:
            start = position
            window = reader.read(start, min(_WINDOW_BYTES, reader.size - start))
        begin = position - start
        length = int.from_bytes(window[begin : begin + STRING_LENGTH_BYTES], "little")
        position += STRING_LENGTH_BYTES + length
    return position - offset if position <= reader.size else None


class ShardWriter:
    """A stream of bytes, cut into `group<g>-shard<i>of<n>.bin`.

    The number of shards is known only at the end, so they get their names then.
    """

    def __init__(self, folder: Path, *, group: int, shard_size_bytes: int) -> None:
        self._folder = folder
        self._group = group
        self._shard_size_bytes = shard_size_bytes
        self._parts: list[Path] = []
        self._file: IO[bytes] | None = None
        self._room = 0
        self.size = 0

    def write(self, content: bytes | memoryview) -> None:
        """Append bytes, and start a shard whenever a shard is full."""
        view = memoryview(content).cast("B")
        self.size += len(view)
        while view:
            if self._room == 0:
                self._start_shard()
            assert self._file is not None
            part = view[: self._room]
            self._file.write(part)
            self._room -= len(part)
            view = view[len(part) :]

    def finish(self) -> tuple[str, ...]:
        """Close the last shard, give all their names, and return these in order."""
        self._close()
        count = len(self._parts)
        names = [f"group{self._group}-shard{i}of{count}.bin" for i in range(1, count + 1)]
        for part, name in zip(self._parts, names, strict=True):
            part.rename(part.with_name(name))
        return tuple(names)

    def discard(self) -> None:
        """Remove the files written so far, named or not."""
        self._close()
        for part in self._parts:
            with contextlib.suppress(FileNotFoundError):
                part.unlink()

    def _start_shard(self) -> None:
        self._close()
        part = self._folder / f".group{self._group}-shard{len(self._parts) + 1}"
        self._parts.append(part)
        self._file = part.open("wb")
        self._room = self._shard_size_bytes

    def _close(self) -> None:
        if self._file:
            self._file.close()
            self._file = None
