"""Constants of an ONNX file as arrays: their bytes are checked before anything is allocated.

Bytes may lie in files beside the model ("external data"): each is a path below the model's own
folder, and no link. https://github.com/onnx/onnx/blob/main/docs/ExternalData.md
"""

import math
import stat
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from typing import Any

import ml_dtypes  # noqa: F401  # numpy knows bfloat16 by it
import numpy as np
import onnx
from onnx import numpy_helper

from pipeline.errors import FormatError
from pipeline.text.suggest import did_you_mean, find_similar

# Constants of more bytes are kept apart, so that inference copies none of them.
_LARGE = 4096
_MAX_DENSE = 2**28
_BITS = {"INT4": 4, "UINT4": 4, "FLOAT4E2M1": 4, "INT2": 2, "UINT2": 2}
_Tensor = onnx.TensorProto


@dataclass(kw_only=True)
class Store:
    """The large constants of a file.

    Attributes:
        folder: Folder of the model; None for a model that may have no data beside it.
        arrays: The constants.
        files: Paths of the files beside the model that have been read, with their bytes.
    """

    folder: Path | None = None
    arrays: list[Any] = field(default_factory=list)
    files: dict[str, int] = field(default_factory=dict)

    def take_out(self, graph: onnx.GraphProto) -> None:
        """Move the large constants of a graph here; a number stands for each in the graph.

        Raises:
            FormatError: A constant is damaged, or its data are not there.
        """
        for inner in _walk(graph):
            dense = [_make_dense(each) for each in inner.sparse_initializer]
            del inner.sparse_initializer[:]
            inner.initializer.extend(dense)
            for tensor in inner.initializer:
                if _is_external(tensor) or tensor.ByteSize() > _LARGE:
                    self._keep(tensor)
            for node in inner.node:
                self.fill_in(node)

    def fill_in(self, node: onnx.NodeProto) -> None:
        """Read the data beside the model into the attributes of an operator."""
        for attribute in node.attribute:
            for tensor in (attribute.t, *attribute.tensors):
                if _is_external(tensor):
                    tensor.CopyFrom(self._read(tensor))

    def to_array(self, tensor: onnx.TensorProto) -> Any:
        """Return a constant as an array of its own dtype; texts as an array of objects."""
        return self.arrays[_number(tensor)] if _is_external(tensor) else to_array(tensor)

    def _keep(self, tensor: onnx.TensorProto) -> None:
        array = to_array(self._read(tensor) if _is_external(tensor) else tensor)
        name, kind, dims = tensor.name, tensor.data_type, list(tensor.dims)
        tensor.Clear()
        tensor.name, tensor.data_type, tensor.data_location = name, kind, _Tensor.EXTERNAL
        tensor.dims.extend(dims)
        tensor.external_data.add(key="location", value=f"#{len(self.arrays)}")
        self.arrays.append(array)

    def _read(self, tensor: onnx.TensorProto) -> onnx.TensorProto:
        """Return a constant with its data from a file beside the model."""
        where = _label(tensor)
        stated = {entry.key: entry.value for entry in tensor.external_data}
        location = stated.get("location", "")
        if self.folder is None:
            raise FormatError(f"{where} has its data in {location!r}, beside the model")
        path = _find(self.folder, location, where)
        offset, length = (_whole(stated, key, where) for key in ("offset", "length"))
        size = count_bytes(tensor)
        if length not in (None, 0, size):
            raise FormatError(f"{where} states {length:,} bytes of data, and has {size:,}")
        self.files[location] = path.stat().st_size
        filled = _Tensor(name=tensor.name, data_type=tensor.data_type, dims=tensor.dims)
        filled.raw_data = _read_part(path, offset or 0, size, f"{where}: {location}")
        return filled


def _number(tensor: onnx.TensorProto) -> int:
    return int(tensor.external_data[0].value.removeprefix("#"))


def _is_external(tensor: onnx.TensorProto) -> bool:
    return bool(tensor.data_location == _Tensor.EXTERNAL)


def _walk(graph: onnx.GraphProto) -> Iterator[onnx.GraphProto]:
    """Yield a graph, and the graphs inside of it."""
    yield graph
    for node in graph.node:
        for attribute in node.attribute:
            for inner in (attribute.g, *attribute.graphs):
                yield from _walk(inner)


def _label(tensor: onnx.TensorProto) -> str:
    return f"constant {tensor.name!r}" if tensor.name else "a constant"


def _whole(stated: dict[str, str], key: str, where: str) -> int | None:
    """Return a number of bytes that a constant states; None where it states none."""
    text = stated.get(key)
    if text is None:
        return None
    if not (text.isascii() and text.isdigit()):
        raise FormatError(f"{where} states {key}: {text!r}; expected a number of bytes")
    return int(text)


def _find(folder: Path, location: str, where: str) -> Path:
    """Return the path of a file beside the model.

    Raises:
        FormatError: It leaves the folder, is a link, or is not there.
    """
    parts = PurePosixPath(location).parts
    if not parts or location.startswith("/") or ".." in parts or set("\\\0") & set(location):
        raise FormatError(
            f"{where} has its data in {location!r}; expected a path below the model's folder"
        )
    path = folder
    for part in parts:
        path = path / part
        try:
            mode = path.lstat().st_mode
        except (OSError, ValueError):
            raise FormatError(
                f"{where} has its data in {location!r}, which is not beside the model"
                f"{did_you_mean(find_similar(part, _list(path.parent)))}",
                hint="fetch the model with the files beside it: name its folder or archive",
            ) from None
        if stat.S_ISLNK(mode):
            raise FormatError(
                f"{where} has its data in {location!r}, which is a link",
                hint="copy the model with all that its links lead to: cp -RL",
            )
    if not stat.S_ISREG(mode):
        raise FormatError(f"{where} has its data in {location!r}, which is no file")
    return path


def _list(folder: Path) -> list[str]:
    try:
        return sorted(path.name for path in folder.iterdir())
    except OSError:  # no folder, or one that only its model may be read in
        return []


def _read_part(path: Path, offset: int, size: int, where: str) -> bytes:
    have = path.stat().st_size
    if offset + size > have:
        raise FormatError(
            f"{where} is too short: bytes {offset:,} to {offset + size:,} of {have:,}"
        )
    try:
        with path.open("rb") as file:
            file.seek(offset)
            return file.read(size)
    except OSError as error:
        raise FormatError(f"{where} cannot be read ({error.strerror})") from error


def count_bytes(tensor: onnx.TensorProto) -> int:
    """Return the bytes that the numbers of a constant take.

    Raises:
        FormatError: Its dtype has no fixed size, or a size is negative.
    """
    name = _dtype(tensor)
    if name == "STRING":
        raise FormatError(f"{_label(tensor)}: texts cannot lie in another file, or in raw bytes")
    count = _count(tensor)
    if name in _BITS:
        return math.ceil(count * _BITS[name] / 8)
    return count * int(np.dtype(onnx.helper.tensor_dtype_to_np_dtype(tensor.data_type)).itemsize)


def _dtype(tensor: onnx.TensorProto) -> str:
    known = _Tensor.DataType.values()
    if tensor.data_type not in known or tensor.data_type == _Tensor.UNDEFINED:
        raise FormatError(f"{_label(tensor)} has dtype {tensor.data_type}, which is not known")
    return str(_Tensor.DataType.Name(tensor.data_type))


def _count(tensor: onnx.TensorProto) -> int:
    if any(size < 0 for size in tensor.dims):
        raise FormatError(f"{_label(tensor)} has a negative size: {list(tensor.dims)}")
    return math.prod(tensor.dims)


def to_array(tensor: onnx.TensorProto) -> Any:
    """Return a constant as an array of its own dtype; texts as an array of objects.

    Raises:
        FormatError: Its sizes do not fit its data.
    """
    _dtype(tensor)
    count = _count(tensor)
    if tensor.HasField("raw_data") and len(tensor.raw_data) != count_bytes(tensor):
        raise FormatError(
            f"{_label(tensor)} of shape {list(tensor.dims)} has {len(tensor.raw_data):,} bytes; "
            f"expected {count_bytes(tensor):,}"
        )
    try:
        array = numpy_helper.to_array(tensor)
    except (ValueError, TypeError, OverflowError) as error:
        raise FormatError(f"{_label(tensor)}: {error}") from error
    if array.size != count:
        raise FormatError(f"{_label(tensor)} has {array.size:,} values; expected {count:,}")
    return array


def _make_dense(sparse: onnx.SparseTensorProto) -> onnx.TensorProto:
    """Return a constant of which only the values that are not 0 are listed, with all of them."""
    array = to_dense(sparse)
    return numpy_helper.from_array(array, sparse.values.name)


def to_dense(sparse: onnx.SparseTensorProto) -> Any:
    """Return a sparse constant as an array.

    Raises:
        FormatError: It is too large, or an index is outside of it.
    """
    where = _label(sparse.values)
    values, indices = to_array(sparse.values), to_array(sparse.indices)
    shape = tuple(sparse.dims)
    size = math.prod(shape)
    if any(each < 0 for each in shape) or size * values.itemsize > _MAX_DENSE:
        raise FormatError(
            f"{where} is sparse, of shape {list(shape)}: more than {_MAX_DENSE:,} bytes as a whole"
        )
    places = indices if indices.ndim == 1 else _flatten(indices, shape, where)
    if len(places) != values.size or (places < 0).any() or (places >= size).any():
        raise FormatError(f"{where} is sparse, and its indices do not fit its shape {list(shape)}")
    dense = np.zeros(size, values.dtype)
    dense[places] = values.reshape(-1)
    return dense.reshape(shape)


def _flatten(indices: Any, shape: tuple[int, ...], where: str) -> Any:
    """Return indices by axis as places in the flat array."""
    fits = indices.ndim == 2 and indices.shape[1] == len(shape)  # noqa: PLR2004  # places by axes
    if not fits or (indices < 0).any() or (indices >= np.array(shape)).any():
        raise FormatError(f"{where} is sparse, and its indices do not fit its shape {list(shape)}")
    return np.ravel_multi_index(tuple(indices.T), shape)
