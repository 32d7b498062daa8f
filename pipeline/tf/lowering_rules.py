"""The rules of all modules, by the op that they are for."""

from collections.abc import Mapping

from pipeline.tf import (
    lower_colors,
    lower_detection,
    lower_elementwise,
    lower_indices,
    lower_matrices,
    lower_normalization,
    lower_passing,
    lower_ragged,
    lower_segments,
    lower_spectra,
    lower_strings,
    lower_windows,
)
from pipeline.tf.lowering_rule import Lowering

RULES: Mapping[str, Lowering] = (
    lower_colors.RULES
    | lower_detection.RULES
    | lower_elementwise.RULES
    | lower_indices.RULES
    | lower_matrices.RULES
    | lower_normalization.RULES
    | lower_passing.RULES
    | lower_ragged.RULES
    | lower_segments.RULES
    | lower_spectra.RULES
    | lower_strings.RULES
    | lower_windows.RULES
)
