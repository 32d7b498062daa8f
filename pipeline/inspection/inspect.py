"""Inspect: the description of a model in whatever format.

The keys of its JSON are documented in pipeline.inspection.description.
"""

import json
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

from pipeline.errors import FormatError
from pipeline.formats.detect import detect_format
from pipeline.formats.model_files import ModelFiles
from pipeline.formats.table import find_format
from pipeline.inspection.description import Description, Tried
from pipeline.inspection.models_inside import list_models, measure_model
from pipeline.inspection.remarks import find_remarks
from pipeline.inspection.subject import Subject
from pipeline.records.shape import Shape

CATALOG = "zoo_catalog"
COLLECTION = "collection"
_OWN_SIZES = {"onnx", "openvino", "tflite", "tfjs_layers_model"}

Trial = Callable[[Path], Tried]


def inspect_subject(
    subject: Subject,
    *,
    shapes: Mapping[str, Shape],
    announce: Callable[[str], None],
    trial: Trial | None = None,
) -> Description:
    """Describe a model.

    Args:
        subject: Its files.
        shapes: Sizes of inputs, by name, in place of the stated ones.
        announce: Called with a sentence before work that takes seconds.
        trial: Runs a TensorFlow.js model; None to leave that out.

    Raises:
        PipelineError: The model cannot be read; the message says why.
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
) -> Description:
    model = (
        _load_catalog(subject.path)
        or _list_inside(subject)
        or _describe(subject.path, shapes=shapes, announce=announce)
    )
    if trial is not None and model.format in {"tfjs_graph_model", "tfjs_layers_model"}:
        announce("running it in TensorFlow.js")
        tried = trial(subject.path)
        missing = model.missing_ops | tried.missing_ops
        model = model.model_copy(update={"backends": tried.backends, "missing_ops": missing})
    is_catalog = model.format == CATALOG
    return model.model_copy(
        update={
            "bytes": subject.path.stat().st_size if is_catalog else measure_model(subject.path),
            "supported": model.supported,
            "note": subject.note,
            "remarks": (*find_remarks(model), *_find_unused(shapes, model.format)),
        }
    )


def _describe(
    path: Path, *, shapes: Mapping[str, Shape], announce: Callable[[str], None]
) -> Description:
    # Each reader is imported only for its own format: TensorFlow's pool and numpy take time.
    match detect_format(path, asked=None, name=path.name):
        case "tfjs_graph_model":
            from pipeline.inspection.inspect_graph_model import inspect_graph_model  # noqa: PLC0415  # only for this format

            return inspect_graph_model(path, shapes=shapes)
        case "tfjs_layers_model":
            from pipeline.inspection.inspect_layers_model import inspect_layers_model  # noqa: PLC0415  # only for this format

            return inspect_layers_model(path)
        case "tf_saved_model" | "tf_hub":
            from pipeline.inspection.inspect_saved_model import inspect_saved_model  # noqa: PLC0415  # only for this format

            folder = path.parent if path.name == "saved_model.pb" else path
            return inspect_saved_model(folder, "tf_saved_model", shapes=shapes, announce=announce)
        case "keras" | "keras_keras" | "tf_frozen_model" as found if not tuple(
            _find_faults(path, found)
        ):
            from pipeline.inspection.inspect_saved_model import inspect_saved_model  # noqa: PLC0415  # only for these formats

            return inspect_saved_model(path, found, shapes=shapes, announce=announce)
        case "tflite" | "onnx" | "openvino" as found if not tuple(_find_faults(path, found)):
            from pipeline.inspection.inspect_summary import inspect_summary  # noqa: PLC0415  # only for these formats

            return inspect_summary(path, found, announce=announce)
        case other:
            faults = tuple(_find_faults(path, other))
            return Description(format=other, supported=False, faults=faults)


def _list_inside(subject: Subject) -> Description | None:
    """Return the models in a folder that is no model itself; None for any other."""
    if subject.source is None or not subject.path.is_dir():
        return None
    try:
        detect_format(subject.path, asked=None, name=subject.path.name)
    except FormatError:
        inside = list_models(subject.path, subject.source)
        return Description(format=COLLECTION, inside=inside) if inside else None
    return None


def _find_faults(path: Path, model_format: str) -> Iterator[str]:
    """Yield the fault of a file whose first bytes are not those of the format in its name."""
    named = find_format(model_format)
    if named.looks_like is not None and not named.looks_like(ModelFiles(path=path)):
        yield f"the name says {named.title}, and the content is something else, or is cut off"


def _find_unused(shapes: Mapping[str, Shape], model_format: str) -> Iterator[str]:
    """Yield that sizes were given for a model whose sizes are those of its file."""
    if shapes and model_format in _OWN_SIZES:
        yield f"sizes of {', '.join(shapes)} are not used: multiply-adds are those of the file"


def _load_catalog(path: Path) -> Description | None:
    if path.suffix != ".json":
        return None
    try:
        content = json.loads(path.read_bytes())
    except (ValueError, RecursionError):
        return None  # detect_format says it
    if not isinstance(content, dict) or not isinstance(content.get("models"), list):
        return None
    return Description(format=CATALOG, zoo=content.get("zoo"), models=content["models"])
