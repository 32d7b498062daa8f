"""Recurrent layers, as the kernels of TensorFlow Lite compute them.

Their state is zero at the start of a run: the interpreter keeps it from run to run unless it is
told to reset it, which a page has no use for where a run has a whole sequence. SVDF gets one step
in each run, so its state is an input and an output.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import tensorflow as tf

from pipeline.tf.layout.recurrent import Step, run_recurrence
from pipeline.tf.tflite.call import Call, Row, Table, activate, cut, limits, rows, scale_of
from pipeline.tf.tflite.rounding import note_sums, scale_twice

# lstm_eval.cc: what is added to the variance where a layer is normalized.
_NORMALIZATION = 1e-8
_TANH = 4
_BASIC_KERNEL = 1


@dataclass(frozen=True, kw_only=True)
class Places:
    """Numbers of the inputs of an LSTM: the first of each group of gates."""

    weights: int = 1
    recurrent: int = 5
    peephole: int = 9
    bias: int = 12
    projection: int = 16
    norm: int | None = 20


_FORWARD = Places(norm=None)
_BACKWARD = Places(weights=18, recurrent=22, peephole=26, bias=29, projection=33, norm=None)


def _lstm_step(call: Call, places: Places) -> tuple[Step, int, int]:
    """Return the step of an LSTM, the size of its output and that of its cells."""
    activation = call.option("fusedActivationFunction", _TANH)
    num_cells = int(call.spec(places.weights + 1).shape[0])  # type: ignore[index,arg-type]
    num_outputs = int(call.spec(places.recurrent + 1).shape[1])  # type: ignore[index,arg-type]
    has_input_gate = call.has(places.weights)

    def gate(number: int, value: Any, output: Any, cell: Any, peephole: int | None) -> Any:
        total = _product(value, call.real(places.weights + number))
        total += _product(output, call.real(places.recurrent + number))
        if peephole is not None and call.has(places.peephole + peephole):
            total += cell * call.real(places.peephole + peephole)
        if places.norm is not None and call.has(places.norm + number):
            mean = tf.reduce_mean(total, -1, keepdims=True)
            variance = tf.reduce_mean(tf.square(total - mean), -1, keepdims=True)
            total = (total - mean) / tf.sqrt(variance + _NORMALIZATION)
            total *= call.real(places.norm + number)
        if call.has(places.bias + number):
            total += call.bias(places.bias + number)
        return total

    def step(value: Any, state: Sequence[Any]) -> tuple[Any, list[Any]]:
        output, cell = state
        forget = tf.sigmoid(gate(1, value, output, cell, 1))
        entering = tf.sigmoid(gate(0, value, output, cell, 0)) if has_input_gate else 1.0 - forget
        fresh = activate(gate(2, value, output, cell, None), activation)
        cell = _limit(forget * cell + entering * fresh, call.option("cellClip", 0.0))
        output = tf.sigmoid(gate(3, value, output, cell, 2)) * activate(cell, activation)
        if call.has(places.projection):
            output = _product(output, call.real(places.projection))
            if call.has(places.projection + 1):
                output += call.bias(places.projection + 1)
            output = _limit(output, call.option("projClip", 0.0))
        return output, [output, cell]

    return step, num_outputs, num_cells


def _product(value: Any, weights: Any) -> Any:
    """Multiply by a matrix of (outputs, inputs); a vector of weights is a diagonal."""
    if len(weights.shape) == 1:
        return value * weights
    transposed = (
        np.ascontiguousarray(weights.T)
        if isinstance(weights, np.ndarray)
        else tf.transpose(weights)
    )
    return tf.matmul(value, transposed)


def _limit(value: Any, limit: float) -> Any:
    return cut(value, -limit, limit) if limit > 0 else value


def _run(
    value: Any,
    step: Step,
    sizes: Sequence[int],
    *,
    time_major: bool,
    backwards: bool = False,
) -> Any:
    """Run a recurrence over a sequence, from a state of zeros; return all outputs."""
    value, axis = tf.convert_to_tensor(value), 0 if time_major else 1
    batch = tf.shape(value)[1 - axis] if value.shape[1 - axis] is None else value.shape[1 - axis]
    states = [tf.zeros([batch, size], tf.float32) for size in sizes]
    outputs, _ = run_recurrence(value, step, states, axis=axis, backwards=backwards)
    return outputs


def _sequence_lstm(call: Call) -> Any:
    step, num_outputs, num_cells = _lstm_step(call, Places())
    return _run(
        call.real(0), step, [num_outputs, num_cells],
        time_major=bool(call.option("timeMajor")),
    )  # fmt: skip


def _both_ways_lstm(call: Call) -> Any:
    if call.has(39):
        raise call.refuse("an auxiliary input")
    made = []
    for places, backwards in ((_FORWARD, False), (_BACKWARD, True)):
        step, num_outputs, num_cells = _lstm_step(call, places)
        outputs = _run(
        call.real(0), step, [num_outputs, num_cells],
            time_major=bool(call.option("timeMajor", True)), backwards=backwards,
        )  # fmt: skip
        made.append(outputs)
    return tf.concat(made, -1) if call.option("mergeOutputs") else made


def _one_lstm(call: Call) -> Any:
    """Run one step: the older operator, with weights apart or in one matrix."""
    if call.option("kernelType") == _BASIC_KERNEL:
        return _basic_lstm(call)
    step, num_outputs, num_cells = _lstm_step(call, Places())
    value = tf.convert_to_tensor(call.real(0))
    batch = tf.shape(value)[0] if value.shape[0] is None else value.shape[0]
    output, _ = step(value, [tf.zeros([batch, num_outputs]), tf.zeros([batch, num_cells])])
    return output


def _basic_lstm(call: Call) -> Any:
    """Run one step with all gates in one matrix, in the order input, new, forget, output."""
    joined = tf.concat([call.real(0), call.real(1)], -1)
    gates = _product(joined, call.real(2)) + call.bias(3)
    entering, fresh, forget, leaving = tf.split(gates, 4, axis=-1)
    cell = tf.sigmoid(entering) * tf.tanh(fresh) + tf.sigmoid(forget) * call.real(4)
    return [tf.sigmoid(leaving) * tf.tanh(cell), cell, joined, gates]


def _rnn_step(call: Call, first: int) -> Step:
    def step(value: Any, state: Sequence[Any]) -> tuple[Any, list[Any]]:
        total = _product(value, call.real(first)) + _product(state[0], call.real(first + 1))
        output = activate(total + call.bias(first + 2), call.option("fusedActivationFunction"))
        return output, [output]

    return step


def _sequence_rnn(call: Call) -> Any:
    return _run(
        call.real(0), _rnn_step(call, 1), [int(call.spec(1).shape[0])],  # type: ignore[index,arg-type]
        time_major=bool(call.option("timeMajor")),
    )  # fmt: skip


def _both_ways_rnn(call: Call) -> Any:
    if call.has(9):
        raise call.refuse("an auxiliary input")
    made = [
        _run(
        call.real(0), _rnn_step(call, first), [int(call.spec(first).shape[0])],  # type: ignore[index,arg-type]
            time_major=bool(call.option("timeMajor")), backwards=backwards,
        )
        for first, backwards in ((1, False), (5, True))
    ]  # fmt: skip
    return tf.concat(made, -1) if call.option("mergeOutputs") else made


def _one_rnn(call: Call) -> Any:
    value = tf.convert_to_tensor(call.real(0))
    batch = tf.shape(value)[0] if value.shape[0] is None else value.shape[0]
    zeros = tf.zeros([batch, int(call.spec(1).shape[0])])  # type: ignore[index,arg-type]
    return _rnn_step(call, 1)(value, [zeros])[0]


def _filter_by_time(call: Call) -> Any:
    """Run one step of SVDF: a filter of features, then one over the last steps of each.

    The state is (batch, filters * steps), the latest step last. As EvalFloatSVDF in
    tensorflow/lite/kernels/internal/reference/svdf.h computes it.
    """
    fresh = _product(tf.convert_to_tensor(call.real(0)), call.real(1))
    made = _filter_steps(call, fresh, call.real(2))
    if call.has(3):
        made += call.bias(3)
    return activate(made, call.option("fusedActivationFunction"))


def _filter_integers(call: Call) -> Any:
    """Run one step of SVDF on whole numbers, as EvalIntegerSVDF does: no activation is applied.

    Sums over time are of products of 30 bits; in float32 they are right to 2^-23 of the sum of
    their sizes, which is far less than the step of the result.
    """
    scales = [float(scale_of(call.spec(number))) for number in (0, 1, 2, 4)]
    first = scales[0] * scales[1] / scales[3]
    second = scales[3] * scales[2] / float(scale_of(call.outputs[0]))
    entered = _product(tf.convert_to_tensor(call.held[0]), call.held[1])
    fresh = cut(scale_twice(entered, first), *limits(call.spec(4)))
    made = _filter_steps(call, fresh, call.held[2])
    if call.has(3):
        made += tf.cast(call.held[3], tf.float32)
    rank = int(call.option("rank", 1))
    note_sums(call, call.spec(4), call.held[2].reshape(-1, rank * call.held[2].shape[1]), (1,))
    return cut(scale_twice(made, second), *limits(call.outputs[0]))


def _filter_steps(call: Call, fresh: Any, over_time: Any) -> Any:
    """Put a step behind those before it, keep them, and return their sums over time and rank."""
    kept, rank = call.spec(4), int(call.option("rank", 1))
    num_filters, num_steps = over_time.shape
    before = tf.convert_to_tensor(call.state.variables.get(kept.place, call.held[4]))
    before = tf.reshape(before, [-1, num_filters, num_steps])
    after = tf.concat([before[:, :, 1:], fresh[:, :, None]], -1)
    call.state.variables[kept.place] = tf.reshape(after, [-1, num_filters * num_steps])
    made = tf.reduce_sum(after * over_time, -1)
    if rank > 1:
        made = tf.reduce_sum(tf.reshape(made, [-1, num_filters // rank, rank]), -1)
    return made


_PLAIN = rows(
    {
        "UNIDIRECTIONAL_SEQUENCE_LSTM": _sequence_lstm,
        "BIDIRECTIONAL_SEQUENCE_LSTM": _both_ways_lstm,
        "LSTM": _one_lstm,
        "UNIDIRECTIONAL_SEQUENCE_RNN": _sequence_rnn,
        "BIDIRECTIONAL_SEQUENCE_RNN": _both_ways_rnn,
        "RNN": _one_rnn,
    }
)

ROWS: Table = {**_PLAIN, "SVDF": Row(build=_filter_by_time, integer=_filter_integers)}
