"""The subject of a search: a variant on a backend with a test vector, and its values inside."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from pipeline.errors import ConversionError, FormatError
from pipeline.proof.localize.graph_tensors import GraphTensors
from pipeline.proof.localize.node_deviation import Deviation, measure_deviation
from pipeline.proof.localize.runtimes import Asked, Runtimes
from pipeline.proof.vector_files import Tensors, Vector
from pipeline.records.signature import Signature
from pipeline.tfjs.model.layers_topology import is_layers_model
from pipeline.tfjs.model.model_json import ModelJson, load_model_json
from pipeline.tfjs.model.topology import parse_topology
from pipeline.tfjs.model.weights import Array

_ENTRY = "model.json"


@dataclass(frozen=True, kw_only=True)
class Subject:
    """A variant on a backend, and the test vector to look at.

    Attributes:
        folder: Folder of its model.json.
        variant: Its name.
        backend: The backend of TensorFlow.js.
        signature: The signature of the model.
        vector: The inputs, and the source's outputs for them.
        number: The number of the vector.
        runtimes: TensorFlow and TensorFlow.js.
        is_quantized: Whether it may differ from its source.
    """

    folder: Path
    variant: str
    backend: str
    signature: Signature
    vector: Vector
    number: int
    runtimes: Runtimes
    is_quantized: bool = False

    @cached_property
    def model_json(self) -> ModelJson:
        """The model.json.

        Raises:
            FormatError: It is that of a layers model.
        """
        model_json = load_model_json(self.folder / _ENTRY)
        if is_layers_model(model_json.content):
            raise FormatError("a layers model has no graph of nodes to look into")
        return model_json

    @cached_property
    def graph(self) -> GraphTensors:
        """The tensors of its graph behind all outputs that are not random."""
        outputs = [one.tensor for one in self.signature.outputs if one.name in self.vector.outputs]
        topology = parse_topology(self.model_json.content["modelTopology"])
        return GraphTensors(topology=topology, outputs=outputs)

    @property
    def fed(self) -> Tensors:
        """The inputs by tensor."""
        return {one.tensor: self.vector.inputs[one.name] for one in self.signature.inputs}

    def compute(self, tensors: Sequence[str], *, folder: Path | None = None) -> tuple[Tensors, ...]:
        """Return values in TensorFlow, and the same after a stir.

        Args:
            tensors: The tensors; those that have no values are left out.
            folder: Folder of another graph to run in place of the variant's.
        """
        asked = [Asked(fed=list(self.fed), tensors=tensors)]
        return self.runtimes.run_tensorflow(folder or self.folder, self.fed, asked)

    def fetch(self, tensors: Sequence[str]) -> dict[str, Array]:
        """Return values in TensorFlow.js, without those that it cannot return.

        Raises:
            ConversionError: It cannot return the outputs of the graph either.
        """
        if not tensors:
            return {}
        inputs = {one.name: self.vector.inputs[one.name] for one in self.signature.inputs}
        try:
            return dict(self.runtimes.run_tfjs(self.folder, inputs, tensors, self.backend))
        except ConversionError:
            if set(tensors) <= set(self.graph.outputs):
                raise
            if len(tensors) == 1:
                return {}
        middle = len(tensors) // 2
        return self.fetch(tensors[:middle]) | self.fetch(tensors[middle:])

    def measure(self, tensors: Sequence[str]) -> Mapping[str, Deviation]:
        """Compare TensorFlow.js with TensorFlow."""
        expected, stirred = self.compute(tensors)
        found = self.fetch([tensor for tensor in tensors if tensor in expected])
        return {
            tensor: measure_deviation(expected[tensor], stirred[tensor], values)
            for tensor, values in found.items()
        }
