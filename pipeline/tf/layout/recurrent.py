"""Recurrences over a sequence: written out step by step, or as a loop.

A step knows nothing of sequences: it takes the inputs of one step and the states before it. Here
are the order of steps, sequences of unequal lengths in one batch, and the choice between a graph
without control flow, which TensorFlow.js runs faster, and a loop, which takes any length.
"""

from collections.abc import Callable, Sequence
from typing import Any

import tensorflow as tf

# Longer sequences become a loop.
_MAX_UNROLLED = 64

Step = Callable[[Any, Sequence[Any]], tuple[Any, list[Any]]]
"""Takes the inputs of a step (batch, features) and the states (batch, cells); returns an output
(batch, cells) and the states after it."""


def run_recurrence(  # noqa: PLR0913  # what a caller may leave out has its default
    value: Any,
    step: Step,
    states: Sequence[Any],
    *,
    axis: int = 0,
    backwards: bool = False,
    lengths: Any = None,
) -> tuple[Any, list[Any]]:
    """Run a recurrence over a sequence.

    Args:
        value: The inputs of all steps: float32 (steps, batch, features), or (batch, steps,
            features).
        step: Computes one step.
        states: The states before the first step, each (batch, cells).
        axis: The axis of `value` that counts the steps, 0 or 1.
        backwards: The last step comes first. Outputs stand where their inputs do.
        lengths: int32 (batch,), the number of steps of each sequence; None where all have the
            same. Steps behind the end return zeros and leave the states as they are.

    Returns:
        The outputs of all steps, with the axes of `value`, and the states after the last step.
    """
    numbered = (
        _ignore_number(step) if lengths is None else _stop_at(step, tf.expand_dims(lengths, -1))
    )
    num_steps = value.shape[axis]
    if num_steps is None or num_steps > _MAX_UNROLLED:
        return _loop(value, numbered, states, axis, backwards=backwards)
    parts = tf.unstack(value, num=num_steps, axis=axis)
    made: list[Any] = [None] * num_steps
    states = list(states)
    for number in reversed(range(num_steps)) if backwards else range(num_steps):
        made[number], states = numbered(number, parts[number], states)
    return tf.stack(made, axis=axis), states


_NumberedStep = Callable[[Any, Any, Sequence[Any]], tuple[Any, list[Any]]]


def _ignore_number(step: Step) -> _NumberedStep:
    return lambda _, value, states: step(value, states)


def _stop_at(step: Step, lengths: Any) -> _NumberedStep:
    """Return a step that does nothing for sequences that are shorter."""

    def stopping(number: Any, value: Any, states: Sequence[Any]) -> tuple[Any, list[Any]]:
        output, following = step(value, states)
        is_inside = lengths > number
        kept = [tf.where(is_inside, new, old) for new, old in zip(following, states, strict=True)]
        return tf.where(is_inside, output, tf.zeros([], output.dtype)), kept

    return stopping


def _loop(
    value: Any, step: _NumberedStep, states: Sequence[Any], axis: int, *, backwards: bool
) -> tuple[Any, list[Any]]:
    """Run a recurrence as a loop over a sequence of any length."""
    num_steps = tf.shape(value)[axis]
    shapes = [state.shape for state in states]
    array = tf.TensorArray(tf.float32, size=num_steps, element_shape=shapes[0])

    def body(count: Any, outputs: Any, *own: Any) -> Any:
        number = num_steps - 1 - count if backwards else count
        output, following = step(number, tf.gather(value, number, axis=axis), list(own))
        for state, shape in zip(following, shapes, strict=True):
            state.set_shape(shape)
        return (count + 1, outputs.write(number, output), *following)

    _, outputs, *following = tf.while_loop(
        lambda count, *_: count < num_steps, body, (tf.constant(0), array, *states)
    )
    stacked = outputs.stack()
    return (tf.transpose(stacked, [1, 0, 2]) if axis else stacked), list(following)
