"""The converter's optimizer: folds constants and normalizations, and fuses activations.

It follows `optimize_graph` in tensorflowjs/converters/tf_saved_model_conversion_v2.py 4.22.0, in
its order and with its functions. That function takes a tf.Graph, of which it reads the names of
the outputs only; here a GraphDef needs no import for it. It also checks the ops before some are
optimized away, which `pipeline.tf.op_check` does afterwards.
"""

from collections.abc import Collection, Sequence

from tensorflow.core.framework.graph_pb2 import GraphDef
from tensorflow.core.protobuf.config_pb2 import ConfigProto
from tensorflow.core.protobuf.meta_graph_pb2 import MetaGraphDef, SignatureDef
from tensorflow.python.grappler import tf_optimizer
from tensorflowjs.converters import (
    fold_batch_norms,
    fuse_depthwise_conv2d,
    fuse_prelu,
    normalize_bias_add,
)
from tensorflowjs.converters import tf_saved_model_conversion_v2 as converter

from pipeline.tf.guarded_fusions import guard

_FOLDING = ("pruning", "constfold", "arithmetic", "dependency")
_FUSING = ("remap", "constfold", "arithmetic", "dependency")
# Grappler fuses these for the CPU only.
_FUSED = {"Conv2D", "MatMul"}
_FUSIONS = (
    fuse_prelu.fuse_ops_for_prelu,
    fuse_depthwise_conv2d.fuse_depthwise_conv2d,
    fuse_prelu.fuse_prelu_with_fused_conv2d_or_matmul,
)


def optimize_graph_def(
    graph_def: GraphDef,
    signature: SignatureDef,
    *,
    keep: Collection[str],
    strip_debug_ops: bool,
    experiments: bool,
) -> GraphDef:
    """Return an optimized graph.

    Args:
        graph_def: A frozen graph and its function library; it is left as it is.
        signature: Its inputs and outputs, which stay.
        keep: Names of the nodes that are its inputs or results.
        strip_debug_ops: Whether ops that only check or print are removed.
        experiments: Whether large constants of equal values are left uncompressed by Grappler.
    """
    debug = ("debug_stripper",) if strip_debug_ops else ()
    folded = _run_grappler(
        graph_def, signature, [*debug, *_FOLDING, *_FOLDING], experiments=experiments
    )
    folded = fold_batch_norms.fold_batch_norms(folded)
    folded = normalize_bias_add.normalize_bias_add_op(folded)
    for node in folded.node:
        if node.op in _FUSED:
            node.device = "/device:CPU:0"
    fused = _run_grappler(folded, signature, _FUSING, experiments=experiments)
    fused = converter._remove_unused_control_flow_inputs(fused)  # noqa: SLF001  # the pinned converter has no other way
    for fuse in _FUSIONS:
        fused = guard(fuse, fused, keep=keep)
    return fused


def _run_grappler(
    graph_def: GraphDef, signature: SignatureDef, optimizers: Sequence[str], *, experiments: bool
) -> GraphDef:
    config = ConfigProto()
    rewriting = config.graph_options.rewrite_options
    rewriting.optimizers.extend(optimizers)
    rewriting.experimental_disable_compressed_tensor_optimization = experiments
    meta_graph = MetaGraphDef(graph_def=graph_def)
    outputs = [output.name.partition(":")[0] for output in signature.outputs.values()]
    meta_graph.collection_def["train_op"].node_list.value.extend(outputs)
    meta_graph.signature_def["not_used_key"].CopyFrom(signature)
    optimized: GraphDef = tf_optimizer.OptimizeGraph(
        config, meta_graph, cluster=converter.get_cluster()
    )
    return optimized
