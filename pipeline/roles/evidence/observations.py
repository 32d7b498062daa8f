"""Observations: the shapes of a model's outputs, and their values on some runs.

Every question here is answered from these numbers alone, and "unknown" is an answer: values that
are missing or never vary prove nothing. This module opens no file and runs no model.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import numpy.typing as npt

from pipeline.records.shape import Shape
from pipeline.records.signature import Signature, SignatureOutput, SignatureTensor
from pipeline.roles.evidence.structure import Structure
from pipeline.tfjs.model.weights import Array
from pipeline.vocabulary.families import find_family
from pipeline.vocabulary.role_types import Family

Floats = npt.NDArray[np.float64]

RANGE_TOLERANCE = 1e-5
"""How far rounding may move a probability beyond 0 and 1."""

SUM_TOLERANCE = 2e-3
"""Largest error of the sum of a softmax computed in float16."""

QUANTIZATION_STEP = 1 / 255
"""Error that 8-bit weights add to a whole number, as a share of the largest one."""

MAX_WHOLE_TOLERANCE = 0.2
"""With a larger tolerance, being near a whole number proves nothing."""

_PLANE_SIZE = 5
"""A shorter axis is no side of an image."""

_NDIM_PLANE, _NDIM_IMAGE = 3, 4
_CHANNELS = (1, 3, 4)


@dataclass(frozen=True, eq=False)
class Output:
    """One output.

    Attributes:
        name: Its name in signature.json.
        tensor: Its tensor.
        shape: Size of each axis in the signature, None where unknown; None without known axes.
        values: The values on each vector; empty for strings and without a run.
        text: Whether it holds strings.
    """

    name: str
    tensor: str
    shape: tuple[int | None, ...] | None
    values: tuple[Floats, ...]
    text: bool = False

    @cached_property
    def is_known(self) -> bool:
        """Whether all values are finite and have the same number of axes; False without values."""
        ndims = {array.ndim for array in self.values}
        return len(ndims) == 1 and all(a.size and np.isfinite(a).all() for a in self.values)

    @cached_property
    def sizes(self) -> tuple[int | None, ...] | None:
        """Size of each axis if all vectors, or else the signature, agree on it."""
        shapes = [array.shape for array in self.values]
        if not shapes or len({len(shape) for shape in shapes}) > 1:
            return self.shape
        columns = zip(*shapes, strict=True)
        return tuple(sizes[0] if len(set(sizes)) == 1 else None for sizes in columns)

    @cached_property
    def inner(self) -> tuple[int | None, ...] | None:
        """Sizes without the batch and without axes of 1: (1, 1, 1, 228) is (228,)."""
        if self.sizes is None:
            return None
        return tuple(size for size in self.sizes[1:] if size != 1)

    @property
    def row_length(self) -> int:
        """Number of values for each input if they are one row of known length, else 0."""
        inner = self.inner
        return inner[0] or 0 if inner is not None and len(inner) == 1 else 0

    @property
    def ndim(self) -> int | None:
        """Number of axes, the batch among them."""
        return None if self.sizes is None else len(self.sizes)

    @property
    def last(self) -> int | None:
        """Size of the last axis."""
        return self.sizes[-1] if self.sizes else None

    @cached_property
    def flat(self) -> Floats:
        """All values of all vectors."""
        return np.concatenate([array.reshape(-1) for array in self.values])

    @cached_property
    def low(self) -> float:
        """The smallest value."""
        return float(self.flat.min())

    @cached_property
    def high(self) -> float:
        """The largest value."""
        return float(self.flat.max())

    @property
    def varies(self) -> bool:
        """Whether there are values, and not all of them are the same."""
        return self.is_known and self.high > self.low

    @property
    def in_unit_range(self) -> bool:
        """Whether all values lie from 0 to 1."""
        return self.is_known and self.low >= -RANGE_TOLERANCE and self.high <= 1.0 + RANGE_TOLERANCE

    @cached_property
    def is_whole(self) -> bool:
        """Whether all values are whole, but for the error of 8-bit constants."""
        return self.is_known and self.distance_from_whole <= self.whole_tolerance

    @cached_property
    def distance_from_whole(self) -> float:
        """Largest distance of a value from the nearest whole number."""
        return float(np.abs(self.flat - np.round(self.flat)).max())

    @property
    def whole_tolerance(self) -> float:
        """Largest distance of a value from a whole number that passes for it."""
        return whole_tolerance(self.flat)

    @cached_property
    def sums_to_one(self) -> bool:
        """Whether values are at least 0 and sum to 1 along the last axis, of two or more."""
        if not self.varies or self.low < -RANGE_TOLERANCE or (self.last or 0) <= 1:
            return False
        return all(np.abs(a.sum(axis=-1) - 1.0).max() <= SUM_TOLERANCE for a in self.values)

    @cached_property
    def plane(self) -> tuple[int, int, int] | None:
        """Height, width and channels if the layout is that of an image, else None."""
        sizes = self.sizes
        if sizes is None or len(sizes) not in (_NDIM_PLANE, _NDIM_PLANE + 1):
            return None
        height, width, channels = (*sizes[1:], 1)[:3]
        if height is None or width is None or channels is None:
            return None
        return (height, width, channels) if min(height, width) >= _PLANE_SIZE else None

    def __str__(self) -> str:
        """Return the output's name in messages: "'boxes' (Identity_1:0)"."""
        same = self.name == self.tensor
        return f"'{self.name}'" if same else f"'{self.name}' ({self.tensor})"


@dataclass(frozen=True, eq=False)
class Observed:
    """The facts on a model from which rules infer its roles.

    Attributes:
        outputs: The outputs of the model.
        inputs: The inputs of the model.
        structure: Its graph.
        family: Family of the manifest's `task`, None without.
        task: The manifest's `task`.
        image_size: Height and width of its image input; None without an image or with open sizes.
    """

    outputs: tuple[Output, ...]
    inputs: tuple[SignatureTensor, ...]
    structure: Structure
    family: Family | None
    task: str | None
    image_size: tuple[int, int] | None

    @cached_property
    def numeric(self) -> tuple[Output, ...]:
        """Outputs that hold numbers."""
        return tuple(output for output in self.outputs if not output.text)

    def does(self, *families: Family) -> bool:
        """Return whether the manifest's task belongs to one of some families."""
        return self.family in families

    def is_image_sized(self, output: Output) -> bool:
        """Return whether an output has the height and width of the input image."""
        return bool(output.plane and self.image_size == output.plane[:2])


def whole_tolerance(values: Floats) -> float:
    """Return the largest distance from a whole number that passes; it grows with the values."""
    largest = float(np.abs(values).max())
    return RANGE_TOLERANCE + min(QUANTIZATION_STEP * largest, MAX_WHOLE_TOLERANCE)


def observe(
    signature: Signature,
    *,
    structure: Structure,
    task: str | None,
    vectors: Sequence[Mapping[str, Array]],
    inputs: Sequence[Mapping[str, Array]] = (),
) -> Observed:
    """Gather the facts on a model.

    Args:
        signature: Inputs and outputs.
        structure: Its graph.
        task: The manifest's `task`.
        vectors: Outputs on each vector, by name; a random output may be left out.
        inputs: Inputs of each vector, by name, which show the sizes chosen for open ones.
    """
    outputs = tuple(_observe_output(entry, vectors) for entry in signature.outputs)
    return Observed(
        outputs=outputs,
        inputs=tuple(signature.inputs),
        structure=structure,
        family=find_family(task),
        task=task,
        image_size=_find_image_size(signature.inputs, inputs),
    )


def _observe_output(entry: SignatureOutput, vectors: Sequence[Mapping[str, Array]]) -> Output:
    name, shape = entry.name, entry.shape
    text = entry.js_dtype == "string"
    arrays = [vector[name] for vector in vectors if name in vector]
    if not all(_has_shape(array, shape) for array in arrays):
        arrays = []  # these values are of another output
    return Output(
        name=name,
        tensor=entry.tensor,
        shape=shape,
        values=() if text else tuple(np.asarray(a, np.float64) for a in arrays if _is_real(a)),
        text=text,
    )


def _has_shape(array: Array, shape: Shape) -> bool:
    if shape is None:
        return True
    sizes = np.shape(array)
    return len(sizes) == len(shape) and all(
        stated in (size, None) for size, stated in zip(sizes, shape, strict=True)
    )


def _is_real(array: Array) -> bool:
    return np.asarray(array).dtype.kind in "fiub"


def _find_image_size(
    entries: Sequence[SignatureTensor], vectors: Sequence[Mapping[str, Array]]
) -> tuple[int, int] | None:
    """Return height and width of the only input that is an image, channels first or last."""
    found = set()
    for entry in entries:
        fed = {np.shape(vector[entry.name]) for vector in vectors if entry.name in vector}
        shape = next(iter(fed)) if len(fed) == 1 else entry.shape or ()
        if len(shape) != _NDIM_IMAGE:
            continue
        if shape[3] in _CHANNELS:
            found.add((shape[1], shape[2]))
        elif shape[1] in _CHANNELS:
            found.add((shape[2], shape[3]))
    sizes = [(height, width) for height, width in found if height and width]
    return sizes[0] if len(sizes) == 1 else None
