"""Weight losses: the nodes of a quantized variant whose weights cost it most."""

import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from pipeline.disk.json_value import JsonValue
from pipeline.errors import UntrustedSourceError
from pipeline.proof.localize.subject import Subject
from pipeline.tfjs.model.model_json import load_model_json

_LOSSES = "pipeline.tf.tfjs_graph.weight_losses:measure_losses"
_ENTRY = "model.json"


@dataclass(frozen=True, kw_only=True)
class Loss:
    """The loss of a node: root of the mean square error, as a share of the base's values.

    Attributes:
        tensor: Its tensor, as `node:index`.
        op: Its op.
        weights: The stored dtype of each quantized weight that it reads: {"kernel": "uint8"}.
        own: Its error from the inputs of the base: that of its weights alone.
        before: The largest error of its inputs; None if it has none that is a float.
        behind: Its error in the variant.
    """

    tensor: str
    op: str
    weights: Mapping[str, str]
    own: float
    before: float | None
    behind: float | None

    @property
    def name(self) -> str:
        """Op and tensor: "Conv2D 'conv'"."""
        return f"{self.op} '{self.tensor.removesuffix(':0')}'"


def measure_losses(subject: Subject, base: Path) -> list[Loss]:
    """Return the loss of each node that reads weights which the variant quantizes.

    Args:
        subject: The variant.
        base: Folder of the base.

    Returns:
        The greatest own loss first; empty if the variant quantizes no weight of its base.

    Raises:
        ConversionError: TensorFlow cannot run a graph.
        UntrustedSourceError: A graph might touch the machine, so TensorFlow must not run it.
        WorkerError: The process exceeded a limit.
    """
    graph = subject.graph
    dtypes = _quantized(subject, base)
    read = {
        tensor: {name: dtypes[name] for name in graph.weights(tensor) if name in dtypes}
        for tensor in graph.order
    }
    nodes = {tensor: graph.data(tensor) for tensor, weights in read.items() if weights}
    nodes = {tensor: names for tensor, names in nodes.items() if names}
    if not nodes:
        return []
    with tempfile.TemporaryDirectory(dir=subject.runtimes.log.parent) as name:
        answer = subject.runtimes.call_tensorflow(
            _LOSSES,
            Path(name).resolve(),
            subject.fed,
            base=base,
            source=subject.folder,
            fed=list(subject.fed),
            nodes=nodes,
        )
    figures = JsonValue(answer, "answer of the run of weights", error=UntrustedSourceError)
    losses = [
        Loss(
            tensor=tensor,
            op=graph.node(tensor).op,
            weights=read[tensor],
            own=one.get("own").number(),
            before=_optional(one.get("before")),
            behind=_optional(one.get("behind")),
        )
        for tensor, one in figures.fields()
        if tensor in read and not one.get("own").is_absent
    ]
    return sorted(losses, key=lambda loss: -loss.own)


def _optional(value: JsonValue) -> float | None:
    return None if value.is_absent else value.number()


def _quantized(subject: Subject, base: Path) -> dict[str, str]:
    """Return the dtype of each weight that is stored in another dtype than in the base."""
    stored = {spec.name: spec.stored_dtype for spec in load_model_json(base / _ENTRY).weights}
    return {
        spec.name: spec.stored_dtype
        for spec in subject.model_json.weights
        if stored.get(spec.name) != spec.stored_dtype
    }
