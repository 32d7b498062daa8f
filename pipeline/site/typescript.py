"""Types: the loader's declarations for TypeScript, which know the models of one catalog.

Three parts: the models of the catalog with their variants, inputs and results; the catalog's own
form, from the classes that are its schema; and what the loader does, which is written by hand in
zoo.d.ts. It opens no file but that.
"""

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from importlib.resources import files
from typing import Any

from pipeline.catalog.types import Catalog

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

Json = Mapping[str, Any]


def format_types(catalog: Json) -> str:
    """Return `zoo.d.ts` for a catalog."""
    name = _one_line(catalog["zoo"]["name"])
    written = files("pipeline.site").joinpath("zoo.d.ts").read_text("utf-8")
    parts = [
        _HEAD.format(name=name) + _IMPORT,
        "\n".join(_format_models(catalog["models"])),
        written,
        "\n".join(_format_catalog()),
    ]
    return "\n".join(parts)


# --- the models -----------------------------------------------------------------------------------


def _format_models(models: Sequence[Json]) -> Iterator[str]:
    yield "/** The models of this zoo. */"
    yield "export interface Models {"
    for model in models:
        variants = [one["name"] for one in model["variants"] if one["status"] == "ok"]
        if variants:
            yield from _format_model(model, variants)
    yield "}\n"


def _format_model(model: Json, variants: Sequence[str]) -> Iterator[str]:
    if about := model["title"] or model["description"]:
        yield f"  /** {_one_line(about)} */"
    yield f"  {_key(model['name'])}: {{"
    yield f"    variants: {_union(variants)};"
    yield f"    inputs: {_union([one['name'] for one in model['inputs']])};"
    yield f"    tfModel: {_MODELS[model['format']]};"
    yield "    results: {"
    for name, output in _name_results(model):
        shape = output["shape"]
        rank = len(shape) if shape is not None and len(shape) <= _NDIM_MAX else "unknown"
        value = _VALUES.get(output["jsDtype"], "number")
        yield f"      {_key(name)}: {{rank: {rank}; value: {value}}};"
    yield "    };"
    yield "  };"


def _name_results(model: Json) -> Iterator[tuple[str, Json]]:
    """Yield the names that zoo/model.js gives results: roles, or else an output's own name."""
    roles: Mapping[str, str | None] = model["map"]
    tensors = {output["tensor"]: output for output in model["outputs"]}
    for output in model["outputs"]:
        own = [role for role, tensor in roles.items() if tensor == output["tensor"]]
        for name in own or [output["tensor"] if output["name"] in roles else output["name"]]:
            yield name, output
    if "classes" in roles and roles["classes"] is None and (scores := roles.get("scores")):
        shape = tensors[scores]["shape"]
        yield "classes", {"shape": shape and shape[:-1], "jsDtype": "int32"}


# --- the catalog's form ---------------------------------------------------------------------------


def _format_catalog() -> Iterator[str]:
    schema = Catalog.model_json_schema(by_alias=True, mode="serialization")
    interfaces = {**schema["$defs"], "Catalog": schema}
    for name, one in interfaces.items():
        yield f"/** {_one_line(one['description'])} */"
        yield f"export interface {name} {{"
        for key, field in one["properties"].items():
            if text := field.get("description"):
                yield f"  /** {_one_line(text)} */"
            yield f"  {_key(key)}: {_format_type(field)};"
        if one.get("additionalProperties") is True:
            yield "  [key: string]: unknown;"
        yield "}\n"


def _format_type(field: Json) -> str:
    match field:
        case {"$ref": reference}:
            text = str(reference).rpartition("/")[2]
        case {"const": value}:
            text = json.dumps(value)
        case {"enum": values}:
            text = _union(values)
        case {"anyOf": choices}:
            text = " | ".join(_format_type(one) for one in choices)
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
    """Return text for a comment, which it cannot end."""
    return " ".join(text.split()).replace("*/", "* /")
