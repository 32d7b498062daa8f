"""View: the description of a model as lines for people. Pure.

A block per subject: what the model takes and gives, its size, its work, and what to mind. Names
are never cut in a pipe; on a terminal they lose their middle where a row would not fit.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from pipeline.catalog.completion import parse_model
from pipeline.catalog.model_table import format_models_table
from pipeline.errors import FormatError
from pipeline.formats.table import find_format
from pipeline.inspection.inspect import CATALOG
from pipeline.text.line import BLANK, ELLIPSIS, Cell, Line, Style, first_line, label_text
from pipeline.text.quantity import KIB, count, format_bytes, format_parameters
from pipeline.text.suggest import list_first
from pipeline.text.table import MIN_COLUMN, format_rows

_LABEL = 15
_NUM_SHOWN = 5
# A blank that no line ends at: a no-break space, while a text is wrapped.
_HELD = "\N{NO-BREAK SPACE}"


def format_model(shown: str, model: Mapping[str, Any], *, width: int | None) -> list[Line]:
    """Return what a person wants to know of a model.

    Args:
        shown: What the user called it.
        model: Its description.
        width: Characters of a row of the terminal, None where rows have no end.
    """
    is_catalog = model["format"] == CATALOG
    title = "catalog of a zoo" if is_catalog else find_format(model["format"]).title
    lines: list[Line] = [((first_line(shown), "bold"),)]
    lines += _field("", f"{title}, {format_bytes(model['bytes'])}{_producer(model)}", width)
    if model.get("note"):
        lines += _field("", model["note"], width, "dim")
    if not model["supported"]:
        lines += _field("", "this format cannot be looked into yet", width, "warn")
    if is_catalog:
        lines += _catalog(model["models"], width)
    if "signatures" in model:
        lines += _signatures(model, width)
    elif "inputs" in model:
        lines += [BLANK, *_tensors("inputs", model["inputs"], width)]
        lines += _tensors("outputs", model["outputs"], width)
        lines += _ends(model, width)
    lines += [BLANK, *_body(model, width)] if "weights" in model else []
    for repair in model.get("repairs") or ():
        lines += _field("repaired", repair, width, "dim")
    for remark in model["remarks"]:
        lines += _field("warning", remark, width, "warn")
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


def _body(model: Mapping[str, Any], width: int | None) -> list[Line]:
    """Return weights, work and ops: a label in front of each."""
    weights = model["weights"]
    lines = _field("parameters", _parameters(model), width)
    stored = [
        f"{format_bytes(entry['bytes'])} of {dtype} ({entry['count']:,})"
        for dtype, entry in _by_bytes(weights["byDtype"])
    ]
    lines += _field("weights", f"{weights['count']:,}: {', '.join(stored)}", width)
    if weights["bytes"]:
        in_js = format_bytes(weights["tfjsBytes"])
        lines += _field("", f"{in_js} once TensorFlow.js has loaded them", width, "dim")
    if weights["quantized"]:
        parts = (f"{number:,} to {dtype}" for dtype, number in sorted(weights["quantized"].items()))
        lines += _field("quantized", ", ".join(parts), width)
    lines += _checkpoint(model.get("checkpoint"), width)
    lines += _largest(weights["largest"], width)
    if model.get("multiplyAdds") and len(model.get("signatures") or ()) <= 1:
        lines += _work(model["multiplyAdds"], width)
    for label in ("ops", "layers"):
        if model.get(label):
            lines += _field(label, _histogram(model[label]), width)
    if "allOps" in model:
        total = sum(model["allOps"].values())
        text = f"{total:,}, in the graph and {count(model['functions'], 'function')}"
        lines += _field("ops in all", text, width)
    if "requiresAsync" in model and "ops" in model:
        lines += _field("call", _call(model), width)
    for backend, made in (model.get("backends") or {}).items():
        lines += _field(f"on {backend}", _backend(made), width)
    return lines


def _producer(model: Mapping[str, Any]) -> str:
    producer = model.get("producer") or {}
    parts = []
    if producer.get("generatedBy"):
        made = str(producer["generatedBy"])
        parts.append(f"TensorFlow {made}" if made[:1].isdigit() else made)
    if producer.get("convertedBy"):
        parts.append(str(producer["convertedBy"]))
    return f", by {first_line(', '.join(parts))}" if parts else ""


def _parameters(model: Mapping[str, Any]) -> str:
    number = model["parameters"]
    text = f"{number:,}"
    if number >= 1000:  # noqa: PLR2004
        text += f" ({format_parameters(number)})"
    if model.get("variableParameters") not in (None, number):
        text += f", {model['variableParameters']:,} of them in variables"
    if model.get("trainingOnly"):
        text += f"; {count(model['trainingOnly'], 'weight')} for training only left out"
    return text


def _by_bytes(by_dtype: Mapping[str, Mapping[str, int]]) -> list[tuple[str, Mapping[str, int]]]:
    return sorted(by_dtype.items(), key=lambda item: (-item[1]["bytes"], item[0]))


def _largest(largest: Sequence[Mapping[str, Any]], width: int | None) -> list[Line]:
    shown = largest[:_NUM_SHOWN]
    rows: list[Sequence[Cell]] = [
        (
            (name, ""),
            (_shape(entry["shape"]), ""),
            (entry["storedDtype"], ""),
            (format_bytes(entry["bytes"]), "dim"),
        )
        for name, entry in zip(_shorten([e["name"] for e in shown], width), shown, strict=True)
    ]
    return _grid("largest", rows, width, right=(3,))


def _checkpoint(checkpoint: Mapping[str, int] | None, width: int | None) -> list[Line]:
    """Return what a checkpoint holds, where that is more than the signatures read."""
    if not checkpoint or checkpoint["bytes"] < checkpoint["usedBytes"] + KIB:
        return []
    held, used = (format_bytes(checkpoint[key]) for key in ("bytes", "usedBytes"))
    text = f"{held} in {checkpoint['count']:,}; the signatures read {used}"
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


def _work(work: Mapping[str, Any], width: int | None) -> list[Line]:
    missing = []
    if work["unknown"]:
        missing.append(f"{count(len(work['unknown']), 'op')} of unknown shapes")
    if work["repeated"]:
        missing.append(f"{count(len(work['repeated']), 'op')} in loops or branches")
    if not work["counted"]:
        text = f"not known: {', '.join(missing)}" if missing else "none"
        return _field("multiply-adds", text, width)
    text = f"{'at least ' if missing else ''}{format_parameters(work['total'])}"
    text += f" in {count(work['counted'], 'op')}"
    if missing:
        text += f", without {' and '.join(missing)}"
    assumed = (f"{name} {_shape(shape)}" for name, shape in work["assumedShapes"].items())
    lines = _field("multiply-adds", text, width)
    given = ", ".join(assumed)
    return [*lines, *(_field("", f"taking {given}", width, "dim") if given else ())]


def _histogram(counts: Mapping[str, int]) -> str:
    ordered = sorted(counts.items(), key=lambda item: (-item[1], item[0]))
    total = f"{sum(counts.values()):,} of {count(len(counts), 'kind')}: "
    return total + ", ".join(f"{name}{_HELD}{number:,}" for name, number in ordered)


def _call(model: Mapping[str, Any]) -> str:
    if not model["requiresAsync"]:
        return "execute() or predict()"
    ops = model.get("asyncOps") or ()
    return f"executeAsync(), because of {list_first(ops, _NUM_SHOWN)}"


def _backend(made: Mapping[str, Any]) -> str:
    if made["status"] != "ok":
        return f"{made['status']}: {first_line(made['reason'])}"
    return f"runs: {made['loadMs']:.0f} ms to load, {made['firstMs']:.0f} ms the first time"


def _signatures(model: Mapping[str, Any], width: int | None) -> list[Line]:
    sets = ", ".join(" + ".join(tags) if tags else "(no tags)" for tags in model["tags"])
    lines: list[Line] = [BLANK, *_field("tags", sets, width)]
    if not model["signatures"]:
        lines += _field("signatures", "none", width)
    for key, signature in model["signatures"].items():
        only = f" (tags {' + '.join(signature['tags'])})" if len(model["tags"]) > 1 else ""
        lines += [BLANK, (("signature ", ""), (first_line(key), "bold"), (only, "dim"))]
        lines += _tensors("inputs", signature["inputs"], width)
        lines += _tensors("outputs", signature["outputs"], width)
        if len(model["signatures"]) > 1:
            lines += _work(signature["multiplyAdds"], width)
    return lines


def _tensors(label: str, entries: Sequence[Mapping[str, Any]], width: int | None) -> list[Line]:
    if not entries:
        return _field(label, "none", width)
    rows: list[Sequence[Cell]] = [
        (
            (str(entry["id"]), "dim"),
            (entry["name"], ""),
            (_tensor(entry), "dim"),
            (_dtype(entry), ""),
            (_shape(entry["shape"]), ""),
        )
        for entry in entries
    ]
    return _grid(label, rows, width, right=(0,))


def _ends(model: Mapping[str, Any], width: int | None) -> list[Line]:
    """Return the possible inputs and outputs that the signature does not list."""
    lines: list[Line] = []
    for side in ("inputs", "outputs"):
        listed = {entry["tensor"] for entry in model[side]}
        others = [name for name in (model.get("ends") or {}).get(side, ()) if name not in listed]
        if others:
            lines += _field(f"other {side}", ", ".join(others), width, "dim")
    return lines


def _tensor(entry: Mapping[str, Any]) -> str:
    tensor = entry["tensor"]
    return "" if tensor is None or tensor == f"{entry['name']}:0" else str(tensor)


def _dtype(entry: Mapping[str, Any]) -> str:
    dtype, in_js = entry["dtype"], entry["jsDtype"]
    if dtype is None:
        return "?"
    return str(dtype) if in_js in (dtype, None) else f"{dtype} → {in_js}"


def _shape(shape: Sequence[int] | None) -> str:
    if shape is None:
        return "[…]"
    return f"[{', '.join('?' if size < 0 else str(size) for size in shape)}]"


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
