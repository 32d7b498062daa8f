"""Recurrent Keras models and loops as graphs: `python recurrent_models.py FOLDER` writes them.

Each model of MODELS is made by both Keras, with weights of its own, and converted with
control_flow_v2 unset and set, into `<name>.<generation>.<plain or functions>`; so is each
function of LOOPS, into `<name>.loop.…`. values.npz has the input of all and what Keras or
TensorFlow itself makes of it. A test process calls `converted`, which does
that once, so that it never imports TensorFlow.
"""

import functools
import sys
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

from build_in_child import build_in_child

from pipeline.records.flags import ConversionFlags

FLAGS = {"plain": False, "functions": True}
"""What control_flow_v2 is, by how loops then stand in the graph."""


@functools.cache
def converted() -> Path:
    """Return a folder with all graphs, made by the first call and removed at exit."""
    return build_in_child(__file__, prefix="recurrent models ")


def _lstm(k: Any, x: Any) -> Any:
    return k.layers.LSTM(4, return_sequences=True, return_state=True)(x)


def _gru(k: Any, x: Any) -> Any:
    return k.layers.GRU(3, go_backwards=True)(k.layers.GRU(4, return_sequences=True)(x))


def _old_gru(k: Any, x: Any) -> Any:
    return k.layers.GRU(4, reset_after=False)(x)


def _simple(k: Any, x: Any) -> Any:
    return k.layers.SimpleRNN(4, return_sequences=True)(k.layers.Masking()(x))


def _both_ways(k: Any, x: Any) -> Any:
    one = k.layers.LSTM(4, return_sequences=True)
    return k.layers.Bidirectional(one)(k.layers.Masking()(x))


def _convolved(k: Any, x: Any) -> Any:
    return k.layers.ConvLSTM2D(2, (2, 1))(k.layers.Reshape((5, 3, 1, 1))(x))


def _cells(k: Any, x: Any) -> Any:
    cells = [k.layers.LSTMCell(4), k.layers.GRUCell(3), k.layers.SimpleRNNCell(2)]
    return k.layers.RNN(cells, return_sequences=True)(x)


def _in_steps(k: Any, x: Any) -> Any:
    return k.layers.TimeDistributed(k.layers.GRU(3))(k.layers.Reshape((5, 3, 1))(x))


def _timed(k: Any, x: Any) -> Any:
    return k.layers.TimeDistributed(k.layers.Dense(4, activation="tanh"))(x)


MODELS: dict[str, tuple[int | None, Callable[[Any, Any], Any]]] = {
    "lstm": (None, _lstm),
    "gru": (None, _gru),
    "old_gru": (5, _old_gru),
    "simple": (None, _simple),
    "both_ways": (None, _both_ways),
    "convolved": (5, _convolved),
    "cells": (5, _cells),
    "in_steps": (5, _in_steps),
    "timed": (None, _timed),
}
"""The number of steps that a model states, and its layers, by name."""


def _list_in_loops(tf: Any, x: Any) -> Any:
    """Fill a list from the inner of two loops, with what the inner and what the outer makes."""
    rows = tf.shape(x)[0]

    def fill(i: Any, items: Any) -> Any:
        row = tf.cos(x[i])
        first = [0, items.write(3 * i + 2, row)]
        end = lambda j, _: j < 2  # noqa: E731  # shorter than a typed def
        made = lambda j, list_: (j + 1, list_.write(3 * i + j, tf.sin(row + float(1))))  # noqa: E731  # shorter than a typed def
        return i + 1, tf.while_loop(end, made, first)[1]

    items = tf.TensorArray(tf.float32, size=rows * 3, element_shape=[5, 3])
    return tf.while_loop(lambda i, _: i < rows, fill, [0, items])[1].stack()


def _list_in_branches(tf: Any, x: Any) -> Any:
    """Fill a list from one of two branches."""
    rows = tf.shape(x)[0]

    def fill(i: Any, items: Any) -> Any:
        row = tf.exp(x[i])
        made = tf.cond(
            tf.reduce_sum(x[i]) > 0,
            lambda: items.write(i, tf.sin(x[i])),
            lambda: items.write(i, row),
        )
        return i + 1, made

    items = tf.TensorArray(tf.float32, size=rows, element_shape=[5, 3])
    return tf.while_loop(lambda i, _: i < rows, fill, [0, items])[1].stack()


def _halves(tf: Any, x: Any) -> Any:
    """Return two outputs of one node from a loop's body."""

    def swap(i: Any, left: Any, right: Any) -> Any:
        second, first = tf.split(tf.concat([left, right], 1) + 1.0, 2, 1)
        return i + 1, first, second

    _, left, right = tf.while_loop(lambda i, *_: i < 3, swap, [0, x, x * 2.0])
    return right - 2.0 * left


def _two_results(tf: Any, x: Any) -> Any:
    """Return two results of a branch from a loop's body."""

    def choose(i: Any, count: Any, total: Any) -> Any:
        more = lambda: (count + 1.0, total + x[i])  # noqa: E731  # shorter than a typed def
        less = lambda: (count - 1.0, total * 0.5)  # noqa: E731  # shorter than a typed def
        return i + 1, *tf.cond(tf.reduce_sum(x[i]) > 0, more, less)

    first = [0, tf.zeros([]), tf.zeros([5, 3])]
    _, count, total = tf.while_loop(lambda i, *_: i < tf.shape(x)[0], choose, first)
    return total + count


LOOPS: dict[str, Callable[[Any, Any], Any]] = {
    "list_in_loops": _list_in_loops,
    "list_in_branches": _list_in_branches,
    "halves": _halves,
    "two_results": _two_results,
}
"""Functions of TensorFlow, by name."""


def write_models(folder: Path) -> None:
    """Write all graphs and values into the folder; imports TensorFlow."""
    import keras
    import numpy as np
    import tf_keras

    from pipeline.tf.keras.convert_to_graph import convert_keras_model

    warnings.simplefilter("ignore")
    steps = np.random.default_rng(1).normal(size=(2, 5, 3)).astype(np.float32)
    steps[0, 3:] = steps[1, 1] = 0  # what a mask leaves out
    values = {"steps": steps}
    for name, make in LOOPS.items():
        values[f"{name}.loop.0"] = _write_loop(make, steps, folder, name)
    for generation, package in (("keras 3", keras), ("tf_keras", tf_keras)):
        for name, (num_steps, layers) in MODELS.items():
            package.backend.clear_session()
            random = np.random.default_rng(2)
            given = package.Input((num_steps, 3), name="steps")
            model = package.Model(given, layers(package, given))
            for weight in model.trainable_weights:
                weight.assign(random.normal(scale=0.5, size=weight.shape).astype(np.float32))
            file = folder / f"{name}.{generation}.keras"
            model.save(str(file))
            results = model(steps, training=False)
            listed = results if isinstance(results, (list, tuple)) else [results]
            for i, result in enumerate(listed):
                values[f"{name}.{generation}.{i}"] = np.asarray(result)
            for kind, control_flow_v2 in FLAGS.items():
                graph = folder / f"{name}.{generation}.{kind}"
                graph.mkdir()
                flags = ConversionFlags(control_flow_v2=control_flow_v2)
                convert_keras_model(source=file, folder=graph, flags=flags)
        if generation == "keras 3":
            values["timed.alone"] = _trace_alone(model, steps)  # the last of MODELS
    np.savez(folder / "values.npz", **values)


def _trace_alone(model: Any, steps: Any) -> Any:
    """Return what a model gives as a graph for any number of steps."""
    import tensorflow as tf

    call = tf.function(model, input_signature=[tf.TensorSpec([None, None, 3], tf.float32)])
    return call(steps).numpy()


def _write_loop(make: Callable[[Any, Any], Any], steps: Any, folder: Path, name: str) -> Any:
    import numpy as np
    import tensorflow as tf

    from pipeline.tf.saved_model.convert_saved_model import convert_saved_model

    module = tf.Module()
    given = tf.TensorSpec([None, 5, 3], tf.float32, name="steps")
    module.call = tf.function(lambda steps: {"y": make(tf, steps)}, input_signature=[given])
    source = folder / f"{name}.saved_model"
    tf.saved_model.save(module, str(source), signatures=module.call)
    for kind, control_flow_v2 in FLAGS.items():
        graph = folder / f"{name}.loop.{kind}"
        graph.mkdir()
        flags = ConversionFlags(control_flow_v2=control_flow_v2)
        convert_saved_model(source=source, folder=graph, flags=flags)
    return np.asarray(module.call(steps)["y"])


if __name__ == "__main__":
    write_models(Path(sys.argv[1]))
