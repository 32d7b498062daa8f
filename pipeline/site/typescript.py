"""The loader's types for TypeScript, made for the models of one catalog.

They have three parts: the models with their variants, inputs and results; the types of the
catalog, made from the classes that are its schema; and the loader's functions, written by hand in
zoo.d.ts. It opens no file but zoo.d.ts.
"""

import json
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from importlib.resources import files
from typing import Any

from pipeline.catalog.types import Catalog, CatalogModel
from pipeline.text.described_schema import DescribedSchema

_HEAD = "// Types of zoo.js and of the models of {name}. Made with the zoo; do not edit.\n"
_IMPORT = "import type * as tf from '@tensorflow/tfjs';\n"
_NDIM_MAX = 6
_MODELS = {"graph-model": "tf.GraphModel", "layers-model": "tf.LayersModel"}
_VALUES = {"string": "string"}
_PRIMITIVES = {
    "string": "string",
    "integer": "number",
    "number": "number",
    "boolean": "boolean",
    "null": "null",
}
_NAME = re.compile(r"[A-Za-z_$][\w$]*")


def format_types(zoo: str, models: Iterable[str]) -> str:
    """Return `zoo.d.ts`.

    Args:
        zoo: Name of the zoo.
        models: The part of each model: see `format_model`.
    """
    written = files("pipeline.site").joinpath("zoo.d.ts").read_text("utf-8")
    parts = [
        _HEAD.format(name=_one_line(zoo)) + _IMPORT,
        "/** The models of this zoo. */\nexport interface Models {",
        *filter(None, models),
        "}\n",
        written,
        "\n".join(_format_catalog()),
    ]
    return "\n".join(parts)


# --- the models -----------------------------------------------------------------------------------


def format_model(model: CatalogModel) -> str:
    """Return the part of a model in the types, lines of TypeScript; "" if it is not published."""
    variants = [variant.name for variant in model.variants if variant.status == "ok"]
    return "\n".join(_format_model(model, variants)) if variants else ""


def _format_model(model: CatalogModel, variants: Sequence[str]) -> Iterator[str]:
    assert model.format is not None  # it has published variants
    if about := model.title or model.description:
        yield f"  /** {_one_line(about)} */"
    yield f"  {_key(model.name)}: {{"
    yield f"    variants: {_union(variants)};"
    filled = [one.name for one in model.inputs if one.is_filled]
    yield f"    inputs: {_union([one.name for one in model.inputs if one.name not in filled])};"
    yield f"    filled: {_union(filled)};"
    yield f"    tfModel: {_MODELS[model.format]};"
    yield "    results: {"
    for name, shape, js_dtype in _name_results(model):
        rank = len(shape) if shape is not None and len(shape) <= _NDIM_MAX else "unknown"
        value = _VALUES.get(js_dtype, "number")
        yield f"      {_key(name)}: {{rank: {rank}; value: {value}}};"
    yield "    };"
    yield "  };"


def _name_results(model: CatalogModel) -> Iterator[tuple[str, list[int] | None, str]]:
    """Yield name, shape and dtype of each result, named as zoo/model.js names them.

    The name is an output's role, or else the output's own name. State is no result.
    """
    roles = model.map
    states = {tensor.state for tensor in model.inputs}
    for output in model.outputs:
        if output.name in states:
            continue
        own = [role for role, tensor in roles.items() if tensor == output.tensor]
        for name in own or [output.tensor if output.name in roles else output.name]:
            yield name, output.shape, output.js_dtype
    if "classes" in roles and roles["classes"] is None and (scores := roles.get("scores")):
        shapes = {output.tensor: output.shape for output in model.outputs}
        shape = shapes[scores]
        yield "classes", shape and shape[:-1], "int32"


# --- the catalog's own types ----------------------------------------------------------------------


def _format_catalog() -> Iterator[str]:
    schema = Catalog.model_json_schema(schema_generator=DescribedSchema)
    interfaces = {**schema["$defs"], "Catalog": schema}
    for name, definition in interfaces.items():
        yield f"/** {_one_line(definition['description'])} */"
        yield f"export interface {name} {{"
        for key, field in definition["properties"].items():
            if text := field.get("description"):
                yield f"  /** {_one_line(text)} */"
            # A catalog leaves some out, and one of an earlier version lacks others.
            optional = "" if key in definition.get("required", ()) else "?"
            yield f"  {_key(key)}{optional}: {_format_type(field)};"
        if definition.get("additionalProperties") is True:
            yield "  [key: string]: unknown;"
        yield "}\n"


def _format_type(field: Mapping[str, Any]) -> str:
    """Return the TypeScript type of a field of a JSON Schema: "Array<number> | null"."""
    match field:
        case {"$ref": reference}:
            text = str(reference).rpartition("/")[2]
        case {"const": value}:
            text = json.dumps(value)
        case {"enum": values}:
            text = _union(values)
        case {"anyOf": choices}:
            text = " | ".join(map(_format_type, choices))
        case {"type": "array", "prefixItems": items}:
            text = f"[{', '.join(map(_format_type, items))}]"
        case {"type": "array", "items": items}:
            text = f"Array<{_format_type(items)}>"
        case {"type": "object", "additionalProperties": dict(values)}:
            text = f"Record<string, {_format_type(values)}>"
        case {"type": "object"}:
            text = "Record<string, unknown>"
        case {"type": str(kind)}:
            text = _PRIMITIVES[kind]
        case _:
            text = "unknown"
    return text


def _union(values: Sequence[str]) -> str:
    return " | ".join(json.dumps(value, ensure_ascii=False) for value in values) or "never"


def _key(name: str) -> str:
    return name if _NAME.fullmatch(name) else json.dumps(name, ensure_ascii=False)


def _one_line(text: str) -> str:
    """Return a text in one line, in which "*/" cannot end the comment around it."""
    return " ".join(text.split()).replace("*/", "* /")
