"""Calls Keras models of both generations: tensors in by name, tensors out by name.

A published model is its inference: `training=False`, batch and sizes as its inputs state them.
"""

import re
from collections.abc import Mapping, Sequence
from typing import Any

import tensorflow as tf

from pipeline.errors import ConversionError, PipelineError
from pipeline.records.source import StatedSignature, StatedTensor
from pipeline.tf.keras.keras_names import NamedTensor, Shape, name_results
from pipeline.tf.keras.keras_source import LoadedKeras, hint_of_code
from pipeline.tf.keras.keras_time import count_steps
from pipeline.tf.keras.scope_names import any_scope_names
from pipeline.tf.reasons import format_reason
from pipeline.tf.untrusted.refuse import check_trusted_graph

CALL_KEY = "call"
"""The key of the signature of a Keras model's call in a source record."""


def call_model(loaded: LoadedKeras, inputs: Sequence[Any]) -> dict[str, Any]:
    """Call a model and return its output tensors by name.

    Args:
        loaded: The model.
        inputs: A tensor for each of `loaded.inputs`.
    """
    packed = tf.nest.pack_sequence_as(loaded.input_structure, list(inputs))
    with any_scope_names():
        results = loaded.model(packed, training=False)
    # Keras 3 numbers the outputs of a subclassed model from 0, tf_keras from 1.
    first = 0 if loaded.generation == "keras 3" else 1
    return name_results(results, loaded.output_names, first=first)


def trace_model(loaded: LoadedKeras) -> Any:
    """Return a tf.function of one signature that takes and returns tensors by name.

    `argument_names` names its arguments. It accepts any batch, as Keras itself does, unless the
    model works with the stated batch only.

    Raises:
        ConversionError: The model cannot be called with the inputs that it states.
        UntrustedSourceError: The model would touch the machine, and was loaded without trust.
    """
    free = [_to_spec(loaded, i, (None, *shape[1:])) for i, shape in enumerate(_shapes(loaded))]
    stated = [_to_spec(loaded, i, shape) for i, shape in enumerate(_shapes(loaded))]
    try:
        return _trace(loaded, free)
    except PipelineError:
        raise
    except Exception as error:
        reason = format_reason(error)
        if free == stated:
            hint = hint_of_code(reason)
            raise ConversionError(f"the model cannot be called: {reason}", hint=hint) from error
        print(f"A batch of any size failed ({reason}); taking the stated one.")
    try:
        return _trace(loaded, stated)
    except PipelineError:
        raise
    except Exception as error:
        reason = format_reason(error)
        hint = hint_of_code(reason)
        raise ConversionError(f"the model cannot be called: {reason}", hint=hint) from error


def argument_names(loaded: LoadedKeras) -> list[str]:
    """Return each input's name as an argument of TensorFlow: ["image", "input_1"]."""
    names: list[str] = []
    for tensor in loaded.inputs:
        plain = re.sub(r"[^0-9A-Za-z_]", "_", tensor.name)
        name = plain if plain[:1].isalpha() else f"arg_{plain}"
        while name in names:
            name += "_"
        names.append(name)
    return names


def describe_call(loaded: LoadedKeras, function: Any) -> StatedSignature:
    """Return the signature of a model's call.

    Args:
        loaded: The model.
        function: The result of `trace_model` for the model.
    """
    concrete = function.get_concrete_function()
    arguments = concrete.structured_input_signature[0]
    inputs = {
        tensor.name: _state(spec) for tensor, spec in zip(loaded.inputs, arguments, strict=True)
    }
    results = concrete.structured_outputs
    # TensorFlow sorts the keys of a dict; the outputs keep the model's order.
    order = [name for name in loaded.output_names if name in results]
    order += [name for name in results if name not in order]
    stated = {tensor.name: tensor for tensor in loaded.outputs}
    outputs = {name: _state(results[name], stated.get(name)) for name in order}
    return StatedSignature(inputs=inputs, outputs=outputs)


def _trace(loaded: LoadedKeras, specs: Sequence[tf.TensorSpec]) -> Any:
    @tf.function(input_signature=specs)  # type: ignore[untyped-decorator]
    def call(*inputs: Any) -> Mapping[str, Any]:
        return call_model(loaded, inputs)

    with count_steps():
        concrete = call.get_concrete_function()
    if not loaded.trusted:
        check_trusted_graph(concrete.graph.as_graph_def())
    return call


def _shapes(loaded: LoadedKeras) -> list[tuple[int | None, ...]]:
    lost = [tensor.name for tensor in loaded.inputs if tensor.shape is None]
    if lost:
        raise ConversionError(f"the model does not say how many axes its input {lost[0]!r} has")
    return [tensor.shape or () for tensor in loaded.inputs]


def _to_spec(loaded: LoadedKeras, i: int, shape: Shape) -> tf.TensorSpec:
    name, dtype = argument_names(loaded)[i], loaded.inputs[i].dtype
    return tf.TensorSpec(shape, tf.dtypes.as_dtype(dtype), name=name)


def _state(spec: Any, stated: NamedTensor | None = None) -> StatedTensor:
    """Return dtype and shape, with sizes that Keras knows and TensorFlow does not."""
    shape = spec.shape
    if stated and stated.shape is not None and shape.is_compatible_with([None, *stated.shape[1:]]):
        shape = shape.merge_with([None, *stated.shape[1:]])
    return StatedTensor(dtype=spec.dtype.name, shape=None if shape.rank is None else tuple(shape))
