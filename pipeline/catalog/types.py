"""The types of the catalog: what `models.json` holds, and what its fields mean.

The classes are the schema: `models.schema.json`, published beside the catalog, is made
from them. Names in JSON are camelCase. It opens no file.
"""

from collections.abc import Mapping
from typing import Any, ClassVar, Literal, Self

from pydantic import ConfigDict, Field

from pipeline.records.contract import InputContract
from pipeline.records.model_card import Background, DeviceTime
from pipeline.records.reading import Decode, Points, Results
from pipeline.records.record import CamelPart, SparsePart
from pipeline.records.source import About, Scale
from pipeline.records.variant import KeptWeight
from pipeline.records.verdicts import Agreement, CatalogCheck

VariantStatus = Literal["ok", "withheld", "skipped", "failed"]


class CatalogTensor(CamelPart, SparsePart):
    """An input or output of a model."""

    LEFT_OUT: ClassVar[frozenset[str]] = frozenset({"complexDtype", "quantization"})

    id: int
    """Position: the order in which `execute()` takes inputs and returns outputs."""
    name: str
    """Name in the source; where the source has none, the node's name."""
    tensor: str
    """Tensor in the published graph, as `node:index`."""
    dtype: str
    """Data type in the source, e.g. `uint8`; of complex numbers that of their parts."""
    complex_dtype: str | None = None
    """Data type in the source if it is complex, e.g. `complex64`: the last axis of `shape` has the
    real part, then the imaginary one. Left out for others."""
    js_dtype: str
    """Data type that TensorFlow.js feeds or returns for it, e.g. `int32`."""
    shape: list[int] | None
    """Size of each axis, -1 where unknown; null when even their number is unknown."""
    quantization: Scale | None = None
    """Scale and zero point of whole numbers that stand for real ones; left out for others."""


class CatalogInput(InputContract, CatalogTensor):
    """An input of a model, with its contract."""

    LEFT_OUT: ClassVar[frozenset[str]] = (
        CatalogTensor.LEFT_OUT | InputContract.LEFT_OUT | {"initial"}
    ) - {"range"}

    initial: list[float] | None = None
    """Values of state at the start, row-major; left out for zeros."""

    @property
    def is_filled(self) -> bool:
        """Whether a page need not give it: it is constant, or state that goes on."""
        return self.constant is not None or self.state is not None


class CatalogLabels(CamelPart):
    """Names of the classes of an output."""

    of: Literal["axis", "scores", "values"]
    """What is named: the places along the last axis of the output, its values, or those of its
    numbers that `decode` calls scores."""
    count: int
    """Number of names."""
    path: str
    """The file that has them, relative to the catalog: a JSON list of texts."""


class CatalogOutput(CatalogTensor):
    """An output of a model."""

    LEFT_OUT: ClassVar[frozenset[str]] = CatalogTensor.LEFT_OUT | {"labels"}

    labels: CatalogLabels | None = None
    """Names of its classes; left out where the source has none."""
    role: str | None
    """What it is for, e.g. `boxes`; null where that is not known."""
    proof: Literal["value", "structure"] | None
    """How name and tensor were tied: by equal values, by the order of the structured
    outputs, or null where the source has the name on the tensor itself."""


class CatalogRole(CamelPart):
    """What an output is for, and how that is known; docs/roles.md has the vocabulary."""

    tensor: str | None
    """The output; null where the role follows from others, as classes do from scores."""
    source: Literal["manifest", "inferred"]
    """Who says so."""
    evidence: list[str]
    """Why, in sentences."""
    conventions: dict[str, str]
    """How it is to be read, as far as that is known: the order of a box, its scale, …"""


class CatalogFile(CamelPart):
    """A published file."""

    path: str
    """Relative to the catalog."""
    bytes: int
    """Its size."""
    sha256: str
    """Digest of its content, 64 hexadecimal digits."""


class CatalogTokenizer(CatalogFile, SparsePart):
    """A tokenizer.json, and the inputs that its results fill, by name."""

    LEFT_OUT: ClassVar[frozenset[str]] = frozenset({"mask", "types"})

    ids: str
    """The numbers of the tokens."""
    mask: str | None = None
    """1 for each token, 0 behind the last."""
    types: str | None = None
    """0 for the tokens of a text, 1 for those of the other text of a pair."""


class CatalogVariant(CamelPart, SparsePart):
    """One artifact of a model."""

    LEFT_OUT: ClassVar[frozenset[str]] = frozenset({"advice", "recipe"})

    name: str
    """`float32`, `original`, `float16`, `uint8`, `uint16`, or a name from the manifest."""
    status: VariantStatus
    """Only an `ok` variant has files."""
    reason: str | None
    """Why it is not `ok`."""
    advice: str | None = None
    """What passes in place of a variant that is withheld, or probably would; left out of others."""
    agreement: Agreement | None = None
    """How near it is to its source on the best backend: `equal` as far as arithmetic explains,
    `close` within its limits; null unless `ok`."""
    model_path: str | None
    """Its model.json, relative to the catalog; the folder's content never changes."""
    bytes: int | None
    """Size of all its files."""
    gzip_bytes: int | None = None
    """Size of all its files where a server compresses them with gzip, at its level 9; of more than
    4 MiB an estimate from a part of them."""
    brotli_bytes: int | None = None
    """The same with Brotli, at its quality 5, as servers do that compress while they send."""
    files: list[CatalogFile]
    """Its files: model.json and the weight shards in order."""
    weights: dict[str, int]
    """Number of weights stored in each data type."""
    recipe: dict[str, Any] | None = None
    """How its weights are stored, where that was searched: fields of a variant in models.yaml, in
    place of `smallest: true`; left out for other variants."""
    kept_float32: list[KeptWeight]
    """Weights that were not quantized although asked for, each with the reason."""
    checks: dict[str, CatalogCheck]
    """What each backend of TensorFlow.js made of it, against the source model's own outputs."""


class CatalogSource(CamelPart, SparsePart):
    """Where a model comes from."""

    LEFT_OUT: ClassVar[frozenset[str]] = frozenset({"about", "judgedAs"})

    about: About | None = None
    """What the source says of itself; left out where it says nothing."""
    judged_as: str | None = None
    """The form of the source that verdicts compare with, and its distance to the file as people
    run it: an integer model in floats, for instance; left out where that is the file itself."""
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


class ModelIdentity(CamelPart):
    """What the manifest says of a model and the catalog repeats, with the keys of `extra:`."""

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

    @property
    def stated(self) -> dict[str, Any]:
        """The fields of a model's identity by their names, without the keys of `extra:`."""
        return {name: getattr(self, name) for name in ModelIdentity.model_fields}

    def with_about(self, about: About | None) -> Self:
        """Return the model with what its source says of itself where the manifest is silent."""
        if about is None:
            return self
        said = {"title": about.title, "description": about.description, "license": about.license}
        return self.model_copy(
            update={name: text for name, text in said.items() if getattr(self, name) is None}
        )

    def with_extra(self, extra: Mapping[str, Any]) -> Self:
        """Return the model with the keys of `extra:` in the manifest."""
        copy = self.model_copy()
        assert copy.model_extra is not None
        copy.model_extra.update(extra)
        return copy


class CatalogModel(ModelIdentity, SparsePart):
    """A model of the zoo, with the keys of `extra:` in the manifest beside these."""

    model_config = ConfigDict(extra="allow")
    LEFT_OUT: ClassVar[frozenset[str]] = frozenset({"background", "devices", "tokenizer"})

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
    provisional: str | None = None
    """Why verdicts on it say little, such as that nobody states the range of its images; null
    where its test vectors are what it was made for."""
    vectors: list[CatalogFile]
    """Test vectors: inputs, and what the source returned for them, to replay anywhere."""
    label_files: list[CatalogFile] = Field(default_factory=list)
    """Names of classes, which outputs refer to: each file is a JSON list of texts."""
    results: Results | None = None
    """What the loader makes of its outputs."""
    points: Points | None = None
    """The points that it finds, as the manifest names them."""
    decode: Decode | None = None
    """How boxes follow from its outputs, as the manifest states it."""
    background: Background | None = None
    """Who made it, of what, and what it is not for; left out where nobody states it."""
    devices: list[DeviceTime] | None = None
    """Times on devices that its publisher measured; left out without any."""
    card_files: list[CatalogFile] = Field(default_factory=list)
    """Its model card: the page, and the text that it is made of."""
    tokenizer: CatalogTokenizer | None = None
    """What makes numbers of texts, for a model that takes such numbers."""
    variants: list[CatalogVariant]
    """Its artifacts, the base first."""

    @property
    def shared_files(self) -> list[CatalogFile]:
        """Its published files beside those of its variants."""
        tokenizer = [self.tokenizer] if self.tokenizer else []
        return [*self.vectors, *self.label_files, *tokenizer, *self.card_files]


RESULT_KEYS = frozenset(
    field.alias or name
    for name, field in CatalogModel.model_fields.items()
    if name not in ModelIdentity.model_fields
)
"""Names in JSON of the fields of a model that the build fills in, not the manifest."""


class CatalogZoo(CamelPart):
    """The zoo as a whole."""

    name: str
    """A name for people."""
    description: str | None
    """A sentence or two about it."""
    homepage: str | None
    """Where to learn more about it."""


class Catalog(CamelPart):
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
