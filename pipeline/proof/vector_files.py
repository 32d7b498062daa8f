"""Vector files: `vectors.json` and `vectors.bin`, with inputs and outputs to compare runs by.

The layout is that of a TensorFlow.js weight manifest, so that a loader of weights can read them:
little-endian, row-major, strings length-prefixed, in TensorFlow.js's five dtypes. vectors.json says
which tensor is which input or output of which vector. Inputs and outputs have the names of
signature.json. This module runs no model.
"""

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal, get_args

import numpy as np

from pipeline.disk.canonical import format_json
from pipeline.disk.json_value import decode_json
from pipeline.disk.machine_faults import OF_NO_MODEL
from pipeline.errors import FormatError
from pipeline.tfjs.model.dtypes import js_dtype
from pipeline.tfjs.model.model_json import MANIFEST_KEY, ModelJson, parse_model_json
from pipeline.tfjs.model.shards import STRING_LENGTH_BYTES
from pipeline.tfjs.model.weights import Array, walk_weights

JSON_FILE = "vectors.json"
BIN_FILE = "vectors.bin"

Tensors = Mapping[str, Array]
"""Arrays by the names of signature.json; strings are object arrays of bytes."""

VectorKind = Literal["made", "sample", "edge", "given"]
"""Made up to look like the input; a real sample; extreme or odd values; given in the manifest."""

_SIDES = ("inputs", "outputs")
_STORED = {"float32": "<f4", "int32": "<i4", "bool": "?", "complex64": "<c8"}
_INT32 = np.iinfo(np.int32)


@dataclass(frozen=True, kw_only=True)
class Vector:
    """One run of a model.

    Attributes:
        inputs: Every input, in a dtype of TensorFlow.js.
        outputs: The source's outputs for them, without random outputs; empty before the source ran.
        note: A remark on this run for people, or None.
        kind: Where its inputs are from.
        group: Vectors of one group are judged together, and apart from those of another: "0..255"
            where the range of pixels is unknown. None where there is one group only.
    """

    inputs: Tensors
    outputs: Tensors
    note: str | None = None
    kind: VectorKind = "made"
    group: str | None = None


@dataclass(frozen=True, kw_only=True)
class Vectors:
    """All runs of a model, and the outputs that they cannot prove.

    Attributes:
        vectors: The runs; the position of a run is its id.
        seed: Text from which made inputs follow.
        runtime: The runtime of the source, e.g. "tensorflow 2.19.0".
        random: By output, how two runs of one input differ; a random output proves nothing.
        constant: By output, its value on every vector; a constant output proves nothing.
    """

    vectors: Sequence[Vector]
    seed: str
    runtime: str
    random: Mapping[str, str] = field(default_factory=dict)
    constant: Mapping[str, str] = field(default_factory=dict)


def write_vectors(folder: Path, vectors: Vectors) -> None:
    """Write `vectors.json` and `vectors.bin` into a folder.

    Raises:
        FormatError: A tensor has a dtype or a value that TensorFlow.js does not have.
    """
    specs = []
    with (folder / BIN_FILE).open("wb") as file:
        for key, values in _tensors(vectors.vectors):
            stored = narrow(values, where=key)
            file.write(_format_values(stored))
            shape, dtype = list(stored.shape), tensor_dtype(stored)
            specs.append({"name": key, "shape": shape, "dtype": dtype})
    content = {
        "seed": vectors.seed,
        "runtime": vectors.runtime,
        "vectors": [_format_vector(i, vector) for i, vector in enumerate(vectors.vectors)],
        "random": dict(vectors.random),
        "constant": dict(vectors.constant),
        MANIFEST_KEY: [{"paths": [BIN_FILE], "weights": specs}],
    }
    (folder / JSON_FILE).write_bytes(format_json(content))


def load_vectors(folder: Path) -> Vectors:
    """Read `vectors.json` and `vectors.bin` in a folder.

    Raises:
        FormatError: A file is missing or cut off, or the two do not belong together.
    """
    content, model_json = _load_json(folder)
    if not (folder / BIN_FILE).is_file():
        raise FormatError(f"{BIN_FILE} is missing; it belongs to {JSON_FILE}")
    try:
        stored = {part.spec.name: part.read() for part in walk_weights(model_json, folder)}
    except FormatError as error:
        raise FormatError(
            f"{BIN_FILE} does not hold what {JSON_FILE} lists",
            hint="the two were not written together, or one of them is cut off",
        ) from error
    entries = _parse(content, "vectors", list)
    vectors = [_parse_vector(entry, i, stored) for i, entry in enumerate(entries)]
    unused = stored.keys() - {key for key, _ in _tensors(vectors)}
    if unused:
        raise FormatError(f"{JSON_FILE}: tensors of no vector: {', '.join(sorted(unused))}")
    return Vectors(
        vectors=vectors,
        seed=_parse(content, "seed", str),
        runtime=_parse(content, "runtime", str),
        random=_parse_reasons(content, "random"),
        constant=_parse_reasons(content, "constant"),
    )


def narrow(values: Array, *, where: str) -> Array:
    """Return values in the dtype that TensorFlow.js has for their dtype; text becomes UTF-8.

    Args:
        values: Of any numpy dtype; strings as an object array of bytes or str, or as numpy's own.
        where: The name of the tensor in messages.

    Raises:
        FormatError: TensorFlow.js has no such dtype, or an integer does not fit into 32 bits.
    """
    if values.dtype.kind in "OSU":
        return _encode_strings(values, where)
    dtype = _js_dtype(values)
    if dtype is None:
        raise FormatError(f"tensor {where!r} is {values.dtype.name}, which TensorFlow.js has not")
    if dtype == "int32" and values.size and values.dtype.itemsize >= _INT32.dtype.itemsize:
        for value in (values.max(), values.min()):
            if not _INT32.min <= value <= _INT32.max:
                raise FormatError(
                    f"tensor {where!r} holds {value}; TensorFlow.js has integers of 32 bits only"
                )
    with np.errstate(over="ignore"):  # TensorFlow.js reads a double beyond float32 as infinite
        return values.astype(_STORED[dtype])


def tensor_dtype(values: Array) -> str:
    """Return the dtype of an array in a weight manifest: "float32"."""
    return "string" if values.dtype.kind == "O" else values.dtype.name


def _js_dtype(values: Array) -> str | None:
    name = values.dtype.name
    # js_dtype knows the dtypes of graphs; numpy arrays of TensorFlow have these as well.
    return (
        "int32" if values.dtype.kind in "iu" else "float32" if "float" in name else js_dtype(name)
    )


def _encode_strings(values: Array, where: str) -> Array:
    encoded = np.empty(values.shape, object)
    for index, value in np.ndenumerate(values):
        text = value.encode() if isinstance(value, str) else value
        if not isinstance(text, bytes):
            raise FormatError(f"tensor {where!r} holds a {type(value).__name__}; expected a string")
        encoded[index] = text
    return encoded


def _format_values(values: Array) -> bytes:
    if values.dtype.kind != "O":
        return values.tobytes()
    lengths = (len(text).to_bytes(STRING_LENGTH_BYTES, "little") for text in values.flat)
    return b"".join(part for pair in zip(lengths, values.flat, strict=True) for part in pair)


def _tensors(vectors: Iterable[Vector]) -> Iterator[tuple[str, Array]]:
    """Yield each tensor of each vector with its key in the weight manifest."""
    for i, vector in enumerate(vectors):
        for side in _SIDES:
            for name, values in sorted(getattr(vector, side).items()):
                yield _key(i, side, name), values


def _key(i: int, side: str, name: str) -> str:
    return f"{i}/{side}/{name}"


def _format_vector(i: int, vector: Vector) -> dict[str, Any]:
    sides = {side: {n: _key(i, side, n) for n in getattr(vector, side)} for side in _SIDES}
    return {"id": i, **sides, "kind": vector.kind, "group": vector.group, "note": vector.note}


def _load_json(folder: Path) -> tuple[dict[str, Any], ModelJson]:
    """Return the content of vectors.json, and its weight manifest in the form of a model's."""
    try:
        content = decode_json((folder / JSON_FILE).read_bytes(), JSON_FILE).value
    except OSError as error:
        if error.errno in OF_NO_MODEL:
            raise
        raise FormatError(f"{JSON_FILE}: cannot be read ({error.strerror})") from None
    if not isinstance(content, dict):
        raise FormatError(f"{JSON_FILE}: expected a JSON object")
    model_json: dict[str, Any] = {"modelTopology": {}, MANIFEST_KEY: content.get(MANIFEST_KEY)}
    parsed = parse_model_json(json.dumps(model_json), name=JSON_FILE)
    paths = [path for group in parsed.groups for path in group.paths]
    if paths != [BIN_FILE]:
        raise FormatError(f"{JSON_FILE}: {MANIFEST_KEY} names {paths}; expected ['{BIN_FILE}']")
    return content, parsed


def _parse_vector(entry: Any, i: int, stored: Mapping[str, Array]) -> Vector:
    where = f"{JSON_FILE}: vectors[{i}]"
    if not isinstance(entry, dict) or entry.get("id") != i:
        raise FormatError(f"{where}: expected an object with id {i}")
    note, group = (_parse_text(entry, key, where) for key in ("note", "group"))
    kind = entry.get("kind", "made")
    if kind not in get_args(VectorKind):
        raise FormatError(f"{where}.kind: expected one of {', '.join(get_args(VectorKind))}")
    sides = [_parse_side(entry.get(side), f"{where}.{side}", stored) for side in _SIDES]
    return Vector(inputs=sides[0], outputs=sides[1], note=note, kind=kind, group=group)


def _parse_text(entry: Mapping[str, Any], key: str, where: str) -> str | None:
    text = entry.get(key)
    if text is not None and not isinstance(text, str):
        raise FormatError(f"{where}.{key}: expected a text or null")
    return text


def _parse_side(keys: Any, where: str, stored: Mapping[str, Array]) -> dict[str, Array]:
    if not isinstance(keys, dict):
        raise FormatError(f"{where}: expected an object of names and tensors")
    for name, key in keys.items():
        if not isinstance(key, str) or key not in stored:
            raise FormatError(f"{where}.{name}: no tensor {key!r} in {MANIFEST_KEY}")
    return {name: stored[key] for name, key in keys.items()}


def _parse(content: Mapping[str, Any], key: str, kind: type) -> Any:
    value = content.get(key)
    if not isinstance(value, kind):
        raise FormatError(f"{JSON_FILE}: {key} is {value!r}; expected a {kind.__name__}")
    return value


def _parse_reasons(content: Mapping[str, Any], key: str) -> dict[str, str]:
    reasons: dict[str, str] = _parse(content, key, dict)
    if not all(isinstance(reason, str) for reason in reasons.values()):
        raise FormatError(f"{JSON_FILE}: {key}: expected a reason for each output")
    return reasons
