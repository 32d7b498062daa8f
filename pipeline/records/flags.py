"""Flags: what the manifest asks of a conversion, by the names that the manifest has for them."""

from typing import ClassVar

from pipeline.records.record import SparsePart

DEFAULT_SHARD_BYTES = 4 * 2**20
"""Largest size of a weight file where nothing else is asked for: 4 MiB, as the converter's."""


class SourceFlags(SparsePart):
    """How a source is opened."""

    LEFT_OUT: ClassVar[frozenset[str]] = frozenset({"dequantize"})

    signature_name: str | None = None
    """Key of the signature in a SavedModel; None for the only one."""
    saved_model_tags: tuple[str, ...] | None = None
    """Tags of the graph in a SavedModel; None for `serve`, or the only graph."""
    output_node_names: tuple[str, ...] | None = None
    """Output nodes of a frozen graph; None to find them."""
    trust: bool = False
    """Whether what would touch this machine is allowed."""
    dequantize: bool | None = None
    """Whether an integer model is taken in its float form; None for no."""


class ConversionFlags(SourceFlags):
    """How a source is converted; the fields of a model in the manifest say more of each."""

    skip_op_check: bool = False
    """Convert also operations that TensorFlow.js is not known to have."""
    strip_debug_ops: bool = True
    """Remove Print, Assert and CheckNumerics."""
    control_flow_v2: bool = False
    """Keep If and While as they are."""
    experiments: bool = False
    """Run the converter's experimental optimizations."""
    split_weights_by_layer: bool = False
    """Write one weight group for each layer of a layers model."""
    weight_shard_size_bytes: int = DEFAULT_SHARD_BYTES
    """Largest size of a weight file, in bytes."""
