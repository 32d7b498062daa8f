"""Figures: numbers as the catalog has them, short enough to be the same on every machine.

It opens no file.
"""

import math
from collections.abc import Mapping


def round_figure(value: float | None) -> float | None:
    """Round a figure to two significant digits; None where it is None or not finite."""
    if value is None or not math.isfinite(value):
        return None
    return float(f"{value:.1e}")


def round_share(value: float | None) -> float | None:
    """Round a share so that what it lacks of 1 has two significant digits: 0.99987."""
    lack = round_figure(None if value is None else 1 - value)
    # The difference of two short decimals is one again but for the last bits.
    return None if lack is None else float(f"{1 - lack:.12g}")


def figures_json(figures: Mapping[str, float | int | None]) -> dict[str, float | int | None]:
    """Return figures of a task as the catalog has them: shares by what they lack of 1.

    Args:
        figures: By camelCase name; whole numbers are counts, names in `SHARES` are shares.
    """
    return {
        name: value
        if isinstance(value, int)
        else (round_share(value) if name in SHARES else round_figure(value))
        for name, value in figures.items()
    }


SHARES = frozenset(
    {
        *("top1Agreement", "top5Agreement", "agreement", "matched", "meanIou", "minIou"),
        *("classAgreement", "minCosine", "pixelAgreement"),
    }
)
"""Figures that are 1 where all agrees."""
