"""Measured limits: how far an output of a base may be, by the noise floor of each vector.

`pipeline.tf.tfjs_graph.noise_floor` measures the floor. On 26 real models, in 320 cases of an
output on a vector on wasm or cpu, the largest error beyond some units in the last place is at most
2.2 times the floor and the root mean square error at most 2.6 times, and in 93 % of the cases
neither is above the floor itself. The floor reaches from 1e-10 to 1e-2 of the range: one limit for
all would be a thousand times too wide or too narrow. This module opens no file.
"""

from collections.abc import Sequence
from dataclasses import replace

from pipeline.proof.judge.value_limits import DEFAULTS, Limit
from pipeline.records.noise_floor import OutputFloor

FACTOR = 5
"""Errors within this multiple of the floor are explained by float arithmetic."""

SET_FACTOR = 2
"""Likewise of the share of boxes or rows that rounding exchanges."""

# Eight units in the last place of a float32, and one, as fractions of the range.
_UNITS = 2.0**-20
_RMS_UNITS = 2.0**-23

SOURCE = f"{FACTOR} times what rounding moves it"
SET_SOURCE = f"{SET_FACTOR} times what rounding exchanges"


def measure_limit(floors: Sequence[OutputFloor], *, selected: bool) -> Limit:
    """Return the limit of an output whose noise floor is known.

    Args:
        floors: Its floor on each vector.
        selected: Whether it stands behind a selection: then its rows or values may jump, and the
            floor says only how many do. Those that agree keep the limit of float32.
    """
    default = DEFAULTS["float32"]
    if selected:
        exchanged = max((1.0 - floor.agreement for floor in floors), default=0.0)
        least = 1.0 - SET_FACTOR * exchanged
        if least >= default.agreement:
            return default
        return replace(default, agreement=max(0.0, least), source=SET_SOURCE)
    return replace(
        default,
        relative=_UNITS,
        rtol=_UNITS,
        min_snr_db=None,
        source=SOURCE,
        errors=[FACTOR * floor.error for floor in floors],
        rms_errors=[FACTOR * floor.rms for floor in floors],
        rms_share=_RMS_UNITS,
    )
