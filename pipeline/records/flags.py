"""Flags: what the manifest asks of a conversion, by the names that the manifest has for them."""

from typing import ClassVar

from pipeline.records.contract import Layout
from pipeline.records.record import SparsePart

DEFAULT_SHARD_BYTES = 4 * 2**20
"""Largest size of a weight file where nothing else is asked for: 4 MiB, as the converter's."""


class FixedInput(SparsePart):
    """What the manifest fixes of an input, which an importer writes into the graph."""

    LEFT_OUT: ClassVar[frozenset[str]] = frozenset({"shape", "constant", "layout"})

    shape: list[int] | None = None
    """Its shape; None for what the source states."""
    constant: float | list[float] | None = None
    """Its value; such an input is none of the published model."""
    layout: Layout | None = None
    """The order of the axes of a picture; None for the source's."""


class SourceFlags(SparsePart):
    """How a source is opened."""

    LEFT_OUT: ClassVar[frozenset[str]] = frozenset({"code", "dequantize", "fixed"})

    signature_name: str | None = None
    """Key of the signature in a SavedModel; None for the only one."""
    saved_model_tags: tuple[str, ...] | None = None
    """Tags of the graph in a SavedModel; None for `serve`, or the only graph."""
    output_node_names: tuple[str, ...] | None = None
    """Output nodes of a frozen graph; None to find them."""
    trust: bool = False
    """Whether what would touch this machine is allowed."""
    code: dict[str, str] | None = None
    """Text of the files of `custom_objects:`, by path; None for none."""
    dequantize: bool | None = None
    """Whether an integer model is taken in its float form; None for no."""
    fixed: dict[str, FixedInput] | None = None
    """What the manifest fixes of inputs, by name; None for nothing."""


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
