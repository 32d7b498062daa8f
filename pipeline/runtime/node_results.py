"""Results: reads the results of runs in TensorFlow.js, as runner.js or a browser wrote them.

Outputs stay in their files until they are read; they are little-endian and row-major.
"""

import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from pipeline.disk.json_value import JsonValue, parse_foreign_json
from pipeline.errors import WorkerError

Array = npt.NDArray[Any]
Status = Literal["ok", "failed", "unsupported"]

_DTYPES = {
    "bool": np.dtype(np.bool_),
    "complex64": np.dtype("<c8"),
    "float32": np.dtype("<f4"),
    "int32": np.dtype("<i4"),
}
_STRING_LENGTH_BYTES = 4


@dataclass(frozen=True, kw_only=True)
class Output:
    """One output of one vector, in the file of its run.

    Attributes:
        shape: Size of each axis.
        dtype: TensorFlow.js' dtype: float32, int32, bool, complex64 or string.
        path: File that holds it.
        offset: Position of its first byte.
        num_bytes: Number of its bytes.
    """

    shape: tuple[int, ...]
    dtype: str
    path: Path
    offset: int
    num_bytes: int

    def read(self) -> Array:
        """Return its values; strings as an object array of bytes."""
        with self.path.open("rb") as file:
            file.seek(self.offset)
            # No more bytes than the file has: the number may be any.
            raw = file.read(min(self.num_bytes, os.fstat(file.fileno()).st_size))
        try:
            if self.dtype == "string":
                return _parse_strings(raw, self.shape)
            return np.frombuffer(raw, _DTYPES[self.dtype]).reshape(self.shape)
        except (TypeError, ValueError):  # the file is cut off, or a size is no number
            raise WorkerError("TensorFlow.js left an output that cannot be read") from None


class Outputs(Mapping[str, Array]):
    """The outputs of one vector by their published names, each read on demand."""

    def __init__(self, outputs: Mapping[str, Output]) -> None:
        self.places = outputs

    def __getitem__(self, name: str) -> Array:
        """Read an output."""
        return self.places[name].read()

    def __iter__(self) -> Iterator[str]:
        """Iterate over the names, in the order of the signature."""
        return iter(self.places)

    def __len__(self) -> int:
        """Return the number of outputs."""
        return len(self.places)


@dataclass(frozen=True, kw_only=True)
class ModelRun:
    """The result of one model on one backend.

    Attributes:
        status: "unsupported" if the backend lacks an op of the model, or does not start.
        error: Why it did not finish; None if it did.
        missing_ops: Ops of the graph for which the backend lacks kernels, each with the kernels'
            names; with no names if TensorFlow.js has no such op at all.
        lacking: Ops of the graph for which another backend lacks kernels, by that backend.
        outputs: Outputs of each vector by its id; empty unless status is "ok".
        predict_fault: Where predict() contradicts the outputs by name, else None.
        requires_async: Whether it needs executeAsync().
        requires: What a page needs to run it: {"flags": {...}, "textOps": [...]}; empty for none.
        load_ms: Time from the files to a loaded model.
        first_ms: Time of the first run, which prepares later runs.
        steady_ms: Median time of the later runs.
        peak_bytes: Most bytes of tensors at one time, weights included.
        rss_bytes: Most resident bytes of the process up to the end of this run; None in a browser.
        tfjs: Version of TensorFlow.js; None if the process ended before it reported it.
        died: Whether the process ended in this run: by a crash, or a limit of time or memory.
    """

    status: Status
    error: str | None = None
    missing_ops: Mapping[str, Sequence[str]] = field(default_factory=dict)
    lacking: Mapping[str, Sequence[str]] = field(default_factory=dict)
    outputs: Mapping[int, Outputs] = field(default_factory=dict)
    predict_fault: str | None = None
    requires_async: bool = False
    requires: Mapping[str, Any] = field(default_factory=dict)
    load_ms: float | None = None
    first_ms: float | None = None
    steady_ms: float | None = None
    peak_bytes: int | None = None
    rss_bytes: int | None = None
    tfjs: str | None = None
    died: bool = False


def load_run(path: Path, *, backend: str) -> ModelRun:
    """Read the result of a run.

    Args:
        path: Its files without their suffix: PATH.json, PATH.bin.
        backend: The backend, for messages.

    Raises:
        WorkerError: The result is not as runner.js writes it.
    """
    name = f"TensorFlow.js on {backend}: its result"
    try:
        raw = path.with_suffix(".json").read_bytes()
    except FileNotFoundError:
        raise WorkerError(f"{name}: missing; expected {path.name}.json") from None
    return _parse_run(parse_foreign_json(raw, name, error=WorkerError), path, backend=backend)


def _parse_run(record: JsonValue, path: Path, *, backend: str) -> ModelRun:
    tfjs, rss_bytes = record.get("tfjs").text(), _optional_whole(record.get("rssBytes"))
    unable = _optional_text(record.get("unable"))
    if unable is not None:
        return ModelRun(status="unsupported", error=unable, tfjs=tfjs, rss_bytes=rss_bytes)
    status: Status = "ok"
    error = _optional_text(record.get("error"))
    missing = {op: list(kernels.texts()) for op, kernels in record.get("missingOps").fields()}
    if missing:
        status = "unsupported"
        error = f"{backend} lacks {', '.join(missing)}"
    elif error is not None:
        status = "failed"
    lacking = {other: list(ops.texts()) for other, ops in record.get("lacking").fields()}
    flags = {flag: value.flag() for flag, value in record.get("flags").fields()}
    return ModelRun(
        status=status,
        error=error,
        missing_ops=missing,
        lacking={other: ops for other, ops in lacking.items() if ops},
        outputs=_parse_vectors(record, path.with_suffix(".bin")) if status == "ok" else {},
        predict_fault=_optional_text(record.get("predict")),
        requires_async=record.get("requiresAsync").flag(),
        requires=_requires(flags, list(record.get("textOps").texts())),
        load_ms=_optional_number(record.get("loadMs")),
        first_ms=_optional_number(record.get("firstMs")),
        steady_ms=_optional_number(record.get("steadyMs")),
        peak_bytes=record.get("peakBytes").whole(),
        tfjs=tfjs,
        rss_bytes=rss_bytes,
    )


def _requires(flags: Mapping[str, bool], text_ops: list[str]) -> dict[str, Any]:
    """Return the flags and the ops of `texts/ops.js` that a page must set and register."""
    needs: dict[str, Any] = {"flags": dict(flags), "textOps": text_ops}
    return {name: value for name, value in needs.items() if value}


def _optional_text(value: JsonValue) -> str | None:
    return None if value.is_absent else value.text()


def _optional_number(value: JsonValue) -> float | None:
    return None if value.is_absent else value.number()


def _optional_whole(value: JsonValue) -> int | None:
    return None if value.is_absent else value.whole()


def _parse_vectors(record: JsonValue, path: Path) -> dict[int, Outputs]:
    return {
        vector.get("id").whole(): Outputs(
            {
                output.get("name").text(): _parse_output(output, path)
                for output in vector.get("outputs").items()
            }
        )
        for vector in record.get("vectors").items()
    }


def _parse_output(output: JsonValue, path: Path) -> Output:
    dtype = output.get("dtype")
    if dtype.text() not in (*_DTYPES, "string"):
        dtype.refuse(f"one of {', '.join((*_DTYPES, 'string'))}")
    return Output(
        shape=tuple(size.whole() for size in output.get("shape").items()),
        dtype=dtype.text(),
        path=path,
        offset=output.get("offset").whole(),
        num_bytes=output.get("bytes").whole(),
    )


def _parse_strings(raw: bytes, shape: tuple[int, ...]) -> Array:
    strings = []
    position = 0
    while position < len(raw):
        start = position + _STRING_LENGTH_BYTES
        position = start + int.from_bytes(raw[position:start], "little")
        strings.append(raw[start:position])
    values = np.empty(len(strings), object)
    values[:] = strings
    return values.reshape(shape)
