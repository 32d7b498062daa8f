"""Costs of weights: how far each form of each weight moves the outputs of a graph.

For small changes an output moves by J d, where d is the change of a weight and J the derivative of
the output by it. For signs r drawn at random, the mean of (r J d)² is the sum of the squares of
J d (Hutchinson), and r J is the gradient of r times the output: one run backwards gives it for all
weights, and every form of a weight is a dot product with it. Nothing runs for each form.

Where TensorFlow cannot differentiate a graph, such as one with loops, or no output depends smoothly
on a weight, its own relative error takes the place of that.
"""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import tensorflow as tf

from pipeline.errors import ConversionError
from pipeline.proof.smallest.mix_search import OutOfTime
from pipeline.proof.smallest.weight_forms import WeightForms
from pipeline.tf.saved_model.freeze import format_reason
from pipeline.tfjs.model.weights import Array
from pipeline.tfjs.quantize.forms import AS_IN_BASE, Form

RUNS = 48
"""About so many runs backwards are made, at least one for each output on each vector."""
MOST_PROBES = 4
"""Most draws of signs for an output on a vector. An output of one value needs one."""
_SEED = 11
# A weight that moves no output on these vectors is still better stored well: the square of its own
# relative error counts this much.
_OWN = 1e-9

Costs = Mapping[str, Mapping[Form, Array]]
"""By weight and form, float64 (num_outputs,): see `Choice.costs`."""


@dataclass(frozen=True, kw_only=True)
class Probed:
    """An output to be differentiated.

    Attributes:
        tensor: Its tensor, float32.
        scale: The range of its values, by which errors are divided.
        sizes: Number of its values on each vector.
    """

    tensor: str
    scale: float
    sizes: Sequence[int]


@dataclass(frozen=True, kw_only=True)
class _Backwards:
    """The derivatives of a graph: the gradients of the sum of signs times outputs.

    Attributes:
        gradients: By weight; those that no output depends on are left out. Empty for a graph that
            TensorFlow cannot differentiate.
        signs: The signs of each output, flat.
    """

    gradients: Mapping[str, tf.Tensor]
    signs: Sequence[tf.Tensor]


def measure_costs(
    session: tf.compat.v1.Session,
    weights: WeightForms,
    outputs: Sequence[Probed],
    feeds: Sequence[Mapping[str, Array]],
    tick: Callable[[], None],
) -> tuple[Costs, bool]:
    """Return the costs of all forms, and whether time ran out before all were measured.

    Args:
        session: A session of the graph.
        weights: The weights; each is a constant of the graph.
        outputs: The outputs.
        feeds: The inputs of each vector, by tensor.
        tick: Called before each run; raises OutOfTime.

    Raises:
        ConversionError: TensorFlow cannot run the graph.
    """
    backwards = _differentiate(session, outputs, list(weights.forms))
    costs = {
        name: {
            form: np.full(
                len(outputs),
                (_OWN if name in backwards.gradients else 1.0)
                * weights.relative_error(name, form) ** 2,
            )
            for form in forms
        }
        for name, forms in weights.forms.items()
    }
    drawing = np.random.default_rng(_SEED)
    most = min(MOST_PROBES, max(1, RUNS // max(1, len(outputs) * len(feeds))))
    try:
        for number, feed in enumerate(feeds if backwards.gradients else ()):
            for place, output in enumerate(outputs):
                size = output.sizes[number]
                probes = min(most, size)
                share = 1 / (probes * max(1, size) * len(feeds) * output.scale**2)
                for _ in range(probes):
                    tick()
                    drawn = drawing.choice(np.array([-1, 1], np.float32), size)
                    signs = _signs(backwards, outputs, number, {place: drawn})
                    found = _run(session, backwards.gradients, {**feed, **signs})
                    _add(costs, weights, found, place, share)
    except OutOfTime:
        return costs, True
    return costs, False


def _signs(
    backwards: _Backwards, outputs: Sequence[Probed], number: int, drawn: Mapping[int, Array]
) -> dict[tf.Tensor, Array]:
    """Return the signs of all outputs on a vector, 0 for those that are not drawn."""
    return {
        signs: drawn[place] if place in drawn else np.zeros(output.sizes[number], np.float32)
        for place, (signs, output) in enumerate(zip(backwards.signs, outputs, strict=True))
    }


def _differentiate(
    session: tf.compat.v1.Session, outputs: Sequence[Probed], names: Sequence[str]
) -> _Backwards:
    graph = session.graph
    try:
        with graph.as_default():
            tensors = [graph.get_tensor_by_name(output.tensor) for output in outputs]
            signs = [tf.compat.v1.placeholder(tf.float32, [None]) for _ in tensors]
            given = [
                tf.reshape(one, tf.shape(tensor))
                for one, tensor in zip(signs, tensors, strict=True)
            ]
            constants = [graph.get_tensor_by_name(f"{name}:0") for name in names]
            found = tf.compat.v1.gradients(tensors, constants, grad_ys=given)
            gradients = {
                name: tf.convert_to_tensor(one)
                for name, one in zip(names, found, strict=True)
                if one is not None
            }
    except Exception:  # noqa: BLE001  # loops and ops without derivatives: it raises anything
        return _Backwards(gradients={}, signs=[])
    return _Backwards(gradients=gradients, signs=signs)


def _run(
    session: tf.compat.v1.Session,
    gradients: Mapping[str, tf.Tensor],
    feed: Mapping[tf.Tensor | str, Array],
) -> dict[str, Array]:
    try:
        found: dict[str, Array] = session.run(dict(gradients), dict(feed))
    except Exception as error:
        raise ConversionError(f"TensorFlow cannot run it: {format_reason(error)}") from error
    return found


def _add(
    costs: Costs, weights: WeightForms, gradients: Mapping[str, Array], place: int, share: float
) -> None:
    for name, gradient in gradients.items():
        flat = gradient.reshape(-1)
        exact = weights.values[name].reshape(-1)
        for form, sums in costs[name].items():
            if form == AS_IN_BASE:
                continue
            moved = float(np.dot(flat, weights.decode(name, form).reshape(-1) - exact))
            sums[place] += share * moved**2 if math.isfinite(moved) else 1.0
