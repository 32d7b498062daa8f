"""Test inputs: the arrays and images that `test_inputs:` of the manifest names.

An array is taken as it is. An image is turned upright by its EXIF data and brought to the input's
size (bilinear, antialiased), colours, order of axes and range as the input's contract states them.
Where it states no range, values become 0 to 255 for an input of integers, else 0 to 1.
`photo.jpg#-1..1` states another range.
"""

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from PIL.Image import Image

import numpy as np

from pipeline.errors import FormatError, ManifestError
from pipeline.manifest.fields import split_range
from pipeline.proof.inputs.array_files import NUMBER_BYTES, check_bytes, load_npy, load_npz
from pipeline.proof.inputs.contract_facts import BYTE
from pipeline.proof.inputs.pixels import find_axes, order_channels, scale_pixels
from pipeline.proof.vector_files import Tensors, Vector, Vectors, narrow, write_vectors
from pipeline.records.contract import InputContract, Resize
from pipeline.records.signature import SignatureTensor, TensorSpec
from pipeline.text.printable import printable
from pipeline.text.suggest import did_you_mean, find_similar
from pipeline.tfjs.model.weights import Array

SEED = "test_inputs"

_ARRAYS = (".npy", ".npz")
_MODES = {1: "L", 3: "RGB", 4: "RGBA"}
_FORMATS = ("PNG", "JPEG", "WEBP", "GIF", "BMP")
_MAX_PIXELS = 89_000_000  # Pillow warns of a bomb above it
_REASON_LENGTH = 100


def load_test_inputs(
    test_inputs: Sequence[str | Mapping[str, str]],
    *,
    root: Path,
    specs: Sequence[TensorSpec],
    contracts: Mapping[str, InputContract],
) -> list[Tensors]:
    """Read the inputs of each run that the manifest lists.

    Args:
        test_inputs: For each run an .npz file with an array per input, a file for each input by
            its name, or one file where the model has one input.
        root: Folder that the paths are relative to.
        specs: The inputs of the model.
        contracts: What is known of each input, by name.

    Raises:
        ManifestError: A file is missing, has another format, or has content that does not fit.
    """
    return [
        _load_run(entry, f"test_inputs[{i}]", root, specs, contracts)
        for i, entry in enumerate(test_inputs)
    ]


def write_test_inputs(folder: Path, inputs: Sequence[Tensors]) -> None:
    """Write inputs as vectors without outputs, for the process that will run them."""
    vectors = [Vector(inputs=one, outputs={}, kind="given") for one in inputs]
    write_vectors(folder, Vectors(vectors=vectors, seed=SEED, runtime=""))


def list_files(test_inputs: Iterable[str | Mapping[str, str]]) -> list[str]:
    """Return the paths that the manifest names, without ranges."""
    files = (
        file
        for entry in test_inputs
        for file in ([entry] if isinstance(entry, str) else entry.values())
    )
    return [split_range(file)[0] for file in files]


def _load_run(
    entry: str | Mapping[str, str],
    where: str,
    root: Path,
    inputs: Sequence[TensorSpec],
    contracts: Mapping[str, InputContract],
) -> Tensors:
    known = [one.name for one in inputs]
    if isinstance(entry, str) and not entry.endswith(".npz"):
        if len(known) != 1:
            raise ManifestError(
                f"{where}: {entry!r} is one file; the model has the inputs {', '.join(known)}",
                hint="write a mapping of inputs to files, or an .npz file with an array for each",
            )
        entry = {known[0]: entry}
    if isinstance(entry, str):
        arrays = load_npz(
            _existing(root / entry, f"{where} ({entry})"),
            f"{where} ({entry})",
            lambda names: _check_names(names, known, where),
        )
        return {one.name: _fit(arrays[one.name], one, f"{where}.{one.name}") for one in inputs}
    _check_names(entry, known, where)
    return {
        one.name: _load_input(
            entry[one.name],
            f"{where}.{one.name}",
            root,
            one,
            contracts.get(one.name, InputContract()),
        )
        for one in inputs
    }


def _check_names(found: Iterable[str], known: Sequence[str], where: str) -> None:
    names = list(found)
    for name in names:
        if name not in known:
            meant = did_you_mean(find_similar(name, known))
            raise ManifestError(
                f"{where}: the model has no input {name!r}; it has {', '.join(known)}{meant}"
            )
    missing = [name for name in known if name not in names]
    if missing:
        raise ManifestError(f"{where}: nothing for the input {', '.join(missing)}")


def _load_input(
    file: str, where: str, root: Path, spec: TensorSpec, contract: InputContract
) -> Array:
    path, stated = split_range(file)
    if path.endswith(_ARRAYS[0]):
        shown = f"{where} ({path})"
        return _fit(load_npy(_existing(root / path, shown), shown), spec, where)
    if path.endswith(_ARRAYS[1]):
        raise ManifestError(
            f"{where}: {path} holds several arrays; expected an .npy file or an image"
        )
    if stated is not None:
        other = {"range": stated, "mean": None, "std": None}
        contract = contract.model_copy(update=other)
    return _fit(_load_image(root / path, f"{where} ({path})", spec, contract), spec, where)


def _existing(path: Path, where: str) -> Path:
    if not path.is_file():
        raise ManifestError(
            f"{where}: no such file", hint="paths of test_inputs are relative to models.yaml"
        )
    return path


def _load_image(path: Path, where: str, spec: TensorSpec, contract: InputContract) -> Array:
    """Return an image in the layout of an input, with a batch of 1 if the input has a batch."""
    shape = spec.shape or (1, None, None, 3)
    axes = find_axes(shape, contract)
    if axes is None:
        raise ManifestError(
            f"{where}: an image for an input of shape {_format_shape(shape)}; expected .npy"
        )
    rows, columns, last = axes
    channels = 1 if last is None else shape[last]
    mode = _MODES.get(3 if channels is None else channels)
    if mode is None:
        raise ManifestError(f"{where}: an image for an input of {channels} channels; expected .npy")
    sizes = (shape[rows], shape[columns])
    pixels = _read_pixels(_existing(path, where), where, mode, sizes, contract.resize)
    unstated = (0.0, BYTE if spec.is_integer else 1.0)
    values = scale_pixels(order_channels(pixels, contract), contract, unstated=unstated)
    if last is None:
        values = values[..., 0]
    elif last < rows:
        values = np.moveaxis(values, 2, 0)
    values = np.rint(values) if spec.is_integer else values
    return values[(None,) * (len(shape) - values.ndim)]


def _read_pixels(
    path: Path,
    where: str,
    mode: str,
    sizes: tuple[int | None, int | None],
    resize: Resize | None,
) -> Array:
    """Return an image's pixels, 0 to 255: (height, width, channels), in the sizes given."""
    from PIL import Image, ImageOps  # noqa: PLC0415  # for images alone

    try:
        with Image.open(path, formats=_FORMATS) as file:
            if file.width * file.height > _MAX_PIXELS:
                raise ValueError(f"{file.width} × {file.height} pixels")  # noqa: TRY301, RUF001  # as PIL refuses; a times sign
            image = ImageOps.exif_transpose(file).convert(mode)
    except Exception as error:  # Pillow's readers raise exceptions of any kind
        if isinstance(error, OSError) and error.errno is not None:
            raise
        reason = printable(str(error), limit=_REASON_LENGTH) if type(error) is ValueError else ""
        raise ManifestError(
            f"{where}: not an image that Pillow reads ({reason or type(error).__name__}); expected "
            f"{', '.join(_FORMATS)} of at most {_MAX_PIXELS // 10**6} million pixels"
        ) from None
    height, width = (
        size or own for size, own in zip(sizes, (image.height, image.width), strict=True)
    )
    check_bytes(height * width * len(mode) * NUMBER_BYTES, where)
    resized = _resize(image, (width, height), resize or "stretch")
    return np.asarray(resized, np.float64).reshape(height, width, -1)


def _resize(image: "Image", size: tuple[int, int], way: Resize) -> "Image":
    """Return an image in another size; `letterbox` fills the rest with black."""
    from PIL import ImageOps  # noqa: PLC0415  # for images alone
    from PIL.Image import Resampling  # noqa: PLC0415  # for images alone

    match way:
        case "crop":
            return ImageOps.fit(image, size, Resampling.BILINEAR)
        case "letterbox":
            return ImageOps.pad(image, size, Resampling.BILINEAR)
        case "stretch":
            return image.resize(size, Resampling.BILINEAR)


def _fit(values: Array, spec: TensorSpec, where: str) -> Array:
    """Return an array in the input's dtype of TensorFlow.js; raise if it does not fit the input.

    An input that takes both parts of complex numbers takes complex numbers, too.
    """
    if isinstance(spec, SignatureTensor) and spec.complex_dtype and values.dtype.kind == "c":
        values = np.stack([values.real, values.imag], -1)
    shape = spec.shape
    fits = shape is None or (
        len(shape) == values.ndim
        and all(want in (None, have) for want, have in zip(shape, values.shape, strict=True))
    )
    if shape is not None and not fits:
        raise ManifestError(
            f"{where}: an array of shape {values.shape}; expected {_format_shape(shape)}"
        )
    dtype = spec.dtype
    kinds = {"string": "OSU", "bool": "b"}.get(dtype, "biufc" if dtype.startswith("c") else "biuf")
    if values.dtype.kind not in kinds:
        raise ManifestError(f"{where}: an array of {values.dtype.name}; expected {dtype}")
    try:
        return _cast(values, spec, where)
    except FormatError as error:
        raise ManifestError(f"{where}: {error.message}") from None


def _cast(values: Array, spec: TensorSpec, where: str) -> Array:
    dtype = spec.dtype
    if dtype in ("string", "bool"):
        return narrow(values, where=where)
    if not spec.is_integer:
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


def _format_shape(shape: Sequence[int | None]) -> str:
    sizes = ", ".join("?" if size is None else str(size) for size in shape)
    return f"({sizes},)" if len(shape) == 1 else f"({sizes})"
