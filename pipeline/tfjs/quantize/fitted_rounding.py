"""Fitted rounding: whole numbers of a weight that keep the outputs of its op, not each value.

An op computes y = x w, where x are the values that it sums: a row of a matrix, or the patch below a
filter. With X of many such rows, the numbers minimize |X (w - decoded)|². The way is GPTQ: round
the values of a channel one after the other, those of the strongest inputs first, and after each
spread its error over the values that are left, as the inverse of X'X says. The inverse has 1 % of
the mean of the diagonal added to X'X's own. Scales stay, so files are as large, and as fast.

Sources: Frantar and others, GPTQ: Accurate Post-Training Quantization for Generative Pre-trained
Transformers (2023), algorithm 1; Frantar and Alistarh, Optimal Brain Compression (2022). It opens
no file and runs no model.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from pipeline.tfjs.quantize.forms import (
    BITS,
    LEVELS,
    Array,
    EncodedWeight,
    Form,
    encode,
    scale_layout,
    with_zero,
)
from pipeline.tfjs.quantize.nibbles import NIBBLE_LEVELS, pack

_DAMPING = 0.01
# A group whose inputs are this much weaker than those of the strongest has none.
_FAINT = 1e-20
# Values whose errors are spread at once.
_STRIP = 64


@dataclass(frozen=True, kw_only=True)
class Spread:
    """How the error of a value is spread over those that are rounded after it.

    Attributes:
        order: int (groups, summed): the values of a group, the strongest inputs first.
        factors: float64 (groups, summed, summed): the upper Cholesky factor of the inverse of X'X
            in this order, damped.
    """

    order: Array
    factors: Array


def find_spread(products: Array) -> Spread:
    """Return how errors are spread, which is the same for all forms of a weight.

    Args:
        products: X'X for each group, float64 of shape (groups, summed, summed), where values are
            summed in the order of the weight's axes.
    """
    diagonal = np.diagonal(products, axis1=1, axis2=2)
    order = np.argsort(-diagonal, axis=1, kind="stable")
    products = np.take_along_axis(products, order[:, :, None], axis=1)
    products = np.take_along_axis(products, order[:, None, :], axis=2)
    strength = diagonal.mean(axis=1)
    # Sums of values that float32 hardly holds are noise: such a group is rounded to the nearest.
    is_heard = strength > _FAINT * strength.max()
    damping = np.where(is_heard, strength * _DAMPING, 1.0)
    damped = products + damping[:, None, None] * np.eye(products.shape[1])
    lower = np.linalg.cholesky(np.linalg.inv(damped))
    return Spread(order=order, factors=lower.transpose(0, 2, 1))


def encode_fitted(
    values: Array, form: Form, spread: Spread, *, groups: Sequence[int] = ()
) -> EncodedWeight:
    """Return a weight in a form, rounded for the inputs of its op.

    Args:
        values: float32.
        form: A form with channels.
        spread: That of the op's inputs.
        groups: Axes of the weight, channels all, each of whose indices has inputs of its own: the
            input channels of a depthwise filter.
    """
    nearest = encode(values, form)
    assert nearest.scales is not None
    assert nearest.quantization is not None
    layout = scale_layout(values.shape, form)
    # The scale of packed numbers is that of bytes, not theirs.
    step = 1.0 if nearest.packed is not None else nearest.quantization.scale or 1.0
    scales = nearest.scales.astype(np.float64) * step
    exact = np.broadcast_to(scales, layout.split).reshape(values.shape)
    kept = [axis for axis in form.channels if axis not in groups]
    summed = [axis for axis in range(values.ndim) if axis not in form.channels]
    order = (*groups, *summed, *kept)
    shape = tuple(values.shape[axis] for axis in order)
    matrices = (*spread.order.shape, -1)
    numbers = _round(
        values.transpose(order).reshape(matrices).astype(np.float64),
        exact.transpose(order).reshape(matrices),
        spread,
        LEVELS if form.bits == BITS else NIBBLE_LEVELS,
    )
    back = numbers.reshape(shape).transpose(np.argsort(order)).reshape(layout.split)
    stored = with_zero(back) if nearest.packed is None else pack(back, nearest.packed)
    return replace(nearest, stored=stored)


def _round(values: Array, scales: Array, given: Spread, levels: int) -> Array:
    """Return whole numbers for matrices of shape (groups, summed, channels)."""
    values = np.take_along_axis(values, given.order[:, :, None], axis=1)
    scales = np.take_along_axis(scales, given.order[:, :, None], axis=1)
    spread = given.factors
    numbers = np.empty_like(values)
    length = values.shape[1]
    for start in range(0, length, _STRIP):
        stop = min(start + _STRIP, length)
        errors = np.empty((len(values), stop - start, values.shape[2]))
        for i in range(start, stop):
            rounded = np.clip(np.rint(values[:, i] / scales[:, i]), -levels, levels)
            numbers[:, i] = rounded
            error = (values[:, i] - rounded * scales[:, i]) / spread[:, i, i, None]
            values[:, i + 1 : stop] -= spread[:, i, i + 1 : stop, None] * error[:, None, :]
            errors[:, i - start] = error
        left = spread[:, start:stop, stop:].transpose(0, 2, 1)
        values[:, stop:] -= left @ errors
    return np.take_along_axis(numbers, np.argsort(given.order, axis=1)[:, :, None], axis=1)
