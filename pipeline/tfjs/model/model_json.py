"""model.json: the entry file of a TensorFlow.js model, its weight manifest and its shards.

The manifest is read into types and checked against the shards before memory is allocated; the rest
stays decoded JSON. Graph models and layers models are alike here. `weights.py` reads the values of
weights, not this module.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pipeline.disk.canonical import format_json
from pipeline.disk.json_value import parse_foreign_json
from pipeline.disk.machine_faults import OF_NO_MODEL
from pipeline.errors import FormatError
from pipeline.tfjs.model.shards import ShardReader
from pipeline.tfjs.model.weight_manifest import (
    WeightGroup,
    WeightSpec,
    format_group,
    measure_weights,
    parse_group,
)

MANIFEST_KEY = "weightsManifest"

# TensorFlow.js returns outputs, and takes an array of inputs, in the order of these dicts.
_ORDERED = tuple(
    (*path, "signature", side)
    for path in ((), ("userDefinedMetadata",))
    for side in ("inputs", "outputs")
)


_INFINITE_HINT = (
    "The converter writes this when it quantizes a weight with an infinite value: "
    "convert without quantization, and let a variant quantize the others."
)
_OLD_HINT = (
    "Models from before TensorFlow.js 1.0 keep it in weights_manifest.json; "
    "convert the original model again."
)


@dataclass(frozen=True, kw_only=True)
class ModelJson:
    """A decoded model.json.

    Attributes:
        content: All keys but the weight manifest: format, modelTopology, signature, …
        groups: The weight manifest.
    """

    content: Mapping[str, Any]
    groups: tuple[WeightGroup, ...]

    @property
    def weights(self) -> Iterator[WeightSpec]:
        """All weights, in the order of their bytes."""
        return (spec for group in self.groups for spec in group.weights)


def load_model_json(path: Path) -> ModelJson:
    """Read a model.json, and check that its shards hold exactly the bytes that it lists.

    Raises:
        FormatError: The file is no model.json, or its shards are missing, too short or too long.
        OSError: This machine cannot read it: the disk failed, or too many files are open.
    """
    try:
        raw = path.read_bytes()
    except OSError as error:
        if error.errno in OF_NO_MODEL:
            raise
        raise FormatError(f"{path.name}: cannot be read ({error.strerror})") from None
    model_json = parse_model_json(raw, name=path.name)
    for group in model_json.groups:
        measure_weights(group, ShardReader(path.parent, group.paths))
    return model_json


def parse_model_json(raw: bytes | str, *, name: str = "model.json") -> ModelJson:
    """Read the text of a model.json; no file is opened.

    Args:
        raw: The text, or its bytes in UTF-8.
        name: Its name in messages.

    Raises:
        FormatError: It is no JSON that a browser reads, or no model, or its manifest is wrong.
    """
    document = parse_foreign_json(raw, name, hint=_INFINITE_HINT)
    content = document.value
    if not isinstance(content, dict) or not isinstance(content.get("modelTopology"), dict):
        raise FormatError(
            f"{name}: no TensorFlow.js model; expected a JSON object with modelTopology",
            hint="Name the model.json that tensorflowjs_converter wrote, not another .json file.",
        )
    manifest = document.get(MANIFEST_KEY)
    if not isinstance(manifest.value, list):
        manifest.refuse("a list of weight groups", hint=_OLD_HINT)
    groups = tuple(parse_group(entry) for entry in manifest.items())
    model_json = ModelJson(
        content={key: value for key, value in content.items() if key != MANIFEST_KEY},
        groups=groups,
    )
    seen: set[str] = set()
    for spec in model_json.weights:
        if spec.name in seen:
            raise FormatError(f"{name}: weight {spec.name!r} is listed twice")
        seen.add(spec.name)
    return model_json


def format_model_json(model_json: ModelJson) -> bytes:
    """Return the canonical text in one line, keys sorted but for a signature's: '{"format": …}'."""
    manifest = [format_group(group) for group in model_json.groups]
    content = _sort({**model_json.content, MANIFEST_KEY: manifest}, ())
    return format_json(content, indent=None, sort_keys=False)


def _sort(value: Any, path: tuple[str, ...]) -> Any:
    if isinstance(value, Mapping):
        keys: Sequence[str] = list(value) if path in _ORDERED else sorted(value)
        return {key: _sort(value[key], (*path, key)) for key in keys}
    if isinstance(value, list | tuple):
        return [_sort(child, (*path, "[]")) for child in value]
    return value
