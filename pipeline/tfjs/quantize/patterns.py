"""Patterns: choose the dtype to which each weight is quantized.

They are those of the converter (`map_layers_to_quantization_dtype` in
tensorflowjs/quantization.py): shell patterns on weight names for each dtype, and one dtype for
all other weights, which is `true` there and `*` here. This module opens no file.
"""

from collections.abc import Iterable, Mapping, Sequence
from fnmatch import fnmatchcase

from pipeline.errors import QuantizationError
from pipeline.text.suggest import find_similar
from pipeline.tfjs.model.weight_manifest import WeightSpec

REST = "*"

_SHOWN = 5
# Names of fields that are not what a dtype says.
_FIELDS = {"quantize_float32": "keep"}


def assign_dtypes(
    weights: Iterable[WeightSpec],
    quantize: Mapping[str, Sequence[str]],
    *,
    prefix: str = "quantize_",
) -> dict[str, str]:
    """Return the requested dtype of each float32 weight that a pattern matches.

    Args:
        weights: All weights of the model; those that are not float32 are never quantized.
        quantize: Patterns by dtype: {"uint8": ["*/weights"], "float16": ["*"]}; or by another
            word that is to be assigned.
        prefix: What stands before that word in the name of its field.

    Raises:
        QuantizationError: A pattern matches no weight, or only weights that are never quantized;
            or two dtypes are requested for a weight, or for all other weights.
    """
    dtypes = {spec.name: spec.dtype for spec in weights}
    names = [name for name, dtype in dtypes.items() if dtype == "float32"]
    assigned: dict[str, str] = {}
    matched_by: dict[str, str] = {}
    for dtype, patterns in quantize.items():
        for pattern in (pattern for pattern in patterns if pattern != REST):
            matches = [name for name in names if fnmatchcase(name, pattern)]
            if not matches:
                field = prefix + dtype
                raise _no_match(pattern, _FIELDS.get(field, field), dtypes)
            for name in matches:
                if assigned.setdefault(name, dtype) != dtype:
                    raise QuantizationError(
                        f"weight {name!r} is asked for twice: {assigned[name]} by "
                        f"{matched_by[name]!r}, {dtype} by {pattern!r}"
                    )
                matched_by.setdefault(name, pattern)
    rest = [dtype for dtype, patterns in quantize.items() if REST in patterns]
    if len(rest) > 1:
        raise QuantizationError(
            f"{' and '.join(rest)} are both asked for all other weights; expected one of them"
        )
    return dict.fromkeys(names, rest[0]) | assigned if rest else assigned


def _no_match(pattern: str, field: str, dtypes: Mapping[str, str]) -> QuantizationError:
    others = {name: of for name, of in dtypes.items() if fnmatchcase(name, pattern)}
    if others:
        name, of = next(iter(others.items()))
        return QuantizationError(
            f"{field}: {pattern!r} matches only weights that are never quantized, such "
            f"as {name!r} ({of}); expected float32 weights"
        )
    names = [name for name, of in dtypes.items() if of == "float32"]
    near = find_similar(pattern.replace("*", ""), names, most=_SHOWN, similarity=0.5)
    shown = ", ".join(map(repr, near or names[:_SHOWN]))
    count = f"{len(names):,} float32 weights" if names else "no float32 weights at all"
    return QuantizationError(
        f"{field}: {pattern!r} matches no weight; this model has {count}"
        + (f", {'the nearest' if near else 'such as'}: {shown}" if names else "")
    )
