"""Records of a source: what was fetched, and what its model calls its inputs and outputs."""

from typing import ClassVar

from pydantic import Field

from pipeline.records.record import CamelPart, Part, Record, SparsePart
from pipeline.records.shape import JsonShape


class FetchedSource(Record):
    """What `fetch` brought: the files lie in `files/` beside it."""

    FILE: ClassVar[str] = "source.json"

    entry: str
    """The model among the files: a path below `files/`, "." for all of them."""
    uri: str
    """The source as the manifest gives it, without credentials."""
    sha256: str
    """Digest of what was fetched, 64 hexadecimal digits."""


class Tie(Part):
    """A name of the source, and the tensor of the converted graph that has its value."""

    name: str
    """Name in the source, such as `scores`."""
    tensor: str
    """Tensor in the converted graph, such as `Identity_1:0`."""


class StatedTensor(SparsePart):
    """An input or output as the source's own signature states it."""

    LEFT_OUT: ClassVar[frozenset[str]] = frozenset({"tensor"})

    tensor: str | None = None
    """Tensor in the source's graph, such as `serving_default_input:0`; None for Keras."""
    dtype: str | None
    """Data type in the source; None where the source does not state it."""
    shape: JsonShape
    """Size of each axis."""


class StatedSignature(SparsePart):
    """One signature of a source, with its inputs and outputs by name."""

    LEFT_OUT: ClassVar[frozenset[str]] = frozenset({"tags"})

    inputs: dict[str, StatedTensor]
    outputs: dict[str, StatedTensor]
    tags: list[str] | None = None
    """Tags of the graph that has it, where that is not the graph that was converted."""


class Scale(CamelPart):
    """How whole numbers stand for real ones: real = scale * (number - zeroPoint)."""

    scale: float
    """Real difference of two neighbouring numbers."""
    zero_point: int
    """The number that stands for 0."""


class LoadedTensor(Part):
    """An input or output of a layers model, as TensorFlow.js has it."""

    name: str
    dtype: str
    shape: JsonShape


class LoadedModel(Part):
    """A layers model as TensorFlow.js has loaded it, in its order."""

    inputs: list[LoadedTensor]
    outputs: list[LoadedTensor]


class Conversion(SparsePart):
    """What a conversion tells of the source; a graph model says all of it itself (None)."""

    LEFT_OUT: ClassVar[frozenset[str]] = frozenset({"loaded", "ranges", "scales", "state", "steps"})

    signature_key: str | None = None
    """The signature that was converted."""
    tags: list[list[str]] | None = None
    """Tags of each graph in a SavedModel."""
    signatures: dict[str, StatedSignature] | None = None
    """All signatures of the source, by key."""
    inputs: list[Tie] | None = None
    """Name and tensor of each input."""
    outputs: list[Tie] | None = None
    """Name and tensor of each output, in the order of the structured outputs."""
    repairs: list[str] = Field(default_factory=list)
    """Changes to the graph, in sentences."""
    loaded: LoadedModel | None = None
    """A layers model as TensorFlow.js has loaded it."""
    steps: dict[str, float] | None = None
    """Difference of two neighbouring values of quantized outputs, by name."""
    scales: dict[str, Scale] | None = None
    """Scales of inputs and outputs that are whole numbers for real ones, by name."""
    state: dict[str, list[float] | None] | None = None
    """Inputs that are state, each returned by the output of its name: their values at the start,
    row-major; None for zeros."""
    ranges: dict[str, tuple[float, float]] | None = None
    """Least and greatest value of inputs, by name, where the source states them."""

    @property
    def stated(self) -> StatedSignature:
        """The signature that was converted, as the source states it; empty where it has none."""
        stated = (self.signatures or {}).get(self.signature_key or "")
        return stated or StatedSignature(inputs={}, outputs={})


class ConvertedSource(Conversion, Record):
    """What `convert` knows of the source of a base."""

    FILE: ClassVar[str] = "source.json"
    format: str
    """Format of the source, such as `tf_saved_model`."""
    output_format: str
    """Format of the base: `tfjs_graph_model` or `tfjs_layers_model`."""
