"""Names of a Keras model's inputs and outputs, as their author gave them.

A tensor in a dict has its key as name. Other tensors have the name of their layer, which Keras
itself uses in `fit()` and `predict()`. Two outputs of one layer are numbered as in tf_keras:
"dense", "dense_1".
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import keras
import tensorflow as tf
from keras.src.export import export_utils
from keras.src.models.functional import Functional

from pipeline.errors import ConversionError

Shape = tuple[int | None, ...] | None


@dataclass(frozen=True, kw_only=True)
class NamedTensor:
    """An input or output of a Keras model.

    Attributes:
        name: The author's name.
        dtype: TensorFlow's name of its dtype.
        shape: Size of each axis, None where unknown; None without known axes.
    """

    name: str
    dtype: str
    shape: Shape


Side = tuple[NamedTensor, ...]


def name_inputs(model: Any, generation: str) -> tuple[Side, Any]:
    """Return the inputs of a model, and the structure in which it takes them.

    The structure is for `tf.nest.pack_sequence_as`; its leaves have no meaning.

    Raises:
        ConversionError: The model does not know its inputs, or has them sparse or ragged.
    """
    structure = _input_structure(model, generation)
    flat = tf.nest.flatten(structure)
    odd = [tensor for tensor in flat if _is_composite(tensor)]
    if odd:
        raise ConversionError(
            f"the input {odd[0].name!r} is sparse or ragged; TensorFlow.js has dense tensors only",
            hint="save a model that takes a dense tensor",
        )
    names = _number(_leaf_names(structure, [_layer_name(tensor, generation) for tensor in flat]))
    side = tuple(_describe(name, tensor) for name, tensor in zip(names, flat, strict=True))
    return side, tf.nest.map_structure(lambda _: 0, structure)


def name_outputs(model: Any, generation: str) -> Side:
    """Return the outputs of a model; empty for a subclassed model, which must be called first."""
    structure = _output_structure(model, generation)
    if structure is None:
        return ()
    names = _number(_leaf_names(structure, _stated_names(model, generation)))
    flat = tf.nest.flatten(structure)
    return tuple(_describe(name, tensor) for name, tensor in zip(names, flat, strict=True))


def name_results(results: Any, stated: Sequence[str], *, first: int = 0) -> dict[str, Any]:
    """Return the results of a call of a model by name.

    Args:
        results: The results, in any structure.
        stated: Names of its outputs; empty for a subclassed model.
        first: Number of a subclassed model's first output.
    """
    flat = tf.nest.flatten(results)
    names = stated or _number(
        _leaf_names(results, [f"output_{first + i}" for i in range(len(flat))])
    )
    named: dict[str, Any] = {}
    for name, value in zip(names, flat, strict=True):
        parts = tf.nest.flatten(value, expand_composites=True)
        # The names of a composite tensor's parts in a SavedModel's signature.
        named |= (
            {name: value}
            if isinstance(value, tf.Tensor)
            else {f"{name}/{i}": part for i, part in enumerate(parts)}
        )
    return named


def _input_structure(model: Any, generation: str) -> Any:
    if generation == "tf_keras":
        structure = _tf_keras_inputs(model)
    elif isinstance(model, Functional):
        structure = _plain(model._inputs_struct)  # noqa: SLF001  # as Keras' own export does
    elif isinstance(model, keras.Sequential):
        structure = _plain(model.inputs) if model.built else None
    else:
        structure = _specs(model)
    if structure is None or not tf.nest.flatten(structure):
        raise ConversionError(
            "the model was saved before it knew the shape of its input",
            hint="call `model.build(input_shape)`, or the model itself on an example, and save "
            "it again",
        )
    return _alone(structure)


def _tf_keras_inputs(model: Any) -> Any:
    if getattr(model, "_is_graph_network", False):
        return _plain(model.input)
    if model.inputs is not None:
        return _plain(model.inputs)
    spec = model.save_spec()
    return _plain(spec[0]) if spec else None


def _specs(model: Any) -> Any:
    """Return the inputs of a subclassed model, which Keras recorded when it was built."""
    return export_utils._infer_input_signature_from_model(model)  # noqa: SLF001  # the pinned Keras has no other way


def _output_structure(model: Any, generation: str) -> Any:
    if generation == "tf_keras":
        if getattr(model, "_is_graph_network", False):
            return _plain(model.output)
        return _alone(model.outputs)
    if isinstance(model, Functional):
        return _plain(model._outputs_struct)  # noqa: SLF001  # as above
    return _alone(model.outputs) if isinstance(model, keras.Sequential) else None


def _alone(structure: Any) -> Any:
    """Return the only tensor of a list; Keras 3 accepts no list of one tensor for a Sequential."""
    single = isinstance(structure, (list, tuple)) and len(structure) == 1
    return structure[0] if single else structure


def _plain(structure: Any) -> Any:
    """Return a structure in plain lists and dicts; Keras has its own types of these."""
    if isinstance(structure, Mapping):
        return {key: _plain(value) for key, value in structure.items()}
    if isinstance(structure, (list, tuple)):
        return [_plain(value) for value in structure]
    return structure


def _stated_names(model: Any, generation: str) -> list[str]:
    if generation == "tf_keras":
        return list(model.output_names)
    return [_layer_name(tensor, generation) for tensor in model.outputs]


def _layer_name(tensor: Any, generation: str) -> str:
    """Return the name of the layer of a symbolic tensor: "dense"."""
    if generation == "tf_keras":
        history = getattr(tensor, "_keras_history", None)
        return str(history.layer.name if history else tensor.name)
    history = getattr(tensor, "_keras_history", None)
    return str(history.operation.name if history else tensor.name or "inputs")


def _leaf_names(structure: Any, others: Sequence[str]) -> list[str]:
    """Return the name of each leaf: its keys if it is in a dict, else a name from `others`."""
    return list(_paths(structure)) if isinstance(structure, Mapping) else list(others)


def _paths(structure: Any) -> Iterator[str]:
    """Return the keys to each leaf, joined by slashes, in the order of `tf.nest`."""
    if isinstance(structure, Mapping):
        parts: Iterable[tuple[Any, Any]] = sorted(structure.items())
    elif isinstance(structure, (list, tuple)):
        parts = enumerate(structure)
    else:
        yield ""
        return
    for key, value in parts:
        yield from (f"{key}/{rest}".rstrip("/") for rest in _paths(value))


def _number(names: Iterable[str]) -> list[str]:
    seen: dict[str, int] = {}
    numbered: list[str] = []
    for name in names:
        unique = name
        while unique in numbered:
            seen[name] = seen.get(name, 0) + 1
            unique = f"{name}_{seen[name]}"
        numbered.append(unique)
    return numbered


def _is_composite(tensor: Any) -> bool:
    ragged_or_sparse = (tf.RaggedTensorSpec, tf.SparseTensorSpec)
    spec = getattr(tensor, "type_spec", tensor)
    return isinstance(spec, ragged_or_sparse) or getattr(tensor, "sparse", False) is True


def _describe(name: str, tensor: Any) -> NamedTensor:
    spec = getattr(tensor, "type_spec", tensor)
    dtype = getattr(spec, "dtype", None) or getattr(spec, "_dtype", tf.float32)
    shape = getattr(tensor, "shape", None)
    sizes = None if shape is None or tf.TensorShape(shape).rank is None else tuple(shape)
    return NamedTensor(name=name, dtype=tf.dtypes.as_dtype(dtype).name, shape=sizes)
