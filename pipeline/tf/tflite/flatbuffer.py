"""Tables of a FlatBuffers file, read with every offset checked against the length of the file.

The classes that TensorFlow generates of its schema trust the file. A file of a stranger may
point anywhere, and its vectors may claim any length; here each step checks its bounds and names
the place: "m.tflite: damaged at subgraphs[0].tensors[3].shape: byte 4096 is outside of the
file (1024 bytes)". The layout is https://flatbuffers.dev/internals/ . This module opens no file.
"""

import struct
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, NoReturn

import numpy as np
import numpy.typing as npt

from pipeline.errors import FormatError

_UINT32 = struct.Struct("<I")
_INT32 = struct.Struct("<i")
_UINT16 = struct.Struct("<H")
# Vectors may share their elements, so a small file could describe a huge one.
_MAX_ELEMENTS_PER_BYTE = 4


@dataclass(kw_only=True)
class Bytes:
    """The bytes of a file.

    Attributes:
        content: The whole file.
        name: Name of the file, for messages.
        num_elements: Number of vector elements that were read so far.
    """

    content: bytes
    name: str
    num_elements: int = 0

    def unpack(self, kind: struct.Struct, position: int, place: str) -> Any:
        """Return one number.

        Raises:
            FormatError: It is outside of the file.
        """
        self.check(position, kind.size, place)
        return kind.unpack_from(self.content, position)[0]

    def check(self, position: int, size: int, place: str) -> None:
        """Raise where bytes are outside of the file."""
        if position < 0 or position + size > len(self.content):
            self.fail(
                place, f"byte {position:,} is outside of the file ({len(self.content):,} bytes)"
            )

    def count(self, number: int, place: str) -> None:
        """Raise where vectors have more elements together than a sound file of this size."""
        self.num_elements += number
        if self.num_elements > _MAX_ELEMENTS_PER_BYTE * len(self.content):
            self.fail(place, "its lists are longer than the file")

    def fail(self, place: str, reason: str) -> NoReturn:
        """Raise for damage at a place."""
        raise FormatError(
            f"{self.name}: damaged at {place}: {reason}; expected a TensorFlow Lite model",
            hint="fetch the file again, or write it again with tf.lite.TFLiteConverter",
        )

    def root(self) -> "Table":
        """Return the table that a file starts with."""
        return Table(bytes=self, position=self.unpack(_UINT32, 0, "the model"), place="")


@dataclass(frozen=True, kw_only=True)
class Table:
    """A table: fields by slot, 4 for the first field of the schema, 6 for the next.

    Attributes:
        bytes: The file.
        position: Where the table starts.
        place: The path to it, for messages: "subgraphs[0].tensors[3]".
    """

    bytes: Bytes
    position: int
    place: str

    def scalar(self, slot: int, kind: str, default: Any, name: str = "") -> Any:
        """Return a number: `kind` is that of the module struct, "i" for int32."""
        position = self._field(slot, name)
        if not position:
            return default
        return self.bytes.unpack(struct.Struct(f"<{kind}"), position, self._at(name))

    def text(self, slot: int, name: str) -> str:
        """Return a string; "" where there is none."""
        return bytes(self.vector(slot, np.uint8, name)).decode("utf-8", "replace")

    def vector(self, slot: int, dtype: npt.DTypeLike, name: str) -> npt.NDArray[Any]:
        """Return a vector of numbers, a view of the file; an empty one where there is none."""
        start, length = self._vector(slot, name)
        item = np.dtype(dtype).newbyteorder("<")
        self.bytes.check(start, length * item.itemsize, self._at(name))
        return np.frombuffer(self.bytes.content, item, length, start)

    def has(self, slot: int) -> bool:
        """Return whether a field is there."""
        return bool(self._field(slot, ""))

    def table(self, slot: int, name: str) -> "Table | None":
        """Return a table that a field points to; None where there is none."""
        position = self._field(slot, name)
        return self._follow(position, self._at(name)) if position else None

    def tables(self, slot: int, name: str) -> Sequence["Table"]:
        """Return the tables of a vector; none where there is none."""
        start, length = self._vector(slot, name)
        place = self._at(name)
        self.bytes.check(start, length * _UINT32.size, place)
        self.bytes.count(length, place)
        return [self._follow(start + 4 * i, f"{place}[{i}]") for i in range(length)]

    def _at(self, name: str) -> str:
        return f"{self.place}.{name}".strip(".")

    def _field(self, slot: int, name: str) -> int:
        """Return the position of a field; 0 where the table leaves it out."""
        place = self._at(name)
        vtable = self.position - self.bytes.unpack(_INT32, self.position, place)
        size = self.bytes.unpack(_UINT16, vtable, place)
        if slot + _UINT16.size > size:
            return 0
        offset = self.bytes.unpack(_UINT16, vtable + slot, place)
        return self.position + offset if offset else 0

    def _follow(self, position: int, place: str) -> "Table":
        target = position + self.bytes.unpack(_UINT32, position, place)
        self.bytes.check(target, _INT32.size, place)
        return Table(bytes=self.bytes, position=target, place=place)

    def _vector(self, slot: int, name: str) -> tuple[int, int]:
        """Return the position of a vector's first element, and their number."""
        position = self._field(slot, name)
        if not position:
            return 0, 0
        start = position + self.bytes.unpack(_UINT32, position, self._at(name))
        return start + _UINT32.size, self.bytes.unpack(_UINT32, start, self._at(name))
