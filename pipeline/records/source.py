"""Records of a source: what was fetched, and what its model calls its inputs and outputs."""

from typing import ClassVar, Literal

from pydantic import Field

from pipeline.records.contract import InputContract
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


class About(CamelPart, SparsePart):
    """What a source says of itself."""

    LEFT_OUT: ClassVar[frozenset[str]] = frozenset(
        {"title", "description", "author", "version", "license", "licenseText"}
    )

    title: str | None = None
    """A name for people."""
    description: str | None = None
    """A sentence or two about it."""
    author: str | None = None
    """Who made it."""
    version: str | None = None
    """Its version, in whatever form."""
    license: str | None = None
    """Its license as an SPDX expression; None where the source names none that SPDX lists."""
    license_text: str | None = None
    """Its license in the source's own words, where these are no SPDX expression."""


class Labels(Part):
    """Names of classes, in the order of their numbers."""

    of: Literal["axis", "scores", "values"]
    """What is named: the places along the last axis of an output, the scores in its rows, or its
    values."""
    names: list[str]


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

    LEFT_OUT: ClassVar[frozenset[str]] = frozenset(
        {
            "about",
            "contracts",
            "labels",
            "loaded",
            "remarks",
            "rounds_to",
            "scales",
            "state",
            "steps",
        }
    )

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
    about: About | None = None
    """What the source says of itself."""
    labels: dict[str, Labels] | None = None
    """Names of classes that the source has, by output."""
    contracts: dict[str, InputContract] | None = None
    """What the source states of its inputs, by name, each fact with its evidence."""
    remarks: list[str] | None = None
    """What was left aside of what the source states, in sentences."""
    rounds_to: Literal["float16", "bfloat16"] | None = None
    """The dtype of few bits that the source computes in; None for float32 and for none."""

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
