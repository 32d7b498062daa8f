"""Models: what the manifest says of each.

The docstrings of the fields are the manifest's reference: they appear in editors (through
`models.schema.json`) and in the documentation. It opens no file.
"""

from collections.abc import Iterator
from typing import Any, Literal

from pydantic import Field, PrivateAttr

from pipeline.formats.format import OutputFormat
from pipeline.manifest.fields import (
    Backend,
    Bytes,
    InputFormat,
    License,
    Metadata,
    Name,
    Role,
    Seconds,
    Section,
    Sha256,
    Signatures,
    Tags,
    TestInputs,
    Text,
    Texts,
    Url,
    Weights,
)
from pipeline.manifest.input_section import InputSection
from pipeline.manifest.reading_section import Conventions, DecodeSection, Labels, Points, Tokenizer
from pipeline.manifest.tolerance import Tolerance
from pipeline.manifest.variant_section import Variant
from pipeline.records.flags import DEFAULT_SHARD_BYTES

CATALOG_KEYS = frozenset(
    {
        *("name", "title", "description", "task", "tags", "license", "licenseUrl", "homepage"),
        *("status", "reason", "staleSince", "source", "format", "requiresAsync", "parameters"),
        *("ops", "modelPath", "map", "inputs", "outputs", "signatureKey", "signatures", "bytes"),
        *("variants", "checks", "vectors", "requires", "warnings", "toolchain", "metadata"),
        *("roles", "unassigned", "usable", "repairs", "provisional", "labelFiles"),
        *("results", "decode", "points", "tokenizer", "background", "devices", "cardFiles"),
    }
)
"""Keys of a model's entry in the catalog that are ours: `extra` may not set them."""


class Defaults(Section):
    """Every field that models may share; a model overrides a field as a whole."""

    title: Text | None = None
    """Name for people, such as `Hand detector`."""

    description: Text | None = None
    """What the model does, in a few sentences."""

    task: Name | None = None
    """What it is for, such as `object-detection`, `image-classification` or
    `pose-estimation`."""

    tags: Tags = ()
    """Words to find it by; `tfjs-zoo tag:WORD` builds all models that have one."""

    license: License | None = None
    """License of the model as an SPDX expression, such as `MIT` or `Apache-2.0 OR MIT`;
    `LicenseRef-NAME` for terms that SPDX does not list. Left out, it is shown as unknown."""

    license_url: Url | None = None
    """Where the license's text is."""

    homepage: Url | None = None
    """Where the model is described."""

    card: Text | None = None
    """Model card in Markdown, shown on the model's page: a path relative to models.yaml, its
    address as that of a source, or `#README.md` for a file of the model's own package or beside its
    URL. Of HTML in it only the words are shown."""

    authors: Texts = ()
    """Those who made the model, as they wish to be named, as a list or with commas."""

    paper: Url | None = None
    """Where the paper that describes it can be read."""

    citation: Text | None = None
    """How to cite it, in BibTeX or in words."""

    training_data: Text | None = None
    """The data that it learned from. Left out, the `datasets` at the head of its card."""

    limits: Text | None = None
    """What it is not for, and where it is known to fail."""

    timings: Texts = ()
    """Times on devices, for the page: JSON files relative to models.yaml that the self-test of a
    model's page saves. Reports on other models are skipped, so that `defaults` may list them."""

    input_format: InputFormat | None = None
    """Format of the source, by the converter's names. Left out, it is found from the files."""

    output_format: OutputFormat | None = None
    """What is published. Left out, as the converter decides: `tfjs_layers_model` for `keras`,
    `keras_saved_model` and `tfjs_layers_model`, else `tfjs_graph_model`."""

    signature_name: Text | None = None
    """Signature of a SavedModel or hub module, such as `serving_default`. Left out, the only
    one is taken. Of a SavedModel without signatures one of its functions; left out, its call."""

    saved_model_tags: Texts | None = None
    """Tags of the graph in a SavedModel, as a list or with commas: `serve`. An empty text is
    the graph without tags. Left out, `serve`, or the only graph."""

    output_node_names: Texts | None = None
    """Output nodes of a frozen graph, as a list or with commas."""

    dequantize: bool = False
    """Take an integer model of TensorFlow Lite in its float form: the same weights, still stored in
    8 bits, but activations as real values that no layer rounds. Inputs and outputs of whole
    numbers become real values."""

    skip_op_check: bool = False
    """Convert also operations that TensorFlow.js is not known to have."""

    strip_debug_ops: bool = True
    """Remove Print, Assert and CheckNumerics from the graph."""

    control_flow_v2: bool = False
    """Keep If and While as they are, in place of Switch, Merge, Enter and Exit."""

    use_structured_outputs_names: bool | None = None
    """Whether `predict()` returns outputs by name. Left out, it does where the source names two
    or more; a single output is returned as it is. Either way names and tensors belong together,
    and `execute()` takes the names."""

    experiments: bool = False
    """Turn on the converter's experimental optimizations."""

    split_weights_by_layer: bool = False
    """Write one weight group per layer (layers models only)."""

    weight_shard_size_bytes: Bytes = DEFAULT_SHARD_BYTES
    """Largest size of a weight file, in bytes."""

    optimize: bool = True
    """Change a graph model so that it runs faster: biases, factors, activations and padding go into
    the convolutions around them, among others. The results are the same but for rounding."""

    metadata: Metadata = Field(default_factory=dict)
    """Values for `userDefinedMetadata` of model.json, by key: a JSON file's path relative to
    models.yaml, or a mapping or list as it stands. The converter's own form,
    `key:path.json,key2:path2.json`, is read too."""

    quantize_float16: Weights = ()
    """One more variant, with what the converter's flags make. The `quantize_…` fields of a model
    belong together; with one dtype for all weights (`true`) the variant is called like the
    dtype, else `quantized`. Under `variants` the same can be asked for under other names."""

    quantize_uint8: Weights = ()
    """As `quantize_float16`, with uint8."""

    quantize_uint16: Weights = ()
    """As `quantize_float16`, with uint16."""

    quantization_bytes: Literal[1, 2] | None = None
    """The converter's older flag: 1 is `quantize_uint8: true`, 2 is `quantize_uint16: true`."""

    variants: tuple[Variant, ...] = Field(default=(), strict=False)
    """Smaller copies to publish beside the base: `float16`, `uint8`, `uint16`, or mappings such
    as `{name: small, quantize_uint8: ["*/weights"], quantize_float16: true}`."""

    map: dict[Role, Text | None] | None = None
    """Roles of outputs, such as `boxes`, each by the output's source name or tensor name
    (`"Identity_1:0"`). `classes: null` says that classes come from the scores by arg-max. Left
    out, roles are found where the evidence suffices."""

    conventions: Conventions = Field(default_factory=dict)
    """How the output of a role is to be read, where nothing shows it:
    `{boxes: {order: yxyx, scale: fraction}}`. docs/roles.md lists conventions and values."""

    labels: Labels | None = None
    """Names of the classes: a list, a known set such as `coco-80` or `imagenet-1k`, or a file with
    a name in each line, a JSON list or a table: its path relative to models.yaml, its address as
    that of a source, or `#path` for a file of the model's own package or beside its URL. For
    several outputs a mapping of roles or outputs to these. They replace those that the source
    has."""

    points: Points | None = None
    """Names of the points that it finds: a known set such as `coco-17`, or `{names: […],
    edges: [[0, 1], …]}`."""

    decode: DecodeSection | None = None
    """How boxes follow from the outputs of a detector whose graph does not say it: SSD, BlazeFace,
    NanoDet and the like. See docs/results.md."""

    tokenizer: Tokenizer | None = None
    """The tokenizer.json of a model that takes numbers of tokens: its path relative to models.yaml,
    its address as that of a source, or `#path` for a file of the model's own package. Pages give
    texts then; see docs/texts.md."""

    tolerance: Tolerance | None = None
    """How far the published model may be from the source. Left out, the limits of its dtype."""

    backends: tuple[Backend, ...] = Field(default=(), strict=False)
    """Backends of TensorFlow.js that must run every variant on every vector: wasm, cpu, webgl,
    webgpu; the last two need Chromium or Chrome. Left out, wasm for all, cpu where it is needed,
    and webgl for the base on one vector where there is a browser."""

    inputs: dict[Text, InputSection] = Field(default_factory=dict)
    """What its inputs are, by name: `{image: {range: [0, 1], color: bgr}}`. Stated facts replace
    those that the source states itself; see docs/inputs.md."""

    test_inputs: TestInputs = ()
    """Inputs to compare with, relative to models.yaml: an .npz file with an array per input, or a
    mapping of inputs to .npy files or images; one file where the model has one input; a list of
    these for several runs. An image is brought to its input by `inputs:`; where nobody states the
    range of its values, they are 0 to 1. `photo.jpg#-1..1` states another range. Left out, inputs
    are made up from the model's name."""

    expect: Literal["failed"] | None = None
    """`failed` keeps a model that is known to fail out of the exit code."""

    trust: bool = False
    """Allow what could touch this machine: Lambda layers, pickles, operations on files."""

    custom_objects: Texts = ()
    """Files with the Python code that a Keras model's file lacks, relative to models.yaml, as a
    list or with commas: classes and functions under the names in the model's config, for a Lambda
    layer a function of the layer's name. The code runs behind the wall, and needs `trust: true`;
    see docs/keras.md."""

    publish_base: bool = True
    """Whether the base, with weights as the source has them, is published too."""

    extra: dict[Text, Any] = Field(default_factory=dict)
    """Free values, copied to the model's entry in the catalog as they stand, such as
    `minScore`. They may not have the names of the catalog's own keys."""

    timeout_seconds: Seconds | None = None
    """Longest time for one step of this model."""

    memory_limit_bytes: Bytes | None = None
    """Largest memory for one step of this model."""


class Model(Defaults):
    """One model: where it comes from and what is made of it."""

    name: Name
    """Name in the catalog, folder and tasks: `tfjs-zoo model:NAME`."""

    source: Text
    """Where it is: a path relative to models.yaml, `file:`, `https:`, `npm:pkg@1.2.3#path`,
    `pypi:pkg==1.2.3#path`, `hf:owner/repo@revision#path`, `kaggle:…`, `s3://bucket/path`,
    `gs://bucket/path`; an archive's member after `#`. `${NAME}` is filled in from the
    environment when it is fetched, and kept nowhere."""

    signatures: Signatures | None = None
    """Several signatures of the source, each a model of its own with all fields that stand here:
    `[encode, decode]` makes NAME-encode and NAME-decode. `{text: serving_default}` names the model
    of a signature, NAME-text. Their equal weights are published and downloaded once."""

    sha256: Sha256 | None = None
    """SHA-256 that the fetched source must have: of the file, or as `.zoo` records it for a
    folder."""

    _inherited: frozenset[str] = PrivateAttr(default=frozenset())
    _family: str | None = PrivateAttr(default=None)

    @property
    def inherited(self) -> frozenset[str]:
        """Fields that come from `defaults`; where one cannot apply it is ignored."""
        return self._inherited

    @property
    def family(self) -> str | None:
        """Name in the manifest of a model that `signatures` made; None for others."""
        return self._family

    def split(self) -> "Iterator[Model]":
        """Yield a model for each of its `signatures`, or the model itself."""
        if self.signatures is None:
            yield self
            return
        for end, key in self.signatures.items():
            title = self.title and f"{self.title} ({key})"
            own = {"name": f"{self.name}-{end}", "title": title, "signature_name": key}
            model = self.model_copy(update={**own, "signatures": None})
            model._family = self.name  # noqa: SLF001  # of this class
            yield model

    def model_post_init(self, context: Any, /) -> None:
        """Note which fields are inherited, from the validation context."""
        if context:
            self._inherited = context["inherited"]
