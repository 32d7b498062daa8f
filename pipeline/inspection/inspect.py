"""Inspect: the description of a model in whatever format, as JSON values.

What every description has: `format`, `bytes` of its files, `supported` (false for a format that
is only named), `remarks`, a list of sentences, and `note` (how it was found, or null). Then,
as far as the format tells:

- `producer`: `generatedBy` and `convertedBy`, as the file says them
- `repairs`: what a model.json lacked, completed from its graph
- `tags`, `signatures`, `signatureKey`: of a SavedModel; each signature with its `tags`,
  `inputs`, `outputs`, `multiplyAdds` and `shapes`. Those keys of the model itself are those of
  `signatureKey`, or null where no signature is the obvious one
- `inputs`, `outputs`: `id`, `name`, `tensor`, `dtype`, `jsDtype` (what TensorFlow.js takes
  and returns), `shape` (-1 for an unknown size, null for an unknown number of axes), and
  of outputs `proof`, as in signature.json
- `ends`: tensors of the graph that could be fed (`inputs`) and that nobody reads (`outputs`)
- `requiresAsync`, `asyncOps`: whether `executeAsync()` is needed, and for which ops
- `parameters`: floating-point values in weights; of a SavedModel those that its signatures
  read, `variableParameters` of them in variables, the others in constants
- `trainingOnly`: of a layers model the number of weights that only training needs, left out
- `checkpoint`: of a SavedModel `count` and `bytes` of all stored variables, and the `usedBytes`
  that its signatures read
- `weights`: see pipeline.inspection.stored
- `ops`, `layers`: how often each stands in the model; of a SavedModel the `ops` that its
  signatures run, `allOps` in all its graphs and functions, and the number of `functions`
- `missingOps`: ops that are not there, by "tensorflow.js" and, where it was run, by backend;
  null where that cannot be told
- `backends`: where it was run, what each backend made of it: `status`, `reason`, `tfjs`,
  `loadMs`, `firstMs`, `peakBytes`
- `missingLayers`: layers that TensorFlow.js does not have
- `multiplyAdds`: `total` of the ops whose shapes are known; `exact`, whether these are all;
  `byOp`; how many were `counted`; names of those with `unknown` shapes and of those `repeated` in
  loops and branches; `assumedShapes` of inputs
- `shapes`: number of nodes whose output has `known` and `unknown` shape
- `models`: of a catalog, its entries
"""

import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from pipeline.disk.files import total_size
from pipeline.errors import FormatError
from pipeline.formats.detect import detect_format
from pipeline.inspection.other_files import inspect_other_file
from pipeline.inspection.remarks import find_remarks
from pipeline.inspection.subject import Subject
from pipeline.records.shape import Shape

CATALOG = "zoo_catalog"


Trial = Callable[[Path], Mapping[str, Any]]


def inspect_subject(
    subject: Subject,
    *,
    shapes: Mapping[str, Shape],
    announce: Callable[[str], None],
    trial: Trial | None = None,
) -> dict[str, Any]:
    """Describe a model.

    Args:
        subject: Its files.
        shapes: Sizes of inputs, by name, in place of those that it states.
        announce: Told what takes seconds.
        trial: Runs a TensorFlow.js model there; None where it is not to be run.

    Raises:
        PipelineError: It cannot be read; the message says why.
    """
    try:
        return _inspect(subject, shapes=shapes, announce=announce, trial=trial)
    except OSError as error:
        name = subject.path.name
        raise FormatError(f"{name}: cannot be read ({error.strerror})") from None


def _inspect(
    subject: Subject,
    *,
    shapes: Mapping[str, Shape],
    announce: Callable[[str], None],
    trial: Trial | None,
) -> dict[str, Any]:
    catalog = _load_catalog(subject.path)
    if catalog is not None:
        return {
            "format": CATALOG,
            "bytes": subject.path.stat().st_size,
            "supported": True,
            "note": subject.note,
            "remarks": [],
            "zoo": catalog.get("zoo"),
            "models": catalog["models"],
        }
    model = _describe(subject.path, shapes=shapes, announce=announce)
    if trial is not None and model["format"] in {"tfjs_graph_model", "tfjs_layers_model"}:
        announce("running it in TensorFlow.js")
        tried = trial(subject.path)
        missing = {**(model.get("missingOps") or {}), **tried["missingOps"]}
        model = {**model, **tried, "missingOps": missing}
    return {
        "bytes": _measure(subject.path),
        "supported": True,
        "note": subject.note,
        **{key: value for key, value in model.items() if key != "faults"},
        "remarks": find_remarks(model),
    }


def _describe(
    path: Path, *, shapes: Mapping[str, Shape], announce: Callable[[str], None]
) -> dict[str, Any]:
    # Each format is imported where it is met: TensorFlow's pool and numpy take their time.
    match detect_format(path, asked=None, name=path.name):
        case "tfjs_graph_model":
            from pipeline.inspection.inspect_graph_model import inspect_graph_model  # noqa: PLC0415

            return inspect_graph_model(path, shapes=shapes)
        case "tfjs_layers_model":
            from pipeline.inspection.inspect_layers_model import inspect_layers_model  # noqa: PLC0415

            return inspect_layers_model(path)
        case "tf_saved_model" | "tf_hub":
            from pipeline.inspection.inspect_saved_model import inspect_saved_model  # noqa: PLC0415

            folder = path.parent if path.name == "saved_model.pb" else path
            return inspect_saved_model(folder, shapes=shapes, announce=announce)
        case other:
            return inspect_other_file(path, other)


def _load_catalog(path: Path) -> dict[str, Any] | None:
    if path.suffix != ".json":
        return None
    try:
        content = json.loads(path.read_bytes())
    except (ValueError, RecursionError):
        return None  # detect_format says it
    is_catalog = isinstance(content, dict) and isinstance(content.get("models"), list)
    return content if is_catalog else None


def _measure(path: Path) -> int:
    """Return the bytes of a model's files: of a model.json with its shards."""
    if path.name == "saved_model.pb":
        return total_size(path.parent)
    if path.suffix != ".json" or path.is_dir():
        return total_size(path)
    groups = json.loads(path.read_bytes()).get("weightsManifest") or ()
    shards = {shard for group in groups for shard in group.get("paths") or ()}
    return path.stat().st_size + sum(total_size(path.parent / shard) for shard in shards)
