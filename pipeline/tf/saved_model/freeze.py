"""Freeze: turns a signature's function into a graph whose variables are constants.

It follows `_convert_tf_saved_model` in
tensorflowjs/converters/tf_saved_model_conversion_v2.py 4.22.0, in its order and with its functions,
so that the weights equal the converter's to the byte. Unlike there, the first error is kept if the
TensorFlow 1 way fails too.
"""

import traceback
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import tensorflow as tf
from tensorflow.core.framework.graph_pb2 import GraphDef
from tensorflow.core.protobuf.meta_graph_pb2 import MetaGraphDef
from tensorflowjs.converters import tf_saved_model_conversion_v2 as converter

from pipeline.errors import ConversionError, FormatError, PipelineError
from pipeline.tf.determinism import run_deterministic
from pipeline.tf.forests.place_forests import find_forests, place_forests
from pipeline.tf.import_graph import import_graph
from pipeline.tf.reasons import find_unknown_op, format_reason
from pipeline.tf.saved_model.resources import trace_resources
from pipeline.tf.saved_model.signatures import trace_signature
from pipeline.tf.saved_model.state import StateTensor, freeze_with_state
from pipeline.tf.saved_model.tables import find_initializer, place_assets
from pipeline.tf.tf_session import is_of_tensorflow_1

# The errors of a session of TensorFlow 1; the reader of TensorFlow 2 turns its own into Python's,
# of many kinds.
_DATA_ERRORS = (
    tf.errors.DataLossError,
    tf.errors.OutOfRangeError,
    tf.errors.NotFoundError,
    FileNotFoundError,
)
_READER = "py_checkpoint_reader.py"


@dataclass(frozen=True, kw_only=True)
class Frozen:
    """A frozen signature.

    Attributes:
        graph: tf.Graph without variables.
        inputs: Its input tensors, captured resources included.
        outputs: Its output tensors, in structured order.
        tensorflow_version: Version that wrote the SavedModel.
        initializer_graph: tf.Graph that fills the tables, or None.
        resource_ids: The converter's two mappings of tensor names to table ids, or None.
        state: Variables that became inputs and outputs, which are behind the others.
        repairs: Sentences on what freezing replaced.
    """

    graph: Any
    inputs: Sequence[Any]
    outputs: Sequence[Any]
    tensorflow_version: str
    initializer_graph: Any
    resource_ids: tuple[Mapping[str, int], Mapping[str, int]] | None
    state: Sequence[StateTensor] = ()
    repairs: Sequence[str] = ()

    @cached_property
    def graph_def(self) -> GraphDef:
        """The nodes of the graph, with the weights; nobody may change them."""
        graph_def: GraphDef = self.graph.as_graph_def()
        return graph_def


def freeze_signature(
    folder: Path, *, meta_graph: MetaGraphDef, signature_key: str, control_flow_v2: bool
) -> Frozen:
    """Load a SavedModel and freeze one of its signatures.

    Args:
        folder: Holds saved_model.pb.
        meta_graph: The chosen graph in it.
        signature_key: Key of the signature.
        control_flow_v2: Whether loops and branches stay functions, or become plain nodes.

    Raises:
        FormatError: Its variables cannot be read.
        ConversionError: It cannot be loaded or frozen, or a table has no initializer.
    """
    tags = list(meta_graph.meta_info_def.tags)
    try:
        model = load_model(folder, tags)
    except ConversionError as error:
        if not is_of_tensorflow_1(meta_graph):
            raise
        print(f"Loading as TensorFlow 2 failed ({error}); trying as TensorFlow 1.")
        return _freeze_unloaded(folder, meta_graph, signature_key, error)
    function = model.signatures[signature_key]
    forests = find_forests(model, function)
    initializer_graph = resource_ids = None
    state: Sequence[StateTensor] = ()
    repairs: Sequence[str] = ()
    try:
        if with_state := freeze_with_state(function, control_flow_v2=control_flow_v2):
            graph, state, repairs = with_state
        else:
            graph = converter._freeze_saved_model_v2(  # noqa: SLF001  # the pinned converter has no other way
                function, control_flow_v2
            )
        if resources := trace_resources(model, function):
            resource_ids = resources.ids
            initializer_graph = converter._freeze_saved_model_v2(  # noqa: SLF001  # the pinned converter has no other way
                resources.initializer, control_flow_v2
            )
        if forests:
            graph, placed = place_forests(graph, forests)
            repairs = [*repairs, *placed]
    except PipelineError:
        raise
    except Exception as error:  # noqa: BLE001  # the converter raises of every kind
        print(f"Freezing as TensorFlow 2 failed ({error!r}); trying as TensorFlow 1.")
        initializer_graph = resource_ids = None
        names = [tensor.op.name for tensor in function.outputs]
        graph = _freeze_v1(folder, tags, names, error)
    return Frozen(
        graph=graph,
        inputs=[
            *(tensor for tensor in function.inputs if tensor.name not in forests),
            *(each.input for each in state),
        ],
        outputs=[*function.outputs, *(each.output for each in state)],
        tensorflow_version=model.tensorflow_version,
        initializer_graph=initializer_graph or _find_initializer(graph, meta_graph, folder),
        resource_ids=resource_ids,
        state=state,
        repairs=repairs,
    )


def load_model(folder: Path, tags: Sequence[str]) -> Any:
    """Load the graph with these tags.

    Raises:
        FormatError: Its variables cannot be read.
        ConversionError: TensorFlow cannot load it.
    """
    try:
        return run_deterministic(lambda: tf.saved_model.load(str(folder), tags=list(tags)))
    except Exception as error:
        reason = format_reason(error, folder)
        if unknown := find_unknown_op(error):
            raise unknown from error
        frames = traceback.extract_tb(error.__traceback__)
        in_reader = any(frame.filename.endswith(_READER) for frame in frames)
        if in_reader or isinstance(error, _DATA_ERRORS):
            raise FormatError(
                f"the variables cannot be read: {reason}",
                hint="fetch the model again; a file in `variables` is missing or cut off",
            ) from error
        raise ConversionError(f"TensorFlow cannot load the SavedModel: {reason}") from error


def _freeze_unloaded(
    folder: Path, meta_graph: MetaGraphDef, signature_key: str, first: ConversionError
) -> Frozen:
    """Freeze a signature of TensorFlow 1 that the loader of TensorFlow 2 cannot read.

    Raises:
        ConversionError: The loader's error, if TensorFlow 1 cannot freeze it either.
    """
    traced = trace_signature(meta_graph, signature_key)
    tags = list(meta_graph.meta_info_def.tags)
    names = [part.outer for part in traced.outputs]
    graph = _freeze_v1(folder, tags, [name.partition(":")[0] for name in names], first)
    nodes = {node.name: node.op for node in graph.as_graph_def().node}
    inputs = [part.outer for part in traced.inputs if part.outer.partition(":")[0] in nodes]
    if any(nodes[name.partition(":")[0]] != "Placeholder" for name in inputs):
        raise first
    return Frozen(
        graph=graph,
        inputs=[graph.get_tensor_by_name(name) for name in inputs],
        outputs=[graph.get_tensor_by_name(name) for name in names],
        tensorflow_version=meta_graph.meta_info_def.tensorflow_version,
        initializer_graph=_find_initializer(graph, meta_graph, folder),
        resource_ids=None,
    )


def _find_initializer(graph: Any, meta_graph: MetaGraphDef, folder: Path) -> Any:
    """Return the tf.Graph that fills the tables in the graph itself, None without tables."""
    initializer = find_initializer(graph.as_graph_def(), meta_graph.graph_def)
    if initializer is None:
        return None
    place_assets(initializer, meta_graph, folder)
    return import_graph(initializer)


def _freeze_v1(folder: Path, tags: Sequence[str], names: Sequence[str], first: Exception) -> Any:
    """Freeze by the functions of TensorFlow 1; raise the first error when that fails too."""
    try:
        graph, _ = run_deterministic(
            lambda: converter._freeze_saved_model_v1(  # noqa: SLF001  # the pinned converter has no other way
                str(folder), list(tags), list(names)
            )
        )
    except Exception as second:  # noqa: BLE001  # the converter raises of every kind
        raise ConversionError(
            f"the graph cannot be frozen: {format_reason(first, folder)}",
            hint=f"nor as a model of TensorFlow 1: {format_reason(second, folder)}",
        ) from first
    return graph
