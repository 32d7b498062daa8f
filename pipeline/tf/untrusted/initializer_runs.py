"""Runs: finds the nodes of a SavedModel that loading runs, and those that a signature runs.

TensorFlow's loading is in saved_model/loader_impl.py, load_v1_in_v2.py and load.py of TensorFlow.
The rest of a graph is left over from training and never runs.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial

from google.protobuf import message
from tensorflow.core.framework.graph_pb2 import GraphDef
from tensorflow.core.framework.variable_pb2 import VariableDef
from tensorflow.core.protobuf.meta_graph_pb2 import MetaGraphDef, SignatureDef, TensorInfo

from pipeline.tf.untrusted.origins import object_functions
from pipeline.tf.untrusted.reach import Library, Reached, find_reached

# Collections of TensorFlow 1 whose nodes run when the model is loaded.
_RUN_ON_LOADING = ("saved_model_main_op", "legacy_init_op", "table_initializer")
_LOCAL_VARIABLES = "local_variables"
# Signatures that TensorFlow itself adds; the second is never called.
_INITIALIZES = "__saved_model_init_op"
_TRAINS = "__saved_model_train_op"
# An attribute of functions that TensorFlow may exchange for one another.
_INTERCHANGEABLE = "api_implements"


@dataclass(frozen=True, kw_only=True)
class Runs:
    """The nodes of a SavedModel that run, by cause.

    Attributes:
        called: By a call of one of its signatures.
        started: By loading: the initializer, to which TensorFlow gives the model's files.
        owned: By a function of an object of the model. Loading calls some, such as those that fill
            tables; others are left over from training, such as `adapt` of Keras.
        restored: By loading as well: the nodes that read the variables.
    """

    called: Reached
    started: Reached
    owned: Reached
    restored: Reached


def find_runs(meta_graph: MetaGraphDef, library: Library) -> Runs:
    """Return the nodes of a SavedModel's graph that run, by cause."""
    graph = meta_graph.graph_def
    find = partial(find_reached, graph, library=library)
    called = Reached()
    for key, signature in meta_graph.signature_def.items():
        if key not in (_INITIALIZES, _TRAINS):
            inputs, outputs = list(_tensors(signature, 0)), list(_tensors(signature, 1))
            _add(called, find(outputs, fed=inputs))
    _add(called, find((), _chosen_functions(graph)))
    return Runs(
        called=called,
        started=find(_initializers(meta_graph)),
        owned=find((), object_functions(meta_graph.object_graph_def)),
        restored=find([meta_graph.saver_def.restore_op_name]),
    )


def _add(reached: Reached, more: Reached) -> None:
    reached.nodes.update(more.nodes)
    reached.functions.update(more.functions)


def _tensors(signature: SignatureDef, side: int) -> Iterator[str]:
    for info in (signature.inputs, signature.outputs)[side].values():
        yield from _names(info)


def _names(info: TensorInfo) -> Iterator[str]:
    match info.WhichOneof("encoding"):
        case "composite_tensor":
            for part in info.composite_tensor.components:
                yield from _names(part)
        case "coo_sparse":
            yield info.coo_sparse.indices_tensor_name
            yield info.coo_sparse.values_tensor_name
            yield info.coo_sparse.dense_shape_tensor_name
        case _:
            yield info.name


def _initializers(meta_graph: MetaGraphDef) -> Iterator[str]:
    signatures, collections = meta_graph.signature_def, meta_graph.collection_def
    if _INITIALIZES in signatures:
        yield from _tensors(signatures[_INITIALIZES], 1)
    for name in _RUN_ON_LOADING:
        if name in collections:
            yield from collections[name].node_list.value
    if _LOCAL_VARIABLES in collections:
        for text in collections[_LOCAL_VARIABLES].bytes_list.value:
            try:
                yield VariableDef.FromString(text).initializer_name
            except message.DecodeError:
                continue  # TensorFlow cannot load the graph


def _chosen_functions(graph: GraphDef) -> Iterator[str]:
    """Yield functions that TensorFlow may call although no node names them."""
    library = graph.library
    yield from (gradient.gradient_func for gradient in library.gradient)
    yield from (gradient.gradient_func for gradient in library.registered_gradients)
    for function in library.function:
        if _INTERCHANGEABLE in function.attr:
            yield function.signature.name
