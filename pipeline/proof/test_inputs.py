"""Test inputs: the arrays and images that `test_inputs:` of the manifest names.

An array is taken as it is. An image is turned upright as its EXIF data say, brought to the
input's size (bilinear, antialiased, not cropped), to its number of channels and to its order of
axes; its values become 0 to 255 for an input of integers and else the range that the graph is
made for, or 0 to 1 where the graph does not tell. `photo.jpg#-1..1` states another range.
"""

import difflib
import re
import zipfile
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from pipeline.errors import FormatError, ManifestError
from pipeline.proof.sizes import Entry, image_axes
from pipeline.proof.tensors import Tensors, Vector, Vectors, narrow, write_vectors
from pipeline.tfjs.weights import Array

SEED = "test_inputs"

_NUMBER = r"-?\d+(?:\.\d+)?"
_RANGE = re.compile(rf"^(?P<path>.+)#(?P<low>{_NUMBER})\.\.(?P<high>{_NUMBER})$")
_ARRAYS = (".npy", ".npz")
_MODES = {1: "L", 3: "RGB", 4: "RGBA"}
_BYTE = 255.0


def load_test_inputs(
    test_inputs: Sequence[str | Mapping[str, str]],
    *,
    root: Path,
    signature: Mapping[str, Any],
    hints: Mapping[str, Any],
) -> list[Tensors]:
    """Read the inputs of each run that the manifest gives.

    Args:
        test_inputs: For each run an .npz file with an array per input, a file for each input by
            its name, or one file where the model has one input.
        root: Folder that the paths are relative to.
        signature: Content of signature.json.
        hints: What the graph says of each input; see `pipeline.proof.hints`.

    Raises:
        ManifestError: A file is missing or is none of these, or its content does not fit.
    """
    return [
        _load_run(entry, f"test_inputs[{i}]", root, signature["inputs"], hints)
        for i, entry in enumerate(test_inputs)
    ]


def write_test_inputs(folder: Path, inputs: Sequence[Tensors]) -> None:
    """Write inputs as vectors without outputs, for the process that will run them."""
    vectors = [Vector(inputs=one, outputs={}) for one in inputs]
    write_vectors(folder, Vectors(vectors=vectors, seed=SEED, runtime=""))


def list_files(test_inputs: Iterable[str | Mapping[str, str]]) -> list[str]:
    """Return the paths that the manifest names, without ranges."""
    files = (
        file
        for entry in test_inputs
        for file in ([entry] if isinstance(entry, str) else entry.values())
    )
    return [_split_range(file)[0] for file in files]


def _load_run(
    entry: str | Mapping[str, str],
    where: str,
    root: Path,
    inputs: Sequence[Entry],
    hints: Mapping[str, Any],
) -> Tensors:
    known = [str(one["name"]) for one in inputs]
    if isinstance(entry, str) and not entry.endswith(".npz"):
        if len(known) != 1:
            raise ManifestError(
                f"{where}: {entry!r} is one file; the model has the inputs {', '.join(known)}",
                hint="write a mapping of inputs to files, or an .npz file with an array for each",
            )
        entry = {known[0]: entry}
    if isinstance(entry, str):
        arrays = _load_npz(root / entry, f"{where} ({entry})")
        _check_names(arrays, known, where)
        return {
            one["name"]: _fit(arrays[one["name"]], one, f"{where}.{one['name']}") for one in inputs
        }
    _check_names(entry, known, where)
    return {
        one["name"]: _load_input(
            entry[one["name"]], f"{where}.{one['name']}", root, one, hints.get(one["name"], {})
        )
        for one in inputs
    }


def _check_names(found: Iterable[str], known: Sequence[str], where: str) -> None:
    names = list(found)
    for name in names:
        if name not in known:
            close = difflib.get_close_matches(name, known, n=1)
            meant = f"; did you mean {close[0]!r}?" if close else ""
            raise ManifestError(
                f"{where}: the model has no input {name!r}; it has {', '.join(known)}{meant}"
            )
    missing = [name for name in known if name not in names]
    if missing:
        raise ManifestError(f"{where}: nothing for the input {', '.join(missing)}")


def _load_input(file: str, where: str, root: Path, entry: Entry, hint: Mapping[str, Any]) -> Array:
    path, low, high = _split_range(file)
    if path.endswith(_ARRAYS[0]):
        return _fit(_load_npy(root / path, f"{where} ({path})"), entry, where)
    if path.endswith(_ARRAYS[1]):
        raise ManifestError(
            f"{where}: {path} holds several arrays; expected an .npy file or an image"
        )
    if low is None or high is None:
        low, high = _default_range(entry, hint)
    return _fit(_load_image(root / path, f"{where} ({path})", entry, low, high), entry, where)


def _split_range(file: str) -> tuple[str, float | None, float | None]:
    stated = _RANGE.match(file)
    return (
        (stated["path"], float(stated["low"]), float(stated["high"]))
        if stated
        else (file, None, None)
    )


def _default_range(entry: Entry, hint: Mapping[str, Any]) -> tuple[float, float]:
    if "int" in str(entry["dtype"]):
        return 0.0, _BYTE
    return hint.get("low", 0.0), hint.get("high", 1.0)


def _load_npz(path: Path, where: str) -> dict[str, Array]:
    try:
        # np.load leaves a file open that is no archive.
        with (
            _existing(path, where).open("rb") as file,
            np.load(file, allow_pickle=False) as archive,
        ):
            return {name: archive[name] for name in archive.files}
    except (ValueError, OSError, zipfile.BadZipFile, AttributeError, TypeError) as error:
        raise ManifestError(f"{where}: not an .npz file of arrays ({error})") from None


def _load_npy(path: Path, where: str) -> Array:
    try:
        values: Array = np.load(_existing(path, where), allow_pickle=False)
    except (ValueError, OSError, EOFError) as error:
        raise ManifestError(f"{where}: not an .npy file with an array ({error})") from None
    return values


def _existing(path: Path, where: str) -> Path:
    if not path.is_file():
        raise ManifestError(
            f"{where}: no such file", hint="paths of test_inputs are relative to models.yaml"
        )
    return path


def _load_image(path: Path, where: str, entry: Entry, low: float, high: float) -> Array:
    """Return an image as an input takes it, with a batch of 1 where it has a batch."""
    from PIL import Image, ImageOps, UnidentifiedImageError  # noqa: PLC0415  # for images alone

    shape = entry["shape"] or [1, -1, -1, 3]
    axes = image_axes(shape)
    if axes is None:
        raise ManifestError(
            f"{where}: an image for an input of shape {_format_shape(shape)}; expected .npy"
        )
    rows, columns, last = axes
    channels = 1 if last is None else shape[last]
    mode = _MODES.get(3 if channels < 0 else channels)
    if mode is None:
        raise ManifestError(f"{where}: an image for an input of {channels} channels; expected .npy")
    try:
        with Image.open(_existing(path, where)) as file:
            image = ImageOps.exif_transpose(file).convert(mode)
    except (UnidentifiedImageError, OSError, Image.DecompressionBombError) as error:
        raise ManifestError(
            f"{where}: not an image that Pillow reads ({type(error).__name__})"
        ) from None
    height, width = (
        size if size > 0 else own
        for size, own in ((shape[rows], image.height), (shape[columns], image.width))
    )
    image = image.resize((width, height), Image.Resampling.BILINEAR)
    pixels = np.asarray(image, np.float64).reshape(height, width, -1)
    values = low + pixels * ((high - low) / _BYTE)
    if last is None:
        values = values[..., 0]
    elif last < rows:
        values = np.moveaxis(values, 2, 0)
    values = np.rint(values) if _is_integer(entry) else values
    return values[(None,) * (len(shape) - values.ndim)]


def _fit(values: Array, entry: Entry, where: str) -> Array:
    """Return an array in the dtype that TensorFlow.js has for an input, if it is fit for it."""
    shape = entry["shape"]
    fits = shape is None or (
        len(shape) == values.ndim
        and all(want in (-1, have) for want, have in zip(shape, values.shape, strict=True))
    )
    if not fits:
        raise ManifestError(
            f"{where}: an array of shape {values.shape}; expected {_format_shape(shape)}"
        )
    dtype = str(entry["dtype"])
    kinds = {"string": "OSU", "bool": "b"}.get(dtype, "biufc" if dtype.startswith("c") else "biuf")
    if values.dtype.kind not in kinds:
        raise ManifestError(f"{where}: an array of {values.dtype.name}; expected {dtype}")
    try:
        return _cast(values, entry, where)
    except FormatError as error:
        raise ManifestError(f"{where}: {error.message}") from None


def _cast(values: Array, entry: Entry, where: str) -> Array:
    dtype = str(entry["dtype"])
    if dtype in ("string", "bool"):
        return narrow(values, where=where)
    if not _is_integer(entry):
        return narrow(
            values.astype("complex64" if dtype.startswith("c") else "float64"), where=where
        )
    whole = np.rint(values)
    if not np.array_equal(whole, values):
        raise ManifestError(f"{where}: numbers with fractions; expected {dtype}")
    limits = np.iinfo(dtype)
    if values.size and not limits.min <= whole.min() <= whole.max() <= limits.max:
        raise ManifestError(
            f"{where}: numbers from {values.min()} to {values.max()}; expected {dtype}"
        )
    return narrow(whole.astype(np.int64), where=where)


def _is_integer(entry: Entry) -> bool:
    return "int" in str(entry["dtype"])


def _format_shape(shape: Sequence[int]) -> str:
    sizes = ", ".join("?" if size < 0 else str(size) for size in shape)
    return f"({sizes},)" if len(shape) == 1 else f"({sizes})"
