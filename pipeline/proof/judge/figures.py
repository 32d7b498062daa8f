"""Figures: numbers rounded for the catalog, so that they are the same on every machine.

This module opens no file.
"""

import math
from collections.abc import Mapping


def round_figure(value: float | None) -> float | None:
    """Round a figure to two significant digits; None if it is None or not finite."""
    if value is None or not math.isfinite(value):
        return None
    return float(f"{value:.1e}")


def round_share(value: float | None) -> float | None:
    """Round a share so that 1 - share keeps two significant digits: 0.999872 gives 0.99987."""
    lack = round_figure(None if value is None else 1 - value)
    # Rounding again removes the last bits of the difference of two short decimals.
    return None if lack is None else float(f"{1 - lack:.12g}")


def figures_json(figures: Mapping[str, float | int | None]) -> dict[str, float | int | None]:
    """Return the figures of a task, rounded for the catalog.

    Args:
        figures: By camelCase name; whole numbers are counts, and names in `SHARES` are shares.
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
"""Figures that are 1 if all values agree."""
