"""View: the description of a model as lines for people. Pure.

A block for each model: its inputs and outputs, its size, its work, and remarks. Names are never
cut in a pipe; on a terminal they lose their middle if a row would not fit.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from pipeline.catalog.completion import parse_model
from pipeline.catalog.model_table import format_models_table
from pipeline.errors import FormatError
from pipeline.formats.table import find_format
from pipeline.inspection.contract_view import describe_contracts
from pipeline.inspection.description import (
    BackendRun,
    Checkpoint,
    Description,
    ModelInside,
    MultiplyAdds,
    Tensor,
    Weight,
    Weights,
)
from pipeline.records.shape import Shape
from pipeline.text.line import BLANK, ELLIPSIS, Cell, Line, Style, first_line, label_text
from pipeline.text.quantity import KIB, count, format_bytes, format_parameters
from pipeline.text.suggest import list_first
from pipeline.text.table import MIN_COLUMN, format_rows

_OTHER_TITLES = {"zoo_catalog": "catalog of a zoo", "collection": "models"}
_LABEL = 15
_NUM_SHOWN = 5
# A blank at which no line ends while a text is wrapped.
_HELD = "\N{NO-BREAK SPACE}"


def format_model(shown: str, model: Description, *, width: int | None) -> list[Line]:
    """Return the lines that describe a model: "inputs         0  x  float32  [?, 8]".

    Args:
        shown: The user's name of it: a path or a source.
        model: Its description.
        width: Cells of a row of the terminal, None if rows have no end.
    """
    is_catalog = model.models is not None
    title = _OTHER_TITLES.get(model.format) or find_format(model.format).title
    lines: list[Line] = [((first_line(shown), "bold"),)]
    lines += _field("", f"{title}, {format_bytes(model.bytes)}{_producer(model)}", width)
    lines += _field("", model.note or "", width, "dim")
    if is_catalog:
        lines += _catalog(model.models or (), width)
    if model.inside is not None:
        lines += _inside(model.inside, width)
    if model.signatures is not None:
        lines += _signatures(model, width)
    elif model.inputs is not None:
        lines += [BLANK, *_tensors("inputs", model.inputs, width)]
        lines += _tensors("outputs", model.outputs or (), width)
        lines += _ends(model, width)
    lines += _stated(model, width)
    for label, text in describe_contracts(model.contracts, model.unstated):
        lines += _field(label, text, width)
    if model.weights is not None:
        lines += [BLANK, *_body(model, model.weights, width)]
    for repair in model.repairs:
        lines += _field("repaired", repair, width, "dim")
    for remark in model.remarks:
        lines += _field("warning", remark, width, "warn")
    return lines


def _stated(model: Description, width: int | None) -> list[Line]:
    """Return what a file of ONNX or OpenVINO says of itself: versions, and texts by key."""
    opsets = (f"{domain} {version}" for domain, version in (model.opsets or {}).items())
    lines = _field("opsets", ", ".join(opsets), width)
    for number, (key, value) in enumerate(model.metadata.items()):
        lines += _field("" if number else "metadata", f"{key}: {value}", width)
    return lines


def format_failure(shown: str, message: str, hint: str | None, width: int | None) -> list[Line]:
    """Return why a subject could not be read."""
    lines: list[Line] = [((first_line(shown), "bold"),)]
    lines += _field("not read", message, width, "bad")
    return [*lines, *(_field("", hint, width, "dim") if hint else ())]


def _catalog(entries: Sequence[Mapping[str, Any]], width: int | None) -> list[Line]:
    """Return the table of a catalog's models; of another JSON file with `models`, what is wrong."""
    try:
        models = [
            parse_model(entry, f"models[{number}]", error=FormatError)
            for number, entry in enumerate(entries)
        ]
    except FormatError as error:
        return _field("not read", error.message, width, "bad")
    return [BLANK, *format_models_table(models, width=width)]


def _inside(models: Sequence[ModelInside], width: int | None) -> list[Line]:
    """Return each model in a folder, archive or package, with its entry for models.yaml."""
    lines: list[Line] = []
    for model in models:
        what = find_format(model.format).title if model.format else "archive"
        lines += [BLANK, *_field("", f"{model.path}: {what}, {format_bytes(model.bytes)}", width)]
        if model.format is None:
            lines += _field("", f"tfjs-zoo inspect {model.source}", width, "dim")
        else:
            lines += [((f"- name: {model.name}", ""),), ((f"  source: {model.source}", ""),)]
    return lines


def _body(model: Description, weights: Weights, width: int | None) -> list[Line]:
    """Return weights, work and ops: a label in front of each."""
    lines = _field("parameters", _parameters(model), width)
    stored = [
        f"{format_bytes(part.bytes)} of {dtype} ({part.count:,})"
        for dtype, part in sorted(weights.by_dtype.items(), key=lambda i: (-i[1].bytes, i[0]))
    ]
    listed = f": {', '.join(stored)}" if stored else ""
    lines += _field("weights", f"{weights.count:,}{listed}", width)
    if weights.bytes:
        in_js = format_bytes(weights.tfjs_bytes)
        lines += _field("", f"{in_js} once TensorFlow.js has loaded them", width, "dim")
    parts = (f"{number:,} to {dtype}" for dtype, number in sorted(weights.quantized.items()))
    lines += _field("quantized", ", ".join(parts), width)
    lines += _checkpoint(model.checkpoint, width)
    lines += _largest(weights.largest, width)
    if model.multiply_adds and len(model.signatures or ()) <= 1:
        lines += _work(model.multiply_adds, width)
    for label, counts in (("ops", model.ops), ("layers", model.layers)):
        lines += _field(label, _histogram(counts) if counts else "", width)
    if model.all_ops is not None:
        total = sum(model.all_ops.values())
        text = f"{total:,}, in the graph and {count(model.functions or 0, 'function')}"
        lines += _field("ops in all", text, width)
    if model.requires_async is not None and model.ops is not None:
        lines += _field("call", _call(model), width)
    for backend, run in model.backends.items():
        lines += _field(f"on {backend}", _run(run), width)
    return lines


def _producer(model: Description) -> str:
    """Return the end of a title: ", by TensorFlow 2.19.0, TensorFlow.js Converter v4.22.0"."""
    parts = []
    if made := str(model.producer.get("generatedBy") or ""):
        parts.append(f"TensorFlow {made}" if made[:1].isdigit() else made)
    if converted := model.producer.get("convertedBy"):
        parts.append(str(converted))
    return f", by {first_line(', '.join(parts))}" if parts else ""


def _parameters(model: Description) -> str:
    """Return the number of parameters: "423,018 (423 k), 420,000 of them in variables"."""
    number = model.parameters or 0
    text = f"{number:,}"
    if number >= 1000:  # noqa: PLR2004  # smaller numbers have no shorter form
        text += f" ({format_parameters(number)})"
    if model.variable_parameters not in (None, number):
        text += f", {model.variable_parameters:,} of them in variables"
    if model.training_only:
        text += f"; {count(model.training_only, 'weight')} for training only left out"
    return text


def _largest(largest: Sequence[Weight], width: int | None) -> list[Line]:
    shown = largest[:_NUM_SHOWN]
    rows: list[Sequence[Cell]] = [
        (
            (name, ""),
            (_shape(weight.shape), ""),
            (weight.stored_dtype, ""),
            (format_bytes(weight.bytes), "dim"),
        )
        for name, weight in zip(_shorten([w.name for w in shown], width), shown, strict=True)
    ]
    return _grid("largest", rows, width, right=(3,))


def _checkpoint(checkpoint: Checkpoint | None, width: int | None) -> list[Line]:
    """Return the size of a checkpoint that holds more than the signatures read."""
    if checkpoint is None or checkpoint.bytes < checkpoint.used_bytes + KIB:
        return []
    held, used = format_bytes(checkpoint.bytes), format_bytes(checkpoint.used_bytes)
    text = f"{held} in {checkpoint.count:,}; the signatures read {used}"
    return _field("checkpoint", text, width)


def _shorten(names: Sequence[str], width: int | None) -> list[str]:
    """Return names without the folders that all of them share, where room is short."""
    shared = 0
    for parts in zip(*(name.split("/")[:-1] for name in names), strict=False):
        if len(set(parts)) > 1:
            break
        shared += len(parts[0]) + 1
    if width is None or shared <= MIN_COLUMN or len(names) == 1:
        return list(names)
    return [f"{ELLIPSIS}/{name[shared:]}" for name in names]


def _work(work: MultiplyAdds, width: int | None) -> list[Line]:
    missing = []
    if work.unknown:
        missing.append(f"{count(len(work.unknown), 'op')} of unknown shapes")
    if work.repeated:
        missing.append(f"{count(len(work.repeated), 'op')} in loops or branches")
    if not work.counted:
        text = f"not known: {', '.join(missing)}" if missing else "none"
        return _field("multiply-adds", text, width)
    text = f"{'at least ' if missing else ''}{format_parameters(work.total)}"
    text += f" in {count(work.counted, 'op')}"
    if missing:
        text += f", without {' and '.join(missing)}"
    lines = _field("multiply-adds", text, width)
    assumed = ", ".join(f"{name} {_shape(shape)}" for name, shape in work.assumed_shapes.items())
    return [*lines, *(_field("", f"taking {assumed}", width, "dim") if assumed else ())]


def _histogram(counts: Mapping[str, int]) -> str:
    """Return how often each op stands in a model: "3 of 2 kinds: Identity 2, MatMul 1"."""
    ordered = sorted(counts.items(), key=lambda item: (-item[1], item[0]))
    total = f"{sum(counts.values()):,} of {count(len(counts), 'kind')}: "
    return total + ", ".join(f"{name}{_HELD}{number:,}" for name, number in ordered)


def _call(model: Description) -> str:
    """Return how to run a model: "executeAsync(), because of While"."""
    if not model.requires_async:
        return "execute() or predict()"
    return f"executeAsync(), because of {list_first(model.async_ops, _NUM_SHOWN)}"


def _run(run: BackendRun) -> str:
    """Return the result on a backend: "runs: 12 ms to load, 40 ms the first time"."""
    if run.status != "ok":
        return f"{run.status}: {first_line(run.reason)}"
    return f"runs: {run.load_ms:.0f} ms to load, {run.first_ms:.0f} ms the first time"


def _signatures(model: Description, width: int | None) -> list[Line]:
    tags, signatures = model.tags or (), model.signatures or {}
    sets = ", ".join(" + ".join(tag_set) if tag_set else "(no tags)" for tag_set in tags)
    lines: list[Line] = [BLANK, *_field("tags", sets, width)] if sets or not signatures else []
    if not signatures:
        lines += _field("signatures", "none", width)
    for key, signature in signatures.items():
        only = f" (tags {' + '.join(signature.tags)})" if len(tags) > 1 else ""
        lines += [BLANK, (("signature ", ""), (first_line(key), "bold"), (only, "dim"))]
        lines += _tensors("inputs", signature.inputs, width)
        lines += _tensors("outputs", signature.outputs, width)
        if len(signatures) > 1:
            lines += _work(signature.multiply_adds, width)
    return lines


def _tensors(label: str, tensors: Sequence[Tensor], width: int | None) -> list[Line]:
    if not tensors:
        return _field(label, "none", width)
    rows: list[Sequence[Cell]] = [
        (
            (str(tensor.id), "dim"),
            (tensor.name, ""),
            (_node(tensor), "dim"),
            (_dtype(tensor), ""),
            (_shape(tensor.shape, tensor.size_names), ""),
        )
        for tensor in tensors
    ]
    return _grid(label, rows, width, right=(0,))


def _ends(model: Description, width: int | None) -> list[Line]:
    """Return the possible inputs and outputs that the signature does not list."""
    if model.ends is None:
        return []
    lines: list[Line] = []
    for side, listed, ends in (
        ("inputs", model.inputs, model.ends.inputs),
        ("outputs", model.outputs, model.ends.outputs),
    ):
        known = {tensor.tensor for tensor in listed or ()}
        others = [name for name in ends if name not in known]
        lines += _field(f"other {side}", ", ".join(others), width, "dim")
    return lines


def _node(tensor: Tensor) -> str:
    """Return the tensor in the graph, "" if the name says it: "StatefulPartitionedCall:1"."""
    return "" if tensor.tensor in (None, f"{tensor.name}:0") else str(tensor.tensor)


def _dtype(tensor: Tensor) -> str:
    """Return the dtype in the source and in TensorFlow.js: "uint8 → int32"."""
    if tensor.dtype is None:
        return "?"
    same = tensor.js_dtype in (tensor.dtype, None)
    return tensor.dtype if same else f"{tensor.dtype} → {tensor.js_dtype}"


def _shape(shape: Shape, names: Sequence[str | None] | None = None) -> str:
    """Return a shape: "[?, 224, 224, 3]", "[batch, 3]" where open sizes have names.

    "[…]" if the number of axes is unknown.
    """
    if shape is None:
        return "[…]"
    texts = names or [None] * len(shape)
    sizes = [
        name or "?" if size is None else str(size) for size, name in zip(shape, texts, strict=True)
    ]
    return f"[{', '.join(sizes)}]"


def _grid(
    label: str, rows: Sequence[Sequence[Cell]], width: int | None, *, right: Sequence[int]
) -> list[Line]:
    """Return rows in columns behind a label; names lose their middle where room is short."""
    clean = [[(first_line(text), style) for text, style in row] for row in rows]
    room = None if width is None else width - _LABEL
    labels = (label if number == 0 else "" for number in range(len(rows)))
    lines = format_rows(clean, right=right, width=room)
    return [((f"{text:<{_LABEL}}", "dim"), *line) for text, line in zip(labels, lines, strict=True)]


def _field(label: str, text: str, width: int | None, style: Style = "") -> list[Line]:
    """Return a text behind a label, wrapped under itself."""
    lines = label_text((f"{label:<{_LABEL}}", "dim"), text, style, width=width)
    return [tuple((part.replace(_HELD, " "), style) for part, style in line) for line in lines]
