"""Signatures of made-up models, for tests that convert none."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from pipeline.records.signature import Signature, SignatureOutput, SignatureTensor


@dataclass(frozen=True, kw_only=True)
class Port:
    """An input or output, before it has its place in a signature.

    Attributes:
        name: Name in the source.
        shape: Size of each axis, None where unknown; None where their number is.
        tensor: Tensor in the graph; None for "NAME:0".
        dtype: Data type in the source.
        js_dtype: Data type in TensorFlow.js; None for that of the source.
    """

    name: str
    shape: Sequence[int | None] | None = ()
    tensor: str | None = None
    dtype: str = "float32"
    js_dtype: str | None = None

    def fields(self, number: int) -> dict[str, Any]:
        """Return the fields of its record at a place in a signature."""
        return {
            "id": number,
            "name": self.name,
            "tensor": self.tensor or f"{self.name}:0",
            "dtype": self.dtype,
            "js_dtype": self.js_dtype or self.dtype,
            "shape": None if self.shape is None else tuple(self.shape),
        }


def inputs_of(*ports: Port) -> list[SignatureTensor]:
    """Return inputs, in this order."""
    return [SignatureTensor(**port.fields(number)) for number, port in enumerate(ports)]


def outputs_of(*ports: Port) -> list[SignatureOutput]:
    """Return outputs, in this order, whose names stand on their tensors."""
    return [SignatureOutput(**port.fields(number), proof=None) for number, port in enumerate(ports)]


def signature_of(inputs: Sequence[Port], outputs: Sequence[Port]) -> Signature:
    """Return the signature of a graph model."""
    return Signature(
        format="graph-model",
        inputs=inputs_of(*inputs),
        outputs=outputs_of(*outputs),
        requires_async=False,
        parameters=0,
        ops={},
        signature_key=None,
        signatures={},
        tags=[],
    )
