"""The types of the catalog: what `models.json` holds, and what its fields mean.

The classes are the schema: `models.schema.json`, published beside the catalog, is made
from them. Names in JSON are camelCase. It opens no file.
"""

from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field
from pydantic.alias_generators import to_camel


class _Entry(BaseModel):
    model_config = ConfigDict(
        alias_generator=to_camel,
        extra="forbid",
        frozen=True,
        populate_by_name=True,
        use_attribute_docstrings=True,
    )


class CatalogTensor(_Entry):
    """An input or output of a model."""

    id: int
    """Position: the order in which `execute()` takes inputs and returns outputs."""
    name: str
    """Name in the source; where the source has none, the node's name."""
    tensor: str
    """Tensor in the published graph, as `node:index`."""
    dtype: str
    """Data type in the source, e.g. `uint8`."""
    js_dtype: str
    """Data type that TensorFlow.js feeds or returns for it, e.g. `int32`."""
    shape: list[int] | None
    """Size of each axis, -1 where unknown; null when even their number is unknown."""


class CatalogInput(CatalogTensor):
    """An input of a model."""

    range: list[float] | None = None
    """Lowest and highest value of a pixel, as the arithmetic at the front of the graph is made
    for them; null where it does not say, and for what is no image."""


class CatalogOutput(CatalogTensor):
    """An output of a model."""

    role: str | None
    """What it is for, e.g. `boxes`; null where that is not known."""
    proof: Literal["value", "structure"] | None
    """How name and tensor were tied: by equal values, by the order of the structured
    outputs, or null where the source has the name on the tensor itself."""


class CatalogRole(_Entry):
    """What an output is for, and how that is known; docs/roles.md has the vocabulary."""

    tensor: str | None
    """The output; null where the role follows from others, as classes do from scores."""
    source: Literal["manifest", "inferred"]
    """Who says so."""
    evidence: list[str]
    """Why, in sentences."""
    conventions: dict[str, str]
    """How it is to be read, as far as that is known: the order of a box, its scale, …"""


class CatalogFile(_Entry):
    """A published file."""

    path: str
    """Relative to the catalog."""
    bytes: int
    """Its size."""
    sha256: str
    """Digest of its content, 64 hexadecimal digits."""


class KeptWeight(_Entry):
    """A weight that a quantized variant holds as the base does."""

    weight: str
    """Its name in the weight manifest."""
    reason: str
    """Why it could not be quantized."""


class CatalogTolerance(_Entry):
    """How far an output may be from its source."""

    max_rel_error: float | None
    """As a fraction of the range of the source's output."""
    max_abs_error: float | None
    """In the output's own unit."""
    min_agreement: float
    """Smallest share of boxes, rows or choices that agree, where it is judged as a set."""
    reason: str | None
    """Why more than 1 % is right."""


class CatalogFigures(_Entry):
    """How far an output is from its source, over all test vectors."""

    model_config = ConfigDict(extra="allow")

    gate: str
    """What decides: `values`, or as a set `boxes`, `rows`, `choice`, `keypoints`."""
    metrics: dict[str, float | int | None]
    """Figures of the task, such as matched boxes or top-1 agreement."""
    tolerance: CatalogTolerance
    """What it had to keep."""


class CatalogCheck(_Entry):
    """A variant in TensorFlow.js on one backend."""

    status: Literal["ok", "failed", "unsupported"]
    """`failed`: it dies, or returns what the source does not; `unsupported`: an op is missing."""
    reason: str | None
    """Why it is not `ok`."""
    tfjs: str | None
    """Version of TensorFlow.js that ran it."""
    missing_ops: list[str]
    """Ops of the graph that the backend lacks."""
    requires: dict[str, Any]
    """What a page must set for it to run, such as flags of TensorFlow.js."""
    unproved: dict[str, str]
    """Outputs that prove nothing, each with the reason: random, or constant on every vector."""
    outputs: dict[str, CatalogFigures]
    """Figures of each output by name."""


class CatalogVariant(_Entry):
    """One artifact of a model."""

    name: str
    """`float32`, `original`, `float16`, `uint8`, `uint16`, or a name from the manifest."""
    status: Literal["ok", "withheld", "skipped", "failed"]
    """Only an `ok` variant has files."""
    reason: str | None
    """Why it is not `ok`."""
    model_path: str | None
    """Its model.json, relative to the catalog; the folder's content never changes."""
    bytes: int | None
    """Size of all its files."""
    files: list[CatalogFile]
    """Its files: model.json and the weight shards in order."""
    weights: dict[str, int]
    """Number of weights stored in each data type."""
    kept_float32: list[KeptWeight]
    """Weights that were not quantized although asked for, each with the reason."""
    checks: dict[str, CatalogCheck]
    """What each backend of TensorFlow.js made of it, against the source model's own outputs."""


class CatalogSource(_Entry):
    """Where a model comes from."""

    uri: str
    """As the manifest gives it, without credentials."""
    format: str | None
    """Format of its files, e.g. `tf_saved_model`."""
    sha256: str | None
    """Digest of what was fetched."""
    tag_sets: list[list[str]] | None
    """Tags of each graph in a SavedModel; null for other formats."""
    signature_key: str | None
    """The signature of a SavedModel that was taken; null for other formats."""
    signatures: dict[str, Any] | None
    """All signatures of a SavedModel, each with its inputs and outputs: tensor, dtype and
    shape by name; null for other formats."""


class CatalogModel(_Entry):
    """A model of the zoo, with the keys of `extra:` in the manifest beside these."""

    model_config = ConfigDict(extra="allow")

    name: str
    """Unique in the zoo."""
    title: str | None
    """A name for people."""
    description: str | None
    """A sentence or two about it."""
    task: str | None
    """What it does, e.g. `object-detection`."""
    tags: list[str]
    """Words to find it by."""
    license: str | None
    """SPDX expression; null means unknown."""
    license_url: str | None
    """Where its licence can be read."""
    homepage: str | None
    """Where to learn more about it."""
    status: Literal["ok", "stale", "failed"]
    """`stale`: this build of it failed, and what an earlier one made is offered."""
    reason: str | None
    """Why it is not `ok`."""
    stale_since: str | None
    """When it first failed, in UTC; null unless `stale`."""
    source: CatalogSource
    """Where it comes from."""
    format: Literal["graph-model", "layers-model"] | None
    """How to load it: `tf.loadGraphModel` or `tf.loadLayersModel`."""
    requires_async: bool | None
    """Whether it has to be run with `executeAsync()`."""
    parameters: int | None
    """Number of floating-point weight values."""
    ops: dict[str, int]
    """How often each operation stands in the graph."""
    model_path: str | None
    """model.json of its first published variant, relative to the catalog."""
    map: dict[str, str | None]
    """Output tensor of each role; null where the role follows from others."""
    roles: dict[str, CatalogRole]
    """The same with what is known of each role."""
    unassigned: dict[str, str]
    """Why an output has no role although something speaks for one, by its name."""
    usable: bool | None
    """Whether its outputs can be used as they are; features of a model without its top cannot."""
    inputs: list[CatalogInput]
    """Its inputs."""
    outputs: list[CatalogOutput]
    """Its outputs."""
    repairs: list[str]
    """What was changed in its graph, so that TensorFlow.js runs it as its source does."""
    vectors: list[CatalogFile]
    """Test vectors: inputs, and what the source returned for them, to replay anywhere."""
    variants: list[CatalogVariant]
    """Its artifacts, the base first."""


class CatalogZoo(_Entry):
    """The zoo as a whole."""

    name: str
    """A name for people."""
    description: str | None
    """A sentence or two about it."""
    homepage: str | None
    """Where to learn more about it."""


class Catalog(_Entry):
    """A TensorFlow.js model zoo."""

    json_schema: str = Field(alias="$schema")
    """This schema, for editors and validators."""
    schema_version: Literal[1] = Field(alias="schema")
    """Version of this form; raised when a reader has to change."""
    zoo: CatalogZoo
    """The zoo as a whole."""
    toolchain: dict[str, str | None]
    """Versions of the tools that made it."""
    models: list[CatalogModel]
    """All models of the manifest, sorted by name."""
