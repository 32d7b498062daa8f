"""ONNX files as protobuf writes them, as far as they are read without a library for them.

Fetching asks which files beside a model have its data, and detection whether a file begins like
one. Nothing is decoded but lengths, numbers and these names; fields are those of
https://github.com/onnx/onnx/blob/main/onnx/onnx.proto
"""

import contextlib
import mmap
from collections.abc import Iterator, Mapping
from pathlib import Path

SUFFIX = ".onnx"
_VARINT, _FIXED64, _LENGTH, _FIXED32 = 0, 1, 2, 5
_MAX_DEPTH = 100
_MAX_NAME = 4096

# Fields that hold tensors, by message: the number of the field, and what it holds.
_MESSAGES: Mapping[str, Mapping[int, str]] = {
    "model": {7: "graph", 25: "function"},
    "graph": {1: "node", 5: "tensor", 15: "sparse"},
    "function": {7: "node"},
    "node": {5: "attribute"},
    "attribute": {5: "tensor", 6: "graph", 10: "tensor", 11: "graph", 22: "sparse", 23: "sparse"},
    "sparse": {1: "tensor", 2: "tensor"},
    "tensor": {13: "entry"},
}
_KEY, _VALUE = 1, 2

# Of the whole file: ir_version, model_version; producer, its version, domain, doc_string; the rest.
_NUMBERS, _TEXTS, _PARTS = {1, 5}, {2, 3, 4, 6}, {7, 8, 14, 20, 25}
_IR_VERSIONS = range(3, 64)
# Version 1, of 2015, would look like a SavedModel.

Bytes = bytes | mmap.mmap


class _DamagedError(Exception):
    """A field goes on behind the end, or is of no known kind."""


def list_locations(path: Path) -> list[str]:
    """Return the paths of the files beside a model that have its data, as the model names them.

    A damaged file has those that are found before the damage. It must not be empty.
    """
    found: dict[str, None] = {}
    with (
        path.open("rb") as file,
        mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as content,
        contextlib.suppress(_DamagedError),  # who reads the model says it
    ):
        for location in _walk(content, 0, len(content), "model", 0):
            found[location] = None
    return list(found)


def _walk(content: Bytes, start: int, end: int, message: str, depth: int) -> Iterator[str]:
    """Yield the locations of the tensors in a message."""
    if depth > _MAX_DEPTH:
        raise _DamagedError
    known = _MESSAGES[message]
    for number, kind, first, last in _fields(content, start, end):
        inner = known.get(number)
        if inner is None or kind != _LENGTH:
            continue
        if inner == "entry":
            yield from _read_location(content, first, last)
        else:
            yield from _walk(content, first, last, inner, depth + 1)


def _read_location(content: Bytes, start: int, end: int) -> Iterator[str]:
    """Yield the value of an entry whose key is "location"."""
    texts = {}
    for number, kind, first, last in _fields(content, start, end):
        if kind == _LENGTH and last - first <= _MAX_NAME:
            texts[number] = content[first:last]
    if texts.get(_KEY) == b"location" and texts.get(_VALUE):
        yield texts[_VALUE].decode("utf-8", "replace")


def _fields(content: Bytes, start: int, end: int) -> Iterator[tuple[int, int, int, int]]:
    """Yield number and kind of each field of a message, and where its content is."""
    place = start
    while place < end:
        tag, first = _read_varint(content, place, end)
        number, kind = tag >> 3, tag & 7
        if kind == _VARINT:
            _, place = _read_varint(content, first, end)
        elif kind == _LENGTH:
            size, first = _read_varint(content, first, end)
            place = first + size
        elif kind in (_FIXED32, _FIXED64):
            place = first + (4 if kind == _FIXED32 else 8)
        else:
            raise _DamagedError
        if place > end or not number:
            raise _DamagedError
        yield number, kind, first, place


def _read_varint(content: Bytes, place: int, end: int) -> tuple[int, int]:
    """Return a number and the place behind it."""
    value = shift = 0
    while place < end and shift < 64:  # noqa: PLR2004  # bits
        byte = content[place]
        value |= (byte & 127) << shift
        place, shift = place + 1, shift + 7
        if byte < 128:  # noqa: PLR2004  # the last one
            return value, place
    raise _DamagedError


def begins_like_model(head: bytes, size: int) -> bool:
    """Return whether the first bytes of a file are those of an ONNX model.

    Protobuf has no mark to tell files by. A model begins with the version of its format, as all
    writers of protobuf order fields; a frozen graph begins with its first node, a SavedModel with
    version 1. Behind it has to come a field that a model has, with the content that it has.

    Args:
        head: The first bytes, some tens of them.
        size: Bytes of the whole file.
    """
    try:
        if head[:1] != b"\x08":
            return False
        version, place = _read_varint(head, 1, len(head))
        if version not in _IR_VERSIONS:
            return False
        number_known = 0
        while place < len(head):
            tag, first = _read_varint(head, place, len(head))
            number, kind = tag >> 3, tag & 7
            if kind == _VARINT and number in _NUMBERS:
                _, place = _read_varint(head, first, len(head))
                number_known += 1
                continue
            length, first = _read_varint(head, first, len(head))
            place = first + length
            if kind != _LENGTH or place > size or not _fits(number, head[first:place]):
                return False
            number_known += 1
    except _DamagedError:
        return False
    return number_known > 0


def _fits(number: int, content: bytes) -> bool:
    """Return whether the first bytes of a field may be those of a model's: a text, a message."""
    if number in _TEXTS:
        return content.decode("utf-8", "ignore").isprintable() or number == max(_TEXTS)
    return number in _PARTS and (not content or (content[0] & 7) in (_VARINT, _LENGTH))
