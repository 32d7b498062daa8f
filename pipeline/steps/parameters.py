"""Parameters: what each step reads of the manifest, and nothing more.

Whatever a step does not read cannot make it out of date: a new title rebuilds a card and
no weights. All are JSON values, so that a receipt gives them back as they were.
"""

from typing import Any

from pipeline.fetch.address.source import parse_source
from pipeline.manifest.flags import asked_flags
from pipeline.manifest.model import Model
from pipeline.manifest.variant_section import Variant
from pipeline.manifest.zoo import Zoo

_CONVERT = (
    "input_format",
    "output_format",
    "signature_name",
    "saved_model_tags",
    "output_node_names",
    "skip_op_check",
    "strip_debug_ops",
    "control_flow_v2",
    "use_structured_outputs_names",
    "weight_shard_size_bytes",
    "split_weights_by_layer",
    "metadata",
    "experiments",
    "trust",
)
_REFERENCE = ("saved_model_tags", "signature_name", "output_node_names", "trust")


def fetch_parameters(model: Model) -> dict[str, Any]:
    """Return what `fetch` reads."""
    read: dict[str, Any] = {"source": model.source, "sha256": model.sha256}
    # Only where it has a meaning: another parameter would fetch all models again.
    if model.input_format == "tf_hub" and parse_source(model.source).kind == "http":
        read["hub"] = True
    return read


def convert_parameters(model: Model) -> dict[str, Any]:
    """Return what `convert` reads: the converter's flags, and which the model asks for itself."""
    asked = asked_flags(model, model.inherited)
    return {**model.model_dump(mode="json", include=set(_CONVERT)), "asked": sorted(asked)}


def map_parameters(model: Model) -> dict[str, Any]:
    """Return what `map` reads."""
    return model.model_dump(mode="json", include={"map", "task"})


def variant_parameters(model: Model, variant: Variant | None) -> dict[str, Any]:
    """Return what `variant` reads; of the base where there is no variant."""
    quantize = variant.quantize if variant else {}
    return {
        "name": variant.name if variant else "base",
        "quantize": {dtype: list(patterns) for dtype, patterns in quantize.items()},
        "weight_shard_size_bytes": model.weight_shard_size_bytes,
    }


def reference_parameters(model: Model) -> dict[str, Any]:
    """Return what `reference` reads."""
    return model.model_dump(mode="json", include={"task", "test_inputs", *_REFERENCE})


def verify_parameters(model: Model) -> dict[str, Any]:
    """Return what `verify` reads: what is allowed, and where."""
    stated = [variant for variant in model.variants if variant.tolerance is not None]
    return {
        **model.model_dump(mode="json", include={"tolerance", "backends"}),
        "tolerances": {v.name: v.model_dump(mode="json")["tolerance"] for v in stated},
    }


def card_parameters(model: Model) -> dict[str, Any]:
    """Return what `card` reads."""
    return {
        "identity": _identity(model),
        "publish_base": model.publish_base,
        "variants": ["base", *(variant.name for variant in model.variants)],
    }


def catalog_parameters(zoo: Zoo) -> dict[str, Any]:
    """Return what `catalog` reads."""
    return {
        "zoo": {"name": zoo.name, "description": zoo.description, "homepage": zoo.homepage},
        "models": {
            model.name: {"identity": _identity(model), "uri": parse_source(model.source).uri}
            for model in zoo.models
        },
    }


def site_parameters(zoo: Zoo) -> dict[str, Any]:
    """Return what `site` reads beside the catalog."""
    return {"site": zoo.site}


def _identity(model: Model) -> dict[str, Any]:
    """Return what the manifest says of a model that a catalog repeats as it stands."""
    return {
        **model.extra,
        "name": model.name,
        "title": model.title,
        "description": model.description,
        "task": model.task,
        "tags": list(model.tags),
        "license": model.license,
        "licenseUrl": model.license_url,
        "homepage": model.homepage,
    }
