"""Match: pairs the outputs of TensorFlow.js with the outputs of the source by their values.

The names of a converted model's outputs follow from the order of the flattened structured outputs.
Here values confirm or contradict these names: each output is compared with each output of the
source over all vectors. This module opens no file.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from pipeline.errors import MappingError
from pipeline.proof.judge.fidelity import Array, compare, measure_scale
from pipeline.proof.judge.value_limits import DEFAULTS
from pipeline.proof.vector_files import Tensors

# Two outputs nearer than this have the same values.
EQUAL_WITHIN = DEFAULTS["float32"].relative or 0.0

_NO_DIFFERENCE = "0"
_OTHER_KIND = "-"
_TABLE_TITLE = (
    "largest difference to each output of the source, in ranges of it "
    f"({_OTHER_KIND}: other shape or kind):"
)

# An output with another output's values is much nearer to these than to those of its own name.
_NEARER = 10


@dataclass(frozen=True, kw_only=True)
class MapProof:
    """The names of outputs that values prove, and those that they do not.

    Attributes:
        proofs: For each output "value" or "structure".
        reasons: Why an output is not proved by value, by name.
        differences: For each output and each output of the source the largest difference as a
            fraction of the range of the source's; None where shapes or kinds differ.
    """

    proofs: Mapping[str, str]
    reasons: Mapping[str, str]
    differences: Mapping[str, Mapping[str, float | None]]


def prove_map(
    tensors: Mapping[str, str],
    reference: Sequence[Tensors],
    found: Sequence[Tensors],
    *,
    unprovable: Mapping[str, str],
) -> MapProof:
    """Prove the names of outputs by their values.

    An output is proved by `value` if it has the values of the source's output of its name and of
    no other. It stays `structure` if another output has the same values, if it varies too little,
    or if no output of the source has its values: then the gate finds the error.

    Args:
        tensors: Tensor of each output by its name, as structure ties them.
        reference: The outputs of the source on each vector, by name.
        found: The outputs of TensorFlow.js, by name.
        unprovable: Why an output proves nothing, by name: it is random or constant.

    Raises:
        MappingError: An output has the values of another name and not those of its own.
    """
    names = list(tensors)
    sources = [name for name in names if all(name in outputs for outputs in reference)]
    differences = {
        name: {
            source: _difference(
                [outputs[source] for outputs in reference], [outputs[name] for outputs in found]
            )
            for source in sources
        }
        for name in names
        if all(name in outputs for outputs in found)
    }
    equals = {
        name: [source for source, value in row.items() if _is_equal(value)]
        for name, row in differences.items()
    }
    wrong = {
        name: others
        for name in names
        if name not in unprovable
        and (others := _contradicting(name, differences.get(name, {}), unprovable))
    }
    if wrong:
        raise MappingError(
            _describe_contradiction(wrong, tensors, differences),
            hint="the source's outputs and the tensors of the converted graph belong together "
            "otherwise; please report this model",
        )
    reasons = {
        name: reason for name in names if (reason := _doubt(name, equals, unprovable)) is not None
    }
    return MapProof(
        proofs={name: "structure" if name in reasons else "value" for name in names},
        reasons=reasons,
        differences=differences,
    )


def _contradicting(
    name: str, row: Mapping[str, float | None], unprovable: Mapping[str, str]
) -> list[str]:
    """Return the source's outputs whose values an output has in place of its own values."""
    own = row.get(name, 0.0)
    if _is_equal(own):
        return []
    return [
        source
        for source, value in row.items()
        if source not in unprovable
        and _is_equal(value)
        and (own is None or value is None or value * _NEARER <= own)
    ]


def _doubt(
    name: str, equals: Mapping[str, Sequence[str]], unprovable: Mapping[str, str]
) -> str | None:
    """Return why an output's values do not prove its name, else None: "b has the same values"."""
    if name in unprovable:
        return unprovable[name]
    if name not in equals.get(name, ()):
        return "no output of the source has its values"
    # A tie in either direction: another output has its values, or it has another's.
    ties = {source for source in equals[name] if source != name}
    ties |= {other for other, sources in equals.items() if other != name and name in sources}
    if ties:
        return f"{' and '.join(sorted(ties))} {'have' if len(ties) > 1 else 'has'} the same values"
    return None


def _difference(reference: Sequence[Array], found: Sequence[Array]) -> float | None:
    """Return the largest difference relative to the range; infinite if NaN or text differs."""
    for r, a in zip(reference, found, strict=True):
        if r.shape != a.shape or _kind(r) != _kind(a):
            return None
    figures = compare(reference, found, atol=0.0, rtol=0.0)
    if figures.max_abs_error is None or figures.num_nan or figures.num_infinite:
        return 0.0 if figures.mismatches == 0 else np.inf
    if not figures.max_abs_error:
        return 0.0
    scale = measure_scale(reference)
    return figures.max_abs_error / scale if scale else np.inf


def _kind(array: Array) -> str:
    kind = array.dtype.kind
    return "string" if kind in "OSU" else kind


def _is_equal(difference: float | None) -> bool:
    return difference is not None and difference <= EQUAL_WITHIN


def _describe_contradiction(
    wrong: Mapping[str, Sequence[str]],
    tensors: Mapping[str, str],
    differences: Mapping[str, Mapping[str, float | None]],
) -> str:
    """Return the outputs with values of other names, and the matrix of all differences."""
    faults = [
        f"{tensors[name]} is called {name!r} and has the values of "
        + " and ".join(repr(other) for other in others)
        for name, others in wrong.items()
    ]
    return "\n".join(
        [
            "outputs: values contradict the names that structure gives",
            *(f"  {fault}" for fault in faults),
            _TABLE_TITLE,
            *format_matrix(tensors, differences),
        ]
    )


def format_matrix(
    tensors: Mapping[str, str], differences: Mapping[str, Mapping[str, float | None]]
) -> list[str]:
    """Return the lines of a table: a row per TensorFlow.js output, a column per source output."""
    sources = list(next(iter(differences.values()), {}))
    table = [["", *sources]]
    for name, row in differences.items():
        table.append([f"{name} ({tensors[name]})", *(_format(row[source]) for source in sources)])
    widths = [max(map(len, column)) for column in zip(*table, strict=True)]
    return [
        "  "
        + "  ".join(
            cell.ljust(width) if column == 0 else cell.rjust(width)
            for column, (cell, width) in enumerate(zip(row, widths, strict=True))
        )
        for row in table
    ]


def _format(difference: float | None) -> str:
    if difference is None:
        return _OTHER_KIND
    return f"{difference:.1e}" if difference else _NO_DIFFERENCE
