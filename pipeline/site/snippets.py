"""Snippets: JavaScript that loads and runs a model, as coloured pieces. Pure.

Every name is written as a string by JSON's rules; a name becomes a variable only if JavaScript
allows it. The build does not know the zoo's address, and the reader picks the variant: such pieces
have a `fill`, by which the page's script replaces them. Without the script they stay.
"""

import json
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from pipeline.catalog.deviation import deciding_backend
from pipeline.catalog.phrases import format_shape
from pipeline.catalog.types import CatalogInput, CatalogModel, CatalogTensor, CatalogVariant
from pipeline.site.role_texts import sort_roles

Kind = Literal["code", "comment", "string"]
Fill = Literal["url", "loader", "path", "variant"]

# A build does not know where the zoo will be published.
PLACE = "https://example.org/zoo/"
MOST_RESULTS = 4

_IMAGE_NDIM = 4
_CHANNELS = (1, 3, 4)
_RGBA = 4
_PIXEL_MAX = 255
# As zoo/inputs.js weighs red, green and blue.
_GREY = "[0.299, 0.587, 0.114]"
_IDENTIFIER = re.compile(r"[A-Za-z_$][A-Za-z0-9_$]*")
# Words of the language, and variables of the snippets themselves.
_RESERVED = frozenset(
    {
        *("await", "break", "case", "catch", "class", "const", "continue", "debugger"),
        *("default", "delete", "do", "else", "enum", "export", "extends", "false", "finally"),
        *("for", "function", "if", "import", "in", "instanceof", "let", "new", "null", "return"),
        *("static", "super", "switch", "this", "throw", "true", "try", "typeof", "var", "void"),
        *("while", "with", "yield", "arguments", "eval"),
        *("input", "inputs", "model", "open", "pixels", "tf", "zoo"),
    }
)


@dataclass(frozen=True, kw_only=True)
class Piece:
    """A piece of code.

    Attributes:
        text: The code.
        kind: The kind of token, which decides its colour.
        fill: The value by which the page replaces it; None for a piece that stays.
    """

    text: str
    kind: Kind = "code"
    fill: Fill | None = None


Snippet = Sequence[Piece]


def zoo_snippet(name: str) -> Snippet:
    """Return code that loads a model of a zoo by its name and runs it."""
    return [
        *_open_lines(),
        *_line("const model = await zoo.load(", _string(name), ");"),
        *_line("const results = await model.run(input);"),
    ]


def loader_snippet(model: CatalogModel, variant: CatalogVariant) -> Snippet:
    """Return code that loads a model with zoo.js and runs it."""
    lines = [
        *_open_lines(),
        *_release_lines(model),
        *_line(
            "const model = await zoo.load(",
            _string(model.name),
            ", {variant: ",
            _string(variant.name, "variant"),
            "});",
        ),
    ]
    if _takes_image(model):
        given: list[str | Piece] = ["document.querySelector(", _string("img"), ")"]
        if model.inputs[0].js_dtype == "float32" and not model.inputs[0].range:
            lines += _comment("the range of pixels is the model's own: [0, 1], [-1, 1] or [0, 255]")
            given.append(", {range: [0, 1]}")
    else:
        lines += _input_lines(model.inputs, names=True)
        given = [_input_variable(model)]
    bound = ", ".join(
        key if name == key else f"{json.dumps(key, ensure_ascii=False)}: {name}"
        for key, name in _name_variables(_results(model)).items()
    )
    return [*lines, *_line(f"const {{{bound}}} = await model.run(", *given, ");")]


def plain_snippet(model: CatalogModel, variant: CatalogVariant) -> Snippet:
    """Return code that loads a model with TensorFlow.js alone and runs it."""
    layers = model.format == "layers-model"
    load = "loadLayersModel" if layers else "loadGraphModel"
    lines = [*_line("import * as tf from ", _string("@tensorflow/tfjs"), ";"), *_line("")]
    lines += _release_lines(model)
    for flag, setting in _requirements(model).get("flags", {}).items():
        lines += _line("tf.env().set(", _string(flag), f", {json.dumps(setting)});")
    lines += _line(f"const model = await tf.{load}(")
    lines += _line("  ", _string(f"{PLACE}{variant.model_path}", "path"), ",")
    lines += _line(");")
    if _takes_image(model):
        lines += _image_lines(model.inputs[0])
    else:
        lines += _input_lines(model.inputs, names=not layers)
    return [*lines, *(_predict_lines(model) if layers else _execute_lines(model))]


def _open_lines() -> Iterator[Piece]:
    yield from _line("import * as tf from ", _string("@tensorflow/tfjs"), ";")
    yield from _line("import {open} from ", _string(f"{PLACE}zoo.js", "loader"), ";")
    yield from _line("")
    yield from _line("const zoo = await open(", _string(PLACE, "url"), ", {tf});")


def _release_lines(model: CatalogModel) -> Iterator[Piece]:
    """Yield a comment for a model that only another release of TensorFlow.js runs."""
    release = _requirements(model).get("tfjs")
    if release is not None:
        yield from _comment(f"runs in TensorFlow.js {release}; the newest fails")


def _execute_lines(model: CatalogModel) -> Iterator[Piece]:
    """Yield the call of a graph model, and the classes if they follow from the scores."""
    results = {key: tensor for key, tensor in _results(model).items() if tensor is not None}
    call = "await model.executeAsync" if model.requires_async else "model.execute"
    tensors: list[str | Piece] = []
    for tensor in results.values():
        tensors += [", " if tensors else "", _string(tensor)]
    # One tensor is returned as it is, several as a list.
    chosen = tensors if len(results) == 1 else ["[", *tensors, "]"]
    names = _declare(list(_name_variables(results).values()))
    yield from _line(f"{names} = {call}({_input_variable(model)}, ", *chosen, ");")
    if model.map.get("classes", "") is None and "scores" in results:
        yield from _line("const classes = scores.argMax(-1);")


def _predict_lines(model: CatalogModel) -> Iterator[Piece]:
    """Yield the call of a layers model, which returns all outputs in their order."""
    keys = [output.role or output.name for output in model.outputs]
    names = _declare(list(_name_variables(keys).values()))
    yield from _line(f"{names} = model.predict({_input_variable(model)});")


def _declare(names: Sequence[str]) -> str:
    return f"const {names[0]}" if len(names) == 1 else f"const [{', '.join(names)}]"


def _results(model: CatalogModel) -> dict[str, str | None]:
    """Return the first results and their tensors, by role, or by name for a model without roles."""
    roles = {role: model.map[role] for role in sort_roles(model)}
    chosen = roles or {output.name: output.tensor for output in model.outputs}
    return dict(list(chosen.items())[:MOST_RESULTS])


def _takes_image(model: CatalogModel) -> bool:
    return len(model.inputs) == 1 and _is_image(model.inputs[0])


def _input_variable(model: CatalogModel) -> str:
    return "input" if len(model.inputs) == 1 else "inputs"


def _is_image(tensor: CatalogTensor) -> bool:
    """Say whether an input looks like pixels: three axes after the batch, 1, 3 or 4 channels."""
    shape = tensor.shape
    if shape is None or len(shape) != _IMAGE_NDIM or tensor.js_dtype not in {"float32", "int32"}:
        return False
    return shape[-1] in _CHANNELS or shape[1] in _CHANNELS


def _image_lines(tensor: CatalogInput) -> Iterator[Piece]:
    """Yield the lines that turn an image into an input, as zoo/inputs.js does."""
    shape = tensor.shape or []
    planes_first = shape[-1] not in _CHANNELS
    channels = shape[1] if planes_first else shape[-1]
    height, width = shape[2:] if planes_first else shape[1:3]
    # fromPixels reads 3 channels; asked for 1 it would read red, but zoo.js mixes grey from 3.
    chosen = f", {channels}" if channels == _RGBA else ""
    grey = f".mul({_GREY}).sum(-1, true)" if channels == 1 else ""
    yield from _line(
        "const pixels = tf.browser.fromPixels(document.querySelector(",
        _string("img"),
        f"){chosen}){grey};",
    )
    value = "pixels"
    if height > 0 and width > 0:
        value = f"tf.image.resizeBilinear(pixels, [{height}, {width}], false, true)"
    whole = tensor.js_dtype == "int32"
    if not whole and not tensor.range:
        yield from _comment("from 0 to 1 here; scale them as the model expects")
    low, high = tensor.range or (0, 1)
    if not whole and (low, high) != (0, _PIXEL_MAX):
        shift = f".add({low:g})" if low else ""
        value += f".mul({high - low:g} / {_PIXEL_MAX}){shift}"
    cast = ".round().toInt()" if whole else ".toFloat()"
    turn = ".transpose([2, 0, 1])" if planes_first else ""
    yield from _line(f"const input = {value}{cast}{turn}.expandDims();")


def _input_lines(inputs: Sequence[CatalogTensor], *, names: bool) -> Iterator[Piece]:
    """Yield the lines that make example inputs, by name or in their order."""
    if len(inputs) == 1:
        (tensor,) = inputs
        yield from _comment(f"your own values: {tensor.js_dtype} {format_shape(tensor.shape)}")
        yield from _line("const input = ", *_example(tensor), ";")
        return
    yield from _line(f"const inputs = {'{' if names else '['}")
    for tensor in inputs:
        key: list[str | Piece] = [_string(tensor.name), ": "] if names else []
        spec = Piece(text=f" // {tensor.js_dtype} {format_shape(tensor.shape)}", kind="comment")
        yield from _line("  ", *key, *_example(tensor), ",", spec)
    yield from _line(f"{'}' if names else ']'};")


def _comment(text: str) -> Iterator[Piece]:
    return _line(Piece(text=f"// {text}", kind="comment"))


def _example(tensor: CatalogTensor) -> list[str | Piece]:
    """Return a value of the right shape and data type."""
    sizes = [max(size, 1) for size in tensor.shape or ()]
    if tensor.js_dtype == "string":
        return [f"tf.fill({sizes}, ", _string("text"), ")"]
    call = f"tf.zeros({sizes}" if sizes else "tf.scalar(1"
    if tensor.js_dtype == "float32":
        return [f"{call})"]
    return [f"{call}, ", _string(tensor.js_dtype), ")"]


def _requirements(model: CatalogModel) -> dict[str, Any]:
    """Return the needs of the published variants: flags, and a release of TensorFlow.js."""
    needed: dict[str, Any] = {}
    for variant in model.variants:
        backend = deciding_backend(variant, model.variants[0])
        if variant.status == "ok" and backend is not None:
            needed |= variant.checks[backend].requires
    return needed


def _string(text: str, fill: Fill | None = None) -> Piece:
    return Piece(text=json.dumps(text, ensure_ascii=False), kind="string", fill=fill)


def _line(*parts: str | Piece) -> Iterator[Piece]:
    for part in parts:
        piece = Piece(text=part) if isinstance(part, str) else part
        if piece.text:
            yield piece
    yield Piece(text="\n")


def _name_variables(keys: Iterable[str]) -> dict[str, str]:
    """Return a variable for each key: "boxes" for "boxes", "rawBoxes" for "raw boxes".

    Keys that are variables of JavaScript stay as they are; no variable stands for two keys.
    """
    taken: dict[str, str] = {}
    for key in keys:
        words = [word for word in re.split(r"[^A-Za-z0-9]+", key) if word]
        camel = "".join(
            word if i == 0 else word[:1].upper() + word[1:] for i, word in enumerate(words)
        )
        name = key if _IDENTIFIER.fullmatch(key) else camel
        if not _IDENTIFIER.fullmatch(name) or name in _RESERVED:
            name = f"output{name[:1].upper()}{name[1:]}"
        number = 2
        unique = name
        while unique in taken.values():
            unique, number = f"{name}{number}", number + 1
        taken[key] = unique
    return taken
