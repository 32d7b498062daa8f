"""`userDefinedMetadata` of a model.json: what the manifest adds to it. It opens no file."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from pipeline.records.source import Tie
from pipeline.tfjs.model.model_json import ModelJson
from pipeline.tfjs.model.signature_def import STRUCTURED_OUTPUT_KEYS


def add_metadata(
    model_json: ModelJson, values: Mapping[str, Any], *, output_names: Sequence[str] | None
) -> ModelJson:
    """Return a model.json with values for the code that loads it.

    Args:
        model_json: The base's.
        values: JSON values by key; they win over what is there.
        output_names: Names that `predict()` shall return outputs by, in the order of the
            signature; None leaves it as it is.
    """
    metadata = {**(model_json.content.get("userDefinedMetadata") or {}), **values}
    if output_names is not None:
        metadata[STRUCTURED_OUTPUT_KEYS] = list(output_names)
    if not metadata:
        return model_json
    return replace(model_json, content={**model_json.content, "userDefinedMetadata": metadata})


def choose_output_names(outputs: Sequence[Tie] | None, *, asked: bool | None) -> list[str] | None:
    """Return the names that `predict()` shall return outputs by; None for none.

    Args:
        outputs: What the source calls its outputs, in their order; None where it does not.
        asked: `use_structured_outputs_names` of the manifest. Left out, two outputs or more
            are returned by name, and a single one as it is.
    """
    if not outputs or asked is False or (asked is None and len(outputs) == 1):
        return None
    return [output.name for output in outputs]
