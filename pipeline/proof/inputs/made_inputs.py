"""Inputs of a model, made from a seed and from its signature.

The same seed makes the same inputs on any machine and with any numpy: numbers come from
`pipeline.proof.inputs.random_stream`, and images and sounds are rounded to the steps of 8 and
16 bits. It opens no file.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from pipeline.errors import ConversionError
from pipeline.proof.inputs.input_shapes import (
    has_batch,
    image_axes,
    list_sizes,
    name_axes,
    resolve_shape,
)
from pipeline.proof.inputs.input_values import Request, image_ranges, make_content
from pipeline.proof.vector_files import Tensors
from pipeline.records.signature import TensorSpec
from pipeline.text.quantity import format_limit

MAX_INPUT_BYTES = 1024**3
"""Largest input that is made up: an hour of sound, or 80 pictures of 1,024 by 1,024 pixels."""

_NUM_SAMPLES = 1_000_000
_ITEM_BYTES = 4


def make_inputs(  # noqa: PLR0913  # each argument is independent
    specs: Sequence[TensorSpec],
    *,
    seed: str,
    index: int,
    attempt: int = 0,
    batch: int = 1,
    task: str | None = None,
    hints: Mapping[str, Any] | None = None,
) -> Tensors:
    """Return inputs for one run of a model.

    Args:
        specs: The inputs of the model.
        seed: Text from which the values follow: the name of the model.
        index: Number of the run; another number makes other content.
        attempt: Index of the choice of sizes, below `count_attempts`.
        batch: Number of samples, if it is free: those of this run and of the runs before.
        task: The task of the model, as in the manifest.
        hints: The graph's hints on each input, by name; see `pipeline.proof.inputs.input_hints`.

    Returns:
        An array for each input, in a dtype of TensorFlow.js: an image of uint8 becomes int32.

    Raises:
        ConversionError: The inputs would take more than MAX_INPUT_BYTES.
    """
    hints = hints or {}
    sizes = list_sizes(specs, task=task, hints=hints, batch=batch)[attempt]
    shapes = {spec.name: resolve_shape(spec, sizes, task=task) for spec in specs}
    _check_bytes(shapes)
    inputs = {}
    for spec in specs:
        shape = shapes[spec.name]
        batched = has_batch(spec, shape, task=task)
        axes = image_axes(shape)
        request = Request(
            spec=spec,
            shape=shape[1:] if batched else shape,
            image=axes and tuple(None if a is None else a - batched for a in axes),
            sample=index,
            seed=seed,
            task=f"{task or ''} {seed}".lower(),
            hint=hints.get(spec.name, {}),
            sizes=sizes,
        )
        rows = [
            make_content(replace(request, sample=(index - i) % _NUM_SAMPLES))
            # An empty batch has a dtype and a shape all the same.
            for i in range(max(1, shape[0]) if batched else 1)
        ]
        inputs[spec.name] = np.stack(rows)[: shape[0]] if batched else rows[0]
    return inputs


def _check_bytes(shapes: Mapping[str, Sequence[int]]) -> None:
    """Raise if inputs are too large to be made: a file may state any shape."""
    for name, shape in shapes.items():
        size = math.prod(shape) * _ITEM_BYTES
        if size > MAX_INPUT_BYTES:
            raise ConversionError(
                f"input {name!r} of shape {tuple(shape)} takes {format_limit(size)}; expected at "
                f"most {format_limit(MAX_INPUT_BYTES)}",
                hint="convert the model with smaller or open sizes of its inputs",
            )


def count_attempts(
    specs: Sequence[TensorSpec], *, task: str | None, hints: Mapping[str, Any]
) -> int:
    """Return the number of choices for the unknown sizes; 1 if no size is unknown."""
    return len(list_sizes(specs, task=task, hints=hints))


def is_batch_free(specs: Sequence[TensorSpec], *, task: str | None) -> bool:
    """Return whether the model takes any number of samples."""
    return any("batch" in name_axes(spec, task=task) for spec in specs)


def count_vectors(specs: Sequence[TensorSpec], *, hints: Mapping[str, Any]) -> int:
    """Return the number of runs: one for each possible range of an image, and at least two."""
    counts = [2]
    for spec in specs:
        shape = spec.shape or ()
        if axes := image_axes(shape):
            channels = 1 if axes[2] is None else shape[axes[2]]
            counts.append(len(image_ranges(spec, hints.get(spec.name, {}), channels)))
    return max(counts)
