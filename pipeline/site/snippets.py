"""Snippets: JavaScript that loads and runs a model, as coloured pieces. Pure.

Every name is written as a string by JSON's rules; a name becomes a variable only if JavaScript
allows it. The build does not know the zoo's address, and the reader picks the variant: such pieces
have a `fill`, by which the page's script replaces them. Without the script they stay.
"""

import json
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from math import prod
from typing import Any

from pipeline.catalog.deviation import deciding_backend
from pipeline.catalog.media import close_shape, is_image, is_sound, lacks_range
from pipeline.catalog.phrases import format_shape
from pipeline.catalog.types import CatalogInput, CatalogModel, CatalogVariant
from pipeline.site.code_pieces import Piece, Snippet, comment, line, string
from pipeline.site.media_snippets import image_lines, range_lines, sound_lines
from pipeline.site.role_texts import sort_roles

# A build does not know where the zoo will be published.
PLACE = "https://example.org/zoo/"
MOST_RESULTS = 4

_IMAGE = ("document.querySelector(", string("img"), ")")
_IDENTIFIER = re.compile(r"[A-Za-z_$][A-Za-z0-9_$]*")
# Words of the language, and variables of the snippets themselves.
_RESERVED = frozenset(
    {
        *("await", "break", "case", "catch", "class", "const", "continue", "debugger"),
        *("default", "delete", "do", "else", "enum", "export", "extends", "false", "finally"),
        *("for", "function", "if", "import", "in", "instanceof", "let", "new", "null", "return"),
        *("static", "super", "switch", "this", "throw", "true", "try", "typeof", "var", "void"),
        *("while", "with", "yield", "arguments", "eval"),
        *("bytes", "channels", "columns", "image", "input", "inputs", "left", "model", "open"),
        *("part", "pixels", "range", "rows", "share", "size", "tf", "top", "zoo"),
    }
)


def zoo_snippet(name: str) -> Snippet:
    """Return code that loads a model of a zoo by its name and runs it."""
    return [
        *open_lines(),
        *line("const model = await zoo.load(", string(name), ");"),
        *line("const results = await model.run(input);"),
    ]


def loader_snippet(model: CatalogModel, variant: CatalogVariant) -> Snippet:
    """Return code that loads a model with zoo.js and runs it."""
    lines = [
        *open_lines(),
        *release_lines(model),
        *line(
            "const model = await zoo.load(",
            string(model.name),
            ", {variant: ",
            string(variant.name, "variant"),
            "});",
        ),
    ]
    asked = [tensor for tensor in model.inputs if not tensor.is_filled]
    lines += _given_lines(asked)
    given: list[str | Piece] = [_variable(asked) if asked else "{}"]
    if len(asked) == 1 and is_image(asked[0]):
        given = list(_IMAGE)
    if any(lacks_range(tensor) for tensor in asked):
        given.append(", {range}")
    bound = ", ".join(
        key if name == key else f"{json.dumps(key, ensure_ascii=False)}: {name}"
        for key, name in _name_variables(_results(model)).items()
    )
    return [*lines, *line(f"const {{{bound}}} = await model.run(", *given, ");")]


def plain_snippet(model: CatalogModel, variant: CatalogVariant) -> Snippet:
    """Return code that loads a model with TensorFlow.js alone and runs it."""
    layers = model.format == "layers-model"
    load = "loadLayersModel" if layers else "loadGraphModel"
    lines = [*line("import * as tf from ", string("@tensorflow/tfjs"), ";")]
    needs_texts = "textOps" in _requirements(model)
    if needs_texts:
        lines += line("import {addTextOps} from ", string(f"{PLACE}zoo.js", "loader"), ";")
    lines += [*line(""), *release_lines(model)]
    if needs_texts:
        lines += line("await addTextOps(tf);", comment("  ops on texts that TensorFlow.js lacks"))
    for flag, setting in _requirements(model).get("flags", {}).items():
        lines += line("tf.env().set(", string(flag), f", {json.dumps(setting)});")
    lines += line(f"const model = await tf.{load}(")
    lines += line("  ", string(f"{PLACE}{variant.model_path}", "path"), ",")
    lines += line(");")
    images = [tensor for tensor in model.inputs if is_image(tensor) and not tensor.is_filled]
    single = images[0] if len(images) == 1 else None
    if single:
        lines += image_lines(single, "input" if len(model.inputs) == 1 else "image")
    if single is None or len(model.inputs) > 1:
        values = {single.name: ["image"]} if single else {}
        lines += _input_lines(model.inputs, values, names=not layers)
    return [*lines, *(_predict_lines(model) if layers else _execute_lines(model))]


def open_lines() -> Iterator[Piece]:
    """Yield the lines that import TensorFlow.js and the loader, and open the zoo."""
    yield from line("import * as tf from ", string("@tensorflow/tfjs"), ";")
    yield from line("import {open} from ", string(f"{PLACE}zoo.js", "loader"), ";")
    yield from line("")
    yield from line("const zoo = await open(", string(PLACE, "url"), ", {tf});")


def release_lines(model: CatalogModel) -> Iterator[Piece]:
    """Yield a comment for a model that only another release of TensorFlow.js runs."""
    release = _requirements(model).get("tfjs")
    if release is not None:
        yield from line(comment(f"runs in TensorFlow.js {release}; the newest fails"))


def _execute_lines(model: CatalogModel) -> Iterator[Piece]:
    """Yield the call of a graph model, and the classes if they follow from the scores."""
    results = {key: tensor for key, tensor in _results(model).items() if tensor is not None}
    call = "await model.executeAsync" if model.requires_async else "model.execute"
    tensors: list[str | Piece] = []
    for tensor in results.values():
        tensors += [", " if tensors else "", string(tensor)]
    # One tensor is returned as it is, several as a list.
    chosen = tensors if len(results) == 1 else ["[", *tensors, "]"]
    names = _declare(list(_name_variables(results).values()))
    yield from line(f"{names} = {call}({_variable(model.inputs)}, ", *chosen, ");")
    if model.map.get("classes", "") is None and "scores" in results:
        yield from line("const classes = scores.argMax(-1);")


def _predict_lines(model: CatalogModel) -> Iterator[Piece]:
    """Yield the call of a layers model, which returns all outputs in their order."""
    keys = [output.role or output.name for output in model.outputs]
    names = _declare(list(_name_variables(keys).values()))
    yield from line(f"{names} = model.predict({_variable(model.inputs)});")


def _declare(names: Sequence[str]) -> str:
    return f"const {names[0]}" if len(names) == 1 else f"const [{', '.join(names)}]"


def _results(model: CatalogModel) -> dict[str, str | None]:
    """Return the first results and their tensors, by role, or by name for a model without roles."""
    roles = {role: model.map[role] for role in sort_roles(model)}
    chosen = roles or {output.name: output.tensor for output in model.outputs}
    states = {
        output.tensor
        for output in model.outputs
        if output.name in {tensor.state for tensor in model.inputs}
    }
    results = [(key, tensor) for key, tensor in chosen.items() if tensor not in states]
    return dict(results[:MOST_RESULTS])


def _variable(inputs: Sequence[CatalogInput]) -> str:
    return "input" if len(inputs) == 1 else "inputs"


def _given_lines(asked: Sequence[CatalogInput]) -> Iterator[Piece]:
    """Yield the lines that make the inputs of the loader, which takes images as they are."""
    if len(asked) == 1 and is_sound(asked[0]):
        yield from sound_lines(asked[0])
    elif asked and not (len(asked) == 1 and is_image(asked[0])):
        images = {tensor.name: _IMAGE for tensor in asked if is_image(tensor)}
        yield from _input_lines(asked, images, names=True)
    lacking = [tensor for tensor in asked if lacks_range(tensor)]
    if lacking:
        yield from range_lines(lacking[0])


def _input_lines(
    inputs: Sequence[CatalogInput],
    values: Mapping[str, Sequence[str | Piece]],
    *,
    names: bool,
) -> Iterator[Piece]:
    """Yield the lines that make inputs, by name or in their order.

    Args:
        inputs: The inputs.
        values: Code for some of them, by name; the others get an example.
        names: Whether they are given by name.
    """
    if len(inputs) == 1:
        (tensor,) = inputs
        yield from line(comment(f"your own values: {_describe(tensor)}"))
        yield from line("const input = ", *_example(tensor), ";")
        return
    yield from line(f"const inputs = {'{' if names else '['}")
    for tensor in inputs:
        key: list[str | Piece] = [string(tensor.name), ": "] if names else []
        value = values.get(tensor.name, _example(tensor))
        yield from line("  ", *key, *value, ", ", comment(_describe(tensor)))
    yield from line(f"{'}' if names else ']'};")


def _describe(tensor: CatalogInput) -> str:
    """Return dtype, shape and purpose: "float32 [?, 4]; then the output h of the run before"."""
    text = f"{tensor.js_dtype} {format_shape(tensor.shape)}"
    if is_sound(tensor):
        text += f", {tensor.sample_rate} samples in a second"
    if tensor.range and not is_image(tensor):
        text += f", {tensor.range[0]:g} to {tensor.range[1]:g}"
    return f"{text}; then the output {tensor.state} of the run before" if tensor.state else text


def _example(tensor: CatalogInput) -> list[str | Piece]:
    """Return a value of the right shape and data type: the constant, the first state, or zeros."""
    sizes = [max(size, 1) for size in close_shape(tensor) or ()]
    dtype: list[str | Piece] = []
    if tensor.js_dtype not in {"float32", "string"}:
        dtype = [", ", string(tensor.js_dtype)]
    value = tensor.initial if tensor.constant is None else tensor.constant
    if isinstance(value, list):
        return [f"tf.tensor({json.dumps(value)}, {sizes}", *dtype, ")"]
    if tensor.js_dtype == "string":
        # Not every backend fills a tensor with texts.
        listed: list[str | Piece] = [string("text")]
        for _ in range(prod(sizes) - 1):
            listed += [", ", string("text")]
        return ["tf.tensor([", *listed, f"], {sizes})"]
    if value is not None:
        start = f"tf.fill({sizes}, {value:g}" if sizes else f"tf.scalar({value:g}"
        return [start, *dtype, ")"]
    return [f"tf.zeros({sizes}" if sizes else "tf.scalar(1", *dtype, ")"]


def _requirements(model: CatalogModel) -> dict[str, Any]:
    """Return the needs of the published variants: flags, and a release of TensorFlow.js."""
    needed: dict[str, Any] = {}
    for variant in model.variants:
        backend = deciding_backend(variant, model.variants[0])
        if variant.status == "ok" and backend is not None:
            needed |= variant.checks[backend].requires
    return needed


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
