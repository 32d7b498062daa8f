"""The signature of a base: its inputs and outputs under the names of its source."""

from typing import ClassVar, Literal

from pipeline.records.record import CamelPart, Record, SparsePart
from pipeline.records.shape import JsonShape
from pipeline.records.source import StatedSignature

ModelFormat = Literal["graph-model", "layers-model"]
Proof = Literal["value", "structure"]


class TensorSpec(CamelPart):
    """Name, data type and shape of a tensor."""

    name: str
    """Name in the source; where the source has none, the node's name."""
    dtype: str
    """Data type in the source, such as `uint8`; of complex numbers that of their parts."""
    shape: JsonShape
    """Size of each axis."""

    @property
    def is_integer(self) -> bool:
        """Whether its values are whole numbers."""
        return "int" in self.dtype


class SignatureTensor(TensorSpec, SparsePart):
    """An input or output of a base."""

    LEFT_OUT: ClassVar[frozenset[str]] = frozenset({"complexDtype"})

    complex_dtype: str | None = None
    """Data type in the source if it is complex, such as `complex64`; `dtype` is then that of the
    real and the imaginary part, which the last axis of `shape` has. None for any other."""
    id: int
    """Position: the order in which `execute()` takes inputs and returns outputs."""
    tensor: str
    """Tensor in the graph, as `node:index`; of a layers model TensorFlow.js' name for it."""
    js_dtype: str
    """Data type that TensorFlow.js feeds or returns for it, such as `int32`."""


class SignatureOutput(SignatureTensor):
    """An output of a base."""

    LEFT_OUT: ClassVar[frozenset[str]] = SignatureTensor.LEFT_OUT | {"step"}

    step: float | None = None
    """Difference of two neighbouring values of a quantized output; None for any other."""
    proof: Proof | None
    """How name and tensor were tied: "structure" by the order of the structured outputs; None
    where the source has the name on the tensor itself."""


class Signature(CamelPart, Record):
    """What `signature` reads from a base."""

    FILE: ClassVar[str] = "signature.json"

    format: ModelFormat
    inputs: list[SignatureTensor]
    outputs: list[SignatureOutput]
    requires_async: bool
    """Whether the model has to be run with `executeAsync()`."""
    parameters: int
    """Number of floating-point values in the weights."""
    ops: dict[str, int]
    """How often each operation, or each kind of layer, stands in the model."""
    signature_key: str | None
    """The signature of the source that was converted; None where the source has none."""
    signatures: dict[str, StatedSignature]
    """All signatures of the source, by key."""
    tags: list[list[str]]
    """Tags of each graph in a SavedModel."""
