"""Inputs of a model, made from a seed and from its signature.

Pictures, sounds, texts and tables are real samples, from `pipeline.proof.samples`. The same seed
makes the same inputs on any machine and with any numpy: numbers come from
`pipeline.proof.inputs.random_stream`, and pictures and sounds have the steps of 8 and 16 bits.
"""

import math
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace

import numpy as np

from pipeline.errors import ConversionError
from pipeline.proof.inputs.input_request import Edge, Request
from pipeline.proof.inputs.input_shapes import (
    READING,
    KnownShape,
    Sizes,
    has_batch,
    list_sizes,
    name_axes,
    resolve_shape,
    state_sizes,
)
from pipeline.proof.inputs.input_values import (
    Maker,
    choose_maker,
    fill_constant,
    has_edges,
    is_sample,
    lacks_range,
    list_ranges,
    make_content,
)
from pipeline.proof.inputs.pixels import find_axes
from pipeline.proof.vector_files import Tensors
from pipeline.records.contract import InputContract
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
    edge: Edge | None = None,
    task: str | None = None,
    contracts: Mapping[str, InputContract] | None = None,
) -> Tensors:
    """Return inputs for one run of a model.

    Args:
        specs: The inputs of the model.
        seed: Text from which the values follow: the name of the model.
        index: Number of the run; another number makes other content.
        attempt: Index of the choice of sizes, below `count_attempts`.
        batch: Number of samples, if it is free: those of this run and of the runs of its group
            before.
        edge: The extreme to make in place of samples.
        task: The task of the model, as in the manifest.
        contracts: What is known of each input, by name.

    Returns:
        An array for each input, in a dtype of TensorFlow.js: an image of uint8 becomes int32.

    Raises:
        ConversionError: The inputs would take more than MAX_INPUT_BYTES.
        ManifestError: A constant has another number of elements than its input.
    """
    contracts = contracts or {}
    sizes = list_sizes(specs, task=task, contracts=contracts, batch=batch)[attempt]
    shapes = {spec.name: resolve_shape(spec, sizes, task=task) for spec in specs}
    _check_bytes(shapes)
    groups = count_groups(specs, task=task, contracts=contracts, attempt=attempt)
    inputs = {}
    for request, batched in _list_requests(specs, shapes, seed, task, contracts):
        shape, constant = shapes[request.spec.name], request.contract.constant
        if constant is not None:
            inputs[request.spec.name] = fill_constant(request.spec, shape, constant)
            continue
        asked = replace(request, sizes=sizes, group=index % groups, edge=edge)
        rows = [
            make_content(replace(asked, sample=(index // groups - i) % _NUM_SAMPLES))
            # An empty batch has a dtype and a shape all the same.
            for i in range(max(1, shape[0]) if batched else 1)
        ]
        inputs[request.spec.name] = np.stack(rows)[: shape[0]] if batched else rows[0]
    return inputs


def _list_requests(
    specs: Sequence[TensorSpec],
    shapes: Mapping[str, KnownShape],
    seed: str,
    task: str | None,
    contracts: Mapping[str, InputContract],
) -> Iterator[tuple[Request, bool]]:
    """Yield what to make for one sample of each input, and whether its first axis counts them."""
    numbers: Counter[Maker] = Counter()
    for spec in specs:
        shape, contract = shapes[spec.name], contracts.get(spec.name, InputContract())
        axes = find_axes(shape, contract)
        batched = has_batch(spec, shape, task=task)
        request = Request(
            spec=spec,
            shape=shape[1:] if batched else shape,
            image=axes and tuple(None if a is None else a - batched for a in axes),
            sample=0,
            seed=seed,
            task=f"{task or ''} {seed}".lower(),
            contract=contract,
            sizes={},
        )
        make = choose_maker(request)
        yield replace(request, number=numbers[make]), batched
        numbers[make] += 1


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
    specs: Sequence[TensorSpec], *, task: str | None, contracts: Mapping[str, InputContract]
) -> int:
    """Return the number of choices for the unknown sizes; 1 if no size is unknown."""
    return len(list_sizes(specs, task=task, contracts=contracts))


def is_batch_free(
    specs: Sequence[TensorSpec], *, task: str | None, sizes: Sizes | None = None
) -> bool:
    """Return whether the model takes any number of samples, as sizes mean its axes."""
    reading = (sizes or {}).get(READING, 0)
    return any("batch" in name_axes(spec, task=task, reading=reading) for spec in specs)


def count_groups(
    specs: Sequence[TensorSpec],
    *,
    task: str | None,
    contracts: Mapping[str, InputContract],
    attempt: int = 0,
) -> int:
    """Return the number of ranges in which inputs are made; 1 where all ranges are known."""
    return max((len(ranges) for ranges in _list_ranges(specs, task, contracts, attempt)), default=1)


def name_group(
    specs: Sequence[TensorSpec],
    index: int,
    *,
    task: str | None,
    contracts: Mapping[str, InputContract],
    attempt: int = 0,
) -> str | None:
    """Return the ranges of the images of a run, such as "0..255"; None if there is one group."""
    ranges_of_all = _list_ranges(specs, task, contracts, attempt)
    unknown = [ranges for ranges in ranges_of_all if len(ranges) > 1]
    groups = max(map(len, unknown), default=1)
    chosen = (ranges[min(index % groups, len(ranges) - 1)] for ranges in unknown)
    return " and ".join(dict.fromkeys(f"{low:g}..{high:g}" for low, high in chosen)) or None


def shows_samples(
    specs: Sequence[TensorSpec],
    *,
    task: str | None,
    contracts: Mapping[str, InputContract],
    attempt: int = 0,
) -> bool:
    """Return whether an input is made of a real picture, sound, text or table."""
    return any(map(is_sample, _list_first(specs, task, contracts, attempt)))


def shows_edges(
    specs: Sequence[TensorSpec],
    *,
    task: str | None,
    contracts: Mapping[str, InputContract],
    attempt: int = 0,
) -> bool:
    """Return whether an input has extremes."""
    return any(map(has_edges, _list_first(specs, task, contracts, attempt)))


def list_unstated(
    specs: Sequence[TensorSpec], *, task: str | None, contracts: Mapping[str, InputContract]
) -> list[str]:
    """Return the inputs for which values are made up in a range that nobody states.

    These are pictures, sounds and tables of real numbers. A mask, a state, a text, an id, and a
    setting such as a threshold are made as any model that has such an input takes them.
    """
    requests = _list_first(specs, task, contracts)
    return [request.spec.name for request in requests if lacks_range(request)]


def _list_ranges(
    specs: Sequence[TensorSpec],
    task: str | None,
    contracts: Mapping[str, InputContract],
    attempt: int,
) -> Iterator[Sequence[tuple[float, float]]]:
    """Yield the ranges in which each input is made."""
    return map(list_ranges, _list_first(specs, task, contracts, attempt))


def _list_first(
    specs: Sequence[TensorSpec],
    task: str | None,
    contracts: Mapping[str, InputContract],
    attempt: int = 0,
) -> Iterator[Request]:
    """Yield what to make for each input in a choice of sizes; nothing is made for a constant."""
    specs = state_sizes(specs, contracts)
    sizes = list_sizes(specs, task=task, contracts=contracts)[attempt]
    shapes = {spec.name: resolve_shape(spec, sizes, task=task) for spec in specs}
    requests = _list_requests(specs, shapes, "", task, contracts)
    return (request for request, _ in requests if request.contract.constant is None)
