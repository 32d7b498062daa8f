"""The rules of all modules, by op."""

from collections.abc import Mapping

from pipeline.tf.lower import (
    colors,
    detection_ops,
    elementwise,
    indices,
    matrices,
    normalization,
    pass_through,
    ragged,
    segments,
    spectra,
    strings,
    windows,
)
from pipeline.tf.lower.lowering_rule import Lowering

RULES: Mapping[str, Lowering] = (
    colors.RULES
    | detection_ops.RULES
    | elementwise.RULES
    | indices.RULES
    | matrices.RULES
    | normalization.RULES
    | pass_through.RULES
    | ragged.RULES
    | segments.RULES
    | spectra.RULES
    | strings.RULES
    | windows.RULES
)
