"""The rules of all modules, by op."""

from collections.abc import Mapping

from pipeline.tf.lower import (
    bessel,
    classification,
    colors,
    convolutions,
    crops,
    detection_ops,
    elementwise,
    empties,
    entries,
    indices,
    linear,
    lists,
    matrices,
    normalization,
    pass_through,
    positions,
    products,
    ragged,
    random_draws,
    reductions,
    rotations,
    segments,
    sets,
    slices,
    sparse,
    special_functions,
    strings,
    whole_numbers,
    whole_products,
    windows,
)
from pipeline.tf.lower.lowering_rule import Lowering

RULES: Mapping[str, Lowering] = (
    bessel.RULES
    | classification.RULES
    | colors.RULES
    | convolutions.RULES
    | crops.RULES
    | detection_ops.RULES
    | elementwise.RULES
    | empties.RULES
    | entries.RULES
    | indices.RULES
    | linear.RULES
    | lists.RULES
    | matrices.RULES
    | normalization.RULES
    | pass_through.RULES
    | positions.RULES
    | products.RULES
    | ragged.RULES
    | random_draws.RULES
    | reductions.RULES
    | rotations.RULES
    | segments.RULES
    | sets.RULES
    | slices.RULES
    | sparse.RULES
    | special_functions.RULES
    | strings.RULES
    | whole_products.RULES
    | whole_numbers.RULES
    | windows.RULES
)
