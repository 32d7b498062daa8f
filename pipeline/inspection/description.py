"""Description: what `doit inspect` finds out about a model, and its JSON.

A description has the fields that its format has, and leaves the others unset; its JSON has the
fields that are set, with camelCase names. Every description has:

- `format`, `bytes` of its files, `supported` (false where only the name says the format),
  `remarks`, a list of sentences, and `note` (how it was found, or null)

Then, as far as the format says it:

- `producer`: `generatedBy` and `convertedBy`, as the file says them
- `opsets`: of an ONNX model the version of each domain of operators; `metadata`, the texts that it
  or one of OpenVINO has by key, long ones cut
- `repairs`: parts that a model.json lacked, completed from its graph
- `tags`, `signatures`, `signatureKey`: of a SavedModel; each signature with its `tags`,
  `inputs`, `outputs`, `multiplyAdds` and `shapes`. Those keys of the model itself are those of
  `signatureKey`, or null if no signature is the obvious one
- `inputs`, `outputs`: `id`, `name`, `tensor`, `dtype`, `jsDtype` (the dtype that TensorFlow.js
  takes and returns), `shape` (-1 for an unknown size, null for an unknown number of axes),
  `sizeNames` (of an ONNX model, where its unknown sizes have names), and of outputs `proof`, as in
  signature.json
- `contracts`: of a model of TensorFlow.js, TensorFlow Lite, ONNX or OpenVINO, what its files say of
  each input (docs/inputs.md); `unstated`, the inputs whose range they do not say
- `possibleOutputs`: of a frozen graph that does not say what its outputs are, the nodes that may be
- `ends`: tensors of the graph that could be fed (`inputs`) and that nobody reads (`outputs`)
- `requiresAsync`, `asyncOps`: whether `executeAsync()` is needed, and for which ops
- `parameters`: floating-point values in weights; of a SavedModel those that its signatures
  read, `variableParameters` of them in variables, the others in constants
- `trainingOnly`: of a layers model the number of weights that only training needs, left out
- `checkpoint`: of a SavedModel `count` and `bytes` of all stored variables, and the `usedBytes`
  that its signatures read
- `weights`: `count`; `bytes` in the files; `tfjsBytes`, which TensorFlow.js keeps once it has
  dequantized them; `byDtype`, the `count`, `values` and `bytes` in each stored dtype;
  `quantized`, the number of weights in each dtype that they were quantized to; the `largest`;
  `nonFinite`, those with values that are infinite or no numbers, and how many
- `ops`, `layers`: how often each stands in the model; of a SavedModel the `ops` that its
  signatures run, `allOps` in all its graphs and functions, and the number of `functions`
- `missingOps`: ops that are not there, by "tensorflow.js" and, if the model was run, by backend
- `backends`: if the model was run, the result on each backend: `status` ("ok", "failed",
  "unsupported"), `reason`, `tfjs`, `loadMs`, `firstMs`, `peakBytes`
- `missingLayers`: layers that TensorFlow.js does not have
- `multiplyAdds`: `total` of the ops whose shapes are known; `exact`, whether these are all;
  `byOp`; how many were `counted`; names of those with `unknown` shapes and of those `repeated` in
  loops and branches; `assumedShapes` of inputs
- `shapes`: number of nodes whose output has `known` and `unknown` shape
- `zoo`, `models`: of a catalog, its name and its entries
- `inside`: of a folder, archive or package that is no model, the models in it: `path`, `format`
  (null for an archive), `bytes`, and the `name` and `source` of an entry in models.yaml
"""

from typing import Any

from pydantic import Field

from pipeline.records.contract import InputContract
from pipeline.records.record import CamelPart
from pipeline.records.shape import JsonShape
from pipeline.records.signature import Proof


class Tensor(CamelPart):
    """An input or output; `proof` is set of the outputs of a graph model only, names of ONNX."""

    id: int
    name: str
    tensor: str | None
    dtype: str | None
    js_dtype: str | None
    shape: JsonShape
    size_names: list[str | None] | None = None
    proof: Proof | None = None


class Weight(CamelPart):
    """A weight, and the bytes that it takes in the files."""

    name: str
    shape: tuple[int, ...]
    dtype: str
    stored_dtype: str
    quantized: bool
    bytes: int


class DtypeSum(CamelPart):
    """The weights of one stored dtype, counted."""

    count: int
    values: int
    bytes: int


class NonFinite(CamelPart):
    """A weight with values that are infinite or no numbers."""

    name: str
    nan: int
    infinite: int


class Weights(CamelPart):
    """The weights of a model, counted."""

    count: int
    bytes: int
    tfjs_bytes: int
    by_dtype: dict[str, DtypeSum]
    quantized: dict[str, int]
    largest: list[Weight]
    non_finite: list[NonFinite]


class MultiplyAdds(CamelPart):
    """The multiply-adds of a graph."""

    total: int
    exact: bool
    by_op: dict[str, int]
    counted: int
    unknown: tuple[str, ...]
    repeated: tuple[str, ...]
    assumed_shapes: dict[str, JsonShape]


class ShapeCount(CamelPart):
    """Numbers of nodes."""

    known: int
    unknown: int


class DescribedSignature(CamelPart):
    """A signature of a SavedModel."""

    tags: list[str]
    inputs: list[Tensor]
    outputs: list[Tensor]
    multiply_adds: MultiplyAdds
    shapes: ShapeCount


class Ends(CamelPart):
    """Tensors at the ends of a graph."""

    inputs: list[str]
    outputs: list[str]


class Checkpoint(CamelPart):
    """The variables that a SavedModel stores."""

    count: int
    bytes: int
    used_bytes: int


class BackendRun(CamelPart):
    """The result of running a model on a backend."""

    status: str
    reason: str | None
    tfjs: str | None
    load_ms: float | None
    first_ms: float | None
    peak_bytes: int | None


class Tried(CamelPart):
    """The results of running a model once, and the ops that are missing, by backend."""

    backends: dict[str, BackendRun]
    missing_ops: dict[str, list[str]]


class ModelInside(CamelPart):
    """A model in a folder, archive or package."""

    path: str
    format: str | None
    bytes: int
    name: str
    source: str


class Description(CamelPart):
    """A model, as far as its format says; the module documents the fields."""

    format: str
    bytes: int = 0
    supported: bool = True
    note: str | None = None
    remarks: tuple[str, ...] = ()
    faults: tuple[str, ...] = Field(default=(), exclude=True)
    """Remarks that its own reader found."""

    producer: dict[str, Any] = Field(default_factory=dict)
    opsets: dict[str, int] | None = None
    metadata: dict[str, str] = Field(default_factory=dict)
    repairs: tuple[str, ...] = ()
    tags: list[list[str]] | None = None
    signature_key: str | None = None
    signatures: dict[str, DescribedSignature] | None = None
    inputs: list[Tensor] | None = None
    outputs: list[Tensor] | None = None
    contracts: dict[str, InputContract] = Field(default_factory=dict)
    unstated: list[str] = Field(default_factory=list)
    possible_outputs: list[str] | None = None
    ends: Ends | None = None
    requires_async: bool | None = None
    async_ops: tuple[str, ...] = ()
    parameters: int | None = None
    variable_parameters: int | None = None
    training_only: int | None = None
    checkpoint: Checkpoint | None = None
    weights: Weights | None = None
    ops: dict[str, int] | None = None
    all_ops: dict[str, int] | None = None
    functions: int | None = None
    layers: dict[str, int] | None = None
    missing_ops: dict[str, list[str]] = Field(default_factory=dict)
    missing_layers: tuple[str, ...] = ()
    backends: dict[str, BackendRun] = Field(default_factory=dict)
    multiply_adds: MultiplyAdds | None = None
    shapes: ShapeCount | None = None
    zoo: Any = None
    models: list[Any] | None = None
    inside: list[ModelInside] | None = None

    def to_json(self) -> dict[str, Any]:
        """Return the JSON value of the fields that are set."""
        return self.model_dump(mode="json", by_alias=True, exclude_unset=True)
