"""The converter's quantization flags on a model; they make one more variant. It opens no file."""

from pipeline.manifest.model import Model
from pipeline.manifest.variant_section import Variant, describe_conflict

QUANTIZE_FIELDS = ("quantize_float16", "quantize_uint8", "quantize_uint16", "quantization_bytes")

_MIXED_NAME = "quantized"
_DTYPES_BY_BYTES = {1: "uint8", 2: "uint16"}


def with_flag_variant(model: Model) -> Model:
    """Return a model with the variant that its quantization flags ask for."""
    variant = _flag_variant(model)
    if variant is None or _find(model, variant.name):
        return model
    return model.model_copy(update={"variants": (*model.variants, variant)})


def describe_flags(model: Model) -> str | None:
    """Return the fault of a model's quantization flags, or None.

    "cannot stand beside quantize_uint8, as for the converter" is one.
    """
    if model.quantization_bytes is not None:
        for field in QUANTIZE_FIELDS[:-1]:
            if getattr(model, field):
                return f"cannot stand beside {field}, as for the converter"
    if conflict := describe_conflict(_quantize(model)):
        return conflict
    variant = _flag_variant(model)
    other = _find(model, variant.name) if variant else None
    if variant and other and other.quantize != variant.quantize:
        return f"makes a variant {variant.name!r}, which 'variants' has with other weights"
    return None


def _find(model: Model, name: str) -> Variant | None:
    return next((variant for variant in model.variants if variant.name == name), None)


def _quantize(model: Model) -> dict[str, tuple[str, ...]]:
    flags = {
        "float16": model.quantize_float16,
        "uint8": model.quantize_uint8,
        "uint16": model.quantize_uint16,
    }
    if model.quantization_bytes is not None:
        flags[_DTYPES_BY_BYTES[model.quantization_bytes]] = ("*",)
    return {dtype: patterns for dtype, patterns in flags.items() if patterns}


def _flag_variant(model: Model) -> Variant | None:
    quantize = _quantize(model)
    if not quantize or describe_conflict(quantize):
        return None
    whole = len(quantize) == 1 and next(iter(quantize.values())) == ("*",)
    name = next(iter(quantize)) if whole else _MIXED_NAME
    return Variant.model_validate(
        {"name": name} | {f"quantize_{dtype}": [*weights] for dtype, weights in quantize.items()}
    )
