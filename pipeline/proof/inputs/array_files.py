"""Array files of users, .npy and .npz, checked before any memory is allocated.

numpy.load trusts the header of a file. This module reads no more bytes than the file has, makes no
Python object, and takes no more memory than an input may have.
"""

import io
import math
import struct
import tokenize
import warnings
import zipfile
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import IO, Any

import numpy as np
from numpy.lib import format as np_format

from pipeline.errors import FetchError, ManifestError
from pipeline.fetch.archive.archive import Budget, reading_archive
from pipeline.fetch.archive.zip_archive import count_entries
from pipeline.proof.inputs.made_inputs import MAX_INPUT_BYTES
from pipeline.text.printable import printable
from pipeline.text.quantity import format_limit
from pipeline.tfjs.model.weights import Array

NUMBER_BYTES = 8
"""Bytes of a number in the arrays that inputs are fitted to, whatever dtype a file has."""
_REASON_LENGTH = 100
_NPY_START_BYTES = 12
_MAX_HEADER_BYTES = 10_000  # the limit of numpy.load
_NPY_HEADERS: Mapping[bytes, tuple[Any, str]] = {
    b"\1\0": (np_format.read_array_header_1_0, "<H"),
    b"\2\0": (np_format.read_array_header_2_0, "<I"),
}
# Errors of numpy, and of Python's parser of the header, for a damaged file.
_NPY_FAULTS = (
    ArithmeticError,
    EOFError,
    LookupError,
    MemoryError,
    RecursionError,
    SyntaxError,
    TypeError,
    ValueError,
    struct.error,
    tokenize.TokenError,
)


def load_npz(path: Path, where: str, check_names: Callable[[list[str]], None]) -> dict[str, Array]:
    """Return the arrays of an .npz file.

    Args:
        path: The file.
        where: The name of the file in messages.
        check_names: Refuses names of arrays, before any array is read.

    Raises:
        ManifestError: The file is no .npz file, or is too large.
    """
    try:
        with reading_archive(where, "zip"):
            count_entries(path, Budget(path.stat().st_size, shown=where))
            with zipfile.ZipFile(path) as archive:
                members = {info.filename.removesuffix(".npy"): info for info in archive.infolist()}
                check_names(list(members))
                check_bytes(sum(info.file_size for info in members.values()), where)
                return {
                    name: _read_member(archive, info, f"{where}: {name}")
                    for name, info in members.items()
                }
    except FetchError as error:
        reason = error.message.removeprefix(f"{where}: ")
        raise ManifestError(f"{where}: not an .npz file of arrays: {reason}") from None


def _read_member(archive: zipfile.ZipFile, info: zipfile.ZipInfo, where: str) -> Array:
    # For the other methods zipfile unpacks a member in one go, whatever its size.
    if info.compress_type not in {zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED}:
        raise ManifestError(f"{where}: not compressed as numpy does; expected numpy.savez")
    with archive.open(info) as file:
        return _read_array(file, info.file_size, where)


def load_npy(path: Path, where: str) -> Array:
    """Return the array of an .npy file.

    Raises:
        ManifestError: The file is no .npy file, or is too large.
    """
    with path.open("rb") as file:
        return _read_array(file, path.stat().st_size, where)


def _read_array(file: IO[bytes], size: int, where: str) -> Array:
    """Return the array of an .npy file; the header is checked before any memory is allocated.

    See numpy/lib/format.py: a magic string, a version, the length of a text that has dtype,
    order and shape, and the values.

    Args:
        file: The file, at its beginning.
        size: Number of its bytes, as far as it is known before the file is read.
        where: The name of the file in messages.

    Raises:
        ManifestError: The file is no .npy file, holds Python objects, or has fewer bytes than its
            header promises.
    """
    try:
        start = file.read(_NPY_START_BYTES)
        parse, length = _NPY_HEADERS[start[6:8]]
        (header_bytes,) = struct.unpack_from(length, start, 8)
        if header_bytes > _MAX_HEADER_BYTES:
            raise ValueError(f"a header of {header_bytes:,} bytes")  # reported below
        if not start.startswith(np_format.MAGIC_PREFIX):
            raise ValueError("no magic string")
        used = 8 + struct.calcsize(length) + header_bytes
        header = io.BytesIO(start[8:] + file.read(max(0, used - len(start))))
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # about files that Python 2 wrote
            shape, is_fortran, dtype = parse(header)
        count = math.prod(shape)
        if dtype.hasobject or min(shape, default=0) < 0:
            raise ValueError(f"{dtype.name} of shape {shape}")
        check_bytes(count * max(dtype.itemsize, NUMBER_BYTES), where)
        if count * dtype.itemsize > size - used:
            raise ValueError(f"cut short: it holds less than shape {shape} needs")
        content = file.read(count * dtype.itemsize)
        values: Array = np.frombuffer(content, dtype, count)
        return values.reshape(shape, order="F" if is_fortran else "C")
    except _NPY_FAULTS as error:
        reason = printable(str(error) or type(error).__name__, limit=_REASON_LENGTH)
        raise ManifestError(f"{where}: not an .npy file with an array ({reason})") from None


def check_bytes(num_bytes: int, where: str) -> None:
    """Refuse an input that is too large.

    Raises:
        ManifestError: The input has more than MAX_INPUT_BYTES.
    """
    if num_bytes > MAX_INPUT_BYTES:
        raise ManifestError(
            f"{where}: takes {format_limit(num_bytes)}; expected at most "
            f"{format_limit(MAX_INPUT_BYTES)}"
        )
