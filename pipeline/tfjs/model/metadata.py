"""`userDefinedMetadata` of a model.json: the values that the manifest adds. It opens no file."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from pipeline.records.source import Tie
from pipeline.tfjs.model.model_json import ModelJson
from pipeline.tfjs.model.signature_def import STRUCTURED_OUTPUT_KEYS

# `predict()` assigns its results to a plain object, which under this name keeps none.
_LOST = "__proto__"


def add_metadata(
    model_json: ModelJson, values: Mapping[str, Any], *, output_names: Sequence[str] | None
) -> ModelJson:
    """Return a model.json with values for the code that loads it.

    Args:
        model_json: The model.json of the base.
        values: JSON values by key; they replace values that are there.
        output_names: Names of the results of `predict()`, in the order of the signature; None
            changes nothing.
    """
    metadata = {**(model_json.content.get("userDefinedMetadata") or {}), **values}
    if output_names is not None:
        metadata[STRUCTURED_OUTPUT_KEYS] = list(output_names)
    if not metadata:
        return model_json
    return replace(model_json, content={**model_json.content, "userDefinedMetadata": metadata})


def choose_output_names(outputs: Sequence[Tie] | None, *, asked: bool | None) -> list[str] | None:
    """Return the names of the results of `predict()`; None for results without names.

    Args:
        outputs: The source's names of its outputs, in order; None if it has no names.
        asked: `use_structured_outputs_names` of the manifest. If it is left out, two outputs or
            more get names, and a single output gets none; so do outputs of which one has a name
            that `predict()` cannot return.
    """
    if not outputs or asked is False or (asked is None and len(outputs) == 1):
        return None
    names = [output.name for output in outputs]
    return None if _LOST in names else names
